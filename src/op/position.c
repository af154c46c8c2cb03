/* position.c - learned absolute positions, added to one slot or to the sum of two
 *
 *   y[t] = a[t] (+ b[t]) + P[t],   P (positions, C)
 *   da += dy, db += dy, dP[t] += dy[t] summed over prompts
 */
#include "op/op.h"

typedef struct {
    int positions;
    double std;
} options;
static const il_opt opts[] = {
    { "positions", IL_OPT_INT, offsetof(options, positions), 64, 1, 1 << 20,
      "rows of the table" },
    { "std", IL_OPT_REAL, offsetof(options, std), 0.02, 0, 1e3,
      "deviation of initial rows" },
    { 0 },
};
static const char *const cases[] = { "width=5", "width=3 inputs=2 positions=9", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = op->opts;
    op->par[0] = il_param_new(p, op, "weight", IL_INIT_NORMAL, o->std, o->positions,
                              il_width(p, op->in[0]));
    p->most_tokens = il_min(p->most_tokens, o->positions);
    return il_shape_same(p, op, err);
}

static void forward(const il_op *op, il_state *s)
{
    const il_kernels *k = il_kernel();
    size_t size = (size_t)s->tokens * (size_t)il_columns(op, s, 0);
    for (int b = 0; b < s->prompts; b++) {
        size_t at = size * (size_t)b;
        il_real *y = il_y(op, s) + at;
        const il_real *x = il_x(op, s, 0) + at;
        if (op->n_in == 2) {
            k->add(y, x, il_x(op, s, 1) + at, size);
            x = y;
        }
        k->add(y, x, il_w(op, s, 0) + (size_t)s->past * (size_t)il_columns(op, s, 0), size);
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_kernels *k = il_kernel();
    size_t size = (size_t)s->tokens * (size_t)il_columns(op, s, 0);
    for (int b = 0; b < s->prompts; b++)
        k->add(il_dw(op, s, 0), il_dw(op, s, 0), il_dy(op, s) + size * (size_t)b, size);
    for (int i = 0; i < op->n_in; i++)
        if (il_dx(op, s, i))
            k->add(il_dx(op, s, i), il_dx(op, s, i), il_dy(op, s),
                   size * (size_t)s->prompts);
}

const il_op_kind il_op_position = {
    .name = "position",
    .summary = "adds learned absolute positions to one slot or to the sum of two",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 2,
    .shape = shape,
    .forward = forward,
    .again = forward,
    .backward = backward,
    .skips = 1,
};
