/* functions.c - random functions of several numbers, of mixed families
 *
 *   linear        sum_j w_j u_j
 *   linked        g(sum_j w_j u_j + b)
 *   additive      sum_j w_j g_j(u_j)
 *   interactions  sum_j w_j u_j + sum_m c_m u_a u_b
 *   network       one or two hidden layers of squashing or rectified units
 *   trees         a sum of complete binary trees, each node comparing one input with a threshold
 *   bumps         sum_m c_m / (1 + |u - centre_m|^2 / n), the sum over the n inputs that count
 *
 * An input that has weight 0 is left out of all of them. Only + - * / and the square root are used, so that every
 * machine draws and evaluates the same bits. Source of such mixtures as a prior: Hollmann et al. 2023,
 * arXiv:2207.01848.
 */
#include "task/functions.h"

#include <math.h>

enum { LINEAR, LINKED, ADDITIVE, INTERACTIONS, NETWORK, TREES, BUMPS };
enum { SAME, SQUASH, RECTIFY, STEP, SQUARE, DISTANCE, GROW, SHAPES };

double il_squash(double t) { return t / sqrt(1 + t * t); }

double il_grow(double t)
{
    double g = t > -16 ? 1 + t / 16 : 0;
    for (int i = 0; i < 4; i++) g *= g;
    return g;
}

static double shape(int which, double t, double bend)
{
    double d = t - bend;
    switch (which) {
    case SQUASH:
        return il_squash(2 * d);
    case RECTIFY:
        return d > 0 ? d : 0;
    case STEP:
        return d > 0;
    case SQUARE:
        return d * d;
    case DISTANCE:
        return d > 0 ? d : -d;
    case GROW:
        return il_grow(t < 4 ? t : 4);
    default:
        return t;
    }
}

/* Families by how often they come, in twentieths */
static int draw_family(il_rng *rng)
{
    static const int of[20] = { LINEAR,   LINEAR,   LINEAR,  LINEAR,       LINEAR,
                                LINKED,   LINKED,   LINKED,  ADDITIVE,     ADDITIVE,
                                ADDITIVE, ADDITIVE, NETWORK, NETWORK,      NETWORK,
                                TREES,    TREES,    BUMPS,   INTERACTIONS, INTERACTIONS };
    return of[il_below(rng, 20)];
}

/* At least one input counts; some count much more than others. */
static void draw_weights(il_function *f, il_rng *rng)
{
    double share = il_uniform(rng), peaked = il_uniform(rng);
    int sure = il_below(rng, f->inputs);
    for (int j = 0; j < f->inputs; j++) {
        double w = il_normal(rng), more = il_normal(rng);
        int counts = il_uniform(rng) < share || j == sure;
        f->weight[j] = counts ? w * (peaked < 0.5 ? 1 : more) : 0;
        if (counts && f->weight[j] == 0) f->weight[j] = 1;
        f->shape[j] = il_below(rng, SHAPES);
        f->bend[j] = il_normal(rng) * 0.7;
    }
    double squares = 0;
    for (int j = 0; j < f->inputs; j++) squares += f->weight[j] * f->weight[j];
    for (int j = 0; j < f->inputs; j++) f->weight[j] /= sqrt(squares);
}

/* An input that counts */
static int draw_input(const il_function *f, il_rng *rng)
{
    int j = il_below(rng, f->inputs);
    while (f->weight[j] == 0) j = (j + 1) % f->inputs;
    return j;
}

static void draw_units(il_function *f, il_rng *rng)
{
    int n = 0;
    for (int j = 0; j < f->inputs; j++) n += f->weight[j] != 0;
    for (int m = 0; m < f->units; m++) {
        for (int j = 0; j < f->inputs; j++) {
            double w = il_normal(rng);
            if (f->weight[j] == 0) w = 0;
            f->unit[m][j] = f->family == BUMPS ? w : w * 1.5 / sqrt(n);
        }
        for (int i = 0; i < f->units; i++)
            f->inner[m][i] = il_normal(rng) * 1.5 / sqrt(f->units);
        f->bias[m] = il_normal(rng);
        f->out[m] = il_normal(rng);
        f->asks[m][0] = draw_input(f, rng); /* of a product, too */
        f->asks[m][1] = draw_input(f, rng);
    }
}

