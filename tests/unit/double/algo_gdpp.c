/* algo_gdpp.c - GD++ layer by layer, its second order, and what two layers reach; Chebyshev */
#include "algo/tune.h"
#include "ask.h"

enum { D = 6, N = 12, B = 4 };

/* The layers written down token by token: examples (x_j, y_j), the query (x, 0) no key */
static double tokens(const il_batch *batch, int b, int n, int layers, double gamma,
                     double step_size)
{
    double x[N][D], y[N] = { 0 };
    for (int j = 0; j <= n; j++) {
        for (int d = 0; d < D; d++) x[j][d] = batch->x[(b * N + j) * D + d];
        if (j < n) y[j] = batch->y[b * N + j];
    }
    for (int t = 0; t < layers; t++) {
        double xx[N][D], yy[N];
        for (int j = 0; j <= n; j++) {
            memcpy(xx[j], x[j], sizeof xx[j]);
            yy[j] = y[j];
            for (int i = 0; i < n; i++) { /* keys and values: examples alone */
                double score = 0;
                for (int d = 0; d < D; d++) score += x[i][d] * x[j][d];
                yy[j] -= step_size * score * y[i];
                for (int d = 0; d < D; d++) xx[j][d] -= gamma * score * x[i][d];
            }
        }
        memcpy(x, xx, sizeof x);
        memcpy(y, yy, sizeof y);
    }
    return -y[n];
}

static void layers_are_those_of_the_tokens(void **state)
{
    (void)state;
    enum { LAYERS = 5 };
    il_batch *batch = drawn("noisy_linear_regression", "", NULL, B, N, D, D);
    double *yhat = answers("gdpp gamma=0.01 step_size=0.03", batch, LAYERS, NULL);
    for (int t = 0; t <= LAYERS; t++)
        for (int b = 0; b < B; b++)
            for (int n = 0; n < N; n++)
                CHECK_NEAR(yhat[(t * B + b) * N + n], tokens(batch, b, n, t, 0.01, 0.03),
                           1e-12, "gdpp");
    free(yhat);
    il_batch_free(batch);
}

/* X with X^T X = diag(1 .. kappa in equal ratios), y = X 1: the answers tend to 1, query e_d in
 * prompt d */
static il_batch *graded(double kappa)
{
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, D, D + 1, D, &err));
    for (int p = 0; p < D; p++) {
        for (int d = 0; d < D; d++) {
            double root = pow(kappa, 0.5 * d / (D - 1));
            batch->x[(p * (D + 1) + d) * D + d] = batch->y[p * (D + 1) + d] = root;
        }
        batch->x[(p * (D + 1) + D) * D + p] = 1;
    }
    return batch;
}

static double worst_error(const double *yhat, int t)
{
    double worst = 0;
    for (int p = 0; p < D; p++)
        worst = fmax(worst, fabs(1 - yhat[(t * D + p) * (D + 1) + D]));
    return worst;
}

/* Layers to 1e-12 grow with log kappa; the published program, read out by its last layer, takes
 * 6, 9, 12, 14, ours with every layer reading out fewer */
static void layers_grow_with_the_log_of_the_condition(void **state)
{
    (void)state;
    static const double kappa[] = { 2, 10, 100, 1000 };
    static const int layers[] = { 6, 9, 12, 14 };
    for (int k = 0; k < 4; k++) {
        enum { MOST = 25 };
        il_batch *batch = graded(kappa[k]);
        int took[2];
        for (int each = 0; each < 2; each++) {
            double *yhat = answers(each ? "gdpp" : "gdpp read_out=last", batch, MOST, NULL);
            int t = 0;
            while (t < MOST && !(worst_error(yhat, t) <= 1e-12)) t++;
            took[each] = t;
            free(yhat);
        }
        printf("condition %4g: %d layers read out by the last, %d by each\n", kappa[k],
               took[0], took[1]);
        CHECK(abs(took[0] - layers[k]) <= 1, "kappa %g: %d layers", kappa[k], took[0]);
        CHECK(took[1] <= took[0], "kappa %g: %d layers", kappa[k], took[1]);
        il_batch_free(batch);
    }
}

/* `prompts` prompts of n points and a query, x uniform in +-1/2, y = w.x: the setting of
 * von Oswald et al. 2023 */
