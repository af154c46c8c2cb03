/* measure.c - a claim held against what is measured: every table, then every row's number
 *
 * A row reads its column at the rows that `at` names: v, v - minus, or v / over of each; their
 * mean (with `over` the mean of v over that of `over`), largest, smallest, or slope against the first
 * column is held to the bounds. What is not finite holds nothing.
 */
#include "claim/claim.h"

#include <math.h>
#include <stdlib.h>

/* ---- tables ----------------------------------------------------------------------------------- */

il_status il_measure_table(il_table **out, const il_measure *measure, const void *opts,
                           const il_subject *subject, int n, const char *name,
                           il_error *err)
{
    il_table *table;
    IL_TRY(il_table_new(&table, name, err));
    il_status status = measure->fill(table, opts, subject, n, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

static il_status measure_one(il_claim *c, il_claim_measured *t, il_model *const *models,
                             const char *const *folders, il_error *err)
{
    il_subject subject[IL_CLAIM_MODELS];
    for (int i = 0; i < t->n_subjects; i++) {
        int m = t->subject[i];
        subject[i] = (il_subject){ .name = c->model[m].name,
                                   .config = &c->model[m].config,
                                   .model = models[m],
                                   .folder = models[m] ? folders[m] : NULL };
    }
    il_error inner = { 0 };
    il_table *table = NULL;
    il_status status = il_measure_table(&table, t->measure, t->opts, subject, t->n_subjects,
                                        t->name, &inner);
    if (status)
        return il_fail(err, status, "%s: measures.%s: %s", c->name, t->name, inner.text);
    il_table_free(t->table);
    t->table = table;
    return IL_OK;
}

static il_status load(il_claim *c, const char *const *folders, il_model **models,
                      il_error *err)
{
    for (int i = 0; i < c->models; i++) {
        if (!c->model[i].trained) continue;
        IL_TRY(il_model_load(&models[i], folders[i], err));
        if (il_model_step(models[i]) < c->model[i].config.training.train_steps)
            return il_fail(err, IL_ECONFIG, "%s is not trained to its end", folders[i]);
        if (il_config_hash(il_model_config(models[i])) !=
            il_config_hash(&c->model[i].config))
            return il_fail(err, IL_ECONFIG, "%s is a run of another recipe than %s of %s",
                           folders[i], c->model[i].name, c->name);
    }
    return IL_OK;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static il_status fail_row(const il_claim_row *r, il_error *err, const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: rows.%s.%s", r->leaf->file, r->leaf->line,
                   r->leaf->column, r->name, what);
}

static il_status find_column(const il_claim_row *r, const il_table *table, const char *key,
                             const char *name, int *col, il_error *err)
{
    char what[256];
    const char *names[64];
    int n = 0;
    *col = il_table_find(table, name);
    if (*col >= 0 && !il_table_is_text(table, *col)) return IL_OK;
    for (int i = 0; i < il_table_cols(table) && n < 64; i++)
        if (!il_table_is_text(table, i)) names[n++] = il_table_col(table, i);
    const char *near = il_nearest(name, names, n);
    snprintf(what, sizeof what, "%s = '%s' is no column of numbers of %s%s%s%s", key,
             il_show(name).text, il_table_name(table), near ? "; did you mean '" : "",
             near ? near : "", near ? "'?" : "");
    return fail_row(r, err, what);
}

/* Is this row of the table one that `at` names? */
static int named(const char *at, const il_table *table, int row)
{
    if (!strcmp(at, "all")) return 1;
    if (il_table_is_text(table, 0)) return !strcmp(il_table_text(table, row, 0), at);
    double x = il_table_number(table, row, 0), low, high;
    const char *dots = strstr(at, "..");
    char first[IL_TEXT];
    snprintf(first, sizeof first, "%.*s", dots ? (int)(dots - at) : (int)strlen(at), at);
    if (!il_number_parse(first, &low)) return 0;
    high = low;
    if (dots && !il_number_parse(dots + 2, &high)) return 0;
    return x >= low && x <= high;
}

/* Sums over the rows read, of v = above / below and the first column x */
typedef struct {
    int n;
    double above, below, v, x, xx, xv, most, least;
} sums;

static void add(sums *to, double x, double above, double below)
{
    double v = above / below;
    to->n++;
    to->above += above;
    to->below += below;
    to->v += v;
    to->x += x;
    to->xx += x * x;
    to->xv += x * v;
    to->most = fmax(to->most, v);
    to->least = fmin(to->least, v);
}

static double taken(const sums *s, int take)
{
    if (!isfinite(s->v)) return NAN; /* one NaN among numbers is not passed over */
    switch (take) {
    case IL_TAKE_MOST:
        return s->most;
    case IL_TAKE_LEAST:
        return s->least;
    case IL_TAKE_SLOPE:
        return (s->n * s->xv - s->x * s->v) / (s->n * s->xx - s->x * s->x);
    default:
        return s->above / s->below;
    }
}

/* The numbers of column `col`, with `other` beside it, at the rows that `at` names */
static il_status read_rows(sums *s, const il_claim_row *r, const il_table *table, int col,
                           int other, const char *at, il_error *err)
{
    int text = il_table_is_text(table, 0);
    *s = (sums){ .most = -INFINITY, .least = INFINITY };
    for (int row = 0; row < il_table_rows(table); row++) {
        if (!named(at, table, row)) continue;
        double v = il_table_number(table, row, col), below = 1;
        if (other >= 0 && r->minus[0]) v -= il_table_number(table, row, other);
        if (other >= 0 && r->over[0]) below = il_table_number(table, row, other);
        add(s, text ? row : il_table_number(table, row, 0), v, below);
    }
    if (s->n) return IL_OK;
    char what[256];
    snprintf(what, sizeof what, "%s = '%s' names no row of %s by its column %s",
             at == r->at ? "at" : "over_at", at, il_table_name(table),
             il_table_col(table, 0));
    return fail_row(r, err, what);
}

static il_status read_number(const il_claim_row *r, const il_table *table, double *value,
                             il_error *err)
{
    int col, other = -1;
    const char *second = r->minus[0] ? r->minus : r->over;
    sums s, base;
    IL_TRY(find_column(r, table, "column", r->column, &col, err));
    if (*second)
        IL_TRY(find_column(r, table, r->minus[0] ? "minus" : "over", second, &other, err));
    IL_TRY(read_rows(&s, r, table, col, other, r->at, err));
    *value = r->times * taken(&s, r->take);
    if (!r->over_at[0]) return IL_OK;
    IL_TRY(read_rows(&base, r, table, col, other, r->over_at, err));
    *value /= taken(&base, IL_TAKE_MEAN);
    return IL_OK;
}

static int holds(const il_claim_row *r, double value)
{
    double slack = isnan(r->within) ? INFINITY : r->within;
    if (!isnan(r->percent)) slack = fmin(slack, fabs(r->expect) * r->percent / 100);
    if (isnan(value)) return 0;
    if (!isnan(r->expect) && fabs(value - r->expect) > slack) return 0;
    return !(value < r->least) && !(value > r->most);
}

static void print_wanted(const il_claim_row *r, char text[IL_TEXT])
{
    char *at = text, *end = text + IL_TEXT;
    *text = 0;
    if (!isnan(r->expect)) at += snprintf(at, IL_TEXT, "%s", il_digits(r->expect).text);
    if (!isnan(r->within) && r->within > 0)
        at += snprintf(at, (size_t)(end - at), " +- %s", il_digits(r->within).text);
    if (!isnan(r->percent))
        at += snprintf(at, (size_t)(end - at), " +- %s %%", il_digits(r->percent).text);
    if (!isnan(r->least))
        at += snprintf(at, (size_t)(end - at), "%sat least %s", at > text ? ", " : "",
                       il_digits(r->least).text);
    if (!isnan(r->most))
        snprintf(at, (size_t)(end - at), "%sat most %s", at > text ? ", " : "",
                 il_digits(r->most).text);
}

enum { COL_ROW, COL_CLAIM, COL_PAPER, COL_MEASURED, COL_WANTED, COL_VERDICT, COLS };

static il_status fill(il_claim *c, il_table *table, int *failed, il_error *err)
{
    static const char *const cols[COLS] = { "row",      "claim",  "paper",
                                            "measured", "wanted", "verdict" };
    for (int i = 0; i < COLS; i++)
        IL_TRY(il_table_add_col(table, cols[i], i != COL_MEASURED, err));
    IL_TRY(il_table_set_caption(table, c->head.title, err));
    *failed = 0;
    for (int i = 0; i < c->rows; i++) {
        const il_claim_row *r = &c->row[i];
        char wanted[IL_TEXT];
        double value = NAN;
        IL_TRY(read_number(r, c->table[r->table].table, &value, err));
        print_wanted(r, wanted);
        *failed += !holds(r, value);
        IL_TRY(il_table_add_row(table, err));
        IL_TRY(il_table_set_text(table, i, COL_ROW, r->name, err));
        IL_TRY(
            il_table_set_text(table, i, COL_CLAIM, r->claim[0] ? r->claim : r->name, err));
        IL_TRY(il_table_set_text(table, i, COL_PAPER, r->paper, err));
        il_table_set(table, i, COL_MEASURED, value);
        IL_TRY(il_table_set_text(table, i, COL_WANTED, wanted, err));
        IL_TRY(il_table_set_text(table, i, COL_VERDICT, holds(r, value) ? "holds" : "fails",
                                 err));
    }
    return IL_OK;
}

il_status il_claim_measure(il_claim *c, const char *const *folders,
                           void (*say)(void *context, const char *name), void *context,
                           il_table **rows, int *failed, il_error *err)
{
    il_model *models[IL_CLAIM_MODELS] = { 0 };
    il_table *table = NULL;
    int count = 0;
    il_status status = load(c, folders, models, err);
    for (int i = 0; i < c->tables && !status; i++) {
        if (say) say(context, c->table[i].name);
        status = measure_one(c, &c->table[i], models, folders, err);
    }
    for (int i = 0; i < c->models; i++) il_model_free(models[i]);
    if (!status) status = il_table_new(&table, c->name, err);
    if (!status) status = fill(c, table, &count, err);
    if (status) {
        il_table_free(table);
        return status;
    }
    *rows = table;
    *failed = count;
    return IL_OK;
}

const il_table *il_claim_table(const il_claim *c, int i, il_figure *figure)
{
    const il_claim_measured *t = &c->table[i];
    const il_claim_common *o = &t->common;
    *figure = (il_figure){ .title = o->title[0] ? o->title : c->head.title,
                           .x_label = o->x_label,
                           .y_label = o->y_label,
                           .log_x = o->log_x,
                           .log_y = o->log_y,
                           .marker = o->marker[0] ? o->marker : NULL,
                           .marker_x = o->marker_x };
    if (!t->table) return NULL;
    if (!o->x_label[0]) figure->x_label = il_table_col(t->table, 0);
    if (!o->y_label[0]) figure->y_label = il_table_caption(t->table);
    if (!o->draw || il_table_is_text(t->table, 0)) figure->title = NULL;
    return t->table;
}
