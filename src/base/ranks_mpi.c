/* ranks_mpi.c - ranks by MPI, the one file that knows of it
 *
 * MPI moves bytes and computes nothing, so no result depends on its algorithms. Whoever waits looks now and then
 * whether the others on its machine are still alive: what MPI itself says of a rank that was killed is between an
 * error and nothing at all. Source: MPI Forum 2015, MPI-3.1.
 */
#include "base/ranks.h"

#include <errno.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 30 }; /* bytes of one message: MPI counts in int */

static const double
    spin = 2e-4,
    look = 0.005; /* seconds: of waiting at full speed; between looks at the others */

/* A process on this machine */
typedef struct {
    int64_t pid;
    uint64_t bound;
    int32_t rank, room;
} neighbour;

static struct {
    MPI_Comm all;
    int rank, ranks, here, broken, silent;
    neighbour *near;       /* (here) */
    MPI_Request *requests; /* (room) */
    MPI_Status *statuses;
    int room;
} world = { .ranks = 1 };

/* "Open MPI 4.1.4" of "Open MPI v4.1.4, package: ..."; MPICH begins with "MPICH Version:\t4.0.2" */
static const char *name(void)
{
    static char text[64];
    char whole[MPI_MAX_LIBRARY_VERSION_STRING];
    int size;
    if (*text) return text;
    if (MPI_Get_library_version(whole, &size)) return "MPI";
    char *at = strpbrk(whole, ",\n");
    if (at) *at = 0;
    while ((at = strstr(whole, " Version:"))) memmove(at, at + 9, strlen(at + 9) + 1);
    while ((at = strpbrk(whole, "\t"))) *at = ' ';
    if ((at = strstr(whole, " v"))) memmove(at + 1, at + 2, strlen(at + 2) + 1);
    while ((at = strstr(whole, "  "))) memmove(at, at + 1, strlen(at));
    il_utf8_show(text, sizeof text - 4, whole);
    return text;
}

il_ranks il_transport_about(void)
{
    return (il_ranks){ .rank = world.rank,
                       .ranks = world.ranks,
                       .speaks = world.broken ? !world.silent : !world.rank,
                       .mpi = name() };
}

int il_transport_broken(void) { return world.broken; }

/* ---- what may break ----------------------------------------------------------------------------- */

/* The lowest rank that is left on this machine speaks. */
static il_status lost(int rank, il_error *err)
{
    world.broken = 1;
    return il_fail(err, IL_EFAIL,
                   "rank %d of %d is lost, so the training ends; its last checkpoint is "
                   "whole: run the same "
                   "command with --resume to go on, on any number of ranks",
                   rank, world.ranks);
}

static il_status check(int code, il_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int size;
    if (code == MPI_SUCCESS) return IL_OK;
    MPI_Error_string(code, text, &size);
    world.broken = 1;
    return il_fail(err, IL_EFAIL,
                   "MPI failed, as it does when a rank is lost (%s); the last checkpoint "
                   "is whole: run the "
                   "same command with --resume to go on",
                   il_show(text).text);
}

static int alive(const neighbour *p) { return !kill((pid_t)p->pid, 0) || errno != ESRCH; }

static il_status look_around(il_error *err)
{
    int missing = -1;
    for (int i = 0; i < world.here; i++) {
        if (!world.near[i].pid) continue;
        if (!alive(&world.near[i]) && missing < 0) missing = world.near[i].rank;
    }
    if (missing < 0) return IL_OK;
    for (int i = 0; i < world.here; i++)
        if (world.near[i].rank < world.rank && world.near[i].pid && alive(&world.near[i]))
            world.silent = 1;
    return lost(missing, err);
}

/* At full speed at first, then with naps, which leave the processor to ranks that compute. */
static il_status wait_for(int n, il_error *err)
{
    static const struct timespec nap = { .tv_nsec = 20000 };
    double began = il_seconds(), looked = began;
    for (int done = 0;;) {
        IL_TRY(check(MPI_Testall(n, world.requests, &done, world.statuses), err));
        if (done) return IL_OK;
        double now = il_seconds();
        if (now - began < spin) continue;
        nanosleep(&nap, NULL);
        if (now - looked < look) continue;
        IL_TRY(look_around(err));
        looked = now;
    }
}

/* ---- messages -------------------------------------------------------------------------------------- */

il_status il_transport_gather(il_said *all, const il_said *mine, il_error *err)
{
    int size = (int)sizeof *mine;
    IL_TRY(check(MPI_Iallgather(mine, size, MPI_BYTE, all, size, MPI_BYTE, world.all,
                                world.requests),
                 err));
    return wait_for(1, err);
}

