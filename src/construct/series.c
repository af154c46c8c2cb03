/* series.c - coefficients of polynomial layers: gradient descent, and the Chebyshev interpolant */
#include "construct/series.h"
#include "algo/leja.h"

series il_series_constant(int K, double step)
{
    series s = { .K = K };
    for (int k = 0; k < K; k++) s.eta[k] = s.c[k] = step;
    return s;
}

series il_series_chebyshev(int K, double lo, double hi, double ridge)
{
    series s = { .K = K };
    double a[SERIES], product = 1;
    il_leja(a, K);
    for (int k = 0; k < K; k++) {
        a[k] = (hi + lo) / 2 + (hi - lo) / 2 * a[k];
        s.c[k] = 1 / a[k];
        s.eta[k] = product / (a[k] + ridge);
        product *= a[k] / (a[k] + ridge);
    }
    return s;
}

void il_series_run(const series *s, int d, const double *A, const double *b, double *work,
                   double *w)
{
    double *u = work, *Au = work + d;
    memcpy(u, b, sizeof *u * (size_t)d);
    for (int j = 0; j < d; j++) w[j] = 0;
    for (int k = 0; k < s->K; k++, w += d) {
        for (int j = 0; j < d; j++) {
            Au[j] = 0;
            for (int i = 0; i < d; i++) Au[j] += A[j * d + i] * u[i];
        }
        for (int j = 0; j < d; j++) w[d + j] = w[j] + s->eta[k] * u[j];
        for (int j = 0; j < d; j++) u[j] -= s->c[k] * Au[j];
    }
}
