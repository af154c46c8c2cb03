/* parameters.c - fits a candidate's free parameters and steps to half of the prompts
 *
 * A grid of parameters on a few of these prompts, with 1, 2, 3 or 4 steps a layer or with each layer's best number of
 * steps, shows where least squares may start (path.c). It first takes a few rounds on some prompts from each of these
 * places, and goes on from the best on all of them; the steps stay as they are.
 */
#include "explain/match.h"

#include <math.h>

enum { RATES = IL_LINES, ROUNDS = 60, FEW = 6, KEPT = 3, POINTS = 343, OFFSETS = 3 };
static const int offsets[] = { 0, 1, -1 };
/* A candidate that leaves less has been found; one that leaves little may be near. */
static const double rounding = 1e-12, near = 1e-3;

typedef struct {
    const il_explain_fit *fit;
    il_explain_fit all; /* the same, and the steps that are tried */
    il_explain_match *m;
    int n, line;  /* of the steps; line: evenly spaced ones alone */
    int stride;   /* of the prompts that are looked at */
    char *wanted; /* (layers,n) */
    int steps[RATES * IL_LAYERS + 2];
    double unit[IL_FREE], *share, *scratch;
} search;

/* Shares and what is wanted, (layers,n) each */
static size_t table_size(const il_explain_fit *fit)
{
    return (size_t)fit->layers *
           (size_t)il_max(fit->n_steps, RATES * fit->position[fit->layers - 1] + 2);
}

size_t il_explain_search_work(const il_explain_fit *fit)
{
    size_t L = (size_t)fit->layers,
           n = (size_t)il_max(fit->n_steps, RATES * fit->layers + 2);
    return 2 * L * n + il_explain_fit_scratch(fit) + il_explain_least_squares_work(fit) +
           L * L + 3 * L;
}

static double score(const search *s)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < s->fit->layers; l++) {
        double least = 1;
        if (s->fit->silent[l]) continue;
        for (int k = 0; k < s->n; k++) least = fmin(least, s->share[l * s->n + k]);
        sum += least;
        loud++;
    }
    return loud ? sum / loud : 1;
}

static int on_line(const search *s, int l, int rate, int offset)
{
    return il_min(il_max(rate * s->fit->position[l] + offset, 0), s->n - 1);
}

/* The score of so many steps a layer, after some before the first */
static double line_score(const search *s, int rate, int offset)
{
    double sum = 0;
    int loud = 0;
    for (int l = 0; l < s->fit->layers; l++)
        if (!s->fit->silent[l])
            sum += fmin(s->share[l * s->n + on_line(s, l, rate, offset)], 1), loud++;
    return loud ? sum / loud : 1;
}

static void want_lines(search *s)
{
    memset(s->wanted, 0, (size_t)s->fit->layers * (size_t)s->n);
    for (int l = 0; l < s->fit->layers; l++)
        for (int rate = 1; rate <= RATES; rate++)
            for (int k = 0; k < OFFSETS; k++)
                s->wanted[l * s->n + on_line(s, l, rate, offsets[k])] = 1;
}

static void find_shares(search *s)
{
    il_explain_fit_shares(&s->all, s->m, s->n, s->line ? s->wanted : NULL, s->stride,
                          s->share, s->scratch);
}

static void take_values(search *s, const double *x)
{
    for (int i = 0; i < s->m->family->n_free; i++) s->m->value[i] = x[i] * s->unit[i];
}

/* ---- where to start --------------------------------------------------------------------------------------------- */

/* Have two arrived at the same place? */
static int is_same(const search *s, const il_explain_start *a, const il_explain_start *b)
{
    int same = a->rate == b->rate && a->offset == b->offset;
    for (int i = 0; i < s->m->family->n_free; i++)
        same &= fabs(a->x[i] - b->x[i]) <= 0.01 * fabs(a->x[i]);
    return same && fabs(a->scale - b->scale) < 0.01;
}

/* Among the best `most` from the place `from` on, the best first */
static void keep_start(const search *s, il_explain_starts *to, int from, int most,
                       il_explain_start x)
{
    if (!(x.score < 1)) return;
    for (int i = from; i < to->n; i++)
        if (is_same(s, &to->at[i], &x)) return;
    if (to->n == from + most && !(x.score < to->at[to->n - 1].score)) return;
    if (to->n < from + most) to->n++;
    int i = to->n - 1;
    for (; i > from && to->at[i - 1].score > x.score; i--) to->at[i] = to->at[i - 1];
    to->at[i] = x;
}

/* Is no neighbour of a point of the grid along an axis lower, where least squares goes along that axis? */
static int is_local_minimum(const search *s, const double *value, int across, int k)
{
    int step = 1;
    for (int i = 0; i < s->m->family->n_free; i++, step *= across) {
        int where = k / step % across;
        if (s->m->family->free[i].jumps) continue;
        if (where > 0 && value[k - step] < value[k]) return 0;
        if (where + 1 < across && value[k + step] < value[k]) return 0;
    }
    return 1;
}

