/* version.c - innerloop version */
#include "cli.h"

static il_status run(const cli_call *call, il_error *err)
{
    (void)call, (void)err;
    printf("innerloop %s (kernels: %s, threads: %d)\n", il_version(), il_kernel_name(),
           il_threads());
    return IL_OK;
}

const cli_command cmd_version = {
    .words = "",
    .least = 0,
    .most = 0,
    .run = run,
};
