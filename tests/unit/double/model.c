/* model.c - gradients of whole models, the truncated window, recomputation, counts, curriculum */
#include "check.h"
#include "train/train.h"

#include <stdlib.h>

/* A small recipe; `more` are assignments, separated by spaces. */
static il_config small(const char *more)
{
    static const char *const base[] = {
        "model.n_embd=8",
        "model.n_head=2",
        "model.n_dims=3",
        "model.n_positions=6",
        "training.batch_size=5",
        "training.shard=2",
        "training.slots=2",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=4",
        "training.curriculum.points.end=4",
        "training.learning_rate=0.01",
    };
    il_config c;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(base); i++) CHECK_OK(il_config_set(&c, base[i], &err));
    char text[512];
    snprintf(text, sizeof text, "%s", more);
    for (char *item = strtok(text, " "); item; item = strtok(NULL, " "))
        CHECK_OK(il_config_set(&c, item, &err));
    return c;
}

/* Initial weights are tiny; larger ones exercise every path. */
static il_trainer *trainer_of(const il_config *c)
{
    il_trainer *t;
    CHECK_OK(il_trainer_new(&t, c, &err));
    il_model *m = il_trainer_model(t);
    il_rng rng = il_rng_at(3, 99, 0, 0);
    for (size_t i = 0; i < m->plan.n_weights; i++) m->weights[i] += 0.2 * il_normal(&rng);
    il_model_pack(m);
    return t;
}

static double loss_of(il_trainer *t)
{
    il_progress p;
    il_model_pack(il_trainer_model(t));
    CHECK_OK(il_trainer_gradient(t, &p, &err));
    return p.loss;
}

static il_real *gradient_of(il_trainer *t, int i)
{
    il_real *grad =
        malloc(sizeof *grad * il_param_size(&il_trainer_model(t)->plan.params[i]));
    loss_of(t);
    il_trainer_read_gradient(t, i, grad);
    return grad;
}

/* The derivative of `loss` along a direction must be the gradient's product with it, for every
 * weight: along the gradient itself, and along two random directions, which see coordinates that
 * a gradient left out. Central differences over h = 1e-5 in double, relative error below 1e-6. */
static void check_against(il_trainer *t, double (*loss)(void *), void *context,
                          const char *what)
{
    il_model *m = il_trainer_model(t);
    for (int i = 0; i < 3 * m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i / 3];
        size_t n = il_param_size(w);
        il_real *grad = gradient_of(t, i / 3), *x = m->weights + w->offset;
        il_real *keep = malloc(n * sizeof *keep), *along = malloc(n * sizeof *along);
        il_rng rng = il_rng_at(9, 7, (uint32_t)i, 0);
        double norm = 0, slope = 0, size = 0, side[2];
        memcpy(keep, x, n * sizeof *keep);
        for (size_t j = 0; j < n; j++) along[j] = i % 3 ? il_normal(&rng) : grad[j];
        for (size_t j = 0; j < n; j++)
            norm += along[j] * along[j], size += grad[j] * grad[j];
        for (size_t j = 0; j < n; j++)
            slope += grad[j] * (along[j] /= norm > 0 ? sqrt(norm) : 1);
        for (int k = 0; k < 2; k++) {
            for (size_t j = 0; j < n; j++) x[j] = keep[j] + (k ? 1e-5 : -1e-5) * along[j];
            side[k] = loss(context);
        }
        memcpy(x, keep, n * sizeof *keep);
        char where[160];
        snprintf(where, sizeof where, "%s, %s, direction %d", what, w->name, i % 3);
        CHECK_NEAR((side[1] - side[0]) / 2e-5, slope, 1e-6 * sqrt(size) + 1e-9, where);
        free(keep);
        free(along);
        free(grad);
    }
}

static double trainer_loss(void *t) { return loss_of(t); }

static void check_family(const char *more)
{
    il_config c = small(more);
    il_trainer *t = trainer_of(&c);
    check_against(t, trainer_loss, t, more);
    il_trainer_free(t);
}

