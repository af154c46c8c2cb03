/* tuned.c - an algorithm with its best option value or scalar multiple: the reference for trained coefficients
 *
 * `tuned` searches the value of an option, `multiple` has the best multiple of an algorithm's answers
 * in closed form, c = sum y yhat / sum yhat^2: that of "gd steps=1 step_size=1" is the line-searched
 * step. A table of one row: value and loss, as an evaluation counts it.
 */
#include "algo/tune.h"
#include "measure/measure.h"

#include <stdlib.h>

typedef struct {
    char algo[IL_TEXT], option[IL_TEXT];
    double low, high;
    il_task_prompts of;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(TEXT, algo, 0, 0, 0, "an algorithm with its other options", "gd steps=1"),
    IL_MEASURE_KEY(TEXT, option, 0, 0, 0, "what is tuned", "step_size"),
    IL_MEASURE_KEY(REAL, low, 1e-3, 1e-300, 1e300, "search from here", NULL),
    IL_MEASURE_KEY(REAL, high, 1, 1e-300, 1e300, "to here", NULL),
    IL_TASK_PROMPT_KEYS(options, 1280),
    { 0 },
};
static const il_opt multiple_opts[] = {
    IL_MEASURE_KEY(TEXT, algo, 0, 0, 0, "an algorithm", "gd steps=1 step_size=1"),
    IL_TASK_PROMPT_KEYS(options, 1280),
    { 0 },
};
/* clang-format on */

/* The value, and the mean over the points of the squared error there */
typedef struct {
    double value, error;
} best;

static il_status fill_table(il_table *table, const options *o,
                            il_status (*search)(best *found, const options *o,
                                                const il_batch *batch, il_error *err),
                            il_error *err)
{
    il_batch *batch;
    best found;
    double unit = 1;
    IL_TRY(il_task_prompts_draw(&batch, &o->of, err));
    il_status status = il_task_prompts_unit(&unit, &o->of, err);
    if (!status) status = search(&found, o, batch, err);
    il_batch_free(batch);
    if (status) return status;
    double row[] = { found.value, found.error * unit };
    il_measure_set(table, 0, row, IL_COUNT(row));
    return IL_OK;
}

/* ---- an option --------------------------------------------------------------------------------- */

static il_status tune(best *to, const options *o, const il_batch *batch, il_error *err)
{
    IL_TRY(il_algo_tune(&to->value, &to->error, o->algo, o->option, o->low, o->high, batch,
                        0, err));
    to->error *= batch->outs;
    return IL_OK;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)model, (void)n;
    const options *o = opt;
    IL_TRY(il_algo_tune_check(o->algo, o->option, o->low, o->high, err));
    return il_outline_name(table, o->algo, err);
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)model, (void)n;
    return fill_table(table, opt, tune, err);
}

const il_measure_kind il_measure_tuned = {
    .name = "tuned",
    .summary = "the best value of an algorithm's option",
    .opts = opts,
    .size = sizeof(options),
    .untrained = 1,
    .columns = "algorithm$ value loss",
    .outline = outline,
    .fill = fill,
};

/* ---- a multiple -------------------------------------------------------------------------------- */

static best best_multiple(const il_real *yhat, const il_batch *batch)
{
    size_t points = (size_t)batch->prompts * (size_t)batch->points;
    const il_real *y = batch->yq ? batch->yq : batch->y;
    double xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < points * (size_t)batch->outs; i++) {
        xx += (double)yhat[i] * (double)yhat[i];
        xy += (double)yhat[i] * (double)y[i];
        yy += (double)y[i] * (double)y[i];
    }
    double c = xx > 0 ? xy / xx : 0;
    return (best){ c, (yy - c * xy) / (double)points };
}

static il_status multiply(best *to, const options *o, const il_batch *batch, il_error *err)
{
    size_t size = (size_t)batch->prompts * (size_t)batch->points * (size_t)batch->outs;
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, o->algo, err));
    il_real *yhat = malloc(sizeof *yhat * size);
    int last = il_algo_steps(algo);
    il_status status = yhat ? il_algo_predict(algo, batch, last, last, yhat, NULL, err)
                            : il_fail(err, IL_EFAIL, "out of memory for the answers");
    if (!status) *to = best_multiple(yhat, batch);
    free(yhat);
    il_algo_free(algo);
    return status;
}

static il_status outline_multiple(il_table *table, const void *opt,
                                  const il_measured *model, int n, il_error *err)
{
    (void)model, (void)n;
    const options *o = opt;
    return il_outline_name(table, o->algo, err);
}

static il_status fill_multiple(il_table *table, const void *opt, const il_measured *model,
                               int n, il_error *err)
{
    (void)model, (void)n;
    return fill_table(table, opt, multiply, err);
}

const il_measure_kind il_measure_multiple = {
    .name = "multiple",
    .summary = "the best multiple of an algorithm's answers: a line search in closed form",
    .opts = multiple_opts,
    .size = sizeof(options),
    .untrained = 1,
    .columns = "algorithm$ value loss",
    .outline = outline_multiple,
    .fill = fill_multiple,
};
