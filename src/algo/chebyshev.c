/* chebyshev.c - ridge regression by the Chebyshev semi-iteration on (A + ridge I) w = b
 *
 * From w = 0, with r = b - (A + ridge I) w and the eigenvalues of A + ridge I in c -+ e,
 *
 *   d <- e^2 q_k q_{k-1} d + 2 q_k r,   w <- w + d,   q_0 = 1 / c,   q_k = 1 / (2 c - e^2 q_{k-1})
 *
 * and d = r / c at first. After k steps the error along an eigenvector of eigenvalue h is
 * T_k((c - h) / e) / T_k(c / e) of what it was, the smallest a polynomial of degree k can promise
 * on the interval; so are k layers of linear attention with coefficients of their own
 * (von Oswald et al. 2023, arXiv:2309.05858). Bounds that do not hold make it diverge.
 * Source: Golub & Varga 1961.
 */
#include "algo/spectral.h"

typedef struct {
    int steps;
    double ridge, lo, hi;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 40, 1, 1e6, "steps it takes", NULL },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e12, "weight of |w|^2", NULL },
    { "lo", IL_OPT_REAL, offsetof(options, lo), 0, 0, 1e12,
      "lower bound of the eigenvalues of X^T X; read when hi > 0", NULL },
    { "hi", IL_OPT_REAL, offsetof(options, hi), 0, 0, 1e12,
      "upper bound; 0: both bounds are those of each prefix", NULL },
    { 0 },
};

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    il_spectral_add_ridge(&s, o->ridge);
    double lo = o->hi > 0 ? o->lo + o->ridge : s.smallest;
    double hi = o->hi > 0 ? o->hi + o->ridge : s.largest;
    double c = (hi + lo) / 2, e = (hi - lo) / 2, share = c > 0 ? 1 / c : 0, kept = 0;
    double *d = il_spectral_scratch(&s), twice = share; /* at first d = r / c */
    memset(d, 0, sizeof *d * (size_t)s.D);
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D; i++) {
            d[i] = kept * d[i] + twice * (s.b[i] - s.lambda[i] * s.w[i]);
            s.w[i] += d[i];
        }
        double next = c > 0 ? 1 / (2 * c - e * e * share) : 0;
        kept = e * e * next * share;
        twice = 2 * next;
        share = next;
    }
}

const il_algo_kind il_algo_chebyshev = {
    .name = "chebyshev",
    .summary = "ridge regression by the Chebyshev semi-iteration",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
