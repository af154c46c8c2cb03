/* twin.c - re-executes the command with innerloop-double, the same program computing in double
 *
 * Models are trained and run in single precision; what must be exact to the last digits
 * (constructions) says so in its command, and then the double-precision program takes over.
 */
#include "cli.h"

#include <errno.h>
#include <unistd.h>

il_status cli_become_double(char **argv, il_error *err)
{
    static const char name[] = "innerloop-double";
    char path[CLI_PATH], *self = cli_executable(argv[0]), *slash;
    if (self && (slash = strrchr(self, '/'))) slash[1] = 0;
    int length = self ? snprintf(path, sizeof path, "%s%s", self, name) : CLI_PATH;
    free(self);
    if (length >= CLI_PATH)
        return il_fail(err, IL_EFAIL,
                       "where the program lies is unknown, so %s beside it "
                       "cannot be found; call it by its path",
                       name);
    execv(path, argv);
    return il_fail(err, IL_EFAIL,
                   "%.300s, which computes in double, cannot be run: %s; it "
                   "is made by `make` and belongs beside innerloop",
                   path, strerror(errno));
}
