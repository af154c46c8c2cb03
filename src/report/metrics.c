/* metrics.c - a run's metrics.jsonl as a table that can be drawn
 *
 * A long run logs more steps than a figure has pixels; we show the means of BINS stretches of
 * equal length, which is also what makes a noisy loss readable.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 300, METRICS_BYTES = 256 << 20 };

typedef struct {
    double steps, loss, floor;
    int n, floors;
} bin;

/* One record; 0 if the line is none (a run that was killed may leave half of one). */
static int read_record(const char *line, size_t size, double *step, double *loss,
                       double *floor)
{
    il_json o = { 0 };
    *step = *loss = *floor = NAN;
    if (il_json_check(&o, line, size, NULL)) return 0;
    *step = il_json_number(il_json_find(o, "step"));
    *loss = il_json_number(il_json_find(o, "loss"));
    *floor = il_json_number(il_json_find(o, "floor"));
    return !isnan(*step) && !isnan(*loss);
}

/* The last step that was logged: the length of the run. */
static double last_step(const char *text)
{
    double step, loss, floor, last = 0;
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (read_record(text, size, &step, &loss, &floor)) last = fmax(last, step);
        text += size + (text[size] == '\n');
    }
    return last;
}

static void fill_bins(bin *bins, const char *text, double last)
{
    double step, loss, floor;
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (read_record(text, size, &step, &loss, &floor) && step >= 0) {
            double at = step * BINS / (last + 1); /* infinite for an absurd step */
            bin *b = bins + (at < BINS ? (int)at : BINS - 1);
            b->steps += step;
            b->loss += loss;
            b->n++;
            b->floor += isnan(floor) ? 0 : floor;
            b->floors += !isnan(floor);
        }
        text += size + (text[size] == '\n');
    }
}

static il_status fill_table(il_table *table, const bin *bins, il_error *err)
{
    int row = 0;
    IL_TRY(il_table_add_col(table, "step", 0, err));
    IL_TRY(il_table_add_col(table, "loss", 0, err));
    IL_TRY(il_table_add_col(table, "least squares", 0, err));
    for (const bin *b = bins; b < bins + BINS; b++) {
        if (!b->n) continue;
        IL_TRY(il_table_add_row(table, err));
        il_table_set(table, row, 0, b->steps / b->n);
        il_table_set(table, row, 1, b->loss / b->n);
        il_table_set(table, row++, 2, b->floors ? b->floor / b->floors : NAN);
    }
    return IL_OK;
}

il_status il_metrics_read(il_table **table, const char *folder, il_error *err)
{
    char path[1024], *text;
    size_t size;
    bin bins[BINS] = { 0 };
    il_table *t;
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    IL_TRY(il_file_read(&text, &size, path, METRICS_BYTES, err));
    fill_bins(bins, text, last_step(text));
    free(text);
    il_status status = il_table_new(&t, "loss", err);
    if (status) return status;
    status = fill_table(t, bins, err);
    if (!status && !il_table_rows(t))
        status = il_fail(err, IL_ECONFIG, "%s: no record of a step", path);
    if (status) {
        il_table_free(t);
        return status;
    }
    *table = t;
    return IL_OK;
}
