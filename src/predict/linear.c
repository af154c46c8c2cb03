/* linear.c - baselines on the user's table: ridge regression (alpha by leave-one-out) and least squares
 *
 * With the centred, scaled examples X = U S V^T and centred targets y, ridge answers
 * x . V diag(s / (s^2 + alpha)) U^T y. Leaving example i out changes its own residual to
 *
 *   e_i / (1 - h_i),   h_i = 1/M + sum_j u_ij^2 s_j^2 / (s_j^2 + alpha)
 *
 * exactly, so one decomposition tries every alpha (Golub, Heath & Wahba 1979). Least squares is
 * alpha = 0 without the directions in which the examples do not vary.
 *
 * Fewer examples than columns are decomposed the other way round, X^T = V S U^T.
 */
#include "la/dense.h"
#include "predict/predict.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* in units of M, the squared length of a column */
static const double alphas[] = { 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2,
                                 0.1,  0.3,  1,    3,    10,   30,   100 };

typedef struct {
    int M, P, rank;
    il_standard *x; /* (P) of the examples' columns */
    il_standard target;
    double *y;         /* (M) centred, divided by 2^target.exponent */
    double *U, *s, *V; /* (M,rank), (rank), (P,rank) */
    double *Uy, *gain; /* (rank) */
    double *weight;    /* (P) */
} linear;

static int allocate(linear *l)
{
    size_t M = (size_t)l->M, P = (size_t)l->P, r = (size_t)l->rank;
    double *at = calloc(M + M * r + P * r + 3 * r + P, sizeof *at);
    l->x = calloc(P, sizeof *l->x);
    l->y = at;
    if (!at || !l->x) return 0;
    l->U = at += M;
    l->V = at += M * r;
    l->s = at += P * r;
    l->Uy = at += r;
    l->gain = at += r;
    l->weight = at + r;
    return 1;
}

/* The centred, scaled columns: X in U, or where that is wider than long X^T in V */
static void centre(linear *l, const il_frame *f)
{
    size_t M = (size_t)l->M, P = (size_t)l->P;
    l->target = il_standard_of(f->y, NULL, l->M);
    for (size_t i = 0; i < M; i++)
        l->y[i] = ldexp(f->y[i], -l->target.exponent) - l->target.mean;
    for (size_t p = 0; p < P; p++) {
        l->x[p] = il_standard_of(f->x[p], NULL, l->M);
        for (size_t i = 0; i < M; i++)
            *(M >= P ? &l->U[i * P + p] : &l->V[p * M + i]) =
                il_standard_from(&l->x[p], f->x[p][i]);
    }
}

/* X = U diag(s) V^T. Errors: IL_EFAIL. */
static il_status decompose(linear *l, il_error *err)
{
    int most = il_max(l->M, l->P);
    double *tall = l->M >= l->P ? l->U : l->V, *square = l->M >= l->P ? l->V : l->U;
    double *work = malloc(sizeof *work * il_svd_work(most, l->rank));
    if (!work) return il_fail(err, IL_EFAIL, "out of memory for %d examples", l->M);
    il_svd(tall, most, l->rank, l->s, square, work);
    il_transpose(square, l->rank);
    free(work);
    return IL_OK;
}

/* The residual of example i of a fit to the others; infinite where these leave nothing to check against. Directions of
 * at most `noise` are left out. */
static double left_out_of(const linear *l, double alpha, double noise, int i)
{
    double h = 1.0 / l->M, e = l->y[i];
    for (int j = 0; j < l->rank; j++) {
        double u = l->U[(size_t)i * (size_t)l->rank + (size_t)j];
        double d = l->s[j] * l->s[j] / (l->s[j] * l->s[j] + alpha);
        if (!(l->s[j] > noise)) continue;
        h += u * u * d;
        e -= u * d * l->Uy[j];
    }
    return 1 - h < 1e-9 ? INFINITY : e / (1 - h);
}

/* The mean squared error of leaving every example out in turn. */
static double left_out(const linear *l, double alpha)
{
    double sum = 0;
    for (int i = 0; i < l->M; i++) {
        double e = left_out_of(l, alpha, 0, i);
        if (isinf(e)) return INFINITY;
        sum += e * e;
    }
    return sum / l->M;
}

/* weight = V diag(gain) U^T y, then the answers to the queries */
static void answer(linear *l, const il_frame *f, double *out)
{
    for (int p = 0; p < l->P; p++) {
        l->weight[p] = 0;
        for (int j = 0; j < l->rank; j++)
            l->weight[p] +=
                l->V[(size_t)p * (size_t)l->rank + (size_t)j] * l->gain[j] * l->Uy[j];
    }
    for (int q = 0; q < f->Q; q++) {
        out[q] = l->target.mean;
        for (int p = 0; p < l->P; p++)
            out[q] += l->weight[p] * il_standard_from(&l->x[p], f->x[p][l->M + q]);
        out[q] = ldexp(out[q], l->target.exponent);
    }
}

/* The alpha of least error */
static double choose(const linear *l)
{
    double best = alphas[0] * l->M, least = INFINITY;
    for (int a = 0; a < IL_COUNT(alphas); a++) {
        double error = left_out(l, alphas[a] * l->M);
        if (error >= least) continue;
        least = error;
        best = alphas[a] * l->M;
    }
    return best;
}

static double noise_of(const linear *l)
{
    return l->s[0] * il_max(l->M, l->P) * DBL_EPSILON;
}

static void answer_both(linear *l, const il_frame *f, double *ridge, double *ols)
{
    double best = choose(l), noise = noise_of(l);
    for (int j = 0; j < l->rank; j++) l->gain[j] = l->s[j] / (l->s[j] * l->s[j] + best);
    answer(l, f, ridge);
    for (int j = 0; j < l->rank; j++) l->gain[j] = l->s[j] > noise ? 1 / l->s[j] : 0;
    answer(l, f, ols);
}

static void leave_out(linear *l, const il_frame *f, double *ridge, double *ols)
{
    double best = choose(l), noise = noise_of(l);
    for (int i = 0; i < l->M; i++) {
        double to = ldexp(1, l->target.exponent);
        ridge[i] = f->y[i] - to * left_out_of(l, best, 0, i);
        ols[i] = f->y[i] - to * left_out_of(l, 0, noise, i);
    }
}

typedef void fitted(linear *l, const il_frame *f, double *ridge, double *ols);

static il_status fit(const il_frame *f, fitted *then, double *ridge, double *ols,
                     il_error *err)
{
    linear l = { .M = f->M, .P = f->P, .rank = il_min(f->M, f->P) };
    il_status status = IL_OK;
    if (!allocate(&l))
        status = il_fail(err, IL_EFAIL, "out of memory for %d examples", f->M);
    else
        centre(&l, f);
    if (!status) status = decompose(&l, err);
    for (int i = 0; i < l.M && !status; i++)
        il_daxpy(l.Uy, l.y[i], l.U + (size_t)i * (size_t)l.rank, l.rank);
    if (!status) then(&l, f, ridge, ols);
    free(l.x);
    free(l.y);
    return status;
}

il_status il_frame_linear(const il_frame *f, double *ridge, double *ols, il_error *err)
{
    return fit(f, answer_both, ridge, ols, err);
}

il_status il_frame_linear_left_out(const il_frame *f, double *ridge, double *ols,
                                   il_error *err)
{
    return fit(f, leave_out, ridge, ols, err);
}
