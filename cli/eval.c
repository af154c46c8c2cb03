/* eval.c - innerloop eval MODEL: error by number of examples, or by loops */
#include "cli.h"

typedef struct {
    const char *figure;
    int by, json, csv;
} options;
static const il_opt opts[] = {
    CLI_CHOICE(by, "points|loops|mean",
               "a row for each number of examples or loop; mean: one row"),
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(csv, "comma-separated, with every digit"),
    CLI_STRING(figure, NULL, "PATH", "also draw it: PATH.svg, PATH.gp, PATH.csv"),
    { 0 },
};
enum { POINTS, LOOPS, MEAN };
static const char *const measures[] = { "points", "loops", "mean" };

static const il_opt *settings(int words, char *const *word)
{
    (void)words, (void)word;
    return il_options("measures", "points"); /* all three have these */
}

static il_status check(const options *o, il_error *err)
{
    if (o->figure && o->by == MEAN)
        return il_fail(err, IL_EUSAGE,
                       "eval: one row makes no figure: --figure goes with "
                       "--by points or loops");
    if (o->json && o->csv) return il_fail(err, IL_EUSAGE, "eval: either --json or --csv");
    return IL_OK;
}

static il_status draw(const il_model *model, const il_table *table, const cli_call *call,
                      il_error *err)
{
    const options *o = call->options;
    const char *dims = cli_setting(call, "dims");
    char path[CLI_PATH];
    if (snprintf(path, sizeof path, "%s", o->figure) >= CLI_PATH)
        return il_fail(err, IL_EUSAGE, "eval: --figure: the path is too long");
    if (cli_ends_with(path, ".svg")) path[strlen(path) - strlen(".svg")] = 0;
    return cli_draw(model, table, path, o->by == LOOPS, dims ? (int)strtod(dims, NULL) : 0,
                    err);
}

static il_status evaluate(const il_model *model, const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_table *table;
    CLI_TRY(il_measure(&table, measures[o->by], &model, NULL, 1, call->settings,
                       call->n_settings, err));
    cli_write(table, o->json ? CLI_AS_JSON : o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    if (il_model_classes(model) && !o->json && !o->csv) puts(il_table_caption(table));
    cli_notes(il_table_notes(table));
    il_status status = o->figure ? draw(model, table, call, err) : IL_OK;
    il_table_free(table);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    il_model *model;
    CLI_TRY(check(call->options, err));
    CLI_TRY(cli_load(&model, call->word[1], err));
    il_status status = evaluate(model, call, err);
    il_model_free(model);
    return status;
}

const cli_command cmd_eval = {
    .words = "MODEL",
    .least = 1,
    .most = 1,
    .help =
        "Errors are squared and normalised: predicting zero scores 1. For a classification "
        "task they are shares of wrong signs; for sequences, half of squared "
        "errors, not normalised. model_low and model_high are the 5 % and 95 % "
        "bootstrap quantiles of the mean over prompts. For a token-id model the "
        "table is of loss, in nats, by position. A model that is no better than always "
        "answering zero (the commoner sign, the token ids' frequencies) is noted. With "
        "--loops auto each prompt stops by itself: `loops` is the mean number that it "
        "took, "
        "`all_loops` the error after all of them; --by loops has their histogram in place "
        "of these, `stopped`, the share of prompts that took so many.",
    .options = opts,
    .size = sizeof(options),
    .settings = settings,
    .run = run,
};
