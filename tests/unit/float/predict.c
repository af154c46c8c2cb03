/* predict.c - prediction on a table: what the model is shown, and what it is compared with */
#include "train/predict.h"
#include "check.h"
#include "innerloop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static il_model *model; /* two loops, three dimensions, prompts of seven points */

static int set_up(void **state)
{
    static const char *const settings[] = {
        "model.family=gpt2_loop",
        "model.n_dims=3",
        "model.n_positions=8",
        "model.n_embd=16",
        "model.n_head=2",
        "model.n_layer=1",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=7",
        "training.curriculum.points.end=7",
        "training.curriculum.loops.start=2",
        "training.curriculum.loops.end=2",
        "training.n_loop_window=2",
    };
    (void)state;
    il_config config;
    il_config_init(&config);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        CHECK_OK(il_config_set(&config, settings[i], &err));
    CHECK_OK(il_model_new(&model, &config, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    il_model_free(model);
    return 0;
}

static il_table *table_of(const char *text)
{
    char path[] = "/tmp/innerloop-predict-XXXXXX";
    il_table *t = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    CHECK_OK(il_table_read(&t, path, &err));
    unlink(path);
    return t;
}

static const char *const six = "a,b,y\n1,10,3\n2,-5,1\n-1,4,2.5\n0.5,7,-2\n3,0,4\n-2,2,0\n";
static const char *const two = "a,b,y\n1.5,3,1\n0,8,NA\n";

static double *predict(const char *examples, const char *queries, il_prediction *summary)
{
    il_table *e = table_of(examples), *q = table_of(queries), *answers;
    il_predict_options options = { .target = "y" };
    CHECK_OK(il_predict(model, e, q, &options, &answers, summary, &err));
    double *got = calloc((size_t)il_table_rows(q), sizeof *got);
    for (int r = 0; r < il_table_rows(q); r++) {
        assert_int_equal((int)il_table_number(answers, r, 0), r + 1);
        got[r] = il_table_number(answers, r, il_table_find(answers, "prediction"));
    }
    il_table_free(e);
    il_table_free(q);
    il_table_free(answers);
    return got;
}

/* The prompt laid out by hand gives the same answer. */
static void is_the_models_answer(void **state)
{
    static const double a[] = { 1, 2, -1, 0.5, 3, -2, 1.5 },
                        b[] = { 10, -5, 4, 7, 0, 2, 3 }, y[] = { 3, 1, 2.5, -2, 4, 0 };
    const double *column[] = { a, b };
    (void)state;
    il_prediction s;
    il_batch *batch;
    double *got = predict(six, two, &s), mean[3] = { 0 }, sd[3] = { 0 };
    assert_int_equal(s.prompts, 1);
    assert_int_equal(s.per_prompt, 6);
    assert_int_equal(s.features, 2);
    for (int i = 0; i < 6; i++) {
        double v[] = { a[i], b[i], y[i] };
        for (int c = 0; c < 3; c++) mean[c] += v[c] / 6;
    }
    for (int i = 0; i < 6; i++) {
        double v[] = { a[i], b[i], y[i] };
        for (int c = 0; c < 3; c++) sd[c] += (v[c] - mean[c]) * (v[c] - mean[c]) / 6;
    }
    CHECK_OK(il_batch_new(&batch, 1, 7, 3, &err));
    for (int i = 0; i < 7; i++)
        for (int c = 0; c < 2; c++)
            batch->x[i * 3 + c] = (il_real)((column[c][i] - mean[c]) / sqrt(sd[c]));
    /* linear regression on two live inputs has targets of variance 2 */
    for (int i = 0; i < 6; i++)
        batch->y[i] = (il_real)((y[i] - mean[2]) / sqrt(sd[2]) * sqrt(2));
    il_real yhat[7];
    CHECK_OK(il_model_answer(model, batch, 2, 2, yhat, &err));
    /* one float rounding of each input may differ */
    CHECK_NEAR(got[0], mean[2] + (double)yhat[6] / sqrt(2) * sqrt(sd[2]), 1e-5, "by hand");
    CHECK_NEAR(s.rmse, fabs(got[0] - 1), 1e-12, "rmse of the one query with a target");
    CHECK_NEAR(s.rmse_mean, fabs(mean[2] - 1), 1e-12, "the mean");
    il_batch_free(batch);
    free(got);
}

/* Other units of a column change nothing; other units of the target change the answer's. */
static void units_do_not_matter(void **state)
{
    (void)state;
    il_prediction s;
    double *plain = predict(six, two, &s);
    double *other =
        predict("a,b,y\n1000,10,31\n2000,-5,11\n-1000,4,26\n500,7,-19\n3000,0,41\n"
                "-2000,2,1\n",
                "y,b,a\nNA,3,1500\nNA,8,0\n", &s); /* a in thousandths, 10 y + 1 */
    assert_true(isnan(s.rmse));
    for (int q = 0; q < 2; q++)
        CHECK_NEAR(other[q], 10 * plain[q] + 1, 1e-4,
                   "float rounding of a standard deviation");
    free(plain);
    free(other);
}

static void many_examples_become_prompts(void **state)
{
    char text[512] = "a,b,y\n";
    (void)state;
    for (int i = 0; i < 20; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d,%d,%d\n", i % 7, (i * i) % 11, (3 * i) % 13);
        strcat(text, line);
    }
    il_prediction s;
    double *first = predict(text, two, &s), *again = predict(text, two, &s);
    assert_int_equal(s.prompts, 32);
    assert_int_equal(s.per_prompt, 6);
    CHECK(first[0] == again[0] && first[1] == again[1],
          "the same seed gives the same bits");
    free(first);
    free(again);
}

/* A batch holds 64 queries: the 65th and the copies of the first get the first's answer. */
static void every_query_is_asked_alone(void **state)
{
    char text[1024] = "a,b\n";
    (void)state;
    il_prediction s;
    for (int i = 0; i < 70; i++) strcat(text, i % 2 ? "0,8\n" : "1.5,3\n");
    double *many = predict(six, text, &s), *few = predict(six, two, &s);
    for (int i = 0; i < 70; i++) CHECK(many[i] == few[i % 2], "query %d", i);
    free(many);
    free(few);
}

/* ---- the tables ---------------------------------------------------------------------------- */

static void text_gaps_and_constants(void **state)
{
    (void)state;
    il_frame f;
    char notes[2048];
    il_table *e = table_of(
        "sex,same,n,kind,y\nm,1,2,p,1\nf,1,NA,q,2\nf,1,4,r,3\n,1,6,p,4\nm,1,9,q,NA\n");
    il_table *q = table_of("kind,n,same,sex,extra\nr,NA,1,f,0\nz,5,1,m,0\n");
    CHECK_OK(il_frame_new(&f, e, q, "y", 10, notes, sizeof notes, &err));
    assert_int_equal(f.M, 4);
    assert_int_equal(f.Q, 2);
    assert_int_equal(f.P, 4); /* sex=f, n, kind=q, kind=r */
    static const double want[4][6] = { { 0, 1, 1, 2.0 / 3, 1, 0 },
                                       { 2, 4, 4, 6, 4, 5 },
                                       { 0, 1, 0, 0, 0, 0.25 },
                                       { 0, 0, 1, 0, 1, 0.25 } };
    for (int p = 0; p < 4; p++)
        for (int i = 0; i < 6; i++) CHECK_NEAR(f.x[p][i], want[p][i], 1e-15, "a cell");
    static const char *const says[] = {
        "1 example without 'y' was left out",
        "column 'extra' is not in the examples and was ignored",
        "column 'same' is the same in all examples and was dropped",
        "2 missing cells of 'n' became the examples' mean",
        "column 'kind' is text: 2 indicators against 'p'",
        "1 missing or unknown cell of 'kind'",
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        CHECK(strstr(notes, says[i]), "'%s' is not in:\n%s", says[i], notes);
    il_frame_free(&f);

    /* room for two: n and sex=f say most of y, and stay in the table's order */
    CHECK_OK(il_frame_new(&f, e, q, "y", 2, notes, sizeof notes, &err));
    assert_int_equal(f.P, 2);
    CHECK_NEAR(f.x[1][3], 6, 0, "n is kept");
    CHECK(strstr(notes, "of 4 columns the model has room for 2"), "%s", notes);
    il_frame_free(&f);
    il_table_free(e);
    il_table_free(q);
}

static void refuses_what_it_must(void **state)
{
    static const struct {
        const char *examples, *queries, *says;
    } cases[] = {
        { "a,b\n1,2\n3,4\n", "a\n1\n", "no column 'y'" },
        { "a,y\n1,high\n2,low\n", "a\n1\n", "column 'y' holds 'high' in row 1" },
        { "a,y\n1,2\n2,3\n", "a,y\n1,x\n", "column 'y' holds 'x'" },
        { "a,y\n1,2\n2,3\n", "b\n1\n", "column 'a' of the examples is missing" },
        { "a,y\n1,2\n2,3\n", "a\nx\n", "column 'a' is text here and numbers in" },
        { "a,y\n1,2\n2,NA\n", "a\n1\n", "at least two examples" },
        { "a,y\n1,2\n1,3\n", "a\n1\n", "no column but 'y'" },
        { "y\n2\n3\n", "a\n1\n", "no column but 'y'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        il_table *e = table_of(cases[i].examples), *q = table_of(cases[i].queries),
                 *out = NULL;
        il_predict_options options = { .target = "y" };
        il_prediction s;
        il_error err;
        assert_int_equal(il_predict(model, e, q, &options, &out, &s, &err), IL_ECONFIG);
        CHECK(strstr(err.text, cases[i].says), "'%s' lacks '%s'", err.text, cases[i].says);
        assert_null(out);
        il_table_free(e);
        il_table_free(q);
    }
}

/* A table made by hand may hold its numbers as text: the target means the same. */
static void numbers_may_be_text(void **state)
{
    (void)state;
    il_prediction s;
    double *want = predict(six, two, &s), got[2];
    il_table *e = table_of(six), *q = table_of(two), *words, *out;
    il_predict_options options = { .target = "y" };
    CHECK_OK(il_table_new(&words, "words", &err));
    for (int c = 0; c < 3; c++)
        CHECK_OK(il_table_add_col(words, il_table_col(e, c), c == 2, &err));
    for (int r = 0; r < il_table_rows(e); r++) {
        char text[32];
        CHECK_OK(il_table_add_row(words, &err));
        for (int c = 0; c < 2; c++) il_table_set(words, r, c, il_table_number(e, r, c));
        snprintf(text, sizeof text, "%g", il_table_number(e, r, 2));
        CHECK_OK(il_table_set_text(words, r, 2, text, &err));
    }
    CHECK_OK(il_predict(model, words, q, &options, &out, &s, &err));
    for (int i = 0; i < 2; i++) {
        got[i] = il_table_number(out, i, 1);
        CHECK(got[i] == want[i], "query %d: %g is not %g", i, got[i], want[i]);
    }
    free(want);
    il_table_free(e);
    il_table_free(q);
    il_table_free(words);
    il_table_free(out);
}

/* A logit is no prediction of a number. */
static void refuses_a_classifier(void **state)
{
    (void)state;
    il_config config = *il_model_config(model);
    il_model *classes;
    il_prediction s;
    il_table *e = table_of(six), *q = table_of(two), *out = NULL;
    il_predict_options options = { .target = "y" };
    il_error why;
    CHECK_OK(il_config_set(&config, "training.task_name=linear_classification", &err));
    CHECK_OK(il_model_new(&classes, &config, &err));
    assert_int_equal(il_predict(classes, e, q, &options, &out, &s, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "trained on linear_classification"), "%s", why.text);
    assert_null(out);
    il_model_free(classes);
    il_table_free(e);
    il_table_free(q);
}

/* ---- the baselines ---------------------------------------------------------------------------- */

enum { M = 12, P = 3, Q = 4, ALPHAS = 15 };

/* Ridge with a free intercept by Gaussian elimination on its normal equations, without example
 * `out` (-1: with all); columns centred and scaled as given. Returns the answer for z. */
static double naive_ridge(const double x[M + Q][P], const double *y, double alpha, int out,
                          const double *z)
{
    double A[P + 1][P + 2] = { { 0 } };
    for (int i = 0; i < M; i++) {
        if (i == out) continue;
        for (int r = 0; r <= P; r++) {
            double xr = r < P ? x[i][r] : 1;
            for (int c = 0; c <= P; c++) A[r][c] += xr * (c < P ? x[i][c] : 1);
            A[r][P + 1] += xr * y[i];
        }
    }
    for (int r = 0; r < P; r++) A[r][r] += alpha;
    for (int k = 0; k <= P; k++)
        for (int r = 0; r <= P; r++) {
            double factor = A[r][k] / A[k][k];
            if (r == k) continue;
            for (int c = 0; c <= P + 1; c++) A[r][c] -= factor * A[k][c];
        }
    double answer = A[P][P + 1] / A[P][P];
    for (int r = 0; r < P; r++) answer += z[r] * A[r][P + 1] / A[r][r];
    return answer;
}

static void ridge_leaves_one_out(void **state)
{
    static const double alphas[ALPHAS] = { 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2,
                                           0.1,  0.3,  1,    3,    10,   30,   100 };
    (void)state;
    double column[P][M + Q], scaled[M + Q][P], y[M + Q], ridge[Q], ols[Q], best = 0,
                                                                           least = INFINITY;
    double *x[P] = { column[0], column[1], column[2] };
    il_frame f = { .M = M, .Q = Q, .P = P, .x = x, .y = y };
    il_rng rng = il_rng_at(3, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < M + Q; i++) {
        y[i] = 5 + il_normal(&rng);
        for (int p = 0; p < P; p++) {
            column[p][i] = 2 * p + (p + 1) * il_normal(&rng);
            y[i] += 0.3 * column[p][i];
        }
    }
    for (int p = 0; p < P; p++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < M; i++) mean += column[p][i] / M;
        for (int i = 0; i < M; i++)
            squares += (column[p][i] - mean) * (column[p][i] - mean) / M;
        for (int i = 0; i < M + Q; i++)
            scaled[i][p] = (column[p][i] - mean) / sqrt(squares);
    }
    for (int k = 0; k < ALPHAS; k++) {
        double error = 0;
        for (int i = 0; i < M; i++) {
            double e = y[i] - naive_ridge(scaled, y, alphas[k] * M, i, scaled[i]);
            error += e * e;
        }
        if (error < least) best = alphas[k] * M;
        least = fmin(least, error);
    }
    CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
    for (int q = 0; q < Q; q++) {
        /* both solve a system of condition < 1e3 in double */
        CHECK_NEAR(ridge[q], naive_ridge(scaled, y, best, -1, scaled[M + q]), 1e-11,
                   "ridge");
        CHECK_NEAR(ols[q], naive_ridge(scaled, y, 0, -1, scaled[M + q]), 1e-11, "ols");
    }
}

/* Twice the same column: least squares takes the solution of least norm and is exact. */
static void ols_survives_a_doubled_column(void **state)
{
    (void)state;
    double a[5] = { 1, 2, 4, 3, 7 }, y[5], ridge[1], ols[1], *x[2] = { a, a };
    for (int i = 0; i < 5; i++) y[i] = 2 * a[i] - 1;
    il_frame f = { .M = 4, .Q = 1, .P = 2, .x = x, .y = y };
    CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
    CHECK_NEAR(ols[0], 13, 1e-12, "2 * 7 - 1");
}

/* Values whose differences overflow reach no factorisation. */
static void refuses_what_overflows(void **state)
{
    (void)state;
    double a[4] = { 1.7e308, 1.7e308, 1.7e308, -1.7e308 }, y[4] = { 1, 2, 3, 4 }, ridge[1],
           ols[1], *x[1] = { a };
    il_frame f = { .M = 4, .Q = 0, .P = 1, .x = x, .y = y };
    il_error err;
    assert_int_equal(il_frame_linear(&f, ridge, ols, &err), IL_ECONFIG);
    CHECK(strstr(err.text, "too large"), "%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_models_answer),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(many_examples_become_prompts),
        cmocka_unit_test(every_query_is_asked_alone),
        cmocka_unit_test(text_gaps_and_constants),
        cmocka_unit_test(refuses_what_it_must),
        cmocka_unit_test(numbers_may_be_text),
        cmocka_unit_test(refuses_a_classifier),
        cmocka_unit_test(ridge_leaves_one_out),
        cmocka_unit_test(ols_survives_a_doubled_column),
        cmocka_unit_test(refuses_what_overflows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
