/* gelu.c - the Gaussian error linear unit in its tanh form, element-wise
 *
 *   y = x/2 (1 + tanh(u)),   u = sqrt(2/pi) (x + 0.044715 x^3)
 *
 * Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.
 */
#include "op/op.h"

static const char *const cases[] = { "width=5", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = 1;
    return il_shape_same(p, op, err);
}

static void forward(const il_op *op, il_state *s)
{
    il_kernel()->gelu_forward(il_y(op, s), il_x(op, s, 0), il_size(op, s));
}

static void backward(const il_op *op, il_state *s)
{
    il_kernel()->gelu_backward(il_dx(op, s, 0), il_dy(op, s), il_x(op, s, 0),
                               il_size(op, s));
}

const il_op_kind il_op_gelu = {
    .name = "gelu",
    .summary = "Gaussian error linear unit, tanh form",
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
