/* write.c - a table as CSV for programs, as aligned text for a terminal, as JSON
 *
 * CSV and JSON carry every bit of a number; the terminal gets four significant digits.
 * Writers report nothing: whoever owns the stream asks ferror once, at the end.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

/* ---- CSV (RFC 4180, lines end in \n) ------------------------------------------------------ */

static void csv_text(FILE *f, const char *text)
{
    size_t size = strlen(text);
    int plain = !text[strcspn(text, ",;\t\"\r\n")];
    if (size && (*text == ' ' || text[size - 1] == ' ')) plain = 0; /* would be trimmed */
    if (!strncmp(text, "\xEF\xBB\xBF", 3)) plain = 0;               /* a byte-order mark */
    if (plain) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"') fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

void il_table_write_csv(const il_table *table, FILE *f)
{
    if (!table || !f) return;
    int cols = il_table_cols(table), rows = il_table_rows(table);
    for (int c = 0; c < cols; c++) {
        if (c) fputc(',', f);
        csv_text(f, il_table_col(table, c));
    }
    fputc('\n', f);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            double v = il_table_number(table, r, c);
            il_number number = il_digits(v);
            const char *text = il_table_is_text(table, c) ? il_table_text(table, r, c)
                               : isnan(v)                 ? ""
                                                          : number.text;
            if (c) fputc(',', f);
            csv_text(f, text);
            if (cols == 1 && !*text)
                fputs("\"\"", f); /* a missing cell, not a blank line */
        }
        fputc('\n', f);
    }
}

il_status il_table_fill(const void *table, FILE *f, il_error *err)
{
    (void)err;
    il_table_write_csv(table, f);
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

static void pad(FILE *f, int n)
{
    while (n-- > 0) fputc(' ', f);
}

void il_table_write_text(const il_table *table, FILE *f)
{
    if (!table || !f) return;
    int cols = il_table_cols(table), rows = il_table_rows(table);
    il_number number;
    int *wide = calloc((size_t)cols + 1, sizeof *wide);
    for (int c = 0; wide && c < cols; c++) wide[c] = column_width(table, c);
    for (int r = -1; r < rows; r++) { /* row -1 holds the names */
        for (int c = 0; c < cols; c++) {
            const char *text = r < 0 ? il_table_col(table, c) : cell(table, r, c, &number);
            int left = il_table_is_text(table, c);
            int space = (wide ? wide[c] : column_width(table, c)) - width(text);
            if (c) fputs("  ", f);
            if (!left) pad(f, space);
            for (; *text; text++) fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
            if (left && c < cols - 1) pad(f, space);
        }
        fputc('\n', f);
    }
    free(wide);
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static void json_cell(FILE *f, const il_table *table, int r, int c)
{
    if (il_table_is_text(table, c)) {
        il_json_write_text(il_table_text(table, r, c), f);
        return;
    }
    il_json_write_number(il_table_number(table, r, c), f);
}

void il_table_write_json(const il_table *table, FILE *f)
{
    if (!table || !f) return;
    int cols = il_table_cols(table), rows = il_table_rows(table);
    fputs("{\"name\": ", f);
    il_json_write_text(il_table_name(table), f);
    fputs(", \"columns\": [", f);
    for (int c = 0; c < cols; c++) {
        if (c) fputs(", ", f);
        il_json_write_text(il_table_col(table, c), f);
    }
    fputs("], \"rows\": [", f);
    for (int r = 0; r < rows; r++) {
        fputs(r ? ",\n[" : "\n[", f);
        for (int c = 0; c < cols; c++) {
            if (c) fputs(", ", f);
            json_cell(f, table, r, c);
        }
        fputc(']', f);
    }
    fputs("]}", f);
}
