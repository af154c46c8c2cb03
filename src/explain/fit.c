/* fit.c - a family's weights under given parameters, and the share of the layer answers they leave unexplained
 *
 *   share = trimmed mean over prompts of |layer answer - family's answer|^2 / |layer answer|^2 (projection.c)
 *
 * It is a fraction of variance unexplained, about zero. The search for parameters: parameters.c.
 */
#include "explain/match.h"

#include <math.h>
#include <stdlib.h>

static double scale_of(const il_observe_prompts *e, int cell, int b, il_explain_law law)
{
    const il_observe_cell *c = &e->cell[cell];
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

void il_explain_law_values(double value[IL_FREE], const il_explain_family *family,
                           const double *constant, il_explain_law law,
                           const il_observe_prompts *e, int cell, int b)
{
    double scale = scale_of(e, cell, b, law);
    for (int i = 0; i < family->n_free; i++) {
        value[i] = constant[i];
        if (law == IL_LAW_CONSTANT || scale <= 0) continue;
        for (int p = family->free[i].power; p < 0; p++) value[i] /= scale;
        for (int p = family->free[i].power; p > 0; p--) value[i] *= scale;
    }
}

double il_explain_fit_unit(const il_explain_fit *fit, il_explain_law law, int p)
{
    const il_observe_prompts *e = fit->e;
    double scale = scale_of(e, p / e->B, p % e->B, law);
    return law == IL_LAW_CONSTANT || scale <= 0 ? 1 : 1 / scale;
}

il_explain_prompt il_explain_prompt_of(const il_explain_fit *fit, int p)
{
    const il_observe_prompts *e = fit->e;
    const il_observe_cell *cell = &e->cell[p / e->B];
    size_t D = (size_t)e->D, b = (size_t)(p % e->B);
    return (il_explain_prompt){ .cell = cell,
                                .b = (int)b,
                                .lambda = cell->lambda + b * D,
                                .V = cell->V + b * D * D,
                                .rhs = cell->b + b * D * (size_t)e->outs };
}

size_t il_explain_fit_scratch(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, n = (size_t)fit->n_steps;
    return (size_t)fit->steps[n - 1] + 1 + n * fit->size + 2 * D +
           (size_t)fit->layers * n * (size_t)fit->prompts;
}

void il_explain_triangle(double *y, const il_explain_projection *projection,
                         const double *x, int D)
{
    const double *row = projection->R;
    int i = 0;
    for (; i < projection->rank; i++, row += D) {
        double sum = 0;
        for (int j = i; j < D; j++) sum += row[j] * x[j];
        y[i] = sum;
    }
    for (; i < D; i++) y[i] = 0;
}

int il_explain_fit_steps(const il_explain_fit *fit, const il_explain_family *family)
{
    int n = 0;
    while (n < fit->n_steps && fit->steps[n] <= family->most_steps) n++;
    return n;
}

void il_explain_fit_weights(const il_explain_fit *fit, const il_explain_match *m, int n,
                            int p, double *weights, double *f)
{
    const il_observe_prompts *e = fit->e;
    il_explain_prompt at = il_explain_prompt_of(fit, p);
    int D = e->D, O = e->outs;
    double value[IL_FREE];
    if (m->family->algo) {
        const double *table = fit->table[(m->family - fit->families)];
        for (int k = 0; k < n; k++)
            memcpy(weights + (size_t)k * fit->size,
                   table + ((size_t)k * (size_t)fit->prompts + (size_t)p) * fit->size,
                   sizeof *weights * fit->size);
        return;
    }
    il_explain_law_values(value, m->family, m->value, m->law, e, p / e->B, p % e->B);
    if (m->family->from_examples) {
        size_t from = (size_t)at.b * (size_t)e->Q * (size_t)(at.cell->n + 1);
        il_explain_examples examples = { .n = at.cell->n,
                                         .D = D,
                                         .O = O,
                                         .x = at.cell->asked->x + from * (size_t)D,
                                         .y = at.cell->asked->y + from * (size_t)O,
                                         .lambda = at.lambda,
                                         .V = at.V,
                                         .b = at.rhs };
        m->family->from_examples(value, &examples, n - 1, weights);
        return;
    }
    for (int i = 0; i < D; i++) {
        il_explain_filter_point spot = { at.lambda[i], fit->layers, fit->nodes };
        m->family->filter(value, &spot, fit->steps[n - 1], f);
        for (int o = 0; o < O; o++) {
            double b = at.rhs[i * O + o];
            double *to = weights + o * D + i;
            for (int k = 0; k < n; k++, to += fit->size)
                *to = b != 0 ? f[fit->steps[k]] * b : 0;
        }
    }
}

double il_explain_fit_difference(const il_explain_fit *fit, int p, int layer,
                                 const double *w, double *a)
{
    const il_explain_projection *projection = &fit->prompt[p];
    int D = fit->e->D, O = fit->e->outs;
    const double *z = projection->z + (size_t)layer * fit->size;
    double sum = projection->rest[layer];
    for (int o = 0; o < O; o++, z += D, w += D) {
        il_explain_triangle(a, projection, w, D);
        for (int i = 0; i < D; i++) sum += (z[i] - a[i]) * (z[i] - a[i]);
    }
    return sum;
}

void il_explain_fit_shares(const il_explain_fit *fit, const il_explain_match *m, int n,
                           double *share, double *scratch)
{
    int L = fit->layers, P = fit->prompts, D = fit->e->D, O = fit->e->outs;
    double *f = scratch, *w = f + fit->steps[n - 1] + 1;
    double *left = w + (size_t)n * fit->size;
    for (int p = 0; p < P; p++) {
        const il_explain_projection *projection = &fit->prompt[p];
        il_explain_fit_weights(fit, m, n, p, w, f);
        for (int k = 0; k < n * O; k++)
            il_explain_triangle(w + k * D, projection, w + k * D, D);
        for (int l = 0; l < L; l++) {
            const double *z = projection->z + (size_t)l * fit->size;
            if (fit->silent[l]) continue;
            for (int k = 0; k < n; k++) {
                double sum = projection->rest[l];
                for (int o = 0; o < O; o++) {
                    const double *mine = z + o * D, *its = w + (k * O + o) * D;
                    for (int i = 0; i < projection->rank; i++)
                        sum += (mine[i] - its[i]) * (mine[i] - its[i]);
                }
                left[((size_t)l * (size_t)n + (size_t)k) * (size_t)P + (size_t)p] =
                    sum * projection->weight[l];
            }
        }
    }
    for (int i = 0; i < L * n; i++)
        share[i] =
            fit->silent[i / n] ? 0 : il_explain_trimmed(left + (size_t)i * (size_t)P, P);
}

double il_explain_fit_score(const il_explain_fit *fit, const il_explain_match *m)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++)
        if (!fit->silent[l]) sum += fmin(m->layer[l].share, 1), loud++;
    return loud ? sum / loud : 1;
}

