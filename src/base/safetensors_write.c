/* safetensors_write.c - named arrays in a file: writing
 *
 * The tensors are written in the order given, the header is padded with spaces so that the data
 * begin at a multiple of 8. The format is described in safetensors.c.
 */
#include "base/base.h"

typedef struct {
    const il_tensor *tensors;
    int n;
    const il_meta *meta;
    int nmeta;
} contents;

/* ---- the header, which is written without memory: there is nothing that could be left out ------ */

/* Where the header goes; f NULL: it is only measured. */
typedef struct {
    FILE *f;
    size_t bytes;
} sink;

static void put(sink *to, const char *text, size_t size)
{
    if (to->f) fwrite(text, 1, size, to->f); /* the stream remembers the error */
    to->bytes += size;
}

static void put_text(sink *to, const char *text) { put(to, text, strlen(text)); }

/* A JSON string with its quotes */
static void put_string(sink *to, const char *text)
{
    static const char controls[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    char escape[8];
    put(to, "\"", 1);
    for (; *text; text++) {
        const char *named = strchr(controls, *text);
        if (named)
            put(to, (char[]){ '\\', letters[named - controls] }, 2);
        else if ((unsigned char)*text < ' ')
            put(to, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04X", *text));
        else
            put(to, text, 1);
    }
    put(to, "\"", 1);
}

static void put_tensor(sink *to, const il_tensor *t, size_t begin)
{
    char number[64];
    put_string(to, t->name);
    put_text(to, ":{\"dtype\":\"");
    put_text(to, il_dtype_name(t->dtype));
    put_text(to, "\",\"shape\":[");
    for (int i = 0; i < t->ndim; i++) {
        snprintf(number, sizeof number, "%s%lld", i ? "," : "", (long long)t->shape[i]);
        put_text(to, number);
    }
    snprintf(number, sizeof number, "],\"data_offsets\":[%zu,%zu]}", begin,
             begin + il_tensor_bytes(t));
    put_text(to, number);
}

static void put_header(sink *to, const contents *c)
{
    size_t at = 0;
    put_text(to, "{");
    if (c->nmeta) put_text(to, "\"__metadata__\":{");
    for (int i = 0; i < c->nmeta; i++) {
        if (i) put_text(to, ",");
        put_string(to, c->meta[i].key);
        put_text(to, ":");
        put_string(to, c->meta[i].value);
    }
    if (c->nmeta) put_text(to, c->n ? "}," : "}");
    for (int i = 0; i < c->n; at += il_tensor_bytes(c->tensors + i++)) {
        if (i) put_text(to, ",");
        put_tensor(to, c->tensors + i, at);
    }
    put_text(to, "}");
    while (to->bytes % 8) put_text(to, " ");
}

/* ---- the file ------------------------------------------------------------------------------------ */

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

static il_status fill(const void *context, FILE *f, il_error *err)
{
    (void)err;
    const contents *c = context;
    sink measure = { 0 }, header = { .f = f };
    unsigned char length[8];
    put_header(&measure, c);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)measure.bytes >> 8 * i);
    fwrite(length, 1, sizeof length, f);
    put_header(&header, c);
    for (int i = 0; i < c->n; i++) write_tensor(c->tensors + i, f);
    return IL_OK;
}

static il_status refuse(il_error *err, const char *path, const char *name, const char *why)
{
    return il_fail(err, IL_ECONFIG, "%s cannot hold '%s': %s", path, il_show(name).text,
                   why);
}

static const char twice[] = "the name is given twice", no_text[] = "it is not UTF-8 text";

/* Every byte begins or continues a character; controls are escaped. */
static int is_utf8(const char *text)
{
    size_t left = strlen(text), size = 1;
    for (; left && size; text += size, left -= size) size = il_utf8_size(text, left);
    return size != 0;
}

static il_status check(const contents *c, const char *path, il_error *err)
{
    for (int i = 0; i < c->nmeta; i++) {
        const char *key = c->meta[i].key;
        if (!is_utf8(key) || !is_utf8(c->meta[i].value))
            return refuse(err, path, key, no_text);
        for (int j = 0; j < i; j++)
            if (!strcmp(c->meta[j].key, key)) return refuse(err, path, key, twice);
    }
    for (int i = 0; i < c->n; i++) {
        const char *name = c->tensors[i].name;
        if (!is_utf8(name)) return refuse(err, path, name, no_text);
        for (int j = 0; j < i; j++)
            if (!strcmp(c->tensors[j].name, name)) return refuse(err, path, name, twice);
        if (c->nmeta && !strcmp(name, "__metadata__"))
            return refuse(err, path, name, twice);
    }
    return IL_OK;
}

il_status il_tensors_write(const char *path, const il_tensor *tensors, int n,
                           const il_meta *meta, int nmeta, il_error *err)
{
    contents c = { tensors, n, meta, nmeta };
    IL_TRY(check(&c, path, err));
    return il_file_write_atomic(path, fill, &c, err);
}
