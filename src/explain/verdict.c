/* verdict.c - which family a model is said to run, and how sure that is
 *
 * Thresholds and their reasons: docs/explain.md.
 */
#include "explain/match.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

/* Mean share of the layer answers' mean square that a family leaves unexplained */
static const double runs = 0.01, resembles = 0.1;
/* Mean share that is not linear in the query, in what is still said to resemble anything */
static const double bends = 0.03;
/* The runner-up leaves at least this many times more when a verdict is sure */
static const double sure = 3;

static const char *law_words(il_explain_law law, int power)
{
    static const char *const divided[] = { "", "/n", "/trace", "/norm" };
    static const char *const twice[] = { "", "/n^2", "/trace^2", "/norm^2" };
    static const char *const times[] = { "", " n", " trace", " norm" };
    return power == 0   ? ""
           : power > 0  ? times[law]
           : power < -1 ? twice[law]
                        : divided[law];
}

/* "step_size=0.02/n"; of a layerwise family the layer's own */
void il_explain_verdict_values(char *text, size_t size, const il_explain_match *m,
                               int layer)
{
    size_t at = 0;
    *text = 0;
    if (m->family->layerwise && layer < 0) return;
    for (int i = 0; i < m->family->n_free && at < size; i++) {
        const il_explain_parameter *p = &m->family->free[i];
        double v = m->family->layerwise ? m->layer[layer].value[i] : m->value[i];
        if (m->family->layerwise && isnan(m->layer[layer].share)) continue;
        at += (size_t)snprintf(text + at, size - at, "%s%s=%s%s", i ? " " : "", p->name,
                               il_digits_short(v).text, law_words(m->law, p->power));
    }
}

/* Is a family another algorithm than the best? Not a variant of it, nor one that contains it. */
static int is_rival(const il_explain_family *family, const il_explain_family *best)
{
    char item[IL_TEXT];
    size_t kind = strcspn(best->name, " ");
    snprintf(item, sizeof item, "|%s|", best->name);
    if (!strncmp(family->name, best->name, kind) && strchr(" ", family->name[kind]))
        return 0;
    if (family->any || (best->any && family->spectral)) return 0;
    return !(family->contains && strstr(family->contains, item));
}

/* Does m give the best's own answers, at steps of uneven spacing? */
static int is_same(const il_explain_match *m, const il_explain_match *best)
{
    return m->score <= 1.05 * best->score && m->uneven > 1.5 * best->uneven;
}

/* The rival that leaves least */
const il_explain_match *il_explain_verdict_runner_up(const il_explain_matches *m)
{
    const il_explain_match *next = NULL;
    for (int i = 1; i < m->n; i++)
        if (is_rival(m->match[i].family, m->match[0].family) &&
            !is_same(&m->match[i], &m->match[0]) &&
            (!next ||
             m->match[i].excess * m->match[i].uneven < next->excess * next->uneven))
            next = &m->match[i];
    return next ? next : &m->match[0];
}

double il_explain_verdict_worst(const il_explain_match *m, const il_explain_matches *all)
{
    double worst = 0;
    for (int l = all->first; l < all->layers; l++)
        if (m->layer[l].share > worst) worst = m->layer[l].share;
    return worst;
}

typedef struct {
    char *text;
    size_t size, at;
} sentence;

static void say(sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(sentence *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s->at < s->size) {
        int n = vsnprintf(s->text + s->at, s->size - s->at, format, args);
        s->at += n > 0 ? (size_t)n : 0;
    }
    va_end(args);
}

static void say_rate(sentence *to, const il_explain_judged *s, const il_explain_match *m)
{
    if (m->family->layerwise || !strncmp(m->family->name, "ridge", 5)) return;
    if (isnan(m->rate)) return;
    say(to, ", %s step%s a %s", il_digits_short(m->rate).text, m->rate == 1 ? "" : "s",
        s->unit);
    if (m->uneven > 1.5) say(to, " (unevenly)");
}

/* A layerwise family's parameter in every layer: "step sizes 0.02, 0.14" */
static void say_list(sentence *to, const char *what, const il_explain_match *m,
                     const il_explain_matches *all, int i)
{
    int said = 0;
    for (int l = all->first; l < all->layers; l++)
        if (!isnan(m->layer[l].share))
            say(to, "%s%s%s", said++ ? ", " : what,
                il_digits_short(m->layer[l].value[i]).text,
                law_words(m->law, m->family->free[i].power));
}

