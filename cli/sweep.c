/* sweep.c - innerloop sweep SPEC: trains many runs, each once, and tabulates them
 *
 * A run is trained in OUT/<hash of its recipe>, so a sweep that was stopped or killed goes on, and one that has grown
 * trains what is new. Whoever comes to a run that another process trains leaves it to that one: several commands, on
 * several machines that share the folder, share the work.
 */
#include "cli.h"

typedef struct {
    const char *out, *slurm;
    int jobs, run, table, json, csv;
} options;
static const il_opt opts[] = {
    CLI_STRING(out, NULL, "FOLDER", "where the runs go (runs/SPEC)"),
    CLI_OPT(INT, jobs, 1, 1, CLI_WORKERS, "N",
            "runs that are trained at a time, each on its share of the threads", NULL),
    CLI_INT(run, -1, 0, "I", "train this run alone; left out: all of them"),
    CLI_STRING(slurm, NULL, "FILE",
               "write a script for sbatch, a job array of all runs, and train nothing"),
    CLI_FLAG(table, "the table as it stands; train nothing"),
    CLI_FLAG(json, "the table as one JSON object"),
    CLI_FLAG(csv, "the table as CSV"),
    { 0 },
};

typedef struct {
    const options *o;
    const char *spec;
    il_sweep *sweep;
    char out[CLI_PATH];
    int runs;
} job;

/* ---- training -------------------------------------------------------------------------------------- */

static il_status find_run(const job *j, int run, il_config *config, char folder[CLI_PATH],
                          il_error *err)
{
    CLI_TRY(il_sweep_config(config, j->sweep, run, err));
    return cli_run_folder(folder, j->out, config, err);
}

/* The lock of who trains a run, beside its folder; *taken: another has it. */
static il_status take(il_lock **lock, int *taken, const char *folder, il_error *err)
{
    char path[CLI_PATH];
    il_error why = { 0 };
    if (snprintf(path, sizeof path, "%s.run", folder) >= (int)sizeof path)
        return il_fail(err, IL_EIO, "%.64s...: the path is too long", folder);
    il_status status = il_lock_take(lock, path, &why);
    *taken = status == IL_EFAIL && strstr(why.text, " is in use by ");
    return !status || *taken ? IL_OK : il_fail(err, status, "%s", why.text);
}

static il_status train_run(void *context, int run, il_error *err)
{
    const job *j = context;
    il_config config;
    char folder[CLI_PATH];
    il_lock *lock;
    il_error why = { 0 };
    if (j->o->run >= 0) run = j->o->run;
    CLI_TRY(find_run(j, run, &config, folder, err));
    if (cli_is_trained(folder, &config)) return IL_OK;
    int taken;
    CLI_TRY(take(&lock, &taken, folder, err));
    if (taken) return IL_OK;
    fprintf(stderr, "run %d of %d\n", run, j->runs);
    il_status status = cli_train_on(&config, folder, j->o->jobs > 1, &why);
    il_lock_give(lock);
    return status ? il_fail(err, status, "run %d: %s", run, why.text) : IL_OK;
}

/* ---- the table --------------------------------------------------------------------------------------- */

enum { FOLDER, STATE, STEP, LOSS, ERROR, WEIGHTS };

/* Error at the last point of 256 prompts; of token ids the loss */
static il_status measure(double *error, const il_model *model, il_error *err)
{
    const char *prompts = "prompts=256";
    il_table *points;
    CLI_TRY(il_measure(&points, "points", &model, NULL, 1, &prompts, 1, err));
    int rows = il_table_rows(points);
    *error = rows ? il_table_number(points, rows - 1, 1) : NAN;
    il_table_free(points);
    return IL_OK;
}

static il_status describe(il_table *table, int row, int first, const char *folder,
                          cli_run *run, il_error *err)
{
    il_model *model;
    char hash[24];
    double error = NAN;
    CLI_TRY(il_model_load(&model, folder, err));
    il_status status = measure(&error, model, err);
    snprintf(hash, sizeof hash, "%016" PRIx64, il_model_hash(model));
    il_table_set(table, row, first + STEP, (double)il_model_step(model));
    il_table_set(table, row, first + ERROR, error);
    il_model_free(model);
    if (!status) status = il_table_set_text(table, row, first + WEIGHTS, hash, err);
    if (!status) status = il_metrics_read(&run->loss, folder, err);
    if (!status)
        il_table_set(table, row, first + LOSS,
                     il_table_number(run->loss, il_table_rows(run->loss) - 1, 1));
    return status;
}

