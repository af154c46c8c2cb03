/* forecast.h - forecasting online: what the parts of forecast.c share
 *
 * A forecaster is an online predictor: at row s it predicts row s + h of the series from the rows up
 * to s. When that row has come it learns the pair and makes the next forecast. One file
 * and one row in forecasters.def each; all of them are given the same samples.
 */
#ifndef IL_FORECAST_H
#define IL_FORECAST_H

#include "base/base.h"

enum { IL_PERIODS = 4 };
enum { IL_GAPS = 3 };   /* smoothed levels that a forecast reads */
enum { IL_PARTS = 10 }; /* parts of a key that are solved side by side */

typedef struct {
    int lags;    /* newest values of its own column that a forecast reads */
    int others;  /* newest changes of every other column that it reads; 0: none */
    int horizon; /* H: rows ahead; each is learnt by itself */
    int period[IL_PERIODS]; /* seasons in rows; zeros: none */
    int find_season;        /* no period is given: every column's is looked for */
    double forget;          /* gamma: what a row counts one row later */
    double ridge; /* mu: pulls towards "no change"; 0: several, mixed by their losses */
    char against[IL_TEXT]; /* forecasters run beside it, separated by commas */
    const il_model *model; /* borrowed, or NULL */
} il_forecast_options;

const il_opt *il_forecast_opts(void); /* of il_forecast_new */
void il_forecast_defaults(il_forecast_options *options);
/* il_forecast_new from a struct. */
il_status il_forecast_make(il_forecast **forecast, int columns, const char *const *names,
                           const il_forecast_options *options, il_error *err);

/* What is known at row s about row s + h, in the series' own units and as a bounded key */
typedef struct {
    int n;                /* size of a key */
    const double *key;    /* (n) standardised changes and levels; key[0] = weight */
    double weight;        /* in (0,1]: what the key was multiplied by to be bounded */
    int past;             /* size of `raw` */
    const double *raw;    /* (past) values at s, s-1, ..., then two for each period given */
    int whole;            /* all of these have been seen */
    double last;          /* the value at s */
    int era;              /* grows when a season begins to have values in the key */
    double season;        /* the value a period before s + h; `last` where none was seen */
    double scale;         /* of a change over h rows; 0 while there was none */
    int windows;          /* size of `window`, for a model; 0 without one */
    const double *window; /* (windows) values at s, s-1, ... that there were */
} il_sample;

/* A trained model of sequences, ready to forecast (model.c) */
typedef struct il_forecast_model il_forecast_model;
il_status il_forecast_model_new(il_forecast_model **model, const il_model *of,
                                il_error *err);
void il_forecast_model_free(il_forecast_model *model);
int il_forecast_model_window(const il_forecast_model *model); /* values it reads */
uint64_t il_forecast_model_hash(const il_forecast_model *model);

/* Entries from .. from + n - 1 */
typedef struct {
    int from, n;
} il_key_part;

typedef struct {
    double forget, ridge;           /* il_forecast_options; ridge 0: its own choice */
    double *work;                   /* 4 (n + past + 1)^2 of scratch */
    const il_forecast_model *model; /* or NULL */
    int parts;                      /* of a key that are solved alone; 0: the whole key */
    il_key_part
        part[IL_PARTS]; /* those that begin together follow each other, the longest last */
    int repeats;        /* key[1 + IL_GAPS] on: mean changes of so many seasons */
} il_forecaster_run;

typedef struct {
    const char *name, *summary;
    size_t (*size)(int n, int past); /* doubles of state, zeros at first; NULL: none */
    /* Takes in that the sample became `y`; or NULL */
    void (*learn)(const il_forecaster_run *run, double *state, const il_sample *s,
                  double y);
    double (*answer)(const il_forecaster_run *run, const double *state, const il_sample *s);
} il_forecaster_kind;

#define IL_FORECASTER(name) extern const il_forecaster_kind il_forecaster_##name;
#include "forecast/forecasters.def"
#undef IL_FORECASTER

/* The change that a sample became, standardised, bounded and weighted as its key is: what a key is
 * regressed on. */
double il_sample_target(const il_sample *s, double y);

/* ---- the latest values of something, in order ------------------------------------------------ */

/* The last `size` values of a sequence, and the same sorted */
typedef struct {
    int size;
    double *taken;  /* (1) how many were ever added */
    double *ring;   /* (size) value i stands at i mod size */
    double *sorted; /* (size) */
} il_recent;

