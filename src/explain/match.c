/* match.c - every family fitted to the layer answers, the best first
 *
 * Each family is fitted under each law, a scaling of its step size with the prompt (constant, 1/n, 1/trace A,
 * 1/|A A|_F^(1/2)), and its best law is kept; selection.c puts the families in order.
 */
#include "explain/match.h"
#include "algo/leja.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    il_explain_fit *fit;
    il_explain_matches *all;
    il_explain_match *trial; /* (families, laws) */
    double **work;           /* one a worker */
} job;

static void try_one(const job *j, il_explain_match *m, double *near, double *work)
{
    int gram = 0, loud = 0;
    for (int k = 0; k < m->family->n_free; k++) gram |= m->family->free[k].power == -2;
    for (int l = 0; l < j->fit->layers; l++) loud += !j->fit->silent[l];
    m->score = INFINITY;
    if ((m->law == IL_LAW_NORM && !gram) || (m->law && !m->family->n_free)) return;
    if (m->family->layerwise && j->all->first) return;
    if (!m->family->layerwise) {
        il_explain_search(j->fit, m, near, work);
        return;
    }
    /* of one layer, families that are gradient descent with one step size add nothing to it */
    int single = m->family->layerwise == il_explain_layerwise_gd ||
                 m->family->layerwise == il_explain_layerwise_gdpp;
    if (single && loud < 2) return;
    m->family->layerwise(j->fit, m->law, m, work);
    il_explain_measure(j->fit, m, work);
    m->score = il_explain_fit_score(j->fit, m);
}

static void try_family(void *context, int i, int worker)
{
    const job *j = context;
    double near[IL_FREE] = { 1, 1, 1 };
    for (int law = 0; law < IL_LAWS; law++) {
        il_explain_match *m = &j->trial[i * IL_LAWS + law];
        m->family = il_explain_family_at(i);
        m->law = (il_explain_law)law;
        try_one(j, m, near, j->work[worker]);
    }
}

/* ---- memory -------------------------------------------------------------------------------------- */

static size_t work_size(const il_explain_fit *fit)
{
    const size_t parts[] = { il_explain_projection_work(fit), il_explain_search_work(fit),
                             il_explain_measure_work(fit), il_explain_layerwise_work(fit) };
    size_t most = 0;
    for (int i = 0; i < IL_COUNT(parts); i++) most = parts[i] > most ? parts[i] : most;
    return most;
}

typedef struct {
    il_explain_fit fit;
    job j;
    int families;
} plan;

static il_explain_match room(const il_explain_fit *fit, il_arena *arena, int heat)
{
    size_t L = (size_t)fit->layers, P = (size_t)fit->prompts;
    il_explain_match m = { 0 };
    m.layer = il_take(arena, il_explain_layer_match, L);
    m.w = il_take(arena, double, L *P * fit->size);
    m.prompt = il_take(arena, double, P);
    m.even = il_take(arena, double, L);
    m.heat = heat ? il_take(arena, double, L *(size_t)fit->n_steps) : NULL;
    return m;
}

static void layout_fit(plan *s, il_arena *scratch)
{
    il_explain_fit *fit = &s->fit;
    size_t L = (size_t)fit->layers, D = (size_t)fit->e->D, P = (size_t)fit->prompts;
    fit->prompt = il_take(scratch, il_explain_projection, P);
    fit->power = il_take(scratch, double, L);
    fit->nodes = il_take(scratch, double, L);
    fit->silent = il_take(scratch, int, L);
    fit->table = il_take(scratch, double *, s->families);
    for (int i = 0; i < s->families; i++) {
        const il_explain_family *family = il_explain_family_at(i);
        size_t n = family->algo ? (size_t)il_explain_fit_steps(fit, family) : 0;
        double *table = il_take(scratch, double, n *P * fit->size);
        if (fit->table) fit->table[i] = n ? table : NULL;
    }
    for (size_t p = 0; p < P; p++) {
        il_explain_projection f = { 0 };
        f.R = il_take(scratch, double, D *D);
        f.z = il_take(scratch, double, L * fit->size);
        f.w = il_take(scratch, double, L * fit->size);
        f.rest = il_take(scratch, double, L);
        f.rest_y = il_take(scratch, double, L);
        f.weight = il_take(scratch, double, L);
        f.zy = il_take(scratch, double, fit->size);
        if (fit->prompt) fit->prompt[p] = f;
    }
}

