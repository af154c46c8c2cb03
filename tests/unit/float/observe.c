/* observe.c - what a model computes, by name: the runner's own slots, for any cut of the prompts; and patched */
#include "model/model.h"
#include "models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { B = 5, N = 6, D = 3, LOOPS = 3 };

static il_model *looped(void)
{
    return model_with(
        "model.family=gpt2_loop model.n_layer=1 model.n_embd=8 model.n_head=2 "
        "model.n_dims=3 model.n_positions=9",
        "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.curriculum.points.start=6 training.curriculum.points.end=6 "
        "training.curriculum.loops.start=3 training.curriculum.loops.end=3");
}

static il_batch *drawn(int prompts)
{
    il_batch *batch;
    CHECK_OK(il_batch_new(&batch, prompts, N, D, &err));
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_regression"), NULL, NULL, D,
                           (il_draw){ .seed = 5, .stream = IL_STREAM_USER }, &err));
    return batch;
}

static il_real *observe(const il_model *m, const il_batch *batch, int point,
                        const char *name, int first, int last, size_t numbers)
{
    il_real *out = malloc(sizeof *out * numbers);
    assert_non_null(out);
    CHECK_OK(il_observe(m, batch, point, &name, 1, first, last, &out, &err));
    return out;
}

static const char *name_of(const il_table *t, const char *what, int layer)
{
    for (int r = 0; r < il_table_rows(t); r++)
        if (!strcmp(il_table_text(t, r, 3), what) &&
            (layer < 0 || (int)il_table_number(t, r, 4) == layer))
            return il_table_text(t, r, 0);
    fail_msg("no %s %d", what, layer);
    return NULL;
}

/* ---- against a tap of the runner ------------------------------------------------------------- */

typedef struct {
    int slot, first;
    il_real *out;
} tapped;

static void tap(void *context, il_state *s, int op)
{
    const tapped *t = context;
    if (s->plan->ops[op].out != t->slot || s->loop + 1 < t->first) return;
    size_t n = (size_t)s->rows * (size_t)il_width(s->plan, t->slot);
    memcpy(t->out + n * (size_t)(s->loop + 1 - t->first), s->value[t->slot],
           sizeof *t->out * n);
}

static void slots_are_the_runners(void **state)
{
    (void)state;
    il_model *m = looped();
    il_batch *batch = drawn(B);
    il_table *t;
    int T = il_model_tokens(m, N), seen = 0;
    CHECK_OK(il_model_slots(&t, m, &err));
    for (int i = 0; i < m->plan.n_slots; i++) {
        const il_slot *slot = &m->plan.slots[i];
        if (slot->section == IL_PRE || slot->producer == IL_NONE ||
            m->plan.ops[slot->producer].out != i)
            continue;
        size_t each = (size_t)(T * slot->width), all = (LOOPS - 1) * B * each;
        il_real *got = observe(m, batch, -1, slot->name, 2, LOOPS, all);
        il_real *want = malloc(sizeof *want * all);
        il_state *s;
        CHECK_OK(il_state_new(&s, m, B, T, 0, &err));
        il_state_fill(s, batch, 0, B, N);
        tapped to = { i, 2, want };
        il_forward(
            s, &(il_run){ .loops = LOOPS, .post = LOOPS - 1, .tap = tap, .context = &to });
        CHECK(!memcmp(got, want, sizeof *want * all), "%s differs", slot->name);

        /* prompt by prompt, on one thread: the same bits */
        CHECK_OK(il_threads_set(1, &err));
        for (int b = 0; b < B; b++) {
            il_batch one = { 1,    N,    D,    1,   batch->x + b * N * D, batch->y + b * N,
                             NULL, NULL, NULL, NULL };
            il_real *alone = observe(m, &one, -1, slot->name, 2, LOOPS, (LOOPS - 1) * each);
            for (size_t l = 0; l < LOOPS - 1; l++)
                CHECK(!memcmp(alone + l * each, got + (l * B + (size_t)b) * each,
                              sizeof *got * each),
                      "%s differs for prompt %d alone", slot->name, b);
            free(alone);
        }
        CHECK_OK(il_threads_set(3, &err));
        il_state_free(s);
        free(got);
        free(want);
        seen++;
    }
    assert_true(seen > 8);
    il_table_free(t);
    il_batch_free(batch);
    il_model_free(m);
}

