/* similarity.c - measures of likeness by hand, and what they say of known algorithms */
#include "algo/similarity.h"
#include "ask.h"

enum { B = 24, N = 12, D = 4 };

static double one(il_similar s, const double *a, const double *b, const double *y)
{
    double got;
    CHECK_OK(il_similarity_errors(&got, s, a, 1, b, 1, y, &err));
    return got;
}

static void cosines_by_hand(void **state)
{
    (void)state;
    il_similar s = { .prompts = 2, .points = 3, .from = 1 };
    /* errors from point 1: (3,4) and (4,3); (1,0) and (0,-2) */
    static const double y[6] = { 9, 1, 1, 9, 2, 2 };
    static const double a[6] = { 0, 4, 5, 0, 3, 2 }, b[6] = { 5, 5, 4, 5, 2, 0 };
    CHECK_NEAR(one(s, a, b, y), (24.0 / 25 + 0) / 2, 1e-15, "SimE");
    CHECK_NEAR(one(s, a, a, y), 1, 1e-15, "with itself");
    CHECK_NEAR(one(s, y, y, y), 1, 0, "no errors, twice");
    CHECK_NEAR(one(s, a, y, y), 0, 0, "no errors, once");
    CHECK_NEAR(il_similarity_spd(s, a, b), (1 + 1 + 1 + 4) / 4.0, 1e-15, "SPD");

    il_similar w = { .prompts = 1, .points = 3, .from = 1 };
    static const double u[6] = { 7, 7, 1, 0, 0, 0 }, v[6] = { 1, 2, 1, 1, 0, 0 };
    double got;
    CHECK_OK(il_similarity_weights(&got, w, 2, u, 1, v, 1, &err));
    CHECK_NEAR(got, (sqrt(0.5) + 1) / 2, 1e-15, "SimW");
    CHECK_NEAR(il_similarity_ilwd(w, 2, u, v), (1 + 0) / 2.0 / 2, 1e-15, "ILWD");
}

/* Layers that are steps 1, 4, 7, ... of gd are recognised as these */
static void the_best_step_is_found(void **state)
{
    (void)state;
    enum { LAYERS = 5, STEPS = 20 };
    il_batch *batch = drawn("linear_regression", "", NULL, B, N, D, D);
    double *what, *gd = answers("gd step_size=0.02", batch, STEPS, &what);
    il_similar s = { .prompts = B, .points = N, .from = 1 };
    double some[LAYERS * B * N], weights[LAYERS * B * N * D], table[LAYERS * (STEPS + 1)];
    for (int l = 0; l < LAYERS; l++) {
        memcpy(some + l * B * N, gd + (3 * l + 1) * B * N, sizeof *gd * B * N);
        memcpy(weights + l * B * N * D, what + (3 * l + 1) * B * N * D,
               sizeof *gd * B * N * D);
    }
    for (int of_weights = 0; of_weights < 2; of_weights++) {
        int best[LAYERS];
        if (of_weights)
            CHECK_OK(
                il_similarity_weights(table, s, D, weights, LAYERS, what, STEPS + 1, &err));
        else
            CHECK_OK(il_similarity_errors(table, s, some, LAYERS, gd, STEPS + 1, batch->y,
                                          &err));
        il_similarity_best(best, table, LAYERS, STEPS + 1);
        for (int l = 0; l < LAYERS; l++) {
            assert_int_equal(best[l], 3 * l + 1);
            CHECK_NEAR(table[l * (STEPS + 1) + best[l]], 1, 1e-14, "with itself");
        }
    }
    free(gd);
    free(what);
    il_batch_free(batch);
}

static void induced_weights_are_least_squares(void **state)
{
    (void)state;
    enum { T = 30 };
    il_batch *batch =
        drawn("noisy_linear_regression", "noise_std=0.5", NULL, 1, T + 1, D, D);
    double w[D], want[D], work[D * (D + 3)], left = 0, square = 0;
    double share = il_induced_weights(w, batch->x, batch->y, T, D, work);
    lapack_solve(want, batch, 0, T, 0);
    CHECK_NEAR(distance(w, want, D), 0, 1e-12, "weights");
    for (int i = 0; i < T; i++) {
        double e = batch->y[i] - il_prompt_dot(want, batch->x + i * D, D);
        left += e * e;
        square += batch->y[i] * batch->y[i];
    }
    CHECK_NEAR(share, 1 - left / square, 1e-12, "share explained");
    assert_true(isnan(il_induced_weights(w, batch->x, batch->y, D - 1, D, work)));
    for (int i = 0; i < T; i++) batch->x[i * D + 1] = 2 * batch->x[i * D];
    assert_true(isnan(il_induced_weights(w, batch->x, batch->y, T, D, work)));
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosines_by_hand),
        cmocka_unit_test(the_best_step_is_found),
        cmocka_unit_test(induced_weights_are_least_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
