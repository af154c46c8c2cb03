/* inspect.c - innerloop inspect ANALYSIS MODEL: one look inside a model */
#include "cli.h"

typedef struct {
    il_explain_options ask;
    il_inspect_options look;
    const char *with, *probe, *seed;
    int json, csv;
} options;
#define LOOK(type, field, value, help)                                                     \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, look.field), 0, 0, 1, help, NULL, value   \
    }
static const il_opt opts[] = {
    CLI_ASKING,
    CLI_STRING(seed, NULL, "S", "which prompts (1)"),
    LOOK(STRING, target, "A,...",
         "probe: what is read (answer,gradient_step,least_squares)"),
    CLI_STRING(probe, "ridge", "KIND",
               "probe: ridge, mlp, or mlp with so many units: mlp=64"),
    LOOK(BOOL, pool, NULL, "probe: read all tokens, under learnt weights of positions"),
    LOOK(STRING, each, "WHAT", "weights: a row for each head, block or value (head)"),
    LOOK(STRING, to, "CONSTRUCTION",
         "weights: distances to a construction, whose options follow MODEL"),
    CLI_STRING(with, NULL, "FILE",
               "interpolate: the other end (the model's own block means)"),
    LOOK(STRING, at, "NAME", "patch: a register or an op (the stream after every layer)"),
    LOOK(STRING, by, "ALGO@N", "patch: an algorithm after N steps (another prompt's run)"),
    LOOK(STRING, tokens, "WHICH", "patch: query, examples or all"),
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(csv, "comma-separated"),
    { 0 },
};

static il_status read_probe(options *o, il_error *err)
{
    const char *kind = o->probe;
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
    static const il_opt seed = { "seed", IL_OPT_SEED, offsetof(il_explain_options, seed),
                                 .help = "which prompts" };
    o->ask.seed = 1;
    if (!o->seed) return IL_OK;
    CLI_TRY(il_inspect_reads(analysis, "seed", err));
    return il_opt_set(&seed, &o->ask, "--seed", o->seed, err) ? IL_EUSAGE : IL_OK;
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

static il_status run(const cli_call *call, il_error *err)
{
    options *o = call->options;
    char construction[CLI_PATH];
    il_model *model, *with = NULL;
    il_table *table;
    if (o->json && o->csv)
        return il_fail(err, IL_EUSAGE, "inspect: either --json or --csv");
    CLI_TRY(read_probe(o, err));
    CLI_TRY(read_construction(o, construction, call->word + 3, call->words - 2, err));
    CLI_TRY(load(&model, call->word[1], call->word[2], err));
    il_status status = read_seed(o, call->word[1], err);
    if (!status && o->with) status = il_model_load(&with, o->with, err);
    o->look.ask = o->ask;
    o->look.with = with;
    if (!status) status = il_inspect(model, call->word[1], &o->look, &table, err);
    il_model_free(model);
    il_model_free(with);
    if (status) return status;
    cli_write(table, o->json ? CLI_AS_JSON : o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    cli_notes(il_table_notes(table));
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_inspect = {
    .words =
        "similarity|lens|probe|weights|interpolate|patch|sensitivity MODEL [key=value ...]",
    .least = 2,
    .most = 64,
    .help = "docs/explain.md says what each analysis measures.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
