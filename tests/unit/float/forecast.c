/* forecast.c - forecasts: the mesa-layer against LAPACK, boundedness, intervals, resuming */
#include "forecast/forecast.h"
#include "check.h"

#include <lapacke.h>
#include <stdlib.h>
#include <unistd.h>

static const double forgets[] = { 0.95, 0.99, 0.995, 1 };

static il_forecast *forecaster(int columns, const il_forecast_options *o)
{
    il_forecast *f = NULL;
    CHECK_OK(il_forecast_make(&f, columns, NULL, o, &err));
    return f;
}

static il_forecast_options defaults(void)
{
    il_forecast_options o;
    il_forecast_defaults(&o);
    return o;
}

/* ---- the mesa-layer by itself -------------------------------------------------------------------- */

enum { N = 5, T = 40 };

typedef struct {
    double key[T][N], v[T];
} pairs;

static pairs draw(uint32_t index)
{
    pairs p;
    il_rng rng = il_rng_at(3, 0, 0, index);
    for (int t = 0; t < T; t++) {
        p.v[t] = il_normal(&rng);
        for (int i = 0; i < N; i++) p.key[t][i] = il_normal(&rng);
        p.key[t][N - 1] = p.key[t][0] + 1e-3 * p.key[t][N - 1]; /* nearly dependent */
    }
    return p;
}

static il_sample sample_of(const double *key)
{
    return (il_sample){ .n = N, .key = key, .whole = 1, .weight = 1, .scale = 1 };
}

/* Learns all pairs; w.k for the last key. */
static double mesa(const pairs *p, double forget, double ridge)
{
    double work[4 * (N + 1) * (N + 1)],
        *state = calloc(il_forecaster_mesa.size(N, 0), sizeof *state);
    il_forecaster_run run = { forget, ridge, work };
    for (int t = 0; t + 1 < T; t++) {
        il_sample s = sample_of(p->key[t]);
        il_forecaster_mesa.learn(&run, state, &s, p->v[t]);
    }
    il_sample last = sample_of(p->key[T - 1]);
    double answer = il_forecaster_mesa.answer(&run, state, &last);
    free(state);
    return answer;
}

/* The same by LAPACK: least squares on rows sqrt(gamma^age) (k, v), and sqrt(mu) I below them. */
static double least_squares(const pairs *p, double forget, double ridge)
{
    double A[(T - 1 + N) * N] = { 0 }, b[T - 1 + N] = { 0 }, answer = 0;
    for (int t = 0; t + 1 < T; t++) {
        double weight = sqrt(pow(forget, T - 2 - t));
        for (int i = 0; i < N; i++) A[t * N + i] = weight * p->key[t][i];
        b[t] = weight * p->v[t];
    }
    for (int i = 0; i < N; i++) A[(T - 1 + i) * N + i] = sqrt(ridge);
    LAPACKE_dgels(LAPACK_ROW_MAJOR, 'N', T - 1 + N, N, 1, A, N, b, 1);
    for (int i = 0; i < N; i++) answer += b[i] * p->key[T - 1][i];
    return answer;
}

static void mesa_is_least_squares(void **state)
{
    static const double ridges[] = { 1e-3, 1, 30 };
    (void)state;
    for (uint32_t draw_ = 0; draw_ < 3; draw_++) {
        pairs p = draw(draw_);
        for (int g = 0; g < IL_COUNT(forgets); g++)
            for (int r = 0; r < IL_COUNT(ridges); r++)
                CHECK_NEAR(mesa(&p, forgets[g], ridges[r]),
                           least_squares(&p, forgets[g], ridges[r]),
                           1e-9, /* cond^2 of H + mu I is at most 1e5, squared it is not */
                           "mesa against dgels");
    }
}

