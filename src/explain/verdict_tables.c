/* verdict_tables.c - the tables of an explanation: layers, families, steps, spectrum, answers */
#include "explain/match.h"
#include "observe/observe.h"

#include <math.h>

static il_status fill_layers(il_table *t, const il_explain_judged *s, il_error *err)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0],
                           *next = il_explain_verdict_runner_up(all);
    char values[128];
    IL_TRY(il_table_add_cols(
        t,
        "layer$ family$ step parameters$ sime simw spd ilwd unexplained runner_up$ "
        "runner_up_step runner_up_unexplained any_filter_unexplained not_linear",
        err));
    for (int l = 0; l < all->layers; l++) {
        const il_explain_layer_match *m = &best->layer[l];
        const double numbers[] = { m->sime, m->simw, m->spd, m->ilwd, m->share };
        IL_TRY(il_table_add_row(t, err));
        IL_TRY(il_table_set_text(t, l, 0, s->layer_answers->names[l].text, err));
        il_explain_verdict_values(values, sizeof values, best, l);
        IL_TRY(il_table_set_text(t, l, 1, best->family->name, err));
        il_table_set(t, l, 2, isnan(m->share) ? NAN : m->step);
        IL_TRY(il_table_set_text(t, l, 3, values, err));
        for (int i = 0; i < IL_COUNT(numbers); i++) il_table_set(t, l, 4 + i, numbers[i]);
        IL_TRY(il_table_set_text(t, l, 9, next->family->name, err));
        il_table_set(t, l, 10, isnan(m->share) ? NAN : next->layer[l].step);
        il_table_set(t, l, 11, next->layer[l].share);
        il_table_set(t, l, 13, all->bent[l]);
        il_table_set(t, l, 12, isfinite(all->floor[l]) ? all->floor[l] : NAN);
    }
    return IL_OK;
}

static const char *const variants[] = { "even steps", "scaled", "free steps" };

static il_status fill_families(il_table *t, const il_explain_judged *s, il_error *err)
{
    const il_explain_matches *all = s->matches;
    char values[128];
    IL_TRY(il_table_add_cols(
        t,
        "family$ variant$ parameters$ unexplained high of_error worst steps_per_layer free "
        "ties wins",
        err));
    for (int i = 0; i < all->n; i++) {
        const il_explain_match *m = &all->match[i];
        const double numbers[] = { m->score,    m->high,
                                   m->of_error, il_explain_verdict_worst(m, all),
                                   m->rate,     m->free,
                                   m->ties,     m->wins };
        IL_TRY(il_table_add_row(t, err));
        il_explain_verdict_values(values, sizeof values, m, -1);
        IL_TRY(il_table_set_text(t, i, 0, m->family->name, err));
        IL_TRY(il_table_set_text(t, i, 1, variants[m->variant], err));
        IL_TRY(il_table_set_text(t, i, 2, values, err));
        for (int j = 0; j < IL_COUNT(numbers); j++) il_table_set(t, i, 3 + j, numbers[j]);
    }
    return IL_OK;
}

/* Similarity of errors for every layer and step of the best family that has steps, up to a little
 * beyond its last best step */
static il_status fill_heat(il_table *t, const il_explain_judged *s, il_error *err)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *m = NULL;
    int most = 0, row = 0;
    for (int i = 0; i < all->n && !m; i++)
        if (all->match[i].heat) m = &all->match[i];
    IL_TRY(il_table_add_cols(t, "layer step sime best row", err));
    if (!m) return IL_OK;
    for (int l = 0; l < all->layers; l++)
        if (!isnan(m->layer[l].share)) most = il_max(most, m->layer[l].step);
    char caption[IL_TEXT];
    snprintf(caption, sizeof caption, "similarity of errors, %.90s", m->family->name);
    IL_TRY(il_table_set_caption(t, caption, err));
    for (int l = 0; l < all->layers; l++)
        for (int k = 0; k < all->n_steps && all->steps[k] <= most + most / 4 + 2; k++) {
            double sime = m->heat[l * all->n_steps + k];
            const double numbers[] = { l + 1, all->steps[k], sime,
                                       all->steps[k] == m->layer[l].step &&
                                           !isnan(m->layer[l].share),
                                       k };
            if (isnan(sime)) continue;
            IL_TRY(il_table_add_row(t, err));
            for (int i = 0; i < IL_COUNT(numbers); i++) il_table_set(t, row, i, numbers[i]);
            row++;
        }
    return IL_OK;
}

enum { BINS = 10, SHOWN = 4, POINTS = 400 };

/* Numbers of one layer's weights */
static size_t weights_of(const il_observe_prompts *e)
{
    return (size_t)e->cells * (size_t)e->B * (size_t)e->outs * (size_t)e->D;
}

/* Which layers a figure of few lines shows: evenly chosen, the last one always */
static int shown(const il_explain_matches *all, int layer[SHOWN])
{
    int from = all->first, n = il_min(SHOWN, all->layers - from);
    for (int i = 0; i < n; i++) layer[i] = from + (i + 1) * (all->layers - from) / n - 1;
    return n;
}

