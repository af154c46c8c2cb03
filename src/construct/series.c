/* series.c - coefficients of polynomial layers: gradient descent, and the Chebyshev interpolant */
#include "construct/series.h"

#include <math.h>

/* By its series on [0, pi/2]: the same bits everywhere */
static double cosine(double x)
{
    const double pi = 3.141592653589793;
    if (x > pi / 2) return -cosine(pi - x);
    double sum = 1;
    for (int k = 22; k > 0; k -= 2) sum = 1 - x * x * sum / (k * (k - 1));
    return sum;
}

series il_series_constant(int K, double step)
{
    series s = { .K = K };
    for (int k = 0; k < K; k++) s.eta[k] = s.c[k] = step;
    return s;
}

/* The next node maximises the product of distances to those before it. */
static void leja(double *a, int K)
{
    for (int k = 0; k < K; k++) {
        int best = k;
        double most = -1;
        for (int j = k; j < K; j++) {
            double product = k ? 1 : fabs(a[j]);
            for (int i = 0; i < k; i++) product *= fabs(a[j] - a[i]) / a[0];
            if (product > most) {
                most = product;
                best = j;
            }
        }
        double node = a[best];
        a[best] = a[k];
        a[k] = node;
    }
}

series il_series_chebyshev(int K, double lo, double hi, double ridge)
{
    series s = { .K = K };
    double a[SERIES], product = 1;
    for (int k = 0; k < K; k++)
        a[k] = (hi + lo) / 2 +
               (hi - lo) / 2 * cosine((2 * k + 1) * 3.141592653589793 / (2 * K));
    leja(a, K);
    for (int k = 0; k < K; k++) {
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