/* Without a ridge of its own: the shares loss^(-n/2) of five least-squares answers. */
static void mesa_mixes_ridges(void **state)
{
    static const double ridges[] = { 0.1, 1, 10, 100 };
    (void)state;
    pairs p = draw(7);
    double loss[5] = { 0 }, sum = 0, answer = 0, least = INFINITY, n = 0;
    for (int t = 0; t + 1 < T; t++) n = 0.97 * n + 1;
    for (int t = 0; t + 1 < T; t++)
        for (int r = 0; r < 5; r++) {
            pairs before = p; /* the first t pairs, then ones that count for nothing */
            double said = 0;
            memcpy(before.key[T - 1], p.key[t], sizeof p.key[t]);
            for (int i = t; i + 1 < T; i++) {
                memset(before.key[i], 0, sizeof before.key[i]);
                before.v[i] = 0;
            }
            if (r < 4) said = least_squares(&before, 1, ridges[r]);
            loss[r] = 0.97 * loss[r] + (p.v[t] - said) * (p.v[t] - said);
        }
    for (int r = 0; r < 5; r++) least = fmin(least, loss[r]);
    for (int r = 0; r < 5; r++) {
        double share =
            pow(least / loss[r], floor(n / 2)) * (r < 4 ? 1 : fmax(4 * (1 - n / 32), 1));
        sum += share;
        if (r < 4) answer += share * least_squares(&p, 1, ridges[r]);
    }
    CHECK_NEAR(mesa(&p, 1, 0), answer / sum, 1e-9, "the mixture");
}

/* A part of the key is solved as if the rest were zeros. */
static void mesa_solves_parts(void **state)
{
    static const il_key_part parts[] = { { 0, N }, { 1, IL_GAPS } };
    (void)state;
    pairs p = draw(8), rest = p;
    double answer[2];
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++)
            if (i < 1 || i > IL_GAPS) rest.key[t][i] = 0;
    for (int k = 0; k < 2; k++) {
        double work[4 * (N + 1) * (N + 1)],
            *memory = calloc(il_forecaster_mesa.size(N, 0), sizeof *memory);
        il_forecaster_run run = { 1, 0, work, .parts = 1, .part = { parts[k] } };
        for (int t = 0; t < T; t++) {
            il_sample s = sample_of(k ? p.key[t] : rest.key[t]);
            if (t + 1 < T) il_forecaster_mesa.learn(&run, memory, &s, p.v[t]);
            answer[k] = il_forecaster_mesa.answer(&run, memory, &s);
        }
        free(memory);
    }
    CHECK_NEAR(answer[1], answer[0], 1e-12, "a part of the key");
    CHECK(fabs(answer[0]) > 0.01, "the answer is %g", answer[0]);
}

/* An expert that has made no error has the whole mixture: smoothing at one of the rates, or a repeated change. */
static void mesa_trusts_who_is_right(void **state)
{
    enum { M = 1 + IL_GAPS + 1 };
    (void)state;
    for (int right = 1; right < M; right++) {
        double work[4 * (M + 1) * (M + 1)];
        double *memory = calloc(il_forecaster_mesa.size(M, 0), sizeof *memory);
        il_forecaster_run run = {
            1, 0, work, .parts = 1, .part = { { 0, M } }, .repeats = 1
        };
        double key[M] = { 1 };
        il_sample s = { .n = M, .key = key, .weight = 1, .scale = 1 };
        for (int t = 0; t < 50; t++) {
            il_rng rng = il_rng_at(11, 0, (uint32_t)right, (uint32_t)t);
            for (int i = 1; i < M; i++) key[i] = il_normal(&rng);
            if (t >= 3) /* from two errors on they decide */
                CHECK_NEAR(il_forecaster_mesa.answer(&run, memory, &s), key[right], 1e-12,
                           "the answer of who is right");
            il_forecaster_mesa.learn(&run, memory, &s, key[right]);
        }
        free(memory);
    }
}

/* ---- boundedness ------------------------------------------------------------------------------------- */

