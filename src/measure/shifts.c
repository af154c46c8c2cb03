/* shifts.c - the error after some examples under every shift of the prompts, of models and algorithms, as one table
 *
 * Columns: shift, then every model, then every algorithm. A row is the row of `points` with that shift on the same
 * functions; models are not trained on shifted prompts.
 * Source: Garg et al. 2022, arXiv:2208.01066, section 4; Yang et al. 2023, arXiv:2311.12424, appendix.
 */
#include "measure/measure.h"

static const char every[] = "standard,skewed,half_subspace,kappa=10,scaled_x=0.5,scaled_x="
                            "2,scaled_y=0.5,scaled_y=2,"
                            "noisy=1,orthants,opposite,orthogonal_query,overlapping";

typedef struct {
    const char *shifts, *against;
    int prompts, points, examples, loops;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    IL_MEASURE_KEY(STRING, shifts, 0, 0, 0,
                   "between commas, as in noisy=1,skewed; left out: all", NULL,
                   "SHIFT,..."),
    IL_MEASURE_KEY(STRING, against, 0, 0, 0, "algorithms: ols,ridge alpha=0.1", NULL,
                   "ALGO,..."),
    IL_MEASURE_KEY(INT, prompts, 1280, 1, 1e8, "prompts measured", NULL),
    IL_MEASURE_KEY(INT, points, 0, 0, 65536, "in a prompt; 0: as in training", NULL),
    IL_MEASURE_KEY(INT, examples, 0, 0, 65535,
                   "before the query; 0: all but the last point", NULL),
    IL_MEASURE_KEY(INT, loops, 0, 0, IL_MOST_LOOPS, "0: as in training", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts", NULL),
    { 0 },
};

static il_eval_options asked(const options *o, const char *shift, int first)
{
    return (il_eval_options){ .shift = shift,
                              .against = first ? o->against : NULL,
                              .prompts = o->prompts,
                              .points = o->points,
                              .loops = o->loops,
                              .seed = o->seed };
}

static int next_shift(char shift[IL_TEXT], const char **rest)
{
    return *rest && il_item_next(shift, rest, ",");
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    const char *rest = o->shifts ? o->shifts : every;
    char shift[IL_TEXT];
    for (int i = 0; i < n; i++)
        IL_TRY(il_table_add_col(table, il_measured_name(&model[i]), 0, err));
    for (int row = 0; next_shift(shift, &rest); row++) {
        il_eval_options its = asked(o, shift, 1);
        il_table *points;
        IL_TRY(il_eval_outline(&points, model->model, &its, IL_EVAL_POINTS, err));
        il_status status = il_outline_name(table, shift, err);
        for (int c = 4; c < il_table_cols(points) && !row && !status; c++)
            status = il_table_add_col(table, il_table_col(points, c), 0, err);
        if (!status && o->examples >= il_table_rows(points))
            status = il_fail(err, IL_ECONFIG, "examples = %d is not below the %d points",
                             o->examples, il_table_rows(points));
        il_table_free(points);
        IL_TRY(status);
    }
    return IL_OK;
}

/* One row's numbers of one model, and with the first those of the algorithms */
static il_status measure(il_table *table, int row, const options *o, const char *shift,
                         const il_measured *model, int i, int n, il_error *err)
{
    il_eval_options its = asked(o, shift, !i);
    il_table *points;
    IL_TRY(il_eval(&points, model[i].model, &its, IL_EVAL_POINTS, err));
    int k = o->examples ? o->examples : il_table_rows(points) - 1;
    il_table_set(table, row, 1 + i, il_table_number(points, k, 1));
    for (int c = 4; c < il_table_cols(points); c++)
        il_table_set(table, row, 1 + n + c - 4, il_table_number(points, k, c));
    il_table_free(points);
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    const char *rest = o->shifts ? o->shifts : every;
    char shift[IL_TEXT];
    for (int row = 0; next_shift(shift, &rest); row++)
        for (int i = 0; i < n; i++) IL_TRY(measure(table, row, o, shift, model, i, n, err));
    return IL_OK;
}

const il_measure_kind il_measure_shifts = {
    .name = "shifts",
    .summary = "error under every shift of the prompts, of models and algorithms",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .columns = "shift$",
    .outline = outline,
    .fill = fill,
};
