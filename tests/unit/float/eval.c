/* eval.c - evaluation: blocks change nothing, steps agree by points and loops, limits are named */
#include "check.h"
#include "evaluate/evaluate.h"
#include "innerloop_lab.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    for (int i = 0; i < IL_COUNT(settings); i++)
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

/* More prompts than one block: the error at a point is that of all answers at once. */
static void blocks_change_nothing(void **state)
{
    enum { B = 300, N = 7, D = 3 };
    (void)state;
    il_eval_options o = { .prompts = B, .seed = 4, .against = "gd@2" };
    il_table *t;
    il_batch *batch;
    il_algo *gd;
    il_real yhat[2][B * N];
    CHECK_OK(il_eval(&t, model, &o, IL_EVAL_POINTS, &err));
    CHECK_OK(il_batch_new(&batch, B, N, D, &err));
    const il_task *task = il_task_find("linear_regression");
    il_draw at = { .seed = 4, .stream = IL_STREAM_EVAL };
    CHECK_OK(
        il_batch_draw(batch, task, model->config.training.task_opts, NULL, D, at, &err));
    CHECK_OK(il_algo_new(&gd, "gd", &err));
    CHECK_OK(il_model_answer(model, batch, 2, 2, yhat[0], &err));
    CHECK_OK(il_algo_predict(gd, batch, 2, 2, yhat[1], NULL, &err));
    for (int who = 0; who < 2; who++)
        for (int n = 0; n < N; n++) {
            double sum = 0;
            for (int b = 0; b < B; b++) {
                double d = (double)yhat[who][b * N + n] - (double)batch->y[b * N + n];
                sum += d * d / D;
            }
            /* the same sum in the same order, but for where it is divided */
            CHECK_NEAR(il_table_number(t, n, who ? 4 : 1), sum / B, 1e-12 * sum, "mean");
        }
    il_algo_free(gd);
    il_batch_free(batch);
    il_table_free(t);
}

/* The last point by points is a row by loops, for the model and for a step of an iteration. */
static void points_and_loops_agree(void **state)
{
    (void)state;
    il_eval_options o = { .prompts = 20, .seed = 4, .against = "gd@3,ols", .loops = 2 };
    il_table *points, *loops;
    CHECK_OK(il_eval(&points, model, &o, IL_EVAL_POINTS, &err));
    o.against = "gd,ols";
    o.loops = 4;
    CHECK_OK(il_eval(&loops, model, &o, IL_EVAL_LOOPS, &err));
    assert_int_equal(il_table_rows(points), 7);
    assert_int_equal(il_table_rows(loops), 4);
    for (int c = 1; c < 6; c++) {
        int row = c == 4 ? 2 : 1; /* gd after three steps, the model after two loops */
        CHECK(il_table_number(points, 6, c) == il_table_number(loops, row, c), "%s",
              il_table_col(loops, c));
    }
    assert_string_equal(il_table_caption(points), "squared error (predicting zero: 1)");
    il_table_free(points);
    il_table_free(loops);
}

/* It may end before the model's own loops, where the note is of its last row. */
static void a_table_by_loops_may_end_early(void **state)
{
    (void)state;
    il_eval_options o = { .prompts = 20, .seed = 4, .loops = 1 };
    il_table *one, *all;
    CHECK_OK(il_eval(&one, model, &o, IL_EVAL_LOOPS, &err));
    o.loops = 0; /* four times the model's two */
    CHECK_OK(il_eval(&all, model, &o, IL_EVAL_LOOPS, &err));
    assert_int_equal(il_table_rows(one), 1);
    assert_int_equal(il_table_rows(all), 8);
    for (int c = 1; c < 4; c++)
        CHECK_NEAR(il_table_number(one, 0, c), il_table_number(all, 0, c), 0, "one loop");
    il_table_free(one);
    il_table_free(all);
}

