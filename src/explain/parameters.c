/* parameters.c - fits a candidate's free parameters and steps to half of the prompts
 *
 * A grid, then Nelder and Mead's simplex, on a few of these prompts: with 1, 2, 3 or 4 steps a layer, which has few
 * local minima, or with each layer's best number of steps. The steps then stay, and least squares on all of these
 * prompts gives a filter's parameters to rounding (path.c).
 */
#include "explain/match.h"
#include "la/nelder_mead.h"

#include <math.h>

_Static_assert((int)IL_FREE <= (int)IL_LEAST_MOST, "il_least takes that many");

enum { RATES = 4, ROUNDS = 30 };
static const double rounding = 1e-12; /* a candidate that leaves less has been found */

typedef struct {
    const il_explain_fit *fit;
    il_explain_match *m;
    int n, line; /* steps that are tried; line: evenly spaced ones alone */
    int stride;  /* of the prompts that are looked at */
    double unit[IL_FREE], *share, *scratch;
} search;

size_t il_explain_search_work(const il_explain_fit *fit)
{
    size_t L = (size_t)fit->layers;
    return L * (size_t)fit->n_steps + il_explain_fit_scratch(fit) +
           il_explain_path_work(fit) + L * L + 3 * L;
}

static double score(const il_explain_fit *fit, const double *share, int n)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) {
        double least = INFINITY;
        if (fit->silent[l]) continue;
        for (int k = 0; k < n; k++) least = fmin(least, share[l * n + k]);
        sum += fmin(least, 1);
        loud++;
    }
    return loud ? sum / loud : 1;
}

static int on_line(const il_explain_fit *fit, int l, int rate, int offset, int n)
{
    return il_min(il_max(rate * fit->position[l] + offset, 0), n - 1);
}

/* The score if layers take 1, 2, 3 or 4 steps each, from one before to one after none; the first steps are all
 * listed. rate, offset: where it is least, or NULL. */
static double line_score(const il_explain_fit *fit, const double *share, int n, int *rate,
                         int *offset)
{
    double best = INFINITY;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) loud += !fit->silent[l];
    for (int i = 0; i < 3 * RATES; i++) {
        static const int offsets[] = { 0, -1, 1 }; /* the simpler first */
        double sum = 0;
        int r = i / 3 + 1, begin = offsets[i % 3];
        for (int l = 0; l < fit->layers; l++)
            if (!fit->silent[l])
                sum += fmin(share[l * n + on_line(fit, l, r, begin, n)], 1);
        if (!(sum < best - rounding)) continue;
        best = sum;
        if (rate) *rate = r, *offset = begin;
    }
    return loud ? best / loud : 1;
}

static void find_shares(search *s)
{
    il_explain_fit_shares(s->fit, s->m, s->n, 0, s->stride, s->share, s->scratch);
}

static double try_values(void *context, const double *x)
{
    search *s = context;
    for (int i = 0; i < s->m->family->n_free; i++) s->m->value[i] = x[i] * s->unit[i];
    find_shares(s);
    return s->line ? line_score(s->fit, s->share, s->n, NULL, NULL)
                   : score(s->fit, s->share, s->n);
}

/* x (n_free): in units; `given`: x is a start */
static void look(search *s, int given, double *x)
{
    static const int fine[IL_FREE + 1] = { 0, 40, 12, 7 },
                                    coarse[IL_FREE + 1] = { 0, 12, 6, 4 };
    double low[IL_FREE], high[IL_FREE];
    const il_explain_family *family = s->m->family;
    int n = family->n_free;
    for (int i = 0; i < n; i++)
        low[i] = family->free[i].low, high[i] = family->free[i].high;
    if (n) il_least(try_values, s, n, low, high, given ? coarse[n] : fine[n], given, x);
    for (int i = 0; i < n; i++) s->m->value[i] = x[i] * s->unit[i];
    s->stride = 2;
    find_shares(s);
}

static void keep_steps(search *s)
{
    int rate = 1, offset = 0;
    il_explain_match *m = s->m;
    if (!s->line) {
        il_explain_steps_best(s->fit, m, s->n, s->share, s->scratch);
        return;
    }
    m->score = line_score(s->fit, s->share, s->n, &rate, &offset);
    for (int l = 0; l < s->fit->layers; l++)
        m->layer[l].step = s->fit->steps[on_line(s->fit, l, rate, offset, s->n)];
    m->rate = s->n > 1 ? rate : 0, m->offset = s->n > 1 ? offset : 0;
}

/* What the steps cost: nothing where every layer takes one */
static int numbers_of_steps(const il_explain_fit *fit, const il_explain_match *m)
{
    int n = 0, line = isfinite(m->rate);
    for (int l = 0; l < fit->layers; l++) {
        double from = m->offset + m->rate * fit->position[l];
        if (fit->silent[l]) continue;
        if (!(fabs(m->layer[l].step - from) < 1e-9)) line = 0;
        n += !l || fit->position[l] != fit->position[l - 1];
    }
    if (m->rate == 0 && m->offset == 0) return 0;
    return line ? (m->rate != 1) + (m->offset != 0) : n;
}

static double fitted_score(search *s)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < s->fit->layers; l++)
        for (int k = 0; k < s->n && !s->fit->silent[l]; k++)
            if (s->fit->steps[k] == s->m->layer[l].step)
                sum += fmin(s->share[l * s->n + k], 1), loud++;
    return loud ? sum / loud : 1;
}

