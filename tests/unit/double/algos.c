/* algos.c - what every algorithm promises, and each against an independent computation */
#include "ask.h"

enum { D = 8, N = 20, B = 6 };

static il_batch *usual(void)
{
    return drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    const il_algo_kind *kind;
    int i = 0;
    for (; (kind = il_algo_at(i)); i++) {
        il_algo *algo = NULL;
        CHECK_OK(il_algo_new(&algo, kind->name, &err));
        assert_string_equal(il_algo_text(algo), kind->name);
        assert_int_equal(il_algo_steps(algo) > 0, kind->iterates);
        assert_true(kind->size <= 16 * sizeof(double));
        assert_true(strlen(kind->summary) > 0);
        il_algo_free(algo);
    }
    assert_true(i >= 12);
    il_algo_free(NULL);
}

static void options_are_read(void **state)
{
    (void)state;
    il_algo *algo = NULL;
    CHECK_OK(il_algo_new(&algo, " gd steps=7 step_size=0.01", &err));
    assert_int_equal(il_algo_steps(algo), 7);
    assert_string_equal(il_algo_text(algo), "gd steps=7 step_size=0.01");
    il_algo_free(algo);

    static const struct {
        const char *text, *says;
    } cases[] = {
        { "rige", "did you mean 'ridge'" }, { "ridge alpha=-1", "alpha = -1" },
        { "ridge alpa=1", "alpha" },        { "zero alpha=1", "no option 'alpha'" },
        { "", "no algorithm ''" },          { "knn k=1.5", "whole number" },
        { "ols now", "option=value" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_error err = { 0 };
        il_algo *none = NULL;
        assert_int_equal(il_algo_new(&none, cases[i].text, &err), IL_ECONFIG);
        assert_null(none);
        CHECK(strstr(err.text, cases[i].says), "'%s' says: %s", cases[i].text, err.text);
    }
    il_batch *batch = usual();
    double yhat[B * N], what[B * N * D];
    CHECK_OK(il_algo_new(&algo, "knn", &err));
    il_error err;
    assert_int_equal(il_algo_predict(algo, batch, 0, 0, yhat, what, &err), IL_ECONFIG);
    assert_int_equal(il_algo_predict(algo, batch, -1, 0, yhat, NULL, &err), IL_ECONFIG);
    assert_int_equal(il_algo_predict(algo, batch, 1, 0, yhat, NULL, &err), IL_ECONFIG);
    il_algo_free(algo);
    il_batch_free(batch);
}

/* Answer n uses points 0..n-1: new values at point m and later leave answers up to m alone */
static void answers_ignore_later_points(void **state)
{
    (void)state;
    enum { M = 9, STEPS = 5 };
    for (int i = 0; il_algo_at(i); i++) {
        const char *name = il_algo_at(i)->name;
        il_batch *batch = usual();
        double *before = answers(name, batch, STEPS, NULL);
        for (int b = 0; b < B; b++)
            for (int n = M; n < N; n++) {
                batch->y[b * N + n] += 1;
                if (n > M) batch->x[(b * N + n) * D] -= 2;
            }
        double *after = answers(name, batch, STEPS, NULL);
        int changed = 0;
        for (int p = 0; p < (STEPS + 1) * B * N; p++)
            if (p % N <= M)
                CHECK(before[p] == after[p], "%s: answer %d changed", name, p % N);
            else
                changed += before[p] != after[p];
        assert_true(changed > 0 || !strcmp(name, "zero"));
        free(before);
        free(after);
        il_batch_free(batch);
    }
}

static double *nested[2];
static const il_batch *nested_batch;
static const char *nested_name;
static void answer_nested(void *context, int i, int worker)
{
    (void)context, (void)worker;
    nested[i] = answers(nested_name, nested_batch, 4, NULL);
}

/* Within a parallel region one thread answers alone; asking for weights changes no answer */
static void answers_do_not_depend_on_threads_or_on_weights(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "", NULL, 60, N, D, D);
    size_t size = 5 * 60 * N * sizeof(double);
    for (int i = 0; il_algo_at(i); i++) {
        nested_name = il_algo_at(i)->name;
        nested_batch = batch;
        double *yhat = answers(nested_name, batch, 4, NULL);
        il_parallel(2, answer_nested, NULL);
        for (int k = 0; k < 2; k++) {
            assert_memory_equal(nested[k], yhat, size);
            free(nested[k]);
        }
        if (!il_algo_at(i)->weightless) {
            double *what, *again = answers(nested_name, batch, 4, &what);
            assert_memory_equal(again, yhat, size);
            free(again);
            free(what);
        }
        free(yhat);
    }
    il_batch_free(batch);
}

