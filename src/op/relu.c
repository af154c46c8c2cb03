/* relu.c - the rectified linear unit:  y = max(0, x);  dx += dy where x > 0 */
#include "op/op.h"

static const char *const cases[] = { "width=5", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = 1;
    return il_shape_same(p, op, err);
}

static void forward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0);
    il_real *y = il_y(op, s);
    for (size_t i = 0, n = il_size(op, s); i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays NaN */
}

static void backward(const il_op *op, il_state *s)
{
    const il_real *x = il_x(op, s, 0), *dy = il_dy(op, s);
    il_real *dx = il_dx(op, s, 0);
    for (size_t i = 0, n = il_size(op, s); i < n; i++) dx[i] += x[i] > 0 ? dy[i] : 0;
}

const il_op_kind il_op_relu = {
    .name = "relu",
    .summary = "rectified linear unit",
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
