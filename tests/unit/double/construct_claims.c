/* construct_claims.c - what the papers on in-context Newton claim, each with its figure printed
 *
 * Claims that need nothing but weights written down: counts of layers, heads and width, orders of
 * convergence, stability in loops, bounds of piecewise linear functions, closed-form optima.
 */
#include "algo/dense.h"
#include "check.h"
#include "construct/construct.h"

#include <stdlib.h>

enum { ROOM = 1 << 22 };

static il_check start(const char *text, il_layers *layers)
{
    il_check c = { .size = ROOM, .room = calloc(ROOM, sizeof(double)) };
    il_model *m;
    CHECK_OK(il_construct_new(&m, layers, text, &err));
    c.model = m;
    return c;
}

static void finish(il_check *c)
{
    CHECK(c->status == IL_OK, "%s", c->error.text);
    il_model_free((il_model *)c->model);
    free(c->room);
}

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
        il_layers l;
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
        il_layers l;
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
        il_layers layers;
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

static void chords_of_the_sigmoid(void **state)
{
    (void)state;
    il_program *p;
    CHECK_OK(il_program_new(&p, &err));
    double first[2], last[2];
    for (int M = 16; M <= 1024; M *= 2) {
        double h = 16.0 / M, error[2];
        error[0] = il_pwl_new(p, "s", il_sigmoid, 0, M, -8, 8, 1)->error;
        error[1] = il_pwl_new(p, "s'", il_sigmoid_slope, 0, M, -8, 8, 1)->error;
        CHECK(error[0] <= 0.0120282 * h * h && error[1] <= h * h / 64, "M=%d: %g, %g", M,
              error[0], error[1]);
        if (M == 64) memcpy(first, error, sizeof first);
        if (M == 1024) memcpy(last, error, sizeof last);
    }
    double slope[2];
    for (int i = 0; i < 2; i++) slope[i] = log(last[i] / first[i]) / log(16);
    printf("row 8: M=1024: %.3g, %.3g; slopes %.3f, %.3f\n", last[0], last[1], slope[0],
           slope[1]);
    CHECK(fabs(slope[0] + 2) < 0.05 && fabs(slope[1] + 2) < 0.05, "slopes");
    il_program_free(p);
}

/* ---- logistic regression ------------------------------------------------------------------------ */

/* The largest error of w over 12 steps, over three problems */
static double logistic_error(const char *options, int *depth)
{
    char text[128];
    double worst = 0;
    il_table *table;
    int failed;
    il_layers l;
    il_model *m;
    snprintf(text, sizeof text, "logistic %s", options);
    CHECK_OK(il_construct_new(&m, &l, text, &err));
    il_model_free(m);
    CHECK_OK(il_build_verify(&table, &failed, text, &err));
    for (int i = 0; i < il_table_rows(table); i++)
        worst = fmax(worst, il_table_number(table, i, il_table_find(table, "error")));
    il_table_free(table);
    if (depth) *depth = l.layers[IL_BODY];
    return worst;
}

/* Theorem 5.2: 11 + 2k layers a step, width 6 d + 4, n = 26, d = 5, mu = 0.1. The chords span what mu
 * allows, |w.a| <= sqrt(2 ln 2 / mu) = 3.7; on +-8 they err (8 / 3.7)^2 as much. */
static void the_papers_program(void **state)
{
    (void)state;
    int depth;
    double a = logistic_error("program=paper knots=128", &depth);
    double b = logistic_error("program=paper knots=512", NULL);
    printf("row 9: %d layers a step; largest error %.2g at M=128, %.2g at M=512\n", depth,
           a, b);
    CHECK(depth == 23, "%d layers", depth);
    CHECK(a < 2e-4 && b < 1e-5, "%g, %g", a, b);
}

/* The program of 6 + k layers with its three functions exact: a tap writes them into the stream. */
typedef struct {
    int d, n, w, rate; /* columns; the layer of eta */
    double mu, *got;
} exactly;

