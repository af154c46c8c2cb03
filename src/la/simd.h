/* simd.h - vectors of VL numbers, and what no compiler's vector type can say by itself
 *
 * `vf` holds VL il_real, `vi` as many integers of the same width; + - * / and comparisons are the
 * compiler's. Everything here gives the same bits on every machine: fused multiply-adds round
 * once, also where the machine has none, and nothing is approximated.
 */
#ifndef IL_LA_SIMD_H
#define IL_LA_SIMD_H

#include "la/la.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#if defined IL_SANITIZE
#define UNROLL /* checked code is slow to compile as it is */
#elif defined __clang__
/* of one vector there is nothing to unroll */
#pragma clang diagnostic ignored "-Wpass-failed"
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* MR x NV vectors of a product are in registers at once; EACH_MR(F, ...) is F(m, ...) for m <= MR */
#define EACH_4(F, ...)                                                                     \
    F(1, __VA_ARGS__) F(2, __VA_ARGS__) F(3, __VA_ARGS__) F(4, __VA_ARGS__)
#define EACH_6(F, ...) EACH_4(F, __VA_ARGS__) F(5, __VA_ARGS__) F(6, __VA_ARGS__)
#define EACH_12(F, ...)                                                                    \
    EACH_6(F, __VA_ARGS__)                                                                 \
    F(7, __VA_ARGS__)                                                                      \
    F(8, __VA_ARGS__)                                                                      \
    F(9, __VA_ARGS__) F(10, __VA_ARGS__) F(11, __VA_ARGS__) F(12, __VA_ARGS__)
#if IL_LEVEL == LEVEL_avx512
#include <immintrin.h>
#define BYTES   64
#define MR      12
#define EACH_MR EACH_12
#elif IL_LEVEL == LEVEL_avx2
#include <immintrin.h>
#define BYTES   32
#define MR      6
#define EACH_MR EACH_6
#elif IL_LEVEL == LEVEL_neon
#include <arm_neon.h>
#define BYTES   16
#define MR      12
#define EACH_MR EACH_12
#else
#include <emmintrin.h>
#define BYTES   16
#define MR      4
#define EACH_MR EACH_4
#endif

#ifdef IL_DOUBLE
typedef int64_t il_int;
typedef uint64_t il_uint;
#define X86(prefix, name) prefix##_##name##_pd
#define NEON(name)        name##_f64
#else
typedef int32_t il_int;
typedef uint32_t il_uint;
#define X86(prefix, name) prefix##_##name##_ps
#define NEON(name)        name##_f32
#endif

enum { VL = BYTES / sizeof(il_real), NV = 2, NR = NV * VL, LANE_VECTORS = IL_LANES / VL };

typedef il_real vf __attribute__((vector_size(BYTES)));
typedef il_int vi __attribute__((vector_size(BYTES)));
typedef il_uint vu __attribute__((vector_size(BYTES))); /* bits, which may wrap */
typedef vf vf_at_any_address __attribute__((aligned(sizeof(il_real)), may_alias));

INLINE vf vload(const il_real *p) { return *(const vf_at_any_address *)p; }
INLINE void vstore(il_real *p, vf x) { *(vf_at_any_address *)p = x; }

