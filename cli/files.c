/* files.c - file-system helpers */
#include "cli.h"

#include <sys/stat.h>

int cli_is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

int cli_is_file(const char *path)
{
    struct stat s;
    return !stat(path, &s) && !S_ISDIR(s.st_mode);
}

int cli_ends_with(const char *text, const char *tail)
{
    size_t a = strlen(text), b = strlen(tail);
    return a >= b && !strcmp(text + a - b, tail);
}

il_status cli_join(char path[CLI_PATH], const char *folder, const char *name, il_error *err)
{
    if (snprintf(path, CLI_PATH, "%s/%s", folder, name) < CLI_PATH) return IL_OK;
    return il_fail(err, IL_EIO, "%.64s...: the path is too long", folder);
}
