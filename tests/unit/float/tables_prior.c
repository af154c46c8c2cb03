/* tables_prior.c - invented tables: what they hold, how they are standardised, and models that read them whole */
#include "check.h"
#include "model/model.h"
#include "task/functions.h"

#include <stdlib.h>

enum { D = 10, N = 80, PROMPTS = 300 };

static const il_draw here = { .seed = 3, .stream = IL_STREAM_EVAL };

static il_batch *drawn(const char *text, int prompts, int points)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    il_batch *batch = NULL;
    CHECK_OK(il_task_parse(&task, opts, text, NULL, &err));
    CHECK_OK(
        il_batch_new_drawn(&batch, task, opts, NULL, prompts, points, D, D, here, &err));
    return batch;
}

/* Columns of a prompt that are not 0 throughout; those that hold two values alone are added to *two. */
static int columns_of(const il_batch *batch, int b, int *two)
{
    int columns = 0;
    for (int c = 0; c < D; c++) {
        const il_real *x = batch->x + (size_t)b * N * D + c;
        int others = 0, differ = 0;
        il_real first = x[0], second = first;
        for (int n = 0; n < N; n++) {
            if (x[n * D] == first || x[n * D] == second) continue;
            others = differ++;
            second = differ == 1 ? x[n * D] : second;
        }
        if (differ || first != 0) columns = c + 1;
        *two += differ && !others;
    }
    return columns;
}

static void tables_have_one_to_all_columns(void **state)
{
    (void)state;
    il_batch *batch = drawn("tables_prior", PROMPTS, N);
    int seen[D + 1] = { 0 }, two = 0;
    for (int b = 0; b < PROMPTS; b++) seen[columns_of(batch, b, &two)]++;
    for (int p = 1; p <= D; p++) /* uniform: five deviations of a binomial count */
        CHECK_NEAR(seen[p], PROMPTS / 10.0, 5 * sqrt(PROMPTS * .09), "columns");
    CHECK(two > PROMPTS / 10, "%d indicators in %d tables", two, PROMPTS);
    for (int i = 0; i < PROMPTS * N; i++)
        CHECK(isfinite(batch->y[i]), "target %d is no number", i);
    il_batch_free(batch);
}

/* By the first half of the points: there mean 0 and variance 1, unless all are the same */
static void halves_are_standardised(void **state)
{
    (void)state;
    il_batch *batch = drawn("tables_prior standardise=true", PROMPTS, N);
    int constant = 0;
    for (int i = 0; i < PROMPTS * (D + 1); i++) {
        int b = i / (D + 1), c = i % (D + 1), apart = c < D ? D : 1;
        const il_real *x =
            c < D ? batch->x + (size_t)b * N * D + c : batch->y + (size_t)b * N;
        double mean = 0, squares = 0;
        for (int n = 0; n < N / 2; n++) {
            mean += (double)x[n * apart] / (N / 2);
            squares += pow((double)x[n * apart], 2) / (N / 2);
        }
        CHECK_NEAR(mean, 0, 1e-6, "mean");
        if (squares > 0)
            CHECK_NEAR(squares, 1, 1e-5, "variance");
        else
            constant += c == D;
        for (int n = N / 2; n < N && c == D; n++) assert_true(fabs((double)x[n]) <= 6);
    }
    CHECK(constant < PROMPTS / 20, "%d targets of %d are constant", constant, PROMPTS);
    il_batch_free(batch);
}

/* Ridge regression finds much of the target, and not all of it. */
static void targets_can_be_learnt_in_part(void **state)
{
    (void)state;
    il_batch *batch = drawn("tables_prior standardise=true", PROMPTS, N);
    il_real *yhat = malloc(sizeof *yhat * PROMPTS * N);
    il_algo *ridge;
    double error = 0, zero = 0;
    CHECK_OK(il_algo_new(&ridge, "ridge alpha=1", &err));
    CHECK_OK(il_algo_predict(ridge, batch, 0, 0, yhat, NULL, &err));
    for (int b = 0; b < PROMPTS; b++) {
        int at = b * N + N / 2;
        error += pow((double)yhat[at] - (double)batch->y[at], 2) / PROMPTS;
        zero += pow((double)batch->y[at], 2) / PROMPTS;
    }
    CHECK(error > .2 * zero && error < .8 * zero, "ridge leaves %g of %g", error, zero);
    il_algo_free(ridge);
    free(yhat);
    il_batch_free(batch);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    il_batch *batch = drawn("tables_prior standardise=true", PROMPTS, N);
    uint64_t hash =
        il_hash(IL_HASH_START, batch->x, sizeof *batch->x * (size_t)(PROMPTS * N * D));
    hash = il_hash(hash, batch->y, sizeof *batch->y * (size_t)(PROMPTS * N));
    CHECK(hash == 3850511016616981595ull, "the hash is now %llu", (unsigned long long)hash);
    il_batch_free(batch);
}

