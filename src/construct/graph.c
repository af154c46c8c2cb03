/* graph.c - electric flow, resistive embedding and heat on a graph, from its incidence matrix
 *
 * Tokens are nodes: row i of B (n, edges), whose scores are the Laplacian L = B B^T, and of the
 * demands psi (n, k), orthogonal to 1. With delta at most 1 / the largest eigenvalue of L:
 *
 *   electric     phi <- phi - delta L phi + delta psi          L^+ psi, as gradient descent
 *   resistive    phi <- phi + c_l sqrt(delta) g, g <- (1 - delta L) g, g = psi:
 *                L^{+1/2} psi, c_l = C(2l, l) / 4^l: the binomial series
 *   heat         g <- -s/(l+1) L g, phi <- phi + g, phi = g = psi: exp(-s L) psi, by Taylor
 *   heat_cubing  G = 1 - s/3^T L from the identity, then G <- G^3 T times: phi = G psi
 *   root         B <- B (3 - B^T B)/2 and phi <- (3 - L) phi / 2, both from sqrt(delta) times:
 *                L^{+1/2} psi; the steps near the end square the error
 *   inverse      the same with phi from delta psi, moved twice a step: L^+ psi
 *
 * Rounding grows: to exp(s lambda) in the terms of Taylor's series, which cancel; 3 times a layer of a power of 3^T;
 * and 3/2 times a layer of a root, along the ones, where L is 0. More than half of the digits, 2^26.5, is refused.
 * For heat_cubing these are 16 layers, beyond which more is lost by rounding, 3^T 2^-53, than is gained of the
 * limit, at most 0.27 3^-T.
 *
 * Source: Cheng, Carin & Sra 2024, arXiv:2410.16699.
 */
#include "algo/graph.h"
#include "construct/construct.h"

#include <math.h>

enum { ELECTRIC, RESISTIVE, HEAT, CUBING, ROOT, INVERSE };

typedef struct {
    int nodes, edges, demands, layers, form;
    double delta, time;
} options;
static const il_opt opts[] = {
    { "nodes", IL_OPT_INT, offsetof(options, nodes), 10, 3, 200, "nodes n" },
    { "edges", IL_OPT_INT, offsetof(options, edges), 20, 2, 1000, "edges" },
    { "demands", IL_OPT_INT, offsetof(options, demands), 3, 1, 64, "demands k" },
    { "layers", IL_OPT_INT, offsetof(options, layers), 0, 0, 1000,
      "layers; of heat_cubing one more; 0: 32, of heat_cubing 16" },
    { "form", IL_OPT_CHOICE, offsetof(options, form), 0, 0, 0, "what is computed",
      "electric|resistive|heat|heat_cubing|root|inverse" },
    { "delta", IL_OPT_REAL, offsetof(options, delta), 0.03, 1e-9, 1e9,
      "at most 1 / the largest eigenvalue" },
    { "time", IL_OPT_REAL, offsetof(options, time), 0.5, 0, 1e6, "s of the heat" },
    { 0 },
};
static const char *const cases[] = {
    "layers=32",
    "layers=128",
    "form=resistive layers=32",
    "form=resistive layers=128",
    "form=heat layers=64",
    "form=root layers=8",
    "form=heat_cubing layers=4",
    "form=heat_cubing layers=8",
    "form=heat_cubing",
    "form=inverse layers=8",
    "edges=45 layers=128",
    NULL,
};

void il_graph_is(il_program *p, int nodes, int edges)
{
    int most = nodes * (nodes - 1) / 2;
    if (edges < nodes - 1)
        il_refuse(p, "edges = %d: a connected graph of %d nodes has at least %d", edges,
                  nodes, nodes - 1);
    if (edges > most)
        il_refuse(p, "edges = %d: a graph of %d nodes has at most %d", edges, nodes, most);
}

/* What a layer multiplies rounding by, and how often before half of the digits are gone: log(2^26.5) / log(that) */
static double multiplies(int form)
{
    return form == CUBING ? 3 : form == ROOT || form == INVERSE ? 1.5 : 1;
}
static const int most[] = { 1000, 1000, 1000, [CUBING] = 16, [ROOT] = 45, [INVERSE] = 45 };
static const double half_of_the_digits = 18.37; /* log(2^26.5) */

static int layers(const options *o)
{
    return o->layers ? o->layers : il_min(32, most[o->form]);
}

