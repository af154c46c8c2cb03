/* bf16.c - products of bfloat16 factors with sums in float, by VDPBF16PS
 *
 * The instruction adds two products at a time to a float, so k (or m) runs in pairs. Factors are
 * rounded while they are copied; otherwise the loops are those of gemm.inc.h. An element is one
 * chain over rising pairs, whatever the blocking.
 */
#include "la/isa.h"
#include "la/la.h"
/* clang-format off */
#include "la/simd.h"
#include "la/vmath.inc.h"
#include "la/epilogue.inc.h"
#include "la/pairs.inc.h"
/* clang-format on */

void il_bf16_replace(il_kernels *kernels);

enum {
    STRIDE = PAIRS + 16, /* between rows of A: an odd number of cache lines */
    COLS = 264 / MR * MR /* columns of X in a block of gemm_tn */
};

/* ---- the tile ------------------------------------------------------------------------------------- */

INLINE void tile(const int mr, const int nv, const int rs, const int ks, int k,
                 const pair *A, const pair *B, il_real *C, int ldc, int n, int add)
{
    vf c[MR][NV];
    UNROLL
    for (int i = 0; i < mr; i++) {
        UNROLL
        for (int j = 0; j < nv; j++)
            c[i][j] = add ? vload_n(C + (size_t)i * ldc + j * VL, n - j * VL) : (vf){ 0 };
    }
    for (; k > 0; k--, A += ks, B += nv * VL) {
        __m512bh b[NV];
        UNROLL
        for (int j = 0; j < nv; j++) b[j] = (__m512bh)_mm512_loadu_si512(B + j * VL);
        UNROLL
        for (int i = 0; i < mr; i++) {
            __m512bh a = (__m512bh)_mm512_set1_epi32((int)A[i * rs]);
            UNROLL
            for (int j = 0; j < nv; j++) c[i][j] = _mm512_dpbf16_ps(c[i][j], a, b[j]);
        }
    }
    UNROLL
    for (int i = 0; i < mr; i++) {
        UNROLL
        for (int j = 0; j < nv; j++)
            vstore_n(C + (size_t)i * ldc + j * VL, c[i][j], n - j * VL);
    }
}

/* A's rows STRIDE apart and its pairs side by side, or the reverse in panels of MR rows */
/* clang-format off */
#define CASE(m, RS, KS)                                                                          \
    case 2 * m: tile(m, 1, RS, KS, k, A, B, C, ldc, n, add); break;                              \
    case 2 * m + 1: tile(m, 2, RS, KS, k, A, B, C, ldc, n, add); break;
#define TILE(name, RS, KS)                                                                       \
    static __attribute__((noinline)) void name(int mr, int nv, int k, const pair *A,             \
                                               const pair *B, il_real *C, int ldc, int n,        \
                                               int add)                                          \
    {                                                                                            \
        switch (2 * mr + nv - 1) { EACH_MR(CASE, RS, KS) }                                       \
    }
TILE(tile_by_rows, STRIDE, 1)
TILE(tile_by_panels, 1, MR)
/* clang-format on */

/* ---- products -------------------------------------------------------------------------------------- */

static void gemm(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work)
{
    pair *left = (pair *)(void *)work;
    il_real *sums = work + MR * STRIDE;
    int apart = e && !add && K <= 2 * PAIRS;
    for (int m = 0; m < M; m += MR, A += (size_t)MR * lda, C += (size_t)MR * ldc) {
        int mr = il_min(MR, M - m);
        const pair *B = (const pair *)(const void *)packed;
        for (int k0 = 0; k0 < K; k0 += 2 * PAIRS) {
            int kc = il_min(2 * PAIRS, K - k0), pairs = (kc + 1) / 2;
            for (int i = 0; i < mr; i++)
                for (int k = 0; k < kc; k += 2 * VL)
                    put(left + i * STRIDE + k / 2,
                        row_pairs(A + (size_t)i * lda + k0 + k, kc - k));
            for (int n0 = 0; n0 < N; n0 += NR) {
                int n = il_min(NR, N - n0), nv = vectors(n);
                il_real *to = apart ? sums : C + n0;
                int ld = apart ? NR : ldc;
                tile_by_rows(mr, nv, pairs, left, B, to, ld, n, add || k0 > 0);
                if (e && k0 + kc == K) finish(C + n0, ldc, to, ld, e, m, n0, mr, n);
                B += (size_t)pairs * nv * VL;
            }
        }
    }
}

/* Rows of X or Y in pairs, to panels of `width` columns whose pairs lie `width` apart; what a
 * vector writes beyond a panel is overwritten by the next pair or falls into the spare. */
static size_t panel_size(int pairs, int width)
{
    return (size_t)pairs * (size_t)width + VL;
}

static void pack_rows(pair *to, const il_real *X, int ldx, int rows, int cols, int width)
{
    for (int m = 0; m < rows; m += 2, X += 2 * (size_t)ldx, to += width)
        for (int c = 0; c < cols; c += width)
            for (int j = 0; j < width; j += VL) {
                const il_real *x = X + c + j;
                int left = cols - c - j;
                vf next = m + 1 < rows ? vload_n(x + ldx, left) : (vf){ 0 };
                pair *t = to + (size_t)(c / width) * panel_size((rows + 1) / 2, width);
                put(t + j, zip(vload_n(x, left), next));
            }
}

/* Gradients of weights are as large as the second cache, so the next tile of them is asked for while one is computed. */
INLINE void fetch_tile(const il_real *C, int ldc, int rows, int n)
{
    for (int i = 0; i < rows; i++, C += ldc) {
        __builtin_prefetch(C, 1, 3);
        __builtin_prefetch(C + n - 1, 1, 3);
    }
}

static void gemm_tn(il_real *C, int ldc, const il_real *X, int ldx, const il_real *Y,
                    int ldy, int M, int K, int N, il_real *work)
{
    pair *left = (pair *)(void *)work, *right = left + PAIRS * COLS + (COLS / MR) * VL;
    for (int m0 = 0; m0 < M; m0 += 2 * PAIRS) {
        int rows = il_min(2 * PAIRS, M - m0), pairs = (rows + 1) / 2;
        const il_real *x = X + (size_t)m0 * ldx, *y = Y + (size_t)m0 * ldy;
        for (int k0 = 0; k0 < K; k0 += COLS) {
            int cols = il_min(COLS, K - k0);
            pack_rows(left, x + k0, ldx, rows, cols, MR);
            for (int n0 = 0; n0 < N; n0 += NR) {
                int n = il_min(NR, N - n0), nv = vectors(n);
                pack_rows(right, y + n0, ldy, rows, n, nv * VL);
                for (int i = 0; i < cols; i += MR) {
                    il_real *c = C + (size_t)(k0 + i) * ldc + n0;
                    fetch_tile(c + (size_t)MR * ldc, ldc, il_min(MR, cols - i - MR), n);
                    tile_by_panels(il_min(MR, cols - i), nv, pairs,
                                   left + (size_t)(i / MR) * panel_size(pairs, MR), right,
                                   c, ldc, n, 1);
                }
            }
        }
    }
}

/* The scratch of avx512's products is as large: see gemm.inc.h. */
void il_bf16_replace(il_kernels *kernels)
{
    kernels->name = "avx512 bf16";
    kernels->packed_size = packed_size;
    kernels->pack = pack;
    kernels->gemm = gemm;
    kernels->gemm_tn = gemm_tn;
}
