/* points.c - in-context error curves of models and algorithms on the same prompts: by examples, by loop, or mean
 *
 * Columns: k (or loop, or points), then NAME, NAME_low, NAME_high of every model, then every algorithm. A
 * model without a name keeps the columns of its evaluation. Every model is measured on a copy of the same
 * prompts: they are a function of the seed.
 */
#include "measure/measure.h"

#include <stdlib.h>

/* Columns of a model in its evaluation: from 1 on, before those of algorithms */
static int columns_of(const il_measured *model, const il_table *source)
{
    if (!model) return 0;
    if (strcmp(il_table_col(source, 1), "model")) return il_table_cols(source) - 1;
    const char *next = il_table_cols(source) > 4 ? il_table_col(source, 4) : "";
    return 3 + (!strcmp(next, "stopped") ? 1 : !strcmp(next, "loops") ? 2 : 0);
}

/* "model_low" of an evaluation, or "loss_low" and "wrong" of one by token ids, as NAME_low, NAME_wrong */
static il_status add_columns(il_table *table, const il_table *source,
                             const il_measured *model, il_error *err)
{
    const char *own = il_table_col(source, 1), *name = model ? model->name : NULL;
    for (int c = 1; c <= columns_of(model, source); c++) {
        const char *its = il_table_col(source, c);
        size_t head = strncmp(its, own, strlen(own)) ? 0 : strlen(own);
        char text[2 * IL_TEXT];
        snprintf(text, sizeof text, "%s%s%s", name ? name : its, name && !head ? "_" : "",
                 name ? its + head : "");
        IL_TRY(il_table_add_col(table, text, 0, err));
    }
    return IL_OK;
}

static il_status add_algorithms(il_table *table, const il_table *source,
                                const il_measured *model, il_error *err)
{
    for (int c = 1 + columns_of(model, source); c < il_table_cols(source); c++)
        IL_TRY(il_table_add_col(table, il_table_col(source, c), 0, err));
    return IL_OK;
}

/* The first evaluation's are all models' rows. */
static il_status add_rows(il_table *table, const il_table *source, int first, il_error *err)
{
    int rows = il_table_rows(source);
    for (int r = 0; r < rows && first; r++)
        IL_TRY(il_outline_number(table, il_table_number(source, r, 0), err));
    if (il_table_rows(table) == rows) return IL_OK;
    return il_fail(err, IL_ECONFIG, "some of its models have %d rows where others have %d",
                   rows, il_table_rows(table));
}

/* The numbers of columns from..to-1 to columns col, col + 1, ... */
static void copy(il_table *table, int col, const il_table *source, int from, int to)
{
    for (int c = from; c < to; c++, col++)
        for (int r = 0; r < il_table_rows(source); r++)
            il_table_set(table, r, col, il_table_number(source, r, c));
}

/* What is said of a model names it where there are several. */
static il_status add_notes(il_table *table, const il_table *source, const char *name,
                           il_error *err)
{
    for (const char *note = il_table_notes(source); *note;) {
        int size = (int)strcspn(note, "\n");
        IL_TRY(il_table_note(table, err, "%s%s%.*s", name ? name : "", name ? ": " : "",
                             size, note));
        note += size + (note[size] == '\n');
    }
    return IL_OK;
}

/* The evaluation of model i, or of algorithms alone; they come with the first model. */
static il_status evaluate(il_table **source, const il_eval_options *o,
                          const il_measured *model, int i, il_eval_by by, int outlined,
                          il_error *err)
{
    il_eval_options its = *o;
    if (i) its.against = NULL;
    return (outlined ? il_eval_outline : il_eval)(source, model ? model->model : NULL, &its,
                                                  by, err);
}

static il_status outline(il_table *table, const il_eval_options *o,
                         const il_measured *model, int n, il_eval_by by, il_error *err)
{
    il_table *first = NULL;
    il_status status = IL_OK;
    for (int i = 0; (i < n || !i) && !status; i++) {
        const il_measured *one = n ? &model[i] : NULL;
        il_table *source = NULL;
        status = evaluate(&source, o, one, i, by, 1, err);
        if (!status && !i)
            status = il_table_set_caption(table, il_table_caption(source), err);
        if (!status && !i)
            status = il_table_add_col(table, il_table_col(source, 0), 0, err);
        if (!status) status = add_columns(table, source, one, err);
        if (!status) status = add_rows(table, source, !i, err);
        if (!i)
            first = source;
        else
            il_table_free(source);
    }
    if (!status) status = add_algorithms(table, first, n ? model : NULL, err);
    il_table_free(first);
    return status;
}

static il_status fill(il_table *table, const il_eval_options *o, const il_measured *model,
                      int n, il_eval_by by, il_error *err)
{
    int open = !il_table_rows(table); /* which rows there are, measuring tells */
    for (int i = 0, col = 1; i < n || !i; i++) {
        const il_measured *one = n ? &model[i] : NULL;
        il_table *source;
        IL_TRY(evaluate(&source, o, one, i, by, 0, err));
        int own = columns_of(one, source), all = il_table_cols(source);
        il_status status = add_rows(table, source, open && !i, err);
        if (!status && open)
            status = il_table_set_caption(table, il_table_caption(source), err);
        if (!status) status = add_notes(table, source, n > 1 ? one->name : NULL, err);
        if (!status) {
            copy(table, col, source, 1, 1 + own);
            copy(table, il_table_cols(table) - (all - 1 - own), source, 1 + own, all);
            col += own;
        }
        il_table_free(source);
        IL_TRY(status);
    }
    return IL_OK;
}

#define BY(name, by)                                                                       \
    static il_status outline_##name(il_table *table, const void *opts,                     \
                                    const il_measured *model, int n, il_error *err)        \
    {                                                                                      \
        return outline(table, opts, model, n, by, err);                                    \
    }                                                                                      \
    static il_status fill_##name(il_table *table, const void *opts,                        \
                                 const il_measured *model, int n, il_error *err)           \
    {                                                                                      \
        return fill(table, opts, model, n, by, err);                                       \
    }
BY(points, IL_EVAL_POINTS)
BY(loops, IL_EVAL_LOOPS)
BY(mean, IL_EVAL_MEAN)

const il_measure_kind il_measure_points = {
    .name = "points",
    .summary = "error by number of examples, of models and algorithms",
    .opts = il_eval_opts,
    .size = sizeof(il_eval_options),
    .most = IL_MEASURE_MODELS,
    .outline = outline_points,
    .fill = fill_points,
};

const il_measure_kind il_measure_loops = {
    .name = "loops",
    .summary = "error at the last point by loop (step of an algorithm)",
    .opts = il_eval_opts,
    .size = sizeof(il_eval_options),
    .most = IL_MEASURE_MODELS,
    .outline = outline_loops,
    .fill = fill_loops,
};

const il_measure_kind il_measure_mean = {
    .name = "mean",
    .summary = "error, a mean over the points of a prompt: one row",
    .opts = il_eval_opts,
    .size = sizeof(il_eval_options),
    .most = IL_MEASURE_MODELS,
    .outline = outline_mean,
    .fill = fill_mean,
};
