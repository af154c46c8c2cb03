/* forecast.c - innerloop forecast SERIES.csv: a series row by row, from a file or as it comes */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_COLUMNS = 64 };

typedef struct {
    const char *column, *state, *model;
    int save_every, resume, score, last, json, csv;
} options;
static const il_opt opts[] = {
    CLI_STRING(column, NULL, "C,...",
               "the columns to forecast (all whose first row is a number)"),
    CLI_STRING(model, NULL, "RUN", "a trained model of sequences answers, one row ahead"),
    CLI_FLAG(score, "print errors next to the others' instead of forecasts"),
    CLI_FLAG(last, "print only what is forecast after the last row"),
    CLI_STRING(state, NULL, "FILE", "save here at the end and when interrupted"),
    CLI_INT(save_every, 0, 1, "N", "and every N rows"),
    CLI_FLAG(resume, "go on from the state; the rows are new ones"),
    CLI_FLAG(csv, "CSV (forecasts are, by default)"),
    CLI_FLAG(json, "JSON: one object for each forecast, or one of scores"),
    { 0 },
};

typedef struct {
    const cli_call *call;
    const options *o;
    const char *path; /* for sentences */
    il_csv *rows;
    il_forecast *forecast;
    il_model *model;           /* or NULL */
    int n, cell[MOST_COLUMNS]; /* forecast column c is cell[c] of a row */
    const char **cells;        /* (columns of the file) */
    il_forecast_value *out;    /* (C,H) */
    int headed, noted;         /* the CSV's first line is out; a gap was said */
} session;

static volatile sig_atomic_t stop, source = -1; /* what is read, once it is open */

/* Nothing more comes over `fd`, and nothing that is written there waits. */
static void cut(int fd)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return;
    dup2(null, fd);
    close(null);
}

static int takes(int fd) /* something at once */
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    return poll(&p, 1, 0) != 0;
}

/* Once interrupted: output that waits is given up, also where the signal came just before the write. */
static void on_alarm(int number)
{
    int before = errno;
    (void)number;
    if (takes(STDOUT_FILENO))
        alarm(1);
    else
        cut(STDOUT_FILENO);
    errno = before;
}

/* The series ends here, for a read that waits and for one that is about to. */
static void on_signal(int number)
{
    int before = errno;
    stop = 1;
    if (source >= 0) cut(source);
    signal(number, SIG_DFL); /* the second request is not ours to refuse */
    alarm(1);
    errno = before;
}

/* A signal ends a read or a write that waits. */
static void watch_signals(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    cli_at_signal(on_signal);
}

/* ---- what is forecast ------------------------------------------------------------------------ */

static int find_column(const il_csv *rows, const char *name, size_t size)
{
    for (int c = 0; c < il_csv_cols(rows); c++)
        if (strlen(il_csv_col(rows, c)) == size && !memcmp(il_csv_col(rows, c), name, size))
            return c;
    return -1;
}

static il_status add_column(session *s, int cell, il_error *err)
{
    if (s->n == MOST_COLUMNS)
        return il_fail(err, IL_ECONFIG,
                       "%s: more than %d columns of numbers; choose some with --column",
                       s->path, MOST_COLUMNS);
    for (int c = 0; c < s->n; c++)
        if (s->cell[c] == cell)
            return il_fail(err, IL_EUSAGE, "forecast: --column names '%.64s' twice",
                           il_csv_col(s->rows, cell));
    s->cell[s->n++] = cell;
    return IL_OK;
}

static il_status add_named(session *s, const char *name, size_t size, il_error *err)
{
    int cell = find_column(s->rows, name, size);
    if (cell < 0)
        return il_fail(err, IL_ECONFIG, "%s: no column '%.*s'", s->path,
                       (int)(size < 64 ? size : 64), name);
    return add_column(s, cell, err);
}

