/* until.c - loops that stop by themselves: each answer is that of a run of so many loops, where the stream at its
 * token first moves by less than the tolerance, alone or in a batch, in a context or not; and what has stopped costs
 * nothing more */
#include "check.h"
#include "model/model.h"

#include <stdlib.h>

enum { B = 7, D = 3, N = 6, MOST = 40, Q = 3 };
static const il_until until = { .tolerance = 0.02, .most = MOST };

static il_model *model_of(const char *text)
{
    il_config c;
    il_model *m;
    char word[IL_TEXT];
    il_config_init(&c);
    while (il_item_next(word, &text, " ")) CHECK_OK(il_config_set(&c, word, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

/* An untrained loop that contracts, at another pace for each token */
static il_model *looped(const char *more)
{
    char text[1024];
    snprintf(text, sizeof text,
             "model.family=gpt2_loop model.n_layer=1 model.n_embd=24 model.n_head=3 "
             "model.n_dims=3 model.n_positions=7 training.curriculum.dims.start=1 "
             "training.curriculum.dims.end=3 training.curriculum.points.start=1 "
             "training.curriculum.points.end=6 training.curriculum.loops.end=9 %s",
             more);
    il_model *m = model_of(text);
    for (size_t i = 0; i < m->plan.n_weights; i++) m->weights[i] *= 3;
    il_model_pack(m);
    return m;
}

static il_batch *prompts(const il_model *m)
{
    il_batch *batch;
    CHECK_OK(il_batch_new(&batch, B, N, m->config.model.n_dims, &err));
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_regression"), NULL, NULL, D,
                           (il_draw){ .seed = 4, .stream = IL_STREAM_EVAL }, &err));
    return batch;
}

/* By how much loop r changes the stream at a token, as a share of its length: from what il_observe records */
static double change(const il_real *z, const il_real *before, int C)
{
    double moved = 0, length = 0;
    for (int c = 0; c < C; c++) {
        moved += ((double)z[c] - (double)before[c]) * ((double)z[c] - (double)before[c]);
        length += (double)z[c] * (double)z[c];
    }
    return moved / length;
}

static int first_settled(const il_real *stream, int T, int C, int b, int token)
{
    for (int r = 2; r <= MOST; r++) {
        const il_real *z = stream +
                           (((size_t)(r - 1) * B + (size_t)b) * (size_t)T + (size_t)token) *
                               (size_t)C,
                      *before = z - (size_t)B * (size_t)T * (size_t)C;
        if (change(z, before, C) <= until.tolerance * until.tolerance) return r;
    }
    return MOST;
}

static void check_answers(const il_model *m, const char *name)
{
    il_batch *batch = prompts(m);
    int T = il_model_tokens(m, N), C = m->plan.slots[m->plan.carry_out].width;
    il_real yhat[B * N], all[MOST * B * N],
        *stream = calloc((size_t)(MOST * B * T * C), sizeof *stream);
    int loops[B * N], least = MOST, most = 0;
    const char *slot = m->plan.slots[m->plan.carry_out].name;
    CHECK_OK(il_model_answer_until(m, batch, &until, yhat, loops, &err));
    CHECK_OK(il_model_answer(m, batch, 1, MOST, all, &err));
    CHECK_OK(il_observe(m, batch, -1, &slot, 1, 1, MOST, &stream, &err));
    for (int i = 0; i < B * N; i++) {
        int b = i / N, n = i % N;
        CHECK(loops[i] == first_settled(stream, T, C, b, il_model_tokens(m, n)),
              "%s: prompt %d, point %d took %d loops", name, b, n, loops[i]);
        CHECK(yhat[i] == all[(loops[i] - 1) * B * N + i], "%s: answer %d after loop %d",
              name, i, loops[i]);
        least = il_min(least, loops[i]);
        most = il_max(most, loops[i]);
    }
    CHECK(least < most && least > 1 && least < MOST, "%s: all take %d to %d", name, least,
          most);
    for (int b = 0; b < B; b++) { /* alone */
        il_batch one = { .prompts = 1,
                         .points = N,
                         .dim = batch->dim,
                         .outs = 1,
                         .x = batch->x + (size_t)(b * N * batch->dim),
                         .y = batch->y + b * N };
        il_real alone[N];
        int took[N];
        CHECK_OK(il_model_answer_until(m, &one, &until, alone, took, &err));
        assert_memory_equal(alone, yhat + b * N, sizeof alone);
        assert_memory_equal(took, loops + b * N, sizeof took);
    }
    free(stream);
    il_batch_free(batch);
}

static void answers_are_those_of_so_many_loops(void **state)
{
    (void)state;
    const char *const kinds[] = { "model.loop_func=z=f(x+z)", "model.loop_func=z=f(z)" };
    for (int i = 0; i < IL_COUNT(kinds); i++) {
        il_model *m = looped(kinds[i]);
        check_answers(m, kinds[i]);
        il_model_free(m);
    }
}

/* Queries as prompts of their own, in contexts that ask_until makes, and in one of ours */
static void queries_are_asked_alike(void **state)
{
    (void)state;
    il_model *m = looped("");
    il_batch *batch = prompts(m);
    il_context *context;
    size_t d = (size_t)batch->dim;
    il_real xq[B * Q * D], yhat[B * Q], one[B], got;
    int loops[B * Q], took[B];
    for (int i = 0; i < B * Q; i++) /* inputs of other prompts */
        memcpy(xq + (size_t)i * d, batch->x + (size_t)((i * 5) % (B * N)) * d,
               sizeof *xq * d);
    CHECK_OK(il_model_ask_until(m, batch, xq, Q, &until, yhat, loops, &err));
    il_real first[B * D];
    for (int b = 0; b < B; b++)
        memcpy(first + (size_t)b * d, xq + (size_t)(b * Q) * d, sizeof *xq * d);
    CHECK_OK(il_model_ask_until(m, batch, first, 1, &until, one, took, &err));
    CHECK_OK(il_context_new(&context, m, MOST, &err));
    assert_int_equal(il_context_loops(context), 0);
    for (int b = 0; b < B; b++) {
        assert_true(one[b] == yhat[b * Q]);
        assert_int_equal(took[b], loops[b * Q]);
        il_context_clear(context);
        for (int n = 0; n < N; n++)
            CHECK_OK(il_context_add(context, batch->x + (size_t)(b * N + n) * d,
                                    batch->y[b * N + n], &err));
        CHECK_OK(il_context_until(context, &until, &err));
        for (int k = 0; k < Q; k++) {
            CHECK_OK(il_context_ask(context, xq + (size_t)(b * Q + k) * d, &got, &err));
            assert_true(got == yhat[b * Q + k]);
            assert_int_equal(il_context_loops(context), loops[b * Q + k]);
        }
    }
    il_error err;
    assert_int_equal(il_context_until(context, &(il_until){ .most = MOST + 1 }, &err),
                     IL_ECONFIG);
    assert_non_null(strstr(err.text, "the context runs 40 loops"));
    il_context_free(context);
    il_batch_free(batch);
    il_model_free(m);
}

/* ---- the work that is saved --------------------------------------------------------------------------- */

typedef struct {
    il_settling settling;
    int last; /* op of the body */
    long rows[B];
} counting;

static void count_rows(const il_shard *q, il_state *s, int op)
{
    counting *c = q->context;
    if (op == c->last) c->rows[q->number] += s->rows;
}

static void settle(const il_shard *q, il_state *s, int loop)
{
    counting *c = q->context;
    il_settle(&c->settling, q, s, loop);
}

static void what_has_stopped_costs_nothing(void **state)
{
    (void)state;
    il_model *m = looped("");
    il_batch *batch = prompts(m);
    il_real yhat[B * N];
    counting c = { { .until = until, .outs = 1, .each = N, .yhat = yhat },
                   .last = m->plan.end[IL_BODY] - 1 };
    CHECK_OK(il_settling_begin(&c.settling, B, &err));
    CHECK_OK(il_run_prompts(m, batch,
                            &(il_pass){ .loops = MOST,
                                        .post = MOST,
                                        .ask = IL_ASK_EACH,
                                        .together = IL_SETTLE_TOGETHER,
                                        .scratch = sizeof(int[IL_SETTLE_TOGETHER]),
                                        .tap = count_rows,
                                        .visit = settle,
                                        .context = &c },
                            &err));
    long want = 0, rows = 0;
    for (int b = 0; b < B; b++) {
        int longest = 0;
        for (int n = 0; n < N; n++) longest = il_max(longest, c.settling.loops[b * N + n]);
        want += (long)longest * il_model_tokens(m, N);
        rows += c.rows[b];
    }
    assert_int_equal(rows, want);
    assert_true(rows < (long)MOST * B * il_model_tokens(m, N));
    il_settling_end(&c.settling, B, NULL);
    il_batch_free(batch);
    il_model_free(m);
}

/* A built model, whose stream is carried from its read-in, and one without a loop */
static void other_models(void **state)
{
    (void)state;
    il_model *m;
    CHECK_OK(il_build(&m, "newton dims=3 points=6 loops=30", &err));
    il_batch *batch = prompts(m);
    il_real yhat[B * N], end[B * N];
    int loops[B * N];
    CHECK_OK(il_model_answer_until(m, batch, &(il_until){ .tolerance = 1e-4 }, yhat, loops,
                                   &err));
    CHECK_OK(il_model_answer(m, batch, 30, 30, end, &err));
    for (int b = 0; b < B; b++) {
        int last = b * N + N - 1;
        CHECK(loops[last] < 30, "prompt %d takes all %d loops", b, loops[last]);
        /* Newton's steps double their digits, so a change of 1e-4 is followed by none */
        CHECK_NEAR(yhat[last], end[last], 1e-3 * (1 + fabs((double)end[last])),
                   "the last query");
    }
    il_batch_free(batch);
    il_model_free(m);
    m = model_of("model.family=gpt2 model.n_layer=2 model.n_embd=24 model.n_head=3 "
                 "model.n_dims=3 model.n_positions=7 training.curriculum.dims.end=3 "
                 "training.curriculum.points.end=6 training.curriculum.dims.start=1 "
                 "training.curriculum.points.start=1");
    batch = prompts(m);
    CHECK_OK(il_model_answer_until(m, batch, NULL, yhat, loops, &err));
    CHECK_OK(il_model_answer(m, batch, 1, 1, end, &err));
    assert_memory_equal(yhat, end, sizeof yhat);
    for (int i = 0; i < B * N; i++) assert_int_equal(loops[i], 1);
    il_batch_free(batch);
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_so_many_loops),
        cmocka_unit_test(queries_are_asked_alike),
        cmocka_unit_test(what_has_stopped_costs_nothing),
        cmocka_unit_test(other_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
