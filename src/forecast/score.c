/* score.c - forecast errors (MAE, RMSE, also relative to persistence) and interval coverage */
#include "forecast/forecast.h"

#include <math.h>

enum {
    COLUMN,
    AHEAD,
    METHOD,
    COUNT,
    MAE,
    RMSE,
    MAE_RATIO,
    RMSE_RATIO,
    COVER_80,
    COVER_95,
    US
};

static il_status add_columns(il_table *t, il_error *err)
{
    static const char *const names[] = { "column", "ahead", "method",     "errors",
                                         "mae",    "rmse",  "mae_ratio",  "rmse_ratio",
                                         "in_80",  "in_95", "us_per_step" };
    for (int i = 0; i < IL_COUNT(names); i++)
        IL_TRY(il_table_add_col(t, names[i], i == COLUMN || i == METHOD, err));
    return il_table_set_caption(
        t,
        "errors of forecasts made before the value was seen, and their ratio to "
        "persistence's; shares of values inside the intervals; microseconds a row",
        err);
}

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
    int r = il_table_rows(t);
    IL_TRY(il_table_add_row(t, err));
    IL_TRY(il_table_set_text(t, r, COLUMN, f->name[c], err));
    IL_TRY(il_table_set_text(t, r, METHOD, f->kind[m]->name, err));
    il_table_set(t, r, AHEAD, h + 1);
    il_table_set(t, r, COUNT, e->count);
    il_table_set(t, r, MAE, e->count > 0 ? e->mean : NAN);
    il_table_set(t, r, RMSE, rms(e));
    if (base) {
        il_table_set(t, r, MAE_RATIO, ratio(e->mean, base->mean));
        il_table_set(t, r, RMSE_RATIO, ratio(rms(e), rms(base)));
    }
    if (!m && cover[0] > 0) {
        il_table_set(t, r, COVER_80, cover[1] / cover[0]);
        il_table_set(t, r, COVER_95, cover[2] / cover[0]);
    }
    il_table_set(t, r, US, microseconds(f, m));
    return IL_OK;
}

static il_status fill(il_table *t, const il_forecast *f, il_error *err)
{
    int persistence = -1;
    for (int m = 0; m < f->M; m++)
        if (f->kind[m] == &il_forecaster_persistence) persistence = m;
    IL_TRY(add_columns(t, err));
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
    if (status) {
        il_table_free(t);
        return status;
    }
    *table = t;
    return IL_OK;
}
