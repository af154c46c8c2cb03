/* report.c - innerloop report RUN...: a page about a run, or one that compares several */
#include "cli.h"

typedef struct {
    const char *out;
    int explain;
} options;
static const il_opt opts[] = {
    CLI_STRING(out, "comparison", "FOLDER", "where the page about several runs goes"),
    CLI_FLAG(explain,
             "also which algorithm each kept checkpoint follows: some seconds for each"),
    { 0 },
};

static il_status one(cli_run *run, il_error *err)
{
    il_table *points, *loops;
    char path[CLI_PATH];
    CLI_TRY(cli_measure(run->model, &points, &loops, err));
    il_status status = cli_report(path, run, points, loops, err);
    if (!status) printf("%s\n", path);
    il_table_free(points);
    il_table_free(loops);
    return status;
}

/* The runs' curves on the same prompts, over one another; a note where they have none in common */
static il_status measure(il_table **table, const char *measure, const cli_run *run, int n,
                         il_error *err)
{
    const il_model *models[CLI_RUNS];
    const char *names[CLI_RUNS], *against = "against=ols";
    int classes = 0;
    for (int i = 0; i < n; i++) {
        models[i] = run[i].model;
        names[i] = run[i].name;
        classes |= il_model_classes(run[i].model) > 0;
    }
    int beside = !classes && !strcmp(measure, "points");
    il_status status = il_measure(table, measure, models, names, n, &against, beside, err);
    if (status != IL_ECONFIG && status != IL_EUSAGE) return status;
    *table = NULL;
    cli_note("%s: %s", measure, err->text);
    return IL_OK;
}

enum { ABOUT, DIFFERENCES, LOSSES, POINTS, LOOPS };

static il_status measure_all(cli_part part[CLI_PARTS], il_table *made[CLI_PARTS],
                             const cli_run *run, int n, il_error *err)
{
    int looped = 1;
    for (int i = 0; i < n; i++)
        looped &= il_model_loops(run[i].model) > 1 && !il_model_classes(run[i].model);
    CLI_TRY(cli_runs_table(&made[ABOUT], run, n, err));
    CLI_TRY(cli_differences(&made[DIFFERENCES], run, n, err));
    CLI_TRY(cli_losses(&made[LOSSES], run, n, err));
    CLI_TRY(measure(&made[POINTS], "points", run, n, err));
    if (looped) CLI_TRY(measure(&made[LOOPS], "loops", run, n, err));
    part[LOSSES].figure = (il_figure){ .title = "Loss by training step",
                                       .x_label = "step",
                                       .y_label = "mean loss",
                                       .log_y = 1 };
    part[POINTS].figure =
        (il_figure){ .title = "Error by number of examples",
                     .x_label = "examples in the prompt",
                     .y_label = made[POINTS] ? il_table_caption(made[POINTS]) : "",
                     .log_y = 1 };
    part[LOOPS].figure =
        (il_figure){ .title = "Error at the last point by loop",
                     .x_label = "loops",
                     .y_label = made[LOOPS] ? il_table_caption(made[LOOPS]) : "",
                     .log_y = 1 };
    for (int i = 0; i < CLI_PARTS; i++) part[i].table = made[i];
    return IL_OK;
}

static il_status several(const cli_run *run, int n, const char *folder, il_error *err)
{
    cli_part part[CLI_PARTS] = { 0 }, full[CLI_PARTS];
    il_table *made[CLI_PARTS] = { 0 };
    char path[CLI_PATH];
    int parts = 0;
    il_status status = measure_all(part, made, run, n, err);
    for (int i = 0; i < CLI_PARTS; i++)
        if (!status && made[i] && il_table_rows(made[i])) full[parts++] = part[i];
    if (!status) status = cli_page(path, folder, full, parts, err);
    if (!status) printf("%s\n", path);
    for (int i = 0; i < CLI_PARTS; i++) il_table_free(made[i]);
    return status;
}

/* Those of several folders that hold a checkpoint, and a note about each other one; *n: how many they are */
static il_status with_checkpoint(char **to, char *const *folder, int *n, il_error *err)
{
    int kept = 0;
    for (int i = 0; i < *n; i++) {
        char path[CLI_PATH];
        CLI_TRY(cli_join(path, folder[i], "checkpoints/last.safetensors", err));
        if (cli_is_folder(folder[i]) && !cli_is_file(path))
            cli_note("%s: left out, since no checkpoint is there yet", folder[i]);
        else
            to[kept++] = folder[i];
    }
    if (!kept)
        return il_fail(
            err, IL_EIO,
            "none of the %d folders holds a checkpoint; `innerloop train` writes "
            "them",
            *n);
    *n = kept;
    return IL_OK;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    cli_run runs[CLI_RUNS];
    char *several_of[CLI_RUNS], *const *folder = call->word + 1;
    int n = call->words;
    if (n > 1) {
        CLI_TRY(with_checkpoint(several_of, folder, &n, err));
        folder = several_of;
    }
    CLI_TRY(cli_runs_open(runs, folder, n, err));
    il_status status = IL_OK;
    for (int i = 0; i < n && o->explain && !status; i++)
        status = cli_explained(&runs[i].explained, runs[i].folder, err);
    if (!status) status = call->words == 1 ? one(runs, err) : several(runs, n, o->out, err);
    cli_runs_close(runs, n);
    return status;
}

const cli_command cmd_report = {
    .words = "RUN [RUN ...]",
    .least = 1,
    .most = CLI_RUNS,
    .help = "Of one run: evaluates the newest checkpoint by number of examples and by "
            "loops, next "
            "to zero, averaging, knn, gd, newton and ols; writes RUN/figures/ and "
            "RUN/report.html. Of several: one page with their weights' hashes, the keys of "
            "their "
            "recipes that differ, and their curves over one another; folders without a "
            "checkpoint are left out.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
