/* dynamics.c - random transition matrices: orthogonal, or contracting
 *
 * Gram and Schmidt's Q of a normal matrix, whose R has a positive diagonal, is uniform over the
 * orthogonal group (Mezzadri 2007, arXiv:math-ph/0609050). A contracting matrix is made from its
 * eigenvalues; its eigenvectors are ill-conditioned, so its powers first grow, then fall.
 */
#include "task/dynamics.h"

#include <math.h>

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void il_apply(double *y, const double *A, const double *x, int m, int n)
{
    for (int i = 0; i < m; i++) y[i] = dot(A + (size_t)i * (size_t)n, x, n);
}

void il_orthogonal(double *Q, int n, il_rng *rng)
{
    for (int i = 0; i < n * n; i++) Q[i] = il_normal(rng);
    for (double *row = Q; row < Q + n * n; row += n) {
        for (int pass = 0; pass < 2; pass++) /* twice: orthogonal to rounding */
            for (const double *q = Q; q < row; q += n) {
                double along = dot(q, row, n);
                for (int j = 0; j < n; j++) row[j] -= along * q[j];
            }
        double length = sqrt(dot(row, row, n));
        for (int j = 0; j < n; j++) row[j] /= length;
    }
}

static void swap_rows(double *A, int n, int i, int j)
{
    for (int c = 0; c < n; c++) {
        double a = A[i * n + c];
        A[i * n + c] = A[j * n + c];
        A[j * n + c] = a;
    }
}

/* inverse <- A^-1 by Gauss and Jordan with pivots; A is lost */
static void invert(double *inverse, double *A, int n)
{
    for (int i = 0; i < n * n; i++) inverse[i] = i % (n + 1) == 0;
    for (int p = 0; p < n; p++) {
        int pivot = p;
        for (int i = p + 1; i < n; i++)
            if (fabs(A[i * n + p]) > fabs(A[pivot * n + p])) pivot = i;
        swap_rows(A, n, p, pivot);
        swap_rows(inverse, n, p, pivot);
        double by = A[p * n + p];
        for (int c = 0; c < n; c++) A[p * n + c] /= by, inverse[p * n + c] /= by;
        for (int i = 0; i < n; i++) {
            double times = A[i * n + p];
            for (int c = 0; i != p && c < n; c++) {
                A[i * n + c] -= times * A[p * n + c];
                inverse[i * n + c] -= times * inverse[p * n + c];
            }
        }
    }
}

void il_contracting(double *W, double *work, int n, double least, double most, il_rng *rng)
{
    double *M = work, *inverse = M + n * n, *r = inverse + n * n;
    for (int i = 0; i < n * n; i++) M[i] = il_normal(rng);
    r[0] = most;
    for (int i = 1; i < n; i++) r[i] = least + (most - least) * il_uniform(rng);
    for (int i = n - 1; i > 0; i--) {
        int j = il_below(rng, i + 1);
        double swap = r[i];
        r[i] = r[j];
        r[j] = swap;
    }
    memcpy(W, M, sizeof *W * (size_t)(n * n));
    invert(inverse, W, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) M[i * n + j] *= r[j];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++) sum += M[i * n + k] * inverse[k * n + j];
            W[i * n + j] = sum;
        }
}
