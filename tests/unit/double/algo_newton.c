/* algo_newton.c - Newton's iteration: orders, starts, ridge, and the number of steps it needs */
#include "ask.h"

enum { D = 8 };

/* A batch of `dim` prompts of `dim` points with X^T X = A, the lower triangle of A (dim,dim)
 * given, and X^T y = e_d in prompt d: there the weights are column d of M. */
static il_batch *columns_of(const double *A, int dim)
{
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, dim, dim + 1, dim, &err));
    double *X = calloc((size_t)(dim * dim), sizeof *X);
    memcpy(X, A, sizeof *X * (size_t)(dim * dim));
    assert_int_equal(LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', dim, X, dim), 0); /* A = L L^T */
    for (int p = 0; p < dim; p++) {
        for (int n = 0; n < dim; n++)
            for (int d = n; d < dim; d++)
                batch->x[(p * (dim + 1) + n) * dim + d] = X[d * dim + n];
        /* L y = e_p */
        for (int n = 0; n < dim; n++) {
            double sum = n == p;
            for (int k = 0; k < n; k++) sum -= X[n * dim + k] * batch->y[p * (dim + 1) + k];
            batch->y[p * (dim + 1) + n] = sum / X[n * dim + n];
        }
    }
    free(X);
    return batch;
}

/* M (steps+1,dim,dim), symmetric, of "newton ..." with all points of columns_of(A) */
static double *matrices(const char *text, const double *A, int dim, int steps)
{
    il_batch *batch = columns_of(A, dim);
    double *what, *M = malloc(sizeof *M * (size_t)((steps + 1) * dim * dim));
    free(answers(text, batch, steps, &what));
    for (int t = 0; t <= steps; t++)
        for (int p = 0; p < dim; p++)
            memcpy(M + (t * dim + p) * dim, what + ((t * dim + p) * (dim + 1) + dim) * dim,
                   sizeof *M * (size_t)dim);
    free(what);
    il_batch_free(batch);
    return M;
}

/* |I - A M|_2 */
static double residual(const double *A, const double *M, int dim)
{
    double R[D * D], sigma[D], work[D];
    for (int i = 0; i < dim; i++)
        for (int j = 0; j < dim; j++) {
            double sum = i == j;
            for (int k = 0; k < dim; k++) sum -= A[i * dim + k] * M[k * dim + j];
            R[i * dim + j] = sum;
        }
    assert_int_equal(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', dim, dim, R, dim, sigma,
                                    NULL, dim, NULL, dim, work),
                     0);
    return sigma[0];
}

/* Eigenvalues from 1 to kappa in equal ratios, in a basis of no special directions */
static void conditioned(double *A, double *lambda, double kappa)
{
    double v[D], square = 0;
    for (int i = 0; i < D; i++) {
        lambda[i] = pow(kappa, (double)i / (D - 1));
        v[i] = 1 + 0.3 * i;
        square += v[i] * v[i];
    }
    for (int i = 0; i < D; i++) /* A = H diag(lambda) H, H = I - 2 v v^T / v.v */
        for (int j = 0; j < D; j++) {
            double sum = 0;
            for (int k = 0; k < D; k++)
                sum += lambda[k] * ((i == k) - 2 * v[i] * v[k] / square) *
                       ((j == k) - 2 * v[j] * v[k] / square);
            A[i * D + j] = sum;
        }
}

/* 4 condition numbers x 4 starts x 2 orders: the steps to |R| <= 1e-6 are
 * ceil(log_p(ln(1/eps) / -ln |R_0|)), and those of the two best starts depend on kappa alone */
static void steps_are_those_of_the_formula(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        int table[2][4]; /* order 2 and 3; 0: depends on the other eigenvalues too */
    } cases[] = { { "alpha_s", { { 10, 17, 23, 30 }, { 6, 11, 15, 19 } } },
                  { "fro", { { 0 } } },
                  { "alpha_i", { { 7, 10, 13, 17 }, { 4, 6, 9, 11 } } },
                  { "trace", { { 0 } } },
                  { "code", { { 0 } } } };
    for (int i = 0; i < IL_COUNT(cases); i++)
        for (int order = 2; order <= 3; order++)
            for (int k = 0; k < 4; k++) {
                enum { MOST = 40 };
                double kappa = pow(10, k + 1), A[D * D], lambda[D], trace = 0, fourth = 0;
                conditioned(A, lambda, kappa);
                for (int d = 0; d < D; d++) {
                    trace += lambda[d];
                    fourth += pow(lambda[d], 4);
                }
                double r0 = i == 0   ? (kappa * kappa - 1) / (kappa * kappa + 1)
                            : i == 1 ? 1 - 1 / sqrt(fourth)
                            : i == 2 ? (kappa - 1) / (kappa + 1)
                            : i == 3 ? 1 - 1 / trace
                                     : 1 - 1 / (kappa * kappa + 1);
                int formula = (int)ceil(log(log(1e6) / -log(r0)) / log(order)), steps = 0;
                char text[IL_TEXT];
                snprintf(text, sizeof text, "newton order=%d start=%s", order,
                         cases[i].start);
                double *M = matrices(text, A, D, MOST);
                CHECK_NEAR(residual(A, M, D), r0, 1e-9, text);
                while (steps < MOST && !(residual(A, M + steps * D * D, D) <= 1e-6))
                    steps++;
                CHECK(steps == formula, "%s, kappa %g: %d steps, the formula has %d", text,
                      kappa, steps, formula);
                int want = cases[i].table[order - 2][k];
                CHECK(!want || steps == want, "%s, kappa %g: %d steps, not %d", text, kappa,
                      steps, want);
                free(M);
            }
}

