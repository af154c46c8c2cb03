/* points.c - errors by number of examples, or by loop, of models and algorithms on the same prompts
 *
 * Columns: k (or loop), then NAME, NAME_low, NAME_high of every model, then every algorithm. A
 * model measures a copy of the same prompts: they are a function of the seed.
 */
#include "measure/measure.h"

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

/* What is evaluated together: a model, or the algorithms on the first one's prompts */
typedef struct {
    const il_model *model;
    const char *name; /* NULL: the algorithms */
} part;

/* Models first, then the algorithms: part i, 0 behind the last */
static int part_at(part *p, int i, const options *o, const il_subject *subject, int n)
{
    if (i < n)
        *p = (part){ subject[i].model, subject[i].name };
    else
        *p = (part){ n ? subject->model : NULL, NULL };
    return i < n || (i == n && (*o->against || !n));
}

static il_eval_options asked(const options *o, const part *p, int by_loops)
{
    return (il_eval_options){ .task = given(o->task),
                              .shift = given(o->shift),
                              .against = p->name ? NULL : given(o->against),
                              .prompts = o->prompts,
                              .points = o->points,
                              .dims = o->dims,
                              .loops = by_loops ? 0 : o->loops,
                              .loops_to = by_loops ? o->loops : 0,
                              .seed = (uint64_t)o->seed };
}

/* The first of the part's columns: those of a model that algorithms come with are left out. */
static int first_of(const part *p) { return p->name || !p->model ? 1 : 4; }

/* "model_low" of an evaluation, or "loss_low" and "wrong" of one of classes, as NAME_low, NAME_wrong */
static il_status add_columns(il_table *table, const il_table *source, const part *p,
                             il_error *err)
{
    if (!il_table_cols(table)) {
        IL_TRY(il_table_set_caption(table, il_table_caption(source), err));
        IL_TRY(il_table_add_col(table, il_table_col(source, 0), 0, err));
    }
    for (int c = first_of(p); c < il_table_cols(source); c++) {
        const char *its = il_table_col(source, c), *own = il_table_col(source, 1);
        size_t head = strncmp(its, own, strlen(own)) ? 0 : strlen(own);
        char text[2 * IL_TEXT];
        snprintf(text, sizeof text, "%s%s%s", p->name ? p->name : its,
                 p->name && !head ? "_" : "", p->name ? its + head : "");
        IL_TRY(il_table_add_col(table, text, 0, err));
    }
    return IL_OK;
}

/* The first part's are all parts' rows. */
static il_status add_rows(il_table *table, const il_table *source, int first, il_error *err)
{
    int rows = il_table_rows(source);
    for (int r = 0; r < rows && first; r++)
        IL_TRY(il_outline_number(table, il_table_number(source, r, 0), err));
    if (il_table_rows(table) == rows) return IL_OK;
    return il_fail(err, IL_ECONFIG, "some of its models have %d rows where others have %d",
                   rows, il_table_rows(table));
}

static il_status outline(il_table *table, const options *o, const il_subject *subject,
                         int n, int by_loops, il_error *err)
{
    part p;
    for (int i = 0; part_at(&p, i, o, subject, n); i++) {
        il_eval_options e = asked(o, &p, by_loops);
        il_table *source;
        IL_TRY(il_eval_outline(p.model, &e, by_loops, &source, err));
        il_status status = add_columns(table, source, &p, err);
        if (!status) status = add_rows(table, source, !i, err);
        il_table_free(source);
        IL_TRY(status);
    }
    return IL_OK;
}

/* Copies the part's numbers to columns col, col + 1, ... */
static void copy(il_table *table, const il_table *source, const part *p, int *col)
{
    for (int c = first_of(p); c < il_table_cols(source); c++, ++*col)
        for (int r = 0; r < il_table_rows(source); r++)
            il_table_set(table, r, *col, il_table_number(source, r, c));
}

static il_status fill(il_table *table, const options *o, const il_subject *subject, int n,
                      int by_loops, il_error *err)
{
    part p;
    int open = !il_table_rows(table); /* which rows there are, measuring tells */
    for (int i = 0, col = 1; part_at(&p, i, o, subject, n); i++) {
        il_eval_options e = asked(o, &p, by_loops);
        il_table *source;
        IL_TRY(by_loops ? il_eval_loops(p.model, &e, &source, err)
                        : il_eval_points(p.model, &e, &source, err));
        il_status status = add_rows(table, source, open && !i, err);
        if (!status && open)
            status = il_table_set_caption(table, il_table_caption(source), err);
        if (!status) copy(table, source, &p, &col);
        il_table_free(source);
        IL_TRY(status);
    }
    return IL_OK;
}

static il_status outline_points(il_table *table, const void *opt, const il_subject *subject,
                                int n, il_error *err)
{
    return outline(table, opt, subject, n, 0, err);
}

static il_status outline_loops(il_table *table, const void *opt, const il_subject *subject,
                               int n, il_error *err)
{
    return outline(table, opt, subject, n, 1, err);
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
    .outline = outline_points,
    .fill = fill_points,
};

const il_measure il_measure_loops = {
    .name = "loops",
    .summary = "error at the last point by loop (step of an algorithm)",
    .opts = opts,
    .size = sizeof(options),
    .outline = outline_loops,
    .fill = fill_loops,
};
