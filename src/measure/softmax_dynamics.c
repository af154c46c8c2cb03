/* softmax_dynamics.c - how one softmax-attention layer learns the features of a dictionary, step by step
 *
 * Gradient descent on the population loss of the task `dictionary`, from zero scores (population.h); scores are in
 * units of log K. With a dominant feature its queries are learnt first. A rare query is then learnt in four stages:
 * (1) its score with the dominant feature falls; (2) its score with its own feature takes over the lead, from the
 * step at which it grows faster than the other falls until it is the larger one; (3) it grows to log K, where the own
 * feature has a constant share of the attention; (4) the loss converges.
 *
 *   each = step      losses, scores and attention at every step
 *   each = stage     from where to where a stage goes, and what is reached at its end
 *   each = features  by K: when the dominant and the rare features are learnt, and when the lead changes
 *
 * Source: Huang, Cheng & Liang 2024, arXiv:2310.05249, which names the stages and bounds their lengths.
 */
#include "measure/measure.h"
#include "measure/population.h"

#include <math.h>
#include <stdlib.h>

enum { BY_STEP, BY_STAGE, BY_FEATURES };

typedef struct {
    int each, examples, draws, steps;
    double dominant, step_size, target;
    char features[IL_TEXT];
    uint64_t seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(CHOICE, each, BY_STEP, 0, 2, "a row for each", "step|stage|features"),
    IL_MEASURE_KEY(TEXT, features, 0, 0, 0, "K; several for each = features", "16"),
    IL_MEASURE_KEY(INT, examples, 16, 1, 1e4, "in a prompt, for every feature", NULL),
    IL_MEASURE_KEY(REAL, dominant, 0.5, 0, 0.999, "probability of the first feature; 0: all are equally likely", NULL),
    IL_MEASURE_KEY(REAL, step_size, 0.0078125, 1e-9, 1e3, "of gradient descent, times K^2", NULL),
    IL_MEASURE_KEY(REAL, target, 0.01, 1e-9, 1, "the loss below which a query is learnt", NULL),
    IL_MEASURE_KEY(INT, draws, 100, 1, 1e6, "of the counts of features, for every step's expectation", NULL),
    IL_MEASURE_KEY(INT, steps, 1500, 1, 60000, "at most", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which counts are drawn", NULL),
    { 0 },
};
/* clang-format on */

/* ---- a trajectory ------------------------------------------------------------------------------ */

static il_population_options setting(const options *o, int K)
{
    return (il_population_options){ .features = K,
                                    .examples = o->examples * K,
                                    .dominant = o->dominant,
                                    .step_size = o->step_size * K * K,
                                    .draws = o->draws,
                                    .seed = o->seed };
}

/* Steps at which something happens; -1: not within the steps */
typedef struct {
    int dominant, lead, larger, own, rare;
} events;

static void note(int *event, int step, int happens)
{
    if (*event < 0 && happens) *event = step;
}

/* Changes of the scores are averaged over about ten steps, since the counts are drawn. */
static events events_of(const il_population_point *at, int steps, int K, double target)
{
    enum { SETTLED = 10 };
    events e = { -1, -1, -1, -1, -1 };
    double grows = 0, falls = 0, keep = 0.9;
    for (int i = 0; i <= steps; i++) {
        if (i) {
            grows = keep * grows + (1 - keep) * (at[i].own - at[i - 1].own);
            falls = keep * falls + (1 - keep) * (at[i - 1].on_dominant - at[i].on_dominant);
        }
        note(&e.dominant, i, at[i].dominant_loss < target);
        note(&e.lead, i, i >= SETTLED && grows > falls);
        note(&e.larger, i, e.lead >= 0 && at[i].own > -at[i].on_dominant);
        note(&e.own, i, at[i].own >= log(K));
        note(&e.rare, i, at[i].rare_loss < target);
    }
    return e;
}

/* ---- each = step ---------------------------------------------------------------------------------- */

static void set_point(il_table *table, int row, const il_population_point *at, double unit)
{
    double numbers[] = { at->dominant_loss,      at->rare_loss, at->own / unit,
                         at->on_dominant / unit, at->attention, at->attention_on_dominant };
    il_measure_set(table, row, numbers, IL_COUNT(numbers));
}

static void fill_steps(il_table *table, const options *o, const il_population_point *at,
                       int K)
{
    for (int i = 0; i <= o->steps; i++) set_point(table, i, &at[i], log(K));
}

/* ---- each = stage --------------------------------------------------------------------------------- */

static const char *const stages[] = { "dominant feature learnt", "1 dominant score falls",
                                      "2 lead changes", "3 own score grows",
                                      "4 loss converges" };

static void fill_stages(il_table *table, const options *o, const il_population_point *at,
                        int K)
{
    events e = events_of(at, o->steps, K, o->target);
    const int from[] = { 0, 0, e.lead, e.larger, e.own },
              until[] = { e.dominant, e.lead, e.larger, e.own, e.rare };
    for (int i = 0; i < IL_COUNT(stages); i++) {
        if (from[i] < 0 || until[i] < 0) continue; /* not reached: left empty */
        const il_population_point *end = &at[until[i]];
        double numbers[] = { from[i],
                             until[i],
                             i ? end->rare_loss : end->dominant_loss,
                             end->own / log(K),
                             end->on_dominant / log(K),
                             end->attention,
                             end->attention_on_dominant };
        il_measure_set(table, i, numbers, IL_COUNT(numbers));
    }
}

/* ---- each = features ------------------------------------------------------------------------------ */

static double step_of(int event) { return event < 0 ? NAN : event; }

static void fill_features(il_table *table, int row, const options *o,
                          const il_population_point *at, int K)
{
    events e = events_of(at, o->steps, K, o->target);
    const il_population_point *lead = e.lead < 0 ? NULL : &at[e.lead];
    double numbers[] = { step_of(e.dominant),
                         step_of(e.lead),
                         step_of(e.own),
                         step_of(e.rare),
                         step_of(e.rare) / step_of(e.dominant),
                         o->step_size * step_of(e.own),
                         lead ? lead->own / log(K) : NAN,
                         lead ? lead->on_dominant / log(K) : NAN,
                         e.own < 0 ? NAN : at[e.own].attention };
    il_measure_set(table, row, numbers, IL_COUNT(numbers));
}

/* ---- the table ------------------------------------------------------------------------------------ */

/* The next K of a list; 0 at its end */
static il_status next_features(int *K, const char **list, il_error *err)
{
    char word[IL_TEXT];
    double value;
    *K = 0;
    if (!il_item_next(word, list, ", ")) return IL_OK;
    if (!il_number_parse(word, &value) || value != floor(value) || value < 3 || value > 512)
        return il_fail(err, IL_ECONFIG,
                       "softmax_dynamics: features = '%s' is no number of features from 3 "
                       "to 512",
                       il_show(word).text);
    *K = (int)value;
    return IL_OK;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    static const char *const columns[] = {
        "step dominant_loss rare_loss own on_dominant attention attention_on_dominant",
        "stage$ from until loss own on_dominant attention attention_on_dominant",
        ("features dominant lead own rare ratio scaled_own own_at_lead "
         "on_dominant_at_lead attention")
    };
    const options *o = opt;
    const char *list = o->features;
    int K, number = 0;
    (void)model, (void)n;
    IL_TRY(il_table_add_cols(table, columns[o->each], err));
    do {
        IL_TRY(next_features(&K, &list, err));
        if (K && o->each == BY_FEATURES) IL_TRY(il_outline_number(table, K, err));
        number += K > 0;
    } while (K);
    if (!number || (number > 1 && o->each != BY_FEATURES))
        return il_fail(err, IL_ECONFIG,
                       "softmax_dynamics: features = '%s' are %d numbers; give one, or "
                       "several for each = features",
                       il_show(o->features).text, number);
    for (int i = 0; i <= o->steps && o->each == BY_STEP; i++)
        IL_TRY(il_outline_number(table, i, err));
    for (int i = 0; i < IL_COUNT(stages) && o->each == BY_STAGE; i++)
        IL_TRY(il_outline_name(table, stages[i], err));
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)model, (void)n;
    const options *o = opt;
    const char *list = o->features;
    il_status status = IL_OK;
    int K = 0;
    for (int row = 0; !status; row++) {
        il_population_point *at = NULL;
        status = next_features(&K, &list, err);
        if (status || !K) break;
        il_population_options how = setting(o, K);
        status = il_population_follow(&at, &how, o->steps, err);
        if (!status && o->each == BY_STEP) fill_steps(table, o, at, K);
        if (!status && o->each == BY_STAGE) fill_stages(table, o, at, K);
        if (!status && o->each == BY_FEATURES) fill_features(table, row, o, at, K);
        free(at);
    }
    return status;
}

const il_measure_kind il_measure_softmax_dynamics = {
    .name = "softmax_dynamics",
    .summary = "how gradient descent on the population loss of one softmax-attention layer "
               "learns the features of a dictionary",
    .opts = opts,
    .size = sizeof(options),
    .untrained = 1,
    .outline = outline,
    .fill = fill,
};