/* A mixture: wherever the second algorithm may begin */
static void search_mixture(const il_explain_fit *fit, il_explain_match *m, double *scratch)
{
    static const double at[] = { 0.3, 0.6, 0.85 };
    double unit[IL_FREE];
    il_explain_match best = *m;
    il_explain_units(fit, m->family, m->law, unit);
    best.score = INFINITY;
    for (int l = 0; l < fit->layers; l++) m->layer[l].step = fit->position[l];
    m->rate = 1, m->offset = 0;
    for (m->change = 1; m->change < fit->position[fit->layers - 1]; m->change++)
        for (int i = 0; i < IL_COUNT(at) && best.score > rounding; i++) {
            for (int j = 0; j < m->family->n_free; j++) {
                const il_explain_parameter *free = &m->family->free[j];
                m->value[j] = unit[j] * free->low * pow(free->high / free->low, at[i]);
            }
            int change = m->change;
            m->scale = 1;
            m->score = il_explain_path_fit(fit, m, ROUNDS, scratch);
            if (m->score < best.score) best = *m;
            m->change = change;
        }
    *m = best;
    m->free++;
}

static void take_line(const il_explain_fit *fit, il_explain_match *m, int rate)
{
    m->rate = rate, m->offset = 0;
    for (int l = 0; l < fit->layers; l++) m->layer[l].step = rate * fit->position[l];
}

/* Least squares has local minima in several parameters: it also starts from each corner of a small grid. */
static void search_again(const il_explain_fit *fit, il_explain_match *m, double *scratch)
{
    enum { ACROSS = 3, FEW = 5 };
    double unit[IL_FREE];
    const il_explain_family *family = m->family;
    il_explain_layer_match *layer = m->layer;
    il_explain_match best = *m;
    int points = 1, steps[IL_LAYERS];
    for (int l = 0; l < fit->layers; l++) steps[l] = layer[l].step;
    for (int j = 0; j < family->n_free; j++) points *= ACROSS;
    il_explain_units(fit, family, m->law, unit);
    for (int i = 0; i < 2 * points && best.score > rounding; i++) {
        for (int j = 0, k = i / 2; j < family->n_free; j++, k /= ACROSS) {
            const il_explain_parameter *free = &family->free[j];
            m->value[j] = unit[j] * free->low *
                          pow(free->high / free->low, (1 + k % ACROSS) / (ACROSS + 0.5));
        }
        take_line(fit, m, 1 + i % 2);
        m->scale = 1;
        m->score = il_explain_path_fit(fit, m, FEW, scratch);
        if (m->score < 1e-3) m->score = il_explain_path_fit(fit, m, ROUNDS, scratch);
        if (!(m->score < best.score)) continue;
        best = *m;
        for (int l = 0; l < fit->layers; l++) steps[l] = layer[l].step;
    }
    *m = best;
    for (int l = 0; l < fit->layers; l++) layer[l].step = steps[l];
}

/* From the parameters that were found with the same steps in all layers, for several factors of the answers */
static void search_scaled(const il_explain_fit *fit, il_explain_match *m, double *scratch)
{
    static const double at[] = { 1, 0.7, 1.4 };
    il_explain_match best = *m;
    double first[IL_FREE];
    memcpy(first, m->value, sizeof first);
    best.score = INFINITY;
    for (int i = 0; i < IL_COUNT(at) && best.score > rounding; i++) {
        memcpy(m->value, first, sizeof first);
        m->scale = at[i];
        m->score = il_explain_path_fit(fit, m, ROUNDS, scratch);
        if (m->score < best.score) best = *m;
    }
    *m = best;
    if (m->family->most_steps && !m->law) search_again(fit, m, scratch);
    m->free += numbers_of_steps(fit, m);
}

static void search_layers(const il_explain_fit *fit, il_explain_match *m, double *scratch)
{
    m->rate = 1, m->offset = 0;
    m->score = il_explain_path_layers(fit, m, scratch);
}

void il_explain_search(const il_explain_fit *fit, il_explain_match *m, double *near,
                       double *work)
{
    int all = il_explain_fit_steps(fit, m->family),
        filter = il_explain_is_filter(m->family);
    search s = {
        .fit = fit, .m = m, .n = all, .share = work, .line = m->variant == IL_STEPS_REGULAR
    };
    s.scratch = work + (size_t)fit->layers * (size_t)fit->n_steps;
    if (m->family->own || m->family->then) {
        if (m->family->own)
            search_layers(fit, m, s.scratch);
        else
            search_mixture(fit, m, s.scratch);
        return;
    }
    if (m->variant == IL_STEPS_SCALED) {
        search_scaled(fit, m, s.scratch);
        return;
    }
    s.stride = 2 * il_max(1, fit->prompts / (16 * fit->e->cells));
    if (s.line) s.n = il_min(all, RATES * fit->position[fit->layers - 1] + 2);
    il_explain_units(fit, m->family, m->law, s.unit);
    look(&s, !s.line || m->law != IL_LAW_CONSTANT, near);
    for (int again = 0; again < 2; again++) {
        keep_steps(&s);
        m->score =
            filter ? il_explain_path_fit(fit, m, ROUNDS, s.scratch) : fitted_score(&s);
        if (!filter || m->score < rounding) break;
        find_shares(&s);
    }
    if (filter && s.line && m->family->n_free > 1 && m->family->most_steps && !m->law)
        search_again(fit, m, s.scratch);
    if (!filter) m->free = il_max(m->family->n_free, 1);
    m->free += numbers_of_steps(fit, m);
}
