/* tuned.c - the best value of an algorithm's option: what a trained coefficient is held against
 *
 * A table of one row: value and loss, as an evaluation counts it.
 */
#include "algo/tune.h"
#include "claim/claim.h"

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
