/* workers.c - processes that share a list of work: each takes the next piece until none is left
 *
 * They are forks, each with its share of the threads, in groups of their own: a signal to the command is passed on once,
 * and they end when it does.
 */
#include "cli.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static volatile sig_atomic_t started;
static pid_t worker[CLI_WORKERS];

static void pass_on(int number)
{
    for (int i = 0; i < started; i++)
        if (worker[i] > 0) kill(worker[i], number);
}

/* What failed in one piece, a second one may do; what a full disk or a request to stop ends is over. */
static il_status work(const cli_work *w, atomic_int *next, il_error *err)
{
    il_status first = IL_OK;
    for (int i; (i = atomic_fetch_add(next, 1)) < w->n;) {
        il_error why = { 0 };
        il_status status = w->one(w->context, i, &why);
        if (status == IL_OK) continue;
        if (status == IL_EINTERRUPT || status == IL_EIO)
            return il_fail(err, status, "%s", why.text);
        if (first) cli_note("%s", err->text);
        first = il_fail(err, status, "%s", why.text);
    }
    return first;
}

static _Noreturn void be_worker(const cli_work *w, atomic_int *next, pid_t parent,
                                int threads)
{
    il_error err = { 0 };
    setpgid(0, 0);
    started = 0; /* the others are not this one's */
    cli_at_signal(NULL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    if (getppid() != parent) _exit(IL_EINTERRUPT);
    il_status status = getenv("IL_THREADS") ? IL_OK : il_threads_set(threads, &err);
    if (!status) status = work(w, next, &err);
    if (status && status != IL_EINTERRUPT) cli_note("%s", err.text);
    fflush(NULL);
    _exit((int)status);
}

/* The worst of what the workers end with: a request to stop, then any failure */
static il_status wait_for_all(il_error *err)
{
    il_status worst = IL_OK;
    for (int i = 0; i < started; i++) {
        int how;
        while (waitpid(worker[i], &how, 0) < 0 && errno == EINTR) continue;
        worker[i] = 0;
        il_status status = WIFEXITED(how) ? (il_status)WEXITSTATUS(how) : IL_EFAIL;
        if (!WIFEXITED(how))
            cli_note("a worker was ended by signal %d: run the same command again",
                     WTERMSIG(how));
        if (status && worst != IL_EINTERRUPT) worst = status;
    }
    if (worst == IL_EINTERRUPT) return il_fail(err, worst, "stopped and saved");
    return worst ? il_fail(err, worst, "some of it failed; the notes above say what")
                 : IL_OK;
}

static il_status share_out(const cli_work *w, atomic_int *next, int workers, il_error *err)
{
    pid_t parent = getpid();
    int threads = il_threads() / workers;
    started = 0;
    cli_at_signal(pass_on);
    fflush(NULL);
    il_status status = IL_OK;
    for (int i = 0; i < workers && !status; i++) {
        pid_t id = fork();
        if (!id) be_worker(w, next, parent, threads < 1 ? 1 : threads);
        if (id < 0)
            status =
                il_fail(err, IL_EFAIL, "a worker cannot be started: %s", strerror(errno));
        worker[i] = id;
        started = i + (id > 0);
    }
    if (status) pass_on(SIGTERM);
    il_error why;
    il_status ended = wait_for_all(status ? &why : err);
    cli_at_signal(NULL);
    return status ? status : ended;
}

il_status cli_share_out(const cli_work *w, int workers, il_error *err)
{
    if (workers > w->n) workers = w->n;
    atomic_int alone = 0;
    if (workers <= 1) return work(w, &alone, err);
    atomic_int *next =
        mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (next == MAP_FAILED)
        return il_fail(err, IL_EFAIL, "out of memory for %d workers", workers);
    atomic_init(next, 0);
    il_status status = share_out(w, next, workers, err);
    munmap(next, sizeof *next);
    return status;
}
