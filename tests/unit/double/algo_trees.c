/* algo_trees.c - trees, boosted trees, weighted neighbours and trained networks against plain computations
 *
 * tests/slow/trees.py plays the first three against scikit-learn and XGBoost.
 */
#include "ask.h"

enum { D = 5, N = 24, B = 20 };

static il_batch *nets(const char *shift)
{
    return drawn("relu_2nn", "hidden=10", shift, B, N, D, D);
}

/* Sum of squared errors of examples 0..n-1 when split at threshold t of input d, and the side of q then */
static double split_error(const il_batch *p, int b, int n, int d, double t, double *answer)
{
    double sum[2] = { 0 }, square = 0;
    int count[2] = { 0 };
    const il_real *x = p->x + (size_t)b * N * D, *y = p->y + (size_t)b * N;
    for (int i = 0; i < n; i++) {
        int right = x[i * D + d] > t;
        sum[right] += y[i];
        square += y[i] * y[i];
        count[right]++;
    }
    int side = x[n * D + d] > t;
    *answer = sum[side] / count[side];
    return square - sum[0] * sum[0] / count[0] - sum[1] * sum[1] / count[1];
}

static double best_stump(const il_batch *p, int b, int n)
{
    const il_real *x = p->x + (size_t)b * N * D;
    double least = INFINITY, answer = p->y[(size_t)b * N];
    for (int d = 0; d < D; d++)
        for (int i = 0; i < n; i++) {
            double next = INFINITY, its;
            for (int j = 0; j < n; j++)
                if (x[j * D + d] > x[i * D + d]) next = fmin(next, x[j * D + d]);
            if (!(next < INFINITY)) continue;
            double error = split_error(p, b, n, d, (x[i * D + d] + next) / 2, &its);
            if (!(error < least - 1e-6))
                continue; /* of equally good ones the first input's */
            least = error;
            answer = its;
        }
    return answer;
}

static void one_split_is_the_best_of_all(void **state)
{
    (void)state;
    il_batch *batch = nets(NULL);
    double *yhat = answers("tree depth=1", batch, 0, NULL);
    for (int b = 0; b < B; b++) {
        assert_true(yhat[b * N] == 0);
        for (int n = 1; n < N; n++)
            CHECK_NEAR(yhat[b * N + n], best_stump(batch, b, n), 1e-12, "tree depth=1");
    }
    free(yhat);
    il_batch_free(batch);
}

static void a_deep_tree_remembers_its_examples(void **state)
{
    (void)state;
    il_batch *batch = nets("overlapping");
    double *yhat = answers("tree depth=64", batch, 0, NULL),
           *near = answers("knn weights=distance", batch, 0, NULL),
           *far = answers("tree", batch, 0, NULL);
    double apart = 0;
    for (int i = 0; i < B * N; i++) {
        if (i % N == 0) continue;
        CHECK_NEAR(yhat[i], batch->yq[i], 1e-12, "tree depth=64 at an example");
        CHECK_NEAR(near[i], batch->yq[i], 1e-12, "knn weights=distance at an example");
        apart += fabs(far[i] - batch->yq[i]);
    }
    assert_true(apart > 1); /* depth 2 does not */
    free(yhat);
    free(near);
    free(far);
    il_batch_free(batch);
}

/* How far the answers of two algorithms are from each other at most */
static double apart(const char *a, const char *b, const il_batch *one, const il_batch *two)
{
    double *ya = answers(a, one, 0, NULL), *yb = answers(b, two, 0, NULL), most = 0;
    for (int i = 0; i < B * N; i++) most = fmax(most, fabs(ya[i] - yb[i]));
    free(ya);
    free(yb);
    return most;
}

static void boosting_in_special_cases(void **state)
{
    (void)state;
    il_batch *batch = nets(NULL), *longer = nets("scaled_x=3");
    const char *once = "boosted_trees rounds=1 rate=1 ridge=0 base=0 depth=3";
    CHECK_NEAR(apart(once, "tree depth=3", batch, batch), 0, 1e-6, "one tree");
    assert_true(apart("boosted_trees", "tree depth=4", batch, batch) > 0.1);
    /* trees of signs do not see how long x is; the answers y are as much longer */
    memcpy(longer->y, batch->y, sizeof *batch->y * B * N);
    const char *sign = "boosted_trees inputs=sign", *tree = "tree depth=4 inputs=sign";
    assert_true(apart(sign, sign, batch, longer) == 0);
    assert_true(apart(tree, tree, batch, longer) == 0);
    assert_true(apart(sign, "boosted_trees", batch, batch) > 0.1);
    il_batch_free(batch);
    il_batch_free(longer);
}

/* With one example x0, y0 every tree is its root: after r rounds base + (y0 - base) (1 - (1 - rate/2)^r) at ridge 1 */
static void one_example_is_approached_geometrically(void **state)
{
    (void)state;
    il_batch *batch = nets(NULL);
    double *yhat = answers("boosted_trees rounds=7", batch, 0, NULL), kept = 1;
    for (int r = 0; r < 7; r++) kept *= 1 - 0.1 / 2;
    for (int b = 0; b < B; b++)
        CHECK_NEAR(yhat[b * N + 1], 0.5 * kept + batch->y[b * N] * (1 - kept), 1e-6,
                   "k = 1");
    free(yhat);
    il_batch_free(batch);
}

