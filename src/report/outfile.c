/* outfile.c - files that are written whole or not at all */
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
