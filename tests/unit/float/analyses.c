/* analyses.c - every measure runs on a small model, fills its table and leaves the model as it was */
#include "measure/measure.h"
#include "measured.h"

static il_model *small(const char *family)
{
    static const char *const settings[] = {
        "model.n_dims=3",
        "model.n_positions=8",
        "model.n_embd=16",
        "model.n_head=2",
        "model.n_layer=2",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=7",
        "training.curriculum.points.end=7",
        "training.curriculum.loops.start=2",
        "training.curriculum.loops.end=2",
        "training.n_loop_window=2",
    };
    il_config config;
    il_model *model = NULL;
    il_config_init(&config);
    CHECK_OK(il_config_set(&config, family, &err));
    for (int i = 0; i < IL_COUNT(settings); i++)
        CHECK_OK(il_config_set(&config, settings[i], &err));
    CHECK_OK(il_model_new(&model, &config, &err));
    return model;
}

/* The linear transformer whose l-th layer is a gradient step of eta / n, by hand */
static il_model *steps(double eta, int layers)
{
    char blocks[32];
    snprintf(blocks, sizeof blocks, "model.blocks=linear*%d", layers);
    const char *const settings[] = {
        "model.family=stack",
        "model.tokens=columns",
        "model.read_in=none",
        "model.read=minus_y",
        "model.n_dims=3",
        "model.n_embd=4",
        "model.n_head=1",
        "model.n_key=4",
        "model.n_positions=8",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=7",
        "training.curriculum.points.end=7",
    };
    il_config config;
    il_model *model = NULL;
    il_config_init(&config);
    CHECK_OK(il_config_set(&config, blocks, &err));
    for (int i = 0; i < IL_COUNT(settings); i++)
        CHECK_OK(il_config_set(&config, settings[i], &err));
    CHECK_OK(il_model_new(&model, &config, &err));
    for (int i = 0; i < model->plan.n_params; i++) {
        const il_param *p = &model->plan.params[i];
        il_real *w = model->weights + p->offset;
        int last = strstr(p->name, ".v.") || strstr(p->name, ".proj.");
        assert_int_equal(p->rows * p->cols, 16);
        for (int k = 0; k < 16; k++) w[k] = 0;
        for (int k = 0; k < 3 && !last; k++) w[k * 4 + k] = 1; /* q, k: x */
        if (strstr(p->name, ".v.")) w[15] = 1;                 /* v: y */
        if (strstr(p->name, ".proj.")) w[15] = (il_real)-eta;
    }
    il_model_pack(model);
    return model;
}

static void run_and_leave(void **state)
{
    static const char *const families[] = { "model.family=gpt2", "model.family=gpt2_loop",
                                            "model.family=gpt2_tying" };
    (void)state;
    for (int f = 0; f < IL_COUNT(families); f++) {
        il_model *model = small(families[f]), *other = small(families[f]);
        uint64_t before = il_model_hash(model);
        for (int i = 0; il_measure_at(i); i++) {
            const il_measure_kind *kind = il_measure_at(i);
            char text[128] = "";
            il_table *t = NULL;
            if (!kind->most || !strcmp(kind->name, "few_shot") ||
                !strcmp(kind->name, "softmax_scores"))
                continue; /* of models of sequences, of softmax on a dictionary */
            if (il_opt_find(kind->opts, "prompts"))
                strcat(text,
                       strcmp(kind->name, "loss") ? "prompts=4;seed=3" : "prompts=60");
            if (il_opt_find(kind->opts, "queries")) strcat(text, ";queries=4");
            CHECK_OK(try_to_measure(&t, kind->name, model,
                                    strcmp(kind->name, "interpolate") ? NULL : other, text,
                                    &err));
            assert_string_equal(il_table_name(t), kind->name);
            assert_true(il_table_rows(t) > 0);
            assert_true(*il_table_caption(t));
            assert_true(il_model_hash(model) == before);
            il_table_free(t);
        }
        il_model_free(other);
        il_model_free(model);
    }
}

/* From zero scores the first step moves the own score by step_size p E[a ((1 - a)^2 + sum of the others' squares)], where
 * with many examples every attention is its probability; and attention is the share of the feature. */
static void scores_begin_as_derived(void **state)
{
    (void)state;
    double K = 8, p = 1 / K;
    il_table *t = measured("softmax_dynamics", NULL,
                           "features=8;dominant=0;examples=1000;step_size=1;steps=1");
    double step = K * K * p * p * ((1 - p) * (1 - p) + (K - 1) * p * p),
           own = il_table_number(t, 1, il_table_find(t, "own")) * log(K);
    CHECK_NEAR(own, step, 0.01 * step, "the first step");
    CHECK_NEAR(il_table_number(t, 0, il_table_find(t, "rare_loss")), (1 - p) / 2, 0.001,
               "a loss without learning");
    CHECK_NEAR(il_table_number(t, 0, il_table_find(t, "attention")), p, 1e-3, "attention");
    assert_true(isnan(il_table_number(t, 0, il_table_find(t, "on_dominant"))));
    il_table_free(t);
}