static il_batch *uniform(int prompts, int n, int dim)
{
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, prompts, n + 1, dim, &err));
    for (int b = 0; b < prompts; b++) {
        il_rng rng = il_rng_at(11, IL_STREAM_USER, 0, (uint32_t)b);
        double *x = batch->x + b * (n + 1) * dim, *w = batch->w + b * dim;
        for (int d = 0; d < dim; d++) w[d] = il_normal(&rng);
        for (int i = 0; i < (n + 1) * dim; i++) x[i] = il_uniform(&rng) - 0.5;
        for (int i = 0; i <= n; i++)
            batch->y[b * (n + 1) + i] = il_prompt_dot(w, x + i * dim, dim);
    }
    return batch;
}

/* Half squared errors of the best constant step, found on a few, and of GD++ with the
 * published gamma and its best step; 10,000 prompts have 2 % of sampling error, the step costs less */
static void two_layers_reach_the_published_loss(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int steps, n;
        double want, part;
    } cases[] = { { "gd", 1, 10, .208, .06 }, { "gd", 2, 10, .157, .04 },
                  { "gd", 5, 10, .106, .06 }, { "gdpp gamma=0.16", 2, 10, .111, .04 },
                  { "gd", 2, 25, .059, .06 }, { "gdpp gamma=0.1", 2, 25, .018, .1 } };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        int n = cases[i].n;
        double step, loss = 0;
        char text[IL_TEXT];
        il_batch *some = uniform(3000 / n, n, 10), *many = uniform(10000, n, 10);
        snprintf(text, sizeof text, "%s steps=%d", cases[i].text, cases[i].steps);
        CHECK_OK(il_algo_tune(&step, NULL, text, "step_size", 0.05, 5, some, n, &err));
        snprintf(text, sizeof text, "%s step_size=%.17g", cases[i].text, step);
        double *what = last_weights(text, many, cases[i].steps);
        for (int j = 0; j < many->prompts * 10; j++) /* E[x x^T] = I / 12 */
            loss += pow(what[j] - many->w[j], 2) / 12 / many->prompts;
        printf("%s, %d steps, %d examples: %.4f at step %.3g (reference %.3f)\n",
               cases[i].text, cases[i].steps, n, loss / 2, step, cases[i].want);
        CHECK_NEAR(loss / 2, cases[i].want, cases[i].part * cases[i].want, cases[i].text);
        free(what);
        il_batch_free(some);
        il_batch_free(many);
    }
}

static void gdpp_reaches_least_squares(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    double *ols = answers("ols", batch, 0, NULL);
    static const char *const texts[] = { "gdpp", "gdpp read_out=last" };
    for (int i = 0; i < 2; i++) {
        double *yhat =
            answers(texts[i], batch, 2000, NULL); /* long after: nothing overflows */
        for (int t = 20; t <= 2000; t += 660)
            CHECK_NEAR(distance(yhat + t * B * N, ols, B * N), 0, 1e-9, texts[i]);
        free(yhat);
    }
    free(ols);
    il_batch_free(batch);
}

/* Chebyshev polynomial T_k(x) for x >= 1 or |x| <= 1 */
static double polynomial(int k, double x)
{
    double last = 1, now = x;
    for (int i = 1; i < k; i++) {
        double next = 2 * x * now - last;
        last = now;
        now = next;
    }
    return k ? now : 1;
}

/* Along every eigenvector the error is T_k((c - h) / e) / T_k(c / e), with bounds found and given */
static void chebyshev_leaves_its_polynomial(void **state)
{
    (void)state;
    enum { STEPS = 12 };
    double kappa = 30, ridge = 0.5;
    il_batch *batch = graded(kappa);
    for (int given = 0; given < 2; given++) {
        double lo = given ? 0.8 : 1, hi = given ? 35 : kappa;
        double c = (hi + lo) / 2 + ridge, e = (hi - lo) / 2;
        double *yhat =
            answers(given ? "chebyshev ridge=0.5 lo=0.8 hi=35" : "chebyshev ridge=0.5",
                    batch, STEPS, NULL);
        for (int t = 0; t <= STEPS; t++)
            for (int p = 0; p < D; p++) {
                double lambda = pow(kappa, (double)p / (D - 1)), h = lambda + ridge;
                double left = polynomial(t, (c - h) / e) / polynomial(t, c / e);
                CHECK_NEAR(yhat[(t * D + p) * (D + 1) + D], lambda / h * (1 - left), 1e-12,
                           "along an eigenvector");
            }
        free(yhat);
    }
    il_batch_free(batch);
}