/* "n_embd=32 seed=1", which a curve is called by */
static void name_run(cli_run *run, const il_table *table, int row, int cols)
{
    size_t used = 0;
    for (int c = 1; c < cols && used < sizeof run->name; c++) {
        const char *key = il_table_col(table, c), *dot = strrchr(key, '.');
        used += (size_t)snprintf(run->name + used, sizeof run->name - used, "%s%s=%s",
                                 used ? " " : "", dot ? dot + 1 : key,
                                 il_table_text(table, row, c));
    }
    if (!used) snprintf(run->name, sizeof run->name, "run");
}

static il_status state_of(const char **state, const char *folder, const il_config *config,
                          il_error *err)
{
    il_lock *lock;
    int trained, taken = 0;
    CLI_TRY(cli_find_trained(&trained, folder, config, err));
    il_status status = trained ? IL_OK : take(&lock, &taken, folder, err);
    if (status && status != IL_EIO) return status; /* where no lock can be, nobody trains */
    if (!status && !trained && !taken) il_lock_give(lock);
    *state = trained                 ? "trained"
             : taken                 ? "in training"
             : cli_is_folder(folder) ? "begun"
                                     : "waiting";
    return IL_OK;
}

/* How many runs are trained, and how many are in the hands of another process */
typedef struct {
    int trained, taken;
} tally;

static il_status fill(il_table *table, const job *j, cli_run *runs, tally *n, il_error *err)
{
    int cols = il_table_cols(table);
    CLI_TRY(il_table_add_cols(table, "folder$ state$ step loss error weights$", err));
    for (int i = 0; i < j->runs; i++) {
        il_config config;
        char folder[CLI_PATH];
        CLI_TRY(find_run(j, i, &config, folder, err));
        const char *state;
        CLI_TRY(state_of(&state, folder, &config, err));
        n->trained += !strcmp(state, "trained");
        n->taken += !strcmp(state, "in training");
        CLI_TRY(il_table_set_text(table, i, cols + FOLDER, strrchr(folder, '/') + 1, err));
        CLI_TRY(il_table_set_text(table, i, cols + STATE, state, err));
        for (int c = STEP; c <= ERROR; c++) il_table_set(table, i, cols + c, NAN);
        name_run(&runs[i], table, i, cols);
        if (!strcmp(state, "trained"))
            CLI_TRY(describe(table, i, cols, folder, &runs[i], err));
    }
    return IL_OK;
}

/* runs.csv, and the losses of all runs as losses.svg, .gp and .csv */
static il_status write_files(const job *j, const il_table *table, const cli_run *runs,
                             il_error *err)
{
    static const il_figure figure = { .title = "Loss by training step",
                                      .x_label = "step",
                                      .y_label = "mean loss",
                                      .log_y = 1 };
    char path[CLI_PATH];
    int drawn = 1;
    il_table *losses;
    CLI_TRY(cli_join(path, j->out, "runs.csv", err));
    CLI_TRY(il_table_save(table, path, err));
    CLI_TRY(cli_join(path, j->out, "losses", err));
    CLI_TRY(cli_losses(&losses, runs, j->runs, err));
    il_status status =
        il_table_rows(losses) ? il_figure_write(&figure, losses, path, &drawn, err) : IL_OK;
    il_table_free(losses);
    if (!status) cli_drawn(path, drawn);
    return status;
}

