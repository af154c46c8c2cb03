/* construct_newton.c - what is claimed of Newton's inverse in context, each with its figure printed: layers,
 * orders of convergence, what loops and what does not, regression (Giannou et al. 2024)
 */
#include "built.h"
#include "la/dense.h"

/* The spectral norm of a matrix (d,d) that is symmetric but for rounding */
static double norm_of(il_check *c, const double *R, int d)
{
    size_t mark = c->used, D = (size_t)d;
    double *A = il_check_take(c, D * D), *lambda = il_check_take(c, D), most = 0;
    double *work = il_check_take(c, 3 * D);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) A[i * d + j] = (R[i * d + j] + R[j * d + i]) / 2;
    il_eigen(lambda, A, d, NULL, 0, work);
    for (int i = 0; i < d; i++) most = fmax(most, fabs(lambda[i]));
    c->used = mark;
    return most;
}

/* |I - A X_k| after 0..loops steps of the construction `inverse`, whose X_0 is the best alpha A^T.
 * The scratch columns from `scratch` on must be zero. */
static void residuals(il_check *c, double condition, int loops, int coupled, double *norms)
{
    enum { D = 8 };
    double *A = il_check_spectrum(c, D, D, 1, condition, 3), *X = il_check_take(c, D * D);
    double *R = il_check_take(c, D * D), *P = il_check_take(c, D * D);
    double *all = il_check_take(c, (size_t)(loops + 1) * D * D);
    int two = c->model->plan.n_ops && strstr(il_model_program(c->model), "form=two_layers");
    int width = coupled ? 3 * D : 2 * D;
    double *tokens = il_check_take(c, (size_t)(D * width));
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            all[i * D + j] = X[j * D + i] =
                2 / (1 + 1 / (condition * condition)) * A[i * D + j];
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            for (int k = 0; k < D; k++) P[i * D + j] += A[i * D + k] * X[k * D + j];
    for (int j = 0; j < D; j++)
        for (int i = 0; i < D; i++) {
            double *token = tokens + j * width;
            token[i] = X[i * D + j];
            all[j * D + i] = X[i * D + j];
            token[D + i] = coupled ? P[i * D + j] : two ? A[i * D + j] : A[j * D + i];
            if (coupled) token[2 * D + i] = P[j * D + i];
        }
    il_check_run(c, D, tokens, NULL, loops, NULL, all + D * D);
    for (int k = 0; k <= loops; k++) {
        const double *column = all + (size_t)k * D * D;
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++) {
                R[i * D + j] = i == j;
                for (int m = 0; m < D; m++)
                    R[i * D + j] -= A[i * D + m] * column[j * D + m];
            }
        norms[k] = norm_of(c, R, D);
    }
}

static int steps_below(const double *norms, int n, double eps)
{
    for (int k = 0; k < n; k++)
        if (norms[k] < eps) return k;
    return -1;
}

/* ceil(log_p(ln(1/eps) / -ln r)) */
static int steps_by_law(double r, int p, double eps)
{
    return (int)ceil(log(log(1 / eps) / -log(r)) / log(p) - 1e-12);
}

/* Lemma 4.1 of Giannou et al.: a step in two layers, two heads, width 4 d; and one layer does. */
static void newton_steps_in_two_layers_and_in_one(void **state)
{
    (void)state;
    static const int want[] = { 11, 17, 24 };
    for (int one = 0; one < 2; one++) {
        il_program_layers l;
        double norms[32], condition = 10;
        il_check c = start(one ? "inverse form=one_layer" : "inverse form=two_layers", &l);
        CHECK(l.layers[IL_BODY] == 2 - one && l.heads == 2 - one &&
                  l.width == (4 - one) * 8,
              "%d layers, %d heads, width %d", l.layers[IL_BODY], l.heads, l.width);
        for (int i = 0; i < 3; i++, condition *= 10) {
            c.used = 0;
            residuals(&c, condition, 30, 0, norms);
            int steps = steps_below(norms, 31, 1e-9);
            printf("row %d: %d layer(s), condition %g: %d steps to 1e-9 (%d by the law)\n",
                   1 + one, 2 - one, condition, steps, want[i]);
            CHECK(steps == want[i], "%d steps", steps);
        }
        finish(&c);
    }
}

