/* tasks.c - what every task promises, and what each one is */
#include "check.h"
#include "task/task.h"

#include <stdlib.h>

enum { D = 20, N = 12 };

typedef struct {
    double fields[IL_TASK_OPTS];
} options;

static const il_draw here = { .seed = 11, .stream = IL_STREAM_EVAL, .step = 4 };

static options with(const il_task *task, const char *text)
{
    options o = { { 0 } };
    il_opt_init(task->opts, &o);
    CHECK_OK(il_opt_parse(task->opts, &o, text, task->name, &err));
    return o;
}

static il_batch *drawn(const char *name, const char *text, int prompts, int points,
                       int dims, il_draw at)
{
    const il_task *task = il_task_find(name);
    options o = with(task, text);
    il_batch *batch = NULL;
    CHECK_OK(
        il_batch_new_outs(&batch, prompts, points, D, il_task_outs(task, &o, D), &err));
    CHECK_OK(il_batch_draw(batch, task, &o, NULL, dims, at, &err));
    return batch;
}

static void every_row_is_complete(void **state)
{
    (void)state;
    const il_task *task;
    int i = 0;
    for (; (task = il_task_at(i)); i++) {
        assert_ptr_equal(il_task_find(task->name), task);
        assert_true(task->size <= sizeof((il_config *)0)->training.task_opts);
        assert_true(!strcmp(task->loss, "mse") || !strcmp(task->loss, "cross_entropy") ||
                    (task->ids && !strcmp(task->loss, "softmax_cross_entropy")));
        assert_true(strlen(task->summary) > 0);
    }
    assert_true(i >= 7);
    assert_null(il_task_at(-1));
    assert_null(il_task_find("linear"));
}

static int has_weights(const il_batch *batch)
{
    int any = 0;
    for (int i = 0; i < batch->dim * batch->outs; i++) any |= batch->w[i] != 0;
    return any;
}

static void a_prompt_is_a_function_of_its_coordinates(void **state)
{
    (void)state;
    il_draw tenth = here, later = here, other = here;
    tenth.first = 10;
    later.step++;
    other.seed++;
    for (int i = 0; il_task_at(i); i++) {
        const char *name = il_task_at(i)->name;
        if (il_task_at(i)->ids) continue; /* classes.c */
        il_batch *all = drawn(name, "", 64, N, D, here),
                 *part = drawn(name, "", 10, N, D, tenth);
        size_t NX = (size_t)N * D, O = (size_t)all->outs;
        assert_memory_equal(part->x, all->x + 10 * NX, 10 * NX * sizeof *all->x);
        assert_memory_equal(part->y, all->y + 10 * N * O, 10 * N * O * sizeof *all->y);
        assert_memory_equal(part->w, all->w + 10 * D * O, 10 * D * O * sizeof *all->w);

        il_batch *fewer = drawn(name, "", 64, N - 5, D, here);
        for (size_t b = 0; b < 64; b++) {
            assert_memory_equal(fewer->x + b * (N - 5) * D, all->x + b * N * D,
                                (N - 5) * D * sizeof *all->x);
            assert_memory_equal(fewer->y + b * (N - 5) * O, all->y + b * N * O,
                                (N - 5) * O * sizeof *all->y);
        }
        il_batch *next = drawn(name, "", 10, N, D, later),
                 *another = drawn(name, "", 10, N, D, other);
        assert_memory_not_equal(next->x, all->x, NX * sizeof *all->x);
        assert_memory_not_equal(another->x, all->x, NX * sizeof *all->x);
        if (has_weights(all)) assert_memory_not_equal(next->w, all->w, D * sizeof *all->w);
        il_batch_free(all);
        il_batch_free(part);
        il_batch_free(fewer);
        il_batch_free(next);
        il_batch_free(another);
    }
}

static il_batch *nested[2];
static void draw_nested(void *context, int i, int worker)
{
    (void)context, (void)worker;
    nested[i] = drawn("noisy_linear_regression", "", 500, N, D, here);
}

