/* match.c - every candidate fitted to the layer answers, the winner first
 *
 * A candidate is a family with a scaling of its step size with the prompt (constant, 1/n, 1/trace A,
 * 1/|A A|_F^(1/2)) and the same number of steps in all layers, or that and a factor of all answers, or any number
 * of steps in each layer. Of the scalings the best is kept; selection.c judges the candidates.
 */
#include "explain/match.h"
#include "algo/leja.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    il_explain_fit *fit;
    il_explain_matches *all;
    il_explain_match *trial; /* (families, laws, variants) */
    double **work;           /* one a worker */
    int sizes_differ;        /* of the prompts */
} job;

/* The fitted prompts' fraction unexplained, of a candidate that needs no refinement */
static const double found = 1e-12;

static int is_tried(const job *j, const il_explain_match *m)
{
    const il_explain_family *family = m->family;
    const il_explain_match *first = m - m->variant; /* the same with regular steps */
    int gram = 0, loud = 0;
    if (j->all->sifted && (il_explain_is_filter(family) || family->algo)) return 0;
    for (int k = 0; k < family->n_free; k++) gram |= family->free[k].power == -2;
    for (int l = 0; l < j->fit->layers; l++) loud += !j->fit->silent[l];
    if ((m->law == IL_LAW_NORM && !gram) || (m->law && !family->n_free)) return 0;
    if (m->law == IL_LAW_EXAMPLES && !j->sizes_differ) return 0;
    if (m->law &&
        j->trial[(m - j->trial) / (IL_LAWS * IL_VARIANTS) * IL_LAWS * IL_VARIANTS].score <
            found)
        return 0;
    if (m->variant && first->score < found) return 0;
    if (m->variant == IL_STEPS_SCALED) return !family->algo && !family->layerwise;
    if (m->variant == IL_STEPS_FREE)
        return family->most_steps && loud > 1 && !family->then && !family->own;
    return !(family->layerwise && j->all->first) &&
           !((family->own || family->then) && loud < 2);
}

static void try_one(const job *j, il_explain_match *m, il_explain_starts *starts,
                    double *work)
{
    m->score = INFINITY;
    m->scale = 1;
    if (!is_tried(j, m)) return;
    if (m->variant) {
        const il_explain_match *first = m - m->variant;
        if (!(first->score < INFINITY)) return;
        memcpy(m->value, first->value, sizeof m->value);
        for (int l = 0; l < j->fit->layers; l++) m->layer[l].step = first->layer[l].step;
        m->rate = first->rate, m->offset = first->offset;
    }
    if (!m->family->layerwise) {
        il_explain_search(j->fit, m, starts, work);
        return;
    }
    m->family->layerwise(j->fit, m->law, m, work);
    m->rate = 1, m->offset = 0;
    il_explain_measure(j->fit, m, work);
    m->score = il_explain_fit_score(j->fit, m);
}

static il_explain_match *trial_of(const job *j, int family, int law, int variant)
{
    il_explain_match *m = &j->trial[(family * IL_LAWS + law) * IL_VARIANTS + variant];
    m->family = il_explain_family_at(family);
    m->law = (il_explain_law)law;
    m->variant = (il_explain_variant)variant;
    m->score = INFINITY;
    return m;
}

/* Every scaling with regular steps; the other variants under the best one alone */
static void try_family(void *context, int i, int worker)
{
    const job *j = context;
    il_explain_starts starts = { 0 };
    int best = 0;
    for (int law = 0; law < IL_LAWS; law++) {
        il_explain_match *m = trial_of(j, i, law, 0);
        try_one(j, m, &starts, j->work[worker]);
        if (fmax(m->score, found) <
            fmax(j->trial[(i * IL_LAWS + best) * IL_VARIANTS].score, found) / 1.1)
            best = law;
    }
    for (int law = 0; law < IL_LAWS; law++)
        for (int variant = 1; variant < IL_VARIANTS; variant++) {
            il_explain_match *m = trial_of(j, i, law, variant);
            if (law == best) try_one(j, m, &starts, j->work[worker]);
        }
}

/* A search can end in a local minimum that a family which contains this one, with a parameter more, goes around. Where
 * such a family explains the answers exactly, its parameters are where this one is tried once more. A family may be
 * contained in one that is itself contained, so they take turns. */
