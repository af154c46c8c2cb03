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
    size_t L = (size_t)fit->layers;
    size_t cells = L * (size_t)fit->n_steps;
    return 2 * cells + il_explain_fit_scratch(fit) + L * L + 3 * L +
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

/* Scores of one layer; left (P), errors (P), a (O,D) */
static void measure_layer(const il_explain_fit *fit, il_explain_match *m, int l,
                          double *left, double *errors, double *a)
{
    const il_observe_prompts *e = fit->e;
    int P = fit->prompts, size = (int)fit->size;
    il_explain_layer_match *to = &m->layer[l];
    average sime = { 0 }, simw = { 0 };
    double answers = (double)P * e->Q * e->outs;
    to->spd = 0;
    to->ilwd = 0;
    for (int p = 0; p < P; p++) {
        const il_explain_projection *f = &fit->prompt[p];
        const double *w = m->w + ((size_t)l * (size_t)P + (size_t)p) * fit->size;
        const double *mine = f->w + (size_t)l * fit->size;
        double spd = il_explain_fit_difference(fit, p, l, w, a);
        answer(a, f, w, e->outs, e->D);
        take(&sime, similar_errors(f, l, a, size));
        if (f->rank == e->D) {
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
        left[p] = spd * f->weight[l];
        errors[p] = own_error(f, l, size) * f->weight[l];
        if (!fit->silent[l]) m->prompt[p] += fmin(left[p], 1);
    }
    to->sime = mean_of(&sime);
    to->simw = mean_of(&simw);
    to->power = fit->power[l];
    to->share = fit->silent[l] ? NAN : il_explain_trimmed(left, P);
    double error = fit->silent[l] ? 0 : il_explain_trimmed(errors, P);
    to->of_error = error > 1e-4 ? to->share / error : NAN;
}

void il_explain_measure(const il_explain_fit *fit, il_explain_match *m, double *work)
{
    double *left = work, *errors = left + fit->prompts, *a = errors + fit->prompts;
    average of_error = { 0 };
    for (int p = 0; p < fit->prompts; p++) m->prompt[p] = 0;
    for (int l = 0; l < fit->layers; l++) {
        measure_layer(fit, m, l, left, errors, a);
        double of = m->layer[l].of_error;
        take(&of_error, of > 1 ? 1 : of); /* NaN stays */
    }
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
            if (tells[j] > 0)
                work[n++] = (double)(m->layer[j].step - m->layer[i].step) / (j - i);
    m->rate = m->offset = NAN;
    if (!points) return;
    if (n) m->rate = median(work, n);
    for (int i = 0, k = 0; i < fit->layers; i++)
        if (tells[i] > 0 && n) work[k++] = m->layer[i].step - m->rate * (i + 1);
    if (!n) /* one layer: as if a line through nothing before the first */
        for (int i = 0; i < fit->layers; i++)
            if (tells[i] > 0) m->rate = (double)m->layer[i].step / (i + 1), work[0] = 0;
    m->offset = median(work, points);
}

/* The best step of every layer, and whether the next one is worse */
static void find_steps(const il_explain_fit *fit, il_explain_match *m, int n,
                       const double *share, double *index, double *tells)
{
    for (int l = 0; l < fit->layers; l++) {
        int best = 0;
        for (int k = 1; k < n; k++)
            if (share[l * n + k] < share[l * n + best]) best = k;
        double slack = 1.02 * share[l * n + best] + 1e-9;
        index[l] = best;
        m->layer[l].step = fit->steps[best];
        tells[l] = !fit->silent[l] && best + 1 < n && share[l * n + best + 1] > slack;
    }
}

/* The shares of the steps on the line */
static void follow_line(const il_explain_fit *fit, il_explain_match *m, int n,
                        const double *share)
{
    for (int l = 0; l < fit->layers; l++) {
        double wanted = m->offset + m->rate * (l + 1);
        int k = 0;
        while (k + 1 < n &&
               fabs(fit->steps[k + 1] - wanted) <= fabs(fit->steps[k] - wanted))
            k++;
        m->even[l] = share[l * n + k];
        for (int j = 0; j < n && isnan(wanted); j++) /* no line: as it likes */
            m->even[l] = fmin(m->even[l], share[l * n + j]);
    }
}

void il_explain_measure_steps(const il_explain_fit *fit, il_explain_match *m, double *work)
{
    const il_observe_prompts *e = fit->e;
    int n = il_explain_fit_steps(fit, m->family), P = fit->prompts, L = fit->layers;
    size_t cells = (size_t)L * (size_t)fit->n_steps;
    double *index = work, *tells = index + L, *share = tells + L, *counts = share + cells;
    double *a = counts + cells, *f = a + fit->size, *w = f + fit->steps[n - 1] + 1;
    il_explain_fit_shares(fit, m, n, share, a);
    find_steps(fit, m, n, share, index, tells);
    draw_line(fit, m, tells, a);
    follow_line(fit, m, n, share);
    for (size_t i = 0; i < cells; i++) m->heat[i] = counts[i] = 0;
    for (int p = 0; p < P; p++) {
        il_explain_fit_weights(fit, m, n, p, w, f);
        for (int l = 0; l < L; l++)
            memcpy(m->w + ((size_t)l * (size_t)P + (size_t)p) * fit->size,
                   w + (size_t)index[l] * fit->size, sizeof *w * fit->size);
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