/* Within a parallel region a batch is drawn by one thread alone */
static void threads_do_not_matter(void **state)
{
    (void)state;
    il_batch *batch = drawn("noisy_linear_regression", "", 500, N, D, here);
    il_parallel(2, draw_nested, NULL);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(nested[i]->x, batch->x, 500 * N * D * sizeof *batch->x);
        assert_memory_equal(nested[i]->y, batch->y, 500 * N * sizeof *batch->y);
        il_batch_free(nested[i]);
    }
    il_batch_free(batch);
}

/* Written down once: no machine, compiler or number of threads may change them */
static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t hash;
    } cases[] = {
        { "linear_regression", 9010274327200873849ull },
        { "decision_tree", 13142581718996587625ull },
        { "relu_2nn", 12936284684384158083ull },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch = drawn(cases[i].name, "", 64, N, 15, here);
        uint64_t hash = il_hash(IL_HASH_START, batch->x, 64 * N * D * sizeof *batch->x);
        hash = il_hash(hash, batch->y, 64 * N * sizeof *batch->y);
        CHECK(hash == cases[i].hash, "%s: the hash is now %llu", cases[i].name,
              (unsigned long long)hash);
        il_batch_free(batch);
    }
}

/* The mean of y^2 over prompts, and its standard error */
static double mean_square(const il_batch *batch, double *error)
{
    double mean = 0, square = 0;
    for (int b = 0; b < batch->prompts; b++) {
        double p = 0;
        for (int n = 0; n < batch->points; n++) {
            double y = (double)batch->y[b * batch->points + n];
            p += y * y / batch->points;
        }
        mean += p / batch->prompts;
        square += p * p / batch->prompts;
    }
    *error = sqrt((square - mean * mean) / batch->prompts);
    return mean;
}

