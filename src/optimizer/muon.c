/* muon.c - momentum, made orthogonal by Newton-Schulz iterations
 *
 * Of every linear map of the blocks, W (out, in), queries, keys and values each by themselves:
 *
 *   M = momentum M + (1 - momentum) G             (M = 0 at first)
 *   U = momentum M + (1 - momentum) G,            without nesterov: U = M
 *   X = U / max(|U|, 1e-7), |U| the Frobenius norm; then ns_steps times
 *   X <- a X + (b X X^T + c (X X^T)^2) X,         a, b, c = 3.4445, -4.7750, 2.0315
 *   W -= rate (s X + weight_decay W)
 *
 * The iteration keeps singular vectors and takes a singular value z to a z + b z^3 + c z^5, whose slope at 0
 * is so steep that five steps bring all but the smallest to between 0.68 and 1.13; more steps do not bring
 * them nearer to 1. `rate_scale` says what s is:
 *
 *   spectral   sqrt(max(1, out / in)):       the change of an output is as large for every shape
 *   rms        0.2 sqrt(max(out, in)):       the change has the root mean square that Adam's usually has,
 *                                            so that Adam's rate and weight decay serve
 *
 * All other weights (read-in, read-out, tables of positions and classes, biases, norms) go by Adam with a rate
 * of their own, adam_rate, which the schedule lowers in proportion; their moments are M and the mean square.
 * The formulas are those of torch.optim.Muon, whose "original" and "match_rms_adamw" are the two scales;
 * it iterates in bfloat16, and has momentum 0.95 with Nesterov, too.
 *
 * Sources: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025,
 * arXiv:2502.16982 (the scale `rms`, weight decay).
 */
#include "la/la.h"
#include "optimizer/optimizer.h"

#include <math.h>

enum { SPECTRAL, RMS };
#define LEAST 1e-7 /* what a smaller norm counts as */

typedef struct {
    il_adam adam; /* of the other weights; its weight_decay is everyone's */
    double adam_rate, momentum;
    int nesterov, ns_steps, scale;
} options;

/* clang-format off */
static const il_opt opts[] = {
    { "momentum", IL_OPT_REAL, offsetof(options, momentum), 0.95, 0, 0.999999, "memory of the mean gradient of the blocks' matrices" },
    { "nesterov", IL_OPT_BOOL, offsetof(options, nesterov), 1, 0, 1, "the gradient where momentum leads" },
    { "ns_steps", IL_OPT_INT, offsetof(options, ns_steps), 5, 1, 100, "Newton-Schulz steps to an orthogonal matrix" },
    { "rate_scale", IL_OPT_CHOICE, offsetof(options, scale), SPECTRAL, 0, 0,
      "times learning_rate: sqrt(max(1, out/in)), or 0.2 sqrt(max(out, in)), as large as Adam's steps", "spectral|rms" },
    { "weight_decay", IL_OPT_REAL, offsetof(options, adam.weight_decay), 0, 0, 10, "decoupled, on matrices" },
    { "adam_rate", IL_OPT_REAL, offsetof(options, adam_rate), 0.001, 0, 1e30, "learning rate of Adam, for all other weights" },
    { "beta1", IL_OPT_REAL, offsetof(options, adam.beta1), 0.9, 0, 0.999999, "of Adam: memory of the mean gradient" },
    { "beta2", IL_OPT_REAL, offsetof(options, adam.beta2), 0.999, 0, 0.999999, "of Adam: memory of the mean square" },
    { "adam_eps", IL_OPT_REAL, offsetof(options, adam.eps), 1e-8, 1e-30, 1, "of Adam: added to the root of the mean square" },
    { 0 },
};
/* clang-format on */

/* Scratch of a matrix. It lies down if it stands: X is (low, wide), low <= wide. */
typedef struct {
    int low, wide;
    size_t down,
        right; /* from an element's place in X to that below it and beside it in the matrix */
    il_real *X, *gram, *square, *packed, *work;
    size_t size;
} room;

static il_real *take(room *r, il_real *base, size_t n)
{
    il_real *at = base ? base + r->size : NULL;
    r->size += (n + 15) / 16 * 16;
    return at;
}

