/* sgd.c - stochastic gradient descent, with momentum
 *
 *   g = gradient + weight_decay w        (matrices alone)
 *   b = momentum b + g                   (b = 0 at first)
 *   w -= rate b,   with nesterov:   w -= rate (g + momentum b)
 *
 * These are the formulas of torch.optim.SGD without dampening, so weight decay is a part of the gradient.
 * Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
 */
#include "optimizer/optimizer.h"

typedef struct {
    double momentum, weight_decay;
    int nesterov;
} options;

/* clang-format off */
static const il_opt opts[] = {
    { "momentum", IL_OPT_REAL, offsetof(options, momentum), 0, 0, 0.999999, "share of the last change that is kept; 0: none" },
    { "nesterov", IL_OPT_BOOL, offsetof(options, nesterov), 0, 0, 1, "the gradient where momentum leads" },
    { "weight_decay", IL_OPT_REAL, offsetof(options, weight_decay), 0, 0, 10, "added to the gradient, on matrices" },
    { 0 },
};
/* clang-format on */

/* No operation is fused, so every compiler gives the same bits. */
static void step(const void *opt, const il_update *u)
{
    const options *o = opt;
    il_real mu = (il_real)o->momentum, rate = (il_real)u->rate;
    il_real decay = (il_real)(u->decays ? o->weight_decay : 0);
    il_real *w = u->w, *b = u->moment[0];
    for (size_t i = 0; i < u->n; i++) {
        il_real g = u->grad[i] * u->scale + decay * w[i];
        b[i] = mu * b[i] + g;
        w[i] -= rate * (o->nesterov ? g + mu * b[i] : b[i]);
    }
}

const il_optimizer il_optimizer_sgd = {
    .name = "sgd",
    .summary = "gradient descent with momentum, also Nesterov's",
    .opts = opts,
    .size = sizeof(options),
    .moments = { { "momentum" } },
    .step = step,
};
