/* dense.c - small dense linear algebra in double (see dense.h) */
#include "la/dense.h"

#include <float.h>
#include <math.h>
#include <string.h>

double il_ddot(const double *x, const double *y, int n)
{
    double lane[4] = { 0 };
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int l = 0; l < 4; l++) lane[l] += x[i + l] * y[i + l];
    for (int l = 0; i < n; i++, l++) lane[l] += x[i] * y[i];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

void il_daxpy(double *y, double a, const double *x, int n)
{
    for (int i = 0; i < n; i++) y[i] += a * x[i];
}

void il_drotate(double *restrict x, double *restrict y, double c, double s, int n)
{
    for (int i = 0; i < n; i++) {
        double keep = x[i];
        x[i] = c * keep + s * y[i];
        y[i] = c * y[i] - s * keep;
    }
}

void il_qr_add(double *R, int ld, double *t, int n, double *z, double y)
{
    for (int i = 0; i < n; i++, R += ld) {
        if (z[i] == 0) continue;
        double h = sqrt(R[i] * R[i] + z[i] * z[i]), c = R[i] / h, s = z[i] / h;
        R[i] = h;
        il_drotate(R + i + 1, z + i + 1, c, s, n - i - 1);
        il_drotate(t + i, &y, c, s, 1);
    }
}

void il_qr_solve(double *s, const double *R, int ld, const double *t, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        const double *r = R + (size_t)i * ld;
        s[i] = (t[i] - il_ddot(r + i + 1, s + i + 1, n - i - 1)) / r[i];
    }
}

/* Reflections H = I - tau v v^T, one a column, make A tridiagonal: diagonal a, below it e[0..n-2].
 * Each is applied to G as well. p (n), s (m) scratch. */
static void tridiagonal(double *a, double *e, double *A, int n, double *G, int m, double *p,
                        double *s)
{
    double size = 0;
    for (int i = 0; i < n * n; i++) size = fmax(size, fabs(A[i]));
    for (int k = 0; k + 1 < n; k++) {
        int rest = n - k - 1; /* the part that H changes: rows and columns k+1.. */
        double *v = A + (size_t)k * n + k + 1, *B = A + (size_t)(k + 1) * n + k + 1;
        a[k] = A[(size_t)k * n + k];
        double below = il_ddot(v + 1, v + 1, rest - 1), length = sqrt(v[0] * v[0] + below);
        if (sqrt(below) <=
            DBL_EPSILON * size) { /* already so, and always for the last column */
            e[k] = v[0];
            continue;
        }
        e[k] = v[0] > 0 ? -length : length;
        v[0] -= e[k];
        double tau = 2 / (v[0] * v[0] + below);

        /* B <- H B H = B - v w^T - w v^T,  w = tau B v - (tau^2/2) (v.B v) v, kept in p */
        memset(p, 0, sizeof *p * (size_t)rest);
        for (int j = 0; j < rest; j++) il_daxpy(p, tau * v[j], B + (size_t)j * n, rest);
        il_daxpy(p, -tau / 2 * il_ddot(p, v, rest), v, rest);
        for (int i = 0; i < rest; i++) {
            double *row = B + (size_t)i * n, vi = v[i], pi = p[i];
            for (int j = 0; j < rest; j++) row[j] -= vi * p[j] + pi * v[j];
        }

        double *g = G + (size_t)(k + 1) * m;
        memset(s, 0, sizeof *s * (size_t)m);
        for (int i = 0; i < rest; i++) il_daxpy(s, tau * v[i], g + (size_t)i * m, m);
        for (int i = 0; i < rest; i++) il_daxpy(g + (size_t)i * m, -v[i], s, m);
    }
    a[n - 1] = A[(size_t)n * n - 1];
    e[n - 1] = 0;
}

/* One QL sweep over rows l..last of the tridiagonal (a, e), with Wilkinson's shift: rotations from
 * the bottom up chase a bulge to the top and shrink e[l]. */
static void ql_sweep(double *a, double *e, int l, int last, double *G, int m)
{
    double half = (a[l + 1] - a[l]) / (2 * e[l]), root = sqrt(half * half + 1);
    double g = a[last] - a[l] + e[l] / (half + (half < 0 ? -root : root));
    double c = 1, s = 1, moved = 0;
    for (int i = last - 1; i >= l; i--) {
        double f = s * e[i], b = c * e[i], r = sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0) { /* the matrix fell apart at i+1 */
            a[i + 1] -= moved;
            e[last] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = a[i + 1] - moved;
        double q = (a[i] - g) * s + 2 * c * b;
        moved = s * q;
        a[i + 1] = g + moved;
        g = c * q - b;
        il_drotate(G + (size_t)(i + 1) * m, G + (size_t)i * m, c, s, m);
    }
    a[l] -= moved;
    e[l] = g;
    e[last] = 0;
}

void il_eigen(double *lambda, double *A, int n, double *G, int m, double *work)
{
    enum { MOST_SWEEPS = 60 }; /* two are usual; values that are not finite end here */
    double *a = lambda, *e = work, size = 0;
    tridiagonal(a, e, A, n, G, m, work + n, work + 2 * n);
    for (int i = 0; i < n; i++) size = fmax(size, fabs(a[i]) + fabs(e[i]));
    for (int l = 0; l < n; l++)
        for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
            int last = l; /* rows l..last hang together */
            while (last + 1 < n && !(fabs(e[last]) <= DBL_EPSILON * size)) last++;
            if (last == l) break;
            ql_sweep(a, e, l, last, G, m);
        }
}

/* ---- symmetric systems ---------------------------------------------------------------------------- */

void il_cholesky_solve(double *A, int n, double *B, int m)
{
    for (int i = 0; i < n; i++) { /* A = L L^T, L below */
        double whole = A[i * n + i];
        for (int j = 0; j <= i; j++) {
            double sum = A[i * n + j];
            for (int k = 0; k < j; k++) sum -= A[i * n + k] * A[j * n + k];
            if (i == j)
                A[i * n + j] = sum > 1e-14 * whole ? sqrt(sum) : INFINITY;
            else
                A[i * n + j] = sum / A[j * n + j];
        }
        for (int k = 0; k < i; k++)
            for (int c = 0; c < m; c++) B[i * m + c] -= A[i * n + k] * B[k * m + c];
        for (int c = 0; c < m; c++) B[i * m + c] /= A[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            for (int c = 0; c < m; c++) B[i * m + c] -= A[k * n + i] * B[k * m + c];
        for (int c = 0; c < m; c++) B[i * m + c] /= A[i * n + i];
    }
}