static void answers_have_the_stated_power(void **state)
{
    (void)state;
    static const struct {
        const char *name, *opts;
        int dims;
        double power, scale;
    } cases[] = {
        { "linear_regression", "", 20, 20, 20 },
        { "linear_regression", "scale=0.5", 7, 7 * 0.25, 7 * 0.25 },
        { "noisy_linear_regression", "", 20, 20.01, 20 },
        { "noisy_linear_regression", "noise_std=3", 5, 14, 5 },
        { "noisy_linear_regression", "noise_std=1 renormalize_ys=true", 20, 20, 20 },
        { "sparse_linear_regression", "", 20, 3, 3 },
        { "sparse_linear_regression", "", 5, 0.75, 3 },
        { "sparse_linear_regression", "support=alive", 5, 3, 3 },
        { "sparse_linear_regression", "sparsity=4 scale=2 support=alive", 3, 12, 12 },
        { "quadratic_regression", "", 20, 20, 20 },
        { "quadratic_regression", "scale=3", 4, 36, 36 },
        { "decision_tree", "", 20, 1, 1 },
        { "decision_tree", "depth=1 scale=2 inputs=alive", 3, 4, 4 },
        { "relu_2nn", "", 20, 20, 20 },
        { "relu_2nn", "hidden=10", 5, 5, 5 },
        { "relu_2nn", "hidden=20 active=5 scale=2", 20, 20, 20 },
        { "mixture", "", 20, 11.5, 11.5 },
        { "mixture", "tasks=linear_regression*3,sparse_linear_regression", 20, 15.75,
          15.75 },
        { "mixture", "tasks=quadratic_regression,noisy_linear_regression*0.5", 5, 15.01 / 3,
          5 },
        { "linear_classification", "", 20, 1, 1 },
        { "dictionary", "", 20, 1, 1 },
        { "dictionary", "dominant=0.5", 7, 1, 1 },
        { "radial_linear_regression", "", 20, 1, 1 },
        { "radial_linear_regression", "radius_shape=0 scale=3", 5, 9, 9 },
        { "radial_linear_regression", "radius_shape=3.5 radius_scale=2", 7, 7, 7 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        const il_task *task = il_task_find(cases[i].name);
        options o = with(task, cases[i].opts);
        CHECK_NEAR(task->power(&o, cases[i].dims, D), cases[i].power, 1e-12, cases[i].name);
        CHECK_NEAR(il_task_scale(task, &o, cases[i].dims), cases[i].scale, 1e-12,
                   cases[i].name);
        il_batch *batch = drawn(cases[i].name, cases[i].opts, 4000, N, cases[i].dims, here);
        double error, mean = mean_square(batch, &error);
        /* classification is exact: its standard error is zero up to rounding */
        CHECK_NEAR(mean, cases[i].power, 4 * error + 1e-9, cases[i].name);
        il_batch_free(batch);
    }
}

static void inputs_are_normal_where_alive(void **state)
{
    (void)state;
    enum { PROMPTS = 4000, DIMS = 7 };
    il_batch *batch = drawn("linear_regression", "", PROMPTS, N, DIMS, here);
    double sum[D] = { 0 }, squares[D] = { 0 }, neighbours = 0;
    int count = PROMPTS * N;
    for (int i = 0; i < count; i++) {
        const il_real *x = batch->x + (size_t)i * D;
        for (int d = 0; d < D; d++)
            sum[d] += (double)x[d], squares[d] += (double)(x[d] * x[d]);
        neighbours += (double)(x[0] * x[1]);
    }
    for (int d = 0; d < D;
         d++) { /* standard errors of mean, square and product: 1, sqrt 2, 1 */
        CHECK_NEAR(sum[d] / count, 0, d < DIMS ? 4 / sqrt(count) : 0, "mean");
        CHECK_NEAR(squares[d] / count, d < DIMS, d < DIMS ? 4 * sqrt(2.0 / count) : 0,
                   "square");
    }
    CHECK_NEAR(neighbours / count, 0, 4 / sqrt(count), "product");
    il_batch_free(batch);
}

/* Every input is one feature, as often as stated. */
static void inputs_are_features(void **state)
{
    (void)state;
    enum { PROMPTS = 4000, DIMS = 5 };
    static const struct {
        const char *opts;
        double first, other;
    } cases[] = { { "", 0.2, 0.2 }, { "dominant=0.6", 0.6, 0.1 }, { "dominant=1", 1, 0 } };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch = drawn("dictionary", cases[i].opts, PROMPTS, N, DIMS, here);
        double seen[D] = { 0 };
        int count = PROMPTS * N;
        for (int r = 0; r < count; r++) {
            double sum = 0;
            for (int d = 0; d < D; d++) {
                double x = (double)batch->x[r * D + d];
                assert_true(x == 0 || x == 1);
                seen[d] += x, sum += x;
            }
            assert_true(sum == 1);
        }
        for (int d = 0; d < D; d++) {
            double p = d == 0 ? cases[i].first : d < DIMS ? cases[i].other : 0;
            CHECK_NEAR(seen[d] / count, p, 4 * sqrt(p * (1 - p) / count), cases[i].opts);
        }
        il_batch_free(batch);
    }
}

/* Directions are uniform, and so every coordinate has the same share of |x|^2; lengths have their law. */
static void inputs_have_their_lengths(void **state)
{
    (void)state;
    enum { PROMPTS = 4000, DIMS = 5 };
    static const struct {
        const char *opts;
        double mean, variance, fourth; /* of |x|^2; the fourth central moment */
    } cases[] = { { "radius_shape=0", 1, 0, 0 },
                  { "radius_shape=2.5 radius_scale=2", 5, 10, 16 * (15 + 3 * 6.25) },
                  { "radius_shape=0.5 radius_scale=4", 2, 8, 256 * (3 + 0.75) } };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch =
            drawn("radial_linear_regression", cases[i].opts, PROMPTS, N, DIMS, here);
        double mean = 0, variance = 0, share[D] = { 0 };
        int count = PROMPTS * N;
        for (int r = 0; r < count; r++) {
            double square = 0;
            const il_real *x = batch->x + (size_t)r * D;
            for (int d = 0; d < D; d++) square += (double)x[d] * (double)x[d];
            mean += square / count;
            variance += (square - cases[i].mean) * (square - cases[i].mean) / count;
            for (int d = 0; d < D && square > 0; d++)
                share[d] += (double)x[d] * (double)x[d] / square / count;
        }
        double se = 1 / sqrt(count), v = cases[i].variance;
        CHECK_NEAR(mean, cases[i].mean, 4 * se * sqrt(v) + 1e-6, cases[i].opts);
        CHECK_NEAR(variance, v, 4 * se * sqrt(fmax(cases[i].fourth - v * v, 0)) + 1e-6,
                   cases[i].opts);
        for (int d = 0; d < D; d++)
            CHECK_NEAR(share[d], d < DIMS ? 1.0 / DIMS : 0, d < DIMS ? 4 * se * 0.26 : 0,
                       cases[i].opts);
        il_batch_free(batch);
    }
}

