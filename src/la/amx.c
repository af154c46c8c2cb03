/* amx.c - products of bfloat16 factors with sums in float, by tiles (Intel AMX, on Linux)
 *
 * TDPBF16PS multiplies a tile of 16 rows by 32 steps of k with one of 32 steps by 16 columns, and
 * adds the product to 16 x 16 floats. Of the eight tiles four hold 32 x 32 sums, two each the
 * factors. For an element the instruction sums the even and the odd steps in two chains from
 * zero, adds the two and adds that to C; so the order is runs of 32 steps, rising, whatever the
 * blocking. Both factors are copied to where a tile is 1 KiB or a panel of two, and padded with
 * zeros to whole tiles.
 *
 * Source: Intel Architecture Instruction Set Extensions Programming Reference, chapter 3.
 */
#include "la/instructions.h"
#include "la/isa.h"
#include "la/la.h"
/* clang-format off */
#include "la/simd.h"
#include "la/vmath.inc.h"
#include "la/epilogue.inc.h"
#include "la/pairs.inc.h"
#include "la/amx.h"
/* clang-format on */

#include <sys/syscall.h>
#include <unistd.h>

enum {
    EDGE = 16,        /* rows, columns and pairs of a tile */
    BLOCK = 2 * EDGE, /* rows and columns of C that are summed at once */
    TILE = EDGE * EDGE,
    COLS = 128,    /* columns of X in a block of gemm_tn */
    WIDTH_Y = 512, /* columns of Y in a block of gemm_tn */
    SPARE = BLOCK * BLOCK,
    TN_LEFT = PAIRS * COLS,
    TN_WORK = SPARE + TN_LEFT + PAIRS * WIDTH_Y
};

/* ---- the tiles -------------------------------------------------------------------------------- */