/* ---- against what the model says ----------------------------------------------------------------- */

static void answers_are_the_models(void **state)
{
    (void)state;
    il_model *m = looped();
    il_batch *batch = drawn(B);
    il_table *t;
    il_real yhat[LOOPS * B * N];
    int T = il_model_tokens(m, N);
    CHECK_OK(il_model_slots(&t, m, &err));
    CHECK_OK(il_model_answer(m, batch, 1, LOOPS, yhat, &err));
    const char *name = name_of(t, "answer", -1);
    il_real *all = observe(m, batch, -1, name, 1, LOOPS, (size_t)(LOOPS * B * T));
    for (int i = 0; i < LOOPS * B; i++)
        for (int n = 0; n < N; n++)
            assert_true(all[i * T + il_model_tokens(m, n)] == yhat[i * N + n]);
    free(all);

    /* with the query of point 3 alone, and examples before it */
    int T3 = il_model_tokens(m, 4);
    all = observe(m, batch, 3, name, LOOPS, LOOPS, (size_t)(B * T3));
    for (int b = 0; b < B; b++)
        assert_true(all[b * T3 + il_model_tokens(m, 3)] ==
                    yhat[((LOOPS - 1) * B + b) * N + 3]);
    free(all);
    il_table_free(t);
    il_batch_free(batch);
    il_model_free(m);
}

/* The stream after the last layer of a gpt2, normalised and read out, is its answer: it is where it should be. */
static void streams_are_listed(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2"), *l = looped();
    il_table *t;
    CHECK_OK(il_model_slots(&t, m, &err));
    const char *begins = name_of(t, "stream", 0), *ends = name_of(t, "stream", 1);
    assert_true(strcmp(begins, ends) != 0);
    il_table_free(t);
    CHECK_OK(il_model_slots(&t, l, &err));
    assert_string_equal(name_of(t, "stream", 1), l->plan.slots[l->plan.carry_out].name);
    il_table_free(t);
    il_model_free(m);
    il_model_free(l);
}

/* ---- patterns -------------------------------------------------------------------------------------- */

/* Weights of tokens, whose mean of the values is what attention puts out: 1e-6 is float's rounding of sums of
 * a few numbers of about 1. */
static void patterns_are_attention(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2");
    il_batch *batch = drawn(B);
    il_table *t;
    CHECK_OK(il_model_slots(&t, m, &err));
    const char *name = name_of(t, "pattern", -1);
    enum { H = 2, C = 8, K = C / H };
    int T = il_model_tokens(m, N);
    char op[IL_NAME];
    snprintf(op, sizeof op, "%.*s", (int)(strlen(name) - strlen(".pattern")), name);
    const il_plan *p = &m->plan;
    int j = 0;
    while (strcmp(p->ops[j].name, op)) j++;
    const char *from = p->slots[p->ops[j].in[0]].name; /* q, k, v side by side */
    il_real *out = observe(m, batch, -1, op, 1, 1, (size_t)(B * T * C)),
            *qkv = observe(m, batch, -1, from, 1, 1, (size_t)(B * T * 3 * C)),
            *w = observe(m, batch, -1, name, 1, 1, (size_t)(B * H * T * T));
    for (int b = 0; b < B; b++)
        for (int h = 0; h < H; h++)
            for (int i = 0; i < T; i++) {
                const il_real *row = w + ((b * H + h) * T + i) * T;
                double sum = 0, y[K] = { 0 };
                for (int k = 0; k < T; k++) {
                    CHECK(k <= i ? row[k] > 0 : row[k] == 0, "token %d sees %d", i, k);
                    sum += (double)row[k];
                    for (int c = 0; c < K; c++)
                        y[c] += (double)row[k] *
                                (double)qkv[(b * T + k) * 3 * C + 2 * C + h * K + c];
                }
                CHECK_NEAR(sum, 1, 1e-6, "a row's sum");
                for (int c = 0; c < K; c++)
                    CHECK_NEAR(y[c], out[(b * T + i) * C + h * K + c], 1e-6, "attention");
            }
    free(out);
    free(qkv);
    free(w);
    il_table_free(t);
    il_batch_free(batch);
    il_model_free(m);
}

/* What a head that is linear in the values puts out is the sum of the values with the pattern's weights, whether its tokens
 * see later ones (a construction) or not, with keys masked or not. */
