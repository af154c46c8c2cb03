/* beyond.c - prompts of more points, dimensions or loops than the model was trained on are noted
 *
 * The models are as they start: what is said of them depends on their recipes alone.
 */
#include "evaluate/evaluate.h"
#include "innerloop_lab.h"
#include "measured.h"
#include "models.h"

#include <string.h>

static il_model *plain(void) { return of_numbers("model.family=gpt2"); }

/* The loop runs 3 times */
static il_model *looped(void)
{
    return of_numbers("model.family=gpt2_loop training.curriculum.loops.end=3");
}

/* A table's notes say `part`, or nothing of training where it is NULL; frees it */
static void notes(il_table *t, const char *part, const char *where)
{
    const char *text = il_table_notes(t);
    if (part)
        CHECK(strstr(text, part), "%s: '%s' lacks '%s'", where, text, part);
    else
        CHECK(!strstr(text, "at most"), "%s: '%s'", where, text);
    il_table_free(t);
}

static const char *const points = "trained on at most 5 points, and here there are 9:";
static const char *const dims = "trained on at most 2 dimensions, and here there are 3:";
static const char *const loops = "trained on at most 3 loops, and here there are 4:";

/* n examples and a query are n + 1 points. */
static void a_context_says_it_once(void **state)
{
    (void)state;
    il_model *m = plain();
    il_context *c;
    il_real x[3] = { 1, 1, 0 }, yhat;
    assert_int_equal(il_model_points(m), 5);
    assert_int_equal(il_model_dims(m), 2);
    CHECK_OK(il_context_new(&c, m, 0, &err));
    for (int n = 0; n < 7; n++) {
        const char *note = il_context_note(c);
        assert_true(!note == (n != 5));
        if (note) assert_non_null(strstr(note, "at most 5 points, and here there are 6:"));
        CHECK_OK(il_context_add(c, x, 0, &err));
    }
    il_context_clear(c);
    assert_null(il_context_note(c));
    x[2] = 1;
    CHECK_OK(il_context_ask(c, x, &yhat, &err));
    assert_non_null(strstr(il_context_note(c), dims));
    assert_null(il_context_note(c));
    il_context_free(c);
    il_model_free(m);
    m = looped();
    assert_int_equal(il_model_loops(m), 3);
    CHECK_OK(il_context_new(&c, m, 4, &err));
    assert_non_null(strstr(il_context_note(c), loops));
    assert_null(il_context_note(c));
    il_context_free(c);
    CHECK_OK(il_context_new(&c, m, 3, &err));
    assert_null(il_context_note(c));
    il_context_free(c);
    il_model_free(m);
}

static void eval_notes_it(void **state)
{
    (void)state;
    il_model *m = looped();
    il_table *t;
    const struct {
        il_eval_options o;
        const char *note;
    } all[] = {
        { { .prompts = 4 }, NULL },
        { { .prompts = 4, .points = 9 }, points },
        { { .prompts = 4, .dims = 3 }, dims },
        { { .prompts = 4, .loops = 4 }, loops },
        { { .prompts = 4, .points = 9, .dims = 3, .loops = 4 },
          "at most 5 points and 2 dimensions and 3 loops, and here there are 9 and 3 and "
          "4:" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK_OK(il_eval(&t, m, &all[i].o, IL_EVAL_POINTS, &err));
        notes(t, all[i].note, "points");
        CHECK_OK(il_eval(&t, m, &all[i].o, IL_EVAL_MEAN, &err));
        notes(t, all[i].note, "mean");
    }
    CHECK_OK(il_eval(&t, m, &all[0].o, IL_EVAL_LOOPS, &err)); /* goes beyond on purpose */
    notes(t, NULL, "loops");
    il_model_free(m);
}

static void explain_and_inspect_note_it(void **state)
{
    (void)state;
    il_model *m = looped();
    const struct {
        const char *setting, *note;
    } all[] = { { "seed=1", NULL },
                { "examples=2,8", points },
                { "dims=3", dims },
                { "loops=4", loops } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        il_explanation e;
        const char *const o[] = { "prompts=4", "queries=4", all[i].setting };
        CHECK_OK(il_explain(m, o, 3, &e, &err));
        notes(e.layers, all[i].note, "explain");
        e.layers = NULL;
        il_explanation_free(&e);
        char text[64];
        snprintf(text, sizeof text, "prompts=4;queries=4;%s", all[i].setting);
        notes(measured("similarity", m, text), all[i].note, "similarity");
        snprintf(text, sizeof text, "prompts=4;%s", all[i].setting);
        notes(measured("lens", m, text), all[i].note, "lens");
    }
    il_model_free(m);
}

/* weights reads no prompts, and has nothing to note */
static void without_prompts_there_is_no_note(void **state)
{
    (void)state;
    il_model *m = plain();
    notes(measured("weights", m, ""), NULL, "weights");
    il_model_free(m);
}

static void predict_notes_it(void **state)
{
    (void)state;
    il_model *m = looped();
    il_table *t, *answers;
    static const char *const names[] = { "a", "b", "c", "y" };
    for (int columns = 2; columns <= 3; columns++) { /* of inputs */
        CHECK_OK(il_table_new(&t, "t", &err));
        for (int c = 3 - columns; c < 4; c++)
            CHECK_OK(il_table_add_col(t, names[c], 0, &err));
        for (int r = 0; r < 12; r++) {
            CHECK_OK(il_table_add_row(t, &err));
            for (int c = 0; c <= columns; c++)
                il_table_set(t, r, c, (double)((r * (c + 2)) % 7 + (r * r) % (c + 5)));
        }
        for (int l = 3; l <= 4; l++) {
            il_prediction s;
            const char *const o[] = { "target=y", l == 3 ? "loops=3" : "loops=4" };
            CHECK_OK(il_predict(m, t, t, o, 2, &answers, &s, &err));
            const char *want = l == 3 && columns == 2 ? NULL
                               : l == 3               ? dims
                               : columns == 2
                                   ? loops
                                   : "2 dimensions and 3 loops, and here there are 3 and 4";
            CHECK(want ? strstr(s.notes, want) != NULL : !strstr(s.notes, "at most"),
                  "%d columns, %d loops: '%s'", columns, l, s.notes);
            il_table_free(answers);
            il_prediction_free(&s);
        }
        il_table_free(t);
    }
    il_model_free(m);
}

/* A built iteration is no less exact after more loops; its sizes are what it was made for. */
static void built_models_are_made_for_sizes(void **state)
{
    (void)state;
    il_model *m;
    il_table *t;
    CHECK_OK(il_build(&m, "gd dims=3 points=6 loops=2", &err));
    il_eval_options o = { .prompts = 4, .loops = 5 };
    CHECK_OK(il_eval(&t, m, &o, IL_EVAL_POINTS, &err));
    notes(t, NULL, "built");
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_says_it_once),
        cmocka_unit_test(eval_notes_it),
        cmocka_unit_test(explain_and_inspect_note_it),
        cmocka_unit_test(without_prompts_there_is_no_note),
        cmocka_unit_test(predict_notes_it),
        cmocka_unit_test(built_models_are_made_for_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
