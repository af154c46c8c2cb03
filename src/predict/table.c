/* table.c - from a user's tables to columns of numbers
 *
 * The rules are docs/predict.md's: text of few levels becomes indicators, a missing cell the
 * examples' mean; columns that are constant, empty or text of more levels are dropped, and those most
 * correlated with the target stay when there are more than the model has dimensions. Everything is
 * decided on the examples alone; the queries are only encoded.
 */
#include "predict/predict.h"
#include "report/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

enum { LEVELS = 6 }; /* of a text column that becomes indicators */

typedef struct {
    double *x;    /* (M + Q) */
    double worth; /* squared correlation with the target */
    char name[2 * sizeof(il_shown)];
} feature;

/* Why a column is dropped, the columns it befell, and the first of them */
enum { SAME, MISSING, MANY_LEVELS, N_DROPS };
static const char *const drop_why[N_DROPS] = {
    "the same in all examples",
    "missing in all examples",
    "text of more than 6 levels",
};
typedef struct {
    int n;
    const char *first;
} drops;

typedef struct {
    const il_table *examples, *queries;
    int *row; /* (M) the examples' rows that have a target */
    const char *target;
    il_frame *frame;
    feature *kept; /* (limit + 1) in the table's order */
    int limit, offered;
    drops dropped[N_DROPS];
    char why_text[512]; /* the first note of a column that is text by some of its cells */
    FILE *notes;
    il_error *err;
} encoder;

__attribute__((format(printf, 2, 3))) static void note(encoder *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(e->notes, format, args);
    va_end(args);
    fputc('\n', e->notes);
}

static il_status no_memory(encoder *e)
{
    return il_fail(e->err, IL_EFAIL, "out of memory for a table of %d rows",
                   e->frame->M + e->frame->Q);
}

/* A column of the examples, and of the same name in the queries */
typedef struct {
    const char *name;
    int example, query;
} pair;

static pair pair_at(const encoder *e, int col)
{
    const char *name = il_table_col(e->examples, col);
    return (pair){ name, col, il_table_find(e->queries, name) };
}

static double number_at(const encoder *e, pair p, int i)
{
    int M = e->frame->M;
    return i < M ? il_table_number(e->examples, e->row[i], p.example)
                 : il_table_number(e->queries, i - M, p.query);
}

static const char *text_at(const encoder *e, pair p, int i)
{
    int M = e->frame->M;
    return i < M ? il_table_text(e->examples, e->row[i], p.example)
                 : il_table_text(e->queries, i - M, p.query);
}

static void drop(encoder *e, const char *name, int why, const char *but)
{
    drops *d = &e->dropped[why];
    if (!d->n++) d->first = name;
    note(e, "column '%s' is %s%s and was dropped", il_show(name).text, drop_why[why], but);
}

/* ---- one feature ---------------------------------------------------------------------------- */

/* Missing values (NaN) become the examples' mean. Returns how many there were. */
static int fill_missing(const encoder *e, double *x, const il_standard *examples)
{
    double mean = il_standard_to(examples, 0);
    int missing = 0;
    for (int i = 0; i < e->frame->M + e->frame->Q; i++) {
        if (isfinite(x[i])) continue;
        x[i] = mean;
        missing++;
    }
    return missing;
}

static double worth(const encoder *e, const double *x)
{
    int M = e->frame->M;
    const double *y = e->frame->y;
    il_standard sx = il_standard_of(x, NULL, M), sy = il_standard_of(y, NULL, M);
    double xy = 0;
    for (int i = 0; i < M; i++)
        xy += il_standard_from(&sx, x[i]) * il_standard_from(&sy, y[i]);
    return xy / M * (xy / M);
}

