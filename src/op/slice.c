/* slice.c - some columns of every token, times a factor
 *
 *   y[c] = scale x[from + c],   dx[from + c] += scale dy[c]
 */
#include "op/op.h"

typedef struct {
    int from, width;
    double scale;
} options;
static const il_opt opts[] = {
    { "from", IL_OPT_INT, offsetof(options, from), 0, 0, 1 << 20, "first column", NULL },
    { "out", IL_OPT_INT, offsetof(options, width), 1, 1, 1 << 20, "how many columns",
      NULL },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, -1e6, 1e6, "factor", NULL },
    { 0 },
};
static const char *const cases[] = { "width=5", "width=5 from=2 out=3 scale=-1", NULL };

static const options *of(const il_op *op) { return op->opts; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    int width = il_width(p, op->in[0]);
    if (of(op)->from + of(op)->width > width)
        return il_fail(err, IL_ECONFIG, "%s: columns %d to %d of %d", op->name,
                       of(op)->from, of(op)->from + of(op)->width - 1, width);
    op->out = il_slot_new(p, op, "", of(op)->width);
    op->again_reads = 1;
    op->cheap = 1;
    return IL_OK;
}

static void forward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0), n = of(op)->width;
    il_real scale = (il_real)of(op)->scale, *y = il_y(op, s);
    const il_real *x = il_x(op, s, 0) + of(op)->from;
    for (int m = 0; m < il_rows(s); m++, x += C, y += n)
        for (int c = 0; c < n; c++) y[c] = scale * x[c];
}

static void backward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0), n = of(op)->width;
    il_real scale = (il_real)of(op)->scale, *dx = il_dx(op, s, 0);
    const il_real *dy = il_dy(op, s);
    if (!dx) return;
    dx += of(op)->from;
    for (int m = 0; m < il_rows(s); m++, dx += C, dy += n)
        for (int c = 0; c < n; c++) dx[c] += scale * dy[c];
}

static int picks(const il_op *op) { return of(op)->from; }

const il_op_kind il_op_slice = {
    .name = "slice",
    .summary = "some columns of every token, times a factor",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .form = IL_FORM_PICK,
    .picks = picks,
    .forward = forward,
    .again = forward,
    .backward = backward,
    .skips = 1,
};
