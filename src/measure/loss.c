/* loss.c - test loss: the training loss on unseen prompts, with its standard error
 *
 * Columns: model, loss, and its standard error over prompts (from the sums of groups of 50). The
 * loss is the mean over the points that the model's layout predicts: on `columns` the last point of
 * a prompt alone. It is in the task's units, not divided by the error of predicting zero. With `less` it
 * is the excess over the squared error of an algorithm, paired by prompt.
 */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int prompts, loops, seed;
    char less[IL_TEXT];
} options;
static const il_opt opts[] = {
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 100000, 1, 1e9, "how many", NULL },
    { "loops", IL_OPT_INT, offsetof(options, loops), 0, 0, IL_MOST_LOOPS,
      "0: as in training", NULL },
    { "seed", IL_OPT_INT, offsetof(options, seed), 1, 0, 2147483647, "which prompts",
      NULL },
    { "less", IL_OPT_TEXT, offsetof(options, less), 0, 0, 0,
      "an algorithm whose loss on the same prompts is subtracted", "" },
    { 0 },
};

enum { SHARD = 50, BATCH = 5000 }; /* prompts in a state, and drawn at once */

typedef struct {
    double sum, squares, prompts; /* of shards' losses and their squares */
    int shards;
} sums;

/* The squared errors of an algorithm at the points that the model predicts, of prompts first.. */
static double squared_errors(const il_batch *batch, const il_real *yhat, int first, int n,
                             int from)
{
    const il_real *y = batch->yq ? batch->yq : batch->y;
    size_t O = (size_t)batch->outs, each = (size_t)batch->points * O;
    double sum = 0;
    for (size_t b = (size_t)first; b < (size_t)(first + n); b++)
        for (size_t i = b * each + (size_t)from * O; i < (b + 1) * each; i++) {
            double e = (double)yhat[i] - (double)y[i];
            sum += e * e;
        }
    return sum;
}

static void keep_loss(const il_shard *q, il_state *s)
{
    double *loss = q->context;
    loss[q->number] = s->loss;
}

/* One more batch; all prompts have as many answers, so that shards' losses can be compared. */
static void add_batch(sums *to, il_runner *runner, const il_batch *batch, int loops,
                      const il_real *yhat, int from)
{
    double losses[BATCH / SHARD];
    il_runner_pass(
        runner, batch, batch->prompts,
        &(il_pass){ .loops = loops, .post = 1, .after = keep_loss, .context = losses });
    for (int first = 0; first < batch->prompts; first += SHARD) {
        int n = il_min(SHARD, batch->prompts - first);
        double loss = losses[first / SHARD];
        if (yhat) loss -= squared_errors(batch, yhat, first, n, from);
        to->sum += loss;
        to->squares += loss * loss / n;
        to->prompts += n;
        to->shards++;
    }
}

static il_status measure(double *loss, double *error, const il_model *m, const options *o,
                         il_runner *runner, il_batch *batch, const il_algo *less,
                         il_real *yhat, il_error *err)
{
    const il_config *c = &m->config;
    int last = less ? il_algo_steps(less) : 0,
        from = il_layout_first(il_model_layout(m), batch->points);
    const il_task *task = il_task_find(c->training.task_name);
    int loops = o->loops ? o->loops : il_model_loops(m);
    sums all = { 0 };
    for (int first = 0; first < o->prompts; first += BATCH) {
        il_draw at = { .seed = (uint64_t)o->seed,
                       .stream = IL_STREAM_EVAL,
                       .first = (uint32_t)first };
        batch->prompts = il_min(BATCH, o->prompts - first);
        IL_TRY(il_batch_draw(batch, task, c->training.task_opts, NULL,
                             c->training.curriculum.dims.end, at, err));
        if (less) IL_TRY(il_algo_predict(less, batch, last, last, yhat, NULL, err));
        add_batch(&all, runner, batch, loops, yhat, from);
    }
    int asked = batch->points - from;
    double mean = all.sum / all.prompts, unit = il_task_unit(task) / asked;
    double variance = fmax(all.squares / all.prompts - mean * mean, 0);
    *loss = mean * unit;
    *error = all.shards > 1 ? sqrt(variance / all.shards) * unit : NAN;
    return IL_OK;
}

/* The algorithm of `less`, and room for its answers to a batch; NULL both where there is none. */
static il_status prepare(il_algo **less, il_real **yhat, const options *o,
                         const il_batch *batch, il_error *err)
{
    size_t size = (size_t)batch->prompts * (size_t)batch->points * (size_t)batch->outs;
    if (!o->less[0]) return IL_OK;
    IL_TRY(il_algo_new(less, o->less, err));
    *yhat = malloc(sizeof **yhat * size);
    return *yhat ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for answers");
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    for (int i = 0; i < n; i++) {
        const char *task = model[i].config->training.task_name;
        if (il_model_classes(model[i].model))
            return il_fail(err, IL_ECONFIG,
                           "%s is a token-id model: use the measure points",
                           il_measured_name(&model[i]));
        if (o->less[0] && strcmp(il_task_find(task)->loss, "mse"))
            return il_fail(err, IL_ECONFIG, "less: %s has no squared error", task);
    }
    return il_outline_models(table, model, n, err);
}

static il_status set_row(il_table *table, int row, const il_model *m, const options *o,
                         il_error *err)
{
    const il_config *c = &m->config;
    int points = c->training.curriculum.points.end;
    double value[] = { NAN, NAN };
    il_batch *batch = NULL;
    il_runner *runner = NULL;
    il_algo *less = NULL;
    il_real *yhat = NULL;
    IL_TRY(il_batch_new_outs(&batch, il_min(BATCH, o->prompts), points, c->model.n_dims,
                             il_width(&m->plan, m->plan.target), err));
    int room = batch->prompts;
    il_status status = il_runner_new(
        &runner, m,
        (il_runner_size){
            .prompts = room, .together = SHARD, .tokens = il_model_tokens(m, points) },
        err);
    if (!status) status = prepare(&less, &yhat, o, batch, err);
    if (!status)
        status = measure(&value[0], &value[1], m, o, runner, batch, less, yhat, err);
    il_runner_free(runner);
    il_algo_free(less);
    free(yhat);
    batch->prompts = room;
    il_batch_free(batch);
    if (!status) il_measure_set(table, row, value, IL_COUNT(value));
    return status;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    for (int i = 0; i < n; i++) IL_TRY(set_row(table, i, model[i].model, opt, err));
    return IL_OK;
}

const il_measure_kind il_measure_loss = {
    .name = "loss",
    .summary = "the training loss on prompts that training has not seen",
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .opts = opts,
    .size = sizeof(options),
    .columns = "model$ loss error",
    .outline = outline,
    .fill = fill,
};
