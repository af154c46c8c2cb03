/* selection.c - which candidate is the explanation, and which others explain the answers as well
 *
 * Candidates are judged on the prompts that were not fitted. The best one's error has a bootstrap confidence
 * interval. Every candidate that is not worse than its 95 % quantile, over all prompts and on each kind of data alone,
 * ties with it, and the winner is the one of these with the fewest fitted numbers. So it has to be in the last layer
 * alone, where some candidate explains that one. Errors below the rounding of a model in single precision are equal;
 * where nothing explains a model exactly, as one that was trained, differences as between training seeds are no reason
 * for more numbers (match.h).
 *
 * Two invariances are tested apart from any candidate: some prompts are copies of others whose examples stand in
 * another order, or whose answers y were multiplied by -1/2. The answers of a method that does not depend on
 * the order do not change then, and those of one that is linear in y change by that factor.
 */
#include "explain/match.h"
#include "la/bootstrap.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double *value; /* (prompts) */
    double score, high;
    int n;
} sample;

enum { ALL = -1, LAST = -2, FITTED = -3 };

/* The held-out prompts of a cell, or of all, or their last layer, without the largest sixteenth; or the others of all */
static void judge(const il_explain_fit *fit, const il_explain_match *m, int cell, sample *s)
{
    int B = fit->e->B, from = cell < 0 ? 0 : cell * B,
        to = cell < 0 ? fit->prompts : from + B;
    s->n = 0;
    for (int p = from; p < to; p++)
        if (il_explain_is_held_out(p) != (cell == FITTED) || fit->prompts == 1)
            s->value[s->n++] = cell == LAST ? m->last[p] : m->prompt[p];
    s->score = il_explain_trimmed(s->value, s->n);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The 95 % quantile of the bootstrap of the mean */
static void find_high(sample *s)
{
    double low, high;
    int leave = s->n < 8 ? 0 : il_max(s->n / 16, 1);
    qsort(s->value, (size_t)s->n, sizeof *s->value, by_size);
    il_bootstrap_mean(s->value, s->n - leave, 1, &low, &high);
    s->high = fmax(high, IL_ROUNDING);
}

/* The best of all on a cell; on those that are not worse `ties` stays as it is. */
static void compare(const il_explain_fit *fit, il_explain_matches *all, int cell, sample *s)
{
    double least = INFINITY;
    int best = 0;
    for (int i = 0; i < all->n; i++) {
        judge(fit, &all->match[i], cell, s);
        if (s->score < least) least = s->score, best = i;
    }
    if (cell == LAST && least > IL_TRAINED) return;
    judge(fit, &all->match[best], cell, s);
    find_high(s);
    double high =
        least > IL_INEXACT ? fmax(s->high, fmax(IL_TRAINED, IL_SEEDS * least)) : s->high;
    for (int i = 0; i < all->n; i++) {
        judge(fit, &all->match[i], cell, s);
        all->match[i].ties &= s->score <= high;
    }
}

static void find_floors(const il_explain_fit *fit, il_explain_matches *all)
{
    for (int l = 0; l < fit->layers; l++) {
        all->floor[l] = INFINITY;
        for (int i = 0; i < all->n; i++) {
            const il_explain_match *m = &all->match[i];
            if (il_explain_is_filter(m->family) || m->family->any)
                all->floor[l] = fmin(all->floor[l], m->layer[l].share);
        }
    }
}

/* Of those that tie the fewest numbers, then the first row of the table; then the others by their error */
static int is_before(const il_explain_match *a, const il_explain_match *b)
{
    if (a->ties != b->ties) return a->ties;
    if (!a->ties) return a->score < b->score;
    if (a->free != b->free) return a->free < b->free;
    return a->family != b->family ? a->family < b->family : a->variant < b->variant;
}

il_status il_explain_select(const il_explain_fit *fit, il_explain_matches *all,
                            il_error *err)
{
    sample s = { .value = malloc(sizeof *s.value * (size_t)fit->prompts) };
    if (!s.value) return il_fail(err, IL_EFAIL, "out of memory for a comparison");
    for (int i = 0; i < all->n; i++) {
        judge(fit, &all->match[i], FITTED, &s);
        all->match[i].fitted = s.score;
        judge(fit, &all->match[i], ALL, &s);
        all->match[i].score = s.score;
        find_high(&s);
        all->match[i].high = s.high;
        all->match[i].ties = 1;
    }
    compare(fit, all, ALL, &s);
    if (fit->layers > 1) compare(fit, all, LAST, &s);
    for (int c = 0; c < fit->e->cells && fit->e->cells > 1; c++) compare(fit, all, c, &s);
    free(s.value);
    find_floors(fit, all);
    for (int i = 1; i < all->n; i++) {
        il_explain_match x = all->match[i];
        int j = i;
        for (; j > 0 && is_before(&x, &all->match[j - 1]); j--)
            all->match[j] = all->match[j - 1];
        all->match[j] = x;
    }
    return IL_OK;
}

/* Mean of |answers' difference|^2 over their mean square, where copy should be `factor` times the original */
static double difference(const il_explain_fit *fit, int from, double factor)
{
    const il_observe_prompts *e = fit->e;
    size_t each = (size_t)e->Q * (size_t)e->outs, all = il_observe_numbers(e);
    double sum = 0;
    int n = 0;
    for (int l = 0; l < fit->layers; l++)
        for (int c = 0; c < e->cells && !fit->silent[l]; c++)
            for (int i = 0; i < e->pairs; i++, n++) {
                const double *y = fit->answers->yhat + (size_t)l * all +
                                  (size_t)(c * e->B + i) * each,
                             *copy = y + (size_t)from * each;
                double off = 0, square = 0;
                for (size_t k = 0; k < each; k++) {
                    double d = copy[k] / factor - y[k];
                    off += d * d, square += y[k] * y[k];
                }
                sum += square > 0 ? fmin(off / square, 1) : 0;
            }
    return n ? sum / n : NAN;
}

void il_explain_invariances(const il_explain_fit *fit, il_explain_matches *all)
{
    const il_observe_prompts *e = fit->e;
    all->order = difference(fit, e->B - 2 * e->pairs, 1);
    all->linear = difference(fit, e->B - e->pairs, -0.5);
}
