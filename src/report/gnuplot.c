/* gnuplot.c - gnuplot, run without a shell: the script comes from a file, the picture goes to one
 *
 * gnuplot does not report write errors, so the picture is checked once it has ended.
 */
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ABSENT = 127, /* as a shell says it: there is no such program */
    FULL = 126    /* ours: no room for the picture */
};

/* In the child: the streams may have any numbers, also those that they are to get. */
static void become_gnuplot(int in, int out, int words)
{
    int from[3] = { in, out, words };
    for (int i = 0; i < 3; i++) from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 3; i++)
        if (from[i] < 0 || dup2(from[i], i) < 0) _exit(1);
    if (lseek(0, 0, SEEK_SET)) _exit(1);
    execlp("gnuplot", "gnuplot", "-", (char *)NULL);
    _exit(ABSENT);
}

/* What gnuplot complains of, or why it did not run, goes to `words`. Returns its exit status. */
static int run_gnuplot(int script, int out, char *words, size_t size)
{
    int pipes[2], status = 0;
    size_t used = 0;
    snprintf(words, size, "no process for it");
    if (pipe(pipes)) return 1;
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        become_gnuplot(script, out, pipes[1]);
    }
    close(pipes[1]);
    for (ssize_t got = 1; child > 0 && (got > 0 || (got < 0 && errno == EINTR));) {
        char more[256];
        got = read(pipes[0], more, sizeof more);
        for (ssize_t i = 0; i < got && used + 1 < size; i++)
            words[used++] = more[i] < ' ' ? ' ' : more[i];
    }
    close(pipes[0]);
    if (child < 0) return 1;
    words[used] = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return 1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) return FULL;
    if (WIFSIGNALED(status)) snprintf(words, size, "signal %d", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Does the picture have its end? */
static int is_whole(int fd)
{
    char tail[16] = "";
    struct stat info;
    if (fstat(fd, &info)) return 0;
    off_t size = (off_t)sizeof tail - 1, at = info.st_size > size ? info.st_size - size : 0;
    return pread(fd, tail, (size_t)size, at) > 0 && strstr(tail, "</svg>");
}

il_status il_gnuplot(int script, FILE *picture, const char *path, int *absent,
                     il_error *err)
{
    char words[256];
    int status = run_gnuplot(script, fileno(picture), words, sizeof words);
    *absent = status == ABSENT;
    if (!status && is_whole(fileno(picture))) return IL_OK;
    if (*absent) return il_fail(err, IL_EFAIL, "%s: gnuplot is missing", path);
    if (!status || status == FULL)
        return il_fail(err, IL_EIO, "%s cannot be written: is there room for it?", path);
    return il_fail(err, IL_EFAIL, "%s: gnuplot failed: %s", path, words);
}
