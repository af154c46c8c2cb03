/* algo_ridge.c - penalties and passes: ridge with its parameter estimated, lasso, online descent */
#include "algo/spectral.h"
#include "ask.h"

enum { D = 8, N = 20, B = 6 };

/* Residuals of least squares by LAPACK give alpha; ridge with this alpha gives the weights */
static void the_noise_is_estimated(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    double *what, *capped;
    free(answers("adaptive_ridge before=0.2", batch, 0, &what));
    free(answers("adaptive_ridge before=0.2 factor=1.3 cap=0.3", batch, 0, &capped));
    for (int b = 0; b < B; b++)
        for (int n = 0; n < N; n++) {
            double ols[D], want[D], alpha = 0.2;
            lapack_solve(ols, batch, b, n, 0);
            if (n > D) {
                alpha = 0;
                for (int i = 0; i < n; i++) {
                    const double *x = batch->x + (b * N + i) * D;
                    alpha +=
                        pow(batch->y[b * N + i] - il_prompt_dot(ols, x, D), 2) / (n - D);
                }
            }
            lapack_solve(want, batch, b, n, alpha);
            CHECK_NEAR(distance(what + (b * N + n) * D, want, D), 0, 1e-9, "no cap");
            alpha = n > D ? fmin(1.3 * alpha, 0.3) : 0.2;
            lapack_solve(want, batch, b, n, alpha);
            CHECK_NEAR(distance(capped + (b * N + n) * D, want, D), 0, 1e-9, "cap 0.3");
        }
    free(what);
    free(capped);
    il_batch_free(batch);
}

/* ---- noise that differs from prompt to prompt: the published baselines ---- */

enum { M = 20, W = 10, SEQUENCES = 30000, ALPHAS = 40, FACTORS = 5, CAPS = 6 };

/* One sequence's spectrum: eigenvalues of X^T X, the weights' and X^T e's coordinates, and what
 * least squares leaves of |e|^2; e is noise of variance 1 */
typedef struct {
    double lambda[W], w[W], e[W], left;
} sequence;

static void draw_sequence(sequence *s, uint32_t index)
{
    static double work[8 * W * W];
    il_rng rng = il_rng_at(9, IL_STREAM_USER, 0, index);
    double x[M * W], e[M], w[W];
    for (int d = 0; d < W; d++) w[d] = il_normal(&rng);
    for (int i = 0; i < M * W; i++) x[i] = il_normal(&rng);
    assert_true(il_spectral_work(NULL, M, W) <= sizeof work / sizeof *work);
    memset(work, 0, sizeof work);
    il_learner l = { .D = W, .work = work };
    s->left = 0;
    for (int i = 0; i < M; i++) {
        e[i] = il_normal(&rng);
        s->left += e[i] * e[i];
        il_spectral_learn(NULL, &l, x + i * W, e[i]);
    }
    il_spectral got = il_spectral_of(&l, w, 0);
    for (int d = 0; d < W; d++) {
        s->lambda[d] = got.lambda[d];
        s->w[d] = got.q[d];
        s->e[d] = got.b[d];
        s->left -= got.b[d] * got.b[d] / got.lambda[d];
    }
}

/* Half the expected squared error of ridge on a fresh noiseless query: |what - w|^2 / 2 */
static double half_error(const sequence *s, double sigma, double alpha)
{
    double sum = 0;
    for (int d = 0; d < W; d++) {
        double e = (sigma * s->e[d] - alpha * s->w[d]) / (s->lambda[d] + alpha);
        sum += e * e;
    }
    return sum / 2;
}

static double least(const double *v, int n)
{
    double best = INFINITY;
    for (int i = 0; i < n; i++) best = fmin(best, v[i]);
    return best;
}

/* Half squared errors above those of ridge that knows the noise, for noise uniform in
 * [0,1] .. [0,7] and in {1,3}, {1,3,5}: one tuned alpha, the estimated one, and the estimate
 * with factor and cap tuned */
