/* fit.c - how far a family's steps are from the readings
 *
 * Folding a prompt's queries (match.h) makes the squared difference between a reading and a linear
 * algorithm |z - R w|^2 + |rest|^2, exactly, at the cost of D numbers instead of Q.
 */
#include "analysis/match.h"

#include <math.h>
#include <stdlib.h>

static double scale_of(const il_evidence *e, int cell, int b, il_law law)
{
    const il_cell *c = &e->cell[cell];
    const double *lambda = c->lambda + (size_t)b * (size_t)e->D;
    double trace = 0, fourth = 0;
    for (int i = 0; i < e->D; i++) {
        trace += lambda[i];
        fourth += lambda[i] * lambda[i] * lambda[i] * lambda[i];
    }
    switch (law) {
    case IL_LAW_EXAMPLES:
        return c->n;
    case IL_LAW_TRACE:
        return trace;
    case IL_LAW_NORM:
        return sqrt(sqrt(fourth));
    default:
        return 1;
    }
}

void il_law_values(double value[IL_FREE], const il_family *family, const double *constant,
                   il_law law, const il_evidence *e, int cell, int b)
{
    double scale = scale_of(e, cell, b, law);
    for (int i = 0; i < family->n_free; i++) {
        value[i] = constant[i];
        if (law == IL_LAW_CONSTANT || scale <= 0) continue;
        for (int p = family->free[i].power; p < 0; p++) value[i] /= scale;
        for (int p = family->free[i].power; p > 0; p--) value[i] *= scale;
    }
}

size_t il_fit_scratch(const il_fit *fit)
{
    size_t D = (size_t)fit->e->D, n = (size_t)fit->n_steps;
    return (size_t)fit->steps[n - 1] + 1 + n * D + D;
}

void il_triangle(double *y, const double *R, const double *x, int D)
{
    for (int i = 0; i < D; i++) {
        double sum = 0;
        for (int j = i; j < D; j++) sum += R[i * D + j] * x[j];
        y[i] = sum;
    }
}

int il_fit_steps(const il_fit *fit, const il_family *family)
{
    int n = 0;
    while (n < fit->n_steps && fit->steps[n] <= family->most_steps) n++;
    return n;
}

static int index_of(const il_family *family)
{
    int i = 0;
    while (il_family_at(i) != family) i++;
    return i;
}

void il_fit_weights(const il_fit *fit, const il_match *m, int n, int p, double *weights,
                    double *f)
{
    const il_evidence *e = fit->e;
    const il_cell *cell = &e->cell[p / e->B];
    int D = e->D;
    size_t at = (size_t)(p % e->B) * (size_t)D;
    if (m->family->algo) {
        const double *table = fit->table[index_of(m->family)];
        size_t prompts = (size_t)e->cells * (size_t)e->B;
        for (int k = 0; k < n; k++)
            memcpy(weights + k * D, table + ((size_t)k * prompts + (size_t)p) * (size_t)D,
                   sizeof *weights * (size_t)D);
        return;
    }
    double value[IL_FREE];
    il_law_values(value, m->family, m->value, m->law, e, p / e->B, p % e->B);
    for (int i = 0; i < D; i++) {
        double b = cell->b[at + (size_t)i];
        il_spot spot = { cell->lambda[at + (size_t)i], fit->layers, fit->nodes };
        if (b != 0) m->family->filter(value, &spot, fit->steps[n - 1], f);
        for (int k = 0; k < n; k++) weights[k * D + i] = b != 0 ? f[fit->steps[k]] * b : 0;
    }
}

void il_fit_spd(const il_fit *fit, const il_match *m, int n, double *spd, double *scratch)
{
    const il_evidence *e = fit->e;
    int D = e->D, B = e->B, L = fit->layers;
    double *f = scratch, *w = f + fit->steps[n - 1] + 1, *a = w + (size_t)n * (size_t)D;
    memset(spd, 0, sizeof *spd * (size_t)L * (size_t)n);
    for (int p = 0; p < e->cells * B; p++) {
        const il_folded *fold = &fit->prompt[p];
        il_fit_weights(fit, m, n, p, w, f);
        for (int k = 0; k < n; k++) {
            il_triangle(a, fold->R, w + (size_t)k * (size_t)D, D);
            for (int l = 0; l < L; l++) {
                const double *z = fold->z + (size_t)l * (size_t)D;
                double sum = fold->rest[l];
                for (int i = 0; i < D; i++) sum += (z[i] - a[i]) * (z[i] - a[i]);
                spd[l * n + k] += sum;
            }
        }
    }
    double points = (double)e->cells * B * e->Q;
    for (int i = 0; i < L * n; i++) spd[i] /= points;
}

/* Weights of a cell's prompts after steps 0..last: (last+1,B,D), from the public interface, which
 * answers every point; the last point of n+1 is the one we want */
static il_status ask_algo(const il_algo *algo, const il_evidence *e, const il_cell *cell,
                          int last, il_real *what, il_error *err)
{
    il_batch *batch;
    int D = e->D, N = cell->n + 1;
    size_t each = (size_t)N * (size_t)D, B = (size_t)e->B;
    IL_TRY(il_batch_new(&batch, e->B, N, D, err));
    for (size_t b = 0; b < B; b++) {
        size_t from = b * (size_t)e->Q; /* the prompt's first question */
        memcpy(batch->x + b * each, cell->asked->x + from * each, sizeof *what * each);
        memcpy(batch->y + b * (size_t)N, cell->asked->y + from * (size_t)N,
               sizeof *what * (size_t)N);
    }
    size_t steps = (size_t)last + 1;
    il_real *yhat = malloc(sizeof *yhat * steps * B * (size_t)N);
    il_real *all = malloc(sizeof *all * steps * B * each);
    il_status status = yhat && all ? il_algo_predict(algo, batch, 0, last, yhat, all, err)
                                   : il_fail(err, IL_EFAIL, "out of memory for weights");
    for (size_t i = 0; i < steps * B && !status; i++)
        memcpy(what + i * (size_t)D, all + i * each + (size_t)cell->n * (size_t)D,
               sizeof *what * (size_t)D);
    free(all);
    free(yhat);
    il_batch_free(batch);
    return status;
}

il_status il_fit_table(const il_fit *fit, const il_family *family, double *table,
                       il_error *err)
{
    const il_evidence *e = fit->e;
    int n = il_fit_steps(fit, family), last = fit->steps[n - 1], D = e->D;
    size_t B = (size_t)e->B, prompts = (size_t)e->cells * B;
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, family->algo, err));
    il_real *what = malloc(sizeof *what * (size_t)(last + 1) * B * (size_t)D);
    il_status status =
        what ? IL_OK
             : il_fail(err, IL_EFAIL, "out of memory for weights of %s", family->name);
    for (int c = 0; c < e->cells && !status; c++) {
        status = ask_algo(algo, e, &e->cell[c], last, what, err);
        for (int k = 0; k < n && !status; k++)
            for (size_t b = 0; b < B; b++)
                for (int i = 0; i < D; i++) {
                    const double *v =
                        e->cell[c].V + (b * (size_t)D + (size_t)i) * (size_t)D;
                    const il_real *w = what + ((size_t)fit->steps[k] * B + b) * (size_t)D;
                    double sum = 0;
                    for (int d = 0; d < D; d++) sum += v[d] * (double)w[d];
                    table[((size_t)k * prompts + (size_t)c * B + b) * (size_t)D +
                          (size_t)i] = sum;
                }
    }
    free(what);
    il_algo_free(algo);
    return status;
}
