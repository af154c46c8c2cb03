/* eval_worth.c - a model that is no better than an answer that looks at nothing is said to be so */
#include "check.h"
#include "evaluate/evaluate.h"
#include "innerloop_lab.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

static const char *const no_better = "the model is no better here than ";

static il_batch *draw(const il_task **task, double *unit)
{
    static const int points = 6, dims = 3;
    il_config c;
    il_batch *b;
    il_config_init(&c);
    *task = il_task_find("linear_regression");
    CHECK_OK(il_batch_new(&b, 200, points, dims, &err));
    CHECK_OK(il_batch_draw(b, *task, c.training.task_opts, NULL, dims,
                           (il_draw){ .seed = 3, .stream = IL_STREAM_EVAL }, &err));
    *unit = 1 / il_task_scale(*task, c.training.task_opts, dims);
    return b;
}

/* Errors that are those of answering zero times a factor of each point, with a share of luck */
static void what_counts_as_better(void **state)
{
    (void)state;
    static const struct {
        double factor[6], luck;
        int noted;
    } cases[] = {
        { { 1, 1, 1, 1, 1, 1 }, 0, 1 },
        { { 1.1, 1.1, 1.1, 1.1, 1.1, 1.1 }, 0, 1 },
        { { 0.999, 0.999, 0.999, 0.999, 0.999, 0.999 }, 0, 1 },
        { { 1, 1, 1, 1, 1, 1 }, 0.3, 1 },
        { { 0.9, 0.9, 0.9, 0.9, 0.9, 0.9 }, 0, 0 }, /* much noise: all there is to learn */
        { { 1, 1, 90, 90, 1, 0.1 }, 0, 0 }, /* least squares with as many as inputs */
        { { 0.1, 0.1, 0.1, 0.1, 0.1, 1 }, 0, 0 },
        { { 0, 0, 0, 0, 0, 0 }, 0, 0 },
        { { 1, 1, 1, 1, 1, (double)NAN }, 0, 0 }, /* which another note says */
    };
    const il_task *task;
    double unit;
    il_batch *b = draw(&task, &unit);
    size_t B = (size_t)b->prompts, N = (size_t)b->points;
    double *e = malloc(sizeof *e * B * N);
    assert_non_null(e);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_table *t;
        il_rng rng = il_rng_at(5, IL_STREAM_USER, 0, 0);
        CHECK_OK(il_table_new(&t, "t", &err));
        for (size_t n = 0; n < N; n++)
            for (size_t p = 0; p < B; p++) {
                double y = (double)b->y[p * N + n];
                e[n * B + p] = y * y * unit * cases[i].factor[n] *
                               (1 + cases[i].luck * il_normal(&rng));
            }
        CHECK_OK(il_note_worth(t, task, b, unit, e, (int)N, 1, &err));
        CHECK(!strstr(il_table_notes(t), no_better) == !cases[i].noted, "case %d: '%s'", i,
              il_table_notes(t));
        il_table_free(t);
    }
    free(e);
    il_batch_free(b);
}

static il_model *of(const char *task)
{
    char name[64];
    snprintf(name, sizeof name, "training.task_name=%s", task);
    const char *const set[] = { name,
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
                                "training.curriculum.loops.end=2" };
    il_config c;
    il_model *m;
    il_config_init(&c);
    CHECK_OK(il_config_override(&c, set, IL_COUNT(set), &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

/* Every table of a model has the note, with what it is no better than; NULL: none has */
static void every_table(const il_model *m, const char *than)
{
    il_eval_options o = { .prompts = 64, .seed = 2 };
    for (int i = 0; i < 3; i++) {
        il_table *t;
        CHECK_OK(il_eval(&t, m, &o, (il_eval_by)i, &err));
        const char *note = strstr(il_table_notes(t), no_better);
        if (than)
            CHECK(note && strstr(note, than), "table %d: '%s'", i, il_table_notes(t));
        else
            CHECK(!note, "table %d: '%s'", i, il_table_notes(t));
        il_table_free(t);
    }
}

static void a_model_that_answers_zero(void **state)
{
    (void)state;
    il_model *m = of("linear_regression"), *signs = of("linear_classification");
    memset(m->weights, 0, m->plan.n_weights * sizeof *m->weights);
    memset(signs->weights, 0, signs->plan.n_weights * sizeof *signs->weights);
    il_model_pack(m);
    il_model_pack(signs);
    every_table(m, "always answering zero: its error is ");
    every_table(signs, "always answering the commoner sign: its error is ");
    il_model_free(m);
    il_model_free(signs);
}

static void a_model_that_answers(void **state)
{
    (void)state;
    il_model *m;
    CHECK_OK(il_build(&m, "gd dims=3 points=7 loops=6", &err));
    every_table(m, NULL);
    il_model_free(m);
}

/* Scores that are all zero lose log(classes), and the frequencies no more */
static void classes(void **state)
{
    (void)state;
    il_config c;
    il_model *m;
    il_table *t;
    il_eval_options o = { .prompts = 20, .seed = 2 };
    CHECK_OK(il_config_read(&c, "recipes/recall.yaml", NULL, 0, &err));
    CHECK_OK(il_config_set(&c, "model.n_embd=16", &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    memset(m->weights, 0, m->plan.n_weights * sizeof *m->weights);
    il_model_pack(m);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(il_eval(&t, m, &o, i ? IL_EVAL_MEAN : IL_EVAL_POINTS, &err));
        CHECK(strstr(il_table_notes(t), "no better here than the frequencies"), "%d: '%s'",
              i, il_table_notes(t));
        il_table_free(t);
    }
    il_model_free(m);
}

/* What the frequencies lose is their entropy; a prompt that asks for less loses less. */
static void frequencies(void **state)
{
    (void)state;
    static const double half[] = { 0.9, 1.1 };
    il_batch *b;
    CHECK_OK(il_batch_new(&b, 64, 4, 1, &err));
    double loss[64];
    for (int i = 0; i < 64 * 4; i++) b->y[i] = (il_real)(i % 4 ? i / 4 % 2 : -1);
    for (int k = 0; k < 2; k++) {
        il_table *t;
        CHECK_OK(il_table_new(&t, "t", &err));
        for (int p = 0; p < 64; p++) loss[p] = 3 * log(2) * half[k];
        CHECK_OK(il_note_prior(t, b, 2, loss, 1, &err));
        CHECK(!strstr(il_table_notes(t), "they lose 0.6931") == !k, "%d: '%s'", k,
              il_table_notes(t));
        il_table_free(t);
    }
    il_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts_as_better),
        cmocka_unit_test(a_model_that_answers_zero),
        cmocka_unit_test(a_model_that_answers),
        cmocka_unit_test(classes),
        cmocka_unit_test(frequencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
