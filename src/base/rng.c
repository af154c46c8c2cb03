/* rng.c - random numbers as a function of coordinates
 *
 * Philox4x32-10 turns a key (the seed) and a counter (draw, index, step, stream) into four words;
 * there is no other state, so any prompt of any run can be drawn again alone. Ten rounds of
 *
 *   (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0))
 *
 * Normal numbers are the inverse distribution function of one uniform. It is a ratio of
 * polynomials, with our own logarithm for the tails, so every platform draws the same bits. Gamma numbers come from normal
 * ones by rejection, with our own logarithm and exponential.
 *
 * Sources: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; Wichura 1988,
 * Algorithm AS 241; Lemire 2019, arXiv:1805.10941 (integers without bias); Marsaglia & Tsang 2000, "A simple method
 * for generating gamma variables".
 */
#include "base/base.h"

#include <math.h>

void il_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    const uint64_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u;
    const uint32_t golden = 0x9E3779B9u,
                   sqrt3 = 0xBB67AE85u; /* Weyl increments of the key */
    uint32_t c[4] = { counter[0], counter[1], counter[2], counter[3] };
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += golden, k1 += sqrt3) {
        uint64_t p0 = M0 * c[0], p1 = M1 * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)p0;
    }
    memcpy(out, c, sizeof c);
}

il_rng il_rng_at(uint64_t seed, uint32_t stream, uint32_t step, uint32_t index)
{
    return (il_rng){
        .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
        .counter = { 0, index, step, stream },
    };
}

uint32_t il_bits(il_rng *rng)
{
    if (rng->left == 0) {
        il_philox(rng->block, rng->counter, rng->key);
        rng->counter[0]++;
        rng->left = 4;
    }
    return rng->block[4 - rng->left--];
}

/* An odd multiple of 2^-53: exact in a double, and so is 1 - u */
double il_uniform(il_rng *rng)
{
    uint64_t high = il_bits(rng), low = il_bits(rng);
    uint64_t k = (high << 20) | (low >> 12); /* 52 bits */
    return ((double)k + 0.5) * 0x1p-52;
}

/* The high word of n * bits is uniform once the 2^32 mod n smallest low words are refused */
int il_below(il_rng *rng, int n)
{
    uint32_t bound = (uint32_t)n, refuse = -bound % bound;
    uint64_t product;
    do product = (uint64_t)il_bits(rng) * bound;
    while ((uint32_t)product < refuse);
    return (int)(product >> 32);
}

/* log x of a normal positive x: with x = m 2^e, m in [sqrt(1/2), sqrt 2) and s = (m-1)/(m+1),
 * log x = e log 2 + 2 (s + s^3/3 + s^5/5 + ...); |s| < 0.172, so 12 terms leave 1e-19 */
static double log_same(double x)
{
    static const double one_over_odd[] = { 1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,
                                           1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
                                           1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23 };
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) m *= 0.5, e++;
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int i = IL_COUNT(one_over_odd) - 1; i >= 0; i--) sum = sum * s2 + one_over_odd[i];
    return (double)e * 0.6931471805599453 + 2 * s * sum;
}

static double ratio(const double p[8], const double q[8], double t)
{
    double above = p[7], below = q[7];
    for (int i = 6; i >= 0; i--) {
        above = above * t + p[i];
        below = below * t + q[i];
    }
    return above / below;
}

/* z with Phi(z) = u, to about 1e-16: AS 241 (PPND16), coefficients as published. Three regions:
 * |u - 1/2| <= 0.425; then r = sqrt(-log(min(u, 1 - u))) up to 5; then beyond. */
static double normal_quantile(double u)
{
    static const double centre[2][8] = {
        { 3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
          1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
          3.3430575583588128105e+4, 2.5090809287301226727e+3 },
        { 1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
          2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
          5.2264952788528545610e+3 },
    };
    static const double middle[2][8] = {
        { 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
          3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
          2.27238449892691845833e-2, 7.74545014278341407640e-4 },
        { 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
          6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
          5.47593808499534494600e-4, 1.05075007164441684324e-9 },
    };
    static const double tail[2][8] = {
        { 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
          2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
          2.71155556874348757815e-5, 2.01033439929228813265e-7 },
        { 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
          1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
          1.42151175831644588870e-7, 2.04426310338993978564e-15 },
    };
    double q = u - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(centre[0], centre[1], 0.180625 - q * q);
    double r = sqrt(-log_same(q < 0 ? u : 1 - u));
    double z =
        r <= 5 ? ratio(middle[0], middle[1], r - 1.6) : ratio(tail[0], tail[1], r - 5);
    return q < 0 ? -z : z;
}

double il_normal(il_rng *rng) { return normal_quantile(il_uniform(rng)); }

/* exp x of x <= 0: x = k log 2 + r, |r| <= (log 2) / 2, so 16 terms of the series leave 1e-20; 0 below the least
 * normal number */
static double exp_same(double x)
{
    if (x < -708) return 0;
    int k = (int)(x / 0.6931471805599453 - 0.5);
    double r = x - k * 0.693147180369123816490, sum = 1; /* log 2 in two parts */
    r -= k * 1.90821492927058770002e-10;
    for (int i = 16; i > 0; i--) sum = 1 + sum * r / i;
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* d v with v = (1 + c z)^3, d = shape - 1/3, c = 1/sqrt(9 d) has nearly this law; the rest is rejection. Below 1 it is
 * that of shape + 1 times u^(1/shape). */
double il_gamma(il_rng *rng, double shape)
{
    double below = shape < 1 ? exp_same(log_same(il_uniform(rng)) / shape) : 1,
           d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double z = il_normal(rng), t = 1 + c * z, v = t * t * t, u = il_uniform(rng);
        if (t > 0 && log_same(u) < z * z / 2 + d * (1 - v + log_same(v)))
            return below * d * v;
    }
}
