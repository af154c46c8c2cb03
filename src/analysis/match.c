/* match.c - every family fitted to the readings, and how well each does
 *
 * A family's parameters are those of the least score, the mean over layers of
 *
 *   share_l = min over steps k of  mean (reading_l - answer_k)^2 / mean reading_l^2
 *
 * at its best step for each layer. Similarity of errors and of induced weights: Fu et al. 2023,
 * arXiv:2310.17086; squared prediction difference (SPD) and implicit linear weight difference (ILWD):
 * Akyurek et al. 2022, arXiv:2211.15661. Why a share decides and not a similarity: docs/explain.md.
 */
#include "analysis/match.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 32 };
static const double price = 1.2; /* a parameter must make the score so much smaller */

/* ---- folding the queries ------------------------------------------------------------------ */

/* Gram-Schmidt, twice, on the queries' coordinates: O (D,Q) rows orthonormal or zero, R (D,D) */
static void orthogonal(double *O, double *R, const double *q, int Q, int D)
{
    memset(R, 0, sizeof *R * (size_t)D * (size_t)D);
    for (int j = 0; j < D; j++) {
        double *o = O + (size_t)j * (size_t)Q, whole = 0, left = 0;
        for (int i = 0; i < Q; i++) o[i] = q[i * D + j], whole += o[i] * o[i];
        for (int pass = 0; pass < 2; pass++)
            for (int k = 0; k < j; k++) {
                const double *other = O + (size_t)k * (size_t)Q;
                double along = 0;
                for (int i = 0; i < Q; i++) along += other[i] * o[i];
                for (int i = 0; i < Q; i++) o[i] -= along * other[i];
                R[k * D + j] += along;
            }
        for (int i = 0; i < Q; i++) left += o[i] * o[i];
        int counts = left > 1e-20 * whole && left > 0;
        R[j * D + j] = counts ? sqrt(left) : 0;
        for (int i = 0; i < Q; i++) o[i] = counts ? o[i] / R[j * D + j] : 0;
    }
}

/* z = O yhat and what is left of yhat */
static void fold(double *z, double *left, const double *O, const double *yhat, int Q, int D)
{
    memcpy(left, yhat, sizeof *left * (size_t)Q);
    for (int j = 0; j < D; j++) {
        const double *o = O + (size_t)j * (size_t)Q;
        z[j] = 0;
        for (int i = 0; i < Q; i++) z[j] += o[i] * left[i];
        for (int i = 0; i < Q; i++) left[i] -= z[j] * o[i];
    }
}

static void solve(double *w, const double *R, const double *z, int D)
{
    for (int i = D - 1; i >= 0; i--) {
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

static void fold_prompt(il_fit *fit, const il_readings *r, int p, double *w, double *work)
{
    const il_evidence *e = fit->e;
    const il_cell *cell = &e->cell[p / e->B];
    size_t Q = (size_t)e->Q, D = (size_t)e->D, at = (size_t)(p % e->B);
    double *O = work, *left_y = O + D * Q, *left = left_y + Q;
    il_folded *to = &fit->prompt[p];
    orthogonal(O, to->R, cell->q + at * Q * D, e->Q, e->D);
    fold(to->zy, left_y, O, cell->y + at * Q, e->Q, e->D);
    to->rest_yy = dot(left_y, left_y, e->Q);
    for (int l = 0; l < fit->layers; l++) {
        const double *yhat = r->yhat + (size_t)l * il_points(e) + (size_t)p * Q;
        double *z = to->z + (size_t)l * D;
        fold(z, left, O, yhat, e->Q, e->D);
        solve(to->w + (size_t)l * D, to->R, z, e->D);
        memcpy(w + ((size_t)l * (size_t)(e->cells * e->B) + (size_t)p) * D,
               to->w + (size_t)l * D, sizeof *w * D);
        to->rest[l] = dot(left, left, e->Q);
        to->rest_y[l] = dot(left, left_y, e->Q);
        fit->power[l] += dot(yhat, yhat, e->Q) / (double)il_points(e);
    }
}

/* ---- the search for parameters --------------------------------------------------------------- */

typedef struct {
    il_fit *fit;
    il_matches *all;
    il_match *trial; /* (families, laws) */
    double **work;   /* one a worker */
} job;

typedef struct {
    const il_fit *fit;
    il_match *m;
    int n, line; /* steps that are tried; line: evenly spaced ones alone */
    double unit[IL_FREE], *spd, *scratch;
} search;

static double score(const il_fit *fit, const double *spd, int n)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) {
        double least = INFINITY;
        if (fit->silent[l]) continue;
        for (int k = 0; k < n; k++)
            if (spd[l * n + k] < least) least = spd[l * n + k];
        sum += fmin(least / fit->power[l], 1);
        loud++;
    }
    return loud ? sum / loud : 1;
}