static void declare(il_program *p, const options *o, int T)
{
    if (T > most[o->form])
        il_refuse(p,
                  "layers = %d: at most %d with this form, every layer of which multiplies "
                  "errors by %g",
                  T, most[o->form], multiplies(o->form));
    if (o->form == INVERSE && T < 2)
        il_refuse(p, "layers = %d: at least 2 with form=inverse, two of which are a step",
                  T);
    il_token(p, "B", o->edges, "incidence");
    il_token(p, "psi", o->demands, "the demands");
    il_register(p, "phi", o->demands, "the answer");
    if (o->form == RESISTIVE || o->form == HEAT) {
        il_register(p, "g", o->demands, "the series' term");
        il_start(p, "g <- psi");
    }
    if (o->form == CUBING) {
        il_position(p, "E", o->nodes, "the position");
        il_position(p, "G", o->nodes, "the identity; tends to exp(-s L)");
    }
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    double root = sqrt(o->delta), c = 1;
    int T = layers(o);
    il_graph_is(p, o->nodes, o->edges);
    declare(p, o, T);
    switch (o->form) {
    case ELECTRIC:
        il_loop(p, T);
        il_attend(p, "phi <- %g phi ; B ; B", -o->delta);
        il_also(p, "phi <- %g psi", o->delta);
        break;
    case RESISTIVE:
        for (int l = 0; l < T; l++, c *= (2.0 * l - 1) / (2.0 * l)) {
            il_attend(p, "g <- %g g ; B ; B", -o->delta);
            il_also(p, "phi <- %g g", c * root);
        }
        break;
    case HEAT:
        il_start(p, "phi <- psi");
        for (int l = 0; l < T; l++) {
            il_attend(p, "g <- %g g, phi <- %g g ; B ; B", -o->time / (l + 1),
                      -o->time / (l + 1));
            il_also(p, "g <- -g");
        }
        break;
    case CUBING:
        for (int l = 0; l < T; l++) c *= 3;
        il_attend(p, "G <- %g G ; B ; B", -o->time / c);
        for (int l = 0; l < T; l++) {
            il_attend(p, "G <- G ; G ; G");
            il_also(p, "G <- -G");
        }
        il_after(p);
        il_attend(p, "phi <- psi ; G ; E");
        break;
    default:
        il_map(p, "B <- %g B, phi <- %g psi", root - 1, o->form == ROOT ? root : o->delta);
        il_loop(p, o->form == ROOT ? T : T / 2);
        if (o->form == INVERSE) {
            il_attend(p, "phi <- -0.5 phi ; B ; B");
            il_also(p, "phi <- 0.5 phi");
        }
        il_attend(p, "phi <- -0.5 phi, B <- -0.5 B ; B ; B");
        il_also(p, "phi <- 0.5 phi, B <- 0.5 B");
    }
    il_answer(p, "phi");
}

/* How many edges of length `far` around the circle are taken: of 1 first, then of `skip`, then of all others
 * as far as they go */
static int share(const options *o, int skip, int far)
{
    int left = o->edges, n = o->nodes;
    for (int turn = 0; turn <= n / 2; turn++) {
        int length = turn < 2 ? (turn ? skip : 1) : turn;
        if (length > n / 2 || (turn > 1 && length == skip) || (turn == 1 && skip == 1))
            continue;
        int all = 2 * length == n ? n / 2 : n, some = il_min(all, left);
        if (length == far) return some;
        left -= some;
    }
    return 0;
}

/* A circle with skips, or as much more as there are edges; amplitudes between 1/e and e */
static void draw(const options *o, int skip, double *tokens, double *noise)
{
    enum { MOST = 200 };
    int n = o->nodes, width = o->edges + o->demands, e = 0, taken[MOST / 2 + 1] = { 0 };
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            int far = il_min(j - i, n - j + i);
            if (taken[far] >= share(o, skip, far)) continue;
            taken[far]++;
            double a = il_exp(2 * il_sigmoid(noise[e], 0) - 1);
            tokens[i * width + e] = a;
            tokens[j * width + e++] = -a;
        }
    for (int k = 0; k < o->demands; k++) {
        double mean = 0;
        for (int i = 0; i < n; i++) mean += noise[o->edges + k * n + i] / n;
        for (int i = 0; i < n; i++)
            tokens[i * width + o->edges + k] = noise[o->edges + k * n + i] - mean;
    }
}

/* The same steps on L itself */
static void iterate(const options *o, double *phi, const double *L, const double *psi,
                    double *work)
{
    int n = o->nodes, k = o->demands, l = layers(o);
    switch (o->form) {
    case ELECTRIC:
        il_graph_descend(phi, L, psi, n, k, o->delta, l, work);
        break;
    case RESISTIVE:
        il_graph_binomial(phi, L, psi, n, k, o->delta, l, work);
        break;
    case HEAT:
        il_graph_series(phi, L, psi, n, k, o->time, l + 1, work);
        break;
    case CUBING:
        il_graph_cube(phi, L, psi, n, k, o->time, l, work);
        break;
    case ROOT:
        il_graph_newton_schulz(phi, IL_GRAPH_RESISTIVE, L, psi, n, k, o->delta, l, work);
        break;
    default:
        il_graph_newton_schulz(phi, IL_GRAPH_FLOW, L, psi, n, k, o->delta, l / 2, work);
    }
}