/* ": how to write it", where a cell was meant as a number; "" where not */
static const char *hint(const char *cell, char *text, size_t size)
{
    text[0] = ':', text[1] = ' ';
    return il_cell_hint(cell, text + 2, size - 2) ? text : "";
}

static void note_text(const session *s, int c)
{
    char how[160];
    const char *why = hint(s->cells[c], how, sizeof how);
    cli_note("column '%s' is text%s%.64s%s and left out%s", il_csv_col(s->rows, c),
             *why ? ", as in '" : "", *why ? s->cells[c] : "", *why ? "'," : "", why);
}

/* The columns of --column, or those whose first row holds a number or a missing one. */
static il_status choose_columns(session *s, il_error *err)
{
    double v;
    for (const char *at = s->o->column; at;) {
        size_t size = strcspn(at, ",");
        CLI_TRY(add_named(s, at, size, err));
        at = at[size] ? at + size + 1 : NULL;
    }
    for (int c = 0; c < il_csv_cols(s->rows) && !s->o->column; c++) {
        if (il_cell_number(s->cells[c], &v))
            CLI_TRY(add_column(s, c, err));
        else
            note_text(s, c);
    }
    if (s->n) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s: no column of numbers", s->path);
}

/* The settings that were given; scores stand beside those of other forecasters. */
static il_status make(session *s, il_error *err)
{
    const cli_call *call = s->call;
    const char *names[MOST_COLUMNS], *setting[32]; /* each option of the table once */
    int n = call->n_settings;
    for (int i = 0; i < n; i++) setting[i] = call->settings[i];
    if (s->o->score && !cli_setting(call, "against"))
        setting[n++] = cli_setting(call, "period") ? "against=persistence,seasonal,ar,nlms"
                                                   : "against=persistence,ar,nlms";
    CLI_TRY(choose_columns(s, err));
    for (int c = 0; c < s->n; c++) names[c] = il_csv_col(s->rows, s->cell[c]);
    return il_forecast_new(&s->forecast, s->n, names, s->model, setting, n, err);
}

/* The state's columns, wherever they stand now. */
static il_status match(session *s, il_error *err)
{
    for (int c = 0; c < il_forecast_columns(s->forecast); c++) {
        const char *name = il_forecast_name(s->forecast, c);
        CLI_TRY(add_named(s, name, strlen(name), err));
    }
    return IL_OK;
}

/* ---- what is printed ------------------------------------------------------------------------------ */

/* What has been forecast from the newest row; seen at once by whoever reads. */
static il_status print_forecasts(session *s, il_error *err)
{
    int H = il_forecast_horizon(s->forecast);
    int64_t rows = il_forecast_rows(s->forecast);
    il_table *t;
    CLI_TRY(il_table_new(&t, "forecasts", err));
    il_status status = il_table_add_cols(
        t, "row ahead column$ forecast low_80 high_80 low_95 high_95", err);
    for (int i = 0; i < s->n * H && !status; i++) {
        const il_forecast_value *v = &s->out[i];
        int ahead = i % H + 1;
        const char *name = il_forecast_name(s->forecast, i / H);
        const double numbers[] = { (double)(rows + ahead),
                                   ahead,
                                   v->value,
                                   v->low_80,
                                   v->high_80,
                                   v->low_95,
                                   v->high_95 };
        status = il_table_add(t, &name, numbers, err);
    }
    int form = s->o->json ? IL_TABLE_OBJECTS : s->headed ? IL_TABLE_CSV_ROWS : IL_TABLE_CSV;
    if (!status) il_table_write(t, form, cli_out, NULL);
    s->headed = 1;
    il_table_free(t);
    if (!status && (fflush(stdout) || ferror(stdout)))
        return il_fail_io(err, "standard output: cannot be written");
    return status;
}

