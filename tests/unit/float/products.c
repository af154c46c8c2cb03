/* products.c - linear attention read by its products: a gradient step written into weights is read
 * back, product form answers alike, probes find what is there and nothing else */
#include "measure/measure.h"
#include "observe/observe.h"

#include "evaluate/evaluate.h"
#include "measured.h"

#include <stdlib.h>
#include <string.h>

enum { D = 3, N = 12, C = 4 * D };
static const double ETA = 0.07;

static il_config small(double std)
{
    il_config c;
    il_config_init(&c);
    static const char *const keys[] = {
        "model.family=stack",
        "model.tokens=constructed",
        "model.read_in=none",
        "model.read=first",
        "model.n_dims=3",
        "model.n_positions=12",
        "model.n_embd=12",
        "model.blocks=linear*2",
        "model.n_head=2",
        "model.n_key=6",
        "model.clip=4",
        "training.task_name=linear_dynamics",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=12",
        "training.curriculum.points.end=12",
    };
    for (int i = 0; i < IL_COUNT(keys); i++) CHECK_OK(il_config_set(&c, keys[i], &err));
    c.model.init_std = std;
    return c;
}

static il_model *make(const il_config *c)
{
    il_model *m = NULL;
    CHECK_OK(il_model_new(&m, c, &err));
    return m;
}

static il_real *weight(il_model *m, const char *name)
{
    for (int i = 0; i < m->plan.n_params; i++)
        if (!strcmp(m->plan.params[i].name, name))
            return m->weights + m->plan.params[i].offset;
    fail_msg("no weight %s", name);
    return NULL;
}

/* Proposition 1 in two heads of half the step each, the second block at rest: keys read s_{t-1},
 * queries and values s_t, and the answer is written into slot 0. */
static il_model *gradient_step(void)
{
    il_config c = small(0);
    il_model *m = make(&c);
    il_real *q = weight(m, "h.0.attn.q.weight"), *k = weight(m, "h.0.attn.k.weight");
    il_real *v = weight(m, "h.0.attn.v.weight"), *p = weight(m, "h.0.attn.proj.weight");
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < D; i++) {
            int row = h * 6 + i;
            q[row * C + 2 * D + i] = (il_real)ETA;
            k[row * C + 3 * D + i] = 0.5;
            v[row * C + 2 * D + i] = 1;
            p[i * C + row] = 1;
        }
    il_model_pack(m);
    return m;
}

static il_batch *prompts(const il_model *m, int B)
{
    il_batch *batch = NULL;
    il_task_prompts p = { "linear_dynamics", B, N, D, 3 };
    (void)m;
    CHECK_OK(il_task_prompts_draw(&batch, &p, &err));
    return batch;
}

static void answers_near(const il_model *a, const il_model *b, double tolerance,
                         const char *where)
{
    enum { B = 20, SIZE = B * N * D };
    static il_real x[SIZE], y[SIZE];
    il_batch *batch = prompts(a, B);
    CHECK_OK(il_model_answer(a, batch, 1, 1, x, &err));
    CHECK_OK(il_model_answer(b, batch, 1, 1, y, &err));
    for (int i = 0; i < SIZE; i++) CHECK_NEAR(x[i], y[i], tolerance, where);
    il_batch_free(batch);
}

static void product_form_answers_alike(void **state)
{
    (void)state;
    il_config c = small(0.3);
    il_model *m = make(&c), *p = NULL;
    CHECK_OK(il_observe_product_model(&p, m, m, 0, &err));
    answers_near(m, p, 1e-4,
                 "weight 0"); /* float, products of 24 numbers in another order */
    il_model_free(p);
    il_model_free(m);
}

/* Halfway between a model and its own block means lies the model, where they are all it is. */
static void a_step_is_its_own_construction(void **state)
{
    (void)state;
    il_model *m = gradient_step(), *p = NULL;
    for (int i = 0; i <= 2; i++) {
        CHECK_OK(il_observe_product_model(&p, m, m, i / 2.0, &err));
        answers_near(m, p, 1e-5, "a gradient step");
        il_model_free(p);
    }
    il_model_free(m);
}

static double cell(const il_table *t, int row, const char *col)
{
    int c = il_table_find(t, col);
    CHECK(c >= 0, "no column %s", col);
    return il_table_number(t, row, c);
}

static void weights_are_read_as_a_step(void **state)
{
    (void)state;
    il_model *m = gradient_step();
    il_table *step = measured("weights", m, "each=step;prompts=200");
    il_table *heads = measured("weights", m, "each=share");
    CHECK_NEAR(cell(step, 0, "step_size"), ETA, 1e-7, "two heads of half a step");
    CHECK_NEAR(cell(step, 0, "other"), 0, 0, "nothing else");
    CHECK_NEAR(cell(step, 0, "compressed"), cell(step, 0, "loss"), 1e-6, "block means");
    CHECK_NEAR(cell(heads, 0, "qk_share"), 1, 1e-12, "multiples of I");
    CHECK_NEAR(cell(heads, 1, "pv"), 1, 1e-12, "V");
    CHECK_NEAR(cell(heads, 1, "qk"), ETA / 2, 1e-8, "A");
    il_table_free(step);
    il_table_free(heads);

    /* and the loss is that of the algorithm */
    il_eval_options o = { .against = "gd steps=1 step_size=0.07",
                          .prompts = 200,
                          .seed = 1 };
    il_table *t = NULL;
    double model = 0, algo = 0;
    CHECK_OK(il_eval(&t, m, &o, IL_EVAL_POINTS, &err));
    for (int i = 0; i < N; i++) {
        model += il_table_number(t, i, 1) / N;
        algo += il_table_number(t, i, 4) / N;
    }
    CHECK_NEAR(model, algo, 1e-5, "loss of the step");
    double loss;
    CHECK_OK(il_observe_loss(&loss, m, 200, 1, &err));
    CHECK_NEAR(loss, model, 1e-6, "il_observe_loss");
    il_table_free(t);
    il_model_free(m);
}

