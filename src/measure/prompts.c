/* prompts.c - evaluation prompts of a model, or of a task without a model */
#include "measure/measure.h"

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

il_status il_task_prompts_check(const char *text, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    return find_task(&task, opts, text, err);
}

il_status il_task_prompts_draw(il_batch **out, const il_task_prompts *p, il_error *err)
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

il_status il_task_prompts_unit(double *unit, const il_task_prompts *p, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    IL_TRY(find_task(&task, opts, p->task, err));
    *unit = il_task_unit(task) / il_task_scale(task, opts, p->dims);
    return IL_OK;
}

il_status il_measure_look(il_table *table, const il_measured *model,
                          const il_explain_options *ask, const void *opts,
                          il_status (*look)(il_observation *subject, il_table *table,
                                            const void *opts, il_error *err),
                          il_error *err)
{
    il_observation s;
    il_status status = il_observation_begin(&s, model->model, ask, err);
    if (!status) status = look(&s, table, opts, err);
    if (!status) status = il_observation_note(&s, table, err);
    il_observation_free(&s);
    return status;
}
