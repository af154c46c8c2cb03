/* recurrence.inc.h - a matrix carried from token to token, NB vectors of its columns at a time
 *
 * Columns never meet, so a block of them walks the whole prompt by itself and stays in the nearest
 * cache. One pass over the rows scales, updates and reads them; its sums run in four chains
 * (plain_mix.inc.h), which also hides how long a fused multiply-add takes.
 */

#if IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon
enum { NB = 4 };
#else
enum { NB = 2 };
#endif

/* What a pass does to a row, in this order. */
enum { BEFORE = 1, UPDATE = 2, AFTER_UPDATE = 4, READ = 8, AFTER = 16 };

/* s = s factor;  s += b_j c;  s = s factor;  sum += a_j s;  s = s factor */
INLINE void pass_row(const int nv, const int what, il_real *S, vf factor, const il_real *b,
                     const vf *c, const il_real *a, vf *sum)
{
    UNROLL
    for (int v = 0; v < nv; v++) {
        vf s = vload(S + v * VL);
        if (what & BEFORE) s *= factor;
        if (what & UPDATE) s = vfma(vsplat(*b), c[v], s);
        if (what & AFTER_UPDATE) s *= factor;
        if (what & READ) sum[v] = vfma(vsplat(*a), s, sum[v]);
        if (what & AFTER) s *= factor;
        if (what & ~READ) vstore(S + v * VL, s);
    }
}

/* y = S^T a of S (rows; ld apart) as it is when READ comes */
INLINE void pass(const int nv, const int what, il_real *S, int ld, int rows, vf factor,
                 const il_real *b, const vf *c, const il_real *a, vf *y)
{
    vf sum[4][NB] = { { { 0 } } };
    int j = 0;
    for (; j + 4 <= rows; j += 4, S += 4 * (size_t)ld) {
        UNROLL
        for (int i = 0; i < 4; i++)
            pass_row(nv, what, S + (size_t)i * (size_t)ld, factor, b + j + i, c, a + j + i,
                     sum[i]);
    }
    UNROLL
    for (int i = 0; i < 3; i++)
        if (j + i < rows)
            pass_row(nv, what, S + (size_t)i * (size_t)ld, factor, b + j + i, c, a + j + i,
                     sum[i]);
    if (!(what & READ)) return;
    UNROLL
    for (int v = 0; v < nv; v++) y[v] = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
}

/* y[0..n) of nv vectors; the last may be partial. */
INLINE void load_row(const int nv, vf *y, const il_real *at, int n)
{
    UNROLL
    for (int v = 0; v < nv; v++) y[v] = vload_n(at + v * VL, n - v * VL);
}
INLINE void store_row(const int nv, il_real *at, const vf *y, int n)
{
    UNROLL
    for (int v = 0; v < nv; v++) vstore_n(at + v * VL, y[v], n - v * VL);
}

/* The columns c0 .. c0 + nv VL of S through all tokens. Constants: whether rows decay, and the
 * kind of the recurrence. */