static void write_functions(void *context, il_state *s, int op)
{
    const exactly *e = context;
    const il_op *o = &s->plan->ops[op];
    char rate[32];
    snprintf(rate, sizeof rate, "h.%d.mlp.out", e->rate);
    int first = !strcmp(o->name, "h.0.mlp.out"), N = e->n + 1, d = e->d;
    if (!first && strcmp(o->name, rate)) return;
    int C = il_width(s->plan, o->out), z = e->w + d, sq = z + 3 + N + 4 * d;
    il_real *row = s->value[o->out];
    for (int t = 0; t < s->rows; t++, row += C) {
        if (first) {
            row[z + 1] = fmax(row[d], 0) - il_sigmoid(row[z], 0);
            row[z + 2] = il_sigmoid_slope(row[z], 0);
        } else {
            row[sq + 1] = 2 * sqrt(e->mu) / (2 * sqrt(e->mu) + sqrt(row[sq]));
        }
    }
}

static void see_weights(void *context, il_state *s, int loop)
{
    const exactly *e = context;
    const il_real *stream = s->value[s->plan->carry_out];
    for (int j = 0; j < e->d; j++) e->got[(loop - 1) * e->d + j] = stream[e->w + j];
}

static void exact_functions(void **state)
{
    (void)state;
    static const struct {
        int d, n;
        double mu;
    } cases[] = { { 5, 26, 0.1 }, { 5, 26, 0.01 }, { 8, 40, 0.1 } };
    enum { R = 12 };
    for (int i = 0; i < 3; i++) {
        int d = cases[i].d, n = cases[i].n, k = i == 1 ? 9 : 6;
        char text[128], algo[64];
        il_layers l;
        double got[R * 8], worst = 0;
        snprintf(text, sizeof text, "logistic dims=%d examples=%d mu=%g inverse=%d knots=2",
                 d, n, cases[i].mu, k);
        il_check c = start(text, &l);
        CHECK(l.layers[IL_BODY] == 6 + k && l.heads == 2 &&
                  l.width == 6 * d + 3 * (n + 1) + 8,
              "%d layers, %d heads, width %d", l.layers[IL_BODY], l.heads, l.width);
        il_problem p = il_problem_classes(&c, n, d, 5);
        double *w = il_check_take(&c, (R + 1) * 8);
        snprintf(algo, sizeof algo, "logistic rule=damped mu=%g", cases[i].mu);
        il_check_algo(&c, algo, &p, R, NULL, w);
        exactly e = { d, n, d + 2 + 2 * (n + 1), 4 + k, cases[i].mu, got };
        il_state *s;
        const il_plan *plan = &c.model->plan;
        CHECK_OK(il_state_new(&s, c.model, 1, n + 1, 0, &err));
        il_state_shape(s, 1, n + 1);
        memcpy(s->value[plan->tokens], p.tokens,
               sizeof(double) * (size_t)((n + 1) * (d + 1)));
        memcpy(s->value[plan->mask], p.mask, sizeof(double) * (size_t)(n + 1));
        memset(s->value[plan->weight], 0, sizeof(double) * (size_t)(n + 1));
        il_forward(s, &(il_run){ .loops = R,
                                 .post = R,
                                 .visit = see_weights,
                                 .tap = write_functions,
                                 .context = &e });
        il_state_free(s);
        for (int j = 0; j < R * d; j++) worst = fmax(worst, fabs(got[j] - w[d + j]));
        printf(
            "row 10: d=%d n=%d mu=%g: 6 + %d layers, exact functions: %.2g over %d steps\n",
            d, n, cases[i].mu, k, worst, R);
        CHECK(worst < 1e-14, "%g", worst);
        finish(&c);
    }
    il_layers l;
    il_check c = start("logistic mask=0 inverse=6", &l);
    CHECK(l.width == 7 * 5 + 3 * 27 + 8 && l.units == 131, "width %d, %d units", l.width,
          l.units); /* without a mask; M + 3 units at M = 128 */
    finish(&c);
}

static void error_falls_as_the_width_squared(void **state)
{
    (void)state;
    double first = logistic_error("knots=64", NULL),
           last = logistic_error("knots=4096", NULL);
    double slope = log(last / first) / log(64);
    printf("row 11: error %.2g at M=64, %.2g at M=4096: slope %.3f\n", first, last, slope);
    CHECK(slope > -2.3 && slope < -1.8, "slope %g", slope);
}

