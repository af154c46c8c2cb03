/* text.c - finds the first cell of a column that is not a number, for messages */
#include "predict/predict.h"
#include "report/report.h"

int il_frame_first_text(const il_table *t, int col, char *out, size_t size)
{
    int numbers = 0, meant = 0, words = 0, first = -1;
    char hint[160];
    double v;
    *out = 0;
    for (int r = 0; r < il_table_rows(t); r++) {
        const char *cell = il_table_text(t, r, col);
        if (!*cell) continue;
        if (il_number_parse(cell, &v)) {
            numbers++;
            continue;
        }
        if (first < 0) first = r;
        *(il_cell_hint(cell, hint, sizeof hint) ? &meant : &words) += 1;
    }
    if (first < 0) return 0;
    const char *cell = il_table_text(t, first, col);
    int line = il_table_line(t, first);
    il_cell_hint(cell, hint, sizeof hint);
    snprintf(out, size, "'%s' in %s %d of %s is no number: %s", il_show(cell).text,
             line ? "line" : "row", line ? line : first + 1, il_show(il_table_name(t)).text,
             hint);
    return numbers || meant > words;
}
