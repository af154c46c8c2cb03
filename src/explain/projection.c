/* projection.c - layer answers reduced to D numbers for each prompt and output, so that residuals are cheap
 *
 * X~ = U R by Gram and Schmidt, of a prompt's queries. The part of a layer's answers outside the span of U
 * cannot be produced by any weights. Their squared difference from the answers of weights w is then
 * |z - R w|^2 + |rest|^2, exactly, at the cost of D numbers instead of Q.
 *
 * A prompt's squared difference is divided by the mean square of the layer's answers there, or by that of the
 * median prompt where this is more: a prompt on which the model diverges counts as one prompt, and one with
 * nearly zero answers has little influence.
 */
#include "explain/match.h"

#include <math.h>
#include <stdlib.h>

/* Gram-Schmidt, twice, on the queries' coordinates: U (rank,Q) orthonormal rows, R (rank,D). A
 * coordinate that adds no direction adds no row. Returns the rank. */
static int orthogonal(double *U, double *R, const double *q, int Q, int D)
{
    int rank = 0;
    memset(R, 0, sizeof *R * (size_t)D * (size_t)D);
    for (int j = 0; j < D; j++) {
        double *u = U + (size_t)rank * (size_t)Q, whole = 0, left = 0;
        for (int i = 0; i < Q; i++) u[i] = q[i * D + j], whole += u[i] * u[i];
        for (int pass = 0; pass < 2; pass++)
            for (int k = 0; k < rank; k++) {
                const double *other = U + (size_t)k * (size_t)Q;
                double along = 0;
                for (int i = 0; i < Q; i++) along += other[i] * u[i];
                for (int i = 0; i < Q; i++) u[i] -= along * other[i];
                R[k * D + j] += along;
            }
        for (int i = 0; i < Q; i++) left += u[i] * u[i];
        if (rank == Q || !(left > 1e-20 * whole && left > 0)) continue;
        R[rank * D + j] = sqrt(left);
        for (int i = 0; i < Q; i++) u[i] /= R[rank * D + j];
        rank++;
    }
    return rank;
}

/* z = U yhat, of which `left` becomes what is left */
static void project(double *z, double *left, const double *U, int Q, int D, int rank)
{
    for (int j = 0; j < D; j++) {
        const double *u = U + (size_t)j * (size_t)Q;
        z[j] = 0;
        if (j >= rank) continue;
        for (int i = 0; i < Q; i++) z[j] += u[i] * left[i];
        for (int i = 0; i < Q; i++) left[i] -= z[j] * u[i];
    }
}

/* w with R w = z; zeros where R is not square */
static void solve(double *w, const double *R, const double *z, int D, int rank)
{
    for (int i = 0; i < D; i++) w[i] = 0;
    for (int i = rank < D ? -1 : D - 1; i >= 0; i--) {
        double sum = z[i];
        for (int j = i + 1; j < D; j++) sum -= R[i * D + j] * w[j];
        w[i] = R[i * D + i] > 0 ? sum / R[i * D + i] : 0;
    }
}

static double dot(const double *x, const double *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

size_t il_explain_projection_work(const il_explain_fit *fit)
{
    size_t Q = (size_t)fit->e->Q;
    return ((size_t)fit->e->D + 1) * Q + 2 * Q + (size_t)fit->prompts;
}

static void fold_prompt(il_explain_fit *fit, const il_observe_answers *r, int p,
                        double *work)
{
    const il_observe_prompts *e = fit->e;
    int Q = e->Q, D = e->D, O = e->outs;
    size_t each = (size_t)Q * (size_t)O, at = (size_t)(p % e->B);
    const il_observe_cell *cell = &e->cell[p / e->B];
    double *U = work, *left_y = U + (size_t)(D + 1) * (size_t)Q, *left = left_y + Q;
    il_explain_projection *to = &fit->prompt[p];
    to->rank = orthogonal(U, to->R, cell->q + at * (size_t)Q * (size_t)D, Q, D);
    to->rest_yy = 0;
    for (int l = 0; l < fit->layers; l++) to->rest[l] = to->rest_y[l] = to->weight[l] = 0;
    for (int o = 0; o < O; o++) {
        for (int i = 0; i < Q; i++) left_y[i] = cell->y[at * each + (size_t)(i * O + o)];
        project(to->zy + o * D, left_y, U, Q, D, to->rank);
        to->rest_yy += dot(left_y, left_y, Q);
        for (int l = 0; l < fit->layers; l++) {
            const double *yhat =
                r->yhat + (size_t)l * il_observe_numbers(e) + (size_t)p * each;
            size_t where = ((size_t)l * (size_t)O + (size_t)o) * (size_t)D;
            for (int i = 0; i < Q; i++) left[i] = yhat[i * O + o];
            to->weight[l] += dot(left, left, Q); /* for now: its squares */
            project(to->z + where, left, U, Q, D, to->rank);
            solve(to->w + where, to->R, to->z + where, D, to->rank);
            to->rest[l] += dot(left, left, Q);
            to->rest_y[l] += dot(left, left_y, Q);
        }
    }
}

/* H (D,D), g (layers,D), c (layers) of the squared difference of a filter's answers: match.h */
static void normals(il_explain_fit *fit, int p)
{
    int D = fit->e->D, O = fit->e->outs;
    il_explain_projection *to = &fit->prompt[p];
    const il_observe_cell *cell = &fit->e->cell[p / fit->e->B];
    const double *b = cell->b + (size_t)(p % fit->e->B) * fit->size;
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            double RR = 0, bb = 0;
            for (int k = 0; k < to->rank; k++) RR += to->R[k * D + i] * to->R[k * D + j];
            for (int o = 0; o < O; o++) bb += b[i * O + o] * b[j * O + o];
            to->H[i * D + j] = RR * bb;
        }
    for (int l = 0; l < fit->layers; l++) {
        const double *z = to->z + (size_t)l * fit->size;
        double *g = to->g + (size_t)l * (size_t)D;
        to->c[l] = to->rest[l] + dot(z, z, O * D);
        for (int i = 0; i < D; i++) {
            g[i] = 0;
            for (int o = 0; o < O; o++) {
                double Rz = 0;
                for (int k = 0; k < to->rank; k++) Rz += to->R[k * D + i] * z[o * D + k];
                g[i] += b[i * O + o] * Rz;
            }
        }
    }
}

