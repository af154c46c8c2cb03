/* forecast.c - a series forecast row by row, learning from every row before the next forecast is made
 *
 * At row t, for every column and every horizon h: the forecast made at row t - h is measured, the pair
 * (key at t - h, change to t) is learnt, then the forecast for t + h is made from the key at t. Nothing
 * is fitted beforehand and no answer can see a later row. docs/forecast.md tells the user.
 */
#include "forecast/forecast.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_LAGS = 62, MOST_KEY = 72, MOST_COLUMNS = 64 };
enum { MOST_HORIZON = 168, MOST_PERIOD = 10080 };

static const il_forecaster_kind *const kinds[] = {
#define IL_FORECASTER(name) &il_forecaster_##name,
#include "forecast/forecasters.def"
#undef IL_FORECASTER
};

/* ---- what is asked for ---------------------------------------------------------------------------- */

typedef struct {
    il_forecast_options o;
    const char *period;
} asked;
static const il_opt opts[] = {
    { "lags", IL_OPT_INT, offsetof(asked, o.lags), 12, 1, MOST_LAGS,
      "newest values of its own column that a forecast reads" },
    { "others", IL_OPT_INT, offsetof(asked, o.others), 0, 0, MOST_LAGS,
      "newest changes of every other column that it reads" },
    { "horizon", IL_OPT_INT, offsetof(asked, o.horizon), 1, 1, MOST_HORIZON,
      "rows ahead, 1 to H; each is learnt by itself", NULL, "H" },
    { "period", IL_OPT_STRING, offsetof(asked, period),
      .help = "seasons in rows, at most four; auto (one is looked for), none",
      .value = "P,...|auto|none" },
    { "forget", IL_OPT_REAL, offsetof(asked, o.forget), 0.999, 0.5, 1,
      "what a row counts one row later", NULL, "G" },
    { "ridge", IL_OPT_REAL, offsetof(asked, o.ridge), 0, 1e-6, 1e6,
      "pull towards \"no change\" (several, mixed by their losses)", NULL, "M" },
    { "against", IL_OPT_TEXT, offsetof(asked, o.against),
      .help = "beside it: persistence, seasonal, ar, nlms, naive",
      .value = "FORECASTER,..." },
    { 0 },
};

const il_opt *il_forecast_opts(void) { return opts; }

void il_forecast_defaults(il_forecast_options *options)
{
    asked a = { 0 };
    il_opt_init(opts, &a);
    *options = a.o;
    options->find_season = 1;
}

static il_status range(const char *what, double got, double least, double most,
                       il_error *err)
{
    if (got >= least && got <= most) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s = %s is outside %s to %s", what,
                   il_digits(got).text, il_digits(least).text, il_digits(most).text);
}

static il_status check(const il_forecast_options *o, int columns, il_error *err)
{
    asked a = { .o = *o };
    IL_TRY(range("columns", columns, 1, MOST_COLUMNS, err));
    IL_TRY(il_opt_check(opts, &a, "", err));
    for (int p = 0; p < IL_PERIODS && o->period[p]; p++)
        IL_TRY(range("period", o->period[p], 2, MOST_PERIOD, err));
    return IL_OK;
}

/* Whole numbers separated by commas, none, or auto */
static il_status read_periods(const char *text, il_forecast_options *o, il_error *err)
{
    int *period = o->period;
    o->find_season = !text || !strcmp(text, "auto");
    const char *at = o->find_season || !strcmp(text, "none") ? NULL : text;
    for (int p = 0; at; p++) {
        size_t size = strcspn(at, ",");
        char word[16];
        double value;
        snprintf(word, sizeof word, "%.*s", (int)(size < 16 ? size : 15), at);
        if (!il_number_parse(word, &value) || value != floor(value) || value < 2 ||
            value > MOST_PERIOD)
            return il_fail(err, IL_ECONFIG,
                           "period = '%s': seasons are whole numbers of rows from 2 to %d, "
                           "separated by commas, none, or auto",
                           il_show(text).text, MOST_PERIOD);
        if (p == IL_PERIODS)
            return il_fail(err, IL_ECONFIG, "period = '%s': at most %d seasons",
                           il_show(text).text, IL_PERIODS);
        period[p] = (int)value;
        at = at[size] ? at + size + 1 : NULL;
    }
    return IL_OK;
}

