/* safetensors.c - named arrays in a file: reading, with distrust
 *
 *   8 bytes     n, little-endian
 *   n bytes     JSON: {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [0, 24]}, ...,
 *               "__metadata__": {"key": "value", ...}}, perhaps followed by spaces
 *   the rest    the data, little-endian; offsets count from its start
 *
 * The tensors tile the data: no hole, no overlap, nothing behind. Everything in the header is
 * checked against the bytes that are there before a byte of data is touched.
 *
 * Source: github.com/huggingface/safetensors, "Format".
 */
#include "base/base.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { HEADER_BYTES = 1 << 24 }; /* the largest header we parse */
static const size_t file_bytes = 0xffffffffu;

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [IL_DTYPE_BOOL] = { "BOOL", 1 },       [IL_DTYPE_U8] = { "U8", 1 },
    [IL_DTYPE_I8] = { "I8", 1 },           [IL_DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
    [IL_DTYPE_F8_E4M3] = { "F8_E4M3", 1 }, [IL_DTYPE_I16] = { "I16", 2 },
    [IL_DTYPE_U16] = { "U16", 2 },         [IL_DTYPE_F16] = { "F16", 2 },
    [IL_DTYPE_BF16] = { "BF16", 2 },       [IL_DTYPE_I32] = { "I32", 4 },
    [IL_DTYPE_U32] = { "U32", 4 },         [IL_DTYPE_F32] = { "F32", 4 },
    [IL_DTYPE_F64] = { "F64", 8 },         [IL_DTYPE_I64] = { "I64", 8 },
    [IL_DTYPE_U64] = { "U64", 8 },
};

typedef struct {
    il_tensor tensor; /* its name still belongs to the JSON; no data yet */
    size_t begin, end;
    int order; /* in the header */
} span;

struct il_tensors {
    il_arena arena;
    il_tensor *tensor;
    il_meta *meta;
    int count, metas;
};

/* ---- one tensor ------------------------------------------------------------------------------ */

size_t il_tensor_count(const il_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= (size_t)t->shape[i];
    return n;
}

size_t il_dtype_bytes(il_dtype dtype) { return dtypes[dtype].size; }
const char *il_dtype_name(il_dtype dtype) { return dtypes[dtype].name; }

size_t il_tensor_bytes(const il_tensor *t)
{
    return il_tensor_count(t) * dtypes[t->dtype].size;
}

/* Both are exact in a float. */
static float from_bf16(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

static float from_f16(uint16_t x)
{
    int exponent = x >> 10 & 31, fraction = x & 1023;
    float y = exponent == 31 ? fraction ? NAN : INFINITY
              : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                             : ldexpf((float)fraction, -24);
    return x >> 15 ? -y : y;
}

il_status il_tensor_reals(const il_tensor *t, il_real *y, il_error *err)
{
    size_t n = y ? il_tensor_count(t) : 0;
    if (t->dtype == IL_DTYPE_F32) {
        const float *x = t->data;
        for (size_t i = 0; i < n; i++) y[i] = (il_real)x[i];
    } else if (t->dtype == IL_DTYPE_F64) {
        const double *x = t->data;
        for (size_t i = 0; i < n; i++) y[i] = (il_real)x[i];
    } else if (t->dtype == IL_DTYPE_BF16 || t->dtype == IL_DTYPE_F16) {
        const uint16_t *x = t->data;
        for (size_t i = 0; i < n; i++)
            y[i] = (il_real)(t->dtype == IL_DTYPE_F16 ? from_f16(x[i]) : from_bf16(x[i]));
    } else {
        return il_fail(err, IL_ECONFIG,
                       "tensor '%s' has dtype %s, but F32, F64, BF16 or F16 is needed here",
                       il_show(t->name).text, dtypes[t->dtype].name);
    }
    return IL_OK;
}

void il_copy_little_endian(void *to, const void *from, size_t n, size_t size)
{
    const uint16_t one = 1;
    unsigned char *y = to;
    const unsigned char *x = from;
    if (*(const unsigned char *)&one || size == 1) {
        if (n) memcpy(y, x, n * size);
        return;
    }
    for (size_t i = 0; i < n; i++, x += size, y += size)
        for (size_t j = 0; j < size; j++) y[j] = x[size - 1 - j];
}

/* ---- the header -------------------------------------------------------------------------------- */

static il_status complain(il_error *err, const char *file, const char *tensor,
                          const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s: tensor '%s' %s", file, il_show(tensor).text, what);
}

/* A JSON number as a size. */
static int is_size(const json_t *value, size_t *size)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || (uintmax_t)n > SIZE_MAX) return 0;
    *size = (size_t)n;
    return 1;
}