#define VARIANCES "variances=4,1,0.25,2,3,0.5,1.5,1,1,1,1,1,1,1,1,1,1,1,1,0.1"

static void inputs_have_their_variances(void **state)
{
    (void)state;
    enum { PROMPTS = 4000, DIMS = 6 };
    const il_task *task = il_task_find("linear_regression");
    options o = with(task, VARIANCES);
    double v[DIMS];
    CHECK_OK(il_task_variances(v, task, &o, DIMS, &err));
    CHECK_NEAR(v[0] + v[5], 4.5, 0, "as written");
    il_batch *plain = drawn("linear_regression", "", PROMPTS, N, DIMS, here);
    for (int whitened = 0; whitened < 2; whitened++) {
        const char *opts = whitened ? VARIANCES " weights=whitened" : VARIANCES;
        il_batch *batch = drawn("linear_regression", opts, PROMPTS, N, DIMS, here);
        for (int i = 0; i < PROMPTS * N * D; i++)
            CHECK_NEAR(batch->x[i], i % D < DIMS ? sqrt(v[i % D]) * (double)plain->x[i] : 0,
                       2e-7 * fabs((double)batch->x[i]), "inputs");
        for (int i = 0; i < PROMPTS * D; i++)
            CHECK_NEAR(batch->w[i],
                       (double)plain->w[i] /
                           (i % D < DIMS && whitened ? sqrt(v[i % D]) : 1),
                       2e-7 * fabs((double)batch->w[i]), "weights");
        double error, mean = mean_square(batch, &error);
        o = with(task, opts);
        CHECK_NEAR(task->power(&o, DIMS, D), whitened ? 6 : 10.75, 1e-12, "power");
        CHECK_NEAR(mean, whitened ? 6 : 10.75, 4 * error, "E[y^2]");
        CHECK_NEAR(il_task_floor(task, &o, 1, DIMS, D), whitened ? 6 : 10.75, 1e-12,
                   "floor");
        assert_true(isnan(il_task_floor(task, &o, 3, DIMS, D)));
        il_batch_free(batch);
    }
    il_batch_free(plain);
}

static void wrong_variances_get_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "variances=1,2", "'1,2' are 2, for inputs of 3 dimensions" },
        { "variances=1,x,2", "'x' is no variance above 0" },
        { "variances=1,0,2", "'0' is no variance above 0" },
        { "variances=1,2,-3", "'-3' is no variance above 0" },
        { "variances=1,,2,3", "'' is no variance above 0" },
        { "variances=,1,2,3", "'' is no variance above 0" },
        { "variances=1,2,", "'' is no variance above 0" },
    };
    const il_task *task = il_task_find("linear_regression");
    for (int i = 0; i < IL_COUNT(cases); i++) {
        options o = with(task, cases[i][0]);
        il_error err = { 0 };
        double v[3];
        assert_int_equal(il_task_variances(v, task, &o, 3, &err), IL_ECONFIG);
        CHECK(strstr(err.text, cases[i][1]), "%s: %s", cases[i][0], err.text);
    }
}

