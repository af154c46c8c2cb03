/* pairs.inc.h - matrices of bfloat16, two steps of k in a word, as both tables of bfloat16 want them
 *
 * The machine's instructions multiply pairs: a word holds rows k and k+1 of a column, the even one
 * in its low half, and an odd last row is paired with zero. Rounding is to the nearest, ties to
 * even; subnormal factors become zero.
 */

typedef uint32_t pair;

enum { PAIRS = 256 }; /* in a run of k */

INLINE int vectors(int n) { return n > VL ? NV : 1; }
INLINE void put(pair *to, __m512i x) { _mm512_storeu_si512(to, x); }

/* 32 neighbours of a row of n, two in a word; zero beyond n */
INLINE __m512i row_pairs(const il_real *x, int n)
{
    return (__m512i)_mm512_cvtne2ps_pbh(vload_n(x + VL, n - VL), vload_n(x, n));
}

/* (x0, y0), (x1, y1), ... */
INLINE __m512i zip(vf x, vf y)
{
    __m512i pick = (__m512i)(viota() | (viota() + 16) << 16); /* words 0, 16, 1, 17, ... */
    return _mm512_permutexvar_epi16(pick, (__m512i)_mm512_cvtne2ps_pbh(y, x));
}

/* At most K times the padded N: no more than the float tables take. */
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
