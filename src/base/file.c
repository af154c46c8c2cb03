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

/* Reads to the end, `room` bytes at first. Returns the errno of a failure, or 0. */
static int read_all(FILE *f, char **text, size_t *bytes, size_t room, size_t limit)
{
    for (;; room *= 2) {
        char *grown = realloc(*text, room);
        if (!grown) return ENOMEM;
        *text = grown;
        *bytes += fread(*text + *bytes, 1, room - 1 - *bytes, f);
        if (ferror(f)) return errno ? errno : EIO;
        if (*bytes > limit) return EFBIG;
        if (feof(f)) return 0;
    }
}

void il_write_file(void *f, const char *bytes, size_t n) { fwrite(bytes, 1, n, f); }

ptrdiff_t il_read_file(void *f, char *bytes, size_t room)
{
    return read(fileno(f), bytes, room);
}

static il_status refuse(il_error *err, const char *path, const char *done, int reason)
{
    errno = reason;
    return il_fail_io(err, "%s cannot be %s", *path ? path : "''", done);
}

il_status il_file_read(char **text, size_t *bytes, const char *path, size_t limit,
                       il_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) return refuse(err, path, "read", errno);
    char *buffer = NULL;
    const char *why = NULL;
    int reason = 0;
    size_t used = 0;
    struct stat info = { 0 };
    int regular = !fstat(fileno(f), &info) && S_ISREG(info.st_mode);
    if (S_ISDIR(info.st_mode))
        why = "it is a folder";
    else if (!regular && !S_ISFIFO(info.st_mode))
        why = "it is not a file";
    else if (regular && (uintmax_t)info.st_size > limit)
        reason = EFBIG;
    else /* room for a byte more than the file has, so that its end shows at once */
        reason =
            read_all(f, &buffer, &used, regular ? (size_t)info.st_size + 2 : 4096, limit);
    fclose(f);
    if (reason == EFBIG) why = "it is larger than any such file should be";
    if (why || reason) {
        free(buffer);
        if (!why) return refuse(err, path, "read", reason);
        return il_fail(err, IL_EIO, "%s cannot be read: %s", path, why);
    }
    buffer[used] = 0;
    *text = buffer;
    *bytes = used;
    return IL_OK;
}

