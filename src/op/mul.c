/* mul.c - the element-wise product of two slots:  y = a b;  da += dy b, db += dy a */
#include "op/op.h"

static const char *const cases[] = { "width=5 inputs=2", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = 3;
    return il_shape_same(p, op, err);
}

static void forward(const il_op *op, il_state *s)
{
    il_kernel()->mul(il_y(op, s), il_x(op, s, 0), il_x(op, s, 1), il_size(op, s));
}

static void backward(const il_op *op, il_state *s)
{
    for (int i = 0; i < 2; i++)
        if (il_dx(op, s, i))
            il_kernel()->muladd(il_dx(op, s, i), il_dy(op, s), il_x(op, s, 1 - i),
                                il_size(op, s));
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
    .skips = 1,
};
