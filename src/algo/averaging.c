/* averaging.c - w = mean of y x over the examples
 *
 * One step of gradient descent from zero. For normal inputs in d dimensions its expected error is
 * |w|^2 (d+1)/n. Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "algo/algo.h"
#include "la/dense.h"

static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return (size_t)D; /* sum of y x */
}

static void learn(const void *opts, il_learner *l, const double *x, double y)
{
    (void)opts;
    il_daxpy(l->work, y, x, l->D);
}

static void answer(const void *opts, il_learner *l, const double *q, int steps,
                   double *yhat, double *what)
{
    (void)opts, (void)steps;
    double share = l->n ? 1.0 / l->n : 0;
    yhat[0] = share * il_ddot(l->work, q, l->D);
    for (int d = 0; what && d < l->D; d++) what[d] = share * l->work[d];
}

const il_algo_kind il_algo_averaging = {
    .name = "averaging",
    .summary = "w = mean of y x",
    .work = work,
    .learn = learn,
    .answer = answer,
};
