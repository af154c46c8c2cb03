/* bf16.c - products of bfloat16 factors with sums in float
 *
 * VDPBF16PS adds two products at a time to a float, so k (or m) runs in pairs: a word holds two
 * bfloat16, and an odd last step is paired with zero. Factors are rounded while they are copied;
 * otherwise the loops are those of gemm.inc.h. Subnormal factors count as zero: the instruction
 * says so. An element is one chain over rising pairs, whatever the blocking.
 */
#include "la/isa.h"
#include "la/la.h"
/* clang-format off */
#include "la/simd.h"
#include "la/vmath.inc.h"
#include "la/epilogue.inc.h"
/* clang-format on */

void il_bf16_replace(il_kernels *kernels);

typedef uint32_t pair;

enum {
    PAIRS = 256,         /* pairs in a run of k */
    STRIDE = PAIRS + 16, /* between rows of A: an odd number of cache lines */
    COLS = 264 / MR * MR /* columns of X in a block of gemm_tn */
};

INLINE int vectors(int n) { return n > VL ? NV : 1; }
INLINE void put(pair *to, __m512i x) { _mm512_storeu_si512(to, x); }

/* (x0, y0), (x1, y1), ... */
INLINE __m512i zip(vf x, vf y)
{
    __m512i pick = (__m512i)(viota() | (viota() + 16) << 16); /* words 0, 16, 1, 17, ... */
    return _mm512_permutexvar_epi16(pick, (__m512i)_mm512_cvtne2ps_pbh(y, x));
}

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

static size_t packed_size(int K, int N)
{
    return (size_t)((K + 1) / 2) * (size_t)((N + VL - 1) / VL * VL);
}

/* VL columns of rows k, k+1, ... of W, or of the transposed of W; zero beyond K and N */
INLINE void block(vf *r, const il_real *W, int ldw, int k, int n, int K, int N,
                  int transposed)
{
    for (int l = 0; l < VL; l++) {
        int row = transposed ? n + l : k + l, col = transposed ? k : n;
        int rows = transposed ? N : K, cols = transposed ? K : N;
        r[l] = row < rows ? vload_n(W + (size_t)row * ldw + col, cols - col) : (vf){ 0 };
    }
    if (transposed) vtranspose(r);
}

/* For each run of PAIRS, for each panel of NR columns, its pairs one by one */
static void pack(il_real *packed, const il_real *W, int ldw, int K, int N, int transposed)
{
    pair *to = (pair *)(void *)packed;
    for (int k0 = 0; k0 < K; k0 += 2 * PAIRS) {
        int pairs = (il_min(2 * PAIRS, K - k0) + 1) / 2;
        for (int n0 = 0; n0 < N; n0 += NR) {
            int nv = vectors(N - n0);
            for (int p = 0; p < pairs; p += VL / 2)
                for (int j = 0; j < nv; j++) {
                    vf r[VL];
                    block(r, W, ldw, k0 + 2 * p, n0 + j * VL, K, N, transposed);
                    for (int q = 0; q < VL / 2 && p + q < pairs; q++)
                        put(to + (size_t)((p + q) * nv + j) * VL,
                            zip(r[2 * q], r[2 * q + 1]));
                }
            to += (size_t)pairs * nv * VL;
        }
    }
}

static void gemm(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work)
{
    pair *left = (pair *)(void *)work;
    for (int m = 0; m < M; m += MR, A += (size_t)MR * lda, C += (size_t)MR * ldc) {
        int mr = il_min(MR, M - m);
        const pair *B = (const pair *)(const void *)packed;
        for (int k0 = 0; k0 < K; k0 += 2 * PAIRS) {
            int kc = il_min(2 * PAIRS, K - k0), pairs = (kc + 1) / 2;
            for (int i = 0; i < mr; i++)
                for (int k = 0; k < kc; k += 2 * VL) {
                    const il_real *a = A + (size_t)i * lda + k0 + k;
                    vf low = vload_n(a, kc - k), high = vload_n(a + VL, kc - k - VL);
                    put(left + i * STRIDE + k / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
                }
            for (int n0 = 0; n0 < N; n0 += NR) {
                int n = il_min(NR, N - n0), nv = vectors(n);
                tile_by_rows(mr, nv, pairs, left, B, C + n0, ldc, n, add || k0 > 0);
                if (e && k0 + kc == K) finish(C + n0, ldc, e, m, n0, mr, n);
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
                for (int i = 0; i < cols; i += MR)
                    tile_by_panels(il_min(MR, cols - i), nv, pairs,
                                   left + (size_t)(i / MR) * panel_size(pairs, MR), right,
                                   C + (size_t)(k0 + i) * ldc + n0, ldc, n, 1);
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
