/* elementary.c - see elementary.h
 *
 *   exp(x) = 2^n exp(r),   n = round(x / log 2),  |r| <= log(2) / 2:  its Taylor series to r^13
 *   log(x) = n log 2 + log m,   m in [sqrt(1/2), sqrt 2):   log m = 2 (s + s^3/3 + ... + s^21/21),
 *            s = (m - 1) / (m + 1), |s| < 0.172
 *
 * log 2 is split in two so that its product with n is exact (Cody & Waite 1980).
 */
#include "algo/elementary.h"

#include <math.h>

static const double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;

double il_dexp(double x)
{
    static const double inverse[] = { 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
                                      1.0 / 3628800,    1.0 / 362880,    1.0 / 40320,
                                      1.0 / 5040,       1.0 / 720,       1.0 / 120,
                                      1.0 / 24,         1.0 / 6,         0.5 };
    if (!(x > -746)) return x < 0 ? 0 : x; /* NaN */
    if (x > 710) return INFINITY;
    double n = floor(x * 1.4426950408889634 + 0.5);
    double hi = x - n * ln2_hi, lo = n * ln2_lo, r = hi - lo, p = inverse[0];
    for (int i = 1; i < 12; i++) p = p * r + inverse[i];
    /* 1 + r + r^2 p, with what r lost of hi - lo */
    return ldexp(1 + (r + (r * r * p + ((hi - r) - lo))), (int)n);
}

/* log m for m = 1 + f in [sqrt(1/2), sqrt 2), plus `rest` */
static double log_near_one(double f, double rest)
{
    double s = f / (2 + f), z = s * s, p = 1.0 / 21;
    for (int k = 19; k > 1; k -= 2) p = p * z + 1.0 / k;
    /* 2 s (1 + z p) = f - s (f - 2 z p) */
    return f - (s * (f - 2 * z * p) - rest);
}

double il_dlog(double x)
{
    if (!(x > 0)) return x == 0 ? -INFINITY : NAN;
    if (x == INFINITY) return x;
    int n;
    double m = frexp(x, &n); /* in [1/2, 1) */
    if (m < 0.7071067811865476) {
        m *= 2;
        n--;
    }
    return n * ln2_hi + log_near_one(m - 1, n * ln2_lo);
}

double il_dlog1p(double x)
{
    if (x > -0.29 && x < 0.41) return log_near_one(x, 0);
    double u = 1 + x; /* and what it lost of x */
    return il_dlog(u) + (x < 1 ? x - (u - 1) : 1 - (u - x)) / u;
}

double il_dsigmoid(double x)
{
    double e = il_dexp(x < 0 ? x : -x);
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