static void other_models_are_refused(void **state)
{
    (void)state;
    il_observe_product_shape s;
    static const char *const keys[] = { "model.blocks=softmax", "model.n_mlp=8",
                                        "model.bias=true", "model.norm=layernorm" };
    for (int i = 0; i < IL_COUNT(keys); i++) {
        il_config c = small(0.1);
        il_error e = { 0 };
        CHECK_OK(il_config_set(&c, keys[i], &err));
        il_model *m = make(&c);
        CHECK(il_observe_product_shape_of(&s, m, &e) == IL_ECONFIG, "%s is read", keys[i]);
        CHECK(strstr(e.text, "linear attention"), "%s: %s", keys[i], e.text);
        il_model_free(m);
    }
}

/* After the gradient step the answer is nearer than before it; another prompt's preconditioned input
 * cannot be read anywhere; the preconditioned input alone does not hold the answer. */
static void probes_find_what_is_there(void **state)
{
    (void)state;
    il_model *m = gradient_step();
    static const char *const what[] = { "target=answer", "target=preconditioned",
                                        "target=preconditioned;control=true",
                                        "from=preconditioned" };
    double e[4][3];
    for (int i = 0; i < 4; i++) {
        char opt[128];
        snprintf(opt, sizeof opt, "protocol=mesa;examples=11;prompts=400;ridge=1;%s",
                 what[i]);
        il_table *t = measured("probe", m, opt);
        CHECK(il_table_rows(t) == (i == 3 ? 1 : 3), "%s: %d rows", what[i],
              il_table_rows(t));
        for (int l = 0; l < il_table_rows(t); l++) {
            e[i][l] = cell(t, l, "k=11");
            CHECK_NEAR(cell(t, l, "mean"), e[i][l], 0, "one position");
        }
        il_table_free(t);
    }
    CHECK(e[0][1] < 0.8 * e[0][0], "next: %g after the step, %g before", e[0][1], e[0][0]);
    CHECK_NEAR(e[0][2], e[0][1], 1e-6, "a block at rest changes nothing");
    CHECK(e[1][0] < 0.7 * e[2][0], "preconditioned: %g, of another prompt %g", e[1][0],
          e[2][0]);
    CHECK_NEAR(e[2][1], e[2][0], 0.1 * e[2][0], "control is flat");
    CHECK(e[3][0] > 0.9 * e[0][0], "the input alone: %g of %g", e[3][0], e[0][0]);
    il_model_free(m);
}

/* Whatever stands between the stream and the heads, the maps are those the model was built with. */
static void the_maps_of_every_mixer_are_found(void **unused)
{
    (void)unused;
    static const char *const words[] = { "softmax",    "linear",      "mesa",
                                         "forgetting", "mesanet",     "gla",
                                         "delta",      "gated_delta", "mlstm" };
    static const char *const keys[] = { "model.tokens=sequence", "model.n_value=6",
                                        "model.conv=4",          "model.qk_norm=l2",
                                        "model.head_norm=1",     "model.norm=rmsnorm" };
    for (int i = 0; i < IL_COUNT(words); i++) {
        il_config c = small(0.3);
        il_observe_maps w;
        for (int k = 0; k < IL_COUNT(keys); k++) CHECK_OK(il_config_set(&c, keys[k], &err));
        snprintf(c.model.blocks, sizeof c.model.blocks, "%s", words[i]);
        il_model *m = make(&c);
        int op = 0;
        while (op < m->plan.n_ops && strcmp(m->plan.ops[op].name, "h.0.attn")) op++;
        assert_true(op < m->plan.n_ops);
        assert_int_equal(il_observe_maps_of(&w, m, &m->plan.ops[op]), 1);
        assert_ptr_equal(w.q, weight(m, "h.0.attn.q.weight"));
        assert_ptr_equal(w.k, weight(m, "h.0.attn.k.weight"));
        assert_ptr_equal(w.v, weight(m, "h.0.attn.v.weight"));
        assert_ptr_equal(w.p, weight(m, "h.0.attn.proj.weight"));
        assert_int_equal(w.heads, 2);
        assert_int_equal(w.K, 6);
        il_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_form_answers_alike),
        cmocka_unit_test(a_step_is_its_own_construction),
        cmocka_unit_test(weights_are_read_as_a_step),
        cmocka_unit_test(other_models_are_refused),
        cmocka_unit_test(probes_find_what_is_there),
        cmocka_unit_test(the_maps_of_every_mixer_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