/* A command that failed prints no table. */
static il_status show(const job *j, const il_table *table, const cli_run *runs, tally n,
                      int failed, il_error *err)
{
    if (n.trained && !j->o->table) CLI_TRY(write_files(j, table, runs, err));
    if (j->o->table || !(n.taken || failed))
        cli_write(table, j->o->json ? CLI_AS_JSON : j->o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    fprintf(stderr, "%d of %d runs are trained", n.trained, j->runs);
    if (n.taken) fprintf(stderr, ", %d are in training by other processes", n.taken);
    fprintf(stderr, ", in %s\n", j->out);
    return IL_OK;
}

static il_status tabulate(const job *j, int failed, il_error *err)
{
    il_table *table;
    tally n = { 0 };
    cli_run *runs = calloc((size_t)j->runs, sizeof *runs);
    if (!runs) return il_fail(err, IL_EFAIL, "out of memory for %d runs", j->runs);
    il_status status = il_sweep_table(&table, j->sweep, err);
    if (!status) {
        status = fill(table, j, runs, &n, err);
        if (!status) status = show(j, table, runs, n, failed, err);
        il_table_free(table);
    }
    for (int i = 0; i < j->runs; i++) il_table_free(runs[i].loss);
    free(runs);
    return status;
}

/* ---- Slurm --------------------------------------------------------------------------------------------- */

/* A word for the shell */
static void quote(FILE *f, const char *word)
{
    fputc('\'', f);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", f);
        else
            fputc(*word, f);
    fputc('\'', f);
}

static void write_script(FILE *f, const job *j, const char *program)
{
    fprintf(
        f,
        "#!/bin/bash\n"
        "# %d runs, one a task; those that are trained end at once, so it may be submitted "
        "again. Two minutes\n"
        "# before its time is up a run is saved, and the next submission goes on with "
        "it.\n"
        "#SBATCH --job-name=innerloop-sweep\n"
        "#SBATCH --array=0-%d\n"
        "#SBATCH --ntasks=1\n"
        "#SBATCH --cpus-per-task=%d\n"
        "#SBATCH --signal=USR1@120\n"
        "export IL_THREADS=\"$SLURM_CPUS_PER_TASK\"\n"
        "exec srun ",
        j->runs, j->runs - 1, il_threads());
    quote(f, program);
    fputs(" sweep ", f);
    quote(f, j->spec);
    fputs(" --out ", f);
    quote(f, j->out);
    fputs(" --run \"$SLURM_ARRAY_TASK_ID\"\n", f);
}

static il_status write_slurm(const job *j, il_error *err)
{
    char *program = cli_executable(NULL);
    const char *named = program ? program : "innerloop";
    size_t room = 4096 + 4 * (strlen(named) + strlen(j->spec) + strlen(j->out));
    char *text = calloc(1, room);
    FILE *f = text ? fmemopen(text, room, "w") : NULL;
    if (f) {
        write_script(f, j, named);
        fclose(f);
    }
    il_status status = f ? il_text_save(j->o->slurm, text, err)
                         : il_fail(err, IL_EFAIL, "out of memory for a script");
    free(text);
    free(program);
    CLI_TRY(status);
    fprintf(
        stderr,
        "sbatch %s trains %d runs; then `innerloop sweep %s --out %s` shows the table\n",
        j->o->slurm, j->runs, j->spec, j->out);
    return IL_OK;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static il_status choose_folder(job *j, il_error *err)
{
    const char *slash = strrchr(j->spec, '/'), *name = slash ? slash + 1 : j->spec;
    int size = (int)strlen(name) - (cli_ends_with(name, ".yaml") ? 5 : 0);
    int used = j->o->out ? snprintf(j->out, CLI_PATH, "%s", j->o->out)
                         : snprintf(j->out, CLI_PATH, "runs/%.*s", size, name);
    if (used >= CLI_PATH - 64 || !used)
        return il_fail(err, IL_EUSAGE, "--out: '%.64s' is no usable path", j->out);
    return IL_OK;
}

static il_status sweep(job *j, il_error *err)
{
    if (j->o->run >= j->runs)
        return il_fail(err, IL_EUSAGE, "--run: there is no run %d: they are 0 to %d",
                       j->o->run, j->runs - 1);
    CLI_TRY(choose_folder(j, err));
    if (j->o->slurm) return write_slurm(j, err);
    if (j->o->table) return tabulate(j, 0, err);
    CLI_TRY(il_folders_make(j->out, err));
    cli_work all = { .one = train_run, .context = j, .n = j->o->run < 0 ? j->runs : 1 };
    il_status status = cli_share_out(&all, j->o->jobs, err);
    if (status == IL_EINTERRUPT)
        return il_fail(err, status,
                       "stopped and saved in %s; run the same command again to continue",
                       j->out);
    il_error why = { 0 };
    il_status shown = tabulate(j, status != IL_OK, &why);
    return status || !shown ? status : il_fail(err, shown, "%s", why.text);
}

static il_status run(const cli_call *call, il_error *err)
{
    job j = { .o = call->options, .spec = call->word[1] };
    CLI_TRY(il_sweep_read(&j.sweep, j.spec, err));
    j.runs = il_sweep_runs(j.sweep);
    il_status status = sweep(&j, err);
    il_sweep_free(j.sweep);
    return status;
}

const cli_command cmd_sweep = {
    .words = "SPEC",
    .least = 1,
    .most = 1,
    .help = "SPEC is a YAML file: `recipe` (a file beside it), `set` (keys of all runs), "
            "`grid` "
            "(lists of values of keys), `variants` (named lists of keys), `seeds`; every "
            "combination is a run. Each is trained in a folder of its own, once: the same "
            "command again goes on with what is left. Prints a table of the runs and "
            "writes it, "
            "with the figure of their losses, to the folder. Several of these commands, "
            "started by hand, by `mpirun` or by --slurm, share the work.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
