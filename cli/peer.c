/* peer.c - runs PyTorch (bench/peer.py) as the benchmark's baseline, one process per thread count
 *
 * We write "row NAME" and "run" into its standard input and read a line of its standard output
 * for each. A process that ends, or never began, gets no further requests: its seconds are NaN.
 */
#include "cli.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTINGS = 4, LINE = 512 }; /* thread counts in use at the same time */

typedef struct {
    int threads, ready; /* ready: it has built `row` */
    pid_t child;
    FILE *to, *from; /* NULL: ended */
    char row[64], label[IL_TEXT];
} process;

struct cli_peer {
    char script[CLI_PATH];
    const char *python;
    int n, said; /* said: why there is no peer */
    process processes[SETTINGS];
};

static void say(cli_peer *p, const char *text)
{
    if (!p->said) fprintf(stderr, "no peer to compare with: %s\n", text);
    p->said = 1;
}

/* In the child: every library's way to be told how many threads, and PyTorch's best BLAS. */
static void become(const cli_peer *p, int threads)
{
    static const char *const counts[] = { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                          "MKL_NUM_THREADS" };
    char text[16];
    snprintf(text, sizeof text, "%d", threads);
    for (int i = 0; i < CLI_COUNT(counts); i++) setenv(counts[i], text, 1);
    unsetenv("OPENBLAS_CORETYPE"); /* tests may set these; they cost half the speed */
    unsetenv("OPENBLAS_L2_SIZE");
    signal(SIGPIPE, SIG_DFL);
    execlp(p->python, p->python, p->script, text, (char *)NULL);
    _exit(127);
}

static void start(cli_peer *p, process *c)
{
    int to[2], from[2];
    if (pipe(to)) return;
    if (pipe(from)) {
        close(to[0]), close(to[1]);
        return;
    }
    fflush(stdout);
    c->child = fork();
    if (c->child == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[0]), close(to[1]), close(from[0]), close(from[1]);
        for (int i = 0; i < p->n; i++) /* else the others would never see their end */
            if (p->processes[i].to) close(fileno(p->processes[i].to));
        become(p, c->threads);
    }
    close(to[0]), close(from[1]);
    c->to = fdopen(to[1], "w");
    c->from = fdopen(from[0], "r");
    if (!c->to) close(to[1]);
    if (!c->from) close(from[0]);
}

static void end(process *c)
{
    if (c->to) fclose(c->to);
    if (c->from) fclose(c->from);
    c->to = c->from = NULL;
    if (c->child > 0)
        while (waitpid(c->child, NULL, 0) < 0 && errno == EINTR) {
        }
    c->child = 0;
}

/* Sends a line and reads its answer, without its end. 0: the process has ended. */
static int ask(process *c, const char *what, const char *with, char answer[LINE])
{
    if (!c->to || !c->from) return 0;
    if (fprintf(c->to, "%s%s\n", what, with) > 0 && !fflush(c->to) &&
        fgets(answer, LINE, c->from)) {
        answer[strcspn(answer, "\n")] = 0;
        return 1;
    }
    end(c);
    return 0;
}

static process *find(cli_peer *p, int threads)
{
    for (int i = 0; i < p->n; i++)
        if (p->processes[i].threads == threads) return p->processes + i;
    if (p->n == SETTINGS) return NULL;
    process *c = p->processes + p->n;
    *c = (process){ .threads = threads };
    start(p, c);
    p->n++;
    return c;
}

/* Has the process build a row, unless it did. */
static void prepare(cli_peer *p, process *c, const char *row)
{
    char answer[LINE];
    if (!strcmp(c->row, row)) return;
    snprintf(c->row, sizeof c->row, "%s", row);
    c->ready = 0;
    if (!ask(c, "row ", row, answer)) {
        say(p, *c->label ? "bench/peer.py ended early, perhaps for want of memory"
                         : "bench/peer.py does not run; install python3-torch, or ask with "
                           "--no-peer");
    } else if (!strncmp(answer, "ready ", 6)) {
        c->ready = 1;
        snprintf(c->label, sizeof c->label, "%.100s", answer + 6);
        if (strstr(answer, "reference BLAS") && !p->said++)
            fprintf(stderr,
                    "note: PyTorch runs on the reference BLAS here, which is slow; install "
                    "libopenblas0-openmp for a fair comparison\n");
    } else if (!strncmp(answer, "missing ", 8)) {
        say(p, answer + 8);
        end(c);
    }
}

double cli_peer_run(cli_peer *p, const char *row, int threads, char name[IL_TEXT])
{
    char answer[LINE], *stop;
    process *c = *p->script ? find(p, threads) : NULL;
    if (!c) return NAN;
    prepare(p, c, row);
    if (!c->ready || !ask(c, "run", "", answer) || strncmp(answer, "seconds ", 8))
        return NAN;
    snprintf(name, IL_TEXT, "%s", c->label);
    double seconds = strtod(answer + 8, &stop);
    return stop > answer + 8 ? seconds : NAN;
}

il_status cli_peer_new(cli_peer **out, const char *python, il_error *err)
{
    cli_peer *p = calloc(1, sizeof *p);
    if (!p) return il_fail(err, IL_EFAIL, "out of memory for a peer");
    p->python = python                             ? python
                : access("/usr/bin/python3", X_OK) ? "python3"
                                                   : "/usr/bin/python3";
    if (cli_data(p->script, "bench", "peer.py", err)) {
        say(p, err->text);
        p->script[0] = 0;
    }
    *out = p;
    return IL_OK;
}

void cli_peer_free(cli_peer *p)
{
    if (!p) return;
    for (int i = 0; i < p->n; i++) end(p->processes + i);
    free(p);
}
