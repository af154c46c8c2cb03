/* explain.c - from predictions alone, the algorithm behind them is named, and nothing else is
 *
 * The readings are the answers of an algorithm of algos.def through its public interface after so many
 * steps a layer, with noise of 1e-4; the families are written down apart, in family.c.
 */
#include "algo/algo.h"
#include "algo/similarity.h"
#include "analysis/analysis.h"
#include "check.h"

#include <stdlib.h>

static il_evidence *evidence(int dim, const char *data)
{
    il_evidence_options o = { .task = il_task_find("linear_regression"),
                              .data = data,
                              .sizes = { 2 * dim },
                              .n_sizes = 1,
                              .prompts = 8,
                              .queries = 2 * dim,
                              .dim = dim,
                              .dims = dim,
                              .seed = 7 };
    double opts[16];
    il_opt_init(o.task->opts, opts);
    o.task_opts = opts;
    il_evidence *e = NULL;
    CHECK_OK(il_evidence_new(&e, &o, &err));
    return e;
}

/* yhat (B Q) of a cell after a step */
static void answers(const il_algo *algo, const il_cell *cell, int step, double *to)
{
    int B = cell->asked->prompts, N = cell->asked->points;
    il_real *yhat = malloc(sizeof *yhat * (size_t)B * (size_t)N);
    CHECK_OK(il_algo_predict(algo, cell->asked, step, step, yhat, NULL, &err));
    for (int b = 0; b < B; b++) to[b] = (double)yhat[b * N + N - 1];
    free(yhat);
}

static il_readings *readings(const il_evidence *e, const char *text, int layers, int rate)
{
    il_algo *algo = NULL;
    il_readings *r = NULL;
    CHECK_OK(il_readings_blank(&r, layers, il_points(e), &err));
    CHECK_OK(il_algo_new(&algo, text, &err));
    il_rng rng = il_rng_at(1, IL_STREAM_USER, 0, 0);
    size_t each = (size_t)(e->B * e->Q);
    for (int l = 0; l < layers; l++)
        for (int c = 0; c < e->cells; c++) {
            double *to = r->yhat + (size_t)l * il_points(e) + (size_t)c * each;
            answers(algo, &e->cell[c], rate * (l + 1), to);
            for (size_t i = 0; i < each; i++) to[i] += 1e-4 * il_normal(&rng);
        }
    il_algo_free(algo);
    return r;
}

static il_explanation explain(const il_evidence *e, il_readings *r)
{
    il_explanation x = { 0 };
    CHECK_OK(il_explain_readings(e, r, "layer", &x, &err));
    il_readings_free(r);
    return x;
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
    il_evidence *e = evidence(5, "kappa=30");
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_explanation x = explain(e, readings(e, cases[i].algo, 4, cases[i].rate));
        CHECK(x.found == IL_EXPLAINED_RUNS && !strcmp(x.family, cases[i].family), "%s: %s",
              cases[i].algo, x.verdict);
        CHECK_NEAR(x.steps_per_layer, cases[i].rate, 1e-9, cases[i].algo);
        /* noise of 1e-4 against answers of about 1 */
        CHECK(x.score < 1e-6 && x.runner_up_score > 10 * x.score, "%s: %s", cases[i].algo,
              x.verdict);
        il_explanation_free(&x);
    }
    il_evidence_free(e);
}

static void names_nothing_else(void **state)
{
    (void)state;
    il_evidence *e = evidence(5, "isotropic");
    static const char *const strangers[] = { "knn k=1", "knn k=3" };
    for (int i = 0; i < IL_COUNT(strangers); i++) {
        il_explanation x = explain(e, readings(e, strangers[i], 4, 1));
        CHECK(x.found == IL_EXPLAINED_NONE && !*x.family, "%s: %s", strangers[i],
              x.verdict);
        il_explanation_free(&x);
    }
    il_readings *noise = readings(e, "zero", 3, 1), *nothing = readings(e, "zero", 3, 1);
    il_rng rng = il_rng_at(2, IL_STREAM_USER, 0, 0);
    for (size_t i = 0; i < 3 * il_points(e); i++) {
        noise->yhat[i] = il_normal(&rng);
        nothing->yhat[i] = 0;
    }
    il_explanation x = explain(e, noise);
    CHECK(x.found == IL_EXPLAINED_NONE, "noise: %s", x.verdict);
    il_explanation_free(&x);
    x = explain(e, nothing);
    CHECK(x.found == IL_EXPLAINED_NONE, "nothing: %s", x.verdict);
    il_explanation_free(&x);
    il_evidence_free(e);
}

/* A step size of its own in each layer is found, and not taken for another algorithm. */
static void finds_layers_of_their_own(void **state)
{
    static const double eta[] = { 0.042, 0.0685, 0.1 };
    (void)state;
    il_evidence *e = evidence(5, "isotropic");
    il_readings *r = NULL;
    CHECK_OK(il_readings_blank(&r, 3, il_points(e), &err));
    const il_cell *c = &e->cell[0];
    for (int b = 0; b < e->B; b++)
        for (int i = 0; i < e->D; i++) {
            double f = 0, at = c->lambda[b * e->D + i], rhs = c->b[b * e->D + i];
            for (int l = 0; l < 3; l++) {
                f += eta[l] * (1 - at * f);
                for (int q = 0; q < e->Q; q++)
                    r->yhat[(size_t)l * il_points(e) + (size_t)(b * e->Q + q)] +=
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
    il_evidence_free(e);
}

/* The measures are those of algo/similarity.c, which sees answers instead of folded ones. */
static void measures_agree(void **state)
{
    (void)state;
    il_evidence *e = evidence(4, "isotropic");
    il_readings *r = readings(e, "knn k=3", 1, 1);
    il_algo *gd = NULL;
    double *other = malloc(sizeof *other * il_points(e)), sime;
    const il_cell *c = &e->cell[0];
    il_matches *m = NULL;
    CHECK_OK(il_matches_new(&m, e, r, 0, &err));
    CHECK_OK(il_algo_new(&gd, "gd", &err));
    const il_match *best = NULL;
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->match[i].family->name, "gd best")) best = &m->match[i];
    answers(gd, c, best->layer[0].step, other);
    il_similar s = { .prompts = e->B, .points = e->Q };
    CHECK_OK(il_similarity_errors(&sime, s, r->yhat, 1, other, 1, c->y, &err));
    CHECK_NEAR(best->layer[0].sime, sime, 1e-9, "similarity of errors");
    CHECK_NEAR(best->layer[0].spd, il_similarity_spd(s, r->yhat, other), 1e-9, "SPD");
    free(other);
    il_algo_free(gd);
    il_matches_free(m);
    il_readings_free(r);
    il_evidence_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_ran),
        cmocka_unit_test(names_nothing_else),
        cmocka_unit_test(finds_layers_of_their_own),
        cmocka_unit_test(measures_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