static void order_p_converges_with_order_p(void **state)
{
    (void)state;
    static const int orders[] = { 2, 3, 4, 6 };
    for (int i = 0; i < 4; i++) {
        int p = orders[i], cases = 0;
        char text[64];
        double norms[32], lo = 2, hi = 0;
        snprintf(text, sizeof text, "inverse form=order order=%d", p);
        il_program_layers l;
        il_check c = start(text, &l);
        CHECK(l.layers[IL_BODY] == p - 1 && l.heads <= 2 && l.width == 32,
              "order %d: counts", p);
        for (double condition = 10; condition < 1001; condition *= 10) {
            double r = (condition * condition - 1) / (condition * condition + 1);
            c.used = 0;
            residuals(&c, condition, 26, 0, norms);
            CHECK(steps_below(norms, 27, 1e-6) == steps_by_law(r, p, 1e-6),
                  "order %d, condition %g: %d steps, law %d", p, condition,
                  steps_below(norms, 27, 1e-6), steps_by_law(r, p, 1e-6));
            cases++;
            for (int k = 0; k < 26 && norms[k + 1] > 1e-8; k++) {
                double ratio = norms[k + 1] / pow(norms[k], p);
                lo = fmin(lo, ratio), hi = fmax(hi, ratio);
            }
        }
        printf(
            "row 3: order %d: steps as the law has them in %d of %d cases; |R'|/|R|^p in "
            "[%.6f, %.6f]\n",
            p, cases, cases, lo, hi);
        CHECK(lo > 0.99 && hi < 1.01, "ratios %g to %g", lo, hi);
        finish(&c);
    }
}

/* A program that keeps T S T' in place of T S T: rounding of its antisymmetric part doubles. */
static void unstable_newton(il_program *p)
{
    il_masked(p);
    il_task_is(p, "", "columns", 5, 21);
    il_token(p, "x", 5, "");
    il_token(p, "y", 1, "");
    il_register(p, "t", 5, "");
    il_register(p, "o", 1, "");
    il_attend(p, "t <- %g x ; x ; x", 1e-4);
    il_loop(p, 60);
    il_attend(p, "t <- -0.5 t ; t ; x");
    il_double(p, "t");
    il_after(p);
    il_attend(p, "o <- y ; x ; t");
    il_answer(p, "o");
}

static void what_loops_and_what_does_not(void **state)
{
    (void)state;
    static double norms[301];
    il_check c = start("inverse form=one_layer", NULL);
    residuals(&c, 10, 300, 0, norms);
    double ten = norms[300];
    c.used = 0;
    residuals(&c, 1000, 300, 0, norms);
    printf("row 4: after 300 loops |I - A X| = %.2g (condition 10), %.2g (1000)\n", ten,
           norms[300]);
    CHECK(ten < 1e-14 && norms[300] < 1e-9, "one layer drifts");
    finish(&c);

    c = start("inverse form=coupled", NULL);
    residuals(&c, 10, 40, 1, norms);
    double growth = pow(norms[36] / norms[26], 0.1);
    printf("row 4: coupled order 3: error %.2g at 26 layers, x %.3f a layer\n", norms[26],
           growth);
    CHECK(growth > 1.8 && growth < 2.2, "growth %g", growth);
    finish(&c);

    il_program *p;
    il_model *m;
    CHECK_OK(il_program_new(&p, &err));
    unstable_newton(p);
    CHECK_OK(il_assemble(&m, p, NULL, &err));
    il_program_free(p);
    c = (il_check){ .model = m, .size = ROOM, .room = calloc(ROOM, sizeof(double)) };
    il_problem problem = il_problem_new(&c, 20, 5, 100, 9, 0, 4);
    double *all = il_check_take(&c, 60 * 21), exact = 0;
    il_check_run(&c, 21, problem.tokens, problem.mask, 60, NULL, all);
    for (int j = 0; j < 5; j++) exact += problem.w[j] * problem.q[j];
    double at[2];
    for (int i = 0; i < 2; i++) at[i] = fabs(all[(34 + 10 * i) * 21 + 20] / exact - 1);
    growth = pow(at[1] / at[0], 0.1);
    printf("row 4: T S T' for T S T: error %.2g at 35 loops, x %.3f a loop\n", at[0],
           growth);
    CHECK(growth > 1.7 && growth < 2.3, "growth %g", growth);
    finish(&c);
}

