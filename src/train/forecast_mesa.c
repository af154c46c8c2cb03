/* forecast_mesa.c - the plain mesa-layer as a forecaster: ridge regression with forgetting
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
 * The recursion that keeps R = H^-1 instead (forecast_naive.c) has no such floor. A solve costs
 * n^3 / 6 products.
 *
 * Asked for no ridge in particular, it solves with several, "no change" (mu = inf) among them, and
 * mixes their weights by p = (least loss / loss)^32, where a loss is the sum of squared errors made
 * before each pair was learnt, counted 0.998 less a row. A mixture is bounded as its parts are.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858; a ridge that stays: von Oswald et al. 2025,
 * arXiv:2506.05233.
 */
#include "algo/dense.h"
#include "train/forecast.h"

#include <math.h>

static const double ridges[] = { 0.1, 1, 10, 100, INFINITY };
enum { R = IL_COUNT(ridges) };

/* w (n), g (n), H (n,n) lower triangle; for every ridge its loss (R) and weights (R,n) */
static size_t size(int n, int past)
{
    (void)past;
    return 2 * (size_t)n + (size_t)n * (size_t)n + R + R * (size_t)n;
}

/* w with (H + mu I) w = g; L (n,n) is scratch. Row by row, so that every inner sum is a dot product
 * of two rows. */
static void solve(double *w, const double *H, const double *g, double mu, int n, double *L)
{
    for (int i = 0; i < n; i++) {
        double *Li = L + (size_t)i * n;
        for (int j = 0; j < i; j++) {
            const double *Lj = L + (size_t)j * n;
            Li[j] =
                (H[(size_t)i * n + j] - il_ddot(Li, Lj, j)) * Lj[j]; /* 1 / pivot root */
        }
        double pivot = H[(size_t)i * n + i] + mu - il_ddot(Li, Li, i);
        Li[i] = 1 / sqrt(fmax(pivot, mu));
        w[i] = (g[i] - il_ddot(Li, w, i)) * Li[i];
    }
    for (int i = n - 1; i >= 0; i--) {
        const double *Li = L + (size_t)i * n;
        w[i] *= Li[i];
        il_daxpy(w, -w[i], Li, i);
    }
}

/* (least / loss)^32, so a share of the mixture; no loss at all is the best one */
static double share(double least, double loss)
{
    double x = loss > 0 ? least / loss : 1;
    for (int i = 0; i < 5; i++) x *= x;
    return x;
}

/* w: the mixture of the ridges' weights, by what each has lost on (k, v) and the pairs before */
static void mix(double *w, double *loss, const double *each, int n)
{
    double least = loss[0], sum = 0;
    for (int r = 1; r < R; r++) least = fmin(least, loss[r]);
    for (int r = 0; r < R; r++) sum += share(least, loss[r]);
    memset(w, 0, sizeof *w * (size_t)n);
    for (int r = 0; r < R; r++)
        il_daxpy(w, share(least, loss[r]) / sum, each + (size_t)r * n, n);
}

static void learn(const il_forecaster_run *run, double *state, const il_sample *s, double y)
{
    int n = s->n;
    double *w = state, *g = w + n, *H = g + n, *loss = H + (size_t)n * n, *each = loss + R;
    double v = il_sample_target(s, y);
    for (int r = 0; r < R && run->ridge == 0; r++) {
        double error = v - il_ddot(each + (size_t)r * n, s->key, n);
        loss[r] = 0.998 * loss[r] + error * error;
    }
    for (int i = 0; i < n; i++) {
        double *Hi = H + (size_t)i * n, k = s->key[i];
        g[i] = run->forget * g[i] + v * k;
        for (int j = 0; j <= i; j++) Hi[j] = run->forget * Hi[j] + k * s->key[j];
    }
    if (run->ridge > 0) {
        solve(w, H, g, run->ridge, n, run->work);
        return;
    }
    for (int r = 0; r + 1 < R; r++)
        solve(each + (size_t)r * n, H, g, ridges[r], n, run->work);
    mix(w, loss, each, n);
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
