/* mesa.c - the plain mesa-layer as a forecaster: ridge regression with forgetting
 *
 *   H = gamma H + k k^T,   g = gamma g + v k,   answer  w.k  with  (H + mu I) w = g
 *
 * The ridge mu is added when the system is solved and does not decay, so nothing can grow without
 * bound, whatever the keys and for every gamma in (0,1]:
 *
 *   - H is a sum of squares, so all eigenvalues of H + mu I are at least mu, and so is every pivot
 *     of its Cholesky factorisation. Taking max(pivot, mu) changes nothing but rounding errors.
 *   - |k| <= r and |v| <= V give trace H <= r^2 N and |w| <= V sqrt(N) / (2 sqrt(mu)), where
 *     N = 1 + gamma + gamma^2 + ... <= min(pairs, 1 / (1 - gamma)).
 *
 * What was learnt while a season was not yet seen, and its inputs were zeros, counts for a hundredth
 * from the first key on that has it.
 *
 * The recursion that keeps R = H^-1 instead (naive.c) has no such floor. A solve costs
 * n^3 / 6 products.
 *
 * Asked for no ridge in particular, it solves with several side by side, adds "no change" (mu = inf) and
 * mixes their weights by p = (least loss / loss)^32, where a loss is the sum of squared errors made
 * before each pair was learnt, counted 0.998 less a row. A mixture is bounded as its parts are.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858; a ridge that stays: von Oswald et al. 2025,
 * arXiv:2506.05233.
 */
#include "forecast/forecast.h"
#include "la/dense.h"

#include <math.h>

enum { LANES = 4, R = LANES + 1 }; /* ridges solved side by side; and that of "no change" */
static const double ridges[LANES] = { 0.1, 1, 10, 100 };

/* w (n), g (n), H (n,n) lower triangle; for every ridge its loss (R); weights (n,LANES); seasons of
 * the newest key */
static size_t size(int n, int past)
{
    (void)past;
    return 2 * (size_t)n + (size_t)n * (size_t)n + R + LANES * (size_t)n + 1;
}

/* sum[l] -= sum_i x[i] y[i], a lane for each ridge */
static inline void subtract(double sum[LANES], const double *x, const double *y, int n)
{
    for (int i = 0; i < n; i++, x += LANES, y += LANES)
        for (int l = 0; l < LANES; l++) sum[l] -= x[l] * y[l];
}

/* W (n,LANES) with (H + mu_l I) W_l = g; L (n,n,LANES) is scratch, its diagonal 1 / root. */
static void solve(double *W, const double *H, const double *g, const double mu[LANES],
                  int n, double *L)
{
    double sum[LANES];
    for (int i = 0; i < n; i++) {
        double *Li = L + (size_t)i * n * LANES, *Lii = Li + (size_t)i * LANES;
        for (int j = 0; j <= i; j++) {
            const double *Lj = L + (size_t)j * n * LANES;
            for (int l = 0; l < LANES; l++)
                sum[l] = H[(size_t)i * n + j] + (i == j ? mu[l] : 0);
            subtract(sum, Li, Lj, j);
            for (int l = 0; l < LANES; l++)
                Li[j * LANES + l] = i == j ? 1 / sqrt(sum[l] > mu[l] ? sum[l] : mu[l])
                                           : sum[l] * Lj[j * LANES + l];
        }
        for (int l = 0; l < LANES; l++) sum[l] = g[i];
        subtract(sum, Li, W, i);
        for (int l = 0; l < LANES; l++) W[i * LANES + l] = sum[l] * Lii[l];
    }
    for (int i = n - 1; i >= 0; i--) {
        const double *Li = L + (size_t)i * n * LANES;
        double *Wi = W + (size_t)i * LANES;
        for (int l = 0; l < LANES; l++) Wi[l] *= Li[i * LANES + l];
        for (int j = 0; j < i; j++)
            for (int l = 0; l < LANES; l++) W[j * LANES + l] -= Li[j * LANES + l] * Wi[l];
    }
}

/* (least / loss)^32, so a share of the mixture; no loss at all is the best one */
static double share(double least, double loss)
{
    double x = loss > 0 ? least / loss : 1;
    for (int i = 0; i < 5; i++) x *= x;
    return x;
}

/* w: the mixture of the ridges' weights, by what each has lost */
static void mix(double *w, const double *loss, const double *W, int n)
{
    double least = loss[0], part[R], sum = 0;
    for (int r = 1; r < R; r++) least = fmin(least, loss[r]);
    for (int r = 0; r < R; r++) sum += part[r] = share(least, loss[r]);
    for (int i = 0; i < n; i++) {
        w[i] = 0;
        for (int l = 0; l < LANES; l++) w[i] += part[l] / sum * W[i * LANES + l];
    }
}

/* What each ridge answered to a key, and "no change" */
static void count(double *loss, const double *W, const double *key, int n, double v)
{
    double error[R] = { v, v, v, v, v };
    for (int i = 0; i < n; i++)
        for (int l = 0; l < LANES; l++) error[l] -= W[i * LANES + l] * key[i];
    for (int r = 0; r < R; r++) loss[r] = 0.998 * loss[r] + error[r] * error[r];
}

static void learn(const il_forecaster_run *run, double *state, const il_sample *s, double y)
{
    int n = s->n;
    double *w = state, *g = w + n, *H = g + n, *loss = H + (size_t)n * n, *W = loss + R;
    double *seasons = W + (size_t)LANES * n, v = il_sample_target(s, y);
    double mu = run->ridge, one[LANES] = { mu, mu, mu, mu };
    count(loss, W, s->key, n, v);
    double keep = s->seasons > *seasons ? 0.01 : run->forget;
    *seasons = s->seasons;
    for (int i = 0; i < n; i++) {
        double *Hi = H + (size_t)i * n, k = s->key[i];
        g[i] = keep * g[i] + v * k;
        for (int j = 0; j <= i; j++) Hi[j] = keep * Hi[j] + k * s->key[j];
    }
    solve(W, H, g, mu > 0 ? one : ridges, n, run->work);
    if (mu > 0)
        for (int i = 0; i < n; i++) w[i] = W[i * LANES];
    else
        mix(w, loss, W, n);
}

static double answer(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)run;
    return s->last + s->scale * (il_ddot(state, s->key, s->n) / s->weight);
}

const il_forecaster_kind il_forecaster_mesa = {
    .name = "mesa",
    .summary = "ridge regression with forgetting on bounded keys: never diverges",
    .size = size,
    .learn = learn,
    .answer = answer,
};