/* Takes x over. Of more than `limit` features, the one of least worth goes. */
static void keep(encoder *e, double *x, const char *name)
{
    int n = e->frame->P++, least = n;
    e->kept[n] = (feature){ .x = x, .worth = worth(e, x) };
    snprintf(e->kept[n].name, sizeof e->kept[n].name, "%s", name);
    e->offered++;
    if (e->frame->P <= e->limit) return;
    for (int i = n - 1; i >= 0; i--)
        if (e->kept[i].worth < e->kept[least].worth) least = i;
    free(e->kept[least].x);
    memmove(e->kept + least, e->kept + least + 1, sizeof(feature) * (size_t)(n - least));
    e->frame->P--;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whole numbers, none twice, below a name that programs give to row numbers? 0 without memory, too. */
static int looks_like_row_numbers(const encoder *e, const char *name, const double *x)
{
    static const char *const names[] = { "index",    "level_0",   "row", "rowid", "row_id",
                                         "rownames", "row_names", "id",  "X",     "...1" };
    int M = e->frame->M, like = !strncmp(name, "Unnamed: ", 9);
    for (int i = 0; i < IL_COUNT(names); i++) like |= !strcasecmp(name, names[i]);
    double *sorted = like ? malloc(sizeof *sorted * (size_t)M) : NULL;
    if (!sorted) return 0;
    memcpy(sorted, x, sizeof *sorted * (size_t)M);
    qsort(sorted, (size_t)M, sizeof *sorted, compare);
    for (int i = 0; i < M && like; i++)
        like = sorted[i] == floor(sorted[i]) && (!i || sorted[i] > sorted[i - 1]);
    free(sorted);
    return like;
}

static il_status encode_numbers(encoder *e, int col)
{
    int n = e->frame->M + e->frame->Q;
    pair p = pair_at(e, col);
    double *x = malloc(sizeof *x * (size_t)n);
    if (!x) return no_memory(e);
    for (int i = 0; i < n; i++) x[i] = number_at(e, p, i);
    il_standard examples = il_standard_of(x, NULL, e->frame->M);
    if (!(examples.sd > 0)) {
        char but[64];
        snprintf(but, sizeof but, "%s%s",
                 examples.n && examples.n < e->frame->M ? " that have it" : "",
                 examples.rounded ? ", but for rounding," : "");
        drop(e, p.name, examples.n ? SAME : MISSING, but);
        free(x);
        return IL_OK;
    }
    int missing = fill_missing(e, x, &examples);
    if (missing)
        note(e, "%d missing cell%s of '%s' became the examples' mean", missing,
             missing == 1 ? "" : "s", il_show(p.name).text);
    if (looks_like_row_numbers(e, p.name, x))
        note(e,
             "column '%s' looks like row numbers and is an input like any other: leave it "
             "out if it says nothing about '%s' (pandas: to_csv(..., index=False))",
             il_show(p.name).text, il_show(e->target).text);
    keep(e, x, il_show(p.name).text);
    return IL_OK;
}

/* ---- text: one indicator for every level but the first ------------------------------------------ */

/* The examples' levels of a text column; more than LEVELS are not counted. */
static int find_levels(const encoder *e, pair p, const char *level[LEVELS + 1])
{
    int n = 0, known;
    for (int i = 0; i < e->frame->M && n <= LEVELS; i++) {
        const char *text = text_at(e, p, i);
        known = !*text;
        for (int l = 0; l < n && !known; l++) known = !strcmp(text, level[l]);
        if (!known) level[n++] = text;
    }
    return n;
}

/* 1 where the cell is `level`, 0 where it is another known one, NaN where it is none of them. */
static void indicate(const encoder *e, pair p, const char *const *level, int n, int which,
                     double *x)
{
    for (int i = 0; i < e->frame->M + e->frame->Q; i++) {
        const char *text = text_at(e, p, i);
        x[i] = NAN;
        for (int l = 0; l < n; l++)
            if (!strcmp(text, level[l])) x[i] = l == which;
    }
}

static il_status encode_text(encoder *e, int col)
{
    const char *level[LEVELS + 1];
    pair p = pair_at(e, col);
    int n = find_levels(e, p, level), missing = 0;
    char cell[400], why[sizeof e->why_text];
    if (il_frame_first_text(e->examples, p.example, cell, sizeof cell)) {
        snprintf(why, sizeof why, "column '%s' is taken as text: %s", il_show(p.name).text,
                 cell);
        note(e, "%s", why);
        if (!*e->why_text) memcpy(e->why_text, why, sizeof why);
    }
    if (n > LEVELS || n < 2) {
        drop(e, p.name, n > LEVELS ? MANY_LEVELS : n ? SAME : MISSING, "");
        return IL_OK;
    }
    for (int l = 1; l < n; l++) {
        char label[sizeof e->kept->name];
        double *x = malloc(sizeof *x * (size_t)(e->frame->M + e->frame->Q));
        if (!x) return no_memory(e);
        indicate(e, p, level, n, l, x);
        il_standard share = il_standard_of(x, NULL, e->frame->M);
        missing = fill_missing(e, x, &share);
        snprintf(label, sizeof label, "%s=%s", il_show(p.name).text,
                 il_show(level[l]).text);
        keep(e, x, label);
    }
    note(e, "column '%s' is text: %d indicator%s against '%s'", il_show(p.name).text, n - 1,
         n == 2 ? "" : "s", il_show(level[0]).text);
    if (missing)
        note(e, "%d missing or unknown cell%s of '%s' became the examples' mean", missing,
             missing == 1 ? "" : "s", il_show(p.name).text);
    return IL_OK;
}

/* ---- the tables ------------------------------------------------------------------------------------ */

static int is_empty(const il_table *t, int col)
{
    for (int r = 0; r < il_table_rows(t); r++)
        if (il_table_is_text(t, col) ? *il_table_text(t, r, col) != 0
                                     : isfinite(il_table_number(t, r, col)))
            return 0;
    return 1;
}

/* A target, NaN where it is missing. A table made by hand may hold its numbers as text. */
static double target_at(const il_table *t, int row, int col)
{
    double y;
    if (!il_table_is_text(t, col)) return il_table_number(t, row, col);
    return il_number_parse(il_table_text(t, row, col), &y) ? y : NAN;
}

/* The target's column, or -1. Errors: IL_ECONFIG naming the first cell that is no number. */
static il_status find_target(const encoder *e, const il_table *t, int *col)
{
    *col = il_table_find(t, e->target);
    if (*col < 0 || !il_table_is_text(t, *col)) return IL_OK;
    for (int r = 0; r < il_table_rows(t); r++) {
        const char *text = il_table_text(t, r, *col);
        if (!*text || isfinite(target_at(t, r, *col))) continue;
        char hint[160];
        int line = il_table_line(t, r);
        il_cell_hint(text, hint, sizeof hint);
        return il_fail(e->err, IL_ECONFIG,
                       "%s: column '%s' holds '%s' in %s %d; only numbers can be "
                       "predicted: %s",
                       il_table_name(t), il_show(e->target).text, il_show(text).text,
                       line ? "line" : "row", line ? line : r + 1, hint);
    }
    return IL_OK;
}

/* The examples with a target, and the targets of both tables. */
static il_status read_targets(encoder *e)
{
    int col, query_col, rows = il_table_rows(e->examples);
    il_frame *f = e->frame;
    IL_TRY(find_target(e, e->examples, &col));
    IL_TRY(find_target(e, e->queries, &query_col));
    if (col < 0)
        return il_fail(e->err, IL_ECONFIG, "%s: no column '%s' to predict",
                       il_table_name(e->examples), il_show(e->target).text);
    f->Q = il_table_rows(e->queries);
    f->y = malloc(sizeof *f->y * ((size_t)rows + (size_t)f->Q + 1));
    e->row = malloc(sizeof *e->row * ((size_t)rows + 1));
    if (!f->y || !e->row) return no_memory(e);
    for (int r = 0; r < rows; r++) {
        double y = target_at(e->examples, r, col);
        if (!isfinite(y)) continue;
        f->y[f->M] = y;
        e->row[f->M++] = r;
    }
    for (int r = 0; r < f->Q; r++) {
        f->y[f->M + r] = query_col < 0 ? NAN : target_at(e->queries, r, query_col);
        if (isfinite(f->y[f->M + r])) f->has_target = 1;
    }
    if (f->M < rows)
        note(e, "%d example%s without '%s' %s left out", rows - f->M,
             rows - f->M == 1 ? "" : "s", il_show(e->target).text,
             rows - f->M == 1 ? "was" : "were");
    if (f->M < 2 || f->Q < 1)
        return il_fail(e->err, IL_ECONFIG,
                       "%s: at least two examples with '%s' and one query are needed, "
                       "and there are %d and %d",
                       il_table_name(f->M < 2 ? e->examples : e->queries),
                       il_show(e->target).text, f->M, f->Q);
    return IL_OK;
}

static il_status kinds_differ(const encoder *e, int c, int q)
{
    int is_text = il_table_is_text(e->examples, c);
    char why[400];
    il_frame_first_text(is_text ? e->examples : e->queries, is_text ? c : q, why,
                        sizeof why);
    return il_fail(e->err, IL_ECONFIG, "%s: column '%s' is %s here and %s in %s%s%s",
                   il_table_name(e->queries), il_show(il_table_col(e->examples, c)).text,
                   is_text ? "numbers" : "text", is_text ? "text" : "numbers",
                   il_table_name(e->examples), *why ? "; " : "", why);
}

/* The queries must hold every column of the examples, of the same kind. */
static il_status check_columns(encoder *e)
{
    for (int c = 0; c < il_table_cols(e->examples); c++) {
        const char *name = il_table_col(e->examples, c);
        if (!strcmp(name, e->target)) continue;
        int q = il_table_find(e->queries, name), is_text = il_table_is_text(e->examples, c);
        if (q < 0)
            return il_fail(e->err, IL_ECONFIG, "%s: column '%s' of the examples is missing",
                           il_table_name(e->queries), il_show(name).text);
        if (is_text != il_table_is_text(e->queries, q) && !is_empty(e->examples, c) &&
            !is_empty(e->queries, q))
            return kinds_differ(e, c, q);
    }
    for (int q = 0; q < il_table_cols(e->queries); q++) {
        const char *name = il_table_col(e->queries, q);
        if (strcmp(name, e->target) && il_table_find(e->examples, name) < 0)
            note(e, "column '%s' is not in the examples and was ignored",
                 il_show(name).text);
    }
    return IL_OK;
}

static void note_selection(encoder *e)
{
    if (e->offered <= e->limit) return;
    fprintf(e->notes,
            "of %d columns the model has room for %d, those most correlated with '%s': ",
            e->offered, e->limit, il_show(e->target).text);
    for (int i = 0; i < e->frame->P; i++)
        fprintf(e->notes, "%s%s", i ? ", " : "", e->kept[i].name);
    fputc('\n', e->notes);
}

/* There is no column to use: what became of those there are. */
static il_status none_left(const encoder *e)
{
    char text[512];
    int at = 0, left_out = il_table_rows(e->examples) - e->frame->M;
    for (int i = 0; i < N_DROPS; i++) {
        const drops *d = &e->dropped[i];
        if (!d->n) continue;
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%d %s %s ('%s'%s)",
                       at ? ", " : "; ", d->n, d->n == 1 ? "is" : "are", drop_why[i],
                       il_show(d->first).text, d->n == 1 ? "" : " is the first");
    }
    if (!at) at = snprintf(text, sizeof text, "; there is no other");
    if (left_out)
        snprintf(text + at, sizeof text - (size_t)at, "; %d of the %d examples %s no '%s'",
                 left_out, e->frame->M + left_out, left_out == 1 ? "has" : "have",
                 il_show(e->target).text);
    return il_fail(e->err, IL_ECONFIG,
                   "%s: no column but '%s' that the model could use%s%s%s",
                   il_table_name(e->examples), il_show(e->target).text, text,
                   *e->why_text ? "; " : "", e->why_text);
}

