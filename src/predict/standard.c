/* standard.c - standardises a column (mean 0, variance 1), and undoes it
 *
 * Numbers are divided by a power of two first, which is exact: their squares then neither overflow nor
 * vanish, whatever their unit. The mean of equal numbers can differ from them by a rounding, and so a
 * column counts as constant by comparing its numbers, not by its deviation.
 */
#include "predict/predict.h"

#include <float.h>
#include <math.h>

static double value_at(const double *x, const int *at, int i) { return x[at ? at[i] : i]; }

il_standard il_standard_of(const double *x, const int *at, int n)
{
    il_standard s = { 0 };
    double low = INFINITY, high = -INFINITY, squares = 0;
    for (int i = 0; i < n; i++) {
        double v = value_at(x, at, i);
        if (!isfinite(v)) continue;
        s.n++;
        low = fmin(low, v);
        high = fmax(high, v);
    }
    if (!s.n) return s;
    double largest = fmax(fabs(low), fabs(high));
    frexp(largest, &s.exponent);
    low = ldexp(low, -s.exponent);
    if (ldexp(high, -s.exponent) - low <= 4 * DBL_EPSILON * ldexp(largest, -s.exponent)) {
        s.mean = low;
        s.rounded = ldexp(high, -s.exponent) != low;
        return s;
    }
    for (int i = 0; i < n; i++) {
        double v = value_at(x, at, i);
        if (isfinite(v)) s.mean += ldexp(v, -s.exponent);
    }
    s.mean /= s.n;
    for (int i = 0; i < n; i++) {
        double v = value_at(x, at, i);
        if (!isfinite(v)) continue;
        v = ldexp(v, -s.exponent) - s.mean;
        squares += v * v;
    }
    s.sd = sqrt(squares / s.n);
    return s;
}

double il_standard_from(const il_standard *s, double x)
{
    return s->sd > 0 ? (ldexp(x, -s->exponent) - s->mean) / s->sd : 0;
}

double il_standard_to(const il_standard *s, double z)
{
    return ldexp(s->mean + z * s->sd, s->exponent);
}
