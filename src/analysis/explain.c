/* explain.c - which algorithm a model's forward pass runs
 *
 * Reads a prediction after every layer or loop, fits every family of algorithms to the readings,
 * and says which one they follow, how many of its steps a layer is worth, how sure that is and what
 * comes next; or that none of them does. Thresholds and their reasons: docs/explain.md.
 */
#include "analysis/subject.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

/* Mean share of a reading's mean square that a family leaves unexplained */
static const double runs = 0.01, resembles = 0.1;
/* The runner-up leaves at least this many times more when a verdict is sure */
static const double sure = 3;

/* ---- reading ------------------------------------------------------------------------------------ */

static il_status read_probe(il_subject *s, il_explanation *out, il_error *err)
{
    IL_TRY(il_subject_fit(s, err));
    IL_TRY(il_readings_probe(&s->readings, s->model, s->layers, s->fit, s->evidence, err));
    IL_TRY(il_explain_readings(s->evidence, s->readings,
                               s->layers->loops ? "loop" : "layer", out, err));
    snprintf(out->reading, sizeof out->reading, "probe");
    return IL_OK;
}

static int better(const il_explanation *a, const il_explanation *b)
{
    if (a->explained != b->explained) return a->explained > b->explained;
    return a->score < b->score / 2;
}

/* A construction may answer in its last blocks alone, so these are tried as part of the end; the
 * reading whose layers are explained most is kept. */
static il_status read_lens(il_subject *s, il_explanation *out, il_error *err)
{
    int most = s->layers->loops ? 0 : il_min(2, s->layers->n - 1);
    for (int tail = 0; tail <= most; tail++) {
        il_explanation e = { 0 };
        il_readings_free(s->readings);
        s->readings = NULL;
        IL_TRY(il_readings_lens(&s->readings, s->model, s->layers, tail, s->evidence, err));
        IL_TRY(il_explain_readings(s->evidence, s->readings,
                                   s->layers->loops ? "loop" : "layer", &e, err));
        e.tail = tail;
        snprintf(e.reading, sizeof e.reading, "lens");
        if (!tail || better(&e, out)) {
            il_explanation_free(out);
            *out = e;
        } else {
            il_explanation_free(&e);
        }
    }
    return IL_OK;
}

/* ---- words ------------------------------------------------------------------------------------------ */

static const char *law_words(il_law law, int power)
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
static void print_values(char *text, size_t size, const il_match *m, int layer)
{
    size_t at = 0;
    *text = 0;
    if (m->family->layerwise && layer < 0) return;
    for (int i = 0; i < m->family->n_free && at < size; i++) {
        const il_free *p = &m->family->free[i];
        double v = m->family->layerwise ? m->layer[layer].value[i] : m->value[i];
        at += (size_t)snprintf(text + at, size - at, "%s%s=%s%s", i ? " " : "", p->name,
                               il_digits_short(v).text, law_words(m->law, p->power));
    }
}

/* Is a family another algorithm than the best? Not a variant of it, nor one that contains it. */
static int is_rival(const il_family *family, const il_family *best)
{
    char item[IL_TEXT];
    size_t kind = strcspn(best->name, " ");
    snprintf(item, sizeof item, "|%s|", best->name);
    if (!strncmp(family->name, best->name, kind) && strchr(" ", family->name[kind]))
        return 0;
    return !(family->contains && strstr(family->contains, item));
}

/* Does m give the best's own answers, at steps of uneven spacing? (worth() in match.c) */
static int is_same(const il_match *m, const il_match *best)
{
    return m->score <= 1.05 * best->score && m->straight < best->straight;
}

/* The rival that leaves least */
static const il_match *runner_up(const il_matches *m)
{
    const il_match *next = NULL;
    for (int i = 1; i < m->n; i++)
        if (is_rival(m->match[i].family, m->match[0].family) &&
            !is_same(&m->match[i], &m->match[0]) &&
            (!next || m->match[i].score < next->score))
            next = &m->match[i];
    return next ? next : &m->match[0];
}

static double worst_share(const il_match *m, const il_matches *all)
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

/* Readings and what was matched with them */
typedef struct {
    const il_evidence *evidence;
    const il_readings *readings;
    il_matches *matches;
    const char *unit;
} judged;

static void say_rate(sentence *to, const judged *s, const il_match *m)
{
    if (m->family->layerwise || !strncmp(m->family->name, "ridge", 5)) return;
    if (isnan(m->rate)) return;
    say(to, ", %s step%s a %s", il_digits_short(m->rate).text, m->rate == 1 ? "" : "s",
        s->unit);
    if (m->straight < 0.8) say(to, " (unevenly)");
}

