/* inspect.c - what analyses say of models that are known: probes, the way between two models, distances
 * to constructions */
#include "algo/regressor.h"
#include "explain/explain.h"
#include "la/dense.h"
#include "measured.h"
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

/* ---- probes ------------------------------------------------------------------------------------ */

enum { ROWS = 2000, WIDTH = 4, PLACES = 5, SIZE = ROWS * PLACES * WIDTH };

/* x uniform in [-1,1]; y = x_0 x_1 of the last place, or 3 x_0 - x_2 + 1 of place 3 */
typedef struct {
    il_real x[SIZE];
    double y[ROWS];
} sample;

static void draw(sample *s, int product, uint32_t step)
{
    il_rng rng = il_rng_at(5, IL_STREAM_USER, step, 0);
    for (int i = 0; i < SIZE; i++) s->x[i] = (il_real)(2 * il_uniform(&rng) - 1);
    for (int i = 0; i < ROWS; i++) {
        const il_real *x = s->x + (i * PLACES + (product ? PLACES - 1 : 3)) * WIDTH;
        s->y[i] =
            product ? (double)x[0] * (double)x[1] : 3 * (double)x[0] - (double)x[2] + 1;
    }
}

/* The error of a probe of one place, or of all, divided by the target's mean square */
static double probed(const il_regressor *how, int product, int place, int shift)
{
    static sample fit, test;
    draw(&fit, product, 1);
    draw(&test, product, 2);
    il_regressor_rows a = { .x = fit.x + (place < 0 ? 0 : place * WIDTH),
                            .stride = PLACES * WIDTH,
                            .positions = place < 0 ? PLACES : 1,
                            .width = WIDTH,
                            .y = fit.y,
                            .n = ROWS,
                            .outs = 1,
                            .shift = shift };
    il_regressor_rows b = a;
    b.x = test.x + (place < 0 ? 0 : place * WIDTH);
    b.y = test.y;
    il_regressor_score score = { 0 };
    CHECK_OK(il_regress(&score, how, &a, &b, NULL, &err));
    return score.error / score.power;
}

static void a_network_reads_what_a_ridge_cannot(void **state)
{
    (void)state;
    const il_regressor ridge = { .shrink = 1e-6 }, network = { .hidden = 32, .seed = 1 };
    CHECK(probed(&ridge, 1, PLACES - 1, 0) > 0.95, "a product is not linear: %g",
          probed(&ridge, 1, PLACES - 1, 0));
    CHECK(probed(&network, 1, PLACES - 1, 0) < 0.02, "a product of two: %g",
          probed(&network, 1, PLACES - 1, 0));
    CHECK(probed(&network, 1, PLACES - 1, 1) > 0.95, "another row's product: %g",
          probed(&network, 1, PLACES - 1, 1));
    CHECK(probed(&network, 1, 0, 0) > 0.95, "it does not stand there: %g",
          probed(&network, 1, 0, 0));
    CHECK_NEAR(probed(&ridge, 0, 3, 0), 0, 1e-9, "a line is read exactly");
}

/* The weights of positions find the one place that says something */
static void positions_are_found(void **state)
{
    (void)state;
    il_regressor pooled = { .shrink = 1e-6 };
    CHECK(probed(&pooled, 0, -1, 0) < 0.01, "ridge: %g", probed(&pooled, 0, -1, 0));
    pooled.hidden = 32;
    CHECK(probed(&pooled, 0, -1, 0) < 0.02, "network: %g", probed(&pooled, 0, -1, 0));
    CHECK(probed(&pooled, 0, -1, 1) > 0.65, "control: %g", probed(&pooled, 0, -1, 1));
}

