/* commands.c - the list of commands, and finding one by its name */
#include "cli.h"

#define CMD(name, summary) { #name, summary, &cmd_##name },
const cli_row cli_commands[] = {
#include "commands.def"
    { 0 }
};
#undef CMD

const cli_row *cli_command_find(const char *name, il_error *err)
{
    const char *names[CLI_COUNT(cli_commands)];
    int n = 0;
    for (; cli_commands[n].name; n++) {
        if (!strcmp(cli_commands[n].name, name)) return cli_commands + n;
        names[n] = cli_commands[n].name;
    }
    const char *near = il_nearest(name, names, n);
    il_fail(err, IL_EUSAGE,
            "unknown command '%.64s'%s%s%s; `innerloop help` lists them all", name,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}
