/* rls.c - recursive least squares, one pass over the examples
 *
 *   k = P x / (1 + x.P x),   w += k (y - w.x),   P -= k (P x)^T,   P_0 = I / alpha
 *
 * P is (alpha I + sum x x^T)^-1 by Sherman & Morrison, so w is the ridge solution.
 */
#include "algo/algo.h"
#include "algo/dense.h"

typedef struct {
    double alpha;
} options;
static const il_opt opts[] = {
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0.01, 1e-8, 1e12,
      "P starts as I / alpha: the ridge it equals", NULL },
    { 0 },
};

/* w (D), Px (D), P (D,D) */
static size_t work(int N, int D)
{
    (void)N;
    return 2 * (size_t)D + (size_t)D * (size_t)D;
}

static void start(const void *opt, il_learner *l)
{
    double *P = l->work + 2 * l->D;
    for (int d = 0; d < l->D; d++) P[d * l->D + d] = 1 / ((const options *)opt)->alpha;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    (void)opt;
    int D = l->D;
    double *w = l->work, *Px = w + D, *P = Px + D;
    memset(Px, 0, sizeof *Px * (size_t)D);
    for (int d = 0; d < D; d++) il_daxpy(Px, x[d], P + (size_t)d * D, D);
    double share = 1 / (1 + il_ddot(x, Px, D));
    il_daxpy(w, share * (y - il_ddot(w, x, D)), Px, D);
    for (int d = 0; d < D; d++) il_daxpy(P + (size_t)d * D, -share * Px[d], Px, D);
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
    .summary = "recursive least squares from P = I / alpha",
    .opts = opts,
    .size = sizeof(options),
    .work = work,
    .start = start,
    .learn = learn,
    .answer = answer,
};
