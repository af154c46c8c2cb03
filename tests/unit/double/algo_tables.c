/* algo_tables.c - algorithms against algorithms, as published: Newton of orders 2 to 5, and which
 * gradient descent, online descent and least squares Newton's steps resemble */
#include "algo/similarity.h"
#include "ask.h"

/* ---- Giannou et al. 2024: squared error divided by d, 50 isotropic examples, d = 10 ---- */

static void orders_of_newton(void **state)
{
    (void)state;
    enum { PROMPTS = 2000, EXAMPLES = 50, DIM = 10 };
    static const struct {
        int order;
        double want[6]; /* after 1..6 steps; 0: not printed */
    } cases[] = {
        { 2, { 3.7e-1, 2.3e-1, 1.2e-1, 4.9e-2, 1.4e-2, 2.2e-3 } },
        { 3, { 2.9e-1, 1.1e-1, 2.0e-2, 9.8e-4, 8.5e-6, 5.6e-10 } },
        { 4, { 2.3e-1, 4.9e-2, 2.2e-3, 6.4e-6, 1.9e-12 } },
        { 5, { 1.9e-1, 2.3e-2, 1.9e-4, 4.2e-9 } },
    };
    il_batch *batch = drawn("linear_regression", "", NULL, PROMPTS, EXAMPLES + 1, DIM, DIM);
    for (int c = 0; c < IL_COUNT(cases); c++) {
        printf("order %d:", cases[c].order);
        for (int t = 1; t <= 6 && cases[c].want[t - 1] > 0; t++) {
            char text[IL_TEXT];
            snprintf(text, sizeof text, "newton start=code order=%d", cases[c].order);
            double *what = last_weights(text, batch, t), sum = 0,
                   want = cases[c].want[t - 1];
            for (int i = 0; i < PROMPTS * DIM; i++)
                sum += pow(what[i] - batch->w[i], 2) / DIM / PROMPTS;
            printf(" %.2e (%.1e)", sum, want);
            /* the smaller, the fewer prompts decide: below 1e-3 a handful of 2,000 */
            if (want > 1e-3)
                CHECK_NEAR(sum, want, 0.1 * want, text);
            else
                CHECK(sum < 4 * want, "%s: %g", text, sum);
            free(what);
        }
        printf("\n");
    }
    il_batch_free(batch);
}

/* ---- Fu et al. 2023: d = 20, 40 examples ---- */

enum { P = 100, N = 41, D = 20, NEWTON = 23, POWERS = 13, COUNT = P * N };

static double *steps_of(const char *text, const il_batch *batch, int first, int last)
{
    il_algo *algo;
    CHECK_OK(il_algo_new(&algo, text, &err));
    double *yhat = malloc(sizeof *yhat * (size_t)(last - first + 1) * COUNT);
    CHECK_OK(il_algo_predict(algo, batch, first, last, yhat, NULL, &err));
    il_algo_free(algo);
    return yhat;
}

/* Newton's steps k match 2^(k/2) steps of gradient descent: a slope of one half */
static void check_rates(const il_batch *batch, const char *gd_text)
{
    double *newton = steps_of("newton", batch, 0, NEWTON);
    double *gd = malloc(sizeof *gd * POWERS * COUNT), table[(NEWTON + 1) * POWERS];
    for (int j = 0; j < POWERS; j++) { /* steps 1, 2, 4, .. 4096 */
        double *one = steps_of(gd_text, batch, 1 << j, 1 << j);
        memcpy(gd + j * COUNT, one, sizeof *gd * COUNT);
        free(one);
    }
    il_similar s = { .prompts = P, .points = N, .from = 1 };
    int best[NEWTON + 1];
    CHECK_OK(
        il_similarity_errors(table, s, newton, NEWTON + 1, gd, POWERS, batch->y, &err));
    il_similarity_best(best, table, NEWTON + 1, POWERS);
    double n = 0, k1 = 0, k2 = 0, g1 = 0, kg = 0, least = 1;
    printf("Newton's step: gd's, SimE:");
    for (int k = 4; k <= 20; k += 2) {
        double sim = table[k * POWERS + best[k]];
        printf(" %d: %d, %.3f;", k, 1 << best[k], sim);
        least = fmin(least, sim);
        n++;
        k1 += k;
        k2 += k * k;
        g1 += best[k];
        kg += k * best[k];
    }
    double slope = (kg - k1 * g1 / n) / (k2 - k1 * k1 / n);
    printf(" slope %.3f, least SimE %.3f\n", slope, least);
    CHECK_NEAR(slope, 0.5, 0.07, "log2 of gd's steps by Newton's");
    CHECK(least >= 0.98, "SimE %g", least);
    free(newton);
    free(gd);
}

