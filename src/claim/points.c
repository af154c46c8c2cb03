/* points.c - errors by number of examples, or by loop, of models and algorithms on the same prompts
 *
 * Columns: k (or loop), then NAME, NAME_low, NAME_high of every model, then every algorithm. A
 * model measures a copy of the same prompts: they are a function of the seed.
 */
#include "claim/claim.h"

typedef struct {
    char task[IL_TEXT], shift[IL_TEXT], against[IL_TEXT];
    int prompts, points, dims, loops, seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(TEXT, task, 0, 0, 0, "another task than the models' own", NULL),
    IL_MEASURE_KEY(TEXT, shift, 0, 0, 0, "a shift of its prompts", NULL),
    IL_MEASURE_KEY(TEXT, against, 0, 0, 0, "algorithms, as of eval", NULL),
    IL_MEASURE_KEY(INT, prompts, 1280, 1, 1e8, "prompts measured", NULL),
    IL_MEASURE_KEY(INT, points, 0, 0, 65536, "points in a prompt; 0: the models'", NULL),
    IL_MEASURE_KEY(INT, dims, 0, 0, 65536, "dimensions that are alive; 0: the models'", NULL),
    IL_MEASURE_KEY(INT, loops, 0, 0, 10000, "the loop that is read; by loops: the last one", NULL),
    IL_MEASURE_KEY(INT, seed, 1, 0, 2147483647, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

static const char *given(const char *text) { return *text ? text : NULL; }

/* The columns of one model's table, or of the algorithms beside it, under their names. */
static il_status take(il_table *table, const il_table *source, const char *model,
                      int algorithms, il_error *err)
{
    if (!il_table_cols(table)) {
        IL_TRY(il_table_set_caption(table, il_table_caption(source), err));
        IL_TRY(il_claim_add_column(table, source, 0, il_table_col(source, 0), err));
    }
    for (int c = 1; c < il_table_cols(source); c++) {
        const char *name = il_table_col(source, c);
        int own = model && c <= 3;
        char text[2 * IL_TEXT];
        snprintf(text, sizeof text, "%s%s", own ? model : name,
                 own ? name + strlen("model") : "");
        if (own != algorithms) IL_TRY(il_claim_add_column(table, source, c, text, err));
    }
    return IL_OK;
}

typedef il_status evaluation(const il_model *model, const il_eval_options *options,
                             il_table **table, il_error *err);

static il_status evaluate(const options *o, evaluation *eval, const il_model *model,
                          const char *name, int by_loops, int algorithms, il_table *table,
                          il_error *err)
{
    il_table *source;
    il_eval_options e = { .task = given(o->task),
                          .shift = given(o->shift),
                          .against = algorithms ? given(o->against) : NULL,
                          .prompts = o->prompts,
                          .points = o->points,
                          .dims = o->dims,
                          .loops = by_loops ? 0 : o->loops,
                          .loops_to = by_loops ? o->loops : 0,
                          .seed = (uint64_t)o->seed };
    IL_TRY(eval(model, &e, &source, err));
    il_status status = take(table, source, model ? name : NULL, algorithms, err);
    il_table_free(source);
    return status;
}

/* Models first, then the algorithms on the first one's prompts. */
static il_status fill(il_table *table, const options *o, const il_subject *subject, int n,
                      int by_loops, il_error *err)
{
    evaluation *eval = by_loops ? il_eval_loops : il_eval_points;
    for (int i = 0; i < n; i++)
        IL_TRY(
            evaluate(o, eval, subject[i].model, subject[i].name, by_loops, 0, table, err));
    if (!o->against[0] && n) return IL_OK;
    return evaluate(o, eval, n ? subject->model : NULL, "", by_loops, 1, table, err);
}

static il_status fill_points(il_table *table, const void *opt, const il_subject *subject,
                             int n, il_error *err)
{
    return fill(table, opt, subject, n, 0, err);
}

static il_status fill_loops(il_table *table, const void *opt, const il_subject *subject,
                            int n, il_error *err)
{
    return fill(table, opt, subject, n, 1, err);
}

const il_measure il_measure_points = {
    .name = "points",
    .summary = "error by number of examples, of models and algorithms",
    .opts = opts,
    .size = sizeof(options),
    .fill = fill_points,
};

const il_measure il_measure_loops = {
    .name = "loops",
    .summary = "error at the last point by loop (step of an algorithm)",
    .opts = opts,
    .size = sizeof(options),
    .fill = fill_loops,
};
