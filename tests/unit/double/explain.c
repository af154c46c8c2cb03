/* explain.c - from predictions alone, the algorithm behind them is named, and nothing else is
 *
 * The layer answers are the answers of an algorithm of algos.def through its public interface after so many
 * steps a layer, with noise of 1e-4; the families are written down apart, in family.c.
 */
#include "explain/explain.h"
#include "algo/algo.h"
#include "algo/similarity.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>

static il_observe_prompts *evidence_of(const char *task, int dim, const char *data,
                                       int prompts)
{
    il_observe_draw o = { .task = il_task_find(task),
                          .data = data,
                          .sizes = { 2 * dim },
                          .n_sizes = 1,
                          .prompts = prompts,
                          .queries = 2 * dim,
                          .dim = dim,
                          .dims = dim,
                          .seed = 7 };
    double opts[16];
    il_opt_init(o.task->opts, opts);
    o.task_opts = opts;
    if (o.task->sequence) o.queries = 1;
    il_observe_prompts *e = NULL;
    CHECK_OK(il_observe_prompts_new(&e, &o, &err));
    return e;
}

static il_observe_prompts *prompts(int dim, const char *data)
{
    return evidence_of("linear_regression", dim, data, 8);
}

/* yhat (B Q,O) of a cell after a step */
static void answers(const il_algo *algo, const il_observe_cell *cell, int step, double *to)
{
    int B = cell->asked->prompts, N = cell->asked->points, O = cell->asked->outs;
    il_real *yhat = malloc(sizeof *yhat * (size_t)(B * N * O));
    CHECK_OK(il_algo_predict(algo, cell->asked, step, step, yhat, NULL, &err));
    for (int b = 0; b < B; b++)
        for (int o = 0; o < O; o++) to[b * O + o] = (double)yhat[(b * N + N - 1) * O + o];
    free(yhat);
}

static il_observe_answers *layer_answers(const il_observe_prompts *e, const char *text,
                                         int layers, int rate)
{
    il_algo *algo = NULL;
    il_observe_answers *r = NULL;
    CHECK_OK(il_observe_answers_blank(&r, layers, il_observe_numbers(e), &err));
    CHECK_OK(il_algo_new(&algo, text, &err));
    il_rng rng = il_rng_at(1, IL_STREAM_USER, 0, 0);
    size_t each = (size_t)(e->B * e->Q * e->outs);
    for (int l = 0; l < layers; l++)
        for (int c = 0; c < e->cells; c++) {
            double *to = r->yhat + (size_t)l * il_observe_numbers(e) + (size_t)c * each;
            answers(algo, &e->cell[c], rate * (l + 1), to);
            for (size_t i = 0; i < each; i++) to[i] += 1e-4 * il_normal(&rng);
        }
    il_algo_free(algo);
    return r;
}

static il_explanation explain(const il_observe_prompts *e, il_observe_answers *r)
{
    il_explanation x = { 0 };
    CHECK_OK(il_explain_answers(e, r, "layer", &x, &err));
    il_observe_answers_free(r);
    return x;
}

/* Answers that say nothing: why, in the verdict */
static void says_why_nothing_is_read(void **state)
{
    static const struct {
        double value;
        const char *says;
    } cases[] = {
        { NAN, "100 % of the answers after its layers are not finite" },
        { INFINITY, "100 % of the answers after its layers are not finite" },
        { 0, "its answers after every layer are zero, or nearly so" },
    };
    (void)state;
    il_observe_prompts *e = prompts(5, "isotropic");
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_observe_answers *r = NULL;
        CHECK_OK(il_observe_answers_blank(&r, 2, il_observe_numbers(e), &err));
        for (size_t j = 0; j < 2 * il_observe_numbers(e); j++) r->yhat[j] = cases[i].value;
        il_explanation x = explain(e, r);
        CHECK(x.found == IL_EXPLAINED_NONE, "%g: %s", cases[i].value, x.verdict);
        CHECK(strstr(x.verdict, cases[i].says), "%g: %s", cases[i].value, x.verdict);
        il_explanation_free(&x);
    }
    il_observe_prompts_free(e);
}

