/* key.c - from a series to keys: history, scales, samples
 *
 * A key is the feature vector of a regression. It holds changes rather than values, so
 * that a ridge shrinks towards "no change":
 *
 *   1,  smoothed levels less y(s) and the mean change of every season (season.c), / scale_h,
 *   (y(s) - centre) / spread,
 *   for every period P, with a = s + h - mP the last row seen a multiple of P before s + h:
 *       (y(a) - y(s)) / scale_h,  (y(a) - y(s - mP)) / scale_h,
 *   (y(s-i) - y(s-i-1)) / scale_1 for i = 0 .. lags-2,
 *   for every other column: its level and its newest changes,
 *
 * in the order in which they pay: what a short series can tell of comes first, so that the leading parts of a
 * key are keys, too. It is regressed on (y(s+h) - y(s)) / scale_h. It is linear in the same values as an
 * autoregression. centre, spread and scale are quantiles of the latest values and absolute changes:
 * no square can overflow, and a tenth of absurd values moves none of them far. A key longer than
 * 2 sqrt(n) is shortened to that, and its target with it, so that both are bounded.
 */
#include "forecast/forecast.h"

#include <math.h>

static double clamp(double x, double most) { return fmin(fmax(x, -most), most); }

/* x in units of `scale`; 0 where there is none */
static double units(double x, double scale)
{
    return scale > 0 ? clamp(x / scale, 1e6) : 0;
}

/* centre, spread, scale_1 .. scale_H of column c at row s */
static double *scales_at(const il_forecast *f, int c, int64_t s)
{
    size_t ring = (size_t)f->H + 1, width = (size_t)f->H + 2;
    return f->scales + ((size_t)c * ring + (size_t)(s % (f->H + 1))) * width;
}

/* ---- a row comes in ---------------------------------------------------------------------------- */

/* The 0.9 quantile of absolute changes, or where that is 0 the largest. */
static double typical(const il_recent *r)
{
    double q = il_recent_quantile(r, 0.9);
    return q > 0 ? q : il_recent_quantile(r, 1);
}

static void set_scales(il_forecast *f, int c, int64_t t)
{
    double *at = scales_at(f, c, t);
    const il_recent *v = f->values + c;
    at[0] = il_recent_quantile(v, 0.5);
    at[1] = (il_recent_quantile(v, 0.95) - il_recent_quantile(v, 0.05)) / 2;
    if (!(at[1] > 0)) at[1] = (il_recent_quantile(v, 1) - il_recent_quantile(v, 0)) / 2;
    for (int h = 0; h < f->H; h++) at[2 + h] = typical(f->changes + (size_t)c * f->H + h);
}

void il_forecast_push(il_forecast *f, int c, int64_t t, double y)
{
    int missing = isnan(y), begins = f->born[c] < 0;
    if (missing && begins) return;
    if (begins) {
        f->born[c] = (double)t;
        f->first[c] = y;
    }
    if (missing) {
        size_t slot = (size_t)c * f->H * f->H + (size_t)((t - 1) % f->H);
        y = f->made[slot * ((size_t)f->M + 4)];
    }
    f->history[(size_t)c * (size_t)f->depth + (size_t)(t % f->depth)] = y;
    if (!missing) {
        il_recent_add(f->values + c, y);
        for (int h = 1; h <= f->H && il_forecast_seen(f, c, t - h); h++)
            il_recent_add(f->changes + (size_t)c * f->H + h - 1,
                          fabs(y - il_forecast_at(f, c, t - h)));
    }
    set_scales(f, c, t);
    il_season_push(f, c, t);
}

/* ---- samples -------------------------------------------------------------------------------------- */

static double level(const il_forecast *f, int c, int64_t s)
{
    const double *scale = scales_at(f, c, s);
    return il_forecast_seen(f, c, s) ? units(il_forecast_at(f, c, s) - scale[0], scale[1])
                                     : 0;
}