static void weights_explain_answers(void **state)
{
    (void)state;
    enum { STEPS = 6 };
    il_batch *batch = usual();
    for (int i = 0; il_algo_at(i); i++) {
        if (il_algo_at(i)->weightless) continue;
        double *what, *yhat = answers(il_algo_at(i)->name, batch, STEPS, &what);
        for (int p = 0; p < (STEPS + 1) * B * N; p++) {
            double want = il_prompt_dot(what + (size_t)p * D,
                                        batch->x + (size_t)(p % (B * N)) * D, D);
            /* sums of D products of order 1, in other orders */
            CHECK_NEAR(yhat[p], want, 1e-12 * (1 + fabs(want)), il_algo_at(i)->name);
        }
        free(what);
        free(yhat);
    }
    il_batch_free(batch);
}

static void check_closed_form(const char *text, double alpha, const il_batch *batch,
                              double tolerance)
{
    int points = batch->points, dim = batch->dim;
    double *what, *yhat = answers(text, batch, 0, &what),
                  *want = malloc(sizeof *want * (size_t)dim);
    for (int b = 0; b < batch->prompts; b++)
        for (int n = 0; n < points; n++) {
            lapack_solve(want, batch, b, n, alpha);
            double far = distance(what + (size_t)(b * points + n) * dim, want, dim);
            CHECK(far <= tolerance, "%s: prompt %d, %d examples: off by %g", text, b, n,
                  far);
        }
    free(what);
    free(yhat);
    free(want);
}

static void closed_forms_agree_with_lapack(void **state)
{
    (void)state;
    il_batch *batch = usual();
    /* condition numbers up to about 1e3 near n = D */
    check_closed_form("ols", 0, batch, 1e-10);
    check_closed_form("ridge", 0.1, batch, 1e-10);
    check_closed_form("ridge alpha=10", 10, batch, 1e-10);
    check_closed_form("rls alpha=0.1", 0.1, batch, 1e-10);
    il_batch_free(batch);

    batch =
        drawn("noisy_linear_regression", "", NULL, B, N, D, 3); /* five inputs are zero */
    check_closed_form("ols", 0, batch, 1e-10);
    for (int p = 0; p < B * N;
         p++) { /* one input is the sum of two others; every point twice */
        double *x = batch->x + (size_t)p * D;
        x[5] = x[0] + x[1];
        if (p % 2) memcpy(x, x - D, sizeof *x * D);
    }
    check_closed_form("ols", 0, batch, 1e-10);
    memset(batch->x, 0, sizeof *batch->x * B * N * D);
    check_closed_form("ols", 0, batch, 0);
    il_batch_free(batch);
}

static void averaging_averages(void **state)
{
    (void)state;
    il_batch *batch = usual();
    double *what, *yhat = answers("averaging", batch, 0, &what), want[D] = { 0 };
    for (int n = 0; n < N; n++) {
        for (int d = 0; d < D; d++)
            CHECK_NEAR(what[n * D + d], n ? want[d] / n : 0, 1e-13, "prompt 0");
        for (int d = 0; d < D; d++) want[d] += batch->y[n] * batch->x[n * D + d];
    }
    free(what);
    free(yhat);
    il_batch_free(batch);
}

/* A = X^T X and b = X^T y of the first n points */
static void normal_equations(double *A, double *b, const double *x, const double *y, int n)
{
    memset(A, 0, sizeof *A * D * D);
    memset(b, 0, sizeof *b * D);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < D; c++) {
            b[c] += y[i] * x[i * D + c];
            for (int d = 0; d < D; d++) A[c * D + d] += x[i * D + c] * x[i * D + d];
        }
}

static void times(double *C, const double *A, const double *X, int cols)
{
    for (int r = 0; r < D; r++)
        for (int c = 0; c < cols; c++) {
            double sum = 0;
            for (int k = 0; k < D; k++) sum += A[r * D + k] * X[k * cols + c];
            C[r * cols + c] = sum;
        }
}

