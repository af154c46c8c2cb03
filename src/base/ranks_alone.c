/* ranks_alone.c - a library without MPI: every process is rank 0 of 1 */
#include "base/ranks.h"

il_ranks il_transport_about(void)
{
    return (il_ranks){ .rank = 0, .ranks = 1, .speaks = 1, .mpi = "" };
}

il_status il_transport_join(int *here, il_error *err)
{
    (void)err;
    *here = 1;
    return IL_OK;
}

void il_transport_leave(void) {}

int il_transport_broken(void) { return 0; }

il_status il_transport_gather(il_said *all, const il_said *mine, il_error *err)
{
    (void)err;
    *all = *mine;
    return IL_OK;
}

il_status il_ranks_exchange(const il_parcel *out, int n_out, const il_parcel *in, int n_in,
                            il_error *err)
{
    (void)out, (void)n_out, (void)in, (void)n_in, (void)err;
    return IL_OK;
}

il_status il_ranks_copy(void *data, size_t bytes, int from, il_error *err)
{
    (void)data, (void)bytes, (void)from, (void)err;
    return IL_OK;
}
