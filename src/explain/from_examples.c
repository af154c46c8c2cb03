/* from_examples.c - online gradient descent (LMS, NLMS) and lasso (ISTA): families that are not spectral filters
 *
 *   ogd              w <- w + eta (y_i - w.x_i) x_i, once for each example in its order
 *   ogd normalised   the same with eta / |x_i|^2
 *   lasso            w <- S(w + eta (b - A w)), S(u) = sign(u) max(|u| - eta alpha, 0): gradient steps on
 *                    |y - X w|^2 / 2 + alpha |w|_1, iterative soft thresholding
 *
 * Each takes parameters and the examples of one prompt, and gives weights in the coordinates of A's
 * eigenvectors: ogd those after the last example, lasso those after 0, 1, ... steps. Of inputs of more than
 * 256 dimensions all weights are 0.
 * Source of the last: Daubechies, Defrise & De Mol 2004.
 */
#include "explain/match.h"

#include <math.h>

static void go_through(const il_explain_examples *at, double eta, int normalised, double *w)
{
    int D = at->D, O = at->O;
    for (int i = 0; i < O * D; i++) w[i] = 0;
    for (int n = 0; n < at->n; n++) {
        const il_real *x = at->x + (size_t)n * (size_t)D,
                      *y = at->y + (size_t)n * (size_t)O;
        double square = 0;
        for (int d = 0; d < D; d++) square += (double)x[d] * (double)x[d];
        double step = !normalised ? eta : square > 0 ? eta / square : 0;
        for (int o = 0; o < O; o++) {
            double error = (double)y[o], *its = w + o * D;
            for (int d = 0; d < D; d++) error -= its[d] * (double)x[d];
            for (int d = 0; d < D; d++) its[d] += step * error * (double)x[d];
        }
    }
}

/* w (D) in the eigenvectors' coordinates, from the inputs' own */
static void turn(const il_explain_examples *at, const double *w, double *to)
{
    int D = at->D;
    for (int i = 0; i < D; i++) {
        to[i] = 0;
        for (int d = 0; d < D; d++) to[i] += at->V[i * D + d] * w[d];
    }
}

enum { MOST = 256 }; /* dimensions */

static void ogd(const double *value, const il_explain_examples *at, int normalised,
                double *w)
{
    double its[MOST];
    if (at->D > MOST) {
        for (int i = 0; i < at->O * at->D; i++) w[i] = 0;
        return;
    }
    go_through(at, value[0], normalised, w);
    for (int o = 0; o < at->O; o++) {
        memcpy(its, w + o * at->D, sizeof *w * (size_t)at->D);
        turn(at, its, w + o * at->D);
    }
}

void il_explain_ogd(const double *value, const il_explain_examples *at, int steps,
                    double *w)
{
    (void)steps;
    ogd(value, at, 0, w);
}

void il_explain_ogd_normalised(const double *value, const il_explain_examples *at,
                               int steps, double *w)
{
    (void)steps;
    ogd(value, at, 1, w);
}

void il_explain_lasso(const double *value, const il_explain_examples *at, int steps,
                      double *w)
{
    int D = at->D, O = at->O;
    double its[MOST], eta = value[0], threshold = value[0] * value[1];
    for (int i = 0; i < O * D; i++) w[i] = 0;
    for (int k = 0; k < steps; k++)
        for (int o = 0; o < O; o++) {
            const double *now = w + ((size_t)k * (size_t)O + (size_t)o) * (size_t)D;
            double *next = w + ((size_t)(k + 1) * (size_t)O + (size_t)o) * (size_t)D;
            for (int i = 0; i < D; i++) next[i] = now[i];
            if (D > MOST) continue;
            for (int d = 0; d < D; d++) its[d] = 0;
            for (int i = 0; i < D; i++) {
                double along = now[i] + eta * (at->b[i * O + o] - at->lambda[i] * now[i]);
                for (int d = 0; d < D; d++) its[d] += at->V[i * D + d] * along;
            }
            for (int d = 0; d < D; d++)
                its[d] = copysign(fmax(fabs(its[d]) - threshold, 0), its[d]);
            turn(at, its, next);
        }
}
