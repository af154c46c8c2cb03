/* recurrence.inc.h - a matrix carried from token to token, NB vectors of its columns at a time
 *
 * Columns are independent, so each block of them is carried through the whole prompt by itself. A
 * pass over its rows takes NT tokens at once where what is written does not depend on what is read: a
 * row is loaded and stored once for all of them. Every sum is one chain over the rows (plain_mix.inc.h).
 */

/* Vectors of columns, tokens: their products' accumulators and factors are in registers at once. */
enum { NB = 2, NT = IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon ? 4 : 2 };

/* What a pass does to a row, in this order. */
enum { BEFORE = 1, UPDATE = 2, READ = 4, AFTER = 8 };

/* y[0..n) of nv vectors, the last of which may be partial: n > (nv - 1) VL */
INLINE void load_row(const int nv, vf *y, const il_real *at, int n)
{
    UNROLL
    for (int v = 0; v < nv; v++)
        y[v] = v < nv - 1 || n >= nv * VL ? vload(at + v * VL)
                                          : vload_some(at + v * VL, n - v * VL);
}
INLINE void store_row(const int nv, il_real *at, const vf *y, int n)
{
    UNROLL
    for (int v = 0; v < nv; v++) {
        if (v < nv - 1 || n >= nv * VL)
            vstore(at + v * VL, y[v]);
        else
            vstore_some(at + v * VL, y[v], n - v * VL);
    }
}

INLINE void add_row(const int nv, il_real *at, vf *y, int n)
{
    vf old[NB];
    load_row(nv, old, at, n);
    UNROLL
    for (int v = 0; v < nv; v++) y[v] = old[v] + y[v];
    store_row(nv, at, y, n);
}

/* A token in a pass. Its part in a row of S: s = s factor;  s += b c;  y += a s;  s = s factor */
typedef struct {
    vf factor, c[NB], y[NB];
    const il_real *a, *b;
} token;

INLINE void clear_reads(const int nv, const int nt, token *t)
{
    UNROLL
    for (int i = 0; i < nt; i++) {
        UNROLL
        for (int v = 0; v < nv; v++) t[i].y[v] = (vf){ 0 };
    }
}

INLINE void take(const int nv, const int what, vf *s, token *t, il_real a, il_real b)
{
    UNROLL
    for (int v = 0; v < nv; v++) {
        if (what & BEFORE) s[v] *= t->factor;
        if (what & UPDATE) s[v] = vfma(vsplat(b), t->c[v], s[v]);
        if (what & READ) t->y[v] = vfma(vsplat(a), s[v], t->y[v]);
        if (what & AFTER) s[v] *= t->factor;
    }
}

/* `nt` tokens in order, whose rows of a and of b are lda and ldb apart, through S (rows; ld apart) */
INLINE void pass(const int nv, const int nt, const int what, il_real *S, int ld, int rows,
                 token *t, const il_real *a, ptrdiff_t lda, const il_real *b, ptrdiff_t ldb,
                 const fetch *f)
{
    clear_reads(nv, nt, t);
    for (int j = 0; j < rows; j++, S += ld, a++, b++) {
        vf s[NB];
        if (f) fetch_line(f, j);
        load_row(nv, s, S, nv * VL);
        UNROLL
        for (int i = 0; i < nt; i++) take(nv, what, s, t + i, a[i * lda], b[i * ldb]);
        if (what & ~READ) store_row(nv, S, s, nv * VL);
    }
}

/* One token */
INLINE void pass_one(const int nv, const int what, il_real *S, int ld, int rows, token *t)
{
    pass(nv, 1, what, S, ld, rows, t, t->a, 0, t->b, 0, NULL);
}

/* Two tokens, of which the first does something else */
INLINE void pass_two(const int nv, const int first, const int second, il_real *S, int ld,
                     int rows, token *t)
{
    clear_reads(nv, 2, t);
    for (int j = 0; j < rows; j++, S += ld) {
        vf s[NB];
        load_row(nv, s, S, nv * VL);
        take(nv, first, s, t, t[0].a[j], t[0].b[j]);
        take(nv, second, s, t + 1, t[1].a[j], t[1].b[j]);
        store_row(nv, S, s, nv * VL);
    }
}

INLINE void read_out(const int nv, const il_recurrence *r, size_t t, int c0, vf *y)
{
    il_real *at = r->y + t * (size_t)r->ldy + c0;
    if (r->add)
        add_row(nv, at, y, r->cols - c0);
    else
        store_row(nv, at, y, r->cols - c0);
}

/* ---- tokens that do not depend on what is read -------------------------------------------------- */