/* Value t of series number `kind`; NAN is missing. */
enum { SERIES = 14 };
static double series(int kind, int t)
{
    il_rng rng = il_rng_at(5, (uint32_t)kind, 0, (uint32_t)t);
    double noise = il_normal(&rng), chance = il_uniform(&rng);
    switch (kind) {
    case 0:
        return 5;
    case 1:
        return 0;
    case 2:
        return t % 2 ? 1e300 : -1e300;
    case 3:
        return t < 100 ? 0 : 1e300;
    case 4:
        return t == 100 ? 1e300 : noise;
    case 5:
        return chance < 0.5 ? NAN : noise;
    case 6:
        return t < 50 ? NAN : 3;
    case 7:
        return t == 0 ? 7 : NAN;
    case 8:
        return ldexp(1, t % 900); /* doubles every row, then falls to 1 */
    case 9:
        return t / 60 % 2 ? 1e6 + noise : noise;
    case 10:
        return noise * 1e-310;
    case 11:
        return t % 40 ? 1 : 1 + 1e-9 * noise;
    case 12:
        return noise * ldexp(1, (int)(chance * 1800) - 900);
    default:
        return t < 150 ? noise : 1e12 * t;
    }
}

static void stays_in_bounds(int kind, double forget, double ridge, int rows)
{
    char where[96];
    il_forecast_options o = defaults();
    il_forecast_value out[3];
    double low = INFINITY, high = -INFINITY;
    o.lags = 4;
    o.horizon = 3;
    o.period[0] = 7;
    o.forget = forget;
    o.ridge = ridge;
    il_forecast *f = forecaster(1, &o);
    for (int t = 0; t < rows; t++) {
        double y = series(kind, t);
        snprintf(where, sizeof where, "series %d, gamma %g, mu %g, row %d", kind, forget,
                 ridge, t);
        CHECK_OK(il_forecast_step(f, &y, out, &err));
        if (!isnan(y)) {
            low = fmin(low, y);
            high = fmax(high, y);
        }
        for (int h = 0; h < 3 && high >= low; h++) {
            double v = out[h].value;
            CHECK(v >= low - (high - low) && v <= high + (high - low), "%s: %g is outside",
                  where, v);
        }
    }
    il_forecast_free(f);
}

static void never_diverges(void **state)
{
    static const double ridges[] = { 0, 1e-6, 1 };
    (void)state;
    for (int kind = 0; kind < SERIES; kind++)
        for (int g = 0; g < IL_COUNT(forgets); g++)
            for (int r = 0; r < IL_COUNT(ridges); r++)
                stays_in_bounds(kind, forgets[g], ridges[r], 300);
}

/* The largest ratio of its errors to those of persistence */
static double worst_error(const il_forecast *f, const char *method)
{
    il_table *t = NULL;
    double worst = 0;
    CHECK_OK(il_forecast_scores(f, &t, &err));
    for (int r = 0; r < il_table_rows(t); r++)
        if (!strcmp(il_table_text(t, r, il_table_find(t, "method")), method))
            worst = fmax(worst, il_table_number(t, r, il_table_find(t, "rmse_ratio")));
    il_table_free(t);
    return worst;
}

/* A series that moves, is still until gamma^rows is no number any more, and moves again: the
 * recursion has divided R by gamma so often that it is infinite where no key pointed. */
static void the_naive_recursion_diverges_and_ours_does_not(void **state)
{
    (void)state;
    for (int g = 0; g < 2; g++) {
        il_forecast_options o = defaults();
        il_forecast_value out;
        o.lags = 4;
        o.forget = forgets[g];
        o.ridge = 1;
        strcpy(o.against, "persistence,naive");
        il_forecast *f = forecaster(1, &o);
        int still = (int)(750 / (1 - o.forget)); /* gamma^still < e^-750 < 1e-308 */
        for (int t = 0; t < still + 400; t++) {
            double y = t < 200 || t >= still ? series(9, t % 60) : 0;
            CHECK_OK(il_forecast_step(f, &y, &out, &err));
        }
        double ours = worst_error(f, "mesa"), naive = worst_error(f, "naive");
        CHECK(ours < 1, "gamma %g: mesa %g times persistence", o.forget, ours);
        CHECK(naive == INFINITY, "gamma %g: naive %g times persistence", o.forget, naive);
        il_forecast_free(f);
    }
}