/* Palette 1; every tile 16 rows of 64 bytes */
static const struct {
    _Alignas(64) uint8_t palette;
    uint8_t start, zero[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} whole_tiles = { .palette = 1,
                  .bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
                  .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };

/* The compilers' intrinsics do not all say that tiles are read from memory. */
#define MEMORY_IS_WRITTEN() __asm__ volatile("" ::: "memory")

static void open_tiles(void)
{
    MEMORY_IS_WRITTEN();
    _tile_loadconfig(&whole_tiles);
}

/* C (16 mt, 16 nv) = A B, plus C when `add`. A: for each 16 pairs two tiles, one below the other;
 * B: rows of nv vectors. `last`: the last of the `pairs` as a whole tile, where they are not 16. */
INLINE void tile(const int mt, const int nv, int pairs, const pair *A, const pair *B,
                 const pair *last, il_real *C, int ldc, int add)
{
    const size_t row = sizeof *C * (size_t)ldc, vector = 64;
    il_real *low = C + (size_t)EDGE * (size_t)ldc;
    MEMORY_IS_WRITTEN();
    if (add) {
        _tile_loadd(0, C, row);
        if (nv > 1) _tile_loadd(1, C + EDGE, row);
        if (mt > 1) _tile_loadd(2, low, row);
        if (mt > 1 && nv > 1) _tile_loadd(3, low + EDGE, row);
    } else {
        _tile_zero(0);
        if (nv > 1) _tile_zero(1);
        if (mt > 1) _tile_zero(2);
        if (mt > 1 && nv > 1) _tile_zero(3);
    }
    for (; pairs > 0; pairs -= EDGE, A += 2 * TILE, B += TILE * nv) {
        const pair *b = pairs < EDGE ? last : B;
        _tile_loadd(6, b, vector * nv);
        _tile_loadd(4, A, vector);
        _tile_dpbf16ps(0, 4, 6);
        if (nv > 1) {
            _tile_loadd(7, b + EDGE, vector * nv);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (mt > 1) {
            _tile_loadd(5, A + TILE, vector);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (mt > 1 && nv > 1) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, C, row);
    if (nv > 1) _tile_stored(1, C + EDGE, row);
    if (mt > 1) _tile_stored(2, low, row);
    if (mt > 1 && nv > 1) _tile_stored(3, low + EDGE, row);
}

static void copy(il_real *to, int ldto, const il_real *from, int ld, int rows, int cols)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j += VL)
            vstore_n(to + (size_t)i * ldto + j,
                     vload_n(from + (size_t)i * ld + j, cols - j), cols - j);
}

/* The same for any rows, n <= BLOCK; an edge of C is worked on in `spare`. */
static void multiply(int rows, int n, int pairs, const pair *A, const pair *B,
                     const pair *last, il_real *C, int ldc, int add, il_real *spare)
{
    int mt = rows > EDGE ? 2 : 1, nv = vectors(n);
    int whole = rows == mt * EDGE && n == nv * EDGE;
    il_real *c = whole ? C : spare;
    int ld = whole ? ldc : BLOCK;
    if (!whole && add) copy(spare, BLOCK, C, ldc, rows, n);
    switch (2 * mt + nv) {
    case 3:
        tile(1, 1, pairs, A, B, last, c, ld, add);
        break;
    case 4:
        tile(1, 2, pairs, A, B, last, c, ld, add);
        break;
    case 5:
        tile(2, 1, pairs, A, B, last, c, ld, add);
        break;
    case 6:
        tile(2, 2, pairs, A, B, last, c, ld, add);
        break;
    }
    if (!whole) copy(C, ldc, spare, BLOCK, rows, n);
}

/* ---- products ---------------------------------------------------------------------------------- */

static size_t work_size(int T, int K)
{
    extern const il_kernels il_kernels_avx512;
    size_t others = il_kernels_avx512.work_size(T, K);
    return others > TN_WORK ? others : TN_WORK;
}

/* The end of a panel of B that fills no tile, padded with zeros */
static void pad_last(pair *to, const pair *B, int pairs, int nv)
{
    int begin = pairs / EDGE * EDGE;
    for (int p = 0; p < EDGE * nv; p++)
        put(to + p * VL, p < (pairs - begin) * nv
                             ? _mm512_loadu_si512(B + (size_t)(begin * nv + p) * VL)
                             : _mm512_setzero_si512());
}

static void gemm(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work)
{
    pair *last = (pair *)(void *)(work + SPARE), *left = last + 2 * TILE;
    open_tiles();
    for (int m = 0; m < M; m += BLOCK, A += (size_t)BLOCK * lda, C += (size_t)BLOCK * ldc) {
        int rows = il_min(BLOCK, M - m);
        const pair *B = (const pair *)(const void *)packed;
        for (int k0 = 0; k0 < K; k0 += 2 * PAIRS) {
            int kc = il_min(2 * PAIRS, K - k0), pairs = (kc + 1) / 2;
            for (int i = 0; i < rows; i++)
                for (int k = 0; k < kc; k += 2 * EDGE)
                    put(left + k * BLOCK / 2 + i * EDGE,
                        row_pairs(A + (size_t)i * lda + k0 + k, kc - k));
            for (int n0 = 0; n0 < N; n0 += BLOCK) {
                int n = il_min(BLOCK, N - n0), nv = vectors(n);
                if (pairs % EDGE) pad_last(last, B, pairs, nv);
                multiply(rows, n, pairs, left, B, last, C + n0, ldc, add || k0 > 0, work);
                if (e && k0 + kc == K) finish(C + n0, ldc, C + n0, ldc, e, m, n0, rows, n);
                B += (size_t)pairs * nv * VL;
            }
        }
    }
    _tile_release();
}

/* 2 EDGE rows of X, of which `rows` exist, in pairs: EDGE vectors */
INLINE void pair_rows(vf *r, const il_real *X, int ldx, int rows, int cols)
{
    for (int p = 0; p < EDGE; p++) {
        const il_real *x = X + (size_t)(2 * p) * ldx;
        vf even = 2 * p < rows ? vload_n(x, cols) : (vf){ 0 };
        vf odd = 2 * p + 1 < rows ? vload_n(x + ldx, cols) : (vf){ 0 };
        r[p] = (vf)zip(even, odd);
    }
}

/* Columns of X as rows of tiles: panels of BLOCK columns, `pairs` pairs (whole tiles) long */
static void pack_left(pair *to, const il_real *X, int ldx, int rows, int cols, int pairs)
{
    for (int m = 0; m < rows; m += 2 * EDGE, X += (size_t)(2 * EDGE) * ldx, to += 2 * TILE)
        for (int c = 0; c < cols; c += EDGE) {
            vf r[EDGE];
            pair *t = to + (size_t)(c / BLOCK) * pairs * BLOCK + c % BLOCK * EDGE;
            pair_rows(r, X + c, ldx, rows - m, cols - c);
            vtranspose(r);
            for (int i = 0; i < EDGE; i++) put(t + i * EDGE, (__m512i)r[i]);
        }
}

/* Y in panels of BLOCK columns, the last one perhaps half as wide */
static void pack_right(pair *to, const il_real *Y, int ldy, int rows, int cols, int pairs)
{
    for (int m = 0; m < rows; m += 2 * EDGE, Y += (size_t)(2 * EDGE) * ldy)
        for (int c = 0; c < cols; c += EDGE) {
            vf r[EDGE];
            int panel = c / BLOCK * BLOCK, nv = vectors(cols - panel);
            pair *t = to + (size_t)panel * pairs + m / 2 * nv * VL + c % BLOCK;
            pair_rows(r, Y + c, ldy, rows - m, cols - c);
            for (int p = 0; p < EDGE; p++) put(t + p * nv * VL, (__m512i)r[p]);
        }
}

static void gemm_tn(il_real *C, int ldc, const il_real *X, int ldx, const il_real *Y,
                    int ldy, int M, int K, int N, il_real *work)
{
    pair *left = (pair *)(void *)(work + SPARE), *right = left + TN_LEFT;
    open_tiles();
    for (int m0 = 0; m0 < M; m0 += 2 * PAIRS) {
        int rows = il_min(2 * PAIRS, M - m0), pairs = (rows + BLOCK - 1) / BLOCK * EDGE;
        const il_real *x = X + (size_t)m0 * ldx, *y = Y + (size_t)m0 * ldy;
        for (int n0 = 0; n0 < N; n0 += WIDTH_Y) {
            int width = il_min(WIDTH_Y, N - n0);
            pack_right(right, y + n0, ldy, rows, width, pairs);
            for (int k0 = 0; k0 < K; k0 += COLS) {
                int cols = il_min(COLS, K - k0);
                pack_left(left, x + k0, ldx, rows, cols, pairs);
                for (int k = 0; k < cols; k += BLOCK)
                    for (int n = 0; n < width; n += BLOCK)
                        multiply(il_min(BLOCK, cols - k), il_min(BLOCK, width - n), pairs,
                                 left + (size_t)k * pairs, right + (size_t)n * pairs, NULL,
                                 C + (size_t)(k0 + k) * ldc + n0 + n, ldc, 1, work);
            }
        }
    }
    _tile_release();
}

/* ---- the table --------------------------------------------------------------------------------- */

/* The kernel gives a process the tiles' state when it asks (arch_prctl: ARCH_REQ_XCOMP_PERM). */
int il_amx_runs_here(void)
{
    enum { ASK = 0x1023, TILE_DATA = 18 };
    return il_instructions_amx() && syscall(SYS_arch_prctl, ASK, TILE_DATA) == 0;
}

void il_amx_replace(il_kernels *kernels)
{
    kernels->name = "amx";
    kernels->work_size = work_size;
    kernels->packed_size = packed_size;
    kernels->pack = pack;
    kernels->gemm = gemm;
    kernels->gemm_tn = gemm_tn;
}

void il_amx_spin(int times)
{
    open_tiles();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (; times > 0; times--) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_release();
}