/* A new file beside `path`; its name (room for strlen(path) + 32 bytes) goes into `name`. */
static FILE *open_beside(const char *path, char *name, size_t room)
{
    int fd = -1;
    for (int i = 0; fd < 0 && i < 100; i++) {
        snprintf(name, room, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) return NULL;
        if (fd >= 0 && !il_temporary_lock(fd)) { /* taken for one that was left behind */
            close(fd);
            fd = -1;
        }
    }
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+b");
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

il_status il_folders_make(const char *path, il_error *err)
{
    IL_GIVEN(err, "path", path);
    char *part = strdup(path);
    if (!part) return il_fail(err, IL_EFAIL, "out of memory for a path");
    il_status status = IL_OK;
    for (char *at = part, end = *at; end && !status; *at = end) {
        at += strcspn(at + 1, "/") + 1;
        end = *at;
        *at = 0;
        if (!mkdir(part, 0777))
            il_file_settle_name(part);
        else if (errno != EEXIST)
            status = il_fail_io(err, "%.200s: the folder cannot be made", part);
    }
    free(part);
    return status;
}

/* Removes what writers of `path` that died have left beside it. */
static void sweep(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = folder_of(path);
    if (folder) il_temporary_sweep(folder, slash ? slash + 1 : path);
    free(folder);
}

/* Syncs and closes; the errno of what failed, or 0. */
static int close_synced(FILE *f)
{
    int reason = 0;
    if (ferror(f) || fflush(f) || fsync(fileno(f))) reason = errno ? errno : EIO;
    if (fclose(f) && !reason) reason = errno ? errno : EIO;
    return reason;
}

/* What stands at the end of a chain of links, there or not yet, to be freed; NULL with errno. */
static char *follow(const char *path)
{
    enum { LINKS = 40, LONGEST = 4096 };
    char target[LONGEST], *at = strdup(path);
    for (int i = 0; at; i++) {
        ssize_t size = readlink(at, target, sizeof target - 1);
        if (size < 0) return at; /* no link: what can be said against it, others will say */
        target[size] = 0;
        const char *slash = *target == '/' ? NULL : strrchr(at, '/');
        size_t folder = slash ? (size_t)(slash - at) + 1 : 0;
        int endless = i == LINKS || size == LONGEST - 1;
        char *next = endless ? NULL : malloc(folder + (size_t)size + 1);
        if (next) {
            memcpy(next, at, folder);
            memcpy(next + folder, target, (size_t)size + 1);
        }
        free(at);
        at = next;
        if (endless) errno = ELOOP;
    }
    return NULL;
}

/* Fills the open file and closes it, all on the disk; the lock lasts as long as draft->fd. */
static il_status fill_draft(il_draft *draft, FILE *f, const char *path, il_fill *fill,
                            const void *context, il_error *err)
{
    errno = 0;
    draft->fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
    int reason = draft->fd < 0 ? errno : 0;
    il_status status = reason ? IL_OK : fill(context, f, err);
    int closing = close_synced(f);
    if (!reason) reason = closing;
    return status || !reason ? status : refuse(err, path, "written", reason);
}

static il_status write_draft(il_draft *draft, const char *path, il_fill *fill,
                             const void *context, il_error *err)
{
    draft->path = follow(path);
    if (!draft->path) return refuse(err, path, "written", errno);
    struct stat info;
    int exists = !stat(draft->path, &info);
    if (exists && !S_ISREG(info.st_mode))
        return il_fail(err, IL_EIO, "%s cannot be written: %s", path,
                       S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a file");
    size_t room = strlen(draft->path) + 32;
    char *name = malloc(room);
    if (!name) return refuse(err, path, "written", ENOMEM);
    FILE *f = open_beside(draft->path, name, room);
    if (!f) {
        il_status status = refuse(err, path, "written", errno);
        free(name);
        return status;
    }
    draft->name = name;
    if (exists) fchmod(fileno(f), info.st_mode & 0777); /* private stays private */
    return fill_draft(draft, f, path, fill, context, err);
}

il_status il_draft_write(il_draft *draft, const char *path, il_fill *fill,
                         const void *context, il_error *err)
{
    *draft = (il_draft){ .fd = -1 };
    il_status status = write_draft(draft, path, fill, context, err);
    if (status) il_draft_drop(draft);
    return status;
}

il_status il_draft_keep(il_draft *draft, il_error *err)
{
    il_status status = IL_OK;
    if (rename(draft->name, draft->path)) {
        status = refuse(err, draft->path, "written", errno);
    } else {
        free(draft->name);
        draft->name = NULL; /* it has gone into its place */
        il_file_settle_name(draft->path);
        sweep(draft->path);
    }
    il_draft_drop(draft);
    return status;
}

void il_draft_drop(il_draft *draft)
{
    if (!draft->path) return;
    if (draft->name) unlink(draft->name);
    if (draft->fd >= 0) close(draft->fd);
    free(draft->name);
    free(draft->path);
    *draft = (il_draft){ .fd = -1 };
}

il_status il_file_write_atomic(const char *path, il_fill *fill, const void *context,
                               il_error *err)
{
    il_draft draft;
    IL_TRY(il_draft_write(&draft, path, fill, context, err));
    return il_draft_keep(&draft, err);
}

static il_status fill_text(const void *text, FILE *f, il_error *err)
{
    (void)err;
    fputs(text, f);
    return IL_OK;
}

il_status il_text_save(const char *path, const char *text, il_error *err)
{
    IL_GIVEN(err, "path text", path, text);
    return il_file_write_atomic(path, fill_text, text, err);
}

/* Into memory of a fixed size, which a stream of memory that grows would not do: there a piece
 * that found no memory is left out, and nothing says so. */
static il_status write_into(char *text, size_t room, size_t *bytes, il_fill *fill,
                            const void *context, il_error *err)
{
    FILE *f = fmemopen(text, room, "w");
    if (!f) return il_fail(err, IL_EFAIL, "out of memory");
    il_status status = fill(context, f, err);
    long size = ftell(f); /* before what failed is forgotten */
    int full = ferror(f) || fflush(f) || size < 0;
    fclose(f);
    *bytes = full ? room : (size_t)size;
    return status;
}

il_status il_text_write(char **text, il_fill *fill, const void *context, il_error *err)
{
    enum { FIRST = 1 << 14, LAST = 1 << 28 };
    for (size_t room = FIRST, bytes = 0; room <= LAST; room *= 4) {
        char *own = malloc(room);
        if (!own) return il_fail(err, IL_EFAIL, "out of memory");
        il_status status = write_into(own, room, &bytes, fill, context, err);
        if (!status && bytes < room) {
            own[bytes] = 0;
            *text = own;
            return IL_OK;
        }
        free(own);
        if (status) return status;
    }
    return il_fail(err, IL_EFAIL, "out of memory: a text of more than %d bytes", LAST);
}

void il_text_free(char *text) { free(text); }