/* Layers that count and are not silent */
static int loud(const il_explain_matches *all)
{
    int n = 0;
    for (int l = all->first; l < all->layers; l++)
        n += !isnan(all->match[0].layer[l].share);
    return n;
}

static double bent(const il_explain_matches *all)
{
    double sum = 0;
    for (int l = all->first; l < all->layers; l++)
        if (!isnan(all->match[0].layer[l].share)) sum += all->bent[l];
    return loud(all) ? sum / loud(all) : 0;
}

/* With the answers of one layer alone, ridge regression has one ridge, not a path of them */
static int is_one_ridge(const il_explain_match *m, const il_explain_matches *all)
{
    return loud(all) == 1 && !strcmp(m->family->name, "ridge");
}

static void say_family(sentence *to, const il_explain_match *m,
                       const il_explain_matches *all)
{
    say(to, "%s", is_one_ridge(m, all) ? "ridge regression" : m->family->says);
}

static void say_values(sentence *to, const il_explain_match *m,
                       const il_explain_matches *all)
{
    char values[128];
    if (is_one_ridge(m, all)) {
        int l = all->first;
        while (l + 1 < all->layers && isnan(m->layer[l].share)) l++;
        say(to, " with alpha=%s%s",
            il_digits_short(ldexp(m->value[0], -m->layer[l].step)).text,
            law_words(m->law, m->family->free[0].power));
        return;
    }
    il_explain_verdict_values(values, sizeof values, m, -1);
    if (*values) say(to, " with %s", values);
    if (!m->family->layerwise) return;
    for (int i = 0; i < m->family->n_free; i++) {
        char what[IL_TEXT];
        snprintf(what, sizeof what, "%s%.60s ", i ? "; " : " (", m->family->free[i].name);
        for (char *c = what; *c; c++)
            if (*c == '_') *c = ' ';
        say_list(to, what, m, all, i);
    }
    say(to, ")");
}

/* The share of layer answers that are not finite */
static double wild(const il_explain_judged *s)
{
    const il_observe_answers *r = s->layer_answers;
    size_t n = (size_t)r->layers * il_observe_points(s->prompts) * (size_t)r->outs, sum = 0;
    for (size_t i = 0; i < n; i++) sum += !isfinite(r->yhat[i]);
    return n ? (double)sum / (double)n : 0;
}

static void say_none(sentence *to, const il_explain_judged *s)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0];
    double lost = wild(s);
    say(to, "None of these: ");
    if (lost > 0) {
        say(to, "%s %% of the answers after its %ss are not finite numbers: they overflow.",
            il_digits_short(100 * lost).text, s->unit);
        return;
    }
    if (!loud(all))
        say(to, "its answers after every %s are zero, or nearly so.", s->unit);
    else
        say(to,
            "the nearest, %s, leaves %s %% of the readings unexplained; at most %s %% "
            "is "
            "called a resemblance.",
            best->family->says, il_digits_short(100 * best->score).text,
            il_digits_short(100 * resembles).text);
    if (bent(all) > bends)
        say(to,
            " %s %% are not linear in the query: these are no method's that has weights.",
            il_digits_short(100 * bent(all)).text);
}

/* The families that leave not much more, up to four of them */
static void say_rivals(sentence *to, const il_explain_matches *all)
{
    int said = 0;
    say(to, "Not sure, for these leave little more or even less: ");
    for (int i = 1; i < all->n && said < 4; i++) {
        const il_explain_match *m = &all->match[i];
        if (!is_rival(m->family, all->match[0].family) || is_same(m, &all->match[0]) ||
            m->excess > sure * all->match[0].excess)
            continue;
        say(to, "%s", said++ ? ", " : "");
        say_family(to, m, all);
        say(to, " (%s %%)", il_digits_short(100 * m->score).text);
    }
    say(to, ".");
}

