/* version.c - innerloop version */
#include "cli.h"

static il_status run(const cli_call *call, il_error *err)
{
    (void)call, (void)err;
    const char *mpi = il_ranks_about().mpi;
    printf("innerloop %s (kernels: %s, threads: %d, MPI: %s)\n", il_version(),
           il_kernel_name(), il_threads(), *mpi ? mpi : "none");
    return IL_OK;
}

const cli_command cmd_version = {
    .words = "",
    .least = 0,
    .most = 0,
    .run = run,
};
