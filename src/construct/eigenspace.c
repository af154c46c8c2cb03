/* eigenspace.c - the k lowest eigenvectors of a graph's Laplacian, as an orthonormal basis
 *
 * Tokens are nodes, rows of the incidence matrix B and of phi (n, k). A
 * loop is a step of orthogonal iteration for 1 - L/mu, mu at least the largest eigenvalue of L:
 *   phi <- phi - (L + mu/n 1 1^T) phi / mu          scores B B^T = L, and mu/n
 *   phi <- phi (3 - phi^T phi) / 2, four times           scores phi phi^T: the polar factor, as in polar.c
 * where the second score takes away what rounding leaves along 1, the eigenvector of 0, which would
 * grow. Every polar step raises small singular values by half, more than a power step lowers those of
 * the lowest eigenvectors, and takes those near 1 to 1. So phi becomes an orthonormal basis of
 * their span, with an error that shrinks by (mu - l_{k+1}) / (mu - l_k) a loop.
 *
 * Source: subspace iteration as in Cheng, Carin & Sra 2024, arXiv:2410.16699, with Newton-Schulz in place
 * of Gram-Schmidt, which would need a division.
 */
#include "algo/dense.h"
#include "construct/construct.h"

#include <math.h>

enum { POLAR = 4 };

typedef struct {
    int nodes, edges, vectors, loops;
    double mu;
} options;
static const il_opt opts[] = {
    { "nodes", IL_OPT_INT, offsetof(options, nodes), 10, 3, 200, "nodes n" },
    { "edges", IL_OPT_INT, offsetof(options, edges), 20, 2, 1000, "edges" },
    { "vectors", IL_OPT_INT, offsetof(options, vectors), 2, 1, 16, "eigenvectors k" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 400, 1, 10000, "steps" },
    { "mu", IL_OPT_REAL, offsetof(options, mu), 30, 1e-9, 1e9,
      "at least the largest eigenvalue" },
    { 0 },
};
static const char *const cases[] = { "", "vectors=3 loops=300", NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    il_token(p, "B", o->edges, "incidence");
    il_token(p, "phi", o->vectors, "the basis");
    il_register(p, "one", 1, "ones");
    il_start(p, "one <- 1");
    il_loop(p, o->loops);
    il_attend(p, "phi <- %g phi ; B | one ; B | %g one", -1 / o->mu, o->mu / o->nodes);
    for (int i = 0; i < POLAR; i++) {
        il_attend(p, "phi <- -0.5 phi ; phi ; phi");
        il_also(p, "phi <- 0.5 phi");
    }
    il_answer(p, "phi");
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int n = o->nodes, k = o->vectors, width = o->edges + k;
    size_t N = (size_t)n;
    for (int seed = 1; seed <= 2; seed++) {
        size_t mark = c->used;
        double *tokens = il_check_random(c, N * (size_t)width, seed);
        double *L = il_check_take(c, N * N), *V = il_check_take(c, N * N);
        double *lambda = il_check_take(c, N), *phi = il_check_take(c, N * (size_t)k);
        double *all = il_check_take(c, (size_t)o->loops * N * (size_t)k);
        double *next = il_check_take(c, N * (size_t)k), error = 0, left = 0;
        double *noise = il_check_random(c, (size_t)o->edges, seed + 10);
        for (int i = 0; i < n; i++) /* a ring with skips of 2, amplitudes from 1/e to e */
            memset(tokens + i * width, 0, sizeof *tokens * (size_t)o->edges);
        for (int e = 0; e < o->edges; e++) {
            double a = il_exp(2 * il_sigmoid(noise[e], 0) - 1);
            tokens[e % n * width + e] = a;
            tokens[(e % n + 1 + e / n) % n * width + e] = -a;
        }
        for (int a = 0; a < k; a++) {
            double mean = 0;
            for (int i = 0; i < n; i++) mean += tokens[i * width + o->edges + a] / n;
            for (int i = 0; i < n; i++)
                phi[i * k + a] = tokens[i * width + o->edges + a] =
                    (tokens[i * width + o->edges + a] - mean) / (2 * n);
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                for (int e = 0; e < o->edges; e++)
                    L[i * n + j] += tokens[i * width + e] * tokens[j * width + e];
        il_check_run(c, n, tokens, NULL, o->loops, NULL, all);
        for (int t = 0; t < o->loops; t++) {
            for (int step = 0; step < 1 + POLAR; step++) {
                memset(next, 0, sizeof *next * N * (size_t)k);
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++) {
                        double score = step ? 0 : L[i * n + j] + o->mu / n;
                        for (int a = 0; a < k && step; a++)
                            score += phi[i * k + a] * phi[j * k + a];
                        double w =
                            step ? ((i == j) * 3 - score) / 2 : (i == j) - score / o->mu;
                        for (int a = 0; a < k; a++) next[i * k + a] += w * phi[j * k + a];
                    }
                memcpy(phi, next, sizeof *phi * N * (size_t)k);
            }
            error = fmax(error, il_check_difference(all + (size_t)t * N * (size_t)k, phi,
                                                    N * (size_t)k));
        }
        /* what the basis leaves of the k lowest eigenvectors beside 1 */
        for (int i = 0; i < n; i++) V[i * n + i] = 1;
        il_eigen(lambda, L, n, V, n, il_check_take(c, 3 * N));
        for (int m = 0; m < n; m++) {
            int lower = 0;
            for (int i = 0; i < n; i++) lower += lambda[i] < lambda[m] - 1e-9;
            if (lower < 1 || lower > k) continue;
            double inside = 0;
            for (int a = 0; a < k; a++) {
                double dot = 0;
                for (int i = 0; i < n; i++) dot += V[m * n + i] * phi[i * k + a];
                inside += dot * dot;
            }
            left = fmax(left, sqrt(fabs(1 - inside)));
        }
        il_check_row(c, "ring with skips", NAN, o->loops, error, left, 1e-10);
        c->used = mark;
    }
}

const il_construct il_construct_eigenspace = {
    .name = "eigenspace",
    .summary = "an orthonormal basis of the lowest eigenvectors of a graph's Laplacian",
    .source = "Cheng, Carin & Sra 2024, arXiv:2410.16699",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
