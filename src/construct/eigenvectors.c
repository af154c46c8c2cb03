/* eigenvectors.c - the k lowest eigenvectors of a graph's Laplacian, each in its own column
 *
 * Tokens are nodes: rows of the incidence matrix B, and of phi (n, k). A loop is a step of orthogonal
 * iteration with 1 - L/mu, mu at least the largest eigenvalue of L = B B^T:
 *   phi <- phi - (L + mu/n 1 1^T) phi / mu          scores B B^T = L, and mu/n
 *   phi <- phi (1 - U), four times,  U = striu(G) + (diag(G) - 1)/2,  G = phi^T phi
 * where mu/n takes away what rounding leaves along 1, the eigenvector of 0, which would grow.
 *
 * The second line is Gram-Schmidt without a division: column a loses its parts along columns before it
 * and half of what its squared length is above 1. With G = 1 + E, U + U^T = E, so what is left of
 * E is of second order: near orthonormal, the error squares. Columns are mixed by upper triangular matrices alone,
 * so the first a columns always span what a power iteration of a columns spans, and column a tends to eigenvector a:
 * errors shrink by max_a (mu - l_{a+1}) / (mu - l_a) a loop. A head a column, one layer a step.
 *
 * form=basis: phi <- phi (3 - G)/2 instead, the polar factor as in polar.c, by one head: an orthonormal
 * basis of the space that they span.
 *
 * Source: subspace iteration with Gram-Schmidt in Cheng, Carin & Sra 2024, arXiv:2410.16699, whose k
 * layers a loop divide by the lengths.
 */
#include "algo/graph.h"
#include "construct/construct.h"

#include <math.h>

enum { STEPS = 4 };

typedef struct {
    int nodes, edges, vectors, loops, basis;
    double mu;
} options;
static const il_opt opts[] = {
    { "nodes", IL_OPT_INT, offsetof(options, nodes), 10, 3, 200, "nodes n" },
    { "edges", IL_OPT_INT, offsetof(options, edges), 20, 2, 1000, "edges" },
    { "vectors", IL_OPT_INT, offsetof(options, vectors), 2, 1, 16,
      "eigenvectors k, fewer than nodes" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 400, 1, 10000, "steps" },
    { "mu", IL_OPT_REAL, offsetof(options, mu), 30, 1e-9, 1e9,
      "at least the largest eigenvalue" },
    { "form", IL_OPT_CHOICE, offsetof(options, basis), 0, 0, 0,
      "each eigenvector in its column, or a basis of all", "vectors|basis" },
    { 0 },
};
static const char *const cases[] = { "", "vectors=4 loops=800",
                                     "vectors=3 loops=300 form=basis",
                                     "nodes=16 edges=32 vectors=1 loops=600", NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    il_graph_is(p, o->nodes, o->edges);
    if (o->vectors >= o->nodes)
        il_refuse(p,
                  "vectors = %d are not fewer than nodes = %d: the eigenvector of 0 is not "
                  "counted",
                  o->vectors, o->nodes);
    il_token(p, "B", o->edges, "incidence");
    il_token(p, "phi", o->vectors, "the eigenvectors");
    il_register(p, "one", 1, "ones");
    il_start(p, "one <- 1");
    il_loop(p, o->loops);
    il_attend(p, "phi <- %g phi ; B | one ; B | %g one", -1 / o->mu, o->mu / o->nodes);
    for (int i = 0; i < STEPS; i++) {
        if (o->basis)
            il_attend(p, "phi <- -0.5 phi ; phi ; phi");
        else
            il_attend(p, "phi[0] <- -phi[0] ; phi[0] ; 0.5 phi[0]");
        for (int a = 1; a < o->vectors && !o->basis; a++)
            il_also(p, "phi[%d] <- -phi[%d] ; phi[0:%d] ; phi[0:%d] | 0.5 phi[%d]", a, a,
                    a + 1, a, a);
        il_also(p, "phi <- 0.5 phi");
    }
    il_answer(p, "phi");
}

/* A ring with skips of 2, amplitudes between 1/e and e, and starts that are orthogonal to 1 */
static void draw(const options *o, double *tokens, const double *noise)
{
    int n = o->nodes, k = o->vectors, width = o->edges + k;
    for (int i = 0; i < n; i++)
        memset(tokens + i * width, 0, sizeof *tokens * (size_t)o->edges);
    for (int e = 0; e < o->edges; e++) {
        double a = il_exp(2 * il_sigmoid(noise[e], 0) - 1);
        tokens[e % n * width + e] = a;
        tokens[(e % n + 1 + e / n) % n * width + e] = -a;
    }
    for (int a = 0; a < k; a++) {
        double *column = tokens + o->edges + a, mean = 0;
        for (int i = 0; i < n; i++) mean += column[i * width] / n;
        for (int i = 0; i < n; i++)
            column[i * width] = (column[i * width] - mean) / (2 * n);
    }
}

