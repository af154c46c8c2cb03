/* sequences.c - tasks of sequences, their tokens, and what the classical algorithms score */
#include "check.h"
#include "task/dynamics.h"

#include <stdlib.h>

static const il_draw here = { .seed = 5, .stream = IL_STREAM_EVAL };

/* `text`: a task and its options */
static il_batch *drawn(const char *text, int prompts, int points, int dim)
{
    char name[IL_TEXT];
    double opts[16] = { 0 };
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
    const il_task *task = il_task_find(name);
    il_opt_init(task->opts, opts);
    CHECK_OK(il_opt_parse(task->opts, opts, text + strlen(name), name, &err));
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new_outs(&batch, prompts, points, dim, il_task_outs(task, opts, dim),
                               &err));
    CHECK_OK(il_batch_draw(batch, task, opts, NULL, dim, here, &err));
    return batch;
}

/* Mean over prompts and points of half the squared error of yhat (B,N,O) */
static double half_error(const il_batch *batch, const il_real *yhat)
{
    double sum = 0;
    size_t points = (size_t)batch->prompts * (size_t)batch->points;
    for (size_t i = 0; i < points * (size_t)batch->outs; i++) {
        double e = (double)yhat[i] - (double)batch->y[i];
        sum += e * e / 2;
    }
    return sum / (double)points;
}

static double score(const il_batch *batch, const char *algo_text, int steps)
{
    size_t size = (size_t)batch->prompts * (size_t)batch->points * (size_t)batch->outs;
    il_real *yhat = malloc(size * sizeof *yhat);
    il_algo *algo = NULL;
    CHECK_OK(il_algo_new(&algo, algo_text, &err));
    CHECK_OK(il_algo_predict(algo, batch, steps, steps, yhat, NULL, &err));
    double error = half_error(batch, yhat);
    il_algo_free(algo);
    free(yhat);
    return error;
}

static void a_sequence_is_its_own_answer(void **state)
{
    (void)state;
    static const char *const tasks[] = {
        "linear_dynamics", "nonlinear_dynamics",
        "linear_dynamics hidden=9 observation_noise=0.01"
    };
    enum { B = 3, N = 7, D = 5 };
    for (int i = 0; i < IL_COUNT(tasks); i++) {
        il_batch *batch = drawn(tasks[i], B, N, D);
        for (int b = 0; b < B; b++)
            for (int n = 0; n + 1 < N; n++)
                assert_memory_equal(batch->y + (b * N + n) * D,
                                    batch->x + (b * N + n + 1) * D, D * sizeof(il_real));
        il_batch_free(batch);
    }
}

/* Without noise, what a task says its weights are moves the state; orthogonal ones keep length */
static void weights_move_the_state(void **state)
{
    (void)state;
    enum { B = 4, N = 20, D = 6 };
    static const char *const tasks[] = { "linear_dynamics state_noise=0",
                                         "linear_dynamics state_noise=0 law=contracting" };
    for (int i = 0; i < IL_COUNT(tasks); i++) {
        il_batch *batch = drawn(tasks[i], B, N, D);
        for (int b = 0; b < B; b++)
            for (int n = 0; n < N; n++) {
                const il_real *x = batch->x + (b * N + n) * D,
                              *y = batch->y + (b * N + n) * D;
                double before = 0, after = 0;
                for (int o = 0; o < D; o++) {
                    double moved = il_prompt_dot(batch->w + (b * D + o) * D, x, D);
                    CHECK_NEAR(moved, y[o], 2e-5, "y = w x");
                    before += (double)x[o] * (double)x[o];
                    after += (double)y[o] * (double)y[o];
                }
                if (i == 0) CHECK_NEAR(after, before, 1e-5, "length");
            }
        il_batch_free(batch);
    }
}

static void one_teacher_for_all(void **state)
{
    (void)state;
    enum { D = 4 };
    il_batch *fixed = drawn("linear_dynamics fixed=true", 2, 3, D);
    il_batch *other = drawn("linear_dynamics fixed=true teacher=2", 2, 3, D);
    il_batch *free_ = drawn("linear_dynamics", 2, 3, D);
    size_t size = D * D * sizeof(il_real);
    assert_memory_equal(fixed->w, fixed->w + D * D, size);
    assert_memory_not_equal(fixed->w, other->w, size);
    assert_memory_not_equal(free_->w, free_->w + D * D, size);
    assert_memory_not_equal(fixed->x, fixed->x + 3 * D, sizeof(il_real));
    il_batch_free(fixed);
    il_batch_free(other);
    il_batch_free(free_);
}

