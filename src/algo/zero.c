/* zero.c - predicts 0: its normalised squared error is 1 */
#include "algo/algo.h"

static void answer(const void *opts, il_learner *l, const double *q, int steps,
                   double *yhat, double *what)
{
    (void)opts, (void)q, (void)steps;
    yhat[0] = 0;
    for (int d = 0; what && d < l->D; d++) what[d] = 0;
}

const il_algo_kind il_algo_zero = {
    .name = "zero",
    .summary = "always answers 0",
    .answer = answer,
};
