/* failing_calls.c - the n-th system call of a program on a file fails, once, whoever makes it, stdio too
 *
 *   cc -shared -fPIC tests/failing_calls.c -o failing_calls.so
 *   FAIL_AT=12 FAIL_AS=ENOSPC LD_PRELOAD=./failing_calls.so innerloop ...
 *
 * FAIL_AS is EIO, ENOSPC, EINTR (read, write, open, close, fsync, rename and mkdir fail with it), or SHORT (a read or write
 * does only half of it), or NONE, with which FAIL_LOG names a file that gets a line for every call that went well, in
 * their order: "open FD FLAGS PATH", "write FD", "sync FD", "close FD", "rename FROM\tTO", "mkdir PATH". Counted from where main begins, standard error left out; FAIL_AT=0 fails none. At the end
 * the number of calls goes to the file $FAIL_COUNT. A filter (seccomp) hands every such call to a handler, which
 * makes it, marked by an argument that these calls do not have, or says that it failed. Programs that the program
 * starts would be lost: none may be. Linux on x86-64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { OURS = 0x1db71064, SHORT = -1, NONE = -2 };

static long count, fail_at;
static int fail_as, log_to = -1;
static const char *report;

static long make(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = 0, r9 __asm__("r9") = OURS;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void tell(long number, const greg_t *r, long result)
{
    char line[8500];
    int size = 0;
    if (log_to < 0 || result < 0) return;
    const char *first = (const char *)r[REG_RDI];
    if (number == SYS_openat)
        size = snprintf(line, sizeof line, "open %ld %lld %s\n", result,
                        (long long)r[REG_RDX], (const char *)r[REG_RSI]);
    if (number == SYS_write) size = snprintf(line, sizeof line, "write %ld\n", (long)first);
    if (number == SYS_fsync) size = snprintf(line, sizeof line, "sync %ld\n", (long)first);
    if (number == SYS_close) size = snprintf(line, sizeof line, "close %ld\n", (long)first);
    if (number == SYS_mkdir) size = snprintf(line, sizeof line, "mkdir %s\n", first);
    if (number == SYS_rename)
        size =
            snprintf(line, sizeof line, "rename %s\t%s\n", first, (const char *)r[REG_RSI]);
    make(SYS_write, log_to, (long)line, size, 0);
}

static int counts(long number, const greg_t *r)
{
    int moves = number == SYS_read || number == SYS_write,
        named = number == SYS_openat || number == SYS_rename || number == SYS_mkdir;
    if (!named && r[REG_RDI] == STDERR_FILENO) return 0;
    return fail_as != SHORT || (moves && r[REG_RDX] > 1);
}

static void on_call(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long number = info->si_syscall, size = r[REG_RDX];
    int fails = 0;
    if (counts(number, r))
        fails = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == fail_at;
    if (fails && fail_as == SHORT) size /= 2;
    if (fails && fail_as != SHORT && number != SYS_close) {
        r[REG_RAX] = -fail_as;
        return;
    }
    long result = make(number, r[REG_RDI], r[REG_RSI], size, r[REG_R10]);
    tell(number, r, result);
    r[REG_RAX] = fails && number == SYS_close ? -fail_as
                                              : result; /* a close that fails has closed */
}

#define TRAP(number)                                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),                                     \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)

static int filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        TRAP(SYS_read),
        TRAP(SYS_write),
        TRAP(SYS_openat),
        TRAP(SYS_close),
        TRAP(SYS_fsync),
        TRAP(SYS_rename),
        TRAP(SYS_mkdir),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

__attribute__((constructor)) static void arm(void)
{
    static const struct {
        const char *name;
        int is;
    } kinds[] = { { "EIO", EIO },
                  { "ENOSPC", ENOSPC },
                  { "EINTR", EINTR },
                  { "SHORT", SHORT },
                  { "NONE", NONE } };
    const char *at = getenv("FAIL_AT"), *as = getenv("FAIL_AS"), *log = getenv("FAIL_LOG");
    if (log) log_to = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    fail_at = at ? atol(at) : 0;
    report = getenv("FAIL_COUNT");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (as && !strcmp(as, kinds[i].name)) fail_as = kinds[i].is;
    unsetenv("LD_PRELOAD");
    struct sigaction action = { .sa_sigaction = on_call,
                                .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigaction(SIGSYS, &action, NULL);
    if (!fail_as || !filter()) {
        fprintf(stderr, "failing_calls: cannot be armed\n");
        _exit(99);
    }
}

__attribute__((destructor)) static void disarm(void)
{
    long made = count;
    fail_at = 0;
    FILE *f = report ? fopen(report, "w") : NULL;
    if (!f) return;
    fprintf(f, "%ld\n", made);
    fclose(f);
}