/* Questions stand in nodes 0 .. 2^depth - 2, leaves after them. */
static void draw_trees(il_function *f, il_rng *rng)
{
    f->depth = 1 + il_below(rng, 4);
    for (int m = 0; m < f->units; m++)
        for (int i = 0; i < IL_FUNCTION_NODES; i++) {
            f->asks[m][i] = draw_input(f, rng);
            f->node[m][i] = il_normal(rng);
        }
}

void il_function_draw(il_function *f, il_rng *rng, int inputs)
{
    memset(f, 0, sizeof *f);
    f->inputs = inputs;
    f->family = draw_family(rng);
    f->units = 1 + il_below(rng, IL_FUNCTION_UNITS);
    f->layers = 1 + il_below(rng, 2);
    draw_weights(f, rng);
    if (f->family == NETWORK) f->units = il_max(f->units, 4);
    if (f->family == NETWORK || f->family == BUMPS || f->family == INTERACTIONS)
        draw_units(f, rng);
    if (f->family == TREES) draw_trees(f, rng);
}

static double linear(const il_function *f, const double *u)
{
    double sum = 0;
    for (int j = 0; j < f->inputs; j++) sum += f->weight[j] * u[j];
    return sum;
}

static double additive(const il_function *f, const double *u)
{
    double sum = 0;
    for (int j = 0; j < f->inputs; j++)
        sum += f->weight[j] * shape(f->shape[j], u[j], f->bend[j]);
    return sum;
}

static double network(const il_function *f, const double *u)
{
    double a[IL_FUNCTION_UNITS], b[IL_FUNCTION_UNITS], sum = 0;
    int kind = f->shape[0] % 2 ? SQUASH : RECTIFY;
    for (int m = 0; m < f->units; m++) {
        double t = f->bias[m];
        for (int j = 0; j < f->inputs; j++) t += f->unit[m][j] * u[j];
        a[m] = shape(kind, t, 0);
    }
    for (int m = 0; m < f->units && f->layers > 1; m++) {
        double t = 0;
        for (int i = 0; i < f->units; i++) t += f->inner[m][i] * a[i];
        b[m] = shape(kind, t, 0);
    }
    for (int m = 0; m < f->units; m++) sum += f->out[m] * (f->layers > 1 ? b[m] : a[m]);
    return sum;
}

static double trees(const il_function *f, const double *u)
{
    double sum = 0;
    for (int m = 0; m < f->units; m++) {
        int i = 0;
        for (int level = 0; level < f->depth; level++)
            i = 2 * i + 1 + (u[f->asks[m][i]] > f->node[m][i]);
        sum += f->node[m][i];
    }
    return sum;
}

static double bumps(const il_function *f, const double *u)
{
    double sum = 0;
    int n = 0;
    for (int j = 0; j < f->inputs; j++) n += f->weight[j] != 0;
    for (int m = 0; m < f->units; m++) {
        double squares = 0;
        for (int j = 0; j < f->inputs; j++) {
            double d = f->weight[j] != 0 ? u[j] - f->unit[m][j] : 0;
            squares += d * d;
        }
        sum += f->out[m] / (1 + squares / n);
    }
    return sum;
}

double il_function_at(const il_function *f, const double *u)
{
    double sum;
    switch (f->family) {
    case LINKED:
        return shape(f->shape[0], linear(f, u), f->bend[0]);
    case ADDITIVE:
        return additive(f, u);
    case NETWORK:
        return network(f, u);
    case TREES:
        return trees(f, u);
    case BUMPS:
        return bumps(f, u);
    case INTERACTIONS:
        sum = linear(f, u);
        for (int m = 0; m < f->units; m++)
            sum += f->out[m] * u[f->asks[m][0]] * u[f->asks[m][1]] / sqrt(f->units);
        return sum;
    default:
        return linear(f, u);
    }
}
