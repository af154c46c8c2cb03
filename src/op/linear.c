/* linear.c - an affine map of every token, with what surrounds it fused in
 *
 *   y = residual + act(x W^T + b),   W (out, in), b (out) or none,  act: none or gelu
 *
 * The weights are packed once per optimiser step, in both orientations, and used by every shard
 * and loop. Backward: dx += dz W, dW += dz^T x, db += sum dz, dresidual += dy, with
 * z = x W^T + b and dz = dy act'(z). With gelu, z is saved and y can be had again from it.
 */
#include "op/op.h"

#include <math.h>

typedef struct {
    int out, gelu, fan, bias;
    double std;
} options;
static const il_opt opts[] = {
    { "out", IL_OPT_INT, offsetof(options, out), 1, 1, 1 << 20, "width of the output" },
    { "act", IL_OPT_CHOICE, offsetof(options, gelu), 0, 0, 0, "activation", "none|gelu" },
    { "init", IL_OPT_CHOICE, offsetof(options, fan), 0, 0, 0,
      "weights: normal(0, std^2), biases 0; or both uniform in +-1/sqrt(in)",
      "normal|fan" },
    { "std", IL_OPT_REAL, offsetof(options, std), 0.02, 0, 1e3,
      "deviation of normal weights" },
    { "bias", IL_OPT_BOOL, offsetof(options, bias), 1, 0, 1, "whether there is a bias" },
    { 0 },
};
static const char *const cases[] = { "width=8 out=5",
                                     "width=3 out=1 std=0.5",
                                     "width=5 out=7 act=gelu std=0.5",
                                     "width=4 out=4 inputs=2 init=fan",
                                     "width=5 out=3 bias=0 std=0.5",
                                     "width=6 out=6 inputs=2 act=gelu init=fan",
                                     NULL };

static const options *of(const il_op *op) { return op->opts; }
static int in_width(const il_op *op, const il_plan *p) { return p->slots[op->in[0]].width; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = of(op);
    int in = in_width(op, p);
    if (op->n_in == 2 && il_width(p, op->in[1]) != o->out)
        return il_fail(err, IL_ECONFIG, "%s: residual is %d wide, output %d", op->name,
                       il_width(p, op->in[1]), o->out);
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
    if (packed) {
        const il_real *W = weights + p->params[op->par[0]].offset;
        if (side == 0)
            p->products->pack(packed, W, in, in, out, 1);
        else
            p->products->pack(packed, W, in, out, in, 0);
    }
    return side == 0 ? p->products->packed_size(in, out)
                     : p->products->packed_size(out, in);
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

static void again(const il_op *op, il_state *s)
{
    il_kernel()->gelu_forward(il_y(op, s), il_save(op, s, 0),
                              (size_t)il_rows(s) * (size_t)of(op)->out);
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
    if (of(op)->gelu) k->gelu_scale(dz, il_save(op, s, 0), (size_t)M * (size_t)out);
    if (of(op)->bias) k->colsum(il_dw(op, s, 1), dz, out, M, out);
    products->gemm_tn(il_dw(op, s, 0), in, dz, out, il_x(op, s, 0), in, M, out, in,
                      s->work);
    if (il_dx(op, s, 0))
        products->gemm(il_dx(op, s, 0), in, dz, out, s->model->packed + op->packed[1], M,
                       in, out, 1, NULL, s->work);
}

const il_op_kind il_op_linear = {
    .name = "linear",
    .summary = "affine map of every token, with fused gelu and residual add",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 2,
    .shape = shape,
    .forward = forward,
    .again = again,
    .backward = backward,
    .pack = pack,
    .skips = 1,
};
