/* graph.c - reference solutions for the graph constructions (see graph.h) */
#include "algo/graph.h"
#include "algo/elementary.h"
#include "la/dense.h"

#include <math.h>
#include <string.h>

size_t il_graph_work(int n, int k)
{
    return 3 * (size_t)n * (size_t)(n + k) + 4 * (size_t)n;
}

/* Y (n,k) = A (n,n) X */
static void times(double *Y, const double *A, const double *X, int n, int k)
{
    memset(Y, 0, sizeof *Y * (size_t)n * (size_t)k);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            il_daxpy(Y + (size_t)i * k, A[(size_t)i * n + j], X + (size_t)j * k, k);
}

void il_graph_laplacian(double *L, const double *B, int n, int d)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            L[i * n + j] = il_ddot(B + (size_t)i * d, B + (size_t)j * d, d);
}

void il_graph_spectrum(double *lambda, double *V, const double *L, int n, double *work)
{
    double *copy = work, *row = copy + (size_t)n * n, *scratch = row + n;
    memcpy(copy, L, sizeof *L * (size_t)n * (size_t)n);
    memset(V, 0, sizeof *V * (size_t)n * (size_t)n);
    for (int i = 0; i < n; i++) V[(size_t)i * n + i] = 1;
    il_eigen(lambda, copy, n, V, n, scratch); /* V^T I: rows are eigenvectors */
    for (int i = 1; i < n; i++)               /* insertion sort of rows */
        for (int j = i; j > 0 && lambda[j] < lambda[j - 1]; j--) {
            double *a = V + (size_t)j * n, *b = a - n, keep = lambda[j];
            lambda[j] = lambda[j - 1];
            lambda[j - 1] = keep;
            memcpy(row, a, sizeof *row * (size_t)n);
            memcpy(a, b, sizeof *row * (size_t)n);
            memcpy(b, row, sizeof *row * (size_t)n);
        }
}

void il_graph_solve(double *phi, il_graph_function f, double time, const double *L,
                    const double *psi, int n, int k, double *work)
{
    double *V = work, *lambda = V + (size_t)n * n, *c = lambda + n, *scratch = c + k;
    il_graph_spectrum(lambda, V, L, n, scratch);
    memset(phi, 0, sizeof *phi * (size_t)n * (size_t)k);
    for (int i = 0; i < n; i++) {
        int null = !(lambda[i] > 1e-14 * n * lambda[n - 1]);
        double share = f == IL_GRAPH_HEAT        ? il_dexp(-time * lambda[i])
                       : null                    ? 0
                       : f == IL_GRAPH_RESISTIVE ? 1 / sqrt(lambda[i])
                                                 : 1 / lambda[i];
        memset(c, 0, sizeof *c * (size_t)k);
        for (int j = 0; j < n; j++)
            il_daxpy(c, V[(size_t)i * n + j], psi + (size_t)j * k, k);
        for (int j = 0; j < n; j++)
            il_daxpy(phi + (size_t)j * k, share * V[(size_t)i * n + j], c, k);
    }
}

void il_graph_descend(double *phi, const double *L, const double *psi, int n, int k,
                      double delta, int steps, double *work)
{
    memset(phi, 0, sizeof *phi * (size_t)n * (size_t)k);
    for (int t = 0; t < steps; t++) {
        times(work, L, phi, n, k);
        for (int i = 0; i < n * k; i++) phi[i] += delta * (psi[i] - work[i]);
    }
}

void il_graph_binomial(double *phi, const double *L, const double *psi, int n, int k,
                       double delta, int terms, double *work)
{
    int size = n * k;
    double *power = work, *moved = power + size, c = sqrt(delta);
    memset(phi, 0, sizeof *phi * (size_t)size);
    memcpy(power, psi, sizeof *power * (size_t)size);
    for (int t = 0; t < terms; t++) {
        il_daxpy(phi, c, power, size);
        times(moved, L, power, n, k);
        il_daxpy(power, -delta, moved, size);
        c *= (2 * t + 1) / (2.0 * t + 2);
    }
}

void il_graph_series(double *phi, const double *L, const double *psi, int n, int k,
                     double time, int terms, double *work)
{
    int size = n * k;
    double *term = work, *moved = term + size;
    memset(phi, 0, sizeof *phi * (size_t)size);
    memcpy(term, psi, sizeof *term * (size_t)size);
    for (int t = 0; t < terms; t++) {
        il_daxpy(phi, 1, term, size);
        times(moved, L, term, n, k);
        for (int i = 0; i < size; i++) term[i] = -time / (t + 1) * moved[i];
    }
}

void il_graph_cube(double *phi, const double *L, const double *psi, int n, int k,
                   double time, int cubings, double *work)
{
    double *G = work, *square = G + n * n, *cube = square + n * n;
    for (int t = 0; t < cubings; t++) time /= 3;
    for (int i = 0; i < n * n; i++) G[i] = (i % (n + 1) == 0) - time * L[i];
    for (int t = 0; t < cubings; t++) {
        times(square, G, G, n, n);
        times(cube, G, square, n, n);
        memcpy(G, cube, sizeof *G * (size_t)(n * n));
    }
    times(phi, G, psi, n, k);
}

void il_graph_newton_schulz(double *phi, il_graph_function f, const double *L,
                            const double *psi, int n, int k, double delta, int steps,
                            double *work)
{
    int size = n * n;
    double *N = work, *C = N + size, *CN = C + size, *moved = CN + size;
    double scale = f == IL_GRAPH_RESISTIVE ? sqrt(delta) : delta;
    for (int i = 0; i < size; i++) N[i] = delta * L[i];
    for (int i = 0; i < n * k; i++) phi[i] = scale * psi[i];
    for (int t = 0; t < steps; t++) {
        for (int i = 0; i < size; i++) C[i] = ((i % (n + 1) ? 0 : 3) - N[i]) / 2;
        for (int twice = 0; twice < (f == IL_GRAPH_RESISTIVE ? 1 : 2); twice++) {
            times(moved, C, phi, n, k);
            memcpy(phi, moved, sizeof *phi * (size_t)(n * k));
        }
        times(CN, C, N, n, n);
        times(N, CN, C, n, n);
    }
}

void il_graph_subspace(double *phi, const double *L, int n, int k, double shift, int steps,
                       double *work)
{
    double *moved = work, *column = moved + n * k;
    for (int t = 0; t < steps; t++) {
        times(moved, L, phi, n, k);
        for (int i = 0; i < n * k; i++)
            phi[i] = shift > 0 ? shift * phi[i] - moved[i] : moved[i];
        for (int c = 0; c < k; c++) {
            for (int i = 0; i < n; i++) column[i] = phi[i * k + c];
            for (int b = 0; b < c; b++) {
                double overlap = 0;
                for (int i = 0; i < n; i++) overlap += phi[i * k + b] * phi[i * k + c];
                for (int i = 0; i < n; i++) column[i] -= overlap * phi[i * k + b];
            }
            double length = sqrt(il_ddot(column, column, n));
            for (int i = 0; i < n; i++)
                phi[i * k + c] = length > 0 ? column[i] / length : 0;
        }
    }
}
