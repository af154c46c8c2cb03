/* table_read.c - a whole CSV file as a table, each column of numbers or of text */
#include "report/csv.h"

#include <math.h>
#include <stdlib.h>

static il_status keep_line(il_csv_reader *in, il_error *err)
{
    if (in->rows > in->lines_room) {
        int room = in->rows + in->rows / 2 + 16;
        int *more = realloc(in->lines, sizeof *more * (size_t)room);
        if (!more) return il_fail(err, IL_EFAIL, "%s: out of memory", in->path);
        in->lines = more;
        in->lines_room = room;
    }
    in->lines[in->rows - 1] = in->row_line;
    return IL_OK;
}

static il_status read_rows(il_csv_reader *in, il_error *err)
{
    for (;;) {
        int more;
        IL_TRY(il_csv_row(in, &more, err));
        if (!more) break;
        IL_TRY(keep_line(in, err));
    }
    if (!in->rows)
        return il_fail(err, IL_ECONFIG, "%s: no rows below the header", in->path);
    return IL_OK;
}

/* The cells become columns: numbers where every cell that is not missing is one. */
static il_status fill(const il_csv_reader *in, il_table *table, unsigned char *is_text,
                      il_error *err)
{
    const char *first = in->cells, *at;
    double v;
    for (int c = 0; c < in->cols; c++) first += strlen(first) + 1;
    at = first;
    for (int r = 0; r < in->rows; r++)
        for (int c = 0; c < in->cols; c++, at += strlen(at) + 1)
            is_text[c] |= !il_cell_number(at, &v);

    at = in->cells;
    for (int c = 0; c < in->cols; c++, at += strlen(at) + 1)
        IL_TRY(il_table_add_col(table, at, is_text[c], err));
    for (int r = 0; r < in->rows; r++) {
        IL_TRY(il_table_add_row(table, err));
        for (int c = 0; c < in->cols; c++, at += strlen(at) + 1) {
            if (il_cell_number(at, &v) && isnan(v)) continue; /* missing */
            if (is_text[c]) {
                IL_TRY(il_table_set_text(table, r, c, at, err));
            } else {
                il_table_set(table, r, c, v);
            }
        }
    }
    return IL_OK;
}

static il_status read_all(il_csv_reader *in, il_table *table, il_error *err)
{
    unsigned char is_text[IL_CSV_COLS] = { 0 };
    IL_TRY(il_csv_open(in, err));
    IL_TRY(read_rows(in, err));
    return fill(in, table, is_text, err);
}

il_status il_table_read_from(il_table **table, il_read_fn *read, void *context,
                             const char *name, il_error *err)
{
    IL_GIVEN(err, "table name", table, name);
    if (!read)
        return il_fail(err, IL_ECONFIG, "il_table_read_from needs `read`, which is NULL");
    il_csv_reader in = { .read = read, .context = context, .path = name, .line = 1 };
    il_table *t = NULL;
    const char *slash = strrchr(name, '/');
    il_status status = il_table_new(&t, slash ? slash + 1 : name, err);
    if (!status) status = read_all(&in, t, err);
    il_csv_close(&in);
    if (status) {
        free(in.lines);
        il_table_free(t);
        return status;
    }
    il_table_take_lines(t, in.lines);
    *table = t;
    return IL_OK;
}

il_status il_table_read(il_table **table, const char *path, il_error *err)
{
    IL_GIVEN(err, "table path", table, path);
    FILE *f = fopen(path, "rb");
    if (!f) return il_fail_io(err, "%s: cannot be read", path);
    il_status status = il_table_read_from(table, il_read_file, f, path, err);
    fclose(f);
    return status;
}