/* The solution satisfies the normal equations, and is the same for any scale of the inputs */
static void a_symmetric_system_is_solved(void **state)
{
    (void)state;
    enum { N = 6 };
    double A[N * N], L[N * N] = { 0 }, B[N], X[N];
    il_rng rng = il_rng_at(1, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) L[i * N + j] = il_normal(&rng) + 2 * (i == j);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            A[i * N + j] = 0;
            for (int k = 0; k < N; k++) A[i * N + j] += L[i * N + k] * L[j * N + k];
        }
    for (int i = 0; i < N; i++) X[i] = B[i] = il_normal(&rng);
    double M[N * N];
    memcpy(M, A, sizeof M);
    il_cholesky_solve(M, N, X, 1);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) sum += A[i * N + j] * X[j];
        CHECK_NEAR(sum, B[i], 1e-10, "A X = B");
    }
}

/* ---- models -------------------------------------------------------------------------------------- */

static il_model *made(const char *const *settings, int n)
{
    il_config config;
    il_model *model = NULL;
    il_config_init(&config);
    for (int i = 0; i < n; i++) CHECK_OK(il_config_set(&config, settings[i], &err));
    CHECK_OK(il_model_new(&model, &config, &err));
    return model;
}

/* Two layers of linear attention with two heads on columns (x, y), with random weights */
static il_model *columns(const char *seed)
{
    const char *const settings[] = {
        "model.family=stack",
        "model.tokens=columns",
        "model.read_in=none",
        "model.read=minus_y",
        "model.n_dims=3",
        "model.n_embd=4",
        "model.n_head=2",
        "model.n_key=4",
        "model.n_positions=9",
        "model.blocks=linear*2",
        "model.init_std=0.2",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=9",
        "training.curriculum.points.end=9",
        seed,
    };
    return made(settings, IL_COUNT(settings));
}

static il_model *built(const char *text)
{
    il_model *m = NULL;
    CHECK_OK(il_build(&m, text, &err));
    return m;
}

static void refused(const char *name, const il_model *a, const il_model *b,
                    const char *settings, const char *says)
{
    il_table *t = NULL;
    il_error e = { 0 };
    assert_int_equal(try_to_measure(&t, name, a, b, settings, &e), IL_ECONFIG);
    CHECK(strstr(e.text, says), "'%s' lacks '%s'", e.text, says);
}

static double cell(const il_table *t, int row, const char *col)
{
    int c = il_table_find(t, col);
    CHECK(c >= 0, "no column %s", col);
    return il_table_number(t, row, c);
}

/* ---- the way between two models ------------------------------------------------------------------ */

static double loss_of(const il_model *m)
{
    double loss;
    CHECK_OK(il_observe_loss(&loss, m, 50, 7, &err));
    return loss;
}

static void ends_are_the_models(const il_model *a, const il_model *b, const char *what)
{
    il_table *t = NULL;
    CHECK_OK(try_to_measure(&t, "interpolate", a, b, "prompts=50;seed=7", &err));
    int last = il_table_rows(t) - 1;
    CHECK_NEAR(cell(t, 0, "weight"), 0, 0, what);
    CHECK_NEAR(cell(t, last, "weight"), 1, 0, what);
    CHECK_NEAR(cell(t, 0, "loss"), loss_of(a), 1e-5 * loss_of(a), what);
    if (b) CHECK_NEAR(cell(t, last, "loss"), loss_of(b), 1e-5 * loss_of(b), what);
    il_table_free(t);
}

