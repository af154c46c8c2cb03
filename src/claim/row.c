/* row.c - a row's number, read off a table
 *
 * A row reads its column at the rows that `at` names: v, v - minus, or v / over of each; their
 * mean (with `over` the mean of v over that of `over`), largest, smallest, or slope against the first
 * column. Whether there are such columns and rows is checked twice: in the outline (claim.c), before a model
 * is trained, and in the table. An outline without rows, or without columns, leaves them open.
 */
#include "claim/claim.h"

#include <math.h>
#include <stdlib.h>

/* ---- what a row names ------------------------------------------------------------------------- */

/* "; did you mean 'b'?", or all there is: "; it has a, b, c" */
static il_advice advise(const char *word, const char *const *names, int n)
{
    il_advice a = il_advise(word, names, n, "");
    size_t at = strlen(a.text), room = sizeof a.text;
    for (int i = 0, near = at > 0; i < n && !near && at < room; i++)
        at += (size_t)snprintf(a.text + at, room - at, "%s%s", i ? ", " : "; it has ",
                               names[i]);
    if (at >= room) snprintf(a.text + room - 4, 4, "...");
    return a;
}

static il_status find_column(const il_claim_row *r, const il_table *table, const char *key,
                             const char *name, int *col, il_error *err)
{
    const char *names[128];
    int n = 0;
    *col = il_table_find(table, name);
    if (*col >= 0 && !il_table_is_text(table, *col)) return IL_OK;
    for (int i = 0; i < il_table_cols(table) && n < IL_COUNT(names); i++)
        if (!il_table_is_text(table, i)) names[n++] = il_table_col(table, i);
    return il_claim_fail(
        r->leaf, err, "rows.%s.%s = '%s' is not a column of numbers of %s%s", r->name, key,
        il_show(name).text, il_table_name(table), advise(name, names, n).text);
}

/* "7", "3..10" */
static int read_range(const char *at, double *low, double *high)
{
    const char *dots = strstr(at, "..");
    char first[IL_TEXT];
    snprintf(first, sizeof first, "%.*s", dots ? (int)(dots - at) : (int)strlen(at), at);
    if (!il_number_parse(first, low)) return 0;
    *high = *low;
    return !dots || il_number_parse(dots + 2, high);
}

/* Is this row of the table one that `at` names? */
static int named(const char *at, const il_table *table, int row)
{
    double low, high;
    if (!strcmp(at, "all")) return 1;
    if (il_table_is_text(table, 0)) return !strcmp(il_table_text(table, row, 0), at);
    double x = il_table_number(table, row, 0);
    return read_range(at, &low, &high) && x >= low && x <= high;
}

static il_status no_row(const il_claim_row *r, const il_table *table, const char *key,
                        const char *at, il_error *err)
{
    enum { MOST = 128 };
    const char *names[MOST], *first = il_table_col(table, 0);
    int rows = il_table_rows(table);
    double low, high;
    if (il_table_is_text(table, 0)) {
        for (int i = 0; i < rows && i < MOST; i++) names[i] = il_table_text(table, i, 0);
        return il_claim_fail(
            r->leaf, err,
            "rows.%s.%s = '%s' matches no row of table %s in its first column, %s%s",
            r->name, key, il_show(at).text, il_table_name(table), first,
            advise(at, names, il_min(rows, MOST)).text);
    }
    if (strcmp(at, "all") && !read_range(at, &low, &high))
        return il_claim_fail(
            r->leaf, err,
            "rows.%s.%s = '%s' is not a number, a range (3..10) or the word all", r->name,
            key, il_show(at).text);
    return il_claim_fail(r->leaf, err,
                         "rows.%s.%s = '%s' matches no row of table %s in its first "
                         "column, %s, which goes from %s to %s",
                         r->name, key, il_show(at).text, il_table_name(table), first,
                         il_digits(rows ? il_table_number(table, 0, 0) : NAN).text,
                         il_digits(rows ? il_table_number(table, rows - 1, 0) : NAN).text);
}

static il_status check_at(const il_claim_row *r, const il_table *table, const char *key,
                          const char *at, il_error *err)
{
    double low, high;
    int rows = il_table_rows(table);
    if (!rows &&
        (!strcmp(at, "all") || il_table_is_text(table, 0) || read_range(at, &low, &high)))
        return IL_OK;
    for (int i = 0; i < rows; i++)
        if (named(at, table, i)) return IL_OK;
    return no_row(r, table, key, at, err);
}

/* The column, and the one beside it or -1 */
static il_status find_columns(const il_claim_row *r, const il_table *table, int *col,
                              int *other, il_error *err)
{
    *other = -1;
    IL_TRY(find_column(r, table, "column", r->column, col, err));
    if (r->minus[0]) return find_column(r, table, "minus", r->minus, other, err);
    return r->over[0] ? find_column(r, table, "over", r->over, other, err) : IL_OK;
}

il_status il_claim_row_check(const il_claim_row *r, const il_table *table, il_error *err)
{
    int col, other;
    if (!il_table_cols(table)) return IL_OK; /* which there are, measuring tells */
    IL_TRY(find_columns(r, table, &col, &other, err));
    IL_TRY(check_at(r, table, "at", r->at, err));
    return r->over_at[0] ? check_at(r, table, "over_at", r->over_at, err) : IL_OK;
}

/* ---- its number --------------------------------------------------------------------------------- */

/* Sums over the rows read, of v = above / below and the first column x */
typedef struct {
    int n;
    double above, below, v, x, xx, xv, most, least, first, last;
} sums;

static void add(sums *to, double x, double above, double below)
{
    double v = above / below;
    if (!to->n++) to->first = to->last = x;
    to->first = fmin(to->first, x);
    to->last = fmax(to->last, x);
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
    case IL_TAKE_SLOPE: /* one place has none */
        if (!(s->last > s->first)) return NAN;
        return (s->n * s->xv - s->x * s->v) / (s->n * s->xx - s->x * s->x);
    default:
        return s->above / s->below;
    }
}

/* The numbers of column `col`, with `other` beside it, at the rows that `at` names */
static sums read_rows(const il_claim_row *r, const il_table *table, int col, int other,
                      const char *at)
{
    int text = il_table_is_text(table, 0);
    sums s = { .most = -INFINITY, .least = INFINITY };
    for (int row = 0; row < il_table_rows(table); row++) {
        if (!named(at, table, row)) continue;
        double v = il_table_number(table, row, col), below = 1;
        if (other >= 0 && r->minus[0]) v -= il_table_number(table, row, other);
        if (other >= 0 && r->over[0]) below = il_table_number(table, row, other);
        add(&s, text ? row : il_table_number(table, row, 0), v, below);
    }
    return s;
}

il_status il_claim_row_read(const il_claim_row *r, const il_table *table, double *value,
                            il_error *err)
{
    int col, other;
    IL_TRY(find_columns(r, table, &col, &other, err));
    sums s = read_rows(r, table, col, other, r->at);
    if (!s.n) return no_row(r, table, "at", r->at, err);
    *value = r->times * taken(&s, r->take);
    if (!r->over_at[0]) return IL_OK;
    s = read_rows(r, table, col, other, r->over_at);
    if (!s.n) return no_row(r, table, "over_at", r->over_at, err);
    *value /= taken(&s, IL_TAKE_MEAN);
    return IL_OK;
}
