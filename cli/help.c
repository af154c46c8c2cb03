/* help.c - innerloop help [COMMAND] */
#include "cli.h"

static void one(const cli_row *row)
{
    const cli_command *command = row->command;
    printf("innerloop %s %s\n\n%s\n", row->name, command->usage, row->summary);
    if (command->help) printf("\n%s\n", command->help);
    if (command->options) printf("\n");
    for (const cli_option *o = command->options; o && o->kind; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s", cli_dashes(o), o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-22s %s\n", left, o->help);
    }
}

static void all(void)
{
    printf("innerloop trains, runs and compares transformers that learn algorithms in "
           "context.\n\n"
           "usage: innerloop COMMAND [ARGUMENTS]\n\n");
    for (int i = 0; cli_commands[i].name; i++)
        printf("  %-10s %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf("\n`innerloop help COMMAND` says more.\n"
           "Exit codes: 0 fine, 1 failure, 2 usage, 3 recipe, checkpoint or table, 4 not "
           "finite,\n"
           "5 files, 6 out of its tolerance, 130 interrupted.\n"
           "Environment: IL_THREADS, IL_KERNEL, IL_DATA (where recipes/ and examples/ "
           "are).\n");
}

static il_status run(int argc, char **argv, il_error *err)
{
    int words;
    CLI_TRY(cli_parse(&cmd_help, argc, argv, NULL, 0, 1, &words, err));
    if (!words) {
        all();
        return IL_OK;
    }
    const cli_row *row = cli_command_find(argv[1], err);
    if (!row) return IL_EUSAGE;
    one(row);
    return IL_OK;
}

const cli_command cmd_help = {
    .usage = "[COMMAND]",
    .run = run,
};