static void gradient_descent_needs_exponentially_many_steps(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", "", NULL, P, N, D, D);
    check_rates(batch, "gd step_size=0.01");
    il_batch_free(batch);
}

static void newton_approaches_least_squares(void **state)
{
    (void)state;
    static const struct {
        int step;
        double sim;
    } cases[] = { { 0, .53 },   { 5, .71 },   { 10, .90 },
                  { 15, .978 }, { 20, .995 }, { 23, .998 } };
    static const double error[][2] = {
        { 0, 17 }, { 4, 7 }, { 8, .8 }, { 10, .13 }, { 12, 5.6e-3 }
    };
    il_batch *batch = drawn("linear_regression", "", NULL, P, N, D, D);
    double *newton = steps_of("newton", batch, 0, NEWTON),
           *ols = steps_of("ols", batch, 0, 0);
    double table[NEWTON + 1];
    il_similar s = { .prompts = P, .points = N, .from = 1 };
    CHECK_OK(il_similarity_errors(table, s, newton, NEWTON + 1, ols, 1, batch->y, &err));
    for (int i = 0; i < IL_COUNT(cases); i++) {
        printf("step %d: SimE with least squares %.3f (reference %.3f)\n", cases[i].step,
               table[cases[i].step], cases[i].sim);
        CHECK_NEAR(table[cases[i].step], cases[i].sim, 0.03, "SimE with least squares");
    }
    il_batch *many = drawn("linear_regression", "", NULL, 2000, N, D, D);
    for (int i = 0; i < IL_COUNT(error); i++) {
        double *what = last_weights("newton", many, (int)error[i][0]), sum = 0;
        for (int j = 0; j < 2000 * D; j++) sum += pow(what[j] - many->w[j], 2) / 2000;
        printf("step %g: squared error at 40 examples %.3g (reference %.3g)\n", error[i][0],
               sum, error[i][1]);
        /* 100 published sequences: the later, the heavier the tail */
        CHECK_NEAR(sum, error[i][1], (i < 3 ? 0.2 : 0.6) * error[i][1], "squared error");
        free(what);
    }
    il_batch_free(many);
    free(newton);
    free(ols);
    il_batch_free(batch);
}

/* Online descent resembles Newton's fifth step, as the LSTM does, more than least squares and
 * Newton's last, as the transformer does */
static void online_descent_resembles_early_steps(void **state)
{
    (void)state;
    il_batch *batch = drawn("linear_regression", "", NULL, P, N, D, D);
    double *newton = steps_of("newton", batch, 0, NEWTON);
    double *ogd = steps_of("ogd start=1", batch, 0, 0), *ols = steps_of("ols", batch, 0, 0);
    double table[NEWTON + 1], with_ols;
    int best;
    il_similar s = { .prompts = P, .points = N, .from = 1 };
    CHECK_OK(il_similarity_errors(table, s, ogd, 1, newton, NEWTON + 1, batch->y, &err));
    CHECK_OK(il_similarity_errors(&with_ols, s, ogd, 1, ols, 1, batch->y, &err));
    il_similarity_best(&best, table, 1, NEWTON + 1);
    printf("online descent: SimE %.3f with Newton's step 5, %.3f with its last, %.3f with "
           "least "
           "squares; best step %d, %.3f\n",
           table[5], table[NEWTON], with_ols, best, table[best]);
    CHECK(table[5] > table[NEWTON] && table[5] > with_ols, "%g %g %g", table[5],
          table[NEWTON], with_ols);
    free(newton);
    free(ogd);
    free(ols);
    il_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_of_newton),
        cmocka_unit_test(gradient_descent_needs_exponentially_many_steps),
        cmocka_unit_test(newton_approaches_least_squares),
        cmocka_unit_test(online_descent_resembles_early_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
