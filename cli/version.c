/* version.c - innerloop version */
#include "cli.h"

static il_status run(int argc, char **argv, il_error *err)
{
    int words;
    CLI_TRY(cli_parse(&cmd_version, argc, argv, NULL, 0, 0, &words, err));
    printf("innerloop %s (kernels: %s, threads: %d)\n", il_version(), il_kernel_name(),
           il_threads());
    return IL_OK;
}

const cli_command cmd_version = {
    .usage = "",
    .run = run,
};
