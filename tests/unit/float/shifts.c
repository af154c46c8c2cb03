/* shifts.c - evaluation prompts that differ from training prompts, as published */
#include "check.h"
#include "task/task.h"

#include <lapacke.h>
#include <stdlib.h>

enum { D = 20, N = 25 };

static const il_draw here = { .seed = 5, .stream = IL_STREAM_EVAL, .step = 2 };

static il_batch *drawn(const char *shift, int prompts, int points, int dims, il_draw at)
{
    const il_task *task = il_task_find("linear_regression");
    double opts[IL_TASK_OPTS] = { 0 };
    il_opt_init(task->opts, opts);
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, prompts, points, D, &err));
    CHECK_OK(il_batch_draw(batch, task, opts, shift, dims, at, &err));
    return batch;
}

static const il_real *point(const il_real *x, int b, int n) { return x + (b * N + n) * D; }

static void every_shift_keeps_to_its_coordinates(void **state)
{
    (void)state;
    const il_shift *shift;
    int i = 0;
    for (; (shift = il_shift_at(i)); i++) {
        il_draw third = here;
        third.first = 3;
        il_batch *all = drawn(shift->name, 8, N, 18, here),
                 *part = drawn(shift->name, 2, N, 18, third);
        il_batch *fewer = drawn(shift->name, 8, N - 4, 18, here);
        size_t size = 2 * N * D * sizeof *all->x;
        assert_memory_equal(part->x, point(all->x, 3, 0), size);
        assert_memory_equal(part->y, all->y + 3 * N, 2 * N * sizeof *all->y);
        assert_memory_equal(fewer->x + 2 * (N - 4) * D, point(all->x, 2, 0),
                            size / N / 2 * (N - 4));
        assert_memory_equal(fewer->y + 2 * (N - 4), all->y + 2 * N,
                            (N - 4) * sizeof *all->y);
        assert_int_equal(shift->asks, all->xq != NULL);
        assert_int_equal(shift->asks, all->yq != NULL);
        if (shift->asks) {
            assert_memory_equal(part->xq, point(all->xq, 3, 0), size);
            assert_memory_equal(part->yq, all->yq + 3 * N, 2 * N * sizeof *all->y);
            assert_memory_equal(fewer->xq + 2 * (N - 4) * D, point(all->xq, 2, 0),
                                size / N / 2 * (N - 4));
        }
        const il_real *x[] = { all->x, all->xq };
        const il_real *y[] = { all->y, all->yq };
        for (int q = 0; q < 1 + shift->asks; q++)
            for (int p = 0; p < 8 * N; p++) {
                for (int d = 18; d < D; d++) assert_true(x[q][p * D + d] == 0);
                if (strcmp(shift->name, "noisy")) /* y = w.x, rounded to float */
                    CHECK_NEAR(y[q][p], il_prompt_dot(all->w + p / N * D, x[q] + p * D, D),
                               3e-6, shift->name);
            }
        il_batch_free(all);
        il_batch_free(part);
        il_batch_free(fewer);
    }
    assert_int_equal(i, 10);
}

/* Eigenvalues, in rising order, of the mean of x x^T over a batch */
static void spectrum(const il_batch *batch, int dims, double *lambda, double *vectors)
{
    memset(vectors, 0, sizeof *vectors * (size_t)(dims * dims));
    int count = batch->prompts * batch->points;
    for (int i = 0; i < count; i++)
        for (int a = 0; a < dims; a++)
            for (int b = 0; b < dims; b++)
                vectors[a * dims + b] +=
                    (double)batch->x[i * D + a] * (double)batch->x[i * D + b] / count;
    LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'U', dims, vectors, dims, lambda);
}

static void covariances_are_the_papers(void **state)
{
    (void)state;
    enum { PROMPTS = 1500, DIMS = 6 };
    double lambda[DIMS], vectors[DIMS * DIMS], harmonic = 0;
    for (int i = 1; i <= DIMS; i++) harmonic += 1.0 / i / i;
    /* four relative standard errors of a variance, and a little for sampled directions */
    double tolerance = 4 * sqrt(2.0 / (PROMPTS * N)) + 0.01;

    il_batch *batch = drawn("skewed", PROMPTS, N, DIMS, here);
    spectrum(batch, DIMS, lambda, vectors);
    for (int i = 1; i <= DIMS; i++) {
        double want = DIMS / harmonic / i / i;
        CHECK_NEAR(lambda[DIMS - i] / want, 1, tolerance, "skewed");
    }
    il_batch_free(batch);

    batch = drawn("half_subspace", PROMPTS, N, DIMS, here);
    spectrum(batch, DIMS, lambda, vectors);
    for (int i = 0; i < DIMS; i++)
        CHECK_NEAR(lambda[i], i < DIMS / 2 ? 0 : 2, i < DIMS / 2 ? 1e-10 : 2 * tolerance,
                   "half");

    /* another step of the same seed lies in the same subspace; another seed does not */
    il_draw later = here, other = here;
    later.step++;
    other.seed++;
    il_batch *same = drawn("half_subspace", 2, N, DIMS, later);
    il_batch *differs = drawn("half_subspace", 2, N, DIMS, other);
    double inside = 0, outside = 0;
    for (int p = 0; p < 2 * N; p++)
        for (int i = 0; i < DIMS / 2; i++) { /* along the directions that are empty */
            double a = 0, b = 0;
            for (int d = 0; d < DIMS; d++) {
                a += vectors[d * DIMS + i] * (double)same->x[p * D + d];
                b += vectors[d * DIMS + i] * (double)differs->x[p * D + d];
            }
            inside = fmax(inside, fabs(a));
            outside = fmax(outside, fabs(b));
        }
    CHECK_NEAR(inside, 0, 1e-5, "rounding of x to float");
    assert_true(outside > 0.1);
    il_batch_free(batch);
    il_batch_free(same);
    il_batch_free(differs);
}

