/* predict.c - prediction on a table: what the model is shown, and what it is compared with */
#include "predict/predict.h"
#include "check.h"
#include "innerloop_lab.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static il_prediction last; /* of predict(), whose notes are freed at the next */
static il_model *model;    /* two loops, three dimensions, prompts of seven points */

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
    il_prediction_free(&last);
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

static const char *const of_y = "target=y";

static double *predict(const char *examples, const char *queries, il_prediction *summary)
{
    il_table *e = table_of(examples), *q = table_of(queries), *answers;
    CHECK_OK(il_predict(model, e, q, &of_y, 1, &answers, summary, &err));
    double *got = calloc((size_t)il_table_rows(q), sizeof *got);
    for (int r = 0; r < il_table_rows(q); r++) {
        assert_int_equal((int)il_table_number(answers, r, 0), r + 1);
        got[r] = il_table_number(answers, r, il_table_find(answers, "prediction"));
    }
    il_table_free(e);
    il_table_free(q);
    il_table_free(answers);
    il_prediction_free(&last);
    last = *summary;
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
    FILE *to = fmemopen(notes, sizeof notes, "w");
    il_table *e = table_of(
        "sex,same,n,kind,y\nm,1,2,p,1\nf,1,NA,q,2\nf,1,4,r,3\n,1,6,p,4\nm,1,9,q,NA\n");
    il_table *q = table_of("kind,n,same,sex,extra\nr,NA,1,f,0\nz,5,1,m,0\n");
    CHECK_OK(il_frame_new(&f, e, q, "y", 10, to, &err));
    fflush(to);
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
    CHECK_OK(il_frame_new(&f, e, q, "y", 2, to, &err));
    fclose(to);
    assert_int_equal(f.P, 2);
    CHECK_NEAR(f.x[1][3], 6, 0, "n is kept");
    CHECK(strstr(notes, "of 4 columns the model has room for 2"), "%s", notes);
    il_frame_free(&f);
    il_table_free(e);
    il_table_free(q);
}

/* The mean of equal numbers may differ from them by a rounding, and a column's present values may all
 * be equal where not all are present: it says nothing either way. */
static void a_constant_column_says_nothing(void **state)
{
    static const char *const with[] = {
        "a,c,y\n1,0.1,2\n2,0.1,4\n3,0.1,6\n4,,8\n",
        "a,c,y\n1,0.1,2\n2,,4\n3,,6\n4,,8\n",
        "a,c,y\n1,,2\n2,,4\n3,,6\n4,,8\n",
        "a,c,y\n1,0.3,2\n2,0.30000000000000004,4\n3,0.3,6\n4,0.3,8\n",
        "a,c,y\n1,-1e300,2\n2,-1e300,4\n3,-1e300,6\n4,NA,8\n",
        "a,c,y\n1,1e-320,2\n2,1e-320,4\n3,1e-320,6\n4,NA,8\n",
        "a,c,y\n1,x,2\n2,,4\n3,x,6\n4,x,8\n",
    };
    (void)state;
    il_prediction s;
    double *want = predict("a,y\n1,2\n2,4\n3,6\n4,8\n", "a,y\n2.5,5\n", &s);
    double rmse[] = { s.rmse, s.rmse_ridge, s.rmse_ols, s.rmse_mean };
    for (int i = 0; i < IL_COUNT(with); i++) {
        const char *query = i == 6 ? "a,c,y\n2.5,z,5\n" : "a,c,y\n2.5,0.2,5\n";
        double *got = predict(with[i], query, &s);
        assert_int_equal(s.features, 1);
        CHECK(strstr(s.notes, "column 'c'") && strstr(s.notes, "dropped"), "%s", s.notes);
        CHECK((strstr(s.notes, "all examples, but for rounding, and") != NULL) == (i == 3),
              "table %d: %s", i, s.notes);
        CHECK(*got == *want, "table %d: %g is not %g", i, *got, *want);
        CHECK(s.rmse == rmse[0] && s.rmse_ridge == rmse[1] && s.rmse_ols == rmse[2] &&
                  s.rmse_mean == rmse[3],
              "table %d: the scores differ", i);
        free(got);
    }
    free(want);
}

