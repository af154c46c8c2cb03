/* factors.c - products of factors: where they are, how they start, how they decay */
#include "check.h"
#include "la/dense.h"
#include "measure/measure.h"
#include "models.h"
#include "train/train.h"

#include <stdlib.h>

enum { C = 12, F = 20, RANK = 5 };

/* `more`: assignments, separated by blanks */
static il_config config_of(const char *more)
{
    static const char base[] =
        "model.family=stack model.n_dims=3 model.n_positions=6 model.n_embd=12 "
        "model.n_head=3 model.n_mlp=20 model.mlp_act=relu model.blocks=softmax "
        "model.norm=layernorm model.init_std=0.3 model.factor.rank=5 "
        "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.batch_size=8 training.optimizer=sgd training.learning_rate=0.01 "
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

static double at(const il_real *w, il_view v, int i, int j)
{
    return (double)w[v.at + (size_t)i * v.row + (size_t)j * v.col];
}

/* W (m,n) = L M R, by the definition */
static double *product(const il_factors *f, const il_real *w)
{
    int m = f->left.rows, r = f->left.cols, n = f->right.cols;
    double *W = calloc((size_t)m * (size_t)n, sizeof *W);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < r; k++)
                for (int l = 0; l < r; l++) {
                    double middle = f->middle.rows ? at(w, f->middle, k, l) : k == l;
                    W[i * n + j] += at(w, f->left, i, k) * middle * at(w, f->right, l, j);
                }
    return W;
}

static double half_square(const il_factors *f, const il_real *w)
{
    double *W = product(f, w), sum = 0;
    for (int i = 0; i < f->left.rows * f->right.cols; i++) sum += W[i] * W[i] / 2;
    free(W);
    return sum;
}

static il_factors *list_of(const il_model *m, int *n)
{
    il_factors *list;
    CHECK_OK(il_factors_of(&list, n, &m->plan, &err));
    return list;
}

static void products_are_found(void **state)
{
    (void)state;
    static const char *const names[] = { "h.0.attn.qk.0", "h.0.attn.ov.0", "h.0.attn.qk.1",
                                         "h.0.attn.ov.1", "h.0.attn.qk.2", "h.0.attn.ov.2",
                                         "h.0.mlp.fc.u",  "h.0.mlp.proj.u" };
    for (int middle = 0; middle < 2; middle++) {
        int n;
        il_model *m = model_of(middle ? "model.factor.middle=true" : "");
        il_factors *list = list_of(m, &n);
        assert_int_equal(n, IL_COUNT(names));
        for (int i = 0; i < n; i++) {
            assert_string_equal(list[i].name, names[i]);
            assert_int_equal(list[i].maps, i >= 6);
            assert_int_equal(list[i].left.cols, i < 6 ? C / 3 : RANK);
            assert_int_equal(list[i].middle.rows, i < 6 || !middle ? 0 : RANK);
            assert_int_equal(list[i].left.rows, i == 6 ? F : C);
            assert_int_equal(list[i].right.cols, i == 7 ? F : C);
        }
        free(list);
        il_model_free(m);
    }
    int n;
    il_model *m = model_of("model.factor.rank=0 model.mlp_act=gelu");
    free(list_of(m, &n));
    assert_int_equal(n, 6);
    il_model_free(m);
}

/* Central differences in double: h = 1e-5 errs by h^2 of a fourth-degree polynomial's third derivative. */
static void decay_is_the_gradient(void **state)
{
    (void)state;
    for (int middle = 0; middle < 2; middle++) {
        int n;
        double lambda = 0.7, h = 1e-5;
        il_model *m = model_of(middle ? "model.factor.middle=true" : "");
        il_factors *list = list_of(m, &n);
        il_real *grad = malloc(m->plan.n_weights * sizeof *grad), *w = m->weights;
        for (int k = 0; k < n; k++) {
            double error = 0, size = 0;
            double *work = malloc(il_factors_work(&list[k]) * sizeof *work);
            for (size_t i = 0; i < m->plan.n_weights; i++) grad[i] = 3;
            il_factors_decay(&list[k], w, grad, lambda, work);
            for (size_t i = 0; i < m->plan.n_weights; i++) {
                il_real before = w[i];
                w[i] = before + h;
                double up = half_square(&list[k], w);
                w[i] = before - h;
                double slope = lambda * (up - half_square(&list[k], w)) / (2 * h);
                w[i] = before;
                error += (slope - (grad[i] - 3)) * (slope - (grad[i] - 3));
                size += slope * slope;
            }
            CHECK(size > 0 && sqrt(error) <= 1e-6 * sqrt(size), "%s: off by %g of %g",
                  list[k].name, sqrt(error), sqrt(size));
            free(work);
        }
        free(grad);
        free(list);
        il_model_free(m);
    }
}

/* What the map would start from without factors: drawn here again */
static double *dense(const il_model *m, const il_factors *f)
{
    size_t size = (size_t)f->left.rows * (size_t)f->right.cols;
    double *W = malloc(size * sizeof *W);
    il_rng rng = il_rng_at((uint64_t)m->config.training.seed, IL_STREAM_INIT, 0,
                           (uint32_t)f->param[0]);
    for (size_t i = 0; i < size; i++) W[i] = 0.3 * il_normal(&rng);
    return W;
}

