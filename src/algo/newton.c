/* newton.c - least squares by Newton's iteration for the inverse of A = X^T X
 *
 *   M_0 = A / |A A|_F,   M <- M (2 I - A M),   w = M X^T y
 *
 * M has A's eigenvectors, so each of its eigenvalues mu follows mu <- mu (2 - lambda mu), and
 * 1 - lambda mu squares at every step. Step 0 answers with M_0.
 * Source: Schulz 1933; in context: Fu et al. 2023, arXiv:2310.17086.
 */
#include "algo/spectral.h"

#include <math.h>

typedef struct {
    int steps;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 24, 1, 1e6, "steps it takes", NULL },
    { 0 },
};

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)opt;
    il_spectral s = il_spectral_of(l, q, what != NULL);
    double *mu = s.lambda + 4 * s.D; /* where the solver's scratch was */
    double fourth = 0;               /* |A A|_F^2 */
    for (int i = 0; i < s.D; i++)
        fourth += s.lambda[i] * s.lambda[i] * s.lambda[i] * s.lambda[i];
    for (int i = 0; i < s.D; i++) mu[i] = fourth > 0 ? s.lambda[i] / sqrt(fourth) : 0;
    for (int t = 0; t <= steps; t++) {
        for (int i = 0; i < s.D; i++) s.w[i] = mu[i] * s.b[i];
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D; i++) mu[i] *= 2 - s.lambda[i] * mu[i];
    }
}

const il_algo_kind il_algo_newton = {
    .name = "newton",
    .summary = "Newton's iteration for the inverse of X^T X",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = il_spectral_learn,
    .answer = answer,
};