/* Figures of von Oswald et al. 2023 and its published code, and of the reduced setting */
static void algorithms_score_what_is_published(void **state)
{
    (void)state;
    static const struct {
        const char *task;
        int B, N, D;
        const char *algo;
        int steps;
        double least, most;
    } cases[] = {
        { "linear_dynamics", 2048, 50, 10, "zero", 0, 1.65, 1.71 },
        { "linear_dynamics", 512, 50, 10, "gd step_size=0.032", 1, 0.86, 0.94 },
        { "linear_dynamics", 256, 50, 10, "ridge alpha=0.001", 0, 0.18, 0.195 },
        { "linear_dynamics start=normal", 512, 50, 10, "zero", 0, 4.8, 5.25 },
        { "linear_dynamics", 2048, 25, 5, "zero", 0, 0.80, 0.86 },
        { "linear_dynamics", 512, 25, 5, "gd step_size=0.068", 1, 0.41, 0.47 },
        { "linear_dynamics", 512, 25, 5, "ridge alpha=0.001", 0, 0.096, 0.106 },
        { "linear_dynamics hidden=15 observation_noise=0.01", 512, 50, 5, "zero", 0, 2.95,
          3.25 },
        { "nonlinear_dynamics", 128, 50, 10, "zero", 0, 0.495, 0.505 },
        { "linear_dynamics law=contracting state_clip=2", 512, 50, 10, "zero", 0, 1.5,
          2.5 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch = drawn(cases[i].task, cases[i].B, cases[i].N, cases[i].D);
        double error = score(batch, cases[i].algo, cases[i].steps);
        CHECK(error >= cases[i].least && error <= cases[i].most, "%s, %s: %g",
              cases[i].task, cases[i].algo, error);
        il_batch_free(batch);
    }
}

/* What no row of algos.def says: to copy the last observation, and to know the law */
static void copying_is_worse_than_nothing(void **state)
{
    (void)state;
    enum { B = 2048, N = 50, D = 10 };
    il_batch *batch = drawn("linear_dynamics", B, N, D);
    CHECK_NEAR(half_error(batch, batch->x), 3.36, 0.06,
               "copy: twice the score of zero, as a random law turns a state anywhere");
    il_real *yhat = malloc(B * N * D * sizeof *yhat);
    for (int i = 0; i < B * N * D; i++)
        yhat[i] = (il_real)il_prompt_dot(batch->w + (i / (N * D) * D + i % D) * D,
                                         batch->x + i / D * D, D);
    CHECK_NEAR(half_error(batch, yhat), 0.0005, 2e-5, "the law itself");
    free(yhat);
    il_batch_free(batch);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *task;
        uint64_t hash;
    } cases[] = {
        { "linear_dynamics", 1943945611859541310ull },
        { "linear_dynamics law=contracting hidden=7 observation_noise=0.1",
          14098806281908943320ull },
        { "nonlinear_dynamics", 10367906706411992669ull },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch = drawn(cases[i].task, 16, 20, 6);
        uint64_t hash = il_hash(IL_HASH_START, batch->x, 16 * 20 * 6 * sizeof *batch->x);
        CHECK(hash == cases[i].hash, "%s: the hash is now %llu", cases[i].task,
              (unsigned long long)hash);
        il_batch_free(batch);
    }
}

/* ---- tokens --------------------------------------------------------------------------------- */

enum { B = 2, N = 5, D = 3, MOST = 4 * D };

typedef struct {
    il_real tokens[2 * B * N * MOST], target[2 * B * N * D], weight[2 * B * N],
        mask[2 * B * N];
} room;

static const il_layout *layout_of(const char *name)
{
    for (int i = 0; il_layout_at(i); i++)
        if (!strcmp(il_layout_at(i)->name, name)) return il_layout_at(i);
    return NULL;
}

static il_tokens tokens_in(room *r, int outs, int width)
{
    memset(r, 0xff, sizeof *r);
    return (il_tokens){ D, outs, width, r->tokens, r->target, r->weight, r->mask };
}

/* Token t holds in slot i the observation i - first steps before t, or zeros */
static void check_slots(const room *r, const il_batch *batch, int width, int slots,
                        const int *back)
{
    for (int b = 0; b < B; b++)
        for (int t = 0; t < N; t++) {
            const il_real *token = r->tokens + (b * N + t) * width;
            for (int c = 0; c < width; c++) {
                int ago = c < slots * D ? back[c / D] : -1;
                il_real want =
                    ago < 0 || ago > t ? 0 : batch->x[(b * N + t - ago) * D + c % D];
                assert_true(token[c] == want);
            }
            assert_true(r->weight[b * N + t] == 1 && r->mask[b * N + t] == 1);
            assert_memory_equal(r->target + (b * N + t) * D, batch->y + (b * N + t) * D,
                                D * sizeof(il_real));
        }
}

static void observations_stand_where_they_should(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        int width, slots, back[4];
    } cases[] = {
        { "sequence", D, 1, { 0 } },
        { "constructed", 4 * D, 4, { -1, 0, 0, 1 } },
        { "constructed1", 4 * D, 4, { -1, -1, 0, 1 } },
        { "stacked", 3 * D, 3, { 0, 1, 2 } },
    };
    il_batch *batch = drawn("linear_dynamics", B, N, D);
    room r;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        const il_layout *layout = layout_of(cases[i].layout);
        assert_int_equal(layout->width(D, D, 3), cases[i].width);
        assert_int_equal(layout->each * N, N);
        il_tokens_fill(layout, batch, 0, B, N, tokens_in(&r, D, cases[i].width));
        check_slots(&r, batch, cases[i].width, cases[i].slots, cases[i].back);
    }
    il_batch_free(batch);
}

