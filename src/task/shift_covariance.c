/* shift_covariance.c - inputs with another covariance
 *
 *   x' = x R,   R = U diag(lambda) U^T sqrt(d / sum lambda^2)
 *
 * with U a random rotation, one for all prompts of a seed, so that E|x'|^2 stays d. skewed takes
 * lambda_i = 1/i; half_subspace takes one for half of the directions and zero for the others.
 * Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/dynamics.h"

#include <math.h>

static void stretch(double *R, double *u, int dims, il_rng *rng,
                    double (*lambda)(int i, int dims))
{
    il_orthogonal(u, dims, rng);
    double squares = 0;
    for (int i = 0; i < dims; i++) squares += lambda(i, dims) * lambda(i, dims);
    memset(R, 0, sizeof *R * (size_t)dims * (size_t)dims);
    for (int i = 0; i < dims; i++, u += dims)
        for (int a = 0; a < dims; a++) {
            double s = sqrt(dims / squares) * lambda(i, dims) * u[a];
            for (int b = 0; b < dims; b++) R[a * dims + b] += s * u[b];
        }
}

static double harmonic(int i, int dims)
{
    (void)dims;
    return 1.0 / (i + 1);
}

static double half(int i, int dims) { return i < (dims + 1) / 2; }

static void skewed(double *R, double *work, int dims, il_rng *rng)
{
    stretch(R, work, dims, rng, harmonic);
}

static void half_subspace(double *R, double *work, int dims, il_rng *rng)
{
    stretch(R, work, dims, rng, half);
}

/* R is symmetric: x R is taken row by row */
static void inputs(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq, double *row)
{
    (void)rng, (void)xq;
    for (int n = 0; n < s->points; n++, x += s->dim) {
        const double *R = s->matrix;
        memset(row, 0, sizeof *row * (size_t)s->dims);
        for (int a = 0; a < s->dims; a++, R += s->dims)
            for (int b = 0; b < s->dims; b++) row[b] += (double)x[a] * R[b];
        for (int b = 0; b < s->dims; b++) x[b] = (il_real)row[b];
    }
}

const il_shift il_shift_skewed = {
    .name = "skewed",
    .summary = "inputs with covariance eigenvalues 1/i^2 in random directions",
    .matrix = skewed,
    .inputs = inputs,
};

const il_shift il_shift_half_subspace = {
    .name = "half_subspace",
    .summary = "inputs in a random subspace of half the dimension",
    .matrix = half_subspace,
    .inputs = inputs,
};
