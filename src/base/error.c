/* error.c - a status code and its message of one sentence */
#include "base/base.h"

#include <errno.h>

il_status il_fail(il_error *err, il_status status, const char *format, ...)
{
    if (err) {
        char text[2 * sizeof err->text] = ""; /* the arguments may point into err itself */
        va_list args;
        va_start(args, format);
        if (format) vsnprintf(text, sizeof text, format, args);
        va_end(args);
        err->status = status;
        il_utf8_show(err->text, sizeof err->text - 4, text);
    }
    return status;
}

il_status il_fail_io(il_error *err, const char *format, ...)
{
    int reason = errno;
    il_error what = { 0 };
    va_list args;
    va_start(args, format);
    if (format) vsnprintf(what.text, sizeof what.text, format, args);
    va_end(args);
    if (reason == ENOMEM) return il_fail(err, IL_EFAIL, "%s: out of memory", what.text);
    return il_fail(err, IL_EIO, "%s: %s", what.text, strerror(reason));
}

/* The word of `names` at *at, and *at behind it */
static int next_word(const char **at, const char **word)
{
    *word = *at += strspn(*at, " ");
    int size = (int)strcspn(*at, " ");
    *at += size;
    return size;
}

il_status il_given(il_error *err, const char *function, const char *names,
                   const void *const *given)
{
    const char *word;
    for (int size; (size = next_word(&names, &word)); given++)
        if (!*given)
            return il_fail(err, IL_ECONFIG, "%s needs `%.*s`, which is NULL", function,
                           size, word);
    return IL_OK;
}

il_status il_within(il_error *err, int most, const char *names, const int *counts)
{
    const char *word;
    for (int size; (size = next_word(&names, &word)); counts++)
        if (*counts < 0 || *counts > most)
            return il_fail(err, IL_ECONFIG, "%.*s = %d is not between 0 and %d", size, word,
                           *counts, most);
    return IL_OK;
}

const char IL_LINKED_AS = 1;

const char *il_version(void) { return IL_VERSION; }

uint64_t il_hash(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ p[i]) * 1099511628211ull;
    return hash;
}