static void neighbours_count_by_distance(void **state)
{
    (void)state;
    il_batch *batch = nets(NULL);
    double *yhat = answers("knn k=100 weights=distance", batch, 0, NULL);
    for (int b = 0; b < B; b++)
        for (int n = 1; n < N; n++) {
            const il_real *x = batch->x + (size_t)b * N * D;
            double sum = 0, all = 0;
            for (int i = 0; i < n; i++) {
                double square = 0;
                for (int d = 0; d < D; d++) square += pow(x[i * D + d] - x[n * D + d], 2);
                sum += batch->y[b * N + i] / sqrt(square);
                all += 1 / sqrt(square);
            }
            CHECK_NEAR(yhat[b * N + n], sum / all, 1e-12, "knn weights=distance");
        }
    free(yhat);
    il_batch_free(batch);
}

/* ---- a trained network, weight by weight ------------------------------------------------------- */

enum { H = 7, STEPS = 12, P = (D + 2) * H + 1 };

static double network(const double *w, const il_real *x, double *h)
{
    const double *a = w + D * H, *v = a + H;
    double sum = v[H];
    for (int j = 0; j < H; j++) {
        h[j] = a[j];
        for (int d = 0; d < D; d++) h[j] += x[d] * w[d * H + j];
        h[j] = fmax(h[j], 0);
        sum += v[j] * h[j];
    }
    return sum;
}

/* dloss/dw of the mean squared error on n examples */
static void gradient(double *g, const double *w, const il_real *x, const il_real *y, int n)
{
    memset(g, 0, sizeof *g * P);
    for (int i = 0; i < n; i++, x += D) {
        double h[H], e = 2 * (network(w, x, h) - y[i]) / n, *da = g + D * H, *dv = da + H;
        for (int j = 0; j < H; j++) {
            double dh = h[j] > 0 ? e * w[D * H + H + j] : 0;
            dv[j] += e * h[j];
            da[j] += dh;
            for (int d = 0; d < D; d++) g[d * H + j] += dh * x[d];
        }
        dv[H] += e;
    }
}

static void a_network_is_trained_by_adam(void **state)
{
    (void)state;
    enum { K = 8 }; /* examples, all in every batch */
    il_batch *batch = nets(NULL);
    double *yhat = answers("mlp hidden=7 rate=0.01", batch, STEPS, NULL);
    for (int b = 0; b < B; b++) {
        const il_real *x = batch->x + (size_t)b * N * D, *y = batch->y + (size_t)b * N;
        double w[P], g[P], m[P] = { 0 }, v[P] = { 0 }, h[H];
        il_rng rng = il_rng_at(0, IL_STREAM_USER, 0, K);
        for (int i = 0; i < P; i++)
            w[i] = (2 * il_uniform(&rng) - 1) / sqrt(i < (D + 1) * H ? D : H);
        for (int t = 0; t <= STEPS; t++) {
            CHECK_NEAR(yhat[(t * B + b) * N + K], network(w, x + K * D, h), 1e-9, "mlp");
            assert_true(yhat[(t * B + b) * N] == 0);
            gradient(g, w, x, y, K);
            for (int i = 0; i < P; i++) {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                double mean = m[i] / (1 - pow(0.9, t + 1)),
                       square = v[i] / (1 - pow(0.999, t + 1));
                w[i] -= 0.01 * mean / (sqrt(square) + 1e-8);
            }
        }
    }
    free(yhat);
    il_batch_free(batch);
}

/* Batches of 4 of up to 23 examples: queries that are examples are learnt, through any subset */
static void batches_reach_every_example(void **state)
{
    (void)state;
    enum { LONG = 600 };
    il_batch *batch = nets("overlapping");
    double *yhat = answers("mlp batch=4 hidden=40", batch, LONG, NULL), error[2] = { 0 };
    for (int k = 0; k < 2; k++)
        for (int b = 0; b < B; b++)
            for (int n = 1; n < N; n++) {
                size_t at = (size_t)b * N + n;
                error[k] += pow(yhat[k * LONG * B * N + at] - batch->yq[at], 2);
            }
    assert_true(error[1] < 0.02 * error[0]);
    free(yhat);
    il_batch_free(batch);
}

static void wrong_options_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "tree depth=0", "depth = 0 is out of its range 1 to 64" },
        { "tree depth=65", "depth = 65 is out of its range 1 to 64" },
        { "tree inputs=rank", "raw" },
        { "boosted_trees rounds=0", "rounds = 0 is out of its range" },
        { "boosted_trees rate=0", "rate = 0 is out of its range" },
        { "knn weights=both", "uniform" },
        { "mlp batch=0", "batch = 0 is out of its range" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_error err = { 0 };
        il_algo *none = NULL;
        assert_int_equal(il_algo_new(&none, cases[i].text, &err), IL_ECONFIG);
        CHECK(strstr(err.text, cases[i].says), "'%s' says: %s", cases[i].text, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_split_is_the_best_of_all),
        cmocka_unit_test(a_deep_tree_remembers_its_examples),
        cmocka_unit_test(boosting_in_special_cases),
        cmocka_unit_test(one_example_is_approached_geometrically),
        cmocka_unit_test(neighbours_count_by_distance),
        cmocka_unit_test(a_network_is_trained_by_adam),
        cmocka_unit_test(batches_reach_every_example),
        cmocka_unit_test(wrong_options_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
