/* linear_attention.c - causal attention without softmax, as a recurrence
 *
 *   x = [q | k | v] (3C), H heads of K = C/H channels each:
 *   S_t = S_{t-1} + k_t v_t^T,   y_t = scale S_t^T q_t  =  scale sum_{j<=t} (q_t . k_j) v_j
 *
 * Cost O(T K^2) a head. Backward runs S forwards once more for dq_t = scale S_t dy_t, then
 * G_t = G_{t+1} + q_t dy_t^T backwards for dk_t = scale G_t v_t and dv_t = scale G_t^T k_t.
 * Source: Katharopoulos et al. 2020, arXiv:2006.16236 (without feature map or normaliser).
 */
#include "op/op.h"

typedef struct {
    int heads;
    double scale;
} options;
static const il_opt opts[] = {
    { "heads", IL_OPT_INT, offsetof(options, heads), 1, 1, 1024, "attention heads" },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 0, 1e6, "factor of every score" },
    { 0 },
};
static const char *const cases[] = { "width=12 heads=2", "width=9 heads=1 scale=0.3",
                                     NULL };

static const options *of(const il_op *op) { return op->opts; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int H = of(op)->heads, width = il_width(p, op->in[0]);
    if (width % (3 * H))
        return il_fail(err, IL_ECONFIG, "%s: %d heads do not divide q, k, v of %d columns",
                       op->name, H, width);
    op->out = il_slot_new(p, op, "", width / 3);
    op->reads = 1;
    p->most_heads_key = il_max(p->most_heads_key, width / 3 / H);
    return IL_OK;
}

/* S (K,K) += scale a b^T */
static void add_outer(il_real *S, il_real scale, const il_real *a, const il_real *b, int K)
{
    for (int i = 0; i < K; i++)
        il_kernel()->axpy(S + (size_t)i * (size_t)K, scale * a[i], b, (size_t)K);
}

/* y (K) += S^T a */
static void add_mixed(il_real *y, const il_real *S, const il_real *a, int K)
{
    for (int i = 0; i < K; i++)
        il_kernel()->axpy(y, a[i], S + (size_t)i * (size_t)K, (size_t)K);
}

/* y (K) += S a */
static void add_applied(il_real *y, const il_real *S, const il_real *a, int K)
{
    for (int i = 0; i < K; i++) y[i] += il_dot(S + (size_t)i * (size_t)K, a, K);
}

static void forward(const il_op *op, il_state *s)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), K = C / H, T = s->tokens;
    size_t square = sizeof(il_real) * (size_t)K * (size_t)K;
    for (int b = 0; b < s->prompts; b++)
        for (int h = 0; h < H; h++) {
            const il_real *q =
                il_x(op, s, 0) + (size_t)b * (size_t)T * 3 * (size_t)C + h * K;
            il_real *y = il_y(op, s) + (size_t)b * (size_t)T * (size_t)C + h * K;
            memset(s->work, 0, square);
            for (int t = 0; t < T; t++, q += 3 * C, y += C) {
                add_outer(s->work, (il_real)of(op)->scale, q + C, q + 2 * C, K);
                memset(y, 0, sizeof *y * (size_t)K);
                add_mixed(y, s->work, q, K);
            }
        }
}

static void backward(const il_op *op, il_state *s)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), K = C / H, T = s->tokens;
    il_real scale = (il_real)of(op)->scale;
    size_t square = sizeof(il_real) * (size_t)K * (size_t)K;
    for (int b = 0; b < s->prompts; b++)
        for (int h = 0; h < H; h++) {
            size_t in = (size_t)b * (size_t)T * 3 * (size_t)C + (size_t)(h * K);
            const il_real *q = il_x(op, s, 0) + in;
            const il_real *dy = il_dy(op, s) + (size_t)b * (size_t)T * (size_t)C + h * K;
            il_real *dq = il_dx(op, s, 0) + in;
            memset(s->work, 0, square);
            for (int t = 0; t < T; t++, q += 3 * C, dq += 3 * C, dy += C) {
                add_outer(s->work, scale, q + C, q + 2 * C, K);
                add_applied(dq, s->work, dy, K);
            }
            memset(s->work, 0, square);
            for (int t = 0; t < T; t++) {
                q -= 3 * C, dq -= 3 * C, dy -= C;
                add_outer(s->work, scale, q, dy, K);
                add_applied(dq + C, s->work, q + 2 * C, K);
                add_mixed(dq + 2 * C, s->work, q + C, K);
            }
        }
}

const il_op_kind il_op_linear_attention = {
    .name = "linear_attention",
    .summary = "causal attention without softmax, H heads",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .mixes = 1,
};