static int pieces(const il_parcel *parcels, int n)
{
    int all = 0;
    for (int i = 0; i < n; i++) all += (int)((parcels[i].bytes + PIECE - 1) / PIECE);
    return all;
}

static il_status make_room(int n, il_error *err)
{
    if (n <= world.room) return IL_OK;
    MPI_Request *requests = realloc(world.requests, (size_t)n * sizeof *requests);
    if (requests) world.requests = requests;
    MPI_Status *statuses = realloc(world.statuses, (size_t)n * sizeof *statuses);
    if (statuses) world.statuses = statuses;
    world.broken = !requests || !statuses; /* the others count on this rank */
    if (world.broken)
        return il_fail(err, IL_EFAIL, "out of memory for messages between ranks");
    world.room = n;
    return IL_OK;
}

/* Posts the pieces of a parcel, of which *posted were before. */
static il_status post(const il_parcel *p, int out, int *posted, il_error *err)
{
    for (size_t at = 0; at < p->bytes; at += PIECE) {
        size_t left = p->bytes - at;
        int n = left < PIECE ? (int)left : PIECE;
        char *data = (char *)p->data + at;
        MPI_Request *request = &world.requests[(*posted)++];
        IL_TRY(check(out ? MPI_Isend(data, n, MPI_BYTE, p->rank, 0, world.all, request)
                         : MPI_Irecv(data, n, MPI_BYTE, p->rank, 0, world.all, request),
                     err));
    }
    return IL_OK;
}

il_status il_ranks_exchange(const il_parcel *out, int n_out, const il_parcel *in, int n_in,
                            il_error *err)
{
    int n = pieces(out, n_out) + pieces(in, n_in), posted = 0;
    if (!n) return IL_OK;
    IL_TRY(make_room(n, err));
    for (int i = 0; i < n_in; i++) IL_TRY(post(&in[i], 0, &posted, err));
    for (int i = 0; i < n_out; i++) IL_TRY(post(&out[i], 1, &posted, err));
    return wait_for(posted, err);
}

il_status il_ranks_copy(void *data, size_t bytes, int from, il_error *err)
{
    for (size_t at = 0; world.ranks > 1 && at < bytes; at += PIECE) {
        int n = bytes - at < PIECE ? (int)(bytes - at) : PIECE;
        IL_TRY(check(
            MPI_Ibcast((char *)data + at, n, MPI_BYTE, from, world.all, world.requests),
            err));
        IL_TRY(wait_for(1, err));
    }
    return IL_OK;
}

/* ---- joining and leaving ------------------------------------------------------------------------- */

/* Who else is on this machine. A process that cannot be seen from here, as in another container, is left
 * out of what is watched. */
static il_status meet_neighbours(int *here, il_error *err)
{
    MPI_Comm machine;
    int n = 0;
    neighbour me = { .pid = getpid(), .bound = il_processors_bound(), .rank = world.rank };
    IL_TRY(check(MPI_Comm_split_type(world.all, MPI_COMM_TYPE_SHARED, world.rank,
                                     MPI_INFO_NULL, &machine),
                 err));
    IL_TRY(check(MPI_Comm_size(machine, &n), err));
    world.near = calloc((size_t)n, sizeof *world.near);
    if (!world.near)
        return il_fail(err, IL_EFAIL, "out of memory for the ranks on this machine");
    int size = (int)sizeof me;
    IL_TRY(check(MPI_Allgather(&me, size, MPI_BYTE, world.near, size, MPI_BYTE, machine),
                 err));
    MPI_Comm_free(&machine);
    world.here = n;
    *here = 0;
    for (int i = 0; i < n; i++) {
        *here += world.near[i].bound == me.bound;
        if (!alive(&world.near[i])) world.near[i].pid = 0;
    }
    return IL_OK;
}

il_status il_transport_join(int *here, il_error *err)
{
    int got;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &got))
        return il_fail(err, IL_EFAIL, "MPI (%s) does not start", name());
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    IL_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &world.all), err));
    IL_TRY(check(MPI_Comm_rank(world.all, &world.rank), err));
    IL_TRY(check(MPI_Comm_size(world.all, &world.ranks), err));
    IL_TRY(make_room(1, err));
    return meet_neighbours(here, err);
}

void il_transport_leave(void)
{
    MPI_Comm_free(&world.all);
    MPI_Finalize();
    free(world.near);
    free(world.requests);
    free(world.statuses);
    world.near = NULL;
    world.requests = NULL;
    world.statuses = NULL;
    world.here = world.room = 0;
}
