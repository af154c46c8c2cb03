/* dense.h - small dense linear algebra in double, the same bits everywhere
 *
 * Sums keep one order, nothing but + - * / and sqrt is used, and nothing is allocated.
 */
#ifndef IL_DENSE_H
#define IL_DENSE_H

#include <stddef.h>

double il_ddot(const double *x, const double *y, int n);    /* in four lanes */
void il_daxpy(double *y, double a, const double *x, int n); /* y += a x */
/* (x, y) <- (c x + s y, c y - s x) */
void il_drotate(double *restrict x, double *restrict y, double c, double s, int n);
void il_transpose(double *A, int n); /* A (n,n) in place */

/* One more row (z, y) of a least-squares problem kept as R s = t, R (n,n; row stride ld) upper
 * triangular: n Givens rotations. z (n) is used up. Cost 3 n^2. */
void il_qr_add(double *R, int ld, double *t, int n, double *z, double y);
/* s with R s = t; R has no zero on its diagonal. Cost n^2. */
void il_qr_solve(double *s, const double *R, int ld, const double *t, int n);

/* Eigenvalues of a symmetric A (n,n), in no order, and V^T G: the columns of G (n,m) in the basis
 * of the eigenvectors. A is used up; work (2 n + m). Cost about (4/3 n + 6 m) n^2 + 30 n^2.
 * Householder tridiagonalisation, then implicit QL: Wilkinson & Reinsch 1971, "tred2", "tql2". */
void il_eigen(double *lambda, double *A, int n, double *G, int m, double *work);

/* Solves A X = B for symmetric positive A (n,n), X (n,m) in place of B; A is used up, and of it only
 * what lies on and below the diagonal is read. Directions that A does not have get 0. */
void il_cholesky_solve(double *A, int n, double *B, int m);

/* The singular value decomposition A = U diag(s) V^T of a finite A (m,n), m >= n >= 1: A becomes U,
 * s (n) falls, the rows of Vt (n,n) are the columns of V, or 0 where s is 0, which it is below 1e-140 s[0].
 * Errors of order n epsilon s[0]. work: il_svd_work(m, n). Cost 6 m n^2 + about 80 n^3. */
void il_svd(double *A, int m, int n, double *s, double *Vt, double *work);
size_t il_svd_work(int m, int n);

#endif