/* A layer is idle when its answers are those of the layer before, and the first when they are zero. */
static void find_idle(il_explain_fit *fit)
{
    int position = 0;
    for (int l = 0; l < fit->layers; l++) {
        double moved = 0;
        for (int p = 0; p < fit->prompts; p++) {
            const double *z = fit->prompt[p].z + (size_t)l * fit->size;
            for (size_t i = 0; i < fit->size; i++) {
                double x = z[i] - (l ? (z - fit->size)[i] : 0);
                moved += fit->prompt[p].weight[l] * x * x / fit->prompts;
            }
        }
        position += !(moved < 1e-12);
        fit->position[l] = il_max(position, 1);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Squares become weights; power gets the mean square. Returns the median prompt's. */
static double weigh(il_explain_fit *fit, int l, double *squares)
{
    const il_observe_prompts *e = fit->e;
    double answers = (double)e->Q * e->outs;
    fit->power[l] = 0;
    for (int p = 0; p < fit->prompts; p++) {
        squares[p] = fit->prompt[p].weight[l] / answers;
        fit->power[l] += squares[p] / fit->prompts;
    }
    qsort(squares, (size_t)fit->prompts, sizeof *squares, by_size);
    double median = squares[fit->prompts / 2];
    for (int p = 0; p < fit->prompts; p++) {
        double *weight = &fit->prompt[p].weight[l];
        double square = fmax(*weight / answers, median);
        fit->prompt[p].diverges[l] = !(*weight / answers <= 1e4 * median);
        *weight = square > 0 ? 1 / (square * answers) : 0;
    }
    return median;
}

void il_explain_project(il_explain_fit *fit, const il_observe_answers *r, double *work)
{
    double *squares = work + (il_explain_projection_work(fit) - (size_t)fit->prompts),
           truth = 0;
    const il_observe_prompts *e = fit->e;
    for (int p = 0; p < fit->prompts; p++) {
        fold_prompt(fit, r, p, work);
        squares[p] = (dot(fit->prompt[p].zy, fit->prompt[p].zy, e->outs * e->D) +
                      fit->prompt[p].rest_yy) /
                     ((double)e->Q * e->outs);
    }
    qsort(squares, (size_t)fit->prompts, sizeof *squares, by_size);
    truth = squares[fit->prompts / 2];
    for (int l = 0; l < fit->layers; l++)
        fit->silent[l] = !(weigh(fit, l, squares) > IL_SILENT * truth);
    for (int p = 0; p < fit->prompts; p++) normals(fit, p);
    find_idle(fit);
}

double il_explain_trimmed(const double *x, int n)
{
    enum { MOST = 64 };
    static const double huge = 1e300;
    double large[MOST], sum = 0;
    int leave = n < 8 ? 0 : il_min(il_max(n / 16, 1), MOST), kept = 0;
    for (int i = 0; i < n; i++) {
        double v = x[i] < huge ? x[i] : huge; /* NaN too */
        if (!leave) {
            sum += v;
        } else if (kept < leave || v > large[0]) { /* ascending */
            int at = 0, full = kept == leave;
            if (full) sum += large[0];
            for (; at + full < kept && large[at + full] < v; at++)
                large[at] = large[at + full];
            if (!full)
                for (int k = kept++; k > at; k--) large[k] = large[k - 1];
            large[at] = v;
        } else {
            sum += v;
        }
    }
    return sum / (n - leave);
}