static void say_values(sentence *to, const il_match *m, const il_matches *all)
{
    char values[128];
    print_values(values, sizeof values, m, -1);
    if (*values) say(to, " with %s", values);
    for (int l = 0; m->family->layerwise && l < all->layers; l++)
        say(to, "%s%s", l ? ", " : " (step sizes ",
            il_digits_short(m->layer[l].value[0]).text);
    if (m->family->layerwise) say(to, "%s)", law_words(m->law, -1));
}

static void say_none(sentence *to, const il_matches *all)
{
    const il_match *best = &all->match[0];
    say(to, "None of these: ");
    if (all->silent == all->layers)
        say(to, "there is nothing to read in any layer.");
    else
        say(to,
            "the nearest, %s, leaves %s %% of the readings unexplained; at most %s %% is "
            "called a resemblance.",
            best->family->says, il_digits_short(100 * best->score).text,
            il_digits_short(100 * resembles).text);
}

/* The families that leave not much more, up to four of them */
static void say_rivals(sentence *to, const il_matches *all)
{
    int said = 0;
    say(to, "Not sure, for these leave little more or even less: ");
    for (int i = 1; i < all->n && said < 4; i++) {
        const il_match *m = &all->match[i];
        if (!is_rival(m->family, all->match[0].family) ||
            m->score > sure * all->match[0].score)
            continue;
        say(to, "%s%s (%s %%)", said++ ? ", " : "", m->family->says,
            il_digits_short(100 * m->score).text);
    }
    say(to, ".");
}

static void say_found(sentence *to, const judged *s, int found)
{
    const il_matches *all = s->matches;
    const il_match *best = &all->match[0], *next = runner_up(all);
    double ratio = next->score / fmax(best->score, 1e-12);
    if (all->first)
        say(to, "From %s %d on the answers %s ", s->unit, all->first + 1,
            found == IL_EXPLAINED_RUNS ? "are those of" : "resemble");
    else
        say(to, "The model %s ", found == IL_EXPLAINED_RUNS ? "runs" : "resembles");
    say(to, "%s", best->family->says);
    say_values(to, best, all);
    say_rate(to, s, best);
    say(to, ": %s %% of the readings unexplained, %s %% at worst. ",
        il_digits_short(100 * best->score).text,
        il_digits_short(100 * worst_share(best, all)).text);
    if (ratio >= sure)
        say(to, "Next comes %s, which leaves %s times as much.", next->family->says,
            il_digits_short(ratio).text);
    else
        say_rivals(to, all);
    for (int i = 1; i < all->n; i++)
        if (is_rival(all->match[i].family, best->family) && is_same(&all->match[i], best))
            say(to, " At uneven steps %s gives the same answers.",
                all->match[i].family->says);
    if (all->layers - all->silent == 1)
        say(to, " One reading cannot tell algorithms apart that begin alike.");
}

static int level(const il_matches *all)
{
    const il_match *best = &all->match[0];
    if (all->layers - all->silent < 1 || best->score > resembles) return IL_EXPLAINED_NONE;
    return best->score <= runs && best->of_error <= 10 * runs ? IL_EXPLAINED_RUNS
                                                              : IL_EXPLAINED_RESEMBLES;
}

static void judge(const judged *s, il_explanation *out)
{
    const il_matches *all = s->matches;
    const il_match *best = &all->match[0], *next = runner_up(all);
    sentence to = { out->verdict, sizeof out->verdict, 0 };
    out->found = level(all);
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
        say_none(&to, all);
}

/* The first layer from which on some family explains every reading; 0 when these are fewer than a
 * third of the layers, or less than two */
static int settled(const il_matches *all)
{
    int first = all->layers;
    while (first > 0) {
        double least = INFINITY;
        for (int i = 0; i < all->n; i++)
            if (all->match[i].layer[first - 1].share < least &&
                !all->match[i].family->layerwise)
                least = all->match[i].layer[first - 1].share;
        if (!(least <= resembles)) break;
        first--;
    }
    int left = all->layers - first;
    return left >= 2 && 3 * left >= all->layers ? first : 0;
}

/* ---- tables -------------------------------------------------------------------------------------------- */