/* Four points, whose iterates were computed apart: the algorithm, then the program. */
static void reference_vectors(void **state)
{
    (void)state;
    static const double a[] = { .8, 0, .4, .8, -.8, .4, .2, -.6 }, y[] = { 1, 1, -1, 1 };
    static const double want[] = { 0,
                                   0,
                                   .7153433321031548,
                                   -.0416337389054746,
                                   1.2081929537030474,
                                   -.073647451498323,
                                   1.4442842409055863,
                                   -.0924510663780508,
                                   1.4924272416772293,
                                   -.0969928982640389,
                                   1.4941851007145268,
                                   -.0971813553334704 };
    enum { R = 7 };
    il_check c =
        start("logistic dims=2 examples=4 inverse=6 knots=64 range=8 most=1 loops=7", NULL);
    il_problem p = il_problem_classes(&c, 4, 2, 1);
    memcpy(p.x, a, sizeof a);
    memcpy(p.y, y, sizeof y);
    for (int i = 0; i < 4; i++) {
        memcpy(p.tokens + 3 * i, a + 2 * i, 2 * sizeof *a);
        p.tokens[3 * i + 2] = y[i];
    }
    double *w = il_check_take(&c, 2 * (R + 1)), worst = 0, errors[6];
    il_check_algo(&c, "logistic rule=damped mu=0.1", &p, R, NULL, w);
    for (int i = 0; i < 12; i++) worst = fmax(worst, fabs(w[i] - want[i]));
    for (int t = 0; t < 6; t++)
        errors[t] = hypot(w[2 * t] - 1.4941873657912834, w[2 * t + 1] + .0971816250275761);
    printf("row 12: distance to the minimum %.2g %.2g %.2g %.2g %.2g %.2g; to the "
           "reference %.2g\n",
           errors[0], errors[1], errors[2], errors[3], errors[4], errors[5], worst);
    CHECK(worst < 1e-14, "%g", worst);
    size_t C = (size_t)il_width(&c.model->plan, c.model->plan.carry_out);
    double *stream = il_check_take(&c, R * 5 * C), *answers = il_check_take(&c, R * 5);
    il_check_run(&c, 5, p.tokens, p.mask, R, stream, answers);
    const double *got = stream + (R - 1) * 5 * C + 2 + 2 + 2 * 5;
    printf("row 12: the program's w_7 with 65 knots: %.15g %.15g\n", got[0], got[1]);
    CHECK_NEAR(got[0], 1.495166491480178, 1e-12, "w_7");
    CHECK_NEAR(got[1], -.0973879948532473, 1e-12, "w_7");
    finish(&c);
}

/* ---- optima ------------------------------------------------------------------------------------- */

/* The mean of S = 1/n sum x x' of `samples` draws in f; x ~ N(0, I) */
static double over_wishart(int n, int d, int samples,
                           double (*f)(const double *S, int d, void *), void *context)
{
    double S[256], x[16], mean = 0;
    il_rng rng = il_rng_at(11, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < samples; i++) {
        memset(S, 0, sizeof S);
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < d; j++) x[j] = il_normal(&rng);
            for (int j = 0; j < d; j++)
                for (int m = 0; m < d; m++) S[j * d + m] += x[j] * x[m] / n;
        }
        mean += f(S, d, context) / samples;
    }
    return mean;
}

typedef struct {
    const double *a;
    int L;
} factors;

/* | prod (I - a_l S) |_F^2 */
static double left_over(const double *S, int d, void *context)
{
    const factors *f = context;
    double P[256] = { 0 }, Q[256], sum = 0;
    for (int i = 0; i < d; i++) P[i * d + i] = 1;
    for (int l = 0; l < f->L; l++) {
        for (int i = 0; i < d; i++)
            for (int j = 0; j < d; j++) {
                double dot = 0;
                for (int k = 0; k < d; k++) dot += P[i * d + k] * S[k * d + j];
                Q[i * d + j] = P[i * d + j] - f->a[l] * dot;
            }
        memcpy(P, Q, sizeof P);
    }
    for (int i = 0; i < d * d; i++) sum += P[i] * P[i];
    return sum;
}

