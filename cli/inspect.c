/* inspect.c - innerloop inspect ANALYSIS MODEL: one look inside a model */
#include "cli.h"

typedef struct {
    il_explain_options ask;
    il_inspect_options look;
    const char *with, *probe;
    int json, csv;
} options;
#define LOOK(kind, field, value, help)                                                     \
    {                                                                                      \
#field, kind, offsetof(options, look.field), 0, value, help                        \
    }
static const cli_option opts[] = {
    CLI_ASKING(options),
    LOOK(CLI_TEXT, target, "A,B",
         "probe: what is read (answer,gradient_step,least_squares)"),
    { "probe", CLI_TEXT, offsetof(options, probe), 0, "KIND",
      "probe: ridge, mlp, or mlp with so many units: mlp=64 (ridge)" },
    LOOK(CLI_FLAG, pool, NULL, "probe: read all tokens, under learnt weights of positions"),
    LOOK(CLI_TEXT, each, "WHAT", "weights: a row for each head, block or value (head)"),
    LOOK(CLI_TEXT, to, "NAME",
         "weights: distances to a construction, whose options follow MODEL"),
    { "with", CLI_TEXT, offsetof(options, with), 0, "FILE",
      "interpolate: the other end (the model's own block means)" },
    LOOK(CLI_TEXT, at, "NAME", "patch: a register or an op (the stream after every layer)"),
    LOOK(CLI_TEXT, by, "ALGO@N",
         "patch: an algorithm after N steps (another prompt's run)"),
    LOOK(CLI_TEXT, tokens, "WHICH", "patch: query, examples or all"),
    { "json", CLI_FLAG, offsetof(options, json), 0, NULL, "one JSON object" },
    { "csv", CLI_FLAG, offsetof(options, csv), 0, NULL, "comma-separated" },
    { 0 },
};

static il_status read_probe(options *o, il_error *err)
{
    const char *kind = o->probe ? o->probe : "ridge";
    char *end;
    if (!strcmp(kind, "ridge")) return IL_OK;
    o->look.hidden = 64;
    if (!strcmp(kind, "mlp")) return IL_OK;
    long n = strncmp(kind, "mlp=", 4) ? 0 : strtol(kind + 4, &end, 10);
    o->look.hidden = (int)n;
    if (n >= 1 && n <= 65536 && !*end) return IL_OK;
    return il_fail(err, IL_EUSAGE, "--probe %s is not ridge, mlp or mlp=UNITS", kind);
}

/* One that is given is one that the analysis reads. */
static il_status read_seed(options *o, const char *analysis, il_error *err)
{
    if (o->ask.seed != CLI_NO_SEED) return il_inspect_reads(analysis, "seed", err);
    o->ask.seed = 1;
    return IL_OK;
}

/* The construction with the words behind MODEL: "gd" and "step_size=0.1" */
static il_status read_construction(options *o, char text[CLI_PATH], char **words, int n,
                                   il_error *err)
{
    int at = snprintf(text, CLI_PATH, "%s", o->look.to ? o->look.to : "");
    if (n && !o->look.to)
        return il_fail(err, IL_EUSAGE,
                       "'%.60s': what is it of? Options of a construction "
                       "follow MODEL with --to NAME",
                       words[0]);
    for (int i = 0; i < n && at < CLI_PATH; i++)
        at += snprintf(text + at, (size_t)(CLI_PATH - at), " %s", words[i]);
    if (at >= CLI_PATH) return il_fail(err, IL_EUSAGE, "--to: too many options");
    if (o->look.to) o->look.to = text;
    return IL_OK;
}

/* "inspect runs/quick lens": where the second word is no model, the first may be one. */
static il_status load(il_model **model, const char *name, const char *path, il_error *err)
{
    il_model *first = NULL;
    il_status status = il_model_load(model, path, err);
    if (!status || il_model_load(&first, name, NULL)) return status;
    il_model_free(first);
    return il_fail(err, IL_EUSAGE,
                   "inspect: the analysis comes first: innerloop inspect %.60s %.200s",
                   path, name);
}

static il_status run(int argc, char **argv, il_error *err)
{
    options o = { .ask.seed = CLI_NO_SEED };
    char construction[CLI_PATH];
    il_model *model, *with = NULL;
    il_table *table;
    int words;
    CLI_TRY(cli_parse(&cmd_inspect, argc, argv, &o, 2, 64, &words, err));
    if (o.json && o.csv) return il_fail(err, IL_EUSAGE, "inspect: either --json or --csv");
    CLI_TRY(read_probe(&o, err));
    CLI_TRY(read_construction(&o, construction, argv + 3, words - 2, err));
    CLI_TRY(load(&model, argv[1], argv[2], err));
    il_status status = read_seed(&o, argv[1], err);
    if (!status && o.with) status = il_model_load(&with, o.with, err);
    o.look.ask = o.ask;
    o.look.with = with;
    if (!status) status = il_inspect(model, argv[1], &o.look, &table, err);
    il_model_free(model);
    il_model_free(with);
    if (status) return status;
    cli_write(table, o.json ? CLI_AS_JSON : o.csv ? CLI_AS_CSV : CLI_AS_TEXT);
    cli_notes(il_table_notes(table));
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_inspect = {
    .usage =
        "similarity|lens|probe|weights|interpolate|patch|sensitivity MODEL [key=value "
        "...] " CLI_ASKING_USAGE " [--target A,B] [--probe ridge|mlp|mlp=UNITS] [--pool] "
        "[--each head|block|value] [--to NAME] [--with FILE] [--at NAME] [--by ALGO@N] "
        "[--tokens query|examples|all] [--json|--csv]",
    .help = "docs/explain.md says what each analysis measures.",
    .options = opts,
    .run = run,
};
