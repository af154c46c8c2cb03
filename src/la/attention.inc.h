/* attention.inc.h - causal softmax attention of one head, forward and backward
 *
 * Everything about pairs of tokens is kept transposed, keys down and queries across: then a
 * softmax is VL queries side by side and needs no sum across a vector. Queries are taken QB at a
 * time, so scratch grows with T, not T^2. Entries of later keys are never read, so nothing has
 * to be zero and an infinite value cannot leak into an earlier token.
 *
 * plain.inc.h states the formulas and the order of every sum.
 */

/* A multiple of MR and NR for every table; a row of QB fits between two rows AST apart. */
enum { QB = 192 };

typedef struct {
    il_real *left, *left_v;   /* k and v as left factors: (T, K) in chunks of KC columns */
    il_real *right;           /* k or v as a right factor: panels of (T, NR) */
    il_real *queries, *douts; /* scaled q and dout, transposed: panels of (K, NR) */
    il_real *rows_q, *rows_dout; /* q and dout as right factors: panels of (QB, NR) */
    il_real *pairs, *dpairs;     /* (T, QB) with rows AST apart */
    il_real *max, *scale, *mean; /* (QB) */
} scratch;

static size_t carve(scratch *s, il_real *work, int T, int K)
{
    size_t t = (size_t)T, k = (size_t)(K + NR - 1) / NR * NR,
           chunks = (size_t)(K + KC - 1) / KC;
    struct {
        il_real **to;
        size_t size;
    } part[] = {
        { &s->left, chunks * t * AST },
        { &s->left_v, chunks * t * AST },
        { &s->right, t * k },
        { &s->queries, k * QB },
        { &s->douts, k * QB },
        { &s->rows_q, k * QB },
        { &s->rows_dout, k * QB },
        { &s->pairs, t * AST },
        { &s->dpairs, t * AST },
        { &s->max, QB },
        { &s->scale, QB },
        { &s->mean, QB },
    };
    size_t used = 0;
    for (int i = 0; i < IL_COUNT(part); i++) {
        if (work) *part[i].to = work + used;
        used += (part[i].size + 15) / 16 * 16;
    }
    return used;
}

static size_t work_size(int T, int K)
{
    scratch s = { 0 };
    size_t attention = carve(&s, NULL, T, K),
           gemm_work = GEMM_WORK > TN_WORK ? GEMM_WORK : TN_WORK;
    return attention > gemm_work + 16 ? attention : gemm_work + 16;
}

/* ---- operands -------------------------------------------------------------------------------------- */

static void left_factor(il_real *to, const il_real *x, int ld, int T, int K)
{
    for (int c = 0; c < K; c += KC, to += (size_t)T * AST) {
        int cols = il_min(KC, K - c);
        copy_rows(to, AST, x + c, ld, T, cols, padded(cols));
    }
}

static void right_factor(il_real *to, const il_real *x, int ld, int rows, int K)
{
    for (int c = 0; c < K; c += NR) {
        int cols = il_min(NR, K - c), width = panel_vectors(cols) * VL;
        copy_rows(to, width, x + c, ld, rows, cols, width);
        to += (size_t)rows * width;
    }
}

static void right_transposed(il_real *to, const il_real *x, int ld, int rows, int K,
                             il_real scale)
{
    for (int i = 0; i < rows; i += NR) {
        int n = il_min(NR, rows - i), width = panel_vectors(n) * VL;
        copy_transposed(to, width, x + (size_t)i * ld, ld, n, K, scale);
        to += (size_t)K * width;
    }
}

/* ---- products ---------------------------------------------------------------------------------------- */

