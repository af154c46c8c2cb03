/* fuzz_csv.c - any bytes as a CSV file: a table or a sentence, never a crash
 *
 *   clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/fuzz_csv.c libinnerloop.a
 *   ./fuzz_csv tests/fuzz/corpus/csv
 *
 * A table that was read is written and read again: rows, columns and numbers must be the same.
 */
#include "innerloop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/innerloop-fuzz-XXXXXX";

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int made;
    il_error err = { 0 };
    il_table *table, *again;
    if (!made++) close(mkstemp(path));
    put(data, size);
    if (il_table_read(&table, path, &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    FILE *f = fopen(path, "wb");
    if (!f) abort();
    il_table_write_csv(table, f);
    if (fclose(f) || il_table_read(&again, path, &err)) abort();
    same(table, again);
    il_table_free(table);
    il_table_free(again);
    return 0;
}