int il_recent_count(const il_recent *r);
void il_recent_add(il_recent *r, double x); /* cost O(size), of moving memory */
/* The value below which a share q of them lies, by nearest rank; 0 if there are none. */
double il_recent_quantile(const il_recent *r, double q);
/* Sorts what the ring holds. 0 if it cannot be a ring: a count or a value that is none. */
int il_recent_restore(il_recent *r);

/* ---- il_forecast, for its own files ------------------------------------------------------------ */

enum { IL_FORECASTERS = 8, IL_FORECAST_SECTIONS = 32 };
enum { IL_FORECAST_COVER = 3 }; /* intervals asked; values in that of 80 %, of 95 % */

/* Of one forecaster, column and horizon: errors counted, mean |e|, and sum e^2 = big^2 squares */
typedef struct {
    double count, mean, big, squares;
} il_forecast_errors;

struct il_forecast {
    il_forecast_options o;
    int C, H, n, past; /* columns, horizon, sizes of a key and of raw values */
    int S;             /* seasons that a column can have */
    il_forecaster_run run;
    int M;                    /* forecasters; the first is the one that answers */
    il_forecast_model *model; /* or NULL */
    const il_forecaster_kind *kind[IL_FORECASTERS];
    size_t state_size[IL_FORECASTERS];
    double seconds[IL_FORECASTERS], all_seconds; /* since made or loaded */
    int64_t timed;                               /* steps behind these */
    char **name;                                 /* (C) */
    il_arena arena;
    /* what is saved */
    double *rows;           /* (1) steps taken: t below */
    double *born, *first;   /* (C) row of the first value, -1; that value */
    int depth;              /* rows of history */
    double *history;        /* (C,depth) row i stands at i mod depth */
    double *season;         /* (C,S) periods in use; 0: none yet */
    double *found, *due;    /* (C) seasons found; age in rows at the next search */
    double *since;          /* (C) the row from which `repeats` and `gaps` tell */
    double *repeats, *gaps; /* (C,S,depth), (C,IL_GAPS,depth): season.c */
    double *scales;         /* (C,H+1,2+H) centre, spread, scale by horizon */
    il_recent *values, *changes, *errors; /* (C), (C,H), (C,H) absolute ones of the first */
    double *made;                  /* (C,H,H,M+4) forecasts whose row is still to come */
    il_forecast_errors *score;     /* (C,H,M) */
    double *cover;                 /* (C,H,IL_FORECAST_COVER) */
    double *state[IL_FORECASTERS]; /* (C,H,state_size) */
    /* scratch */
    double *key, *raw, *window, *work, *search;
    /* the arrays above by name, in the order they are saved */
    struct {
        char name[32];
        double *data;
        size_t n;
    } section[IL_FORECAST_SECTIONS];
    int sections;
};

/* The sample at row s about row s + h of column c, in f's scratch until the next one. Reads rows up
 * to s only, and the scales as they were then. */
il_sample il_forecast_sample(il_forecast *f, int c, int64_t s, int h);
/* Row t of column c: a value, or NaN for a missing one, which the forecast stands in for. */
void il_forecast_push(il_forecast *f, int c, int64_t t, double y);
/* Row i of column c; before its first value, that one. */
static inline double il_forecast_at(const il_forecast *f, int c, int64_t i)
{
    if ((double)i < f->born[c]) return f->first[c];
    return f->history[(size_t)c * (size_t)f->depth + (size_t)(i % f->depth)];
}
static inline int il_forecast_seen(const il_forecast *f, int c, int64_t i)
{
    return f->born[c] >= 0 && (double)i >= f->born[c];
}

/* ---- season.c ------------------------------------------------------------------------------------ */

enum { IL_SEARCH_ROWS = 1024 };
enum { IL_LONGEST_FOUND = 400 }; /* a period that can be found */

/* Row t of column c is in its history: seasons, smoothed levels, and where it is due a search for a period */
void il_season_push(il_forecast *f, int c, int64_t t);
/* The change from row s to s + h that season p repeats; 0 where it has not been seen. */
double il_season_repeat(const il_forecast *f, int c, int p, int64_t s, int h);
/* Smoothed level g of column c at row s, seasons taken out, less the value at s. */
double il_season_gap(const il_forecast *f, int c, int g, int64_t s);

#endif