static const il_forecaster_kind *find(const char *name, il_error *err)
{
    const char *names[IL_COUNT(kinds)];
    for (int i = 0; i < IL_COUNT(kinds); i++) {
        names[i] = kinds[i]->name;
        if (!strcmp(names[i], name)) return kinds[i];
    }
    il_fail(err, IL_ECONFIG, "there is no forecaster '%s'%s", il_show(name).text,
            il_advise(name, names, IL_COUNT(kinds),
                      "; there are persistence, seasonal, ar, nlms and naive")
                .text);
    return NULL;
}

/* The model if there is one, the mesa-layer, then those named in options.against, none twice. */
static il_status choose(il_forecast *f, il_error *err)
{
    char word[IL_TEXT];
    const char *list = f->o.against;
    if (f->model) f->kind[f->M++] = &il_forecaster_model;
    f->kind[f->M++] = kinds[0];
    while (il_item_next(word, &list, ", ")) {
        int twice = 0;
        const il_forecaster_kind *kind = find(word, err);
        if (!kind) return IL_ECONFIG;
        if (kind == &il_forecaster_model && !f->model)
            return il_fail(err, IL_ECONFIG, "the forecaster 'model' needs a model");
        for (int m = 0; m < f->M; m++) twice |= f->kind[m] == kind;
        if (!twice) f->kind[f->M++] = kind;
    }
    return IL_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static double *take(il_forecast *f, const char *name, size_t n)
{
    double *data = il_take(&f->arena, double, n);
    int i = f->sections++;
    snprintf(f->section[i].name, sizeof f->section[i].name, "%s", name);
    f->section[i].data = data;
    f->section[i].n = n;
    return data;
}

static il_recent *take_recent(il_forecast *f, const char *name, size_t n, int size)
{
    char counts[32];
    snprintf(counts, sizeof counts, "%s.count", name);
    double *taken = take(f, counts, n), *ring = take(f, name, n * (size_t)size);
    double *sorted = il_take(&f->arena, double, n *(size_t)size);
    il_recent *r = il_take(&f->arena, il_recent, n);
    for (size_t i = 0; r && i < n; i++)
        r[i] = (il_recent){ size, taken + i, ring + i * (size_t)size,
                            sorted + i * (size_t)size };
    return r;
}

static void layout(il_forecast *f)
{
    size_t C = (size_t)f->C, H = (size_t)f->H, M = (size_t)f->M, longest = 0;
    size_t most = (size_t)f->n + (size_t)f->past + 1;
    for (int p = 0; p < IL_PERIODS; p++)
        longest = (size_t)il_max((int)longest, f->o.period[p]);
    int recent = il_min(il_max(256, 2 * (int)longest), 2048); /* two seasons */
    f->sections = 0;
    int window = f->model ? il_forecast_model_window(f->model) : 0;
    f->depth = window + 2 * f->H + il_max(f->o.lags + f->o.others, (int)longest) + 2;
    if (f->o.find_season) f->depth = il_max(f->depth, 2 * f->H + IL_SEARCH_ROWS);
    f->rows = take(f, "rows", 1);
    f->born = take(f, "born", C);
    f->first = take(f, "first", C);
    f->history = take(f, "history", C * (size_t)f->depth);
    f->season = take(f, "season", C * (size_t)f->S);
    f->found = take(f, "found", C);
    f->due = take(f, "due", C);
    f->since = take(f, "since", C);
    f->repeats = take(f, "repeats", C * (size_t)f->S * (size_t)f->depth);
    f->gaps = take(f, "gaps", C * IL_GAPS * (size_t)f->depth);
    f->scales = take(f, "scales", C * (H + 1) * (H + 2));
    f->values = take_recent(f, "values", C, recent);
    f->changes = take_recent(f, "changes", C * H, recent);
    f->errors = take_recent(f, "errors", C * H, recent);
    f->made = take(f, "made", C * H * H * (M + 4));
    f->score = (il_forecast_errors *)take(
        f, "score", C * H * M * sizeof(il_forecast_errors) / sizeof(double));
    f->cover = take(f, "cover", C * H * IL_FORECAST_COVER);
    for (int m = 0; m < f->M; m++) {
        const il_forecaster_kind *kind = f->kind[m];
        f->state_size[m] = kind->size ? kind->size(f->n, f->past) : 0;
        f->state[m] =
            f->state_size[m] ? take(f, kind->name, C * H * f->state_size[m]) : NULL;
    }
    f->key = il_take(&f->arena, double, (size_t)f->n);
    f->window = il_take(&f->arena, double, (size_t)window);
    f->raw = il_take(&f->arena, double, (size_t)f->past);
    f->work = il_take(&f->arena, double, 4 * most * most);
    f->search = il_take(&f->arena, double, f->o.find_season ? 2 * IL_SEARCH_ROWS : 0);
    f->run.work = f->work;
}

/* The parts of a key that are solved alone: the constant; with smoothed levels and seasons; with the rest but for changes,
 * then with 1, 3, 7 and all of these; 1, 3, 7 changes alone */
static void set_run(il_forecast *f)
{
    il_forecaster_run *run = &f->run;
    int means = 1 + IL_GAPS + f->S, rest = means + 1 + 2 * f->S;
    int sizes[] = { 1, means, rest, rest + 1, rest + 3, rest + 7, f->n },
        alone[] = { 1, 3, 7 };
    *run = (il_forecaster_run){ f->o.forget, f->o.ridge, NULL, f->model, .repeats = f->S };
    for (int i = 0; i < IL_COUNT(sizes); i++)
        if (sizes[i] <= f->n && (!run->parts || sizes[i] > run->part[run->parts - 1].n))
            run->part[run->parts++] = (il_key_part){ 0, sizes[i] };
    for (int i = 0; i < IL_COUNT(alone); i++)
        if (alone[i] < f->o.lags) run->part[run->parts++] = (il_key_part){ rest, alone[i] };
}

static il_status set_up(il_forecast *f, const char *const *names, il_error *err)
{
    const il_forecast_options *o = &f->o;
    int periods = 0;
    while (periods < IL_PERIODS && o->period[periods]) periods++;
    f->H = o->horizon;
    if (periods) f->o.find_season = 0;
    f->S = periods ? periods : o->find_season != 0;
    f->past = o->lags + 2 * periods;
    f->n =
        1 + IL_GAPS + o->lags + 3 * f->S + (o->others ? (f->C - 1) * (1 + o->others) : 0);
    if (f->n > MOST_KEY)
        return il_fail(err, IL_ECONFIG,
                       "%d inputs for a forecast are more than %d; take fewer lags, "
                       "fewer columns or fewer of the others' changes",
                       f->n, MOST_KEY);
    if (o->model && f->H > 1)
        return il_fail(err, IL_ECONFIG, "a model forecasts one row ahead, not %d", f->H);
    if (o->model) IL_TRY(il_forecast_model_new(&f->model, o->model, err));
    IL_TRY(choose(f, err));
    f->name = calloc((size_t)f->C, sizeof *f->name);
    if (!f->name) return il_fail(err, IL_EFAIL, "out of memory for a forecast");
    for (int c = 0; c < f->C; c++)
        if (!(f->name[c] = strdup(names && names[c] ? names[c] : "")))
            return il_fail(err, IL_EFAIL, "out of memory for a forecast");
    set_run(f);
    layout(f);
    IL_TRY(il_arena_fill(&f->arena, err));
    layout(f);
    for (int c = 0; c < f->C; c++) {
        f->born[c] = -1;
        for (int p = 0; p < periods; p++) f->season[c * f->S + p] = o->period[p];
    }
    return IL_OK;
}

il_status il_forecast_make(il_forecast **forecast, int columns, const char *const *names,
                           const il_forecast_options *options, il_error *err)
{
    IL_TRY(check(options, columns, err));
    il_forecast *f = calloc(1, sizeof *f);
    if (!f) return il_fail(err, IL_EFAIL, "out of memory for a forecast");
    f->o = *options;
    f->C = columns;
    il_status status = set_up(f, names, err);
    if (status) {
        il_forecast_free(f);
        return status;
    }
    *forecast = f;
    return IL_OK;
}

il_status il_forecast_new(il_forecast **forecast, int columns, const char *const *names,
                          const il_model *model, const char *const *settings,
                          int n_settings, il_error *err)
{
    asked a = { 0 };
    IL_GIVEN(err, "forecast", forecast);
    il_opt_init(opts, &a);
    a.o.model = model;
    IL_TRY(il_opt_apply(opts, &a, settings, n_settings, "forecast", err));
    IL_TRY(read_periods(a.period, &a.o, err));
    return il_forecast_make(forecast, columns, names, &a.o, err);
}

void il_forecast_free(il_forecast *f)
{
    if (!f) return;
    il_forecast_model_free(f->model);
    il_arena_free(&f->arena);
    for (int c = 0; f->name && c < f->C; c++) free(f->name[c]);
    free(f->name);
    free(f);
}

int il_forecast_columns(const il_forecast *f) { return f ? f->C : 0; }
const char *il_forecast_name(const il_forecast *f, int column)
{
    return column >= 0 && column < il_forecast_columns(f) ? f->name[column] : "";
}
int64_t il_forecast_rows(const il_forecast *f) { return f ? (int64_t)*f->rows : 0; }
int il_forecast_horizon(const il_forecast *f) { return f ? f->H : 0; }
int il_forecast_season(const il_forecast *f, int column)
{
    return column >= 0 && column < il_forecast_columns(f) && f->S
               ? (int)f->season[column * f->S]
               : 0;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

/* What was forecast at row s for s + h: M answers, then the interval of 80 % and of 95 %. */
static double *made_at(const il_forecast *f, int c, int64_t s, int h)
{
    size_t slot = ((size_t)c * f->H + (size_t)(h - 1)) * f->H + (size_t)(s % f->H);
    return f->made + slot * ((size_t)f->M + 4);
}

/* Counts an error; without overflow, and once infinite it stays so. */
static void count(il_forecast_errors *e, double error)
{
    double a = fabs(error);
    e->count += 1;
    if (!(a < INFINITY) || !(e->mean < INFINITY)) {
        e->mean = e->big = INFINITY;
        e->squares = 1;
        return;
    }
    e->mean += (a - e->mean) / e->count;
    if (a > e->big) {
        e->squares = 1 + e->squares * (e->big / a) * (e->big / a);
        e->big = a;
    } else if (a > 0) {
        e->squares += a / e->big * (a / e->big);
    }
}

/* The value y of row s + h has come. */
static void learn(il_forecast *f, int c, int64_t s, int h, double y)
{
    size_t at = (size_t)c * f->H + (size_t)(h - 1);
    const double *made = made_at(f, c, s, h), *interval = made + f->M;
    double *cover = f->cover + at * IL_FORECAST_COVER;
    il_sample sample = il_forecast_sample(f, c, s, h);
    for (int m = 0; m < f->M; m++) count(f->score + at * f->M + m, y - made[m]);
    if (!isnan(interval[2])) {
        cover[0] += 1;
        cover[1] += interval[0] <= y && y <= interval[1];
        cover[2] += interval[2] <= y && y <= interval[3];
    }
    il_recent_add(f->errors + at, fabs(y - made[0]));
    if ((double)s <= f->born[c]) return; /* nothing had moved yet */
    for (int m = 0; m < f->M; m++) {
        double start = f->M > 1 ? il_seconds() : 0;
        if (f->kind[m]->learn)
            f->kind[m]->learn(&f->run, f->state[m] + at * f->state_size[m], &sample, y);
        if (f->M > 1) f->seconds[m] += il_seconds() - start;
    }
}

/* Within one span of the latest values above and below them. */
static double sane(const il_recent *values, double y)
{
    double low = il_recent_quantile(values, 0), high = il_recent_quantile(values, 1);
    double span = high - low;
    return fmin(fmax(y, low - span), high + span);
}

/* The distance within which a share of the latest errors lies, such that one more of their kind
 * does too with at least that probability; NaN while there are too few to say. */
static double reach(const il_recent *errors, double share)
{
    int n = il_recent_count(errors), k = (int)ceil(share * (n + 1));
    return k <= n ? errors->sorted[k - 1] : NAN;
}

static void look_ahead(il_forecast *f, int c, int64_t t, int h, il_forecast_value *out)
{
    size_t at = (size_t)c * f->H + (size_t)(h - 1);
    double *made = made_at(f, c, t, h), *interval = made + f->M;
    il_sample sample = il_forecast_sample(f, c, t, h);
    for (int m = 0; m < f->M; m++) {
        double start = f->M > 1 ? il_seconds() : 0;
        made[m] = f->kind[m]->answer(
            &f->run, f->state[m] ? f->state[m] + at * f->state_size[m] : NULL, &sample);
        if (f->M > 1) f->seconds[m] += il_seconds() - start;
    }
    made[0] = sane(f->values + c, made[0]);
    double r80 = reach(f->errors + at, 0.8), r95 = reach(f->errors + at, 0.95);
    interval[0] = made[0] - r80;
    interval[1] = made[0] + r80;
    interval[2] = made[0] - r95;
    interval[3] = made[0] + r95;
    *out =
        (il_forecast_value){ made[0], interval[0], interval[1], interval[2], interval[3] };
}

static il_status check_row(const il_forecast *f, const double *y, il_error *err)
{
    for (int c = 0; c < f->C; c++)
        if (fabs(y[c]) > 1e300)
            return il_fail(err, IL_ECONFIG,
                           "column '%s' holds %s; a number of at most 1e300 or a missing "
                           "one is expected",
                           il_show(f->name[c]).text, il_digits(y[c]).text);
    return IL_OK;
}

il_status il_forecast_step(il_forecast *f, const double *y, il_forecast_value *out,
                           il_error *err)
{
    IL_GIVEN(err, "forecast y out", f, y, out);
    static const il_forecast_value nothing = { NAN, NAN, NAN, NAN, NAN };
    IL_TRY(check_row(f, y, err));
    int64_t t = (int64_t)*f->rows;
    double start = il_seconds();
    for (int c = 0; c < f->C; c++)
        for (int h = 1; h <= f->H && f->born[c] >= 0 && (double)(t - h) >= f->born[c]; h++)
            if (!isnan(y[c])) learn(f, c, t - h, h, y[c]);
    for (int c = 0; c < f->C; c++) il_forecast_push(f, c, t, y[c]);
    for (int c = 0; c < f->C; c++)
        for (int h = 1; h <= f->H; h++) {
            il_forecast_value *answer = out + (size_t)c * f->H + (h - 1);
            if (f->born[c] < 0)
                *answer = nothing;
            else
                look_ahead(f, c, t, h, answer);
        }
    *f->rows += 1;
    f->all_seconds += il_seconds() - start;
    f->timed++;
    return IL_OK;
}