/* A column of few values is constant in many a dealt prompt, where it is 0 for whatever query. */
static void constant_within_a_prompt(void **state)
{
    char text[1024] = "a,c,y\n";
    (void)state;
    for (int i = 0; i < 40; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d,%s,%d\n", i % 7, i == 3 ? "0.7" : "0.1",
                 (3 * i) % 13);
        strcat(text, line);
    }
    il_prediction s;
    double *got = predict(text, "a,c,y\n2.5,0.7,5\n2.5,0.1,5\n", &s);
    for (int q = 0; q < 2; q++)
        CHECK(fabs(got[q]) < 100, "answer %g to numbers below 13", got[q]);
    CHECK(s.rmse_ridge < 20 && s.rmse_ols < 100, "%g %g", s.rmse_ridge, s.rmse_ols);
    free(got);
}

/* Units as large or as small as a double can hold change nothing but the unit of the answer. */
static void huge_and_tiny_units(void **state)
{
    static const double x[] = { 1, 2, 3, 4.5, 7 }, y[] = { 2, 4.5, 6, 8, 15 };
    static const int powers[] = { 530, 1010, -530, -1000 };
    (void)state;
    il_prediction plain, s;
    double *want = NULL;
    for (int i = -1; i < 2 * IL_COUNT(powers); i++) {
        int p = i < 0 ? 0 : powers[i / 2], target = i % 2;
        char text[1024] = "a,b,y\n", query[256];
        for (int r = 0; r < 5; r++)
            sprintf(text + strlen(text), "%.17g,%d,%.17g\n", ldexp(x[r], target ? 0 : p),
                    r * r % 3, ldexp(y[r], target ? p : 0));
        sprintf(query, "a,b,y\n%.17g,1,%.17g\n", ldexp(2.5, target ? 0 : p),
                ldexp(5, target ? p : 0));
        double *got = predict(text, query, i < 0 ? &plain : &s), unit = target ? p : 0;
        if (i < 0) {
            want = got;
            plain.notes = NULL;
            continue;
        }
        CHECK(ldexp(*got, -(int)unit) == *want, "2^%d: %g is not %g", p, *got, *want);
        CHECK(ldexp(s.rmse, -(int)unit) == plain.rmse, "2^%d: rmse %g", p, s.rmse);
        CHECK(ldexp(s.rmse_ridge, -(int)unit) == plain.rmse_ridge, "2^%d: ridge %g", p,
              s.rmse_ridge);
        CHECK(ldexp(s.rmse_ols, -(int)unit) == plain.rmse_ols, "2^%d: ols %g", p,
              s.rmse_ols);
        CHECK(ldexp(s.rmse_mean, -(int)unit) == plain.rmse_mean, "2^%d: mean %g", p,
              s.rmse_mean);
        free(got);
    }
    free(want);
}

/* An answer that is no finite number is counted, its row is named, and it leaves no score. */
static void answers_that_are_not_finite(void **state)
{
    (void)state;
    il_prediction s;
    double *got = predict(six, "a,b,y\n1,2,1\n1,1.7e308,1\n0,-1e300,2\n", &s);
    assert_int_equal(s.targets, 3);
    assert_int_equal(s.not_finite, 2);
    CHECK(strstr(s.notes, "no finite number in row 2, 3 of the queries"), "%s", s.notes);
    CHECK(isnan(s.rmse) && isfinite(s.rmse_mean), "%g %g", s.rmse, s.rmse_mean);
    free(got);
}

/* Ridge and least squares go on along the line that the examples are on, out of what a double holds; the
 * model need not. Two answers that a double holds can differ by more. */
