/* sigmoid.c - the logistic function, for gates
 *
 *   y = 1 / (1 + exp(-(x + shift)));   dx += dy y (1 - y)
 *
 * 1 - y is formed as exp(-(x + shift)) y, so that a gate near 1 keeps its slope.
 */
#include "op/op.h"

typedef struct {
    double shift;
} options;
static const il_opt opts[] = {
    { "shift", IL_OPT_REAL, offsetof(options, shift), 0, -1e3, 1e3,
      "added first: where the gate stands when its input is 0" },
    { 0 },
};
static const char *const cases[] = { "width=5", "width=3 shift=4", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = 1;
    return il_shape_same(p, op, err);
}

enum { BLOCK = 256 };

/* e = exp(-(x + shift)) of the next n <= BLOCK numbers, at most 1e30 */
static void exp_of_minus(il_real *e, const il_real *x, il_real shift, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        il_real z = -(x[i] + shift);
        e[i] = z > 69 ? 69 : z;
    }
    il_kernel()->exp(e, e, n);
}

static il_real shift_of(const il_op *op)
{
    const options *o = op->opts;
    return (il_real)o->shift;
}

static void forward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0);
    il_real *y = il_y(op, s), e[BLOCK];
    for (size_t at = 0, n = il_size(op, s); at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        exp_of_minus(e, x + at, shift_of(op), count);
        for (size_t i = 0; i < count; i++) y[at + i] = 1 / (1 + e[i]);
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0), *dy = il_dy(op, s);
    il_real *dx = il_dx(op, s, 0), e[BLOCK];
    for (size_t at = 0, n = il_size(op, s); at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        exp_of_minus(e, x + at, shift_of(op), count);
        for (size_t i = 0; i < count; i++) {
            il_real y = 1 / (1 + e[i]);
            dx[at + i] += dy[at + i] * (y * (e[i] * y));
        }
    }
}

const il_op_kind il_op_sigmoid = {
    .name = "sigmoid",
    .summary = "logistic function, for gates",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
