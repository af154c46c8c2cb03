/* linear_attention.c - attention without softmax, as a recurrence
 *
 *   S_t = S_{t-1} + scale m_t k_t v_t^T,   y_t = S_t^T q_t  =  scale sum_{j<=t} m_j (q_t . k_j) v_j
 *
 * for each of H heads; q, k have K channels, v has V; m_t weighs the key of token t (input 3, one
 * column; 1 where there is none). causal=0 reads S_T at every token. Cost O(T K V) a head.
 * Backward: S once more for dq_t = S_t dy_t; then, with G_t = sum_{i>=t} scale q_i dy_i^T (all i
 * when not causal), dk_t = m_t G_t v_t, dv_t = m_t G_t^T k_t, dm_t = k_t^T G_t v_t.
 * Source: Katharopoulos et al. 2020, arXiv:2006.16236 (without feature map or normaliser).
 */
#include "op/mix.h"

typedef struct {
    int heads, causal;
    double scale;
} options;
static const il_opt opts[] = {
    { "heads", IL_OPT_INT, offsetof(options, heads), 1, 1, 1024, "attention heads" },
    { "causal", IL_OPT_BOOL, offsetof(options, causal), 1, 0, 1,
      "whether a token sees only earlier ones and itself" },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 0, 1e6, "factor of every score" },
    { 0 },
};
static const char *const cases[] = { "widths=4,4,4",
                                     "widths=6,6,4 heads=2 scale=0.3",
                                     "widths=6,6,4 heads=2 causal=0",
                                     "widths=6,6,10,1 gates=1 heads=2",
                                     "widths=3,3,5,1 gates=1 causal=0 scale=2",
                                     NULL };

static const options *of(const il_op *op) { return op->opts; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int H = of(op)->heads;
    IL_TRY(il_shape_mix(p, op, H, err));
    if (op->n_in == 4 && il_width(p, op->in[3]) != 1)
        return il_fail(err, IL_ECONFIG, "%s: the mask of keys has one column, not %d",
                       op->name, il_width(p, op->in[3]));
    int K = il_width(p, op->in[0]) / H, V = il_width(p, op->in[2]) / H;
    op->reads = (1u << op->n_in) - 1;
    il_work_new(p, il_matrix_size(K, V) + il_matrix_size(V, K), (size_t)(K + V));
    if (of(op)->causal) il_recurrent_new(p, op, H * (int)il_matrix_size(K, V));
    return IL_OK;
}

/* One head of one prompt */
typedef struct {
    const options *o;
    int T, K, V;
    il_strip q, k, v, mask;
    il_real *y;
    const il_real *dy;
    il_real *S, *rows; /* scratch: a matrix; T rows of K + V numbers */
} head;

static il_rows_of rows_of(il_strip s) { return (il_rows_of){ s.x, s.ld }; }

static head head_of(const il_op *op, const il_state *s, const il_mix *m, int b, int h)
{
    size_t out = il_mix_at(m, m->H * m->V, b, h);
    return (head){ .o = of(op),
                   .T = m->T,
                   .K = m->K,
                   .V = m->V,
                   .q = il_strip_of(op, s, m, 0, b, h),
                   .k = il_strip_of(op, s, m, 1, b, h),
                   .v = il_strip_of(op, s, m, 2, b, h),
                   .mask = il_strip_of(op, s, m, 3, b, h),
                   .y = il_y(op, s) + out,
                   .dy = s->window ? il_dy(op, s) + out : NULL,
                   .S = s->work,
                   .rows =
                       s->work + il_matrix_size(m->K, m->V) + il_matrix_size(m->V, m->K) };
}

/* y_t (+)= S^T a_t with S = sum of b c^T over the tokens that t sees, or that see t (`reverse`) */
static void sweep(const head *a, il_real *S, il_recurrence r, il_rows_of b, il_rows_of c,
                  il_rows_of read, il_real *y, int ldy)
{
    r.T = a->T;
    r.scale = (il_real)a->o->scale;
    if (a->o->causal) {
        il_recur(S, r, b, c, read, y, ldy);
        return;
    }
    il_recur(S, r, b, c, (il_rows_of){ 0 }, NULL, 0);
    il_recur(S, r, (il_rows_of){ 0 }, (il_rows_of){ 0 }, read, y, ldy);
}

