/* la_accuracy.c - the kernels against independent ways in double, and which table is chosen
 *
 * la_kernels.c shows that all tables give the bits of `plain`; here the table in use meets the
 * C library's functions and naive sums in double, within the errors that docs/numbers.md states.
 */
#include "base/base.h"
#include "la/la.h"

#include "check.h"

#include <float.h>
#include <stdlib.h>

static float pseudo(uint32_t i, float spread)
{
    uint32_t z = i * 2654435769u + 12345u;
    z = (z ^ (z >> 15)) * 0x2c1b3c6du;
    return spread * (float)(int32_t)(z ^ (z >> 13)) * 0x1p-31f;
}

static void fill(float *x, int n, uint32_t seed, float spread)
{
    for (int i = 0; i < n; i++) x[i] = pseudo((uint32_t)i + seed * 65536u, spread);
}

/* ---- exp, tanh, log, erf ------------------------------------------------------------------------ */

/* the distance of two floats next to x */
static double spacing(double x)
{
    int e;
    frexp(x, &e);
    return ldexp(1, (e < -125 ? -125 : e) - 24);
}

/* Every 2003rd float of all there are: the error in units of the last place stays below `most`. */
static void check_function(void (*f)(float *, const float *, size_t),
                           double (*want_of)(double), double most, const char *name)
{
    for (uint64_t b = 0; b < (uint64_t)1 << 32; b += 2003) {
        uint32_t word = (uint32_t)b;
        float x, got;
        memcpy(&x, &word, sizeof x);
        f(&got, &x, 1);
        double want = want_of((double)x), limit = (double)FLT_MAX * (1 + 0x1p-25);
        if (isnan(want))
            CHECK(isnan(got), "%s(%g) = %g", name, (double)x, (double)got);
        else if (fabs(want) >= limit)
            CHECK(isinf(got) && (got > 0) == (want > 0), "%s(%g) = %g", name, (double)x,
                  (double)got);
        else
            CHECK(fabs((double)got - want) <= most * spacing(want),
                  "%s(%.9g) = %.9g, want %.12g", name, (double)x, (double)got, want);
    }
}

static void functions_are_as_exact_as_stated(void **unused)
{
    (void)unused;
    const il_kernels *k = il_kernel();
    check_function(k->exp, exp, 1.0, "exp");
    check_function(k->tanh, tanh, 1.35, "tanh");
    check_function(k->log, log, 0.8, "log");
    check_function(k->erf, erf, 1.1, "erf");
}

