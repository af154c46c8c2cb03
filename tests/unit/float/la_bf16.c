/* la_bf16.c - products of bfloat16 against rounded factors summed in double
 *
 * Inputs end where their memory ends, outputs are followed by a guard. Every table of bfloat16
 * that runs here is asked, also one that a faster one hides.
 */
#include "base/base.h"
#include "la/la.h"

#include "check.h"

#include <stdlib.h>

#define GUARD 12345.0f

static uint32_t state;

static float *numbers(size_t n, size_t guard)
{
    float *x = malloc((n + guard) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n + guard; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = i < n ? (float)(int32_t)(state & 0xffffff00u) * 0x1p-31f : GUARD;
    }
    return x;
}

/* What gemm and gemm_tn need, and no more, 64-byte aligned */
static float *scratch(const il_kernels *k)
{
    float *work = aligned_alloc(64, (k->work_size(1, 1) * sizeof *work + 63) / 64 * 64);
    assert_non_null(work);
    return work;
}

/* to the nearest bfloat16, ties to even */
static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fffu + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static void check_gemm(const il_kernels *k, int M, int N, int K, int transposed, int add)
{
    size_t m = (size_t)M, n = (size_t)N, kk = (size_t)K;
    float *A = numbers(m * kk, 0), *W = numbers(kk * n, 0), *C = numbers(m * n, 1);
    float *bias = numbers(n, 0), *residual = numbers(m * n, 0), *pre = numbers(m * n, 1);
    float *before = numbers(m * n, 0), *packed = numbers(k->packed_size(K, N), 1);
    float *work = scratch(k);
    il_epilogue e = { .bias = bias, .residual = residual, .ldr = N, .pre = pre, .ldp = N };
    memcpy(before, C, m * n * sizeof *C);
    k->pack(packed, W, transposed ? K : N, K, N, transposed);
    k->gemm(C, N, A, K, packed, M, N, K, add, &e, work);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = (double)bias[j] + (add ? (double)before[i * n + j] : 0), size = 1;
            for (size_t l = 0; l < kk; l++) {
                double term = (double)rounded(A[i * kk + l]) *
                              (double)rounded(transposed ? W[j * kk + l] : W[l * n + j]);
                sum += term;
                size += fabs(term);
            }
            CHECK_NEAR(pre[i * n + j], sum, 2e-6 * size, k->name); /* float sums */
            CHECK(C[i * n + j] == pre[i * n + j] + residual[i * n + j], "%s", k->name);
        }
    CHECK(C[m * n] == GUARD && pre[m * n] == GUARD, "gemm writes outside");
    CHECK(packed[k->packed_size(K, N)] == GUARD, "pack writes outside");
    free(A), free(W), free(C), free(bias), free(residual), free(pre), free(before);
    free(packed), free(work);
}

static void check_gemm_tn(const il_kernels *k, int M, int N, int K)
{
    size_t m = (size_t)M, n = (size_t)N, kk = (size_t)K;
    float *X = numbers(m * kk, 0), *Y = numbers(m * n, 0), *C = numbers(kk * n, 1);
    float *before = numbers(kk * n, 0), *work = scratch(k);
    memcpy(before, C, kk * n * sizeof *C);
    k->gemm_tn(C, N, X, K, Y, N, M, K, N, work);
    for (size_t l = 0; l < kk; l++)
        for (size_t j = 0; j < n; j++) {
            double sum = (double)before[l * n + j], size = 1;
            for (size_t i = 0; i < m; i++) {
                double term =
                    (double)rounded(X[i * kk + l]) * (double)rounded(Y[i * n + j]);
                sum += term;
                size += fabs(term);
            }
            CHECK_NEAR(C[l * n + j], sum, 2e-6 * size, k->name);
        }
    CHECK(C[kk * n] == GUARD, "gemm_tn writes outside");
    free(X), free(Y), free(C), free(before), free(work);
}

static void check(const il_kernels *k, int M, int N, int K, int transposed, int add)
{
    state = (uint32_t)(M * 131 + N * 17 + K);
    check_gemm(k, M, N, K, transposed, add);
    check_gemm_tn(k, M, N, K);
}

