/* reference.c - everything the program understands, as Markdown and as a manual page
 *
 * Both are written from the tables that the command line, the recipes and the registries are read by:
 * `innerloop help --markdown` is docs/reference.md, `innerloop help --man` innerloop.1.
 */
#include "cli.h"

/* ---- text ------------------------------------------------------------------------------------------- */

/* In a table of Markdown a bar ends the cell. */
static void put_cell(const char *text)
{
    for (; *text; text++) printf(*text == '|' ? "\\|" : "%c", *text);
}

/* For roff: a dash that is one, no escapes, and no control line. */
static void put_roff(const char *text)
{
    if (*text == '.' || *text == '\'') printf("\\&");
    for (; *text; text++) {
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
}

static void show_range(char text[CLI_SHOWN], const il_opt *o)
{
    text[0] = 0;
    if (o->type == IL_OPT_CHOICE)
        snprintf(text, CLI_SHOWN, "%s", o->words);
    else if (o->type == IL_OPT_BOOL)
        snprintf(text, CLI_SHOWN, "true, false");
    else if (o->type != IL_OPT_INT && o->type != IL_OPT_REAL)
        return;
    else if (o->max < 1e9)
        snprintf(text, CLI_SHOWN, "%.10g to %.10g%s%s", o->min, o->max,
                 o->words ? ", " : "", o->words ? o->words : "");
    else if (o->min > -1e9)
        snprintf(text, CLI_SHOWN, "from %.10g", o->min);
}

/* ---- Markdown ---------------------------------------------------------------------------------------- */

static void put_row(const char *name, const char *init, const char *range, const char *help)
{
    printf("| `");
    put_cell(name);
    printf("` | ");
    if (*init) printf("`");
    put_cell(init);
    if (*init) printf("`");
    printf(" | ");
    put_cell(range);
    printf(" | ");
    put_cell(help);
    printf(" |\n");
}

static void put_options(const il_opt *table, int flags, const char *before)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char name[CLI_SHOWN], init[CLI_SHOWN], range[CLI_SHOWN];
        if (flags)
            cli_show_option(name, o, 1);
        else
            snprintf(name, sizeof name, "%s%s", before, o->name);
        cli_show_default(init, o, flags);
        show_range(range, o);
        put_row(name, init, flags && o->type == IL_OPT_BOOL ? "" : range, o->help);
    }
}

static void put_head(const char *first)
{
    printf("\n| %s | default | range | |\n|---|---|---|---|\n", first);
}

static void put_command(const cli_row *row)
{
    const cli_command *c = row->command;
    const il_opt *settings = cli_settings(c, 0, NULL);
    printf("\n### %s\n\n`innerloop %s%s%s%s`\n\n%s.\n", row->name, row->name,
           *c->words ? " " : "", c->words, c->options ? " [OPTIONS]" : "", row->summary);
    if (c->help) printf("\n%s\n", c->help);
    if (!settings && !c->options) return;
    put_head("option");
    put_options(settings, 1, "");
    put_options(c->options, 1, "");
}

/* The rows of a list, each with the options of its own beneath it; first those that all have. */
static il_status put_list(const char *kind, const char *title, const char *says,
                          il_error *err)
{
    il_table *table;
    const il_opt *common = il_options(kind, NULL);
    CLI_TRY(il_list(&table, kind, err));
    printf("\n## %s\n\n%s\n", title, says);
    put_head("name");
    put_options(common, 0, "any: ");
    for (int i = 0; i < il_table_rows(table); i++) {
        const char *name = il_table_text(table, i, 0);
        printf("| **%s** | | | ", name);
        put_cell(il_table_text(table, i, 1));
        printf(" |\n");
        put_options(il_options(kind, name), 0, "");
    }
    il_table_free(table);
    return IL_OK;
}

static void put_keys(const char *kind, const char *name, const char *title,
                     const char *says)
{
    if (!il_options(kind, name)) return;
    printf("\n## %s\n\n%s\n", title, says);
    put_head("key");
    put_options(il_options(kind, name), 0, "");
}