/* Weights of a cell's prompts after steps 0..last: (last+1,B,O,D), from the public interface, which
 * answers every point; the last point of n+1 is the one we want */
static il_status ask_algo(const il_algo *algo, const il_observe_prompts *e,
                          const il_observe_cell *cell, int last, il_real *what,
                          il_error *err)
{
    il_batch *batch;
    int D = e->D, O = e->outs, N = cell->n + 1;
    size_t each = (size_t)N * (size_t)D, B = (size_t)e->B, size = (size_t)(O * D);
    IL_TRY(il_batch_new_outs(&batch, e->B, N, D, O, err));
    for (size_t b = 0; b < B; b++) {
        size_t from = b * (size_t)e->Q; /* the prompt's first query */
        memcpy(batch->x + b * each, cell->asked->x + from * each, sizeof *what * each);
        memcpy(batch->y + b * (size_t)(N * O), cell->asked->y + from * (size_t)(N * O),
               sizeof *what * (size_t)(N * O));
    }
    size_t steps = (size_t)last + 1;
    il_real *yhat = malloc(sizeof *yhat * steps * B * (size_t)(N * O));
    il_real *all = malloc(sizeof *all * steps * B * (size_t)N * size);
    il_status status = yhat && all ? il_algo_predict(algo, batch, 0, last, yhat, all, err)
                                   : il_fail(err, IL_EFAIL, "out of memory for weights");
    for (size_t i = 0; i < steps * B && !status; i++)
        memcpy(what + i * size, all + (i * (size_t)N + (size_t)cell->n) * size,
               sizeof *what * size);
    free(all);
    free(yhat);
    il_batch_free(batch);
    return status;
}

/* In the eigenvectors' coordinates */
static void turn(double *to, const double *V, const il_real *w, int D, int O)
{
    for (int o = 0; o < O; o++)
        for (int i = 0; i < D; i++) {
            double sum = 0;
            for (int d = 0; d < D; d++) sum += V[i * D + d] * (double)w[o * D + d];
            to[o * D + i] = sum;
        }
}

il_status il_explain_fit_table(const il_explain_fit *fit, const il_explain_family *family,
                               double *table, il_error *err)
{
    const il_observe_prompts *e = fit->e;
    int n = il_explain_fit_steps(fit, family), last = fit->steps[n - 1];
    size_t B = (size_t)e->B, P = (size_t)fit->prompts;
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, family->algo, err));
    il_real *what = malloc(sizeof *what * (size_t)(last + 1) * B * fit->size);
    il_status status =
        what ? IL_OK
             : il_fail(err, IL_EFAIL, "out of memory for weights of %s", family->name);
    for (int c = 0; c < e->cells && !status; c++) {
        status = ask_algo(algo, e, &e->cell[c], last, what, err);
        for (int k = 0; k < n && !status; k++)
            for (size_t b = 0; b < B; b++) {
                size_t p = (size_t)c * B + b;
                turn(table + ((size_t)k * P + p) * fit->size,
                     il_explain_prompt_of(fit, (int)p).V,
                     what + ((size_t)fit->steps[k] * B + b) * fit->size, e->D, e->outs);
            }
    }
    free(what);
    il_algo_free(algo);
    return status;
}