/* The model's mean squared error over prompts with x ~ N(0, diag lambda), w ~ N(0, I), and the
 * slope of its answer on the truth, with inputs scaled by `scale`. */
static double model_error(const char *text, int n, int d, double largest, double ratio,
                          double scale, int prompts, double *slope)
{
    il_check c = start(text, NULL);
    double sum = 0, yy = 0, y2 = 0;
    il_rng rng = il_rng_at(5, IL_STREAM_USER, 1, 0);
    double *tokens = il_check_take(&c, (size_t)((n + 1) * (d + 1)));
    double *mask = il_check_take(&c, (size_t)n + 1),
           *out = il_check_take(&c, (size_t)n + 1);
    for (int i = 0; i < n; i++) mask[i] = 1;
    for (int b = 0; b < prompts; b++) {
        double w[16], y = 0;
        for (int j = 0; j < d; j++) w[j] = il_normal(&rng);
        for (int i = 0; i <= n; i++) {
            double *token = tokens + i * (d + 1), lambda = largest;
            y = 0;
            for (int j = 0; j < d; j++, lambda *= ratio)
                y += w[j] * (token[j] = scale * sqrt(lambda) * il_normal(&rng));
            token[d] = i < n ? y : 0;
        }
        il_check_run(&c, n + 1, tokens, mask, 1, NULL, out);
        sum += (out[n] - y) * (out[n] - y) / prompts;
        yy += out[n] * y, y2 += y * y;
    }
    if (slope) *slope = yy / y2;
    finish(&c);
    return sum;
}

static void one_layer_optimum(void **state)
{
    (void)state;
    double lambda[] = { 2, 1, .5, .25 }, n = 20, trace = 3.75, best = 0, plain = 0;
    for (int i = 0; i < 4; i++) {
        double l = lambda[i], square = (1 + 1 / n) * l * l + trace / n * l;
        double a = 1 / ((1 + 1 / n) * l + trace / n);
        best += l * (1 - 2 * a * l + a * a * square);
        plain += l * (1 - 2 + square / (l * l));
    }
    double model = model_error("preconditioned", 20, 4, 2, 0.5, 1, 20000, NULL);
    printf(
        "row 20: loss of the optimum %.4f, of 1/Sigma %.4f; of the model on prompts %.4f\n",
        best, plain, model);
    CHECK_NEAR(best, 0.703, 0.005, "the optimum's loss");
    CHECK_NEAR(plain, 0.941, 0.005, "the loss at 1/Sigma");
    CHECK_NEAR(model, best, 0.03, "the model's loss"); /* 20,000 prompts: deviation 0.010 */
}

static void three_layers(void **state)
{
    (void)state;
    static const double a[] = { .42, .685, 1.705 };
    double loss = over_wishart(20, 5, 20000, left_over, &(factors){ a, 3 });
    double model = model_error("preconditioned dims=5 condition=1 largest=1 "
                               "scales=0.42,0.685,1.705",
                               20, 5, 1, 1, 1, 4000, NULL);
    printf("row 21: scales .42 .685 1.705: loss %.4f; of the model on prompts %.4f\n", loss,
           model);
    CHECK_NEAR(loss, 0.136, 0.03 * 0.136, "three layers");
    CHECK_NEAR(model, loss, 0.1 * loss, "the model");
}

static void isotropic_error_and_shifts(void **state)
{
    (void)state;
    static const double scales[] = { .5, 1, 2, 3 };
    const char *text = "preconditioned dims=5 condition=1 largest=1 examples=50";
    double law = 5 * 6 / 56.0, loss = model_error(text, 50, 5, 1, 1, 1, 20000, NULL);
    printf("row 22: loss %.4f, d(d+1)/(n+d+1) = %.4f\n", loss, law);
    CHECK_NEAR(loss, law, 0.05 * law, "isotropic loss");
    for (int i = 0; i < 4; i++) {
        double slope, c2 = scales[i] * scales[i], want = c2 * 50 / 56;
        model_error(text, 50, 5, 1, 1, scales[i], 10000, &slope);
        printf("row 23: inputs x %g: slope %.4f, c^2 n/(n+d+1) = %.4f\n", scales[i], slope,
               want);
        CHECK_NEAR(slope, want, 0.01 * want, "slope");
    }
}

