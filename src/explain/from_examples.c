/* from_examples.c - families that use the examples one by one: those that are not spectral filters
 *
 *   ogd              w <- w + eta (y_i - w.x_i) x_i, once for each example in its order; a step is a pass
 *   ogd normalised   the same with rate / |x_i|^2: NLMS, the relaxed method of Kaczmarz
 *   forgetting       w <- w + eta sum_i c_i (y_i - w.x_i) x_i,  c_i = forgetting^(n-1-i)
 *   windowed         the same with c_i = 1 for the newest window n examples, else 0
 *   lasso            w <- S(w + eta (b - A w)), S(u) = sign(u) max(|u| - eta alpha, 0): gradient steps on
 *                    |y - X w|^2 / 2 + alpha |w|_1, iterative soft thresholding
 *   kernel           sum_i k_i y_i / sum_i k_i,  k_i = exp(-|x_i - q|^2 / (2 bandwidth^2))
 *   softmax          the same with k_i = exp(beta x_i.q)
 *   nearest          the mean y of the k nearest examples
 *
 * The first five give weights after 0, 1, ... steps in the coordinates of A's eigenvectors, the others an answer to
 * a query.
 * Sources: Kaczmarz 1937; Daubechies, Defrise & De Mol 2004 (lasso); Nadaraya 1964, Watson 1964 (kernel).
 */
#include "explain/match.h"

#include <math.h>

/* w (D) in the eigenvectors' coordinates, from the inputs' own */
static void turn(const il_explain_examples *at, const double *w, double *to)
{
    int D = at->D;
    for (int i = 0; i < D; i++) {
        to[i] = 0;
        for (int d = 0; d < D; d++) to[i] += at->V[i * D + d] * w[d];
    }
}

static double residual(const il_explain_examples *at, int i, int o, const double *w)
{
    double r = (double)at->y[(size_t)i * (size_t)at->O + (size_t)o];
    const il_real *x = at->x + (size_t)i * (size_t)at->D;
    for (int d = 0; d < at->D; d++) r -= w[d] * (double)x[d];
    return r;
}

static void add(const il_explain_examples *at, int i, double by, double *to)
{
    const il_real *x = at->x + (size_t)i * (size_t)at->D;
    for (int d = 0; d < at->D; d++) to[d] += by * (double)x[d];
}

static double square(const il_explain_examples *at, int i)
{
    const il_real *x = at->x + (size_t)i * (size_t)at->D;
    double sum = 0;
    for (int d = 0; d < at->D; d++) sum += (double)x[d] * (double)x[d];
    return sum;
}

/* In work its (D), the weights of output o in the inputs' coordinates, from zero; a step writes them turned. */
typedef void one_step(const double *value, const il_explain_examples *at, int o,
                      double *its, double *scratch);

static void walk(one_step *step, const double *value, const il_explain_examples *at,
                 int steps, double *w)
{
    int D = at->D, O = at->O;
    double *its = at->work, *scratch = its + D;
    for (int i = 0; i < O * D; i++) w[i] = 0;
    for (int o = 0; o < O; o++) {
        for (int d = 0; d < D; d++) its[d] = 0;
        for (int k = 1; k <= steps; k++) {
            step(value, at, o, its, scratch);
            turn(at, its, w + ((size_t)k * (size_t)O + (size_t)o) * (size_t)D);
        }
    }
}

static void pass(const double *value, const il_explain_examples *at, int o, double *its,
                 double *scratch)
{
    (void)scratch;
    for (int i = 0; i < at->n; i++) add(at, i, value[0] * residual(at, i, o, its), its);
}

static void pass_normalised(const double *value, const il_explain_examples *at, int o,
                            double *its, double *scratch)
{
    (void)scratch;
    for (int i = 0; i < at->n; i++) {
        double norm = square(at, i);
        if (norm > 0) add(at, i, value[0] * residual(at, i, o, its) / norm, its);
    }
}

