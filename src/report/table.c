/* table.c - named columns of numbers or text
 *
 * The form every result takes on its way to a person: evaluations, lists, predictions and the
 * user's own CSV files. Cells are owned by the table and borrowed by whoever asks.
 */
#include "report/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

typedef struct {
    char *name;
    int is_text;
    double *number; /* (rows) of a column of numbers */
    char **text;    /* (rows) of a column of text; NULL is "" */
} column;

struct il_table {
    char *name, *caption, *notes; /* caption, notes: NULL is "" */
    column *cols;
    int ncol, nrow, room; /* rows there is memory for */
    int *line; /* (nrow) of the file that a row was read from; NULL without one */
};

static il_status no_memory(const il_table *table, il_error *err)
{
    return il_fail(err, IL_EFAIL, "table %s: out of memory at %d rows of %d columns",
                   table ? table->name : "", table ? table->nrow : 0,
                   table ? table->ncol : 0);
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *own = malloc(size);
    return own ? memcpy(own, text, size) : NULL;
}

il_status il_table_new(il_table **table, const char *name, il_error *err)
{
    IL_GIVEN(err, "table name", table, name);
    il_table *t = calloc(1, sizeof *t);
    if (!t || !(t->name = copy(name))) {
        free(t);
        return no_memory(NULL, err);
    }
    *table = t;
    return IL_OK;
}

void il_table_free(il_table *table)
{
    if (!table) return;
    for (int c = 0; c < table->ncol; c++) {
        column *col = table->cols + c;
        if (col->is_text)
            for (int r = 0; r < table->nrow; r++) free(col->text[r]);
        free(col->text);
        free(col->number);
        free(col->name);
    }
    free(table->cols);
    free(table->name);
    free(table->caption);
    free(table->notes);
    free(table->line);
    free(table);
}

int il_table_rows(const il_table *table) { return table ? table->nrow : 0; }
int il_table_cols(const il_table *table) { return table ? table->ncol : 0; }
const char *il_table_name(const il_table *table) { return table ? table->name : ""; }

const char *il_table_caption(const il_table *table)
{
    return table && table->caption ? table->caption : "";
}

il_status il_table_set_caption(il_table *table, const char *caption, il_error *err)
{
    IL_GIVEN(err, "table caption", table, caption);
    char *own = copy(caption);
    if (!own) return no_memory(table, err);
    free(table->caption);
    table->caption = own;
    return IL_OK;
}

const char *il_table_notes(const il_table *table)
{
    return table && table->notes ? table->notes : "";
}

il_status il_table_note(il_table *table, il_error *err, const char *format, ...)
{
    char note[512];
    va_list args;
    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    size_t used = strlen(il_table_notes(table)), size = strlen(note);
    char *more = realloc(table->notes, used + size + 2);
    if (!more) return no_memory(table, err);
    snprintf(more + used, size + 2, "%s\n", note);
    table->notes = more;
    return IL_OK;
}

void il_table_take_lines(il_table *table, int *line) { table->line = line; }

int il_table_line(const il_table *table, int row)
{
    return table && table->line && row >= 0 && row < table->nrow ? table->line[row] : 0;
}

/* The column that has this cell; NULL where there is none. */
static const column *at(const il_table *table, int row, int col)
{
    int there = table && 0 <= row && row < table->nrow && 0 <= col && col < table->ncol;
    return there ? table->cols + col : NULL;
}

const char *il_table_col(const il_table *table, int col)
{
    return table && 0 <= col && col < table->ncol ? table->cols[col].name : "";
}

int il_table_is_text(const il_table *table, int col)
{
    return table && 0 <= col && col < table->ncol && table->cols[col].is_text;
}

int il_table_find(const il_table *table, const char *col)
{
    for (int c = 0; col && c < il_table_cols(table); c++)
        if (!strcmp(table->cols[c].name, col)) return c;
    return -1;
}

double il_table_number(const il_table *table, int row, int col)
{
    const column *c = at(table, row, col);
    return !c || c->is_text ? NAN : c->number[row];
}

const char *il_table_text(const il_table *table, int row, int col)
{
    const column *c = at(table, row, col);
    return c && c->is_text && c->text[row] ? c->text[row] : "";
}