/* pairs[j][i] = left_j . right_i for the queries i0 .. i0+n-1 and all keys they see */
static void pair_products(il_real *pairs, const il_real *left, const il_real *right, int i0,
                          int n, int T, int K)
{
    for (int i = 0; i < n; i += NR) {
        int cols = il_min(NR, n - i), nv = panel_vectors(cols), keys = i0 + i + cols;
        for (int c = 0; c < K; c += KC) {
            const il_real *a = left + (size_t)(c / KC) * T * AST;
            int kc = il_min(KC, K - c);
            for (int j = 0; j < keys; j += MR)
                tile_by_rows(il_min(MR, keys - j), nv, kc, a + (size_t)j * AST, right,
                             pairs + (size_t)j * AST + i, AST, nv * VL, c > 0);
            right += (size_t)kc * nv * VL;
        }
    }
}

/* y_i (+)= sum over j <= i of pairs[j][i] right_j, for the queries i0 .. i0+n-1: the keys that
 * all MR queries of a tile see, then each query's own */
static void sum_over_keys(il_real *y, int ldy, const il_real *pairs, const il_real *right,
                          int i0, int n, int T, int K, int add_to)
{
    for (int c = 0; c < K; c += NR) {
        int cols = il_min(NR, K - c), nv = panel_vectors(cols), width = nv * VL;
        for (int i = 0; i < n; i += MR) {
            int mr = il_min(MR, n - i), seen = i0 + i + 1;
            il_real *at = y + (size_t)(i0 + i) * ldy + c;
            tile_by_cols(mr, nv, seen, pairs + i, right, AST, width, at, ldy, cols, add_to);
            triangle_by_cols(mr, nv, pairs + (size_t)seen * AST + i,
                             right + (size_t)seen * width, at, ldy, cols);
        }
        right += (size_t)T * width;
    }
}

/* y_j += sum over i >= j of pairs[j][i] right_i, for the queries i0 .. i0+n-1: each key's own
 * queries, then those that see all MR keys of a tile */
static void sum_over_queries(il_real *y, int ldy, const il_real *pairs,
                             const il_real *right, int i0, int n, int K)
{
    for (int c = 0; c < K; c += NR) {
        int cols = il_min(NR, K - c), nv = panel_vectors(cols), width = nv * VL;
        for (int j = 0; j < i0 + n; j += MR) {
            int mr = il_min(MR, i0 + n - j), from = 0;
            const il_real *a = pairs + (size_t)j * AST;
            il_real *at = y + (size_t)j * ldy + c;
            if (j >= i0) {
                from = j - i0;
                triangle_by_rows(mr, nv, a + from, right + (size_t)from * width, at, ldy,
                                 cols);
                from += mr - 1;
            }
            tile_by_rows(mr, nv, n - from, a + from, right + (size_t)from * width, at, ldy,
                         cols, 1);
        }
        right += (size_t)n * width;
    }
}

/* ---- softmax ------------------------------------------------------------------------------------------- */

/* VL columns of scores become probabilities; query i0 + l sees the keys up to itself. */
INLINE void softmax(il_real *pairs, int i0, int keys, il_real *max_out, il_real *scale_out)
{
    vf max = vsplat(-INFINITY), max2 = max, sum = { 0 };
    int j = 0;
    for (; j < i0; j += 2) { /* keys up to i0 are seen by all */
        max = vmax(vload(pairs + (size_t)j * AST), max);
        max2 = vmax(vload(pairs + (size_t)(j + 1) * AST), max2);
    }
    max = vmax(max2, max);
    for (; j < keys; j++) {
        vi seen = viota() >= ((vi){ 0 } + (j - i0));
        max = vselect(seen, vmax(vload(pairs + (size_t)j * AST), max), max);
    }
    max += 0;
    for (j = 0; j <= i0; j++) {
        vf e = vexp(vload(pairs + (size_t)j * AST) - max);
        sum += e;
        vstore(pairs + (size_t)j * AST, e);
    }
    for (; j < keys; j++) {
        vi seen = viota() >= ((vi){ 0 } + (j - i0));
        vf e = vexp(vload(pairs + (size_t)j * AST) - max);
        sum += vselect(seen, e, (vf){ 0 });
        vstore(pairs + (size_t)j * AST, e);
    }
    vf scale = 1 / sum;
    for (j = 0; j < keys; j++) {
        il_real *p = pairs + (size_t)j * AST;
        vstore(p, vload(p) * scale);
    }
    vstore(max_out, max);
    vstore(scale_out, scale);
}