/* `nt` tokens from the i-th on of the order in which they are taken */
INLINE void recur_tokens(const int nv, const int nt, const int decays, const int reverse,
                         const int reads, il_real *S, const il_recurrence *r, int c0, int i,
                         const fetch *f)
{
    const int way = reverse ? -1 : 1, n = r->cols - c0;
    const size_t t = (size_t)(reverse ? r->T - 1 - i : i);
    const il_real *b = r->b + t * (size_t)r->ldb, *c = r->c + t * (size_t)r->ldc + c0;
    const il_real *a = reads ? r->a + t * (size_t)r->lda : b;
    const ptrdiff_t ldb = way * r->ldb, ldc = way * r->ldc, ldy = way * r->ldy;
    const ptrdiff_t lda = reads ? way * r->lda : ldb;
    il_real *y = reads ? r->y + t * (size_t)r->ldy + c0 : NULL;
    token of[NT];
    UNROLL
    for (int m = 0; m < nt; m++) {
        size_t at = t + (size_t)(way * m);
        load_row(nv, of[m].c, c + m * ldc, n);
        if (decays) of[m].factor = vsplat(r->decay[at * (size_t)r->ld_decay]);
        if (!r->gain && r->scale == 1) continue;
        vf weight = vsplat((r->gain ? r->gain[at * (size_t)r->ld_gain] : 1) * r->scale);
        UNROLL
        for (int v = 0; v < nv; v++) of[m].c[v] = weight * of[m].c[v];
    }
    int what = UPDATE | (reads ? READ : 0) | (!decays ? 0 : reverse ? AFTER : BEFORE);
    pass(nv, nt, what, S + c0, il_padded(r->cols), r->rows, of, a, lda, b, ldb, f);
    UNROLL
    for (int m = 0; m < nt && reads; m++) {
        if (r->add)
            add_row(nv, y + m * ldy, of[m].y, n);
        else
            store_row(nv, y + m * ldy, of[m].y, n);
    }
}

/* Two passes ahead: one takes no longer than memory. */
INLINE fetch fetch_tokens(const int reverse, const int reads, const il_recurrence *r,
                          int c0)
{
    const int way = reverse ? -1 : 1, n = r->cols - c0;
    const ptrdiff_t start = reverse ? r->T - 1 : 0;
    const stream streams[] = {
        { r->b + start * r->ldb, way * r->ldb, r->rows },
        { r->c + start * r->ldc + c0, way * r->ldc, n },
        { reads ? r->a + start * r->lda : NULL, way * r->lda, r->rows },
        { reads ? r->y + start * r->ldy + c0 : NULL, way * r->ldy, n },
    };
    return fetch_of(streams, 4, NT, 2 * NT);
}

/* Constants: whether rows decay, whether against time, whether something is read */
INLINE void recur_block(const int nv, const int decays, const int reverse, const int reads,
                        il_real *S, const il_recurrence *r, int c0)
{
    int i = 0;
    if (r->T >= NT) {
        fetch f = fetch_tokens(reverse, reads, r, c0);
        for (; i + NT <= r->T; i += NT, fetch_advance(&f))
            recur_tokens(nv, NT, decays, reverse, reads, S, r, c0, i, &f);
    }
    for (; i < r->T; i++) recur_tokens(nv, 1, decays, reverse, reads, S, r, c0, i, NULL);
}

/* ---- tokens that correct what they have read ------------------------------------------------------- */

/* With `delta` a token reads before it writes. What it writes, and what is read then, joins the
 * reading of the next: one pass a token. */
INLINE void delta_block(const int nv, const int decays, const int reads, il_real *S,
                        const il_recurrence *r, int c0)
{
    const int ld = il_padded(r->cols), n = r->cols - c0;
    const int before = (decays ? BEFORE : 0) | READ, after = UPDATE | (reads ? READ : 0);
    token of[2] = { 0 }; /* the last, this */
    S += c0;
    for (int i = 0; i < r->T; i++) {
        size_t t = (size_t)i;
        const il_real *b = r->b + t * (size_t)r->ldb;
        of[1].a = of[1].b = r->d ? r->d + t * (size_t)r->ldd : b;
        of[1].factor = vsplat(decays ? r->decay[t * (size_t)r->ld_decay] : 1);
        if (i == 0)
            pass_one(nv, before, S, ld, r->rows, of + 1);
        else
            pass_two(nv, after, before, S, ld, r->rows, of);
        if (i > 0 && reads) read_out(nv, r, t - 1, c0, of[0].y);
        load_row(nv, of[0].c, r->c + t * (size_t)r->ldc + c0, n);
        UNROLL
        for (int v = 0; v < nv; v++) of[0].c[v] -= of[1].y[v];
        if (r->e) store_row(nv, r->e + t * (size_t)r->lde + c0, of[0].c, n);
        vf weight = vsplat((r->gain ? r->gain[t * (size_t)r->ld_gain] : 1) * r->scale);
        UNROLL
        for (int v = 0; v < nv; v++) of[0].c[v] = weight * of[0].c[v];
        of[0].b = b;
        of[0].a = reads ? r->a + t * (size_t)r->lda : b;
    }
    if (r->T == 0) return;
    pass_one(nv, after, S, ld, r->rows, of);
    if (reads) read_out(nv, r, (size_t)r->T - 1, c0, of[0].y);
}

