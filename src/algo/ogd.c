/* ogd.c - online gradient descent: one pass over the examples, one step each
 *
 *   w <- w + rate ((y - w.x) x / s - decay w),   s = |x|^2, or 1 with normalise=0
 *
 * Normalised with rate 1 (Kaczmarz, NLMS), a step makes the error on its example zero, and overwrites
 * w's component along x (Fu et al. 2023, arXiv:2310.17086). With normalise=0 and rate = 2 alpha it is
 * the stochastic gradient descent of Akyurek et al. 2023 (arXiv:2211.15661). `start` begins at a
 * w uniform in [0,start] / sqrt(D), the same for every prompt, as Fu et al. do.
 */
#include "algo/algo.h"
#include "la/dense.h"

#include <math.h>

typedef struct {
    double rate, decay, start;
    int normalise;
} options;
static const il_opt opts[] = {
    { "rate", IL_OPT_REAL, offsetof(options, rate), 1, 0, 1e6, "size of a step", NULL },
    { "normalise", IL_OPT_BOOL, offsetof(options, normalise), 1, 0, 1,
      "steps are divided by |x|^2", NULL },
    { "decay", IL_OPT_REAL, offsetof(options, decay), 0, 0, 1e6, "weight of |w|^2 / 2",
      NULL },
    { "start", IL_OPT_REAL, offsetof(options, start), 0, 0, 1e6,
      "w starts uniform in [0,start] / sqrt(D)", NULL },
    { 0 },
};

static size_t work(const void *opt, int N, int D) /* w (D) */
{
    (void)opt, (void)N;
    return (size_t)D;
}

static void start(const void *opt, il_learner *l)
{
    const options *o = opt;
    il_rng rng = il_rng_at(0, IL_STREAM_USER, 0, 0);
    for (int d = 0; d < l->D; d++)
        l->work[d] = o->start * il_uniform(&rng) / sqrt((double)l->D);
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    const options *o = opt;
    double square = o->normalise ? il_ddot(x, x, l->D) : 1, *w = l->work;
    double step = square > 0 ? o->rate * (y - il_ddot(w, x, l->D)) / square : 0;
    for (int d = 0; d < l->D; d++) w[d] += step * x[d] - o->rate * o->decay * w[d];
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)opt, (void)steps;
    int known = l->n > 0; /* without examples the answer is 0, wherever w starts */
    yhat[0] = known ? il_ddot(l->work, q, l->D) : 0;
    for (int d = 0; d < l->D && what; d++) what[d] = known ? l->work[d] : 0;
}

const il_algo_kind il_algo_ogd = {
    .name = "ogd",
    .summary = "online gradient descent, one step an example",
    .opts = opts,
    .size = sizeof(options),
    .work = work,
    .start = start,
    .learn = learn,
    .answer = answer,
};
