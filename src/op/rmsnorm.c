/* rmsnorm.c - root-mean-square normalisation of every token
 *
 *   y = gain z,   z = r x,   r = 1 / sqrt(mean(x^2) + eps)
 *
 * Source: Zhang & Sennrich 2019, arXiv:1910.07467. With dz = dy gain:
 *   dx += r (dz - z mean(dz z)),  dgain += dy z
 */
#include "op/op.h"

typedef struct {
    double eps;
} options;
static const il_opt opts[] = {
    { "eps", IL_OPT_REAL, offsetof(options, eps), 1e-5, 0, 1, "added to the mean square" },
    { 0 },
};
static const char *const cases[] = { "width=8", "width=3 eps=0.1", "width=33", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    (void)err; /* every width is welcome */
    int C = il_width(p, op->in[0]);
    op->save[0] = il_slot_new(p, op, "stat", 1);
    op->par[0] = il_param_new(p, op, "weight", IL_INIT_ONE, 0, 0, C);
    op->out = il_slot_new(p, op, "", C);
    op->reads = op->again_reads = 1;
    op->cheap = 1;
    return IL_OK;
}

static void normalise(const il_op *op, il_state *s, int stat_given)
{
    const options *o = op->opts;
    il_kernel()->rmsnorm_forward(il_y(op, s), il_save(op, s, 0), stat_given, il_x(op, s, 0),
                                 il_w(op, s, 0), il_rows(s), il_columns(op, s, 0),
                                 (il_real)o->eps);
}

static void forward(const il_op *op, il_state *s) { normalise(op, s, 0); }
static void again(const il_op *op, il_state *s) { normalise(op, s, 1); }

static void backward(const il_op *op, il_state *s)
{
    il_kernel()->rmsnorm_backward(il_dx(op, s, 0), il_dw(op, s, 0), il_dy(op, s),
                                  il_x(op, s, 0), il_w(op, s, 0), il_save(op, s, 0),
                                  il_rows(s), il_columns(op, s, 0));
}

const il_op_kind il_op_rmsnorm = {
    .name = "rmsnorm",
    .summary = "divides every token by its root mean square, then gain",
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