/* |R_{k+1}| = |R_k|^p while rounding is far away */
static void residuals_take_the_power_of_the_order(void **state)
{
    (void)state;
    static const int orders[] = { 2, 3, 4, 6 };
    for (int i = 0; i < IL_COUNT(orders); i++)
        for (double kappa = 10; kappa < 2000; kappa *= 10) {
            enum { MOST = 30 };
            char text[IL_TEXT];
            double A[D * D], lambda[D], last = 1;
            int seen = 0;
            conditioned(A, lambda, kappa);
            snprintf(text, sizeof text, "newton order=%d start=alpha_s", orders[i]);
            double *M = matrices(text, A, D, MOST);
            for (int t = 0; t <= MOST; t++) {
                double now = residual(A, M + t * D * D, D), want = pow(last, orders[i]);
                if (t && want > 1e-8) { /* far above 1e-16 kappa */
                    CHECK_NEAR(now / want, 1, 0.01, text);
                    seen++;
                }
                last = now;
            }
            assert_true(seen >= 2);
            free(M);
        }
}

/* M of A = [[2,1],[1,3]] from 0.05 A, by an independent program in double */
static void matrices_of_record(void **state)
{
    (void)state;
    static const double A[] = { 2, 1, 1, 3 };
    static const double two[][3] = {
        { .1625, .05, .2125 },
        { .2484375, .01484375, .26328125 },
        { .3653961181640626, -.05504150390625, .3103546142578125 },
        { .4948987922631205, -.1350438883993775, .3598549038637429 },
        { .578903514519915, -.1869616549301391, .3919418595897758 },
        { .5991500077891961, -.1994746759235506, .3996753318656456 },
    };
    static const double norm[] = { .9045084972, .8181356215, .6693458951, .4480239273,
                                   .2007254395, .0402907021, .0016233407 };
    double *M = matrices("newton start=fro alpha=0.05", A, 2, 6);
    for (int t = 0; t <= 6; t++) {
        CHECK_NEAR(residual(A, M + t * 4, 2), norm[t], 1e-10, "|R|");
        if (!t) continue;
        CHECK_NEAR(M[t * 4], two[t - 1][0], 1e-14, "M[0][0]");
        CHECK_NEAR(M[t * 4 + 1], two[t - 1][1], 1e-14, "M[0][1]");
        CHECK_NEAR(M[t * 4 + 2], two[t - 1][1], 1e-14, "M[1][0]");
        CHECK_NEAR(M[t * 4 + 3], two[t - 1][2], 1e-14, "M[1][1]");
    }
    free(M);
    static const double three[][4] = {
        { 1, .209375, .034375, .24375 },
        { 2, .3878074645996094, -.0688697814941406, .3189376831054688 },
        { 4, .5998456772284265, -.1999046232819295, .3999410539464970 },
        { 8, .6, -.2, .4 },
    };
    M = matrices("newton order=3 alpha=0.05", A, 2, 8);
    for (int i = 0; i < IL_COUNT(three); i++) {
        const double *at = M + (int)three[i][0] * 4;
        CHECK_NEAR(at[0], three[i][1], 1e-14, "order 3, M[0][0]");
        CHECK_NEAR(at[1], three[i][2], 1e-14, "order 3, M[0][1]");
        CHECK_NEAR(at[3], three[i][3], 1e-14, "order 3, M[1][1]");
    }
    free(M);
}

