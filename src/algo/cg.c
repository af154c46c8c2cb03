/* cg.c - conjugate gradients on X^T X w = X^T y from w = 0
 *
 * After t steps w is the best in the t-th Krylov space; with D directions it is least squares
 * after D steps, up to rounding. Source: Hestenes & Stiefel 1952.
 */
#include "algo/algo.h"
#include "la/dense.h"

typedef struct {
    int steps;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 40, 1, 1e6, "steps it takes", NULL },
    { 0 },
};

/* A residual smaller than this part of the first, squared, is rounding: nothing moves any more */
static const double settled = 1e-30;

/* A (D,D), b (D); r, p, Ap, w (D) scratch */
static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return (size_t)D * (size_t)D + 5 * (size_t)D;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    (void)opt;
    int D = l->D;
    double *A = l->work, *b = A + (size_t)D * D;
    for (int d = 0; d < D; d++) il_daxpy(A + (size_t)d * D, x[d], x, D);
    il_daxpy(b, y, x, D);
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)opt;
    int D = l->D;
    double *A = l->work, *b = A + (size_t)D * D, *r = b + D, *p = r + D, *Ap = p + D,
           *w = Ap + D;
    memcpy(r, b, sizeof *r * (size_t)D);
    memcpy(p, b, sizeof *p * (size_t)D);
    memset(w, 0, sizeof *w * (size_t)D);
    double first = il_ddot(b, b, D), rr = first;
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_ddot(w, q, D);
        if (what) memcpy(what + (size_t)t * D, w, sizeof *w * (size_t)D);
        if (t == steps || rr <= settled * first) continue;
        memset(Ap, 0, sizeof *Ap * (size_t)D);
        for (int d = 0; d < D; d++) il_daxpy(Ap, p[d], A + (size_t)d * D, D);
        double alpha = rr / il_ddot(p, Ap, D), last = rr;
        il_daxpy(w, alpha, p, D);
        il_daxpy(r, -alpha, Ap, D);
        rr = il_ddot(r, r, D);
        for (int d = 0; d < D; d++) p[d] = r[d] + rr / last * p[d];
    }
}

const il_algo_kind il_algo_cg = {
    .name = "cg",
    .summary = "conjugate gradients",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = work,
    .learn = learn,
    .answer = answer,
};
