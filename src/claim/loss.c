/* loss.c - what training measures, on prompts it has not seen
 *
 * Columns: model, loss, and its standard error over prompts (from sums over shards of them). The
 * loss is the mean over the answers that the model's layout asks for: on `columns` the last point of
 * a prompt alone. It is in the task's units, not divided by what predicting zero errs.
 */
#include "claim/claim.h"

#include <math.h>

typedef struct {
    int prompts, loops, seed;
} options;
static const il_opt opts[] = {
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 100000, 1, 1e9, "how many", NULL },
    { "loops", IL_OPT_INT, offsetof(options, loops), 0, 0, 1e6, "0: as in training", NULL },
    { "seed", IL_OPT_INT, offsetof(options, seed), 1, 0, 2147483647, "which prompts",
      NULL },
    { 0 },
};

enum { SHARD = 50, BATCH = 5000 }; /* prompts in a state, and drawn at once */

typedef struct {
    double sum, squares, prompts; /* of shards' losses and their squares */
    int shards;
} sums;

/* A batch more; every shard's answers are as many, so that their losses can be compared. */
static void add_batch(sums *to, il_state *s, const il_batch *batch, const il_run *run)
{
    for (int first = 0; first < batch->prompts; first += SHARD) {
        int n = il_min(SHARD, batch->prompts - first);
        il_state_fill(s, batch, first, n, batch->points);
        s->loss = 0;
        il_forward(s, run);
        to->sum += s->loss;
        to->squares += s->loss * s->loss / n;
        to->prompts += n;
        to->shards++;
    }
}

static il_status measure(double *loss, double *error, const il_model *m, const options *o,
                         il_state *s, il_batch *batch, il_error *err)
{
    const il_config *c = &m->config;
    const il_task *task = il_task_find(c->training.task_name);
    il_run run = { .loops = o->loops ? o->loops : il_model_loops(m), .post = 1 };
    sums all = { 0 };
    for (int first = 0; first < o->prompts; first += BATCH) {
        il_draw at = { .seed = (uint64_t)o->seed,
                       .stream = IL_STREAM_EVAL,
                       .first = (uint32_t)first };
        batch->prompts = il_min(BATCH, o->prompts - first);
        IL_TRY(il_batch_draw(batch, task, c->training.task_opts, NULL,
                             c->training.curriculum.dims.end, at, err));
        add_batch(&all, s, batch, &run);
    }
    int asked = il_model_layout(m)->last ? 1 : batch->points;
    double mean = all.sum / all.prompts, unit = il_task_unit(task) / asked;
    double variance = fmax(all.squares / all.prompts - mean * mean, 0);
    *loss = mean * unit;
    *error = all.shards > 1 ? sqrt(variance / all.shards) * unit : NAN;
    return IL_OK;
}

static il_status add_model(il_table *table, const il_subject *subject, const options *o,
                           il_error *err)
{
    const il_config *c = subject->config;
    const il_model *m = subject->model;
    int points = c->training.curriculum.points.end;
    double value[] = { NAN, NAN };
    il_batch *batch = NULL;
    il_state *s = NULL;
    if (il_model_classes(m))
        return il_fail(err, IL_ECONFIG, "%s is a model of classes: measure its points",
                       subject->name);
    IL_TRY(il_batch_new_outs(&batch, il_min(BATCH, o->prompts), points, c->model.n_dims,
                             il_width(&m->plan, m->plan.target), err));
    int room = batch->prompts;
    il_status status =
        il_state_new(&s, m, il_min(SHARD, room), il_model_tokens(m, points), 0, err);
    if (!status) status = measure(&value[0], &value[1], m, o, s, batch, err);
    il_state_free(s);
    batch->prompts = room;
    il_batch_free(batch);
    return status ? status : il_inspect_row(table, subject->name, 1, value, 2, err);
}

static il_status fill(il_table *table, const void *opt, const il_subject *subject, int n,
                      il_error *err)
{
    IL_TRY(il_inspect_columns(table, "model$ loss error", err));
    for (int i = 0; i < n; i++) IL_TRY(add_model(table, subject + i, opt, err));
    return IL_OK;
}

const il_measure il_measure_loss = {
    .name = "loss",
    .summary = "the training loss on prompts that training has not seen",
    .opts = opts,
    .size = sizeof(options),
    .fill = fill,
};
