/* peak.c - measures the machine's peak throughput of fused multiply-adds
 *
 * Fused multiply-adds in 16 independent chains that never leave the registers: enough to hide
 * their latency wherever two start a cycle and take up to eight. The chains use the vectors of
 * the table of kernels in use; a table without fused vectors has no known peak.
 */
#include "base/base.h"
#include "la/amx.h"

#include <math.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

enum { CHAINS = 16, TIMES = 20000, PIECES = 16, SAMPLES = 20 };

/* TIMES x CHAINS fused multiply-adds; the result is returned so that it must be computed. */
#define CHAIN(name, isa, vector, splat, fma)                                               \
    isa static float name(void)                                                            \
    {                                                                                      \
        vector c[CHAINS], a = splat(0.999f), b = splat(1e-3f);                             \
        for (int i = 0; i < CHAINS; i++) c[i] = splat((float)i);                           \
        for (int n = 0; n < TIMES; n++)                                                    \
            for (int i = 0; i < CHAINS; i++) c[i] = fma;                                   \
        for (int i = 1; i < CHAINS; i++) c[0] += c[i];                                     \
        return ((const float *)&c[0])[0];                                                  \
    }

#if defined __x86_64__
CHAIN(chain_avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps,
      _mm512_fmadd_ps(a, c[i], b))
CHAIN(chain_avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps,
      _mm256_fmadd_ps(a, c[i], b))

/* VDPBF16PS: every lane of c gains the product of two pairs. 0x3c00 is bfloat16's 2^-7. */
__attribute__((target("avx512f,avx512bf16"))) static float chain_bf16(void)
{
    __m512 c[CHAINS];
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3c00);
    for (int i = 0; i < CHAINS; i++) c[i] = _mm512_set1_ps((float)i);
    for (int n = 0; n < TIMES; n++)
        for (int i = 0; i < CHAINS; i++) c[i] = _mm512_dpbf16_ps(c[i], a, a);
    for (int i = 1; i < CHAINS; i++) c[0] += c[i];
    return ((const float *)&c[0])[0];
}

#ifdef IL_HAVE_AMX
enum {
    FEWER = 16
}; /* a product of tiles takes as many cycles as 32 instructions of the others */

static float chain_amx(void)
{
    il_amx_spin(TIMES * CHAINS / FEWER / 4);
    return 0;
}
#endif
#elif defined __aarch64__
CHAIN(chain_neon, , float32x4_t, vdupq_n_f32, vfmaq_f32(b, a, c[i]))
#endif

/* A chain and the operations of one of its instructions */
typedef struct {
    float (*run)(void);
    int flop;
    volatile float sink;
} chain;

static void run_piece(void *context, int i, int worker)
{
    (void)i, (void)worker;
    chain *c = context;
    c->sink = c->run();
}

static double measure(chain c, int threads)
{
    if (!c.run) return NAN;
    double best = INFINITY;
    int had = il_threads(), pieces = PIECES * threads;
    il_threads_set(threads, NULL);
    for (int sample = 0; sample < SAMPLES; sample++) {
        double start = il_seconds();
        il_parallel(pieces, run_piece, &c);
        best = fmin(best, il_seconds() - start);
    }
    il_threads_set(had, NULL);
    return (double)pieces * TIMES * CHAINS * c.flop / best * 1e-9;
}

double il_peak(int threads)
{
    const char *table = il_kernel()->name;
    chain c = { 0 };
#if defined __x86_64__
    if (!strcmp(table, "avx512")) c = (chain){ .run = chain_avx512, .flop = 32 };
    if (!strcmp(table, "avx2")) c = (chain){ .run = chain_avx2, .flop = 16 };
#elif defined __aarch64__
    if (!strcmp(table, "neon")) c = (chain){ .run = chain_neon, .flop = 8 };
#endif
    (void)table;
    return measure(c, threads);
}

double il_peak_bf16(int threads)
{
    chain c = { 0 };
    const il_kernels *k = il_kernel_bf16();
    if (!k) return NAN;
#if defined __x86_64__
    c = (chain){ .run = chain_bf16, .flop = 64 };
#ifdef IL_HAVE_AMX
    if (!strcmp(k->name, "amx"))
        c = (chain){ .run = chain_amx, .flop = 2 * 16 * 16 * 32 / FEWER };
#endif
#endif
    return measure(c, threads);
}
