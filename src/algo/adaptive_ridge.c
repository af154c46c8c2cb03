/* adaptive_ridge.c - ridge regression that estimates the noise from the examples
 *
 *   w = (A + alpha I)^-1 b,   alpha = min(cap, factor |y - X w_ols|^2 / (n - rank))
 *
 * For weights of variance 1 the best alpha is the variance of the noise, and the residuals of
 * least squares estimate it once there are more examples than directions; before, alpha is
 * `before`. Vladymyrov et al. 2024 (arXiv:2402.14180) compare with factor 1 and no cap (AdaRR) and
 * with factor and cap tuned (TunedRR: about 1.3, and 0.7 of the largest variance).
 */
#include "algo/spectral.h"
#include "la/dense.h"

#include <math.h>

typedef struct {
    double factor, cap, before;
} options;
static const il_opt opts[] = {
    { "factor", IL_OPT_REAL, offsetof(options, factor), 1, 0, 1e6,
      "of the estimated variance of the noise", NULL },
    { "cap", IL_OPT_REAL, offsetof(options, cap), 0, 0, 1e12, "largest alpha; 0: none",
      NULL },
    { "before", IL_OPT_REAL, offsetof(options, before), 0, 0, 1e12,
      "alpha until there are more examples than directions", NULL },
    { 0 },
};

/* What the spectrum needs, and |y|^2 */
static size_t work(const void *opt, int N, int D)
{
    return il_spectral_work(opt, N, D) + 1;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    il_spectral_learn(opt, l, x, y);
    l->work[il_spectral_work(NULL, 0, l->D)] += y * y;
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)steps;
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    int rank = 0;
    double left = l->work[il_spectral_work(NULL, 0, l->D)]; /* |y - X w_ols|^2 */
    for (int i = 0; i < s.D; i++) {
        if (s.lambda[i] == 0) continue;
        left -= s.b[i] * s.b[i] / s.lambda[i];
        rank++;
    }
    double alpha = l->n > rank ? o->factor * fmax(left, 0) / (l->n - rank) : o->before;
    if (o->cap > 0) alpha = fmin(alpha, o->cap);
    for (int i = 0; i < s.D; i++)
        s.w[i] = s.lambda[i] > 0 ? s.b[i] / (s.lambda[i] + alpha) : 0;
    yhat[0] = il_spectral_answer(&s, what);
}

const il_algo_kind il_algo_adaptive_ridge = {
    .name = "adaptive_ridge",
    .summary = "ridge with the noise estimated from the examples",
    .opts = opts,
    .size = sizeof(options),
    .work = work,
    .learn = learn,
    .answer = answer,
};
