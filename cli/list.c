/* list.c - innerloop list KIND: what there is to choose from */
#include "cli.h"

typedef struct {
    int json;
} options;
static const il_opt opts[] = {
    CLI_FLAG(json, "one JSON object"),
    { 0 },
};

static const char *const kinds[] = { "tasks",    "shifts",  "layouts",    "algos",
                                     "ops",      "models",  "optimizers", "constructions",
                                     "measures", "recipes", "trained",    "commands" };

static il_status list_commands(il_table *table, il_error *err)
{
    CLI_TRY(il_table_add_cols(table, "name$ summary$", err));
    for (const cli_row *c = cli_commands; c->name; c++)
        CLI_TRY(il_table_add(table, (const char *[]){ c->name, c->summary }, NULL, err));
    return IL_OK;
}

/* What the library does not know of */
static il_status list_own(il_table **table, const char *kind, il_error *err)
{
    CLI_TRY(il_table_new(table, kind, err));
    il_status status = *kind == 'r'   ? cli_list_recipes(*table, err)
                       : *kind == 't' ? cli_list_trained(*table, err)
                                      : list_commands(*table, err);
    if (status) il_table_free(*table);
    return status;
}

static il_status list(il_table **table, const char *kind, il_error *err)
{
    int known = 0;
    for (int i = 0; i < CLI_COUNT(kinds); i++) known |= !strcmp(kind, kinds[i]);
    if (!known) {
        const char *near = il_nearest(kind, kinds, CLI_COUNT(kinds));
        return il_fail(err, IL_EUSAGE, "list: unknown kind '%.64s'%s%s%s", kind,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    int own =
        !strcmp(kind, "recipes") || !strcmp(kind, "trained") || !strcmp(kind, "commands");
    return own ? list_own(table, kind, err) : il_list(table, kind, err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_table *table;
    CLI_TRY(list(&table, call->word[1], err));
    cli_write(table, o->json ? CLI_AS_JSON : CLI_AS_TEXT);
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_list = {
    .words = "tasks|shifts|layouts|algos|ops|models|optimizers|constructions|measures|"
             "recipes|trained|commands",
    .least = 1,
    .most = 1,
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
