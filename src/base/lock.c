/* lock.c - one writer at a time, and what a writer that died left behind
 *
 * A lock is a file that holds the process id of its owner, under flock(2): it is released when the
 * process ends, however it ends, and when the machine restarts. Its owner removes the file in the
 * end, so whoever opens one looks whether it still has its name.
 */
#include "base/base.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct il_lock {
    int fd;
    char path[]; /* of the lock's file */
};

/* 1: taken, or this file system has no locks; 0: another's; -1: errno says why not */
static int take(int fd)
{
    if (!flock(fd, LOCK_EX | LOCK_NB)) return 1;
    if (errno == EWOULDBLOCK) return 0;
    return errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP ? 1 : -1;
}

/* Does the open file still have its name? */
static int is_named(int fd, const char *path)
{
    struct stat a, b;
    return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static il_status in_use(int fd, const char *what, il_error *err)
{
    char text[24] = "", *end;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long id = n > 0 ? strtol(text, &end, 10) : 0;
    if (id > 0)
        return il_fail(err, IL_EFAIL,
                       "%s is in use by process %ld: wait for it, or choose another name",
                       what, id);
    return il_fail(err, IL_EFAIL,
                   "%s is in use by another process: wait for it, or choose another name",
                   what);
}

static il_status open_lock(il_lock *lock, const char *what, il_error *err)
{
    for (;;) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        int got = lock->fd < 0 ? -1 : take(lock->fd);
        if (got > 0 && is_named(lock->fd, lock->path)) break;
        il_status status = IL_OK;
        if (got < 0) status = il_fail_io(err, "%s cannot be written", what);
        if (!got) status = in_use(lock->fd, what, err);
        if (lock->fd >= 0) close(lock->fd);
        if (status) return status;
    }
    char text[24];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(lock->fd, 0) || pwrite(lock->fd, text, (size_t)size, 0) != size) {
        /* the id is a courtesy: a full disk shows soon enough */
    }
    return IL_OK;
}

il_status il_lock_take(il_lock **lock, const char *path, il_error *err)
{
    IL_GIVEN(err, "lock path", lock, path);
    char *whole = realpath(path, NULL); /* one lock, however the name is spelt */
    const char *name = whole ? whole : path;
    struct stat info;
    int folder = !stat(name, &info) && S_ISDIR(info.st_mode);
    size_t room = strlen(name) + 8;
    il_lock *l = malloc(sizeof *l + room);
    if (l) snprintf(l->path, room, "%s%s", name, folder ? "/lock" : ".lock");
    free(whole);
    if (!l) return il_fail(err, IL_EFAIL, "out of memory while taking %s", path);
    il_status status = open_lock(l, path, err);
    if (status == IL_OK)
        *lock = l;
    else
        free(l);
    return status;
}

void il_lock_give(il_lock *lock)
{
    if (!lock) return;
    unlink(lock->path);
    close(lock->fd);
    free(lock);
}

/* ---- temporary files ---------------------------------------------------------------------------- */

int il_temporary_lock(int fd)
{
    struct stat info;
    return take(fd) > 0 && !fstat(fd, &info) && info.st_nlink > 0;
}

/* Is it "NAME.PROCESS-I.tmp"? `name` NULL: any */
static int is_temporary(const char *file, const char *name)
{
    size_t size = strlen(file), used = name ? strlen(name) : 0;
    if (size < 9 || strcmp(file + size - 4, ".tmp")) return 0;
    const char *at = file + size - 5, *dash;
    if (!isdigit((unsigned char)*at)) return 0;
    while (at > file && isdigit((unsigned char)*at)) at--;
    dash = at--;
    if (dash == file || *dash != '-' || !isdigit((unsigned char)*at)) return 0;
    while (at > file && isdigit((unsigned char)*at)) at--;
    if (at == file || *at != '.') return 0;
    if (name && (used != (size_t)(at - file) || memcmp(name, file, used))) return 0;
    return 1;
}

void il_temporary_sweep(const char *folder, const char *name)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_temporary(e->d_name, name)) continue;
        int fd =
            openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat info; /* a living writer holds the lock */
        if (fd >= 0 && !fstat(fd, &info) && S_ISREG(info.st_mode) &&
            !flock(fd, LOCK_EX | LOCK_NB))
            unlinkat(dirfd(dir), e->d_name, 0);
        if (fd >= 0) close(fd);
    }
    if (dir) closedir(dir);
}
