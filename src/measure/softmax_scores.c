/* softmax_scores.c - the scores of a trained softmax-attention layer at its kept checkpoints, beside the exact dynamics
 *
 * Of a layer that learns the task `dictionary` by gradient descent; the exact dynamics are those of its recipe
 * (population.h). Scores are means over the rare features, in units of log K.
 * Source: Huang, Cheng & Liang 2024, arXiv:2310.05249.
 */
#include "measure/measure.h"
#include "measure/population.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int draws;
    uint64_t seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(INT, draws, 100, 1, 1e6, "of the counts of features, for every step's expectation", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which counts are drawn", NULL),
    { 0 },
};
/* clang-format on */

/* The recipe's dynamics: with s_ij = k_j . q_i / sqrt(n_key) and the loss E (yhat - y)^2, a step of size r in the
 * weights of q is one of 2 r / n_key in the scores. */
static il_status setting(il_population_options *how, const il_config *c, const options *o,
                         il_error *err)
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

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)n;
    const options *o = opt;
    const il_config *c = model->config;
    il_population_options how;
    il_population_point *at = NULL;
    IL_TRY(setting(&how, c, o, err));
    il_status status = il_population_follow(&at, &how, c->training.train_steps, err);
    for (int i = 0; i < il_table_rows(table) && !status; i++) {
        char path[4096];
        il_model *m;
        int step = i * c->training.keep_every_steps;
        status = il_measured_kept(path, sizeof path, model, step, err);
        if (!status)
            status = step ? il_model_load(&m, path, err) : il_model_new(&m, c, err);
        if (status) break;
        set_scores(table, i, m, &how, &at[step]);
        il_model_free(m);
    }
    free(at);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)n;
    il_population_options how;
    IL_TRY(setting(&how, model->config, opt, err));
    return il_outline_kept(table, model->config, err);
}

const il_measure_kind il_measure_softmax_scores = {
    .name = "softmax_scores",
    .summary = "the scores that a softmax-attention layer learns on a dictionary, beside "
               "exact population dynamics",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .columns = "step own exact_own on_dominant exact_on_dominant",
    .outline = outline,
    .fill = fill,
};
