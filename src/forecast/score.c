/* score.c - forecast errors (MAE, RMSE, also relative to persistence) and interval coverage */
#include "forecast/forecast.h"
#include "report/report.h"

#include <math.h>

static double rms(const il_forecast_errors *e)
{
    return e->count > 0 ? e->big * sqrt(e->squares / e->count) : NAN;
}

static double ratio(double a, double b) { return b > 0 ? a / b : NAN; }

/* Microseconds a row: of the first, all that the others do not add. */
static double microseconds(const il_forecast *f, int m)
{
    double own = f->seconds[m];
    if (!f->timed) return NAN;
    if (!m) {
        own = f->all_seconds;
        for (int i = 1; i < f->M; i++) own -= f->seconds[i];
    }
    return 1e6 * own / (double)f->timed;
}

static il_status add_row(il_table *t, const il_forecast *f, int c, int h, int m,
                         const il_forecast_errors *base, il_error *err)
{
    size_t at = (size_t)c * f->H + (size_t)h;
    const il_forecast_errors *e = f->score + at * f->M + m;
    const double *cover = f->cover + at * IL_FORECAST_COVER;
    int covered = !m && cover[0] > 0;
    const char *texts[] = { f->name[c], f->kind[m]->name };
    const double numbers[] = { h + 1,
                               e->count,
                               e->count > 0 ? e->mean : NAN,
                               rms(e),
                               base ? ratio(e->mean, base->mean) : NAN,
                               base ? ratio(rms(e), rms(base)) : NAN,
                               covered ? cover[1] / cover[0] : NAN,
                               covered ? cover[2] / cover[0] : NAN,
                               microseconds(f, m) };
    return il_table_add(t, texts, numbers, err);
}

static il_status fill(il_table *t, const il_forecast *f, il_error *err)
{
    int persistence = -1;
    for (int m = 0; m < f->M; m++)
        if (f->kind[m] == &il_forecaster_persistence) persistence = m;
    IL_TRY(il_table_add_cols(t,
                             "column$ ahead method$ errors mae rmse mae_ratio rmse_ratio "
                             "in_80 in_95 us_per_step",
                             err));
    IL_TRY(il_table_set_caption(
        t,
        "errors of forecasts made before the value was seen, and their ratio to "
        "persistence's; shares of values inside the intervals; microseconds a row",
        err));
    for (int c = 0; c < f->C; c++)
        for (int h = 0; h < f->H; h++)
            for (int m = 0; m < f->M; m++) {
                size_t at = (size_t)c * f->H + (size_t)h;
                const il_forecast_errors *base =
                    persistence < 0 ? NULL : f->score + at * f->M + persistence;
                IL_TRY(add_row(t, f, c, h, m, base, err));
            }
    return IL_OK;
}

il_status il_forecast_scores(const il_forecast *f, il_table **table, il_error *err)
{
    IL_GIVEN(err, "forecast table", f, table);
    il_table *t;
    IL_TRY(il_table_new(&t, "scores", err));
    il_status status = fill(t, f, err);
    return il_table_hand_over(table, t, status);
}
