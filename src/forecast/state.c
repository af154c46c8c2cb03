/* state.c - a forecast in a file: safetensors, one float64 array for each of its parts
 *
 * Metadata: format, the options, the columns' names (`name.0` ...), and a hash over all arrays, so that a
 * file that was damaged is refused rather than believed. Sorted copies and scratch are made anew.
 */
#include "forecast/forecast.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const char FORMAT[] = "innerloop forecast 3";
enum { MOST_META = 84 };

static uint64_t hash_of(const il_forecast *f)
{
    uint64_t hash = IL_HASH_START;
    for (int i = 0; i < f->sections; i++)
        hash = il_hash_numbers(hash, f->section[i].data, f->section[i].n, sizeof(double));
    return hash;
}

/* ---- saving ------------------------------------------------------------------------------------ */

typedef struct {
    il_meta meta[MOST_META];
    char key[MOST_META][24], value[MOST_META][IL_TEXT];
    int n;
} notes;

/* `value` must last until it is written. */
static void note_long(notes *m, const char *key, const char *value)
{
    snprintf(m->key[m->n], sizeof m->key[0], "%s", key);
    m->meta[m->n] = (il_meta){ m->key[m->n], value };
    m->n++;
}

static void note(notes *m, const char *key, const char *value)
{
    snprintf(m->value[m->n], sizeof m->value[0], "%s", value);
    note_long(m, key, m->value[m->n]);
}

static void note_number(notes *m, const char *key, double value)
{
    note(m, key, il_digits(value).text);
}

static void describe(notes *m, const il_forecast *f)
{
    char key[24], hash[32];
    note(m, "format", FORMAT);
    note_number(m, "columns", f->C);
    note_number(m, "lags", f->o.lags);
    note_number(m, "others", f->o.others);
    note_number(m, "horizon", f->o.horizon);
    note_number(m, "forget", f->o.forget);
    note_number(m, "ridge", f->o.ridge);
    note(m, "against", f->o.against);
    if (f->model) {
        snprintf(hash, sizeof hash, "%016" PRIx64, il_forecast_model_hash(f->model));
        note(m, "model", hash);
    }
    note_number(m, "find_season", f->o.find_season);
    for (int p = 0; p < IL_PERIODS; p++) {
        snprintf(key, sizeof key, "period.%d", p);
        note_number(m, key, f->o.period[p]);
    }
    for (int c = 0; c < f->C; c++) {
        snprintf(key, sizeof key, "name.%d", c);
        note_long(m, key, f->name[c]);
    }
    snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(f));
    note(m, "hash", hash);
}

il_status il_forecast_save(const il_forecast *f, const char *path, il_error *err)
{
    IL_GIVEN(err, "forecast path", f, path);
    il_tensor tensors[IL_FORECAST_SECTIONS] = { 0 };
    notes *m = calloc(1, sizeof *m);
    if (!m) return il_fail(err, IL_EFAIL, "out of memory while writing %s", path);
    describe(m, f);
    for (int i = 0; i < f->sections; i++)
        tensors[i] = (il_tensor){ .name = f->section[i].name,
                                  .dtype = IL_DTYPE_F64,
                                  .ndim = 1,
                                  .shape = { (int64_t)f->section[i].n },
                                  .data = f->section[i].data };
    char digest[24];
    snprintf(digest, sizeof digest, "%016" PRIx64,
             il_tensors_digest(tensors, f->sections, m->meta, m->n));
    note(m, IL_DIGEST, digest);
    il_status status = il_tensors_write(path, tensors, f->sections, m->meta, m->n, err);
    free(m);
    return status;
}

/* ---- loading ---------------------------------------------------------------------------------------- */

static il_status number(const il_tensors *t, const char *path, const char *key,
                        double *value, il_error *err)
{
    const char *text = il_tensors_meta(t, key);
    if (text && il_number_parse(text, value)) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s: no saved forecast: its '%s' is no number", path,
                   key);
}

static il_status whole(const il_tensors *t, const char *path, const char *key, int *value,
                       il_error *err)
{
    double v;
    IL_TRY(number(t, path, key, &v, err));
    if (v != floor(v) || fabs(v) > 1e6)
        return il_fail(err, IL_ECONFIG, "%s: its '%s' is no whole number", path, key);
    *value = (int)v;
    return IL_OK;
}

static il_status read_options(il_forecast_options *o, int *columns, const il_tensors *t,
                              const char *path, il_error *err)
{
    char key[24];
    const char *format = il_tensors_meta(t, "format"),
               *against = il_tensors_meta(t, "against");
    if (format && strcmp(format, FORMAT) && !strncmp(format, FORMAT, sizeof FORMAT - 2))
        return il_fail(
            err, IL_ECONFIG,
            "%s is of another version of innerloop, whose forecasts have other parts; "
            "forecast the series from its start again",
            path);
    if (!format || strcmp(format, FORMAT) || !against || strlen(against) >= IL_TEXT)
        return il_fail(err, IL_ECONFIG, "%s is no saved forecast", path);
    strcpy(o->against, against);
    IL_TRY(whole(t, path, "columns", columns, err));
    IL_TRY(whole(t, path, "lags", &o->lags, err));
    IL_TRY(whole(t, path, "others", &o->others, err));
    IL_TRY(whole(t, path, "horizon", &o->horizon, err));
    IL_TRY(number(t, path, "forget", &o->forget, err));
    IL_TRY(number(t, path, "ridge", &o->ridge, err));
    IL_TRY(whole(t, path, "find_season", &o->find_season, err));
    for (int p = 0; p < IL_PERIODS; p++) {
        snprintf(key, sizeof key, "period.%d", p);
        IL_TRY(whole(t, path, key, o->period + p, err));
    }
    return IL_OK;
}