static void columns_end_with_a_query_that_is_no_key(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", B, N, D);
    const il_layout *layout = layout_of("columns");
    enum { WIDTH = D + 1, POINTS = 4 };
    room filled, asked;
    il_tokens_fill(layout, batch, 0, B, POINTS, tokens_in(&filled, 1, WIDTH));
    il_tokens_ask(layout, batch, 0, B, POINTS - 1, tokens_in(&asked, 1, WIDTH));
    assert_memory_equal(filled.tokens, asked.tokens, B * POINTS * WIDTH * sizeof(il_real));
    for (int b = 0; b < B; b++)
        for (int t = 0; t < POINTS; t++) {
            const il_real *token = filled.tokens + (b * POINTS + t) * WIDTH;
            int at = b * POINTS + t, point = b * N + t, last = t == POINTS - 1;
            assert_memory_equal(token, batch->x + point * D, D * sizeof *token);
            assert_true(token[D] == (last ? 0 : batch->y[point]));
            assert_true(filled.mask[at] == !last && filled.weight[at] == last);
            assert_true(filled.target[at] == (last ? batch->y[point] : 0));
            assert_true(asked.mask[at] == !last && asked.weight[at] == 0);
        }
    il_batch_free(batch);
}

/* In training the second half of the points are queries; asked one or many at once, the last. */
static void halves_end_with_queries_that_are_no_keys(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", B, N, D);
    const il_layout *layout = layout_of("halves");
    enum { WIDTH = D + 2, POINTS = 5 };
    static const int queries[] = { 3, 1, 2 }; /* filled, asked, asked as two */
    for (int how = 0; how < 3; how++) {
        room r;
        il_tokens to = tokens_in(&r, 1, WIDTH);
        int prompts = how < 2 ? B : 1, examples = POINTS - queries[how];
        if (how == 0) il_tokens_fill(layout, batch, 0, prompts, POINTS, to);
        if (how == 1) il_tokens_ask(layout, batch, 0, prompts, examples, to);
        if (how == 2) il_tokens_ask_many(layout, batch, 0, prompts, examples, 2, to);
        for (int i = 0; i < prompts * POINTS; i++) {
            const il_real *token = r.tokens + i * WIDTH;
            int n = i % POINTS, point = i / POINTS * N + n, shown = n < examples;
            assert_memory_equal(token, batch->x + point * D, D * sizeof *token);
            assert_true(token[D] == (shown ? batch->y[point] : 0));
            assert_true(token[D + 1] == shown && r.mask[i] == shown);
            assert_true(r.weight[i] == (how == 0 && !shown));
            assert_true(r.target[i] == (how == 0 && !shown ? batch->y[point] : 0));
        }
    }
    il_batch_free(batch);
}

/* Numbers of model.tokens are rows of the table */
static void recipes_know_the_layouts(void **state)
{
    (void)state;
    int i = 0;
    for (; il_layout_at(i); i++) {
        il_config c;
        char text[IL_TEXT];
        il_config_init(&c);
        snprintf(text, sizeof text, "model.tokens=%s", il_layout_at(i)->name);
        CHECK_OK(il_config_set(&c, text, &err));
        assert_int_equal(c.model.tokens, i);
        il_error e;
        const il_layout *l = il_layout_at(i);
        int others = l->sequences || l->ids ||
                     !strcmp(l->name, "own") || /* no (x, y) prompts */
                     l->half;                   /* of a stack alone */
        il_status status = il_config_check(&c, &e);
        CHECK(status == (others ? IL_ECONFIG : IL_OK), "%s: %s", l->name,
              status ? e.text : "taken");
    }
    assert_int_equal(i, 10);
}

static void faults_are_named(void **state)
{
    (void)state;
    il_error e;
    double opts[16] = { 0 };
    const il_task *task = il_task_find("linear_dynamics");
    il_opt_init(task->opts, opts);
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, 2, 3, 4, &err));
    assert_int_equal(il_batch_draw(batch, task, opts, NULL, 4, here, &e), IL_ECONFIG);
    assert_non_null(strstr(e.text, "answers with 4 numbers, the batch has room for 1"));
    il_batch_free(batch);
    CHECK_OK(il_batch_new_outs(&batch, 2, 3, 4, 4, &err));
    assert_int_equal(il_batch_draw(batch, task, opts, "skewed", 4, here, &e), IL_ECONFIG);
    assert_non_null(strstr(e.text, "skewed"));
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_is_its_own_answer),
        cmocka_unit_test(weights_move_the_state),
        cmocka_unit_test(one_teacher_for_all),
        cmocka_unit_test(algorithms_score_what_is_published),
        cmocka_unit_test(copying_is_worse_than_nothing),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(observations_stand_where_they_should),
        cmocka_unit_test(columns_end_with_a_query_that_is_no_key),
        cmocka_unit_test(halves_end_with_queries_that_are_no_keys),
        cmocka_unit_test(recipes_know_the_layouts),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
