/* clip.c - every number clamped to [-limit, limit]
 *
 *   y = min(max(x, -limit), limit);   dx += dy where |x| < limit
 */
#include "op/op.h"

typedef struct {
    double limit;
} options;
static const il_opt opts[] = {
    { "limit", IL_OPT_REAL, offsetof(options, limit), 1, 1e-30, 1e30, "largest magnitude",
      NULL },
    { 0 },
};
static const char *const cases[] = { "width=5", "width=3 limit=0.3", NULL };

static il_real limit_of(const il_op *op) { return (il_real)((options *)op->opts)->limit; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    op->reads = IL_READS_OUT; /* at the limit or not */
    return il_shape_same(p, op, err);
}

static void forward(const il_op *op, il_state *s)
{
    il_real limit = limit_of(op), *y = il_y(op, s);
    const il_real *x = il_x(op, s, 0);
    for (size_t i = 0, n = il_size(op, s); i < n; i++) {
        il_real low = x[i] < -limit ? -limit : x[i];
        y[i] = low > limit ? limit : low;
    }
}

static void backward(const il_op *op, il_state *s)
{
    il_real limit = limit_of(op), *dx = il_dx(op, s, 0);
    const il_real *y = il_y(op, s), *dy = il_dy(op, s);
    for (size_t i = 0, n = il_size(op, s); i < n; i++)
        dx[i] += y[i] > -limit && y[i] < limit ? dy[i] : 0;
}

const il_op_kind il_op_clip = {
    .name = "clip",
    .summary = "clamps every number to [-limit, limit]",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .form = IL_FORM_CLIP,
    .forward = forward,
    .again = forward,
    .backward = backward,
};