static il_status read_shape(il_tensor *t, const json_t *shape, const char *file,
                            il_error *err)
{
    if (!json_is_array(shape)) return complain(err, file, t->name, "has no shape");
    if (json_array_size(shape) > IL_TENSOR_DIMS)
        return complain(err, file, t->name, "has more than 8 dimensions");
    t->ndim = (int)json_array_size(shape);
    size_t count = dtypes[t->dtype].size;
    for (int i = 0; i < t->ndim; i++) {
        size_t extent;
        if (!is_size(json_array_get(shape, (size_t)i), &extent))
            return complain(err, file, t->name,
                            "has a shape that is not made of whole numbers from 0 up");
        if (extent && count > file_bytes / extent)
            return complain(err, file, t->name, "has a shape too large for any file");
        count *= extent;
        t->shape[i] = (int64_t)extent;
    }
    return IL_OK;
}

/* One "name": {...} of the header, for `data` bytes of data. */
static il_status read_span(span *s, const char *name, const json_t *entry, size_t data,
                           const char *file, il_error *err)
{
    s->tensor.name = name;
    if (!*name) return complain(err, file, name, "has no name");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype) return complain(err, file, name, "has no dtype");
    int i = 0;
    while (i < IL_COUNT(dtypes) && strcmp(dtypes[i].name, dtype)) i++;
    if (i == IL_COUNT(dtypes))
        return il_fail(err, IL_ECONFIG, "%s: tensor '%s' has the unknown dtype '%s'", file,
                       il_show(name).text, il_show(dtype).text);
    s->tensor.dtype = (il_dtype)i;
    IL_TRY(read_shape(&s->tensor, json_object_get(entry, "shape"), file, err));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2 || !is_size(json_array_get(offsets, 0), &s->begin) ||
        !is_size(json_array_get(offsets, 1), &s->end) || s->begin > s->end)
        return complain(err, file, name,
                        "has no data_offsets [begin, end] with begin <= end");
    if (s->end > data)
        return il_fail(err, IL_ECONFIG,
                       "%s: tensor '%s' ends at byte %zu of the data, which has only %zu: "
                       "the file is truncated or damaged",
                       file, il_show(name).text, s->end, data);
    if (s->end - s->begin != il_tensor_bytes(&s->tensor))
        return il_fail(err, IL_ECONFIG,
                       "%s: tensor '%s' has %zu bytes, but its shape and dtype need %zu",
                       file, il_show(name).text, s->end - s->begin,
                       il_tensor_bytes(&s->tensor));
    return IL_OK;
}

static int by_offset(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return x->order - y->order;
}

/* Sorts the spans by place. They must tile the data. */
static il_status check_tiling(span *spans, int n, size_t data, const char *file,
                              il_error *err)
{
    size_t end = 0;
    qsort(spans, (size_t)n, sizeof *spans, by_offset);
    for (int i = 0; i < n; end = spans[i++].end) {
        const char *name = spans[i].tensor.name;
        if (spans[i].begin < end)
            return il_fail(err, IL_ECONFIG, "%s: tensor '%s' overlaps tensor '%s'", file,
                           il_show(name).text, il_show(spans[i - 1].tensor.name).text);
        if (spans[i].begin > end)
            return il_fail(err, IL_ECONFIG,
                           "%s: %zu bytes before tensor '%s' belong to no tensor", file,
                           spans[i].begin - end, il_show(name).text);
    }
    if (end != data)
        return il_fail(err, IL_ECONFIG,
                       "%s: the last %zu bytes of the file belong to no tensor", file,
                       data - end);
    return IL_OK;
}

static il_status check_meta(const json_t *meta, const char *file, il_error *err)
{
    const char *key;
    json_t *value;
    if (meta && !json_is_object(meta))
        return il_fail(err, IL_ECONFIG, "%s: __metadata__ is not a JSON object", file);
    json_object_foreach((json_t *)meta, key, value) if (
        !json_is_string(value)) return il_fail(err, IL_ECONFIG,
                                               "%s: __metadata__ key '%s' is not a text",
                                               file, il_show(key).text);
    return IL_OK;
}

/* ---- the tensors ------------------------------------------------------------------------------- */