/* One row: the mean over points, of the model and of an algorithm */
static void the_mean_is_that_of_the_points(void **state)
{
    (void)state;
    il_eval_options o = { .prompts = 300, .seed = 4, .against = "gd@3,ols" };
    il_table *points, *mean;
    CHECK_OK(il_eval(&points, model, &o, IL_EVAL_POINTS, &err));
    CHECK_OK(il_eval(&mean, model, &o, IL_EVAL_MEAN, &err));
    assert_int_equal(il_table_rows(mean), 1);
    assert_true(il_table_number(mean, 0, 0) == 7);
    const int cols[] = { 1, 4, 5 };
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        for (int n = 0; n < 7; n++) sum += il_table_number(points, n, cols[i]) / 7;
        CHECK_NEAR(il_table_number(mean, 0, cols[i]), sum, 1e-12 * sum, "mean");
    }
    assert_true(il_table_number(mean, 0, 2) < il_table_number(mean, 0, 1));
    assert_true(il_table_number(mean, 0, 3) > il_table_number(mean, 0, 1));
    il_table_free(points);
    il_table_free(mean);
}

static void classes_are_counted(void **state)
{
    (void)state;
    il_eval_options o = { .prompts = 40, .seed = 4, .task = "linear_classification" };
    il_table *t;
    CHECK_OK(il_eval(&t, model, &o, IL_EVAL_POINTS, &err));
    assert_string_equal(il_table_caption(t), "share of wrong signs");
    for (int r = 0; r < il_table_rows(t); r++) {
        double share = il_table_number(t, r, 1), count = share * 40;
        CHECK(share >= 0 && share <= 1, "row %d: %g", r, share);
        CHECK_NEAR(count, round(count), 1e-9, "a share of forty prompts");
    }
    il_table_free(t);
}

/* Refused by name, before memory for them is asked for */
static void limits_are_named(void **state)
{
    static const struct {
        il_eval_options o;
        const char *says;
    } cases[] = {
        { { .prompts = 9, .points = 9 },
          "points = 9 is more than the model's n_positions = 8" },
        { { .prompts = 9, .points = 2000000000 }, "points = 2000000000 is more" },
        { { .prompts = 9, .dims = 4 }, "dims = 4 is more than the model's n_dims = 3" },
        { { .prompts = 9, .loops = 1000000000 }, "loops = 1000000000 is more than 10000" },
        { { .prompts = 9, .loops = 10001 }, "loops = 10001 is more than 10000" },
        { { .prompts = 9, .against = "gd@x" }, "after @ comes a number" },
        { { .prompts = 9, .against = "gd@2,ols@1" }, "ols answers at once" },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_error why;
        il_table *t = NULL;
        assert_int_equal(il_eval(&t, model, &cases[i].o, IL_EVAL_LOOPS, &why), IL_ECONFIG);
        CHECK(strstr(why.text, cases[i].says), "'%s' lacks '%s'", why.text, cases[i].says);
        assert_null(t);
    }
}

static il_model *scaled(double factor)
{
    il_model *m;
    CHECK_OK(il_model_new(&m, &model->config, &err));
    for (size_t w = 0; w < m->plan.n_weights; w++) m->weights[w] *= (il_real)factor;
    il_model_pack(m);
    return m;
}

/* Where an answer is no finite number, neither the mean nor its confidence interval is one, and a note says so: nor has
 * it a sign for a task of classes. */
static void what_is_not_finite_has_no_band(void **state)
{
    (void)state;
    static const double factors[] = { (double)NAN, 1e38 };
    static const char *const tasks[] = { NULL, "linear_classification" };
    for (int i = 0; i < 2 * 2 * 3; i++) {
        il_model *m = scaled(factors[i % 2]);
        il_eval_options o = { .prompts = 16, .seed = 4, .task = tasks[i / 2 % 2] };
        il_table *t;
        CHECK_OK(il_eval(&t, m, &o, (il_eval_by)(i / 4), &err));
        CHECK(strstr(il_table_notes(t), "errors of the model are no finite number"),
              "%d: '%s'", i, il_table_notes(t));
        for (int c = 1; c < 4; c++)
            CHECK(isnan(il_table_number(t, il_table_rows(t) - 1, c)), "%d: column %d is %g",
                  i, c, il_table_number(t, il_table_rows(t) - 1, c));
        il_table_free(t);
        il_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_change_nothing),
        cmocka_unit_test(points_and_loops_agree),
        cmocka_unit_test(a_table_by_loops_may_end_early),
        cmocka_unit_test(the_mean_is_that_of_the_points),
        cmocka_unit_test(classes_are_counted),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(what_is_not_finite_has_no_band),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
