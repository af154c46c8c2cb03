/* config_check.c - what no single key of a recipe can know, and the ramps of the curriculum */
#include "base/base.h"
#include "task/task.h"

int il_ramp_at(const il_ramp *ramp, int64_t step)
{
    int64_t rises = step < 0 ? 0 : step / ramp->interval;
    if (!rises) return ramp->start;
    int64_t room = (int64_t)ramp->end - ramp->start;
    if (room <= 0 || (ramp->inc > 0 && rises > room / ramp->inc)) return ramp->end;
    return ramp->start + (int)(rises * ramp->inc);
}

static int count_words(const char *words)
{
    int n = 1;
    while ((words = strchr(words, '|'))) {
        words++;
        n++;
    }
    return n;
}

/* Keys that were not set through their table (a struct filled in by hand) keep to it too. */
static il_status check_ranges(const il_opt *table, const void *target, const char *prefix,
                              il_error *err)
{
    for (const il_opt *o = table; o->type != IL_OPT_END; o++) {
        const char *field = (const char *)target + o->offset;
        double value = 0, min = o->min, max = o->max;
        int number;
        if (o->type == IL_OPT_TEXT) {
            if (memchr(field, 0, IL_TEXT)) continue;
            return il_fail(err, IL_ECONFIG, "%s%s does not end within its %d bytes", prefix,
                           o->name, IL_TEXT);
        }
        if (o->type == IL_OPT_REAL) {
            memcpy(&value, field, sizeof value);
        } else {
            memcpy(&number, field, sizeof number);
            value = number;
        }
        if (o->type == IL_OPT_BOOL) max = 1;
        if (o->type == IL_OPT_CHOICE) max = count_words(o->words) - 1;
        if (!(value >= min && value <= max))
            return il_fail(err, IL_ECONFIG, "%s%s = %s is out of its range %s to %s (%s)",
                           prefix, o->name, il_digits(value).text, il_digits(min).text,
                           il_digits(max).text, o->help);
    }
    return IL_OK;
}

/* `limit` is the largest end, the value of `key`; 0: none. */
static il_status check_ramp(const il_ramp *r, const char *name, int limit, const char *key,
                            il_error *err)
{
    if (r->start > r->end)
        return il_fail(
            err, IL_ECONFIG,
            "training.curriculum.%s.start = %d is above its end = %d; a ramp rises, so "
            "set start <= end",
            name, r->start, r->end);
    if (limit && r->end > limit)
        return il_fail(
            err, IL_ECONFIG,
            "training.curriculum.%s.end = %d is above %s = %d; lower the one or raise "
            "the other",
            name, r->end, key, limit);
    return IL_OK;
}

il_status il_config_check(const il_config *c, il_error *err)
{
    IL_TRY(check_ranges(il_config_opts(), c, "", err));
    const il_task *task = il_task_find(c->training.task_name);
    if (!task)
        return il_fail(err, IL_ECONFIG, "training.task_name = '%s' is no task",
                       il_show(c->training.task_name).text);
    IL_TRY(check_ranges(task->opts, c->training.task_opts, "training.", err));

    const il_layout *layout = il_layout_at(c->model.tokens);
    if (!layout->fill && c->model.family != IL_BUILT)
        return il_fail(err, IL_ECONFIG,
                       "model.tokens = %s belongs to built models: no prompt becomes such "
                       "tokens; try pairs or columns",
                       layout->name);
    if (layout->sequences && !task->sequence)
        return il_fail(err, IL_ECONFIG,
                       "model.tokens = %s shows no y, so it is for tasks of sequences, and "
                       "training.task_name = %s is none; try pairs or columns",
                       layout->name, task->name);
    if (layout->ids != (task->ids != NULL) || (task->ids && c->model.n_dims != 1))
        return il_fail(
            err, IL_ECONFIG,
            "training.task_name = %s %s, so model.tokens = ids and model.n_dims = 1 "
            "%s; here they are %s and %d",
            task->name, task->ids ? "is a task of classes" : "is no task of classes",
            task->ids ? "belong to it" : "are not for it", layout->name, c->model.n_dims);
    if (c->model.family < IL_STACK && c->model.n_embd % c->model.n_head)
        return il_fail(
            err, IL_ECONFIG,
            "model.n_head = %d does not divide model.n_embd = %d; every head needs the "
            "same width",
            c->model.n_head, c->model.n_embd);
    IL_TRY(check_ramp(&c->training.curriculum.dims, "dims", c->model.n_dims, "model.n_dims",
                      err));
    IL_TRY(check_ramp(&c->training.curriculum.points, "points", c->model.n_positions,
                      "model.n_positions", err));
    IL_TRY(check_ramp(&c->training.curriculum.loops, "loops", 0, "", err));
    IL_TRY(il_task_check_variances(task, c->training.task_opts, c->model.n_dims, err));
    if (c->training.warmup_steps >= c->training.train_steps)
        return il_fail(
            err, IL_ECONFIG,
            "training.warmup_steps = %d leaves nothing of training.train_steps = %d; "
            "warm up for fewer steps",
            c->training.warmup_steps, c->training.train_steps);
    if (c->training.schedule_steps &&
        c->training.schedule_steps <= c->training.warmup_steps)
        return il_fail(
            err, IL_ECONFIG,
            "training.schedule_steps = %d is not after training.warmup_steps = %d",
            c->training.schedule_steps, c->training.warmup_steps);
    if (c->training.min_learning_rate > c->training.learning_rate)
        return il_fail(
            err, IL_ECONFIG,
            "training.min_learning_rate = %.15g is above training.learning_rate = "
            "%.15g; the rate falls, so set min_learning_rate <= learning_rate",
            c->training.min_learning_rate, c->training.learning_rate);
    return IL_OK;
}