/* vmax(a, b) = a > b ? a : b and vmin(a, b) = a < b ? a : b: NaN in b stays, NaN in a goes */
#if IL_LEVEL == LEVEL_avx512
INLINE vf vsplat(il_real x) { return X86(_mm512, set1)(x); }
INLINE vf vsqrt(vf x) { return X86(_mm512, sqrt)(x); }
INLINE vf vmax(vf a, vf b) { return X86(_mm512, max)(a, b); }
INLINE vf vmin(vf a, vf b) { return X86(_mm512, min)(a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return X86(_mm512, fmadd)(a, b, c); }
#elif IL_LEVEL == LEVEL_avx2
INLINE vf vsplat(il_real x) { return X86(_mm256, set1)(x); }
INLINE vf vsqrt(vf x) { return X86(_mm256, sqrt)(x); }
INLINE vf vmax(vf a, vf b) { return X86(_mm256, max)(a, b); }
INLINE vf vmin(vf a, vf b) { return X86(_mm256, min)(a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return X86(_mm256, fmadd)(a, b, c); }
#elif IL_LEVEL == LEVEL_neon
INLINE vf vsplat(il_real x) { return NEON(vdupq_n)(x); }
INLINE vf vsqrt(vf x) { return NEON(vsqrtq)(x); }
INLINE vf vmax(vf a, vf b) { return NEON(vbslq)(NEON(vcgtq)(a, b), a, b); }
INLINE vf vmin(vf a, vf b) { return NEON(vbslq)(NEON(vcltq)(a, b), a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return NEON(vfmaq)(c, a, b); }
#else
INLINE vf vsplat(il_real x) { return X86(_mm, set1)(x); }
INLINE vf vsqrt(vf x) { return X86(_mm, sqrt)(x); }
INLINE vf vmax(vf a, vf b) { return X86(_mm, max)(a, b); }
INLINE vf vmin(vf a, vf b) { return X86(_mm, min)(a, b); }
#ifdef IL_DOUBLE
INLINE vf vfma(vf a, vf b, vf c)
{
    return (vf){ fma(a[0], b[0], c[0]), fma(a[1], b[1], c[1]) };
}
#else
typedef double vd2 __attribute__((vector_size(16)));
typedef int64_t vi2 __attribute__((vector_size(16)));

/* A float product is exact in double. The sum s is rounded to odd: where it is inexact and its
 * last bit is even, it moves one step towards the true value, whose side TwoSum tells. Rounding
 * s to float then rounds once in effect (Boldo & Melquiond 2008, "Emulation of FMA"). */
INLINE vd2 fma_to_odd(vd2 a, vd2 b, vd2 c)
{
    vd2 p = a * b, s = p + c, t = s - p, e = (p - (s - t)) + (c - t);
    vi2 inexact = (e > 0) | (e < 0); /* false for NaN: s is then infinite or NaN */
    vi2 even = ((vi2)s & 1) - 1, away = (e > 0) ^ (s < 0);
    return (vd2)((vi2)s + ((inexact & even) & ((away & 2) - 1)));
}

/* not inline: a tile of these would be slow to compile, and no faster */
static __attribute__((noinline)) vf vfma(vf a, vf b, vf c)
{
    __m128 ha = _mm_movehl_ps(a, a), hb = _mm_movehl_ps(b, b), hc = _mm_movehl_ps(c, c);
    vd2 lo = fma_to_odd(_mm_cvtps_pd(a), _mm_cvtps_pd(b), _mm_cvtps_pd(c));
    vd2 hi = fma_to_odd(_mm_cvtps_pd(ha), _mm_cvtps_pd(hb), _mm_cvtps_pd(hc));
    return _mm_movelh_ps(_mm_cvtpd_ps(lo), _mm_cvtpd_ps(hi));
}
#endif
#endif

/* ---- lists of lanes ---------------------------------------------------------------------------- */

#define SHUFFLE      __builtin_shufflevector
#define FOLD(v, ...) ((v) + SHUFFLE(v, v, __VA_ARGS__))

INLINE vi viota(void)
{
    vi x;
    UNROLL
    for (int l = 0; l < VL; l++) x[l] = l;
    return x;
}

/* The zipped halves (a0 b0 a1 b1 ...) of a and b. BYTES / sizeof(il_real) is no constant for the
 * preprocessor, so the widths are told apart by IL_DOUBLE and BYTES. */
#ifdef IL_DOUBLE
#define WIDTH (BYTES / 8)
#else
#define WIDTH (BYTES / 4)
#endif
#if WIDTH == 16
#define ZIP_LO(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HI(a, b)                                                                       \
    SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif WIDTH == 8
#define ZIP_LO(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HI(a, b) SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif WIDTH == 4
#define ZIP_LO(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define ZIP_HI(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#else
#define ZIP_LO(a, b) SHUFFLE(a, b, 0, 2)
#define ZIP_HI(a, b) SHUFFLE(a, b, 1, 3)
#endif

/* r[VL] as a square matrix: zipping row i with row i + VL/2 log2(VL) times transposes it. */
INLINE void vtranspose(vf *r)
{
    UNROLL
    for (int width = 1; width < VL; width *= 2) {
        vf t[VL];
        UNROLL
        for (int i = 0; i < VL / 2; i++) {
            t[2 * i] = ZIP_LO(r[i], r[i + VL / 2]);
            t[2 * i + 1] = ZIP_HI(r[i], r[i + VL / 2]);
        }
        UNROLL
        for (int i = 0; i < VL; i++) r[i] = t[i];
    }
}

/* The fixed tree over IL_LANES lanes: lane l + lane l+8, then +4, +2, +1 */
INLINE il_real lanes_sum(vf *lane)
{
    UNROLL
    for (int n = LANE_VECTORS / 2; n > 0; n /= 2) {
        UNROLL
        for (int i = 0; i < n; i++) lane[i] += lane[i + n];
    }
    vf v = lane[0];
#if WIDTH == 16
    v = FOLD(v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    v = FOLD(v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    v = FOLD(v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    v = FOLD(v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#elif WIDTH == 8
    v = FOLD(v, 4, 5, 6, 7, 0, 1, 2, 3);
    v = FOLD(v, 2, 3, 0, 1, 6, 7, 4, 5);
    v = FOLD(v, 1, 0, 3, 2, 5, 4, 7, 6);
#elif WIDTH == 4
    v = FOLD(v, 2, 3, 0, 1);
    v = FOLD(v, 1, 0, 3, 2);
#else
    v = FOLD(v, 1, 0);
#endif
    return v[0];
}

/* The lanes of a reduction */
typedef struct {
    vf v[LANE_VECTORS];
} lanes;

/* Lane r of a folded list: lanes r and r + g of a where bit g of r is not set, r - g and r of b
 * where it is. Within a vector two shuffles say so; else g is whole vectors. */
#define LIST_OF(r, g) ((r) & (g) ? WIDTH : 0)
#define KEPT(r, g)    (((r) + LIST_OF(r, g)) % (2 * WIDTH))
#define SWAPPED(r, g) ((((r) ^ (g)) + LIST_OF(r, g)) % (2 * WIDTH))
#if WIDTH == 16
#define EACH_LANE(F, g) EACH_LANE_8(F, g, 0), EACH_LANE_8(F, g, 8)
#elif WIDTH == 8
#define EACH_LANE(F, g) EACH_LANE_8(F, g, 0)
#elif WIDTH == 4
#define EACH_LANE(F, g) F(0, g), F(1, g), F(2, g), F(3, g)
#else
#define EACH_LANE(F, g) F(0, g), F(1, g)
#endif
#define EACH_LANE_8(F, g, r)                                                               \
    F(r + 0, g), F(r + 1, g), F(r + 2, g), F(r + 3, g), F(r + 4, g), F(r + 5, g),          \
        F(r + 6, g), F(r + 7, g)
#define LANES_FOLD(name, g)                                                                \
    INLINE lanes name(lanes a, lanes b)                                                    \
    {                                                                                      \
        lanes y;                                                                           \
        const int apart = (g) / VL;                                                        \
        UNROLL                                                                             \
        for (int v = 0; v < LANE_VECTORS; v++)                                             \
            if (apart)                                                                     \
                y.v[v] = v & apart ? b.v[v - apart] + b.v[v] : a.v[v] + a.v[v + apart];    \
            else                                                                           \
                y.v[v] = SHUFFLE(a.v[v], b.v[v], EACH_LANE(KEPT, g)) +                     \
                         SHUFFLE(a.v[v], b.v[v], EACH_LANE(SWAPPED, g));                   \
        return y;                                                                          \
    }
LANES_FOLD(fold_1, 1)
LANES_FOLD(fold_2, 2)
LANES_FOLD(fold_4, 4)
LANES_FOLD(fold_8, 8)

/* Sixteen lanes as a square of four rows: its columns, one after the other */
INLINE void lanes_store_square(il_real *to, lanes l)
{
#if WIDTH == 16
    vstore(to,
           SHUFFLE(l.v[0], l.v[0], 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
#elif WIDTH == 8
    vstore(to, SHUFFLE(l.v[0], l.v[1], 0, 4, 8, 12, 1, 5, 9, 13));
    vstore(to + 8, SHUFFLE(l.v[0], l.v[1], 2, 6, 10, 14, 3, 7, 11, 15));
#else
    for (int i = 0; i < 16; i++) to[i % 4 * 4 + i / 4] = l.v[i / VL][i % VL];
#endif
}

/* ---- the first n lanes: 0 < n < VL; nothing beyond them is read or written ------------------- */

#if IL_LEVEL == LEVEL_avx512
#ifdef IL_DOUBLE
#define MASK(n) ((__mmask8)((1u << (n)) - 1))
#else
#define MASK(n) ((__mmask16)((1u << (n)) - 1))
#endif
INLINE vf vload_some(const il_real *p, int n)
{
    return X86(_mm512, maskz_loadu)(MASK(n), p);
}
INLINE void vstore_some(il_real *p, vf x, int n)
{
    X86(_mm512, mask_storeu)(p, MASK(n), x);
}
#elif IL_LEVEL == LEVEL_avx2
INLINE __m256i mask_of(int n) { return (__m256i)(viota() < ((vi){ 0 } + n)); }
INLINE vf vload_some(const il_real *p, int n)
{
    return X86(_mm256, maskload)(p, mask_of(n));
}
INLINE void vstore_some(il_real *p, vf x, int n)
{
    X86(_mm256, maskstore)(p, mask_of(n), x);
}
#else
INLINE vf vload_some(const il_real *p, int n)
{
    vf x = { 0 };
    for (int l = 0; l < n; l++) x[l] = p[l];
    return x;
}
INLINE void vstore_some(il_real *p, vf x, int n)
{
    for (int l = 0; l < n; l++) p[l] = x[l];
}
#endif

/* The same for any n: lanes beyond are 0, or stay; n <= 0 is none, n >= VL is all. */
INLINE vf vload_n(const il_real *p, int n)
{
    return n >= VL ? vload(p) : n > 0 ? vload_some(p, n) : (vf){ 0 };
}
INLINE void vstore_n(il_real *p, vf x, int n)
{
    if (n >= VL)
        vstore(p, x);
    else if (n > 0)
        vstore_some(p, x, n);
}

/* ---- choosing lane by lane ------------------------------------------------------------------------ */

INLINE vf vselect(vi where, vf a, vf b) { return (vf)((where & (vi)a) | (~where & (vi)b)); }
INLINE vf vabs(vf x) { return (vf)((vi)x & ~(vi)vsplat((il_real)-0.0)); }
INLINE vf vcopysign(vf x, vf sign)
{
    vi top = (vi)vsplat((il_real)-0.0);
    return (vf)(((vi)x & ~top) | ((vi)sign & top));
}

#endif