/* The score if layers take 1, 2, 3 or 4 steps each, from one before to one after none. Fewer false
 * valleys than when every layer chooses for itself. */
static double line_score(const il_fit *fit, const double *spd, int n)
{
    double best = INFINITY;
    for (int rate = 1; rate <= 4; rate++)
        for (int offset = -1; offset <= 1; offset++) {
            double sum = 0;
            for (int l = 0; l < fit->layers; l++) {
                int k =
                    il_max(rate * (l + 1) + offset, 0); /* the first steps are all listed */
                if (fit->silent[l]) continue;
                sum += fmin(spd[l * n + il_min(k, n - 1)] / fit->power[l], 1);
            }
            if (sum < best) best = sum;
        }
    return best;
}

static double try_values(void *context, const double *x)
{
    search *s = context;
    for (int i = 0; i < s->m->family->n_free; i++) s->m->value[i] = x[i] * s->unit[i];
    il_fit_spd(s->fit, s->m, s->n, s->spd, s->scratch);
    return s->line ? line_score(s->fit, s->spd, s->n) : score(s->fit, s->spd, s->n);
}

/* A parameter's unit: the mean over prompts of 1 / largest eigenvalue, and so on, with the law's
 * factor taken out */
static void units(search *s)
{
    static const double one[IL_FREE] = { 1, 1, 1 };
    const il_evidence *e = s->fit->e;
    int prompts = e->cells * e->B;
    for (int j = 0; j < s->m->family->n_free; j++) s->unit[j] = 0;
    for (int p = 0; p < prompts; p++) {
        const double *lambda = e->cell[p / e->B].lambda + (size_t)(p % e->B) * (size_t)e->D;
        double largest = 0, trace = 0, value[IL_FREE];
        for (int i = 0; i < e->D; i++)
            largest = fmax(largest, lambda[i]), trace += lambda[i];
        il_law_values(value, s->m->family, one, s->m->law, e, p / e->B, p % e->B);
        for (int j = 0; j < s->m->family->n_free; j++) {
            int power = s->m->family->free[j].power;
            double natural = power == 0 ? 1 : power > 0 ? trace / e->D : 1 / largest;
            if (power == -2) natural /= largest;
            s->unit[j] += natural / value[j] / prompts;
        }
    }
}

static void search_family(const il_fit *fit, il_match *m, double *work)
{
    double low[IL_FREE], high[IL_FREE], x[IL_FREE];
    search s = { .fit = fit, .m = m };
    s.n = il_fit_steps(fit, m->family);
    s.spd = work;
    s.scratch = work + (size_t)fit->layers * (size_t)fit->n_steps;
    units(&s);
    for (int i = 0; i < m->family->n_free; i++) {
        low[i] = m->family->free[i].low;
        high[i] = m->family->free[i].high;
    }
    m->free = il_max(m->family->n_free, 1); /* it looks at the prompt instead */
    if (!m->family->n_free) {
        m->score = try_values(&s, NULL);
        return;
    }
    static const int fine[IL_FREE + 1] = { 0, 64, 18, 8 },
                                    coarse[IL_FREE + 1] = { 0, 24, 8, 4 };
    int n = m->family->n_free, all = s.n;
    s.line = 1;
    s.n = il_min(all, 4 * fit->layers + 2); /* later steps are not asked for */
    il_least(try_values, &s, n, low, high, fine[n], 0, x);
    s.line = 0;
    s.n = all;
    m->score = il_least(try_values, &s, n, low, high, coarse[n], 1, x);
    for (int i = 0; i < m->family->n_free; i++) m->value[i] = x[i] * s.unit[i];
}

