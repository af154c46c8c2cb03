/* file.c - files that are written whole or not at all, and small ones read whole */
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static il_status cannot(const char *path, const char *what, il_error *err)
{
    return il_fail(err, IL_EIO, "%s: cannot be %s: %s", path, what, strerror(errno));
}

il_status il_outfile_open(il_outfile *out, const char *path, il_error *err)
{
    if (strlen(path) >= sizeof out->path)
        return il_fail(err, IL_EIO, "%.64s...: the path is too long", path);
    strcpy(out->path, path);
    snprintf(out->temp, sizeof out->temp, "%s.part", path);
    out->f = fopen(out->temp, "w");
    return out->f ? IL_OK : cannot(path, "written", err);
}

il_status il_outfile_close(il_outfile *out, il_status status, il_error *err)
{
    int failed = ferror(out->f);
    if (fclose(out->f)) failed = 1;
    if (!status && failed) status = cannot(out->path, "written", err);
    if (!status && rename(out->temp, out->path)) status = cannot(out->path, "written", err);
    if (status) unlink(out->temp);
    return status;
}

il_status il_file_read(char **text, const char *path, size_t limit, il_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) return cannot(path, "read", err);
    size_t size = 0, room = 0, got = 1;
    char *own = NULL;
    il_status status = IL_OK;
    while (!status && got) {
        if (size + 1 >= room) {
            room = room ? 2 * room : 1 << 16;
            char *more = realloc(own, room);
            if (!more) {
                status = il_fail(err, IL_EFAIL, "%s: out of memory", path);
                break;
            }
            own = more;
        }
        got = fread(own + size, 1, room - size - 1, f);
        size += got;
        if (size > limit)
            status = il_fail(err, IL_ECONFIG, "%s: larger than %zu bytes", path, limit);
    }
    if (!status && ferror(f)) status = cannot(path, "read", err);
    fclose(f);
    if (status) {
        free(own);
        return status;
    }
    own[size] = 0;
    *text = own;
    return IL_OK;
}
