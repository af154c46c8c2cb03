/* safetensors_write.c - named arrays in a file: writing
 *
 * The tensors are written in the order given, the header is padded with spaces so that the data
 * begin at a multiple of 8. The format is described in safetensors.c.
 */
#include "base/base.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct {
    const char *header;
    size_t length; /* padded */
    const il_tensor *tensors;
    int n;
} contents;

static void write_tensor(const il_tensor *t, FILE *f)
{
    enum { CHUNK = 4096 };
    char chunk[CHUNK];
    size_t size = il_dtype_bytes(t->dtype), left = il_tensor_count(t);
    for (const char *data = t->data; left;) {
        size_t n = left < CHUNK / size ? left : CHUNK / size;
        il_copy_little_endian(chunk, data, n, size);
        if (fwrite(chunk, size, n, f) != n) return; /* the stream remembers the error */
        data += n * size;
        left -= n;
    }
}

static void fill(const void *context, FILE *f)
{
    const contents *c = context;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)c->length >> 8 * i);
    fwrite(length, 1, sizeof length, f);
    fprintf(f, "%-*s", (int)c->length, c->header);
    for (int i = 0; i < c->n; i++) write_tensor(c->tensors + i, f);
}

/* {"dtype", "shape", "data_offsets"}, or NULL without memory */
static json_t *describe(const il_tensor *t, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        json_array_append_new(shape, json_integer(t->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", il_dtype_name(t->dtype), "shape",
                     shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + il_tensor_bytes(t)));
}

/* Adds a new member; `value` is taken over, and NULL when it could not be made. */
static il_status add(json_t *object, const char *path, const char *key, json_t *value,
                     il_error *err)
{
    int twice = json_object_get(object, key) != NULL;
    if (twice) json_decref(value);
    if (!twice && value && !json_object_set_new(object, key, value)) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s cannot hold '%s': %s", path, il_show(key).text,
                   twice ? "the name is given twice" : "it is not UTF-8 text");
}

static il_status build_header(json_t *header, json_t *metadata, const char *path,
                              const il_tensor *tensors, int n, const il_meta *meta,
                              int nmeta, il_error *err)
{
    size_t at = 0;
    for (int i = 0; i < nmeta; i++)
        IL_TRY(add(metadata, path, meta[i].key, json_string(meta[i].value), err));
    if (nmeta) IL_TRY(add(header, path, "__metadata__", json_incref(metadata), err));
    for (int i = 0; i < n; at += il_tensor_bytes(tensors + i++))
        IL_TRY(add(header, path, tensors[i].name, describe(tensors + i, at), err));
    return IL_OK;
}

il_status il_tensors_write(const char *path, const il_tensor *tensors, int n,
                           const il_meta *meta, int nmeta, il_error *err)
{
    json_t *header = json_object(), *metadata = json_object();
    il_status status = build_header(header, metadata, path, tensors, n, meta, nmeta, err);
    char *text = status == IL_OK ? json_dumps(header, JSON_COMPACT) : NULL;
    if (text) {
        contents c = { text, (strlen(text) + 7) / 8 * 8, tensors, n };
        status = il_file_write_atomic(path, fill, &c, err);
    } else if (status == IL_OK) {
        status = il_fail(err, IL_EFAIL, "%s: out of memory while writing it", path);
    }
    free(text);
    json_decref(metadata);
    json_decref(header);
    return status;
}
