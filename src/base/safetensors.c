/* safetensors.c - reads named arrays from a file, with all lengths and offsets checked
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
#include <stdlib.h>

enum { HEADER_BYTES = 1 << 24 }; /* the largest header we parse */
static const size_t file_bytes = 0xffffffffu;

/* "key": value of an object */
typedef struct {
    il_json key, value;
    int order; /* in the object */
} member;

typedef struct {
    il_tensor tensor; /* no name and no data yet */
    size_t begin, end;
    const member *from;
} span;

struct il_tensors {
    il_arena arena;
    il_tensor *tensor;
    il_meta *meta;
    int count, metas;
};

/* ---- the header -------------------------------------------------------------------------------- */

static il_shown shown(il_json string)
{
    char text[sizeof(il_shown) + 8];
    il_json_text(string, text, sizeof text);
    return il_show(text);
}

static il_status complain(il_error *err, const char *file, il_json tensor, const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s: tensor '%s' %s", file, shown(tensor).text, what);
}

static il_status read_shape(il_tensor *t, const member *m, il_json shape, const char *file,
                            il_error *err)
{
    il_json key, value;
    size_t count = il_dtype_bytes(t->dtype);
    if (!il_json_is(shape, '[')) return complain(err, file, m->key, "has no shape");
    for (il_json_walk walk = il_json_open(shape); il_json_next(&walk, &key, &value);) {
        size_t extent;
        if (t->ndim == IL_TENSOR_DIMS)
            return complain(err, file, m->key, "has more than 8 dimensions");
        if (!il_json_size(value, &extent))
            return complain(err, file, m->key,
                            "has a shape that is not made of whole numbers from 0 up");
        if (extent && count > file_bytes / extent)
            return complain(err, file, m->key, "has a shape too large for any file");
        count *= extent;
        t->shape[t->ndim++] = (int64_t)extent;
    }
    return IL_OK;
}

/* [begin, end] */
static int read_offsets(span *s, il_json offsets)
{
    il_json key, first, second;
    il_json_walk walk = il_json_open(offsets);
    return il_json_is(offsets, '[') && il_json_count(offsets) == 2 &&
           il_json_next(&walk, &key, &first) && il_json_next(&walk, &key, &second) &&
           il_json_size(first, &s->begin) && il_json_size(second, &s->end) &&
           s->begin <= s->end;
}

static il_status read_dtype(il_tensor *t, const member *m, il_json dtype, const char *file,
                            il_error *err)
{
    char name[16] = "";
    if (!il_json_is(dtype, '"')) return complain(err, file, m->key, "has no dtype");
    il_json_text(dtype, name, sizeof name);
    if (il_dtype_find(&t->dtype, name)) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s: tensor '%s' has the unknown dtype '%s'", file,
                   shown(m->key).text, shown(dtype).text);
}

/* The members that a tensor must have */
enum { DTYPE, SHAPE, OFFSETS, PARTS };

static il_status find_parts(il_json part[PARTS], const member *m, const char *file,
                            il_error *err)
{
    static const char *const names[PARTS] = { "dtype", "shape", "data_offsets" };
    il_json key, value;
    char name[16];
    for (il_json_walk walk = il_json_open(m->value); il_json_next(&walk, &key, &value);) {
        if (walk.keyed) il_json_text(key, name, sizeof name);
        for (int i = 0; walk.keyed && i < PARTS; i++) {
            if (strcmp(name, names[i])) continue;
            if (part[i].at)
                return il_fail(err, IL_ECONFIG, "%s: tensor '%s' says '%s' twice", file,
                               shown(m->key).text, name);
            part[i] = value;
        }
    }
    return IL_OK;
}

/* One "name": {...} of the header, for `data` bytes of data. */
static il_status read_span(span *s, const member *m, size_t data, const char *file,
                           il_error *err)
{
    il_json part[PARTS] = { 0 };
    s->from = m;
    if (!il_json_text(m->key, NULL, 0)) return complain(err, file, m->key, "has no name");
    IL_TRY(find_parts(part, m, file, err));
    IL_TRY(read_dtype(&s->tensor, m, part[DTYPE], file, err));
    IL_TRY(read_shape(&s->tensor, m, part[SHAPE], file, err));
    if (!read_offsets(s, part[OFFSETS]))
        return complain(err, file, m->key,
                        "has no data_offsets [begin, end] with begin <= end");
    if (s->end > data)
        return il_fail(err, IL_ECONFIG,
                       "%s: tensor '%s' ends at byte %zu of the data, which has only %zu: "
                       "the file is truncated or damaged",
                       file, shown(m->key).text, s->end, data);
    if (s->end - s->begin != il_tensor_bytes(&s->tensor))
        return il_fail(err, IL_ECONFIG,
                       "%s: tensor '%s' has %zu bytes, but its shape and dtype need %zu",
                       file, shown(m->key).text, s->end - s->begin,
                       il_tensor_bytes(&s->tensor));
    return IL_OK;
}

