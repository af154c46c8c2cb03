/* attention.c - softmax attention, causal or not
 *
 *   x = [q | k | v] (3C), or q, k, v (C each) apart, H heads of K = C/H channels each:
 *   y_i = sum_{j<=i} p_ij v_j,   p_i = softmax_j(q_i . k_j / sqrt(K))
 *
 * With causal=0 every token sees all tokens, and the weight of key j is multiplied by m_j >= 0 (input 3, one
 * column; 1 where there is none): p_ij = m_j exp(s_ij) / sum_l m_l exp(s_il), or 0 where every m is 0; then
 * dm_j = sum_i exp(s_ij) / sum_l m_l exp(s_il) (g_ij - D_i), with the letters below.
 *
 * One fused kernel a head; of the probabilities only each row's maximum and 1/sum are kept, and
 * the backward pass computes them again. With g_ij = dy_i . v_j and D_i = dy_i . y_i:
 *   dv_j += sum_i p_ij dy_i,  ds_ij = p_ij (g_ij - D_i),  dq_i += ds_ij k_j / sqrt(K), ...
 * Source: Vaswani et al. 2017, arXiv:1706.03762; the recomputation, Dao et al. 2022,
 * arXiv:2205.14135.
 */
#include "op/op.h"

#include <math.h>

typedef struct {
    int heads, causal;
} options;
static const il_opt opts[] = {
    { "heads", IL_OPT_INT, offsetof(options, heads), 1, 1, 1024, "attention heads" },
    { "causal", IL_OPT_BOOL, offsetof(options, causal), 1, 0, 1,
      "whether a token sees only earlier ones and itself" },
    { 0 },
};
static const char *const cases[] = { "width=12 heads=2",
                                     "width=9 heads=1",
                                     "width=24 heads=1",
                                     "widths=6,6,6 heads=2",
                                     "widths=6,6,6 heads=2 causal=0",
                                     "widths=6,6,6,1 gates=1 heads=2 causal=0",
                                     NULL };

static const options *of(const il_op *op) { return op->opts; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int H = of(op)->heads, apart = op->n_in >= 3, width = il_width(p, op->in[0]);
    int C = apart ? width : width / 3;
    if (op->n_in == 2)
        return il_fail(err, IL_ECONFIG, "%s takes q, k, v in one input or in three",
                       op->name);
    if (of(op)->causal ? op->n_in == 4 : !apart)
        return il_fail(err, IL_ECONFIG,
                       "%s: causal attention takes no mask of keys, and attention to all "
                       "tokens takes q, k, v apart",
                       op->name);
    if (op->n_in == 4 && il_width(p, op->in[3]) != 1)
        return il_fail(err, IL_ECONFIG, "%s: the mask of keys has one column, not %d",
                       op->name, il_width(p, op->in[3]));
    for (int i = 1; i < op->n_in && i < 3; i++)
        if (il_width(p, op->in[i]) != C)
            return il_fail(err, IL_ECONFIG, "%s: q, k, v are %d, %d, %d wide, not equally",
                           op->name, C, il_width(p, op->in[1]), il_width(p, op->in[2]));
    if (width % (apart ? H : 3 * H))
        return il_fail(err, IL_ECONFIG, "%s: %d heads do not divide q, k, v of %d columns",
                       op->name, H, width);
    op->save[0] = il_slot_new(p, op, "stat", 2 * H);
    op->out = il_slot_new(p, op, "", C);
    op->reads = ((1u << op->n_in) - 1) | IL_READS_OUT;
    if (of(op)->causal)
        il_memory_new(p, op, 2 * C);
    else
        il_work_new(p, 0, 1);
    p->most_heads_key = il_max(p->most_heads_key, C / H);
    return IL_OK;
}

/* q, k, v of the state's first token, and how far apart tokens are */
typedef struct {
    il_real *q, *k, *v;
    int ld;
} strips;

static strips strips_of(const il_op *op, il_real *const *slots, int C)
{
    il_real *q = slots[op->in[0]];
    if (op->n_in == 1) return (strips){ q, q + C, q + 2 * C, 3 * C };
    return (strips){ q, slots[op->in[1]], slots[op->in[2]], C };
}

/* Where head h of prompt b begins: q, k, v and their adjoints share one layout. */
typedef struct {
    size_t qkv, y, stat;
} head;

static head head_at(const il_op *op, const il_state *s, int b, int h)
{
    size_t T = (size_t)s->tokens, C = (size_t)il_width(s->plan, op->out);
    int H = of(op)->heads;
    size_t column = C / (size_t)H * (size_t)h;
    size_t ld = op->n_in == 1 ? 3 * C : C;
    return (head){ .qkv = (size_t)b * T * ld + column,
                   .y = (size_t)b * T * C + column,
                   .stat = ((size_t)b * (size_t)H + (size_t)h) * 2 * T };
}

