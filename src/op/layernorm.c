/* layernorm.c - every token to mean 0 and variance 1, then gain and bias
 *
 *   y = gain z + bias,   z = (x - mean(x)) r,   r = 1 / sqrt(var(x) + eps),  biased variance
 *
 * Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450. With dz = dy gain:
 *   dx += r (dz - mean(dz) - z mean(dz z)),  dgain += dy z,  dbias += dy
 */
#include "op/op.h"

typedef struct {
    double eps;
} options;
static const il_opt opts[] = {
    { "eps", IL_OPT_REAL, offsetof(options, eps), 1e-5, 0, 1, "added to the variance" },
    { 0 },
};
static const char *const cases[] = { "width=8", "width=3 eps=0.1", "width=33", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    (void)err; /* every width is welcome */
    int C = il_width(p, op->in[0]);
    op->save[0] = il_slot_new(p, op, "stat", 2);
    op->par[0] = il_param_new(p, op, "weight", IL_INIT_ONE, 0, 0, C);
    op->par[1] = il_param_new(p, op, "bias", IL_INIT_ZERO, 0, 0, C);
    op->out = il_slot_new(p, op, "", C);
    op->reads = op->again_reads = 1;
    op->cheap = 1;
    return IL_OK;
}

static void normalise(const il_op *op, il_state *s, int stat_given)
{
    const options *o = op->opts;
    il_kernel()->layernorm_forward(il_y(op, s), il_save(op, s, 0), stat_given,
                                   il_x(op, s, 0), il_w(op, s, 0), il_w(op, s, 1),
                                   il_rows(s), il_columns(op, s, 0), (il_real)o->eps);
}

static void forward(const il_op *op, il_state *s) { normalise(op, s, 0); }
static void again(const il_op *op, il_state *s) { normalise(op, s, 1); }

static void backward(const il_op *op, il_state *s)
{
    il_kernel()->layernorm_backward(il_dx(op, s, 0), il_dw(op, s, 0), il_dw(op, s, 1),
                                    il_dy(op, s), il_x(op, s, 0), il_w(op, s, 0),
                                    il_save(op, s, 0), il_rows(s), il_columns(op, s, 0));
}

const il_op_kind il_op_layernorm = {
    .name = "layernorm",
    .summary = "mean 0 and variance 1 for every token, then gain and bias",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .form = IL_FORM_NORM,
    .forward = forward,
    .again = again,
    .backward = backward,
};