static double score_layerwise(const il_fit *fit, const il_match *m)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++)
        if (!fit->silent[l]) sum += fmin(m->layer[l].spd / fit->power[l], 1), loud++;
    return loud ? sum / loud : 1;
}

static void search_one(void *context, int i, int worker)
{
    job *j = context;
    il_match *m = &j->trial[i];
    m->family = il_family_at(i / IL_LAWS);
    m->law = (il_law)(i % IL_LAWS);
    int gram = 0;
    for (int k = 0; k < m->family->n_free; k++) gram |= m->family->free[k].power == -2;
    m->score = INFINITY;
    if ((m->law == IL_LAW_NORM && !gram) || (m->law && !m->family->n_free)) return;
    int loud = j->fit->layers - j->all->silent;
    if (m->family->layerwise && (j->all->first || loud < 2)) return;
    if (m->family->layerwise) {
        il_fit_layerwise(j->fit, m->family, m->law, m, j->work[worker]);
        m->score = score_layerwise(j->fit, m);
    } else {
        search_family(j->fit, m, j->work[worker]);
    }
}

/* ---- what a match is like ------------------------------------------------------------------------ */

/* Similarity of errors of one prompt: NaN when an error is nothing */
static double similar_errors(const il_folded *p, int l, const double *a, int D)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < D; i++) {
        double mine = p->z[l * D + i] - p->zy[i], its = a[i] - p->zy[i];
        ab += mine * its, aa += mine * mine, bb += its * its;
    }
    ab += p->rest_yy - p->rest_y[l];
    aa += p->rest[l] - 2 * p->rest_y[l] + p->rest_yy;
    bb += p->rest_yy;
    double nothing = 1e-20 * (dot(p->zy, p->zy, D) + p->rest_yy);
    return aa > nothing && bb > nothing ? ab / sqrt(aa * bb) : NAN;
}

/* Squared error of a prompt's reading, summed over its queries */
static double own_error(const il_folded *p, int l, int D)
{
    double sum = p->rest[l] - 2 * p->rest_y[l] + p->rest_yy;
    for (int i = 0; i < D; i++)
        sum += (p->z[l * D + i] - p->zy[i]) * (p->z[l * D + i] - p->zy[i]);
    return sum;
}

