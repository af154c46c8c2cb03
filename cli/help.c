/* help.c - innerloop help [COMMAND] */
#include "cli.h"

/* Options as they are given on a command line, or the keys of key=value words */
static void print_options(const il_opt *table, int keys)
{
    enum { LEFT = 26 };
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char left[CLI_SHOWN], init[CLI_SHOWN], help[512];
        if (keys)
            snprintf(left, sizeof left, "%s=", o->name);
        else
            cli_show_option(left, o, 1);
        cli_show_default(init, o, !keys);
        snprintf(help, sizeof help, *init ? "%s (%s)" : "%s", o->help, init);
        if (printf("  %-*s", LEFT - 3, left) < LEFT)
            putchar(' ');
        else
            printf("\n%*s", LEFT, "");
        cli_wrap(help, LEFT);
    }
}

void cli_help(const cli_row *row, int words, char *const *word)
{
    const cli_command *c = row->command;
    const il_opt *settings = cli_settings(c, words, word);
    printf("innerloop %s%s%s", row->name, *c->words ? " " : "", c->words);
    puts(c->options ? " [OPTIONS]" : "");
    putchar('\n');
    cli_wrap(row->summary, 0);
    if (c->help) {
        putchar('\n');
        cli_wrap(c->help, 0);
    }
    if (c->options || settings) putchar('\n');
    print_options(settings, 0);
    print_options(c->options, 0);
    const il_opt *keys = c->keys && words > 0 ? c->keys(words, word) : NULL;
    if (keys) putchar('\n');
    print_options(keys, 1);
}

const cli_fact cli_exit_codes[] = {
    { "0", "all is well" },
    { "1", "a failure with no better name, as out of memory" },
    { "2", "the command line" },
    { "3", "what a recipe, a checkpoint or a table holds" },
    { "4", "a number that is not finite" },
    { "5", "a file or folder that cannot be read or written" },
    { "6", "a claim or construction out of its tolerance" },
    { "130", "stopped on request, after saving" },
    { 0 },
};

const cli_fact cli_environment[] = {
    { "IL_THREADS", "threads to compute on; no result depends on it" },
    { "IL_KERNEL", "the instruction set: plain, baseline, avx2, avx512 or neon" },
    { "IL_DATA", "the folder that holds recipes/, examples/ and bench/" },
    { 0 },
};

static void print_facts(const char *title, const cli_fact *facts)
{
    printf("\n%s:\n", title);
    for (const cli_fact *f = facts; f->name; f++) {
        printf("  %-10s ", f->name);
        cli_wrap(f->says, 13);
    }
}

static void all(void)
{
    cli_wrap("innerloop trains, runs and compares transformers that learn algorithms in "
             "context.",
             0);
    printf("\nusage: innerloop COMMAND [ARGUMENTS]\n\n");
    for (int i = 0; cli_commands[i].name; i++) {
        printf("  %-10s ", cli_commands[i].name);
        cli_wrap(cli_commands[i].summary, 13);
    }
    putchar('\n');
    cli_wrap("`innerloop help COMMAND` says more.", 0);
    print_facts("Exit codes", cli_exit_codes);
    print_facts("Environment", cli_environment);
}

typedef struct {
    int markdown, man;
} options;
static const il_opt opts[] = {
    CLI_FLAG(markdown, "all that is said here, as docs/reference.md"),
    CLI_FLAG(man, "the same as a manual page"),
    { 0 },
};

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    if (o->markdown + o->man + (call->words > 0) > 1)
        return il_fail(err, IL_EUSAGE, "help: either a command, --markdown or --man");
    if (o->markdown) return cli_reference_markdown(err);
    if (o->man) cli_reference_man();
    if (o->man) return IL_OK;
    if (!call->words) {
        all();
        return IL_OK;
    }
    const cli_row *row = cli_command_find(call->word[1], err);
    if (!row) return IL_EUSAGE;
    cli_help(row, call->words - 1, call->word + 2);
    return IL_OK;
}

const cli_command cmd_help = {
    .words = "[COMMAND [WORD ...]]",
    .most = 64,
    .help = "Words behind COMMAND choose what the help is of: `innerloop help build "
            "newton` has that construction's keys.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
