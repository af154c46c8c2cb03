/* task.c - the registry of tasks: their scales, metrics and input variances */
#include "task/task.h"

#include <math.h>

static const il_task *const rows[] = {
#define IL_TASK(name) &il_task_##name,
#include "task/tasks.def"
#undef IL_TASK
};

const il_task *il_task_at(int i) { return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL; }

const il_task *il_task_find(const char *name)
{
    for (int i = 0; name && i < IL_COUNT(rows); i++)
        if (!strcmp(rows[i]->name, name)) return rows[i];
    return NULL;
}

il_status il_task_check(const il_task *task, const void *opts, il_error *err)
{
    IL_TRY(il_opt_check(task->opts, opts, "training.", err));
    return task->check ? task->check(opts, err) : IL_OK;
}

il_status il_task_parse(const il_task **task, double opts[IL_TASK_OPTS], const char *text,
                        const il_config *own, il_error *err)
{
    const char *rest = text ? text : own->training.task_name, *names[IL_COUNT(rows)];
    char name[IL_TEXT];
    il_item_next(name, &rest, " ");
    *task = il_task_find(name);
    for (int i = 0; i < IL_COUNT(rows); i++) names[i] = rows[i]->name;
    if (!*task)
        return il_fail(
            err, IL_ECONFIG, "there is no task '%s'%s", il_show(name).text,
            il_advise(name, names, IL_COUNT(rows), "; `innerloop list tasks` has them all")
                .text);
    memset(opts, 0, sizeof *opts * IL_TASK_OPTS);
    il_opt_init((*task)->opts, opts);
    if (own && !strcmp(name, own->training.task_name))
        memcpy(opts, own->training.task_opts, sizeof own->training.task_opts);
    return il_opt_parse((*task)->opts, opts, rest, name, err);
}

double il_task_scale(const il_task *task, const void *opts, int dims)
{
    if (!task || dims < 1) return NAN;
    if (task->opts && (!opts || il_task_check(task, opts, NULL))) return NAN;
    return task->scale ? task->scale(opts, dims) : 1;
}

int il_task_outs(const il_task *task, const void *opts, int dim)
{
    (void)opts;
    return task ? task->sequence ? dim : 1 : 0;
}

const char *il_task_metric(const il_task *task)
{
    if (!task) return "";
    if (task->sequence) return "half squared error, summed over components";
    if (task->ids) return "nats";
    return strcmp(task->loss, "mse") ? "share of wrong signs"
                                     : "squared error (predicting zero: 1)";
}

static int count(const char *text)
{
    int n = 1;
    for (; *text; text++) n += *text == ',';
    return n;
}

static il_status fail_count(const char *text, int dims, il_error *err)
{
    return il_fail(err, IL_ECONFIG,
                   "training.variances = '%s' are %d, for inputs of %d dimensions",
                   il_show(text).text, count(text), dims);
}

il_status il_task_variances(double *v, const il_task *task, const void *opts, int dims,
                            il_error *err)
{
    if (!il_task_varies(task, opts)) {
        for (int d = 0; d < dims; d++) v[d] = 1;
        return IL_OK;
    }
    const char *text = task->variances(opts);
    int n = 0;
    for (const char *end = text; *end && n < dims; n++) {
        char word[IL_TEXT];
        const char *from = n ? end + 1 : end;
        end = from + strcspn(from, ",");
        int size = (int)(end - from);
        while (size && *from == ' ') from++, size--;
        while (size && from[size - 1] == ' ') size--;
        snprintf(word, sizeof word, "%.*s", size, from);
        if (!il_number_parse(word, &v[n]) || !(v[n] > 0 && v[n] <= 1e12))
            return il_fail(err, IL_ECONFIG,
                           "training.variances = '%s': '%s' is no variance above 0",
                           il_show(text).text, il_show(word).text);
    }
    return n < dims ? fail_count(text, dims, err) : IL_OK;
}

il_status il_task_check_variances(const il_task *task, const void *opts, int dims,
                                  il_error *err)
{
    double v[IL_VARIANCES];
    if (!il_task_varies(task, opts)) return IL_OK;
    const char *text = task->variances(opts);
    IL_TRY(il_task_variances(v, task, opts, count(text), err));
    return count(text) == dims ? IL_OK : fail_count(text, dims, err);
}

double il_task_floor(const il_task *task, const void *opts, int points, int dims, int dim)
{
    if (!task->error) return NAN;
    double sum = 0;
    for (int k = 0; k < points; k++) sum += task->error(opts, k, dims, dim);
    return isfinite(sum) ? sum / points : NAN;
}

void il_prompt_linear(double scale, il_rng *rng, il_prompt *p)
{
    for (int d = 0; d < p->dims; d++) p->w[d] = (il_real)(scale * il_normal(rng));
    for (int n = 0; n < p->points; n++)
        p->y[n] = (il_real)il_prompt_dot(p->w, p->x + (size_t)n * p->dim, p->dim);
}
