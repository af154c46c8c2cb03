/* gemm.inc.h - products of matrices with packed weights
 *
 * The loops around the tile (after Goto & van de Geijn 2008, "Anatomy of high-performance matrix
 * multiplication"). gemm: MR rows of A, copied to a fixed stride, stay in the first cache while the
 * panels of B, KC by NR, stream by from the second. Rows of C that lie a power of two apart compete for few cache
 * sets, so an epilogue finds its sums apart from C where they are complete after one run. gemm_tn: a panel of Y stays,
 * X streams.
 */

enum {
    KB = 264 / MR * MR,             /* columns of X in a block of gemm_tn */
    GEMM_WORK = MR * AST + MR * NR, /* MR rows of A, a tile of C */
    TN_LEFT =
        KC * KB + (KB / MR) * VL, /* the block of X, a spare vector after each panel */
    TN_WORK = TN_LEFT + KC * NR   /* and one panel of Y */
};

/* Layout of a packed matrix: for each block of KC rows, for each panel, its rows one by one. */
static size_t packed_size(int K, int N) { return (size_t)K * (size_t)padded(N); }

static void pack(il_real *packed, const il_real *W, int ldw, int K, int N, int transposed)
{
    for (int k0 = 0; k0 < K; k0 += KC) {
        int kc = il_min(KC, K - k0);
        for (int n0 = 0; n0 < N; n0 += NR) {
            int n = il_min(NR, N - n0), width = panel_vectors(n) * VL;
            if (transposed)
                copy_transposed(packed, width, W + (size_t)n0 * ldw + k0, ldw, n, kc, 1);
            else
                copy_rows(packed, width, W + (size_t)k0 * ldw + n0, ldw, kc, n, width);
            packed += (size_t)kc * width;
        }
    }
}

static void gemm(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work)
{
    il_real *sums = work + MR * AST;
    int apart = e && !add && K <= KC;
    for (int m = 0; m < M; m += MR, A += (size_t)MR * lda, C += (size_t)MR * ldc) {
        int mr = il_min(MR, M - m);
        const il_real *B = packed;
        for (int k0 = 0; k0 < K; k0 += KC) {
            int kc = il_min(KC, K - k0);
            copy_rows(work, AST, A + k0, lda, mr, kc, padded(kc));
            for (int n0 = 0; n0 < N; n0 += NR) {
                int n = il_min(NR, N - n0), nv = panel_vectors(n);
                il_real *to = apart ? sums : C + n0;
                int ld = apart ? NR : ldc;
                tile_by_rows(mr, nv, kc, work, B, to, ld, n, add || k0 > 0);
                if (e && k0 + kc == K) finish(C + n0, ldc, to, ld, e, m, n0, mr, n);
                B += (size_t)kc * nv * VL;
            }
        }
    }
}

/* X (rows, cols) to panels of MR columns; rows of a panel lie MR apart. A row is stored in whole
 * vectors; what they write beyond MR is overwritten by the next row or falls into the spare. */
static size_t panel_size(int rows) { return (size_t)rows * MR + VL; }

static void pack_left(il_real *to, const il_real *X, int ldx, int rows, int cols)
{
    for (int i = 0; i < rows; i++, X += ldx, to += MR)
        for (int c = 0; c < cols; c += MR) {
            il_real *t = to + (size_t)(c / MR) * panel_size(rows);
            UNROLL
            for (int j = 0; j < MR; j += VL)
                vstore(t + j, vload_n(X + c + j, cols - c - j));
        }
}

/* Factors that few tiles share are read where they are, if their rows lie close: a copy would not
 * be repaid. Far rows would compete for few cache sets. */
static void gemm_tn(il_real *C, int ldc, const il_real *X, int ldx, const il_real *Y,
                    int ldy, int M, int K, int N, il_real *work)
{
    enum { NEAR = 256, FEW = 128 };
    il_real *left = work, *right = work + (TN_LEFT + 15) / 16 * 16;
    int in_place = ldx <= NEAR && ldy <= NEAR && (K <= FEW || N <= FEW);
    int runs = (M + KC - 1) / KC,
        mc = runs ? (M + runs - 1) / runs : 0; /* of equal length */
    for (int m0 = 0; m0 < M; m0 += mc, X += (size_t)mc * ldx, Y += (size_t)mc * ldy) {
        int rows = il_min(mc, M - m0);
        for (int k0 = 0; k0 < K; k0 += KB) {
            int cols = il_min(KB, K - k0);
            if (!in_place) pack_left(left, X + k0, ldx, rows, cols);
            for (int n0 = 0; n0 < N; n0 += NR) {
                int n = il_min(NR, N - n0), nv = panel_vectors(n), width = nv * VL;
                int copied = !in_place || n < width; /* nothing is read beyond a row */
                const il_real *y = copied ? right : Y + n0;
                if (copied) copy_rows(right, width, Y + n0, ldy, rows, n, width);
                for (int i = 0; i < cols; i += MR) {
                    int mr = il_min(MR, cols - i);
                    il_real *c = C + (size_t)(k0 + i) * ldc + n0;
                    if (in_place)
                        tile_by_cols(mr, nv, rows, X + k0 + i, y, ldx, copied ? width : ldy,
                                     c, ldc, n, 1);
                    else
                        tile_by_panels(mr, nv, rows,
                                       left + (size_t)(i / MR) * panel_size(rows), y, c,
                                       ldc, n, 1);
                }
            }
        }
    }
}