static int by_offset(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return x->from->order - y->from->order;
}

/* Sorts the spans by place. They must tile the data. */
static il_status check_tiling(span *spans, int n, size_t data, const char *file,
                              il_error *err)
{
    size_t end = 0;
    qsort(spans, (size_t)n, sizeof *spans, by_offset);
    for (int i = 0; i < n; end = spans[i++].end) {
        il_json name = spans[i].from->key;
        if (spans[i].begin < end)
            return il_fail(err, IL_ECONFIG, "%s: tensor '%s' overlaps tensor '%s'", file,
                           shown(name).text, shown(spans[i - 1].from->key).text);
        if (spans[i].begin > end)
            return il_fail(err, IL_ECONFIG,
                           "%s: %zu bytes before tensor '%s' belong to no tensor", file,
                           spans[i].begin - end, shown(name).text);
    }
    if (end != data)
        return il_fail(err, IL_ECONFIG,
                       "%s: the last %zu bytes of the file belong to no tensor", file,
                       data - end);
    return IL_OK;
}

static int by_key(const void *a, const void *b)
{
    return il_json_order(((const member *)a)->key, ((const member *)b)->key);
}

static int by_order(const void *a, const void *b)
{
    return ((const member *)a)->order - ((const member *)b)->order;
}

/* The members of an object, of which there are n, in its order. No key may stand there twice. */
static il_status read_members(member *list, int n, il_json object, const char *file,
                              il_error *err)
{
    il_json_walk walk = il_json_open(object);
    for (int i = 0; i < n; i++) {
        il_json_next(&walk, &list[i].key, &list[i].value);
        list[i].order = i;
    }
    qsort(list, (size_t)n, sizeof *list, by_key);
    for (int i = 1; i < n; i++)
        if (!by_key(list + i - 1, list + i))
            return il_fail(err, IL_ECONFIG, "%s: its header says '%s' twice", file,
                           shown(list[i].key).text);
    qsort(list, (size_t)n, sizeof *list, by_order);
    return IL_OK;
}

/* ---- the tensors ------------------------------------------------------------------------------- */

/* What a header says, in its own words */
typedef struct {
    member *entries, *meta;
    span *spans;
    int n_entries, n_meta, n; /* n tensors: all entries but __metadata__ */
} header;

static const char *keep(il_arena *arena, il_json text)
{
    size_t bytes = il_json_text(text, NULL, 0) + 1;
    char *copy = il_arena_take(arena, bytes);
    if (copy) il_json_text(text, copy, bytes);
    return copy;
}

