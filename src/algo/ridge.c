/* ridge.c - w minimises |y - X w|^2 + alpha |w|^2
 *
 * That is least squares with the rows sqrt(alpha) I before the first example; Givens rotations
 * add the examples one by one, O(D^2) each. `lagged` leaves the newest example out, as a network
 * does that has not yet joined its x and y in one token. `oracle` knows the noise of the prompt:
 * alpha = sigma^2 is the best for weights w ~ N(0, I).
 */
#include "algo/algo.h"
#include "la/dense.h"

#include <math.h>

typedef struct {
    double alpha;
    int lagged, oracle;
} options;
static const il_opt opts[] = {
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0.1, 1e-12, 1e12, "weight of |w|^2",
      NULL },
    { "lagged", IL_OPT_BOOL, offsetof(options, lagged), 0, 0, 1,
      "the newest example is left out", NULL },
    { "oracle", IL_OPT_BOOL, offsetof(options, oracle), 0, 0, 1,
      "alpha is the variance of the prompt's noise, at least 1e-12", NULL },
    { 0 },
};

/* w (D), t (D), z (D), R (D,D) */
static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 3 * (size_t)D + (size_t)D * (size_t)D;
}

static void start(const void *opt, il_learner *l)
{
    const options *o = opt;
    double *R = l->work + 3 * l->D, alpha = o->alpha;
    if (o->oracle) alpha = fmax(l->noise * l->noise, 1e-12);
    for (int d = 0; d < l->D; d++) R[d * l->D + d] = sqrt(alpha);
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    int D = l->D;
    double *w = l->work, *t = w + D, *z = t + D, *R = z + D;
    if (((const options *)opt)->lagged && !il_algo_lag(l, &x, &y)) return;
    memcpy(z, x, sizeof *z * (size_t)D);
    il_qr_add(R, D, t, D, z, y);
    il_qr_solve(w, R, D, t, D);
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)opt, (void)steps;
    yhat[0] = il_ddot(l->work, q, l->D);
    if (what) memcpy(what, l->work, sizeof *what * (size_t)l->D);
}

const il_algo_kind il_algo_ridge = {
    .name = "ridge",
    .summary = "least squares with alpha |w|^2",
    .opts = opts,
    .size = sizeof(options),
    .work = work,
    .start = start,
    .learn = learn,
    .answer = answer,
};
