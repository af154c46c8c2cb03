/* silu.c - x times its logistic function, element-wise
 *
 *   y = x s,   s = 1 / (1 + exp(-x));   dx += dy (s + x s (1 - s)),   1 - s = exp(-x) s
 *
 * Source: Hendrycks & Gimpel 2016, arXiv:1606.08415; Elfwing, Uchibe & Doya 2018, arXiv:1702.03118.
 */
#include "op/op.h"

static const char *const cases[] = { "width=5", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = 1;
    return il_shape_same(p, op, err);
}

enum { BLOCK = 256 };

/* e = exp(-x) of the next n <= BLOCK numbers, at most 1e30 */
static void exp_of_minus(il_real *e, const il_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) e[i] = x[i] < -69 ? 69 : -x[i];
    il_kernel()->exp(e, e, n);
}

static void forward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0);
    il_real *y = il_y(op, s), e[BLOCK];
    for (size_t at = 0, n = il_size(op, s); at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        exp_of_minus(e, x + at, count);
        for (size_t i = 0; i < count; i++) y[at + i] = x[at + i] / (1 + e[i]);
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0), *dy = il_dy(op, s);
    il_real *dx = il_dx(op, s, 0), e[BLOCK];
    for (size_t at = 0, n = il_size(op, s); at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        exp_of_minus(e, x + at, count);
        for (size_t i = 0; i < count; i++) {
            il_real sigma = 1 / (1 + e[i]);
            dx[at + i] += dy[at + i] * (sigma + x[at + i] * (sigma * (e[i] * sigma)));
        }
    }
}

const il_op_kind il_op_silu = {
    .name = "silu",
    .summary = "x times its logistic function",
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