static void attention_forward(il_real *out, int ldo, il_real *stat, const il_real *q,
                              const il_real *k, const il_real *v, int ld, int T, int K,
                              il_real scale, il_real *work)
{
    scratch s;
    carve(&s, work, T, K);
    left_factor(s.left, k, ld, T, K);
    right_factor(s.right, v, ld, T, K);
    for (int i0 = 0; i0 < T; i0 += QB) {
        int n = il_min(QB, T - i0);
        right_transposed(s.queries, q + (size_t)i0 * ld, ld, n, K, scale);
        pair_products(s.pairs, s.left, s.queries, i0, n, T, K);
        for (int i = 0; i < n; i += VL)
            softmax(s.pairs + i, i0 + i, i0 + il_min(n, i + VL), s.max + i, s.scale + i);
        sum_over_keys(out, ldo, s.pairs, s.right, i0, n, T, K, 0);
        for (int i = 0; i < n; i++) {
            stat[2 * (i0 + i)] = s.max[i];
            stat[2 * (i0 + i) + 1] = s.scale[i];
        }
    }
}

static void attention_backward(il_real *dq, il_real *dk, il_real *dv, int ldd,
                               const il_real *dout, const il_real *out, int ldo,
                               const il_real *stat, const il_real *q, const il_real *k,
                               const il_real *v, int ld, int T, int K, il_real scale,
                               il_real *work)
{
    scratch s;
    carve(&s, work, T, K);
    left_factor(s.left, k, ld, T, K);
    left_factor(s.left_v, v, ld, T, K);
    right_factor(s.right, k, ld, T, K);
    for (int i0 = 0; i0 < T; i0 += QB) {
        int n = il_min(QB, T - i0);
        const il_real *qi = q + (size_t)i0 * ld, *douti = dout + (size_t)i0 * ldo;
        right_transposed(s.queries, qi, ld, n, K, scale);
        right_transposed(s.douts, douti, ldo, n, K, 1);
        right_factor(s.rows_q, qi, ld, n, K);
        right_factor(s.rows_dout, douti, ldo, n, K);
        pair_products(s.pairs, s.left, s.queries, i0, n, T, K);
        pair_products(s.dpairs, s.left_v, s.douts, i0, n, T, K);
        for (int i = 0; i < QB;
             i++) { /* columns beyond the last query are computed, not used */
            int there = i < n;
            s.max[i] = there ? stat[2 * (i0 + i)] : 0;
            s.scale[i] = there ? stat[2 * (i0 + i) + 1] : 0;
            s.mean[i] =
                there ? dot(out + (size_t)(i0 + i) * ldo, douti + (size_t)i * ldo, K) : 0;
        }
        for (int i = 0; i < n; i += VL) {
            vf max = vload(s.max + i), r = vload(s.scale + i), mean = vload(s.mean + i);
            for (int j = 0; j < i0 + il_min(n, i + VL); j++) {
                il_real *p = s.pairs + (size_t)j * AST + i,
                        *dp = s.dpairs + (size_t)j * AST + i;
                vf prob = vexp(vload(p) - max) * r;
                vstore(p, prob);
                vstore(dp, prob * scale * (vload(dp) - mean));
            }
        }
        sum_over_keys(dq, ldd, s.dpairs, s.right, i0, n, T, K, 1);
        sum_over_queries(dk, ldd, s.dpairs, s.rows_q, i0, n, K);
        sum_over_queries(dv, ldd, s.pairs, s.rows_dout, i0, n, K);
    }
}
