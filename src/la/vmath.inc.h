/* vmath.inc.h - exp, tanh, log, erf and GELU of VL numbers at once
 *
 * The vector form of plain_math.inc.h, where the formulas are explained: the same operations in
 * the same order, so the same bits. In double each lane calls the C library.
 */
#include "la/coef.h"

#ifdef IL_DOUBLE
#define LANEWISE(name, f)                                                                  \
    INLINE vf name(vf x)                                                                   \
    {                                                                                      \
        for (int l = 0; l < VL; l++) x[l] = f(x[l]);                                       \
        return x;                                                                          \
    }
LANEWISE(vexp, exp)
LANEWISE(vtanh, tanh)
LANEWISE(vlog, log)
LANEWISE(verf, erf)
#undef LANEWISE
#else

INLINE vf horner(vf x, const float *c, const int n)
{
    vf p = vsplat(c[n - 1]);
    UNROLL
    for (int i = n - 2; i >= 0; i--) p = vfma(p, x, vsplat(c[i]));
    return p;
}

/* p 2^n, p near 1, n a whole number: in two factors, of which the first is exact, so it is rounded once */
INLINE vf vscale(vf p, vf n)
{
#if IL_LEVEL == LEVEL_avx512
    return _mm512_scalef_ps(p, n);
#else
    vi whole = (vi)((vu)(n + ROUND) - (vu)vsplat(ROUND)), half = whole >> 1;
    return p * (vf)((vu)(half + 127) << 23) * (vf)((vu)(whole - half + 127) << 23);
#endif
}

INLINE vf vexp(vf x)
{
    x = vmax(vsplat(EXP_MIN), vmin(vsplat(EXP_MAX), x));
    vf t = vfma(x, vsplat(LOG2_E), vsplat(ROUND)), n = t - ROUND;
    vf r = vfma(n, vsplat(-LN2_LO), vfma(n, vsplat(-LN2_HI), x));
    vf p = vfma(horner(r, EXP_Q, IL_COUNT(EXP_Q)), r * r, r) + 1;
    return vscale(p, n);
}

INLINE vf vtanh(vf x)
{
    vf a = vabs(x), z = x * x;
    vf small = vfma(horner(z, TANH_P, IL_COUNT(TANH_P)) * z, a, a);
    return vcopysign(vselect(a < TANH_SMALL, small, 1 - 2 / (vexp(a + a) + 1)), x);
}

INLINE vf vlog(vf x)
{
    vi tiny = x < 0x1p-126f;
    vi above = (vi)((vu)vselect(tiny, x * 0x1p23f, x) - LOG_SPLIT_BITS);
    vf e = __builtin_convertvector(above >> 23, vf) - vselect(tiny, vsplat(23), vsplat(0));
    vf f = (vf)((above & 0x7fffff) + LOG_SPLIT_BITS) - 1, z = f * f;
    vf p = vfma(horner(f, LOG_P, IL_COUNT(LOG_P)) * f, z, e * LN2_LO);
    vf y = vfma(e, vsplat(LN2_HI), vfma(z, vsplat(-0.5f), p) + f);
    y = vselect(x < INFINITY, y, x);
    y = vselect(x == 0, vsplat(-INFINITY), y);
    return vselect(x < 0, vsplat(NAN), y);
}

INLINE vf verf(vf x)
{
    vf a = vabs(x), z = x * x;
    vf small = vfma(horner(z, ERF_P, IL_COUNT(ERF_P)), x, x);
    vf g = horner(vmin(vsplat(ERF_ONE), a), ERFC_P, IL_COUNT(ERFC_P));
    return vselect(a < ERF_SMALL, small, vcopysign(1 - vexp(-g), x));
}
#endif

INLINE vf vgelu_exp(vf x) { return vexp(x * vfma(x * x, vsplat(GELU_3), vsplat(GELU_1))); }

INLINE vf vgelu(vf x) { return x / (1 + vgelu_exp(x)); }

/* e: vgelu_exp(x), |x| <= GELU_FLAT */
INLINE vf vgelu_slope_of(vf x, vf e)
{
    vf s = 1 / (1 + e);
    return vfma(x * s * (e * s), vfma(x * x, vsplat(-3 * GELU_3), vsplat(-GELU_1)), s);
}

INLINE vf vgelu_flat(vf x) { return vmax(vsplat(-GELU_FLAT), vmin(vsplat(GELU_FLAT), x)); }

INLINE vf vgelu_slope(vf x)
{
    x = vgelu_flat(x);
    return vgelu_slope_of(x, vgelu_exp(x));
}
