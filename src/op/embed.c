/* embed.c - token embedding: one learned row per id
 *
 *   y[m] = E[id_m],   E (classes, C);   dE[id_m] += dy[m], rows in order
 *
 * The input holds ids from 0 to classes - 1, whole numbers that float keeps exactly.
 */
#include "op/op.h"

#include <assert.h>

typedef struct {
    int classes, out;
    double std;
} options;
static const il_opt opts[] = {
    { "classes", IL_OPT_INT, offsetof(options, classes), 256, 1, 1 << 24,
      "rows of the table" },
    { "out", IL_OPT_INT, offsetof(options, out), 1, 1, 1 << 20, "width of the output" },
    { "std", IL_OPT_REAL, offsetof(options, std), 0.02, 0, 1e3,
      "deviation of initial rows" },
    { 0 },
};
static const char *const cases[] = { "width=1 classes=3 out=5", "width=1 classes=7 out=1",
                                     NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = op->opts;
    if (il_width(p, op->in[0]) != 1)
        return il_fail(err, IL_ECONFIG, "%s: an id is 1 wide, not %d", op->name,
                       il_width(p, op->in[0]));
    op->par[0] = il_param_new(p, op, "weight", IL_INIT_NORMAL, o->std, o->classes, o->out);
    op->out = il_slot_new(p, op, "", o->out);
    op->reads = op->again_reads = 1;
    op->cheap = 1;
    return IL_OK;
}

/* Where the row of token m begins */
static size_t row(const il_op *op, const il_state *s, int m)
{
    const options *o = op->opts;
    int id = (int)il_x(op, s, 0)[m];
    assert(id >= 0 && id < o->classes);
    return (size_t)id * (size_t)o->out;
}

static void forward(const il_op *op, il_state *s)
{
    size_t C = (size_t)il_width(s->plan, op->out);
    for (int m = 0; m < il_rows(s); m++)
        memcpy(il_y(op, s) + (size_t)m * C, il_w(op, s, 0) + row(op, s, m),
               C * sizeof(il_real));
}

static void backward(const il_op *op, il_state *s)
{
    size_t C = (size_t)il_width(s->plan, op->out);
    for (int m = 0; m < il_rows(s); m++) {
        il_real *dE = il_dw(op, s, 0) + row(op, s, m);
        il_kernel()->add(dE, dE, il_dy(op, s) + (size_t)m * C, C);
    }
}

const il_op_kind il_op_embed = {
    .name = "embed",
    .summary = "a learned row for every class",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
    .skips = 1,
    .ids = 1,
};
