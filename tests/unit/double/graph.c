/* graph.c - solvers on graphs against LAPACK, their identities and their stated bounds */
#include "algo/graph.h"
#include "base/base.h"
#include "check.h"

#include <lapacke.h>

enum { N = 10, K = N, EDGES = N * (N - 1) / 2, GRAPHS = 5, ROOM = 3 * N * (N + K) + 4 * N };

static double work[ROOM];

/* A graph: a ring with chords between nodes `skip` apart, or with skip = 0 all edges; amplitudes
 * exp(uniform in [-1,1]). Demands psi (n,k) are centred and of length 1. */
static void draw(double *L, double *psi, int skip, uint32_t seed)
{
    il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, (uint32_t)skip);
    double B[N * EDGES] = { 0 };
    int e = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++) {
            int apart = il_min(i - j, N - i + j);
            if (skip && apart != 1 && apart != il_min(skip, N - skip)) continue;
            double a = exp(2 * il_uniform(&rng) - 1);
            B[i * EDGES + e] = a;
            B[j * EDGES + e++] = -a;
        }
    assert_int_equal(e, skip ? 2 * N : EDGES);
    il_graph_laplacian(L, B, N, EDGES);
    for (int c = 0; c < K; c++) {
        double mean = 0, square = 0;
        for (int i = 0; i < N; i++) mean += (psi[i * K + c] = il_normal(&rng)) / N;
        for (int i = 0; i < N; i++) square += pow(psi[i * K + c] -= mean, 2);
        for (int i = 0; i < N; i++) psi[i * K + c] /= sqrt(square);
    }
}

/* The longest column of a - b */
static double far(const double *a, const double *b)
{
    double worst = 0;
    for (int c = 0; c < K; c++) {
        double sum = 0;
        for (int i = 0; i < N; i++) sum += pow(a[i * K + c] - b[i * K + c], 2);
        worst = fmax(worst, sqrt(sum));
    }
    return worst;
}

static void apply(double *y, const double *L, const double *x)
{
    for (int i = 0; i < N; i++)
        for (int c = 0; c < K; c++) {
            y[i * K + c] = 0;
            for (int j = 0; j < N; j++) y[i * K + c] += L[i * N + j] * x[j * K + c];
        }
}

static const int skips[GRAPHS] = { 2, 3, 4, 8, 0 };

static void exact_solutions_solve(void **state)
{
    (void)state;
    assert_true(il_graph_work(N, K) <= ROOM);
    for (int g = 0; g < GRAPHS; g++) {
        double L[N * N], copy[N * N], psi[N * K], phi[N * K], two[N * K], back[N * K];
        double lambda[N], want[N], V[N * N];
        draw(L, psi, skips[g], 1);
        il_graph_spectrum(lambda, V, L, N, work);
        memcpy(copy, L, sizeof L);
        LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'N', 'U', N, copy, N, want);
        CHECK_NEAR(lambda[0], 0, 1e-13, "connected: one null vector");
        for (int i = 0; i < N; i++) {
            CHECK_NEAR(lambda[i], want[i], 1e-13 * want[N - 1], "eigenvalue");
            for (int r = 0; r < N; r++) { /* L v = lambda v */
                double sum = -lambda[i] * V[i * N + r];
                for (int c = 0; c < N; c++) sum += L[r * N + c] * V[i * N + c];
                CHECK_NEAR(sum, 0, 1e-12, "eigenvector");
            }
        }
        il_graph_solve(phi, IL_GRAPH_FLOW, 0, L, psi, N, K, work);
        apply(back, L, phi);
        CHECK_NEAR(far(back, psi), 0, 1e-12, "L phi = psi");
        il_graph_solve(back, IL_GRAPH_RESISTIVE, 0, L, psi, N, K, work);
        il_graph_solve(two, IL_GRAPH_RESISTIVE, 0, L, back, N, K, work);
        CHECK_NEAR(far(two, phi), 0, 1e-12, "the root twice is the inverse");
        il_graph_solve(back, IL_GRAPH_HEAT, 0.2, L, psi, N, K, work);
        il_graph_solve(two, IL_GRAPH_HEAT, 0.3, L, back, N, K, work);
        il_graph_solve(back, IL_GRAPH_HEAT, 0.5, L, psi, N, K, work);
        CHECK_NEAR(far(two, back), 0, 1e-13, "times add");
        il_graph_series(two, L, psi, N, K, 0.5 / 1024, 8, work); /* by another way */
        for (int t = 1; t < 1024; t++) {
            il_graph_series(phi, L, two, N, K, 0.5 / 1024, 8, work);
            memcpy(two, phi, sizeof two);
        }
        CHECK_NEAR(far(two, back), 0, 1e-12, "in small steps");
    }
}

