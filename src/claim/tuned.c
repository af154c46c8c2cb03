/* tuned.c - what a trained coefficient is held against: an algorithm at its best
 *
 * `tuned` searches the value of an option, `multiple` has the best multiple of an algorithm's answers
 * in closed form, c = sum y yhat / sum yhat^2: that of "gd steps=1 step_size=1" is the line-searched
 * step. A table of one row: value and loss, as an evaluation counts it.
 */
#include "algo/tune.h"
#include "claim/claim.h"

#include <stdlib.h>

typedef struct {
    char algo[IL_TEXT], option[IL_TEXT], task[IL_TEXT];
    double low, high;
    int prompts, points, dims, seed;
} options;

#define KEY(type, field, init, min, max, help, words)                                      \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, words       \
    }
/* clang-format off */
static const il_opt opts[] = {
    KEY(TEXT, algo, 0, 0, 0, "an algorithm with its other options", "gd steps=1"),
    KEY(TEXT, option, 0, 0, 0, "what is tuned", "step_size"),
    KEY(TEXT, task, 0, 0, 0, "on whose prompts", "linear_regression"),
    KEY(REAL, low, 1e-3, 1e-300, 1e300, "search from here", NULL),
    KEY(REAL, high, 1, 1e-300, 1e300, "to here", NULL),
    KEY(INT, prompts, 1280, 1, 1e6, "prompts", NULL),
    KEY(INT, points, 41, 1, 65536, "points in a prompt", NULL),
    KEY(INT, dims, 20, 1, 65536, "dimensions", NULL),
    KEY(INT, seed, 1, 0, 2147483647, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

static il_status fill(il_table *table, const char *what, double value, double loss,
                      il_error *err)
{
    IL_TRY(il_table_add_col(table, "algorithm", 1, err));
    IL_TRY(il_table_add_col(table, "value", 0, err));
    IL_TRY(il_table_add_col(table, "loss", 0, err));
    IL_TRY(il_table_add_row(table, err));
    IL_TRY(il_table_set_text(table, 0, 0, what, err));
    il_table_set(table, 0, 1, value);
    il_table_set(table, 0, 2, loss);
    return IL_OK;
}

static il_status run(const void *opt, const il_subject *subject, int n, const char *name,
                     il_table **out, il_error *err)
{
    (void)subject, (void)n;
    const options *o = opt;
    il_claim_prompts prompts = { o->task, o->prompts, o->points, o->dims, o->seed };
    il_batch *batch = NULL;
    il_table *table = NULL;
    double value, loss;
    il_status status = il_claim_draw(&batch, &prompts, err);
    if (!status)
        status =
            il_algo_tune(&value, &loss, o->algo, o->option, o->low, o->high, batch, 0, err);
    if (!status) {
        double unit;
        status = il_claim_unit(&unit, &prompts, err);
        if (!status) loss *= batch->outs * unit;
    }
    il_batch_free(batch);
    if (!status) status = il_table_new(&table, name, err);
    if (!status) status = fill(table, o->algo, value, loss, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_tuned = {
    .name = "tuned",
    .summary = "the best value of an algorithm's option",
    .opts = opts,
    .size = sizeof(options),
    .untrained = 1,
    .run = run,
};

/* ---- a multiple -------------------------------------------------------------------------------- */

typedef struct {
    char algo[IL_TEXT], task[IL_TEXT];
    int prompts, points, dims, seed;
} multiple_options;

#define MULTIPLE(type, field, init, min, max, help, words)                                 \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(multiple_options, field), init, min, max, help,    \
            words                                                                          \
    }
/* clang-format off */
static const il_opt multiple_opts[] = {
    MULTIPLE(TEXT, algo, 0, 0, 0, "an algorithm", "gd steps=1 step_size=1"),
    MULTIPLE(TEXT, task, 0, 0, 0, "on whose prompts", "linear_regression"),
    MULTIPLE(INT, prompts, 1280, 1, 1e6, "prompts", NULL),
    MULTIPLE(INT, points, 41, 1, 65536, "points in a prompt", NULL),
    MULTIPLE(INT, dims, 20, 1, 65536, "dimensions", NULL),
    MULTIPLE(INT, seed, 1, 0, 2147483647, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

/* The best multiple of yhat, and the mean over the points of |c yhat - y|^2 there */
static double best_multiple(double *error, const il_real *yhat, const il_batch *batch)
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
    *error = (yy - c * xy) / (double)points;
    return c;
}

static il_status run_multiple(const void *opt, const il_subject *subject, int n,
                              const char *name, il_table **out, il_error *err)
{
    (void)subject, (void)n;
    const multiple_options *o = opt;
    il_claim_prompts prompts = { o->task, o->prompts, o->points, o->dims, o->seed };
    il_batch *batch = NULL;
    il_algo *algo = NULL;
    il_table *table = NULL;
    il_real *yhat = NULL;
    double unit = 1, value = 0, loss = 0;
    il_status status = il_claim_draw(&batch, &prompts, err);
    if (!status) status = il_claim_unit(&unit, &prompts, err);
    if (!status) status = il_algo_new(&algo, o->algo, err);
    if (!status) {
        size_t size = (size_t)o->prompts * (size_t)o->points * (size_t)batch->outs;
        yhat = malloc(sizeof *yhat * size);
        if (!yhat) status = il_fail(err, IL_EFAIL, "out of memory for the answers");
    }
    int last = status ? 0 : il_algo_steps(algo);
    if (!status) status = il_algo_predict(algo, batch, last, last, yhat, NULL, err);
    if (!status) value = best_multiple(&loss, yhat, batch);
    if (!status) status = il_table_new(&table, name, err);
    if (!status) status = fill(table, o->algo, value, loss * unit, err);
    free(yhat);
    il_algo_free(algo);
    il_batch_free(batch);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_multiple = {
    .name = "multiple",
    .summary = "the best multiple of an algorithm's answers: a line search in closed form",
    .opts = multiple_opts,
    .size = sizeof(multiple_options),
    .untrained = 1,
    .run = run_multiple,
};