/* The error that is left along A's eigenvectors, by eigenvalue divided by n: 1 - lambda w_i / b_i,
 * averaged with b_i^2 / lambda_i as weight, which is the error's own size */
typedef struct {
    double value[BINS], weight[BINS];
} profile;

static double place(const il_observe_prompts *e, int c, size_t i)
{
    return e->cell[c].lambda[i] / e->cell[c].n;
}

static void add_profile(profile *to, const il_explain_judged *s, const double *w,
                        double low, double high)
{
    const il_observe_prompts *e = s->prompts;
    size_t D = (size_t)e->D, O = (size_t)e->outs, size = (size_t)e->B * D;
    memset(to, 0, sizeof *to);
    for (int c = 0; c < e->cells; c++)
        for (size_t i = 0; i < size; i++) {
            double lambda = e->cell[c].lambda[i];
            if (!(lambda > 0)) continue;
            double where = log(place(e, c, i) / low) / log(high / low) * BINS;
            int bin = il_max(0, il_min(BINS - 1, (int)where));
            for (size_t o = 0; o < O; o++) {
                double b = e->cell[c].b[i * O + o], weight = b * b / lambda;
                size_t prompt = (size_t)c * (size_t)e->B + i / D;
                to->value[bin] += weight - b * w[(prompt * O + o) * D + i % D];
                to->weight[bin] += weight;
            }
        }
}

static void extent(const il_explain_judged *s, double *low, double *high)
{
    const il_observe_prompts *e = s->prompts;
    *low = INFINITY, *high = 0;
    for (int c = 0; c < e->cells; c++)
        for (size_t i = 0; i < (size_t)e->B * (size_t)e->D; i++) {
            double x = place(e, c, i);
            if (x > 0) *low = fmin(*low, x), *high = fmax(*high, x);
        }
    if (!(*high > *low)) *low = 1, *high = 2;
}

static il_status fill_spectrum(il_table *t, const il_explain_judged *s, il_error *err)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0];
    size_t size = weights_of(s->prompts);
    int layer[SHOWN], n = shown(all, layer);
    double low, high;
    profile p;
    char name[IL_TEXT];
    IL_TRY(il_table_set_caption(t, "part of the error that is left", err));
    IL_TRY(il_table_add_cols(t, "eigenvalue", err));
    extent(s, &low, &high);
    for (int i = 0; i < BINS; i++) {
        IL_TRY(il_table_add_row(t, err));
        il_table_set(t, i, 0, low * exp((i + 0.5) / BINS * log(high / low)));
    }
    for (int i = 0; i < 2 * n; i++) {
        int l = layer[i / 2];
        snprintf(name, sizeof name, "%s%.40s", i % 2 ? "the algorithm at " : "",
                 s->layer_answers->names[l].text);
        IL_TRY(il_table_add_col(t, name, 0, err));
        add_profile(&p, s, (i % 2 ? best->w : all->w) + (size_t)l * size, low, high);
        for (int k = 0; k < BINS; k++)
            il_table_set(t, k, i + 1, p.weight[k] > 0 ? p.value[k] / p.weight[k] : NAN);
    }
    return IL_OK;
}

/* The last layer's answers beside the algorithm's, at a few hundred queries */
static il_status fill_answers(il_table *t, const il_explain_judged *s, il_error *err)
{
    const il_explain_matches *all = s->matches;
    const il_observe_prompts *e = s->prompts;
    size_t answers = il_observe_numbers(e), each = (size_t)e->B * (size_t)e->Q,
           D = (size_t)e->D;
    size_t O = (size_t)e->outs, last = (size_t)(all->layers - 1);
    const double *w = all->match[0].w + last * weights_of(e);
    const double *yhat = s->layer_answers->yhat + last * answers;
    int row = 0;
    IL_TRY(il_table_add_cols(t, "algorithm model", err));
    for (size_t i = 0; i < answers; i += answers / POINTS + 1) {
        size_t point = i / O, column = point / (size_t)e->Q * O + i % O;
        const double *q = e->cell[point / each].q + point % each * D;
        double sum = 0;
        for (size_t d = 0; d < D; d++) sum += q[d] * w[column * D + d];
        IL_TRY(il_table_add_row(t, err));
        il_table_set(t, row, 0, sum);
        il_table_set(t, row++, 1, yhat[i]);
    }
    return IL_OK;
}

static il_status new_table(il_table **t, const char *name, const il_explain_judged *s,
                           il_status (*fill)(il_table *, const il_explain_judged *,
                                             il_error *),
                           il_error *err)
{
    IL_TRY(il_table_new(t, name, err));
    return fill(*t, s, err);
}

il_status il_explain_verdict_tables(const il_explain_judged *s, il_explanation *out,
                                    il_error *err)
{
    IL_TRY(new_table(&out->layers, "layers", s, fill_layers, err));
    IL_TRY(new_table(&out->families, "families", s, fill_families, err));
    IL_TRY(new_table(&out->steps, "steps", s, fill_heat, err));
    IL_TRY(new_table(&out->spectrum, "spectrum", s, fill_spectrum, err));
    return new_table(&out->answers, "answers", s, fill_answers, err);
}
