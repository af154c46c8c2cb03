/* svd.c - the singular value decomposition of a tall matrix, A = U diag(s) V^T
 *
 * Householder reflections make a triangle R of the first n rows, which then takes in block after block of
 * the others, so that each is read once while it is in cache. Then Jacobi rotations J from the left make the rows of R orthogonal:
 *
 *   J R = diag(s) V^T,   A = Q R = (Q J^T) diag(s) V^T
 *
 * A rotation is left out where two rows are orthogonal to within n 2^-53 of their lengths, so small
 * singular values are as accurate as R allows. Sums keep one order: the same bits everywhere.
 *
 * Sources: Golub & Van Loan 2013, "Matrix Computations", 5.2 and 8.6.3; de Rijk 1989 (the larger row first).
 */
#include "la/dense.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 64, MOST_SWEEPS = 60 }; /* some eight sweeps are usual */
#define NOTHING                                                                            \
    1e-280 /* a squared length from which on down digits are lost, beside others near 1 */

static int least(int a, int b) { return a < b ? a : b; }
static int blocks(int m, int n)
{
    return 1 + (m - n + ROWS - 1) / ROWS;
} /* the first is square */

size_t il_svd_work(int m, int n)
{
    size_t N = (size_t)n;
    return (size_t)blocks(m, n) * N + N * N + ROWS * N + N;
}

/* The rows r (cols) and Y (rows,cols; stride n) less tau v v^T of them, v = (1, x), x (rows; stride n) */
static void reflect(double *r, double *Y, const double *x, int rows, int n, int cols,
                    double tau, double *w)
{
    memcpy(w, r, sizeof *w * (size_t)cols);
    for (int i = 0; i < rows; i++) il_daxpy(w, x[(size_t)i * n], Y + (size_t)i * n, cols);
    for (int c = 0; c < cols; c++) r[c] -= w[c] *= tau;
    for (int i = 0; i < rows; i++) il_daxpy(Y + (size_t)i * n, -x[(size_t)i * n], w, cols);
}

/* The triangle R (n,n) takes in the rows X (rows,n), which become the tails x of the reflections; tau (n)
 * gets their factors. `step` 1: R and X are one square, and each reflection begins a row lower. */
static void take_in(double *R, double *X, int rows, int n, int step, double *tau, double *w)
{
    for (int k = 0; k < n; k++, X += step * n, rows -= step) {
        double *r = R + (size_t)k * n + k, *x = X + k, below = 0;
        for (int i = 0; i < rows; i++) below += x[(size_t)i * n] * x[(size_t)i * n];
        tau[k] = 0;
        if (below == 0) continue;
        double length = sqrt(*r * *r + below), head = *r > 0 ? *r + length : *r - length;
        *r -= head;
        tau[k] = -head / *r;
        for (int i = 0; i < rows; i++) x[(size_t)i * n] /= head;
        reflect(r + 1, x + 1, x, rows, n, n - k - 1, tau[k], w);
    }
}

/* What these reflections make of the rows T (n,n) and, below them, Y (rows,n) */
static void give_out(double *T, double *Y, const double *X, int rows, int n, int step,
                     const double *tau, double *w)
{
    for (int k = n - 1; k >= 0; k--) {
        size_t at = (size_t)(k * step) * (size_t)n;
        if (tau[k] != 0)
            reflect(T + (size_t)k * n, Y + at, X + at + k, rows - k * step, n, n, tau[k],
                    w);
    }
}

static void swap(double *x, double *y, int n)
{
    for (int i = 0; i < n; i++) {
        double keep = x[i];
        x[i] = y[i];
        y[i] = keep;
    }
}

