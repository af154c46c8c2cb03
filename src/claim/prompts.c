/* prompts.c - the prompts of a task that no model has */
#include "claim/claim.h"

#include <stdlib.h>

static il_status find_task(const il_task **task, double opts[IL_TASK_OPTS],
                           const char *text, il_error *err)
{
    char name[IL_TEXT];
    size_t size = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    *task = il_task_find(name);
    if (!*task) {
        const char *names[64], *near;
        int n = 0;
        for (; n < 64 && il_task_at(n); n++) names[n] = il_task_at(n)->name;
        near = il_nearest(name, names, n);
        return il_fail(err, IL_ECONFIG, "there is no task '%s'%s%s%s", il_show(name).text,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    memset(opts, 0, sizeof(double) * IL_TASK_OPTS);
    il_opt_init((*task)->opts, opts);
    return il_opt_parse((*task)->opts, opts, text + size, name, err);
}

il_status il_claim_draw(il_batch **out, const il_claim_prompts *p, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    il_batch *batch;
    IL_TRY(find_task(&task, opts, p->task, err));
    IL_TRY(il_batch_new_outs(&batch, p->prompts, p->points, p->dims,
                             il_task_outs(task, opts, p->dims), err));
    il_draw at = { .seed = (uint64_t)p->seed, .stream = IL_STREAM_EVAL };
    il_status status = il_batch_draw(batch, task, opts, NULL, p->dims, at, err);
    if (status)
        il_batch_free(batch);
    else
        *out = batch;
    return status;
}

il_status il_claim_unit(double *unit, const il_claim_prompts *p, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    IL_TRY(find_task(&task, opts, p->task, err));
    *unit = il_task_unit(task) / il_task_scale(task, opts, p->dims);
    return IL_OK;
}

/* The mean of |yhat - y|^2 over prompts and points, as an evaluation counts it. */
static double mean_error(const il_batch *batch, const il_real *yhat, double unit)
{
    const il_real *y = batch->yq ? batch->yq : batch->y;
    size_t B = (size_t)batch->prompts, n = (size_t)batch->points * (size_t)batch->outs;
    double sum = 0;
    for (size_t b = 0; b < B; b++) {
        double one = 0;
        for (size_t i = b * n; i < (b + 1) * n; i++) {
            double e = (double)yhat[i] - (double)y[i];
            one += e * e;
        }
        sum += one;
    }
    return sum * unit / (double)(B * (size_t)batch->points);
}

il_status il_claim_loss(double *loss, const il_model *model, int prompts, int seed,
                        il_error *err)
{
    const il_config *c = &model->config;
    const il_task *task = il_task_find(c->training.task_name);
    int points = c->training.curriculum.points.end, dims = c->training.curriculum.dims.end;
    il_batch *batch;
    if (strcmp(task->loss, "mse"))
        return il_fail(err, IL_ECONFIG, "%s has no squared error", task->name);
    int outs = il_task_outs(task, c->training.task_opts, c->model.n_dims);
    IL_TRY(il_batch_new_outs(&batch, prompts, points, c->model.n_dims, outs, err));
    il_draw at = { .seed = (uint64_t)seed, .stream = IL_STREAM_EVAL };
    il_real *yhat = malloc(sizeof *yhat * (size_t)prompts * (size_t)points * (size_t)outs);
    il_status status =
        yhat ? il_batch_draw(batch, task, c->training.task_opts, NULL, dims, at, err)
             : il_fail(err, IL_EFAIL, "out of memory for answers");
    int loops = il_model_loops(model);
    if (!status) status = il_model_answer(model, batch, loops, loops, yhat, err);
    if (!status)
        *loss = mean_error(batch, yhat,
                           il_task_unit(task) /
                               il_task_scale(task, c->training.task_opts, dims));
    free(yhat);
    il_batch_free(batch);
    return status;
}