static il_status print_scores(const session *s, il_error *err)
{
    il_table *table;
    CLI_TRY(il_forecast_scores(s->forecast, &table, err));
    cli_write(table, s->o->json ? CLI_AS_JSON : s->o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    il_table_free(table);
    return IL_OK;
}

/* ---- the rows ------------------------------------------------------------------------------------------ */

static il_status step(session *s, il_error *err)
{
    double y[MOST_COLUMNS];
    char how[160];
    il_error why = { 0 };
    for (int c = 0; c < s->n; c++)
        if (!il_cell_number(s->cells[s->cell[c]], y + c))
            return il_fail(err, IL_ECONFIG,
                           "%s:%d: column '%.64s' holds '%.64s'; a finite number or a "
                           "missing one (NA) is expected%s",
                           s->path, il_csv_line(s->rows), il_csv_col(s->rows, s->cell[c]),
                           s->cells[s->cell[c]],
                           hint(s->cells[s->cell[c]], how, sizeof how));
    il_status status = il_forecast_step(s->forecast, y, s->out, &why);
    if (status)
        return il_fail(err, status, "%s:%d: %s", s->path, il_csv_line(s->rows), why.text);
    return IL_OK;
}

/* Keeps what was learnt; of a series that failed (`status`), the rows before that. */
static il_status save(const session *s, il_status status, il_error *err)
{
    il_error why = { 0 };
    if (!s->o->state || !s->out || !il_forecast_rows(s->forecast)) return status;
    il_status saved = il_forecast_save(s->forecast, s->o->state, status ? &why : err);
    if (!status) return saved;
    if (saved)
        cli_note("the rows before that are lost: %s", why.text);
    else if (!stop)
        cli_note("%s holds the %" PRId64 " rows before that; go on with --resume",
                 s->o->state, il_forecast_rows(s->forecast));
    return status;
}

static il_status next(session *s, int *more, il_error *err)
{
    il_status status = il_csv_next(s->rows, s->cells, more, err);
    if (stop) *more = 0; /* the read was cut short */
    if (stop || status || !*more) return stop ? IL_OK : status;
    if (!*s->cells[0] && il_csv_cols(s->rows) == 1 && !s->noted++)
        cli_note("an empty line of a series is a missing value, first in line %d",
                 il_csv_line(s->rows));
    return IL_OK;
}

/* Memory once the columns are known, from the first row on. */
static il_status begin(session *s, il_error *err)
{
    CLI_TRY(s->o->resume ? match(s, err) : make(s, err));
    int H = il_forecast_horizon(s->forecast);
    s->out = calloc((size_t)s->n * (size_t)H, sizeof *s->out);
    if (!s->out) return il_fail(err, IL_EFAIL, "out of memory for a forecast");
    return IL_OK;
}

/* Every row from the first, whose cells are read. */
static il_status follow(session *s, il_error *err)
{
    for (int more = 1, since = 0; more;) {
        CLI_TRY(step(s, err));
        if (!s->o->score && !s->o->last) CLI_TRY(print_forecasts(s, err));
        if (s->o->save_every && ++since % s->o->save_every == 0)
            CLI_TRY(save(s, IL_OK, err));
        CLI_TRY(next(s, &more, err));
    }
    return IL_OK;
}

/* What was found without being asked for */
static void note_seasons(const session *s)
{
    for (int c = 0; c < s->n && !cli_setting(s->call, "period"); c++)
        if (il_forecast_season(s->forecast, c))
            cli_note("column '%s' repeats itself every %d rows; --period none ignores that",
                     il_forecast_name(s->forecast, c), il_forecast_season(s->forecast, c));
}

static il_status print_end(session *s, il_error *err)
{
    note_seasons(s);
    if (s->o->last && !s->o->score) CLI_TRY(print_forecasts(s, err));
    return s->o->score ? print_scores(s, err) : IL_OK;
}

static il_status read_rows(session *s, il_error *err)
{
    int more;
    CLI_TRY(next(s, &more, err));
    if (!more && !stop)
        return il_fail(err, IL_ECONFIG, "%s: no rows below the header", s->path);
    if (!more) return IL_OK;
    CLI_TRY(begin(s, err));
    il_status status = follow(s, err);
    if (stop && status == IL_EIO) { /* nobody reads what a write waited for */
        cut(STDOUT_FILENO);
        status = IL_OK;
    }
    CLI_TRY(save(s, status, err));
    return print_end(s, err);
}

static il_status open_series(session *s, FILE *f, il_error *err)
{
    if (s->o->model) CLI_TRY(cli_load(&s->model, s->o->model, err));
    if (s->o->resume) CLI_TRY(il_forecast_load(&s->forecast, s->o->state, s->model, err));
    source = fileno(f);
    if (stop) return IL_OK;
    CLI_TRY(il_csv_new(&s->rows, cli_in, f, s->path, err));
    s->cells = calloc((size_t)il_csv_cols(s->rows), sizeof *s->cells);
    return s->cells ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for a forecast");
}

static il_status read_series(session *s, FILE *f, il_error *err)
{
    il_status status = open_series(s, f, err);
    if (!status && !stop) status = read_rows(s, err);
    if (!stop || (status && s->out)) return status;
    int kept = s->o->state && s->out;
    return il_fail(err, IL_EINTERRUPT, "interrupted%s%.256s",
                   kept ? "; go on with --resume --state " : "", kept ? s->o->state : "");
}

/* A state is a file that goes on, or a name that is free. */
static il_status check_state(const options *o, il_error *err)
{
    struct stat info;
    int exists = !stat(o->state, &info);
    if (!*o->state)
        return il_fail(err, IL_EUSAGE, "forecast: --state takes a file's name, not ''");
    if (exists && !S_ISREG(info.st_mode))
        return il_fail(err, IL_EIO, "%.256s cannot hold a state: it is %s", o->state,
                       S_ISDIR(info.st_mode) ? "a folder" : "not a file");
    if (exists && !o->resume)
        return il_fail(err, IL_EUSAGE,
                       "forecast: %.256s exists; go on from it with --resume, or remove it",
                       o->state);
    return IL_OK;
}

static il_status check(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    if (o->resume && (o->column || call->n_settings)) {
        const char *fixed = o->column ? "column" : call->settings[0];
        return il_fail(err, IL_EUSAGE, "forecast: --resume takes --%.*s from the state",
                       (int)strcspn(fixed, "="), fixed);
    }
    if ((o->resume || o->save_every) && !o->state)
        return il_fail(err, IL_EUSAGE, "forecast: --%s needs --state FILE",
                       o->resume ? "resume" : "save-every");
    if (o->json && o->csv)
        return il_fail(err, IL_EUSAGE, "forecast: either --json or --csv");
    return o->state ? check_state(o, err) : IL_OK;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    const char *path = call->word[1];
    CLI_TRY(check(call, err));
    int piped = !strcmp(path, "-");
    session s = { .call = call, .o = o, .path = piped ? "standard input" : path };
    watch_signals();
    FILE *f = piped ? stdin : fopen(path, "rb");
    if (!f && stop) return il_fail(err, IL_EINTERRUPT, "interrupted");
    if (!f) return il_fail_io(err, "%.256s: cannot be read", path);
    il_lock *lock = NULL;
    il_status status = o->state ? il_lock_take(&lock, o->state, err) : IL_OK;
    if (!status) status = read_series(&s, f, err);
    if (!piped) fclose(f);
    il_lock_give(lock);
    il_csv_free(s.rows);
    il_forecast_free(s.forecast);
    il_model_free(s.model);
    free(s.cells);
    free(s.out);
    return status;
}

const cli_command cmd_forecast = {
    .words = "SERIES.csv|-",
    .least = 1,
    .most = 1,
    .help = "Every forecast is made before its row is read, and learnt from right after. "
            "`-` reads standard input and answers each row at once. What happens to "
            "missing values, and how to read the intervals: docs/forecast.md.",
    .options = opts,
    .size = sizeof(options),
    .kind = "forecast",
    .run = run,
};