static void forget(const double *value, const il_explain_examples *at, int o, double *its,
                   double *g)
{
    double weight = 1;
    for (int d = 0; d < at->D; d++) g[d] = 0;
    for (int i = at->n - 1; i >= 0; i--, weight *= value[1])
        add(at, i, value[0] * weight * residual(at, i, o, its), g);
    for (int d = 0; d < at->D; d++) its[d] += g[d];
}

static void look_back(const double *value, const il_explain_examples *at, int o,
                      double *its, double *g)
{
    int from = at->n - (int)(value[1] * at->n + 0.5);
    for (int d = 0; d < at->D; d++) g[d] = 0;
    for (int i = il_max(from, 0); i < at->n; i++)
        add(at, i, value[0] * residual(at, i, o, its), g);
    for (int d = 0; d < at->D; d++) its[d] += g[d];
}

static void threshold(const double *value, const il_explain_examples *at, int o,
                      double *its, double *g)
{
    double least = value[0] * value[1];
    for (int d = 0; d < at->D; d++) g[d] = 0;
    for (int i = 0; i < at->n; i++) add(at, i, value[0] * residual(at, i, o, its), g);
    for (int d = 0; d < at->D; d++) {
        double moved = its[d] + g[d];
        its[d] = copysign(fmax(fabs(moved) - least, 0), moved);
    }
}

#define FAMILY(name, step)                                                                 \
    void name(const double *value, const il_explain_examples *at, int steps, double *w)    \
    {                                                                                      \
        walk(step, value, at, steps, w);                                                   \
    }
FAMILY(il_explain_ogd, pass)
FAMILY(il_explain_ogd_normalised, pass_normalised)
FAMILY(il_explain_forgetting, forget)
FAMILY(il_explain_windowed, look_back)
FAMILY(il_explain_lasso, threshold)

/* ---- answers that are not linear in the query -------------------------------------------------------------------- */

/* y (O): the mean of the examples' answers under the weights exp(score (n)) */
static void average(const il_explain_examples *at, const double *score, double *y)
{
    double top = -INFINITY, all = 0;
    for (int i = 0; i < at->n; i++) top = fmax(top, score[i]);
    for (int o = 0; o < at->O; o++) y[o] = 0;
    for (int i = 0; i < at->n; i++) {
        double k = exp(score[i] - top);
        all += k;
        for (int o = 0; o < at->O; o++)
            y[o] += k * (double)at->y[(size_t)i * (size_t)at->O + (size_t)o];
    }
    for (int o = 0; o < at->O; o++) y[o] /= all;
}

/* score (n): squared distances, or products, times `by` */
static double *score_all(const il_explain_examples *at, const il_real *query, int product,
                         double by)
{
    double *score = at->work + 3 * at->D;
    for (int i = 0; i < at->n; i++) {
        const il_real *x = at->x + (size_t)i * (size_t)at->D;
        score[i] = 0;
        for (int d = 0; d < at->D; d++) {
            double between = (double)x[d] - (double)query[d];
            score[i] +=
                by * (product ? (double)x[d] * (double)query[d] : between * between);
        }
    }
    return score;
}

void il_explain_kernel(const double *value, const il_explain_examples *at,
                       const il_real *query, double *y)
{
    average(at, score_all(at, query, 0, -0.5 / (value[0] * value[0])), y);
}

void il_explain_softmax(const double *value, const il_explain_examples *at,
                        const il_real *query, double *y)
{
    average(at, score_all(at, query, 1, value[0]), y);
}

void il_explain_nearest(const double *value, const il_explain_examples *at,
                        const il_real *query, double *y)
{
    double *far = score_all(at, query, 0, 1);
    int k = il_min(at->neighbours, at->n);
    (void)value;
    for (int o = 0; o < at->O; o++) y[o] = 0;
    for (int j = 0; j < k; j++) {
        int best = 0;
        for (int i = 1; i < at->n; i++)
            if (far[i] < far[best]) best = i;
        far[best] = INFINITY;
        for (int o = 0; o < at->O; o++)
            y[o] += (double)at->y[(size_t)best * (size_t)at->O + (size_t)o] / k;
    }
}
