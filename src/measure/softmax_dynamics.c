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
 * `softmax_scores` has the scores of a trained model at its kept checkpoints, beside those of its recipe's dynamics.
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

/* Points 0..steps of `how`; free(*points). */
static il_status follow(il_population_point **points, const il_population_options *how,
                        int steps, il_error *err)
{
    il_population *p;
    IL_TRY(il_population_new(&p, how, err));
    *points = malloc(sizeof **points * ((size_t)steps + 1));
    il_status status = *points ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for steps");
    for (int i = 0; i <= steps && !status; i++) (*points)[i] = il_population_step(p);
    il_population_free(p);
    return status;
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
        status = follow(&at, &how, o->steps, err);
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

/* ---- a trained model ------------------------------------------------------------------------------- */

typedef struct {
    int draws;
    uint64_t seed;
    const char *run;
} beside;

static const il_opt beside_opts[] = {
    { "run", IL_OPT_STRING, offsetof(beside, run), 0, 0, 0, "folder of the run", NULL },
    { "draws", IL_OPT_INT, offsetof(beside, draws), 100, 1, 1e6,
      "of the counts of features, for every step's expectation", NULL },
    { "seed", IL_OPT_SEED, offsetof(beside, seed), 1, 0, 0, "which counts are drawn",
      NULL },
    { 0 },
};

/* The recipe's dynamics: with s_ij = k_j . q_i / sqrt(n_key) and the loss E (yhat - y)^2, a step of size r in the
 * weights of q is one of 2 r / n_key in the scores. */
static il_status recipe_setting(il_population_options *how, const il_config *c,
                                const beside *o, il_error *err)
{
    const il_task *task = il_task_find(c->training.task_name);
    int K = c->training.curriculum.dims.end, N = c->training.curriculum.points.end - 1;
    if (strcmp(c->training.task_name, "dictionary") || c->model.family != IL_STACK ||
        strcmp(c->model.blocks, "softmax") || !il_layout_at(c->model.tokens)->last ||
        c->model.read_in != IL_READ_NONE || c->model.n_head != 1 || N < 1 ||
        strcmp(c->training.optimizer, "sgd") || c->training.curriculum.dims.start != K ||
        c->training.curriculum.points.start != N + 1)
        return il_fail(err, IL_ECONFIG,
                       "softmax_scores takes a model of one softmax block with "
                       " one head on bare columns, trained on the task dictionary by "
                       "sgd with a fixed number of points");
    const il_opt *dominant = il_opt_find(task->opts, "dominant");
    int key = c->model.n_key ? c->model.n_key : c->model.n_embd;
    *how = (il_population_options){ .features = K,
                                    .examples = N,
                                    .step_size = 2 * c->training.learning_rate / key,
                                    .draws = o->draws,
                                    .seed = o->seed };
    memcpy(&how->dominant, (const char *)c->training.task_opts + dominant->offset,
           sizeof how->dominant);
    return IL_OK;
}

static const il_op *attention_of(const il_model *m)
{
    for (int i = 0; i < m->plan.n_ops; i++)
        if (!strcmp(m->plan.ops[i].kind->name, "attention")) return &m->plan.ops[i];
    return NULL;
}

/* B_km = (W_k v_m) . (W_q v_k) / sqrt(n_key) */
static double score_of(const il_model *m, int k, int from)
{
    int row;
    il_heads a;
    const il_op *op = attention_of(m);
    il_heads_of(&a, &m->plan, op);
    const il_param *q =
        &m->plan.params[il_heads_map(&m->plan, op, IL_ROLE_QUERY, &row)->par[0]];
    const il_param *key =
        &m->plan.params[il_heads_map(&m->plan, op, IL_ROLE_KEY, &row)->par[0]];
    double sum = 0;
    for (int i = 0; i < a.key; i++)
        sum += (double)m->weights[q->offset + (size_t)(i * q->cols + k)] *
               (double)m->weights[key->offset + (size_t)(i * key->cols + from)];
    return sum / sqrt(a.key);
}

static void set_scores(il_table *table, int row, const il_model *m,
                       const il_population_options *how, const il_population_point *at)
{
    int K = how->features, first = how->dominant > 0;
    double own = 0, on_dominant = first ? 0 : NAN, unit = log(K);
    for (int k = first; k < K; k++) {
        own += score_of(m, k, k) / (K - first);
        on_dominant += score_of(m, k, 0) / (K - first);
    }
    double numbers[] = { own / unit, at->own / unit, on_dominant / unit,
                         at->on_dominant / unit };
    il_measure_set(table, row, numbers, IL_COUNT(numbers));
}

static il_status fill_scores(il_table *table, const void *opt, const il_measured *model,
                             int n, il_error *err)
{
    (void)n;
    const beside *o = opt;
    const il_config *c = model->config;
    const char *folder = o->run ? o->run : model->folder;
    il_population_options how;
    il_population_point *at = NULL;
    IL_TRY(recipe_setting(&how, c, o, err));
    if (!folder)
        return il_fail(err, IL_ECONFIG,
                       "softmax_scores needs `run`, the folder of the run");
    il_status status = follow(&at, &how, c->training.train_steps, err);
    for (int i = 0; i < il_table_rows(table) && !status; i++) {
        char path[4096];
        il_model *m;
        int step = i * c->training.keep_every_steps;
        snprintf(path, sizeof path, "%s/checkpoints/step-%09d.safetensors", folder, step);
        status = step ? il_model_load(&m, path, err) : il_model_new(&m, c, err);
        if (status) break;
        set_scores(table, i, m, &how, &at[step]);
        il_model_free(m);
    }
    free(at);
    return status;
}

static il_status outline_scores(il_table *table, const void *opt, const il_measured *model,
                                int n, il_error *err)
{
    (void)n;
    il_population_options how;
    IL_TRY(recipe_setting(&how, model->config, opt, err));
    int every = model->config->training.keep_every_steps,
        kept = every ? model->config->training.train_steps / every : 0;
    for (int i = 0; i <= kept; i++)
        IL_TRY(il_outline_number(table, (double)i * every, err));
    return IL_OK;
}

const il_measure_kind il_measure_softmax_scores = {
    .name = "softmax_scores",
    .summary = "the scores that a softmax-attention layer learns on a dictionary, beside "
               "exact population dynamics",
    .opts = beside_opts,
    .size = sizeof(beside),
    .least = 1,
    .most = 1,
    .columns = "step own exact_own on_dominant exact_on_dominant",
    .outline = outline_scores,
    .fill = fill_scores,
};
