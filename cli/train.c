/* train.c - innerloop train RECIPE [key=value ...] */
#include "cli.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    int resume;
    const char *out;
} options;
static const il_opt opts[] = {
    CLI_FLAG(resume, "continue the folder's newest checkpoint, bit for bit"),
    CLI_STRING(out, NULL, "FOLDER",
               "the run folder (the recipe's out_dir, or runs/RECIPE)"),
    { 0 },
};

/* The words behind RECIPE */
static const il_opt *keys(int words, char *const *word)
{
    (void)words, (void)word;
    return il_options("recipes", NULL);
}

/* ---- stopping on request ------------------------------------------------------------------ */

static volatile sig_atomic_t stop;

static void on_signal(int signal_number)
{
    stop = 1;
    signal(signal_number, SIG_DFL); /* the second request is not ours to refuse */
}

/* ---- the run folder -------------------------------------------------------------------------- */

/* RECIPE without folders and .yaml */
static void recipe_name(char name[IL_TEXT], const char *recipe)
{
    const char *slash = strrchr(recipe, '/');
    snprintf(name, IL_TEXT, "%s", slash ? slash + 1 : recipe);
    if (cli_ends_with(name, ".yaml")) name[strlen(name) - strlen(".yaml")] = 0;
}

static il_status choose_folder(char folder[CLI_PATH], const cli_training *training,
                               const il_config *config, il_error *err)
{
    char name[IL_TEXT];
    recipe_name(name, training->recipe);
    if (training->folder) {
        if (snprintf(folder, CLI_PATH, "%s", training->folder) >= CLI_PATH || !*folder)
            return il_fail(err, IL_EUSAGE, "--out: '%.64s' is no usable path",
                           training->folder);
    } else if (config->out_dir[0]) {
        snprintf(folder, CLI_PATH, "%s", config->out_dir);
    } else {
        CLI_TRY(cli_join(folder, "runs", name, err));
    }
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/';) folder[--n] = 0;
    return IL_OK;
}

/* `latest` beside a run folder inside runs/ points to it; a link that cannot be made is no loss.
 * A run that was asked for by that name, or by no name of its own, leaves the link alone. */
static void link_latest(const char *folder)
{
    char link[CLI_PATH];
    const char *slash = strrchr(folder, '/');
    size_t size = slash ? (size_t)(slash - folder) : 0;
    if (size < 4 || size + 8 >= sizeof link || strncmp(slash - 4, "runs", 4)) return;
    if (size > 4 && slash[-5] != '/') return;
    if (!strcmp(slash, "/latest") || !strcmp(slash, "/.") || !strcmp(slash, "/..")) return;
    snprintf(link, sizeof link, "%.*s/latest", (int)size, folder);
    struct stat s;
    if (!lstat(link, &s) && !S_ISLNK(s.st_mode)) return; /* the user's own */
    unlink(link);
    if (symlink(slash + 1, link)) return;
}

/* ---- training ----------------------------------------------------------------------------------- */

il_status cli_read_recipe(il_config *config, const cli_training *training, il_error *err)
{
    char path[CLI_PATH], notes[1024] = "";
    CLI_TRY(cli_find_recipe(path, training->recipe, err));
    CLI_TRY(il_config_read(config, path, notes, sizeof notes, err));
    cli_notes(notes);
    for (int i = 0; i < training->n_assignments; i++)
        if (!strchr(training->assignments[i], '='))
            return il_fail(err, IL_EUSAGE, "'%.64s': expected key=value after the recipe",
                           training->assignments[i]);
    CLI_TRY(il_config_override(config, (const char *const *)training->assignments,
                               training->n_assignments, err));
    return il_config_check(config, err);
}

typedef struct {
    cli_progress *line;
    const char *folder;
} watcher;

static void on_start(void *context, int64_t step, size_t bytes)
{
    watcher *w = context;
    link_latest(w->folder);
    int ranks = il_ranks_about().ranks;
    fprintf(stderr, "%s: from step %" PRId64 ", %.1f MB on %d thread%s", w->folder, step,
            (double)bytes / 1e6, il_threads(), il_threads() == 1 ? "" : "s");
    if (ranks > 1) fprintf(stderr, ", on each of %d ranks", ranks);
    fputc('\n', stderr);
}

static void on_progress(void *context, const il_progress *p)
{
    watcher *w = context;
    cli_progress_show(w->line, p);
}

static void on_note(void *context, const char *text)
{
    watcher *w = context;
    cli_progress_end(w->line);
    cli_note("%s", text);
}

il_status cli_train_in(const il_config *config, const char *folder, int resume, int silent,
                       il_trained *result, il_error *err)
{
    watcher w = { .line = silent ? NULL : cli_progress_new(), .folder = folder };
    il_watch watch = { .start = on_start,
                       .progress = on_progress,
                       .context = &w,
                       .stop = &stop,
                       .note = on_note };
    stop = 0;
    cli_at_signal(on_signal);
    il_status status = il_train(config, folder, resume, &watch, result, err);
    cli_at_signal(NULL);
    cli_progress_free(w.line);
    return status;
}

il_status cli_train(const cli_training *training, char folder[CLI_PATH], il_trained *result,
                    il_error *err)
{
    il_config config;
    CLI_TRY(cli_read_recipe(&config, training, err));
    CLI_TRY(choose_folder(folder, training, &config, err));
    return cli_train_in(&config, folder, training->resume, 0, result, err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    char folder[CLI_PATH];
    il_trained result = { 0 };
    cli_training training = { .recipe = call->word[1],
                              .assignments = call->word + 2,
                              .n_assignments = call->words - 1,
                              .folder = o->out,
                              .resume = o->resume };
    il_status status = cli_train(&training, folder, &result, err);
    if (status == IL_EINTERRUPT)
        return il_fail(err, status,
                       "%s in %s; run the same command with --resume to continue",
                       err->text, folder);
    CLI_TRY(status);
    if (il_ranks_about().rank) return IL_OK;
    if (isnan(result.loss)) {
        fprintf(stderr, "%s: trained to step %" PRId64 " already; nothing was left to do\n",
                folder, result.step);
    } else {
        fprintf(stderr, "at step %" PRId64 " after %.1f s: loss %.4g, %.1f MB, in %s\n",
                result.step, result.seconds, result.loss, (double)result.bytes / 1e6,
                folder);
        if (result.sent > 0)
            fprintf(stderr, "rank 0 sent %.6g MB a step\n", result.sent / 1e6);
    }
    printf("weights %016" PRIx64 "\n", result.hash);
    return IL_OK;
}

const cli_command cmd_train = {
    .words = "RECIPE [key=value ...]",
    .least = 1,
    .most = 1000,
    .help =
        "RECIPE is a YAML file or a name from `innerloop list recipes`; key=value "
        "overrides its keys, as in model.n_embd=64. The same recipe gives the same "
        "weights on every machine: the last line of the output is their hash. In a program "
        "built with MPI, `mpirun -n 4 innerloop train RECIPE` trains on four processes.",
    .options = opts,
    .size = sizeof(options),
    .by_ranks = 1,
    .keys = keys,
    .run = run,
};
