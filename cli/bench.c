/* bench.c - innerloop bench: how fast this machine trains and answers, beside PyTorch */
#include "cli.h"

typedef struct {
    int json, no_peer;
    const char *python;
} options;
static const il_opt opts[] = {
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(no_peer, "do not start PyTorch"),
    CLI_STRING(python, NULL, "PROGRAM", "the Python that has PyTorch (/usr/bin/python3)"),
    { 0 },
};

static double ask_peer(void *context, const char *row, int threads, char name[IL_TEXT])
{
    return cli_peer_run(context, row, threads, name);
}

static void say(void *context, const char *row, const char *reason)
{
    (void)context;
    if (reason) {
        fprintf(stderr, "%s is left out: %s\n", row, reason);
    } else {
        fprintf(stderr, "measuring %s\n", row);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_number(const char *key, double value, const char *end)
{
    printf("\"%s\": ", key);
    il_json_write_number(value, cli_out, NULL);
    printf("%s", end);
}

/* An empty text is null. */
static void write_text(const char *key, const char *text, const char *end)
{
    printf("\"%s\": ", key);
    if (*text)
        il_json_write_text(text, cli_out, NULL);
    else
        printf("null");
    printf("%s", end);
}

static void write_json(const il_peaks *p, const il_table *t)
{
    printf("{\"peak\": {");
    write_text("kernels", il_kernel_name(), ", ");
    write_number("threads", p->threads, ", ");
    write_number("one_thread", p->one, ", ");
    write_number("all_threads", p->all, ", ");
    write_number("bf16_one_thread", p->bf16_one, ", ");
    write_number("bf16_all_threads", p->bf16_all, "},\n \"rows\": [");
    for (int r = 0; r < il_table_rows(t); r++) {
        printf("%s\n  {", r ? "," : "");
        for (int c = 0; c < il_table_cols(t); c++) {
            const char *end = c + 1 < il_table_cols(t) ? ", " : "}";
            if (il_table_is_text(t, c)) {
                write_text(il_table_col(t, c), il_table_text(t, r, c), end);
            } else {
                write_number(il_table_col(t, c), il_table_number(t, r, c), end);
            }
        }
    }
    printf("]}\n");
}

static void write_peaks(const il_peaks *p)
{
    printf("peak of the %s kernels: %.0f GFLOP/s on one thread, %.0f on %d",
           il_kernel_name(), p->one, p->all, p->threads);
    if (isfinite(p->bf16_one)) printf("; bfloat16 %.0f and %.0f", p->bf16_one, p->bf16_all);
    printf("\n\n");
}

/* ---- the command --------------------------------------------------------------------------------- */

enum { MOST = 8 }; /* settings of the library */

/* A setting that names a recipe, as the file that it is: "recipe=sprint". Where the command line has none, the
 * setting is added with `usual`. */
static il_status find_recipe(const char **settings, int *n, char text[CLI_PATH + 16],
                             const char *key, const char *usual, il_error *err)
{
    size_t length = strlen(key);
    char path[CLI_PATH];
    int at = 0;
    while (at < *n && (strncmp(settings[at], key, length) || settings[at][length] != '='))
        at++;
    CLI_TRY(cli_find_recipe(path, at < *n ? settings[at] + length + 1 : usual, err));
    snprintf(text, CLI_PATH + 16, "%s=%s", key, path);
    settings[at] = text;
    *n += at == *n;
    return IL_OK;
}

static il_status measure(const cli_call *call, const il_bench_watch *watch, il_peaks *peaks,
                         il_table **table, il_error *err)
{
    const char *settings[MOST];
    char recipe[CLI_PATH + 16], reference[CLI_PATH + 16];
    int n = call->n_settings, trains = 0;
    for (int i = 0; i < n; i++) {
        settings[i] = call->settings[i];
        trains |= strstr(settings[i], "time_to_accuracy") != NULL;
    }
    if (!trains) return il_bench(settings, n, watch, peaks, table, err);
    CLI_TRY(find_recipe(settings, &n, recipe, "recipe", "sprint", err));
    CLI_TRY(find_recipe(settings, &n, reference, "reference", "quick", err));
    return il_bench(settings, n, watch, peaks, table, err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_table *table;
    il_peaks peaks;
    cli_peer *peer = NULL;
    il_bench_watch watch = { .say = say };
    if (!o->no_peer) {
        CLI_TRY(cli_peer_new(&peer, o->python, err));
        watch.peer = ask_peer;
        watch.context = peer;
    }
    il_status status = measure(call, &watch, &peaks, &table, err);
    cli_peer_free(peer);
    CLI_TRY(status);
    if (o->json) {
        write_json(&peaks, table);
    } else {
        write_peaks(&peaks);
        cli_write(table, CLI_AS_TEXT);
    }
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_bench = {
    .words = "",
    .least = 0,
    .most = 0,
    .help = "Measures the machine's peak, the kernels, training steps, inference and the "
            "algorithms, each in turn with the same work in PyTorch (or numpy) where "
            "python3-torch is installed; ratio is their seconds by ours. "
            "docs/performance.md says what the rows are. time_to_accuracy, which trains "
            "two recipes, runs where --only names it (docs/speedrun.md).",
    .options = opts,
    .size = sizeof(options),
    .kind = "bench",
    .run = run,
};
