/* shift_query.c - queries drawn from another distribution than the examples
 *
 * Each shift makes queries xq besides the examples x. Source: Garg et al. 2022,
 * arXiv:2208.01066.
 */
#include "task/task.h"

#include <math.h>

/* Examples in one orthant, given by a sign pattern of the prompt: |x| p. The queries are `sign`
 * |x| p, or plain x where sign is 0. */
static void into_orthant(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                         double *pattern, int sign)
{
    for (int d = 0; d < s->dims; d++) pattern[d] = il_below(rng, 2) ? 1 : -1;
    memcpy(xq, x, sizeof *x * (size_t)s->points * (size_t)s->dim);
    for (int n = 0; n < s->points; n++, x += s->dim, xq += s->dim)
        for (int d = 0; d < s->dims; d++) {
            x[d] = (il_real)(fabs((double)x[d]) * pattern[d]);
            if (sign) xq[d] = (il_real)sign * x[d];
        }
}

static void orthants(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                     double *work)
{
    into_orthant(s, rng, x, xq, work, 0);
}

static void opposite(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                     double *work)
{
    into_orthant(s, rng, x, xq, work, -1);
}

/* Query n is what is left of x_n beside x_0 .. x_{n-1}, at the length of x_n: no example says
 * anything about it. None is left for n >= dims. work: an orthonormal basis of the examples (rows)
 * and the vector in hand */
static void orthogonal_query(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                             double *work)
{
    (void)rng;
    int dims = s->dims;
    memset(xq, 0, sizeof *xq * (size_t)s->points * (size_t)s->dim);
    for (int n = 0; n < il_min(s->points, dims); n++, x += s->dim, xq += s->dim) {
        double *v = work + (size_t)n * dims, length = 0, rest = 0;
        for (int d = 0; d < dims; d++) v[d] = (double)x[d];
        for (int d = 0; d < dims; d++) length += v[d] * v[d];
        for (int pass = 0; pass < 2; pass++) /* twice: orthogonal to rounding */
            for (const double *q = work; q < v; q += dims) {
                double along = 0;
                for (int d = 0; d < dims; d++) along += q[d] * v[d];
                for (int d = 0; d < dims; d++) v[d] -= along * q[d];
            }
        for (int d = 0; d < dims; d++) rest += v[d] * v[d];
        for (int d = 0; d < dims; d++) {
            v[d] /= sqrt(rest);
            xq[d] = (il_real)(sqrt(length) * v[d]);
        }
    }
}

/* Query n is one of the examples before it; the first has none and stays */
static void overlapping(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                        double *work)
{
    (void)work;
    size_t size = sizeof *x * (size_t)s->dim;
    memcpy(xq, x, size);
    for (int n = 1; n < s->points; n++)
        memcpy(xq + (size_t)n * s->dim, x + (size_t)il_below(rng, n) * s->dim, size);
}

const il_shift il_shift_orthants = {
    .name = "orthants",
    .alias = "random_quadrants",
    .summary = "examples in one random orthant, queries anywhere",
    .asks = 1,
    .inputs = orthants,
};

const il_shift il_shift_opposite = {
    .name = "opposite",
    .alias = "opposite_quadrants",
    .summary = "examples in one random orthant, queries in the opposite one",
    .asks = 1,
    .inputs = opposite,
};

const il_shift il_shift_orthogonal_query = {
    .name = "orthogonal_query",
    .alias = "orthogonal_train_test",
    .summary = "queries orthogonal to all examples before them",
    .asks = 1,
    .inputs = orthogonal_query,
};

const il_shift il_shift_overlapping = {
    .name = "overlapping",
    .alias = "overlapping_train_test",
    .summary = "queries equal to an example before them",
    .asks = 1,
    .inputs = overlapping,
};