/* ---- what it learns ------------------------------------------------------------------------------------- */

/* Largest |error| of one-step forecasts of f over rows from..to-1 of y */
static double largest_error(const il_forecast_options *o, const double *y, int from, int to)
{
    il_forecast_value out[8];
    double largest = 0, said = NAN;
    il_forecast *f = forecaster(1, o);
    for (int t = 0; t < to; t++) {
        if (t >= from && !isnan(y[t])) largest = fmax(largest, fabs(y[t] - said));
        CHECK_OK(il_forecast_step(f, y + t, out, &err));
        said = out[0].value;
    }
    il_forecast_free(f);
    return largest;
}

static void learns_a_wave_and_bridges_gaps(void **state)
{
    double y[600];
    il_forecast_options o = defaults();
    (void)state;
    o.lags = 6; /* changes alone, for the level's centre moves */
    o.forget = 1;
    o.ridge = 1e-6;
    for (int t = 0; t < 600; t++) y[t] = 100 + sin(0.3 * t) + sin(1.1 * t);
    CHECK_NEAR(largest_error(&o, y, 400, 600), 0, 1e-3, "two waves");
    for (int t = 300; t < 600; t++)
        if (t % 10 == 0) y[t] = NAN;
    CHECK_NEAR(largest_error(&o, y, 400, 600), 0, 0.02, "two waves with gaps");
}

static void learns_a_season(void **state)
{
    double y[300];
    il_forecast_options o = defaults();
    (void)state;
    o.lags = 1;
    o.period[0] = 12;
    o.forget = 0.95; /* of rows before the first season ended */
    o.ridge = 1e-3;
    for (int t = 0; t < 300; t++) y[t] = series(4, t % 12) + 0.1 * t; /* and a trend */
    CHECK(largest_error(&o, y, 200, 300) < 0.05, "season and trend: %g",
          largest_error(&o, y, 200, 300));
}

/* A period is found, in rows, with noise; one of white noise or of a random walk is not. */
static void finds_a_season(void **state)
{
    static const int periods[] = { 4, 7, 12, 24, 52 };
    (void)state;
    for (int i = 0; i <= IL_COUNT(periods) + 1; i++) {
        int period = i < IL_COUNT(periods) ? periods[i] : 0, rows = 4 * 52 + 20;
        il_forecast_options o = defaults();
        il_forecast_value out;
        double level = 0;
        il_forecast *f = forecaster(1, &o);
        for (int t = 0; t < rows; t++) {
            double noise = series(4, 5000 + 300 * i + t), y = noise;
            if (period) y = 3 * series(4, 200 + t % period) + 0.3 * noise + 0.05 * t;
            if (i > IL_COUNT(periods)) y = level += noise;
            CHECK_OK(il_forecast_step(f, &y, &out, &err));
        }
        CHECK(il_forecast_season(f, 0) == period, "series %d: a period of %d, not %d", i,
              il_forecast_season(f, 0), period);
        il_forecast_free(f);
    }
}

