/* rng.c - random numbers: the published generator, exact coordinates, the right distributions */
#include "base/base.h"
#include "check.h"

/* Known answers of Philox4x32-10 published with its authors' library */
static void philox_gives_the_published_words(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u },
          { ~0u, ~0u },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int i = 0; i < IL_COUNT(known); i++) {
        uint32_t got[4];
        il_philox(got, known[i].counter, known[i].key);
        assert_memory_equal(got, known[i].want, sizeof got);
    }
}

static void every_coordinate_matters(void **state)
{
    (void)state;
    il_rng base = il_rng_at(1, 2, 3, 4);
    il_rng others[] = { il_rng_at(2, 2, 3, 4), il_rng_at(1ull << 32 | 1, 2, 3, 4),
                        il_rng_at(1, 3, 3, 4), il_rng_at(1, 2, 4, 4),
                        il_rng_at(1, 2, 3, 5) };
    uint32_t word = il_bits(&base);
    for (int i = 0; i < IL_COUNT(others); i++) assert_true(il_bits(&others[i]) != word);
    il_rng again = il_rng_at(1, 2, 3, 4);
    assert_true(il_bits(&again) == word);
}

/* A generator whose next words are all `word`, to reach the corners of a distribution */
static il_rng stuck_at(uint32_t word)
{
    return (il_rng){ .block = { word, word, word, word }, .left = 4 };
}

static void uniforms_stay_inside(void **state)
{
    (void)state;
    il_rng low = stuck_at(0), high = stuck_at(~0u);
    assert_true(il_uniform(&low) == 0x1p-53);
    assert_true(il_uniform(&high) == 1 - 0x1p-53);
}

/* Phi(z) = u up to the rounding of u and of the C library's erfc, wherever u lies */
static void normals_invert_the_distribution(void **state)
{
    (void)state;
    il_rng rng = il_rng_at(5, 0, 0, 0);
    for (int i = 0; i < 200000; i++) {
        il_rng copy = rng;
        double u = il_uniform(&copy), z = il_normal(&rng);
        double tail = u < 0.5 ? u : 1 - u;
        CHECK_NEAR(0.5 * erfc(fabs(z) / sqrt(2)) / tail, 1, 1e-13, "seed=5");
        assert_true((z < 0) == (u < 0.5));
    }
    for (uint32_t word = 1; word; word <<= 1) { /* u down to 2^-53 */
        il_rng copy = { .block = { 0, word, 0, word }, .left = 4 };
        double u = il_uniform(&copy), z = il_normal(&copy);
        /* the relative slope of the tail is z^2, about 70 at the end */
        CHECK_NEAR(0.5 * erfc(-z / sqrt(2)) / u, 1, 1e-13, "tail");
    }
}

static void normals_have_their_moments(void **state)
{
    (void)state;
    enum { COUNT = 400000 };
    il_rng rng = il_rng_at(7, 1, 2, 3);
    double m1 = 0, m2 = 0, m4 = 0, lag = 0, last = 0;
    for (int i = 0; i < COUNT; i++) {
        double z = il_normal(&rng);
        m1 += z / COUNT;
        m2 += z * z / COUNT;
        m4 += z * z * z * z / COUNT;
        lag += z * last / COUNT;
        last = z;
    }
    double se =
        1 / sqrt(COUNT); /* variances of z, z^2, z^4 and of a product: 1, 2, 96, 1 */
    CHECK_NEAR(m1, 0, 4 * se, "mean");
    CHECK_NEAR(m2, 1, 4 * se * sqrt(2), "variance");
    CHECK_NEAR(m4, 3, 4 * se * sqrt(96), "fourth moment");
    CHECK_NEAR(lag, 0, 4 * se, "neighbours");
}

/* Of scale 1: mean and variance are the shape, the third central moment is twice that; and the law of |z|^2. */
static void gammas_have_their_moments(void **state)
{
    (void)state;
    enum { COUNT = 400000 };
    static const double shapes[] = { 0.1, 0.5, 1, 2.5, 40 };
    for (int i = 0; i < IL_COUNT(shapes); i++) {
        double a = shapes[i], m1 = 0, m2 = 0, m3 = 0;
        il_rng rng = il_rng_at(8, 1, 2, (uint32_t)i);
        for (int n = 0; n < COUNT; n++) {
            double g = il_gamma(&rng, a);
            assert_true(g >= 0);
            m1 += g / COUNT;
            m2 += (g - a) * (g - a) / COUNT;
            m3 += (g - a) * (g - a) * (g - a) / COUNT;
        }
        /* the m-th cumulant is (m-1)! a */
        double se = 1 / sqrt(COUNT);
        CHECK_NEAR(m1, a, 4 * se * sqrt(a), "mean");
        CHECK_NEAR(m2, a, 4 * se * sqrt(6 * a + 2 * a * a), "variance");
        CHECK_NEAR(m3, 2 * a, 4 * se * sqrt(120 * a + 130 * a * a + 15 * a * a * a),
                   "third");
    }
    int below = 0;
    il_rng rng = il_rng_at(8, 1, 2, 9);
    for (int n = 0; n < COUNT; n++) below += 2 * il_gamma(&rng, 0.5) < 1; /* z^2 < 1 */
    CHECK_NEAR(below / (double)COUNT, erf(1 / sqrt(2)), 4 * 0.47 / sqrt(COUNT), "z^2");
}

static void integers_have_no_bias(void **state)
{
    (void)state;
    enum { COUNT = 300000, N = 6 };
    il_rng rng = il_rng_at(9, 0, 0, 0);
    int seen[N] = { 0 };
    for (int i = 0; i < COUNT; i++) {
        int k = il_below(&rng, N);
        assert_in_range(k, 0, N - 1);
        seen[k]++;
    }
    for (int k = 0; k < N; k++)
        CHECK_NEAR(seen[k], COUNT / N, 4 * sqrt(COUNT * (1.0 / N) * (1 - 1.0 / N)), "die");

    /* n = 3 * 2^29: floor(3 w / 8) alone would give multiples of 3 with probability 3/8 */
    int below = 0, n = 3 << 29;
    for (int i = 0; i < COUNT; i++) below += il_below(&rng, n) % 3 == 0;
    CHECK_NEAR(below, COUNT / 3.0, 4 * sqrt(COUNT * 2.0 / 9), "large range");
    assert_int_equal(il_below(&rng, 1), 0);
}

/* The first numbers of a seed, written down once: they must never change on any machine */
static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    il_rng rng = il_rng_at(42, IL_STREAM_TRAIN, 0, 0);
    uint64_t hash = IL_HASH_START;
    for (int i = 0; i < 10000; i++) {
        double z = il_normal(&rng);
        hash = il_hash(hash, &z, sizeof z);
    }
    CHECK(hash == 12587222548315140704ull, "hash of 10000 normals is now %llu",
          (unsigned long long)hash);
    hash = IL_HASH_START;
    for (int i = 0; i < 10000; i++) {
        double g = il_gamma(&rng, i % 2 ? 0.1 : 2.5);
        hash = il_hash(hash, &g, sizeof g);
    }
    CHECK(hash == 3418376951927429941ull, "hash of 10000 gammas is now %llu",
          (unsigned long long)hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_words),
        cmocka_unit_test(every_coordinate_matters),
        cmocka_unit_test(uniforms_stay_inside),
        cmocka_unit_test(normals_invert_the_distribution),
        cmocka_unit_test(normals_have_their_moments),
        cmocka_unit_test(gammas_have_their_moments),
        cmocka_unit_test(integers_have_no_bias),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
