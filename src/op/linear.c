/* linear.c - an affine map of every token, with what surrounds it fused in
 *
 *   y = residual + act(x W^T + b),   W (out, in), b (out) or none,  act: none or gelu
 *
 * The weights are packed once per optimiser step, in both orientations, and used by every shard
 * and loop. Backward: dx += dz W, dW += dz^T x, db += sum dz, dresidual += dy, with
 * z = x W^T + b and dz = dy act'(z). With gelu, z is saved and y can be recomputed from it.
 *
 * With split = s the weight matrix is constrained to a form: W = diag(A, B) with A (s, s),
 * each of them any matrix, a multiple of the identity, the identity, or zero. W is stored whole and read
 * through the projection on its form, onto which the gradient of W is projected too, so that training
 * stays in it.
 */
#include "op/op.h"

#include <math.h>

typedef struct {
    int out, gelu, fan, bias;
    double std;
    int split, form[2];
} options;
enum { MATRIX, SCALAR, ONE, ZERO };
static const il_opt opts[] = {
    { "out", IL_OPT_INT, offsetof(options, out), 1, 1, 1 << 20, "width of the output" },
    { "act", IL_OPT_CHOICE, offsetof(options, gelu), 0, 0, 0, "activation", "none|gelu" },
    { "init", IL_OPT_CHOICE, offsetof(options, fan), 0, 0, 0,
      "weights: normal(0, std^2), biases 0; or both uniform in +-1/sqrt(in)",
      "normal|fan" },
    { "std", IL_OPT_REAL, offsetof(options, std), 0.02, 0, 1e3,
      "deviation of normal weights" },
    { "bias", IL_OPT_BOOL, offsetof(options, bias), 1, 0, 1, "whether there is a bias" },
    { "split", IL_OPT_INT, offsetof(options, split), 0, 0, 1 << 20,
      "columns of the first block of a map that keeps a form; 0: it keeps none" },
    { "first", IL_OPT_CHOICE, offsetof(options, form[0]), 0, 0, 0, "its first block",
      "matrix|scalar|one|zero" },
    { "rest", IL_OPT_CHOICE, offsetof(options, form[1]), 0, 0, 0, "its other block",
      "matrix|scalar|one|zero" },
    { 0 },
};
static const char *const cases[] = { "width=8 out=5",
                                     "width=3 out=1 std=0.5",
                                     "width=5 out=7 act=gelu std=0.5",
                                     "width=4 out=4 inputs=2 init=fan",
                                     "width=5 out=3 bias=0 std=0.5",
                                     "width=6 out=6 inputs=2 act=gelu init=fan",
                                     "width=5 out=5 split=3 std=0.5",
                                     "width=5 out=5 split=4 first=scalar rest=one std=0.5",
                                     "width=5 out=5 split=2 first=zero rest=scalar bias=0",
                                     "width=3 out=3 split=3 inputs=2 std=0.5",
                                     NULL };

static const options *of(const il_op *op) { return op->opts; }
static int in_width(const il_op *op, const il_plan *p) { return p->slots[op->in[0]].width; }

/* Block i of a map that keeps a form: columns from..to-1 */
typedef struct {
    int form, from, to;
} block;

static block block_of(const options *o, int i)
{
    return (block){ o->form[i], i ? o->split : 0, i ? o->out : o->split };
}

/* The projection of W (out,in) on the form it keeps, which may take its place */
static void project(const options *o, il_real *to, const il_real *W)
{
    size_t n = (size_t)o->out;
    il_real diagonal[2] = { 0, 0 };
    for (int k = 0; k < 2; k++) {
        block b = block_of(o, k);
        double trace = 0;
        for (size_t j = (size_t)b.from; j < (size_t)b.to; j++)
            trace += (double)W[j * n + j];
        if (b.form == SCALAR && b.to > b.from)
            diagonal[k] = (il_real)(trace / (b.to - b.from));
        if (b.form == ONE) diagonal[k] = 1;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int k = i >= (size_t)o->split, inside = k == (j >= (size_t)o->split);
            if (inside && o->form[k] == MATRIX)
                to[i * n + j] = W[i * n + j];
            else
                to[i * n + j] = i == j ? diagonal[k] : 0;
        }
}

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = of(op);
    int in = in_width(op, p);
    if (op->n_in == 2 && il_width(p, op->in[1]) != o->out)
        return il_fail(err, IL_ECONFIG, "%s: residual is %d wide, output %d", op->name,
                       il_width(p, op->in[1]), o->out);
    if (o->split && (in != o->out || o->split > in))
        return il_fail(err, IL_ECONFIG,
                       "%s: with split = %d the weight must be square with at least that "
                       "many columns, not %d to %d",
                       op->name, o->split, in, o->out);
    il_init init = o->fan ? IL_INIT_UNIFORM : IL_INIT_NORMAL;
    double scale = o->fan ? 1 / sqrt(in) : o->std;
    op->par[0] = il_param_new(p, op, "weight", init, scale, o->out, in);
    if (o->bias)
        op->par[1] =
            il_param_new(p, op, "bias", o->fan ? init : IL_INIT_ZERO, scale, 0, o->out);
    if (o->gelu) op->save[0] = il_slot_new(p, op, "pre", o->out);
    op->out = il_slot_new(p, op, "", o->out);
    op->reads = 1;
    op->cheap = o->gelu && op->n_in == 1;
    return IL_OK;
}