static void grid_point(const search *s, int across, int k, double *x)
{
    for (int i = 0; i < s->m->family->n_free; i++, k /= across) {
        const il_explain_parameter *free = &s->m->family->free[i];
        x[i] = free->low * pow(free->high / free->low, k % across / (across - 1.0));
    }
}

/* The local minima of a grid in the parameters' logarithms, apart for each line of steps */
static void look(search *s, int across, il_explain_starts *to)
{
    double value[RATES * OFFSETS][POINTS], x[IL_FREE];
    int n = s->m->family->n_free, points = 1,
        lines = s->line && s->n > 1 ? RATES * OFFSETS : 1, jumps = 0;
    for (int i = 0; i < n; i++) points *= across, jumps |= s->m->family->free[i].jumps;
    for (int k = 0; k < points; k++) {
        grid_point(s, across, k, x);
        take_values(s, x);
        find_shares(s);
        for (int r = 0; r < lines; r++)
            value[r][k] =
                s->line ? line_score(s, r / OFFSETS + 1, offsets[r % OFFSETS]) : score(s);
    }
    to->n = 0;
    for (int r = 0; r < lines; r++)
        for (int k = 0, from = to->n; k < points; k++) {
            il_explain_start start = { .score = value[r][k], .scale = 1 };
            if (!is_local_minimum(s, value[r], across, k)) continue;
            if (lines > 1)
                start.rate = r / OFFSETS + 1, start.offset = offsets[r % OFFSETS];
            grid_point(s, across, k, start.x);
            keep_start(s, to, from,
                       lines == 1    ? KEPT
                       : r % OFFSETS ? 1
                       : jumps       ? 6
                                     : 2,
                       start);
        }
}

/* ---- least squares from there ----------------------------------------------------------------------------------- */

static void take_steps(search *s, const il_explain_start *at)
{
    il_explain_match *m = s->m;
    if (s->line) {
        m->rate = at->rate, m->offset = at->offset;
        for (int l = 0; l < s->fit->layers; l++)
            m->layer[l].step = s->all.steps[on_line(s, l, at->rate, at->offset)];
        return;
    }
    s->stride = 2;
    find_shares(s);
    il_explain_steps_best(&s->all, m, s->n, s->share, s->scratch);
}

static double descend_from(search *s, const il_explain_start *at, int rounds, int stride)
{
    take_values(s, at->x);
    take_steps(s, at);
    s->m->scale = at->scale;
    double left = il_explain_least_squares(s->fit, s->m, rounds, stride, s->scratch);
    return rounds < ROUNDS && left < near
               ? il_explain_least_squares(s->fit, s->m, ROUNDS, stride, s->scratch)
               : left;
}

/* A few rounds on some prompts from each start, more where little is left; from where the best arrive, on all prompts */
static void try_starts(search *s, const il_explain_starts *from)
{
    int some = il_explain_some(s->fit), steps[IL_LAYERS];
    il_explain_match *m = s->m, best = *m;
    il_explain_starts reached = { 0 };
    for (int i = 0; i < from->n; i++) {
        il_explain_start at = from->at[i];
        at.score = descend_from(s, &at, FEW, some);
        for (int k = 0; k < m->family->n_free; k++) at.x[k] = m->value[k] / s->unit[k];
        at.scale = m->scale;
        keep_start(s, &reached, 0, KEPT, at);
    }
    best.score = INFINITY;
    for (int i = 0; i < reached.n && best.score > rounding; i++) {
        m->score = descend_from(s, &reached.at[i], ROUNDS, 2);
        if (!(m->score < best.score)) continue;
        best = *m;
        for (int l = 0; l < s->fit->layers; l++) steps[l] = m->layer[l].step;
    }
    *m = best;
    for (int l = 0; l < s->fit->layers && best.score < INFINITY; l++)
        m->layer[l].step = steps[l];
}

/* What the steps cost: nothing where every layer takes one */
static int numbers_of_steps(const il_explain_fit *fit, const il_explain_match *m)
{
    int n = 0, line = isfinite(m->rate);
    for (int l = 0; l < fit->layers; l++) {
        double from = fmax(m->offset + m->rate * fit->position[l], 0);
        if (fit->silent[l]) continue;
        if (!(fabs(m->layer[l].step - from) < 1e-9)) line = 0;
        n += !l || fit->position[l] != fit->position[l - 1];
    }
    if (m->rate == 0 && m->offset == 0) return 0;
    return line ? (m->rate != 1) + (m->offset != 0) : n;
}

/* A row of algos.def has no parameters */
static void search_algo(search *s)
{
    il_explain_starts starts;
    s->stride = 2;
    look(s, 1, &starts);
    if (starts.n) take_steps(s, &starts.at[0]);
    s->m->score = starts.n ? starts.at[0].score : INFINITY;
    s->m->free = 1;
}

