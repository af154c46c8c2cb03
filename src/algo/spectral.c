/* spectral.c - iterations on the normal equations, one number per eigenvector (see spectral.h) */
#include "algo/spectral.h"
#include "la/dense.h"

#include <math.h>

/* Eigenvalues below this part of the largest are rounding: the error of A and of the solver is
 * about D times 1e-16 */
static const double rounding = 1e-14;

/* A (D,D), b (D); then scratch: a copy of A, right-hand sides G (D,D+2), lambda, b, q, w (D) and
 * the solver's 3 D + 2 */
size_t il_spectral_work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 3 * (size_t)D * (size_t)D + 10 * (size_t)D + 2;
}

void il_spectral_learn(const void *opts, il_learner *l, const double *x, double y)
{
    (void)opts;
    int D = l->D;
    double *A = l->work, *b = A + (size_t)D * D;
    for (int d = 0; d < D; d++) il_daxpy(A + (size_t)d * D, x[d], x, D);
    il_daxpy(b, y, x, D);
}

il_spectral il_spectral_of(il_learner *l, const double *query, int weights)
{
    int D = l->D, m = weights ? D + 2 : 2;
    size_t square = (size_t)D * (size_t)D;
    double *A = l->work, *b = A + square, *copy = b + D, *G = copy + square;
    double *lambda = G + square + 2 * (size_t)D, *work = lambda + 4 * (size_t)D;
    il_spectral s = { .D = D,
                      .lambda = lambda,
                      .b = lambda + D,
                      .q = lambda + 2 * D,
                      .w = lambda + 3 * D,
                      .V = weights ? copy : NULL };
    memcpy(copy, A, sizeof *A * square);
    memset(G, 0, sizeof *G * (size_t)D * (size_t)m);
    for (int d = 0; d < D; d++) {
        G[d * m] = b[d];
        G[d * m + 1] = query[d];
        if (weights) G[d * m + 2 + d] = 1;
    }
    il_eigen(lambda, copy, D, G, m, work);
    for (int i = 0; i < D; i++) s.largest = fmax(s.largest, lambda[i]);
    s.smallest = s.largest;
    for (int i = 0; i < D; i++) {
        int counts = lambda[i] > rounding * D * s.largest;
        if (!counts) lambda[i] = 0;
        if (counts) s.smallest = fmin(s.smallest, lambda[i]);
        s.b[i] = counts ? G[i * m] : 0;
        s.q[i] = G[i * m + 1];
        s.w[i] = 0;
        if (weights) memcpy(s.V + (size_t)i * D, G + i * m + 2, sizeof *G * (size_t)D);
    }
    return s;
}

void il_spectral_add_ridge(il_spectral *s, double ridge)
{
    if (ridge <= 0) return;
    for (int i = 0; i < s->D; i++) s->lambda[i] += ridge;
    s->largest = s->smallest = s->lambda[0];
    for (int i = 1; i < s->D; i++) {
        s->largest = fmax(s->largest, s->lambda[i]);
        s->smallest = fmin(s->smallest, s->lambda[i]);
    }
}

double *il_spectral_scratch(const il_spectral *s)
{
    return s->lambda + 4 * s->D; /* what the solver has used */
}

double il_spectral_answer(const il_spectral *s, double *what)
{
    if (what) {
        memset(what, 0, sizeof *what * (size_t)s->D);
        for (int i = 0; i < s->D; i++)
            il_daxpy(what, s->w[i], s->V + (size_t)i * s->D, s->D);
    }
    return il_ddot(s->w, s->q, s->D);
}
