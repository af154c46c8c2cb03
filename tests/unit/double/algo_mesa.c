/* algo_mesa.c - the algorithms that mesa-optimizers are compared with: one example behind, with
 * forgetting, with learned coefficients */
#include "ask.h"

enum { D = 6, N = 16, B = 4 };

/* Answers of the lagged algorithm are those of the other one example before */
static void lagged_is_one_example_behind(void **state)
{
    (void)state;
    static const char *const texts[] = { "ridge alpha=0.1", "p2 task=linear" };
    il_batch *batch = drawn("noisy_linear_regression", "", NULL, B, N, D, D);
    for (int i = 0; i < 2; i++) {
        char text[IL_TEXT];
        snprintf(text, sizeof text, "%s lagged=1", texts[i]);
        double *now, *then;
        free(answers(texts[i], batch, 6, &now));
        free(answers(text, batch, 6, &then));
        for (int r = 0; r < 7 * B * N; r++) {
            const double *want = now + (r - (r % N > 0)) * D;
            assert_memory_equal(then + r * D, want, sizeof *want * D);
        }
        free(now);
        free(then);
    }
    il_batch_free(batch);
}

/* With stack=k an algorithm does what it does on a batch whose x are the last k, side by side */
static void stacked_is_a_wider_problem(void **state)
{
    (void)state;
    enum { STACK = 3 };
    static const char *const texts[] = { "ridge alpha=0.1", "gd steps=6", "knn k=2" };
    il_batch *batch = drawn("noisy_linear_regression", "", NULL, B, N, D, D), *wide = NULL;
    CHECK_OK(il_batch_new(&wide, B, N, STACK * D, &err));
    for (int r = 0; r < B * N; r++) {
        wide->y[r] = batch->y[r];
        for (int c = 0; c < STACK * D; c++) {
            int back = c / D;
            wide->x[r * STACK * D + c] =
                r % N < back ? 0 : batch->x[(r - back) * D + c % D];
        }
    }
    for (int i = 0; i < IL_COUNT(texts); i++) {
        char text[IL_TEXT];
        snprintf(text, sizeof text, "%s stack=%d", texts[i], STACK);
        double *got = answers(text, batch, 6, NULL),
               *want = answers(texts[i], wide, 6, NULL);
        assert_memory_equal(got, want, sizeof *got * 7 * B * N);
        free(got);
        free(want);
    }
    il_algo *algo;
    il_error error = { 0 };
    double yhat[B * N], what[B * N * D];
    CHECK_OK(il_algo_new(&algo, "ridge stack=2 alpha=0.1", &err));
    assert_int_equal(il_algo_predict(algo, batch, 0, 0, yhat, what, &error), IL_ECONFIG);
    assert_string_equal(error.text,
                        "ridge stack=2 alpha=0.1 has weights of 2 observations, not of "
                        "one; leave stack out");
    il_algo_free(algo);
    assert_int_equal(il_algo_new(&algo, "ridge stack=0", &error), IL_ECONFIG);
    il_batch_free(wide);
    il_batch_free(batch);
}

/* Rows weighted by sqrt(gamma)^age, the ridge faded as often as there are examples */
static void forgetting_is_weighted_least_squares(void **state)
{
    (void)state;
    static const double gammas[] = { 1, 0.95, 0.7 };
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    for (int i = 0; i < 3; i++) {
        char text[IL_TEXT];
        double *what, gamma = gammas[i], want[D];
        snprintf(text, sizeof text, "rls alpha=0.5 gamma=%g", gamma);
        free(answers(text, batch, 0, &what));
        il_batch *faded = NULL;
        CHECK_OK(il_batch_new(&faded, B, N, D, &err));
        for (int n = 1; n < N; n++) {
            for (int b = 0; b < B; b++)
                for (int m = 0; m < n; m++) {
                    double weight = pow(gamma, 0.5 * (n - 1 - m));
                    faded->y[b * N + m] = weight * batch->y[b * N + m];
                    for (int d = 0; d < D; d++)
                        faded->x[(b * N + m) * D + d] =
                            weight * batch->x[(b * N + m) * D + d];
                }
            for (int b = 0; b < B; b++) {
                lapack_solve(want, faded, b, n, 0.5 * pow(gamma, n));
                CHECK_NEAR(distance(what + (b * N + n) * D, want, D), 0, 1e-9, text);
            }
        }
        il_batch_free(faded);
        free(what);
    }
    il_batch_free(batch);
}

/* The published recursion with whole matrices */
static void learned_coefficients_in_matrix_form(void **state)
{
    (void)state;
    static const double alpha[] = { 1.0292039, 3.8550997, 3.7469113,
                                    3.3827868, 2.9881542, 2.0934358 };
    static const double beta[] = {
        0, 0.6402129, 0.4798134, 0.8143542, 1.6680348, 2.4196014
    };
    il_batch *batch = drawn("noisy_linear_regression", "", NULL, 1, N, D, D);
    double *what;
    free(answers("p2", batch, 8, &what));
    for (int n = 0; n < N; n++) {
        double A[D][D] = { { 0 } }, b[D] = { 0 }, P[D][D] = { { 0 } }, Q[D][D], last[D][D],
               c = 0;
        for (int i = 0; i < n; i++)
            for (int r = 0; r < D; r++) {
                b[r] += batch->x[i * D + r] * batch->y[i];
                for (int k = 0; k < D; k++)
                    A[r][k] += batch->x[i * D + r] * batch->x[i * D + k];
            }
        for (int r = 0; r < D; r++) {
            A[r][r] += 0.001;
            P[r][r] = 1;
            for (int k = 0; k < D; k++) c += A[r][k] * A[r][k];
        }
        c = sqrt(c);
        memcpy(Q, P, sizeof Q);
        memcpy(last, P, sizeof last);
        for (int t = 0; t <= 8; t++) {
            double want[D] = { 0 }, PA[D][D] = { { 0 } };
            for (int r = 0; r < D; r++)
                for (int k = 0; k < D; k++) want[r] += Q[r][k] / c * b[k];
            CHECK_NEAR(distance(what + (t * N + n) * D, want, D), 0, 1e-11, "p2");
            if (t >= 6) continue;
            for (int r = 0; r < D; r++)
                for (int k = 0; k < D; k++)
                    for (int j = 0; j < D; j++) PA[r][k] += P[r][j] * A[j][k] / c;
            for (int r = 0; r < D; r++)
                for (int k = 0; k < D; k++) {
                    double now = Q[r][k];
                    P[r][k] -= alpha[t] * PA[r][k];
                    Q[r][k] += P[r][k] + beta[t] * (now - last[r][k]);
                    last[r][k] = now;
                }
        }
    }
    free(what);
    il_batch_free(batch);
}