static void scores_that_are_not_finite(void **state)
{
    (void)state;
    il_prediction s;
    free(predict("a,y\n0,1e307\n1,2e307\n2,3e307\n3,4e307\n",
                 "a,y\n1,2e307\n1000,NA\n9000,3e307\n", &s));
    CHECK(isnan(s.rmse_ols) && isfinite(s.rmse_mean), "%g %g", s.rmse_ols, s.rmse_mean);
    CHECK(
        strstr(s.notes, "the answer of ols is no finite number in row 2, 3 of the queries"),
        "%s", s.notes);
    CHECK(strstr(s.notes, "the answer of ridge is no finite number in row 2, 3 of"), "%s",
          s.notes);
    free(predict("a,y\n0,1e308\n1,1.1e308\n2,1.2e308\n3,1.3e308\n", "a,y\n1,-1.5e308\n",
                 &s));
    CHECK(isinf(s.rmse_mean) &&
              strstr(s.notes, "the rmse of the mean is more than a number can be") &&
              strstr(s.notes, "the rmse of the model is more than a number can be"),
          "%g: %s", s.rmse_mean, s.notes);
}

/* The answers of 32 prompts have a mean where their sum has none. */
static void a_mean_whose_sum_overflows(void **state)
{
    char text[1024] = "a,y\n";
    (void)state;
    for (int i = 0; i < 9; i++)
        sprintf(text + strlen(text), "%d,%de307\n", i, 1 + (i + i * i % 5) % 9);
    il_prediction s;
    double *got = predict(text, "a,y\n4.5,5e307\n", &s);
    CHECK(s.prompts == 32 && !s.not_finite && isfinite(*got) && isfinite(s.rmse),
          "%d prompts: %g, rmse %g", s.prompts, *got, s.rmse);
    free(got);
}

/* A model that answers zero whatever it is shown says the mean, and that is said. */
static void a_model_that_has_learnt_nothing(void **state)
{
    (void)state;
    il_model *nothing, *kept = model;
    il_prediction s;
    CHECK_OK(il_model_new(&nothing, il_model_config(model), &err));
    memset(nothing->weights, 0, sizeof *nothing->weights * nothing->plan.n_weights);
    il_model_pack(nothing);
    model = nothing;
    double *got = predict(six, two, &s);
    model = kept;
    il_model_free(nothing);
    CHECK(strstr(s.notes, "makes nothing of these examples: its squared error on the very "
                          "examples it is shown is 1 of"),
          "%s", s.notes);
    CHECK_NEAR(got[0], 8.5 / 6, 1e-12, "the mean of the examples");
    free(got);
}

/* However many columns have something to say, each says it, in whole characters. */
static void every_note_is_kept(void **state)
{
    enum { COLS = 120 };
    (void)state;
    char *text = calloc(1, 1 << 16), *at = text;
    for (int row = 0; row < 4; row++) {
        for (int c = 0; c < COLS; c++)
            at += row ? sprintf(at, "w%d_%d\xc3\xa9,", row, row == 1 ? c : 0)
                      : sprintf(at, "text_column_with_a_long_na\xc3\xafve_name_%d,", c);
        at += row ? sprintf(at, "%d,%d\n", row, row) : sprintf(at, "a,y\n");
    }
    il_prediction s;
    free(predict(text, text, &s));
    for (int c = 0; c < COLS; c++) {
        char name[64];
        sprintf(name, "ve_name_%d' is text", c);
        CHECK(strstr(s.notes, name), "no note on column %d", c);
    }
    assert_int_equal(il_utf8_bad(s.notes, strlen(s.notes)), strlen(s.notes));
    free(text);
}