static size_t pack(const il_op *op, const il_plan *p, int side, const il_real *weights,
                   il_real *packed)
{
    int in = in_width(op, p), out = of(op)->out;
    size_t size =
        side == 0 ? p->products->packed_size(in, out) : p->products->packed_size(out, in);
    if (packed) {
        const il_real *W = weights + p->params[op->par[0]].offset;
        if (of(op)->split) {
            project(of(op), packed + size, W);
            W = packed + size;
        }
        if (side == 0)
            p->products->pack(packed, W, in, in, out, 1);
        else
            p->products->pack(packed, W, in, out, in, 0);
    }
    return size + (of(op)->split ? ((size_t)in * (size_t)out + 15) / 16 * 16 : 0);
}

static void settle(const il_op *op, const il_plan *p, il_real *weights)
{
    il_real *W = weights + p->params[op->par[0]].offset;
    if (of(op)->split) project(of(op), W, W);
}

static void forward(const il_op *op, il_state *s)
{
    const options *o = of(op);
    il_epilogue e = { .bias = o->bias ? il_w(op, s, 1) : NULL, .gelu = o->gelu };
    if (o->gelu) {
        e.pre = il_save(op, s, 0);
        e.ldp = o->out;
    }
    if (op->n_in == 2) {
        e.residual = il_x(op, s, 1);
        e.ldr = o->out;
    }
    int in = in_width(op, s->plan);
    s->plan->products->gemm(il_y(op, s), o->out, il_x(op, s, 0), in,
                            s->model->packed + op->packed[0], il_rows(s), o->out, in, 0, &e,
                            s->work);
}

/* z is read once more alone, for act'(z), which takes its place. */
static void again(const il_op *op, il_state *s)
{
    il_kernel()->gelu_both(il_y(op, s), il_save(op, s, 0),
                           (size_t)il_rows(s) * (size_t)of(op)->out);
}

/* dW += the projection of dz^T x on the form that W keeps */
static void backward_form(const options *o, il_real *dW, const il_real *dz,
                          const il_real *x, int M, const il_kernels *products,
                          il_real *work)
{
    size_t n = (size_t)o->out;
    for (int k = 0; k < 2; k++) {
        block b = block_of(o, k);
        size_t from = (size_t)b.from, to = (size_t)b.to;
        if (from == to) continue;
        if (b.form == MATRIX)
            products->gemm_tn(dW + from * n + from, o->out, dz + from, o->out, x + from,
                              o->out, M, b.to - b.from, b.to - b.from, work);
        if (b.form != SCALAR) continue;
        double sum = 0;
        for (size_t row = 0; row < (size_t)M * n; row += n)
            for (size_t j = from; j < to; j++)
                sum += (double)dz[row + j] * (double)x[row + j];
        for (size_t j = from; j < to; j++)
            dW[j * n + j] += (il_real)(sum / (b.to - b.from));
    }
}

static void backward(const il_op *op, il_state *s)
{
    const il_kernels *k = il_kernel(), *products = s->plan->products;
    int in = in_width(op, s->plan), out = of(op)->out, M = il_rows(s);
    il_real *dz =
        s->dvalue[op->out]; /* nobody reads dy after this: it becomes dz in place */
    if (op->n_in == 2 && il_dx(op, s, 1)) {
        il_real *dresidual = il_dx(op, s, 1);
        k->add(dresidual, dresidual, dz, (size_t)M * (size_t)out);
    }
    if (of(op)->gelu && op->recomputed)
        k->mul(dz, dz, il_save(op, s, 0), (size_t)M * (size_t)out);
    else if (of(op)->gelu)
        k->gelu_scale(dz, il_save(op, s, 0), (size_t)M * (size_t)out);
    if (of(op)->bias) k->colsum(il_dw(op, s, 1), dz, out, M, out);
    if (of(op)->split)
        backward_form(of(op), il_dw(op, s, 0), dz, il_x(op, s, 0), M, products, s->work);
    else
        products->gemm_tn(il_dw(op, s, 0), in, dz, out, il_x(op, s, 0), in, M, out, in,
                          s->work);
    if (il_dx(op, s, 0))
        products->gemm(il_dx(op, s, 0), in, dz, out, s->model->packed + op->packed[1], M,
                       in, out, 1, NULL, s->work);
}

static double flop(const il_op *op, const il_plan *p, int tokens)
{
    (void)tokens;
    return 2.0 * in_width(op, p) * of(op)->out;
}

const il_op_kind il_op_linear = {
    .name = "linear",
    .summary = "affine map of every token, with fused gelu and residual add",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 2,
    .shape = shape,
    .form = IL_FORM_MAP,
    .forward = forward,
    .again = again,
    .backward = backward,
    .pack = pack,
    .settle = settle,
    .flop = flop,
    .skips = 1,
};