/* A curriculum's prompts have the first of them; a model's own are as many as its inputs. */
static void variances_are_as_many_as_inputs(void **state)
{
    (void)state;
    const il_task *task = il_task_find("linear_regression");
    options o = with(task, "variances=1,2,4");
    il_error why = { 0 };
    double v[2];
    CHECK_OK(il_task_variances(v, task, &o, 2, &err));
    assert_true(v[0] == 1 && v[1] == 2);
    CHECK_OK(il_task_check_variances(task, &o, 3, &err));
    assert_int_equal(il_task_check_variances(task, &o, 2, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "'1,2,4' are 3, for inputs of 2 dimensions"), "%s", why.text);
    o = with(task, "variances=1,2,4,");
    assert_int_equal(il_task_check_variances(task, &o, 3, &why), IL_ECONFIG);
}

static void sparse_weights_lie_where_they_should(void **state)
{
    (void)state;
    enum { PROMPTS = 6000, DIMS = 8, SPARSITY = 3 };
    static const char *const opts[] = { "", "support=alive" };
    for (int i = 0; i < 2; i++) {
        int among = i ? DIMS : D, seen[D] = { 0 };
        il_batch *batch =
            drawn("sparse_linear_regression", opts[i], PROMPTS, 1, DIMS, here);
        for (int b = 0; b < PROMPTS; b++) {
            int nonzero = 0;
            for (int d = 0; d < D; d++) {
                int is = batch->w[b * D + d] != 0;
                nonzero += is;
                seen[d] += is;
            }
            assert_int_equal(nonzero, SPARSITY);
        }
        double p = (double)SPARSITY / among; /* a binomial count, within four deviations */
        for (int d = 0; d < D; d++)
            CHECK_NEAR(seen[d], d < among ? PROMPTS * p : 0,
                       d < among ? 4 * sqrt(PROMPTS * p * (1 - p)) : 0, opts[i]);
        il_batch_free(batch);
    }
}

/* The residual y - w.x of a batch: its standard deviation */
static double noise_of(const il_batch *batch)
{
    double sum = 0;
    int count = batch->prompts * batch->points;
    for (int i = 0; i < count; i++) {
        double e = (double)batch->y[i] - il_prompt_dot(batch->w + i / batch->points * D,
                                                       batch->x + (size_t)i * D, D);
        sum += e * e;
    }
    return sqrt(sum / count);
}

static void noise_has_its_size(void **state)
{
    (void)state;
    enum { PROMPTS = 4000 };
    double relative =
        4 / sqrt(2.0 * PROMPTS * N); /* four deviations of a sample deviation */
    il_batch *batch = drawn("noisy_linear_regression", "", PROMPTS, N, D, here);
    CHECK_NEAR(noise_of(batch), 0.1, 0.1 * relative, "noise_std=0.1");
    il_batch_free(batch);

    batch = drawn("noisy_linear_regression", "noise_std=1 renormalize_ys=1", PROMPTS, N, D,
                  here);
    double mean = 0, square = 0, count = PROMPTS * N;
    for (int i = 0; i < PROMPTS * N; i++) mean += (double)batch->y[i] / count;
    for (int i = 0; i < PROMPTS * N; i++)
        square += pow((double)batch->y[i] - mean, 2) / (count - 1);
    CHECK_NEAR(square, D, 1e-5, "renormalised: up to the rounding of y to float");
    /* sqrt(20/21) up to the spread of the batch's own y, whose prompts share their weights */
    CHECK_NEAR(noise_of(batch), sqrt(20.0 / 21), 0.02, "renormalised noise");
    il_batch_free(batch);
}

