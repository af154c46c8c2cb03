/* ranks.c - the processes that train one model together agree on what happened
 *
 * A failure of one rank is the failure of all, or the others would wait for it for ever. So every rank comes to
 * the same agreements, and a rank that fails where no other does comes to the next one early, when it leaves.
 */
#include "base/ranks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static enum { ALONE, JOINED, LEFT } state;
static int failed; /* on some rank, and all know it */
static long
    strange; /* this process's number, where its launcher is not that of the MPI that we have; else 0 */

il_ranks il_ranks_about(void)
{
    il_ranks r = il_transport_about();
    if (strange) r.speaks = 0;
    return r;
}

/* ---- agreement ---------------------------------------------------------------------------------- */

static void say_host(il_said *said)
{
    if (gethostname(said->host, sizeof said->host - 1)) snprintf(said->host, 2, "?");
}

/* The sentence of the rank that failed first becomes everyone's. */
static il_status share_failure(const il_said *all, int from, il_error *err)
{
    il_error own = { 0 }, *at = err ? err : &own;
    il_ranks r = il_ranks_about();
    failed = 1;
    IL_TRY(il_ranks_copy(at->text, sizeof at->text, from, err));
    if (from && r.rank != from)
        return il_fail(at, (il_status)all[from].status, "rank %d (on %s): %s", from,
                       all[from].host, at->text);
    at->status = (il_status)all[from].status;
    return at->status;
}

static il_status gather(il_said **all, il_said *mine, il_error *err)
{
    size_t ranks = (size_t)il_ranks_about().ranks;
    *all = malloc(ranks * sizeof **all);
    if (!*all) return il_fail(err, IL_EFAIL, "out of memory for what ranks say");
    say_host(mine);
    il_status status = il_transport_gather(*all, mine, err);
    if (status) free(*all);
    return status;
}

il_status il_ranks_agree(il_status status, int64_t *total, il_error *err)
{
    int ranks = il_ranks_about().ranks, first = 0;
    if (ranks == 1 || failed) return status;
    il_said mine = { .status = (int32_t)status, .total = total ? *total : 0 }, *all;
    IL_TRY(gather(&all, &mine, err));
    if (total) *total = 0;
    for (int i = 0; total && i < ranks; i++) *total += all[i].total;
    while (first < ranks && !all[first].status) first++;
    status = first < ranks ? share_failure(all, first, err) : IL_OK;
    free(all);
    return status;
}

il_status il_ranks_compare(const il_same *mine, il_error *err)
{
    int ranks = il_ranks_about().ranks;
    if (ranks == 1 || failed) return IL_OK;
    il_said said = { 0 }, *all;
    memcpy(said.word, mine->word, sizeof said.word);
    IL_TRY(gather(&all, &said, err));
    il_status status = IL_OK;
    for (int i = 0; i < ranks && !status; i++)
        if (all[i].status) status = share_failure(all, i, err);
    for (int i = 1; i < ranks && !status; i++)
        for (int k = 0; k < IL_RANKS_WORDS && !status; k++)
            if (all[i].word[k] != all[0].word[k])
                status = il_fail(err, IL_ECONFIG,
                                 "rank %d (on %s) has %s than rank 0 (on %s): start every "
                                 "rank with the same program and files",
                                 i, all[i].host, mine->what[k], all[0].host);
    failed = status != IL_OK;
    free(all);
    return status;
}

/* ---- shares ---------------------------------------------------------------------------------------- */

static il_parcel share_of(char *items, size_t n, size_t bytes, int of, int to, int ranks)
{
    size_t from = il_rank_share(n, of, ranks), end = il_rank_share(n, of + 1, ranks);
    return (il_parcel){ .data = items + from * bytes,
                        .bytes = (end - from) * bytes,
                        .rank = to };
}

il_status il_ranks_complete(il_status status, void *items, size_t n, size_t bytes,
                            il_error *err)
{
    il_ranks r = il_ranks_about();
    if (r.ranks == 1) return status;
    size_t others = (size_t)r.ranks - 1;
    il_parcel *out = calloc(2 * others, sizeof *out), *in = out ? out + others : NULL;
    if (!out && !status) status = il_fail(err, IL_EFAIL, "out of memory for messages");
    status = il_ranks_agree(status, NULL, err);
    for (int i = 0, k = 0; i < r.ranks && !status; i++) {
        if (i == r.rank) continue;
        out[k] = share_of(items, n, bytes, r.rank, i, r.ranks);
        in[k++] = share_of(items, n, bytes, i, i, r.ranks);
    }
    if (!status) status = il_ranks_exchange(out, (int)others, in, (int)others, err);
    free(out);
    return status;
}

/* ---- joining and leaving ------------------------------------------------------------------------- */

/* How many processes MPI's launcher says that it started, and which of them this is; 0 where none started it.
 * The names are those of Open MPI, of MPICH's mpirun and srun --mpi=pmi2, and of srun --mpi=pmix. */
static long launched(long *number)
{
    static const char *const names[][2] = { { "OMPI_COMM_WORLD_SIZE",
                                              "OMPI_COMM_WORLD_RANK" },
                                            { "PMI_SIZE", "PMI_RANK" },
                                            { "SLURM_STEP_NUM_TASKS", "PMIX_RANK" } };
    for (int i = 0; i < IL_COUNT(names); i++) {
        const char *size = getenv(names[i][0]), *rank = getenv(names[i][1]);
        if (!size || !rank) continue;
        *number = strtol(rank, NULL, 10);
        return strtol(size, NULL, 10);
    }
    return 0;
}

/* Ranks that are bound to the same processors share them. */
static il_status share_processors(int here, il_error *err)
{
    long n = il_processors() / here;
    if (here < 2 || getenv("IL_THREADS")) return IL_OK;
    return il_threads_set(n < 1 ? 1 : n > 256 ? 256 : (int)n, err);
}

static il_status refuse_launcher(long number, long size, const char *mpi, il_error *err)
{
    failed = 1;
    strange = number;
    if (*mpi)
        return il_fail(
            err, IL_EFAIL,
            "another MPI's launcher started this as one of %ld processes: start them by "
            "that of %s, which the program was built with",
            size, mpi);
    return il_fail(
        err, IL_EFAIL,
        "MPI started this as one of %ld processes, and the program was built without MPI: "
        "build it by `make MPI=1`, or start it alone",
        size);
}

il_status il_ranks_join(il_error *err)
{
    long number = 0, size = launched(&number);
    int here = 1;
    if (state != ALONE || !size) return IL_OK;
    IL_TRY(il_transport_join(&here, err));
    state = JOINED;
    il_ranks r = il_ranks_about();
    if (r.ranks == 1 && size > 1) return refuse_launcher(number, size, r.mpi, err);
    return share_processors(here, err);
}

il_status il_ranks_end(il_status status, il_error *err)
{
    return state == JOINED && !il_transport_broken() ? il_ranks_agree(status, NULL, err)
                                                     : status;
}

void il_ranks_leave(void)
{
    if (state == JOINED && !il_transport_broken()) il_transport_leave();
    if (state == JOINED) state = LEFT;
}
