/* preconditioner.c - steps written into weights are read back by measures, and have their loss */
#include "measured.h"
#include "model/model.h"

enum { D = 3, C = 4, N = 20 };
static const double S[D] = { 2, 1, 0.25 };

static il_model *model_of(const char *products, int blocks)
{
    static const char *const keys[] = {
        "model.family=stack",
        "model.tokens=columns",
        "model.read_in=none",
        "model.read=minus_y",
        "model.n_dims=3",
        "model.n_positions=21",
        "model.n_embd=4",
        "model.n_head=1",
        "model.scale=0.05",
        "model.init_std=0",
        "training.variances=2,1,0.25",
        "training.curriculum.dims.start=3",
        "training.curriculum.dims.end=3",
        "training.curriculum.points.start=21",
        "training.curriculum.points.end=21",
    };
    il_config c;
    il_model *m = NULL;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(keys); i++) CHECK_OK(il_config_set(&c, keys[i], &err));
    snprintf(c.model.products, IL_TEXT, "%s", products);
    snprintf(c.model.blocks, IL_TEXT, "linear*%d", blocks);
    CHECK_OK(il_model_new(&m, &c, &err));
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

static double number(const il_table *table, const char *col)
{
    return il_table_number(table, 0, il_table_find(table, col));
}

static double best(int i) { return 1 / ((1 + 1.0 / N) * S[i] + 3.25 / N); }

/* The optimum shared out between the two products, 2 and 1/2 */
static void the_best_step_is_recognised(void **state)
{
    (void)state;
    il_model *m = model_of("dense dense", 1);
    il_real *q = weight(m, "h.0.attn.q.weight"), *p = weight(m, "h.0.attn.proj.weight");
    p[C * C - 1] = 2;
    for (int i = 0; i < D; i++) q[i * C + i] = (il_real)(-best(i) / 2);
    il_model_pack(m);
    il_table *t = measured("weights", m, "each=preconditioner");
    double a = 0;
    for (int i = 0; i < D; i++) a += best(i) * S[i] / D;
    CHECK_NEAR(number(t, "scale"), a, 1e-6, "scale");
    CHECK_NEAR(number(t, "optimum"), 0, 1e-6, "optimum");
    CHECK_NEAR(number(t, "rest"), 0, 0, "rest");
    il_table_free(t);

    double want = 0;
    for (int i = 0; i < D; i++) {
        double A = best(i), l = S[i];
        want += l * (1 - 2 * A * l + A * A * ((1 + 1.0 / N) * l * l + 3.25 / N * l));
    }
    t = measured("loss", m, "prompts=20000");
    double loss = number(t, "loss"), error = number(t, "error");
    CHECK_NEAR(loss, want, 4 * error, "the loss of the optimum");
    CHECK(error > 0 && error < 0.05 * want, "its error is %g", error);
    il_table_free(t);
    /* n > d, no noise: ols errs by rounding */
    t = measured("loss", m, "prompts=20000;less=ols");
    CHECK_NEAR(number(t, "loss"), loss, 1e-5, "less nothing");
    il_table_free(t);
    /* zero errs by y^2, 3.25 */
    t = measured("loss", m, "prompts=20000;less=zero");
    CHECK_NEAR(number(t, "loss"), want - 3.25, 4 * number(t, "error"), "less zero");
    il_table_free(t);

    q[3 * C + 1] = (il_real)(0.1 * best(2)); /* y_i x_q: 0.2 of the largest entry */
    p[3 * C] = (il_real)0.5;                 /* x_i into y: 0.25 of v */
    q[1 * C + 3] = p[0] = 7;                 /* nothing that the query's answer sees */
    t = measured("weights", m, "each=preconditioner");
    CHECK_NEAR(number(t, "rest"), 0.25, 1e-6, "rest");
    p[3 * C] = 0;
    il_table_free(t);
    t = measured("weights", m, "each=preconditioner");
    CHECK_NEAR(number(t, "rest"), 0.2, 1e-6, "rest");
    il_table_free(t);
    il_model_free(m);
}

