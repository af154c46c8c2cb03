/* la_double.c - in double, too, every table of kernels gives the bits of `plain`
 *
 * The sources are those of float, which la_kernels.c plays at length; here one round of everything
 * shows that they hold at the other width of a vector.
 */
#include "base/base.h"
#include "la/la.h"

#include "check.h"

#include <stdlib.h>

enum { M = 53, N = 45, K = 300, T = 41, HEAD = 19, SIZE = M * K };

static double pseudo(uint32_t i)
{
    uint32_t z = i * 2654435769u + 12345u;
    z = (z ^ (z >> 15)) * 0x2c1b3c6du;
    return (double)(int32_t)(z ^ (z >> 13)) * 0x1p-31;
}

/* Runs everything on the same numbers; out (8, SIZE) */
static void run(const il_kernels *k, double (*out)[SIZE])
{
    static double A[SIZE], W[SIZE], packed[K * 64], q[SIZE];
    size_t work_size = k->work_size(T, HEAD);
    double *work = aligned_alloc(64, (work_size * sizeof *work + 63) / 64 * 64);
    assert_non_null(work);
    assert_true(k->packed_size(K, N) <= (size_t)IL_COUNT(packed));
    for (uint32_t i = 0; i < SIZE; i++) {
        A[i] = pseudo(i);
        W[i] = pseudo(i + SIZE);
        q[i] = 3 * pseudo(i + 2 * SIZE);
        for (uint32_t a = 0; a < 8; a++) out[a][i] = pseudo(i + (3 + a) * SIZE);
    }
    il_epilogue e = {
        .bias = W, .residual = A, .ldr = N, .gelu = 1, .pre = out[1], .ldp = N
    };
    k->pack(packed, W, K, K, N, 1);
    k->gemm(out[0], N, A, K, packed, M, N, K, 1, &e, work);
    k->gemm_tn(out[2], N, A, K, W, N, M, K, N, work);
    k->attention_forward(out[3], HEAD, out[4], q, A, W, HEAD, T, HEAD, 0.25, work);
    k->attention_backward(out[5], out[6], out[7], HEAD, q, out[3], HEAD, out[4], q, A, W,
                          HEAD, T, HEAD, 0.25, work);
    k->layernorm_forward(out[3] + 1000, out[4] + 1000, 0, q, A, W, M, N, 1e-5);
    k->layernorm_backward(out[5] + 1000, out[6] + 1000, out[7] + 1000, W, q, A,
                          out[4] + 1000, M, N);
    k->tanh(out[1] + 5000, q, 1001);
    k->log(out[1] + 7000, q, 1001);
    k->gelu_backward(out[2] + 14000, A, q, 1001);
    out[0][SIZE - 1] = k->dot(A, q, 1001);
    free(work);
}

static void tables_agree(void **unused)
{
    (void)unused;
    static double want[8][SIZE], got[8][SIZE];
    const il_kernels *k;
    run(il_kernel_find("plain"), want);
    for (int t = 0; (k = il_kernel_at(t)); t++) {
        run(k, got);
        for (int a = 0; a < 8; a++)
            for (int i = 0; i < SIZE; i++)
                CHECK(got[a][i] == want[a][i] || (isnan(got[a][i]) && isnan(want[a][i])),
                      "%s: array %d[%d] is %.17g, plain %.17g", k->name, a, i, got[a][i],
                      want[a][i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tables_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
