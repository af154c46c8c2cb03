/* eval.c - innerloop eval MODEL: error by number of examples, or by loops */
#include "cli.h"

typedef struct {
    const char *task, *shift, *against, *figure;
    int by, prompts, loops, points, dims, json, csv;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    CLI_STRING(task, NULL, "TASK", "another task than the model's own"),
    CLI_STRING(shift, NULL, "SHIFT", "a shift of its prompts: scaled_x=2"),
    CLI_STRING(against, NULL, "ALGO,...", "algorithms: ols,ridge alpha=0.1,gd@10"),
    CLI_CHOICE(by, "points|loops|mean",
               "a row for each number of examples or loop; mean: one row"),
    CLI_INT(prompts, 1280, 1, "N", "prompts measured"),
    CLI_INT(loops, 0, 1, "R", "the loop that is read; by loops: the last one"),
    CLI_INT(points, 0, 1, "N", "points in a prompt"),
    CLI_INT(dims, 0, 1, "D", "dimensions that are alive"),
    CLI_SEED(seed, 1, "which prompts"),
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(csv, "comma-separated, with every digit"),
    CLI_STRING(figure, NULL, "PATH", "also draw it: PATH.svg, PATH.gp, PATH.csv"),
    { 0 },
};

/* How an evaluation is laid out */
typedef il_status (*measure)(const il_model *model, const il_eval_options *options,
                             il_table **table, il_error *err);

static il_status check(const options *o, measure *how, il_error *err)
{
    static const measure ways[] = { il_eval_points, il_eval_loops, il_eval_mean };
    *how = ways[o->by];
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

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_model *model;
    measure how;
    CLI_TRY(check(o, &how, err));
    CLI_TRY(il_model_load(&model, call->word[1], err));
    il_status status = evaluate(model, o, how, err);
    il_model_free(model);
    return status;
}

const cli_command cmd_eval = {
    .words = "MODEL",
    .least = 1,
    .most = 1,
    .help = "Errors are squared and normalised: predicting zero scores 1. For a task of "
            "classes "
            "they are "
            "shares of wrong signs; for sequences, half of squared errors, not normalised. "
            "model_low and model_high are the 5 % and 95 % bootstrap "
            "quantiles "
            "of the mean over prompts. For a model of classes the table is of loss, in "
            "nats, by "
            "position. "
            "A model that is no better than always answering zero (the commoner sign, the "
            "classes' frequencies) is noted.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
