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
    double steps, loss, floor, error; /* sums */
    int n, floors, errors;
} bin;

typedef struct {
    double step, loss, floor, error; /* NaN: none */
} record;

/* One record; 0 if the line is none (a run that was killed may leave half of one). */
static int read_record(const char *line, size_t size, record *r)
{
    il_json o = { 0 };
    if (il_json_check(&o, line, size, NULL)) return 0;
    r->step = il_json_number(il_json_find(o, "step"));
    r->loss = il_json_number(il_json_find(o, "loss"));
    r->floor = il_json_number(il_json_find(o, "floor"));
    r->error = il_json_number(il_json_find(o, "error"));
    return !isnan(r->step) && !isnan(r->loss);
}

/* The last step that was logged: the length of the run. */
static double last_step(const char *text)
{
    double last = 0;
    record r;
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (read_record(text, size, &r)) last = fmax(last, r.step);
        text += size + (text[size] == '\n');
    }
    return last;
}

static void fill_bins(bin *bins, const char *text, double last)
{
    record r;
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (read_record(text, size, &r) && r.step >= 0) {
            double at = r.step * BINS / (last + 1); /* infinite for an absurd step */
            bin *b = bins + (at < BINS ? (int)at : BINS - 1);
            b->steps += r.step;
            b->loss += r.loss;
            b->n++;
            b->floor += isnan(r.floor) ? 0 : r.floor;
            b->floors += !isnan(r.floor);
            b->error += isnan(r.error) ? 0 : r.error;
            b->errors += !isnan(r.error);
        }
        text += size + (text[size] == '\n');
    }
}

static il_status fill_table(il_table *table, const bin *bins, il_error *err)
{
    int row = 0, errors = 0;
    for (const bin *b = bins; b < bins + BINS; b++) errors += b->errors;
    IL_TRY(il_table_add_col(table, "step", 0, err));
    IL_TRY(il_table_add_col(table, "loss", 0, err));
    IL_TRY(il_table_add_col(table, "least squares", 0, err));
    if (errors) IL_TRY(il_table_add_col(table, "error", 0, err));
    for (const bin *b = bins; b < bins + BINS; b++) {
        if (!b->n) continue;
        IL_TRY(il_table_add_row(table, err));
        il_table_set(table, row, 0, b->steps / b->n);
        il_table_set(table, row, 1, b->loss / b->n);
        il_table_set(table, row, 2, b->floors ? b->floor / b->floors : NAN);
        if (errors) il_table_set(table, row, 3, b->errors ? b->error / b->errors : NAN);
        row++;
    }
    return IL_OK;
}

il_status il_metrics_read(il_table **table, const char *folder, il_error *err)
{
    char path[1024], *text;
    size_t size;
    bin bins[BINS] = { 0 };
    il_table *t;
    IL_GIVEN(err, "table folder", table, folder);
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
