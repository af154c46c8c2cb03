/* key.c - from a series to keys: history, scales, samples
 *
 * A key is the feature vector of a regression. It holds changes rather than values, so
 * that a ridge shrinks towards "no change":
 *
 *   1,  (y(s) - centre) / spread,  (y(s-i) - y(s-i-1)) / scale_1 for i = 0 .. lags-2,
 *   for every period P, with a = s + h - mP the last row seen a multiple of P before s + h:
 *       (y(a) - y(s)) / scale_h,  (y(a) - y(s - mP)) / scale_h,
 *   for every other column: its level and its newest changes,
 *
 * and is regressed on (y(s+h) - y(s)) / scale_h. It is linear in the same values as an
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

/* Row i of column c; before its first value, that one. */
static double value_at(const il_forecast *f, int c, int64_t i)
{
    if ((double)i < f->born[c]) return f->first[c];
    return f->history[(size_t)c * (size_t)f->depth + (size_t)(i % f->depth)];
}

static int seen(const il_forecast *f, int c, int64_t i)
{
    return f->born[c] >= 0 && (double)i >= f->born[c];
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
        for (int h = 1; h <= f->H && seen(f, c, t - h); h++)
            il_recent_add(f->changes + (size_t)c * f->H + h - 1,
                          fabs(y - value_at(f, c, t - h)));
    }
    set_scales(f, c, t);
}

/* ---- samples -------------------------------------------------------------------------------------- */

/* Appends level and newest changes of column c at row s to a key. */
static double *own(const il_forecast *f, double *k, int c, int64_t s, int changes)
{
    const double *scale = scales_at(f, c, s);
    int known = seen(f, c, s);
    *k++ = known ? units(value_at(f, c, s) - scale[0], scale[1]) : 0;
    for (int i = 0; i < changes; i++)
        *k++ =
            known ? units(value_at(f, c, s - i) - value_at(f, c, s - i - 1), scale[2]) : 0;
    return k;
}

/* The least multiple of a period that reaches from row s + h back to s or before */
static int64_t rows_back(int h, int period)
{
    return (h + period - 1) / period * (int64_t)period;
}

/* Appends a season to key and raw values; *season is the value a period before s + h. */
static double *periodic(const il_forecast *f, double *k, double *raw, int c, int64_t s,
                        int h, int period, double scale, double *season)
{
    int64_t back = rows_back(h, period);
    double last = value_at(f, c, s);
    int has_end = seen(f, c, s + h - back), has_start = seen(f, c, s - back);
    double end = has_end ? value_at(f, c, s + h - back) : last;
    double start = has_start ? value_at(f, c, s - back) : end;
    raw[0] = end;
    raw[1] = start;
    *k++ = units(end - last, scale);
    *k++ = units(end - start, scale);
    *season = end;
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

il_sample il_forecast_sample(il_forecast *f, int c, int64_t s, int h)
{
    const il_forecast_options *o = &f->o;
    double *k = f->key, *raw = f->raw, season, scale = scales_at(f, c, s)[1 + h];
    il_sample made = { .n = f->n, .key = f->key, .past = f->past, .raw = f->raw };
    made.last = made.season = value_at(f, c, s);
    made.scale = scale;
    *k++ = 1;
    k = own(f, k, c, s, o->lags - 1);
    for (int i = 0; i < o->lags; i++) *raw++ = value_at(f, c, s - i);
    for (int p = 0; p < IL_PERIODS && o->period[p]; p++, raw += 2) {
        k = periodic(f, k, raw, c, s, h, o->period[p], scale, &season);
        if (!p) made.season = season;
        made.seasons += seen(f, c, s - rows_back(h, o->period[p]));
    }
    for (int other = 0; o->others && other < f->C; other++)
        if (other != c) k = own(f, k, other, s, o->others);
    if (f->model) {
        int most = il_forecast_model_window(f->model);
        while (made.windows < most && seen(f, c, s - made.windows)) {
            f->window[made.windows] = value_at(f, c, s - made.windows);
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