il_status cli_reference_markdown(il_error *err)
{
    static const struct {
        const char *kind, *title, *says;
    } lists[] = {
        { "models", "Models", "Values of `model.family`." },
        { "layouts", "Layouts", "Values of `model.tokens`: how a prompt becomes tokens." },
        { "tasks", "Tasks",
          "Values of `training.task_name`; their options are keys beside it." },
        { "shifts", "Shifts", "Of prompts, as in `--shift scaled_x=2`." },
        { "algos", "Algorithms",
          "As in `--against \"ridge alpha=0.1,gd@10\"`: `@` is followed by "
          "the number of steps." },
        { "constructions", "Constructions", "For `innerloop build`." },
        { "measures", "Measures",
          "For `innerloop inspect`, where an option is a flag, and for the "
          "files of claims, where it is a key." },
        { "optimizers", "Optimizers",
          "Values of `training.optimizer`; their options are keys beside it." },
        { "ops", "Operations", "What the plans of models are made of." },
    };
    printf("# Reference\n\n<!-- written by `innerloop help --markdown`; do not edit -->\n\n"
           "Everything that the program understands, from the tables that it reads by. An "
           "option "
           "without a default is not given unless you give it; what holds then is said "
           "beside it.\n\n"
           "## Commands\n");
    for (int i = 0; cli_commands[i].name; i++) put_command(cli_commands + i);
    put_keys("recipes", NULL, "Recipe keys",
             "As in `training: {batch_size: 64}` in a file, or "
             "`training.batch_size=64` on the command line.");
    for (int i = 0; i < CLI_COUNT(lists); i++)
        CLI_TRY(put_list(lists[i].kind, lists[i].title, lists[i].says, err));
    put_keys("claims", NULL, "Claim keys", "Of the whole file.");
    put_keys("claims", "measures", "Claim keys: measures.NAME",
             "Beside the options of the measure.");
    put_keys("claims", "rows", "Claim keys: rows.NAME",
             "What is read off a table, and its bounds.");
    printf("\n## Exit codes\n\n| code | |\n|---|---|\n");
    for (const cli_fact *f = cli_exit_codes; f->name; f++)
        printf("| %s | %s |\n", f->name, f->says);
    printf("\n## Environment\n\n| variable | |\n|---|---|\n");
    for (const cli_fact *f = cli_environment; f->name; f++)
        printf("| `%s` | %s |\n", f->name, f->says);
    return IL_OK;
}

/* ---- manual page -------------------------------------------------------------------------------------- */

static void put_tagged(const char *tag, const char *text)
{
    printf(".TP\n.B ");
    put_roff(tag);
    putchar('\n');
    put_roff(text);
    putchar('\n');
}

static void put_man_options(const il_opt *table)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char name[CLI_SHOWN], init[CLI_SHOWN], help[512];
        cli_show_option(name, o, 1);
        cli_show_default(init, o, 1);
        snprintf(help, sizeof help, *init ? "%s (%s)" : "%s", o->help, init);
        put_tagged(name, help);
    }
}

static void put_man_command(const cli_row *row)
{
    const cli_command *c = row->command;
    printf(".SS innerloop %s ", row->name);
    put_roff(c->words);
    putchar('\n');
    put_roff(row->summary);
    printf(".\n");
    if (c->help) {
        printf(".PP\n");
        put_roff(c->help);
        putchar('\n');
    }
    put_man_options(cli_settings(c, 0, NULL));
    put_man_options(c->options);
}

void cli_reference_man(void)
{
    printf(
        ".TH INNERLOOP 1 \"\" \"innerloop %s\"\n.SH NAME\n"
        "innerloop \\- train, run and compare transformers that learn algorithms in "
        "context\n"
        ".SH SYNOPSIS\n.B innerloop\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n"
        "Results go to standard output, progress and notes to standard error.\n"
        ".B innerloop help\n.I COMMAND\nsays what is said below;\n.B innerloop list\n.I "
        "KIND\n"
        "lists tasks, algorithms, constructions, measures and recipes with their options.\n"
        "A word \\fB\\-\\-\\fR ends the options.\n.SH COMMANDS\n",
        il_version());
    for (int i = 0; cli_commands[i].name; i++) put_man_command(cli_commands + i);
    printf(".SH EXIT STATUS\n");
    for (const cli_fact *f = cli_exit_codes; f->name; f++) put_tagged(f->name, f->says);
    printf(".SH ENVIRONMENT\n");
    for (const cli_fact *f = cli_environment; f->name; f++) put_tagged(f->name, f->says);
}
