/* misuse.c - wrong arguments of public calls give a status and a sentence, or nothing: never a crash */
#include "check.h"
#include "innerloop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static il_model *new_model(const char *const *set, int n)
{
    il_config c;
    il_model *m;
    il_config_init(&c);
    CHECK_OK(il_config_override(&c, set, n, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

static il_model *of_numbers(void)
{
    static const char *const set[] = { "model.family=gpt2",
                                       "model.n_layer=1",
                                       "model.n_embd=8",
                                       "model.n_head=2",
                                       "model.n_dims=3",
                                       "model.n_positions=9",
                                       "training.curriculum.dims.start=2",
                                       "training.curriculum.dims.end=2",
                                       "training.curriculum.points.start=5",
                                       "training.curriculum.points.end=5" };
    return new_model(set, sizeof set / sizeof *set);
}

static il_model *of_bytes(void)
{
    il_config c;
    il_model *m;
    CHECK_OK(il_config_read(&c, "recipes/recall.yaml", NULL, 0, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

/* The call fails with a sentence. */
static void fails(il_status status, const il_error *why, const char *call)
{
    CHECK(status == IL_ECONFIG || status == IL_EFAIL || status == IL_EUSAGE,
          "%s: status %d", call, status);
    CHECK(why->text[0] && !strchr(why->text, '\n'), "%s: no sentence: '%s'", call,
          why->text);
}
#define FAILS(call)                                                                        \
    do {                                                                                   \
        why.text[0] = 0;                                                                   \
        il_status status_ = call;                                                          \
        fails(status_, &why, #call);                                                       \
    } while (0)

static void models_of_another_kind(void **state)
{
    (void)state;
    il_error why;
    il_model *numbers = of_numbers(), *bytes = of_bytes();
    il_batch *batch, none = { 0 };
    il_context *c;
    il_real yhat[64], x[3] = { 0 };
    const il_real *scores;
    CHECK_OK(il_batch_new(&batch, 1, 5, 1, &err));
    FAILS(il_model_answer(bytes, batch, 1, 1, yhat, &why));
    FAILS(il_model_answer(numbers, NULL, 1, 1, yhat, &why));
    FAILS(il_model_answer(numbers, &none, 1, 1, yhat, &why));
    FAILS(il_model_answer(numbers, batch, 0, 1, yhat, &why));
    FAILS(il_model_answer(numbers, batch, 2, 1, yhat, &why));
    FAILS(il_batch_draw(batch, NULL, NULL, NULL, 1, (il_draw){ 0 }, &why));
    FAILS(il_batch_draw(NULL, NULL, NULL, NULL, 1, (il_draw){ 0 }, &why));
    FAILS(il_batch_draw(batch, il_task_find("linear_regression"),
                        il_model_config(numbers)->training.task_opts, NULL, 2,
                        (il_draw){ 0 }, &why));
    il_batch_free(batch);
    FAILS(il_batch_new(&batch, 0, 5, 1, &why));
    FAILS(il_batch_new(&batch, 1, -5, 1, &why));
    CHECK_OK(il_context_new(&c, numbers, 0, &err));
    FAILS(il_context_next(c, 0, &scores, &why));
    FAILS(il_context_observe(c, x, yhat, &why));
    FAILS(il_context_add(c, NULL, 0, &why));
    FAILS(il_context_ask(c, NULL, yhat, &why));
    il_context_free(c);
    CHECK_OK(il_context_new(&c, bytes, 0, &err));
    FAILS(il_context_add(c, x, 0, &why));
    FAILS(il_context_observe(c, x, yhat, &why));
    FAILS(il_context_next(c, -1, &scores, &why));
    FAILS(il_context_next(c, il_model_classes(bytes), &scores, &why));
    il_context_free(c);
    il_model_free(numbers);
    il_model_free(bytes);
}

static void places_that_are_not_there(void **state)
{
    (void)state;
    il_error why;
    il_table *t;
    il_model *m = of_numbers();
    const char *name;
    const il_real *data;
    int rows, cols;
    CHECK_OK(il_table_new(&t, "t", &err));
    CHECK_OK(il_table_add_col(t, "k", 0, &err));
    CHECK_OK(il_table_add_col(t, "word", 1, &err));
    CHECK_OK(il_table_add_row(t, &err));
    il_table_set(t, 0, 0, 3);
    static const int at[][2] = { { -1, 0 }, { 1, 0 }, { 0, -1 }, { 0, 2 }, { 0, 1 } };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        assert_true(isnan(il_table_number(t, at[i][0], at[i][1])));
        assert_string_equal(il_table_text(t, at[i][0], at[i][1]), "");
        il_table_set(t, at[i][0], at[i][1], 7);
        if (i < 4) FAILS(il_table_set_text(t, at[i][0], at[i][1], "x", &why));
    }
    FAILS(il_table_set_text(t, 0, 0, "x", &why));
    assert_true(il_table_number(t, 0, 0) == 3);
    assert_string_equal(il_table_col(t, 2), "");
    assert_false(il_table_is_text(t, -1));
    assert_int_equal(il_table_line(t, 9), 0);
    assert_string_equal(il_table_notes(t), "");
    il_table_free(t);
    for (int i = -1; i <= il_model_weights(m); i += il_model_weights(m) + 1) {
        il_model_weight(m, i, &name, &data, &rows, &cols);
        assert_null(data);
        assert_string_equal(name, "");
    }
    FAILS(il_list(&t, "nothing", &why));
    FAILS(il_inspect(m, "nothing", &(il_inspect_options){ 0 }, &t, &why));
    FAILS(il_build(&m, "newton dims=0", &why));
    il_model_free(m);
}

/* What a model was trained on is known, and a context that holds more says so. */
static void beyond_training(void **state)
{
    (void)state;
    il_model *m = of_numbers();
    il_context *c;
    il_table *t;
    il_real x[3] = { 0 };
    assert_int_equal(il_model_points(m), 5);
    assert_int_equal(il_model_dims(m), 2);
    CHECK_OK(il_context_new(&c, m, 0, &err));
    for (int n = 0; n < 7; n++) { /* n examples and a query are n + 1 points */
        assert_true(!il_context_note(c) == (n + 1 <= 5));
        CHECK_OK(il_context_add(c, x, 0, &err));
    }
    assert_non_null(strstr(il_context_note(c), "up to 5 points, and here they have 8"));
    il_context_clear(c);
    assert_null(il_context_note(c));
    il_context_free(c);
    il_eval_options o = { .prompts = 4 };
    CHECK_OK(il_eval_points(m, &o, &t, &err));
    assert_string_equal(il_table_notes(t), "");
    il_table_free(t);
    o.points = 9;
    CHECK_OK(il_eval_points(m, &o, &t, &err));
    assert_non_null(strstr(il_table_notes(t), "up to 5 points, and here they have 9"));
    il_table_free(t);
    o = (il_eval_options){ .prompts = 4, .dims = 3 };
    CHECK_OK(il_eval_mean(m, &o, &t, &err));
    assert_non_null(strstr(il_table_notes(t), "up to 2 dimensions, and here they have 3"));
    il_table_free(t);
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_another_kind),
        cmocka_unit_test(places_that_are_not_there),
        cmocka_unit_test(beyond_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
