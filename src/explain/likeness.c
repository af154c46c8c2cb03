/* likeness.c - a match's similarity scores (sime, simw, spd, ilwd), unexplained share, and steps per layer
 *
 * Similarity of errors (sime) and of induced weights (simw) are the cosines of algo/similarity.h, computed
 * here from the projected layer answers (projection.c): sime over all queries and answers of a prompt, simw
 * over all of its weights, averaged over the prompts for which they are defined. Squared prediction
 * difference (spd) and implicit linear weight difference (ilwd) are plain means, so one prompt whose queries
 * do not span all dimensions makes ilwd NaN.
 *
 * A family with steps is taken at each layer's best step; a Theil-Sen line through these gives the steps per
 * layer, and the heat map is sime by layer and step.
 * Sources: Fu et al. 2023, arXiv:2310.17086; Akyurek et al. 2022, arXiv:2211.15661.
 */
#include "algo/similarity.h"
#include "explain/match.h"

#include <math.h>
#include <stdlib.h>

size_t il_explain_measure_work(const il_explain_fit *fit)
{
    size_t L = (size_t)fit->layers, n = (size_t)fit->n_steps;
    return L * n + il_explain_fit_scratch(fit) + n * fit->size + L * L + 3 * L +
           2 * (size_t)fit->prompts + 2 * fit->size;
}

typedef struct {
    double sum;
    int n;
} average;

static void take(average *to, double x)
{
    if (isfinite(x)) to->sum += x, to->n++;
}
static double mean_of(const average *a) { return a->n ? a->sum / a->n : NAN; }

/* Similarity of errors of one prompt and a's answers, in the queries' coordinates (O,D): NaN where an
 * error is zero */
static double similar_errors(const il_explain_projection *p, int l, const double *a,
                             int size)
{
    const double *z = p->z + (size_t)l * (size_t)size;
    il_cosine c = { .ab = p->rest_yy - p->rest_y[l],
                    .aa = p->rest[l] - 2 * p->rest_y[l] + p->rest_yy,
                    .bb = p->rest_yy };
    double truth = p->rest_yy;
    for (int i = 0; i < size; i++) {
        double mine = z[i] - p->zy[i], its = a[i] - p->zy[i];
        c.ab += mine * its, c.aa += mine * mine, c.bb += its * its;
        truth += p->zy[i] * p->zy[i];
    }
    return il_cosine_of(c, 1e-20 * truth);
}

/* Squared error of a layer's answers to a prompt, summed over its queries and outputs */
static double own_error(const il_explain_projection *p, int l, int size)
{
    const double *z = p->z + (size_t)l * (size_t)size;
    double sum = p->rest[l] - 2 * p->rest_y[l] + p->rest_yy;
    for (int i = 0; i < size; i++) sum += (z[i] - p->zy[i]) * (z[i] - p->zy[i]);
    return sum;
}

static void answer(double *a, const il_explain_projection *f, const double *w, int O, int D)
{
    for (int o = 0; o < O; o++) il_explain_triangle(a + o * D, f, w + o * D, D);
}

/* Scores of one layer; left (P), errors (P) of the held-out prompts; a (O,D); work for answers */
static void measure_layer(const il_explain_fit *fit, il_explain_match *m, int l,
                          double *left, double *errors, double *a, double *work)
{
    const il_observe_prompts *e = fit->e;
    int P = fit->prompts, size = (int)fit->size, judged = 0;
    il_explain_layer_match *to = &m->layer[l];
    average sime = { 0 }, simw = { 0 };
    double answers = (double)P * e->Q * e->outs;
    to->spd = 0;
    to->ilwd = 0;
    for (int p = 0; p < P; p++) {
        const il_explain_projection *f = &fit->prompt[p];
        const double *w = m->w + ((size_t)l * (size_t)P + (size_t)p) * fit->size;
        const double *mine = f->w + (size_t)l * fit->size;
        double spd = il_explain_fit_left(fit, m, p, l, w, work);
        answer(a, f, w, e->outs, e->D);
        if (!m->family->answers) take(&sime, similar_errors(f, l, a, size));
        if (f->rank == e->D && !m->family->answers) {
            il_cosine c = { 0 };
            for (int i = 0; i < size; i++) {
                c.ab += mine[i] * w[i], c.aa += mine[i] * mine[i], c.bb += w[i] * w[i];
                to->ilwd += (mine[i] - w[i]) * (mine[i] - w[i]) / ((double)P * size);
            }
            take(&simw, il_cosine_of(c, 0));
        } else {
            to->ilwd = NAN;
        }
        to->spd += spd / answers;
        double share = spd * f->weight[l];
        if (!fit->silent[l]) {
            m->last[p] = share < 1 ? share : 1; /* NaN too */
            m->prompt[p] += m->last[p];
        }
        if (!il_explain_is_held_out(p) && P > 1) continue;
        left[judged] = share;
        errors[judged++] = own_error(f, l, size) * f->weight[l];
    }
    to->sime = mean_of(&sime);
    to->simw = mean_of(&simw);
    to->power = fit->power[l];
    to->share = fit->silent[l] ? NAN : il_explain_trimmed(left, judged);
    double error = fit->silent[l] ? 0 : il_explain_trimmed(errors, judged);
    to->of_error = error > 1e-4 ? to->share / error : NAN;
}

