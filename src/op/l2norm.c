/* l2norm.c - every group of channels divided by its length
 *
 *   y = r x,   r = 1 / sqrt(|x|^2 + eps)   for each of `groups` equal parts of a token
 *
 * which is root-mean-square normalisation with eps / K and gain 1 / sqrt(K), K channels a group;
 * so those kernels serve:  dx += r (dy - y (y . dy)).
 * Source: Schlag, Irie & Schmidhuber 2021, arXiv:2102.11174 (of queries and keys).
 */
#include "op/op.h"

#include <math.h>

typedef struct {
    int groups;
    double eps;
} options;
static const il_opt opts[] = {
    { "groups", IL_OPT_INT, offsetof(options, groups), 1, 1, 1 << 20,
      "equal parts of a token, each of length 1 afterwards" },
    { "eps", IL_OPT_REAL, offsetof(options, eps), 1e-12, 0, 1,
      "added to the squared length" },
    { 0 },
};
static const char *const cases[] = { "width=8", "width=12 groups=3 eps=0.1",
                                     "width=40 groups=2", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = op->opts;
    int C = il_width(p, op->in[0]);
    if (C % o->groups)
        return il_fail(err, IL_ECONFIG, "%s: %d groups do not divide %d columns", op->name,
                       o->groups, C);
    op->save[0] = il_slot_new(p, op, "stat", o->groups);
    op->out = il_slot_new(p, op, "", C);
    op->reads = op->again_reads = 1;
    op->cheap = 1;
    il_work_new(p, 2 * (size_t)(C / o->groups), 0);
    return IL_OK;
}

typedef struct {
    int M, K;
    il_real *gain, *dgain; /* scratch; nobody asks for the gain's gradient */
} parts;

static parts parts_of(const il_op *op, const il_state *s)
{
    const options *o = op->opts;
    int K = il_columns(op, s, 0) / o->groups;
    parts a = {
        .M = il_rows(s) * o->groups, .K = K, .gain = s->work, .dgain = s->work + K
    };
    for (int c = 0; c < K; c++) {
        a.gain[c] = (il_real)(1 / sqrt(K));
        a.dgain[c] = 0;
    }
    return a;
}

static void normalise(const il_op *op, il_state *s, int stat_given)
{
    const options *o = op->opts;
    parts a = parts_of(op, s);
    il_kernel()->rmsnorm_forward(il_y(op, s), il_save(op, s, 0), stat_given, il_x(op, s, 0),
                                 a.gain, a.M, a.K, (il_real)(o->eps / a.K));
}

static void forward(const il_op *op, il_state *s) { normalise(op, s, 0); }
static void again(const il_op *op, il_state *s) { normalise(op, s, 1); }

static void backward(const il_op *op, il_state *s)
{
    parts a = parts_of(op, s);
    il_kernel()->rmsnorm_backward(il_dx(op, s, 0), a.dgain, il_dy(op, s), il_x(op, s, 0),
                                  a.gain, il_save(op, s, 0), a.M, a.K);
}

const il_op_kind il_op_l2norm = {
    .name = "l2norm",
    .summary = "divides groups of channels by their length",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = again,
    .backward = backward,
};