/* A mixture: wherever the second algorithm may begin */
static void search_mixture(const il_explain_fit *fit, il_explain_match *m, double *scratch)
{
    static const double at[] = { 0.3, 0.6, 0.85 };
    double unit[IL_FREE];
    il_explain_match best = *m;
    int some = il_explain_some(fit);
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
            m->score = il_explain_least_squares(fit, m, FEW, some, scratch);
            if (m->score < 2 * best.score || m->score < 1e-3)
                m->score = il_explain_least_squares(fit, m, ROUNDS, 2, scratch);
            if (m->score < best.score) best = *m;
            m->change = change;
        }
    *m = best;
    m->free++;
}

/* Each of 0, 1, ... steps, or those of the table of an algorithm */
static void list_steps(search *s)
{
    const il_explain_family *family = s->m->family;
    s->n = il_explain_fit_steps(s->fit, family);
    if (!s->line) return;
    int most = il_min(family->most_steps, RATES * s->fit->position[s->fit->layers - 1] + 1);
    for (int k = 0; k <= most; k++) s->steps[k] = k;
    if (!family->algo) {
        s->all.steps = s->steps, s->all.n_steps = s->n = most + 1;
        return;
    }
    while (s->n > most + 1 || s->fit->steps[s->n - 1] != s->n - 1) s->n--;
}

/* The parameters that were found with the same number of steps in all layers come first, with some factors of the
 * answers where these are free. */
static il_explain_starts with_found(const search *s, const il_explain_starts *from)
{
    static const double scales[] = { 1, 0.7, 1.4 };
    int scaled = s->m->variant == IL_STEPS_SCALED;
    il_explain_start found = { .rate = (int)s->m->rate, .offset = (int)s->m->offset };
    il_explain_starts to = { .n = scaled ? 3 : 1 };
    for (int i = 0; i < s->m->family->n_free; i++) found.x[i] = s->m->value[i] / s->unit[i];
    for (int i = 0; i < to.n; i++) to.at[i] = found, to.at[i].scale = scales[i];
    for (int i = 0; i < from->n && to.n < IL_STARTS; i++) to.at[to.n++] = from->at[i];
    return to;
}

/* Those that take no step before the first layer: enough for another scaling of the parameters */
static il_explain_starts from_nothing(const il_explain_starts *all)
{
    il_explain_starts to = { 0 };
    for (int i = 0; i < all->n; i++)
        if (!all->at[i].offset) to.at[to.n++] = all->at[i];
    return to;
}

void il_explain_search(const il_explain_fit *fit, il_explain_match *m,
                       il_explain_starts *starts, double *work)
{
    static const int fine[IL_FREE + 1] = { 1, 40, 12, 7 },
                                    coarse[IL_FREE + 1] = { 1, 12, 6, 4 };
    search s = { .fit = fit, .all = *fit, .m = m, .share = work };
    int n = m->family->n_free;
    size_t table = table_size(fit);
    s.wanted = (char *)(work + table), s.scratch = work + 2 * table;
    if (m->family->own) {
        m->rate = 1, m->offset = 0;
        m->score = il_explain_least_squares_layers(fit, m, s.scratch);
        return;
    }
    if (m->family->then) {
        search_mixture(fit, m, s.scratch);
        return;
    }
    s.line = m->variant != IL_STEPS_FREE;
    s.stride = il_explain_some(fit);
    list_steps(&s);
    if (s.line) want_lines(&s);
    il_explain_units(fit, m->family, m->law, s.unit);
    if (m->family->algo) {
        search_algo(&s);
    } else if (m->variant == IL_STEPS_REGULAR) {
        if (!m->law) look(&s, fine[n], starts);
        il_explain_starts from = m->law ? from_nothing(starts) : *starts;
        try_starts(&s, &from);
    } else {
        il_explain_starts other = { 0 };
        if (m->variant == IL_STEPS_FREE) look(&s, coarse[n], &other);
        il_explain_starts from =
            with_found(&s, m->variant == IL_STEPS_FREE ? &other : starts);
        try_starts(&s, &from);
    }
    m->free += numbers_of_steps(fit, m);
}

void il_explain_search_from(const il_explain_fit *fit, il_explain_match *m,
                            const il_explain_match *from, double *work)
{
    for (int i = 0; i < m->family->n_free; i++) {
        const char *name = m->family->free[i].name;
        int k = 0;
        while (k < from->family->n_free && strcmp(from->family->free[k].name, name)) k++;
        if (k < from->family->n_free) m->value[i] = from->value[k];
    }
    m->law = from->law, m->scale = from->scale;
    m->rate = from->rate, m->offset = from->offset;
    for (int l = 0; l < fit->layers; l++) m->layer[l].step = from->layer[l].step;
    m->score = il_explain_least_squares(fit, m, ROUNDS, 2, work);
    m->free += numbers_of_steps(fit, m);
}
