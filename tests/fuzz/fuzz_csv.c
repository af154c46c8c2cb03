/* fuzz_csv.c - any bytes as a CSV file: a table or a sentence, never a crash
 *
 *   clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/fuzz_csv.c libinnerloop.a
 *   ./fuzz_csv tests/fuzz/corpus/csv
 *
 * A table that was read is written and read again: rows, columns and numbers must be the same. Read
 * row by row, the file holds as many of as many cells, or the same error ends it.
 */
#include "innerloop_lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "one_file.h"

static void put(const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
}

static void same(const il_table *a, const il_table *b)
{
    if (il_table_rows(a) != il_table_rows(b) || il_table_cols(a) != il_table_cols(b))
        abort();
    for (int c = 0; c < il_table_cols(a); c++) {
        if (strcmp(il_table_col(a, c), il_table_col(b, c))) abort();
        for (int r = 0; r < il_table_rows(a); r++) {
            double x = il_table_number(a, r, c), y = il_table_number(b, r, c);
            if (!(x == y || (isnan(x) && isnan(y)))) abort();
            if (strcmp(il_table_text(a, r, c), il_table_text(b, r, c))) abort();
        }
    }
}

static void to_file(void *f, const char *bytes, size_t n) { fwrite(bytes, 1, n, f); }
static ptrdiff_t of_file(void *f, char *bytes, size_t room)
{
    return (ptrdiff_t)fread(bytes, 1, room, f);
}

/* Rows of the file one by one; -1 where one is refused. */
static int count_rows(int *cols)
{
    il_csv *csv;
    FILE *f = fopen(path, "rb");
    int rows = 0, more = 1;
    if (!f) abort();
    if (il_csv_new(&csv, of_file, f, path, NULL)) {
        fclose(f);
        return -1;
    }
    *cols = il_csv_cols(csv);
    const char **cell = calloc((size_t)*cols, sizeof *cell);
    if (!cell) abort();
    while (more && rows >= 0) {
        if (il_csv_next(csv, cell, &more, NULL)) {
            rows = -1;
        } else if (more) {
            rows++;
            for (int c = 0; c < *cols; c++)
                if (strlen(cell[c]) > 1 << 20) abort();
        }
    }
    free(cell);
    il_csv_free(csv);
    fclose(f);
    return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int made;
    il_error err = { 0 };
    il_table *table, *again;
    if (!made++) make_file();
    put(data, size);
    int cols = 0, rows = count_rows(&cols);
    if (il_table_read(&table, path, &err)) {
        if (!err.text[0] || rows > 0) abort();
        return 0;
    }
    if (rows != il_table_rows(table) || cols != il_table_cols(table)) abort();
    FILE *f = fopen(path, "wb");
    if (!f) abort();
    il_table_write(table, IL_TABLE_CSV, to_file, f);
    if (fclose(f) || il_table_read(&again, path, &err)) abort();
    same(table, again);
    il_table_free(table);
    il_table_free(again);
    return 0;
}