/* Memory for `room` rows in a column; what it holds is kept. */
static int grow(column *c, int room)
{
    size_t cell = c->is_text ? sizeof *c->text : sizeof *c->number;
    void *more =
        realloc(c->is_text ? (void *)c->text : (void *)c->number, cell * (size_t)room);
    if (!more) return 0;
    if (c->is_text) {
        c->text = more;
    } else {
        c->number = more;
    }
    return 1;
}

static void clear(column *c, int row)
{
    if (c->is_text) {
        c->text[row] = NULL;
    } else {
        c->number[row] = NAN;
    }
}

il_status il_table_add_col(il_table *table, const char *name, int is_text, il_error *err)
{
    IL_GIVEN(err, "table name", table, name);
    column *cols = realloc(table->cols, sizeof *cols * (size_t)(table->ncol + 1));
    if (!cols) return no_memory(table, err);
    table->cols = cols;
    column c = { .name = copy(name), .is_text = is_text };
    if (!c.name || (table->room && !grow(&c, table->room))) {
        free(c.name);
        return no_memory(table, err);
    }
    for (int r = 0; r < table->nrow; r++) clear(&c, r);
    cols[table->ncol++] = c;
    return IL_OK;
}

il_status il_table_add_row(il_table *table, il_error *err)
{
    IL_GIVEN(err, "table", table);
    if (table->nrow == table->room) {
        if (table->room > INT32_MAX / 2) return no_memory(table, err);
        int room = il_max(16, 2 * table->room);
        for (int c = 0; c < table->ncol; c++)
            if (!grow(table->cols + c, room)) return no_memory(table, err);
        table->room = room;
    }
    for (int c = 0; c < table->ncol; c++) clear(table->cols + c, table->nrow);
    table->nrow++;
    return IL_OK;
}

void il_table_set(il_table *table, int row, int col, double value)
{
    const column *c = at(table, row, col);
    if (c && !c->is_text) c->number[row] = value;
}

il_status il_table_set_text(il_table *table, int row, int col, const char *text,
                            il_error *err)
{
    IL_GIVEN(err, "table text", table, text);
    const column *c = at(table, row, col);
    if (!c || !c->is_text)
        return il_fail(err, IL_EFAIL,
                       "table %s: there is no cell of text at row %d, column %d",
                       table->name, row, col);
    char *own = NULL;
    if (*text && !(own = copy(text))) return no_memory(table, err);
    free(c->text[row]);
    c->text[row] = own;
    return IL_OK;
}

il_status il_table_add_cols(il_table *table, const char *names, il_error *err)
{
    IL_GIVEN(err, "table names", table, names);
    char name[IL_TEXT];
    while (*names) {
        size_t n = strcspn(names, " ");
        int text = names[n - 1] == '$';
        snprintf(name, sizeof name, "%.*s", (int)n - text, names);
        IL_TRY(il_table_add_col(table, name, text, err));
        names += n + (names[n] == ' ');
    }
    return IL_OK;
}

il_status il_table_add_numbers(il_table *table, const char *label, int from,
                               const double *numbers, int n, il_error *err)
{
    IL_TRY(il_table_add_row(table, err));
    int row = il_table_rows(table) - 1;
    if (label) IL_TRY(il_table_set_text(table, row, 0, label, err));
    for (int i = 0; i < n; i++) il_table_set(table, row, from + i, numbers[i]);
    return IL_OK;
}

il_status il_table_add(il_table *table, const char *const *texts, const double *numbers,
                       il_error *err)
{
    il_status status = il_table_add_row(table, err);
    if (status) return status;
    int row = table->nrow - 1;
    for (int c = 0; c < table->ncol && !status; c++)
        if (!table->cols[c].is_text && numbers)
            il_table_set(table, row, c, *numbers++);
        else if (table->cols[c].is_text && texts)
            status = il_table_set_text(table, row, c, *texts++, err);
    for (int c = 0; c < table->ncol && status; c++)
        if (table->cols[c].is_text) free(table->cols[c].text[row]);
    if (status) table->nrow--; /* a row is whole or not there */
    return status;
}

il_status il_table_hand_over(il_table **out, il_table *table, il_status status)
{
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}