static void baselines_under_unknown_noise(void **state)
{
    (void)state;
    static const double published[3][9] = {
        { .009, .066, .161, .265, .365, .454, .530, .222, .422 },
        { .003, .016, .034, .053, .068, .081, .092, .051, .084 },
        { .002, .010, .023, .037, .049, .060, .068, .021, .054 },
    };
    static double constant[9][ALPHAS], tuned[9][FACTORS * CAPS], adaptive[9];
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        sequence s;
        draw_sequence(&s, i);
        il_rng rng = il_rng_at(9, IL_STREAM_USER, 1, i);
        double u = il_uniform(&rng);
        for (int k = 0; k < 9; k++) {
            double most = k < 7 ? k + 1 : k == 7 ? 3 : 5;
            double sigma = k < 7 ? u * most : 1 + 2 * floor(u * (k - 5)),
                   known = sigma * sigma;
            double oracle = half_error(&s, sigma, known);
            double estimate = known * s.left / (M - W);
            for (int a = 0; a < ALPHAS; a++)
                constant[k][a] +=
                    half_error(&s, sigma, most * most * 0.02 * (a + 1)) - oracle;
            for (int f = 0; f < FACTORS; f++)
                for (int c = 0; c < CAPS; c++)
                    tuned[k][f * CAPS + c] +=
                        half_error(
                            &s, sigma,
                            fmin((1 + 0.1 * f) * estimate, (0.5 + 0.1 * c) * most * most)) -
                        oracle;
            adaptive[k] += half_error(&s, sigma, estimate) - oracle;
        }
    }
    for (int k = 0; k < 9; k++) {
        double got[3] = { least(constant[k], ALPHAS) / SEQUENCES, adaptive[k] / SEQUENCES,
                          least(tuned[k], FACTORS * CAPS) / SEQUENCES };
        printf("noise %d: %.4f %.4f %.4f (published %.3f %.3f %.3f)\n", k + 1, got[0],
               got[1], got[2], published[0][k], published[1][k], published[2][k]);
        for (int j = 0; j < 3; j++) /* 6 %, and the last digit that was printed */
            CHECK_NEAR(got[j], published[j][k], 0.06 * published[j][k] + 0.001,
                       "half error");
    }
}

/* ---- lasso ---- */

/* The conditions of the minimum: the gradient is alpha sign(w) where w is not 0, and at most
 * alpha elsewhere */
static void check_lasso(const il_batch *batch, const char *text, double alpha, double ratio)
{
    enum { STEPS = 9 };
    int dim = batch->dim, points = batch->points, prompts = batch->prompts;
    double *what;
    free(answers(text, batch, STEPS, &what));
    for (int b = 0; b < prompts; b++)
        for (int n = 1; n < points; n++) {
            const double *x = batch->x + b * points * dim, *y = batch->y + b * points;
            double largest = 0;
            for (int d = 0; d < dim; d++) {
                double sum = 0;
                for (int i = 0; i < n; i++) sum += y[i] * x[i * dim + d];
                largest = fmax(largest, fabs(sum / n));
            }
            for (int t = 0; t <= STEPS; t++) {
                double at = fmax(alpha, largest * pow(ratio, t));
                const double *w = what + ((t * prompts + b) * points + n) * dim;
                for (int d = 0; d < dim; d++) {
                    double g = 0;
                    for (int i = 0; i < n; i++)
                        g += (y[i] - il_prompt_dot(w, x + i * dim, dim)) * x[i * dim + d] /
                             n;
                    double over =
                        w[d] == 0 ? fmax(fabs(g) - at, 0) : fabs(g - (w[d] > 0 ? at : -at));
                    /* sweeps end where nothing moves by more than 1e-9 of the largest */
                    CHECK(over <= 1e-8 * largest, "%s: prompt %d, %d examples, step %d: %g",
                          text, b, n, t, over);
                }
            }
        }
    free(what);
}

static void lasso_meets_its_conditions(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    check_lasso(batch, "lasso", 0.01, 0.25);
    check_lasso(batch, "lasso alpha=0.5 ratio=0.9", 0.5, 0.9);
    for (int p = 0; p < B * N; p++) { /* one input the sum of two others, one of them 0 */
        double *x = batch->x + p * D;
        x[5] = x[0] + x[1];
        x[2] = 0;
    }
    check_lasso(batch, "lasso alpha=0.001 ratio=0.5", 0.001, 0.5);
    il_batch_free(batch);
    batch = drawn("sparse_linear_regression", "", NULL, 40, 24, 20, 20);
    check_lasso(batch, "lasso alpha=0.001 ratio=0.3", 0.001, 0.3);
    il_batch_free(batch);
}

