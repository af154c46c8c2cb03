/* stack.c - the family `stack`: what its parts do, and what its recipes may not say */
#include "check.h"
#include "models.h"
#include "train/train.h"

#include <stdlib.h>

/* `more`: assignments, separated by blanks */
static il_config config_of(const char *more)
{
    static const char base[] =
        "model.family=stack model.n_dims=3 model.n_positions=6 model.n_embd=12 "
        "model.n_head=2 "
        "training.task_name=linear_dynamics model.tokens=constructed model.read_in=none "
        "model.read=first training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.curriculum.points.start=6 training.curriculum.points.end=6";
    return config_with(base, more);
}

static il_model *model_of(const char *more)
{
    il_config c = config_of(more);
    il_model *m = NULL;
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

static il_real *find_weight(il_model *m, const char *name)
{
    for (int i = 0; i < m->plan.n_params; i++)
        if (!strcmp(m->plan.params[i].name, name))
            return m->weights + m->plan.params[i].offset;
    fail_msg("no weight %s", name);
    return NULL;
}

/* The same, set to zero */
static il_real *weight_of(il_model *m, const char *name)
{
    il_real *w = find_weight(m, name);
    for (int i = 0; i < m->plan.n_params; i++)
        if (!strcmp(m->plan.params[i].name, name))
            memset(w, 0, sizeof *w * il_param_size(&m->plan.params[i]));
    return w;
}

static il_batch *drawn(const il_config *c, int prompts)
{
    const il_task *task = il_task_find(c->training.task_name);
    int outs = il_task_outs(task, c->training.task_opts, c->model.n_dims);
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new_outs(&batch, prompts, 6, c->model.n_dims, outs, &err));
    CHECK_OK(il_batch_draw(batch, task, c->training.task_opts, NULL, c->model.n_dims,
                           (il_draw){ .seed = 2, .stream = IL_STREAM_EVAL }, &err));
    return batch;
}

/* How far a model's answers are from an algorithm's */
static double distance(const il_model *m, const il_batch *batch, const char *text,
                       int steps)
{
    size_t n = (size_t)batch->prompts * (size_t)batch->points * (size_t)batch->outs;
    il_real *ours = malloc(n * sizeof *ours), *theirs = malloc(n * sizeof *theirs);
    il_algo *algo = NULL;
    double most = 0;
    CHECK_OK(il_model_answer(m, batch, 1, 1, ours, &err));
    CHECK_OK(il_algo_new(&algo, text, &err));
    CHECK_OK(il_algo_predict(algo, batch, steps, steps, theirs, NULL, &err));
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)ours[i] - (double)theirs[i]));
    il_algo_free(algo);
    free(ours);
    free(theirs);
    return most;
}

/* Proposition 1 of von Oswald et al. 2023: queries read s_t, keys s_{t-1}, values s_t, and the
 * output is written to the first slot: one gradient step at every position at once. */
static void one_linear_head_is_a_gradient_step(void **state)
{
    (void)state;
    enum { D = 3, C = 4 * D };
    il_model *m = model_of("model.n_head=1 model.n_key=3");
    il_real *q = weight_of(m, "h.0.attn.q.weight"), *k = weight_of(m, "h.0.attn.k.weight"),
            *v = weight_of(m, "h.0.attn.v.weight"),
            *proj = weight_of(m, "h.0.attn.proj.weight");
    for (int d = 0; d < D; d++) {
        q[d * C + D + d] = 1;
        k[d * C + 3 * D + d] = 1;
        v[d * C + 2 * D + d] = 1;
        proj[d * D + d] = (il_real)0.05;
    }
    il_model_pack(m);
    il_batch *batch = drawn(&m->config, 5);
    double e = distance(m, batch, "gd step_size=0.05", 1);
    CHECK(e < 1e-5, "%g from a gradient step", e);
    il_batch_free(batch);
    il_model_free(m);
}

/* The same on columns, whose query is no key: W_q, W_k read x, W_v reads y and is written to y */
static void columns_do_it_too(void **state)
{
    (void)state;
    enum { D = 3, C = D + 1 };
    il_model *m =
        model_of("training.task_name=linear_regression model.tokens=columns "
                 "model.n_embd=4 model.n_head=1 model.n_key=4 model.read=minus_y");
    il_real *q = weight_of(m, "h.0.attn.q.weight"), *k = weight_of(m, "h.0.attn.k.weight");
    for (int d = 0; d < D; d++) q[d * C + d] = k[d * C + d] = 1;
    weight_of(m, "h.0.attn.v.weight")[C * C - 1] = 1;
    weight_of(m, "h.0.attn.proj.weight")[C * C - 1] = (il_real)-0.05;
    il_model_pack(m);
    il_batch *batch = drawn(&m->config, 5);
    double e = distance(m, batch, "gd step_size=0.05", 1);
    CHECK(e < 1e-5, "%g from a gradient step", e);
    il_batch_free(batch);
    il_model_free(m);
}

