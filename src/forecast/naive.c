/* naive.c - the mesa-layer's recursion as it is usually written, which diverges
 *
 *   u = R k,   R = (R - u u^T / (gamma + k.u)) / gamma,   w += R k (v - w.k),   R_0 = I / mu
 *
 * R is the inverse of gamma^t mu I + sum gamma^(t-i) k_i k_i^T (Sherman & Morrison): the ridge decays
 * with everything else, so in a direction that the keys do not visit R grows as 1 / gamma^t,
 * rounding errors grow with it, and R stops being positive definite. It stands here to show that.
 */
#include "forecast/forecast.h"
#include "la/dense.h"

/* w (n), begun, R (n,n) */
static size_t size(int n, int past)
{
    (void)past;
    return (size_t)n + 1 + (size_t)n * (size_t)n;
}

static void learn(const il_forecaster_run *run, double *state, const il_sample *s, double y)
{
    int n = s->n;
    double *w = state, *R = w + n + 1, *u = run->work;
    if (!s->whole) return;
    if (w[n] == 0)
        for (int i = 0; i < n; i++)
            R[(size_t)i * n + i] = 1 / (run->ridge > 0 ? run->ridge : 1);
    w[n] = 1;
    for (int i = 0; i < n; i++) u[i] = il_ddot(R + (size_t)i * n, s->key, n);
    double error = il_sample_target(s, y) - il_ddot(w, s->key, n);
    double den = run->forget + il_ddot(s->key, u, n);
    il_daxpy(w, error / den, u, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double *r = R + (size_t)i * n + j;
            *r = (*r - u[i] * u[j] / den) / run->forget;
        }
}

static double answer(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)run;
    return s->last + s->scale * (il_ddot(state, s->key, s->n) / s->weight);
}

const il_forecaster_kind il_forecaster_naive = {
    .name = "naive",
    .summary = "the recursion whose ridge decays: diverges, for comparison",
    .size = size,
    .learn = learn,
    .answer = answer,
};