static void check_linear_pattern(const il_model *m, const il_batch *batch, const char *kind)
{
    const il_plan *p = &m->plan;
    int T = il_model_tokens(m, N), j = p->end[IL_PRE];
    while (strcmp(p->ops[j].kind->name, kind)) j++;
    const il_op *op = &p->ops[j];
    il_heads a;
    char name[2 * IL_NAME];
    snprintf(name, sizeof name, "%s.pattern", p->slots[op->out].name);
    assert_true(il_heads_of(&a, p, op));
    size_t H = (size_t)a.heads, V = (size_t)a.value, rows = (size_t)(B * T);
    size_t width = (size_t)il_width(p, op->in[2]);
    il_real *out = observe(m, batch, -1, p->slots[op->out].name, 1, 1, rows * H * V),
            *v = observe(m, batch, -1, p->slots[op->in[2]].name, 1, 1, rows * width),
            *w = observe(m, batch, -1, name, 1, 1, rows * H * (size_t)T);
    double largest = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t h = 0; h < H; h++)
            for (size_t c = 0; c < V; c++) {
                size_t b = row / (size_t)T, t = row % (size_t)T;
                double y = 0, most = 0;
                for (size_t k = 0; k < (size_t)T; k++) {
                    double part = (double)w[((b * H + h) * (size_t)T + t) * (size_t)T + k] *
                                  (double)v[(b * (size_t)T + k) * width + h * V + c];
                    y += part;
                    most += fabs(part);
                }
                largest = fmax(largest, fabs(y));
                CHECK_NEAR(y, out[(row * H + h) * V + c], 1e-5 * (most + 1e-3), kind);
            }
    assert_true(largest > 1e-3);
    free(out);
    free(v);
    free(w);
}

static void linear_patterns_are_attention(void **state)
{
    (void)state;
    static const char *const blocks[][2] = {
        { "linear", "linear_attention" }, { "gla", "fast_weights" },
        { "delta", "fast_weights" },      { "gated_delta", "fast_weights" },
        { "mlstm", "fast_weights" },      { "mesa", "mesa" },
        { "forgetting", "mesa" },         { "mesanet", "mesa" },
    };
    il_batch *batch = drawn(B);
    il_model *m;
    for (int i = 0; i < (int)(sizeof blocks / sizeof *blocks); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "model.family=stack model.blocks=%s model.n_layer=1 model.n_embd=8 "
                 "model.n_head=2 model.n_dims=3 model.n_positions=9 model.init_std=0.5",
                 blocks[i][0]);
        m = model_with(
            text, "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
                  "training.curriculum.points.start=6 training.curriculum.points.end=6");
        check_linear_pattern(m, batch, blocks[i][1]);
        il_model_free(m);
    }
    CHECK_OK(il_build(&m, "gd dims=3 points=9", &err));
    check_linear_pattern(m, batch, "linear_attention");
    il_model_free(m);
    il_batch_free(batch);
}

/* ---- patches ----------------------------------------------------------------------------------------- */

