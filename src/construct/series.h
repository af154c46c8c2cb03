/* series.h - K layers that apply a polynomial of degree K - 1 in A = sum x x^T, in Newton's form
 *
 *   p <- p + eta_k Y u,   u <- u - c_k A u,   u_0 = x:   p = Y sum_k eta_k prod_{j<k} (I - c_j A) x
 */
#ifndef IL_SERIES_H
#define IL_SERIES_H

#include "construct/construct.h"

enum { SERIES = 256 };

typedef struct {
    int K;
    double eta[SERIES], c[SERIES];
} series;

/* eta_k = c_k = step: K steps of gradient descent */
series il_series_constant(int K, double step);
/* The interpolant of 1/(a + ridge) at the Chebyshev nodes of [lo, hi], in Leja's order */
series il_series_chebyshev(int K, double lo, double hi, double ridge);

/* Vectors of d numbers: sums (K+1,d) are w after 0..K layers, from A (d,d) and b (d). */
void il_series_run(const series *s, int d, const double *A, const double *b, double *work,
                   double *w);

#endif