/* next = W phi, W (n,n) */
static void power(const options *o, const double *L, const double *phi, double *next)
{
    int n = o->nodes, k = o->vectors;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double w = (i == j) - L[i * n + j] / o->mu - 1.0 / n;
            for (int a = 0; a < k; a++) next[i * k + a] += w * phi[j * k + a];
        }
}

/* next = phi (1 - U), or phi (3 - G)/2 */
static void orthogonalise(const options *o, const double *phi, double *next)
{
    int n = o->nodes, k = o->vectors;
    for (int a = 0; a < k; a++)
        for (int b = 0; b < k; b++) {
            double g = 0;
            for (int i = 0; i < n; i++) g += phi[i * k + b] * phi[i * k + a];
            double u = o->basis || a == b ? (g - (a == b)) / 2 : b < a ? g : 0;
            for (int i = 0; i < n; i++) next[i * k + a] += ((a == b) - u) * phi[i * k + b];
        }
}

/* How far columns are from the eigenvectors (rows of V), up to their signs; or what of these a basis
 * lacks */
static double distance(const options *o, const double *V, const double *phi)
{
    int n = o->nodes, k = o->vectors;
    double worst = 0;
    for (int a = 0; a < k; a++) {
        const double *u = V + (a + 1) * n;
        double minus = 0, plus = 0, inside = 0;
        for (int i = 0; i < n; i++) {
            minus += (u[i] - phi[i * k + a]) * (u[i] - phi[i * k + a]);
            plus += (u[i] + phi[i * k + a]) * (u[i] + phi[i * k + a]);
        }
        for (int b = 0; b < k; b++) {
            double dot = 0;
            for (int i = 0; i < n; i++) dot += u[i] * phi[i * k + b];
            inside += dot * dot;
        }
        worst = il_larger(worst, sqrt(o->basis ? fabs(1 - inside) : fmin(minus, plus)));
    }
    return worst;
}

/* Loops in which errors fall by e: max (mu - l_a) / (l_{a+1} - l_a), for a basis with a = k alone */
static double loops_to_e(const options *o, const double *lambda)
{
    double most = 0;
    for (int a = o->basis ? o->vectors : 1; a <= o->vectors && a + 1 < o->nodes; a++)
        most = fmax(most, (o->mu - lambda[a]) / (lambda[a + 1] - lambda[a]));
    return most;
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int n = o->nodes, width = o->edges + o->vectors;
    size_t N = (size_t)n, all = N * (size_t)o->vectors;
    for (int seed = 1; seed <= 2; seed++) {
        size_t mark = c->used;
        double *tokens = il_check_random(c, N * (size_t)width, seed);
        double *L = il_check_take(c, N * N), *V = il_check_take(c, N * N);
        double *lambda = il_check_take(c, N), *phi = il_check_take(c, all);
        double *got = il_check_take(c, (size_t)o->loops * all);
        double *next = il_check_take(c, all), error = 0;
        double *noise = il_check_random(c, (size_t)o->edges, seed + 10);
        double *work = il_check_take(c, il_graph_work(n, o->vectors));
        if (c->status != IL_OK) return;
        draw(o, tokens, noise);
        for (int i = 0; i < n; i++)
            memcpy(phi + i * o->vectors, tokens + i * width + o->edges,
                   sizeof *phi * (size_t)o->vectors);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                for (int e = 0; e < o->edges; e++)
                    L[i * n + j] += tokens[i * width + e] * tokens[j * width + e];
        il_check_run(c, n, tokens, NULL, o->loops, NULL, got);
        for (int t = 0; t < o->loops; t++) {
            for (int step = 0; step < 1 + STEPS; step++) {
                memset(next, 0, sizeof *next * all);
                if (step)
                    orthogonalise(o, phi, next);
                else
                    power(o, L, phi, next);
                memcpy(phi, next, sizeof *phi * all);
            }
            error = il_larger(error, il_check_difference(got + (size_t)t * all, phi, all));
        }
        il_graph_spectrum(lambda, V, L, n, work);
        if (o->mu < lambda[n - 1]) {
            il_check_refuse(c,
                            "mu = %g: this graph has the eigenvalue %g; take at least that",
                            o->mu, lambda[n - 1]);
            return;
        }
        il_check_row(c, "ring with skips", loops_to_e(o, lambda), o->loops, error,
                     distance(o, V, got + (size_t)(o->loops - 1) * all), 1e-10);
        c->used = mark;
    }
}

const il_construct il_construct_eigenvectors = {
    .name = "eigenvectors",
    .summary =
        "the lowest eigenvectors of a graph's Laplacian, in order, without a division",
    .source = "Cheng, Carin & Sra 2024, arXiv:2410.16699",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