static void forward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    il_real *recurrent = il_recurrent(op, s);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            il_real *S = recurrent ? recurrent + (size_t)h * il_matrix_size(m.K, m.V) : a.S;
            il_recurrence r = {
                .rows = m.K, .cols = m.V, .gain = a.mask.x, .ld_gain = a.mask.ld
            };
            if (!recurrent || s->past == 0) il_matrix_set(S, NULL, m.K, m.V, 0);
            sweep(&a, S, r, rows_of(a.k), rows_of(a.v), rows_of(a.q), a.y, a.v.ld);
        }
}

static void backward_queries(const head *a)
{
    il_recurrence r = {
        .rows = a->V, .cols = a->K, .gain = a->mask.x, .ld_gain = a->mask.ld, .add = 1
    };
    il_matrix_set(a->S, NULL, a->V, a->K, 0);
    sweep(a, a->S, r, rows_of(a->v), rows_of(a->k), (il_rows_of){ a->dy, a->v.ld }, a->q.dx,
          a->q.ld);
}

/* dk and dv, but for the mask */
static void backward_pairs(const head *a, il_real *dk, int lddk, il_real *dv, int lddv,
                           int add)
{
    il_rows_of q = rows_of(a->q), dy = { a->dy, a->v.ld };
    il_recurrence r = { .reverse = a->o->causal, .add = add };
    if (dk) {
        r.rows = a->V, r.cols = a->K;
        il_matrix_set(a->S, NULL, a->V, a->K, 0);
        sweep(a, a->S, r, dy, q, rows_of(a->v), dk, lddk);
    }
    if (dv) {
        r.rows = a->K, r.cols = a->V;
        il_matrix_set(a->S, NULL, a->K, a->V, 0);
        sweep(a, a->S, r, q, dy, rows_of(a->k), dv, lddv);
    }
}

static void backward_masked(const head *a)
{
    const il_kernels *kernel = il_kernel();
    size_t K = (size_t)a->K, V = (size_t)a->V;
    il_real *dk = a->rows, *dv = dk + (size_t)a->T * K;
    backward_pairs(a, dk, a->K, dv, a->V, 0);
    for (size_t t = 0; t < (size_t)a->T; t++, dk += K, dv += V) {
        il_real m = a->mask.x[t * (size_t)a->mask.ld];
        size_t kt = t * (size_t)a->k.ld, vt = t * (size_t)a->v.ld;
        if (a->k.dx) kernel->axpy(a->k.dx + kt, m, dk, K);
        if (a->v.dx) kernel->axpy(a->v.dx + vt, m, dv, V);
        if (a->mask.dx)
            a->mask.dx[t * (size_t)a->mask.ld] += kernel->dot(a->k.x + kt, dk, a->K);
    }
}

static void backward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            if (a.q.dx) backward_queries(&a);
            if (a.mask.x)
                backward_masked(&a);
            else
                backward_pairs(&a, a.k.dx, a.k.ld, a.v.dx, a.v.ld, 1);
        }
}

static void heads(const il_op *op, const il_plan *p, il_heads *h)
{
    il_mix_heads(op, p, of(op)->heads, h);
    h->weights = IL_HEADS_LINEAR;
    h->scale = of(op)->scale;
    h->whole = !of(op)->causal;
    if (op->n_in == 4) h->input[IL_ROLE_MASK] = 3;
}

/* The matrix's update and its reading */
static double flop(const il_op *op, const il_plan *p, int tokens)
{
    (void)tokens;
    return 4.0 * il_width(p, op->in[0]) * il_width(p, op->in[2]) / of(op)->heads;
}

const il_op_kind il_op_linear_attention = {
    .name = "linear_attention",
    .summary = "attention without softmax, H heads, causal or not",
    .opts = opts,
    .cases = cases,
    .least_in = 3,
    .most_in = 4,
    .shape = shape,
    .heads = heads,
    .forward = forward,
    .backward = backward,
    .skips = 1,
    .flop = flop,
    .mixes = 1,
};