/* Run twice: to measure, and to copy. */
static void layout(il_tensors *t, const header *h, const char *data)
{
    t->tensor = il_take(&t->arena, il_tensor, t->count);
    t->meta = il_take(&t->arena, il_meta, t->metas);
    for (int i = 0; i < t->metas; i++) {
        il_meta m = { keep(&t->arena, h->meta[i].key), keep(&t->arena, h->meta[i].value) };
        if (t->meta) t->meta[i] = m;
    }
    for (int i = 0; i < t->count; i++) {
        const span *s = h->spans + i;
        il_tensor tensor = s->tensor;
        tensor.name = keep(&t->arena, s->from->key);
        void *copy = il_arena_take(&t->arena, s->end - s->begin);
        if (!copy) continue;
        il_copy_little_endian(copy, data + s->begin, il_tensor_count(&tensor),
                              il_dtype_bytes(tensor.dtype));
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

static il_status read_meta(header *h, il_json meta, const char *file, il_error *err)
{
    if (meta.at && !il_json_is(meta, '{'))
        return il_fail(err, IL_ECONFIG, "%s: __metadata__ is not a JSON object", file);
    IL_TRY(read_members(h->meta, h->n_meta, meta, file, err));
    for (int i = 0; i < h->n_meta; i++)
        if (!il_json_is(h->meta[i].value, '"'))
            return il_fail(err, IL_ECONFIG, "%s: __metadata__ key '%s' is not a text", file,
                           shown(h->meta[i].key).text);
    return IL_OK;
}

/* Reads the header of `data` bytes of data, and checks all of it. */
static il_status read_header(header *h, il_json object, size_t data, const char *file,
                             il_error *err)
{
    il_json meta = il_json_find(object, "__metadata__");
    h->n_entries = il_json_count(object);
    h->n_meta = il_json_count(meta);
    h->entries = calloc((size_t)h->n_entries + 1, sizeof *h->entries);
    h->meta = calloc((size_t)h->n_meta + 1, sizeof *h->meta);
    h->spans = calloc((size_t)h->n_entries + 1, sizeof *h->spans);
    if (!h->entries || !h->meta || !h->spans)
        return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", file);
    IL_TRY(read_members(h->entries, h->n_entries, object, file, err));
    IL_TRY(read_meta(h, meta, file, err));
    for (int i = 0; i < h->n_entries; i++)
        if (h->entries[i].value.at != meta.at)
            IL_TRY(read_span(h->spans + h->n++, h->entries + i, data, file, err));
    return check_tiling(h->spans, h->n, data, file, err);
}

static il_status copy_tensors(il_tensors **tensors, const header *h, const char *data,
                              const char *file, il_error *err)
{
    il_tensors *t = calloc(1, sizeof *t);
    if (!t) return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", file);
    t->count = h->n;
    t->metas = h->n_meta;
    layout(t, h, data);
    il_status status = il_arena_fill(&t->arena, err);
    if (!status) layout(t, h, data);
    if (!status) status = check_digest(t, file, err);
    if (status)
        il_tensors_free(t);
    else
        *tensors = t;
    return status;
}

static const char *copy_text(il_arena *arena, const char *text)
{
    char *copy = il_arena_take(arena, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* Run twice: to measure, and to copy. */
static void layout_given(il_tensors *t, const il_tensor *from, const il_meta *meta)
{
    t->tensor = il_take(&t->arena, il_tensor, t->count);
    t->meta = il_take(&t->arena, il_meta, t->metas);
    for (int i = 0; i < t->metas; i++) {
        il_meta m = { copy_text(&t->arena, meta[i].key),
                      copy_text(&t->arena, meta[i].value) };
        if (t->meta) t->meta[i] = m;
    }
    for (int i = 0; i < t->count; i++) {
        il_tensor tensor = from[i];
        tensor.name = copy_text(&t->arena, from[i].name);
        void *copy = il_arena_take(&t->arena, il_tensor_bytes(from + i));
        if (!copy) continue;
        il_copy_little_endian(copy, from[i].data, il_tensor_count(from + i),
                              il_dtype_bytes(from[i].dtype));
        tensor.data = copy;
        t->tensor[i] = tensor;
    }
}

il_status il_tensors_new(il_tensors **tensors, const il_tensor *from, int n,
                         const il_meta *meta, int nmeta, const char *name, il_error *err)
{
    il_tensors *t = calloc(1, sizeof *t);
    if (!t) return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", name);
    t->count = n;
    t->metas = nmeta;
    layout_given(t, from, meta);
    il_status status = il_arena_fill(&t->arena, err);
    if (!status) layout_given(t, from, meta);
    if (status)
        il_tensors_free(t);
    else
        *tensors = t;
    return status;
}

static il_status find_object(il_json *object, const char *text, size_t bytes,
                             const char *file, il_error *err)
{
    size_t where;
    if (*text != '{')
        return il_fail(err, IL_ECONFIG,
                       "%s: its header does not begin with '{'; is it a "
                       "safetensors file?",
                       file);
    const char *why = il_json_check(object, text, bytes, &where);
    if (!why) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s: its header is not JSON: %s (byte %zu)", file, why,
                   where);
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
    il_json object;
    header h = { 0 };
    IL_TRY(find_object(&object, text, (size_t)length, name, err));
    const char *data = text + length;
    il_status status = read_header(&h, object, size - 8 - (size_t)length, name, err);
    if (!status) status = copy_tensors(tensors, &h, data, name, err);
    free(h.entries);
    free(h.meta);
    free(h.spans);
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