/* A weight that is no number is far from every step, not at distance 0. */
static void no_number_is_no_step(void **state)
{
    (void)state;
    static const char *const columns[] = { "plain", "identity", "optimum", "rest" };
    il_model *m = model_of("dense dense", 1);
    il_real *q = weight(m, "h.0.attn.q.weight"), *p = weight(m, "h.0.attn.proj.weight");
    p[C * C - 1] = 2;
    for (int i = 0; i < D; i++) q[i * C + i] = (il_real)(-best(i) / 2);
    q[1] = (il_real)NAN;
    il_model_pack(m);
    il_table *t = measured("weights", m, "each=preconditioner");
    for (int i = 0; i < IL_COUNT(columns); i++)
        CHECK(isnan(number(t, columns[i])), "%s is %g", columns[i], number(t, columns[i]));
    il_table_free(t);
    t = measured("weights", m, "each=share");
    CHECK(isnan(number(t, "qk")), "qk is %g", number(t, "qk"));
    il_table_free(t);
    il_model_free(m);
}

static void whitening_is_recognised(void **state)
{
    (void)state;
    il_model *m = model_of("matrix/zero zero/one", 1);
    il_real *q = weight(m, "h.0.attn.q.weight");
    double mean = 0, square = 0;
    for (int i = 0; i < D; i++) {
        q[i * C + i] = (il_real)(-0.4 / S[i]);
        mean += 0.4 / S[i] / D;
        square += 0.16 / S[i] / S[i];
    }
    il_model_pack(m);
    il_table *t = measured("weights", m, "each=preconditioner");
    CHECK_NEAR(number(t, "scale"), 0.4, 1e-6, "scale");
    CHECK_NEAR(number(t, "whitened"), 0, 1e-6, "whitened");
    CHECK_NEAR(number(t, "plain"), sqrt(1 - D * mean * mean / square), 1e-6, "plain");
    CHECK_NEAR(number(t, "identity"), 0.4 / S[2] - mean, 1e-6, "identity");
    il_table_free(t);
    q[1] = (il_real)-0.3; /* off the diagonal, between variances 2 and 1 */
    t = measured("weights", m, "each=preconditioner");
    CHECK_NEAR(number(t, "whitened"), sqrt(0.18 / (0.18 + D * 0.16)), 1e-6, "whitened");
    il_table_free(t);
    il_model_free(m);
}

/* Three equal steps of descent: each layer is one of them, and no step of averaging. */
static void similar_steps_are_counted(void **state)
{
    (void)state;
    il_model *m = model_of("matrix/zero zero/one", 3);
    for (int b = 0; b < 3; b++) {
        char name[32];
        snprintf(name, sizeof name, "h.%d.attn.q.weight", b);
        for (int i = 0; i < D; i++) weight(m, name)[i * C + i] = (il_real)-0.3;
    }
    il_model_pack(m);
    il_table *t = measured("similarity", m, "family=gd;reading=lens;prompts=16");
    assert_int_equal(il_table_rows(t), 3);
    for (int b = 0; b < 3; b++) {
        CHECK_NEAR(il_table_number(t, b, 1), b + 1, 0, "step");
        CHECK_NEAR(il_table_number(t, b, 2), 1, 1e-5, "SimE");
    }
    il_table_free(t);
    il_error err = { 0 };
    assert_int_equal(
        try_to_measure(&t, "similarity", m, NULL, "family=neuton;prompts=16", &err),
        IL_ECONFIG);
    CHECK(strstr(err.text, "did you mean 'newton'?"), "%s", err.text);
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_step_is_recognised),
        cmocka_unit_test(no_number_is_no_step),
        cmocka_unit_test(whitening_is_recognised),
        cmocka_unit_test(similar_steps_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