/* repeat is the mean change of the season, gap an exponential smoothing of what is left, by their definitions. */
static void smooths_what_does_not_repeat(void **state)
{
    enum { ROWS = 60, P = 5 };
    static const double rates[IL_GAPS] = { 0.1, 0.3, 0.6 };
    double y[ROWS], mean[ROWS] = { 0 }, rest[ROWS] = { 0 }, level[IL_GAPS] = { 0 };
    il_forecast_options o = defaults();
    il_forecast_value out[2];
    (void)state;
    o.lags = 3;
    o.horizon = 2;
    o.period[0] = P;
    il_forecast *f = forecaster(1, &o);
    for (int t = 0; t < ROWS; t++) {
        y[t] = series(4, 2000 + t) + series(4, 200 + t % P);
        CHECK_OK(il_forecast_step(f, y + t, out, &err));
        double change = t ? y[t] - y[t - 1] : 0, was = t - P > 0 ? mean[t - P] : 0;
        mean[t] = t - P > 0 ? was + fmax(0.3, 1. / (t / P + 1)) * (change - was) : change;
        rest[t] = t ? rest[t - 1] + change - was : 0;
        double want = t + 1 - P > 0 ? mean[t + 1 - P] : 0;
        CHECK_NEAR(il_season_repeat(f, 0, 0, t, 1), want, 1e-12, "one change");
        want += t + 2 - P > 0 ? mean[t + 2 - P] : 0;
        CHECK_NEAR(il_season_repeat(f, 0, 0, t, 2), want, 1e-12, "two changes");
        for (int g = 0; g < IL_GAPS; g++) {
            level[g] += fmax(rates[g], 1. / (t + 1)) * (rest[t] - level[g]);
            CHECK_NEAR(il_season_gap(f, 0, g, t), level[g] - rest[t], 1e-12, "a level");
        }
    }
    il_forecast_free(f);
}

static void learns_from_other_columns(void **state)
{
    double error[2] = { 0 };
    (void)state;
    for (int others = 0; others < 2; others++) {
        il_forecast_options o = defaults();
        il_forecast_value out[2];
        double y[2] = { 0 }, said = NAN;
        o.lags = 2;
        o.others = others;
        o.forget = 1;
        il_forecast *f = forecaster(2, &o);
        for (int t = 0; t < 500; t++) {
            y[1] += y[0]; /* the second column's change is the first's last value */
            y[0] = series(5, 1000 + t);
            if (isnan(y[0])) y[0] = 0.1;
            if (t >= 300) error[others] += fabs(y[1] - said) / 200;
            CHECK_OK(il_forecast_step(f, y, out, &err));
            said = out[1].value;
        }
        il_forecast_free(f);
    }
    CHECK(error[1] < 0.2 * error[0], "alone %g, with the other %g", error[0], error[1]);
}

static void intervals_cover(void **state)
{
    il_forecast_options o = defaults();
    il_forecast_value out[2];
    il_table *t = NULL;
    (void)state;
    o.lags = 3;
    o.horizon = 2;
    il_forecast *f = forecaster(1, &o);
    for (int r = 0; r < 4000; r++) {
        il_rng rng = il_rng_at(9, 0, 0, (uint32_t)r);
        double y = il_normal(&rng);
        CHECK_OK(il_forecast_step(f, &y, out, &err));
        CHECK(isnan(out[0].low_95) == (r < 19), "19 errors are known after row %d", r);
    }
    CHECK_OK(il_forecast_scores(f, &t, &err));
    for (int h = 0; h < 2; h++) { /* three standard errors of 4000 values, doubled */
        CHECK_NEAR(il_table_number(t, h, il_table_find(t, "in_80")), 0.8, 0.04, "80 %");
        CHECK_NEAR(il_table_number(t, h, il_table_find(t, "in_95")), 0.95, 0.02, "95 %");
    }
    il_table_free(t);
    il_forecast_free(f);
}

/* ---- identities ------------------------------------------------------------------------------------------- */

static il_forecast_options rich(void)
{
    il_forecast_options o = defaults();
    o.lags = 3;
    o.others = 1;
    o.horizon = 3;
    o.period[0] = 5;
    o.period[1] = 12;
    strcpy(o.against, "persistence,seasonal,ar,nlms,naive");
    return o;
}

static void row_of(double y[2], int t)
{
    y[0] = t < 9 ? NAN : series(9, t);
    y[1] = series(5, t);
}