static void iterations_keep_their_bounds(void **state)
{
    (void)state;
    for (int g = 0; g < GRAPHS; g++) {
        double L[N * N], psi[N * K], flow[N * K], root[N * K], heat[N * K], phi[N * K];
        double lambda[N], V[N * N], time = 0.5;
        draw(L, psi, skips[g], 2);
        il_graph_spectrum(lambda, V, L, N, work);
        double small = lambda[1], large = lambda[N - 1], delta = 1 / large;
        il_graph_solve(flow, IL_GRAPH_FLOW, 0, L, psi, N, K, work);
        il_graph_solve(root, IL_GRAPH_RESISTIVE, 0, L, psi, N, K, work);
        il_graph_solve(heat, IL_GRAPH_HEAT, time, L, psi, N, K, work);
        printf("graph %d: eigenvalues %.3g to %.3g\n", skips[g], small, large);
        for (int steps = 8; steps <= 128; steps *= 4) {
            il_graph_descend(phi, L, psi, N, K, delta, steps, work);
            double bound = pow(1 - delta * small, steps) / small;
            printf("  %d steps: flow %.2g (bound %.2g)", steps, far(phi, flow), bound);
            CHECK(far(phi, flow) <= bound + 1e-13, "flow");
            il_graph_binomial(phi, L, psi, N, K, delta, steps, work);
            bound = exp(-delta * small * steps) / small / sqrt(acos(-1) * delta * steps);
            printf(", root %.2g (bound %.2g)\n", far(phi, root), bound);
            CHECK(far(phi, root) <= bound + 1e-13, "root");
        }
        double x = time * large;
        int terms = (int)(4 * x) + 8;
        il_graph_series(phi, L, psi, N, K, time, terms, work);
        double bound = exp(terms * log(x) - lgamma(terms + 1)) / (1 - x / (terms + 1));
        printf("  heat by %d terms: %.2g (bound %.2g and rounding)\n", terms,
               far(phi, heat), bound);
        CHECK(far(phi, heat) <= bound + 1e-15 * exp(x), "series");
        for (int cubings = 4; cubings <= 8; cubings += 2) {
            il_graph_cube(phi, L, psi, N, K, time, cubings, work);
            assert_true(x <= pow(3, cubings));
            printf("  heat by %d cubings: %.2g\n", cubings, far(phi, heat));
            CHECK(far(phi, heat) <= 0.28 * pow(3, -cubings), "cubing");
        }
        /* log(condition) / log(2.25) slow steps, then squaring; after that rounding alone grows */
        int slow = (int)ceil(log(large / small) / log(2.25));
        il_graph_newton_schulz(phi, IL_GRAPH_RESISTIVE, L, psi, N, K, delta, slow + 5,
                               work);
        CHECK_NEAR(far(phi, root), 0, 1e-10, "root by Newton & Schulz");
        printf("  %d steps of Newton & Schulz: root %.2g", slow + 5, far(phi, root));
        il_graph_newton_schulz(phi, IL_GRAPH_FLOW, L, psi, N, K, delta, slow + 5, work);
        printf(", flow %.2g\n", far(phi, flow));
        CHECK_NEAR(far(phi, flow), 0, 1e-10, "flow by Newton & Schulz");
    }
}

/* The four smallest eigenvalues, 0 among them, and the four largest; eigenvectors up to sign */
static void subspaces_converge(void **state)
{
    (void)state;
    for (int g = 0; g < GRAPHS; g++)
        for (int bottom = 0; bottom < 2; bottom++) {
            enum { FEW = 4, STEPS = 2000 };
            double L[N * N], psi[N * K], phi[N * FEW], lambda[N], V[N * N];
            draw(L, psi, skips[g], 3);
            il_graph_spectrum(lambda, V, L, N, work);
            il_rng rng = il_rng_at(4, IL_STREAM_USER, 0, 0);
            for (int i = 0; i < N * FEW; i++) phi[i] = il_normal(&rng);
            il_graph_subspace(phi, L, N, FEW, bottom ? lambda[N - 1] : 0, STEPS, work);
            for (int c = 0; c < FEW; c++) {
                int at = bottom ? c : N - 1 - c;
                double overlap = 0, ratio = 0;
                for (int i = 0; i < N; i++) overlap += V[at * N + i] * phi[i * FEW + c];
                for (int b = 0; b <= c; b++) { /* the slowest of the ratios that matter */
                    int i = bottom ? b : N - 1 - b, next = bottom ? i + 1 : i - 1;
                    double shift = bottom ? lambda[N - 1] : 0;
                    ratio = fmax(ratio, fabs((shift - lambda[next]) / (shift - lambda[i])));
                }
                /* a start may be nearly orthogonal to what it tends to */
                CHECK_NEAR(1 - fabs(overlap), 0, 1e4 * pow(ratio, 2 * STEPS) + 1e-12,
                           "eigenvector up to its sign");
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_solutions_solve),
        cmocka_unit_test(iterations_keep_their_bounds),
        cmocka_unit_test(subspaces_converge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
