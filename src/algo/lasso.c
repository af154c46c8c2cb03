/* lasso.c - w minimises |y - X w|^2 / (2 n) + alpha |w|_1, along a path of alpha
 *
 * Step t is the solution at alpha_t = max(alpha, alpha_max ratio^t), with alpha_max the smallest
 * for which w = 0: step 0 answers 0, and each step starts from the one before. At one alpha,
 * coordinates are moved to their minimum in turn,
 *
 *   w_j = S(b_j - sum_{k != j} A_jk w_k, n alpha) / A_jj,   S(u, s) = sign(u) max(|u| - s, 0)
 *
 * and between such sweeps, once they change no sign, all coordinates that are not 0 together: to
 * the minimum for these signs, or until the first of them reaches 0. So the end is exact and soon
 * there, where coordinate descent alone converges slowly.
 * Sources: Tibshirani 1996; Friedman, Hastie & Tibshirani 2010.
 */
#include "algo/algo.h"
#include "la/dense.h"

#include <math.h>

typedef struct {
    int steps;
    double alpha, ratio;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 6, 1, 1e4, "steps along the path",
      NULL },
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0.01, 1e-8, 1e6,
      "where the path ends: weight of |w|_1", NULL },
    { "ratio", IL_OPT_REAL, offsetof(options, ratio), 0.25, 0.01, 0.99,
      "of one alpha of the path to the one before", NULL },
    { 0 },
};

enum { MOST_SWEEPS = 1000 };
/* A sweep that changes no gradient by more than this part of the largest |b_j| is the last */
static const double settled = 1e-9;

/* A (D,D), b (D); w, b - A w (D), R (D,D), t (D) scratch */
static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 2 * (size_t)D * (size_t)D + 4 * (size_t)D;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    (void)opt;
    int D = l->D;
    double *A = l->work, *b = A + (size_t)D * D;
    for (int d = 0; d < D; d++) il_daxpy(A + (size_t)d * D, x[d], x, D);
    il_daxpy(b, y, x, D);
}

static int sign(double x) { return (x > 0) - (x < 0); }

/* Moves every w_j to its minimum, g = b - A w with it. Returns the largest change of a gradient. */
static double sweep(double *w, double *g, const double *A, int D, double threshold,
                    int *signs_change)
{
    double most = 0;
    for (int j = 0; j < D; j++) {
        const double *row = A + (size_t)j * D;
        if (!(row[j] > 0)) continue;
        double u = g[j] + row[j] * w[j], over = fabs(u) - threshold;
        double next = over > 0 ? sign(u) * over / row[j] : 0, change = next - w[j];
        if (change == 0) continue;
        *signs_change |= sign(next) != sign(w[j]);
        w[j] = next;
        il_daxpy(g, -change, row, D);
        most = fmax(most, fabs(change) * row[j]);
    }
    return most;
}

/* Where to move the coordinates S that are not 0, as R^T R = A_SS by Cholesky goes: with v_S the
 * way to the minimum for these signs, A_SS v_S = g_S - threshold sign(w_S), which is 1 long; or,
 * where A_SS is singular, v with A_SS v_S = 0, along which only |w|_1 changes, downwards and as
 * long as it can be. Returns how long. v (D), R (D,D) out. */
static double way(double *v, double *R, const double *w, const double *g, const double *A,
                  int D, double threshold)
{
    int n = 0, last = D - 1; /* of S in R; the last coordinate that v moves */
    double length = 1, slope = 0;
    for (int j = 0; j < D && length == 1; j++) {
        if (w[j] == 0) continue;
        int c = 0; /* column n of R: R_cn, c < n, then the diagonal */
        double pivot = A[j * D + j], sum = g[j] - threshold * sign(w[j]),
               *column = R + n * D;
        for (int i = 0; i < j; i++) {
            if (w[i] == 0) continue;
            double r = A[i * D + j];
            for (int k = 0; k < c; k++) r -= R[c * D + k] * column[k];
            column[c] = r /= R[c * D + c];
            pivot -= r * r;
            sum -= r * v[c++];
        }
        if (pivot > 1e-12 * A[j * D + j]) {
            column[n] = sqrt(pivot);
            v[n] = sum / column[n]; /* R^T v = right-hand side so far */
            n++;
        } else { /* A_jS against the others: v = (-A_SS^-1 A_Sj, 1) */
            for (int k = 0; k < n; k++) v[k] = -column[k];
            length = INFINITY;
            last = j;
        }
    }
    for (int c = n - 1; c >= 0; c--) {
        for (int k = c + 1; k < n; k++) v[c] -= R[k * D + c] * v[k];
        v[c] /= R[c * D + c];
    }
    for (int j = D - 1; j >= 0; j--) {
        if (w[j] == 0 || j > last)
            v[j] = 0;
        else
            v[j] = length > 1 && j == last ? 1 : v[--n];
        slope += sign(w[j]) * v[j];
    }
    for (int j = 0; j < D && length > 1 && slope > 0; j++) v[j] = -v[j];
    return length;
}

/* w += length v as far as no sign changes; what reaches 0 first stays there. g = b - A w with it */
static void walk(double *w, double *g, const double *v, double length, const double *A,
                 int D)
{
    int first = -1;
    for (int j = 0; j < D; j++)
        if (sign(w[j]) * v[j] < 0 && !(fabs(w[j]) > length * fabs(v[j]))) {
            length = -w[j] / v[j];
            first = j;
        }
    for (int j = 0; j < D && length < INFINITY; j++) {
        if (w[j] == 0) continue;
        double next = j == first ? 0 : w[j] + length * v[j];
        il_daxpy(g, w[j] - next, A + (size_t)j * D, D);
        w[j] = next;
    }
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    int D = l->D;
    double *A = l->work, *b = A + (size_t)D * D, *w = b + D, *g = w + D, *R = g + D,
           *v = R + (size_t)D * D, largest = 0;
    for (int d = 0; d < D; d++) largest = fmax(largest, fabs(b[d]));
    memset(w, 0, sizeof *w * (size_t)D);
    memcpy(g, b, sizeof *g * (size_t)D);
    double threshold = largest, last = l->n * o->alpha, before = INFINITY;
    for (int t = 0; t <= steps; t++, threshold *= o->ratio) {
        double now = fmax(threshold, last);
        for (int i = 0; i < MOST_SWEEPS && now < before; i++) {
            int signs_change = 0;
            if (!(sweep(w, g, A, D, now, &signs_change) > settled * largest)) break;
            if (!signs_change) walk(w, g, v, way(v, R, w, g, A, D, now), A, D);
        }
        before = now;
        yhat[t] = il_ddot(w, q, D);
        if (what) memcpy(what + (size_t)t * D, w, sizeof *w * (size_t)D);
    }
}

const il_algo_kind il_algo_lasso = {
    .name = "lasso",
    .summary = "least squares with alpha |w|_1, along a path of alpha",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = work,
    .learn = learn,
    .answer = answer,
};
