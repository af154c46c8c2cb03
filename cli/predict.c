/* predict.c - innerloop predict MODEL: the user's own table, in context */
#include "cli.h"

typedef struct {
    const char *examples, *queries;
    int score, json;
} options;
static const il_opt opts[] = {
    CLI_STRING(examples, NULL, "A.csv", "rows with known targets; - is standard input"),
    CLI_STRING(queries, NULL, "B.csv", "rows to predict; likewise"),
    CLI_FLAG(score, "print rmse next to ridge, ols, k-NN, trees and the mean, also on "
                    "left-out examples"),
    CLI_FLAG(json, "one JSON object with both"),
    { 0 },
};

enum { SCORES = 4 };
static const char *const members[SCORES] = { "rmse", "rmse_ridge", "rmse_ols",
                                             "rmse_mean" };

static double score_of(const il_prediction *p, int i)
{
    return (const double[]){ p->rmse, p->rmse_ridge, p->rmse_ols, p->rmse_mean }[i];
}

/* All beside each other; the note says who is best on examples that are left out. */
static il_status write_scores(const il_model *model, const il_table *examples,
                              const il_table *queries, const cli_call *call, il_error *err)
{
    il_table *table;
    CLI_TRY(il_predict_compare(model, examples, queries, call->settings, call->n_settings,
                               &table, err));
    cli_notes(il_table_notes(table));
    cli_write(table, CLI_AS_TEXT);
    il_table_free(table);
    return IL_OK;
}

/* The lines of the notes as a list; each is cut where it ends. */
static void write_lines(char *notes)
{
    int n = 0;
    putchar('[');
    for (char *line = strtok(notes, "\n"); line; line = strtok(NULL, "\n")) {
        if (n++) fputs(", ", stdout);
        il_json_write_text(line, cli_out, NULL);
    }
    putchar(']');
}

/* The summary and the table of answers in one object. */
static void write_json(const il_table *answers, il_prediction *p)
{
    printf("{\"features\": %d, \"prompts\": %d, \"per_prompt\": %d", p->features,
           p->prompts, p->per_prompt);
    for (int i = 0; i < SCORES; i++) {
        printf(", \"%s\": ", members[i]);
        il_json_write_number(score_of(p, i), cli_out, NULL);
    }
    printf(", \"notes\": ");
    write_lines(p->notes);
    printf(", \"answers\": ");
    il_table_write(answers, IL_TABLE_JSON, cli_out, NULL);
    printf("}\n");
}

static il_status predict(const il_model *model, const il_table *examples,
                         const il_table *queries, const cli_call *call, il_error *err)
{
    const options *o = call->options;
    const char *target = cli_setting(call, "target");
    il_prediction summary;
    il_table *answers;
    CLI_TRY(il_predict(model, examples, queries, call->settings, call->n_settings, &answers,
                       &summary, err));
    il_status status = IL_OK;
    if (!o->json) {
        cli_notes(summary.notes);
        fprintf(stderr, "%d features, %d example%s in each of %d prompt%s\n",
                summary.features, summary.per_prompt, summary.per_prompt == 1 ? "" : "s",
                summary.prompts, summary.prompts == 1 ? "" : "s");
    }
    if (o->score && !summary.targets) {
        status = il_fail(err, IL_ECONFIG,
                         il_table_find(queries, target) < 0
                             ? "--score: the queries hold no '%.64s' to score against"
                             : "--score: the queries' column '%.64s' holds no value to "
                               "score against",
                         target);
    } else if (o->score && summary.not_finite && !isfinite(summary.rmse) && !o->json) {
        status = il_fail(err, IL_ENUMERIC,
                         "--score: %d of the %d answers %s no finite number%s, so there is "
                         "no score; without --score the rows are printed",
                         summary.not_finite, il_table_rows(answers),
                         summary.not_finite == 1 ? "is" : "are",
                         summary.not_finite == 1 ? "" : "s");
    } else if (o->json) {
        write_json(answers, &summary);
    } else if (o->score) {
        status = write_scores(model, examples, queries, call, err);
    } else {
        cli_write(answers, CLI_AS_CSV);
    }
    il_table_free(answers);
    il_prediction_free(&summary);
    return status;
}

static il_status read_table(il_table **table, const char *path, il_error *err)
{
    return strcmp(path, "-")
               ? il_table_read(table, path, err)
               : il_table_read_from(table, cli_in, stdin, "standard input", err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_table *examples = NULL, *queries = NULL;
    il_model *model = NULL;
    const char *missing = !o->examples ? "examples" : !o->queries ? "queries" : NULL;
    if (!missing && !cli_setting(call, "target")) missing = "target";
    if (missing) return il_fail(err, IL_EUSAGE, "predict: --%s is missing", missing);
    if (!strcmp(o->examples, "-") && !strcmp(o->queries, "-"))
        return il_fail(err, IL_EUSAGE,
                       "predict: --examples and --queries cannot both be standard input");
    il_status status = read_table(&examples, o->examples, err);
    if (!status) status = read_table(&queries, o->queries, err);
    if (!status) status = cli_load(&model, call->word[1], err);
    if (!status) status = predict(model, examples, queries, call, err);
    il_table_free(examples);
    il_table_free(queries);
    il_model_free(model);
    return status;
}

const cli_command cmd_predict = {
    .words = "MODEL --examples A.csv --queries B.csv --target COLUMN",
    .least = 1,
    .most = 1,
    .help =
        "Predictions go to stdout as CSV, notes on what was done to the tables to stderr. "
        "Text, missing cells and tables larger than the model: docs/predict.md.",
    .options = opts,
    .size = sizeof(options),
    .kind = "predict",
    .run = run,
};
