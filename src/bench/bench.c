/* bench.c - seconds, GFLOP/s and the share of the machine's peak, beside another program
 *
 * A machine's speed drifts with its load and its clock, so what is compared is interleaved: one
 * sample of ours, one of the peer on as many threads, one of the peer on one thread, and again.
 * A sample is the fastest of as many runs as fit in 0.05 seconds, at least one; the result is the
 * fastest sample, of the peer at whichever setting was faster. The peak is measured again before
 * every row and the largest counts.
 */
#include "bench/bench.h"
#include "report/report.h"

#include <math.h>

enum { NAME, SECONDS, GFLOPS, PERCENT };
static const char columns[] =
    "name$ seconds gflops percent_of_peak memory_bytes peer$ peer_seconds ratio";

typedef struct {
    const char *only;
    int repeats, threads;
    il_bench_race race;
} options;
static const il_opt opts[] = {
    { "only", IL_OPT_STRING, offsetof(options, only), .help = "these rows",
      .value = "ROW,..." },
    { "repeats", IL_OPT_INT, offsetof(options, repeats), 5, 1, 1e6, "samples of each row" },
    { "threads", IL_OPT_INT, offsetof(options, threads), 2, 1, 4096,
      "of rows not named 1t; fewer where the machine has fewer" },
    { "recipe", IL_OPT_STRING, offsetof(options, race.recipe),
      .help = "time_to_accuracy: what is trained (sprint)", .value = "RECIPE" },
    { "reference", IL_OPT_STRING, offsetof(options, race.reference),
      .help = "time_to_accuracy: and what beside it (quick)", .value = "RECIPE" },
    { "error", IL_OPT_REAL, offsetof(options, race.error), 0.0164, 1e-12, 1e12,
      "time_to_accuracy: what both are to reach" },
    { 0 },
};

const il_opt *il_bench_opts(void) { return opts; }

typedef struct {
    const char *only;
    il_bench_watch watch;
    int threads, repeats;
    const il_bench_race *race;
    il_peaks *peaks;
    il_table *table;
} bench;

/* One row as measured */
typedef struct {
    int threads;
    double seconds, peer_seconds;
    char peer[IL_TEXT];
} figures;

static il_status sample(double *best, const il_bench_row *row, il_bench_work *w,
                        il_bench_call *run, il_error *err)
{
    for (double spent = 0; spent < 0.05;) {
        double start = il_seconds();
        IL_TRY(run(row, w, err));
        double took = il_seconds() - start;
        *best = fmin(*best, took);
        spent += took;
    }
    return IL_OK;
}

/* The peer on `threads` threads; a faster sample takes over its name too. */
static void sample_peer(figures *f, const bench *b, const char *row, int threads)
{
    char name[IL_TEXT] = "";
    double took = b->watch.peer(b->watch.context, row, threads, name);
    if (!(took > 0) || took >= f->peer_seconds) return;
    f->peer_seconds = took;
    snprintf(f->peer, sizeof f->peer, "%.100s, %d thread%s", name, threads,
             threads == 1 ? "" : "s");
}

static il_status measure(figures *f, const bench *b, const il_bench_row *row,
                         il_bench_work *w, il_error *err)
{
    double warm_up = INFINITY;
    if (!row->once) IL_TRY(sample(&warm_up, row, w, row->run, err));
    for (int i = 0; i < (row->once ? 1 : b->repeats); i++) {
        IL_TRY(sample(&f->seconds, row, w, row->run, err));
        if (row->other) {
            IL_TRY(sample(&f->peer_seconds, row, w, row->other, err));
            snprintf(f->peer, sizeof f->peer, "%s", *w->note ? w->note : row->other_name);
        } else if (b->watch.peer) {
            sample_peer(f, b, row->name, f->threads);
            if (f->threads > 1) sample_peer(f, b, row->name, 1);
        }
    }
    return IL_OK;
}

static void measure_peaks(il_peaks *p)
{
    p->one = fmax(p->one, il_peak(1));
    p->all = fmax(p->all, il_peak(p->threads));
    p->bf16_one = fmax(p->bf16_one, il_peak_bf16(1));
    p->bf16_all = fmax(p->bf16_all, il_peak_bf16(p->threads));
}