static void whole_model_gradient_gpt2(void **state)
{
    (void)state;
    check_family("model.family=gpt2 model.n_layer=2");
    check_family(
        "model.family=gpt2 model.n_layer=1 training.task_name=linear_classification");
}

#define LOOPS(b, T)                                                                        \
    " training.curriculum.loops.start=" #b " training.curriculum.loops.end=" #b            \
    " training.n_loop_window=" #T

static void whole_model_gradient_loop(void **state)
{
    (void)state;
    check_family("model.family=gpt2_loop model.n_layer=1" LOOPS(3, 3));
    check_family("model.family=gpt2_loop model.n_layer=2" LOOPS(2, 2));
    check_family(
        "model.family=gpt2_loop model.n_layer=1 model.loop_func=z=f(x*z)" LOOPS(3, 3));
    check_family(
        "model.family=gpt2_loop model.n_layer=1 model.loop_func=z=f(z)" LOOPS(3, 3));
    check_family(
        "model.family=gpt2_loop model.n_layer=2 model.loop_func=layer-wise" LOOPS(2, 2));
    check_family("model.family=gpt2 model.n_layer=2 model.loop_func=layer-wise");
}

#define SEQUENCES(layout)                                                                  \
    "model.family=stack training.task_name=linear_dynamics model.tokens=" layout " "

static void whole_model_gradient_stack(void **state)
{
    (void)state;
    check_family(SEQUENCES("sequence") "model.blocks=softmax,linear model.position=concat");
    check_family(SEQUENCES(
        "sequence") "model.blocks=softmax model.n_mlp=5 model.norm=rmsnorm model.n_key=3 "
                    "model.position=learned model.bias=true model.read_init=fan");
    check_family(SEQUENCES("sequence") "model.blocks=mesa,forgetting model.n_key=3 "
                                       "model.clip=2");
    check_family(SEQUENCES("sequence") "model.blocks=mesanet,gla model.norm=rmsnorm "
                                       "model.conv=3 model.qk_norm=l2 "
                                       "model.n_mlp=5 model.mlp_act=swiglu");
    check_family(SEQUENCES("sequence") "model.blocks=delta,gated_delta,mlstm "
                                       "model.qk_norm=l2_later");
    check_family(SEQUENCES("constructed") "model.n_embd=12 model.blocks=linear*2 "
                                          "model.read_in=none model.read=first "
                                          "model.clip=1.5 model.n_key=3 model.n_value=2");
    check_family(SEQUENCES(
        "stacked") "model.stack=2 model.blocks=linear model.n_mlp=4 model.mlp_act=relu "
                   "model.norm=layernorm model.loops=3");
    check_family("model.family=stack model.tokens=columns model.blocks=linear*2 "
                 "model.read_in=none model.read=minus_y model.scale=0.3 model.loops=2");
    check_family("model.family=stack model.tokens=columns model.blocks=linear "
                 "training.task_name=linear_classification");
}

#define RECALL                                                                             \
    "model.family=stack training.task_name=recall training.pairs=2 training.keys=3 "       \
    "training.values=3 model.tokens=ids model.n_dims=1 training.curriculum.dims.start=1 "  \
    "training.curriculum.dims.end=1 model.n_positions=8 "                                  \
    "training.curriculum.points.start=8 "                                                  \
    "training.curriculum.points.end=8 model.init_std=0.3 "

static void whole_model_gradient_classes(void **state)
{
    (void)state;
    check_family(RECALL "model.blocks=softmax,linear model.position=learned");
    check_family(RECALL "model.blocks=mesanet,gla model.qk_norm=l2 model.conv=3 "
                        "model.head_norm=true model.norm=rmsnorm");
    check_family(RECALL "model.blocks=delta,mlstm model.qk_norm=l2");
    check_family(RECALL "model.blocks=gated_delta,mesa model.conv=2");
}

static void whole_model_gradient_tying(void **state)
{
    (void)state;
    check_family("model.family=gpt2_tying model.n_layer=3");
}