/* Up to three families that give the best's answers at uneven steps */
static void say_same(sentence *to, const il_explain_matches *all)
{
    int said = 0;
    for (int i = 1; i < all->n && said < 3; i++)
        if (is_rival(all->match[i].family, all->match[0].family) &&
            is_same(&all->match[i], &all->match[0]))
            say(to, "%s%s", said++ ? ", " : " The same answers, at uneven steps: ",
                all->match[i].family->says);
    if (said) say(to, ".");
}

/* What no filter can explain is not held against the best one. */
static void say_floor(sentence *to, const il_explain_judged *s)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0];
    int worst = -1;
    for (int l = all->first; l < all->layers; l++)
        if (isfinite(all->floor[l]) && (worst < 0 || all->floor[l] > all->floor[worst]))
            worst = l;
    if (worst < 0 || all->floor[worst] <= runs) return;
    say(to, " No polynomial of A leaves less than %s %% of %s %d",
        il_digits_short(100 * all->floor[worst]).text, s->unit, worst + 1);
    int last = all->layers - 1;
    if (best->layer[last].share <= runs && worst != last)
        say(to, "; of the last one's answers %s leaves %s %%", best->family->says,
            il_digits_short(100 * best->layer[last].share).text);
    say(to, ".");
}

static void say_found(sentence *to, const il_explain_judged *s, int found)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0],
                           *next = il_explain_verdict_runner_up(all);
    if (all->first && all->first + 1 == all->layers)
        say(to, "The last answers alone %s ",
            found == IL_EXPLAINED_RUNS ? "are those of" : "resemble");
    else if (all->first)
        say(to, "From %s %d on the answers %s ", s->unit, all->first + 1,
            found == IL_EXPLAINED_RUNS ? "are those of" : "resemble");
    else
        say(to, "The model %s ", found == IL_EXPLAINED_RUNS ? "runs" : "resembles");
    say_family(to, best, all);
    say_values(to, best, all);
    say_rate(to, s, best);
    say(to, ": %s %% of the readings unexplained, %s %% at worst. ",
        il_digits_short(100 * best->score).text,
        il_digits_short(100 * il_explain_verdict_worst(best, all)).text);
    if (next == best)
        say(to, "Nothing else was tried.");
    else if (next->excess >= sure * best->excess)
        say(to, "Next comes %s, which leaves %s times as much%s.", next->family->says,
            il_digits_short(next->excess / fmax(best->excess, 1e-12)).text,
            best->excess < 0.9 * best->score ? " of what any filter could explain" : "");
    else
        say_rivals(to, all);
    say_same(to, all);
    say_floor(to, s);
    if (loud(all) == 1)
        say(to, " One reading cannot tell algorithms apart that begin alike.");
}

int il_explain_verdict_level(const il_explain_matches *all)
{
    const il_explain_match *best = &all->match[0];
    if (loud(all) < 1 || bent(all) > bends || !(best->score <= resembles))
        return IL_EXPLAINED_NONE;
    return best->score <= runs && best->of_error <= 10 * runs ? IL_EXPLAINED_RUNS
                                                              : IL_EXPLAINED_RESEMBLES;
}

void il_explain_verdict(const il_explain_judged *s, il_explanation *out)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0],
                           *next = il_explain_verdict_runner_up(all);
    sentence to = { out->verdict, sizeof out->verdict, 0 };
    out->found = il_explain_verdict_level(all);
    out->score = best->score;
    out->runner_up_score = next->score;
    out->steps_per_layer = best->rate;
    out->first = all->first + 1;
    for (int l = all->first; l < all->layers; l++)
        out->explained += best->layer[l].share <= resembles;
    snprintf(out->runner_up, sizeof out->runner_up, "%s", next->family->name);
    if (out->found) snprintf(out->family, sizeof out->family, "%s", best->family->name);
    if (out->found)
        say_found(&to, s, out->found);
    else
        say_none(&to, s);
}

int il_explain_verdict_settled(const il_explain_matches *all)
{
    int first = all->layers;
    while (first > 0) {
        double least = INFINITY;
        for (int i = 0; i < all->n; i++)
            if (all->match[i].layer[first - 1].share < least &&
                !all->match[i].family->layerwise)
                least = all->match[i].layer[first - 1].share;
        if (!(least <= resembles) || all->bent[first - 1] > bends) break;
        first--;
    }
    return first < all->layers ? first : 0;
}
