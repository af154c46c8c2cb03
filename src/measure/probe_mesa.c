/* probe_mesa.c - what a probe reads from the stream, by the protocol of von Oswald et al.
 *
 * For a number of examples k and a layer, ridge regression (or a network of `hidden` units) from the
 * stream to a target of targets.h; the error, half the mean squared one, is that on other
 * prompts. Layer 0 is what the first block reads. `control` takes the target of another prompt, which
 * nothing can read. From the preconditioned input alone, which does not hold the answer, there is one row.
 *
 * Prompts whose preconditioned input is longer than two deviations above the mean are left out.
 * Source: von Oswald et al. 2023, arXiv:2309.05858, figures 4E, 4F, 6, 24, 25; fitted and scored
 * on the same 256 prompts there.
 */
#include "measure/probing.h"

#include <math.h>
#include <stdlib.h>

typedef il_probe_options options;

enum { MOST_AT = 12, PROMPTS = 1024 };

/* Prompts, and of each position which of them count and their preconditioned inputs */
typedef struct {
    il_batch *batch;
    char *kept;  /* (P,B) */
    double *pre; /* (P,B,Z) */
} sample;

typedef struct {
    const il_model *model;
    const options *o;
    il_target target, pre, next;
    int prompts, P, examples[MOST_AT], tokens[MOST_AT], Z;
    sample fit, test;
} job;

static il_status find_positions(job *j, il_error *err)
{
    const char *text = j->o->ask.examples ? j->o->ask.examples : "9,19";
    int N = j->model->config.training.curriculum.points.end;
    while (*(text += strspn(text, " ,"))) {
        char *end;
        long k = strtol(text, &end, 10);
        if (end == text || k < 1 || k >= N || j->P == MOST_AT)
            return il_fail(err, IL_ECONFIG,
                           "examples: at '%s': at most %d numbers of examples are allowed, "
                           "each from 1 to %d",
                           il_show(text).text, MOST_AT, N - 1);
        j->tokens[j->P] = il_model_tokens(j->model, (int)k);
        j->examples[j->P++] = (int)k;
        text = end;
    }
    return j->P ? IL_OK : il_fail(err, IL_ECONFIG, "examples: no number is given");
}

static il_status find_target(job *j, il_error *err)
{
    const char *target = j->o->target ? j->o->target : "answer";
    IL_TRY(il_target_find(&j->pre, "preconditioned", err));
    IL_TRY(il_target_find(&j->next, "answer", err));
    IL_TRY(il_target_find(&j->target, target, err));
    j->pre.stack = j->target.stack = j->o->stack;
    j->pre.ridge = j->target.ridge = j->o->ridge;
    return IL_OK;
}

static void drop_long(char *kept, const double *pre, int B, int Z)
{
    double sum = 0, square = 0;
    for (int b = 0; b < B; b++) {
        double n = 0;
        for (int i = 0; i < Z; i++) n += pre[b * Z + i] * pre[b * Z + i];
        sum += sqrt(n) / B;
        square += n / B;
    }
    double most = sum + 2 * sqrt(fmax(0, square - sum * sum));
    for (int b = 0; b < B; b++) {
        double n = 0;
        for (int i = 0; i < Z; i++) n += pre[b * Z + i] * pre[b * Z + i];
        kept[b] = sqrt(n) < most;
    }
}

static il_status draw(job *j, sample *to, uint64_t seed, il_error *err)
{
    const il_config *c = &j->model->config;
    const il_task *task = il_task_find(c->training.task_name);
    int B = j->prompts, D = c->model.n_dims;
    il_draw at = { .seed = seed, .stream = IL_STREAM_EVAL };
    IL_TRY(il_batch_new_drawn(&to->batch, task, c->training.task_opts, NULL, B,
                              c->training.curriculum.points.end, D,
                              c->training.curriculum.dims.end, at, err));
    j->Z = il_target_outs(&j->pre, to->batch);
    to->kept = malloc((size_t)j->P * (size_t)B);
    to->pre = malloc(sizeof *to->pre * (size_t)j->P * (size_t)B * (size_t)j->Z);
    if (!to->kept || !to->pre) return il_fail(err, IL_EFAIL, "out of memory for probes");
    for (int p = 0; p < j->P; p++) {
        double *pre = to->pre + (size_t)p * (size_t)B * (size_t)j->Z;
        IL_TRY(il_target_fill(pre, &j->pre, to->batch, j->examples[p], err));
        drop_long(to->kept + (size_t)p * (size_t)B, pre, B, j->Z);
    }
    return IL_OK;
}