/* ---- the truncated window ------------------------------------------------------------------- */

/* The last T of b loops as a model of its own, whose stream starts from a given constant. */
typedef struct {
    il_trainer *t;
    il_model *tail;
    il_state *s;
    il_run run;
    il_real *start; /* (rows, C) what the window's first loop carries in, held constant */
} window_case;

static double tail_loss(void *context)
{
    window_case *w = context;
    const il_model *m = il_trainer_model(w->t);
    memcpy(w->tail->weights, m->weights, sizeof(il_real) * m->plan.n_weights);
    il_model_pack(w->tail);
    memcpy(w->s->value[w->tail->plan.carry_slot], w->start,
           sizeof(il_real) * (size_t)(w->s->rows * m->config.model.n_embd));
    w->s->loss = 0;
    il_forward(w->s, &w->run);
    return w->s->loss / (w->run.post * w->s->prompts * (w->s->tokens / 2.0));
}

/* Prompts as the trainer draws them for step 0. */
static void fill_prompts(il_state *s, const il_config *c)
{
    il_batch *batch;
    int B = c->training.batch_size, N = c->training.curriculum.points.end;
    CHECK_OK(il_batch_new(&batch, B, N, c->model.n_dims, &err));
    CHECK_OK(il_batch_draw(
        batch, il_task_find(c->training.task_name), c->training.task_opts, NULL,
        c->training.curriculum.dims.end,
        (il_draw){ .seed = (uint64_t)c->training.seed, .stream = IL_STREAM_TRAIN }, &err));
    il_state_fill(s, batch, 0, B, N);
    il_batch_free(batch);
}

static void truncated_window_holds_the_stream_constant(void **state)
{
    (void)state;
    il_config c = small("model.family=gpt2_loop model.n_layer=1" LOOPS(5, 2));
    window_case w = { .t = trainer_of(&c), .run = { .loops = 2, .post = 2 } };
    const il_model *m = il_trainer_model(w.t);
    int B = c.training.batch_size, T = 2 * c.training.curriculum.points.end;

    /* what loop 4 carries in: run loops 1..3 */
    il_state *head;
    CHECK_OK(il_state_new(&head, m, B, T, 0, &err));
    fill_prompts(head, &c);
    il_forward(head, &(il_run){ .loops = 3 });
    size_t n = (size_t)head->rows * (size_t)c.model.n_embd;
    w.start = malloc(n * sizeof *w.start);
    memcpy(w.start, head->value[m->plan.carry_out], n * sizeof *w.start);
    il_state_free(head);

    il_plan tail;
    il_plan_init(&tail);
    CHECK_OK(il_model_build(&tail, &c, &err));
    tail.carry = IL_CARRY_SLOT;
    tail.carry_slot = il_plan_input(&tail, "start", c.model.n_embd, 0);
    CHECK_OK(il_plan_finish(&tail, 1, &err));
    CHECK_OK(il_model_from_plan(&w.tail, &tail, &err));
    w.tail->config = c;
    CHECK_OK(il_state_new(&w.s, w.tail, B, T, 0, &err));
    fill_prompts(w.s, &c);

    CHECK_NEAR(tail_loss(&w), loss_of(w.t), 1e-12, "loss of the window");
    check_against(w.t, tail_loss, &w, "b=5 T=2");
    il_state_free(w.s);
    il_model_free(w.tail);
    il_trainer_free(w.t);
    free(w.start);
}

static uint64_t gradient_hash(const char *more, double *loss)
{
    il_config c = small(more);
    il_trainer *t = trainer_of(&c);
    *loss = loss_of(t);
    uint64_t hash = IL_HASH_START;
    for (int i = 0; i < il_trainer_model(t)->plan.n_params; i++) {
        il_real *grad = gradient_of(t, i);
        hash = il_hash(hash, grad,
                       sizeof *grad * il_param_size(&il_trainer_model(t)->plan.params[i]));
        free(grad);
    }
    il_trainer_free(t);
    return hash;
}