static void names_what_ran(void **state)
{
    static const struct {
        const char *algo, *family;
        int rate;
    } cases[] = {
        { "gd step_size=0.015", "gd", 1 },
        { "gd step_size=0.015", "gd", 3 },
        { "gdpp step_size=0.03 gamma=0.005", "gdpp", 1 },
        { "newton start=alpha_i alpha=0.01", "newton", 1 },
        { "newton start=fro", "newton start=gram", 2 },
        { "newton order=3 start=alpha_i alpha=0.01", "newton order=3", 1 },
        { "chebyshev ridge=0.5 lo=0.5 hi=40", "chebyshev", 1 },
        { "momentum", "momentum best", 1 },
        { "cg", "cg", 1 },
    };
    (void)state;
    il_observe_prompts *e = prompts(5, "kappa=30");
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_explanation x = explain(e, layer_answers(e, cases[i].algo, 4, cases[i].rate));
        CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, cases[i].family), "%s: %s",
              cases[i].algo, x.verdict);
        CHECK_NEAR(x.steps_per_layer, cases[i].rate, 1e-9, cases[i].algo);
        /* noise of 1e-4 against answers of about 1 */
        CHECK(x.score < 1e-6 && x.runner_up_score > 10 * x.score, "%s: %s", cases[i].algo,
              x.verdict);
        il_explanation_free(&x);
    }
    il_observe_prompts_free(e);
}

