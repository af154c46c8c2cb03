/* add.c - the sum of two slots:  y = a + b;  da += dy, db += dy */
#include "op/op.h"

static const char *const cases[] = { "width=5 inputs=2", NULL };

static void forward(const il_op *op, il_state *s)
{
    il_kernel()->add(il_y(op, s), il_x(op, s, 0), il_x(op, s, 1), il_size(op, s));
}

static void backward(const il_op *op, il_state *s)
{
    for (int i = 0; i < 2; i++)
        if (il_dx(op, s, i))
            il_kernel()->add(il_dx(op, s, i), il_dx(op, s, i), il_dy(op, s),
                             il_size(op, s));
}

const il_op_kind il_op_add = {
    .name = "add",
    .summary = "sum of two slots",
    .cases = cases,
    .least_in = 2,
    .most_in = 2,
    .shape = il_shape_same,
    .forward = forward,
    .again = forward,
    .backward = backward,
    .skips = 1,
};