static void the_way_begins_and_ends_at_the_models(void **state)
{
    (void)state;
    il_model *a = columns("training.seed=1"), *b = columns("training.seed=2"),
             *gd = built("gd dims=3 points=9 loops=2 step_size=0.05");
    ends_are_the_models(a, b, "two models of linear attention");
    ends_are_the_models(a, gd, "a loop of one head for two layers of two");
    ends_are_the_models(a, NULL, "its own block means");

    static const char *const other[] = { "model.n_dims=3",
                                         "model.n_positions=9",
                                         "model.n_embd=16",
                                         "model.n_head=2",
                                         "model.n_layer=1",
                                         "training.curriculum.dims.start=3",
                                         "training.curriculum.dims.end=3",
                                         "training.curriculum.points.start=9",
                                         "training.curriculum.points.end=9" };
    il_model *gpt2 = made(other, IL_COUNT(other));
    ends_are_the_models(gpt2, gpt2, "weight by weight");
    refused("interpolate", gpt2, a, "prompts=4", "use different tokens");
    refused("interpolate", gpt2, NULL, "prompts=4", "as a second model");
    refused("interpolate", a, b, "by=checkpoint", "one model");
    refused("interpolate", a, NULL, "by=checkpoint", "the run's folder");
    il_model_free(gpt2);
    il_model_free(a);
    il_model_free(b);
    il_model_free(gd);
}

/* Halfway between gradient steps of 0.02 and 0.08 the first layer takes one of 0.05 */
static void half_the_way_is_half_the_step(void **state)
{
    (void)state;
    static const char *const text[] = { "gd dims=3 points=9 loops=1 step_size=0.02",
                                        "gd dims=3 points=9 loops=1 step_size=0.08",
                                        "gd dims=3 points=9 loops=1 step_size=0.05" };
    il_model *m[3];
    for (int i = 0; i < 3; i++) m[i] = built(text[i]);
    il_table *t = NULL;
    CHECK_OK(try_to_measure(&t, "interpolate", m[0], m[1], "prompts=50;seed=7", &err));
    CHECK_NEAR(cell(t, 5, "loss"), loss_of(m[2]), 1e-5, "two built models");
    il_table_free(t);
    for (int i = 0; i < 3; i++) il_model_free(m[i]);
}

/* ---- distances to constructions -------------------------------------------------------------------- */

static double farthest(const il_model *m, const char *to)
{
    char text[64];
    snprintf(text, sizeof text, "to=%s", to);
    il_table *t = measured("weights", m, text);
    double most = 0;
    for (int r = 0; r < il_table_rows(t); r++) most = fmax(most, cell(t, r, "to"));
    il_table_free(t);
    return most;
}

static void a_construction_is_at_no_distance_from_itself(void **state)
{
    (void)state;
    il_model *gd = built("gd dims=3 points=9 loops=3 step_size=0.05"),
             *gdpp = built("gdpp dims=3 points=9 loops=3"),
             *random = columns("training.seed=1");
    CHECK_NEAR(farthest(gd, "gd step_size=0.2"), 0, 1e-6, "gd of another step size");
    CHECK_NEAR(farthest(gdpp, "gdpp"), 0, 1e-6, "gdpp");
    /* P V of GD++ is -gamma on x and -eta on y, eta = 3 gamma: without x it is 3/sqrt(12) of it */
    CHECK_NEAR(farthest(gdpp, "gd"), sqrt(3.0 / 12), 1e-6, "the x of gdpp is not in gd");
    CHECK(farthest(random, "gd") > 0.5, "random weights: %g", farthest(random, "gd"));
    /* K^T Q of Newton reads the register t, which gd does not have */
    CHECK_NEAR(farthest(gd, "newton"), 1, 1e-6, "newton");
    refused("weights", gd, NULL, "to=mesa_gd dims=4", "share no register");
    refused("weights", gd, NULL, "to=gd;each=value", "needs each = head");
    il_model_free(gd);
    il_model_free(gdpp);
    il_model_free(random);
}