static void names_nothing_else(void **state)
{
    (void)state;
    il_observe_prompts *e = prompts(5, "isotropic");
    static const char *const strangers[] = { "knn k=2", "knn k=7" };
    for (int i = 0; i < IL_COUNT(strangers); i++) {
        il_explanation x = explain(e, layer_answers(e, strangers[i], 4, 1));
        CHECK(x.found != IL_EXPLAINED_RUNS && (!x.found || strstr(x.verdict, "Not sure")),
              "%s: %s", strangers[i], x.verdict);
        il_explanation_free(&x);
    }
    il_observe_answers *noise = layer_answers(e, "zero", 3, 1),
                       *nothing = layer_answers(e, "zero", 3, 1);
    il_rng rng = il_rng_at(2, IL_STREAM_USER, 0, 0);
    for (size_t i = 0; i < 3 * il_observe_points(e); i++) {
        noise->yhat[i] = il_normal(&rng);
        nothing->yhat[i] = 0;
    }
    il_explanation x = explain(e, noise);
    CHECK(x.found == IL_EXPLAINED_NONE, "noise: %s", x.verdict);
    il_explanation_free(&x);
    x = explain(e, nothing);
    CHECK(x.found == IL_EXPLAINED_NONE, "nothing: %s", x.verdict);
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* A step size of its own in each layer is found, and not taken for another algorithm. */
static void finds_layers_of_their_own(void **state)
{
    static const double eta[] = { 0.042, 0.0685, 0.1 };
    (void)state;
    il_observe_prompts *e = prompts(5, "isotropic");
    il_observe_answers *r = NULL;
    CHECK_OK(il_observe_answers_blank(&r, 3, il_observe_points(e), &err));
    const il_observe_cell *c = &e->cell[0];
    for (int b = 0; b < e->B; b++)
        for (int i = 0; i < e->D; i++) {
            double f = 0, at = c->lambda[b * e->D + i], rhs = c->b[b * e->D + i];
            for (int l = 0; l < 3; l++) {
                f += eta[l] * (1 - at * f);
                for (int q = 0; q < e->Q; q++)
                    r->yhat[(size_t)l * il_observe_points(e) + (size_t)(b * e->Q + q)] +=
                        c->q[(b * e->Q + q) * e->D + i] * f * rhs;
            }
        }
    il_explanation x = explain(e, r);
    CHECK(!strcmp(x.family, "gd layerwise"), "%s", x.verdict);
    for (int l = 0; l < 3; l++) {
        double step = strtod(strchr(il_table_text(x.layers, l, 3), '=') + 1, NULL);
        CHECK_NEAR(step, eta[l], 1e-3 * eta[l], x.verdict); /* four digits are printed */
    }
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* Readings of weights that `learn` gives every prompt after each layer, in the inputs' coordinates */
static il_observe_answers *readings_of(const il_observe_prompts *e, int layers,
                                       void (*learn)(const il_observe_cell *c,
                                                     const il_real *x, const il_real *y,
                                                     int D, int layer, double *w))
{
    il_observe_answers *r = NULL;
    const il_observe_cell *c = &e->cell[0];
    int N = c->n + 1, D = e->D;
    CHECK_OK(il_observe_answers_blank(&r, layers, il_observe_numbers(e), &err));
    for (int b = 0; b < e->B; b++) {
        const il_real *x = c->asked->x + (size_t)(b * e->Q * N * D);
        const il_real *y = c->asked->y + (size_t)(b * e->Q * N);
        double w[16] = { 0 };
        for (int l = 0; l < layers; l++) {
            learn(c, x, y, D, l, w);
            for (int q = 0; q < e->Q; q++) {
                const il_real *query = x + (size_t)((q * N + c->n) * D);
                double *to =
                    r->yhat + (size_t)l * il_observe_numbers(e) + (size_t)(b * e->Q + q);
                for (int d = 0; d < D; d++) *to += w[d] * (double)query[d];
            }
        }
    }
    return r;
}

/* g = X^T (y - X w) */
static void gradient(const il_observe_cell *c, const il_real *x, const il_real *y, int D,
                     const double *w, double *g)
{
    for (int d = 0; d < D; d++) g[d] = 0;
    for (int n = 0; n < c->n; n++) {
        double error = (double)y[n];
        for (int d = 0; d < D; d++) error -= w[d] * (double)x[n * D + d];
        for (int d = 0; d < D; d++) g[d] += error * (double)x[n * D + d];
    }
}

/* A matrix that is neither symmetric nor a diagonal, another in each layer */
static void preconditioned(const il_observe_cell *c, const il_real *x, const il_real *y,
                           int D, int layer, double *w)
{
    double g[16];
    gradient(c, x, y, D, w, g);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            w[i] += g[j] * (i == j  ? 0.03 + 0.015 * i
                            : i < j ? 0.01
                                    : -0.002 * (layer + 1));
}

static void soft(const il_observe_cell *c, const il_real *x, const il_real *y, int D,
                 int layer, double *w)
{
    double g[16];
    (void)layer;
    gradient(c, x, y, D, w, g);
    for (int i = 0; i < D; i++) {
        double moved = w[i] + 0.04 * g[i];
        w[i] = copysign(fmax(fabs(moved) - 0.04 * 3, 0), moved);
    }
}

/* A + 2 A^2 / 9, which no family takes one step a layer for: w = p(A) b */
static void cubes(const il_observe_cell *c, const il_real *x, const il_real *y, int D,
                  int layer, double *w)
{
    double b[16], v[16] = { 0 }, zero[16] = { 0 }, before[16];
    gradient(c, x, y, D, zero, b);
    memcpy(v, b, sizeof v);
    for (int i = 0; i < D; i++) w[i] = (layer ? 0.02 : 0.1) * b[i];
    for (int k = 1; k <= 3; k++) { /* v = A^k b by g(v) = b - A v */
        memcpy(before, v, sizeof v);
        gradient(c, x, y, D, before, v);
        for (int i = 0; i < D; i++) v[i] = b[i] - v[i];
        for (int i = 0; i < D; i++)
            w[i] += (k == 2 ? -1 : layer ? -0.4 : 1) * v[i] / pow(20, k + 1);
    }
}

static void names_what_is_no_filter(void **state)
{
    (void)state;
    il_observe_prompts *e = evidence_of("linear_regression", 3, "isotropic", 20);
    il_explanation x = explain(e, readings_of(e, 2, preconditioned));
    CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, "gd preconditioned"), "%s",
          x.verdict);
    CHECK(x.score < 1e-16, "%s", x.verdict); /* rounding, squared */
    il_explanation_free(&x);
    x = explain(e, readings_of(e, 3, soft));
    CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, "lasso"), "%s", x.verdict);
    CHECK_NEAR(x.steps_per_layer, 1, 1e-9, x.verdict);
    il_explanation_free(&x);
    x = explain(e, readings_of(e, 2, cubes));
    CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, "polynomial"), "%s", x.verdict);
    il_explanation_free(&x);
    static const char *const walks[][2] = { { "ogd normalise=0 rate=0.05", "ogd" },
                                            { "ogd rate=0.6", "ogd normalised" } };
    for (int i = 0; i < IL_COUNT(walks); i++) {
        x = explain(e, layer_answers(e, walks[i][0], 1, 1));
        CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, walks[i][1]), "%s",
              x.verdict);
        il_explanation_free(&x);
    }
    il_observe_prompts_free(e);
}