/* Theorem 4.2: linear and ridge regression; and the one-head program, at the law's T. */
static void regression_by_newton(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n, d, layers, heads, width, all_i;
        double ridge;
    } cases[] = {
        { "newton_gram dims=10 points=51 start=I alpha=%s loops=%d", 50, 10, 3, 2, 43, 1,
          0 },
        { "newton_gram dims=10 points=51 start=I ridge=0.5 alpha=%s loops=%d", 50, 10, 3, 2,
          43, 1, 0.5 },
        { "newton_gram dims=10 points=51 alpha=%s loops=%d mask=0", 50, 10, 3, 1, 53, 0,
          0 },
        { "newton_gram dims=10 points=51 ridge=0.5 alpha=%s loops=%d mask=0", 50, 10, 3, 2,
          53, 0, 0.5 },
        { "newton dims=20 points=41 alpha=%s loops=%d", 40, 20, 2, 1, 42, 0, 0 },
        { "newton dims=20 points=41 start=I alpha=%s loops=%d", 40, 20, 1, 1, 42, 1, 0 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        double L = 100 + cases[i].ridge, l = 100 / 9.0 + cases[i].ridge, k = L / l;
        double alpha = cases[i].all_i ? 2 / (L + l) : 2 / (L * L + l * l);
        double r = cases[i].all_i ? (k - 1) / (k + 1) : (k * k - 1) / (k * k + 1);
        int T = steps_by_law(r, 2, 1e-14), n = cases[i].n, d = cases[i].d;
        char text[128], algo[128];
        snprintf(text, sizeof text, cases[i].text, il_digits(alpha).text, T);
        il_program_layers layers;
        il_check c = start(text, &layers);
        int depth = layers.layers[0] + layers.layers[1] + layers.layers[2] - 1;
        CHECK(depth == cases[i].layers && layers.layers[1] == 1 &&
                  layers.heads == cases[i].heads && layers.width == cases[i].width,
              "%s: T + %d layers, %d heads, width %d", text, depth, layers.heads,
              layers.width);
        il_problem p = il_problem_new(&c, n, d, 100, 9, 0.3, i);
        double *tokens = strstr(text, "mask=0") ? il_problem_unmasked(&c, &p) : p.tokens;
        double *all = il_check_take(&c, (size_t)(T * (n + 1)));
        double *steps = il_check_take(&c, (size_t)T + 1), exact, worst = 0;
        il_check_run(&c, n + 1, tokens, p.mask, T, NULL, all);
        snprintf(algo, sizeof algo, "newton start=%s alpha=%s ridge=%g",
                 cases[i].all_i ? "alpha_i" : "alpha_s", il_digits(alpha).text,
                 cases[i].ridge);
        il_check_algo(&c, algo, &p, T, steps, NULL);
        snprintf(algo, sizeof algo, "ridge alpha=%g", cases[i].ridge);
        il_check_last(&c, cases[i].ridge > 0 ? algo : "ols", &p, &exact);
        for (int t = 0; t < T; t++)
            worst = fmax(worst, fabs(all[t * (n + 1) + n] - steps[t + 1]) / fabs(exact));
        double left = fabs(all[(T - 1) * (n + 1) + n] / exact - 1);
        printf("row 5: %-62s T=%d: %.2g to the recursion, %.2g to the exact solution\n",
               text, T, worst, left);
        CHECK(worst < 1e-13 && left < 1e-12, "%g, %g", worst, left);
        finish(&c);
    }
}