/* K^T Q of a built step is I on x: three singular values of 1; blocks have the registers' names */
static void blocks_and_values_are_listed(void **state)
{
    (void)state;
    il_model *gd = built("gd dims=3 points=9 loops=1 step_size=0.05");
    il_table *t = measured("weights", gd, "each=value");
    assert_int_equal(il_table_rows(t), 8);
    for (int i = 0; i < 8; i++) {
        double want = i < 3 ? 1 : i == 4 ? 0.05 : 0;
        CHECK_NEAR(cell(t, i, "value"), want, 1e-7, "singular values");
    }
    il_table_free(t);
    t = measured("weights", gd, "each=block;to=gd");
    assert_int_equal(il_table_rows(t), 2);
    assert_string_equal(il_table_text(t, 0, il_table_find(t, "block")), "x.x");
    assert_string_equal(il_table_text(t, 1, il_table_find(t, "block")), "y.y");
    for (int i = 0; i < 2; i++) {
        CHECK_NEAR(cell(t, i, "share"), 1, 1e-12, "all of it");
        CHECK_NEAR(cell(t, i, "to"), 0, 1e-12, "as in the construction");
    }
    il_table_free(t);
    il_model_free(gd);
}

/* ---- patches ------------------------------------------------------------------------------------- */

/* Whatever step is written after whatever layer, a built learner goes on from there */
static void a_learner_goes_on_from_what_is_written(void **state)
{
    (void)state;
    il_model *gd = built("gd dims=3 points=9 loops=6 step_size=0.05");
    il_table *t = measured("patch", gd, "prompts=6;seed=3;by=gd step_size=0.05@2");
    assert_int_equal(il_table_rows(t), 6);
    for (int k = 0; k < 6; k++) {
        CHECK_NEAR(cell(t, k, "continued"), 2 + 5 - k, 0, "steps that are left");
        CHECK_NEAR(cell(t, k, "nearest"), 2 + 5 - k, 0, "the step it is nearest to");
        CHECK_NEAR(cell(t, k, "left"), 0, 1e-10, "it goes on");
        CHECK_NEAR(cell(t, k, "written"), 0, 1e-6, "a linear end is written to exactly");
        if (k != 1) CHECK_NEAR(cell(t, k, "follows"), 1, 1e-3, "the answer follows");
    }
    il_table_free(t);
    /* the register that the answer is read from */
    t = measured("patch", gd, "prompts=6;seed=3;by=gd step_size=0.05@2;at=y");
    for (int k = 0; k < 6; k++) CHECK_NEAR(cell(t, k, "left"), 0, 1e-10, "register y");
    il_table_free(t);

    /* what it has learnt stands in the examples: written at the query alone, it is lost */
    t = measured("patch", gd, "prompts=6;seed=3;by=gd step_size=0.05@2;at=y;tokens=query");
    CHECK(cell(t, 0, "left") > 1e-3, "at the query alone: %g", cell(t, 0, "left"));
    CHECK_NEAR(cell(t, 1, "left"), 0, 1e-10, "its own step");
    CHECK_NEAR(cell(t, 5, "left"), 0, 1e-10, "after the last layer");
    il_table_free(t);

    /* another learner's step is not gone on from by this one's steps */
    t = measured("patch", gd, "prompts=6;seed=3;by=newton@4;at=y");
    CHECK(cell(t, 0, "left") > 1e-2, "newton is not continued: %g", cell(t, 0, "left"));
    il_table_free(t);
    il_model_free(gd);
}

static void a_register_and_an_op_can_be_replaced(void **state)
{
    (void)state;
    il_model *gd = built("gd dims=3 points=9 loops=3 step_size=0.05");
    il_table *t = measured("patch", gd, "prompts=6;queries=4;seed=3;tokens=all");
    for (int k = 0; k < 3; k++)
        CHECK_NEAR(cell(t, k, "follows"), 1, 1e-5, "all of the other prompt");
    il_table_free(t);
    /* with the inputs of another prompt residuals stay one's own */
    t = measured("patch", gd, "prompts=6;queries=4;seed=3;tokens=all;at=x");
    CHECK(cell(t, 0, "follows") < 0.5, "x: %g", cell(t, 0, "follows"));
    CHECK_NEAR(cell(t, 2, "follows"), 0, 1e-6, "after the last layer x is not read");
    assert_string_equal(il_table_text(t, 0, 0), "loop 1 x");
    il_table_free(t);
    /* the stream behind the attention is that after the layer */
    t = measured("patch", gd, "prompts=6;queries=4;seed=3;tokens=all;at=attn.o");
    CHECK_NEAR(cell(t, 0, "follows"), 1, 1e-5, "an op of a block");
    il_table_free(t);

    refused("patch", gd, NULL, "prompts=6;at=z", "neither a register");
    refused("patch", gd, NULL, "prompts=6;at=attn.o;by=gd@1", "register");
    refused("patch", gd, NULL, "prompts=6;by=gd", "@3");
    refused("patch", gd, NULL, "prompts=6;by=ols@1", "answers at once");
    il_model_free(gd);
}

