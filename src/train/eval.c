/* eval.c - a model's error beside the classical algorithms
 *
 * Per point, e = (yhat - y)^2 / scale, so that predicting zero scores 1 (for classification: the
 * share of wrong signs); the mean over prompts, with a band of 5 % and 95 % quantiles of the
 * means of 1000 bootstrap resamples of the prompts.
 * Source of metric and band: Garg et al. 2022, arXiv:2208.01066.
 */
#include "train/train.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 1000, MOST = 32 };

typedef struct {
    const il_model *model;
    il_batch *batch;
    const il_task *task;
    double opts[16], scale;
    int loops, loops_to, n_algos;
    il_algo *algos[MOST];
    int steps[MOST]; /* to read; -1: its last */
    char names[MOST][IL_TEXT];
    uint64_t seed;
} setting;

/* ---- setting up ---------------------------------------------------------------------------------- */

static il_status find_task(setting *s, const il_config *c, const char *text, il_error *err)
{
    const char *opts = "";
    char name[IL_TEXT];
    if (!text) {
        text = c->training.task_name;
    } else {
        opts = strchr(text, ' ');
        if (!opts) opts = "";
    }
    snprintf(name, sizeof name, "%.*s", (int)(strlen(text) - strlen(opts)), text);
    s->task = il_task_find(name);
    if (!s->task) {
        const char *names[64], *near;
        int n = 0;
        while (n < 64 && il_task_at(n)) names[n] = il_task_at(n)->name, n++;
        near = il_nearest(name, names, n);
        return il_fail(err, IL_ECONFIG, "there is no task '%s'%s%s%s", il_show(name).text,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (!strcmp(name, c->training.task_name))
        memcpy(s->opts, c->training.task_opts, sizeof s->opts);
    else
        il_opt_init(s->task->opts, s->opts);
    return il_opt_parse(s->task->opts, s->opts, opts, name, err);
}

/* "ols, ridge alpha=0.1, gd@10" */
static il_status find_algos(setting *s, const char *text, il_error *err)
{
    while (text && *text) {
        size_t length = strcspn(text, ",");
        char item[IL_TEXT];
        text += strspn(text, " ");
        length = strcspn(text, ",");
        if (length >= sizeof item || s->n_algos == MOST)
            return il_fail(err, IL_ECONFIG,
                           "--against: at most %d algorithms of %d characters", MOST,
                           IL_TEXT - 1);
        snprintf(item, sizeof item, "%.*s", (int)length, text);
        text += length + (text[length] == ',');
        snprintf(s->names[s->n_algos], IL_TEXT, "%s", item);
        char *at = strchr(item, '@'), *end;
        s->steps[s->n_algos] = -1;
        if (at) {
            *at = 0;
            long steps = strtol(at + 1, &end, 10);
            if (end == at + 1 || *end || steps < 0 || steps > 100000)
                return il_fail(err, IL_ECONFIG, "'%s': after @ comes a number of steps",
                               s->names[s->n_algos]);
            s->steps[s->n_algos] = (int)steps;
        }
        IL_TRY(il_algo_new(&s->algos[s->n_algos], item, err));
        s->n_algos++;
    }
    return IL_OK;
}

static int positive(int value, int otherwise) { return value > 0 ? value : otherwise; }

static il_status set_up(setting *s, const il_model *model, const il_eval_options *o,
                        il_error *err)
{
    const il_config *c = &model->config;
    int points = positive(o->points, c->training.curriculum.points.end);
    int dims = positive(o->dims, c->training.curriculum.dims.end);
    *s = (setting){ .model = model, .seed = o->seed };
    s->loops =
        model->plan.carry == IL_CARRY_NONE ? 1 : positive(o->loops, model->plan.loops);
    s->loops_to =
        model->plan.carry == IL_CARRY_NONE ? 1 : positive(o->loops_to, 4 * s->loops);
    if (dims > c->model.n_dims)
        return il_fail(err, IL_ECONFIG, "dims = %d is more than the model's n_dims = %d",
                       dims, c->model.n_dims);
    IL_TRY(find_task(s, c, o->task, err));
    IL_TRY(find_algos(s, o->against, err));
    IL_TRY(
        il_batch_new(&s->batch, positive(o->prompts, 1280), points, c->model.n_dims, err));
    il_draw at = { .seed = o->seed, .stream = IL_STREAM_EVAL };
    IL_TRY(il_batch_draw(s->batch, s->task, s->opts, o->shift, dims, at, err));
    s->scale = il_task_scale(s->task, s->opts, dims);
    return IL_OK;
}

static void tear_down(setting *s)
{
    il_batch_free(s->batch);
    for (int i = 0; i < s->n_algos; i++) il_algo_free(s->algos[i]);
}

/* ---- errors ------------------------------------------------------------------------------------------ */

/* Errors (B,N) of answers (B,N). */
static void measure(const setting *s, const il_real *yhat, double *e)
{
    const il_real *y = s->batch->yq ? s->batch->yq : s->batch->y;
    int wrong_sign = !strcmp(s->task->loss, "cross_entropy");
    for (size_t i = 0, n = (size_t)s->batch->prompts * (size_t)s->batch->points; i < n;
         i++) {
        double d = (double)yhat[i] - (double)y[i];
        e[i] = wrong_sign ? (yhat[i] > 0) != (y[i] > 0) : d * d / s->scale;
    }
}

/* Mean over prompts of column `at` of e (B,N). */
static double mean_at(const setting *s, const double *e, int at)
{
    double sum = 0;
    for (int b = 0; b < s->batch->prompts; b++)
        sum += e[(size_t)b * (size_t)s->batch->points + (size_t)at];
    return sum / s->batch->prompts;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantiles of the mean of column `at` under resampling of the prompts. */
static void band_at(const setting *s, const double *e, int at, double *low, double *high)
{
    double means[RESAMPLES];
    int B = s->batch->prompts, N = s->batch->points;
    for (int r = 0; r < RESAMPLES; r++) {
        il_rng rng = il_rng_at(s->seed, IL_STREAM_BOOTSTRAP, 0, (uint32_t)r);
        double sum = 0;
        for (int b = 0; b < B; b++)
            sum += e[(size_t)il_below(&rng, B) * (size_t)N + (size_t)at];
        means[r] = sum / B;
    }
    qsort(means, RESAMPLES, sizeof *means, compare);
    *low = means[RESAMPLES / 20];
    *high = means[RESAMPLES - 1 - RESAMPLES / 20];
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

/* Columns: `first`, model, model_low, model_high, one for each algorithm; `rows` rows. */
static il_status new_table(il_table **table, const setting *s, const char *name,
                           const char *first, int rows, il_error *err)
{
    IL_TRY(il_table_new(table, name, err));
    const char *cols[] = { first, "model", "model_low", "model_high" };
    for (int i = 0; i < IL_COUNT(cols); i++)
        IL_TRY(il_table_add_col(*table, cols[i], 0, err));
    for (int i = 0; i < s->n_algos; i++)
        IL_TRY(il_table_add_col(*table, s->names[i], 0, err));
    for (int row = 0; row < rows; row++) IL_TRY(il_table_add_row(*table, err));
    return IL_OK;
}

enum { COL_X, COL_MODEL, COL_LOW, COL_HIGH, COL_ALGO };

static void set_model(il_table *table, int row, const setting *s, const double *e, int at)
{
    double low, high;
    band_at(s, e, at, &low, &high);
    il_table_set(table, row, COL_MODEL, mean_at(s, e, at));
    il_table_set(table, row, COL_LOW, low);
    il_table_set(table, row, COL_HIGH, high);
}

/* Room for the answers of `runs` loops or steps, and for one set of errors. */
typedef struct {
    il_real *yhat;
    double *e;
} answers;

static il_status new_answers(answers *a, const setting *s, int runs, il_error *err)
{
    size_t n = (size_t)s->batch->prompts * (size_t)s->batch->points;
    free(a->yhat);
    free(a->e);
    a->yhat = malloc(sizeof *a->yhat * n * (size_t)runs);
    a->e = malloc(sizeof *a->e * n);
    if (a->yhat && a->e) return IL_OK;
    return il_fail(err, IL_EFAIL, "out of memory for the answers to %d prompts",
                   s->batch->prompts);
}

static il_real *run_at(const setting *s, const answers *a, int run)
{
    return a->yhat + (size_t)run * (size_t)s->batch->prompts * (size_t)s->batch->points;
}

static il_status fill_points(il_table *table, const setting *s, answers *a, il_error *err)
{
    int N = s->batch->points;
    IL_TRY(new_answers(a, s, 1, err));
    IL_TRY(il_model_answer(s->model, s->batch, s->loops, s->loops, a->yhat, err));
    measure(s, a->yhat, a->e);
    for (int k = 0; k < N; k++) {
        il_table_set(table, k, COL_X, k);
        set_model(table, k, s, a->e, k);
    }
    for (int i = 0; i < s->n_algos; i++) {
        int steps = s->steps[i] >= 0 ? s->steps[i] : il_algo_steps(s->algos[i]);
        IL_TRY(new_answers(a, s, steps + 1, err));
        IL_TRY(il_algo_predict(s->algos[i], s->batch, steps, a->yhat, NULL, err));
        measure(s, run_at(s, a, steps), a->e);
        for (int k = 0; k < N; k++)
            il_table_set(table, k, COL_ALGO + i, mean_at(s, a->e, k));
    }
    return IL_OK;
}

static il_status fill_loops(il_table *table, const setting *s, answers *a, il_error *err)
{
    int last = s->batch->points - 1, R = s->loops_to;
    IL_TRY(new_answers(a, s, R, err));
    IL_TRY(il_model_answer(s->model, s->batch, 1, R, a->yhat, err));
    for (int r = 0; r < R; r++) {
        measure(s, run_at(s, a, r), a->e);
        il_table_set(table, r, COL_X, r + 1);
        set_model(table, r, s, a->e, last);
    }
    for (int i = 0; i < s->n_algos; i++) {
        int most = il_algo_steps(s->algos[i]), fixed = s->steps[i] >= 0 || !most;
        int steps = s->steps[i] >= 0 ? s->steps[i] : il_min(R, most);
        IL_TRY(new_answers(a, s, steps + 1, err));
        IL_TRY(il_algo_predict(s->algos[i], s->batch, steps, a->yhat, NULL, err));
        for (int r = 0; r < R && (fixed || r < steps); r++) {
            measure(s, run_at(s, a, fixed ? steps : r + 1), a->e);
            il_table_set(table, r, COL_ALGO + i, mean_at(s, a->e, last));
        }
    }
    return IL_OK;
}

static il_status evaluate(const il_model *model, const il_eval_options *o, int by_loops,
                          il_table **out, il_error *err)
{
    setting s;
    answers a = { 0 };
    il_table *table = NULL;
    il_status status = set_up(&s, model, o, err);
    if (status == IL_OK)
        status =
            new_table(&table, &s, by_loops ? "loops" : "points", by_loops ? "loop" : "k",
                      by_loops ? s.loops_to : s.batch->points, err);
    if (status == IL_OK)
        status =
            by_loops ? fill_loops(table, &s, &a, err) : fill_points(table, &s, &a, err);
    free(a.yhat);
    free(a.e);
    tear_down(&s);
    if (status == IL_OK)
        *out = table;
    else
        il_table_free(table);
    return status;
}

il_status il_eval_points(const il_model *model, const il_eval_options *options,
                         il_table **table, il_error *err)
{
    return evaluate(model, options, 0, table, err);
}

il_status il_eval_loops(const il_model *model, const il_eval_options *options,
                        il_table **table, il_error *err)
{
    return evaluate(model, options, 1, table, err);
}
