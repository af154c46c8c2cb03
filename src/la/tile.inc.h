/* tile.inc.h - the GEMM micro-kernel: a tile of MR rows by NV vectors of a product, held in registers
 *
 * Every element is one chain c = fma(a, b, c) over k in rising order, from zero or from C. Cutting
 * k into runs and storing between them therefore changes nothing.
 */

/* The left factor's element (row i, step k) is A[i * rs + k * ks]. A constant rs lets the compiler
 * put the MR row offsets into the instructions. AST is an odd number of cache lines, so that
 * rows do not compete for the same cache sets. */
enum { KC = 256, AST = KC + 64 / (int)sizeof(il_real) };

INLINE void tile_step(vf (*c)[NV], const il_real *A, const int rs, const il_real *B,
                      const int mr, const int nv)
{
    vf b[NV];
    UNROLL
    for (int j = 0; j < nv; j++) b[j] = vload(B + j * VL);
    UNROLL
    for (int i = 0; i < mr; i++) {
        vf a = vsplat(A[i * rs]);
        UNROLL
        for (int j = 0; j < nv; j++) c[i][j] = vfma(a, b[j], c[i][j]);
    }
}

/* The compiler shall not know how far p is from its neighbour: else it keeps a distance for every
 * row in a register, and runs out of them. */
#define OPAQUE(p) __asm__("" : "+r"(p))

/* C (mr, n) = A B, plus C when `add`. B: k rows of nv vectors, ldb apart; n <= nv VL columns of C
 * are stored. */
INLINE void tile(const int mr, const int nv, const int rs, const int ks, const int ldb,
                 int k, const il_real *A, const il_real *B, il_real *C, int ldc, int n,
                 int add)
{
    vf c[MR][NV];
    const int last = nv - 1, left = n - last * VL;
    UNROLL
    for (int i = 0; i < mr; i++) {
        UNROLL
        for (int j = 0; j < nv; j++) c[i][j] = (vf){ 0 };
    }
    if (add) {
        UNROLL
        for (int i = 0; i < mr; i++) {
            UNROLL
            for (int j = 0; j < last; j++) c[i][j] = vload(C + (size_t)i * ldc + j * VL);
            c[i][last] = vload_n(C + (size_t)i * ldc + last * VL, left);
        }
    } else { /* the lines of C are needed at the end: fetch them now, for writing */
        UNROLL
        for (int i = 0; i < mr; i++) {
            __builtin_prefetch(C + (size_t)i * ldc, 1, 3);
            __builtin_prefetch(C + (size_t)i * ldc + n - 1, 1, 3);
        }
    }
    const il_real *A2 = A + ks, *B2 = B + ldb;
    if (!__builtin_constant_p(ks)) {
        OPAQUE(A2);
        OPAQUE(B2);
    }
    for (; k >= 2; k -= 2, A += 2 * ks, A2 += 2 * ks, B += 2 * ldb, B2 += 2 * ldb) {
        tile_step(c, A, rs, B, mr, nv);
        tile_step(c, A2, rs, B2, mr, nv);
    }
    if (k) tile_step(c, A, rs, B, mr, nv);
    UNROLL
    for (int i = 0; i < mr; i++) {
        UNROLL
        for (int j = 0; j < last; j++) vstore(C + (size_t)i * ldc + j * VL, c[i][j]);
        vstore_n(C + (size_t)i * ldc + last * VL, c[i][last], left);
    }
}

/* One copy of the tile for each number of rows and vectors:
 *   by_rows    rows of A are AST apart, its steps side by side; rows of B side by side
 *   by_panels  rows of A are side by side, its steps MR apart; rows of B side by side
 *   by_cols    rows of A are side by side, its steps ks apart; rows of B ldb apart */
/* clang-format off */
#define CASE(m, RS, KS, LDB)                                                                     \
    case 2 * m: tile(m, 1, RS, KS, LDB(1), k, A, B, C, ldc, n, add); break;                      \
    case 2 * m + 1: tile(m, 2, RS, KS, LDB(2), k, A, B, C, ldc, n, add); break;
#define TILE(name, RS, KS, LDB, ...)                                                             \
    static __attribute__((noinline)) void name(int mr, int nv, int k, const il_real *A,          \
                                               const il_real *B, __VA_ARGS__ il_real *C,         \
                                               int ldc, int n, int add)                          \
    {                                                                                            \
        switch (2 * mr + nv - 1) { EACH_MR(CASE, RS, KS, LDB) }                                  \
    }