static void follow(const job *j, int i)
{
    il_explain_match *mine = &j->trial[i * IL_LAWS * IL_VARIANTS];
    char item[IL_TEXT];
    snprintf(item, sizeof item, "|%s|", mine->family->name);
    for (int k = 0; il_explain_family_at(k); k++) {
        const il_explain_family *other = il_explain_family_at(k);
        if (!other->contains || !strstr(other->contains, item)) continue;
        if (other->own || other->then || other->layerwise) continue;
        for (int t = 0; t < IL_LAWS * IL_VARIANTS; t++) {
            const il_explain_match *from = &j->trial[k * IL_LAWS * IL_VARIANTS + t];
            il_explain_match *m = mine + t, was = *m;
            if (!(from->score <= IL_EXACT && fmax(from->score, found) < m->score)) continue;
            int step[IL_LAYERS];
            for (int l = 0; l < j->fit->layers; l++) step[l] = m->layer[l].step;
            il_explain_search_from(j->fit, m, from, j->work[0]);
            if (m->score < was.score) continue;
            *m = was;
            for (int l = 0; l < j->fit->layers; l++) m->layer[l].step = step[l];
        }
    }
}

/* Does a polynomial of its own in each layer resemble them? */
static int any_polynomial_explains(const job *j)
{
    int i = 0;
    while (!il_explain_family_at(i)->any) i++;
    for (int law = 0; law < IL_LAWS; law++) {
        il_explain_starts none = { 0 };
        il_explain_match *m = trial_of(j, i, law, 0);
        try_one(j, m, &none, j->work[0]);
        if (m->score <= IL_RESEMBLES) return 1;
    }
    return 0;
}

/* ---- memory -------------------------------------------------------------------------------------- */

static size_t work_size(const il_explain_fit *fit)
{
    const size_t parts[] = { il_explain_projection_work(fit), il_explain_search_work(fit),
                             il_explain_measure_work(fit),
                             il_explain_precondition_work(fit),
                             il_explain_polynomial_work(fit) };
    size_t most = 0;
    for (int i = 0; i < IL_COUNT(parts); i++) most = parts[i] > most ? parts[i] : most;
    return most;
}

typedef struct {
    il_explain_fit fit;
    job j;
    int families, kept; /* kept: candidates, at most */
    int heats;
    double *heat; /* (layers,steps) of the winner */
} plan;

static il_explain_match room(const il_explain_fit *fit, il_arena *arena, int whole)
{
    size_t L = (size_t)fit->layers, P = (size_t)fit->prompts;
    il_explain_match m = { 0 };
    m.layer = il_take(arena, il_explain_layer_match, L);
    if (!whole) return m;
    m.w = il_take(arena, double, L *P * fit->size);
    m.prompt = il_take(arena, double, P);
    m.last = il_take(arena, double, P);
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
    fit->position = il_take(scratch, int, L);
    fit->scale = il_take(scratch, double, IL_LAWS *P);
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
        f.H = il_take(scratch, double, D *D);
        f.g = il_take(scratch, double, L *D);
        f.c = il_take(scratch, double, L);
        f.diverges = il_take(scratch, int, L);
        if (fit->prompt) fit->prompt[p] = f;
    }
}

static void layout(plan *s, il_explain_matches *all, il_arena *scratch)
{
    const il_explain_fit *fit = &s->fit;
    size_t L = (size_t)fit->layers;
    int trials = s->families * IL_LAWS * IL_VARIANTS;
    all->w = il_take(&all->arena, double, L *(size_t)fit->prompts * fit->size);
    all->floor = il_take(&all->arena, double, L);
    all->bent = il_take(&all->arena, double, L);
    for (int i = 0; i < s->kept; i++) {
        all->match[i] = room(fit, &all->arena, 1);
        if (s->heats) all->match[i].heat = il_take(&all->arena, double, L *IL_STEPS);
    }
    layout_fit(s, scratch);
    s->heat = il_take(&all->arena, double, L *IL_STEPS);
    s->j.trial = il_take(scratch, il_explain_match, trials);
    for (int i = 0; i < trials; i++) {
        il_explain_match m =
            room(fit, scratch,
                 il_explain_family_at(i / IL_LAWS / IL_VARIANTS)->layerwise &&
                     !(i % IL_VARIANTS));
        if (s->j.trial) s->j.trial[i] = m;
    }
    s->j.work = il_take(scratch, double *, il_workers());
    for (int i = 0; i < il_workers(); i++) {
        double *work = il_take(scratch, double, work_size(fit));
        if (s->j.work) s->j.work[i] = work;
    }
}

/* ---- all families ---------------------------------------------------------------------------------- */