static il_status fill_layers(il_table *t, const judged *s, il_error *err)
{
    const il_matches *all = s->matches;
    const il_match *best = &all->match[0], *next = runner_up(all);
    char values[128];
    IL_TRY(il_inspect_columns(
        t,
        "layer$ family$ step parameters$ sime simw spd ilwd share runner_up$ "
        "runner_up_step runner_up_share",
        err));
    for (int l = 0; l < all->layers; l++) {
        const il_layer_match *m = &best->layer[l];
        const double numbers[] = { m->sime, m->simw, m->spd, m->ilwd, m->share };
        IL_TRY(il_table_add_row(t, err));
        IL_TRY(il_table_set_text(t, l, 0, s->readings->names[l].text, err));
        print_values(values, sizeof values, best, l);
        IL_TRY(il_table_set_text(t, l, 1, best->family->name, err));
        il_table_set(t, l, 2, isnan(m->share) ? NAN : m->step);
        IL_TRY(il_table_set_text(t, l, 3, values, err));
        for (int i = 0; i < IL_COUNT(numbers); i++) il_table_set(t, l, 4 + i, numbers[i]);
        IL_TRY(il_table_set_text(t, l, 9, next->family->name, err));
        il_table_set(t, l, 10, isnan(m->share) ? NAN : next->layer[l].step);
        il_table_set(t, l, 11, next->layer[l].share);
    }
    return IL_OK;
}

static il_status fill_families(il_table *t, const judged *s, il_error *err)
{
    const il_matches *all = s->matches;
    char values[128];
    IL_TRY(il_inspect_columns(
        t, "family$ parameters$ score worst steps_per_layer straight free wins", err));
    for (int i = 0; i < all->n; i++) {
        const il_match *m = &all->match[i];
        const double numbers[] = { m->score, worst_share(m, all),
                                   m->rate,  m->straight,
                                   m->free,  m->wins };
        IL_TRY(il_table_add_row(t, err));
        print_values(values, sizeof values, m, -1);
        IL_TRY(il_table_set_text(t, i, 0, m->family->name, err));
        IL_TRY(il_table_set_text(t, i, 1, values, err));
        for (int j = 0; j < IL_COUNT(numbers); j++) il_table_set(t, i, 2 + j, numbers[j]);
    }
    return IL_OK;
}

/* Similarity of errors for every layer and step of the best family that has steps, up to a little
 * beyond its last best step */
