/* mesa_gd.c - K exact steps of gradient descent for every prefix of a sequence at once, one head
 *
 *   tokens [p, x, s_t, s_{t-1}] with p = 0, x = s_t, and attention over j <= t:
 *   p_t <- p_t + eta_k sum_j s_j <s_{j-1}, x_t>,   x_t <- x_t - c_k sum_j s_{j-1} <s_{j-1}, x_t>
 *
 * After K layers p_t = Phi_K s_t, where Phi predicts s_j from s_{j-1} for all j <= t: with
 * eta = c = step these are K steps from Phi = 0 on |s_j - Phi s_{j-1}|^2 / 2, unbiased for every
 * t (layers that overwrite residuals instead use those of shorter prefixes). With Chebyshev's
 * coefficients they are ridge regression, as in chebyshev.c.
 *
 * From Phi_0 = start I instead: p starts as Phi_0 s_t, and s_j - Phi_0 s_{j-1} stands for s_j. One layer is
 * proposition 1.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, whose experiments have these tokens.
 */
#include "construct/series.h"

#include <math.h>

typedef struct {
    int dims, points, layers, chebyshev;
    double step_size, ridge, hi, start;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 10, 1, 64, "dimension of s" },
    { "points", IL_OPT_INT, offsetof(options, points), 50, 2, 4096, "longest sequence" },
    { "layers", IL_OPT_INT, offsetof(options, layers), 6, 1, SERIES, "layers K" },
    { "schedule", IL_OPT_CHOICE, offsetof(options, chebyshev), 0, 0, 0,
      "gradient descent, or ridge regression", "gd|chebyshev" },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0.0176, 0, 1e12,
      "of gradient descent" },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 1, 0, 1e12, "weight of |Phi|^2" },
    { "hi", IL_OPT_REAL, offsetof(options, hi), 132, 0, 1e12,
      "largest eigenvalue of sum s s' over the longest prefix" },
    { "start", IL_OPT_REAL, offsetof(options, start), 0, -1e6, 1e6,
      "Phi_0 = start I: the first, or where the ridge draws to" },
    { 0 },
};
static const char *const cases[] = { "dims=10 layers=6",
                                     "dims=4 layers=20 step_size=0.01",
                                     "dims=10 layers=12 schedule=chebyshev",
                                     "dims=5 layers=40 schedule=chebyshev ridge=0.1",
                                     "dims=10 layers=1 step_size=0.033 start=0.5",
                                     "dims=4 layers=12 start=-1",
                                     NULL };

static series coefficients(const options *o)
{
    return o->chebyshev ? il_series_chebyshev(o->layers, 0, o->hi, o->ridge)
                        : il_series_constant(o->layers, o->step_size);
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    series s = coefficients(o);
    if (o->chebyshev && !(o->hi > 0))
        il_refuse(p, "hi = 0: the largest eigenvalue is above that");
    il_task_is(p, "linear_dynamics", "constructed", o->dims, o->points);
    il_causal(p);
    il_token(p, "p", o->dims, "the prediction of s_{t+1}");
    il_token(p, "x", o->dims, "prod (I - c A) s_t");
    il_token(p, "s", o->dims, "s_t");
    il_token(p, "r", o->dims, "s_{t-1}");
    if (o->start != 0) il_start(p, "p <- %g s", o->start);
    for (int k = 0; k < s.K; k++)
        if (o->start != 0)
            il_attend(p, "p <- %g s - %g r, x <- %g r ; r ; x", s.eta[k],
                      s.eta[k] * o->start, -s.c[k]);
        else
            il_attend(p, "p <- %g s, x <- %g r ; r ; x", s.eta[k], -s.c[k]);
    il_answer(p, "p");
}

/* What the algorithm says at every t: phi rows are series of Y's rows, since A is symmetric; from Phi_0
 * these are of Y - Phi_0 A. */
static void predict(const options *o, int T, const double *s, double *work, double *out)
{
    int d = o->dims;
    series how = coefficients(o);
    double *A = work, *Y = A + d * d, *w = Y + d * d, *more = w + (how.K + 1) * d;
    for (int t = 0; t < T; t++) {
        for (int i = 0; t > 0 && i < d; i++)
            for (int j = 0; j < d; j++) {
                A[i * d + j] += s[(t - 1) * d + i] * s[(t - 1) * d + j];
                Y[i * d + j] +=
                    (s[t * d + i] - o->start * s[(t - 1) * d + i]) * s[(t - 1) * d + j];
            }
        for (int i = 0; i < d; i++) {
            out[t * d + i] = o->start * s[t * d + i];
            il_series_run(&how, d, A, Y + i * d, more, w);
            for (int j = 0; j < d; j++) out[t * d + i] += w[how.K * d + j] * s[t * d + j];
        }
    }
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    for (int seed = 0; seed < 3; seed++) {
        int d = o->dims, T = o->points;
        size_t D = (size_t)d, mark = c->used, K = (size_t)o->layers;
        double *W = il_check_spectrum(c, d, d, 1, 1, 7 * seed); /* orthogonal */
        double *s = il_check_random(c, (size_t)T * D, seed + 50);
        double *tokens = il_check_take(c, (size_t)T * 4 * D), norm = 0;
        double *want = il_check_take(c, (size_t)T * D);
        double *got = il_check_take(c, (size_t)T * D);
        double *work = il_check_take(c, 2 * D * D + (K + 1) * D + 2 * D);
        if (c->status != IL_OK) return;
        for (int i = 0; i < d; i++) norm += s[i] * s[i];
        for (int i = 0; i < d; i++) s[i] *= sqrt(o->hi / T / norm); /* so hi bounds A */
        for (int t = 1; t < T; t++)
            for (int i = 0; i < d; i++) {
                s[t * d + i] = 0;
                for (int j = 0; j < d; j++)
                    s[t * d + i] += W[i * d + j] * s[(t - 1) * d + j];
            }
        for (int t = 0; t < T; t++)
            for (int i = 0; i < d; i++) {
                double *token = tokens + t * 4 * d;
                token[d + i] = token[2 * d + i] = s[t * d + i];
                token[3 * d + i] = t ? s[(t - 1) * d + i] : 0;
            }
        il_check_run(c, T, tokens, NULL, 1, NULL, got);
        predict(o, T, s, work, want);
        char size[48];
        snprintf(size, sizeof size, "d=%d t=1..%d", d, T);
        il_check_row(c, size, NAN, o->layers, il_check_difference(got, want, (size_t)T * D),
                     NAN, 1e-13);
        c->used = mark;
    }
}

const il_construct il_construct_mesa_gd = {
    .name = "mesa_gd",
    .summary = "exact steps of gradient descent, or ridge regression, on every prefix of a "
               "sequence",
    .source = "von Oswald et al. 2023, arXiv:2309.05858",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
