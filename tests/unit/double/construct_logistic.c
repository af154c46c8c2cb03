/* construct_logistic.c - what is claimed of damped Newton for logistic regression in context, each with its figure
 * printed: chords, the paper's program and ours, error against width (Giannou et al. 2024)
 */
#include "built.h"

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

/* The largest error of w over 12 steps, over three problems */
static double logistic_error(const char *options, int *depth)
{
    char text[128];
    double worst = 0;
    il_table *table;
    int failed;
    il_program_layers l;
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
        il_program_layers l;
        double got[R * 8], worst = 0;
        snprintf(text, sizeof text,
                 "logistic dims=%d examples=%d mu=%g inverse=%d knots=16", d, n,
                 cases[i].mu, k);
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
    il_program_layers l;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chords_of_the_sigmoid),
        cmocka_unit_test(the_papers_program),
        cmocka_unit_test(exact_functions),
        cmocka_unit_test(error_falls_as_the_width_squared),
        cmocka_unit_test(reference_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
