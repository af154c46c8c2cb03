/* rls.c - recursive least squares, one pass over the examples
 *
 *   k = P x / (gamma + x.P x),   w += k (y - w.x),   P <- (P - k (P x)^T) / gamma,   P_0 = I / alpha
 *
 * After n examples P is (gamma^n alpha I + sum_i gamma^(n-1-i) x_i x_i^T)^-1 by Sherman & Morrison:
 * at gamma = 1 w is the ridge solution; below, examples fade by gamma a step, and so does the
 * ridge. If inputs then do not excite a direction, P grows there like gamma^-n (wind-up), and
 * rounding with it: this is the plain recursion, for short series.
 */
#include "algo/algo.h"
#include "la/dense.h"

typedef struct {
    double alpha, gamma;
} options;
static const il_opt opts[] = {
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0.01, 1e-8, 1e12,
      "P starts as I / alpha: the ridge it equals", NULL },
    { "gamma", IL_OPT_REAL, offsetof(options, gamma), 1, 0.01, 1,
      "what a step leaves of the weight of earlier examples", NULL },
    { 0 },
};

/* w (D), Px (D), P (D,D) */
static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 2 * (size_t)D + (size_t)D * (size_t)D;
}

static void start(const void *opt, il_learner *l)
{
    double *P = l->work + 2 * l->D;
    for (int d = 0; d < l->D; d++) P[d * l->D + d] = 1 / ((const options *)opt)->alpha;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    double gamma = ((const options *)opt)->gamma;
    int D = l->D;
    double *w = l->work, *Px = w + D, *P = Px + D;
    memset(Px, 0, sizeof *Px * (size_t)D);
    for (int d = 0; d < D; d++) il_daxpy(Px, x[d], P + (size_t)d * D, D);
    double share = 1 / (gamma + il_ddot(x, Px, D));
    il_daxpy(w, share * (y - il_ddot(w, x, D)), Px, D);
    for (int d = 0; d < D; d++) il_daxpy(P + (size_t)d * D, -share * Px[d], Px, D);
    for (int i = 0; i < D * D && gamma < 1; i++) P[i] /= gamma;
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)opt, (void)steps;
    yhat[0] = il_ddot(l->work, q, l->D);
    if (what) memcpy(what, l->work, sizeof *what * (size_t)l->D);
}

const il_algo_kind il_algo_rls = {
    .name = "rls",
    .summary = "recursive least squares from P = I / alpha, with forgetting",
    .opts = opts,
    .size = sizeof(options),
    .work = work,
    .start = start,
    .learn = learn,
    .answer = answer,
};
