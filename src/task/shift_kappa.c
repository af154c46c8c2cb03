/* shift_kappa.c - inputs whose covariance has a given condition number
 *
 *   x' = U^T diag(s) U x,   s_i^2 = c kappa^(-i/(d-1)),  mean s_i^2 = 1
 *
 * with a random rotation U for every prompt, so that E|x'|^2 stays d. The eigenvalues fall evenly in
 * their logarithm, which tells algorithms apart by how fast each direction is learnt.
 */
#include "task/dynamics.h"

#include <math.h>

/* kappa^(-i/(d-1)) without a library's pow(): d-1 roots by Newton's method are not needed, since
 * ratio^(d-1) = 1/kappa has its one root in (0,1], found by bisection to the last bit */
static double ratio_of(double kappa, int dims)
{
    double low = 0, high = 1;
    if (dims < 2) return 1;
    for (int k = 0; k < 200; k++) {
        double mid = (low + high) / 2, power = 1;
        for (int i = 1; i < dims; i++) power *= mid;
        if (power * kappa < 1)
            low = mid;
        else
            high = mid;
    }
    return high;
}

static void inputs(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq, double *work)
{
    (void)xq;
    int D = s->dim, dims = s->dims;
    double *u = work, *along = work + (size_t)dims * dims;
    double ratio = ratio_of(s->value, dims), mean = 0, square = 1;
    for (int i = 0; i < dims; i++, square *= ratio) mean += square / dims;
    il_orthogonal(u, dims, rng);
    for (int n = 0; n < s->points; n++, x += D) {
        square = 1 / mean;
        for (int i = 0; i < dims; i++, square *= ratio) {
            along[i] = 0;
            for (int d = 0; d < dims; d++) along[i] += u[i * dims + d] * (double)x[d];
            along[i] *= sqrt(square);
        }
        for (int d = 0; d < dims; d++) {
            double sum = 0;
            for (int i = 0; i < dims; i++) sum += along[i] * u[i * dims + d];
            x[d] = (il_real)sum;
        }
    }
}

static const il_opt opts[] = {
    { "kappa", IL_OPT_REAL, 0, 10, 1, 1e9, "condition number of the inputs' covariance",
      NULL },
    { 0 },
};

const il_shift il_shift_kappa = {
    .name = "kappa",
    .summary = "a covariance with this condition number, its axes new in every prompt",
    .opts = opts,
    .inputs = inputs,
};