static void scales_multiply(void **state)
{
    (void)state;
    il_batch *plain = drawn("standard", 40, N, D, here),
             *x3 = drawn("scaled_x=3", 40, N, D, here);
    il_batch *half = drawn("scaled_y=0.5", 40, N, D, here),
             *twice = drawn("scaled_y", 40, N, D, here);
    for (int i = 0; i < 40 * N * D; i++) assert_true(x3->x[i] == 3 * plain->x[i]);
    for (int i = 0; i < 40 * D; i++) assert_true(half->w[i] == plain->w[i] / 2);
    for (int i = 0; i < 40 * N; i++) {
        assert_true(half->y[i] == plain->y[i] / 2 && twice->y[i] == plain->y[i] * 2);
        CHECK_NEAR(x3->y[i], 3 * (double)plain->y[i], 1e-5, "rounding of x and y to float");
    }
    il_batch_free(plain);
    il_batch_free(x3);
    il_batch_free(half);
    il_batch_free(twice);
}

static void noise_is_added(void **state)
{
    (void)state;
    enum { PROMPTS = 1000 };
    il_batch *plain = drawn(NULL, PROMPTS, N, D, here),
             *noisy = drawn("noisy=0.5", PROMPTS, N, D, here);
    assert_memory_equal(plain->x, noisy->x, PROMPTS * N * D * sizeof *plain->x);
    double mean = 0, square = 0, count = PROMPTS * N;
    for (int i = 0; i < PROMPTS * N; i++) {
        double e = (double)noisy->y[i] - (double)plain->y[i];
        mean += e / count;
        square += e * e / count;
    }
    CHECK_NEAR(mean, 0, 4 * 0.5 / sqrt(count), "mean");
    CHECK_NEAR(square, 0.25, 4 * 0.25 * sqrt(2 / count), "variance");
    il_batch_free(plain);
    il_batch_free(noisy);
}

static void orthants_keep_their_signs(void **state)
{
    (void)state;
    il_batch *batch = drawn("random_quadrants", 200, N, D, here);
    il_batch *plain = drawn(NULL, 200, N, D, here),
             *opposite = drawn("opposite", 200, N, D, here);
    assert_memory_equal(batch->xq, plain->x, 200 * N * D * sizeof *plain->x);
    int positive = 0;
    for (int b = 0; b < 200; b++)
        for (int d = 0; d < D; d++) {
            int sign = point(batch->x, b, 0)[d] > 0;
            positive += sign;
            for (int n = 0; n < N; n++) {
                il_real x = point(batch->x, b, n)[d], z = point(plain->x, b, n)[d];
                assert_true((x > 0) == sign);
                assert_true(x == z || x == -z);
                assert_true(point(opposite->x, b, n)[d] == -point(opposite->xq, b, n)[d]);
            }
        }
    CHECK_NEAR(positive, 100 * D, 4 * sqrt(200 * D * 0.25), "signs of 200 prompts");
    il_batch_free(batch);
    il_batch_free(plain);
    il_batch_free(opposite);
}

static void orthogonal_queries_are_orthogonal(void **state)
{
    (void)state;
    il_batch *batch = drawn("orthogonal_query", 20, N, D, here);
    for (int b = 0; b < 20; b++)
        for (int n = 0; n < N; n++) {
            const il_real *q = point(batch->xq, b, n), *x = point(batch->x, b, n);
            for (int i = 0; i < n; i++) /* lengths near 5, rounded to float */
                CHECK_NEAR(il_prompt_dot(q, point(batch->x, b, i), D), 0, 1e-5, "angle");
            CHECK_NEAR(il_prompt_dot(q, q, D), n < D ? il_prompt_dot(x, x, D) : 0, 1e-4,
                       "length");
        }
    il_batch_free(batch);
}

