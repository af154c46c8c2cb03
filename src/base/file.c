/* file.c - whole files: read at once, replaced at once
 *
 * A replaced file is never seen half-written: the new one is written beside it, synced, and
 * renamed over it, which POSIX makes one step. Whoever is killed before that leaves the new file;
 * the next writer of the same name removes it.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end, `room` bytes at first. Returns the reason of a failure, or NULL. */
static const char *read_all(FILE *f, char **text, size_t *bytes, size_t room, size_t limit)
{
    for (;; room *= 2) {
        char *grown = realloc(*text, room);
        if (!grown) return "there is not enough memory for it";
        *text = grown;
        *bytes += fread(*text + *bytes, 1, room - 1 - *bytes, f);
        if (ferror(f)) return strerror(errno);
        if (*bytes > limit) return "it is larger than any such file should be";
        if (feof(f)) return NULL;
    }
}

il_status il_file_read(char **text, size_t *bytes, const char *path, size_t limit,
                       il_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) return il_fail(err, IL_EIO, "%s cannot be read: %s", path, strerror(errno));
    char *buffer = NULL;
    const char *why;
    size_t used = 0;
    struct stat info = { 0 };
    int regular = !fstat(fileno(f), &info) && S_ISREG(info.st_mode);
    if (S_ISDIR(info.st_mode))
        why = "it is a folder";
    else if (!regular && !S_ISFIFO(info.st_mode))
        why = "it is not a file";
    else if (regular && (uintmax_t)info.st_size > limit)
        why = "it is larger than any such file should be";
    else /* room for a byte more than the file has, so that its end shows at once */
        why = read_all(f, &buffer, &used, regular ? (size_t)info.st_size + 2 : 4096, limit);
    fclose(f);
    if (why) {
        free(buffer);
        return il_fail(err, IL_EIO, "%s cannot be read: %s", path, why);
    }
    buffer[used] = 0;
    *text = buffer;
    *bytes = used;
    return IL_OK;
}

static il_status unwritable(il_error *err, const char *path, const char *why)
{
    return il_fail(err, IL_EIO, "%s cannot be written: %s", path, why);
}

/* A new file beside `path`; its name (room for strlen(path) + 32 bytes) goes into `name`. */
static FILE *open_beside(const char *path, char *name, size_t room)
{
    int fd = -1;
    for (int i = 0; fd < 0 && i < 100; i++) {
        snprintf(name, room, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) return NULL;
        if (fd >= 0 && !il_temporary_lock(fd)) { /* taken for one that was left behind */
            close(fd);
            fd = -1;
        }
    }
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (fd >= 0 && !f) {
        close(fd);
        unlink(name);
    }
    return f;
}

/* The folder that holds `path`, to be freed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strdup(path) : strdup(".");
    if (folder && slash) folder[slash - path + 1] = 0;
    return folder;
}

void il_file_settle_name(const char *path)
{
    char *folder = folder_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* Removes what writers of `path` that died have left beside it. */
static void sweep(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = folder_of(path);
    if (folder) il_temporary_sweep(folder, slash ? slash + 1 : path);
    free(folder);
}

/* Syncs, closes and renames; 0, or the reason why not, and then the new file is gone. */
static int settle(FILE *f, const char *name, const char *path)
{
    int reason = 0;
    if (ferror(f) || fflush(f) || fsync(fileno(f))) reason = errno ? errno : EIO;
    if (fclose(f) && !reason) reason = errno;
    if (!reason && rename(name, path)) reason = errno;
    if (reason) unlink(name);
    return reason;
}

/* Where a chain of symbolic links ends, also if there is no such file yet; NULL: errno says why not. */
static char *resolve(const char *path)
{
    enum { MOST = 40 };
    char *at = strdup(path), target[4096];
    for (int i = 0; at; i++) {
        ssize_t size = readlink(at, target, sizeof target - 1);
        if (size < 0) return at; /* no link */
        if (i == MOST || size == sizeof target - 1) {
            errno = ELOOP;
            break;
        }
        target[size] = 0;
        const char *slash =
            strrchr(at, '/'); /* a relative one starts from the link's folder */
        size_t before = *target == '/' || !slash ? 0 : (size_t)(slash + 1 - at);
        char *next = malloc(before + (size_t)size + 1);
        if (next) {
            memcpy(next, at, before);
            memcpy(next + before, target, (size_t)size + 1);
        }
        free(at);
        at = next;
    }
    free(at);
    return NULL;
}

static il_status write_atomic(const char *path, void (*fill)(const void *context, FILE *f),
                              const void *context, il_error *err)
{
    struct stat info;
    int exists = !stat(path, &info);
    if (exists && !S_ISREG(info.st_mode))
        return unwritable(err, path,
                          S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a file");
    size_t room = strlen(path) + 32;
    char *name = malloc(room);
    if (!name) return il_fail(err, IL_EFAIL, "out of memory while writing %s", path);
    FILE *f = open_beside(path, name, room);
    if (!f) {
        il_status status = unwritable(err, path, strerror(errno));
        free(name);
        return status;
    }
    if (exists) fchmod(fileno(f), info.st_mode & 0777); /* a private file stays private */
    errno = 0;
    fill(context, f);
    int reason = settle(f, name, path);
    free(name);
    if (reason) return unwritable(err, path, strerror(reason));
    il_file_settle_name(path);
    sweep(path);
    return IL_OK;
}

il_status il_file_write_atomic(const char *path, void (*fill)(const void *context, FILE *f),
                               const void *context, il_error *err)
{
    char *file = resolve(path);
    if (!file) return unwritable(err, path, strerror(errno));
    il_status status = write_atomic(file, fill, context, err);
    free(file);
    return status;
}