static double largest(const double *x, size_t n)
{
    double size = 0;
    for (size_t i = 0; i < n; i++) size = fmax(size, fabs(x[i]));
    return size;
}

/* Is the graph's largest eigenvalue too large for the step or the time? */
static int refuse(il_check *c, const options *o, double lambda)
{
    if (o->form != HEAT && o->form != CUBING && o->delta * lambda > 2) {
        il_check_refuse(c,
                        "delta = %g: this graph has the eigenvalue %g, so take at most %g",
                        o->delta, lambda, 1 / lambda);
        return 1;
    }
    if (o->form != HEAT || !(o->time * lambda > half_of_the_digits)) return 0;
    il_check_refuse(
        c,
        "time = %g: this graph has the eigenvalue %g, and the terms of a series "
        "cancel; take at most %s, or form=heat_cubing",
        o->time, lambda, il_digits_short(half_of_the_digits / lambda).text);
    return 1;
}

static void verify_one(il_check *c, const options *o, int skip)
{
    static const il_graph_function limits[] = { IL_GRAPH_FLOW,      IL_GRAPH_RESISTIVE,
                                                IL_GRAPH_HEAT,      IL_GRAPH_HEAT,
                                                IL_GRAPH_RESISTIVE, IL_GRAPH_FLOW };
    int n = o->nodes, E = o->edges, k = o->demands, width = E + k,
        loops = c->model->plan.loops;
    size_t N = (size_t)n, all = N * (size_t)k;
    double *noise = il_check_random(c, (size_t)E + all, skip);
    double *tokens = il_check_take(c, N * (size_t)width), *L = il_check_take(c, N * N);
    double *V = il_check_take(c, N * N), *lambda = il_check_take(c, N);
    double *psi = il_check_take(c, all), *want = il_check_take(c, all);
    double *exact = il_check_take(c, all), *work = il_check_take(c, il_graph_work(n, k));
    double *got = il_check_take(c, (size_t)loops * all);
    if (c->status != IL_OK) return;
    draw(o, skip, tokens, noise);
    for (int i = 0; i < n; i++) {
        memcpy(psi + i * k, tokens + i * width + E, sizeof *psi * (size_t)k);
        for (int j = 0; j < n; j++)
            for (int e = 0; e < E; e++)
                L[i * n + j] += tokens[i * width + e] * tokens[j * width + e];
    }
    il_graph_spectrum(lambda, V, L, n, work);
    int series = o->form == HEAT || o->form == CUBING;
    if (refuse(c, o, lambda[n - 1])) return;
    iterate(o, want, L, psi, work);
    il_graph_solve(exact, limits[o->form], o->time, L, psi, n, k, work);
    il_check_run(c, n, tokens, NULL, loops, NULL, got);
    got += (size_t)(loops - 1) * all;
    double grows = o->form == HEAT ? il_exp(o->time * lambda[n - 1]) : 1;
    for (int l = 0; l < layers(o); l++) grows *= multiplies(o->form);
    char size[48];
    snprintf(size, sizeof size, E < n * (n - 1) / 2 ? "n=%d skip=%d" : "n=%d all", n, skip);
    /* every layer of the model and of the algorithm rounds by 2^-53, and the sum of their powers is at most 3
     * times the last: 6 2^-53, relative to the demands; heat leaves less of them */
    double stated = 1e-13 + 0x1p-50 * grows;
    if (series) stated *= fmax(1, largest(psi, all) / largest(want, all));
    if (o->form == CUBING && o->time * lambda[n - 1] > 2 * grows)
        il_check_refuse(c, "layers = %d: too few for time = %g, of which the power grows",
                        layers(o), o->time);
    if (stated > 1e-3)
        il_check_refuse(
            c,
            "time = %g: of the demands %.2g is left, and rounding by layers = %d "
            "may be as much as %.2g of that; take less time or fewer layers",
            o->time, largest(want, all) / largest(psi, all), layers(o), stated);
    il_check_row(c, size, lambda[n - 1] / lambda[1], layers(o),
                 il_check_difference(got, want, all), il_check_difference(got, exact, all),
                 stated);
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int all = o->edges >= o->nodes * (o->nodes - 1) / 2;
    for (int skip = 2; skip <= (all ? 2 : 4); skip += 2) {
        size_t mark = c->used;
        verify_one(c, o, skip);
        c->used = mark;
    }
}

const il_construct il_construct_graph = {
    .name = "graph",
    .summary = "electric flow, resistive embedding and heat on a graph's incidence matrix",
    .source = "Cheng, Carin & Sra 2024, arXiv:2410.16699",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
