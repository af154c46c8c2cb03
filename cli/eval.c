/* eval.c - innerloop eval MODEL: error by number of examples, or by loops */
#include "cli.h"

typedef struct {
    const char *task, *shift, *against, *by, *figure;
    int prompts, loops, points, dims, json, csv;
    uint64_t seed;
} options;
static const cli_option opts[] = {
    { "task", CLI_TEXT, offsetof(options, task), 0, "T",
      "another task than the model's own" },
    { "shift", CLI_TEXT, offsetof(options, shift), 0, "S",
      "a shift of its prompts: scaled_x=2" },
    { "against", CLI_TEXT, offsetof(options, against), 0, "A,B",
      "algorithms: ols,ridge alpha=0.1,gd@10" },
    { "by", CLI_TEXT, offsetof(options, by), 0, "WHAT",
      "points (the default), loops, or mean: one row" },
    { "prompts", CLI_INT, offsetof(options, prompts), 1, "N", "prompts measured (1280)" },
    { "loops", CLI_INT, offsetof(options, loops), 1, "R",
      "the loop that is read; by loops: the last one" },
    { "points", CLI_INT, offsetof(options, points), 1, "N", "points in a prompt" },
    { "dims", CLI_INT, offsetof(options, dims), 1, "D", "dimensions that are alive" },
    { "seed", CLI_SEED, offsetof(options, seed), 0, "S", "which prompts (1)" },
    { "json", CLI_FLAG, offsetof(options, json), 0, NULL, "one JSON object" },
    { "csv", CLI_FLAG, offsetof(options, csv), 0, NULL,
      "comma-separated, with every digit" },
    { "figure", CLI_TEXT, offsetof(options, figure), 0, "PATH",
      "also draw it: PATH.svg, PATH.gp, PATH.csv" },
    { 0 },
};

/* How an evaluation is laid out */
typedef il_status (*measure)(const il_model *model, const il_eval_options *options,
                             il_table **table, il_error *err);

static il_status check(const options *o, measure *how, il_error *err)
{
    const char *by = o->by ? o->by : "points";
    *how = !strcmp(by, "points")  ? il_eval_points
           : !strcmp(by, "loops") ? il_eval_loops
           : !strcmp(by, "mean")  ? il_eval_mean
                                  : NULL;
    if (!*how)
        return il_fail(err, IL_EUSAGE,
                       "eval: --by takes points, loops or mean, not '%.64s'", by);
    if (o->figure && *how == il_eval_mean)
        return il_fail(err, IL_EUSAGE,
                       "eval: one row makes no figure: --figure goes with "
                       "--by points or loops");
    if (o->json && o->csv) return il_fail(err, IL_EUSAGE, "eval: either --json or --csv");
    return IL_OK;
}

static il_status draw(const il_model *model, const il_table *table, const options *o,
                      int by_loops, il_error *err)
{
    char path[CLI_PATH];
    if (snprintf(path, sizeof path, "%s", o->figure) >= CLI_PATH)
        return il_fail(err, IL_EUSAGE, "eval: --figure: the path is too long");
    if (cli_ends_with(path, ".svg")) path[strlen(path) - strlen(".svg")] = 0;
    return cli_draw(model, table, path, by_loops, o->dims, err);
}

static il_status evaluate(const il_model *model, const options *o, measure how,
                          il_error *err)
{
    il_table *table;
    int by_loops = how == il_eval_loops;
    il_eval_options e = {
        .task = o->task,
        .shift = o->shift,
        .against = o->against,
        .prompts = o->prompts,
        .points = o->points,
        .dims = o->dims,
        .loops = by_loops ? 0 : o->loops,
        .loops_to = by_loops ? o->loops : 0,
        .seed = o->seed,
    };
    CLI_TRY(how(model, &e, &table, err));
    cli_write(table, o->json ? CLI_AS_JSON : o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    if (il_model_classes(model) && !o->json && !o->csv) puts(il_table_caption(table));
    cli_notes(il_table_notes(table));
    il_status status = o->figure ? draw(model, table, o, by_loops, err) : IL_OK;
    il_table_free(table);
    return status;
}

static il_status run(int argc, char **argv, il_error *err)
{
    options o = { .prompts = 1280, .seed = 1 };
    il_model *model;
    int words;
    measure how;
    CLI_TRY(cli_parse(&cmd_eval, argc, argv, &o, 1, 1, &words, err));
    CLI_TRY(check(&o, &how, err));
    CLI_TRY(il_model_load(&model, argv[1], err));
    il_status status = evaluate(model, &o, how, err);
    il_model_free(model);
    return status;
}

const cli_command cmd_eval = {
    .usage =
        "MODEL [--task T] [--shift S] [--against A,B] [--by points|loops|mean] [--prompts "
        "N] "
        "[--loops R] [--points N] [--dims D] [--seed S] [--json|--csv] [--figure PATH]",
    .help = "Errors are squared and normalised: predicting zero scores 1. For a task of "
            "classes "
            "they are\n"
            "shares of wrong signs; for sequences, half of squared errors, not normalised. "
            "model_low and model_high are the 5 % and 95 % bootstrap "
            "quantiles\n"
            "of the mean over prompts. For a model of classes the table is of loss, in "
            "nats, by "
            "position.\n"
            "A model that is no better than always answering zero (the commoner sign, the "
            "classes' frequencies) is noted.",
    .options = opts,
    .run = run,
};