/* What it is for: fewer examples than dimensions, three weights that are not 0 */
static void lasso_finds_sparse_weights(void **state)
{
    (void)state;
    il_batch *batch = drawn("sparse_linear_regression", "", NULL, 60, 13, 20, 20);
    double *lasso = answers("lasso", batch, 6, NULL), *ols = answers("ols", batch, 0, NULL);
    double error[2] = { 0 };
    for (int b = 0; b < 60; b++) {
        int last = b * 13 + 12;
        error[0] += pow(lasso[6 * 60 * 13 + last] - batch->y[last], 2) / 60;
        error[1] += pow(ols[last] - batch->y[last], 2) / 60;
    }
    printf("12 examples of 20 dimensions: lasso %.3f, least squares %.3f\n", error[0],
           error[1]);
    CHECK(error[0] < 0.3 * error[1], "%g against %g", error[0], error[1]);
    free(lasso);
    free(ols);
    il_batch_free(batch);
}

/* ---- online gradient descent ---- */

static void online_steps_by_hand(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    double *nlms, *sgd, *started;
    free(answers("ogd", batch, 0, &nlms));
    free(answers("ogd normalise=0 rate=0.06 decay=0.1", batch, 0, &sgd));
    free(answers("ogd start=1", batch, 0, &started));
    for (int b = 0; b < B; b++) {
        double w[D] = { 0 };
        for (int n = 0; n < N; n++) {
            const double *x = batch->x + (b * N + n) * D;
            CHECK_NEAR(distance(sgd + (b * N + n) * D, w, D), 0, 1e-13, "sgd");
            double e = batch->y[b * N + n] - il_prompt_dot(w, x, D);
            for (int d = 0; d < D; d++) w[d] += 0.06 * (e * x[d] - 0.1 * w[d]);
            if (n == N - 1) continue;
            const double *after = nlms + (b * N + n + 1) * D,
                         *s = started + (b * N + n + 1) * D;
            CHECK_NEAR(il_prompt_dot(after, x, D), batch->y[b * N + n], 1e-12,
                       "no error is left");
            CHECK_NEAR(il_prompt_dot(s, x, D), batch->y[b * N + n], 1e-12, "from a start");
            assert_true(n || distance(after, s, D) > 0.01);
        }
    }
    free(nlms);
    free(sgd);
    free(started);
    il_batch_free(batch);
}

/* Squared distances to least squares divided by d, noiseless, d = 8, at 1, 2, 4, .. 14 examples,
 * as Akyurek et al. compare; 4,000 prompts have 5 % of sampling error */
static void distances_to_least_squares(void **state)
{
    (void)state;
    enum { P = 4000 };
    static const int at[] = { 1, 2, 4, 6, 8, 10, 12, 14 };
    static const struct {
        const char *text;
        int steps;
        double want[8];
    } cases[] = {
        { "zero", 0, { 0 } },
        { "ridge alpha=0.1", 0, { .000, .000, .0013, .0099, .073, .014, .0034, .0012 } },
        { "ridge alpha=0.5", 0, { .001, .003, .014, .048, .145, .063, .029, .015 } },
        { "gd step_size=0.02", 1, { .093, .181, .360, .541, .741, .682, .627, .576 } },
        { "gd step_size=0.04", 1, { .064, .127, .264, .409, .582, .509, .449, .401 } },
        { "ogd normalise=0 rate=0.06",
          0,
          { .043, .091, .204, .335, .500, .420, .354, .298 } },
    };
    il_batch *batch = drawn("linear_regression", "", NULL, P, 15, D, D);
    double *ols, *what;
    free(answers("ols", batch, 0, &ols));
    for (int i = 0; i < IL_COUNT(cases); i++) {
        free(answers(cases[i].text, batch, cases[i].steps, &what));
        const double *last = what + (size_t)cases[i].steps * P * 15 * D;
        for (int k = 0; k < 8; k++) {
            double sum = 0;
            for (int b = 0; b < P; b++)
                for (int d = 0; d < D; d++) {
                    int j = (b * 15 + at[k]) * D + d;
                    sum += pow(last[j] - ols[j], 2) / D / P;
                }
            double want = i ? cases[i].want[k] : fmin(at[k], D) / D; /* |w_ols|^2 / d */
            CHECK_NEAR(sum, want, 0.1 * want + 0.0015, cases[i].text);
        }
        free(what);
    }
    free(ols);
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_noise_is_estimated),
        cmocka_unit_test(baselines_under_unknown_noise),
        cmocka_unit_test(lasso_meets_its_conditions),
        cmocka_unit_test(lasso_finds_sparse_weights),
        cmocka_unit_test(online_steps_by_hand),
        cmocka_unit_test(distances_to_least_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
