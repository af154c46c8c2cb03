/* fuzz_sweep.c - any bytes as a sweep: runs or a sentence, never a crash
 *
 * Every run of a sweep that was accepted is a recipe, and has its row in the table.
 */
#include "innerloop_lab.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    il_sweep *sweep;
    il_table *table;
    il_error err = { 0 };
    if (il_sweep_parse(&sweep, (const char *)data, size, "fuzz", &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    int runs = il_sweep_runs(sweep);
    for (int i = 0; i < runs && i < 8; i++) {
        il_config config;
        if (il_sweep_config(&config, sweep, i, &err) || il_config_check(&config, &err))
            abort();
    }
    if (il_sweep_table(&table, sweep, &err) || il_table_rows(table) != runs) abort();
    il_table_free(table);
    il_sweep_free(sweep);
    return 0;
}
