/* plain_math.inc.h - exp, tanh, log, erf and GELU, one number at a time
 *
 * In float these are our own polynomials, the same operations in the same order as vmath.inc.h,
 * so every instruction set gives the same bits. In double they are the C library's.
 * Accuracy: docs/numbers.md.
 */
#include "la/coef.h"

#include <math.h>
#include <string.h>

/* a b + c, rounded once */
static inline il_real fused(il_real a, il_real b, il_real c)
{
#ifdef IL_DOUBLE
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

static il_real root(il_real x)
{
#ifdef IL_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

#ifdef IL_DOUBLE
static il_real exp_of(il_real x) { return exp(x); }
static il_real tanh_of(il_real x) { return tanh(x); }
static il_real log_of(il_real x) { return log(x); }
static il_real erf_of(il_real x) { return erf(x); }
#else

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* c[0] + c[1] x + ... by Horner's rule */
static float horner(float x, const float *c, int n)
{
    float p = c[n - 1];
    for (int i = n - 2; i >= 0; i--) p = fused(p, x, c[i]);
    return p;
}

/* exp(x) = 2^n exp(r). 2^n is applied in two halves: each is a normal number, and only the
 * second product can round (to a subnormal) or overflow. */
static il_real exp_of(il_real x)
{
    x = EXP_MAX < x ? EXP_MAX : x; /* written so that NaN stays */
    x = EXP_MIN > x ? EXP_MIN : x;
    float t = fused(x, LOG2_E, ROUND), n = t - ROUND;
    float r = fused(n, -LN2_LO, fused(n, -LN2_HI, x));
    float p = fused(horner(r, EXP_Q, IL_COUNT(EXP_Q)), r * r, r) + 1;
    uint32_t whole = to_bits(t) - ROUND_BITS, half = (uint32_t)((int32_t)whole >> 1);
    return p * from_bits((half + 127) << 23) * from_bits((whole - half + 127) << 23);
}

static il_real tanh_of(il_real x)
{
    float a = fabsf(x), z = x * x;
    float small = fused(horner(z, TANH_P, IL_COUNT(TANH_P)) * z, a, a);
    return copysignf(a < TANH_SMALL ? small : 1 - 2 / (exp_of(a + a) + 1), x);
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)) */
static il_real log_of(il_real x)
{
    int tiny = x < 0x1p-126f;
    float scaled = tiny ? x * 0x1p23f : x;
    uint32_t above = to_bits(scaled) - LOG_SPLIT_BITS;
    float e = (float)((int32_t)above >> 23) - (tiny ? 23.0f : 0.0f);
    float f = from_bits((above & 0x7fffff) + LOG_SPLIT_BITS) - 1;
    float p = fused(horner(f, LOG_P, IL_COUNT(LOG_P)) * f, f * f, e * LN2_LO);
    float y = fused(e, LN2_HI, fused(f * f, -0.5f, p) + f);
    if (!(x < INFINITY)) y = x; /* inf, NaN */
    if (x <= 0) y = x < 0 ? NAN : -INFINITY;
    return y;
}

static il_real erf_of(il_real x)
{
    float a = fabsf(x), z = x * x;
    if (a < ERF_SMALL) return fused(horner(z, ERF_P, IL_COUNT(ERF_P)), x, x);
    a = ERF_ONE < a ? ERF_ONE : a;
    return copysignf(1 - exp_of(-horner(a, ERFC_P, IL_COUNT(ERFC_P))), x);
}
#endif

/* exp(-2u) of gelu(x) = x / (1 + exp(-2u)) */
static il_real gelu_exp(il_real x) { return exp_of(x * fused(x * x, GELU_3, GELU_1)); }

static il_real gelu_of(il_real x) { return x / (1 + gelu_exp(x)); }

/* s + x s (1 - s) d(2u)/dx with e = exp(-2u), s = 1 / (1 + e) and 1 - s = e s */
static il_real gelu_slope(il_real x)
{
    x = GELU_FLAT < x ? GELU_FLAT : x;
    x = -GELU_FLAT > x ? -GELU_FLAT : x;
    il_real e = gelu_exp(x), s = 1 / (1 + e);
    return fused(x * s * (e * s), fused(x * x, -3 * GELU_3, -GELU_1), s);
}

#define MAP(name, value)                                                                   \
    static void name(il_real *y, const il_real *x, size_t n)                               \
    {                                                                                      \
        for (size_t i = 0; i < n; i++) y[i] = value(x[i]);                                 \
    }
MAP(exp_map, exp_of)
MAP(tanh_map, tanh_of)
MAP(log_map, log_of)
MAP(erf_map, erf_of)
MAP(gelu_forward, gelu_of)
#undef MAP

static void gelu_backward(il_real *dx, const il_real *dy, const il_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) dx[i] = fused(dy[i], gelu_slope(x[i]), dx[i]);
}

static void gelu_scale(il_real *dy, const il_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) dy[i] *= gelu_slope(x[i]);
}

static void gelu_both(il_real *y, il_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = gelu_of(x[i]);
        x[i] = gelu_slope(x[i]);
    }
}