/* The best scaling of each family and variant */
static void choose(plan *s, il_explain_matches *all)
{
    size_t L = (size_t)s->fit.layers, numbers = L * (size_t)s->fit.prompts * s->fit.size;
    all->n = 0;
    for (int i = 0; i < s->families * IL_VARIANTS; i++) {
        const il_explain_match *first =
            &s->j.trial[i / IL_VARIANTS * IL_LAWS * IL_VARIANTS + i % IL_VARIANTS];
        const il_explain_match *best = first;
        for (int law = 1; law < IL_LAWS; law++) {
            const il_explain_match *m = first + law * IL_VARIANTS;
            if (fmax(m->score, found) < fmax(best->score, found) / 1.1) best = m;
        }
        if (!(best->score < INFINITY)) continue; /* untried */
        il_explain_match *to = &all->match[all->n++], kept = *to;
        *to = *best;
        to->layer = kept.layer, to->w = kept.w, to->prompt = kept.prompt,
        to->last = kept.last;
        to->heat = best->family->most_steps ? kept.heat : NULL;
        memcpy(to->layer, best->layer, sizeof *to->layer * L);
        if (best->w) memcpy(to->w, best->w, sizeof *to->w * numbers);
    }
}

static void finish_one(void *context, int i, int worker)
{
    const plan *s = context;
    il_explain_match *m = &s->j.all->match[i];
    double *work = s->j.work[worker];
    if (m->family->algo)
        il_explain_measure_weights(&s->fit, m, work);
    else if (!m->family->layerwise)
        il_explain_path_weights(&s->fit, m, work);
    il_explain_measure(&s->fit, m, work);
    if (s->heats && m->heat) il_explain_measure_heat(&s->fit, m, work);
}

/* The heat map of the winner, or the first after it that takes steps */
static void draw_heat(plan *s, il_explain_matches *all)
{
    for (int i = 0; i < all->n && !s->heats; i++)
        if (all->match[i].family->most_steps) {
            all->match[i].heat = s->heat;
            il_explain_measure_heat(&s->fit, &all->match[i], s->j.work[0]);
            return;
        }
}

static il_status finish(plan *s, il_explain_matches *all, il_error *err)
{
    const il_explain_fit *fit = &s->fit;
    int judged = 0;
    il_parallel(all->n, finish_one, s);
    IL_TRY(il_explain_select(fit, all, err));
    il_explain_invariances(fit, all);
    draw_heat(s, all);
    for (int p = 0; p < fit->prompts; p++) judged += il_explain_is_held_out(p);
    for (int i = 0; i < all->n; i++) {
        il_explain_match *m = &all->match[i];
        m->wins = 0;
        for (int p = 1; p < fit->prompts; p += 2)
            m->wins += (m->prompt[p] < all->match[0].prompt[p]) / (double)judged;
    }
    return IL_OK;
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
                                 const il_observe_answers *r, int first, int heats,
                                 int sift, il_error *err)
{
    il_explain_matches *all = calloc(1, sizeof *all);
    il_arena scratch = { 0 };
    plan s = { .fit = { .families = il_explain_family_at(0),
                        .e = e,
                        .answers = r,
                        .layers = r->layers,
                        .prompts = e->cells * e->B,
                        .size = (size_t)e->outs * (size_t)e->D } };
    if (!all) return il_fail(err, IL_EFAIL, "out of memory for matches");
    while (il_explain_family_at(s.families)) s.families++;
    s.kept = s.families * IL_VARIANTS;
    s.heats = heats;
    for (int c = 1; c < e->cells; c++) s.j.sizes_differ |= e->cell[c].n != e->cell[0].n;
    assert(s.kept <= IL_CANDIDATES);
    all->layers = r->layers;
    all->first = first;
    all->n_steps = s.fit.n_steps = list_steps(all->steps);
    s.fit.steps = all->steps;
    layout(&s, all, &scratch);
    il_status status = il_arena_fill(&all->arena, err);
    if (!status) status = il_arena_fill(&scratch, err);
    if (!status) {
        layout(&s, all, &scratch);
        il_explain_fit_scales(&s.fit);
        status = fill_tables(&s.fit, err);
    }
    if (!status) {
        il_leja(s.fit.nodes, s.fit.layers);
        s.j.fit = &s.fit;
        s.j.all = all;
        project_all(&s, all, r);
        if (sift) all->sifted = !any_polynomial_explains(&s.j);
        il_parallel(s.families, try_family, &s.j);
        for (int i = 0; i < s.families; i++) follow(&s.j, i);
        choose(&s, all);
        status = finish(&s, all, err);
    }
    if (status)
        il_explain_matches_free(all);
    else
        *out = all;
    il_arena_free(&scratch);
    return status;
}

void il_explain_matches_free(il_explain_matches *matches)
{
    if (!matches) return;
    il_arena_free(&matches->arena);
    free(matches);
}