static double cosine(const double *x, const double *y, int n)
{
    double xx = dot(x, x, n), yy = dot(y, y, n);
    return xx > 0 && yy > 0 ? dot(x, y, n) / sqrt(xx * yy) : NAN;
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

/* Fills every layer's measures from the weights (layers,prompts,D) of its best step, and each
 * prompt's score. a: (D) */
static void measure(const il_fit *fit, il_match *m, const double *weights, double *prompt,
                    double *a)
{
    const il_evidence *e = fit->e;
    int D = e->D, prompts = e->cells * e->B;
    average of_error = { 0 };
    for (int p = 0; p < prompts; p++) prompt[p] = 0;
    for (int l = 0; l < fit->layers; l++) {
        il_layer_match *to = &m->layer[l];
        average sime = { 0 }, simw = { 0 };
        double error = 0;
        to->spd = to->ilwd = 0;
        for (int p = 0; p < prompts; p++) {
            const il_folded *f = &fit->prompt[p];
            const double *w =
                weights + ((size_t)l * (size_t)prompts + (size_t)p) * (size_t)D;
            const double *mine = f->w + (size_t)l * (size_t)D;
            double spd = f->rest[l], ilwd = 0;
            il_triangle(a, f->R, w, D);
            for (int i = 0; i < D; i++) {
                double d = f->z[(size_t)l * (size_t)D + (size_t)i] - a[i];
                spd += d * d;
                ilwd += (mine[i] - w[i]) * (mine[i] - w[i]);
            }
            error += own_error(f, l, D) / ((double)prompts * e->Q);
            take(&sime, similar_errors(f, l, a, D));
            take(&simw, cosine(mine, w, D));
            to->spd += spd / ((double)prompts * e->Q);
            to->ilwd += ilwd / ((double)prompts * D);
            if (!fit->silent[l]) prompt[p] += spd / e->Q / fit->power[l];
        }
        to->sime = mean_of(&sime);
        to->simw = mean_of(&simw);
        to->power = fit->power[l];
        to->share = fit->silent[l] ? NAN : to->spd / fit->power[l];
        int some = !fit->silent[l] && error > 1e-4 * fit->power[l];
        to->of_error = some ? to->spd / error : NAN;
        if (some) take(&of_error, fmin(to->of_error, 1));
    }
    m->of_error = of_error.n ? mean_of(&of_error) : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Theil and Sen's line through the best steps of the layers that tell steps apart */
static void draw_line(const il_fit *fit, il_match *m, const int *tells, double *slopes)
{
    int n = 0, points = 0;
    for (int i = 0; i < fit->layers; i++)
        for (int j = i + 1; tells[i] && j < fit->layers; j++)
            if (tells[j])
                slopes[n++] = (double)(m->layer[j].step - m->layer[i].step) / (j - i);
    for (int i = 0; i < fit->layers; i++) points += tells[i];
    m->rate = m->offset = m->straight = NAN;
    if (!points) return;
    qsort(slopes, (size_t)n, sizeof *slopes, by_size);
    if (n) m->rate = n % 2 ? slopes[n / 2] : (slopes[n / 2 - 1] + slopes[n / 2]) / 2;
    for (int i = 0, k = 0; i < fit->layers; i++)
        if (tells[i] && n) slopes[k++] = m->layer[i].step - m->rate * (i + 1);
    if (!n) /* one layer: as if a line through nothing before the first */
        for (int i = 0; i < fit->layers; i++)
            if (tells[i]) m->rate = (double)m->layer[i].step / (i + 1), slopes[0] = 0;
    qsort(slopes, (size_t)points, sizeof *slopes, by_size);
    m->offset =
        points % 2 ? slopes[points / 2] : (slopes[points / 2 - 1] + slopes[points / 2]) / 2;
    m->straight = 0;
    for (int i = 0; i < fit->layers; i++)
        if (tells[i] && fabs(m->layer[i].step - m->offset - m->rate * (i + 1)) <= 1)
            m->straight += 1.0 / points;
}

/* Best steps of a family, the heat of all, and which layers tell one step from the next */
static void finish_steps(const il_fit *fit, il_match *m, double *weights, int *tells,
                         double *work)
{
    const il_evidence *e = fit->e;
    int n = il_fit_steps(fit, m->family), prompts = e->cells * e->B, D = e->D;
    size_t cells = (size_t)fit->layers * (size_t)fit->n_steps;
    double *spd = work, *counts = spd + cells, *scratch = counts + cells;
    double *f = scratch, *w = f + fit->steps[n - 1] + 1, *a = w + (size_t)n * (size_t)D;
    il_fit_spd(fit, m, n, spd, scratch);
    for (int l = 0; l < fit->layers; l++) {
        int best = 0;
        for (int k = 1; k < n; k++)
            if (spd[l * n + k] < spd[l * n + best]) best = k;
        double slack = 1.02 * spd[l * n + best] + 1e-9 * fit->power[l];
        m->layer[l].step = fit->steps[best];
        tells[l] = !fit->silent[l] && best + 1 < n && spd[l * n + best + 1] > slack;
        spd[l * n] = best; /* from here on only this is needed */
    }
    for (size_t i = 0; i < cells; i++) m->heat[i] = counts[i] = 0;
    for (int p = 0; p < prompts; p++) {
        il_fit_weights(fit, m, n, p, w, f);
        for (int l = 0; l < fit->layers; l++) {
            size_t to = ((size_t)l * (size_t)prompts + (size_t)p) * (size_t)D;
            memcpy(weights + to, w + (int)spd[l * n] * D, sizeof *w * (size_t)D);
        }
        for (int k = 0; k < n; k++) {
            il_triangle(a, fit->prompt[p].R, w + (size_t)k * (size_t)D, D);
            for (int l = 0; l < fit->layers; l++) {
                double sime = similar_errors(&fit->prompt[p], l, a, D);
                if (!isfinite(sime)) continue;
                m->heat[l * fit->n_steps + k] += sime;
                counts[l * fit->n_steps + k]++;
            }
        }
    }
    for (size_t i = 0; i < cells; i++)
        m->heat[i] = counts[i] > 0 ? m->heat[i] / counts[i] : NAN;
}

/* ---- memory -------------------------------------------------------------------------------------- */

/* Doubles of work that searching and finishing one family take */
static size_t work_size(const il_fit *fit)
{
    const il_evidence *e = fit->e;
    size_t L = (size_t)fit->layers, D = (size_t)e->D, Q = (size_t)e->Q;
    size_t prompts = (size_t)e->cells * (size_t)e->B, size = prompts * D;
    size_t others = 2 * L * (size_t)fit->n_steps + il_fit_scratch(fit) + D;
    return others + size * (L + 2) + 4 * D + D * Q + 2 * Q + L * L + L;
}

typedef struct {
    il_fit fit;
    job j;
    int *tells, families;
} plan;

static void layout(plan *s, il_matches *all, il_arena *scratch)
{
    il_fit *fit = &s->fit;
    const il_evidence *e = fit->e;
    size_t L = (size_t)fit->layers, D = (size_t)e->D;
    size_t prompts = (size_t)e->cells * (size_t)e->B;
    for (int i = 0; i < s->families; i++) {
        all->match[i].layer = il_take(&all->arena, il_layer_match, L);
        all->match[i].w = il_take(&all->arena, double, L *prompts *D);
        all->match[i].prompt = il_take(&all->arena, double, prompts);
        all->match[i].heat = il_take(&all->arena, double, L *(size_t)fit->n_steps);
    }
    all->w = il_take(&all->arena, double, L *prompts *D);
    fit->prompt = il_take(scratch, il_folded, prompts);
    fit->power = il_take(scratch, double, L);
    fit->nodes = il_take(scratch, double, L);
    fit->silent = il_take(scratch, int, L);
    fit->table = il_take(scratch, double *, s->families);
    for (int i = 0; i < s->families; i++) {
        const il_family *family = il_family_at(i);
        size_t n = family->algo ? (size_t)il_fit_steps(fit, family) : 0;
        double *table = il_take(scratch, double, n *prompts *D);
        if (fit->table) fit->table[i] = n ? table : NULL;
    }
    for (size_t p = 0; p < prompts; p++) {
        il_folded f = { 0 };
        f.R = il_take(scratch, double, D *D);
        f.z = il_take(scratch, double, L *D);
        f.w = il_take(scratch, double, L *D);
        f.rest = il_take(scratch, double, L);
        f.rest_y = il_take(scratch, double, L);
        f.zy = il_take(scratch, double, D);
        if (fit->prompt) fit->prompt[p] = f;
    }
    s->tells = il_take(scratch, int, L);
    s->j.trial = il_take(scratch, il_match, s->families * IL_LAWS);
    for (int i = 0; i < s->families * IL_LAWS; i++) {
        il_layer_match *layer = il_take(scratch, il_layer_match, L);
        if (s->j.trial) s->j.trial[i].layer = layer;
    }
    s->j.work = il_take(scratch, double *, il_threads());
    for (int i = 0; i < il_threads(); i++) {
        double *work = il_take(scratch, double, work_size(fit));
        if (s->j.work) s->j.work[i] = work;
    }
}

/* ---- all families ---------------------------------------------------------------------------------- */

/* Less is better. Unevenly spaced steps are a worse explanation: Newton's k-th answer from a multiple of
 * I is gradient descent's after 2^k steps, exactly. */
static double worth(const il_match *m)
{
    double uneven = m->straight < 1 ? 1 - m->straight : 0;
    return fmax(m->score, 1e-12) * pow(price, m->free) * (1 + 4 * uneven);
}

static void sort(il_match *m, int n)
{
    for (int i = 1; i < n; i++) {
        il_match x = m[i];
        int j = i;
        for (; j > 0 && worth(&m[j - 1]) > worth(&x); j--) m[j] = m[j - 1];
        m[j] = x;
    }
}

/* The best law of each family, best family first */
static void choose(plan *s, il_matches *all)
{
    for (int i = 0; i < s->families; i++) {
        const il_match *best = &s->j.trial[i * IL_LAWS];
        for (int law = 1; law < IL_LAWS; law++) {
            const il_match *m = &s->j.trial[i * IL_LAWS + law];
            if (worth(m) < worth(best) / 1.1) best = m;
        }
        il_match *to = &all->match[i], kept = *to;
        *to = *best;
        to->layer = kept.layer;
        to->heat = kept.heat;
        to->prompt = kept.prompt;
        to->w = kept.w;
        memcpy(to->layer, best->layer, sizeof *to->layer * (size_t)s->fit.layers);
    }
    all->n = s->families;
    sort(all->match, all->n);
    while (all->n > 1 && !(all->match[all->n - 1].score < INFINITY)) all->n--; /* untried */
}

static void finish(plan *s, il_matches *all)
{
    const il_fit *fit = &s->fit;
    int prompts = fit->e->cells * fit->e->B;
    double *work = s->j.work[0];
    for (int i = 0; i < all->n; i++) {
        il_match *m = &all->match[i];
        if (m->family->layerwise) {
            il_fit_layerwise(fit, m->family, m->law, m, work);
            memcpy(m->w, work,
                   sizeof *work * (size_t)fit->layers * (size_t)prompts *
                       (size_t)fit->e->D);
            m->heat = NULL;
            m->rate = 1, m->offset = 0, m->straight = 1;
        } else {
            finish_steps(fit, m, m->w, s->tells, work);
            draw_line(fit, m, s->tells, work);
        }
        measure(fit, m, m->w, m->prompt, work);
    }
    sort(all->match, all->n);
    for (int i = 0; i < all->n; i++) {
        il_match *m = &all->match[i];
        m->wins = 0;
        for (int p = 0; p < prompts; p++)
            m->wins += (m->prompt[p] < all->match[0].prompt[p]) / (double)prompts;
    }
}

static void fold_all(plan *s, il_matches *all, const il_readings *r)
{
    const il_evidence *e = s->fit.e;
    int prompts = e->cells * e->B;
    for (int p = 0; p < prompts; p++) {
        fold_prompt(&s->fit, r, p, all->w, s->j.work[0]);
        const il_folded *f = &s->fit.prompt[p];
        all->power += (dot(f->zy, f->zy, e->D) + f->rest_yy) / ((double)prompts * e->Q);
    }
    for (int l = 0; l < r->layers; l++) {
        int silent = !(s->fit.power[l] > IL_SILENT * all->power);
        all->silent += silent;
        s->fit.silent[l] = silent || l < all->first;
    }
}

static int list_steps(int *steps)
{
    int n = 0, step = 0;
    for (; n < IL_STEPS && step <= 512; n++) {
        steps[n] = step;
        step = step < 24 ? step + 1 : step + step / 4;
    }
    return n;
}

static il_status fill_tables(const il_fit *fit, il_error *err)
{
    for (int i = 0; il_family_at(i); i++)
        if (fit->table[i]) IL_TRY(il_fit_table(fit, il_family_at(i), fit->table[i], err));
    return IL_OK;
}

il_status il_matches_new(il_matches **out, const il_evidence *e, const il_readings *r,
                         int first, il_error *err)
{
    il_matches *all = calloc(1, sizeof *all);
    il_arena scratch = { 0 };
    plan s = { .fit = { .e = e, .layers = r->layers } };
    if (!all) return il_fail(err, IL_EFAIL, "out of memory for matches");
    while (il_family_at(s.families)) s.families++;
    all->layers = r->layers;
    all->first = first;
    all->n_steps = s.fit.n_steps = list_steps(all->steps);
    s.fit.steps = all->steps;
    layout(&s, all, &scratch);
    il_status status = il_arena_fill(&all->arena, err);
    if (!status) status = il_arena_fill(&scratch, err);
    if (!status) {
        layout(&s, all, &scratch);
        status = fill_tables(&s.fit, err);
    }
    if (!status) {
        il_leja(s.fit.nodes, s.fit.layers);
        s.j.fit = &s.fit;
        s.j.all = all;
        fold_all(&s, all, r);
        il_parallel(s.families * IL_LAWS, search_one, &s.j);
        choose(&s, all);
        finish(&s, all);
        *out = all;
    } else {
        il_matches_free(all);
    }
    il_arena_free(&scratch);
    return status;
}

void il_matches_free(il_matches *matches)
{
    if (!matches) return;
    il_arena_free(&matches->arena);
    free(matches);
}
