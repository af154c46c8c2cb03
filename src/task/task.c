/* task.c - the list of tasks, and what is asked of every row */
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
    for (int i = 0; i < IL_COUNT(rows); i++)
        if (!strcmp(rows[i]->name, name)) return rows[i];
    return NULL;
}

double il_task_scale(const il_task *task, const void *opts, int dims)
{
    return task->scale ? task->scale(opts, dims) : 1;
}

int il_task_outs(const il_task *task, const void *opts, int dim)
{
    (void)opts;
    return task->sequence ? dim : 1;
}

const char *il_task_metric(const il_task *task)
{
    if (task->sequence) return "half squared error, summed over components";
    if (task->ids) return "nats";
    return strcmp(task->loss, "mse") ? "share of wrong signs"
                                     : "squared error (predicting zero: 1)";
}

il_status il_task_variances(double *v, const il_task *task, const void *opts, int dims,
                            il_error *err)
{
    char text[IL_TEXT] = "";
    int n = 0;
    if (!il_task_varies(task, opts)) {
        for (int d = 0; d < dims; d++) v[d] = 1;
        return IL_OK;
    }
    snprintf(text, sizeof text, "%s", task->variances(opts));
    for (char *rest = text, *word; n < dims && (word = strtok_r(rest, ", ", &rest)); n++)
        if (!il_number_parse(word, &v[n]) || !(v[n] > 0 && v[n] <= 1e12))
            return il_fail(err, IL_ECONFIG,
                           "training.variances: '%s' is no variance above 0",
                           il_show(word).text);
    if (n < dims)
        return il_fail(err, IL_ECONFIG,
                       "training.variances = '%s' are %d, for inputs of %d dimensions",
                       il_show(task->variances(opts)).text, n, dims);
    return IL_OK;
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