/* Token by token, keys are remembered transposed (C, tokens) and values as (tokens, C).
 * One head of one new token, number `n` (from 0): the same chains as the kernel's. */
static void attend(il_real *y, const il_real *q, const il_real *keys, const il_real *values,
                   int n, int tokens, int K, int C, il_real scale, il_real *p)
{
    const il_kernels *k = il_kernel();
    size_t seen = (size_t)n + 1;
    memset(p, 0, seen * sizeof *p);
    for (int c = 0; c < K; c++)
        k->axpy(p, scale * q[c], keys + (size_t)c * (size_t)tokens, seen);
    il_real max = -INFINITY, sum = 0;
    for (size_t j = 0; j < seen; j++) max = p[j] > max ? p[j] : max;
    max += 0;
    for (size_t j = 0; j < seen; j++) p[j] -= max;
    k->exp(p, p, seen);
    for (size_t j = 0; j < seen; j++) sum += p[j];
    sum = 1 / sum;
    memset(y, 0, (size_t)K * sizeof *y);
    for (size_t j = 0; j < seen; j++)
        k->axpy(y, p[j] * sum, values + j * (size_t)C, (size_t)K);
}

static void remember_and_attend(const il_op *op, il_state *s, il_real *keys)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), K = C / H, T = s->most_tokens;
    il_real *values = keys + (size_t)C * (size_t)T, scale = (il_real)(1 / sqrt(K));
    strips x = strips_of(op, s->value, C);
    for (int t = 0; t < s->tokens; t++, x.q += x.ld, x.k += x.ld, x.v += x.ld) {
        int n = s->past + t;
        for (int c = 0; c < C; c++) keys[(size_t)c * (size_t)T + (size_t)n] = x.k[c];
        memcpy(values + (size_t)n * (size_t)C, x.v, sizeof *x.v * (size_t)C);
        for (int h = 0; h < H; h++)
            attend(il_y(op, s) + (size_t)t * (size_t)C + h * K, x.q + h * K,
                   keys + (size_t)(h * K) * (size_t)T, values + h * K, n, T, K, C, scale,
                   s->work);
    }
}

/* ---- attention to all tokens ------------------------------------------------------------------- */

/* One head of one prompt: rows of q, k, v, y and their adjoints are C apart. */
typedef struct {
    int T, K, C;
    il_real scale;
    const il_real *q, *k, *v, *y, *dy, *mask;
    il_real *dq, *dk, *dv, *dmask;
    il_real *e; /* scratch (T): exp(s_ij) / sum_l m_l exp(s_il) */
} whole;

static whole whole_at(const il_op *op, il_state *s, int b, int h)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), T = s->tokens, K = C / H;
    size_t at = (size_t)b * (size_t)T * (size_t)C + (size_t)(h * K);
    size_t row = (size_t)b * (size_t)T;
    int masked = op->n_in == 4;
    whole a = { .T = T, .K = K, .C = C, .scale = (il_real)(1 / sqrt(K)) };
    a.q = il_x(op, s, 0) + at, a.k = il_x(op, s, 1) + at, a.v = il_x(op, s, 2) + at;
    a.y = il_y(op, s) + at;
    a.mask = masked ? il_x(op, s, 3) + row : NULL;
    a.e = s->work;
    if (!s->window) return a;
    a.dy = il_dy(op, s) + at;
    a.dq = il_dx(op, s, 0) ? il_dx(op, s, 0) + at : NULL;
    a.dk = il_dx(op, s, 1) ? il_dx(op, s, 1) + at : NULL;
    a.dv = il_dx(op, s, 2) ? il_dx(op, s, 2) + at : NULL;
    a.dmask = masked && il_dx(op, s, 3) ? il_dx(op, s, 3) + row : NULL;
    return a;
}

static il_real mask_of(const whole *a, int j) { return a->mask ? a->mask[j] : 1; }

/* e_j = exp(s_ij) / sum_l m_l exp(s_il) of token i */
static void weigh(const whole *a, int i)
{
    const il_kernels *k = il_kernel();
    const il_real *q = a->q + (size_t)i * (size_t)a->C;
    il_real most = -INFINITY, sum = 0;
    for (int j = 0; j < a->T; j++) {
        if (mask_of(a, j) == 0) continue;
        a->e[j] = a->scale * k->dot(q, a->k + (size_t)j * (size_t)a->C, a->K);
        if (a->e[j] > most) most = a->e[j];
    }
    for (int j = 0; j < a->T; j++) a->e[j] = mask_of(a, j) != 0 ? a->e[j] - most : 0;
    k->exp(a->e, a->e, (size_t)a->T);
    for (int j = 0; j < a->T; j++) sum += mask_of(a, j) * a->e[j];
    sum = sum > 0 ? 1 / sum : 0;
    for (int j = 0; j < a->T; j++) a->e[j] *= sum;
}

