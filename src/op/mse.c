/* mse.c - weighted squared error of a prediction
 *
 *   loss += sum_m weight_m |p_m - t_m|^2,   dp += 2 scale weight_m (p_m - t_m)
 *
 * `scale` is the run's il_state.loss_scale: 1 / (total weight x loops with a loss) for a mean.
 */
#include "op/op.h"

static const char *const cases[] = { "width=1", "width=3", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    if (il_width(p, op->in[0]) != il_width(p, op->in[1]) || il_width(p, op->in[2]) != 1)
        return il_fail(err, IL_ECONFIG,
                       "%s: prediction and target must be equally wide and the weight 1 "
                       "wide; they are %d, %d, %d",
                       op->name, il_width(p, op->in[0]), il_width(p, op->in[1]),
                       il_width(p, op->in[2]));
    op->out = il_slot_new(p, op, "", 1); /* each row's loss */
    op->reads = 7;
    return IL_OK;
}

static void forward(const il_op *op, il_state *s)
{
    const il_real *p = il_x(op, s, 0), *t = il_x(op, s, 1), *weight = il_x(op, s, 2);
    int C = il_columns(op, s, 0);
    for (int m = 0; m < il_rows(s); m++, p += C, t += C) {
        double sum = 0;
        for (int c = 0; c < C; c++)
            sum += ((double)p[c] - (double)t[c]) * ((double)p[c] - (double)t[c]);
        il_y(op, s)[m] = (il_real)sum;
        if (weight[m] != 0) s->loss += (double)weight[m] * sum;
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_real *p = il_x(op, s, 0), *t = il_x(op, s, 1), *weight = il_x(op, s, 2);
    il_real *dp = il_dx(op, s, 0);
    int C = il_columns(op, s, 0);
    for (int m = 0; m < il_rows(s); m++, p += C, t += C, dp += C)
        if (weight[m] != 0)
            for (int c = 0; c < C; c++)
                dp[c] += 2 * s->loss_scale * weight[m] * (p[c] - t[c]);
}

const il_op_kind il_op_mse = {
    .name = "mse",
    .summary = "weighted squared error of a prediction",
    .cases = cases,
    .least_in = 3,
    .most_in = 3,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .skips = 1,
};