/* The deviation is new in every prompt and stands in the batch; what is asked has no noise. */
static void noise_differs_from_prompt_to_prompt(void **state)
{
    (void)state;
    enum { PROMPTS = 4000, WIDTH = D + 1 };
    double mean = 0, square = 0, relative = 0;
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=3 noise=uniform clean=1",
                            PROMPTS, N, D, here);
    assert_null(batch->xq);
    for (int b = 0; b < PROMPTS; b++) {
        double s = (double)batch->noise[b], sum = 0;
        assert_true(s >= 0 && s <= 3);
        mean += s / PROMPTS, square += s * s / PROMPTS;
        for (int n = 0; n < N; n++) {
            int i = b * N + n;
            double y = il_prompt_dot(batch->w + b * D, batch->x + (size_t)i * D, D);
            CHECK_NEAR(batch->yq[i], y, 2e-7 * (1 + fabs(y)), "what is asked");
            sum += pow((double)batch->y[i] - y, 2) / N;
        }
        relative += sum / (s * s + 1e-12) / PROMPTS;
    }
    CHECK_NEAR(mean, 1.5, 4 * 3 / sqrt(12.0 * PROMPTS), "uniform in [0,3]");
    CHECK_NEAR(square, 3, 4 * sqrt(7.2 / PROMPTS), "mean square");
    CHECK_NEAR(relative, 1, 4 * sqrt(2.0 / N / PROMPTS) + 1e-3, "the noise is as stated");

    il_real tokens[N * WIDTH], target[N], weight[N], mask[N];
    il_tokens to = { D, 1, WIDTH, tokens, target, weight, mask };
    const il_layout *columns = NULL;
    for (int i = 0; !columns || strcmp(columns->name, "columns"); i++)
        columns = il_layout_at(i);
    il_tokens_fill(columns, batch, 7, 1, N, to);
    assert_true(target[N - 1] == batch->yq[8 * N - 1]);
    assert_true(target[N - 1] != batch->y[8 * N - 1]);
    assert_true(tokens[D] == batch->y[7 * N]); /* examples keep theirs */
    il_batch_free(batch);
}

/* renormalize_ys multiplies every y and every weight of the batch by one factor */
static void renormalising_is_one_factor(void **state)
{
    (void)state;
    il_batch *plain = drawn("noisy_linear_regression", "noise_std=1", 50, N, D, here);
    il_batch *scaled =
        drawn("noisy_linear_regression", "noise_std=1 renormalize_ys=1", 50, N, D, here);
    double factor = (double)scaled->y[0] / (double)plain->y[0];
    assert_true(fabs(factor - 1) > 1e-3);
    for (int i = 0; i < 50 * N; i++) /* rounding to float */
        CHECK_NEAR((double)scaled->y[i] / (double)plain->y[i], factor, 1e-6, "y");
    for (int i = 0; i < 50 * D; i++)
        CHECK_NEAR((double)scaled->w[i] / (double)plain->w[i], factor, 1e-6, "w");
    il_batch_free(plain);
    il_batch_free(scaled);
}

static void formulas_hold_point_by_point(void **state)
{
    (void)state;
    il_batch *linear = drawn("linear_regression", "scale=2", 20, N, 9, here);
    CHECK_NEAR(noise_of(linear), 0, 1e-5, "y = w.x, rounded to float");
    il_batch *class = drawn("linear_classification", "", 20, N, 9, here);
    il_batch *square = drawn("quadratic_regression", "", 20, N, 9, here);
    for (int i = 0; i < 20 * N; i++) {
        const il_real *x = class->x + (size_t)i * D, *w = class->w + i / N * D;
        assert_true(class->y[i] == (il_prompt_dot(w, x, D) < 0 ? -1 : 1));
        double sum = 0;
        x = square->x + (size_t)i * D, w = square->w + i / N * D;
        for (int d = 0; d < D; d++) sum += (double)w[d] * pow((double)x[d], 2);
        CHECK_NEAR(square->y[i], sum / sqrt(3), 1e-6 * (1 + fabs(sum)), "rounded to float");
    }
    il_batch_free(linear);
    il_batch_free(class);
    il_batch_free(square);
}

static void floors_are_the_papers(void **state)
{
    (void)state;
    const il_task *linear = il_task_find("linear_regression");
    options o = with(linear, "");
    CHECK_NEAR(il_task_floor(linear, &o, 41, D, D), 210.0 / 41, 1e-12, "20 + 19 + ... + 1");
    const il_task *sparse = il_task_find("sparse_linear_regression");
    o = with(sparse, "");
    CHECK_NEAR(il_task_floor(sparse, &o, 41, D, D), 210.0 / 41 * 3 / 20, 1e-12, "sparse");
    const il_task *noisy = il_task_find("noisy_linear_regression");
    o = with(noisy, "");
    assert_true(isnan(il_task_floor(noisy, &o, 41, D, D))); /* infinite at k = 19, 20, 21 */
    CHECK_NEAR(il_task_floor(noisy, &o, 1, D, D), 20.01, 1e-12, "nothing seen");
    const il_task *quadratic = il_task_find("quadratic_regression");
    o = with(quadratic, "");
    assert_true(isnan(il_task_floor(quadratic, &o, 41, D, D)));
}

