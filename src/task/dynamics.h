/* dynamics.h - random transition matrices, the same bits everywhere */
#ifndef IL_DYNAMICS_H
#define IL_DYNAMICS_H

#include "task/task.h"

/* Q (n,n): uniform over the orthogonal matrices. */
void il_orthogonal(double *Q, int n, il_rng *rng);

/* W (n,n) = M diag(r) M^-1, M normal; one r is `most`, the others uniform in [least, most], in
 * random order. work: 2 n^2 + n */
void il_contracting(double *W, double *work, int n, double least, double most, il_rng *rng);

/* y (m) = A (m,n) x */
void il_apply(double *y, const double *A, const double *x, int m, int n);

#endif