/* The iterations written down with vectors and matrices, against the recursions of scalars */
static void iterations_agree_with_their_definitions(void **state)
{
    (void)state;
    enum { STEPS = 12 };
    il_batch *batch = usual();
    double *gd, *momentum, *newton;
    free(answers("gd step_size=0.02", batch, STEPS, &gd));
    free(answers("momentum step_size=0.02 momentum=0.7", batch, STEPS, &momentum));
    free(answers("newton", batch, STEPS, &newton));
    for (int b = 0; b < B; b++)
        for (int n = 0; n < N; n++) {
            double A[D * D], rhs[D], Aw[D], w[D] = { 0 }, v[D] = { 0 }, last[D] = { 0 };
            double M[D * D], AM[D * D], MAM[D * D], square = 0;
            normal_equations(A, rhs, batch->x + b * N * D, batch->y + b * N, n);
            times(AM, A, A, D);
            for (int i = 0; i < D * D; i++) square += AM[i] * AM[i];
            for (int i = 0; i < D * D; i++) M[i] = n ? A[i] / sqrt(square) : 0;
            for (int t = 0; t <= STEPS; t++) {
                size_t at = (size_t)((t * B + b) * N + n) * D;
                double Mb[D];
                times(Mb, M, rhs, 1);
                /* Newton's matrices double the rounding of A's null space at every step */
                CHECK_NEAR(distance(gd + at, w, D), 0, 1e-11, "gd");
                CHECK_NEAR(distance(momentum + at, v, D), 0, 1e-11, "momentum");
                CHECK_NEAR(distance(newton + at, Mb, D), 0, 1e-9, "newton");
                times(Aw, A, w, 1);
                for (int d = 0; d < D; d++) w[d] += 0.02 * (rhs[d] - Aw[d]);
                times(Aw, A, v, 1);
                for (int d = 0; d < D; d++) {
                    double now = v[d];
                    v[d] += 0.02 * (rhs[d] - Aw[d]) + 0.7 * (now - last[d]);
                    last[d] = now;
                }
                times(AM, A, M, D);
                times(MAM, M, AM, D);
                for (int i = 0; i < D * D; i++) M[i] = 2 * M[i] - MAM[i];
            }
        }
    free(gd);
    free(momentum);
    free(newton);
    il_batch_free(batch);
}

static void iterations_reach_least_squares(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int steps, from; /* examples from which the condition number is small enough */
    } cases[] = {
        { "gd", 400, 16 }, { "momentum", 150, 16 }, { "cg", D, 12 }, { "newton", 24, 12 }
    };
    il_batch *batch = usual();
    double *ols = answers("ols", batch, 0, NULL);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        int steps = cases[i].steps;
        double *yhat = answers(cases[i].name, batch, steps, NULL);
        for (int p = 0; p < B * N; p++) {
            double got = yhat[(size_t)steps * B * N + (size_t)p];
            if (p % N >= cases[i].from || p % N <= 1) /* at once for a single example */
                CHECK_NEAR(got, ols[p], 1e-8, cases[i].name);
        }
        free(yhat);
    }
    free(ols);
    il_batch_free(batch);
}

/* Left to themselves, gd and momentum take the best constants for the extreme eigenvalues */
static void default_steps_are_the_best_constants(void **state)
{
    (void)state;
    enum { STEPS = 5 };
    il_batch *batch = usual();
    double *gd = answers("gd", batch, STEPS, NULL),
           *momentum = answers("momentum", batch, STEPS, NULL);
    for (int n = D; n < N; n += 4) {
        double A[D * D], rhs[D], lambda[D];
        normal_equations(A, rhs, batch->x, batch->y, n);
        LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'N', 'U', D, A, D, lambda);
        double small = sqrt(lambda[0]), large = sqrt(lambda[D - 1]), sum = small + large;
        char text[IL_TEXT];
        snprintf(text, sizeof text, "gd step_size=%.17g", 2 / (lambda[0] + lambda[D - 1]));
        double *gd_told = answers(text, batch, STEPS, NULL);
        snprintf(text, sizeof text, "momentum step_size=%.17g momentum=%.17g",
                 4 / sum / sum, pow((large - small) / sum, 2));
        double *momentum_told = answers(text, batch, STEPS, NULL);
        for (int t = 0; t <= STEPS; t++) { /* prompt 0 alone has these eigenvalues */
            CHECK_NEAR(gd[t * B * N + n], gd_told[t * B * N + n], 1e-11, "gd");
            CHECK_NEAR(momentum[t * B * N + n], momentum_told[t * B * N + n], 1e-11,
                       "momentum");
        }
        free(gd_told);
        free(momentum_told);
    }
    free(gd);
    free(momentum);
    il_batch_free(batch);
}

/* Along an eigenvector of A the part that is missing, 1 - lambda mu, squares at every step */
static void newton_squares_its_error(void **state)
{
    (void)state;
    enum { STEPS = 16, LAST = N - 1 };
    il_batch *batch = usual();
    double *what;
    free(answers("newton", batch, STEPS, &what));
    for (int b = 0; b < B; b++) {
        double A[D * D], rhs[D], lambda[D], square = 0, want[D];
        normal_equations(A, rhs, batch->x + b * N * D, batch->y + b * N, LAST);
        LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'U', D, A, D, lambda);
        for (int d = 0; d < D; d++) square += pow(lambda[d], 4);
        lapack_solve(want, batch, b, LAST, 0);
        for (int t = 0; t <= STEPS; t++)
            for (int i = 0; i < D; i++) {
                double got = 0, limit = 0;
                for (int d = 0; d < D; d++) {
                    got += A[d * D + i] * what[((t * B + b) * N + LAST) * D + d];
                    limit += A[d * D + i] * want[d];
                }
                double e = pow(1 - lambda[i] * lambda[i] / sqrt(square), pow(2, t));
                CHECK_NEAR(got, limit * (1 - e), 1e-10, "along an eigenvector");
            }
    }
    free(what);
    il_batch_free(batch);
}