static room room_of(int rows, int cols, il_real *base)
{
    const il_kernels *k = il_kernel();
    room r = { .low = rows < cols ? rows : cols, .wide = rows < cols ? cols : rows };
    size_t low = (size_t)r.low, wide = (size_t)r.wide,
           packed = k->packed_size(r.low, r.low), across = k->packed_size(r.low, r.wide),
           along = k->packed_size(r.wide, r.low);
    if (packed < across) packed = across;
    if (packed < along) packed = along;
    r.down = rows <= cols ? wide : 1;
    r.right = rows <= cols ? 1 : wide;
    r.X = take(&r, base, low * wide);
    r.gram = take(&r, base, low * low);
    r.square = take(&r, base, low * low);
    r.packed = take(&r, base, packed);
    r.work = take(&r, base, k->work_size(1, 1));
    return r;
}

static size_t whole(const void *opt, const il_update *u)
{
    (void)opt;
    return u->inner ? room_of(u->rows, u->cols, NULL).size : 0;
}

/* Where the matrix's element (i, j) is in X */
static il_real *in_room(const room *r, int i, int j)
{
    return r->X + (size_t)i * r->down + (size_t)j * r->right;
}

static void scale_by(il_real *x, il_real factor, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

/* X <- a X + (b X X^T + c (X X^T)^2) X */
static void iterate(const room *r)
{
    static const il_real a = (il_real)3.4445, b = (il_real)-4.7750, c = (il_real)2.0315;
    const il_kernels *k = il_kernel();
    int low = r->low, wide = r->wide;
    size_t n = (size_t)low * (size_t)low;
    k->pack(r->packed, r->X, wide, wide, low, 1);
    k->gemm(r->gram, low, r->X, wide, r->packed, low, low, wide, 0, NULL, r->work);
    k->pack(r->packed, r->gram, low, low, low, 0);
    k->gemm(r->square, low, r->gram, low, r->packed, low, low, low, 0, NULL, r->work);
    for (size_t i = 0; i < n; i++) r->square[i] = b * r->gram[i] + c * r->square[i];
    k->pack(r->packed, r->X, wide, low, wide, 0);
    scale_by(r->X, a, (size_t)low * (size_t)wide);
    k->gemm(r->X, wide, r->square, low, r->packed, low, wide, low, 1, NULL, r->work);
}

/* X = U / max(|U|, LEAST), of the momentum after this step */
static void normalise(const options *o, const il_update *u, const room *r)
{
    il_real mu = (il_real)o->momentum, rest = (il_real)(1 - o->momentum), *m = u->moment[0];
    size_t at = 0;
    for (int i = 0; i < u->rows; i++)
        for (int j = 0; j < u->cols; j++, at++) {
            il_real g = rest * (u->grad[at] * u->scale);
            m[at] = mu * m[at] + g;
            *in_room(r, i, j) = o->nesterov ? mu * m[at] + g : m[at];
        }
    double norm = sqrt(il_kernel()->squares(r->X, u->n));
    scale_by(r->X, (il_real)(1 / (norm < LEAST ? LEAST : norm)), u->n);
}

static void step_matrix(const options *o, const il_update *u)
{
    room r = room_of(u->rows, u->cols, u->work);
    normalise(o, u, &r);
    for (int i = 0; i < o->ns_steps; i++) iterate(&r);
    double shape = (double)u->rows / u->cols;
    il_real s =
        (il_real)(o->scale == RMS ? 0.2 * sqrt(r.wide) : sqrt(shape > 1 ? shape : 1));
    il_real rate = (il_real)u->rate,
            decay = (il_real)(u->decays ? o->adam.weight_decay : 0), *w = u->w;
    for (int i = 0; i < u->rows; i++)
        for (int j = 0; j < u->cols; j++, w++)
            *w -= rate * (s * *in_room(&r, i, j) + decay * *w);
}

static void step(const void *opt, const il_update *u)
{
    const options *o = opt;
    il_update other = *u;
    other.rate = o->adam_rate * u->share;
    if (u->inner)
        step_matrix(o, u);
    else
        il_optimizer_adam.step(&o->adam, &other);
}

const il_optimizer il_optimizer_muon = {
    .name = "muon",
    .summary =
        "orthogonal steps for the matrices of the blocks; Adam for all other weights",
    .opts = opts,
    .size = sizeof(options),
    .moments = { { "momentum" }, { "second", 1 } },
    .step = step,
    .whole = whole,
};
