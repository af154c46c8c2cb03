/* write.c - a table as CSV for programs, as aligned text for a terminal, as JSON
 *
 * CSV and JSON carry every bit of a number; the terminal gets four significant digits.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    il_write_fn *write;
    void *context;
} sink;

static void put(sink to, const char *text) { to.write(to.context, text, strlen(text)); }
static void put_byte(sink to, char byte) { to.write(to.context, &byte, 1); }

/* ---- CSV (RFC 4180, lines end in \n) ------------------------------------------------------ */

static void csv_text(sink to, const char *text)
{
    size_t size = strlen(text);
    int plain = !text[strcspn(text, ",;\t\"\r\n")];
    if (size && (*text == ' ' || text[size - 1] == ' ')) plain = 0; /* would be trimmed */
    if (!strncmp(text, "\xEF\xBB\xBF", 3)) plain = 0;               /* a byte-order mark */
    if (plain) {
        put(to, text);
        return;
    }
    put_byte(to, '"');
    for (; *text; text++) {
        if (*text == '"') put_byte(to, '"');
        put_byte(to, *text);
    }
    put_byte(to, '"');
}

static void write_csv_rows(const il_table *table, sink to)
{
    int cols = il_table_cols(table), rows = il_table_rows(table);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            double v = il_table_number(table, r, c);
            il_number number = il_digits(v);
            const char *text = il_table_is_text(table, c) ? il_table_text(table, r, c)
                               : isnan(v)                 ? ""
                                                          : number.text;
            if (c) put_byte(to, ',');
            csv_text(to, text);
            if (cols == 1 && !*text) put(to, "\"\""); /* a missing cell, not a blank line */
        }
        put_byte(to, '\n');
    }
}

static void write_csv(const il_table *table, sink to)
{
    for (int c = 0; c < il_table_cols(table); c++) {
        if (c) put_byte(to, ',');
        csv_text(to, il_table_col(table, c));
    }
    put_byte(to, '\n');
    write_csv_rows(table, to);
}

il_status il_table_fill(const void *table, FILE *f, il_error *err)
{
    (void)err;
    write_csv(table, (sink){ il_write_file, f });
    return IL_OK;
}

il_status il_table_save(const il_table *table, const char *path, il_error *err)
{
    IL_GIVEN(err, "table path", table, path);
    return il_file_write_atomic(path, il_table_fill, table, err);
}

/* ---- a terminal ------------------------------------------------------------------------------- */

/* Characters, not bytes: what a terminal's columns count. */
static int width(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static const char *cell(const il_table *table, int row, int col, il_number *number)
{
    if (il_table_is_text(table, col)) {
        const char *text = il_table_text(table, row, col);
        return *text ? text : "-";
    }
    *number = il_digits_short(il_table_number(table, row, col));
    return number->text;
}

/* O(rows): known beforehand, unless there is no memory to know it */
static int column_width(const il_table *table, int col)
{
    il_number number;
    int wide = width(il_table_col(table, col));
    for (int r = 0; r < il_table_rows(table); r++)
        wide = il_max(wide, width(cell(table, r, col, &number)));
    return wide;
}

static void pad(sink to, int n)
{
    while (n-- > 0) put_byte(to, ' ');
}

static void write_text(const il_table *table, sink to)
{
    int cols = il_table_cols(table), rows = il_table_rows(table);
    il_number number;
    int *wide = calloc((size_t)cols + 1, sizeof *wide);
    for (int c = 0; wide && c < cols; c++) wide[c] = column_width(table, c);
    for (int r = -1; r < rows; r++) { /* row -1 holds the names */
        for (int c = 0; c < cols; c++) {
            const char *text = r < 0 ? il_table_col(table, c) : cell(table, r, c, &number);
            int left = il_table_is_text(table, c);
            int space = (wide ? wide[c] : column_width(table, c)) - width(text);
            if (c) put(to, "  ");
            if (!left) pad(to, space);
            for (; *text; text++) put_byte(to, (unsigned char)*text < ' ' ? ' ' : *text);
            if (left && c < cols - 1) pad(to, space);
        }
        put_byte(to, '\n');
    }
    free(wide);
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static void json_cell(sink to, const il_table *table, int r, int c)
{
    if (il_table_is_text(table, c)) {
        il_json_write_text(il_table_text(table, r, c), to.write, to.context);
        return;
    }
    il_json_write_number(il_table_number(table, r, c), to.write, to.context);
}

static void write_json(const il_table *table, sink to)
{
    int cols = il_table_cols(table), rows = il_table_rows(table);
    put(to, "{\"name\": ");
    il_json_write_text(il_table_name(table), to.write, to.context);
    put(to, ", \"columns\": [");
    for (int c = 0; c < cols; c++) {
        if (c) put(to, ", ");
        il_json_write_text(il_table_col(table, c), to.write, to.context);
    }
    put(to, "], \"rows\": [");
    for (int r = 0; r < rows; r++) {
        put(to, r ? ",\n[" : "\n[");
        for (int c = 0; c < cols; c++) {
            if (c) put(to, ", ");
            json_cell(to, table, r, c);
        }
        put_byte(to, ']');
    }
    put(to, "]}");
}

static void write_objects(const il_table *table, sink to)
{
    for (int r = 0; r < il_table_rows(table); r++) {
        for (int c = 0; c < il_table_cols(table); c++) {
            put_byte(to, c ? ',' : '{');
            il_json_write_text(il_table_col(table, c), to.write, to.context);
            put_byte(to, ':');
            json_cell(to, table, r, c);
        }
        put(to, "}\n");
    }
}

void il_table_write(const il_table *table, int form, il_write_fn *write, void *context)
{
    sink to = { write, context };
    if (!table || !write) return;
    if (form == IL_TABLE_CSV) write_csv(table, to);
    if (form == IL_TABLE_TEXT) write_text(table, to);
    if (form == IL_TABLE_JSON) write_json(table, to);
    if (form == IL_TABLE_CSV_ROWS) write_csv_rows(table, to);
    if (form == IL_TABLE_OBJECTS) write_objects(table, to);
}
