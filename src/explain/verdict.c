/* verdict.c - which family a model is said to run, and how sure that is
 *
 * Limits and what set them: match.h.
 */
#include "explain/match.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

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

/* Has every layer parameters of its own? */
static int has_own(const il_explain_match *m)
{
    return m->family->layerwise || m->family->own;
}

/* "step_size=0.02/n"; of a layerwise family the layer's own */
void il_explain_verdict_values(char *text, size_t size, const il_explain_match *m,
                               int layer)
{
    size_t at = 0;
    *text = 0;
    if (has_own(m) && layer < 0) return;
    for (int i = 0; i < m->family->n_free && at < size; i++) {
        const il_explain_parameter *p = &m->family->free[i];
        double v = has_own(m) ? m->layer[layer].value[i] : m->value[i];
        if (has_own(m) && isnan(m->layer[layer].share)) continue;
        at += (size_t)snprintf(text + at, size - at, "%s%s=%s%s", i ? " " : "", p->name,
                               il_digits_short(v).text, law_words(m->law, p->power));
    }
}

static int contains(const il_explain_family *family, const il_explain_family *other)
{
    char item[IL_TEXT];
    snprintf(item, sizeof item, "|%s|", other->name);
    return family->contains && strstr(family->contains, item);
}

/* Is a family another algorithm than the best, and no variant of it? */
static int is_other(const il_explain_family *family, const il_explain_family *best)
{
    size_t kind = strcspn(best->name, " ");
    int variant =
        !strncmp(family->name, best->name, kind) && strchr(" ", family->name[kind]);
    return !variant && !family->any && !best->any;
}

/* Another algorithm that explains the answers as well: of an exact match with at most one number more, and none that
 * contains the best or is part of it */
static int is_rival(const il_explain_match *m, const il_explain_match *best)
{
    if (!m->ties || !best->ties || !is_other(m->family, best->family)) return 0;
    return best->score > IL_EXACT ||
           (m->free <= best->free + 1 && !contains(m->family, best->family) &&
            !contains(best->family, m->family));
}

/* Has a family with parameters of its own in each layer as many of them as polynomials of A, one degree more after every
 * layer, have coefficients? Two steps with a momentum of their own are any two such polynomials. */
static int is_any_polynomial(const il_explain_match *m, const il_explain_matches *all)
{
    int steps = m->layer[all->layers - 1].step;
    return m->family->own && steps > 1 && 2 * m->free >= steps * (steps + 1);
}

/* Is what the best leaves more than rounding: do polynomials of A explain most of it on the prompts that were fitted? */
static int leaves_a_polynomial(const il_explain_matches *all)
{
    const il_explain_match *best = &all->match[0];
    if (!(best->fitted > IL_ROUNDING)) return 0;
    for (int i = 1; i < all->n; i++)
        if (all->match[i].family->any && best->fitted > IL_PART * all->match[i].fitted)
            return 1;
    return 0;
}