static void leave(sample *s)
{
    il_batch_free(s->batch);
    free(s->kept);
    free(s->pre);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void set_row(il_table *table, const job *j, int row, const double *error)
{
    double mean = 0;
    for (int p = 0; p < j->P; p++) {
        il_table_set(table, row, 1 + p, error[p] / 2);
        mean += error[p] / 2 / j->P;
    }
    il_table_set(table, row, 1 + j->P, mean);
}

static il_status probe_stream(il_table *table, const job *j, const il_regressor *regressor,
                              il_error *err)
{
    il_observe_layers *layers;
    IL_TRY(il_observe_layers_new(&layers, j->model, 0, err));
    il_probing p = { .model = j->model,
                     .layers = layers,
                     .fit = j->fit.batch,
                     .test = j->test.batch,
                     .P = j->P,
                     .examples = j->examples,
                     .tokens = j->tokens,
                     .target = &j->target,
                     .targets = 1,
                     .controls = j->o->control,
                     .regressor = regressor,
                     .kept_fit = j->fit.kept,
                     .kept_test = j->test.kept };
    il_regressor_score *score =
        malloc(sizeof *score * il_probe_at(&p, layers->n + 1, 0, 0, 0));
    il_status status =
        score ? il_probe(score, &p, err) : il_fail(err, IL_EFAIL, "out of memory");
    for (int l = 0; l <= layers->n && !status; l++) {
        double error[MOST_AT];
        for (int i = 0; i < j->P; i++)
            error[i] = score[il_probe_at(&p, l, i, 0, j->o->control)].error;
        set_row(table, j, l, error);
    }
    free(score);
    il_observe_layers_free(layers);
    return status;
}

/* ---- the preconditioned input alone ------------------------------------------------------------ */

static il_status pairs_of(il_regressor_rows *to, const job *j, const sample *s, int p,
                          il_error *err)
{
    size_t B = (size_t)j->prompts, Z = (size_t)j->Z;
    int O = s->batch->outs;
    il_real *x = malloc(sizeof *x * B * Z);
    double *y = malloc(sizeof *y * B * (size_t)O);
    *to = (il_regressor_rows){ .x = x,
                               .stride = Z,
                               .positions = 1,
                               .width = j->Z,
                               .y = y,
                               .kept = s->kept + (size_t)p * B,
                               .n = j->prompts,
                               .outs = O };
    if (!x || !y) return il_fail(err, IL_EFAIL, "out of memory for probes");
    for (size_t i = 0; i < B * Z; i++) x[i] = (il_real)s->pre[(size_t)p * B * Z + i];
    return il_target_fill(y, &j->next, s->batch, j->examples[p], err);
}

static void free_pairs(const il_regressor_rows *p)
{
    free((void *)p->x);
    free((void *)p->y);
}

static il_status probe_alone(il_table *table, const job *j, const il_regressor *regressor,
                             il_error *err)
{
    double error[MOST_AT];
    il_status status = IL_OK;
    for (int p = 0; p < j->P && !status; p++) {
        il_regressor_rows fit = { 0 }, test = { 0 };
        il_regressor_score score = { 0 };
        status = pairs_of(&fit, j, &j->fit, p, err);
        if (!status) status = pairs_of(&test, j, &j->test, p, err);
        if (!status) status = il_regress(&score, regressor, &fit, &test, NULL, err);
        error[p] = score.error;
        free_pairs(&fit);
        free_pairs(&test);
    }
    if (!status) set_row(table, j, 0, error);
    return status;
}

/* ---- the table --------------------------------------------------------------------------------- */

static il_status find(job *j, const options *o, const il_model *model, il_error *err)
{
    *j = (job){ .model = model,
                .o = o,
                .prompts = o->ask.prompts ? o->ask.prompts : PROMPTS };
    if (o->ask.task || o->ask.data || o->ask.dims || o->ask.loops || o->pool)
        return il_fail(
            err, IL_ECONFIG,
            "probe: protocol = mesa takes the model's own prompts and one token; "
            "leave task, data, dims, loops and pool out");
    IL_TRY(il_model_check_prompts(model, err));
    IL_TRY(find_positions(j, err));
    return find_target(j, err);
}

il_status il_probe_mesa_outline(il_table *table, const options *o, const il_measured *model,
                                il_error *err)
{
    job found, *j = &found;
    il_observe_layers *layers;
    IL_TRY(find(j, o, model->model, err));
    IL_TRY(il_table_set_caption(table, "half the squared error of a probe", err));
    IL_TRY(il_table_add_col(table, "layer", 0, err));
    for (int p = 0; p < j->P; p++) {
        char name[32];
        snprintf(name, sizeof name, "k=%d", j->examples[p]);
        IL_TRY(il_table_add_col(table, name, 0, err));
    }
    IL_TRY(il_table_add_col(table, "mean", 0, err));
    IL_TRY(il_observe_layers_new(&layers, j->model, 0, err));
    int last = j->o->from ? 0 : layers->n;
    il_observe_layers_free(layers);
    for (int l = 0; l <= last; l++) IL_TRY(il_outline_number(table, l, err));
    return IL_OK;
}

il_status il_probe_mesa_fill(il_table *table, const options *o, const il_measured *model,
                             il_error *err)
{
    job j;
    il_regressor regressor;
    IL_TRY(il_probe_regressor(&regressor, o, 1e-6, err));
    IL_TRY(find(&j, o, model->model, err));
    il_status status = draw(&j, &j.fit, o->ask.seed, err);
    if (!status) status = draw(&j, &j.test, o->ask.seed + 1, err);
    if (!status)
        status = o->from ? probe_alone(table, &j, &regressor, err)
                         : probe_stream(table, &j, &regressor, err);
    leave(&j.fit);
    leave(&j.test);
    return status;
}
