/* la_bf16.c - products of bfloat16 against rounded factors summed in double
 *
 * Inputs end where their memory ends, outputs are followed by a guard.
 */
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

/* to the nearest bfloat16, ties to even */
static double rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fffu + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof bits);
    return (double)x;
}

static void product(const il_kernels *k, int M, int N, int K, int transposed, int add)
{
    size_t m = (size_t)M, n = (size_t)N, kk = (size_t)K;
    state = (uint32_t)(M * 131 + N * 17 + K);
    float *A = numbers(m * kk, 0), *W = numbers(kk * n, 0), *C = numbers(m * n, 1);
    float *bias = numbers(n, 0), *before = numbers(m * n, 0), *G = numbers(kk * n, 1);
    float *packed = numbers(k->packed_size(K, N), 0);
    float *work = aligned_alloc(64, (k->work_size(1, 1) * sizeof *work + 63) / 64 * 64);
    assert_non_null(work);
    il_epilogue e = { .bias = bias };
    memcpy(before, C, m * n * sizeof *C);
    k->pack(packed, W, transposed ? K : N, K, N, transposed);
    k->gemm(C, N, A, K, packed, M, N, K, add, &e, work);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = (double)bias[j] + (add ? (double)before[i * n + j] : 0), size = 1;
            for (size_t l = 0; l < kk; l++) {
                double term = rounded(A[i * kk + l]) *
                              rounded(transposed ? W[j * kk + l] : W[l * n + j]);
                sum += term;
                size += fabs(term);
            }
            CHECK_NEAR(C[i * n + j], sum, 2e-6 * size, "gemm in bf16"); /* float sums */
        }
    CHECK(C[m * n] == GUARD, "gemm writes outside");
    float *start = numbers(kk * n, 0);
    memcpy(start, G, kk * n * sizeof *G);
    k->gemm_tn(G, N, A, K, C, N, M, K, N, work);
    for (size_t l = 0; l < kk; l++)
        for (size_t j = 0; j < n; j++) {
            double sum = (double)start[l * n + j], size = 1;
            for (size_t i = 0; i < m; i++) {
                double term = rounded(A[i * kk + l]) * rounded(C[i * n + j]);
                sum += term;
                size += fabs(term);
            }
            CHECK_NEAR(G[l * n + j], sum, 2e-6 * size, "gemm_tn in bf16");
        }
    CHECK(G[kk * n] == GUARD, "gemm_tn writes outside");
    free(A), free(W), free(C), free(bias), free(before), free(G), free(packed), free(work),
        free(start);
}

static void products_are_those_of_rounded_factors(void **unused)
{
    (void)unused;
    const il_kernels *k = il_kernel_bf16();
    if (!k) skip();
    product(k, 1, 1, 1, 0, 0);
    product(k, 12, 32, 64, 0, 0);
    product(k, 37, 45, 301, 0, 1);
    product(k, 37, 45, 301, 1, 0);
    product(k, 13, 17, 1029, 1, 1);
    product(k, 600, 33, 31, 0, 0);
    product(k, 25, 9, 270, 0, 0);
    for (int n = 2; n < 40; n++) product(k, n, n + 7, 3 * n + 1, n & 1, n >> 1 & 1);
}

/* Only by hand: its bits are not those of the other tables. */
static void is_never_chosen_by_itself(void **unused)
{
    (void)unused;
    const il_kernels *k;
    for (int i = 0; (k = il_kernel_at(i)); i++) assert_ptr_not_equal(k, il_kernel_bf16());
    assert_ptr_not_equal(il_kernel(), il_kernel_bf16());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_rounded_factors),
        cmocka_unit_test(is_never_chosen_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
