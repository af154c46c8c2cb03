/* inspect.c - innerloop inspect ANALYSIS MODEL: one look inside a model */
#include "cli.h"

typedef struct {
    const char *task, *data, *examples, *reading;
    int prompts, queries, dims, loops, json, csv;
    uint64_t seed;
} options;
static const cli_option opts[] = {
    { "task", CLI_TEXT, offsetof(options, task), 0, "T",
      "another task than the model's own" },
    { "data", CLI_TEXT, offsetof(options, data), 0, "A,B",
      "kinds of inputs: isotropic,kappa=30" },
    { "examples", CLI_TEXT, offsetof(options, examples), 0, "N,M", "numbers of examples" },
    { "reading", CLI_TEXT, offsetof(options, reading), 0, "HOW", "auto, lens or probe" },
    { "prompts", CLI_INT, offsetof(options, prompts), 1, "N", "prompts (32)" },
    { "queries", CLI_INT, offsetof(options, queries), 1, "N", "queries of each prompt" },
    { "dims", CLI_INT, offsetof(options, dims), 1, "D", "dimensions that are alive" },
    { "loops", CLI_INT, offsetof(options, loops), 1, "R", "loops of a looped model" },
    { "seed", CLI_SEED, offsetof(options, seed), 0, "S", "which prompts (1)" },
    { "json", CLI_FLAG, offsetof(options, json), 0, NULL, "one JSON object" },
    { "csv", CLI_FLAG, offsetof(options, csv), 0, NULL, "comma-separated" },
    { 0 },
};

static il_status run(int argc, char **argv, il_error *err)
{
    options o = { .seed = 1 };
    il_model *model;
    il_table *table;
    int words;
    CLI_TRY(cli_parse(&cmd_inspect, argc, argv, &o, 2, 2, &words, err));
    CLI_TRY(il_model_load(&model, argv[2], err));
    il_explain_options how = { .task = o.task,
                               .data = o.data,
                               .examples = o.examples,
                               .reading = o.reading,
                               .prompts = o.prompts,
                               .queries = o.queries,
                               .dims = o.dims,
                               .loops = o.loops,
                               .seed = o.seed };
    il_status status = il_inspect(model, argv[1], &how, &table, err);
    il_model_free(model);
    if (status) return status;
    cli_write(table, o.json ? CLI_AS_JSON : o.csv ? CLI_AS_CSV : CLI_AS_TEXT);
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_inspect = {
    .usage =
        "similarity|lens|probe|weights|patch|sensitivity MODEL [--task T] [--data A,B] "
        "[--examples N,M] [--reading auto|lens|probe] [--prompts N] [--queries N] "
        "[--dims D] [--loops R] [--seed S] [--json|--csv]",
    .help = "docs/explain.md says what each analysis measures.",
    .options = opts,
    .run = run,
};