static void whole_forward(const whole *a, il_real *y)
{
    for (int i = 0; i < a->T; i++, y += a->C) {
        weigh(a, i);
        memset(y, 0, sizeof *y * (size_t)a->K);
        for (int j = 0; j < a->T; j++)
            if (mask_of(a, j) != 0)
                il_kernel()->axpy(y, mask_of(a, j) * a->e[j],
                                  a->v + (size_t)j * (size_t)a->C, (size_t)a->K);
    }
}

static int is_zero(const il_real *x, int n)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0) return 0;
    return 1;
}

/* A token whose output nobody reads, as of examples in the last layer, costs nothing. */
static void whole_backward(const whole *a)
{
    const il_kernels *k = il_kernel();
    size_t C = (size_t)a->C, K = (size_t)a->K;
    for (int i = 0; i < a->T; i++) {
        const il_real *dy = a->dy + (size_t)i * C, *q = a->q + (size_t)i * C;
        if (is_zero(dy, a->K)) continue;
        il_real D = k->dot(dy, a->y + (size_t)i * C, a->K);
        weigh(a, i);
        for (int j = 0; j < a->T; j++) {
            size_t row = (size_t)j * C;
            il_real m = mask_of(a, j), through;
            if (m == 0) continue;
            through = a->e[j] * (k->dot(dy, a->v + row, a->K) - D);
            if (a->dmask) a->dmask[j] += through;
            if (a->dv) k->axpy(a->dv + row, m * a->e[j], dy, K);
            if (a->dq)
                k->axpy(a->dq + (size_t)i * C, a->scale * m * through, a->k + row, K);
            if (a->dk) k->axpy(a->dk + row, a->scale * m * through, q, K);
        }
    }
}

/* ---- both --------------------------------------------------------------------------------------- */

static void forward(const il_op *op, il_state *s)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), K = C / H;
    for (int b = 0; b < s->prompts && !of(op)->causal; b++)
        for (int h = 0; h < H; h++) {
            whole a = whole_at(op, s, b, h);
            whole_forward(&a, il_y(op, s) + (a.y - il_y(op, s)));
        }
    if (!of(op)->causal) return;
    il_real scale = (il_real)(1 / sqrt(K)), *remembered = il_memory(op, s);
    if (remembered) {
        remember_and_attend(op, s, remembered);
        return;
    }
    strips x = strips_of(op, s->value, C);
    for (int b = 0; b < s->prompts; b++)
        for (int h = 0; h < H; h++) {
            head a = head_at(op, s, b, h);
            il_kernel()->attention_forward(il_y(op, s) + a.y, C, il_save(op, s, 0) + a.stat,
                                           x.q + a.qkv, x.k + a.qkv, x.v + a.qkv, x.ld,
                                           s->tokens, K, scale, s->work);
        }
}

static void backward(const il_op *op, il_state *s)
{
    int H = of(op)->heads, C = il_width(s->plan, op->out), K = C / H;
    for (int b = 0; b < s->prompts && !of(op)->causal; b++)
        for (int h = 0; h < H; h++) {
            whole a = whole_at(op, s, b, h);
            whole_backward(&a);
        }
    if (!of(op)->causal) return;
    il_real scale = (il_real)(1 / sqrt(K));
    strips x = strips_of(op, s->value, C), dx = strips_of(op, s->dvalue, C);
    for (int b = 0; b < s->prompts; b++)
        for (int h = 0; h < H; h++) {
            head a = head_at(op, s, b, h);
            il_kernel()->attention_backward(
                dx.q + a.qkv, dx.k + a.qkv, dx.v + a.qkv, dx.ld, il_dy(op, s) + a.y,
                il_y(op, s) + a.y, C, il_save(op, s, 0) + a.stat, x.q + a.qkv, x.k + a.qkv,
                x.v + a.qkv, x.ld, s->tokens, K, scale, s->work);
        }
}

static void heads(const il_op *op, const il_plan *p, il_heads *h)
{
    int C = il_width(p, op->out);
    h->heads = of(op)->heads;
    h->key = h->value = C / h->heads;
    h->weights = IL_HEADS_SOFTMAX;
    h->whole = !of(op)->causal;
    if (op->n_in == 4) h->input[IL_ROLE_MASK] = 3;
    for (int i = IL_ROLE_QUERY; i <= IL_ROLE_VALUE; i++) {
        h->input[i] = op->n_in >= 3 ? i : 0;
        h->column[i] = op->n_in >= 3 ? 0 : i * C;
    }
}

/* Scores and their sums of values, T x T each */
static double flop(const il_op *op, const il_plan *p, int tokens)
{
    return 4.0 * tokens * il_width(p, op->out);
}

const il_op_kind il_op_attention = {
    .name = "attention",
    .summary = "softmax attention of H heads, causal or not",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 4,
    .shape = shape,
    .heads = heads,
    .forward = forward,
    .backward = backward,
    .flop = flop,
    .mixes = 1,
};