static void products_are_those_of_rounded_factors(void **unused)
{
    (void)unused;
    const il_kernels *k;
    if (!il_kernel_bf16_at(0)) skip();
    for (int i = 0; (k = il_kernel_bf16_at(i)); i++) {
        check(k, 37, 45, 301, 0, 1);
        check(k, 37, 45, 301, 1, 0);
        check(k, 13, 17, 1029, 1, 1);
        check(k, 600, 33, 31, 0, 0);  /* two runs of m */
        check(k, 33, 600, 140, 0, 0); /* two blocks of n and of k in gemm_tn */
        check(k, 64, 64, 1024, 0, 1); /* nothing to pad */
        for (int n = 1; n <= 130; n++) {
            check(k, n, n * 7 % 131, n * 50 % 131, n & 1, n >> 1 & 1);
            check(k, n % 35 + 1, n % 33 + 1, n, n & 1, n >> 1 & 1);
        }
    }
}

/* A row's outputs are the same bits whatever rows are computed beside it. */
static void rows_do_not_know_of_each_other(void **unused)
{
    (void)unused;
    enum { M = 71, N = 50, K = 530 };
    const il_kernels *k;
    for (int i = 0; (k = il_kernel_bf16_at(i)); i++) {
        float *A = numbers(M * K, 0), *W = numbers(K * N, 0), *work = scratch(k);
        float *packed = numbers(k->packed_size(K, N), 0);
        float *C = numbers(M * N, 0), *D = numbers(M * N, 0);
        k->pack(packed, W, N, K, N, 0);
        k->gemm(C, N, A, K, packed, M, N, K, 0, NULL, work);
        for (int m = 0, rows = 1; m < M; m += rows, rows = il_min(rows + 3, M - m))
            k->gemm(D + m * N, N, A + m * K, K, packed, rows, N, K, 0, NULL, work);
        assert_memory_equal(C, D, sizeof *C * M * N);
        free(A), free(W), free(work), free(packed), free(C), free(D);
    }
}

/* The order that docs/numbers.md states: runs of 32 steps; in a run the even steps, then the odd */
static void tiles_sum_as_documented(void **unused)
{
    (void)unused;
    enum { M = 19, N = 21, K = 555 };
    const il_kernels *k = il_kernel_bf16_at(0);
    if (!k || strcmp(k->name, "amx")) skip();
    float *A = numbers(M * K, 0), *W = numbers(K * N, 0), *work = scratch(k);
    float *packed = numbers(k->packed_size(K, N), 0), *C = numbers(M * N, 0);
    k->pack(packed, W, N, K, N, 0);
    k->gemm(C, N, A, K, packed, M, N, K, 0, NULL, work);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int from = 0; from < K; from += 32) {
                float part[2] = { 0, 0 };
                for (int l = from; l < il_min(from + 32, K); l++)
                    part[l % 2] =
                        fmaf(rounded(A[m * K + l]), rounded(W[l * N + n]), part[l % 2]);
                sum += part[0] + part[1];
            }
            CHECK(C[m * N + n] == sum, "tiles have another order");
        }
    free(A), free(W), free(work), free(packed), free(C);
}

/* A model's memory is measured before its precision is asked. */
static void packs_into_the_room_of_float(void **unused)
{
    (void)unused;
    const il_kernels *k, *f = il_kernel_find("avx512");
    for (int i = 0; (k = il_kernel_bf16_at(i)); i++)
        for (int K = 1; K < 130; K++)
            for (int N = 1; N < 130; N++)
                CHECK(k->packed_size(K, N) <= f->packed_size(K, N), "%s", k->name);
}

/* Only by hand: its bits are not those of the other tables. */
static void is_never_chosen_by_itself(void **unused)
{
    (void)unused;
    const il_kernels *k, *b;
    for (int i = 0; (k = il_kernel_at(i)); i++)
        for (int j = 0; (b = il_kernel_bf16_at(j)); j++) {
            assert_ptr_not_equal(k, b);
            assert_ptr_not_equal(il_kernel(), b);
        }
}

static void goes_with_avx512_alone(void **unused)
{
    (void)unused;
    const il_kernels *had = il_kernel(), *k;
    for (int i = 0; (k = il_kernel_at(i)); i++) {
        il_kernel_use(k);
        assert_ptr_equal(il_kernel_bf16(),
                         strcmp(k->name, "avx512") ? NULL : il_kernel_bf16_at(0));
    }
    il_kernel_use(had);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_rounded_factors),
        cmocka_unit_test(rows_do_not_know_of_each_other),
        cmocka_unit_test(tiles_sum_as_documented),
        cmocka_unit_test(packs_into_the_room_of_float),
        cmocka_unit_test(is_never_chosen_by_itself),
        cmocka_unit_test(goes_with_avx512_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
