/* construct_related.c - what is claimed of related constructions, each with its figure printed: rank-one passes by
 * GeLU and LayerNorm (Akyurek et al. 2023), graphs (Cheng, Carin & Sra 2024), copies (von Oswald et al. 2023)
 */
#include "algo/graph.h"
#include "built.h"

/* The largest number in a column of a construction's verification */
static double worst_of(const char *text, const char *column)
{
    il_table *table;
    int failed;
    double worst = 0;
    CHECK_OK(il_build_verify(&table, &failed, text, &err));
    CHECK(!failed, "%s: %d errors above what is stated", text, failed);
    for (int i = 0; i < il_table_rows(table); i++)
        worst = fmax(worst, il_table_number(table, i, il_table_find(table, column)));
    il_table_free(table);
    return worst;
}

/* Products by GeLU err by e^2, so a pass does, until the quotient's error shows. */
static void passes_by_four_primitives(void **state)
{
    (void)state;
    double sgd[3], ridge[3], e = 1e-2;
    for (int i = 0; i < 3; i++, e /= 10) {
        char text[96];
        snprintf(text, sizeof text, "rank_one products=primitives e=%g", e);
        sgd[i] = worst_of(text, "error");
        snprintf(text, sizeof text, "rank_one products=primitives form=ridge e=%g", e);
        ridge[i] = worst_of(text, "error");
    }
    printf("a1: d=4 n=6, e = 1e-2, 1e-3, 1e-4: sgd %.2g %.2g %.2g; ridge 0.1: %.2g %.2g "
           "%.2g\n",
           sgd[0], sgd[1], sgd[2], ridge[0], ridge[1], ridge[2]);
    CHECK(sgd[1] < 1e-5 && sgd[2] < 1e-5 && ridge[2] < 2e-3, "a1");
    for (int i = 0; i < 2; i++) {
        double slope = log10(sgd[i] / sgd[i + 1]);
        CHECK(fabs(slope - 2) < 0.05, "the error is of order e^%g", slope);
    }
}

enum { N = 10, E = 20, K = 3, LAYERS = 128, MOST = 64 };

typedef struct {
    double *tokens, *L, *V, *lambda, *psi,
        *exact; /* (N,E+K), (N,N), (N,N), (N), (N,K), (N,K) */
    double *work;
} graph;

/* A ring with skips of 2, and demands of length 1 orthogonal to 1 */
static graph draw(il_check *c, int seed)
{
    graph g = { .tokens = il_check_take(c, N * (E + K)) };
    double *a = il_check_random(c, E + N * K, seed);
    g.L = il_check_take(c, N * N), g.V = il_check_take(c, N * N);
    g.lambda = il_check_take(c, N), g.psi = il_check_take(c, N * K);
    g.exact = il_check_take(c, N * K), g.work = il_check_take(c, il_graph_work(N, K));
    for (int e = 0; e < E; e++) {
        double amplitude = il_exp(2 * il_sigmoid(a[e], 0) - 1);
        g.tokens[e % N * (E + K) + e] = amplitude;
        g.tokens[(e + 1 + e / N) % N * (E + K) + e] = -amplitude;
    }
    for (int k = 0; k < K; k++) {
        double mean = 0, square = 0;
        for (int i = 0; i < N; i++) mean += (g.psi[i * K + k] = a[E + k * N + i]) / N;
        for (int i = 0; i < N; i++) square += pow(g.psi[i * K + k] -= mean, 2);
        for (int i = 0; i < N; i++)
            g.tokens[i * (E + K) + E + k] = g.psi[i * K + k] /= sqrt(square);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int e = 0; e < E; e++)
                g.L[i * N + j] += g.tokens[i * (E + K) + e] * g.tokens[j * (E + K) + e];
    il_graph_spectrum(g.lambda, g.V, g.L, N, g.work);
    return g;
}

/* The longest column of a - b */
static double far(const double *a, const double *b)
{
    double worst = 0;
    for (int k = 0; k < K; k++) {
        double sum = 0;
        for (int i = 0; i < N; i++) sum += pow(a[i * K + k] - b[i * K + k], 2);
        worst = fmax(worst, sqrt(sum));
    }
    return worst;
}

/* b1: (1 - delta l_2)^k / l_2 after every one of 128 layers */
static void electric_flow_keeps_its_bound(void **state)
{
    (void)state;
    const double delta = 0.03;
    il_check c = start("graph layers=128", NULL);
    graph g = draw(&c, 4);
    double *all = il_check_take(&c, LAYERS * N * K), closest = 0, error = 0, bound = 0;
    CHECK(delta * g.lambda[N - 1] < 1, "delta");
    il_graph_solve(g.exact, IL_GRAPH_FLOW, 0, g.L, g.psi, N, K, g.work);
    il_check_run(&c, N, g.tokens, NULL, LAYERS, NULL, all);
    for (int k = 1; k <= LAYERS; k++) {
        error = far(all + (k - 1) * N * K, g.exact);
        bound = pow(1 - delta * g.lambda[1], k) / g.lambda[1];
        closest = fmax(closest, error / bound);
        CHECK(error <= bound + 1e-13, "%d layers: %g, bound %g", k, error, bound);
    }
    printf("b1: flow, 1 to 128 layers: at most %.2f of the bound; %.2g (%.2g) at 128\n",
           closest, error, bound);
    finish(&c);
}

