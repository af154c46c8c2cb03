/* predict_linear.c - what ridge regression and least squares make of the same table
 *
 * With the centred, scaled examples X = U S V^T and centred targets y, ridge answers
 * x . V diag(s / (s^2 + alpha)) U^T y. Leaving example i out changes its own residual to
 *
 *   e_i / (1 - h_i),   h_i = 1/M + sum_j u_ij^2 s_j^2 / (s_j^2 + alpha)
 *
 * exactly, so one decomposition tries every alpha (Golub, Heath & Wahba 1979). Least squares is
 * alpha = 0 without the directions in which the examples do not vary.
 */
#include "train/predict.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

/* in units of M, the squared length of a column */
static const double alphas[] = { 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2,
                                 0.1,  0.3,  1,    3,    10,   30,   100 };

typedef struct {
    int M, P, rank;
    double *mean, *scale; /* (P) of the examples' columns */
    double y_mean;
    double *y;         /* (M) centred */
    double *X, *U;     /* (M,P), (M,rank) */
    double *s, *Vt;    /* (rank), (rank,P) */
    double *Uy, *work; /* (rank) */
    double *weight;    /* (P) */
} linear;

static int allocate(linear *l)
{
    size_t M = (size_t)l->M, P = (size_t)l->P, r = (size_t)l->rank;
    double *at = calloc(2 * P + M + M * P + M * r + r + r * P + 2 * r + P, sizeof *at);
    l->mean = at;
    if (!at) return 0;
    l->scale = at += P;
    l->y = at += P;
    l->X = at += M;
    l->U = at += M * P;
    l->s = at += M * r;
    l->Vt = at += r;
    l->Uy = at += r * P;
    l->work = at += r;
    l->weight = at + r;
    return 1;
}

static void centre(linear *l, const il_frame *f)
{
    int M = l->M, P = l->P;
    for (int i = 0; i < M; i++) l->y_mean += f->y[i] / M;
    for (int i = 0; i < M; i++) l->y[i] = f->y[i] - l->y_mean;
    for (int p = 0; p < P; p++) {
        double squares = 0;
        for (int i = 0; i < M; i++) l->mean[p] += f->x[p][i] / M;
        for (int i = 0; i < M; i++)
            squares += (f->x[p][i] - l->mean[p]) * (f->x[p][i] - l->mean[p]);
        l->scale[p] = squares > 0 ? sqrt(squares / M) : 1;
        for (int i = 0; i < M; i++)
            l->X[i * P + p] = (f->x[p][i] - l->mean[p]) / l->scale[p];
    }
}

/* The mean squared error of leaving every example out in turn. */
static double left_out(const linear *l, double alpha)
{
    double sum = 0;
    for (int i = 0; i < l->M; i++) {
        const double *u = l->U + (size_t)i * (size_t)l->rank;
        double h = 1.0 / l->M, e = l->y[i];
        for (int j = 0; j < l->rank; j++) {
            double d = l->s[j] * l->s[j] / (l->s[j] * l->s[j] + alpha);
            h += u[j] * u[j] * d;
            e -= u[j] * d * l->Uy[j];
        }
        if (1 - h < 1e-9) return INFINITY; /* nothing is left to check against */
        sum += e / (1 - h) * (e / (1 - h));
    }
    return sum / l->M;
}

/* weight = V diag(gain) U^T y, then the answers to the queries */
static void answer(linear *l, const il_frame *f, const double *gain, double *out)
{
    for (int p = 0; p < l->P; p++) {
        l->weight[p] = 0;
        for (int j = 0; j < l->rank; j++)
            l->weight[p] += l->Vt[j * l->P + p] * gain[j] * l->Uy[j];
    }
    for (int q = 0; q < f->Q; q++) {
        out[q] = l->y_mean;
        for (int p = 0; p < l->P; p++)
            out[q] += l->weight[p] * (f->x[p][l->M + q] - l->mean[p]) / l->scale[p];
    }
}

il_status il_frame_linear(const il_frame *f, double *ridge, double *ols, il_error *err)
{
    linear l = { .M = f->M, .P = f->P, .rank = il_min(f->M, f->P) };
    if (!allocate(&l)) return il_fail(err, IL_EFAIL, "out of memory for %d examples", f->M);
    centre(&l, f);
    int info = LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', l.M, l.P, l.X, l.P, l.s, l.U, l.rank,
                              l.Vt, l.P);
    if (info) {
        free(l.mean);
        return il_fail(err, IL_EFAIL,
                       "the examples' singular values were not found (dgesdd %d)", info);
    }
    for (int j = 0; j < l.rank; j++)
        for (int i = 0; i < l.M; i++)
            l.Uy[j] += l.U[(size_t)i * (size_t)l.rank + (size_t)j] * l.y[i];

    double best = alphas[0] * l.M, least = INFINITY;
    for (int a = 0; a < IL_COUNT(alphas); a++) {
        double error = left_out(&l, alphas[a] * l.M);
        if (error >= least) continue;
        least = error;
        best = alphas[a] * l.M;
    }
    for (int j = 0; j < l.rank; j++) l.work[j] = l.s[j] / (l.s[j] * l.s[j] + best);
    answer(&l, f, l.work, ridge);
    double noise = l.s[0] * il_max(l.M, l.P) * DBL_EPSILON;
    for (int j = 0; j < l.rank; j++) l.work[j] = l.s[j] > noise ? 1 / l.s[j] : 0;
    answer(&l, f, l.work, ols);
    free(l.mean);
    return IL_OK;
}
