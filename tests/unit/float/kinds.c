/* kinds.c - every public call that takes a model works for a model of any kind, or says why it does not
 *
 * Models of numbers, of ids, of sequences, and built ones whose tokens are no prompts.
 */
#include "models.h"

#include <stdlib.h>
#include <string.h>

static il_table *a_table(void)
{
    il_table *t;
    CHECK_OK(il_table_new(&t, "t", &err));
    CHECK_OK(il_table_add_col(t, "k", 0, &err));
    CHECK_OK(il_table_add_col(t, "word", 1, &err));
    CHECK_OK(il_table_add_row(t, &err));
    il_table_set(t, 0, 0, 3);
    return t;
}

/* A call works, or says in a sentence why it does not. */
static void or_says(il_status status, const il_error *why, const char *what)
{
    CHECK(status == IL_OK || (why->text[0] && !strchr(why->text, '\n')), "%s: %d '%s'",
          what, status, why->text);
}

/* Everything that takes a model is asked of it, whatever kind it is. */
static void ask_everything(const il_model *m, const char *what)
{
    static const char *const measures[] = { "points",      "mean",       "loops",
                                            "loss",        "similarity", "lens",
                                            "probe",       "weights",    "patch",
                                            "interpolate", "sensitivity" };
    il_table *t = a_table(), *out;
    il_batch *b;
    il_context *c;
    il_real *room = calloc(1 << 16, sizeof *room);
    const il_real *scores;
    assert_non_null(room);
    for (int outs = 1; outs <= 10; outs += 9) {
        il_error why = { 0 };
        CHECK_OK(il_batch_new_outs(&b, 2, 4, outs > 1 ? outs : 3, outs, &err));
        or_says(il_model_answer(m, b, 1, 1, room, &why), &why, what);
        il_batch_free(b);
    }
    il_error why = { 0 };
    il_status status = il_context_new(&c, m, 0, &why);
    or_says(status, &why, what);
    if (status == IL_OK) {
        or_says(il_context_add(c, room, 1, &why), &why, what);
        or_says(il_context_ask(c, room, room + 4096, &why), &why, what);
        or_says(il_context_observe(c, room, room + 4096, &why), &why, what);
        or_says(il_context_next(c, 1, &scores, &why), &why, what);
        il_context_free(c);
    }
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        const char *prompts = "prompts=4";
        status = il_measure(&out, measures[i], (const il_model *const *)&m, NULL, 1,
                            &prompts, strcmp(measures[i], "weights") != 0, &why);
        or_says(status, &why, measures[i]);
        if (status == IL_OK) il_table_free(out);
    }
    il_explanation e;
    status = il_explain(m, (const char *[]){ "prompts=4", "queries=2" }, 2, &e, &why);
    or_says(status, &why, what);
    if (status == IL_OK) il_explanation_free(&e);
    il_prediction s;
    status = il_predict(m, t, t, (const char *[]){ "target=k" }, 1, &out, &s, &why);
    or_says(status, &why, what);
    if (status == IL_OK) {
        il_table_free(out);
        il_prediction_free(&s);
    }
    il_forecast *forecast;
    status = il_forecast_new(&forecast, 1, NULL, m, NULL, 0, &why);
    or_says(status, &why, what);
    if (status == IL_OK) il_forecast_free(forecast);
    il_table_free(t);
    free(room);
}

static void every_kind_of_model(void **state)
{
    (void)state;
    static const char *const built[] = { "graph nodes=6 edges=8 layers=4", "inverse dims=3",
                                         "gd dims=3 points=5 loops=2",
                                         "copy dims=3 points=6" };
    static const char *const recipes[] = { "recipes/recall.yaml",
                                           "recipes/small_lsa1.yaml" };
    for (size_t i = 0; i < sizeof built / sizeof *built; i++) {
        il_model *m;
        CHECK_OK(il_build(&m, built[i], &err));
        ask_everything(m, built[i]);
        il_model_free(m);
    }
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        il_model *m = of_recipe(recipes[i]);
        ask_everything(m, recipes[i]);
        il_model_free(m);
    }
    il_model *m = of_numbers("model.family=gpt2");
    ask_everything(m, "numbers");
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind_of_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
