/* oracles.c - algorithms on tasks reach the errors that theory and the papers state */
#include "algo/algo.h"
#include "check.h"
#include "task/task.h"

#include <stdlib.h>

enum { D = 20, N = 41, B = 3000 };

/* Mean squared error of an algorithm after k examples, and its standard error, for every k */
static void errors(const char *task, const char *opts, const char *algo_text, int dims,
                   double mean[N], double error[N])
{
    const il_task *t = il_task_find(task);
    double o[IL_TASK_OPTS] = { 0 };
    il_opt_init(t->opts, o);
    CHECK_OK(il_opt_parse(t->opts, o, opts, task, &err));
    il_batch *batch = NULL;
    il_algo *algo = NULL;
    CHECK_OK(il_batch_new(&batch, B, N, D, &err));
    il_draw at = { .seed = 21, .stream = IL_STREAM_EVAL };
    CHECK_OK(il_batch_draw(batch, t, o, NULL, dims, at, &err));
    CHECK_OK(il_algo_new(&algo, algo_text, &err));
    il_real *yhat = malloc(sizeof *yhat * B * N);
    CHECK_OK(il_algo_predict(algo, batch, 0, 0, yhat, NULL, &err));
    const il_real *y = batch->yq ? batch->yq : batch->y;
    for (int n = 0; n < N; n++) {
        double sum = 0, square = 0;
        for (int b = 0; b < B; b++) {
            double e = (double)yhat[b * N + n] - (double)y[b * N + n];
            sum += e * e / B;
            square += e * e * e * e / B;
        }
        mean[n] = sum;
        error[n] = sqrt((square - sum * sum) / B);
    }
    free(yhat);
    il_algo_free(algo);
    il_batch_free(batch);
}

