/* report.c - innerloop report RUN...: measure run folders and write their report.html */
#include "cli.h"

static il_status report(const char *folder, il_error *err)
{
    il_model *model;
    il_table *points, *loops;
    char path[CLI_PATH];
    if (!cli_is_folder(folder))
        return il_fail(err, IL_EIO, "%s: not a run folder; `innerloop train` makes one",
                       folder);
    CLI_TRY(il_model_load(&model, folder, err));
    il_status status = cli_measure(model, &points, &loops, err);
    if (!status) {
        status = cli_report(path, folder, model, points, loops, err);
        if (!status) printf("%s\n", path);
        il_table_free(points);
        il_table_free(loops);
    }
    il_model_free(model);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    for (int i = 1; i <= call->words; i++) CLI_TRY(report(call->word[i], err));
    return IL_OK;
}

const cli_command cmd_report = {
    .words = "RUN [RUN ...]",
    .least = 1,
    .most = 100000,
    .help =
        "Evaluates the newest checkpoint by number of examples and by loops, next to zero, "
        "averaging, knn, gd, newton and ols; writes RUN/figures/ and RUN/report.html.",
    .run = run,
};
