/* demo.c - innerloop demo: trains, evaluates, predicts and writes a report in a few minutes */
#include "cli.h"

typedef struct {
    const char *out;
} options;
static const il_opt opts[] = {
    CLI_STRING(out, NULL, "FOLDER",
               "the run folder (runs/demo, or the first of runs/demo-2, ... that fits)"),
    { 0 },
};

/* A step of the tour, on stdout between its results. */
static void say(const char *text)
{
    printf("\n%s\n\n", text);
    fflush(stdout); /* before what stderr says about it */
}

static il_status predict_penguins(const il_model *model, il_error *err)
{
    char a[CLI_PATH], b[CLI_PATH];
    il_table *examples = NULL, *queries = NULL, *answers = NULL;
    il_prediction p = { 0 };
    static const char *const target = "target=body_mass_g";
    CLI_TRY(cli_data(a, "examples", "penguins_examples.csv", err));
    CLI_TRY(cli_data(b, "examples", "penguins_queries.csv", err));
    il_status status = il_table_read(&examples, a, err);
    if (!status) status = il_table_read(&queries, b, err);
    if (!status)
        status = il_predict(model, examples, queries, &target, 1, &answers, &p, err);
    if (!status)
        printf("Error (rmse, grams) on %d penguins it is asked about, given %d others:\n"
               "model %.0f, ridge %.0f, ols %.0f, always the mean %.0f\n",
               il_table_rows(queries), il_table_rows(examples), p.rmse, p.rmse_ridge,
               p.rmse_ols, p.rmse_mean);
    il_prediction_free(&p);
    il_table_free(examples);
    il_table_free(queries);
    il_table_free(answers);
    return status;
}

/* Of many rows those numbered 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: what a screen holds. */
static il_status print_some(const il_table *table, il_error *err)
{
    il_table *some;
    int kept = 0, next = 1;
    CLI_TRY(il_table_new(&some, il_table_name(table), err));
    il_status status = IL_OK;
    for (int c = 0; c < il_table_cols(table) && !status; c++)
        status = il_table_add_col(some, il_table_col(table, c), 0, err);
    for (int r = 1; r <= il_table_rows(table) && !status; r++) {
        if (r != next) continue;
        next = r < 3 ? r + 1 : r & (r - 1) ? r / 3 * 4 : r / 2 * 3;
        status = il_table_add_row(some, err);
        for (int c = 0; c < il_table_cols(table) && !status; c++)
            il_table_set(some, kept, c, il_table_number(table, r - 1, c));
        kept++;
    }
    if (!status) cli_write(some, CLI_AS_TEXT);
    il_table_free(some);
    return status;
}

static il_status tour(const cli_run *run, il_error *err)
{
    const il_model *model = run->model;
    il_table *points, *loops;
    char path[CLI_PATH];
    CLI_TRY(cli_measure(model, &points, &loops, err));
    say("2. Its squared error by number of examples in the prompt (predicting zero scores "
        "1),\n"
        "   next to learning algorithms that see the same examples:");
    cli_write(points, CLI_AS_TEXT);
    il_status status = IL_OK;
    if (loops) {
        say("3. Its error at the last point by loops, next to algorithms by steps:");
        status = print_some(loops, err);
    }
    if (!status) {
        say("4. A real table it never saw: the body mass of penguins "
            "(examples/README.md).");
        status = predict_penguins(model, err);
    }
    if (!status) status = cli_report(path, run, points, loops, err);
    if (!status) printf("\nThe report with figures: %s\n", path);
    il_table_free(points);
    il_table_free(loops);
    return status;
}

/* A second demo goes on where the first one ended. What cannot be gone on with, because the recipe
 * has changed or the checkpoint is damaged, is left as it is for a new folder beside it. */
static il_status train(char folder[CLI_PATH], const char *out, il_trained *trained,
                       il_error *err)
{
    char name[64] = "runs/demo";
    for (int i = 2;; i++) {
        cli_training training = { .recipe = "quick", .folder = out ? out : name };
        training.resume = cli_is_folder(training.folder);
        il_status status = cli_train(&training, folder, trained, err);
        if (status != IL_ECONFIG || !training.resume || out) return status;
        snprintf(name, sizeof name, "runs/demo-%d", i);
        fprintf(stderr, "note: %s\nnote: so the demo's folder is %s\n", err->text, name);
    }
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    char folder[CLI_PATH];
    il_trained trained = { 0 };
    char *folders[] = { folder };
    cli_run made;
    say("1. Training recipes/quick.yaml: a transformer that learns to regress in context.");
    il_status status = train(folder, o->out, &trained, err);
    if (status == IL_EINTERRUPT)
        return il_fail(err, status,
                       "stopped and saved in %s; `innerloop demo` continues it", folder);
    CLI_TRY(status);
    printf("weights %016" PRIx64 "\n", trained.hash);
    CLI_TRY(cli_runs_open(&made, folders, 1, err));
    status = tour(&made, err);
    cli_runs_close(&made, 1);
    return status;
}

const cli_command cmd_demo = {
    .words = "",
    .least = 0,
    .most = 0,
    .help = "Trains recipes/quick.yaml, prints its error by examples and by loops, "
            "predicts on examples/penguins_*.csv and writes a report with figures.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