/* Softmax on columns, with scores b x_i . x: the examples' mean, weighted by exp(b x_i . x), at the query alone */
static void softmax_on_columns_averages_examples(void **state)
{
    (void)state;
    enum { D = 3, C = D + 1, B = 5, N = 6 };
    il_model *m = model_of("training.task_name=linear_regression model.tokens=columns "
                           "model.blocks=softmax model.n_embd=4 model.n_head=1 "
                           "model.n_key=4 model.read=y");
    il_real *q = weight_of(m, "h.0.attn.q.weight"), *k = weight_of(m, "h.0.attn.k.weight");
    for (int d = 0; d < D; d++) q[d * C + d] = 3, k[d * C + d] = 1;
    weight_of(m, "h.0.attn.v.weight")[C * C - 1] = 1;
    weight_of(m, "h.0.attn.proj.weight")[C * C - 1] = 1;
    il_model_pack(m);
    il_batch *batch = drawn(&m->config, B);
    il_real answer[B * N];
    CHECK_OK(il_model_answer(m, batch, 1, 1, answer, &err));
    for (int b = 0; b < B; b++)
        for (int n = 0; n < N; n++) {
            const il_real *x = batch->x + b * N * D, *y = batch->y + b * N;
            double sum = 0, mean = 0;
            for (int i = 0; i < n; i++) {
                /* scores are divided by the root of the key size, 4 */
                double e = exp(1.5 * il_prompt_dot(x + i * D, x + n * D, D));
                sum += e;
                mean += e * (double)y[i];
            }
            CHECK_NEAR(answer[b * N + n], n ? mean / sum : 0, 1e-5, "a weighted mean");
        }
    il_batch_free(batch);
    il_model_free(m);
}

static void blocks_are_counted(void **state)
{
    (void)state;
    il_model *m = model_of("model.blocks=softmax,linear*5");
    int attention = 0, linear = 0;
    for (int j = 0; j < m->plan.n_ops; j++) {
        attention += !strcmp(m->plan.ops[j].kind->name, "attention");
        linear += !strcmp(m->plan.ops[j].kind->name, "linear_attention");
    }
    assert_int_equal(attention, 1);
    assert_int_equal(linear, 5);
    assert_int_equal(il_model_counts(m).all, 6 * 4 * 12 * 12);
    il_model_free(m);
}

static void positions_are_sines(void **state)
{
    (void)state;
    il_model *m = model_of("model.tokens=sequence model.read_in=linear model.read=linear "
                           "model.blocks=softmax model.position=concat");
    int slot = IL_NONE;
    for (int i = 0; i < m->plan.n_slots; i++)
        if (!strcmp(m->plan.slots[i].name, "h.0.attn.position")) slot = i;
    assert_true(slot != IL_NONE);
    il_batch *batch = drawn(&m->config, 2);
    il_state *s = NULL;
    CHECK_OK(il_state_new(&s, m, 2, 6, 1, &err));
    il_state_fill(s, batch, 0, 2, 6);
    il_forward(s, &(il_run){ .loops = 1, .window = 1, .post = 1 });
    for (int t = 0; t < 12; t++)
        for (int i = 0; i < 6; i++) {
            double angle = t % 6 * pow(10000, -2.0 * i / 12);
            CHECK_NEAR(s->value[slot][t * 24 + 12 + 2 * i], sin(angle), 1e-6, "sine");
            CHECK_NEAR(s->value[slot][t * 24 + 13 + 2 * i], cos(angle), 1e-6, "cosine");
        }
    il_state_free(s);
    il_batch_free(batch);
    il_model_free(m);
}

/* What a map's form allows, of a weight (C,C) whose first D columns are the first block */
static void check_form(const il_real *w, int C, int D, const char *first, const char *rest)
{
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) {
            const char *form = i < D ? first : rest;
            double v = (double)w[i * C + j], s = (double)w[i < D ? 0 : C * C - 1];
            if ((i < D) != (j < D) || !strcmp(form, "zero") ||
                (i != j && strcmp(form, "matrix")))
                assert_true(v == 0);
            else if (!strcmp(form, "one"))
                assert_true(v == 1);
            else if (!strcmp(form, "scalar"))
                assert_true(v == s && v != 0);
            else
                assert_true(v != 0);
        }
}