void il_explain_measure(const il_explain_fit *fit, il_explain_match *m, double *work)
{
    double *left = work, *errors = left + fit->prompts, *a = errors + fit->prompts;
    average of_error = { 0 };
    int loud = 0;
    for (int p = 0; p < fit->prompts; p++) m->prompt[p] = 0;
    for (int l = 0; l < fit->layers; l++) {
        measure_layer(fit, m, l, left, errors, a, a + fit->size);
        double of = m->layer[l].of_error;
        take(&of_error, of > 1 ? 1 : of); /* NaN stays */
        loud += !fit->silent[l];
    }
    for (int p = 0; p < fit->prompts; p++) m->prompt[p] = loud ? m->prompt[p] / loud : 1;
    m->of_error = of_error.n ? mean_of(&of_error) : 0;
}

/* ---- steps ----------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Theil and Sen's line through the best steps of the layers that tell steps apart. work: (L^2 + L) */
static void draw_line(const il_explain_fit *fit, il_explain_match *m, const double *tells,
                      double *work)
{
    int n = 0, points = 0;
    for (int i = 0; i < fit->layers; i++) points += tells[i] > 0;
    for (int i = 0; i < fit->layers; i++)
        for (int j = i + 1; tells[i] > 0 && j < fit->layers; j++)
            if (tells[j] > 0 && fit->position[j] > fit->position[i])
                work[n++] = (double)(m->layer[j].step - m->layer[i].step) /
                            (fit->position[j] - fit->position[i]);
    m->rate = m->offset = NAN;
    if (!points) return;
    if (n) m->rate = median(work, n);
    for (int i = 0, k = 0; i < fit->layers; i++)
        if (tells[i] > 0 && n) work[k++] = m->layer[i].step - m->rate * fit->position[i];
    if (!n) /* one layer: as if a line through nothing before the first */
        for (int i = 0; i < fit->layers; i++)
            if (tells[i] > 0)
                m->rate = (double)m->layer[i].step / fit->position[i], work[0] = 0,
                points = 1;
    m->offset = median(work, points);
}

/* The best step of every layer, and whether the next one is worse */
static void find_steps(const il_explain_fit *fit, il_explain_match *m, int n,
                       const double *share, double *tells)
{
    for (int l = 0; l < fit->layers; l++) {
        int best = 0;
        for (int k = 1; k < n; k++)
            if (share[l * n + k] < share[l * n + best]) best = k;
        double slack = 1.02 * share[l * n + best] + 1e-9;
        m->layer[l].step = fit->steps[best];
        tells[l] = !fit->silent[l] && best + 1 < n && share[l * n + best + 1] > slack;
    }
}

void il_explain_steps_best(const il_explain_fit *fit, il_explain_match *m, int n,
                           const double *share, double *work)
{
    double *tells = work;
    find_steps(fit, m, n, share, tells);
    draw_line(fit, m, tells, tells + fit->layers);
}

void il_explain_measure_weights(const il_explain_fit *fit, il_explain_match *m,
                                double *work)
{
    int n = il_explain_fit_steps(fit, m->family), P = fit->prompts;
    double *f = work, *w = f + il_explain_fit_scratch(fit);
    for (int p = 0; p < P; p++) {
        il_explain_fit_weights(fit, m, n, p, w, f);
        for (int l = 0; l < fit->layers; l++)
            for (int k = 0; k < n; k++)
                if (fit->steps[k] == m->layer[l].step)
                    memcpy(m->w + ((size_t)l * (size_t)P + (size_t)p) * fit->size,
                           w + (size_t)k * fit->size, sizeof *w * fit->size);
    }
}

void il_explain_measure_heat(const il_explain_fit *fit, il_explain_match *m, double *work)
{
    const il_observe_prompts *e = fit->e;
    int n = il_explain_fit_steps(fit, m->family), P = fit->prompts, L = fit->layers;
    size_t cells = (size_t)L * (size_t)fit->n_steps;
    double *counts = work, *a = counts + cells, *f = a + fit->size,
           *w = f + il_explain_fit_scratch(fit);
    for (size_t i = 0; i < cells; i++) m->heat[i] = counts[i] = 0;
    for (int p = 0; p < P; p++) {
        il_explain_fit_weights(fit, m, n, p, w, f);
        for (int k = 0; k < n; k++) {
            answer(a, &fit->prompt[p], w + (size_t)k * fit->size, e->outs, e->D);
            for (int l = 0; l < L; l++) {
                double sime = similar_errors(&fit->prompt[p], l, a, (int)fit->size);
                if (!isfinite(sime)) continue;
                m->heat[l * fit->n_steps + k] += sime;
                counts[l * fit->n_steps + k]++;
            }
        }
    }
    for (size_t i = 0; i < cells; i++)
        m->heat[i] = counts[i] > 0 ? m->heat[i] / counts[i] : NAN;
}
