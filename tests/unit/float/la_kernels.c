/* la_kernels.c - every table of kernels gives the bits of `plain`
 *
 * Each case fills its arrays from a seed, runs one entry with the table under test and with
 * `plain`, and compares all bits (a NaN equals a NaN: its payload is the machine's affair).
 * Inputs end where their block of memory ends, so that a sanitizer sees any over-read; outputs
 * stand between guards that must stay.
 */
#include "base/base.h"
#include "la/instructions.h"
#include "la/la.h"

#include "check.h"

#include <stdlib.h>

enum { GUARD = 64, ARRAYS = 48 };
#define POISON 12345.678f

/* ---- arrays that live as long as one case ---------------------------------------------------- */

static struct {
    float *base, *at;
    size_t n;
    int is_output;
} arrays[ARRAYS];
static int used;
static uint64_t state;
static float special; /* one in 64 numbers is this, when it is not 0 */

static uint32_t bits(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static int below(int n) { return (int)(bits() % (uint32_t)n); }

static float number(void)
{
    if (special != 0 && bits() % 64 == 0) return special;
    return (float)(int32_t)bits() * 0x1p-31f;
}

static float *array(size_t n, int is_output)
{
    size_t guard = is_output ? GUARD : 0;
    float *base = malloc((n + 2 * guard + !n) * sizeof *base);
    assert_non_null(base);
    for (size_t i = 0; i < n + 2 * guard; i++) base[i] = POISON;
    float *at = base + guard;
    for (size_t i = 0; i < n; i++) at[i] = number();
    arrays[used].base = base;
    arrays[used].at = at;
    arrays[used].n = n;
    arrays[used++].is_output = is_output;
    return at;
}
static float *in(size_t n) { return array(n, 0); }
static float *out(size_t n) { return array(n, 1); }

/* Scratch as the library hands it out: aligned, and full of anything */
static float *scratch(const il_kernels *k, int T, int K)
{
    size_t n = k->work_size(T, K), bytes = (n * sizeof(float) + 63) / 64 * 64;
    float *base = aligned_alloc(64, bytes);
    assert_non_null(base);
    for (size_t i = 0; i < n; i++) base[i] = (float)NAN;
    arrays[used].base = base;
    arrays[used].n = 0;
    arrays[used++].is_output = 0;
    return base;
}

/* of all that `plain` computes from ordinary numbers */
static uint64_t hash_of_plain = IL_HASH_START;

static int same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

/* Runs `work` with both tables from the same seed; where[] says which case. */
typedef void (*a_case)(const il_kernels *k, const int *size);

static void play(const il_kernels *k, a_case work, uint64_t seed, const int *size,
                 const char *what)
{
    float *kept[ARRAYS];
    char where[160];
    snprintf(where, sizeof where, "%s of %s, sizes %d %d %d %d, seed %llu", what, k->name,
             size[0], size[1], size[2], size[3], (unsigned long long)seed);
    for (int round = 0; round < 2; round++) {
        state = seed;
        used = 0;
        work(round ? k : il_kernel_find("plain"), size);
        for (int a = 0; a < used; a++) {
            float *at = arrays[a].at, *base = arrays[a].base;
            size_t n = arrays[a].n;
            if (!arrays[a].is_output) {
                free(base);
                continue;
            }
            for (size_t i = 0; i < GUARD; i++)
                CHECK(base[i] == POISON && at[n + i] == POISON, "%s: writes outside",
                      where);
            if (!round) {
                kept[a] = base;
                continue;
            }
            if (special == 0 && !strcmp(k->name, "plain"))
                for (size_t i = 0; i < n; i++) {
                    float x = isnan(at[i]) ? POISON : at[i];
                    hash_of_plain = il_hash(hash_of_plain, &x, sizeof x);
                }
            for (size_t i = 0; i < n; i++)
                CHECK(same(at[i], kept[a][GUARD + i]),
                      "%s: array %d[%zu] is %.9g, plain %.9g", where, a, i, (double)at[i],
                      (double)kept[a][GUARD + i]);
            free(base);
            free(kept[a]);
        }
    }
}

/* Every table that runs here, `count` random cases of sizes 1..most */
static void play_all(a_case work, int count, int most, const char *what)
{
    const il_kernels *k;
    for (int t = 0; (k = il_kernel_at(t)); t++)
        for (int c = 0; c < count; c++) {
            int size[4];
            state = (uint64_t)c + 1;
            for (int i = 0; i < 4; i++)
                size[i] = 1 + below(c % 4 ? most : il_min(most, 20));
            play(k, work, 1000 + (uint64_t)c, size, what);
        }
}

static void play_sizes(a_case work, const int (*sizes)[4], int count, const char *what)
{
    const il_kernels *k;
    for (int t = 0; (k = il_kernel_at(t)); t++)
        for (int c = 0; c < count; c++) play(k, work, 7, sizes[c], what);
}

/* ---- products ------------------------------------------------------------------------------------ */

static void gemm_case(const il_kernels *k, const int *size)
{
    int M = size[0], N = size[1], K = size[2], flags = size[3];
    int transposed = flags & 1, add = flags >> 1 & 1, pad = flags >> 2 & 3;
    int lda = K + pad, ldw = (transposed ? K : N) + pad, ldc = N + pad;
    size_t m = (size_t)M - 1;
    float *W =
        in((size_t)((transposed ? N : K) - 1) * (size_t)ldw + (size_t)(transposed ? K : N));
    float *A = in(m * (size_t)lda + (size_t)K), *C = out(m * (size_t)ldc + (size_t)N);
    il_epilogue e = { .ldr = ldc, .ldp = ldc, .gelu = flags >> 4 & 1 };
    if (flags & 32) e.bias = in((size_t)N);
    if (flags & 64) e.residual = in(m * (size_t)ldc + (size_t)N);
    if (flags & 128) e.pre = out(m * (size_t)ldc + (size_t)N);
    size_t packed_size = k->packed_size(K, N);
    float *packed = malloc(packed_size * sizeof *packed);
    assert_non_null(packed);
    k->pack(packed, W, ldw, K, N, transposed);
    k->gemm(C, ldc, A, lda, packed, M, N, K, add, flags & 256 ? &e : NULL,
            scratch(k, 1, 1));
    free(packed);
}

static void gemm_tn_case(const il_kernels *k, const int *size)
{
    int M = size[0], N = size[1], K = size[2], pad = size[3] % 3;
    float *X = in((size_t)(M - 1) * (size_t)(K + pad) + (size_t)K);
    float *Y = in((size_t)(M - 1) * (size_t)(N + pad) + (size_t)N);
    float *C = out((size_t)(K - 1) * (size_t)(N + pad) + (size_t)N);
    k->gemm_tn(C, N + pad, X, K + pad, Y, N + pad, M, K, N, scratch(k, 1, 1));
}

static void products_agree(void **unused)
{
    (void)unused;
    static const int large[][4] = { { 400, 40, 30, 256 },  { 20, 30, 600, 511 },
                                    { 13, 100, 513, 495 }, { 300, 33, 300, 2 },
                                    { 5, 1, 256, 256 },    { 1, 300, 257, 511 } };
    static const int tn[][4] = { { 700, 40, 30, 1 },
                                 { 20, 33, 300, 0 },
                                 { 257, 65, 529, 2 } };
    play_sizes(gemm_case, large, IL_COUNT(large), "gemm");
    play_sizes(gemm_tn_case, tn, IL_COUNT(tn), "gemm_tn");
    const il_kernels *k;
    for (int t = 0; (k = il_kernel_at(t)); t++)
        for (int c = 0; c < 60; c++) {
            state = (uint64_t)c;
            int most = c % 3 ? 40 : 130;
            int size[4] = { 1 + below(most), 1 + below(most), 1 + below(most), below(512) };
            play(k, gemm_case, (uint64_t)c, size, "gemm");
            play(k, gemm_tn_case, (uint64_t)c, size, "gemm_tn");
        }
}

/* ---- attention ------------------------------------------------------------------------------------ */

static void attention_case(const il_kernels *k, const int *size)
{
    int T = size[0], K = size[1], ld = 3 * K + size[2] % 5, ldo = K + size[3] % 5;
    size_t rows = (size_t)T - 1;
    size_t n = rows * (size_t)ld + (size_t)K, no = rows * (size_t)ldo + (size_t)K;
    float *q = in(n), *key = in(n), *v = in(n), *y = out(no), *stat = out(2 * (size_t)T);
    float *dout = in(no), *dq = out(n), *dk = out(n), *dv = out(n);
    for (size_t i = 0; i < n; i++) q[i] *= 4; /* scores far enough apart */
    float *work = scratch(k, T, K), scale = 1 / sqrtf((float)K);
    k->attention_forward(y, ldo, stat, q, key, v, ld, T, K, scale, work);
    k->attention_backward(dq, dk, dv, ld, dout, y, ldo, stat, q, key, v, ld, T, K, scale,
                          work);
}

static void attention_agrees(void **unused)
{
    (void)unused;
    static const int sizes[][4] = { { 1, 1, 0, 0 },    { 22, 16, 0, 0 },  { 82, 32, 1, 1 },
                                    { 192, 8, 0, 0 },  { 193, 64, 2, 1 }, { 400, 5, 3, 2 },
                                    { 30, 128, 0, 3 }, { 9, 300, 1, 0 } };
    play_sizes(attention_case, sizes, IL_COUNT(sizes), "attention");
    play_all(attention_case, 30, 100, "attention");
}

/* ---- normalisation ----------------------------------------------------------------------------------- */

static void norm_case(const il_kernels *k, const int *size)
{
    int M = 1 + size[0] % 8, C = size[1], given = size[2] & 1, biased = size[2] >> 1 & 1;
    size_t n = (size_t)M * (size_t)C, c = (size_t)C;
    float *x = in(n), *gain = in(c), *bias = in(c), *dy = in(n);
    float *y = out(n), *stat = out(2 * (size_t)M), *dx = out(n), *dgain = out(c),
          *dbias = out(c);
    k->layernorm_forward(y, stat, given, x, gain, biased ? bias : NULL, M, C, 1e-5f);
    k->layernorm_backward(dx, dgain, biased ? dbias : NULL, dy, x, gain, stat, M, C);
    float *y2 = out(n), *stat2 = out((size_t)M);
    k->rmsnorm_forward(y2, stat2, given, x, gain, M, C, 1e-5f);
    k->rmsnorm_backward(dx, dgain, dy, x, gain, stat2, M, C);
}

/* ---- element by element ------------------------------------------------------------------------------- */

static void map_case(const il_kernels *k, const int *size)
{
    size_t n = (size_t)size[0] * (size_t)size[1];
    float *x = in(n), *y = in(n), *r = out(1),
          range = (float[]){ 1, 8, 110, 1e30f }[size[2] % 4];
    for (size_t i = 0; i < n; i++) x[i] *= range;
    r[0] = k->dot(x, y, (int)n);
    k->exp(out(n), x, n);
    k->tanh(out(n), x, n);
    k->log(out(n), x, n);
    k->erf(out(n), x, n);
    k->gelu_forward(out(n), x, n);
    k->gelu_backward(out(n), y, x, n);
    k->gelu_scale(out(n), x, n);
    float *slope = out(n);
    memcpy(slope, x, n * sizeof *x);
    k->gelu_both(out(n), slope, n);
    k->axpy(out(n), 0.3f, x, n);
    k->add(out(n), x, y, n);
    k->mul(out(n), x, y, n);
    k->muladd(out(n), x, y, n);
}

static void sum_case(const il_kernels *k, const int *size)
{
    int M = size[0], N = size[1], ld = N + size[2] % 4;
    float *x = in((size_t)(M - 1) * (size_t)ld + (size_t)N);
    k->colsum(out((size_t)N), x, ld, M, N);
    k->dot_rows(out((size_t)M), x, ld, x, ld, M, N);
    k->add_rows(out((size_t)M * (size_t)N), N, x, ld, M, N);
}

static void adam_case(const il_kernels *k, const int *size)
{
    size_t n = (size_t)size[0] * 3;
    float *g = in(n);
    float *w = out(n), *m = out(n), *v = out(n), *norm = out(2);
    for (size_t i = 0; i < n; i++) v[i] *= v[i];
    double squares = k->squares(g, n);
    memcpy(norm, &squares, sizeof squares);
    k->adam(w, m, v, g, n, 0.5f, 0.9f, 0.999f, 1.5f, 2.5f, 1e-8f, 1e-3f, 0.1f);
}

static void the_rest_agrees(void **unused)
{
    (void)unused;
    play_all(norm_case, 80, 300, "norm");
    play_all(map_case, 60, 40, "map");
    play_all(sum_case, 60, 130, "colsum, dot_rows or add_rows");
    play_all(adam_case, 60, 130, "adam");
}

/* ---- recurrences, regressions ---------------------------------------------------------------------- */

static float *gate(int T)
{
    float *g = in((size_t)T);
    for (int t = 0; t < T; t++) g[t] = 0.7f + 0.3f * fabsf(g[t]);
    return g;
}

/* Beyond the columns there may be anything: only they are compared. */
static void show(const float *S, int rows, int cols)
{
    float *seen = out((size_t)rows * (size_t)cols);
    for (int i = 0; i < rows; i++)
        memcpy(seen + (size_t)i * (size_t)cols, S + (size_t)i * (size_t)il_padded(cols),
               sizeof *S * (size_t)cols);
}

/* A start for a matrix whose padding is anything */
static float *matrix(int rows, int cols)
{
    float *x = in((size_t)rows * (size_t)cols);
    float *S = in((size_t)rows * (size_t)il_padded(cols));
    for (int i = 0; i < rows; i++)
        memcpy(S + (size_t)i * (size_t)il_padded(cols), x + (size_t)i * (size_t)cols,
               sizeof *S * (size_t)cols);
    return S;
}

static void recurrence_case(const il_kernels *k, const int *size)
{
    int T = 1 + size[0] % 12, rows = size[1], cols = size[2], flags = size[3];
    il_recurrence r = { .T = T, .rows = rows, .cols = cols };
    r.lda = rows + flags % 3, r.ldb = rows, r.ldc = cols + flags % 2, r.ldy = cols + 1;
    r.lde = cols, r.ld_decay = r.ld_gain = 1;
    r.reverse = flags & 1, r.delta = flags >> 1 & 1, r.add = flags >> 2 & 1;
    r.scale = flags & 8 ? 0.5f : 1;
    float *S = matrix(rows, cols);
    r.a = in((size_t)(T - 1) * (size_t)r.lda + (size_t)rows);
    r.b = in((size_t)T * (size_t)rows);
    r.c = in((size_t)(T - 1) * (size_t)r.ldc + (size_t)cols);
    r.y = out((size_t)(T - 1) * (size_t)r.ldy + (size_t)cols);
    r.e = out((size_t)T * (size_t)cols);
    if (flags & 16) r.decay = gate(T);
    if (flags & 32) r.gain = gate(T);
    if (flags & 64 && !r.reverse) r.a = NULL;
    if (flags & 128 && r.a && !r.delta) r.b = NULL;
    if (r.delta && !r.reverse && flags % 3)
        r.d = in((size_t)T * (size_t)rows), r.ldd = rows;
    k->recur(S, &r);
    show(S, rows, cols);
}

static void regression_case(const il_kernels *k, const int *size)
{
    int T = 1 + size[0] % 12, flags = size[3];
    int K = flags & 16 ? il_padded(size[1]) : size[1], ld = il_padded(K);
    il_regression r = { .T = T, .K = K, .ldk = K, .ldx = K, .ldz = K + 2 };
    r.ldb = K + !(flags & 16);
    size_t matrix_size = (size_t)K * (size_t)ld;
    float *S = in(matrix_size), *ridge = in((size_t)K);
    r.ld_decay = r.ld_gain = 1;
    r.b = in((size_t)(T - 1) * (size_t)r.ldb + (size_t)K);
    r.k = in((size_t)T * (size_t)K);
    r.x = out((size_t)T * (size_t)K);
    r.z = out((size_t)(T - 1) * (size_t)r.ldz + (size_t)K);
    if (flags & 1) {
        float *decay = gate(T);
        for (int t = 0; t < T && size[0] & 1; t++) decay[t] = 0.3f + 0.7f * decay[t];
        r.decay = decay;
    }
    if (flags & 2) r.gain = gate(T);
    for (size_t i = 0; i < matrix_size; i++) S[i] = i % (size_t)(ld + 1) ? 0 : 2;
    for (int c = 0; c < K; c++) ridge[c] = 0.25f + fabsf(ridge[c]);
    r.ridge = ridge;
    enum { MOST = 5 };
    size_t rows = (size_t)il_padded(K + 3 > IL_CHUNK_ROWS ? K + 3 : IL_CHUNK_ROWS);
    size_t work_size = rows * (size_t)ld;
    float *work = aligned_alloc(64, MOST * work_size * sizeof *work);
    for (size_t i = 0; i < MOST * work_size; i++) work[i] = (float)NAN;
    r.work = work;
    r.steps = flags & 4 ? 1 + size[2] % 12 : 0;
    r.eps = 1e-3f;
    if (flags & 8) {
        k->ridge(S, &r);
    } else {
        il_regression all[MOST] = { r };
        float *R[MOST] = { S };
        for (int i = 1; i < MOST; i++) {
            all[i] = r;
            all[i].b = in((size_t)(T - 1) * (size_t)r.ldb + (size_t)K);
            all[i].k = in((size_t)T * (size_t)K);
            if (r.decay) all[i].decay = gate(T); /* some are taken token by token */
            if (r.gain || i == 2) all[i].gain = gate(T);
            all[i].x = out((size_t)T * (size_t)K);
            all[i].z = out((size_t)(T - 1) * (size_t)r.ldz + (size_t)K);
            all[i].work += (size_t)i * work_size;
            R[i] = in(matrix_size);
            memcpy(R[i], S, matrix_size * sizeof *S);
        }
        k->rls(R, all, 1 + size[2] % MOST);
        show(R[size[2] % MOST], K, K);
    }
    show(S, K, K);
    free(work);
}

/* The bits of every compiler and machine. They move when a sum's order or a polynomial does (say so
 * in CHANGELOG.md under Numbers), or a case above changes. */
static void are_the_bits_of_every_machine(void **unused)
{
    (void)unused;
    CHECK(hash_of_plain == 0xcac9b23dcbbe1ab2u, "the hash of all results is %016llx",
          (unsigned long long)hash_of_plain);
}

static void recurrences_agree(void **unused)
{
    (void)unused;
    hash_of_plain = IL_HASH_START;
    const il_kernels *k;
    for (int t = 0; (k = il_kernel_at(t)); t++)
        for (int c = 0; c < 256; c++) {
            state = (uint64_t)c;
            int most = c % 3 ? 20 : 90;
            int size[4] = { 1 + below(40), 1 + below(most), 1 + below(most), c };
            play(k, recurrence_case, (uint64_t)c, size, "recur");
            size[3] = below(32);
            play(k, regression_case, (uint64_t)c, size, "rls or ridge");
        }
    CHECK(hash_of_plain == 0xb36b7d64025ebc60u, "the hash of recurrences is %016llx",
          (unsigned long long)hash_of_plain);
}

static void agree_on_special_numbers(void **unused)
{
    (void)unused;
    static const float values[] = {
        (float)NAN, INFINITY, -INFINITY, -0.0f, 1e-40f, -1e-30f
    };
    for (int i = 0; i < IL_COUNT(values); i++) {
        special = values[i];
        play_all(gemm_case, 10, 60, "gemm with special numbers");
        play_all(gemm_tn_case, 10, 60, "gemm_tn with special numbers");
        play_all(attention_case, 12, 60, "attention with special numbers");
        play_all(norm_case, 30, 100, "norm with special numbers");
        play_all(map_case, 12, 20, "map with special numbers");
        play_all(adam_case, 12, 20, "adam with special numbers");
    }
    special = 0;
}

/* CPUID as we read it, against the compiler's own reading; a level needs more than the instructions asked here. */
static void instructions_are_those_of_the_processor(void **unused)
{
    (void)unused;
#if defined __x86_64__
    __builtin_cpu_init();
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi2");
    int v4 = v3 && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl");
    assert_int_equal(il_instructions_v3(), v3);
    assert_int_equal(il_instructions_v4(), v4);
    assert_int_equal(il_instructions_bf16(), v4 && __builtin_cpu_supports("avx512bf16"));
    assert_true(!il_instructions_amx() || il_instructions_bf16());
#else
    assert_false(il_instructions_v3() || il_instructions_v4() || il_instructions_bf16() ||
                 il_instructions_amx());
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_are_those_of_the_processor),
        cmocka_unit_test(products_agree),
        cmocka_unit_test(attention_agrees),
        cmocka_unit_test(the_rest_agrees),
        cmocka_unit_test(are_the_bits_of_every_machine), /* of the three above */
        cmocka_unit_test(recurrences_agree),
        cmocka_unit_test(agree_on_special_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