/* GFLOP/s now; the percentages follow when all peaks are in */
static il_status add_row(const bench *b, const il_bench_row *row, const il_bench_work *w,
                         const figures *f, il_error *err)
{
    int peer = isfinite(f->peer_seconds);
    const char *texts[] = { row->name, f->peer };
    const double numbers[] = {
        f->seconds, w->flop / f->seconds * 1e-9,  NAN,
        w->bytes,   peer ? f->peer_seconds : NAN, peer ? f->peer_seconds / f->seconds : NAN
    };
    return il_table_add(b->table, texts, numbers, err);
}

static il_status run_row(const bench *b, const il_bench_row *row, il_error *err)
{
    il_bench_work w = { .flop = NAN, .bytes = NAN, .race = b->race };
    figures f = { .threads = row->one_thread ? 1 : b->threads,
                  .seconds = INFINITY,
                  .peer_seconds = INFINITY };
    il_error reason = { 0 };
    if (b->watch.say) b->watch.say(b->watch.context, row->name, NULL);
    measure_peaks(b->peaks);
    il_threads_set(f.threads, NULL);
    il_status status = row->open(row, &w, &reason);
    if (status == IL_ECONFIG) { /* this build or machine has no such kernel */
        if (b->watch.say) b->watch.say(b->watch.context, row->name, reason.text);
        status = IL_OK;
    } else if (status == IL_OK) {
        status = measure(&f, b, row, &w, &reason);
        if (status == IL_OK) status = add_row(b, row, &w, &f, &reason);
    }
    il_bench_close(&w);
    return status == IL_OK ? IL_OK : il_fail(err, status, "%s: %s", row->name, reason.text);
}

static const il_bench_row *find_row(const char *name)
{
    const il_bench_row *row = il_bench_rows;
    while (row->name && strcmp(row->name, name)) row++;
    return row->name ? row : NULL;
}

static void set_percents(const bench *b)
{
    const il_peaks *p = b->peaks;
    for (int r = 0; r < il_table_rows(b->table); r++) {
        const il_bench_row *row = find_row(il_table_text(b->table, r, NAME));
        double one = row->bf16 ? p->bf16_one : p->one,
               all = row->bf16 ? p->bf16_all : p->all;
        il_table_set(b->table, r, PERCENT,
                     100 * il_table_number(b->table, r, GFLOPS) /
                         (row->one_thread ? one : all));
    }
}

/* ---- which rows ------------------------------------------------------------------------------ */

/* Whether `name` is one of "a,b,c" */
static int among(const char *words, const char *name)
{
    char word[IL_TEXT];
    while (il_item_next(word, &words, ","))
        if (!strcmp(word, name)) return 1;
    return 0;
}

static il_status check_only(const char *only, il_error *err)
{
    const char *names[64];
    char word[IL_TEXT];
    int n = 0;
    for (const il_bench_row *row = il_bench_rows; row->name && n < IL_COUNT(names); row++)
        names[n++] = row->name;
    while (only && il_item_next(word, &only, ","))
        if (!find_row(word))
            return il_fail(err, IL_EUSAGE, "there is no row '%s' to measure%s",
                           il_show(word).text, il_advise(word, names, n, "").text);
    return IL_OK;
}

static il_status fill(const bench *b, il_error *err)
{
    IL_TRY(il_table_add_cols(b->table, columns, err));
    const char *only = b->only;
    for (const il_bench_row *row = il_bench_rows; row->name; row++)
        if (only ? among(only, row->name) : !row->once) IL_TRY(run_row(b, row, err));
    set_percents(b);
    return IL_OK;
}

il_status il_bench(const char *const *settings, int n_settings, const il_bench_watch *watch,
                   il_peaks *peaks, il_table **table, il_error *err)
{
    options o;
    IL_GIVEN(err, "peaks table", peaks, table);
    il_opt_init(opts, &o);
    IL_TRY(il_opt_apply(opts, &o, settings, n_settings, "bench", err));
    il_workers(); /* room for all threads, before rows ask for fewer */
    int had = il_threads();
    il_peaks p = { NAN, NAN, NAN, NAN, il_min(had, o.threads) };
    bench b = { .only = o.only,
                .threads = p.threads,
                .repeats = o.repeats,
                .race = &o.race,
                .peaks = &p };
    if (watch) b.watch = *watch;
    IL_TRY(check_only(o.only, err));
    IL_TRY(il_table_new(&b.table, "bench", err));
    il_status status = fill(&b, err);
    il_threads_set(had, NULL);
    if (!status) *peaks = p;
    return il_table_hand_over(table, b.table, status);
}