static void the_future_is_not_seen(void **state)
{
    il_forecast_options o = rich();
    il_forecast_value a[6], b[6];
    (void)state;
    il_forecast *f = forecaster(2, &o), *g = forecaster(2, &o);
    int differs = 0;
    for (int t = 0; t < 120; t++) {
        double y[2], z[2];
        row_of(y, t);
        row_of(z, t < 100 ? t : 5000 + t);
        CHECK_OK(il_forecast_step(f, y, a, &err));
        CHECK_OK(il_forecast_step(g, z, b, &err));
        if (t < 100) assert_memory_equal(a, b, sizeof a);
        differs |= memcmp(a, b, sizeof a) != 0;
    }
    assert_true(differs);
    il_forecast_free(f);
    il_forecast_free(g);
}

/* A power of two changes units without rounding. */
static void units_do_not_matter(void **state)
{
    il_forecast_options o = rich();
    il_forecast_value a[6], b[6];
    (void)state;
    il_forecast *f = forecaster(2, &o), *g = forecaster(2, &o);
    for (int t = 0; t < 200; t++) {
        double y[2], z[2];
        row_of(y, t);
        for (int c = 0; c < 2; c++) z[c] = ldexp(y[c], c ? 300 : -70);
        CHECK_OK(il_forecast_step(f, y, a, &err));
        CHECK_OK(il_forecast_step(g, z, b, &err));
        for (int i = 0; i < 6; i++)
            CHECK(isnan(a[i].value) ? isnan(b[i].value)
                                    : ldexp(a[i].value, i >= 3 ? 300 : -70) == b[i].value,
                  "row %d, forecast %d: %g and %g", t, i, a[i].value, b[i].value);
    }
    il_forecast_free(f);
    il_forecast_free(g);
}

static char path[] = "/tmp/innerloop-forecast-XXXXXX";

static void same_scores(const il_forecast *f, const il_forecast *g)
{
    il_table *a = NULL, *b = NULL;
    CHECK_OK(il_forecast_scores(f, &a, &err));
    CHECK_OK(il_forecast_scores(g, &b, &err));
    int us = il_table_find(a, "us_per_step");
    assert_int_equal(il_table_rows(a), il_table_rows(b));
    for (int r = 0; r < il_table_rows(a); r++)
        for (int c = 0; c < us; c++) {
            double x = il_table_number(a, r, c), y = il_table_number(b, r, c);
            CHECK(!memcmp(&x, &y, sizeof x) || (isnan(x) && isnan(y)),
                  "row %d, column %s: %g and %g", r, il_table_col(a, c), x, y);
        }
    il_table_free(a);
    il_table_free(b);
}

static void resumes_bit_for_bit(void **state)
{
    static const char *const names[] = { "a", "second, one" };
    il_forecast_options o = rich();
    il_forecast_value a[6], b[6];
    il_forecast *f = NULL, *g = NULL;
    (void)state;
    CHECK_OK(il_forecast_make(&f, 2, names, &o, &err));
    CHECK_OK(il_forecast_make(&g, 2, names, &o, &err));
    for (int t = 0; t < 700; t++) {
        double y[2];
        if (t == 1 || t == 150 ||
            t == 420) { /* before the first value, and in the middle */
            CHECK_OK(il_forecast_save(g, path, &err));
            il_forecast_free(g);
            CHECK_OK(il_forecast_load(&g, path, NULL, &err));
            assert_string_equal(il_forecast_name(g, 1), names[1]);
            assert_int_equal(il_forecast_rows(g), t);
        }
        row_of(y, t);
        CHECK_OK(il_forecast_step(f, y, a, &err));
        CHECK_OK(il_forecast_step(g, y, b, &err));
        assert_memory_equal(a, b, sizeof a);
    }
    same_scores(f, g);
    il_forecast_free(f);
    il_forecast_free(g);
}

