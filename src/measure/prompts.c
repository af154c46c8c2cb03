/* prompts.c - evaluation prompts of a task without a model */
#include "measure/measure.h"

il_status il_task_prompts_check(const char *text, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    return il_task_parse(&task, opts, text, NULL, err);
}

il_status il_task_prompts_draw(il_batch **out, const il_task_prompts *p, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    il_draw at = { .seed = (uint64_t)p->seed, .stream = IL_STREAM_EVAL };
    IL_TRY(il_task_parse(&task, opts, p->task, NULL, err));
    return il_batch_new_drawn(out, task, opts, NULL, p->prompts, p->points, p->dims,
                              p->dims, at, err);
}

il_status il_task_prompts_unit(double *unit, const il_task_prompts *p, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    IL_TRY(il_task_parse(&task, opts, p->task, NULL, err));
    *unit = il_task_unit(task) / il_task_scale(task, opts, p->dims);
    return IL_OK;
}
