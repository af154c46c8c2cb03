/* kernels.c - how fast each kernel is, against the peak this core shows in the same run
 *
 *   kernels [TABLE]     a table of kernels by name, or bf16; default: the one in use
 *
 * Every line is the best of many runs on one core. A multiply-add counts 2; attention counts its
 * T x T products dense (forward 4 T^2 K, backward 10 T^2 K), although the causal half is skipped.
 */
#include "base/base.h"
#include "la/la.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

enum { CHAINS = 16 };
static volatile float sink;

/* Fused multiply-adds in CHAINS independent chains: `times` x CHAINS vectors */
#define PEAK(name, isa, vector, splat, fma)                                                \
    isa static void name(int times)                                                        \
    {                                                                                      \
        vector c[CHAINS], a = splat(0.999f), b = splat(1e-3f);                             \
        for (int i = 0; i < CHAINS; i++) c[i] = splat((float)i);                           \
        for (; times > 0; times--)                                                         \
            for (int i = 0; i < CHAINS; i++) c[i] = fma;                                   \
        for (int i = 1; i < CHAINS; i++) c[0] += c[i];                                     \
        sink = ((float *)&c[0])[0];                                                        \
    }
#if defined __x86_64__
PEAK(peak_avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps,
     _mm512_fmadd_ps(a, c[i], b))
PEAK(peak_avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps,
     _mm256_fmadd_ps(a, c[i], b))
#elif defined __aarch64__
PEAK(peak_neon, , float32x4_t, vdupq_n_f32, vfmaq_f32(b, a, c[i]))
#endif

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one run of `statement`: the best of at least 20 samples and 0.1 seconds */
#define BEST(seconds, statement)                                                           \
    do {                                                                                   \
        statement;                                                                         \
        int repeat = 1;                                                                    \
        double begin = now();                                                              \
        statement;                                                                         \
        repeat += (int)(1e-4 / (now() - begin + 1e-9));                                    \
        (seconds) = INFINITY;                                                              \
        begin = now();                                                                     \
        for (int sample = 0; sample < 20 || now() - begin < 0.1; sample++) {               \
            double start = now();                                                          \
            for (int r = 0; r < repeat; r++) statement;                                    \
            (seconds) = fmin((seconds), (now() - start) / repeat);                         \
        }                                                                                  \
    } while (0)

static double peak; /* GFLOP/s of the table's fused multiply-adds; NaN if it has none */

static void measure_peak(const char *table)
{
    double s = NAN, lanes = 0;
#if defined __x86_64__
    if (!strcmp(table, "avx512")) {
        lanes = 16;
        BEST(s, peak_avx512(10000));
    } else if (!strcmp(table, "avx2")) {
        lanes = 8;
        BEST(s, peak_avx2(10000));
    }
#elif defined __aarch64__
    if (!strcmp(table, "neon")) {
        lanes = 4;
        BEST(s, peak_neon(10000));
    }
#endif
    peak = 2 * lanes * CHAINS * 10000 / s * 1e-9;
    if (isfinite(peak)) printf("%s: peak %.1f GFLOP/s\n", table, peak);
}

static void line(const char *what, double flop, double seconds)
{
    double speed = flop / seconds * 1e-9;
    printf("%-34s %9.2f us %8.1f GFLOP/s", what, seconds * 1e6, speed);
    printf(isfinite(peak) ? " %5.1f %%\n" : "\n", 100 * speed / peak);
}

static il_real *numbers(size_t n, double spread)
{
    il_real *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    if (!x) exit(1);
    for (size_t i = 0; i < n; i++)
        x[i] = (il_real)(spread * ((double)(i * 2654435761u % 65536) / 32768 - 1));
    return x;
}

/* One shape forward (bias, GELU in the second), backward to the input and to the weights */
static void products(const il_kernels *k, int M, int K, int N)
{
    size_t m = (size_t)M, kk = (size_t)K, n = (size_t)N;
    il_real *A = numbers(m * kk, 1), *C = numbers(m * n, 1), *W = numbers(kk * n, 0.1);
    il_real *G = numbers(kk * n, 0), *pre = numbers(m * n, 0),
            *work = numbers(k->work_size(1, 1), 0);
    il_real *packed = numbers(k->packed_size(K, N), 0);
    il_epilogue e = { .bias = W, .gelu = 1, .pre = pre, .ldp = N };
    double s, flop = 2.0 * M * K * N;
    char what[64];
    k->pack(packed, W, N, K, N, 0);
    BEST(s, k->gemm(C, N, A, K, packed, M, N, K, 0, NULL, work));
    snprintf(what, sizeof what, "gemm    M=%d K=%d N=%d", M, K, N);
    line(what, flop, s);
    BEST(s, k->gemm(C, N, A, K, packed, M, N, K, 0, &e, work));
    line("        with bias, gelu, pre", flop, s);
    BEST(s, k->gemm_tn(G, N, A, K, C, N, M, K, N, work));
    line("gemm_tn", flop, s);
    BEST(s, k->pack(packed, W, N, K, N, 0));
    line("pack", 0, s);
    BEST(s, k->pack(packed, W, K, K, N, 1));
    line("pack transposed", 0, s);
    free(A), free(C), free(W), free(G), free(pre), free(work), free(packed);
}

