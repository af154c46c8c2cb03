/* parameters.c - fits a family's free parameters to the layer answers: a grid, then Nelder-Mead
 *
 * The score is the mean over layers of the unexplained share at each layer's best step. First the steps are
 * evenly spaced, which has fewer local minima; then the steps of each layer are free.
 */
#include "explain/match.h"
#include "la/nelder_mead.h"

#include <math.h>

_Static_assert((int)IL_FREE <= (int)IL_LEAST_MOST, "il_least takes that many");

typedef struct {
    const il_explain_fit *fit;
    il_explain_match *m;
    int n, line; /* steps that are tried; line: evenly spaced ones alone */
    double unit[IL_FREE], *share, *scratch;
} search;

size_t il_explain_search_work(const il_explain_fit *fit)
{
    return (size_t)fit->layers * (size_t)fit->n_steps + il_explain_fit_scratch(fit);
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

/* The score if layers take 1, 2, 3 or 4 steps each, from one before to one after none. */
static double line_score(const il_explain_fit *fit, const double *share, int n)
{
    double best = INFINITY;
    for (int rate = 1; rate <= 4; rate++)
        for (int offset = -1; offset <= 1; offset++) {
            double sum = 0;
            for (int l = 0; l < fit->layers; l++) {
                int k =
                    il_max(rate * (l + 1) + offset, 0); /* the first steps are all listed */
                if (!fit->silent[l]) sum += fmin(share[l * n + il_min(k, n - 1)], 1);
            }
            if (sum < best) best = sum;
        }
    return best;
}

static double try_values(void *context, const double *x)
{
    search *s = context;
    for (int i = 0; i < s->m->family->n_free; i++) s->m->value[i] = x[i] * s->unit[i];
    il_explain_fit_shares(s->fit, s->m, s->n, s->share, s->scratch);
    return s->line ? line_score(s->fit, s->share, s->n) : score(s->fit, s->share, s->n);
}

/* A parameter's unit: the mean over prompts of 1 / largest eigenvalue, and so on, with the law's
 * factor taken out */
static void units(search *s)
{
    static const double one[IL_FREE] = { 1, 1, 1 };
    const il_observe_prompts *e = s->fit->e;
    for (int j = 0; j < s->m->family->n_free; j++) s->unit[j] = 0;
    for (int p = 0; p < s->fit->prompts; p++) {
        const double *lambda = il_explain_prompt_of(s->fit, p).lambda;
        double largest = 0, trace = 0, value[IL_FREE];
        for (int i = 0; i < e->D; i++)
            largest = fmax(largest, lambda[i]), trace += lambda[i];
        if (!(largest > 0)) continue; /* examples of nothing but zeros */
        il_explain_law_values(value, s->m->family, one, s->m->law, e, p / e->B, p % e->B);
        for (int j = 0; j < s->m->family->n_free; j++) {
            int power = s->m->family->free[j].power;
            double natural = power == 0 ? 1 : power > 0 ? trace / e->D : 1 / largest;
            if (power == -2) natural /= largest;
            s->unit[j] += natural / value[j] / s->fit->prompts;
        }
    }
}

void il_explain_search(const il_explain_fit *fit, il_explain_match *m, double *near,
                       double *work)
{
    static const int fine[IL_FREE + 1] = { 0, 64, 18, 8 },
                                    coarse[IL_FREE + 1] = { 0, 24, 8, 4 };
    double low[IL_FREE], high[IL_FREE];
    int n = m->family->n_free, all = il_explain_fit_steps(fit, m->family);
    search s = { .fit = fit, .m = m, .n = all, .share = work };
    s.scratch = work + (size_t)fit->layers * (size_t)fit->n_steps;
    m->free = il_max(n, 1); /* without any it adapts to each prompt instead */
    if (!n) {
        m->score = try_values(&s, NULL);
        return;
    }
    units(&s);
    for (int i = 0; i < n; i++) {
        low[i] = m->family->free[i].low;
        high[i] = m->family->free[i].high;
    }
    if (m->law == IL_LAW_CONSTANT) { /* another law starts from this one's best */
        s.line = 1;
        s.n = il_min(all, 4 * fit->layers + 2); /* line_score reads no later ones */
        il_least(try_values, &s, n, low, high, fine[n], 0, near);
        s.line = 0;
        s.n = all;
    }
    double x[IL_FREE];
    memcpy(x, near, sizeof x);
    m->score = il_least(try_values, &s, n, low, high, coarse[n], 1, x);
    for (int i = 0; i < n; i++) m->value[i] = x[i] * s.unit[i];
    if (m->law == IL_LAW_CONSTANT) memcpy(near, x, sizeof x);
}
