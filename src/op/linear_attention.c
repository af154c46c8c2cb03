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
    il_work_new(p, (size_t)K * (size_t)V, 0);
    if (of(op)->causal) il_recurrent_new(p, op, H * K * V);
    return IL_OK;
}

/* S (K,V) += a x y^T */
static void add_outer(il_real *S, il_real a, const il_real *x, const il_real *y, int K,
                      int V)
{
    for (int i = 0; i < K; i++)
        il_kernel()->axpy(S + (size_t)i * (size_t)V, a * x[i], y, (size_t)V);
}

/* y (V) += a S^T x */
static void add_mixed(il_real *y, il_real a, const il_real *S, const il_real *x, int K,
                      int V)
{
    for (int i = 0; i < K; i++)
        il_kernel()->axpy(y, a * x[i], S + (size_t)i * (size_t)V, (size_t)V);
}

/* y (K) += a S x;   the sum of z (K) times S x */
static il_real add_applied(il_real *y, il_real a, const il_real *S, const il_real *x,
                           const il_real *z, int K, int V)
{
    il_real sum = 0;
    for (int i = 0; i < K; i++) {
        il_real product = il_dot(S + (size_t)i * (size_t)V, x, V);
        if (y) y[i] += a * product;
        sum += z[i] * product;
    }
    return sum;
}

/* One head of one prompt: q, k, v, the mask, and y or its adjoint. */
typedef struct {
    il_strip q, k, v, mask;
    il_real *y;
    const il_real *dy;
    int T, K, V, causal;
    il_real scale;
} head;

static head head_of(const il_op *op, const il_state *s, const il_mix *m, int b, int h)
{
    size_t out = il_mix_at(m, m->H * m->V, b, h);
    return (head){ .q = il_strip_of(op, s, m, 0, b, h),
                   .k = il_strip_of(op, s, m, 1, b, h),
                   .v = il_strip_of(op, s, m, 2, b, h),
                   .mask = il_strip_of(op, s, m, 3, b, h),
                   .y = il_y(op, s) + out,
                   .dy = s->window ? il_dy(op, s) + out : NULL,
                   .T = m->T,
                   .K = m->K,
                   .V = m->V,
                   .causal = of(op)->causal,
                   .scale = (il_real)of(op)->scale };
}

static il_real weight(const head *a, int t) { return a->mask.x ? a->mask.x[t] : 1; }

static void see(il_real *S, const head *a, int t)
{
    add_outer(S, a->scale * weight(a, t), a->k.x + (size_t)t * (size_t)a->k.ld,
              a->v.x + (size_t)t * (size_t)a->v.ld, a->K, a->V);
}

static void see_all(il_real *S, const head *a)
{
    for (int t = 0; t < a->T; t++) see(S, a, t);
}

static void clear(il_real *S, const head *a)
{
    memset(S, 0, sizeof *S * (size_t)a->K * (size_t)a->V);
}

static void forward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    il_real *recurrent = il_recurrent(op, s);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            il_real *S = recurrent ? recurrent + (size_t)(h * m.K) * (size_t)m.V : s->work;
            if (!recurrent || s->past == 0) clear(S, &a);
            if (!a.causal) see_all(S, &a);
            for (int t = 0; t < m.T; t++) {
                il_real *y = a.y + (size_t)t * (size_t)a.v.ld;
                if (a.causal) see(S, &a, t);
                memset(y, 0, sizeof *y * (size_t)m.V);
                add_mixed(y, 1, S, a.q.x + (size_t)t * (size_t)a.q.ld, m.K, m.V);
            }
        }
}

static void backward_queries(const head *a, il_real *S)
{
    clear(S, a);
    if (!a->causal) see_all(S, a);
    for (int t = 0; t < a->T; t++) {
        size_t qt = (size_t)t * (size_t)a->q.ld, vt = (size_t)t * (size_t)a->v.ld;
        if (a->causal) see(S, a, t);
        add_applied(a->q.dx + qt, 1, S, a->dy + vt, a->q.x + qt, a->K, a->V);
    }
}

static void ask(il_real *G, const head *a, int t)
{
    add_outer(G, a->scale, a->q.x + (size_t)t * (size_t)a->q.ld,
              a->dy + (size_t)t * (size_t)a->v.ld, a->K, a->V);
}

static void backward_keys(const head *a, il_real *G)
{
    clear(G, a);
    for (int t = a->T - 1; t >= 0 && !a->causal; t--) ask(G, a, t);
    for (int t = a->T - 1; t >= 0; t--) {
        size_t kt = (size_t)t * (size_t)a->k.ld, vt = (size_t)t * (size_t)a->v.ld;
        const il_real *k = a->k.x + kt;
        il_real m = weight(a, t);
        if (a->causal) ask(G, a, t);
        il_real dm =
            add_applied(a->k.dx ? a->k.dx + kt : NULL, m, G, a->v.x + vt, k, a->K, a->V);
        if (a->v.dx) add_mixed(a->v.dx + vt, m, G, k, a->K, a->V);
        if (a->mask.dx) a->mask.dx[t] += dm;
    }
}

static void backward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            if (a.q.dx) backward_queries(&a, s->work);
            if (a.k.dx || a.v.dx || a.mask.dx) backward_keys(&a, s->work);
        }
}

const il_op_kind il_op_linear_attention = {
    .name = "linear_attention",
    .summary = "attention without softmax, H heads, causal or not",
    .opts = opts,
    .cases = cases,
    .least_in = 3,
    .most_in = 4,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .skips = 1,
    .mixes = 1,
};