/* A column that is text for one cell says which, and what it may have meant. */
static void text_among_numbers_is_named(void **state)
{
    static const struct {
        const char *examples, *says;
    } cases[] = {
        { "a,b,y\n1,3,1\n2,-,2\n3,2,3\n", "'-' in line 3 of" },
        { "a,b,y\n1,3,1\n2,4,2\n3,N/A,3\n", "'N/A' in line 4 of" },
        { "a;b;y\n1;1,5;1\n2;2,5;2\n3;0;3\n", "'1,5' in line 2 of" },
        { "a;b;y\n1;1,5;1\n2;2,5;2\n3;3,5;3\n", "with a decimal point" },
        { "a;b;y\n1;1,234.5;1\n2;2;2\n3;3;3\n", "nothing between thousands" },
        { "a,b,y\n1,$5,1\n2,$6,2\n3,$7,3\n", "'$5' in line 2 of" },
        { "a,b,y\n1,-,1\n2,5 %,2\n3,6 %,3\n", "'-' in line 2 of" },
        { "a,b,y\n1,5 %,1\n2,6 %,2\n3,7 %,3\n", "write the number alone, without '%'" },
        { "a,b,y\n1,1_000,1\n2,2_000,2\n3,NA,3\n", "nothing between thousands" },
        { "a,b,y\n1,0x10,1\n2,0x11,2\n3,7,3\n", "write it in decimal" },
        { "a,b,y\n1,$1,1\n2,$2,2\n3,$3,3\n4,$4,4\n5,$5,5\n6,$6,6\n7,$7,7\n",
          "'b' is text of more than 6 levels and was dropped" },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_prediction s;
        const char *query = strchr(cases[i].examples, ';') ? "a;b\n1;x\n" : "a,b\n1,x\n";
        free(predict(cases[i].examples, query, &s));
        CHECK(strstr(s.notes, cases[i].says), "'%s' lacks '%s'", s.notes, cases[i].says);
    }
    static const char *const words[] = {
        "a,b,y\n1,low,1\n2,high,2\n3,low,3\n",
        "a,b,y\n1,k1,1\n2,k2,2\n3,k1,3\n",
        "a,b,y\n1,small,1\n2,2nd,2\n3,third,3\n",
    };
    for (int i = 0; i < IL_COUNT(words); i++) {
        il_prediction s;
        free(predict(words[i], "a,b\n1,low\n", &s));
        CHECK(!strstr(s.notes, "is taken as text"), "words need no excuse: %s", s.notes);
    }
}

/* A column by the name that pandas gives to row numbers stays, and is named; so is one called id that is
 * different in every row, but not one that repeats or measures. */
static void row_numbers_are_named(void **state)
{
    static const struct {
        const char *name, *values[4];
        int named;
    } cases[] = {
        { "Unnamed: 0", { "0", "1", "2", "3" }, 1 },
        { "Unnamed: 0.1", { "7", "2", "11", "5" }, 1 },
        { "ID", { "100", "104", "90", "1" }, 1 },
        { "id", { "1", "2", "2", "1" }, 0 },
        { "index", { "1.5", "2.5", "0.5", "3" }, 0 },
        { "a", { "0", "1", "2", "3" }, 0 },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        char text[256], query[64], says[80];
        il_prediction s;
        int at = sprintf(text, "%s,b,y\n", cases[i].name);
        for (int r = 0; r < 4; r++)
            at += sprintf(text + at, "%s,%d,%d\n", cases[i].values[r], r * r % 3, 3 - r);
        sprintf(query, "b,%s\n1,2\n", cases[i].name);
        free(predict(text, query, &s));
        assert_int_equal(s.features, 2);
        sprintf(says, "column '%s' looks like row numbers", cases[i].name);
        CHECK((strstr(s.notes, says) != NULL) == cases[i].named, "'%s': %s", cases[i].name,
              s.notes);
    }
}

