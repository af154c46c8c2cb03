/* help.c - innerloop help [COMMAND] */
#include "cli.h"

static void print_options(const il_opt *table)
{
    enum { LEFT = 26 };
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char left[CLI_SHOWN], init[CLI_SHOWN], help[512];
        cli_show_option(left, o, 1);
        cli_show_default(init, o);
        snprintf(help, sizeof help, *init ? "%s (%s)" : "%s", o->help, init);
        int n = printf("  %-*s ", LEFT - 3, left);
        if (n > LEFT) printf("\n%*s", LEFT, "");
        cli_wrap(help, LEFT);
    }
}

void cli_help(const cli_row *row, int words, char *const *word)
{
    const cli_command *c = row->command;
    const il_opt *settings = c->settings ? c->settings(words, word) : NULL;
    printf("innerloop %s%s%s", row->name, *c->words ? " " : "", c->words);
    puts(c->options || c->settings ? " [OPTIONS]" : "");
    putchar('\n');
    cli_wrap(row->summary, 0);
    if (c->help) {
        putchar('\n');
        cli_wrap(c->help, 0);
    }
    if (c->options || settings) putchar('\n');
    print_options(settings);
    print_options(c->options);
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
    cli_wrap("Exit codes: 0 fine, 1 failure, 2 usage, 3 recipe, checkpoint or table, 4 not "
             "finite, "
             "5 files, 6 out of its tolerance, 130 interrupted.",
             0);
    cli_wrap(
        "Environment: IL_THREADS, IL_KERNEL, IL_DATA (where recipes/ and examples/ are).",
        0);
}

static il_status run(const cli_call *call, il_error *err)
{
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
    .run = run,
};