#define TIGHT(nv) ((nv) * VL)
#define GIVEN(nv) ldb
#define NOTHING
TILE(tile_by_rows, AST, 1, TIGHT, NOTHING)
TILE(tile_by_panels, 1, MR, TIGHT, NOTHING)
TILE(tile_by_cols, 1, ks, GIVEN, int ks, int ldb,)
#undef NOTHING
#undef TILE
#undef CASE
/* clang-format on */

/* Causal sums are shorter for some rows: a tile takes the steps of all rows, a triangle the others.
 * Row r of C has r steps more, 0 .. r-1 (`before` is 0), or row mr-1-r has r steps before the
 * tile's, mr-1-r .. mr-2. Every r has its own straight code, so no branch is mispredicted. */
INLINE void triangle_row(const int r, const int nv, const int before, const int rs,
                         const int ks, int mr, const il_real *A, const il_real *B,
                         il_real *C, int ldc, int n)
{
    int i = before ? mr - 1 - r : r, first = before ? i : 0;
    A += (size_t)i * rs + (size_t)first * ks;
    B += first * nv * VL;
    C += (size_t)i * ldc;
    vf c[NV];
    UNROLL
    for (int j = 0; j < nv; j++) c[j] = vload_n(C + j * VL, n - j * VL);
    UNROLL
    for (int k = 0; k < r; k++) {
        UNROLL
        for (int j = 0; j < nv; j++)
            c[j] = vfma(vsplat(A[k * ks]), vload(B + (k * nv + j) * VL), c[j]);
    }
    UNROLL
    for (int j = 0; j < nv; j++) vstore_n(C + j * VL, c[j], n - j * VL);
}
#define ROW(r, nv, before, rs, ks)                                                         \
    if (r < mr) triangle_row(r, nv, before, rs, ks, mr, A, B, C, ldc, n);

/* A as for tile_by_rows; steps before the tile's */
static __attribute__((noinline)) void triangle_by_rows(int mr, int nv, const il_real *A,
                                                       const il_real *B, il_real *C,
                                                       int ldc, int n)
{
    if (nv == 1) {
        EACH_MR(ROW, 1, 1, AST, 1)
    } else {
        EACH_MR(ROW, 2, 1, AST, 1)
    }
}

/* A as for tile_by_cols with steps AST apart; steps after the tile's */
static __attribute__((noinline)) void triangle_by_cols(int mr, int nv, const il_real *A,
                                                       const il_real *B, il_real *C,
                                                       int ldc, int n)
{
    if (nv == 1) {
        EACH_MR(ROW, 1, 0, 1, AST)
    } else {
        EACH_MR(ROW, 2, 0, 1, AST)
    }
}
#undef ROW

/* ---- copies that put operands where the tile wants them ------------------------------------------ */

/* rows of `cols` numbers to rows of `width`, a multiple of VL; the rest is zero */
static void copy_rows(il_real *to, int ldt, const il_real *from, int ldf, int rows,
                      int cols, int width)
{
    for (int i = 0; i < rows; i++, to += ldt, from += ldf)
        for (int c = 0; c < width; c += VL) vstore(to + c, vload_n(from + c, cols - c));
}

/* to[c * ldt + i] = scale from[i * ldf + c], i padded with zeros to a multiple of VL */
static void copy_transposed(il_real *to, int ldt, const il_real *from, int ldf, int rows,
                            int cols, il_real scale)
{
    for (int i = 0; i < rows; i += VL)
        for (int c = 0; c < cols; c += VL) {
            vf r[VL];
            UNROLL
            for (int l = 0; l < VL; l++)
                r[l] = i + l < rows
                           ? vload_n(from + (size_t)(i + l) * ldf + c, cols - c) * scale
                           : (vf){ 0 };
            vtranspose(r);
            il_real *t = to + (size_t)c * ldt + i;
            if (cols - c >= VL) {
                UNROLL
                for (int l = 0; l < VL; l++) vstore(t + (size_t)l * ldt, r[l]);
            } else
                for (int l = 0; l < cols - c; l++) vstore(t + (size_t)l * ldt, r[l]);
        }
}

/* A right factor is cut into panels of NR columns, the last of as many vectors as it needs. */
INLINE int panel_vectors(int n) { return n > VL ? NV : 1; }
INLINE int padded(int n) { return (n + VL - 1) / VL * VL; }