static il_status fill_heat(il_table *t, const judged *s, il_error *err)
{
    const il_matches *all = s->matches;
    const il_match *m = NULL;
    int most = 0, row = 0;
    for (int i = 0; i < all->n && !m; i++)
        if (all->match[i].heat) m = &all->match[i];
    IL_TRY(il_inspect_columns(t, "layer step sime best row", err));
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

/* Which layers a figure of few lines shows: evenly chosen, the last one always */
static int shown(const il_matches *all, int layer[SHOWN])
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

static double place(const il_evidence *e, int c, size_t i)
{
    return e->cell[c].lambda[i] / e->cell[c].n;
}

static void add_profile(profile *to, const judged *s, const double *w, double low,
                        double high)
{
    const il_evidence *e = s->evidence;
    size_t size = (size_t)e->B * (size_t)e->D;
    memset(to, 0, sizeof *to);
    for (int c = 0; c < e->cells; c++)
        for (size_t i = 0; i < size; i++) {
            double lambda = e->cell[c].lambda[i], b = e->cell[c].b[i];
            if (!(lambda > 0)) continue;
            double where = log(place(e, c, i) / low) / log(high / low) * BINS;
            int bin = il_max(0, il_min(BINS - 1, (int)where));
            double weight = b * b / lambda;
            to->value[bin] += weight - b * w[(size_t)c * size + i];
            to->weight[bin] += weight;
        }
}

static void extent(const judged *s, double *low, double *high)
{
    const il_evidence *e = s->evidence;
    *low = INFINITY, *high = 0;
    for (int c = 0; c < e->cells; c++)
        for (size_t i = 0; i < (size_t)e->B * (size_t)e->D; i++) {
            double x = place(e, c, i);
            if (x > 0) *low = fmin(*low, x), *high = fmax(*high, x);
        }
    if (!(*high > *low)) *low = 1, *high = 2;
}

static il_status fill_spectrum(il_table *t, const judged *s, il_error *err)
{
    const il_matches *all = s->matches;
    const il_match *best = &all->match[0];
    size_t size =
        (size_t)s->evidence->cells * (size_t)s->evidence->B * (size_t)s->evidence->D;
    int layer[SHOWN], n = shown(all, layer);
    double low, high;
    profile p;
    char name[IL_TEXT];
    IL_TRY(il_table_set_caption(t, "part of the error that is left", err));
    IL_TRY(il_inspect_columns(t, "eigenvalue", err));
    extent(s, &low, &high);
    for (int i = 0; i < BINS; i++) {
        IL_TRY(il_table_add_row(t, err));
        il_table_set(t, i, 0, low * exp((i + 0.5) / BINS * log(high / low)));
    }
    for (int i = 0; i < 2 * n; i++) {
        int l = layer[i / 2];
        snprintf(name, sizeof name, "%s%.40s", i % 2 ? "the algorithm at " : "",
                 s->readings->names[l].text);
        IL_TRY(il_table_add_col(t, name, 0, err));
        add_profile(&p, s, (i % 2 ? best->w : all->w) + (size_t)l * size, low, high);
        for (int k = 0; k < BINS; k++)
            il_table_set(t, k, i + 1, p.weight[k] > 0 ? p.value[k] / p.weight[k] : NAN);
    }
    return IL_OK;
}

/* The last layer's answers beside the algorithm's, at a few hundred queries */
static il_status fill_answers(il_table *t, const judged *s, il_error *err)
{
    const il_matches *all = s->matches;
    const il_evidence *e = s->evidence;
    size_t points = il_points(e), size = (size_t)e->cells * (size_t)e->B * (size_t)e->D;
    size_t stride = points / POINTS + 1;
    const double *w = all->match[0].w + (size_t)(all->layers - 1) * size;
    const double *yhat = s->readings->yhat + (size_t)(all->layers - 1) * points;
    int row = 0;
    IL_TRY(il_inspect_columns(t, "algorithm model", err));
    for (size_t i = 0; i < points; i += stride) {
        size_t prompt = i / (size_t)e->Q, each = (size_t)e->B * (size_t)e->Q;
        const double *q = e->cell[i / each].q + (i % each) * (size_t)e->D;
        double sum = 0;
        for (int d = 0; d < e->D; d++) sum += q[d] * w[prompt * (size_t)e->D + (size_t)d];
        IL_TRY(il_table_add_row(t, err));
        il_table_set(t, row, 0, sum);
        il_table_set(t, row++, 1, yhat[i]);
    }
    return IL_OK;
}

static il_status new_table(il_table **t, const char *name, const judged *s,
                           il_status (*fill)(il_table *, const judged *, il_error *),
                           il_error *err)
{
    IL_TRY(il_table_new(t, name, err));
    return fill(*t, s, err);
}

void il_explanation_free(il_explanation *e)
{
    if (!e) return;
    il_table_free(e->layers);
    il_table_free(e->families);
    il_table_free(e->steps);
    il_table_free(e->spectrum);
    il_table_free(e->answers);
    *e = (il_explanation){ 0 };
}

/* Matches all layers; if none of these fits, only those after which the answers have settled. */
static il_status match(judged *s, il_error *err)
{
    IL_TRY(il_matches_new(&s->matches, s->evidence, s->readings, 0, err));
    int first = level(s->matches) ? 0 : settled(s->matches);
    if (!first) return IL_OK;
    il_matches_free(s->matches);
    s->matches = NULL;
    return il_matches_new(&s->matches, s->evidence, s->readings, first, err);
}

il_status il_explain_readings(const il_evidence *evidence, const il_readings *readings,
                              const char *unit, il_explanation *out, il_error *err)
{
    judged s = { .evidence = evidence, .readings = readings, .unit = unit };
    il_explanation made = { 0 };
    il_status status = match(&s, err);
    if (!status) judge(&s, &made);
    if (!status) status = new_table(&made.layers, "layers", &s, fill_layers, err);
    if (!status) status = new_table(&made.families, "families", &s, fill_families, err);
    if (!status) status = new_table(&made.steps, "steps", &s, fill_heat, err);
    if (!status) status = new_table(&made.spectrum, "spectrum", &s, fill_spectrum, err);
    if (!status) status = new_table(&made.answers, "answers", &s, fill_answers, err);
    il_matches_free(s.matches);
    if (status)
        il_explanation_free(&made);
    else
        *out = made;
    return status;
}

il_status il_explain(const il_model *model, const il_explain_options *options,
                     il_explanation *out, il_error *err)
{
    il_subject s;
    il_explanation made = { 0 };
    il_status status = il_subject_new(&s, model, options, err);
    if (!status) status = s.probe ? read_probe(&s, &made, err) : read_lens(&s, &made, err);
    il_subject_free(&s);
    if (status)
        il_explanation_free(&made);
    else
        *out = made;
    return status;
}