static void refuses_what_it_must(void **state)
{
    static const struct {
        const char *examples, *queries, *says;
    } cases[] = {
        { "a,b\n1,2\n3,4\n", "a\n1\n", "no column 'y'" },
        { "a,y\n1,high\n2,low\n", "a\n1\n", "column 'y' holds 'high' in line 2" },
        { "a;y\n1;2,5\n2;3,5\n", "a\n1\n",
          "holds '2,5' in line 2; only numbers can be predicted: write 1234.5, with a "
          "decimal" },
        { "a,y\n1,2 %\n2,3 %\n", "a\n1\n",
          "predicted: write the number alone, without '%'" },
        { "a,y\n1,-\n2,3\n", "a\n1\n", "a missing one as an empty cell or NA" },
        { "a,b,y\n1,2,1\n2,-,2\n3,2,4\n", "a,b\n1,2\n", "'-' in line 3 of" },
        { "a,y\n1,2\n2,3\n", "a,y\n1,x\n", "column 'y' holds 'x'" },
        { "a,y\n1,2\n2,3\n", "b\n1\n", "column 'a' of the examples is missing" },
        { "a,y\n1,2\n2,3\n", "a\nx\n", "column 'a' is text here and numbers in" },
        { "a,b,y\n1,2,1\n2,4,2\n3,2,4\n", "a,b\n2,-\n", "; '-' in line 2 of" },
        { "a,b,y\n1,2,1\n2,4,2\n3,2,4\n", "a,b\n2,\n1,-\n",
          "is no number: a number is written as 1234.5, a missing one as an empty cell" },
        { "a,y\n\u0661,2\n\u0662,3\n", "a\n1\n", "; '\u0661' in line 2 of" },
        { "a,y\nNA,1\nred,2\nblue,3\n", "a\n1\n", "; 'red' in line 3 of" },
        { "a,y\n1,2\n2,NA\n", "a\n1\n", "at least two examples" },
        { "a,y\n1,2\n2,NA\n", "a\n1\n", "needed, and there are 1 and 1" },
        { "a,y\n1,2\n1,3\n", "a\n1\n",
          "no column but 'y' that the model could use; 1 is the same in all examples "
          "('a')" },
        { "y\n2\n3\n", "a\n1\n",
          "no column but 'y' that the model could use; there is no" },
        { "a,c,b,t,n,y\n1,k,p,v,,2\n1,k,q,w,,3\n1,k,r,x,,1\n1,k,s,z,,3\n1,k,t,l,,4\n1,k,u,"
          "o,,4\n"
          "1,k,v,m,,4\n",
          "a,c,b,t,n\n1,k,p,v,\n",
          "; 2 are the same in all examples ('a' is the first), 1 is missing in all "
          "examples ('n'), 2 are text of more than 6 levels ('b' is the first)" },
        { "a,y\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n-,7\n", "a\nNA\n",
          "('a'); column 'a' is taken as text: '-' in line 8 of" },
        { "a,b,y\n1,red,1\n1,,2\n1,,3\n2,,\n", "a,b\n1,red\n",
          "; 2 are the same in all examples ('a' is the first); 1 of the 4 examples has no "
          "'y'" },
        { "b,y\n,1\n,2\nred,\n", "b\nred\n", "; 1 is missing in all examples ('b')" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        il_table *e = table_of(cases[i].examples), *q = table_of(cases[i].queries),
                 *out = NULL;
        il_prediction s;
        il_error err;
        assert_int_equal(il_predict(model, e, q, &of_y, 1, &out, &s, &err), IL_ECONFIG);
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
    CHECK_OK(il_predict(model, words, q, &of_y, 1, &out, &s, &err));
    il_prediction_free(&s);
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
    il_error why;
    CHECK_OK(il_config_set(&config, "training.task_name=linear_classification", &err));
    CHECK_OK(il_model_new(&classes, &config, &err));
    assert_int_equal(il_predict(classes, e, q, &of_y, 1, &out, &s, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "trained on linear_classification"), "%s", why.text);
    assert_null(out);
    il_model_free(classes);
    il_table_free(e);
    il_table_free(q);
}

/* `six` without row i, and that row */
static void split_six(int i, char *others, char *alone)
{
    const char *at = six;
    *others = *alone = 0;
    for (int line = -1; *at; line++) {
        size_t size = strcspn(at, "\n") + 1;
        if (line != i) strncat(others, at, size);
        if (line == i || line < 0) strncat(alone, at, size);
        at += size;
    }
}

/* Model, least squares and mean are what they answer to each row from a table of the others. */
static void left_out_means_left_out(void **state)
{
    (void)state;
    il_table *e = table_of(six), *t;
    const il_model *m = model;
    double squares[3] = { 0 };
    static const char *const names[] = { "model", "ols", "mean" };
    CHECK_OK(il_predict_compare(m, e, e, &of_y, 1, &t, &err));
    for (int i = 0; i < 6; i++) {
        char others[128], alone[64];
        il_prediction s;
        split_six(i, others, alone);
        double *got = predict(others, alone, &s);
        free(got);
        double rmse[] = { s.rmse, s.rmse_ols, s.rmse_mean };
        for (int k = 0; k < 3; k++) squares[k] += rmse[k] * rmse[k] / 6;
    }
    for (int k = 0; k < 3; k++)
        for (int row = 0; row < il_table_rows(t); row++)
            if (!strcmp(il_table_text(t, row, 0), names[k]))
                CHECK_NEAR(il_table_number(t, row, il_table_find(t, "left_out")),
                           sqrt(squares[k]), 1e-9, names[k]);
    assert_int_equal(il_table_rows(t), 6);
    il_table_free(e);
    il_table_free(t);
}

/* Of more examples than two prompts hold, an answer is the mean of the prompts that do not hold its example: one that
 * stands far off is in none of those that answer it, and so is left out with an error as far. */
static void left_out_of_many_prompts(void **state)
{
    (void)state;
    enum { ROWS = 30 };
    char text[1024] = "a,b,y\n";
    il_table *e, *t, *answers;
    il_prediction s;
    static const char *const settings[] = { "target=y", "quantiles=0.5,0.999" };
    for (int i = 0; i < ROWS; i++)
        snprintf(text + strlen(text), 32, "%d,%d,%d\n", i, i * i % 7,
                 i == 4 ? 1000 : i % 3);
    e = table_of(text);
    CHECK_OK(il_predict_compare(model, e, e, &of_y, 1, &t, &err));
    double error = il_table_number(t, 0, 2) * sqrt(ROWS);
    CHECK(error > 900 && error < 1500, "the error is %g", error);
    CHECK_OK(il_predict(model, e, e, settings, 2, &answers, &s, &err));
    double most = il_table_number(answers, 0, il_table_find(answers, "q0.999")) -
                  il_table_number(answers, 0, il_table_find(answers, "prediction"));
    CHECK(most > 900 && most < 1500, "the largest error is %g", most);
    il_prediction_free(&s);
    il_table_free(e);
    il_table_free(t);
    il_table_free(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_out_means_left_out),
        cmocka_unit_test(left_out_of_many_prompts),
        cmocka_unit_test(is_the_models_answer),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(many_examples_become_prompts),
        cmocka_unit_test(every_query_is_asked_alone),
        cmocka_unit_test(text_gaps_and_constants),
        cmocka_unit_test(a_constant_column_says_nothing),
        cmocka_unit_test(constant_within_a_prompt),
        cmocka_unit_test(huge_and_tiny_units),
        cmocka_unit_test(answers_that_are_not_finite),
        cmocka_unit_test(scores_that_are_not_finite),
        cmocka_unit_test(a_model_that_has_learnt_nothing),
        cmocka_unit_test(a_mean_whose_sum_overflows),
        cmocka_unit_test(every_note_is_kept),
        cmocka_unit_test(text_among_numbers_is_named),
        cmocka_unit_test(row_numbers_are_named),
        cmocka_unit_test(refuses_what_it_must),
        cmocka_unit_test(numbers_may_be_text),
        cmocka_unit_test(refuses_a_classifier),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
