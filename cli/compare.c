/* compare.c - tables that put run folders side by side: what each one is, where their recipes differ, their losses */
#include "cli.h"

#include <math.h>
#include <sys/stat.h>
#include <time.h>

enum { STEPS = 300 }; /* rows of the losses */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The last part of its path, or all of it where two runs have the same */
static void name_runs(cli_run *run, int n)
{
    for (int i = 0; i < n; i++) {
        int twice = 0;
        for (int j = 0; j < n; j++)
            twice |= j != i && !strcmp(last_part(run[i].folder), last_part(run[j].folder));
        snprintf(run[i].name, sizeof run[i].name, "%s",
                 twice ? run[i].folder : last_part(run[i].folder));
    }
}

void cli_runs_close(cli_run *run, int n)
{
    for (int i = 0; i < n; i++) {
        il_table_free(run[i].loss);
        il_table_free(run[i].explained);
        il_model_free(run[i].model);
    }
}

/* A run without metrics is welcome. */
static il_status read_loss(cli_run *run, il_error *err)
{
    char path[CLI_PATH];
    CLI_TRY(cli_join(path, run->folder, "metrics.jsonl", err));
    il_status status = il_metrics_read(&run->loss, run->folder, err);
    return status == IL_EFAIL || (status == IL_EIO && cli_is_file(path)) ? status : IL_OK;
}

il_status cli_runs_open(cli_run *run, char *const *folders, int n, il_error *err)
{
    il_status status = IL_OK;
    for (int i = 0; i < n; i++) run[i] = (cli_run){ .folder = folders[i] };
    for (int i = 0; i < n && !status; i++) {
        if (!cli_is_folder(folders[i]))
            status =
                il_fail(err, IL_EIO, "%s: not a run folder; `innerloop train` makes one",
                        folders[i]);
        if (!status) status = il_model_load(&run[i].model, folders[i], err);
        if (!status) status = read_loss(&run[i], err);
    }
    if (status)
        cli_runs_close(run, n);
    else
        name_runs(run, n);
    return status;
}

/* When its newest checkpoint was written; "" if that is gone */
static void write_date(char *text, size_t size, const char *folder)
{
    char path[CLI_PATH];
    struct stat s;
    struct tm t;
    il_error err;
    *text = 0;
    if (cli_join(path, folder, "checkpoints/last.safetensors", &err) || stat(path, &s))
        return;
    if (gmtime_r(&s.st_mtime, &t)) strftime(text, size, "%Y-%m-%d %H:%M UTC", &t);
}

il_status cli_runs_table(il_table **table, const cli_run *run, int n, il_error *err)
{
    CLI_TRY(il_table_new(table, "runs", err));
    CLI_TRY(il_table_add_cols(*table, "run$ weights$ written$ parameters step loss", err));
    int explained = n > 0 && run[0].explained;
    if (explained) CLI_TRY(il_table_add_cols(*table, "algorithm$ unexplained", err));
    for (int i = 0; i < n; i++) {
        char hash[24], date[32];
        const il_table *loss = run[i].loss, *said = run[i].explained;
        snprintf(hash, sizeof hash, "%016" PRIx64, il_model_hash(run[i].model));
        write_date(date, sizeof date, run[i].folder);
        const char *const text[] = { run[i].name, hash, date };
        CLI_TRY(il_table_add_row(*table, err));
        for (int c = 0; c < 3; c++) CLI_TRY(il_table_set_text(*table, i, c, text[c], err));
        il_table_set(*table, i, 3, (double)il_model_counts(run[i].model).all);
        il_table_set(*table, i, 4, (double)il_model_step(run[i].model));
        il_table_set(*table, i, 5,
                     loss ? il_table_number(loss, il_table_rows(loss) - 1, 1) : NAN);
        int last = said ? il_table_rows(said) - 1 : -1;
        if (!explained || last < 0) continue;
        CLI_TRY(il_table_set_text(*table, i, 6, il_table_text(said, last, 1), err));
        il_table_set(*table, i, 7, il_table_number(said, last, 2));
    }
    return IL_OK;
}