static void attention(const il_kernels *k, int T, int K)
{
    int ld = 8 * K * 3, ldo = 8 * K;
    size_t n = (size_t)T * (size_t)ld;
    il_real *qkv = numbers(n, 1), *y = numbers((size_t)T * (size_t)ldo, 1);
    il_real *dqkv = numbers(n, 0), *dy = numbers((size_t)T * (size_t)ldo, 1);
    il_real *stat = numbers(2 * (size_t)T, 0), *work = numbers(k->work_size(T, K), 0);
    il_real scale = (il_real)(1 / sqrt(K));
    double s, flop = 4.0 * T * T * K;
    char what[64];
    BEST(s, k->attention_forward(y, ldo, stat, qkv, qkv + 8 * K, qkv + 16 * K, ld, T, K,
                                 scale, work));
    snprintf(what, sizeof what, "attention_forward  T=%d K=%d", T, K);
    line(what, flop, s);
    BEST(s, k->attention_backward(dqkv, dqkv + 8 * K, dqkv + 16 * K, ld, dy, y, ldo, stat,
                                  qkv, qkv + 8 * K, qkv + 16 * K, ld, T, K, scale, work));
    line("attention_backward", 2.5 * flop, s);
    free(qkv), free(y), free(dqkv), free(dy), free(stat), free(work);
}

static void rows(const il_kernels *k, int M, int C)
{
    size_t n = (size_t)M * (size_t)C;
    il_real *x = numbers(n, 3), *y = numbers(n, 0), *z = numbers(n, 0),
            *gain = numbers(n, 1);
    il_real *stat = numbers(2 * (size_t)M, 0), *dgain = numbers(n, 0),
            *dbias = numbers(n, 0);
    double s,
        per = (double)n * 1e-9; /* so that the second column is 10^9 elements a second */
    printf("rows of M=%d C=%d; 10^9 elements a second\n", M, C);
#define ROW(what, call)                                                                    \
    BEST(s, call);                                                                         \
    printf("%-34s %9.2f us %8.2f\n", what, s * 1e6, per / s)
    ROW("layernorm_forward",
        k->layernorm_forward(y, stat, 0, x, gain, gain, M, C, (il_real)1e-5));
    ROW("layernorm_backward",
        k->layernorm_backward(z, dgain, dbias, y, x, gain, stat, M, C));
    ROW("rmsnorm_forward", k->rmsnorm_forward(y, stat, 0, x, gain, M, C, (il_real)1e-5));
    ROW("rmsnorm_backward", k->rmsnorm_backward(z, dgain, y, x, gain, stat, M, C));
    ROW("colsum", k->colsum(dbias, x, C, M, C));
    ROW("gelu_forward", k->gelu_forward(y, x, n));
    ROW("gelu_backward", k->gelu_backward(z, y, x, n));
    ROW("exp", k->exp(y, x, n));
    ROW("tanh", k->tanh(y, x, n));
    ROW("log", k->log(y, x, n));
    ROW("erf", k->erf(y, x, n));
    ROW("add", k->add(y, x, z, n));
    ROW("adam", k->adam(x, y, z, gain, n, 1, (il_real)0.9, (il_real)0.999, 1, 1,
                        (il_real)1e-8, (il_real)1e-3, 0));
    ROW("squares", sink = (float)k->squares(x, n));
#undef ROW
    free(x), free(y), free(z), free(gain), free(stat), free(dgain), free(dbias);
}

int main(int argc, char **argv)
{
    const il_kernels *k = argc > 1 ? il_kernel_find(argv[1]) : il_kernel();
    if (argc > 1 && !strcmp(argv[1], "bf16")) k = il_kernel_bf16();
    if (!k) {
        fprintf(stderr, "%s: no such table of kernels here\n", argv[1]);
        return 2;
    }
    static const int tokens[][2] = { { 256, 328 }, { 256, 164 }, { 64, 352 }, { 64, 88 } };
    measure_peak(k->name);
    for (int i = 0; i < IL_COUNT(tokens); i++) {
        int D = tokens[i][0], M = tokens[i][1];
        products(k, M, D, 3 * D);
        products(k, M, D, D);
        products(k, M, D, 4 * D);
        products(k, M, 4 * D, D);
    }
    attention(k, 82, 32);
    attention(k, 22, 16);
    attention(k, 42, 16);
    attention(k, 256, 32);
    rows(k, 328, 256);
    rows(k, 88, 64);
    return 0;
}
