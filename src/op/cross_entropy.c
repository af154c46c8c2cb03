/* cross_entropy.c - binary cross-entropy: logistic loss of a score against a label of -1 or +1
 *
 *   loss += sum_m weight_m log(1 + exp(-z)),  z = label_m score_m
 *   dscore -= scale weight_m label_m / (1 + exp(z))
 *
 * This is the binary cross-entropy of sigmoid(score) with (label + 1) / 2. For large |z| it is
 * computed as max(-z, 0) + log(1 + exp(-|z|)), which does not overflow.
 */
#include "op/op.h"

static const char *const cases[] = { "width=1", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    for (int i = 0; i < 3; i++)
        if (il_width(p, op->in[i]) != 1)
            return il_fail(err, IL_ECONFIG, "%s: input %d is %d wide, not 1", op->name, i,
                           il_width(p, op->in[i]));
    op->out = il_slot_new(p, op, "", 1); /* each row's loss */
    op->reads = 7;
    return IL_OK;
}

static void forward(const il_op *op, il_state *s)
{
    const il_real *score = il_x(op, s, 0), *label = il_x(op, s, 1),
                  *weight = il_x(op, s, 2);
    for (int m = 0; m < il_rows(s); m++) {
        il_real z = score[m] * label[m], e = z < 0 ? z : -z, l;
        il_kernel()->exp(&e, &e, 1);
        e += 1;
        il_kernel()->log(&l, &e, 1);
        l += z < 0 ? -z : 0;
        il_y(op, s)[m] = l;
        if (weight[m] != 0) s->loss += (double)weight[m] * (double)l;
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_real *score = il_x(op, s, 0), *label = il_x(op, s, 1),
                  *weight = il_x(op, s, 2);
    il_real *dscore = il_dx(op, s, 0);
    for (int m = 0; m < il_rows(s); m++) {
        il_real z = score[m] * label[m], e = z < 0 ? z : -z;
        il_kernel()->exp(&e, &e, 1);
        il_real miss = (z < 0 ? 1 : e) / (1 + e); /* 1 / (1 + exp(z)) */
        if (weight[m] != 0) dscore[m] -= s->loss_scale * weight[m] * label[m] * miss;
    }
}

const il_op_kind il_op_cross_entropy = {
    .name = "cross_entropy",
    .summary = "logistic loss of a score against a label of -1 or +1",
    .cases = cases,
    .least_in = 3,
    .most_in = 3,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .skips = 1,
};