static void tokens_interleave(void **state)
{
    (void)state;
    enum { B = 3, P = 4, WIDTH = D + 3, T = 2 * P };
    il_batch *batch = drawn("linear_regression", "", 5, N, D, here);
    il_real tokens[B * T * WIDTH], target[B * T], weight[B * T];
    memset(tokens, 0xff, sizeof tokens);
    il_tokens to = { D, 1, WIDTH, tokens, target, weight, NULL };
    il_tokens_fill(il_layout_at(0), batch, 1, B, P, to);
    for (int b = 0; b < B; b++)
        for (int n = 0; n < P; n++) {
            int at = b * T + 2 * n, point = (b + 1) * N + n;
            for (int c = 0; c < WIDTH; c++) {
                assert_true(tokens[at * WIDTH + c] ==
                            (c < D ? batch->x[point * D + c] : 0));
                assert_true(tokens[(at + 1) * WIDTH + c] == (c == 0 ? batch->y[point] : 0));
            }
            assert_true(target[at] == batch->y[point] && weight[at] == 1);
            assert_true(target[at + 1] == 0 && weight[at + 1] == 0);
        }

    /* without queries of their own, asking point n is the prompt's first 2n+1 tokens */
    il_real asked[B * T * WIDTH];
    to.tokens = asked;
    il_tokens_ask(il_layout_at(0), batch, 1, B, P - 1, to);
    for (int b = 0; b < B; b++) {
        assert_memory_equal(asked + b * T * WIDTH, tokens + b * T * WIDTH,
                            (T - 1) * WIDTH * sizeof *tokens);
        for (int c = 0; c < WIDTH; c++)
            assert_true(asked[(b * T + T - 1) * WIDTH + c] == 0);
    }
    il_batch_free(batch);
}

static void faults_are_named(void **state)
{
    (void)state;
    il_error err;
    il_batch *batch = NULL;
    assert_int_equal(il_batch_new(&batch, 4, 0, 3, &err), IL_ECONFIG);
    assert_null(batch);
    assert_int_equal(il_batch_new(&batch, 4, N, 3, &err), IL_OK);
    const il_task *task = il_task_find("linear_regression");
    options o = with(task, "");
    assert_int_equal(il_batch_draw(batch, task, &o, NULL, 4, here, &err), IL_ECONFIG);
    assert_non_null(strstr(err.text, "dims = 4"));
    assert_int_equal(il_batch_draw(batch, task, &o, NULL, 0, here, &err), IL_ECONFIG);
    il_batch_free(batch);
    il_batch_free(NULL);
}

int main(void)
{
    setenv("IL_THREADS", "3", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(a_prompt_is_a_function_of_its_coordinates),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(answers_have_the_stated_power),
        cmocka_unit_test(inputs_are_normal_where_alive),
        cmocka_unit_test(inputs_are_features),
        cmocka_unit_test(inputs_have_their_lengths),
        cmocka_unit_test(inputs_have_their_variances),
        cmocka_unit_test(wrong_variances_get_a_sentence),
        cmocka_unit_test(variances_are_as_many_as_inputs),
        cmocka_unit_test(sparse_weights_lie_where_they_should),
        cmocka_unit_test(noise_has_its_size),
        cmocka_unit_test(noise_differs_from_prompt_to_prompt),
        cmocka_unit_test(renormalising_is_one_factor),
        cmocka_unit_test(formulas_hold_point_by_point),
        cmocka_unit_test(floors_are_the_papers),
        cmocka_unit_test(tokens_interleave),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
