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
    (void)err; /* every width is welcome */
    op->out = il_slot_new(p, op, "", il_width(p, op->in[0]));
    op->reads = op->again_reads = 1;
    op->cheap = 1;
    return IL_OK;
}

static size_t size(const il_op *op, const il_state *s)
{
    return (size_t)il_rows(s) * (size_t)il_columns(op, s, 0);
}

static void forward(const il_op *op, il_state *s)
{
    il_kernel()->gelu_forward(il_y(op, s), il_x(op, s, 0), size(op, s));
}

static void backward(const il_op *op, il_state *s)
{
    il_kernel()->gelu_backward(il_dx(op, s, 0), il_dy(op, s), il_x(op, s, 0), size(op, s));
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