INLINE void recur_block(const int nv, const int decays, const int reverse, const int delta,
                        const int reads, il_real *S, const il_recurrence *r, int c0)
{
    const int ld = il_padded(r->cols), n = r->cols - c0, rows = r->rows;
    S += c0;
    for (int i = 0; i < r->T; i++) {
        size_t t = (size_t)(reverse ? r->T - 1 - i : i);
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        vf decay = vsplat(decays ? r->decay[t * (size_t)r->ld_decay] : 1);
        const il_real *b = r->b + t * (size_t)r->ldb,
                      *a = reads ? r->a + t * (size_t)r->lda : b;
        vf c[NB], y[NB];
        load_row(nv, c, r->c + t * (size_t)r->ldc + c0, n);
        int before = decays && !reverse ? BEFORE : 0, after = decays && reverse ? AFTER : 0;
        if (delta && !reverse) {
            pass(nv, READ | before, S, ld, rows, decay, b, c, b, y);
            before = 0;
            UNROLL
            for (int v = 0; v < nv; v++) c[v] -= y[v];
            if (r->e) store_row(nv, r->e + t * (size_t)r->lde + c0, c, n);
        }
        vf weight = vsplat(delta && reverse ? r->scale : gain * r->scale);
        UNROLL
        for (int v = 0; v < nv; v++) c[v] = weight * c[v];
        if (delta && reverse) {
            pass(nv, UPDATE | READ, S, ld, rows, decay, b, c, a, y);
            UNROLL
            for (int v = 0; v < nv; v++) c[v] = vsplat(-gain) * y[v];
            pass(nv, UPDATE | after, S, ld, rows, decay, a, c, a, y);
        } else {
            pass(nv, before | UPDATE | (reads ? READ : 0) | after, S, ld, rows, decay, b, c,
                 a, y);
        }
        if (!reads) continue;
        il_real *at = r->y + t * (size_t)r->ldy + c0;
        if (r->add) {
            load_row(nv, c, at, n);
            UNROLL
            for (int v = 0; v < nv; v++) y[v] = c[v] + y[v];
        }
        store_row(nv, at, y, n);
    }
}

/* S stays as it is and is read at every token. */
INLINE void read_block(const int nv, il_real *S, const il_recurrence *r, int c0)
{
    int ld = il_padded(r->cols), n = r->cols - c0;
    for (size_t t = 0; t < (size_t)r->T; t++) {
        vf y[NB], old[NB];
        il_real *at = r->y + t * (size_t)r->ldy + c0;
        const il_real *a = r->a + t * (size_t)r->lda;
        pass(nv, READ, S + c0, ld, r->rows, (vf){ 0 }, a, old, a, y);
        if (r->add) {
            load_row(nv, old, at, n);
            UNROLL
            for (int v = 0; v < nv; v++) y[v] = old[v] + y[v];
        }
        store_row(nv, at, y, n);
    }
}

INLINE void recur_kind(const int nv, il_real *S, const il_recurrence *r, int c0)
{
    int kind =
        (r->decay ? 1 : 0) | (r->reverse ? 2 : 0) | (r->delta ? 4 : 0) | (r->a ? 8 : 0);
    if (!r->b) {
        read_block(nv, S, r, c0);
        return;
    }
    switch (kind) {
#define KIND(k)                                                                            \
    case k:                                                                                \
        recur_block(nv, (k)&1, (k) >> 1 & 1, (k) >> 2 & 1, (k) >> 3 & 1, S, r, c0);        \
        break
        KIND(0);
        KIND(1);
        KIND(2);
        KIND(3);
        KIND(4);
        KIND(5);
        KIND(8);
        KIND(9);
        KIND(10);
        KIND(11);
        KIND(12);
        KIND(13);
        KIND(14);
        KIND(15);
#undef KIND
    }
}

static __attribute__((noinline)) void recur_1(il_real *S, const il_recurrence *r, int c0)
{
    recur_kind(1, S, r, c0);
}
static __attribute__((noinline)) void recur_2(il_real *S, const il_recurrence *r, int c0)
{
    recur_kind(2, S, r, c0);
}
#if IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon
static __attribute__((noinline)) void recur_3(il_real *S, const il_recurrence *r, int c0)
{
    recur_kind(3, S, r, c0);
}
static __attribute__((noinline)) void recur_4(il_real *S, const il_recurrence *r, int c0)
{
    recur_kind(4, S, r, c0);
}
#endif

static void recur(il_real *S, const il_recurrence *r)
{
    int vectors = (r->cols + VL - 1) / VL;
    for (int v = 0; v < vectors; v += NB) switch (il_min(NB, vectors - v)) {
        case 1:
            recur_1(S, r, v * VL);
            break;
        case 2:
            recur_2(S, r, v * VL);
            break;
#if IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon
        case 3:
            recur_3(S, r, v * VL);
            break;
        default:
            recur_4(S, r, v * VL);
#endif
        }
}
