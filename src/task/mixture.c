/* mixture.c - every prompt of one of several tasks, drawn with given weights
 *
 * Several families of functions at once shorten the plateau of a training: Kim, Kwon et al. 2024, arXiv:2410.05448.
 * The tasks have their default options, and answer with one number that is judged by its squared error. Normaliser,
 * E[y^2] and the error of least squares are the means of theirs.
 */
#include "task/task.h"

#include <math.h>

enum { TASKS = 8 }; /* in a mixture, at most */

typedef struct {
    char tasks[IL_TEXT];
} options;
static const il_opt opts[] = {
    { "tasks", IL_OPT_TEXT, offsetof(options, tasks), 0, 0, 0,
      "what is mixed, each with its weight or 1, as in "
      "linear_regression*3,quadratic_regression",
      "linear_regression,sparse_linear_regression" },
    { 0 },
};

typedef struct {
    int n;
    double total;
    struct {
        const il_task *task;
        double weight, opts[IL_TASK_OPTS];
    } of[TASKS];
} mixture;

static int can_be_mixed(const il_task *t)
{
    return t && t->draw && t != &il_task_mixture && !strcmp(t->loss, "mse");
}

/* Reads "NAME*WEIGHT", or NAME. Errors: a sentence about the word. */
static il_status add(mixture *m, char *word, il_error *err)
{
    char *star = strchr(word, '*');
    double weight = 1;
    if (star) *star = 0;
    const il_task *task = il_task_find(word);
    if (m->n == TASKS)
        return il_fail(err, IL_ECONFIG, "training.tasks are more than %d", TASKS);
    if (!can_be_mixed(task))
        return il_fail(err, IL_ECONFIG,
                       "training.tasks: '%s' cannot be mixed: take tasks of one function a "
                       "prompt whose "
                       "loss is the squared error, as linear_regression",
                       il_show(word).text);
    if (star && (!il_number_parse(star + 1, &weight) || !(weight > 0 && weight <= 1e6)))
        return il_fail(err, IL_ECONFIG, "training.tasks: '%s' is no weight above 0",
                       il_show(star + 1).text);
    il_opt_init(task->opts, m->of[m->n].opts);
    m->of[m->n].task = task;
    m->of[m->n++].weight = weight;
    m->total += weight;
    return IL_OK;
}

static il_status parse(mixture *m, const void *opt, il_error *err)
{
    const options *o = opt;
    char text[IL_TEXT], *rest = text;
    *m = (mixture){ 0 };
    snprintf(text, sizeof text, "%s", o->tasks);
    for (char *word; (word = strtok_r(rest, ", ", &rest));) IL_TRY(add(m, word, err));
    return m->n ? IL_OK : il_fail(err, IL_ECONFIG, "training.tasks names no task");
}

static il_status check(const void *opt, il_error *err)
{
    mixture m;
    return parse(&m, opt, err);
}

/* The first number of the function's stream says which task it is. */
static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    mixture m;
    int i = 0;
    parse(&m, opt, NULL);
    double at = il_uniform(rng) * m.total;
    while (i + 1 < m.n && at >= m.of[i].weight) at -= m.of[i++].weight;
    m.of[i].task->draw(m.of[i].opts, rng, p);
}

static double scale(const void *opt, int dims)
{
    mixture m;
    double sum = 0;
    parse(&m, opt, NULL);
    for (int i = 0; i < m.n; i++)
        sum += m.of[i].weight * il_task_scale(m.of[i].task, m.of[i].opts, dims);
    return sum / m.total;
}

static double power(const void *opt, int dims, int dim)
{
    mixture m;
    double sum = 0;
    parse(&m, opt, NULL);
    for (int i = 0; i < m.n; i++)
        sum += m.of[i].weight * m.of[i].task->power(m.of[i].opts, dims, dim);
    return sum / m.total;
}

static double error(const void *opt, int k, int dims, int dim)
{
    mixture m;
    double sum = 0;
    parse(&m, opt, NULL);
    for (int i = 0; i < m.n; i++) {
        const il_task *t = m.of[i].task;
        sum += t->error ? m.of[i].weight * t->error(m.of[i].opts, k, dims, dim) : NAN;
    }
    return sum / m.total;
}

const il_task il_task_mixture = {
    .name = "mixture",
    .summary = "every prompt of one of several tasks",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .check = check,
    .draw = draw,
    .scale = scale,
    .power = power,
    .error = error,
};