/* The digits double: of the residual's norm, and of the prediction's rms error over 20 problems */
static void errors_square(void **state)
{
    (void)state;
    enum { T = 9, N = 51 };
    double norms[27], lo = 9, hi = 0, error[T] = { 0 };
    il_check c = start("inverse form=one_layer", NULL);
    residuals(&c, 10, 26, 0, norms);
    for (int k = 0; norms[k + 1] > 1e-8; k++) {
        double ratio = log(norms[k + 1]) / log(norms[k]);
        lo = fmin(lo, ratio), hi = fmax(hi, ratio);
    }
    printf("row 6: ln of the residual's norm grows x %.5f to x %.5f a layer\n", lo, hi);
    CHECK(lo > 1.999 && hi < 2.001, "%g to %g", lo, hi);
    finish(&c);

    c = start("newton_gram dims=10 points=51 start=I alpha=0.018 loops=9", NULL);
    for (int seed = 0; seed < 20; seed++) {
        c.used = 0;
        il_problem p = il_problem_new(&c, N - 1, 10, 100, 9, 0, 50 * seed);
        double *all = il_check_take(&c, T * N), exact = 0;
        il_check_run(&c, N, p.tokens, p.mask, T, NULL, all);
        for (int j = 0; j < 10; j++) exact += p.w[j] * p.q[j];
        for (int t = 0; t < T; t++) {
            double gap = all[t * N + N - 1] - exact;
            error[t] += gap * gap;
        }
    }
    lo = 9, hi = 0;
    for (int t = 0; t + 1 < T; t++) {
        double a = sqrt(error[t] / 20), b = sqrt(error[t + 1] / 20);
        if (!(a < 0.1 && b > 1e-12)) continue; /* C r^(2^k): C counts at first */
        lo = fmin(lo, log(b) / log(a)), hi = fmax(hi, log(b) / log(a));
    }
    printf("row 6: ln of the prediction's error grows x %.3f to x %.3f a layer\n", lo, hi);
    CHECK(lo >= 1.7 && hi <= 2.4, "%g to %g", lo, hi);
    finish(&c);
}

/* S diagonal, the query along the smallest eigenvalue: layers to a relative error of 1e-6 */
static int layers_to(const char *text, double condition, int most)
{
    enum { D = 4 };
    il_check c = start(text, NULL);
    double tokens[(D + 1) * (D + 1)] = { 0 }, mask[D + 1] = { 1, 1, 1, 1, 0 };
    for (int i = 0; i < D; i++) {
        double lambda = i == 0 ? 1 : i == D - 1 ? 1 / condition : 0.5;
        tokens[i * (D + 1) + i] = tokens[i * (D + 1) + D] = sqrt(lambda);
    }
    tokens[D * (D + 1) + D - 1] = 1;
    double *all = il_check_take(&c, (size_t)most * (D + 1));
    il_check_run(&c, D + 1, tokens, mask, most, NULL, all);
    int k = 0;
    while (k < most && fabs(all[k * (D + 1) + D] - 1) > 1e-6) k++;
    finish(&c);
    return k + 1;
}

static void log_against_linear_in_the_condition(void **state)
{
    (void)state;
    static const int newton[] = { 7, 10, 13 }, gd[] = { 69, 691, 6908 };
    double condition = 10;
    for (int i = 0; i < 3; i++, condition *= 10) {
        char a[96], b[96];
        double step = 2 / (1 + 1 / condition);
        snprintf(a, sizeof a, "newton dims=4 start=I alpha=%s", il_digits(step).text);
        snprintf(b, sizeof b, "gd dims=4 step_size=%s", il_digits(step).text);
        int n = layers_to(a, condition, 20), g = layers_to(b, condition, 7100);
        printf("row 7: condition %g: %d layers of newton, %d of gd (%d, %d)\n", condition,
               n, g, newton[i], gd[i]);
        CHECK(n == newton[i] && abs(g - gd[i]) <= 1 + gd[i] / 100, "%d, %d", n, g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newton_steps_in_two_layers_and_in_one),
        cmocka_unit_test(order_p_converges_with_order_p),
        cmocka_unit_test(what_loops_and_what_does_not),
        cmocka_unit_test(regression_by_newton),
        cmocka_unit_test(errors_square),
        cmocka_unit_test(log_against_linear_in_the_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