static il_status read_arrays(il_forecast *f, const il_tensors *t, const char *path,
                             il_error *err)
{
    if (il_tensors_count(t) != f->sections)
        return il_fail(err, IL_ECONFIG, "%s holds %d arrays where a forecast has %d", path,
                       il_tensors_count(t), f->sections);
    for (int i = 0; i < f->sections; i++) {
        const char *name = f->section[i].name;
        const il_tensor *a = il_tensors_find(t, name);
        if (!a || a->dtype != IL_DTYPE_F64 || il_tensor_count(a) != f->section[i].n)
            return il_fail(err, IL_ECONFIG, "%s: array '%s' of %zu float64 is missing",
                           path, name, f->section[i].n);
        memcpy(f->section[i].data, a->data, sizeof(double) * f->section[i].n);
    }
    return IL_OK;
}

static int is_finite(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

/* What indexes memory, and what forecasts rest on */
static int is_sound(il_forecast *f)
{
    size_t C = (size_t)f->C, H = (size_t)f->H;
    int mesa = f->model != NULL; /* stands behind the model */
    double rows = *f->rows;
    int ok = rows >= 0 && rows < 0x1p53 && rows == floor(rows);
    for (size_t c = 0; c < C; c++)
        ok &= f->born[c] >= -1 && f->born[c] < rows && f->born[c] == floor(f->born[c]);
    for (size_t i = 0; i < C * (size_t)f->S; i++)
        ok &= f->season[i] == floor(f->season[i]) && f->season[i] >= 0 &&
              f->season[i] <= 10080;
    for (size_t c = 0; c < C; c++) ok &= il_recent_restore(f->values + c);
    for (size_t i = 0; i < C * H; i++)
        ok &= il_recent_restore(f->changes + i) && il_recent_restore(f->errors + i);
    return ok && is_finite(f->history, C * (size_t)f->depth) && is_finite(f->first, C) &&
           is_finite(f->scales, C * (H + 1) * (H + 2)) &&
           is_finite(f->repeats, C * (size_t)f->S * (size_t)f->depth) &&
           is_finite(f->gaps, C * IL_GAPS * (size_t)f->depth) && is_finite(f->found, C) &&
           is_finite(f->due, C) && is_finite(f->since, C) &&
           is_finite(f->state[mesa], C * H * f->state_size[mesa]);
}

static il_status check(il_forecast *f, const il_tensors *t, const char *path, il_error *err)
{
    char hash[32];
    const char *said = il_tensors_meta(t, "hash");
    snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(f));
    if (!said || strcmp(said, hash))
        return il_fail(err, IL_ECONFIG,
                       "%s was changed since it was written: its hash is %s", path, hash);
    if (!is_sound(f))
        return il_fail(err, IL_ECONFIG, "%s holds numbers that no forecast has", path);
    return IL_OK;
}

/* A forecast goes on with the model it had, or with none. */
static il_status check_model(const il_tensors *t, const char *path, const il_model *model,
                             il_error *err)
{
    char hash[32] = "";
    const char *had = il_tensors_meta(t, "model");
    if (model) snprintf(hash, sizeof hash, "%016" PRIx64, il_model_hash(model));
    if (!strcmp(had ? had : "", hash)) return IL_OK;
    if (!had) return il_fail(err, IL_ECONFIG, "%s was made without a model", path);
    return il_fail(err, IL_ECONFIG, "%s was made with a model of weights %s%s%s", path,
                   il_show(had).text, model ? ", not " : "; give that model", hash);
}

static il_status load(il_forecast **forecast, const il_tensors *t, const char *path,
                      const il_model *model, il_error *err)
{
    enum { MOST = 64 };
    il_forecast_options o = { .model = model };
    const char *names[MOST] = { 0 };
    char key[24];
    int columns;
    il_forecast *f;
    IL_TRY(read_options(&o, &columns, t, path, err));
    IL_TRY(check_model(t, path, model, err));
    for (int c = 0; c < columns && c < MOST; c++) {
        snprintf(key, sizeof key, "name.%d", c);
        names[c] = il_tensors_meta(t, key);
    }
    IL_TRY(il_forecast_make(&f, columns, names, &o, err));
    il_status status = read_arrays(f, t, path, err);
    if (!status) status = check(f, t, path, err);
    if (status) {
        il_forecast_free(f);
        return status;
    }
    *forecast = f;
    return IL_OK;
}

il_status il_forecast_load(il_forecast **forecast, const char *path, const il_model *model,
                           il_error *err)
{
    IL_GIVEN(err, "forecast path", forecast, path);
    il_tensors *t;
    IL_TRY(il_tensors_read(&t, path, err));
    il_status status = load(forecast, t, path, model, err);
    il_tensors_free(t);
    return status;
}
