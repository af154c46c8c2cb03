/* season.c - what a series repeats, and its level without that
 *
 *   repeat(t) = the mean change from row t - 1 to t over the seasons so far, the newest with share DELTA
 *   u(t) = y(t) - y(t-1) - repeat(t - P),   gap_a(t) = (1 - a) (gap_a(t-1) - u(t))
 *
 * repeat(t) holds row t itself and so speaks for row t + P. gap_a is a level smoothed with rate a, seasons taken
 * out, less y(t): exponential smoothing forecasts y(t) + gap_a(t) + the repeated changes (Holt 1957; Winters 1960).
 * At first both rates are those of a plain mean.
 *
 * A period that was not given is looked for when there are 10 rows and whenever there are a tenth more: that of
 * the highest peak of the autocorrelation of changes, if it stands above .4 and four standard errors; a longer one
 * must be 1.2 times as high as a shorter. Changes are cut off at the larger of four times their median and their
 * 90 % quantile, so that a few absurd ones do not decide.
 */
#include "forecast/forecast.h"
#include "la/order.h"

#include <math.h>
#include <stdlib.h>

static const double DELTA = 0.3, rates[IL_GAPS] = { 0.1, 0.3, 0.6 };

static double *row(const il_forecast *f, double *rings, int ring, int64_t i)
{
    return rings + (size_t)ring * (size_t)f->depth + (size_t)(i % f->depth);
}

/* Whether the change to row i - period is known: that to row `first` is not. */
static int repeats_at(int period, int64_t i, double first)
{
    return period && (double)(i - period) > first;
}

double il_season_repeat(const il_forecast *f, int c, int p, int64_t s, int h)
{
    int ring = c * f->S + p, period = (int)f->season[ring];
    double sum = 0;
    if (!period) return 0;
    for (int i = 1; i <= h; i++) {
        int64_t at = s + (i - 1) % period + 1;
        if (repeats_at(period, at, f->since[c]))
            sum += *row(f, f->repeats, ring, at - period);
    }
    return sum;
}

double il_season_gap(const il_forecast *f, int c, int g, int64_t s)
{
    return il_forecast_seen(f, c, s) ? *row(f, f->gaps, c * IL_GAPS + g, s) : 0;
}

/* Takes row t into means and levels; the longest season that has been seen is taken out of these. */
static void take(il_forecast *f, int c, int64_t t)
{
    double age = (double)t - f->since[c], expected = 0, longest = 0;
    double change = il_forecast_at(f, c, t) - il_forecast_at(f, c, t - 1);
    for (int p = 0; p < f->S; p++) {
        int ring = c * f->S + p, period = (int)f->season[ring];
        double mean = change;
        if (repeats_at(period, t, f->since[c])) {
            double before = *row(f, f->repeats, ring, t - period);
            mean = before + fmax(DELTA, 1 / (floor(age / period) + 1)) * (change - before);
            if (period > longest) expected = before, longest = period;
        }
        *row(f, f->repeats, ring, t) = mean;
    }
    for (int g = 0; g < IL_GAPS; g++) {
        double before = age > 0 ? *row(f, f->gaps, c * IL_GAPS + g, t - 1) : 0;
        *row(f, f->gaps, c * IL_GAPS + g, t) =
            (1 - fmax(rates[g], 1 / (age + 1))) * (before - (change - expected));
    }
}

/* ---- the search for a period ------------------------------------------------------------------- */

/* Brings n changes to at most 1, around their mean and in units of where they are cut off. 0: none moves. */
static int standardise(double *change, int n, double *work)
{
    double most = 0, mean = 0;
    for (int i = 0; i < n; i++) most = fmax(most, fabs(change[i]));
    if (!(most > 0)) return 0;
    for (int i = 0; i < n; i++) mean += change[i] / most / n;
    for (int i = 0; i < n; i++) work[i] = fabs(change[i] = change[i] / most - mean);
    il_sort(work, n);
    double cut = fmax(4 * work[n / 2], work[(int)(0.9 * n)]);
    for (int i = 0; i < n; i++)
        change[i] = cut > 0 ? fmin(fmax(change[i] / cut, -1), 1) : 0;
    return cut > 0;
}

static double autocorrelation(const double *x, int n, int lag)
{
    double product = 0, squares = 0;
    for (int i = lag; i < n; i++) {
        product += x[i] * x[i - lag];
        squares += x[i] * x[i];
    }
    return squares > 0 ? product / squares : 0;
}

/* The period of the newest n changes up to row t; 0: none. That of before stays while it is half as clear as a new one
 * has to be. */
static int find_period(const il_forecast *f, int c, int64_t t, int n)
{
    double *change = f->search, *r = change + n, best = 0;
    int period = 0, most = il_min(n * 2 / 5, IL_LONGEST_FOUND);
    for (int i = 0; i < n; i++)
        change[i] = il_forecast_at(f, c, t - n + 1 + i) - il_forecast_at(f, c, t - n + i);
    if (!standardise(change, n, r)) return 0;
    double least = fmax(0.4, 4 / sqrt(n));
    for (int lag = 2; lag <= most; lag++) r[lag] = autocorrelation(change, n, lag);
    for (int lag = 3; lag < most; lag++)
        if (r[lag] > least && r[lag] > r[lag - 1] && r[lag] >= r[lag + 1] &&
            r[lag] > 1.2 * best) {
            best = r[lag];
            period = lag;
        }
    int before = (int)f->season[c];
    return period || before > most || !before || r[before] < least / 2 ? period : before;
}

void il_season_push(il_forecast *f, int c, int64_t t)
{
    double age = (double)t - f->born[c];
    if (age == 0) f->since[c] = (double)t;
    if (f->o.find_season && age >= 10 && age >= f->due[c]) {
        int known = (int)fmin(age, IL_SEARCH_ROWS - 1);
        int period = find_period(f, c, t, known);
        f->due[c] = floor(1.1 * age) + 1;
        if (period != (int)f->season[c]) {
            f->season[c] = period;
            f->found[c] += 1;
            f->since[c] = (double)(t - known);
            for (int64_t i = t - known; i < t; i++) take(f, c, i);
        }
    }
    take(f, c, t);
}