/* What was traced, put back, changes no bit; the other prompts' stream put there gives their answers. */
static void a_traced_patch_changes_no_bit(void **state)
{
    (void)state;
    il_model *m = looped();
    il_batch *batch = drawn(B);
    il_table *t;
    int T = il_model_tokens(m, N), seen = 0;
    size_t answers = (size_t)(LOOPS * B * T);
    CHECK_OK(il_model_slots(&t, m, &err));
    const char *answer = name_of(t, "answer", -1);
    il_real *plain = observe(m, batch, -1, answer, 1, LOOPS, answers),
            *got = calloc(answers, sizeof *got);
    assert_non_null(got);
    for (int i = 0; i < m->plan.n_slots; i++) {
        const il_slot *slot = &m->plan.slots[i];
        if (slot->producer == IL_NONE || m->plan.ops[slot->producer].out != i) continue;
        size_t each = (size_t)(B * T * slot->width);
        il_real *kept = observe(m, batch, -1, slot->name, 1, LOOPS, LOOPS * each);
        il_patch patch[LOOPS];
        for (int l = 0; l < LOOPS; l++)
            patch[l] = (il_patch){ slot->name, l + 1, kept + (size_t)l * each };
        CHECK_OK(il_observe_patched(m, batch, -1, patch, LOOPS, &answer, 1, 1, LOOPS, &got,
                                    &err));
        CHECK(!memcmp(got, plain, sizeof *got * answers),
              "%s, put back, changes the answers", slot->name);
        free(kept);
        seen++;
    }
    assert_true(seen > 8);

    const char *stream = name_of(t, "stream", 1);
    size_t each = (size_t)(T * il_width(&m->plan, m->plan.carry_out));
    il_real *kept = observe(m, batch, -1, stream, LOOPS, LOOPS, B * each),
            *turned = malloc(sizeof *turned * B * each);
    assert_non_null(turned);
    for (size_t b = 0; b < B; b++)
        memcpy(turned + b * each, kept + (b + 1) % B * each, sizeof *kept * each);
    il_patch patch = { stream, LOOPS, turned };
    CHECK_OK(il_observe_patched(m, batch, -1, &patch, 1, &answer, 1, 1, LOOPS, &got, &err));
    size_t last = answers - (size_t)(B * T);
    assert_memory_equal(got, plain, sizeof *got * last);
    for (size_t i = 0; i < (size_t)(B * T); i++)
        assert_true(got[last + i] == plain[last + (i + (size_t)T) % (size_t)(B * T)]);
    free(kept);
    free(turned);
    free(plain);
    free(got);
    il_table_free(t);
    il_batch_free(batch);
    il_model_free(m);
}

typedef struct {
    il_real *seen; /* (loops,B,T,width) */
    size_t each;
    int calls;
} editing;

static void set_to_zero(void *context, int loop, il_real *value)
{
    editing *e = context;
    memcpy(e->seen + (size_t)(loop - 1) * e->each, value, sizeof *value * e->each);
    memset(value, 0, sizeof *value * e->each);
    e->calls++;
}

/* An edit is handed what would have been observed, all prompts at once, loop by loop. */
static void an_edit_sees_all_prompts(void **state)
{
    (void)state;
    il_model *m = looped();
    il_batch *batch = drawn(B);
    int T = il_model_tokens(m, N);
    const il_slot *slot = &m->plan.slots[m->plan.answer];
    const char *name = slot->name;
    size_t each = (size_t)(B * T * slot->width);
    il_real *plain = observe(m, batch, -1, slot->name, 1, LOOPS, LOOPS * each),
            *got = malloc(sizeof *got * LOOPS * each);
    editing e = { malloc(sizeof *e.seen * LOOPS * each), each, 0 };
    il_patch patch = { .name = name, .edit = set_to_zero, .context = &e };
    CHECK_OK(il_observe_patched(m, batch, -1, &patch, 1, &name, 1, 1, LOOPS, &got, &err));
    assert_int_equal(e.calls, LOOPS);
    assert_memory_equal(e.seen, plain, sizeof *plain * LOOPS * each);
    for (size_t i = 0; i < LOOPS * each; i++) assert_true(got[i] == 0);
    free(e.seen);
    free(plain);
    free(got);
    il_batch_free(batch);
    il_model_free(m);
}

static void wrong_names_get_a_sentence(void **state)
{
    (void)state;
    il_model *m = of_numbers("model.family=gpt2");
    il_batch *batch = drawn(1);
    il_error why = { 0 };
    il_real *out = (il_real[1]){ 0 };
    const char *name = m->plan.ops[m->plan.end[IL_PRE]].name;
    char near[IL_NAME + 2];
    snprintf(near, sizeof near, "%sx", name);
    assert_int_equal(
        il_observe(m, batch, -1, (const char *[]){ near }, 1, 1, 1, &out, &why),
        IL_ECONFIG);
    CHECK(strstr(why.text, name) && strstr(why.text, "did you mean"), "%s", why.text);
    il_batch_free(batch);
    il_model_free(m);
}

int main(void)
{
    setenv("IL_THREADS", "3", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_the_runners),
        cmocka_unit_test(answers_are_the_models),
        cmocka_unit_test(streams_are_listed),
        cmocka_unit_test(patterns_are_attention),
        cmocka_unit_test(linear_patterns_are_attention),
        cmocka_unit_test(a_traced_patch_changes_no_bit),
        cmocka_unit_test(an_edit_sees_all_prompts),
        cmocka_unit_test(wrong_names_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
