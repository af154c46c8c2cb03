/* gd.c - gradient descent on (|y - X w|^2 + ridge |w|^2) / 2 from w = 0
 *
 *   w <- w + step_size (X^T y - (X^T X + ridge I) w)
 *
 * The sum over examples is not divided by their number; Fu et al. 2023 (arXiv:2310.17086) take
 * step_size = 0.01 for 20 dimensions and 40 examples. Left at 0, it is the best constant step of
 * each prefix, 2 / (largest + smallest eigenvalue that is not 0): one that converges for any
 * number of dimensions and examples, and at once for a single example.
 */
#include "algo/spectral.h"

typedef struct {
    int steps;
    double step_size, ridge;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 100, 1, 1e6, "steps it takes", NULL },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e6,
      "step size; 0: the best constant step of each prefix", NULL },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e12, "weight of |w|^2", NULL },
    { 0 },
};

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    il_spectral_add_ridge(&s, o->ridge);
    double best = s.largest > 0 ? 2 / (s.largest + s.smallest) : 0;
    double step_size = o->step_size > 0 ? o->step_size : best;
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D; i++) s.w[i] += step_size * (s.b[i] - s.lambda[i] * s.w[i]);
    }
}

const il_algo_kind il_algo_gd = {
    .name = "gd",
    .summary = "gradient descent",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
