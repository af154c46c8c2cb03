/* inspect.c - innerloop inspect MEASURE MODEL...: one measure of models, as a table */
#include "cli.h"

enum { MODELS = 16 };

typedef struct {
    const char *with;
    int json, csv;
} options;
static const il_opt opts[] = {
    CLI_STRING(with, NULL, "FILE", "one more model, as the other end of interpolate"),
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(csv, "comma-separated"),
    { 0 },
};

/* Those of the first word that is a measure */
static const il_opt *settings(int words, char *const *word)
{
    const il_opt *table = NULL;
    for (int i = 0; i < words && !table; i++) table = il_options("measures", word[i]);
    return table;
}

/* "to=gd" with the words behind MODEL: "to=gd step_size=0.1" */
static il_status add_construction(const char **setting, int n, char text[CLI_PATH],
                                  const char *word, il_error *err)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(setting[i], "to=", 3)) continue;
        if (setting[i] != text) snprintf(text, CLI_PATH, "%s", setting[i]);
        size_t at = strlen(text);
        if (at + strlen(word) + 2 > CLI_PATH)
            return il_fail(err, IL_EUSAGE, "--to: too many options");
        snprintf(text + at, CLI_PATH - at, " %s", word);
        setting[i] = text;
        return IL_OK;
    }
    return il_fail(err, IL_EUSAGE,
                   "'%.60s' is not expected here: options of a construction are allowed "
                   "behind MODEL, with --to NAME",
                   word);
}

/* "inspect runs/quick lens": where a word is no model, the first may be one. */
static il_status load(il_model **model, const char *name, const char *path, il_error *err)
{
    il_model *first = NULL;
    il_status status = cli_load(model, path, err);
    if (!status || cli_load(&first, name, NULL)) return status;
    il_model_free(first);
    return il_fail(err, IL_EUSAGE,
                   "inspect: the measure comes first: innerloop inspect %.60s %.200s", path,
                   name);
}

typedef struct {
    il_model *model[MODELS];
    const char *name[MODELS];
    int n;
} models;

static il_status add_model(models *to, const char *measure, const char *path, il_error *err)
{
    if (to->n == MODELS)
        return il_fail(err, IL_EUSAGE, "inspect: at most %d models", MODELS);
    CLI_TRY(load(&to->model[to->n], measure, path, err));
    to->name[to->n++] = path;
    return IL_OK;
}

static il_status measure(il_table **table, const cli_call *call, models *m, il_error *err)
{
    const options *o = call->options;
    const char *setting[64]; /* a table has fewer options, each of which is given once */
    char text[CLI_PATH];
    int n = call->n_settings;
    for (int i = 0; i < n; i++) setting[i] = call->settings[i];
    for (int i = 2; i <= call->words; i++)
        CLI_TRY(i > 2 && strchr(call->word[i], '=')
                    ? add_construction(setting, n, text, call->word[i], err)
                    : add_model(m, call->word[1], call->word[i], err));
    if (o->with) CLI_TRY(add_model(m, call->word[1], o->with, err));
    return il_measure(table, call->word[1], (const il_model *const *)m->model,
                      m->n > 1 ? m->name : NULL, m->n, setting, n, err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    models m = { .n = 0 };
    il_table *table;
    if (o->json && o->csv)
        return il_fail(err, IL_EUSAGE, "inspect: either --json or --csv");
    il_status status = measure(&table, call, &m, err);
    for (int i = 0; i < m.n; i++) il_model_free(m.model[i]);
    if (status) return status;
    cli_write(table, o->json ? CLI_AS_JSON : o->csv ? CLI_AS_CSV : CLI_AS_TEXT);
    cli_notes(il_table_notes(table));
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_inspect = {
    .words = "MEASURE [MODEL ...] [key=value ...]",
    .least = 1,
    .most = 64,
    .help =
        "`innerloop list measures` has them all, `innerloop inspect MEASURE --help` the "
        "options of one; docs/explain.md says what each measures.",
    .options = opts,
    .size = sizeof(options),
    .settings = settings,
    .run = run,
};