static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* Eckart & Young: no matrix of rank r is nearer than the root of the sum of the other singular values' squares. */
static void spectral_start_is_the_best_of_its_rank(void **state)
{
    (void)state;
    static const char *const more[] = { "", "model.factor.middle=true",
                                        "model.factor.rank=12" };
    for (int k = 0; k < IL_COUNT(more); k++) {
        char text[96];
        int n;
        snprintf(text, sizeof text, "model.factor.init=spectral %s", more[k]);
        il_model *m = model_of(text);
        il_factors *list = list_of(m, &n);
        for (int i = 6; i < n; i++) {
            int rows = list[i].left.rows, cols = list[i].right.cols, tall = rows > cols;
            size_t size = (size_t)rows * (size_t)cols;
            double *W = dense(m, &list[i]), *P = product(&list[i], m->weights),
                   zero[C * F] = { 0 }, A[C * F], s[C], Vt[C * C],
                   *work = malloc(il_svd_work(F, C) * sizeof *work), rest = 0;
            for (int a = 0; a < rows; a++)
                for (int b = 0; b < cols; b++)
                    A[tall ? a * cols + b : b * rows + a] = W[a * cols + b];
            il_svd(A, F, C, s, Vt, work);
            for (int j = list[i].left.cols; j < C; j++) rest += s[j] * s[j];
            CHECK_NEAR(distance(W, P, size), sqrt(rest), 1e-12 * s[0] * C, list[i].name);
            CHECK(distance(P, zero, size) <= distance(W, zero, size) + 1e-12,
                  "%s is longer", list[i].name);
            il_factor_norms norms;
            CHECK_OK(il_factors_norms(&norms, &list[i], m->weights, &err));
            CHECK_NEAR(norms.left, norms.nuclear, 1e-12 * norms.nuclear, "balanced");
            CHECK_NEAR(norms.right, norms.nuclear, 1e-12 * norms.nuclear, "balanced");
            CHECK_NEAR(norms.product, distance(P, zero, size), 1e-12 * norms.product,
                       "norm");
            free(W);
            free(P);
            free(work);
        }
        free(list);
        il_model_free(m);
    }
}

/* A head's product is what it was, and its factors are balanced. */
static void heads_keep_their_products(void **state)
{
    (void)state;
    int n;
    il_model *plain = model_of(""), *m = model_of("model.factor.init=spectral");
    il_factors *list = list_of(m, &n);
    for (int i = 0; i < 6; i++) {
        double *before = product(&list[i], plain->weights),
               *after = product(&list[i], m->weights);
        il_factor_norms norms;
        CHECK_NEAR(distance(before, after, C * C), 0, 1e-12, list[i].name);
        CHECK_OK(il_factors_norms(&norms, &list[i], m->weights, &err));
        CHECK_NEAR(norms.left, norms.right, 1e-12 * norms.left, list[i].name);
        CHECK_NEAR(norms.left, norms.nuclear, 1e-12 * norms.left, list[i].name);
        CHECK_OK(il_factors_norms(&norms, &list[i], plain->weights, &err));
        CHECK(norms.left + norms.right > 2 * norms.nuclear, "%s was balanced",
              list[i].name);
        free(before);
        free(after);
    }
    free(list);
    il_model_free(plain);
    il_model_free(m);
}

/* A step changes every factor by rate times the decay more, and weight decay leaves factors alone. */
static void a_step_decays_products(void **state)
{
    (void)state;
    static const char *const more[] = {
        "", "training.frobenius_decay=0.5",
        "training.frobenius_decay=0.5 training.weight_decay=0.3"
    };
    il_trainer *t[3];
    int n;
    for (int k = 0; k < 3; k++) {
        il_progress p;
        il_config c = config_of(more[k]);
        CHECK_OK(il_trainer_new(&t[k], &c, &err));
        CHECK_OK(il_trainer_step(t[k], 0, &p, &err));
    }
    il_model *start = model_of("");
    size_t size = start->plan.n_weights;
    il_factors *list = list_of(start, &n);
    il_real *decay = calloc(size, sizeof *decay);
    for (int i = 0; i < n; i++) {
        double *work = malloc(il_factors_work(&list[i]) * sizeof *work);
        il_factors_decay(&list[i], start->weights, decay, 0.5, work);
        free(work);
    }
    const il_real *plain = il_trainer_model(t[0])->weights,
                  *with = il_trainer_model(t[1])->weights,
                  *both = il_trainer_model(t[2])->weights;
    int moved = 0, other = 0;
    for (size_t i = 0; i < size; i++) {
        CHECK_NEAR(with[i] - plain[i], -0.01 * decay[i], 1e-12, "a step");
        moved += decay[i] != 0;
        if (decay[i] != 0) assert_true(both[i] == with[i]);
        other += both[i] != with[i];
    }
    assert_int_equal(moved, 4 * C * C + 2 * RANK * (C + F));
    assert_int_equal(other, C * 3 + C); /* the read-in and the read-out */
    for (int k = 0; k < 3; k++) il_trainer_free(t[k]);
    free(decay);
    free(list);
    il_model_free(start);
}

static void wrong_factors_get_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "model.factor.rank=13",
          "model.factor.rank = 13 is above that of a map from 12 to" },
        { "model.n_mlp=0", "model.factor.rank = 5 is of the maps of MLPs" },
        { "model.family=gpt2", "model.factor.rank = 5 is of the maps of MLPs" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_model *m = NULL;
        il_error why = { 0 };
        il_config c = config_of(cases[i][0]);
        assert_int_equal(il_model_new(&m, &c, &why), IL_ECONFIG);
        CHECK(strstr(why.text, cases[i][1]), "%s: %s", cases[i][0], why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_found),
        cmocka_unit_test(decay_is_the_gradient),
        cmocka_unit_test(spectral_start_is_the_best_of_its_rank),
        cmocka_unit_test(heads_keep_their_products),
        cmocka_unit_test(a_step_decays_products),
        cmocka_unit_test(wrong_factors_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
