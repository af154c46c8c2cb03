/* few_shot.c - prompts of pairs for a model of sequences: tuned vectors help, threads do not matter */
#include "claim/claim.h"

#include "measured.h"

#include <stdlib.h>

static il_model *make(const char *tokens)
{
    static const char *const keys[] = {
        "model.family=stack",
        "model.n_dims=3",
        "model.n_positions=32",
        "model.n_embd=12",
        "model.n_head=2",
        "model.blocks=softmax linear",
        "model.position=concat",
        "model.init_std=0.3",
        "training.task_name=linear_dynamics",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.end=32",
    };
    il_config c;
    il_model *m = NULL;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(keys); i++) CHECK_OK(il_config_set(&c, keys[i], &err));
    CHECK_OK(il_config_set(&c, tokens, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

static il_table *few(const il_model *m, const char *text)
{
    il_table *table = NULL;
    CHECK_OK(try_to_measure(&table, "few_shot", m, NULL, text, &err));
    return table;
}

static double sum(const il_table *t, const char *col)
{
    double total = 0;
    int c = il_table_find(t, col);
    CHECK(c >= 0, "no column %s", col);
    for (int r = 0; r < il_table_rows(t); r++) total += il_table_number(t, r, c);
    return total;
}

/* Against the gradient no step helps: with the sign wrong, or a vector in the wrong place, the loss
 * of a random model rises. */
static void tuned_vectors_help(void **state)
{
    (void)state;
    il_model *m = make("model.tokens=sequence");
    il_table *before = few(m, "pairs=8;prefix=4;steps=0;prompts=400");
    il_table *after = few(m, "pairs=8;prefix=4;steps=80;rate=0.05;prompts=400;batch=32");
    CHECK_NEAR(sum(after, "model"), sum(before, "model"), 0, "nothing is tuned");
    CHECK(sum(after, "model+EOS") < 0.99 * sum(before, "model+EOS"), "EOS: %g, was %g",
          sum(after, "model+EOS"), sum(before, "model+EOS"));
    CHECK(sum(after, "model+EOS+prefix") < sum(after, "model+EOS"), "prefix: %g, EOS %g",
          sum(after, "model+EOS+prefix"), sum(after, "model+EOS"));
    il_table_free(before);
    il_table_free(after);
    il_model_free(m);
}

/* d pairs of d numbers without noise say everything; wrong pairs among them cost */
static void controls_are_regressions(void **state)
{
    (void)state;
    il_model *m = make("model.tokens=sequence");
    il_table *t = few(m, "pairs=8;prefix=0;steps=0;prompts=400;noise=0;control=ridge");
    int all = il_table_find(t, "control"), pairs = il_table_find(t, "control on pairs");
    CHECK_NEAR(il_table_number(t, 0, all), 0.5, 0.1,
               "predicting zero: 3 numbers of 1/3 each");
    CHECK_NEAR(il_table_number(t, 0, pairs), il_table_number(t, 0, all), 0, "the same");
    CHECK(il_table_number(t, 7, pairs) < 0.02, "7 pairs: %g", il_table_number(t, 7, pairs));
    CHECK(il_table_number(t, 7, all) > 5 * il_table_number(t, 7, pairs),
          "spurious pairs: %g", il_table_number(t, 7, all));
    il_table_free(t);
    il_model_free(m);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    il_model *m = make("model.tokens=sequence");
    const char *text = "pairs=6;prefix=3;steps=10;prompts=50;batch=24";
    il_table *many = few(m, text);
    CHECK_OK(il_threads_set(1, &err));
    il_table *one = few(m, text);
    for (int c = 1; c < il_table_cols(one); c++)
        for (int r = 0; r < il_table_rows(one); r++)
            CHECK_NEAR(il_table_number(one, r, c), il_table_number(many, r, c), 0,
                       il_table_col(one, c));
    il_table_free(one);
    il_table_free(many);
    il_model_free(m);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "pairs=10;prefix=4", "pairs=2;prefix=1" };
    static const char *const layouts[] = { "model.tokens=sequence",
                                           "model.tokens=constructed" };
    static const char *const said[] = { "too short", "tokens = sequence" };
    for (int i = 0; i < 2; i++) {
        il_model *m = make(layouts[i]);
        il_table *t = NULL;
        il_error err = { 0 };
        CHECK(try_to_measure(&t, "few_shot", m, NULL, texts[i], &err) == IL_ECONFIG && !t,
              "%s fits", texts[i]);
        CHECK(strstr(err.text, said[i]), "%s: %s", texts[i], err.text);
        il_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuned_vectors_help), cmocka_unit_test(controls_are_regressions),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(threads_do_not_matter), /* last: it leaves one thread */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