static const char *keep(il_arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = il_arena_take(arena, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* Run twice: to measure, and to copy. */
static void layout(il_tensors *t, const span *spans, const json_t *meta, const char *data)
{
    const char *key;
    json_t *value;
    int i = 0;
    t->tensor = il_take(&t->arena, il_tensor, t->count);
    t->meta = il_take(&t->arena, il_meta, t->metas);
    json_object_foreach((json_t *)meta, key, value)
    {
        il_meta m = { keep(&t->arena, key), keep(&t->arena, json_string_value(value)) };
        if (t->meta) t->meta[i++] = m;
    }
    for (i = 0; i < t->count; i++) {
        il_tensor tensor = spans[i].tensor;
        size_t bytes = spans[i].end - spans[i].begin;
        tensor.name = keep(&t->arena, tensor.name);
        void *copy = il_arena_take(&t->arena, bytes);
        if (!copy) continue;
        il_copy_little_endian(copy, data + spans[i].begin, il_tensor_count(&tensor),
                              dtypes[tensor.dtype].size);
        tensor.data = copy;
        t->tensor[i] = tensor;
    }
}

static il_status check_digest(const il_tensors *t, const char *file, il_error *err)
{
    char now[24];
    const char *said = il_tensors_meta(t, IL_DIGEST);
    if (!said) return IL_OK; /* an older file, or one of another program */
    snprintf(now, sizeof now, "%016" PRIx64,
             il_tensors_digest(t->tensor, t->count, t->meta, t->metas));
    if (!strcmp(said, now)) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "%s: its contents have the digest %s, its metadata say %s: it was damaged, "
        "or changed by a program that left `digest` as it was; if the change is "
        "wanted, take `digest` and `hash` out of the metadata",
        file, now, il_show(said).text);
}

/* From the parsed header and the data behind it. */
static il_status build(il_tensors **tensors, json_t *header, span *spans, const char *data,
                       size_t bytes, const char *file, il_error *err)
{
    const json_t *meta = json_object_get(header, "__metadata__");
    const char *name;
    json_t *entry;
    int n = 0;
    IL_TRY(check_meta(meta, file, err));
    json_object_foreach(header, name, entry)
    {
        if (entry == meta) continue;
        spans[n].order = n;
        IL_TRY(read_span(spans + n++, name, entry, bytes, file, err));
    }
    IL_TRY(check_tiling(spans, n, bytes, file, err));
    il_tensors *t = calloc(1, sizeof *t);
    if (!t) return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", file);
    t->count = n;
    t->metas = (int)json_object_size(meta);
    layout(t, spans, meta, data);
    il_status status = il_arena_fill(&t->arena, err);
    if (status != IL_OK) {
        free(t);
        return status;
    }
    layout(t, spans, meta, data);
    status = check_digest(t, file, err);
    if (status != IL_OK)
        il_tensors_free(t);
    else
        *tensors = t;
    return status;
}

static il_status parse_header(json_t **header, const char *text, size_t bytes,
                              const char *file, il_error *err)
{
    json_error_t why;
    *header = *text == '{' ? json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (*header) return IL_OK;
    if (*text != '{')
        return il_fail(err, IL_ECONFIG,
                       "%s: its header does not begin with '{'; is it a "
                       "safetensors file?",
                       file);
    return il_fail(err, IL_ECONFIG, "%s: its header is not JSON: %s (byte %d)", file,
                   il_show(why.text).text, why.position);
}

il_status il_tensors_parse(il_tensors **tensors, const void *file, size_t size,
                           const char *name, il_error *err)
{
    const unsigned char *p = file;
    uint64_t length = 0;
    if (size < 8)
        return il_fail(err, IL_ECONFIG, "%s: %zu bytes are too few for a safetensors file",
                       name, size);
    for (int i = 7; i >= 0; i--) length = length << 8 | p[i];
    if (length >> 32)
        return il_fail(err, IL_ECONFIG, "%s: this is not a safetensors file", name);
    if (length > size - 8)
        return il_fail(err, IL_ECONFIG,
                       "%s: its header has %llu bytes, but only %zu follow: the file is "
                       "truncated or not a safetensors file",
                       name, (unsigned long long)length, size - 8);
    if (length > HEADER_BYTES)
        return il_fail(err, IL_ECONFIG, "%s: its header has more than %d bytes", name,
                       HEADER_BYTES);
    if (!length) return il_fail(err, IL_ECONFIG, "%s: its header is empty", name);
    const char *text = (const char *)file + 8;
    json_t *header;
    IL_TRY(parse_header(&header, text, (size_t)length, name, err));
    span *spans = calloc(json_object_size(header) + 1, sizeof *spans);
    il_status status =
        spans ? build(tensors, header, spans, text + length, size - 8 - (size_t)length,
                      name, err)
              : il_fail(err, IL_EFAIL, "%s: out of memory while reading it", name);
    free(spans);
    json_decref(header);
    return status;
}

il_status il_tensors_read(il_tensors **tensors, const char *path, il_error *err)
{
    char *bytes;
    size_t size;
    IL_TRY(il_file_read(&bytes, &size, path, file_bytes, err));
    il_status status = il_tensors_parse(tensors, bytes, size, path, err);
    free(bytes);
    return status;
}

void il_tensors_free(il_tensors *t)
{
    if (!t) return;
    il_arena_free(&t->arena);
    free(t);
}

int il_tensors_count(const il_tensors *t) { return t->count; }
const il_tensor *il_tensors_at(const il_tensors *t, int i) { return t->tensor + i; }

const il_tensor *il_tensors_find(const il_tensors *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (!strcmp(t->tensor[i].name, name)) return t->tensor + i;
    return NULL;
}

const char *il_tensors_meta(const il_tensors *t, const char *key)
{
    for (int i = 0; i < t->metas; i++)
        if (!strcmp(t->meta[i].key, key)) return t->meta[i].value;
    return NULL;
}