/* Nothing pruned is the model itself; all neurons pruned leave an MLP its output's bias, as zero output weights do. */
static void pruning_ends_where_it_should(void **state)
{
    (void)state;
    il_model *model = small("model.family=gpt2"), *none = small("model.family=gpt2");
    for (int i = 0; i < none->plan.n_params; i++) {
        const il_param *p = &none->plan.params[i];
        if (strstr(p->name, "mlp.c_proj.weight"))
            memset(none->weights + p->offset, 0, sizeof(il_real) * il_param_size(p));
    }
    il_model_pack(none);
    il_table *t = measured("prune", model, "shares=0,0.5,1;prompts=60"),
             *itself = measured("prune", model, "shares=0;prompts=60"),
             *without = measured("prune", none, "shares=0;prompts=60");
    for (int column = 1; column < 4; column++) {
        CHECK_NEAR(il_table_number(t, 0, column), il_table_number(itself, 0, 1), 0, "none");
        CHECK_NEAR(il_table_number(t, 2, column), il_table_number(without, 0, 1), 1e-6,
                   "all");
    }
    assert_true(il_table_number(t, 1, 1) != il_table_number(t, 1, 2));
    il_table_free(t);
    il_table_free(itself);
    il_table_free(without);
    t = measured("prune", model, "unit=weights;shares=1;prompts=60");
    assert_true(isfinite(il_table_number(t, 0, 1)));
    il_table_free(t);
    il_model_free(model);
    il_model_free(none);
}

/* A change of rank one, and one of rank two of equal parts */
static void updates_have_their_rank(void **state)
{
    (void)state;
    il_model *model = small("model.family=gpt2");
    const il_param *p = NULL;
    for (int i = 0; i < model->plan.n_params; i++)
        if (!strcmp(model->plan.params[i].name, "h.1.mlp.c_fc.weight"))
            p = &model->plan.params[i];
    assert_non_null(p);
    for (int parts = 1; parts <= 2; parts++) {
        model->weights[p->offset + (size_t)parts * (size_t)p->cols + (size_t)parts] += 4;
        il_table *t = measured("updates", model, "rank=1");
        for (int row = 0; row < il_table_rows(t); row++) {
            if (strcmp(il_table_text(t, row, 0), p->name)) {
                assert_true(il_table_number(t, row, 1) == 0);
                continue;
            }
            CHECK_NEAR(il_table_number(t, row, 1), 4 * sqrt(parts), 1e-5, "norm");
            CHECK_NEAR(il_table_number(t, row, il_table_find(t, "energy")), 1.0 / parts,
                       1e-5, "energy");
            CHECK_NEAR(il_table_number(t, row, il_table_find(t, "next")), parts - 1, 1e-5,
                       "next");
            assert_true(il_table_number(t, row, il_table_find(t, "rank")) == parts);
        }
        il_table_free(t);
    }
    il_model_free(model);
}

/* On a model whose every layer is known */
static void say_what_is_known(void **state)
{
    (void)state;
    il_model *model = steps(0.05, 2);
    il_table *t = measured("weights", model, "");
    assert_int_equal(il_table_rows(t), 4);
    for (int row = 0; row < 4; row++) {
        CHECK_NEAR(il_table_number(t, row, il_table_find(t, "identity")), 1, 1e-6,
                   "identity");
        if (row % 2) continue;
        CHECK_NEAR(il_table_number(t, row, il_table_find(t, "distance")), 0, 1e-6,
                   "distance");
        CHECK_NEAR(il_table_number(t, row, il_table_find(t, "step")), 0.05, 1e-6, "step");
    }
    il_table_free(t);

    /* what a step has learnt stands in the examples, what it answers in the query: all of it */
    t = measured("patch", model, "prompts=4;queries=6;seed=3");
    CHECK_NEAR(il_table_number(t, 1, 1), 1, 1e-6,
               "after the last layer the answer follows");
    il_table_free(t);

    /* one layer: d yhat / d y_j = eta q x_j, so by_y does not depend on least squares */
    il_explanation e;
    static const char *const o[] = { "prompts=4", "queries=6", "seed=3" };
    CHECK_OK(il_explain(model, o, 3, &e, &err));
    CHECK(e.found == IL_EXPLAINED_RUNS && !strcmp(e.family, "gd"), "%s", e.verdict);
    CHECK_NEAR(e.steps_per_layer, 1, 1e-9, e.verdict);
    il_explanation_free(&e);
    il_model_free(model);
}

static void faults_are_named(void **state)
{
    (void)state;
    il_model *model = small("model.family=gpt2");
    static const struct {
        const char *name, *settings, *says;
        il_status status;
    } wrong[] = {
        { "lense", "", "no measure 'lense'; did you mean 'lens'", IL_EUSAGE },
        { "weights", "examples=4",
          "weights has no option 'examples'; it is one of similarity", IL_EUSAGE },
        { "weights", "eech=head", "no option 'eech'; did you mean 'each'", IL_EUSAGE },
        { "weights", "each", "'each' is not of the form option=value", IL_EUSAGE },
        { "weights", "each=heads", "is none of head|block|value", IL_ECONFIG },
        { "weights", "seed=1;seed=2", "given twice", IL_ECONFIG },
        { "lens", "data=opposite", "opposite", IL_ECONFIG },
        { "points", "against=olss", "did you mean 'ols'", IL_ECONFIG },
        { "tuned", "", "measures no model", IL_ECONFIG },
    };
    for (int i = 0; i < IL_COUNT(wrong); i++) {
        il_table *t = NULL;
        il_error e = { 0 };
        assert_int_equal(
            try_to_measure(&t, wrong[i].name, model, NULL, wrong[i].settings, &e),
            wrong[i].status);
        CHECK(strstr(e.text, wrong[i].says), "'%s' lacks '%s'", e.text, wrong[i].says);
        assert_null(t);
    }
    il_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_and_leave),
        cmocka_unit_test(scores_begin_as_derived),
        cmocka_unit_test(pruning_ends_where_it_should),
        cmocka_unit_test(updates_have_their_rank),
        cmocka_unit_test(say_what_is_known),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