/* ---- errors ------------------------------------------------------------------------------------------------- */

static void refuses_what_it_cannot_do(void **state)
{
    static const struct {
        int lags, others, horizon, period;
        double forget, ridge;
        const char *against, *says;
    } bad[] = {
        { 0, 0, 1, 0, 1, 0, "", "lags = 0 is out of its range 1 to 62" },
        { 63, 0, 1, 0, 1, 0, "", "lags = 63" },
        { 40, 30, 1, 0, 1, 0, "", "78 inputs for a forecast are more than 72" },
        { 4, 0, 0, 0, 1, 0, "", "horizon = 0" },
        { 4, 0, 169, 0, 1, 0, "", "horizon = 169" },
        { 4, 0, 1, 1, 1, 0, "", "period = 1" },
        { 4, 0, 1, 0, 1.01, 0, "", "forget = 1.01" },
        { 4, 0, 1, 0, NAN, 0, "", "forget = nan" },
        { 4, 0, 1, 0, 1, -1, "", "ridge = -1" },
        { 4, 0, 1, 0, 1, 0, "persistent", "did you mean 'persistence'" },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(bad); i++) {
        il_forecast_options o = defaults();
        il_forecast *f;
        il_error err = { 0 };
        o.lags = bad[i].lags;
        o.others = bad[i].others;
        o.horizon = bad[i].horizon;
        o.period[0] = bad[i].period;
        o.forget = bad[i].forget;
        o.ridge = bad[i].ridge;
        strcpy(o.against, bad[i].against);
        assert_int_equal(il_forecast_make(&f, 2, NULL, &o, &err), IL_ECONFIG);
        CHECK(strstr(err.text, bad[i].says), "'%s' lacks '%s'", err.text, bad[i].says);
    }
}

static void a_refused_row_leaves_no_trace(void **state)
{
    static const double refused[] = { INFINITY, -INFINITY, 2e300 };
    il_forecast_options o = rich();
    il_forecast_value a[6], b[6];
    (void)state;
    il_forecast *f = forecaster(2, &o), *g = forecaster(2, &o);
    for (int t = 0; t < 60; t++) {
        double y[2], huge[2] = { 1, refused[t % 3] };
        row_of(y, t);
        CHECK_OK(il_forecast_step(f, y, a, &err));
        assert_int_equal(il_forecast_step(g, huge, b, NULL), IL_ECONFIG);
        CHECK_OK(il_forecast_step(g, y, b, &err));
        assert_memory_equal(a, b, sizeof a);
    }
    il_forecast_free(f);
    il_forecast_free(g);
}

static void refused(const char *says)
{
    il_forecast *f;
    il_error err = { 0 };
    CHECK(il_forecast_load(&f, path, NULL, &err) != IL_OK, "a bad file was loaded");
    CHECK(strstr(err.text, says), "'%s' lacks '%s'", err.text, says);
}

/* The hash is of little-endian bytes, whatever this machine's numbers look like in memory. */
static void states_are_hashed_alike_everywhere(void **state)
{
    il_forecast_options o = rich();
    il_forecast_value out[6];
    il_tensors *file;
    uint64_t hash = IL_HASH_START;
    char want[24];
    double y[2];
    (void)state;
    il_forecast *f = forecaster(2, &o);
    for (int t = 0; t < 40; t++) {
        row_of(y, t);
        CHECK_OK(il_forecast_step(f, y, out, &err));
    }
    for (int i = 0; i < f->sections; i++)
        for (size_t j = 0; j < f->section[i].n; j++) {
            const double *numbers = f->section[i].data;
            unsigned char bytes[8];
            uint64_t bits;
            memcpy(&bits, numbers + j, sizeof bits);
            for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(bits >> 8 * k);
            hash = il_hash(hash, bytes, sizeof bytes);
        }
    snprintf(want, sizeof want, "%016llx", (unsigned long long)hash);
    CHECK_OK(il_forecast_save(f, path, &err));
    CHECK_OK(il_tensors_read(&file, path, &err));
    assert_string_equal(il_tensors_meta(file, "hash"), want);
    il_tensors_free(file);
    il_forecast_free(f);
}