/* Products keep their form, to the bit, through training; and what is trained moves. */
static void products_keep_their_form(void **state)
{
    (void)state;
    static const char *const forms[][4] = { { "matrix", "zero", "zero", "one" },
                                            { "scalar", "scalar", "scalar", "scalar" },
                                            { "scalar", "zero", "matrix", "matrix" } };
    enum { D = 3, C = 4 };
    for (int i = 0; i < IL_COUNT(forms); i++) {
        il_config c =
            config_of("model.tokens=columns model.n_embd=4 model.n_head=1 "
                      "model.read=minus_y model.scale=0.2 model.init_std=0.3 "
                      "model.blocks=linear*2 training.task_name=linear_regression "
                      "training.batch_size=20 training.learning_rate=0.01");
        snprintf(c.model.products, IL_TEXT, "%s/%s %s/%s", forms[i][0], forms[i][1],
                 forms[i][2], forms[i][3]);
        il_trainer *t = NULL;
        il_progress p;
        CHECK_OK(il_trainer_new(&t, &c, &err));
        il_model *m = il_trainer_model(t);
        il_real *q = find_weight(m, "h.1.attn.q.weight"), before[C * C];
        memcpy(before, q, sizeof before);
        for (int step = 0; step < 5; step++) CHECK_OK(il_trainer_step(t, 1, &p, &err));
        check_form(q, C, D, forms[i][0], forms[i][1]);
        check_form(before, C, D, forms[i][0], forms[i][1]);
        assert_true(memcmp(before, q, sizeof before));
        check_form(find_weight(m, "h.0.attn.proj.weight"), C, D, forms[i][2], forms[i][3]);
        check_form(find_weight(m, "h.0.attn.k.weight"), C, C, "one", "");
        check_form(find_weight(m, "h.1.attn.v.weight"), C, C, "one", "");
        il_trainer_free(t);
    }
}

static void wrong_products_get_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "matrix/zero", "is not the form of W_k^T W_q and that of P W_v" },
        { "dense dense dense", "is not the form" },
        { "matrix/none dense", "'matrix/none' is neither dense nor two of" },
        { "dense matrix", "'matrix' is neither dense" },
        { "dense /", "'/' is neither dense" },
    };
    for (int i = 0; i <= IL_COUNT(cases); i++) {
        il_config c = config_of("model.n_head=1");
        il_model *m = NULL;
        il_error err = { 0 };
        const char *says = "needs one head as wide as model.n_embd = 12";
        snprintf(c.model.products, IL_TEXT, "%s", "dense dense");
        if (i < IL_COUNT(cases)) {
            snprintf(c.model.products, IL_TEXT, "%s", cases[i][0]);
            says = cases[i][1];
        } else {
            c.model.n_head = 2;
        }
        assert_int_equal(il_model_new(&m, &c, &err), IL_ECONFIG);
        CHECK(strstr(err.text, says), "'%s' says: %s", c.model.products, err.text);
    }
}

static void wrong_recipes_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *more, *says;
    } cases[] = {
        { "model.blocks=lineer", "did you mean 'linear'?" },
        { "model.blocks=linear*0", "after 'linear*' comes a number of blocks" },
        { "model.blocks=,", "names no block" },
        { "model.n_embd=8", "tokens are 12 wide, more than model.n_embd = 8" },
        { "model.n_head=5", "model.n_head = 5 does not divide model.n_embd = 12" },
        { "model.blocks=softmax model.n_value=3", "which softmax cannot do" },
        { "training.task_name=linear_regression", "for tasks of sequences" },
        { "training.task_name=linear_regression training.variances=1,2 "
          "model.tokens=columns",
          "are 2, for inputs of 3 dimensions" },
        { "training.task_name=linear_regression training.variances=1,2,3,4 "
          "model.tokens=columns",
          "are 4, for inputs of 3 dimensions" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_config c = config_of(cases[i].more);
        il_model *m = NULL;
        il_error err = { 0 };
        assert_int_equal(il_model_new(&m, &c, &err), IL_ECONFIG);
        CHECK(strstr(err.text, cases[i].says), "'%s' says: %s", cases[i].more, err.text);
        assert_null(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_linear_head_is_a_gradient_step),
        cmocka_unit_test(columns_do_it_too),
        cmocka_unit_test(softmax_on_columns_averages_examples),
        cmocka_unit_test(blocks_are_counted),
        cmocka_unit_test(positions_are_sines),
        cmocka_unit_test(products_keep_their_form),
        cmocka_unit_test(wrong_products_get_a_sentence),
        cmocka_unit_test(wrong_recipes_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