/* In reverse it corrects by what it has read. */
INLINE void delta_block_back(const int nv, il_real *S, const il_recurrence *r, int c0)
{
    const int ld = il_padded(r->cols), n = r->cols - c0;
    S += c0;
    for (size_t t = (size_t)r->T; t-- > 0;) {
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        const il_real *a = r->a + t * (size_t)r->lda;
        token write = { .a = a, .b = r->b + t * (size_t)r->ldb },
              correct = { .a = a, .b = a };
        correct.factor = vsplat(r->decay ? r->decay[t * (size_t)r->ld_decay] : 1);
        load_row(nv, write.c, r->c + t * (size_t)r->ldc + c0, n);
        UNROLL
        for (int v = 0; v < nv; v++) write.c[v] = vsplat(r->scale) * write.c[v];
        pass_one(nv, UPDATE | READ, S, ld, r->rows, &write);
        UNROLL
        for (int v = 0; v < nv; v++) correct.c[v] = vsplat(-gain) * write.y[v];
        pass_one(nv, UPDATE | AFTER, S, ld, r->rows, &correct);
        read_out(nv, r, t, c0, write.y);
    }
}

/* S stays as it is and is read at every token. */
INLINE void read_block(const int nv, il_real *S, const il_recurrence *r, int c0)
{
    for (size_t t = 0; t < (size_t)r->T; t++) {
        token of = { .a = r->a + t * (size_t)r->lda };
        of.b = of.a;
        pass_one(nv, READ, S + c0, il_padded(r->cols), r->rows, &of);
        read_out(nv, r, t, c0, of.y);
    }
}

INLINE void recur_kind(const int nv, il_real *S, const il_recurrence *r, int c0)
{
    if (!r->b) {
        read_block(nv, S, r, c0);
        return;
    }
    switch ((r->decay ? 1 : 0) | (r->reverse ? 2 : 0) | (r->a ? 4 : 0) |
            (r->delta ? 8 : 0)) {
    case 0:
        recur_block(nv, 0, 0, 0, S, r, c0);
        break;
    case 1:
        recur_block(nv, 1, 0, 0, S, r, c0);
        break;
    case 2:
        recur_block(nv, 0, 1, 0, S, r, c0);
        break;
    case 3:
        recur_block(nv, 1, 1, 0, S, r, c0);
        break;
    case 4:
        recur_block(nv, 0, 0, 1, S, r, c0);
        break;
    case 5:
        recur_block(nv, 1, 0, 1, S, r, c0);
        break;
    case 6:
        recur_block(nv, 0, 1, 1, S, r, c0);
        break;
    case 7:
        recur_block(nv, 1, 1, 1, S, r, c0);
        break;
    default:
        if (r->reverse)
            delta_block_back(nv, S, r, c0);
        else if (r->decay && r->a)
            delta_block(nv, 1, 1, S, r, c0);
        else if (r->decay)
            delta_block(nv, 1, 0, S, r, c0);
        else if (r->a)
            delta_block(nv, 0, 1, S, r, c0);
        else
            delta_block(nv, 0, 0, S, r, c0);
    }
}

/* One function a width, so that none is too large for a compiler */
#define RECUR(nv)                                                                          \
    static __attribute__((noinline)) void recur_##nv(il_real *S, const il_recurrence *r,   \
                                                     int c0)                               \
    {                                                                                      \
        recur_kind(nv, S, r, c0);                                                          \
    }
RECUR(1)
RECUR(2)

static void recur(il_real *S, const il_recurrence *r)
{
    for (int c0 = 0; c0 < r->cols; c0 += NB * VL) {
        if (r->cols - c0 > VL)
            recur_2(S, r, c0);
        else
            recur_1(S, r, c0);
    }
}