/* On the line: examples at 0, 1, 3, 7 with y = 10, 20, 40, 80 */
static void neighbours_by_hand(void **state)
{
    (void)state;
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, 1, 5, 1, &err));
    static const double x[] = { 0, 1, 3, 7, 2 }, y[] = { 10, 20, 40, 80, 0 };
    memcpy(batch->x, x, sizeof x);
    memcpy(batch->y, y, sizeof y);
    static const double three[] = { 0, 10, 15, 70.0 / 3, 70.0 / 3 };
    /* query 2 is equally near to 1 and 3: the earlier counts */
    static const double one[] = { 0, 10, 20, 40, 20 },
                        all[] = { 0, 10, 15, 70.0 / 3, 37.5 };
    static const double *const want[] = { three, one, all };
    static const char *const text[] = { "knn", "knn k=1", "knn k=100" };
    for (int i = 0; i < 3; i++) {
        double *yhat = answers(text[i], batch, 0, NULL);
        for (int n = 0; n < 5; n++) CHECK_NEAR(yhat[n], want[i][n], 1e-14, text[i]);
        free(yhat);
    }
    il_batch_free(batch);
}

static void closed_forms_repeat_their_answer(void **state)
{
    (void)state;
    il_batch *batch = usual();
    double *what, *yhat = answers("ridge", batch, 2, &what);
    for (int t = 1; t <= 2; t++) {
        assert_memory_equal(yhat + t * B * N, yhat, B * N * sizeof *yhat);
        assert_memory_equal(what + t * B * N * D, what, B * N * D * sizeof *what);
    }
    free(what);
    free(yhat);
    il_batch_free(batch);
}

static void queries_are_answered_where_they_differ(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", "", "overlapping", B, N, D, D);
    double *ols = answers("ols", batch, 0, NULL), *one = answers("knn k=1", batch, 0, NULL);
    for (int p = 0; p < B * N; p++) {
        if (p % N == 0) continue;
        CHECK_NEAR(ols[p], batch->yq[p], 1e-9, "a query that was seen");
        CHECK_NEAR(one[p], batch->yq[p], 0, "its own nearest neighbour");
    }
    free(ols);
    free(one);
    il_batch_free(batch);

    batch = drawn("linear_regression", "", "orthogonal_query", B, N, D, D);
    ols = answers("ols", batch, 0, NULL);
    for (int p = 0; p < B * N; p++)
        CHECK_NEAR(ols[p], 0, 1e-9, "nothing is known of the query");
    free(ols);
    il_batch_free(batch);
}

/* Written down once: no machine, compiler or number of threads may change them */
static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    il_batch *batch = usual();
    uint64_t hash = IL_HASH_START;
    for (int i = 0; il_algo_at(i); i++) {
        double *yhat = answers(il_algo_at(i)->name, batch, 10, NULL);
        hash = il_hash(hash, yhat, 11 * B * N * sizeof *yhat);
        free(yhat);
    }
    CHECK(hash == 15119853504266667426ull, "the hash is now %llu",
          (unsigned long long)hash);
    il_batch_free(batch);
}

/* Asking for some of the steps gives what asking for all of them gives there. */
static void steps_can_be_asked_apart(void **state)
{
    (void)state;
    il_batch *batch = usual();
    il_algo *gd;
    size_t count = (size_t)batch->prompts * (size_t)batch->points;
    double *all = answers("gd", batch, 7, NULL), *some = malloc(3 * count * sizeof *some);
    CHECK_OK(il_algo_new(&gd, "gd", &err));
    CHECK_OK(il_algo_predict(gd, batch, 4, 6, some, NULL, &err));
    assert_memory_equal(some, all + 4 * count, 3 * count * sizeof *some);
    free(all);
    free(some);
    il_algo_free(gd);
    il_batch_free(batch);
}

int main(void)
{
    setenv("IL_THREADS", "3", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_can_be_asked_apart),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(answers_ignore_later_points),
        cmocka_unit_test(answers_do_not_depend_on_threads_or_on_weights),
        cmocka_unit_test(weights_explain_answers),
        cmocka_unit_test(closed_forms_agree_with_lapack),
        cmocka_unit_test(averaging_averages),
        cmocka_unit_test(iterations_agree_with_their_definitions),
        cmocka_unit_test(iterations_reach_least_squares),
        cmocka_unit_test(default_steps_are_the_best_constants),
        cmocka_unit_test(newton_squares_its_error),
        cmocka_unit_test(neighbours_by_hand),
        cmocka_unit_test(closed_forms_repeat_their_answer),
        cmocka_unit_test(queries_are_answered_where_they_differ),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