/* The first rival; else the other algorithm that leaves least; the best itself where there is none */
const il_explain_match *il_explain_verdict_runner_up(const il_explain_matches *m)
{
    const il_explain_match *next = NULL;
    for (int i = 1; i < m->n; i++)
        if (is_rival(&m->match[i], &m->match[0])) return &m->match[i];
    for (int i = 1; i < m->n; i++)
        if (is_other(m->match[i].family, m->match[0].family) &&
            !contains(m->match[i].family, m->match[0].family) &&
            !contains(m->match[0].family, m->match[i].family) && !m->match[i].ties &&
            (!next || m->match[i].score < next->score))
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

/* The layer from which on a mixture runs its second algorithm, from 0 */
static int first_of(const il_explain_matches *all, const il_explain_match *m)
{
    int l = all->first;
    while (l + 1 < all->layers && m->layer[l].step <= m->change) l++;
    return l;
}

static void say_rate(sentence *to, const il_explain_judged *s, const il_explain_match *m)
{
    const il_explain_family *family = m->family;
    if (m->scale != 1) say(to, ", answers times %s", il_digits_short(m->scale).text);
    if (family->then) say(to, ", from %s %d on", s->unit, first_of(s->matches, m) + 1);
    if (family->own || family->then || family->layerwise || !family->most_steps) return;
    if (isnan(m->rate)) return;
    say(to, ", %s step%s a %s", il_digits_short(m->rate).text, m->rate == 1 ? "" : "s",
        s->unit);
    if (m->variant == IL_STEPS_FREE) say(to, " (unevenly)");
}

/* A layerwise family's parameter in every layer: "step sizes 0.02, 0.14" */
static void say_list(sentence *to, const char *what, const il_explain_match *m,
                     const il_explain_matches *all, int i)
{
    int said = 0;
    for (int l = all->first; l < all->layers; l++)
        if (!isnan(m->layer[l].share))
            say(to, "%s%s%s", said++ ? ", " : what,
                isnan(m->layer[l].value[i]) ? "not identified"
                                            : il_digits_short(m->layer[l].value[i]).text,
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

static void say_values(sentence *to, const il_explain_match *m,
                       const il_explain_matches *all, int dims)
{
    char values[128];
    il_explain_verdict_values(values, sizeof values, m, -1);
    if (*values) say(to, " with %s", values);
    if (!has_own(m)) return;
    for (int i = 0; i < m->family->n_free; i++) {
        char what[IL_TEXT];
        snprintf(what, sizeof what, "%s%.60s ", i ? "; " : " (", m->family->free[i].name);
        for (char *c = what; *c; c++)
            if (*c == '_') *c = ' ';
        say_list(to, what, m, all, i);
    }
    if (m->shown && m->shown < dims)
        say(to,
            "; in the %d of %d dimensions that the inputs span, in the others not "
            "identified",
            m->shown, dims);
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

/* What the model's answers depend on that those of the linear methods do not */
static void say_invariances(sentence *to, const il_explain_matches *all)
{
    if (bent(all) > IL_BENDS)
        say(to, " %s %% are not linear in the query.",
            il_digits_short(100 * bent(all)).text);
    if (all->order > IL_RUNS)
        say(to, " They depend on the order of the examples: %s %%.",
            il_digits_short(100 * all->order).text);
    if (all->linear > IL_RUNS)
        say(to, " They are not linear in the examples' answers: %s %%.",
            il_digits_short(100 * all->linear).text);
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
        say(to, "the nearest, %s, leaves %s %% of the %s answers unexplained.",
            best->family->says, il_digits_short(100 * best->score).text, s->unit);
    say_invariances(to, all);
}

/* All others that explain the answers as well, those of the fewest numbers first */
static void say_rivals(sentence *to, const il_explain_matches *all)
{
    enum { MOST = 24 };
    const char *said[MOST];
    int n = 0;
    for (int i = 1; i < all->n && n < MOST; i++) {
        const il_explain_match *m = &all->match[i];
        int again = !is_rival(m, &all->match[0]);
        for (int k = 0; k < n; k++) again |= !strcmp(said[k], m->family->says);
        if (again) continue;
        say(to, "%s%s (%s %%)",
            n ? ", " : "Not sure, for these explain the answers as well: ", m->family->says,
            il_digits_short(100 * m->score).text);
        said[n++] = m->family->says;
    }
    say(to, "%s", n ? "." : "");
}

/* Why the best is no certain name, although nothing else explains as much */
static void say_doubt(sentence *to, const il_explain_judged *s)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0];
    if (!best->ties)
        say(to,
            "Not sure, for no algorithm explains every kind of data as well as the best "
            "one there.");
    else if (best->score > IL_EXACT)
        say(to, "Not sure, for %s %% is more than the rounding of a model that runs it.",
            il_digits_short(100 * best->score).text);
    else if (leaves_a_polynomial(all))
        say(to, "Not sure, for polynomials of A explain most of what it leaves.");
    else
        say(to,
            "Not sure, for with %d numbers it would explain any polynomials of A of "
            "as many coefficients.",
            best->free);
}

/* What no filter can explain is not held against the best one. */
static void say_floor(sentence *to, const il_explain_judged *s)
{
    const il_explain_matches *all = s->matches;
    const il_explain_match *best = &all->match[0];
    int worst = -1, last = all->layers - 1;
    for (int l = all->first; l < all->layers; l++)
        if (isfinite(all->floor[l]) && (worst < 0 || all->floor[l] > all->floor[worst]))
            worst = l;
    if (worst < 0 || all->floor[worst] <= IL_RUNS) return;
    say(to, " No polynomial of A leaves less than %s %% of %s %d",
        il_digits_short(100 * all->floor[worst]).text, s->unit, worst + 1);
    if (best->layer[last].share <= IL_RUNS && worst != last)
        say(to, "; of the last one's answers %s leaves %s %%", best->family->says,
            il_digits_short(100 * best->layer[last].share).text);
    say(to, ".");
}

static int has_rival(const il_explain_matches *all)
{
    for (int i = 1; i < all->n; i++)
        if (is_rival(&all->match[i], &all->match[0])) return 1;
    return 0;
}

static int is_sure(const il_explain_matches *all)
{
    const il_explain_match *best = &all->match[0];
    return best->ties && best->score <= IL_EXACT && !has_rival(all) &&
           !is_any_polynomial(best, all) && !leaves_a_polynomial(all);
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
    say(to, "%s", best->family->says);
    say_values(to, best, all, s->prompts->D);
    say_rate(to, s, best);
    say(to, ": %s %% of the %s answers unexplained, %s %% at worst. ",
        il_digits_short(100 * best->score).text, s->unit,
        il_digits_short(100 * il_explain_verdict_worst(best, all)).text);
    if (has_rival(all))
        say_rivals(to, all);
    else if (!is_sure(all))
        say_doubt(to, s);
    else if (next != best)
        say(to, "Next comes %s, which leaves %s %%.", next->family->says,
            il_digits_short(100 * next->score).text);
    say_floor(to, s);
    say_invariances(to, all);
    if (loud(all) == 1)
        say(to, " One layer's answers cannot tell algorithms apart that begin alike.");
}

int il_explain_verdict_level(const il_explain_matches *all)
{
    const il_explain_match *best = &all->match[0];
    if (loud(all) < 1 || !(best->score <= IL_RESEMBLES) ||
        (bent(all) > IL_BENDS && !best->family->answers))
        return IL_EXPLAINED_NONE;
    return best->score <= IL_RUNS && best->of_error <= 10 * IL_RUNS
               ? IL_EXPLAINED_RUNS
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
        out->explained += best->layer[l].share <= IL_RESEMBLES;
    snprintf(out->runner_up, sizeof out->runner_up, "%s", next->family->name);
    if (out->found) snprintf(out->family, sizeof out->family, "%s", best->family->name);
    out->sure = out->found == IL_EXPLAINED_RUNS && is_sure(all);
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
                (all->sifted || !has_own(&all->match[i])))
                least = all->match[i].layer[first - 1].share;
        if (!(least <= IL_RESEMBLES) || all->bent[first - 1] > IL_BENDS) break;
        first--;
    }
    return first < all->layers ? first : 0;
}
