/* momentum.c - gradient descent with momentum (the heavy ball) from w = 0
 *
 *   w_{t+1} = w_t + step_size (X^T y - X^T X w_t) + momentum (w_t - w_{t-1})
 *
 * Left at 0, both are the best constants for the prefix's largest and smallest eigenvalue L and
 * l that are not 0: step_size 4 / (sqrt L + sqrt l)^2, momentum ((sqrt L - sqrt l) /
 * (sqrt L + sqrt l))^2. The error then shrinks with sqrt(L / l) where gd's shrinks with L / l.
 * Source: Polyak 1964.
 */
#include "algo/spectral.h"

#include <math.h>

typedef struct {
    int steps;
    double step_size, momentum;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 100, 1, 1e6, "steps it takes", NULL },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e6,
      "step size; 0: the best for each prefix", NULL },
    { "momentum", IL_OPT_REAL, offsetof(options, momentum), 0, 0, 1,
      "part of the last step that is kept; 0: the best for each prefix", NULL },
    { 0 },
};

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    double sum = sqrt(s.largest) + sqrt(s.smallest);
    double ratio = sum > 0 ? (sqrt(s.largest) - sqrt(s.smallest)) / sum : 0;
    double best = sum > 0 ? 4 / (sum * sum) : 0;
    double step_size = o->step_size > 0 ? o->step_size : best;
    double momentum = o->momentum > 0 ? o->momentum : ratio * ratio;
    double *last = il_spectral_scratch(&s); /* w_{t-1} */
    memset(last, 0, sizeof *last * (size_t)s.D);
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D; i++) {
            double now = s.w[i];
            s.w[i] += step_size * (s.b[i] - s.lambda[i] * now) + momentum * (now - last[i]);
            last[i] = now;
        }
    }
}

const il_algo_kind il_algo_momentum = {
    .name = "momentum",
    .summary = "gradient descent with momentum",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
