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

void il_explain_fit_scales(il_explain_fit *fit)
{
    const il_observe_prompts *e = fit->e;
    for (int law = 0; law < IL_LAWS; law++)
        for (int p = 0; p < fit->prompts; p++) {
            double scale = scale_of(e, p / e->B, p % e->B, (il_explain_law)law);
            fit->scale[law * fit->prompts + p] = scale > 0 ? scale : 1;
        }
}

void il_explain_law_values(const il_explain_fit *fit, double value[IL_FREE],
                           const il_explain_family *family, const double *constant,
                           il_explain_law law, int p)
{
    double scale = fit->scale[(int)law * fit->prompts + p];
    for (int i = 0; i < family->n_free; i++) {
        value[i] = constant[i];
        for (int power = family->free[i].power; power < 0; power++) value[i] /= scale;
        for (int power = family->free[i].power; power > 0; power--) value[i] *= scale;
    }
}

double il_explain_fit_unit(const il_explain_fit *fit, il_explain_law law, int p)
{
    return 1 / fit->scale[(int)law * fit->prompts + p];
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

void il_explain_units(const il_explain_fit *fit, const il_explain_family *family,
                      il_explain_law law, double *unit)
{
    static const double one[IL_FREE] = { 1, 1, 1 };
    const il_observe_prompts *e = fit->e;
    for (int j = 0; j < family->n_free; j++) unit[j] = 0;
    for (int p = 0; p < fit->prompts; p++) {
        const double *lambda = il_explain_prompt_of(fit, p).lambda;
        double largest = 0, trace = 0, value[IL_FREE];
        for (int i = 0; i < e->D; i++)
            largest = fmax(largest, lambda[i]), trace += lambda[i];
        if (!(largest > 0)) continue; /* examples of nothing but zeros */
        il_explain_law_values(fit, value, family, one, law, p);
        for (int j = 0; j < family->n_free; j++) {
            int power = family->free[j].power;
            double natural = power == 0 ? 1 : power > 0 ? trace / e->D : 1 / largest;
            if (power == -2) natural /= largest;
            unit[j] += natural / value[j] / fit->prompts;
        }
    }
}

void il_explain_filter(const il_explain_family *family, const double *value,
                       il_explain_filter_point at, int steps, double *f)
{
    double s[IL_FILTER_STATE] = { 0 };
    if (family->start) family->start(value, &at, s);
    f[0] = s[0];
    for (at.k = 0; at.k < steps; at.k++) {
        family->step(value, &at, s);
        f[at.k + 1] = s[0];
    }
}

double il_explain_normal_square(const il_explain_fit *fit, int p, const double *f,
                                double *Hf)
{
    int D = fit->e->D;
    double sum = 0;
    for (int i = 0; i < D; i++) {
        const double *row = fit->prompt[p].H + (size_t)i * (size_t)D;
        double at = 0;
        for (int j = 0; j < D; j++) at += row[j] * f[j];
        Hf[i] = at;
        sum += f[i] * at;
    }
    return sum;
}

size_t il_explain_fit_scratch(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, n = (size_t)fit->n_steps, longest = 0,
           line = IL_LINES * (size_t)fit->layers + 2;
    for (int c = 0; c < fit->e->cells; c++)
        longest = longest > (size_t)fit->e->cell[c].n ? longest : (size_t)fit->e->cell[c].n;
    size_t last = (size_t)fit->steps[n - 1] + 1;
    n = n > line ? n : line;
    return (last > line ? last : line) + n * (fit->size + D) + 8 * D + 2 * fit->size +
           2 * longest + (size_t)fit->layers * n * ((size_t)fit->prompts + 1);
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

il_explain_examples il_explain_fit_examples(const il_explain_fit *fit,
                                            const il_explain_family *family, int p,
                                            double *work)
{
    const il_observe_prompts *e = fit->e;
    il_explain_prompt at = il_explain_prompt_of(fit, p);
    size_t from = (size_t)at.b * (size_t)e->Q * (size_t)(at.cell->n + 1);
    return (il_explain_examples){ .n = at.cell->n,
                                  .D = e->D,
                                  .O = e->outs,
                                  .neighbours = family->neighbours,
                                  .x = at.cell->asked->x + from * (size_t)e->D,
                                  .y = at.cell->asked->y + from * (size_t)e->outs,
                                  .lambda = at.lambda,
                                  .V = at.V,
                                  .b = at.rhs,
                                  .work = work };
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
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    if (m->family->answers) {
        memset(weights, 0, sizeof *weights * (size_t)n * fit->size);
        return;
    }
    if (m->family->from_examples) {
        il_explain_examples examples = il_explain_fit_examples(fit, m->family, p, f);
        m->family->from_examples(value, &examples, n - 1, weights);
        for (size_t i = 0; i < (size_t)n * fit->size; i++) weights[i] *= m->scale;
        return;
    }
    for (int i = 0; i < D; i++) {
        il_explain_filter_point spot = { at.lambda[i], 0, fit->layers, fit->nodes };
        il_explain_filter(m->family, value, spot, fit->steps[n - 1], f);
        for (int o = 0; o < O; o++) {
            double b = at.rhs[i * O + o];
            double *to = weights + o * D + i;
            for (int k = 0; k < n; k++, to += fit->size)
                *to = b != 0 ? m->scale * f[fit->steps[k]] * b : 0;
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

/* The same of a family that gives answers instead of weights; value: for this prompt */
static double answers_difference(const il_explain_fit *fit, const il_explain_match *m,
                                 int p, int layer, double *work)
{
    const il_observe_prompts *e = fit->e;
    il_explain_examples at = il_explain_fit_examples(fit, m->family, p, work);
    size_t N = (size_t)at.n + 1, D = (size_t)e->D, O = (size_t)e->outs;
    double value[IL_FREE], sum = 0, *y = work + 3 * D + (size_t)at.n;
    const double *z = fit->answers->yhat + (size_t)layer * il_observe_numbers(e) +
                      (size_t)p * (size_t)e->Q * O;
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    for (int q = 0; q < e->Q; q++, z += O) {
        m->family->answers(value, &at, at.x + ((size_t)q * N + N - 1) * D, y);
        for (size_t o = 0; o < O; o++)
            sum += (z[o] - m->scale * y[o]) * (z[o] - m->scale * y[o]);
    }
    return sum;
}

double il_explain_fit_left(const il_explain_fit *fit, const il_explain_match *m, int p,
                           int layer, const double *weights, double *work)
{
    return m->family->answers ? answers_difference(fit, m, p, layer, work)
                              : il_explain_fit_difference(fit, p, layer, weights, work);
}

/* The filter's f (n,D) at the listed steps, and what is left of every layer: |z|^2 - 2 g f + f H f */
static void filter_left(const il_explain_fit *fit, const il_explain_match *m, int n,
                        const char *wanted, int p, double *left, double *scratch)
{
    int D = fit->e->D, L = fit->layers;
    double value[IL_FREE], *F = scratch, *f = F + fit->steps[n - 1] + 1, *Hf = f + n * D;
    const double *lambda = il_explain_prompt_of(fit, p).lambda;
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    for (int i = 0; i < D; i++) {
        il_explain_filter_point at = { lambda[i], 0, L, fit->nodes };
        il_explain_filter(m->family, value, at, fit->steps[n - 1], F);
        for (int k = 0; k < n; k++) f[k * D + i] = F[fit->steps[k]];
    }
    for (int k = 0; k < n; k++) {
        double square = il_explain_normal_square(fit, p, f + k * D, Hf);
        for (int l = 0; l < L; l++) {
            if (wanted && !wanted[l * n + k]) continue;
            const double *g = fit->prompt[p].g + (size_t)l * (size_t)D;
            double along = 0;
            for (int i = 0; i < D; i++) along += g[i] * f[k * D + i];
            left[l * n + k] = fmax(fit->prompt[p].c[l] - 2 * along + square, 0);
        }
    }
}

static void prompt_left(const il_explain_fit *fit, const il_explain_match *m, int n,
                        const char *wanted, int p, double *left, double *f)
{
    double *w = f + fit->steps[n - 1] + 1, *a = w + (size_t)n * fit->size;
    if (il_explain_is_filter(m->family)) {
        filter_left(fit, m, n, wanted, p, left, f);
        return;
    }
    il_explain_fit_weights(fit, m, n, p, w, f);
    for (int l = 0; l < fit->layers; l++)
        for (int k = 0; k < n && !fit->silent[l]; k++)
            if (!wanted || wanted[l * n + k])
                left[l * n + k] =
                    il_explain_fit_left(fit, m, p, l, w + (size_t)k * fit->size, a);
}

void il_explain_fit_shares(const il_explain_fit *fit, const il_explain_match *m, int n,
                           const char *wanted, int stride, double *share, double *scratch)
{
    int L = fit->layers, P = 0;
    double *all = scratch, *one = all + (size_t)L * (size_t)n * (size_t)fit->prompts;
    int most = (fit->prompts + stride - 1) / stride;
    for (int p = 0; p < fit->prompts; p += stride, P++) {
        prompt_left(fit, m, n, wanted, p, one, one + L * n);
        for (int i = 0; i < L * n; i++)
            if (!wanted || wanted[i])
                all[(size_t)i * (size_t)most + (size_t)P] =
                    one[i] * fit->prompt[p].weight[i / n];
    }
    for (int i = 0; i < L * n; i++)
        share[i] = wanted && !wanted[i] ? 1
                   : fit->silent[i / n]
                       ? 0
                       : il_explain_trimmed(all + (size_t)i * (size_t)most, P);
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
