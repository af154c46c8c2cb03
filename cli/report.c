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

static il_status run(int argc, char **argv, il_error *err)
{
    int words;
    CLI_TRY(cli_parse(&cmd_report, argc, argv, NULL, 1, argc, &words, err));
    for (int i = 1; i <= words; i++) CLI_TRY(report(argv[i], err));
    return IL_OK;
}

const cli_command cmd_report = {
    .usage = "RUN [RUN ...]",
    .help = "Evaluates the newest checkpoint by number of examples and by loops, next to "
            "zero,\n"
            "averaging, knn, gd, newton and ols; writes RUN/figures/ and RUN/report.html.",
    .run = run,
};
