/* newton.c - least squares by Newton's iteration for the inverse of A = X^T X + ridge I
 *
 *   M <- M (I + R + ... + R^(order-1)),   R = I - A M,   w = M X^T y
 *
 * M has A's eigenvectors, and of each of its eigenvalues the residual r = 1 - lambda mu becomes
 * r^order. So |R| falls below eps after ceil(log_order(ln(1/eps) / -ln |R_0|)) steps. Step 0
 * answers with M_0, which is a multiple alpha of A or of I; with L and l the largest and smallest
 * eigenvalue that is not 0,
 *
 *   fro      alpha A, alpha = 1 / |A A|_F          Fu et al. 2023 (arXiv:2310.17086), the default
 *   code     alpha A, alpha = 1 / (L^2 + l^2)      Giannou et al. 2024 (arXiv:2403.03183), their
 *                                                  published code
 *   alpha_s  alpha A, alpha = 2 / (L^2 + l^2)      the best multiple of A
 *   alpha_i  alpha I, alpha = 2 / (L + l)          the best multiple of I: half the warm-up
 *   trace    alpha I, alpha = 1 / trace A          needs no eigenvalue
 *
 * Directions that no example has are left alone: X^T y has nothing there, and neither has w.
 * Source: Schulz 1933; of order 3 and more: Altman 1960.
 */
#include "algo/spectral.h"

#include <math.h>

typedef enum { START_FRO, START_CODE, START_ALPHA_S, START_ALPHA_I, START_TRACE } start;

typedef struct {
    int steps, order, start;
    double alpha, ridge;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 24, 1, 1e6, "steps it takes", NULL },
    { "order", IL_OPT_INT, offsetof(options, order), 2, 2, 64,
      "power of the residual that a step leaves", NULL },
    { "start", IL_OPT_CHOICE, offsetof(options, start), 0, 0, 0,
      "first M: alpha A (fro, code, alpha_s) or alpha I",
      "fro|code|alpha_s|alpha_i|trace" },
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0, 0, 1e12,
      "of the first M; 0: that of `start`", NULL },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e12, "weight of |w|^2", NULL },
    { 0 },
};

static double alpha_of(start kind, const il_spectral *s)
{
    double L = s->largest, l = s->smallest, trace = 0, fourth = 0; /* |A A|_F^2 */
    if (!(L > 0)) return 0;
    for (int i = 0; i < s->D; i++) {
        double square = s->lambda[i] * s->lambda[i];
        trace += s->lambda[i];
        fourth += square * square;
    }
    switch (kind) {
    case START_CODE:
        return 1 / (L * L + l * l);
    case START_ALPHA_S:
        return 2 / (L * L + l * l);
    case START_ALPHA_I:
        return 2 / (L + l);
    case START_TRACE:
        return 1 / trace;
    default:
        return 1 / sqrt(fourth);
    }
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    il_spectral_add_ridge(&s, o->ridge);
    int multiple_of_i = o->start == START_ALPHA_I || o->start == START_TRACE;
    double *mu = il_spectral_scratch(&s); /* eigenvalues of M */
    double alpha = o->alpha > 0 ? o->alpha : alpha_of((start)o->start, &s);
    for (int i = 0; i < s.D; i++) mu[i] = alpha * (multiple_of_i ? 1 : s.lambda[i]);
    for (int t = 0; t <= steps; t++) {
        for (int i = 0; i < s.D; i++) s.w[i] = s.b[i] == 0 ? 0 : mu[i] * s.b[i];
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D; i++) {
            double r = 1 - s.lambda[i] * mu[i], sum = 1;
            for (int k = 1; k < o->order; k++) sum = 1 + r * sum;
            mu[i] *= sum;
        }
    }
}

const il_algo_kind il_algo_newton = {
    .name = "newton",
    .summary = "Newton's iteration for the inverse of X^T X, of any order",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