/* ---- tokens of sequences --------------------------------------------------------------------------- */

enum { S = 3, T = 7, B = 5 }; /* dimensions, observations that are seen, sequences */

/* The sequences that a measure draws with seed 3 */
static il_batch *sequences(void)
{
    il_batch *batch = NULL;
    const il_task *task = il_task_find("linear_dynamics");
    double opts[IL_TASK_OPTS];
    il_opt_init(task->opts, opts);
    CHECK_OK(il_batch_new_outs(&batch, B, T, S, S, &err));
    il_draw at = { .seed = 3, .stream = IL_STREAM_EVAL, .step = 1 };
    CHECK_OK(il_batch_draw(batch, task, opts, NULL, S, at, &err));
    return batch;
}

/* p = eta sum_{j<=t} s_j (s_{j-1} . s_t), in double */
static void one_step(double eta, const double *s, double *p)
{
    const double *now = s + (T - 1) * S;
    for (int i = 0; i < S; i++) p[i] = 0;
    for (int j = 1; j < T; j++) {
        double along = 0;
        for (int d = 0; d < S; d++) along += s[(j - 1) * S + d] * now[d];
        for (int i = 0; i < S; i++) p[i] += eta * s[j * S + i] * along;
    }
}

/* Mean over sequences and components of |d p_i / d s_{t-lag}| */
static double slope_of(const il_batch *batch, double eta, int lag)
{
    const double h = 1e-5;
    double sum = 0;
    for (int b = 0; b < B; b++) {
        double s[T * S], square[S] = { 0 }, up[S], down[S];
        for (int i = 0; i < T * S; i++) s[i] = (double)batch->x[b * T * S + i];
        for (int d = 0; d < S; d++) {
            double *at = s + (T - 1 - lag) * S + d, was = *at;
            *at = was + h;
            one_step(eta, s, up);
            *at = was - h;
            one_step(eta, s, down);
            *at = was;
            for (int i = 0; i < S; i++)
                square[i] += (up[i] - down[i]) * (up[i] - down[i]) / (4 * h * h);
        }
        for (int i = 0; i < S; i++) sum += sqrt(square[i]) / (S * B);
    }
    return sum;
}

static void sensitivity_is_the_derivative(void **state)
{
    (void)state;
    il_model *m = built("mesa_gd dims=3 points=7 layers=1 step_size=0.07");
    il_table *t = measured("sensitivity", m, "prompts=5;seed=3"); /* B */
    il_batch *batch = sequences();
    assert_int_equal(il_table_rows(t), T);
    for (int lag = 0; lag < T; lag++)
        CHECK_NEAR(cell(t, lag, "answer"), slope_of(batch, 0.07, lag), 2e-4,
                   "one gradient step");
    il_batch_free(batch);
    il_table_free(t);
    il_model_free(m);
}