static void overlapping_queries_were_seen(void **state)
{
    (void)state;
    il_batch *batch = drawn("overlapping", 300, N, D, here);
    double mean = 0;
    for (int b = 0; b < 300; b++)
        for (int n = 1; n < N; n++) {
            int i = 0;
            while (i < n && memcmp(point(batch->xq, b, n), point(batch->x, b, i),
                                   D * sizeof(il_real)))
                i++;
            assert_true(i < n);
            assert_true(batch->yq[b * N + n] == batch->y[b * N + i]);
            mean += (double)i / n;
        }
    /* uniform in 0..n-1: (n-1)/(2n) on average, deviation below 0.29 */
    double want = 0;
    for (int n = 1; n < N; n++) want += (n - 1) / 2.0 / n;
    CHECK_NEAR(mean / 300, want, 4 * 0.29 * sqrt((N - 1) / 300.0), "which example");
    il_batch_free(batch);
}

/* The same point asked again has the same function and other noise */
static void queries_have_noise_of_their_own(void **state)
{
    (void)state;
    const il_task *task = il_task_find("noisy_linear_regression");
    double opts[16] = { 0 };
    il_opt_init(task->opts, opts);
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, 100, N, D, &err));
    CHECK_OK(il_batch_draw(batch, task, opts, "overlapping", D, here, &err));
    double together = 0, query = 0;
    for (int p = 0; p < 100 * N; p++) {
        const il_real *w = batch->w + p / N * D;
        double e = (double)batch->y[p] - il_prompt_dot(w, batch->x + p * D, D);
        double q = (double)batch->yq[p] - il_prompt_dot(w, batch->xq + p * D, D);
        together += e * q / (100 * N);
        query += q * q / (100 * N);
    }
    double se = 0.01 / sqrt(100 * N); /* noise of 0.1: products and squares */
    CHECK_NEAR(together, 0, 4 * se, "correlation");
    CHECK_NEAR(query, 0.01, 4 * sqrt(2) * se, "variance");
    il_batch_free(batch);
}

/* A shift with queries leaves none behind for the next draw */
static void queries_come_and_go(void **state)
{
    (void)state;
    const il_task *task = il_task_find("linear_regression");
    double opts[16] = { 0 };
    il_opt_init(task->opts, opts);
    il_batch *batch = drawn("overlapping", 3, N, D, here);
    il_real *first = batch->xq;
    CHECK_OK(il_batch_draw(batch, task, opts, NULL, D, here, &err));
    assert_null(batch->xq);
    assert_null(batch->yq);
    CHECK_OK(il_batch_draw(batch, task, opts, "opposite", D, here, &err));
    assert_ptr_equal(batch->xq, first);

    /* asking query n shows the examples before it, then the query */
    enum { B = 2, ASKED = 6, T = 2 * ASKED + 2 };
    il_real tokens[B * T * D], target[B * T], weight[B * T];
    il_tokens_ask(il_layout_at(0), batch, 1, B, ASKED,
                  (il_tokens){ D, 1, D, tokens, target, weight, NULL });
    for (int b = 0; b < B; b++) {
        const il_real *prompt = tokens + b * T * D;
        assert_memory_equal(prompt + 10 * D, point(batch->x, b + 1, 5), D * sizeof *tokens);
        assert_true(prompt[11 * D] == batch->y[(b + 1) * N + 5]);
        assert_memory_equal(prompt + 12 * D, point(batch->xq, b + 1, 6),
                            D * sizeof *tokens);
    }
    il_batch_free(batch);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *shift, *says;
    } cases[] = {
        { "skewd", "did you mean 'skewed'" }, { "", "no shift ''" },
        { "skewed=2", "takes no value" },     { "scaled_x=two", "scaled_x = 'two'" },
        { "scaled_y=0", "scaled_y = 0" },     { "noisy=-1", "noisy = -1" },
    };
    const il_task *task = il_task_find("linear_regression");
    double opts[16] = { 0 };
    il_opt_init(task->opts, opts);
    il_batch *batch = drawn("overlapping", 3, N, D, here);
    uint64_t before = il_hash(IL_HASH_START, batch->xq, 3 * N * D * sizeof *batch->xq);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_error err = { 0 };
        assert_int_equal(il_batch_draw(batch, task, opts, cases[i].shift, D, here, &err),
                         IL_ECONFIG);
        CHECK(strstr(err.text, cases[i].says), "'%s' says: %s", cases[i].shift, err.text);
    }
    assert_true(before == il_hash(IL_HASH_START, batch->xq, 3 * N * D * sizeof *batch->xq));
    il_batch_free(batch);
}

int main(void)
{
    setenv("IL_THREADS", "3", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shift_keeps_to_its_coordinates),
        cmocka_unit_test(covariances_are_the_papers),
        cmocka_unit_test(scales_multiply),
        cmocka_unit_test(noise_is_added),
        cmocka_unit_test(orthants_keep_their_signs),
        cmocka_unit_test(orthogonal_queries_are_orthogonal),
        cmocka_unit_test(overlapping_queries_were_seen),
        cmocka_unit_test(queries_have_noise_of_their_own),
        cmocka_unit_test(queries_come_and_go),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
