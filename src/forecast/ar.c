/* ar.c - autoregression by least squares on all rows so far
 *
 *   y(s+h) = b + sum_i a_i raw_i,   raw: the values at s, s-1, ... and a season ago
 *
 * The problem is kept as R a = t by Givens rotations, which is least squares without squaring its
 * condition number. Units: the first value is 0 and the first change 1. R starts as 1e-6 I, so that
 * a series which determines no unique answer has one; until there are twice as many pairs as
 * coefficients, the answer is the newest value.
 */
#include "forecast/forecast.h"
#include "la/dense.h"

#include <math.h>

/* zero and unit of the values; pairs; a (m), t (m), R (m,m) with m = past + 1 */
static size_t size(int n, int past)
{
    (void)n;
    return 3 + 2 * (size_t)(past + 1) + (size_t)(past + 1) * (size_t)(past + 1);
}

static void fill(double *x, const double *state, const il_sample *s)
{
    for (int i = 0; i < s->past; i++) x[i] = (s->raw[i] - state[0]) / state[1];
    x[s->past] = 1;
}

static void learn(const il_forecaster_run *run, double *state, const il_sample *s, double y)
{
    int m = s->past + 1;
    double *a = state + 3, *t = a + m, *R = t + m, *x = run->work;
    if (!s->whole) return;
    if (state[2] == 0) {
        state[0] = s->last;
        state[1] = fabs(y - s->last);
        if (!(state[1] > 0)) return;
        for (int i = 0; i < m; i++) R[(size_t)i * m + i] = 1e-6;
    }
    state[2] += 1;
    fill(x, state, s);
    il_qr_add(R, m, t, m, x, (y - state[0]) / state[1]);
    il_qr_solve(a, R, m, t, m);
}

static double answer(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    if (state[2] < 2 * (s->past + 1)) return s->last;
    fill(run->work, state, s);
    return state[0] + state[1] * il_ddot(state + 3, run->work, s->past + 1);
}

const il_forecaster_kind il_forecaster_ar = {
    .name = "ar",
    .summary = "autoregression by least squares on all rows so far",
    .size = size,
    .learn = learn,
    .answer = answer,
};