/* With W_q = a I and W_k = I the weights are softmax(a s_t . s_j / sqrt(S)) */
static void attention_is_the_softmax(void **state)
{
    (void)state;
    const char *const settings[] = { "model.family=stack",
                                     "model.tokens=sequence",
                                     "model.read_in=none",
                                     "model.read=first",
                                     "model.blocks=softmax",
                                     "model.n_dims=3",
                                     "model.n_embd=3",
                                     "model.n_head=1",
                                     "model.n_key=3",
                                     "model.n_positions=7",
                                     "training.task_name=linear_dynamics",
                                     "training.curriculum.dims.start=3",
                                     "training.curriculum.dims.end=3",
                                     "training.curriculum.points.start=7",
                                     "training.curriculum.points.end=7" };
    il_model *m = made(settings, IL_COUNT(settings));
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *p = &m->plan.params[i];
        double a = strstr(p->name, ".q.") ? 2 : strstr(p->name, ".k.") ? 1 : 0.1;
        for (int k = 0; k < 9; k++)
            m->weights[p->offset + (size_t)k] = (il_real)(k % 4 ? 0 : a);
    }
    il_model_pack(m);
    il_table *t = measured("sensitivity", m, "prompts=5;seed=3"); /* B */
    il_batch *batch = sequences();
    double mean[T] = { 0 };
    for (int b = 0; b < B; b++) {
        const il_real *s = batch->x + b * T * S;
        double p[T], sum = 0;
        for (int j = 0; j < T; j++) {
            double dot = 0;
            for (int d = 0; d < S; d++)
                dot += (double)s[j * S + d] * (double)s[(T - 1) * S + d];
            sum += p[j] = exp(2 * dot / sqrt(S));
        }
        for (int j = 0; j < T; j++) mean[T - 1 - j] += p[j] / sum / B;
    }
    for (int lag = 0; lag < T; lag++)
        CHECK_NEAR(cell(t, lag, "attention h.0.attn"), mean[lag], 1e-6, "attention");
    il_batch_free(batch);
    il_table_free(t);
    il_model_free(m);
}

/* The lens and a probe of the model whose first layer is the gradient step itself */
static void sequences_are_read(void **state)
{
    (void)state;
    il_model *m = built("mesa_gd dims=3 points=7 layers=2 step_size=0.07");
    il_table *t = measured(
        "probe", m, "prompts=200;seed=3;examples=6;target=gradient_step,past0,past1");
    assert_int_equal(il_table_rows(t), 3); /* the input, two layers */
    CHECK(cell(t, 0, "gradient_step") > 0.3, "before the step");
    CHECK_NEAR(cell(t, 1, "gradient_step"), 0, 1e-4, "after the step");
    for (int l = 0; l < 3; l++) {
        CHECK_NEAR(cell(t, l, "past1"), 0, 1e-4, "s_{t-1} stands in the token");
        CHECK(cell(t, l, "past1_control") > 0.9, "another sequence's: %g",
              cell(t, l, "past1_control"));
    }
    il_table_free(t);
    t = measured("lens", m, "prompts=200;seed=3;examples=6");
    assert_int_equal(il_table_rows(t), 2);
    CHECK(cell(t, 1, "error") < cell(t, 0, "error") && cell(t, 0, "error") < 1,
          "every step comes nearer: %g, %g", cell(t, 0, "error"), cell(t, 1, "error"));
    il_table_free(t);
    refused("patch", m, NULL, "prompts=200;examples=6",
            "use innerloop inspect lens, probe");
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_reads_what_a_ridge_cannot),
        cmocka_unit_test(positions_are_found),
        cmocka_unit_test(a_symmetric_system_is_solved),
        cmocka_unit_test(the_way_begins_and_ends_at_the_models),
        cmocka_unit_test(half_the_way_is_half_the_step),
        cmocka_unit_test(a_construction_is_at_no_distance_from_itself),
        cmocka_unit_test(blocks_and_values_are_listed),
        cmocka_unit_test(a_learner_goes_on_from_what_is_written),
        cmocka_unit_test(a_register_and_an_op_can_be_replaced),
        cmocka_unit_test(sensitivity_is_the_derivative),
        cmocka_unit_test(attention_is_the_softmax),
        cmocka_unit_test(sequences_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
