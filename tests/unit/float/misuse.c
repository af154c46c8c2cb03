/* misuse.c - wrong arguments of every public call: a status and a sentence, or nothing, never a crash
 *
 * The calls are a table, by the parts of the public headers; the last test reads those and wants
 * each of their functions in it. Every call that can fail is made twice, the second time without an il_error.
 */
#include "models.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char called[1 << 16]; /* all calls so far, as they are written below */

static void note_call(const char *call)
{
    size_t used = strlen(called);
    CHECK(used + strlen(call) + 2 < sizeof called, "no room for more calls");
    snprintf(called + used, sizeof called - used, "%s\n", call);
}

/* The call failed with one sentence, which says `part`. */
static void failed(il_status status, const il_error *why, const char *part,
                   const char *call)
{
    CHECK(status == IL_ECONFIG || (!*part && status != IL_OK && status <= IL_EIO),
          "%s: status %d", call, status);
    CHECK(why->text[0] && !strchr(why->text, '\n') && strstr(why->text, part),
          "%s: no such sentence: '%s'", call, why->text);
}

#define FAILS_SAYING(part, call)                                                           \
    do {                                                                                   \
        il_error why = { 0 }, *err = &why;                                                 \
        note_call(#call);                                                                  \
        failed(call, &why, part, #call);                                                   \
        err = NULL;                                                                        \
        CHECK((call) != IL_OK, "%s: without an il_error it did not fail", #call);          \
    } while (0)
#define FAILS(call) FAILS_SAYING("", call)        /* for a reason of its own */
#define NEEDS(call) FAILS_SAYING("is NULL", call) /* what it was not handed */
/* What is not there is answered with nothing. */
#define GIVES(call, answer)                                                                \
    do {                                                                                   \
        note_call(#call);                                                                  \
        CHECK((call)answer, "%s: not %s", #call, #answer);                                 \
    } while (0)
#define SAFE(call)                                                                         \
    do {                                                                                   \
        note_call(#call);                                                                  \
        call;                                                                              \
    } while (0)

static const char *const nowhere = "/dev/null/file"; /* not even for root */

/* A text, a byte at a time; a file that cannot be read; a writer that counts */
static ptrdiff_t read_text(void *context, char *bytes, size_t room)
{
    const char **left = context;
    if (!**left || !room) return 0;
    *bytes = *(*left)++;
    return 1;
}
static ptrdiff_t read_nothing(void *context, char *bytes, size_t room)
{
    (void)context, (void)bytes, (void)room;
    errno = EACCES;
    return -1;
}
static void count_bytes(void *context, const char *bytes, size_t n)
{
    (void)bytes;
    *(int *)context += (int)n;
}

static void errors_and_options(void **state)
{
    (void)state;
    const char *const words[] = { "one", NULL };
    GIVES(il_fail(NULL, IL_EIO, "%s", "x"), == IL_EIO);
    errno = ENOENT;
    GIVES(il_fail_io(NULL, "%s", "x"), == IL_EIO);
    errno = ENOMEM;
    GIVES(il_fail_io(NULL, "%s", "x"), == IL_EFAIL);
    GIVES(il_version(), != NULL);
    GIVES(il_kernel_name(), != NULL);
    GIVES(il_threads(), > 0);
    FAILS_SAYING("one from 1 to", il_threads_set(0, err));
    FAILS(il_threads_set(-1, err));
    FAILS(il_threads_set(INT_MAX, err));
    SAFE(il_kernel_check(NULL));
    SAFE(il_threads_check(NULL));
    GIVES(il_nearest(NULL, words, 1), == NULL);
    GIVES(il_nearest("one", NULL, 1), == NULL);
    GIVES(il_nearest("one", words, -1), == NULL);
    GIVES(strcmp(il_nearest("onne", words, 2), "one"), == 0);

    int k = 0;
    char text[8] = "x";
    const il_opt table[] = { { "k", IL_OPT_INT, 0, 3, 1, 9, "neighbours" }, { 0 } };
    const char *const settings[] = { "k=4", NULL }, *const wrong[] = { "k=4", "k=5" },
                      *const unknown[] = { "kk=4" }, *const bare[] = { "k" };
    GIVES(il_options(NULL, NULL), == NULL);
    GIVES(il_options("algos", "no such algorithm"), == NULL);
    GIVES(il_options("no such kind", NULL), == NULL);
    SAFE(il_opt_init(NULL, &k));
    SAFE(il_opt_init(table, NULL));
    GIVES(il_opt_find(NULL, "k"), == NULL);
    GIVES(il_opt_find(table, NULL), == NULL);
    NEEDS(il_opt_set(NULL, &k, "k", "1", err));
    NEEDS(il_opt_set(table, NULL, "k", "1", err));
    NEEDS(il_opt_set(table, &k, NULL, "1", err));
    NEEDS(il_opt_set(table, &k, "k", NULL, err));
    FAILS(il_opt_set(table, &k, "k", "10", err));
    NEEDS(il_opt_apply(table, NULL, settings, 1, "x", err));
    NEEDS(il_opt_apply(table, &k, NULL, 1, "x", err));
    NEEDS(il_opt_apply(table, &k, settings, 1, NULL, err));
    NEEDS(il_opt_apply(table, &k, settings, 2, "x", err));
    FAILS(il_opt_apply(table, &k, settings, -1, "x", err));
    FAILS(il_opt_apply(NULL, &k, settings, 1, "x", err));
    FAILS_SAYING("twice", il_opt_apply(table, &k, wrong, 2, "x", err));
    FAILS_SAYING("did you mean 'k'", il_opt_apply(table, &k, unknown, 1, "x", err));
    FAILS_SAYING("option=value", il_opt_apply(table, &k, bare, 1, "x", err));
    SAFE(il_opt_print(table, &k, NULL, 8));
    SAFE(il_opt_print(NULL, &k, text, sizeof text));
    GIVES(text[0], == 0);
    SAFE(il_opt_print(table, NULL, text, sizeof text));
}

static void recipes(void **state)
{
    (void)state;
    il_config c, bad;
    il_model *m = NULL;
    const char *const none[] = { "training.seed=1", NULL };
    SAFE(il_config_init(NULL));
    il_config_init(&c);
    NEEDS(il_config_read(NULL, "recipes/quick.yaml", NULL, 0, err));
    NEEDS(il_config_read(&c, NULL, NULL, 0, err));
    FAILS(il_config_read(&c, nowhere, NULL, 0, err));
    NEEDS(il_config_parse(NULL, "", 0, "x", err));
    NEEDS(il_config_parse(&c, NULL, 0, "x", err));
    NEEDS(il_config_parse(&c, "", 0, NULL, err));
    NEEDS(il_config_set(NULL, "training.seed=1", err));
    NEEDS(il_config_set(&c, NULL, err));
    NEEDS(il_config_override(NULL, none, 1, err));
    NEEDS(il_config_override(&c, NULL, 1, err));
    NEEDS(il_config_override(&c, none, 2, err));
    FAILS(il_config_override(&c, none, -1, err));
    NEEDS(il_config_check(NULL, err));
    SAFE(il_text_free(NULL));
    GIVES(il_config_size(), == sizeof c);
    NEEDS(il_config_text(NULL, &c, err));
    NEEDS(il_config_text(&(char *){ NULL }, NULL, err));
    il_cost_facts facts;
    NEEDS(il_cost(NULL, NULL, 0, &facts, &(il_table *){ NULL }, err));
    NEEDS(il_cost(&c, NULL, 0, NULL, &(il_table *){ NULL }, err));
    NEEDS(il_cost(&c, NULL, 0, &facts, NULL, err));
    NEEDS(il_cost(&c, NULL, 1, &facts, &(il_table *){ NULL }, err));
    GIVES(il_config_hash(NULL), == 0);
    GIVES(il_options("recipes", NULL), != NULL);
    GIVES(il_options("measures", "probe"), != NULL);
    GIVES(il_ramp_at(NULL, 1), == 0);
    GIVES(il_ramp_at(&(il_ramp){ 3, 9, 1, 0 }, 5), == 3);
    GIVES(il_ramp_at(&(il_ramp){ 3, 9, -1, 1 }, INT64_MAX), == 3);
    GIVES(il_ramp_at(&(il_ramp){ 3, INT_MAX, INT_MAX, 1 }, INT64_MAX), == INT_MAX);

    /* structs that were filled in by hand */
    for (int i = 0; i < 8; i++) {
        bad = c;
        int *number = i == 0   ? &bad.model.family
                      : i == 1 ? &bad.model.tokens
                      : i == 2 ? &bad.model.n_embd
                      : i == 3 ? &bad.model.n_head
                      : i == 4 ? &bad.training.curriculum.points.interval
                      : i == 5 ? &bad.training.batch_size
                               : NULL;
        if (number) *number = i < 3 ? 99999999 : -1;
        if (i == 6) memset(bad.training.task_name, 'x', IL_TEXT);
        if (i == 7) memset(&bad, 0xff, sizeof bad);
        FAILS(il_config_check(&bad, err));
        FAILS(il_model_new(&m, &bad, err));
        FAILS(il_train(&bad, nowhere, 0, NULL, &(il_trained){ 0 }, err));
        FAILS(il_cost(&bad, (const char *[]){ "gflops=1" }, 1, &facts,
                      &(il_table *){ NULL }, err));
        char *text = NULL;
        il_config_text(&text, &bad, NULL);
        il_text_free(text);
        il_config_hash(&bad);
    }
    assert_null(m);
}

static void prompts(void **state)
{
    (void)state;
    il_config c;
    il_config_init(&c);
    const il_task *t = il_task_find("linear_regression"),
                  *d = il_task_find("linear_dynamics");
    const void *o = c.training.task_opts;
    il_draw at = { 0 };
    il_batch *b, none = { 0 }, half;
    double wild[IL_TASK_OPTS];
    memset(wild, 0xff, sizeof wild);
    GIVES(il_task_find(NULL), == NULL);
    GIVES(il_task_outs(NULL, o, 2), == 0);
    GIVES(isnan(il_task_scale(NULL, o, 2)), != 0);
    GIVES(isnan(il_task_scale(t, NULL, 2)), != 0);
    GIVES(isnan(il_task_scale(t, wild, 2)), != 0);
    GIVES(isnan(il_task_scale(t, o, 0)), != 0);
    GIVES(strlen(il_task_metric(NULL)), == 0);
    NEEDS(il_batch_new(NULL, 1, 1, 1, err));
    FAILS(il_batch_new(&b, 0, 5, 1, err));
    FAILS(il_batch_new(&b, 1, -5, 1, err));
    FAILS(il_batch_new(&b, 1, 5, INT_MIN, err));
    FAILS(il_batch_new(&b, INT_MAX, INT_MAX, INT_MAX, err));
    NEEDS(il_batch_new_outs(NULL, 1, 1, 1, 1, err));
    FAILS(il_batch_new_outs(&b, 1, 5, 1, 0, err));
    FAILS(il_batch_new_outs(&b, INT_MAX, 5, 1, INT_MAX, err));
    SAFE(il_batch_free(NULL));
    CHECK_OK(il_batch_new(&b, 1, 5, 2, &err));
    NEEDS(il_batch_draw(NULL, t, o, NULL, 1, at, err));
    NEEDS(il_batch_draw(b, NULL, o, NULL, 1, at, err));
    CHECK_OK(il_batch_draw(b, t, NULL, NULL, 1, at, &err));
    FAILS(il_batch_draw(&none, t, o, NULL, 1, at, err));
    half = *b;
    half.w = NULL;
    NEEDS(il_batch_draw(&half, t, o, NULL, 1, at, err));
    half.x = NULL;
    FAILS(il_batch_draw(&half, t, o, NULL, 1, at, err));
    FAILS(il_batch_draw(b, t, wild, NULL, 1, at, err));
    FAILS(il_batch_draw(b, t, o, "no such shift", 1, at, err));
    FAILS(il_batch_draw(b, t, o, NULL, 0, at, err));
    FAILS(il_batch_draw(b, t, o, NULL, 3, at, err));
    FAILS(il_batch_draw(b, d, o, NULL, 1, at, err));
    il_batch_free(b);
}

static void algorithms(void **state)
{
    (void)state;
    il_algo *a;
    il_batch *b, none = { 0 };
    il_real yhat[64];
    NEEDS(il_algo_new(NULL, "gd", err));
    NEEDS(il_algo_new(&a, NULL, err));
    FAILS(il_algo_new(&a, "", err));
    FAILS(il_algo_new(&a, "gd steps=-1", err));
    SAFE(il_algo_free(NULL));
    GIVES(strlen(il_algo_text(NULL)), == 0);
    GIVES(il_algo_steps(NULL), == 0);
    CHECK_OK(il_algo_new(&a, "gd", &err));
    CHECK_OK(il_batch_new(&b, 1, 5, 2, &err));
    NEEDS(il_algo_predict(NULL, b, 1, 1, yhat, NULL, err));
    NEEDS(il_algo_predict(a, NULL, 1, 1, yhat, NULL, err));
    NEEDS(il_algo_predict(a, b, 1, 1, NULL, NULL, err));
    FAILS(il_algo_predict(a, &none, 1, 1, yhat, NULL, err));
    FAILS(il_algo_predict(a, b, -1, 1, yhat, NULL, err));
    FAILS(il_algo_predict(a, b, 2, 1, yhat, NULL, err));
    FAILS(il_algo_predict(a, b, INT_MAX, INT_MAX, yhat, NULL, err));
    FAILS(il_algo_predict(a, b, 0, INT_MAX, yhat, NULL, err));
    il_algo_free(a);
    il_batch_free(b);
}

static void models(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml"), *none = NULL;
    il_batch *b, empty = { 0 };
    il_real yhat[64];
    const char *name;
    const il_real *data;
    int rows, cols;
    NEEDS(il_model_new(NULL, il_model_config(m), err));
    NEEDS(il_model_new(&none, NULL, err));
    NEEDS(il_model_load(NULL, nowhere, err));
    NEEDS(il_model_load(&none, NULL, err));
    FAILS(il_model_load(&none, nowhere, err));
    FAILS(il_model_load(&none, "recipes", err));
    NEEDS(il_model_save(NULL, nowhere, err));
    NEEDS(il_model_save(m, NULL, err));
    FAILS(il_model_save(m, nowhere, err));
    assert_null(none);
    SAFE(il_model_free(NULL));
    GIVES(il_model_config(NULL), == NULL);
    GIVES(il_model_counts(NULL).all, == 0);
    GIVES(il_model_step(NULL), == 0);
    SAFE(il_model_hash(NULL));
    GIVES(il_model_classes(NULL), == 0);
    GIVES(il_model_loops(NULL), == 0);
    GIVES(il_model_points(NULL), == 0);
    GIVES(il_model_dims(NULL), == 0);
    GIVES(il_model_weights(NULL), == 0);
    GIVES(strlen(il_model_dtype(NULL)), == 0);
    GIVES(il_model_program(NULL), == NULL);
    SAFE(il_model_weight(NULL, 0, &name, &data, &rows, &cols));
    assert_null(data);
    SAFE(il_model_weight(m, 0, NULL, NULL, NULL, NULL));
    for (int i = -1; i <= il_model_weights(m); i += il_model_weights(m) + 1) {
        il_model_weight(m, i, &name, &data, &rows, &cols);
        assert_null(data);
        assert_string_equal(name, "");
        assert_int_equal(rows + cols, 0);
    }
    CHECK_OK(il_batch_new(&b, 1, 5, 1, &err));
    NEEDS(il_model_answer(NULL, b, 1, 1, yhat, err));
    NEEDS(il_model_answer(m, NULL, 1, 1, yhat, err));
    NEEDS(il_model_answer(m, b, 1, 1, NULL, err));
    FAILS(il_model_answer(m, &empty, 1, 1, yhat, err));
    FAILS(il_model_answer(m, b, 0, 1, yhat, err));
    FAILS(il_model_answer(m, b, 2, 1, yhat, err));
    FAILS(il_model_answer(m, b, 1, INT_MAX, yhat, err));
    FAILS(il_model_answer(bytes, b, 1, 1, yhat, err));
    NEEDS(il_model_ask(NULL, b, b->x, 1, 1, 1, yhat, err));
    NEEDS(il_model_ask(m, NULL, b->x, 1, 1, 1, yhat, err));
    NEEDS(il_model_ask(m, b, NULL, 1, 1, 1, yhat, err));
    NEEDS(il_model_ask(m, b, b->x, 1, 1, 1, NULL, err));
    FAILS(il_model_ask(m, &empty, b->x, 1, 1, 1, yhat, err));
    FAILS(il_model_ask(m, b, b->x, 0, 1, 1, yhat, err));
    FAILS(il_model_ask(m, b, b->x, INT_MAX, 1, 1, yhat, err));
    FAILS(il_model_ask(m, b, b->x, 1, 2, 1, yhat, err));
    FAILS(il_model_ask(bytes, b, b->x, 1, 1, 1, yhat, err));
    int took[5];
    const il_until wild = { .tolerance = 2 }, endless = { .most = -1 };
    NEEDS(il_model_answer_until(NULL, b, NULL, yhat, took, err));
    NEEDS(il_model_answer_until(m, NULL, NULL, yhat, took, err));
    NEEDS(il_model_answer_until(m, b, NULL, NULL, took, err));
    FAILS(il_model_answer_until(m, &empty, NULL, yhat, took, err));
    FAILS_SAYING("tolerance", il_model_answer_until(m, b, &wild, yhat, took, err));
    FAILS_SAYING("loops", il_model_answer_until(m, b, &endless, yhat, took, err));
    FAILS(il_model_answer_until(bytes, b, NULL, yhat, took, err));
    NEEDS(il_model_ask_until(NULL, b, b->x, 1, NULL, yhat, took, err));
    NEEDS(il_model_ask_until(m, NULL, b->x, 1, NULL, yhat, took, err));
    NEEDS(il_model_ask_until(m, b, NULL, 1, NULL, yhat, took, err));
    NEEDS(il_model_ask_until(m, b, b->x, 1, NULL, NULL, took, err));
    FAILS(il_model_ask_until(m, &empty, b->x, 1, NULL, yhat, took, err));
    FAILS(il_model_ask_until(m, b, b->x, 0, NULL, yhat, took, err));
    FAILS(il_model_ask_until(m, b, b->x, INT_MAX, NULL, yhat, took, err));
    FAILS_SAYING("tolerance", il_model_ask_until(m, b, b->x, 1, &wild, yhat, took, err));
    FAILS(il_model_ask_until(bytes, b, b->x, 1, NULL, yhat, took, err));
    GIVES(il_model_beyond(NULL, 1, 1, 1, NULL, 0), == 0);
    GIVES(il_model_beyond(m, INT_MAX, 0, 0, NULL, 0), == 1);
    il_batch_free(b);
    il_model_free(m);
    il_model_free(bytes);
}

static void looking_inside(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml");
    il_table *slots = NULL;
    il_batch *b;
    il_real yhat[64];
    CHECK_OK(il_batch_new(&b, 1, 5, 1, &err));
    const char *names[] = { "tokens", "no such slot", NULL };
    il_real *arrays[] = { yhat, yhat, NULL };
    GIVES(il_model_tokens(NULL, 1), == 0);
    GIVES(il_model_tokens(m, -1), == 0);
    NEEDS(il_model_slots(NULL, m, err));
    NEEDS(il_model_slots(&slots, NULL, err));
    NEEDS(il_observe(NULL, b, -1, names, 1, 1, 1, arrays, err));
    NEEDS(il_observe(m, NULL, -1, names, 1, 1, 1, arrays, err));
    NEEDS(il_observe(m, b, -1, NULL, 1, 1, 1, arrays, err));
    NEEDS(il_observe(m, b, -1, names, 1, 1, 1, NULL, err));
    NEEDS(il_observe(m, b, -1, names + 2, 1, 1, 1, arrays, err));
    NEEDS(il_observe(m, b, -1, names, 1, 1, 1, arrays + 2, err));
    FAILS(il_observe(m, b, -1, names, -1, 1, 1, arrays, err));
    FAILS(il_observe(m, b, -1, names, 2, 1, 1, arrays, err));
    FAILS(il_observe(m, b, -2, names, 1, 1, 1, arrays, err));
    FAILS(il_observe(m, b, INT_MAX, names, 1, 1, 1, arrays, err));
    FAILS(il_observe(m, b, -1, names, 1, 0, 1, arrays, err));
    FAILS(il_observe(m, b, -1, names, 1, 1, 2, arrays, err));
    const il_patch nameless = { .value = yhat }, empty = { .name = "read_in" },
                   input = { "tokens", .value = yhat }, never = { "read_in", -1, yhat };
    NEEDS(il_observe_patched(NULL, b, -1, &input, 1, names, 1, 1, 1, arrays, err));
    NEEDS(il_observe_patched(m, NULL, -1, &input, 1, names, 1, 1, 1, arrays, err));
    NEEDS(il_observe_patched(m, b, -1, NULL, 1, names, 1, 1, 1, arrays, err));
    NEEDS(il_observe_patched(m, b, -1, &input, 1, NULL, 1, 1, 1, arrays, err));
    NEEDS(il_observe_patched(m, b, -1, &input, 1, names, 1, 1, 1, NULL, err));
    FAILS(il_observe_patched(m, b, -1, &input, -1, names, 1, 1, 1, arrays, err));
    FAILS(il_observe_patched(m, b, -1, &nameless, 1, names, 1, 1, 1, arrays, err));
    FAILS(il_observe_patched(m, b, -1, &empty, 1, names, 1, 1, 1, arrays, err));
    FAILS(il_observe_patched(m, b, -1, &never, 1, names, 1, 1, 1, arrays, err));
    FAILS_SAYING("no op puts it out",
                 il_observe_patched(m, b, -1, &input, 1, names, 1, 1, 1, arrays, err));
    b->x[0] = (il_real)1e9;
    FAILS_SAYING("is none of 0 to", il_observe(bytes, b, -1, names, 1, 1, 1, arrays, err));
    assert_null(slots);
    il_batch_free(b);
    il_model_free(m);
    il_model_free(bytes);
}

static void contexts(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml");
    il_context *c = NULL;
    il_real x[3] = { 0 }, yhat[64];
    const il_real *scores;
    NEEDS(il_context_new(NULL, m, 0, err));
    NEEDS(il_context_new(&c, NULL, 0, err));
    FAILS(il_context_new(&c, m, -1, err));
    FAILS(il_context_new(&c, m, INT_MAX, err));
    assert_null(c);
    SAFE(il_context_free(NULL));
    SAFE(il_context_clear(NULL));
    GIVES(il_context_points(NULL), == 0);
    GIVES(il_context_note(NULL), == NULL);
    NEEDS(il_context_add(NULL, x, 0, err));
    NEEDS(il_context_observe(NULL, x, yhat, err));
    NEEDS(il_context_ask(NULL, x, yhat, err));
    NEEDS(il_context_next(NULL, 0, &scores, err));
    NEEDS(il_context_until(NULL, NULL, err));
    GIVES(il_context_loops(NULL), == 0);
    CHECK_OK(il_context_new(&c, m, 0, &err));
    NEEDS(il_context_add(c, NULL, 0, err));
    NEEDS(il_context_observe(c, NULL, yhat, err));
    NEEDS(il_context_observe(c, x, NULL, err));
    NEEDS(il_context_ask(c, NULL, yhat, err));
    NEEDS(il_context_ask(c, x, NULL, err));
    FAILS(il_context_next(c, 0, &scores, err));
    FAILS_SAYING("tolerance", il_context_until(c, &(il_until){ .tolerance = -1 }, err));
    FAILS_SAYING("loops", il_context_until(c, &(il_until){ .most = INT_MAX }, err));
    FAILS(il_context_observe(c, x, yhat, err));
    assert_int_equal(il_context_points(c), 0);
    il_context_free(c);
    CHECK_OK(il_context_new(&c, bytes, 0, &err));
    FAILS(il_context_add(c, x, 0, err));
    FAILS(il_context_ask(c, x, yhat, err));
    FAILS(il_context_observe(c, x, yhat, err));
    FAILS(il_context_next(c, -1, &scores, err));
    FAILS(il_context_next(c, il_model_classes(bytes), &scores, err));
    il_context_free(c);
    GIVES(il_scores_draw(NULL, 3, 1, 1, 1), == -1);
    GIVES(il_scores_draw(x, 0, 1, 1, 1), == -1);
    GIVES(il_scores_draw(x, -7, 0, 1, 1), == -1);
    SAFE(il_scores_draw(x, 3, -1, 1, 1));
    SAFE(il_scores_draw(x, 3, (double)NAN, 1, 1));
    il_model_free(m);
    il_model_free(bytes);
}

static void training(void **state)
{
    (void)state;
    il_config c;
    il_trained r;
    il_lock *lock;
    il_config_init(&c);
    NEEDS(il_train(NULL, nowhere, 0, NULL, &r, err));
    NEEDS(il_train(&c, NULL, 0, NULL, &r, err));
    FAILS(il_train(&c, nowhere, 0, NULL, NULL, err));
    FAILS(il_train(&c, "", 0, NULL, &r, err));
    GIVES(il_ranks_about().ranks, == 1);
    GIVES(il_ranks_join(NULL), == IL_OK); /* alone: there is nobody to join */
    GIVES(il_ranks_end(IL_EIO, NULL), == IL_EIO);
    SAFE(il_ranks_leave());
    NEEDS(il_lock_take(NULL, nowhere, err));
    NEEDS(il_lock_take(&lock, NULL, err));
    FAILS(il_lock_take(&lock, nowhere, err));
    SAFE(il_lock_give(NULL));
}

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

static void tables(void **state)
{
    (void)state;
    il_table *t = a_table(), *none = NULL;
    NEEDS(il_table_new(NULL, "t", err));
    NEEDS(il_table_new(&none, NULL, err));
    SAFE(il_table_free(NULL));
    GIVES(il_table_rows(NULL), == 0);
    GIVES(il_table_cols(NULL), == 0);
    GIVES(strlen(il_table_name(NULL)), == 0);
    GIVES(strlen(il_table_caption(NULL)), == 0);
    GIVES(strlen(il_table_notes(NULL)), == 0);
    GIVES(strlen(il_table_notes(t)), == 0);
    GIVES(strlen(il_table_col(NULL, 0)), == 0);
    GIVES(strlen(il_table_col(t, 2)), == 0);
    GIVES(il_table_find(NULL, "k"), == -1);
    GIVES(il_table_find(t, NULL), == -1);
    GIVES(il_table_is_text(NULL, 0), == 0);
    GIVES(il_table_is_text(t, -1), == 0);
    GIVES(il_table_line(NULL, 0), == 0);
    GIVES(il_table_line(t, 9), == 0);
    NEEDS(il_table_set_caption(NULL, "x", err));
    NEEDS(il_table_set_caption(t, NULL, err));
    NEEDS(il_table_add_col(NULL, "x", 0, err));
    NEEDS(il_table_add_col(t, NULL, 0, err));
    NEEDS(il_table_add_cols(NULL, "x", err));
    NEEDS(il_table_add_cols(t, NULL, err));
    NEEDS(il_table_add_row(NULL, err));
    NEEDS(il_table_add(NULL, NULL, NULL, err));
    NEEDS(il_table_add(t, (const char *const[]){ NULL }, NULL, err));
    NEEDS(il_table_set_text(NULL, 0, 1, "x", err));
    NEEDS(il_table_set_text(t, 0, 1, NULL, err));
    static const int at[][2] = { { -1, 0 }, { 1, 0 },       { 0, -1 },     { 0, 2 },
                                 { 0, 1 },  { INT_MIN, 1 }, { INT_MAX, 1 } };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        GIVES(isnan(il_table_number(t, at[i][0], at[i][1])), != 0);
        GIVES(strlen(il_table_text(t, at[i][0], at[i][1])), == 0);
        SAFE(il_table_set(t, at[i][0], at[i][1], 7));
        if (i != 4) FAILS(il_table_set_text(t, at[i][0], at[i][1], "x", err));
    }
    GIVES(isnan(il_table_number(NULL, 0, 0)), != 0);
    GIVES(strlen(il_table_text(NULL, 0, 0)), == 0);
    SAFE(il_table_set(NULL, 0, 0, 7));
    FAILS(il_table_set_text(t, 0, 0, "x", err));
    assert_true(il_table_number(t, 0, 0) == 3);
    NEEDS(il_table_read(NULL, nowhere, err));
    NEEDS(il_table_read(&none, NULL, err));
    FAILS(il_table_read(&none, nowhere, err));
    const char *left = "a,b\n1,2\n";
    NEEDS(il_table_read_from(NULL, read_text, &left, "f", err));
    NEEDS(il_table_read_from(&none, NULL, &left, "f", err));
    NEEDS(il_table_read_from(&none, read_text, &left, NULL, err));
    FAILS(il_table_read_from(&none, read_nothing, NULL, "f", err));
    assert_null(none);
    int bytes = 0;
    for (int form = -1; form < 6; form++) {
        SAFE(il_table_write(NULL, form, count_bytes, &bytes));
        SAFE(il_table_write(t, form, NULL, NULL));
    }
    SAFE(il_table_write(t, 5, count_bytes, &bytes));
    SAFE(il_json_write_text(NULL, count_bytes, &bytes));
    SAFE(il_json_write_text("", NULL, NULL));
    SAFE(il_json_write_number(1, NULL, NULL));
    assert_int_equal(bytes, 0);
    NEEDS(il_table_save(NULL, nowhere, err));
    NEEDS(il_table_save(t, NULL, err));
    FAILS(il_table_save(t, nowhere, err));
    NEEDS(il_text_save(NULL, "", err));
    NEEDS(il_text_save(nowhere, NULL, err));
    FAILS(il_text_save(nowhere, "", err));
    il_array number = { .name = "x", .data = (const float[]){ 1 } };
    NEEDS(il_arrays_write(NULL, &number, 1, NULL, 0, err));
    NEEDS(il_arrays_write(nowhere, NULL, 1, NULL, 0, err));
    NEEDS(il_arrays_write(nowhere, &number, 1, NULL, 1, err));
    FAILS(il_arrays_write(nowhere, &number, 1, NULL, 0, err));
    NEEDS(il_folders_make(NULL, err));
    FAILS(il_folders_make("/dev/null/folder", err));
    il_table_free(t);
}

static void rows_as_they_come(void **state)
{
    (void)state;
    il_csv *csv;
    const char *cell[2];
    double value;
    int more;
    const char *left = "a,b\n1,2\n";
    NEEDS(il_csv_new(NULL, read_text, &left, "f", err));
    NEEDS(il_csv_new(&csv, NULL, &left, "f", err));
    NEEDS(il_csv_new(&csv, read_text, &left, NULL, err));
    FAILS(il_csv_new(&csv, read_nothing, NULL, "f", err));
    CHECK_OK(il_csv_new(&csv, read_text, &left, "f", &err));
    NEEDS(il_csv_next(NULL, cell, &more, err));
    NEEDS(il_csv_next(csv, NULL, &more, err));
    NEEDS(il_csv_next(csv, cell, NULL, err));
    GIVES(il_csv_cols(NULL), == 0);
    GIVES(strlen(il_csv_col(NULL, 0)), == 0);
    GIVES(strlen(il_csv_col(csv, -1)), == 0);
    GIVES(strlen(il_csv_col(csv, 2)), == 0);
    GIVES(il_csv_line(NULL), == 0);
    SAFE(il_csv_free(NULL));
    CHECK_OK(il_csv_next(csv, cell, &more, &err));
    assert_string_equal(cell[1], "2");
    GIVES(il_cell_number(NULL, &value), == 0);
    GIVES(il_cell_number("1", NULL), == 0);
    char hint[8];
    GIVES(il_cell_hint(NULL, hint, sizeof hint), == 0);
    GIVES(il_cell_hint("1,5", NULL, 8), == 0);
    GIVES(il_cell_hint("1,5", hint, 0), == 0);
    GIVES(il_cell_hint("1,5", hint, sizeof hint), == 1); /* cut to fit */
    il_csv_free(csv);
}

static void construction(void **state)
{
    (void)state;
    il_model *m;
    il_table *t;
    int wrong;
    NEEDS(il_build(NULL, "newton", err));
    NEEDS(il_build(&m, NULL, err));
    FAILS(il_build(&m, "", err));
    FAILS(il_build(&m, "newton dims=0", err));
    NEEDS(il_build_verify(NULL, &wrong, "newton", err));
    NEEDS(il_build_verify(&t, NULL, "newton", err));
    NEEDS(il_build_verify(&t, &wrong, NULL, err));
    FAILS(il_build_verify(&t, &wrong, "newton dims=0", err));
}

static void measures(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml");
    const il_model *one[] = { m }, *none[] = { NULL }, *classes[] = { bytes };
    const char *name[] = { "m" }, *nameless[] = { NULL }, *setting[] = { "prompts=2" };
    il_table *t = NULL;
    static const struct {
        const char *name, *setting;
    } wrong[] = {
        { "points", "prompts=-1" },
        { "points", "prompts=1e30" },
        { "points", "points=-1" },
        { "points", "points=65536" },
        { "points", "dims=4" },
        { "points", "loops=-1" },
        { "points", "loops=10001" },
        { "points", "task=no such task" },
        { "points", "task=linear_dynamics" },
        { "points", "shift=no such shift" },
        { "points", "against=no such algorithm" },
        { "points", "against=ols,ols" },
        { "mean", "against=ols@3" },
        { "loops", "seed=-1" },
        { "lens", "prompts=-1" },
        { "lens", "examples=0" },
        { "lens", "examples=60000" },
        { "lens", "loops=3" },
        { "lens", "data=no such data" },
        { "similarity", "reading=nothing" },
        { "similarity", "family=nothing" },
        { "probe", "probe=mlp=-1" },
        { "probe", "probe=mlp=99999999999" },
        { "probe", "target=nothing" },
        { "probe", "pool=-1" },
        { "probe", "control=true" },
        { "weights", "to=nothing" },
        { "weights", "each=nothing" },
        { "weights", "each=step" },
        { "interpolate", "by=checkpoint" },
        { "interpolate", "prompts=2" },
        { "patch", "at=nothing" },
        { "patch", "by=nothing" },
        { "patch", "tokens=nothing" },
        { "alike", "last=0" },
        { "nothing", "prompts=2" },
        { "points", "nothing" },
        { "points", "" },
        { "points", "nothing=2" },
    };
    NEEDS(il_measure(NULL, "points", one, NULL, 1, setting, 1, err));
    NEEDS(il_measure(&t, NULL, one, NULL, 1, setting, 1, err));
    FAILS(il_measure(&t, "points", NULL, NULL, 1, setting, 1, err));
    FAILS(il_measure(&t, "points", none, NULL, 1, setting, 1, err));
    FAILS(il_measure(&t, "points", one, nameless, 1, setting, 1, err));
    FAILS(il_measure(&t, "points", one, name, -1, setting, 1, err));
    FAILS(il_measure(&t, "points", one, name, INT_MAX, setting, 1, err));
    FAILS(il_measure(&t, "points", one, name, 1, NULL, 1, err));
    FAILS(il_measure(&t, "points", one, name, 1, setting, -1, err));
    FAILS(il_measure(&t, "points", NULL, NULL, 0, setting, 1, err)); /* no task */
    FAILS(il_measure(&t, "lens", NULL, NULL, 0, setting, 1, err));
    FAILS(il_measure(&t, "loops", classes, NULL, 1, setting, 1, err));
    const il_model *two[] = { m, m };
    static const char *const alike[][2] = {
        { "m", "m" }, { "ols", "m" }, { "m", "k" }, { "m_low", "m" }
    };
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) { /* columns of one name */
        setting[0] = "against=ols";
        FAILS(il_measure(&t, "points", two, alike[i], 2, setting, 1, err));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setting[0] = wrong[i].setting;
        FAILS(il_measure(&t, wrong[i].name, one, name, 1, setting, 1, err));
    }
    assert_null(t);
    il_model_free(m);
    il_model_free(bytes);
}

static il_status answers_zero(void *context, int n, int dim, const il_real *x,
                              const il_real *y, int queries, const il_real *query,
                              double *answers, il_error *err)
{
    (void)context, (void)n, (void)dim, (void)x, (void)y, (void)query, (void)err;
    for (int q = 0; q < queries; q++) answers[q] = 0;
    return IL_OK;
}

static void problems(void **state)
{
    (void)state;
    il_explanation e;
    static const char *const wrong[] = { "dims=0",     "dims=100000", "examples=-1",
                                         "prompts=-1", "queries=-1",  "data=no such data",
                                         "seed=-1",    "none=1" };
    static const char *const some[] = { "prompts=2", "dims=2" };
    NEEDS(il_problems_write(NULL, some, 2, err));
    NEEDS(il_problems_write("problems.safetensors", NULL, 2, err));
    NEEDS(il_explain_file(NULL, "answers.npy", &e, err));
    NEEDS(il_explain_file("problems.safetensors", NULL, &e, err));
    NEEDS(il_explain_file("problems.safetensors", "answers.npy", NULL, err));
    FAILS(il_explain_file("no such file", "nor this", &e, err));
    NEEDS(il_explain_call(NULL, NULL, 1, some, 2, &e, err));
    NEEDS(il_explain_call(answers_zero, NULL, 1, NULL, 2, &e, err));
    NEEDS(il_explain_call(answers_zero, NULL, 1, some, 2, NULL, err));
    FAILS(il_explain_call(answers_zero, NULL, 0, some, 2, &e, err));
    FAILS(il_explain_call(answers_zero, NULL, -1, some, 2, &e, err));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(il_problems_write("problems.safetensors", wrong + i, 1, err));
        FAILS(il_explain_call(answers_zero, NULL, 1, wrong + i, 1, &e, err));
    }
}

static void explanation(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml");
    il_explanation e;
    static const char *const o[] = { "prompts=2" };
    static const char *const wrong[] = {
        "prompts=-1", "prompts=2147483647",
        "queries=-1", "dims=-1",
        "dims=4",     "loops=-1",
        "loops=3",    "task=",
        "seed=-1",    "data=no such data",
        "examples=0", "examples=60000",
        "reading=no", "none=1",
    };
    NEEDS(il_explain(NULL, o, 1, &e, err));
    NEEDS(il_explain(m, NULL, 1, &e, err));
    NEEDS(il_explain(m, o, 1, NULL, err));
    FAILS(il_explain(m, o, -1, &e, err));
    FAILS(il_explain(bytes, o, 1, &e, err));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        FAILS(il_explain(m, wrong + i, 1, &e, err));
    const char *const many[] = { "prompts=1048576", "queries=1000000" };
    FAILS(il_explain(m, many, 2, &e, err));
    SAFE(il_explanation_free(NULL));
    il_model_free(m);
    il_model_free(bytes);
}

static void prediction(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"),
             *bytes = of_recipe("recipes/recall.yaml");
    il_table *t = a_table(), *empty, *out = NULL;
    il_prediction s;
    const char *const o[] = { "target=k" }, *const none[] = { "target=none" };
    const char *const loops[] = { "target=k", "loops=-1" };
    const char *const prompts[] = { "target=k", "prompts=0" };
    CHECK_OK(il_table_new(&empty, "empty", &err));
    NEEDS(il_predict(NULL, t, t, o, 1, &out, &s, err));
    NEEDS(il_predict(m, NULL, t, o, 1, &out, &s, err));
    NEEDS(il_predict(m, t, NULL, o, 1, &out, &s, err));
    NEEDS(il_predict(m, t, t, NULL, 1, &out, &s, err));
    FAILS(il_predict(m, t, t, o, -1, &out, &s, err));
    FAILS_SAYING("target", il_predict(m, t, t, NULL, 0, &out, &s, err));
    NEEDS(il_predict(m, t, t, o, 1, NULL, &s, err));
    NEEDS(il_predict(m, t, t, o, 1, &out, NULL, err));
    FAILS(il_predict(m, empty, empty, o, 1, &out, &s, err));
    FAILS(il_predict(m, t, empty, o, 1, &out, &s, err));
    FAILS(il_predict(bytes, t, t, o, 1, &out, &s, err));
    FAILS(il_predict(m, t, t, loops, 2, &out, &s, err));
    FAILS(il_predict(m, t, t, prompts, 2, &out, &s, err));
    FAILS(il_predict(m, t, t, none, 1, &out, &s, err));
    NEEDS(il_predict_compare(NULL, t, t, o, 1, &out, err));
    NEEDS(il_predict_compare(m, NULL, t, o, 1, &out, err));
    NEEDS(il_predict_compare(m, t, NULL, o, 1, &out, err));
    NEEDS(il_predict_compare(m, t, t, NULL, 1, &out, err));
    NEEDS(il_predict_compare(m, t, t, o, 1, NULL, err));
    FAILS(il_predict_compare(m, t, t, o, -1, &out, err));
    FAILS_SAYING("target", il_predict_compare(m, t, t, NULL, 0, &out, err));
    FAILS(il_predict_compare(m, empty, empty, o, 1, &out, err));
    FAILS(il_predict_compare(m, t, empty, o, 1, &out, err));
    FAILS(il_predict_compare(bytes, t, t, o, 1, &out, err));
    SAFE(il_prediction_free(NULL));
    assert_null(out);
    il_table_free(t);
    il_table_free(empty);
    il_model_free(m);
    il_model_free(bytes);
}

static void forecasts(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2");
    il_forecast *f = NULL;
    il_forecast_value out[2];
    il_table *t = NULL;
    const double y[2] = { 1, (double)INFINITY };
    const char *const names[] = { "a", NULL };
    static const char *const bad[] = { "lags=-1",    "others=2147483647",
                                       "horizon=0",  "period=-2",
                                       "forget=nan", "ridge=inf",
                                       "against=x",  "none=1" };
    NEEDS(il_forecast_new(NULL, 1, NULL, NULL, NULL, 0, err));
    NEEDS(il_forecast_new(&f, 1, NULL, NULL, NULL, 1, err));
    FAILS(il_forecast_new(&f, 1, NULL, NULL, bad, -1, err));
    FAILS(il_forecast_new(&f, 0, NULL, NULL, NULL, 0, err));
    FAILS(il_forecast_new(&f, INT_MAX, NULL, NULL, NULL, 0, err));
    FAILS(il_forecast_new(&f, 1, NULL, m, NULL, 0, err));
    for (int i = 0; i < (int)(sizeof bad / sizeof *bad); i++)
        FAILS(il_forecast_new(&f, 1, NULL, NULL, bad + i, 1, err));
    assert_null(f);
    SAFE(il_forecast_free(NULL));
    CHECK_OK(il_forecast_new(&f, 2, names, NULL, NULL, 0, &err));
    NEEDS(il_forecast_step(NULL, y, out, err));
    NEEDS(il_forecast_step(f, NULL, out, err));
    NEEDS(il_forecast_step(f, y, NULL, err));
    FAILS(il_forecast_step(f, y, out, err));
    GIVES(il_forecast_columns(NULL), == 0);
    GIVES(strlen(il_forecast_name(NULL, 0)), == 0);
    GIVES(strlen(il_forecast_name(f, 2)), == 0);
    GIVES(il_forecast_rows(NULL), == 0);
    GIVES(il_forecast_rows(f), == 0);
    GIVES(il_forecast_horizon(NULL), == 0);
    GIVES(il_forecast_horizon(f), == 1);
    GIVES(il_forecast_season(NULL, 0), == 0);
    GIVES(il_forecast_season(f, 99), == 0);
    GIVES(il_forecast_season(f, 0), == 0);
    NEEDS(il_forecast_scores(NULL, &t, err));
    NEEDS(il_forecast_scores(f, NULL, err));
    NEEDS(il_forecast_save(NULL, nowhere, err));
    NEEDS(il_forecast_save(f, NULL, err));
    FAILS(il_forecast_save(f, nowhere, err));
    il_forecast_free(f);
    NEEDS(il_forecast_load(NULL, nowhere, NULL, err));
    NEEDS(il_forecast_load(&f, NULL, NULL, err));
    FAILS(il_forecast_load(&f, nowhere, NULL, err));
    il_model_free(m);
}

static void reports(void **state)
{
    (void)state;
    il_table *t = a_table(), *empty;
    il_peaks peaks;
    il_table *out = NULL;
    const il_table *const some[] = { t, NULL };
    const char *const o[] = { "only=no such row" };
    CHECK_OK(il_table_new(&empty, "empty", &err));
    NEEDS(il_figure_write(NULL, t, nowhere, NULL, err));
    NEEDS(il_figure_write(&(il_figure){ 0 }, NULL, nowhere, NULL, err));
    NEEDS(il_figure_write(&(il_figure){ 0 }, t, NULL, NULL, err));
    FAILS(il_figure_write(&(il_figure){ 0 }, t, nowhere, NULL, err));
    FAILS(il_figure_write(&(il_figure){ 0 }, empty, nowhere, NULL, err));
    FAILS(il_figure_write(&(il_figure){ .kind = 99 }, t, "", NULL, err));
    NEEDS(il_metrics_read(NULL, nowhere, err));
    NEEDS(il_metrics_read(&out, NULL, err));
    FAILS(il_metrics_read(&out, nowhere, err));
    NEEDS(il_report_write(NULL, some, 1, err));
    NEEDS(il_report_write(".", NULL, 1, err));
    NEEDS(il_report_write(".", some, 2, err));
    FAILS(il_report_write(".", some, -1, err));
    FAILS(il_report_write(nowhere, some, 1, err));
    NEEDS(il_bench(NULL, 1, NULL, &peaks, &out, err));
    NEEDS(il_bench(o, 1, NULL, NULL, &out, err));
    NEEDS(il_bench(o, 1, NULL, &peaks, NULL, err));
    FAILS(il_bench(o, 1, NULL, &peaks, &out, err));
    FAILS(il_bench((const char *[]){ "repeats=0" }, 1, NULL, &peaks, &out, err));
    FAILS(il_bench((const char *[]){ "threads=-1" }, 1, NULL, &peaks, &out, err));
    NEEDS(il_list(NULL, "tasks", err));
    NEEDS(il_list(&out, NULL, err));
    FAILS(il_list(&out, "nothing", err));
    assert_null(out);
    il_table_free(t);
    il_table_free(empty);
}

static void sweeps(void **state)
{
    (void)state;
    il_sweep *s = NULL;
    il_table *table = NULL;
    il_config c;
    static const char text[] = "seeds: [1, 2]\n";
    NEEDS(il_sweep_read(NULL, nowhere, err));
    NEEDS(il_sweep_read(&s, NULL, err));
    FAILS(il_sweep_read(&s, nowhere, err));
    NEEDS(il_sweep_parse(NULL, "", 0, "x", err));
    NEEDS(il_sweep_parse(&s, NULL, 0, "x", err));
    NEEDS(il_sweep_parse(&s, "", 0, NULL, err));
    FAILS(il_sweep_parse(&s, "", 0, "x", err));
    FAILS_SAYING("recipe", il_sweep_parse(&s, "recipe: a", 9, "x", err));
    assert_null(s);
    SAFE(il_sweep_free(NULL));
    GIVES(il_sweep_runs(NULL), == 0);
    CHECK_OK(il_sweep_parse(&s, text, sizeof text - 1, "x", &err));
    GIVES(il_sweep_runs(s), == 2);
    NEEDS(il_sweep_config(NULL, s, 0, err));
    NEEDS(il_sweep_config(&c, NULL, 0, err));
    FAILS(il_sweep_config(&c, s, -1, err));
    FAILS_SAYING("no run 2", il_sweep_config(&c, s, 2, err));
    NEEDS(il_sweep_table(NULL, s, err));
    NEEDS(il_sweep_table(&table, NULL, err));
    assert_null(table);
    il_sweep_free(s);
}

static void claims(void **state)
{
    (void)state;
    il_claim *c = NULL;
    il_table *rows = NULL;
    il_figure figure;
    int wrong;
    const char *const folders[64] = { NULL };
    NEEDS(il_claim_read(NULL, nowhere, err));
    NEEDS(il_claim_read(&c, NULL, err));
    FAILS(il_claim_read(&c, nowhere, err));
    NEEDS(il_claim_parse(NULL, "", 0, "x", err));
    NEEDS(il_claim_parse(&c, NULL, 0, "x", err));
    NEEDS(il_claim_parse(&c, "", 0, NULL, err));
    FAILS(il_claim_parse(&c, "", 0, "x", err));
    assert_null(c);
    SAFE(il_claim_free(NULL));
    GIVES(il_claim_about(NULL).name, == NULL);
    GIVES(il_claim_model_at(NULL, 0).name, == NULL);
    GIVES(il_claim_config(NULL, 0, 0).model.n_dims, == 0);
    GIVES(il_claim_table(NULL, 0, &figure), == NULL);
    CHECK_OK(il_claim_read(&c, "recipes/claims/looped-quick.yaml", &err));
    int runs = il_claim_about(c).runs, models_ = il_claim_about(c).models;
    GIVES(il_claim_model_at(c, -1).name, == NULL);
    GIVES(il_claim_model_at(c, models_).name, == NULL);
    GIVES(il_claim_config(c, 0, runs).model.n_dims, == 0);
    GIVES(il_claim_config(c, models_, 0).model.n_dims, == 0);
    GIVES(il_claim_config(c, 0, -1).model.n_dims, == 0);
    GIVES(il_claim_table(c, -1, &figure), == NULL);
    GIVES(il_claim_table(c, INT_MAX, &figure), == NULL);
    GIVES(il_claim_table(c, 0, NULL), == NULL);
    NEEDS(il_claim_measure(NULL, folders, NULL, NULL, &rows, &wrong, err));
    NEEDS(il_claim_measure(c, NULL, NULL, NULL, &rows, &wrong, err));
    NEEDS(il_claim_measure(c, folders, NULL, NULL, NULL, &wrong, err));
    NEEDS(il_claim_measure(c, folders, NULL, NULL, &rows, NULL, err));
    NEEDS(il_claim_measure(c, folders, NULL, NULL, &rows, &wrong, err));
    assert_null(rows);
    il_claim_free(c);
}

/* Is the name at `at` in the table, as a call? */
static int is_called(const char *at, size_t size)
{
    char call[128];
    snprintf(call, sizeof call, "%.*s(", (int)size, at);
    for (const char *found = called; (found = strstr(found, call)); found++)
        if (found == called || !(isalnum((unsigned char)found[-1]) || found[-1] == '_'))
            return 1;
    return 0;
}

/* Every function of a header is in the table; comments are left out. How many they are. */
static int functions_of(const char *header)
{
    static char text[1 << 17];
    FILE *f = fopen(header, "rb");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    assert_true(size > 10000 && size < sizeof text - 1);
    text[size] = 0;
    for (char *from = text, *end;
         (from = strstr(from, "/*")) && (end = strstr(from, "*/"));)
        memset(from, ' ', (size_t)(end + 2 - from));
    int functions = 0;
    for (const char *at = text; (at = strstr(at, "\nIL_API ")); at++) {
        const char *end = at + strcspn(at, "(;"), *name = end;
        if (*end != '(') continue; /* a datum */
        while (isalnum((unsigned char)name[-1]) || name[-1] == '_') name--;
        size_t size_of_name = (size_t)(end - name);
        CHECK(is_called(name, size_of_name), "%.*s is in no call of this test",
              (int)size_of_name, name);
        functions++;
    }
    return functions;
}

static void every_function(void **state)
{
    (void)state;
    assert_true(functions_of("include/innerloop.h") > 50);
    assert_true(functions_of("include/innerloop_lab.h") > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_and_options),
        cmocka_unit_test(recipes),
        cmocka_unit_test(prompts),
        cmocka_unit_test(algorithms),
        cmocka_unit_test(models),
        cmocka_unit_test(looking_inside),
        cmocka_unit_test(contexts),
        cmocka_unit_test(training),
        cmocka_unit_test(tables),
        cmocka_unit_test(rows_as_they_come),
        cmocka_unit_test(construction),
        cmocka_unit_test(measures),
        cmocka_unit_test(problems),
        cmocka_unit_test(explanation),
        cmocka_unit_test(prediction),
        cmocka_unit_test(forecasts),
        cmocka_unit_test(reports),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(claims),
        cmocka_unit_test(every_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