/* One rotation that makes the rows p and q of R orthogonal, the longer first; is one needed? */
static int rotate_pair(double *R, double *J, int p, int q, int n)
{
    double *rp = R + (size_t)p * n, *rq = R + (size_t)q * n;
    double *jp = J + (size_t)p * n, *jq = J + (size_t)q * n;
    double pp = il_ddot(rp, rp, n), qq = il_ddot(rq, rq, n), pq = il_ddot(rp, rq, n);
    if (pp < qq) {
        double keep = pp;
        pp = qq;
        qq = keep;
        swap(rp, rq, n);
        swap(jp, jq, n);
    }
    if (!(qq > NOTHING) || !(fabs(pq) > n * (DBL_EPSILON / 2) * sqrt(pp) * sqrt(qq)))
        return 0;
    double zeta = (pp - qq) / (2 * pq), root = sqrt(1 + zeta * zeta);
    double t = 1 / (zeta > 0 ? zeta + root : zeta - root);
    double c = 1 / sqrt(1 + t * t);
    il_drotate(rp, rq, c, c * t, n);
    il_drotate(jp, jq, c, c * t, n);
    return 1;
}

/* Rotations J with J R = diag(s) V^T; R becomes V^T */
static void orthogonalise(double *R, double *J, double *s, int n)
{
    int moved = 1;
    memset(J, 0, sizeof *J * (size_t)n * (size_t)n);
    for (int i = 0; i < n; i++) J[(size_t)i * n + i] = 1;
    for (int sweep = 0; sweep < MOST_SWEEPS && moved; sweep++) {
        moved = 0;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) moved += rotate_pair(R, J, p, q, n);
    }
    for (int i = 0; i < n; i++) {
        double *r = R + (size_t)i * n;
        double rr = il_ddot(r, r, n);
        s[i] = rr > NOTHING ? sqrt(rr) : 0;
        for (int j = 0; j < n; j++) r[j] = s[i] > 0 ? r[j] / s[i] : 0;
    }
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && s[j] > s[j - 1]; j--) {
            swap(s + j, s + j - 1, 1);
            swap(R + (size_t)j * n, R + (size_t)(j - 1) * n, n);
            swap(J + (size_t)j * n, J + (size_t)(j - 1) * n, n);
        }
}

void il_transpose(double *A, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) swap(A + (size_t)i * n + j, A + (size_t)j * n + i, 1);
}

void il_svd(double *A, int m, int n, double *s, double *Vt, double *work)
{
    double *tau = work, *J = tau + (size_t)blocks(m, n) * (size_t)n, size = 0;
    double *room = J + (size_t)n * (size_t)n, *w = room + (size_t)ROWS * (size_t)n;
    size_t all = (size_t)m * (size_t)n, square = (size_t)n * (size_t)n;
    int exponent;
    for (size_t i = 0; i < all; i++) size = fmax(size, fabs(A[i]));
    frexp(size, &exponent); /* squares of what is near 1 neither overflow nor vanish */
    for (size_t i = 0; i < all; i++) A[i] = ldexp(A[i], -exponent);

    take_in(A, A + n, n - 1, n, 1, tau, w);
    memset(Vt, 0, sizeof *Vt * square);
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) Vt[(size_t)i * n + j] = A[(size_t)i * n + j];
    for (int b = 1, from = n; from < m; b++, from += ROWS)
        take_in(Vt, A + (size_t)from * n, least(ROWS, m - from), n, 0, tau + (size_t)b * n,
                w);

    orthogonalise(Vt, J, s, n);
    il_transpose(J, n);
    for (int b = blocks(m, n) - 1; b > 0; b--) {
        int from = n + (b - 1) * ROWS, rows = least(ROWS, m - from);
        memset(room, 0, sizeof *room * (size_t)rows * (size_t)n);
        give_out(J, room, A + (size_t)from * n, rows, n, 0, tau + (size_t)b * n, w);
        memcpy(A + (size_t)from * n, room, sizeof *room * (size_t)rows * (size_t)n);
    }
    give_out(J, J + n, A + n, n - 1, n, 1, tau, w);
    memcpy(A, J, sizeof *A * square);
    for (int i = 0; i < n; i++) s[i] = ldexp(s[i], exponent);
}