static void layout(plan *s, il_explain_matches *all, il_arena *scratch)
{
    const il_explain_fit *fit = &s->fit;
    size_t L = (size_t)fit->layers;
    for (int i = 0; i < s->families; i++) all->match[i] = room(fit, &all->arena, 1);
    all->w = il_take(&all->arena, double, L *(size_t)fit->prompts * fit->size);
    all->floor = il_take(&all->arena, double, L);
    all->bent = il_take(&all->arena, double, L);
    layout_fit(s, scratch);
    s->j.trial = il_take(scratch, il_explain_match, s->families * IL_LAWS);
    for (int i = 0; i < s->families * IL_LAWS; i++) {
        il_explain_match m = { 0 };
        if (il_explain_family_at(i / IL_LAWS)->layerwise) m = room(fit, scratch, 0);
        if (s->j.trial) s->j.trial[i] = m;
    }
    s->j.work = il_take(scratch, double *, il_workers());
    for (int i = 0; i < il_workers(); i++) {
        double *work = il_take(scratch, double, work_size(fit));
        if (s->j.work) s->j.work[i] = work;
    }
}

/* ---- all families ---------------------------------------------------------------------------------- */

/* The best law of each family */
static void choose(plan *s, il_explain_matches *all)
{
    const il_explain_fit *fit = &s->fit;
    all->n = 0;
    for (int i = 0; i < s->families; i++) {
        const il_explain_match *best = &s->j.trial[i * IL_LAWS];
        for (int law = 1; law < IL_LAWS; law++) {
            const il_explain_match *m = &s->j.trial[i * IL_LAWS + law];
            if (il_explain_cost(m) < il_explain_cost(best) / 1.1) best = m;
        }
        if (!(best->score < INFINITY)) continue; /* untried */
        il_explain_match *to = &all->match[all->n++], kept = *to;
        *to = *best;
        to->layer = kept.layer, to->w = kept.w, to->prompt = kept.prompt;
        to->heat = kept.heat, to->even = kept.even;
        if (!best->family->layerwise) continue;
        memcpy(to->layer, best->layer, sizeof *to->layer * (size_t)fit->layers);
        memcpy(to->w, best->w,
               sizeof *to->w * (size_t)fit->layers * (size_t)fit->prompts * fit->size);
    }
}

static void finish(plan *s, il_explain_matches *all)
{
    const il_explain_fit *fit = &s->fit;
    for (int i = 0; i < all->n; i++) {
        il_explain_match *m = &all->match[i];
        if (m->family->layerwise) {
            m->heat = NULL;
            m->rate = 1, m->offset = 0;
        } else {
            il_explain_measure_steps(fit, m, s->j.work[0]);
        }
        il_explain_measure(fit, m, s->j.work[0]);
        for (int l = 0; l < fit->layers && m->family->layerwise; l++)
            m->even[l] = m->layer[l].share;
        m->score = il_explain_fit_score(fit, m);
    }
    il_explain_select(fit, all);
    for (int i = 0; i < all->n; i++) {
        il_explain_match *m = &all->match[i];
        m->wins = 0;
        for (int p = 0; p < fit->prompts; p++)
            m->wins += (m->prompt[p] < all->match[0].prompt[p]) / (double)fit->prompts;
    }
}

static void project_all(plan *s, il_explain_matches *all, const il_observe_answers *r)
{
    il_explain_fit *fit = &s->fit;
    size_t P = (size_t)fit->prompts;
    il_explain_project(fit, r, s->j.work[0]);
    double *bent = s->j.work[0];
    for (int l = 0; l < r->layers; l++) {
        for (size_t p = 0; p < P; p++)
            bent[p] = fit->prompt[p].rest[l] * fit->prompt[p].weight[l];
        all->bent[l] = il_explain_trimmed(bent, fit->prompts);
        for (size_t p = 0; p < P; p++)
            memcpy(all->w + ((size_t)l * P + p) * fit->size,
                   fit->prompt[p].w + (size_t)l * fit->size, sizeof *all->w * fit->size);
        all->silent += fit->silent[l];
        fit->silent[l] |= l < all->first;
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

static il_status fill_tables(const il_explain_fit *fit, il_error *err)
{
    for (int i = 0; il_explain_family_at(i); i++)
        if (fit->table[i])
            IL_TRY(il_explain_fit_table(fit, il_explain_family_at(i), fit->table[i], err));
    return IL_OK;
}

il_status il_explain_matches_new(il_explain_matches **out, const il_observe_prompts *e,
                                 const il_observe_answers *r, int first, il_error *err)
{
    il_explain_matches *all = calloc(1, sizeof *all);
    il_arena scratch = { 0 };
    plan s = { .fit = { .families = il_explain_family_at(0),
                        .e = e,
                        .layers = r->layers,
                        .prompts = e->cells * e->B,
                        .size = (size_t)e->outs * (size_t)e->D } };
    if (!all) return il_fail(err, IL_EFAIL, "out of memory for matches");
    while (il_explain_family_at(s.families)) s.families++;
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
        project_all(&s, all, r);
        il_parallel(s.families, try_family, &s.j);
        choose(&s, all);
        finish(&s, all);
        *out = all;
    } else {
        il_explain_matches_free(all);
    }
    il_arena_free(&scratch);
    return status;
}

void il_explain_matches_free(il_explain_matches *matches)
{
    if (!matches) return;
    il_arena_free(&matches->arena);
    free(matches);
}