/* A row for every option of a table that has other values in some runs; offset: of its struct in the recipe */
static il_status add_differences(il_table *table, const il_opt *opts, size_t offset,
                                 const cli_run *run, int n, il_error *err)
{
    for (const il_opt *o = opts; o && o->type != IL_OPT_END; o++) {
        char text[CLI_RUNS][CLI_PATH], key[2 * IL_TEXT];
        int differs = 0;
        for (int i = 0; i < n; i++) {
            il_opt_print(o, (const char *)il_model_config(run[i].model) + offset, text[i],
                         sizeof text[i]);
            differs |= strcmp(text[i], text[0]) != 0;
        }
        if (!differs || !strcmp(o->name, "out_dir")) continue;
        int row = il_table_rows(table);
        snprintf(key, sizeof key, "%s%s", offset ? "training." : "", o->name);
        CLI_TRY(il_table_add_row(table, err));
        CLI_TRY(il_table_set_text(table, row, 0, key, err));
        for (int i = 0; i < n; i++)
            CLI_TRY(il_table_set_text(table, row, i + 1, text[i], err));
    }
    return IL_OK;
}

il_status cli_differences(il_table **table, const cli_run *run, int n, il_error *err)
{
    const il_config *first = il_model_config(run[0].model);
    int task = 1, optimizer = 1; /* the same in all */
    CLI_TRY(il_table_new(table, "differences", err));
    CLI_TRY(il_table_add_col(*table, "key", 1, err));
    for (int i = 0; i < n; i++) {
        const il_config *c = il_model_config(run[i].model);
        task &= !strcmp(c->training.task_name, first->training.task_name);
        optimizer &= !strcmp(c->training.optimizer, first->training.optimizer);
        CLI_TRY(il_table_add_col(*table, run[i].name, 1, err));
    }
    CLI_TRY(add_differences(*table, il_options("recipes", NULL), 0, run, n, err));
    if (task)
        CLI_TRY(add_differences(*table, il_options("tasks", first->training.task_name),
                                offsetof(il_config, training.task_opts), run, n, err));
    if (optimizer)
        CLI_TRY(add_differences(*table, il_options("optimizers", first->training.optimizer),
                                offsetof(il_config, training.optimizer_opts), run, n, err));
    return IL_OK;
}

/* The loss at a step, between the means that are there; NaN before the first and after the last */
static double loss_at(const il_table *loss, double step)
{
    for (int r = 1; loss && r < il_table_rows(loss); r++) {
        double from = il_table_number(loss, r - 1, 0), to = il_table_number(loss, r, 0);
        if (step < from || step > to) continue;
        double a = il_table_number(loss, r - 1, 1), b = il_table_number(loss, r, 1);
        return a + (b - a) * (to > from ? (step - from) / (to - from) : 0);
    }
    return NAN;
}

il_status cli_losses(il_table **table, const cli_run *run, int n, il_error *err)
{
    double first = INFINITY, last = 0;
    CLI_TRY(il_table_new(table, "losses", err));
    CLI_TRY(il_table_add_col(*table, "step", 0, err));
    for (int i = 0; i < n; i++) {
        CLI_TRY(il_table_add_col(*table, run[i].name, 0, err));
        if (!run[i].loss) continue;
        first = fmin(first, il_table_number(run[i].loss, 0, 0));
        last = fmax(last, il_table_number(run[i].loss, il_table_rows(run[i].loss) - 1, 0));
    }
    for (int r = 0; r < STEPS && first < last; r++) {
        double step = first + (last - first) * r / (STEPS - 1);
        CLI_TRY(il_table_add_row(*table, err));
        il_table_set(*table, r, 0, step);
        for (int i = 0; i < n; i++)
            il_table_set(*table, r, i + 1, loss_at(run[i].loss, step));
    }
    return IL_OK;
}