/* Every task that states the error of least squares is measured against it */
static void least_squares_reaches_the_stated_error(void **state)
{
    (void)state;
    static const struct {
        const char *task, *opts;
        int dims;
    } cases[] = {
        { "linear_regression", "", 20 },
        { "linear_regression", "scale=3", 11 },
        { "sparse_linear_regression", "", 20 },
        { "sparse_linear_regression", "", 12 },
        { "sparse_linear_regression", "support=alive", 12 },
        { "mixture", "", 20 },
        { "mixture", "tasks=linear_regression*3,sparse_linear_regression", 12 },
        { "noisy_linear_regression", "", 20 },
        { "noisy_linear_regression", "noise_std=1", 20 },
        { "noisy_linear_regression", "noise_std=1 renormalize_ys=true", 20 },
        { "noisy_linear_regression", "noise_std=0", 15 },
        { "noisy_linear_regression", "noise_std=2 noise=uniform", 20 },
        { "noisy_linear_regression", "noise_std=1 clean=true", 20 },
        { "dictionary", "", 20 },
        { "dictionary", "dominant=0.5", 9 },
        { "radial_linear_regression", "radius_shape=2", 20 },
        { "radial_linear_regression", "radius_shape=0", 9 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        const il_task *task = il_task_find(cases[i].task);
        int dims = cases[i].dims;
        double o[IL_TASK_OPTS] = { 0 }, mean[N], error[N];
        il_opt_init(task->opts, o);
        CHECK_OK(il_opt_parse(task->opts, o, cases[i].opts, task->name, &err));
        errors(task->name, cases[i].opts, "ols", dims, mean, error);
        int noisy = !strcmp(task->name, "noisy_linear_regression");
        for (int k = 0; k < N; k++) {
            /* under noise the error's own variance is infinite for d-3 <= k <= d+5 */
            if (noisy && k >= dims - 4 && k <= dims + 6) continue;
            double want = task->error(o, k, dims, D);
            /* noise-free and seen: the rounding of x and y to float, times the condition number */
            CHECK_NEAR(mean[k], want, 4 * error[k] + (want > 0 ? 0 : 1e-5), cases[i].task);
        }
    }
}

/* The published task's error under noise, written out: unseen directions, then inverse Wishart */
static void noise_costs_what_theory_says(void **state)
{
    (void)state;
    const il_task *task = il_task_find("noisy_linear_regression");
    double o[IL_TASK_OPTS] = { 0 };
    il_opt_init(task->opts, o);
    CHECK_OK(il_opt_parse(task->opts, o, "noise_std=1", task->name, &err));
    for (int k = 0; k < 19; k++)
        CHECK_NEAR(task->error(o, k, 20, 20) / 20,
                   1 - k / 20.0 + k / (20.0 - k - 1) / 20 + 1 / 20.0, 1e-12, "k < d-1");
    for (int k = 22; k < 60; k++)
        CHECK_NEAR(task->error(o, k, 20, 20) / 20, 1.0 / (k - 21) + 1 / 20.0, 1e-12,
                   "k > d+1");
    for (int k = 19; k < 22; k++) assert_true(isinf(task->error(o, k, 20, 20)));
}

static void averaging_falls_like_one_over_k(void **state)
{
    (void)state;
    double mean[N], error[N];
    errors("linear_regression", "", "averaging", 20, mean, error);
    for (int k = 1; k < N; k++)
        CHECK_NEAR(mean[k] / 20, 21.0 / k, 4 * error[k] / 20, "linear");
    CHECK_NEAR(mean[0] / 20, 1, 4 * error[0] / 20, "nothing seen");
    errors("sparse_linear_regression", "", "averaging", 20, mean, error);
    for (int k = 1; k < N; k++)
        CHECK_NEAR(mean[k] / 3, 21.0 / k, 4 * error[k] / 3, "sparse");
}

/* Ridge with alpha = sigma^2 is the Bayes answer; around k = d least squares is far worse */
static void ridge_is_the_best_under_noise(void **state)
{
    (void)state;
    double ridge[N], ols[N], error[N];
    errors("noisy_linear_regression", "noise_std=1", "ridge alpha=1", 20, ridge, error);
    errors("noisy_linear_regression", "noise_std=1", "ols", 20, ols, error);
    for (int k = 10; k <= 30; k++) assert_true(ridge[k] < ols[k]);

    /* and where the noise differs from prompt to prompt, the oracle that is told how much */
    double oracle[N];
    const char *varied = "noise_std=5 noise=uniform clean=true";
    errors("noisy_linear_regression", varied, "ridge oracle=true", 20, oracle, error);
    for (int i = 0; i < 3; i++) {
        static const char *const constant[] = { "ridge alpha=2", "ridge alpha=8",
                                                "ridge alpha=25" };
        errors("noisy_linear_regression", varied, constant[i], 20, ridge, error);
        for (int k = 10; k <= 30; k++)
            CHECK(oracle[k] < ridge[k], "%s, k = %d: %g, %g", constant[i], k, oracle[k],
                  ridge[k]);
    }
    errors("noisy_linear_regression", "noise_std=1", "ridge alpha=1", 20, ridge, error);
    errors("noisy_linear_regression", "noise_std=1", "ridge oracle=true", 20, oracle,
           error);
    for (int k = 0; k < N; k++) assert_true(oracle[k] == ridge[k]);
}

/* The error the papers print for 3 nearest neighbours at k = 40, from 1280 other prompts */
static void neighbours_do_as_published(void **state)
{
    (void)state;
    double mean[N], error[N];
    errors("linear_regression", "", "knn", 20, mean, error);
    CHECK_NEAR(mean[40] / 20, 0.7104, 4 * error[40] / 20 * sqrt(1 + B / 1280.0), "k = 40");
    CHECK_NEAR(mean[10] / 20, 0.9037, 4 * error[10] / 20 * sqrt(1 + B / 1280.0), "k = 10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_squares_reaches_the_stated_error),
        cmocka_unit_test(noise_costs_what_theory_says),
        cmocka_unit_test(averaging_falls_like_one_over_k),
        cmocka_unit_test(ridge_is_the_best_under_noise),
        cmocka_unit_test(neighbours_do_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