/* One number per layer, as a network with fixed weights has it: nodes 1/c_k of the Newton form
 * of the polynomial that interpolates 1/(a + ridge) at Chebyshev's nodes */
static void chebyshev_is_its_layers(void **state)
{
    (void)state;
    enum { K = 6 };
    double lo = 0.8, hi = 35, ridge = 0.5, node[K], c[K], eta[K], kappa = 30;
    for (int k = 0; k < K; k++)
        node[k] = (hi + lo) / 2 + (hi - lo) / 2 * cos((2 * k + 1) * acos(-1) / (2 * K));
    for (int k = 0; k < K; k++) {
        c[k] = 1 / node[k];
        eta[k] = 1 / (node[k] + ridge);
        for (int j = 0; j < k; j++) eta[k] *= node[j] / (node[j] + ridge);
    }
    il_batch *batch = graded(kappa);
    char text[IL_TEXT];
    snprintf(text, sizeof text, "chebyshev ridge=%g lo=%g hi=%g", ridge, lo, hi);
    double *yhat = answers(text, batch, K, NULL);
    for (int p = 0; p < D; p++) {
        double lambda = pow(kappa, (double)p / (D - 1)), x = 1, sum = 0;
        for (int k = 0; k < K; k++) { /* p += eta_k Y x, x -= c_k A x */
            sum += eta[k] * lambda * x;
            x -= c[k] * lambda * x;
        }
        CHECK_NEAR(yhat[(K * D + p) * (D + 1) + D], sum, 1e-12, "the last layer");
    }
    free(yhat);
    il_batch_free(batch);
}

static void chebyshev_reaches_ridge(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    double *ridge = answers("ridge alpha=0.5", batch, 0, NULL),
           *ols = answers("ols", batch, 0, NULL);
    double *yhat = answers("chebyshev ridge=0.5", batch, 150, NULL);
    CHECK_NEAR(distance(yhat + 150 * B * N, ridge, B * N), 0, 1e-9, "ridge");
    free(yhat);
    yhat = answers("chebyshev", batch, 3000, NULL);
    CHECK_NEAR(distance(yhat + 3000 * B * N, ols, B * N), 0, 1e-7, "least squares");
    free(yhat);
    free(ridge);
    free(ols);
    il_batch_free(batch);
}

static void searches_say_what_is_wrong(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", "", NULL, B, N, D, D);
    il_error fault = { 0 };
    double step, loss, best = 0, power = 0;
    assert_int_equal(il_algo_tune(&step, NULL, "gd", "stepsize", 1e-3, 1, batch, 0, &fault),
                     IL_ECONFIG);
    CHECK(strstr(fault.text, "step_size"), "%s", fault.text);
    for (int p = 0; p < B * N; p++) batch->y[p] = INFINITY;
    assert_int_equal(
        il_algo_tune(&step, NULL, "gd steps=3", "step_size", 1e-3, 1, batch, 1, &fault),
        IL_ECONFIG);
    CHECK(strstr(fault.text, "finite error"), "%s", fault.text);
    il_batch_free(batch);

    /* one step of gradient descent is linear in its step: the best is known */
    batch = drawn("linear_regression", "", NULL, B, N, D, D);
    double *yhat = answers("gd step_size=1", batch, 1, NULL);
    for (int p = 0; p < B * N; p++) {
        best += yhat[B * N + p] * batch->y[p];
        power += yhat[B * N + p] * yhat[B * N + p];
    }
    CHECK_OK(
        il_algo_tune(&step, &loss, "gd steps=1", "step_size", 1e-4, 1, batch, 0, &err));
    CHECK_NEAR(step, best / power, 1e-6 * step, "the best of one step");
    free(yhat);
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_those_of_the_tokens),
        cmocka_unit_test(layers_grow_with_the_log_of_the_condition),
        cmocka_unit_test(two_layers_reach_the_published_loss),
        cmocka_unit_test(gdpp_reaches_least_squares),
        cmocka_unit_test(chebyshev_leaves_its_polynomial),
        cmocka_unit_test(chebyshev_is_its_layers),
        cmocka_unit_test(chebyshev_reaches_ridge),
        cmocka_unit_test(searches_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