/* A preconditioner of 0.02, in the next layer 0.04, and 0.03 more along the first coordinate */
static void scaled_identity(const il_observe_cell *c, const il_real *x, const il_real *y,
                            int D, int layer, double *w)
{
    double g[16];
    gradient(c, x, y, D, w, g);
    for (int i = 0; i < D; i++) w[i] += 0.02 * (layer + 1) * g[i];
    w[0] += 0.03 * g[0];
}

/* Inputs in a subspace show the preconditioner there alone: its values there are given, and the rest is not. */
static void says_what_is_identified(void **state)
{
    (void)state;
    il_observe_prompts *e = evidence_of("linear_regression", 4, "half_subspace", 32);
    il_explanation x = explain(e, readings_of(e, 2, scaled_identity));
    const char *values = il_table_text(x.layers, 0, 3);
    CHECK(!strcmp(x.family, "gd preconditioned"), "%s", x.verdict);
    CHECK(strstr(x.verdict, "in the 2 of 4 dimensions that the inputs span"), "%s",
          x.verdict);
    double least = strtod(strstr(values, "least=") + 6, NULL),
           largest = strtod(strstr(values, "largest=") + 8, NULL);
    /* of 0.02 I + 0.03 e e^T in a plane: 0.02 across e's shadow, 0.02 to 0.05 along it */
    CHECK_NEAR(least, 0.02, 1e-4, values);
    CHECK(largest > 0.0201 && largest < 0.05, "%s", values);
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* The pairs (s_i, s_i+1) of a sequence are examples with as many answers as s has numbers. */
static void names_what_sequences_run(void **state)
{
    static const struct {
        const char *algo, *family;
        int rate, layers;
    } cases[] = {
        { "gd step_size=0.05", "gd", 1, 3 },
        { "gdpp step_size=0.05 gamma=0.01", "gdpp", 1, 3 },
        { "newton start=alpha_i alpha=0.02", "newton", 1, 4 },
        { "ridge alpha=0.1", "ridge", 0, 1 },
    };
    (void)state;
    il_observe_prompts *e = evidence_of("linear_dynamics", 3, "isotropic", 16);
    assert_int_equal(e->outs, 3);
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_explanation x =
            explain(e, layer_answers(e, cases[i].algo, cases[i].layers, cases[i].rate));
        CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, cases[i].family), "%s: %s",
              cases[i].algo, x.verdict);
        if (cases[i].rate)
            CHECK_NEAR(x.steps_per_layer, cases[i].rate, 1e-9, cases[i].algo);
        il_explanation_free(&x);
    }
    il_explanation x = explain(e, layer_answers(e, "ridge alpha=0.1", 1, 0));
    const char *alpha = strstr(x.verdict, "ridge regression with alpha=");
    CHECK(alpha, "%s", x.verdict);
    /* noise of 1e-4 */
    if (alpha) CHECK_NEAR(strtod(strchr(alpha, '=') + 1, NULL), 0.1, 1e-3, x.verdict);
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* A prompt of sixteen on which the model diverges decides nothing. */
static void one_prompt_does_not_decide(void **state)
{
    (void)state;
    il_observe_prompts *e = evidence_of("linear_regression", 4, "isotropic", 16);
    il_observe_answers *r = layer_answers(e, "gd step_size=0.03", 3, 1);
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < (size_t)e->Q; i++)
            r->yhat[l * il_observe_numbers(e) + i] *= -1e6;
    il_explanation x = explain(e, r);
    CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, "gd"), "%s", x.verdict);
    CHECK(x.score < 1e-6, "%s", x.verdict); /* the noise's */
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* GD++ whose last layer alone is read well: what it needs of those before is found there. */
static void fits_layers_together(void **state)
{
    static const double eta[] = { 0.03, 0.06, 0.1 }, gamma[] = { 0, 0.008, 0.016 };
    (void)state;
    il_observe_prompts *e = evidence_of("linear_regression", 4, "isotropic", 16);
    il_observe_answers *r = NULL;
    CHECK_OK(il_observe_answers_blank(&r, 3, il_observe_numbers(e), &err));
    il_rng rng = il_rng_at(5, IL_STREAM_USER, 0, 0);
    const il_observe_cell *c = &e->cell[0];
    for (int b = 0; b < e->B; b++)
        for (int i = 0; i < e->D; i++) {
            double f = 0, m = 1, at = c->lambda[b * e->D + i], rhs = c->b[b * e->D + i];
            for (int l = 0; l < 3; l++) {
                m *= 1 - gamma[l] * m * m * at;
                f += eta[l] * m * m * (1 - at * f);
                for (int q = 0; q < e->Q; q++)
                    r->yhat[(size_t)l * il_observe_numbers(e) + (size_t)(b * e->Q + q)] +=
                        c->q[(b * e->Q + q) * e->D + i] * f * rhs +
                        (l < 2 ? 0.03 : 1e-5) * il_normal(&rng);
            }
        }
    il_explanation x = explain(e, r);
    CHECK(!strcmp(x.family, "gdpp layerwise"), "%s", x.verdict);
    /* the first two layer answers have noise of about 1 %, the last next to none */
    CHECK(il_table_number(x.layers, 2, il_table_find(x.layers, "unexplained")) < 1e-4, "%s",
          x.verdict);
    il_explanation_free(&x);
    il_observe_prompts_free(e);
}

