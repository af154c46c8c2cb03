/* spectral.h - iterations on the normal equations, one number per eigenvector
 *
 * A = X^T X has eigenvectors v_i, and an iteration that starts at zero and uses A and b = X^T y
 * alone moves each coordinate w_i = v_i.w by itself. So an algorithm is a recursion of scalars,
 * and a step costs O(D) instead of O(D^2) or, for Newton's matrix products, O(D^3).
 */
#ifndef IL_SPECTRAL_H
#define IL_SPECTRAL_H

#include "algo/algo.h"

typedef struct {
    int D;
    double *lambda;    /* (D) eigenvalues; exactly 0 where no example points */
    double *b, *q, *w; /* (D) coordinates of X^T y, of the query, of the iterate (zeros) */
    double *V;         /* (D,D) row i holds v_i, or NULL when weights are not wanted */
    double largest,
        smallest; /* eigenvalues that are not 0; 0 and 0 before the first example */
} il_spectral;

/* A row's work and learn: A and b grow by x x^T and x y */
size_t il_spectral_work(const void *opt, int N, int D);
void il_spectral_learn(const void *opts, il_learner *l, const double *x, double y);

/* The coordinates for a query; cost O(D^2) a right-hand side on top of 4/3 D^3. */
il_spectral il_spectral_of(il_learner *l, const double *query, int weights);
/* A + ridge I has the same eigenvectors; without ridge, nothing changes. */
void il_spectral_add_ridge(il_spectral *s, double ridge);
/* 3 D + 2 doubles for the algorithm, not set */
double *il_spectral_scratch(const il_spectral *s);
/* The answer of the iterate, and its weights (D) unless NULL */
double il_spectral_answer(const il_spectral *s, double *what);

#endif
