/* arrays.c - named arrays of il_real as a file, of the kind that its name says */
#include "base/base.h"

#include <stdlib.h>

static int is_npz(const char *path)
{
    size_t size = strlen(path);
    return size >= 4 && !strcmp(path + size - 4, ".npz");
}

static il_status missing(const char *what, int i, il_error *err)
{
    return il_fail(err, IL_ECONFIG, "il_arrays_write needs `%s[%d]`, which is NULL", what,
                   i);
}

static il_status take_arrays(il_tensor *to, const il_array *from, int n, il_error *err)
{
    for (int i = 0; i < n; i++) {
        const il_array *a = from + i;
        if (!a->name || !a->data) return missing("arrays", i, err);
        if (a->ndim < 0 || a->ndim > IL_ARRAY_DIMS)
            return il_fail(err, IL_ECONFIG, "array '%s' has %d dimensions, not 0 to %d",
                           il_show(a->name).text, a->ndim, IL_ARRAY_DIMS);
        for (int j = 0; j < i; j++)
            if (!strcmp(from[j].name, a->name))
                return il_fail(err, IL_ECONFIG, "array '%s' is given twice",
                               il_show(a->name).text);
        to[i] = (il_tensor){
            .name = a->name, .dtype = IL_DTYPE_REAL, .ndim = a->ndim, .data = a->data
        };
        memcpy(to[i].shape, a->shape, sizeof a->shape);
    }
    return IL_OK;
}

/* key (n): where the keys are copied to */
static il_status take_settings(il_meta *to, char (*key)[IL_TEXT], const char *const *from,
                               int n, il_error *err)
{
    for (int i = 0; i < n; i++) {
        const char *value = from[i] ? strchr(from[i], '=') : NULL;
        if (!from[i]) return missing("settings", i, err);
        if (!value || value - from[i] >= IL_TEXT)
            return il_fail(err, IL_ECONFIG, "'%s' is not key=value", il_show(from[i]).text);
        snprintf(key[i], IL_TEXT, "%.*s", (int)(value - from[i]), from[i]);
        for (int j = 0; j < i; j++)
            if (!strcmp(key[j], key[i]))
                return il_fail(err, IL_ECONFIG, "'%s' is given twice",
                               il_show(key[i]).text);
        to[i] = (il_meta){ key[i], value + 1 };
    }
    return IL_OK;
}

il_status il_arrays_write(const char *path, const il_array *arrays, int n,
                          const char *const *settings, int n_settings, il_error *err)
{
    IL_GIVEN(err, "path", path);
    IL_WITHIN(err, IL_MOST, "n n_settings", n, n_settings);
    if (n) IL_GIVEN(err, "arrays", arrays);
    if (n_settings) IL_GIVEN(err, "settings", settings);
    il_tensor *tensors = calloc((size_t)n + 1, sizeof *tensors);
    il_meta *meta = calloc((size_t)n_settings + 1, sizeof *meta);
    char(*key)[IL_TEXT] = calloc((size_t)n_settings + 1, sizeof *key);
    il_status status = tensors && meta && key
                           ? take_arrays(tensors, arrays, n, err)
                           : il_fail(err, IL_EFAIL, "%s: out of memory while writing it",
                                     il_show(path).text);
    if (!status) status = take_settings(meta, key, settings, n_settings, err);
    if (!status)
        status = (is_npz(path) ? il_npz_write : il_tensors_write)(path, tensors, n, meta,
                                                                  n_settings, err);
    free(tensors);
    free(meta);
    free(key);
    return status;
}