/* Appends the newest changes of column c at row s to a key. */
static double *changes(const il_forecast *f, double *k, int c, int64_t s, int n)
{
    const double *scale = scales_at(f, c, s);
    int known = il_forecast_seen(f, c, s);
    for (int i = 0; i < n; i++)
        *k++ = known ? units(il_forecast_at(f, c, s - i) - il_forecast_at(f, c, s - i - 1),
                             scale[2])
                     : 0;
    return k;
}

/* The least multiple of a period that reaches from row s + h back to s or before */
static int64_t rows_back(int h, int period)
{
    return (h + period - 1) / period * (int64_t)period;
}

/* Appends a season of `period` rows, 0 for none, to a key; `ends`: the values at a and s - mP. */
static double *periodic(const il_forecast *f, double *k, double ends[2], int c, int64_t s,
                        int h, int period, double scale)
{
    double last = il_forecast_at(f, c, s);
    ends[0] = ends[1] = last;
    if (period) {
        int64_t back = rows_back(h, period);
        if (il_forecast_seen(f, c, s + h - back))
            ends[0] = il_forecast_at(f, c, s + h - back);
        ends[1] =
            il_forecast_seen(f, c, s - back) ? il_forecast_at(f, c, s - back) : ends[0];
    }
    *k++ = units(ends[0] - last, scale);
    *k++ = units(ends[0] - ends[1], scale);
    return k;
}

/* Brings a key to at most 2 sqrt(n); returns what it was multiplied by. */
static double bound(double *key, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++) squares += key[i] * key[i];
    double weight = squares > 4.0 * n ? sqrt(4.0 * n / squares) : 1;
    for (int i = 0; i < n; i++) key[i] *= weight;
    return weight;
}

/* Appends what the seasons of a column say to its key, and to the raw values that of periods that were given. */
static double *seasons(const il_forecast *f, double *k, double *raw, int c, int64_t s,
                       int h, il_sample *made)
{
    double ends[2];
    for (int p = 0; p < f->S; p++) {
        int period = (int)f->season[c * f->S + p];
        k = periodic(f, k, ends, c, s, h, period, made->scale);
        if (!p) made->season = ends[0];
        if (f->o.period[p]) memcpy(raw + 2 * p, ends, sizeof ends);
        made->era += period && il_forecast_seen(f, c, s - rows_back(h, period));
    }
    made->era += (IL_PERIODS + 1) * (int)f->found[c];
    return k;
}

il_sample il_forecast_sample(il_forecast *f, int c, int64_t s, int h)
{
    const il_forecast_options *o = &f->o;
    double *k = f->key, scale = scales_at(f, c, s)[1 + h];
    il_sample made = { .n = f->n, .key = f->key, .past = f->past, .raw = f->raw };
    made.last = made.season = il_forecast_at(f, c, s);
    made.scale = scale;
    made.whole = il_forecast_seen(f, c, s - (o->lags - 1));
    *k++ = 1;
    for (int g = 0; g < IL_GAPS; g++) *k++ = units(il_season_gap(f, c, g, s), scale);
    for (int p = 0; p < f->S; p++) *k++ = units(il_season_repeat(f, c, p, s, h), scale);
    *k++ = level(f, c, s);
    for (int i = 0; i < o->lags; i++) f->raw[i] = il_forecast_at(f, c, s - i);
    k = seasons(f, k, f->raw + o->lags, c, s, h, &made);
    k = changes(f, k, c, s, o->lags - 1);
    for (int other = 0; o->others && other < f->C; other++)
        if (other != c) {
            *k++ = level(f, other, s);
            k = changes(f, k, other, s, o->others);
        }
    if (f->model) {
        int most = il_forecast_model_window(f->model);
        while (made.windows < most && il_forecast_seen(f, c, s - made.windows)) {
            f->window[made.windows] = il_forecast_at(f, c, s - made.windows);
            made.windows++;
        }
        made.window = f->window;
    }
    made.weight = bound(f->key, f->n);
    return made;
}

double il_sample_target(const il_sample *s, double y)
{
    return clamp(units(y - s->last, s->scale), 10) * s->weight;
}