static void functions_keep_their_limits(void **unused)
{
    (void)unused;
    const il_kernels *k = il_kernel();
    float x[] = { INFINITY, -INFINITY, 0.0f, -0.0f, (float)NAN }, y[5];
#define LIMITS(f, ...)                                                                     \
    do {                                                                                   \
        float want[] = { __VA_ARGS__ };                                                    \
        k->f(y, x, 5);                                                                     \
        for (int i = 0; i < 4; i++)                                                        \
            CHECK(isnan(want[i]) ? isnan(y[i])                                             \
                                 : y[i] == want[i] && signbit(y[i]) == signbit(want[i]),   \
                  #f "(%g) = %g", (double)x[i], (double)y[i]);                             \
        CHECK(isnan(y[4]), #f "(NaN) = %g", (double)y[4]);                                 \
    } while (0)
    LIMITS(exp, INFINITY, 0, 1, 1);
    LIMITS(tanh, 1, -1, 0, -0.0f);
    LIMITS(log, INFINITY, (float)NAN, -INFINITY, -INFINITY);
    LIMITS(erf, 1, -1, 0, -0.0f);
    LIMITS(gelu_forward, INFINITY, (float)NAN, 0, -0.0f);
#undef LIMITS
}

static void gelu_and_its_slope(void **unused)
{
    (void)unused;
    const il_kernels *k = il_kernel();
    for (int i = -15000; i <= 15000; i++) {
        float x = (float)i * 1e-3f, y, slope = 0, one = 1;
        double v = (double)x, u = sqrt(8 / acos(-1)) * (v + 0.044715 * v * v * v);
        double s = 1 / (1 + exp(-u)), du = sqrt(8 / acos(-1)) * (1 + 3 * 0.044715 * v * v);
        k->gelu_forward(&y, &x, 1);
        k->gelu_backward(&slope, &one, &x, 1);
        /* the exponent's rounding error, up to 3 ulp of 2u, is relative to the tail x exp(2u) */
        CHECK_NEAR(y, v * s, 2e-7 * fabs(v * s) + 1e-7, "gelu");
        CHECK_NEAR(slope, s + v * s * (1 - s) * du, 6e-7, "gelu's slope");
    }
}

/* Both at once have the bits of one by one, also next to where the slope is cut off. */
static void gelu_both_is_each(void **unused)
{
    (void)unused;
    const il_kernels *k = il_kernel();
    for (int i = -40000; i <= 40000; i++) {
        float x = (float)i * 1e-3f, one = 1, y;
        int near = i % 2000; /* so many steps of float from 10 */
        if (i % 2) {
            x = copysignf(10, (float)i);
            for (int j = 0; j < abs(near); j++)
                x = nextafterf(x, near > 0 ? INFINITY : -INFINITY);
        }
        float both, slope = x;
        k->gelu_forward(&y, &x, 1);
        k->gelu_scale(&one, &x, 1);
        k->gelu_both(&both, &slope, 1);
        CHECK(both == y && slope == one, "gelu_both(%.9g) = %.9g, %.9g", (double)x,
              (double)both, (double)slope);
    }
}

/* ---- products and attention ----------------------------------------------------------------------- */

/* A chain of K fused multiply-adds errs by at most K 2^-24 of the sum of |a b| (and far less). */
static void products_match_double(void **unused)
{
    (void)unused;
    enum { M = 37, N = 45, K = 300 };
    static float A[M * K], W[K * N], C[M * N], G[K * N], packed[K * 64], bias[N],
        residual[M * N], pre[M * N];
    const il_kernels *k = il_kernel();
    float *work = aligned_alloc(64, (k->work_size(1, 1) * sizeof *work + 63) / 64 * 64);
    assert_non_null(work);
    assert_true(k->packed_size(K, N) <= (size_t)IL_COUNT(packed));
    fill(A, M * K, 1, 1);
    fill(W, K * N, 2, 1);
    fill(bias, N, 3, 1);
    fill(residual, M * N, 4, 1);
    fill(G, K * N, 5, 1);
    k->pack(packed, W, N, K, N, 0);
    il_epilogue e = { bias, residual, N, 0, pre, N };
    k->gemm(C, N, A, K, packed, M, N, K, 0, &e, work);
    static float before[K * N];
    memcpy(before, G, sizeof G);
    k->gemm_tn(G, N, A, K, C, N, M, K, N, work);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            double sum = (double)bias[n], size = 1;
            for (int i = 0; i < K; i++) {
                sum += (double)A[m * K + i] * (double)W[i * N + n];
                size += fabs((double)A[m * K + i] * (double)W[i * N + n]);
            }
            CHECK_NEAR(pre[m * N + n], sum, 1e-6 * size, "A B + bias");
            CHECK_NEAR(C[m * N + n], sum + (double)residual[m * N + n], 1e-6 * size,
                       "with residual");
        }
    for (int i = 0; i < K; i++)
        for (int n = 0; n < N; n++) {
            double sum = (double)before[i * N + n], size = 1;
            for (int m = 0; m < M; m++) {
                sum += (double)A[m * K + i] * (double)C[m * N + n];
                size += fabs((double)A[m * K + i] * (double)C[m * N + n]);
            }
            CHECK_NEAR(G[i * N + n], sum, 1e-6 * size, "X^T Y");
        }
    free(work);
}

enum { T = 29, HEAD = 11 };

/* loss = sum of weights . attention(q, k, v), in double */
static double attention_loss(const double *q, const double *k, const double *v,
                             const float *weights, double scale, double *y)
{
    double loss = 0;
    for (int i = 0; i < T; i++) {
        double p[T], sum = 0;
        for (int j = 0; j <= i; j++) {
            double s = 0;
            for (int c = 0; c < HEAD; c++) s += q[i * HEAD + c] * k[j * HEAD + c];
            sum += p[j] = exp(scale * s);
        }
        for (int c = 0; c < HEAD; c++) {
            double o = 0;
            for (int j = 0; j <= i; j++) o += p[j] / sum * v[j * HEAD + c];
            if (y) y[i * HEAD + c] = o;
            loss += o * (double)weights[i * HEAD + c];
        }
    }
    return loss;
}

static void attention_and_its_gradient(void **unused)
{
    (void)unused;
    enum { SIZE = T * HEAD };
    static float x[3][SIZE], dx[3][SIZE], y[SIZE], dy[SIZE], stat[2 * T];
    static double in[3][SIZE], want[SIZE];
    const il_kernels *k = il_kernel();
    float *work = aligned_alloc(64, (k->work_size(T, HEAD) * sizeof *work + 63) / 64 * 64);
    assert_non_null(work);
    for (int a = 0; a < 3; a++) {
        fill(x[a], SIZE, 10 + (uint32_t)a, 1.5f);
        for (int i = 0; i < SIZE; i++) in[a][i] = (double)x[a][i];
    }
    fill(dy, SIZE, 20, 1);
    k->attention_forward(y, HEAD, stat, x[0], x[1], x[2], HEAD, T, HEAD, 0.3f, work);
    k->attention_backward(dx[0], dx[1], dx[2], HEAD, dy, y, HEAD, stat, x[0], x[1], x[2],
                          HEAD, T, HEAD, 0.3f, work);
    attention_loss(in[0], in[1], in[2], dy, (double)0.3f, want);
    for (int i = 0; i < SIZE; i++) CHECK_NEAR(y[i], want[i], 2e-6, "attention");
    for (int a = 0; a < 3; a++)
        for (int i = 0; i < SIZE; i += 7) {
            double kept = in[a][i], h = 1e-4, diff;
            in[a][i] = kept + h;
            diff = attention_loss(in[0], in[1], in[2], dy, (double)0.3f, NULL);
            in[a][i] = kept - h;
            diff -= attention_loss(in[0], in[1], in[2], dy, (double)0.3f, NULL);
            in[a][i] = kept;
            CHECK_NEAR(dx[a][i], diff / (2 * h), 1e-5,
                       "its gradient"); /* sums of ~30 terms near 1 */
        }
    free(work);
}

/* A token's answer does not feel an infinite later token. */
static void attention_is_causal(void **unused)
{
    (void)unused;
    static float x[3][T * HEAD], y[T * HEAD], stat[2 * T];
    const il_kernels *k;
    for (int t = 0; (k = il_kernel_at(t)); t++) {
        float *work =
            aligned_alloc(64, (k->work_size(T, HEAD) * sizeof *work + 63) / 64 * 64);
        assert_non_null(work);
        for (int a = 0; a < 3; a++) {
            fill(x[a], T * HEAD, 30 + (uint32_t)a, 1);
            for (int c = 0; c < HEAD; c++)
                x[a][20 * HEAD + c] = c % 2 ? INFINITY : (float)NAN;
        }
        k->attention_forward(y, HEAD, stat, x[0], x[1], x[2], HEAD, T, HEAD, 1, work);
        for (int i = 0; i < T * HEAD; i++)
            CHECK(isfinite(y[i]) == (i < 20 * HEAD), "%s: y[%d] = %g", k->name, i,
                  (double)y[i]);
        free(work);
    }
}

/* ---- which table ------------------------------------------------------------------------------------ */

static void tables_are_found_by_name(void **unused)
{
    (void)unused;
    il_error err = { 0 };
    assert_null(il_kernel_find("abacus"));
    assert_string_equal(il_kernel_find("plain")->name, "plain");
    const il_kernels *k, *before = il_kernel();
    for (int i = 0; (k = il_kernel_at(i)); i++)
        assert_ptr_equal(k, il_kernel_find(k->name));
    il_kernel_use(il_kernel_find("plain"));
    assert_string_equal(il_kernel_name(), "plain");
    il_kernel_use(before);
    setenv("IL_KERNEL", "abacus", 1);
    assert_int_equal(il_kernel_check(&err), IL_EUSAGE);
    assert_non_null(strstr(err.text, "abacus"));
    assert_non_null(strstr(err.text, "plain"));
    setenv("IL_KERNEL", "plain", 1);
    assert_int_equal(il_kernel_check(&err), IL_OK);
    unsetenv("IL_KERNEL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_as_exact_as_stated),
        cmocka_unit_test(functions_keep_their_limits),
        cmocka_unit_test(gelu_and_its_slope),
        cmocka_unit_test(gelu_both_is_each),
        cmocka_unit_test(products_match_double),
        cmocka_unit_test(attention_and_its_gradient),
        cmocka_unit_test(attention_is_causal),
        cmocka_unit_test(tables_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
