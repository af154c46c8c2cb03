/* mul.c - the element-wise product of two slots:  y = a b;  da += dy b, db += dy a */
#include "op/op.h"

static const char *const cases[] = { "width=5 inputs=2", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int C = il_width(p, op->in[0]);
    if (il_width(p, op->in[1]) != C)
        return il_fail(err, IL_ECONFIG, "%s: inputs are %d and %d wide", op->name, C,
                       il_width(p, op->in[1]));
    op->out = il_slot_new(p, op, "", C);
    op->reads = op->again_reads = 3;
    op->cheap = 1;
    return IL_OK;
}

static size_t size(const il_op *op, const il_state *s)
{
    return (size_t)il_rows(s) * (size_t)il_columns(op, s, 0);
}

static void forward(const il_op *op, il_state *s)
{
    il_kernel()->mul(il_y(op, s), il_x(op, s, 0), il_x(op, s, 1), size(op, s));
}

static void backward(const il_op *op, il_state *s)
{
    for (int i = 0; i < 2; i++)
        if (il_dx(op, s, i))
            il_kernel()->muladd(il_dx(op, s, i), il_dy(op, s), il_x(op, s, 1 - i),
                                size(op, s));
}

const il_op_kind il_op_mul = {
    .name = "mul",
    .summary = "element-wise product of two slots",
    .cases = cases,
    .least_in = 2,
    .most_in = 2,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