static void window_of_all_loops_is_the_full_gradient(void **state)
{
    (void)state;
    double a, b;
    /* a window longer than the loops is no window at all */
    assert_true(gradient_hash("model.family=gpt2_loop model.n_layer=1" LOOPS(3, 3), &a) ==
                gradient_hash("model.family=gpt2_loop model.n_layer=1" LOOPS(3, 9), &b));
    CHECK_NEAR(a, b, 0, "loss");
}

static void recompute_changes_no_bit(void **state)
{
    (void)state;
    static const char *const models[] = {
        "model.family=gpt2 model.n_layer=2",
        "model.family=gpt2_tying model.n_layer=3",
        "model.family=gpt2_loop model.n_layer=1" LOOPS(5, 2),
        "model.family=gpt2_loop model.n_layer=2 model.loop_func=z=f(x*z)" LOOPS(3, 3),
        "model.family=gpt2_loop model.n_layer=1 model.loop_func=z=f(z)" LOOPS(4, 2),
        "model.family=gpt2_loop model.n_layer=2 model.loop_func=layer-wise" LOOPS(4, 2),
    };
    for (int i = 0; i < IL_COUNT(models); i++) {
        uint64_t hash[3];
        double loss[3];
        for (int r = 0; r < 3; r++) {
            char more[256];
            snprintf(more, sizeof more, "%s training.recompute=%d", models[i], r);
            hash[r] = gradient_hash(more, &loss[r]);
        }
        CHECK(hash[0] == hash[1] && hash[1] == hash[2], "%s: gradients differ", models[i]);
        CHECK(loss[0] == loss[1] && loss[1] == loss[2], "%s: losses differ", models[i]);
    }
}

/* Shards and slots cut the sum of the gradient, so they may move its last bits, no more. */
static void shards_only_reorder_the_sum(void **state)
{
    (void)state;
    double a, b;
    gradient_hash("model.family=gpt2 model.n_layer=1 training.shard=1 training.slots=3",
                  &a);
    gradient_hash("model.family=gpt2 model.n_layer=1 training.shard=5 training.slots=1",
                  &b);
    CHECK_NEAR(a, b, 1e-13 * fabs(a), "loss");
}

/* ---- what the specification counts ------------------------------------------------------------ */

