/* ranks.h - the processes that train one model together: what they say to each other
 *
 * innerloop_lab.h has what a program calls. ranks.c holds what every message is for; how it travels is in
 * ranks_mpi.c, or in ranks_alone.c where the library is built without MPI and a process is always alone.
 */
#ifndef IL_RANKS_H
#define IL_RANKS_H

#include "base/base.h"

/* ---- agreement: every rank calls these at the same places ----------------------------------- */

/* Where one rank failed, all fail, in the sentence of the first of these ranks. *total, unless NULL, becomes
 * its sum over the ranks. */
il_status il_ranks_agree(il_status status, int64_t *total, il_error *err);

/* What must be the same everywhere: a hash, and what it is of ("another recipe"). All ranks fail in one
 * sentence where a rank's differs from rank 0's. */
enum { IL_RANKS_WORDS = 3 };
typedef struct {
    uint64_t word[IL_RANKS_WORDS];
    const char *what[IL_RANKS_WORDS];
} il_same;
il_status il_ranks_compare(const il_same *mine, il_error *err);

/* ---- data ----------------------------------------------------------------------------------------- */

/* Bytes for a rank, or from one */
typedef struct {
    void *data;
    size_t bytes;
    int rank;
} il_parcel;

/* Sends and receives all of these. What goes from one rank to another arrives in order; the receiver knows each
 * size. Errors, as those of the others: IL_EFAIL where a rank is lost, after which there is no other call but
 * il_ranks_leave. */
il_status il_ranks_exchange(const il_parcel *out, int n_out, const il_parcel *in, int n_in,
                            il_error *err);

/* Rank `from` gives its bytes to all. */
il_status il_ranks_copy(void *data, size_t bytes, int from, il_error *err);

/* Of n things rank r has those from il_rank_share(n, r, ranks) to il_rank_share(n, r + 1, ranks) - 1. */
static inline size_t il_rank_share(size_t n, int r, int ranks)
{
    return (size_t)((uint64_t)n * (uint64_t)r / (uint64_t)ranks);
}

/* Each rank has computed its share of n items of `bytes` each, or failed, as `status` says: all agree on that, and
 * get the items of the others. */
il_status il_ranks_complete(il_status status, void *items, size_t n, size_t bytes,
                            il_error *err);

/* ---- for ranks.c: how it travels -------------------------------------------------------------- */

/* What a rank says in every agreement: always of this size, so that a rank that fails early is heard by the
 * others wherever they are. */
typedef struct {
    int32_t status, room;
    int64_t total;
    uint64_t word[IL_RANKS_WORDS];
    char host[40];
} il_said;

il_ranks il_transport_about(void);
/* Starts MPI, with *here of the ranks on this machine bound to the same processors as this one. */
il_status il_transport_join(int *here, il_error *err);
void il_transport_leave(void); /* where all ranks do */
/* all (ranks): what every rank said, in their order */
il_status il_transport_gather(il_said *all, const il_said *mine, il_error *err);
int il_transport_broken(void); /* a rank is lost, or MPI failed */

#endif