static il_status encode(encoder *e)
{
    IL_TRY(read_targets(e));
    IL_TRY(check_columns(e));
    e->kept = calloc((size_t)e->limit + 1, sizeof *e->kept);
    e->frame->x = calloc((size_t)e->limit, sizeof *e->frame->x);
    if (!e->kept || !e->frame->x) return no_memory(e);
    for (int c = 0; c < il_table_cols(e->examples); c++) {
        if (!strcmp(il_table_col(e->examples, c), e->target)) continue;
        IL_TRY(il_table_is_text(e->examples, c) ? encode_text(e, c) : encode_numbers(e, c));
    }
    if (!e->frame->P) return none_left(e);
    note_selection(e);
    return IL_OK;
}

il_status il_frame_new(il_frame *frame, const il_table *examples, const il_table *queries,
                       const char *target, int limit, FILE *notes, il_error *err)
{
    *frame = (il_frame){ 0 };
    encoder e = { .examples = examples,
                  .queries = queries,
                  .target = target,
                  .frame = frame,
                  .limit = limit,
                  .notes = notes,
                  .err = err };
    il_status status = encode(&e);
    for (int i = 0; e.kept && i < frame->P; i++) {
        if (status) {
            free(e.kept[i].x);
        } else {
            frame->x[i] = e.kept[i].x;
        }
    }
    if (status) {
        frame->P = 0;
        il_frame_free(frame);
    }
    free(e.kept);
    free(e.row);
    return status;
}

void il_frame_free(il_frame *frame)
{
    for (int i = 0; i < frame->P; i++) free(frame->x[i]);
    free(frame->x);
    free(frame->y);
    *frame = (il_frame){ 0 };
}
