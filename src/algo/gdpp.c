/* gdpp.c - GD++: gradient descent whose layers also transform the inputs
 *
 * A layer moves the residual y_j of every example and every input x_j, the query too,
 *
 *   y_j <- y_j - step_size <sum_i y_i x_i, x_j>,   x_j <- x_j - gamma (sum_i x_i x_i^T) x_j
 *
 * with the sums as they were before. So x_j = M x_j(0) with M a polynomial in A = X^T X, and
 *
 *   w <- w + step_size M M (b - A w),   M <- (I - gamma M A M) M,   M_0 = I, w_0 = 0
 *
 * An eigenvalue lambda of the transformed A becomes lambda (1 - gamma lambda)^2. At gamma =
 * 1/(3 L), L the largest, all of [0, L] goes to [0, 4/9 L] in order, smaller ones shrink less,
 * and in the end all are nearly equal: then one step solves, with an error that squares at every
 * layer. Options left at 0 take gamma = 1/(3 L) and step_size = 2/(L + l) of every layer's own
 * spectrum. With read_out=last only the last layer moves y, by 1/L: layers are then of the order
 * of log(condition) + log log(1/error), Theorem 5.1 of Vladymyrov et al. 2024, arXiv:2402.14180.
 * Source: von Oswald et al. 2023, arXiv:2212.07677.
 */
#include "algo/spectral.h"

#include <math.h>

enum { READ_EACH, READ_LAST };

typedef struct {
    int steps, read_out;
    double gamma, step_size;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 12, 1, 1e6, "layers", NULL },
    { "gamma", IL_OPT_REAL, offsetof(options, gamma), 0, 0, 1e6,
      "step of the inputs; 0: a third of 1 / the largest eigenvalue of each layer", NULL },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e6,
      "step of the residuals; 0: the best of each layer", NULL },
    { "read_out", IL_OPT_CHOICE, offsetof(options, read_out), 0, 0, 0,
      "which layers move the residuals: each, or only the last", "each|last" },
    { 0 },
};

/* The largest and the smallest of lambda m^2 that is not 0: the layer's spectrum */
static void extremes(const il_spectral *s, const double *m, double *largest,
                     double *smallest)
{
    *largest = 0;
    *smallest = INFINITY;
    for (int i = 0; i < s->D; i++) {
        double now = s->lambda[i] * m[i] * m[i];
        if (s->lambda[i] == 0) continue;
        *largest = fmax(*largest, now);
        *smallest = fmin(*smallest, now);
    }
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    double *m = il_spectral_scratch(&s); /* eigenvalues of M */
    for (int i = 0; i < s.D; i++) m[i] = 1;
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        int last = o->read_out == READ_LAST;
        double L, least;
        extremes(&s, m, &L, &least);
        if (!(L > 1e-250)) continue; /* no examples, or long after all is solved */
        double best = last ? 1 / L : 2 / (L + least);
        double step_size = o->step_size > 0 ? o->step_size : best;
        double gamma = o->gamma > 0 ? o->gamma : 1 / (3 * L);
        for (int i = 0; i < s.D; i++) {
            double square = m[i] * m[i], now = last ? 0 : s.w[i];
            s.w[i] = now + step_size * square * (s.b[i] - s.lambda[i] * now);
            m[i] *= 1 - gamma * s.lambda[i] * square;
        }
    }
}

const il_algo_kind il_algo_gdpp = {
    .name = "gdpp",
    .summary = "GD++: gradient descent that also transforms the inputs",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
