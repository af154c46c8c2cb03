/* construct_optima.c - optima in closed form, each with its figure printed: what training a linear transformer is
 * known to find, GD++ at second order, rescaling
 */
#include "built.h"

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
        cmocka_unit_test(one_layer_optimum),
        cmocka_unit_test(three_layers),
        cmocka_unit_test(isotropic_error_and_shifts),
        cmocka_unit_test(looped_optimum),
        cmocka_unit_test(second_order_gdpp),
        cmocka_unit_test(rescaling_nears_ridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
