/* error.c - a status and one sentence */
#include "base/base.h"

il_status il_fail(il_error *err, il_status status, const char *format, ...)
{
    if (err) {
        char text[2 * sizeof err->text]; /* the arguments may point into err itself */
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        err->status = status;
        il_utf8_show(err->text, sizeof err->text - 4, text);
    }
    return status;
}

const char IL_LINKED_AS = 1;

const char *il_version(void) { return IL_VERSION; }

uint64_t il_hash(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ p[i]) * 1099511628211ull;
    return hash;
}