static void looped_optimum(void **state)
{
    (void)state;
    double a[40];
    for (int i = 0; i < 40; i++) a[i] = .615;
    double three = over_wishart(20, 10, 4000, left_over, &(factors){ a, 3 });
    double longer = over_wishart(20, 10, 4000, left_over, &(factors){ a, 30 }), at[3];
    for (int i = 0; i < 40; i++) a[i] = .945;
    for (int i = 0; i < 3; i++)
        at[i] = over_wishart(200, 10, 2000, left_over, &(factors){ a, 2 << i });
    printf("row 24: n=20: %.4f after 3 loops, %.2g after 30; n=200: %.3g, %.3g, %.3g after "
           "2, 4, "
           "8\n",
           three, longer, at[0], at[1], at[2]);
    CHECK_NEAR(three, 1.453, 0.015 * 1.453, "three loops");
    CHECK(longer > 1e3, "it does not diverge: %g", longer);
    CHECK_NEAR(at[0], 5.6e-2, 3e-3, "2 loops");
    CHECK_NEAR(at[1], 1.2e-3, 2e-4, "4 loops");
    CHECK(at[2] > 1e-6 && at[2] < 6e-6, "8 loops: %g", at[2]);
}

static void second_order_gdpp(void **state)
{
    (void)state;
    static const double conditions[] = { 2, 10, 100, 1000 };
    static const int want[] = { 6, 9, 12, 14 };
    for (int i = 0; i < 4; i++) {
        int L = 0;
        for (double left = 1; left > 1e-12 && L < 30;) {
            char text[96];
            snprintf(text, sizeof text, "gdpp schedule=second_order largest=1 loops=%d",
                     ++L);
            il_check c = start(text, NULL);
            double out[11], worst = 0, most = 0;
            for (int seed = 0; seed < 5; seed++) {
                double exact = 0;
                il_problem p = il_problem_new(&c, 10, 5, 1, conditions[i], 0, 90 * seed);
                il_check_run(&c, 11, p.tokens, p.mask, 1, NULL, out);
                for (int j = 0; j < 5; j++) exact += p.w[j] * p.q[j];
                worst = fmax(worst, fabs(out[10] - exact));
                most = fmax(most, fabs(exact));
            }
            left = worst / most;
            finish(&c);
        }
        printf("row 27: condition %g: %d layers to 1e-12 (%d)\n", conditions[i], L,
               want[i]);
        CHECK(abs(L - want[i]) <= 1, "%d layers", L);
    }
}

static void rescaling_nears_ridge(void **state)
{
    (void)state;
    double gap[2][2];
    for (int k = 0; k < 2; k++) {
        il_table *table;
        int failed;
        CHECK_OK(il_build_verify(&table, &failed,
                                 k ? "rescaling" : "rescaling examples=400", &err));
        for (int i = 0; i < 2; i++)
            gap[k][i] = il_table_number(table, i, il_table_find(table, "exact"));
        il_table_free(table);
    }
    printf("row 28: to ridge at s = 1, 3: %.3f, %.3f (n=400); %.3f, %.3f (n=4000)\n",
           gap[0][0], gap[0][1], gap[1][0], gap[1][1]);
    CHECK(gap[1][0] < 0.04 && gap[1][1] < 0.15, "n=4000");
    CHECK(gap[1][0] < gap[0][0] && gap[1][1] < gap[0][1], "it does not shrink");
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
        cmocka_unit_test(chords_of_the_sigmoid),
        cmocka_unit_test(the_papers_program),
        cmocka_unit_test(exact_functions),
        cmocka_unit_test(error_falls_as_the_width_squared),
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(one_layer_optimum),
        cmocka_unit_test(three_layers),
        cmocka_unit_test(isotropic_error_and_shifts),
        cmocka_unit_test(looped_optimum),
        cmocka_unit_test(second_order_gdpp),
        cmocka_unit_test(rescaling_nears_ridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
