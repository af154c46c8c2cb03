/* conv.c - a short causal convolution over time, each channel by itself
 *
 *   y_t = sum_{i < taps} w_i x_{t-i},   x before the prompt is 0;   weights (taps, C)
 *   dx_t += sum_i w_i dy_{t+i},   dw_i += sum_t dy_t x_{t-i}
 *
 * Token by token, the last taps - 1 inputs are carried along.
 */
#include "op/op.h"

#include <math.h>

typedef struct {
    int taps;
} options;
static const il_opt opts[] = {
    { "taps", IL_OPT_INT, offsetof(options, taps), 4, 1, 64, "tokens that a token sees" },
    { 0 },
};
static const char *const cases[] = { "width=5", "width=3 taps=1", "width=4 taps=7", NULL };

static int taps_of(const il_op *op)
{
    const options *o = op->opts;
    return o->taps;
}

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int C = il_width(p, op->in[0]), n = taps_of(op);
    op->par[0] = il_param_new(p, op, "weight", IL_INIT_UNIFORM, 1 / sqrt(n), n, C);
    op->reads = 1;
    il_recurrent_new(p, op, il_max(n - 1, 1) * C); /* oldest first */
    return il_shape_same(p, op, err);
}

/* y_t of token t of rows x, with what came before row 0 in `past` (oldest first), or NULL */
static void mix(il_real *y, const il_real *x, const il_real *past, const il_real *w, int t,
                int taps, size_t C)
{
    const il_kernels *k = il_kernel();
    k->mul(y, w, x + (size_t)t * C, C);
    for (int i = 1; i < taps; i++) {
        const il_real *earlier =
            t >= i ? x + (size_t)(t - i) * C
                   : (past ? past + (size_t)(taps - 1 + t - i) * C : NULL);
        if (earlier) k->muladd(y, w + (size_t)i * C, earlier, C);
    }
}

/* Appends a token to the past. */
static void push(il_real *past, const il_real *x, int taps, size_t C)
{
    if (taps < 2) return;
    size_t rest = (size_t)(taps - 2) * C;
    memmove(past, past + C, sizeof *x * rest);
    memcpy(past + rest, x, sizeof *x * C);
}

static void forward(const il_op *op, il_state *s)
{
    int n = taps_of(op);
    size_t C = (size_t)il_columns(op, s, 0), prompt = (size_t)s->tokens * C;
    const il_real *x = il_x(op, s, 0), *w = il_w(op, s, 0);
    il_real *y = il_y(op, s), *past = il_recurrent(op, s);
    if (past && s->past == 0) memset(past, 0, sizeof *past * (size_t)op->recurs);
    for (int b = 0; b < s->prompts; b++, x += prompt, y += prompt)
        for (int t = 0; t < s->tokens; t++) mix(y + (size_t)t * C, x, past, w, t, n, C);
    if (past)
        for (int t = 0; t < s->tokens; t++) push(past, x - prompt + (size_t)t * C, n, C);
}

static void backward(const il_op *op, il_state *s)
{
    const il_kernels *k = il_kernel();
    int n = taps_of(op);
    size_t C = (size_t)il_columns(op, s, 0), prompt = (size_t)s->tokens * C;
    const il_real *x = il_x(op, s, 0), *dy = il_dy(op, s), *w = il_w(op, s, 0);
    il_real *dx = il_dx(op, s, 0), *dw = il_dw(op, s, 0);
    for (int b = 0; b < s->prompts; b++, x += prompt, dx += prompt, dy += prompt)
        for (int i = 0; i < il_min(n, s->tokens); i++) {
            size_t at = (size_t)i * C;
            for (size_t t = 0; t + at < prompt; t += C) {
                k->muladd(dw + at, dy + at + t, x + t, C);
                k->muladd(dx + t, w + at, dy + at + t, C);
            }
        }
}

static double flop(const il_op *op, const il_plan *p, int tokens)
{
    (void)tokens;
    return 2.0 * taps_of(op) * il_width(p, op->out);
}

const il_op_kind il_op_conv = {
    .name = "conv",
    .summary = "short causal convolution over time, channel by channel",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
    .flop = flop,
    .mixes = 1,
};