static void refuses_damaged_files(void **state)
{
    il_forecast_options o = rich();
    il_forecast_value out[6];
    char *text;
    size_t size;
    (void)state;
    il_forecast *f = forecaster(2, &o);
    for (int t = 0; t < 40; t++) {
        double y[2];
        row_of(y, t);
        CHECK_OK(il_forecast_step(f, y, out, &err));
    }
    CHECK_OK(il_forecast_save(f, path, &err));
    CHECK_OK(il_file_read(&text, &size, path, 1 << 24, &err));
    for (size_t at = size - 9; at > size / 2; at -= size / 7) {
        FILE *file = fopen(path, "wb");
        text[at] ^= 1;
        fwrite(text, 1, size, file);
        fclose(file);
        text[at] ^= 1;
        refused("was damaged, or changed by a program");
    }
    CHECK(!truncate(path, (off_t)size / 2), "cannot truncate");
    refused(path);
    il_tensor x = { "rows", IL_DTYPE_F64, 1, { 1 }, f->rows };
    CHECK_OK(il_tensors_write(path, &x, 1, NULL, 0, &err));
    refused("is no saved forecast");
    il_meta before = { "format", "innerloop forecast 1" };
    CHECK_OK(il_tensors_write(path, &x, 1, &before, 1, &err));
    refused("is of another version of innerloop");
    free(text);

    *f->values->taken = 1e9 + 0.5; /* a count that is none, with a hash that is right */
    CHECK_OK(il_forecast_save(f, path, &err));
    refused("holds numbers that no forecast has");
    il_forecast_free(f);
}

/* ---- the latest values ------------------------------------------------------------------------------------------ */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void recent_values_are_sorted(void **state)
{
    enum { SIZE = 17 };
    double taken = 0, ring[SIZE], sorted[SIZE], all[200];
    il_recent r = { SIZE, &taken, ring, sorted };
    il_rng rng = il_rng_at(1, 0, 0, 0);
    (void)state;
    for (int t = 0; t < 200; t++) {
        all[t] = floor(5 * il_normal(&rng)); /* with ties */
        il_recent_add(&r, all[t]);
        int n = il_min(t + 1, SIZE);
        double want[SIZE];
        memcpy(want, all + t + 1 - n, sizeof *want * (size_t)n);
        qsort(want, (size_t)n, sizeof *want, rising);
        assert_int_equal(il_recent_count(&r), n);
        for (int i = 0; i < n; i++) CHECK(sorted[i] == want[i], "after %d: place %d", t, i);
        CHECK(il_recent_quantile(&r, 0.5) == want[(n - 1 + 1) / 2], "the median after %d",
              t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesa_is_least_squares),
        cmocka_unit_test(mesa_mixes_ridges),
        cmocka_unit_test(mesa_solves_parts),
        cmocka_unit_test(mesa_trusts_who_is_right),
        cmocka_unit_test(never_diverges),
        cmocka_unit_test(the_naive_recursion_diverges_and_ours_does_not),
        cmocka_unit_test(learns_a_wave_and_bridges_gaps),
        cmocka_unit_test(learns_a_season),
        cmocka_unit_test(finds_a_season),
        cmocka_unit_test(smooths_what_does_not_repeat),
        cmocka_unit_test(learns_from_other_columns),
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(the_future_is_not_seen),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(resumes_bit_for_bit),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(a_refused_row_leaves_no_trace),
        cmocka_unit_test(states_are_hashed_alike_everywhere),
        cmocka_unit_test(refuses_damaged_files),
        cmocka_unit_test(recent_values_are_sorted),
    };
    close(mkstemp(path));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
