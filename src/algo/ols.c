/* ols.c - least squares without intercept; of all solutions the one of least norm
 *
 * The examples seen so far span a space with the orthonormal basis Q (rank rows). In it they are
 * z = Q x, and least squares is the triangular system R s = t that Givens rotations keep as
 * points arrive; w = Q^T s. A point outside the space adds a direction to Q. So every point costs
 * O(D^2), and the condition number is never squared.
 */
#include "algo/algo.h"
#include "la/dense.h"

#include <math.h>

/* What is left of x outside the space must be this part of it to count as a new direction; the
 * rounding of the projection leaves about 1e-16 */
static const double new_direction = 1e-11;

typedef struct {
    double *w, *t, *z, *rest; /* (D) each */
    double *Q, *R;            /* (D,D) */
} parts;

static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 4 * (size_t)D + 2 * (size_t)D * (size_t)D;
}

static parts parts_of(const il_learner *l)
{
    double *w = l->work;
    int D = l->D;
    return (parts){ w, w + D, w + 2 * D, w + 3 * D, w + 4 * D, w + 4 * D + (size_t)D * D };
}

/* Splits x into coordinates z in the space and the rest outside. Twice: the second pass removes
 * what rounding left of the first. */
static void split(const parts *p, int rank, int D, const double *x)
{
    memcpy(p->rest, x, sizeof *x * (size_t)D);
    for (int i = 0; i < D; i++) p->z[i] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < rank; i++) {
            const double *q = p->Q + (size_t)i * D;
            double along = il_ddot(q, p->rest, D);
            p->z[i] += along;
            il_daxpy(p->rest, -along, q, D);
        }
}

static void learn(const void *opts, il_learner *l, const double *x, double y)
{
    (void)opts;
    int D = l->D;
    parts p = parts_of(l);
    if (l->rank < D) {
        split(&p, l->rank, D, x);
        double length = sqrt(il_ddot(p.rest, p.rest, D));
        if (length > new_direction * sqrt(il_ddot(x, x, D))) {
            for (int d = 0; d < D; d++) p.Q[l->rank * D + d] = p.rest[d] / length;
            p.z[l->rank++] = length;
        }
    } else {
        for (int i = 0; i < D; i++) p.z[i] = il_ddot(p.Q + (size_t)i * D, x, D);
    }
    il_qr_add(p.R, D, p.t, l->rank, p.z, y);
    il_qr_solve(p.z, p.R, D, p.t, l->rank);
    memset(p.w, 0, sizeof *p.w * (size_t)D);
    for (int i = 0; i < l->rank; i++) il_daxpy(p.w, p.z[i], p.Q + (size_t)i * D, D);
}

static void answer(const void *opts, il_learner *l, const double *q, int steps,
                   double *yhat, double *what)
{
    (void)opts, (void)steps;
    yhat[0] = il_ddot(l->work, q, l->D);
    if (what) memcpy(what, l->work, sizeof *what * (size_t)l->D);
}

const il_algo_kind il_algo_ols = {
    .name = "ols",
    .summary = "least squares, minimum norm",
    .work = work,
    .learn = learn,
    .answer = answer,
};
