/* sequence_ops.c - what ops for sequences promise beyond their gradients */
#include "op_bench.h"

static const il_run once = { .loops = 1, .post = 1 };

/* Runs an op on its drawn inputs and returns its output (T rows), for the caller to free. */
static il_real *output_of(const char *kind, const char *text, int tokens)
{
    bench b = bench_new(il_op_find(kind), text, 1, tokens, 1);
    const il_op *op = bench_op(&b);
    size_t n = (size_t)tokens * (size_t)il_width(&b.model->plan, op->out);
    il_real *y = malloc(n * sizeof *y);
    il_forward(b.s, &once);
    memcpy(y, b.s->value[op->out], n * sizeof *y);
    bench_free(&b);
    return y;
}

static void check_same(const char *kind, const char *one, const char *other, int tokens,
                       int n, double tolerance)
{
    il_real *a = output_of(kind, one, tokens), *b = output_of(kind, other, tokens);
    double most = 0, error = 0;
    for (int i = 0; i < n; i++) {
        most = fmax(most, fabs(a[i]));
        error = fmax(error, fabs(a[i] - b[i]));
    }
    CHECK(error <= tolerance * most, "%s: %s and %s differ by %.2e of %.2e", kind, one,
          other, error, most);
    free(a);
    free(b);
}

/* Three ways to the same solution: rounding apart, P's condition is below 1e3 here. */
static void solvers_agree(void **unused)
{
    (void)unused;
    enum { T = 30, V = 6 };
    check_same("mesa", "widths=16,16,6 heads=2 positive=1",
               "widths=16,16,6 heads=2 positive=1 solver=cholesky", T, T * V, 1e-11);
    check_same(
        "mesa", "widths=16,16,6,2 gates=1 heads=2 form=forgetting positive=1",
        "widths=16,16,6,2 gates=1 heads=2 form=forgetting positive=1 solver=cholesky", T,
        T * V, 1e-9);
    check_same("mesa", "widths=16,16,6,2,2 gates=2 heads=2 form=net",
               "widths=16,16,6,2,2 gates=2 heads=2 form=net solver=cg steps=100 eps=1e-14",
               T, T * V, 1e-12);
}

/* Conjugate gradients promise |x - P^{-1} q| <= eps |q| / min(Lambda), and Lambda > 1/4. */
static void conjugate_gradients_keep_their_promise(void **unused)
{
    (void)unused;
    enum { T = 40, K = 24 };
    for (int digits = 1; digits <= 8; digits++) {
        char text[128];
        double eps = pow(10, -digits);
        snprintf(text, sizeof text,
                 "widths=24,24,1,1,1 gates=2 form=net solver=cg steps=200 eps=1e-%d",
                 digits);
        bench a = bench_new(il_op_find("mesa"),
                            "widths=24,24,1,1,1 gates=2 form=net solver=cholesky", 1, T, 1);
        bench b = bench_new(il_op_find("mesa"), text, 1, T, 1);
        il_forward(a.s, &once);
        il_forward(b.s, &once);
        const il_real *q = a.s->value[a.inputs[0]];
        const il_real *x = il_save(bench_op(&a), a.s, 0),
                      *z = il_save(bench_op(&b), b.s, 0);
        double largest = 0;
        for (int t = 0; t < T; t++) {
            double error = 0, size = 0;
            for (int c = t * K; c < (t + 1) * K; c++) {
                error += (x[c] - z[c]) * (x[c] - z[c]);
                size += q[c] * q[c];
            }
            largest = fmax(largest, sqrt(error / size));
        }
        CHECK(largest <= 4 * eps, "eps %g: error %.2e", eps, largest);
        CHECK(largest > 0, "eps %g: as exact as Cholesky, so nothing stopped", eps);
        bench_free(&a);
        bench_free(&b);
    }
}

/* The same inverse token by token and in chunks, cut anywhere: rounding apart. */
static void pieces_are_the_whole_prompt(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "widths=64,64,64 positive=1",
        "widths=64,64,64,4 gates=1 mild=1 heads=4 form=forgetting positive=1",
        "widths=80,80,10,5 gates=1 mild=1 heads=5 form=forgetting positive=1",
    };
    for (int piece = 0; piece < 5; piece++)
        for (int i = 0; i < IL_COUNT(cases); i++)
            bench_in_pieces(il_op_find("mesa"), cases[i], 200, piece, 1e-11);
}

static void expect_error(const char *kind, const char *opts, int n, const int *widths,
                         const char *words)
{
    il_plan p;
    il_error err = { 0 };
    int in[IL_INPUTS];
    il_plan_init(&p);
    for (int i = 0; i < n; i++) in[i] = il_plan_input(&p, "a", widths[i], 1);
    il_status status = il_plan_add(&p, IL_BODY, kind, "mix", opts, n, in, NULL, &err);
    il_plan_free(&p);
    assert_int_equal(status, IL_ECONFIG);
    CHECK(strstr(err.text, words), "'%s' does not say '%s'", err.text, words);
}

static void refusals_say_what_is_wrong(void **unused)
{
    (void)unused;
    expect_error("mesa", "heads=2", 3, (int[]){ 8, 6, 4 },
                 "queries are 8 columns wide, keys 6");
    expect_error("mesa", "heads=3", 3, (int[]){ 8, 8, 9 }, "3 heads do not divide");
    expect_error("mesa", "form=net", 3, (int[]){ 8, 8, 8 }, "q, k, v, beta, gamma");
    expect_error("mesa", "form=net solver=recursion", 5, (int[]){ 8, 8, 8, 1, 1 },
                 "choose solver=cholesky");
    expect_error("mesa", "heads=2 form=forgetting", 4, (int[]){ 8, 8, 8, 3 },
                 "a gate is 3 columns wide, for 2 heads");
    expect_error("linear_attention", "heads=2", 4, (int[]){ 8, 8, 8, 2 },
                 "mask of keys has one column");
    expect_error("l2norm", "groups=3", 1, (int[]){ 8 }, "3 groups do not divide 8 columns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solvers_agree),
        cmocka_unit_test(conjugate_gradients_keep_their_promise),
        cmocka_unit_test(pieces_are_the_whole_prompt),
        cmocka_unit_test(refusals_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