/* Half squared error summed over the outputs, mean over prompts and points, as published */
static double half_error(const char *text, const il_batch *batch)
{
    il_algo *algo;
    CHECK_OK(il_algo_new(&algo, text, &err));
    int last = il_algo_steps(algo), count = batch->prompts * batch->points;
    double *yhat = malloc(sizeof *yhat * (size_t)(count * batch->outs)), sum = 0;
    CHECK_OK(il_algo_predict(algo, batch, last, last, yhat, NULL, &err));
    for (int i = 0; i < count * batch->outs; i++) sum += pow(yhat[i] - batch->y[i], 2);
    il_algo_free(algo);
    free(yhat);
    return sum / 2 / count;
}

static il_batch *sequences(const char *text, int prompts, int points, int dim)
{
    const il_task *task = il_task_find("linear_dynamics");
    double o[16] = { 0 };
    il_opt_init(task->opts, o);
    CHECK_OK(il_opt_parse(task->opts, o, text, task->name, &err));
    il_batch *batch = NULL;
    CHECK_OK(
        il_batch_new_outs(&batch, prompts, points, dim, il_task_outs(task, o, dim), &err));
    il_draw at = { .seed = 5, .stream = IL_STREAM_EVAL };
    CHECK_OK(il_batch_draw(batch, task, o, NULL, dim, at, &err));
    return batch;
}

/* Next states of a linear system, ten numbers each, 50 points: the published baselines */
static void baselines_of_the_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double want, tolerance;
    } cases[] = {
        /* 120 sequences: 2 % of sampling error */
        { "zero", 1.68, 0.05 },
        { "p2 lagged=1", 0.2319, 0.015 },
        { "p2 task=linear2 lagged=1", 0.3054, 0.015 },
        { "p2", 0.2086, 0.015 },
        { "ridge alpha=0.001 lagged=1", 0.2108, 0.012 },
        { "ridge alpha=0.001", 0.1875, 0.012 },
        { "rls alpha=0.001", 0.1875, 0.012 },
        { "gd steps=1 step_size=0.032", 0.905, 0.03 },
    };
    il_batch *batch = sequences("", 120, 50, 10);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        double got = half_error(cases[i].text, batch);
        printf("%s: %.4f (published %.4g)\n", cases[i].text, got, cases[i].want);
        CHECK_NEAR(got, cases[i].want, cases[i].tolerance, cases[i].text);
    }

    /* one step is linear in its size, so the best is known at once */
    double *one = answers("gd step_size=1", batch, 1, NULL), best = 0, square = 0;
    for (int i = 0; i < 120 * 50 * 10; i++) {
        best += one[120 * 50 * 10 + i] * batch->y[i];
        square += pow(one[120 * 50 * 10 + i], 2);
    }
    printf("one step of the best size, %.4f (published 0.033)\n", best / square);
    CHECK_NEAR(best / square, 0.033, 0.003, "line-searched step");
    free(one);
    il_batch_free(batch);
}

/* A state of fifteen numbers seen through five: the law of the observations is linear in three of them
 * or more, and ridge regression on these predicts the fiftieth. arXiv:2309.05858, section on partly
 * observed systems. */
static void partly_seen_states(void **state)
{
    (void)state;
    static const struct {
        int stack;
        double want, percent;
    } cases[] = { { 3, 0.129, 20 }, { 4, 0.016, 20 }, { 5, 0.0094, 15 }, { 7, 0.011, 15 } };
    enum { PROMPTS = 400, POINTS = 50, SEEN = 5 };
    il_batch *batch = sequences("hidden=15 observation_noise=0.01", PROMPTS, POINTS, SEEN);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        char text[IL_TEXT];
        snprintf(text, sizeof text, "ridge alpha=0.001 stack=%d", cases[i].stack);
        double *yhat = answers(text, batch, 0, NULL), sum = 0;
        for (int b = 0; b < PROMPTS; b++)
            for (int o = 0; o < SEEN; o++) {
                int at = (b * POINTS + POINTS - 1) * SEEN + o;
                sum += pow(yhat[at] - batch->y[at], 2) / 2 / PROMPTS;
            }
        free(yhat);
        printf("%d observations together: %.4f (expected %.4g)\n", cases[i].stack, sum,
               cases[i].want);
        CHECK_NEAR(sum, cases[i].want, cases[i].want * cases[i].percent / 100, text);
    }
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lagged_is_one_example_behind),
        cmocka_unit_test(stacked_is_a_wider_problem),
        cmocka_unit_test(partly_seen_states),
        cmocka_unit_test(forgetting_is_weighted_least_squares),
        cmocka_unit_test(learned_coefficients_in_matrix_form),
        cmocka_unit_test(baselines_of_the_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