/* The measures are those of algo/similarity.c, which sees answers instead of folded ones. */
static void measures_agree(void **state)
{
    (void)state;
    il_observe_prompts *e = prompts(4, "isotropic");
    il_observe_answers *r = layer_answers(e, "knn k=3", 1, 1);
    il_algo *gd = NULL;
    double *other = malloc(sizeof *other * il_observe_points(e)), sime;
    const il_observe_cell *c = &e->cell[0];
    il_explain_matches *m = NULL;
    CHECK_OK(il_explain_matches_new(&m, e, r, 0, 0, 0, &err));
    CHECK_OK(il_algo_new(&gd, "gd", &err));
    const il_explain_match *best = NULL;
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->match[i].family->name, "gd best")) best = &m->match[i];
    answers(gd, c, best->layer[0].step, other);
    il_similar s = { .prompts = e->B, .points = e->Q };
    CHECK_OK(il_similarity_errors(&sime, s, r->yhat, 1, other, 1, c->y, &err));
    CHECK_NEAR(best->layer[0].sime, sime, 1e-9, "similarity of errors");
    CHECK_NEAR(best->layer[0].spd, il_similarity_spd(s, r->yhat, other), 1e-9, "SPD");
    free(other);
    il_algo_free(gd);
    il_explain_matches_free(m);
    il_observe_answers_free(r);
    il_observe_prompts_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_why_nothing_is_read),
        cmocka_unit_test(names_what_ran),
        cmocka_unit_test(names_nothing_else),
        cmocka_unit_test(finds_layers_of_their_own),
        cmocka_unit_test(names_what_is_no_filter),
        cmocka_unit_test(says_what_is_identified),
        cmocka_unit_test(names_what_sequences_run),
        cmocka_unit_test(one_prompt_does_not_decide),
        cmocka_unit_test(fits_layers_together),
        cmocka_unit_test(measures_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