static void counts_are_the_published_ones(void **state)
{
    (void)state;
    il_config c;
    il_model *m;
    il_config_init(&c); /* the published standard recipe */
    CHECK_OK(il_model_new(&m, &c, &err));
    il_counts n = il_model_counts(m);
    assert_int_equal(n.backbone, 9477632);
    assert_int_equal(n.all, 9535233);
    il_model_free(m);
    CHECK_OK(il_config_set(&c, "model.family=gpt2_loop", &err));
    CHECK_OK(il_config_set(&c, "model.n_layer=1", &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    n = il_model_counts(m);
    assert_int_equal(n.backbone, 790272);
    assert_int_equal(n.all, 847873);
    il_model_free(m);
}

static void curriculum_moves_at_the_published_steps(void **state)
{
    (void)state;
    il_config c;
    il_config_init(&c);
    const il_ramp *dims = &c.training.curriculum.dims,
                  *points = &c.training.curriculum.points;
    assert_int_equal(il_ramp_at(dims, 0), 5);
    assert_int_equal(il_ramp_at(dims, 4999), 5);
    assert_int_equal(il_ramp_at(dims, 5000), 6);
    assert_int_equal(il_ramp_at(dims, 74999), 19);
    assert_int_equal(il_ramp_at(dims, 75000), 20);
    assert_int_equal(il_ramp_at(dims, 499999), 20);
    assert_int_equal(il_ramp_at(points, 4999), 11);
    assert_int_equal(il_ramp_at(points, 5000), 13);
    assert_int_equal(il_ramp_at(points, 75000), 41);
    il_ramp loops = { .start = 15, .end = 30, .inc = 2, .interval = 500 };
    assert_int_equal(il_ramp_at(&loops, 3999),
                     29); /* full after 500 ceil(15/2) = 4000 steps */
    assert_int_equal(il_ramp_at(&loops, 4000), 30);
}

static void rates_follow_their_schedule(void **state)
{
    (void)state;
    il_config c;
    il_config_init(&c);
    assert_true(il_rate_at(&c, 0) == c.training.learning_rate);
    assert_true(il_rate_at(&c, 499999) == c.training.learning_rate);
    CHECK_OK(il_config_set(&c, "training.schedule=cosine", &err));
    CHECK_OK(il_config_set(&c, "training.warmup_steps=1000", &err));
    CHECK_OK(il_config_set(&c, "training.min_learning_rate=0.00001", &err));
    CHECK_NEAR(il_rate_at(&c, 499), 0.5e-4, 1e-18, "half-way up");
    for (int64_t step = 1000; step < 500000; step += 7919) {
        double done = (double)(step - 1000) / 499000;
        double want = 1e-5 + 9e-5 * (1 + cos(3.14159265358979323846 * done)) / 2;
        CHECK_NEAR(il_rate_at(&c, step), want, 1e-18, "cosine against libm");
    }
    assert_true(il_rate_at(&c, 999) == 1e-4 && il_rate_at(&c, 1000) == 1e-4);
    assert_true(il_rate_at(&c, 500000) == 1e-5 && il_rate_at(&c, 1 << 30) == 1e-5);
    for (int least = 0; least < 2; least++)
        for (int end = 1; end < 40; end++) { /* never below the least, which is the end */
            c.training.schedule_steps = end;
            c.training.warmup_steps = 10;
            c.training.min_learning_rate = least ? 3e-5 : 0;
            for (int step = 0; step < 60; step++) {
                double rate = il_rate_at(&c, step);
                CHECK(rate >= 0 && rate <= 1e-4, "rate %g at %d of %d", rate, step, end);
                if (step >= 10 && step >= end)
                    CHECK(rate == c.training.min_learning_rate, "rate %.17g after the end",
                          rate);
            }
        }
    for (int64_t n = 0; n < 2000; n += 13)
        CHECK_NEAR(il_power(0.999, n), pow(0.999, (double)n), 1e-13, "power against libm");
}

/* Reading out after every loop changes nothing: R loops are the first R of more. */
static void fewer_loops_are_the_first_of_more(void **state)
{
    (void)state;
    il_config c = small("model.family=gpt2_loop model.n_layer=1" LOOPS(5, 2));
    il_trainer *t = trainer_of(&c);
    il_batch *batch;
    CHECK_OK(il_batch_new(&batch, 6, 4, 3, &err));
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_regression"), c.training.task_opts,
                           NULL, 3, (il_draw){ .seed = 5, .stream = IL_STREAM_EVAL },
                           &err));
    il_real each[5][24], last[24];
    CHECK_OK(il_model_answer(il_trainer_model(t), batch, 1, 5, each[0], &err));
    for (int loops = 1; loops <= 5; loops++) {
        CHECK_OK(il_model_answer(il_trainer_model(t), batch, loops, loops, last, &err));
        assert_memory_equal(each[loops - 1], last, sizeof last);
    }
    il_batch_free(batch);
    il_trainer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_model_gradient_gpt2),
        cmocka_unit_test(whole_model_gradient_loop),
        cmocka_unit_test(whole_model_gradient_stack),
        cmocka_unit_test(whole_model_gradient_classes),
        cmocka_unit_test(whole_model_gradient_tying),
        cmocka_unit_test(truncated_window_holds_the_stream_constant),
        cmocka_unit_test(window_of_all_loops_is_the_full_gradient),
        cmocka_unit_test(recompute_changes_no_bit),
        cmocka_unit_test(shards_only_reorder_the_sum),
        cmocka_unit_test(counts_are_the_published_ones),
        cmocka_unit_test(curriculum_moves_at_the_published_steps),
        cmocka_unit_test(rates_follow_their_schedule),
        cmocka_unit_test(fewer_loops_are_the_first_of_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