/* A model of `layers` layers against what it tends to */
static double graph_error(const char *form, int layers, il_graph_function limit,
                          double *lambda)
{
    char text[96];
    snprintf(text, sizeof text, "graph form=%s layers=%d", form, layers);
    il_check c = start(text, NULL);
    graph g = draw(&c, 4);
    double *out = il_check_take(&c, MOST * N * K);
    int loops = c.model->plan.loops;
    il_graph_solve(g.exact, limit, 0.5, g.L, g.psi, N, K, g.work);
    il_check_run(&c, N, g.tokens, NULL, loops, NULL, out);
    double error = far(out + (loops - 1) * N * K, g.exact);
    memcpy(lambda, g.lambda, sizeof *lambda * N);
    finish(&c);
    return error;
}

static void embedding_and_heat_keep_theirs(void **state)
{
    (void)state;
    double l[N], delta = 0.03, error = 0, bound = 0, factorial = 0;
    for (int k = 1; k <= MOST; k++) {
        error = graph_error("resistive", k, IL_GRAPH_RESISTIVE, l);
        bound = exp(-delta * l[1] * k) / l[1] / sqrt(acos(-1) * delta * k);
        CHECK(error <= bound + 1e-13, "root, %d layers: %g, bound %g", k, error, bound);
    }
    printf("b1: root, 1 to 64 layers: %.2g (%.2g) at 64\n", error, bound);
    for (int k = 1; k <= MOST; k++) { /* k layers are k + 1 terms */
        double x = l[N - 1] / 2;
        error = graph_error("heat", k, IL_GRAPH_HEAT, l);
        factorial = lgamma(k + 2);
        if (k + 2 <= x) continue;
        bound = exp((k + 1) * log(x) - factorial) / (1 - x / (k + 2)) + 1e-15 * exp(x);
        CHECK(error <= bound, "heat, %d layers: %g, bound %g", k, error, bound);
    }
    printf("b1: heat by its series, to 64 layers: %.2g (%.2g) at 64\n", error, bound);
    for (int k = 3; k <= 10; k++) { /* s l_n <= 3^k */
        error = graph_error("heat_cubing", k, IL_GRAPH_HEAT, l);
        bound = 0.28 * pow(3, -k);
        CHECK(error <= bound, "cubing, %d layers: %g, bound %g", k + 1, error, bound);
    }
    printf("b1: heat by cubing: %.2g (%.2g) at 11 layers\n", error, bound);
    error = graph_error("root", 12, IL_GRAPH_RESISTIVE, l);
    double flow = graph_error("inverse", 24, IL_GRAPH_FLOW, l);
    printf("b1: Newton-Schulz: root %.2g at 12 layers, flow %.2g at 24\n", error, flow);
    CHECK(error < 1e-12 && flow < 1e-12, "Newton-Schulz");
}

/* Column by column, at the rate of the worst gap: from 400 to 800 loops by exp(-400 / loops to e) */
static void each_column_is_an_eigenvector(void **state)
{
    (void)state;
    static const int vectors[] = { 2, 4 };
    for (int i = 0; i < 2; i++) {
        il_table *tables[2];
        for (int k = 0; k < 2; k++) {
            char text[96];
            int failed;
            snprintf(text, sizeof text, "eigenvectors vectors=%d loops=%d", vectors[i],
                     400 << k);
            CHECK_OK(il_build_verify(&tables[k], &failed, text, &err));
        }
        int exact = il_table_find(tables[0], "exact");
        for (int row = 0; row < il_table_rows(tables[0]); row++) {
            double at[2] = { il_table_number(tables[0], row, exact),
                             il_table_number(tables[1], row, exact) };
            double slow =
                il_table_number(tables[0], row, il_table_find(tables[0], "condition"));
            double rate = log(at[0] / at[1]) / 400 * slow;
            printf("b1: %d eigenvectors: %.2g after 400 loops, %.2g after 800: %.3f of the "
                   "rate of the gaps\n",
                   vectors[i], at[0], at[1], rate);
            CHECK(at[1] < 1e-6 && rate > 0.98, "%g, rate %g", at[1], rate);
        }
        il_table_free(tables[0]);
        il_table_free(tables[1]);
    }
}

/* Copies side by side are the tokens of mesa_gd, to the last bit of its answers. */
static void copies_make_the_tokens_of_steps(void **state)
{
    (void)state;
    enum { D = 3, T = 12 };
    il_check c = start("copy dims=3 points=12", NULL);
    double *s = il_check_random(&c, T * D, 2), *pairs = il_check_take(&c, 2 * T * D);
    il_check_run(&c, T, s, NULL, 1, NULL, pairs);
    il_check m = start("mesa_gd dims=3 points=12 layers=4 step_size=0.02", NULL);
    double *made = il_check_take(&m, T * 4 * D), *given = il_check_take(&m, T * 4 * D);
    double *out = il_check_take(&m, 2 * T * D);
    for (int t = 0; t < T; t++)
        for (int j = 0; j < D; j++) {
            double *a = made + t * 4 * D + j, *b = given + t * 4 * D + j;
            a[D] = a[2 * D] = pairs[t * 2 * D + j];
            a[3 * D] = t ? pairs[t * 2 * D + D + j] : 0;
            b[D] = b[2 * D] = s[t * D + j];
            b[3 * D] = t ? s[(t - 1) * D + j] : 0;
        }
    il_check_run(&m, T, made, NULL, 1, NULL, out);
    il_check_run(&m, T, given, NULL, 1, NULL, out + T * D);
    double gap = il_check_difference(out, out + T * D, T * D);
    printf("copies for tokens: %.2g\n", gap);
    CHECK(gap < 1e-15, "%g", gap);
    finish(&m);
    finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_by_four_primitives),
        cmocka_unit_test(electric_flow_keeps_its_bound),
        cmocka_unit_test(embedding_and_heat_keep_theirs),
        cmocka_unit_test(each_column_is_an_eigenvector),
        cmocka_unit_test(copies_make_the_tokens_of_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