static void stand_ins_are_close(void **state)
{
    (void)state;
    for (double t = -2; t <= 2; t += .125) {
        CHECK_NEAR(il_grow(t), exp(t), .13 * exp(t), "t^2/32 of it, to first order");
        CHECK_NEAR(il_squash(t), tanh(t), .08, "both odd, with slope 1 at 0, within +-1");
    }
    assert_true(il_grow(-20) == 0);
}

static void shifts_are_refused(void **state)
{
    (void)state;
    il_batch *batch;
    il_error why;
    CHECK_OK(il_batch_new(&batch, 2, 4, D, &err));
    assert_int_equal(
        il_batch_draw(batch, il_task_find("tables_prior"), NULL, "skewed", D, here, &why),
        IL_ECONFIG);
    CHECK(strstr(why.text, "tables_prior draws both together"), "%s", why.text);
    il_batch_free(batch);
}

/* ---- models that read a table whole ------------------------------------------------------------ */

static il_model *reader(void)
{
    static const char *const set[] = { "model.family=stack",
                                       "model.blocks=softmax*2",
                                       "model.tokens=halves",
                                       "model.n_embd=24",
                                       "model.n_head=3",
                                       "model.n_mlp=24",
                                       "model.norm=rmsnorm",
                                       "model.n_dims=10",
                                       "model.n_positions=12",
                                       "training.task_name=tables_prior",
                                       "training.curriculum.dims.start=10",
                                       "training.curriculum.dims.end=10",
                                       "training.curriculum.points.start=10",
                                       "training.curriculum.points.end=10",
                                       "model.init_std=0.3" };
    il_config c;
    il_model *m;
    il_config_init(&c);
    CHECK_OK(il_config_override(&c, set, IL_COUNT(set), &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

/* Queries in one run, one by one, and as last points: the same bits, also where a run has no room for all. */
static void queries_do_not_see_each_other(void **state)
{
    enum { EXAMPLES = 5, Q = 17, B = 3 };
    (void)state;
    il_model *m = reader();
    il_batch *batch = drawn("tables_prior", B, EXAMPLES + 1);
    il_real x[B * EXAMPLES * D], y[B * EXAMPLES], xq[B * Q * D], all[B * Q], one[B],
        last[B * (EXAMPLES + 1)];
    il_batch given = { B, EXAMPLES, D, 1, x, y, NULL, NULL, NULL, NULL };
    for (int b = 0; b < B; b++) {
        const il_real *from = batch->x + b * (EXAMPLES + 1) * D;
        memcpy(x + b * EXAMPLES * D, from, sizeof *x * EXAMPLES * D);
        memcpy(y + b * EXAMPLES, batch->y + b * (EXAMPLES + 1), sizeof *y * EXAMPLES);
        for (int q = 0; q < Q; q++) /* query 0: the last point */
            memcpy(xq + (b * Q + q) * D, q % 2 ? from + D : from + EXAMPLES * D,
                   sizeof *xq * D);
    }
    CHECK_OK(il_model_ask(m, &given, xq, Q, 1, 1, all, &err));
    CHECK_OK(il_model_answer(m, batch, 1, 1, last, &err));
    for (int q = 0; q < Q; q++) {
        il_real each[B * D];
        for (int b = 0; b < B; b++)
            memcpy(each + b * D, xq + (b * Q + q) * D, sizeof *xq * D);
        CHECK_OK(il_model_ask(m, &given, each, 1, 1, 1, one, &err));
        for (int b = 0; b < B; b++) {
            assert_true(one[b] == all[b * Q + q]);
            if (q % 2 == 0) assert_true(one[b] == last[b * (EXAMPLES + 1) + EXAMPLES]);
        }
    }
    assert_true(all[0] != all[1]);
    assert_int_equal(il_model_points(m), EXAMPLES + 1);
    il_batch_free(batch);
    il_model_free(m);
}

static void examples_have_no_order(void **state)
{
    enum { P = 6 };
    (void)state;
    il_model *m = reader();
    il_batch *batch = drawn("tables_prior", 1, P);
    il_real before[P], after[P];
    CHECK_OK(il_model_answer(m, batch, 1, 1, before, &err));
    for (int d = 0; d < D; d++) {
        il_real swap = batch->x[d];
        batch->x[d] = batch->x[3 * D + d], batch->x[3 * D + d] = swap;
    }
    il_real swap = batch->y[0];
    batch->y[0] = batch->y[3], batch->y[3] = swap;
    CHECK_OK(il_model_answer(m, batch, 1, 1, after, &err));
    CHECK_NEAR(after[P - 1], before[P - 1], 1e-5 * (1 + fabs((double)before[P - 1])),
               "sums in another order");
    assert_true(after[1] != before[1]);
    il_batch_free(batch);
    il_model_free(m);
}

int main(void)
{
    setenv("IL_THREADS", "2", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_one_to_all_columns),
        cmocka_unit_test(halves_are_standardised),
        cmocka_unit_test(targets_can_be_learnt_in_part),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(stand_ins_are_close),
        cmocka_unit_test(shifts_are_refused),
        cmocka_unit_test(queries_do_not_see_each_other),
        cmocka_unit_test(examples_have_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