/* Answers for four points in two dimensions from M = 0.1 I, without and with ridge */
static void answers_of_record(void **state)
{
    (void)state;
    static const double x[] = { 1, 0, .5, 1, -1, .5, .25, -.75, 1, -1 };
    static const double y[] = { 1, 2, -.5, -1, 0 };
    static const double want[2][8] = {
        { -.025, -.05625, -.1242635742187499, -.241160227607839, -.3565253577838734,
          -.3962549467681115, -.3984912489640083, -.3984962406015036 },
        { -.025, -.055, -.11509990234375, -.2018462203222155, -.2632922667047779,
          -.2751252217875905, -.2753622477527305, -.2753623188405797 },
    };
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, 1, 5, 2, &err));
    memcpy(batch->x, x, sizeof x);
    memcpy(batch->y, y, sizeof y);
    for (int i = 0; i < 2; i++) {
        char text[IL_TEXT];
        snprintf(text, sizeof text, "newton start=alpha_i alpha=0.1 ridge=%g", 0.5 * i);
        double *yhat = answers(text, batch, 12, NULL);
        for (int t = 0; t < 7; t++) CHECK_NEAR(yhat[t * 5 + 4], want[i][t], 1e-14, text);
        CHECK_NEAR(yhat[12 * 5 + 4], want[i][7], 1e-14, text);
        free(yhat);
    }
    il_batch_free(batch);
}

/* Before as many examples as dimensions, every start leads to the shortest solution; with ridge,
 * everything leads to ridge */
static void every_start_arrives(void **state)
{
    (void)state;
    enum { B = 4, N = 20, STEPS = 40 };
    static const char *const starts[] = { "fro", "code", "alpha_s", "alpha_i", "trace" };
    il_batch *batch = drawn("noisy_linear_regression", "noise_std=0.5", NULL, B, N, D, D);
    for (int ridged = 0; ridged < 2; ridged++) {
        double *want = answers(ridged ? "ridge alpha=0.3" : "ols", batch, 0, NULL);
        for (int i = 0; i < IL_COUNT(starts); i++)
            for (int order = 2; order <= 5; order += 3) {
                char text[IL_TEXT];
                snprintf(text, sizeof text, "newton order=%d start=%s ridge=%g", order,
                         starts[i], 0.3 * ridged);
                double *yhat = answers(text, batch, STEPS, NULL);
                /* conditions up to 1e4 near n = D: 1e-16 of their squares */
                CHECK_NEAR(distance(yhat + STEPS * B * N, want, B * N), 0, 1e-8, text);
                free(yhat);
            }
        free(want);
    }
    double *gd = answers("gd ridge=0.3", batch, 4000, NULL),
           *want = answers("ridge alpha=0.3", batch, 0, NULL);
    CHECK_NEAR(distance(gd + 4000 * B * N, want, B * N), 0, 1e-8, "gd ridge=0.3");
    free(gd);
    free(want);
    il_batch_free(batch);
}

/* Steps to an error of 1e-6: Newton's grow with log kappa, those of gradient descent with kappa.
 * The answers of prompt d to query e_d, relative to the last, are 1 - r_d. */
static void newton_is_faster_than_gradient_descent(void **state)
{
    (void)state;
    static const int newton[] = { 7, 10, 13 }, gd[] = { 69, 691, 6908 };
    for (int k = 0; k < 3; k++) {
        double lambda[D], A[D * D] = { 0 }, kappa = pow(10, k + 1);
        for (int d = 0; d < D; d++)
            lambda[d] = A[d * D + d] = 1 + (kappa - 1) * d / (D - 1);
        int steps[2] = { 0 };
        for (int which = 0; which < 2; which++) {
            int most = 8000, ended = 0;
            il_batch *batch = columns_of(A, D);
            for (int p = 0; p < D; p++) batch->x[(p * (D + 1) + D) * D + p] = 1;
            double *yhat =
                answers(which ? "gd" : "newton start=alpha_i", batch, most, NULL);
            for (int t = 0; t <= most && !ended; t++) {
                double worst = 0;
                for (int p = 0; p < D; p++)
                    worst =
                        fmax(worst, fabs(1 - lambda[p] * yhat[(t * D + p) * (D + 1) + D]));
                steps[which] = t;
                ended = worst <= 1e-6;
            }
            assert_true(ended);
            free(yhat);
            il_batch_free(batch);
        }
        assert_int_equal(steps[0], newton[k]);
        CHECK_NEAR(steps[1], gd[k], 0.01 * gd[k] + 1, "gd");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_formula),
        cmocka_unit_test(residuals_take_the_power_of_the_order),
        cmocka_unit_test(matrices_of_record),
        cmocka_unit_test(answers_of_record),
        cmocka_unit_test(every_start_arrives),
        cmocka_unit_test(newton_is_faster_than_gradient_descent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
