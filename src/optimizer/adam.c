/* adam.c - Adam, with decoupled weight decay (AdamW)
 *
 *   m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
 *   w -= rate (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w)
 *
 * at step t = 1, 2, ...; without weight decay, which is for matrices alone, it is Adam.
 * Sources: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
 */
#include "la/la.h"
#include "optimizer/optimizer.h"

/* clang-format off */
static const il_opt opts[] = {
    { "weight_decay", IL_OPT_REAL, offsetof(il_adam, weight_decay), 0, 0, 10,
      "decoupled (AdamW), on matrices; 0 is Adam" },
    { "beta1", IL_OPT_REAL, offsetof(il_adam, beta1), 0.9, 0, 0.999999, "memory of the mean gradient" },
    { "beta2", IL_OPT_REAL, offsetof(il_adam, beta2), 0.999, 0, 0.999999, "memory of the mean square" },
    { "adam_eps", IL_OPT_REAL, offsetof(il_adam, eps), 1e-8, 1e-30, 1, "added to the root of the mean square" },
    { 0 },
};
/* clang-format on */

static void step(const void *opt, const il_update *u)
{
    const il_adam *o = opt;
    double c1 = 1 / (1 - il_power(o->beta1, u->step)),
           c2 = 1 / (1 - il_power(o->beta2, u->step));
    il_kernel()->adam(u->w, u->moment[0], u->moment[1], u->grad, u->n, u->scale,
                      (il_real)o->beta1, (il_real)o->beta2, (il_real)c1, (il_real)c2,
                      (il_real)o->eps, (il_real)u->rate,
                      (il_real)(u->decays ? o->weight_decay : 0));
}

const il_optimizer il_optimizer_adam = {
    .name = "adam",
    .summary = "moving averages of the gradient and its square; AdamW with weight_decay",
    .opts = opts,
    .size = sizeof(il_adam),
    .moments = { { "m" }, { "v", 1 } },
    .step = step,
};
