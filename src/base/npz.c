/* npz.c - the files of arrays that numpy writes: .npy, and .npz, a zip archive of them
 *
 * A .npy file is the bytes \x93NUMPY, a version, the length of a header, the header (the text of a Python dictionary
 * with the keys descr, fortran_order and shape), and the numbers. A zip archive has each member behind a local header,
 * then a directory with their names, sizes, checksums and places, and the directory's place at its end. Members are
 * stored as they are: numpy.savez does not compress, and reading what savez_compressed writes would need zlib.
 * Metadata, for which numpy has no place, are an array `settings` of texts "key=value".
 *
 * Source: NumPy's format description, numpy.lib.format, versions 1.0 to 3.0; PKWARE's APPNOTE.TXT, 6.3.
 */
#include "base/base.h"

#include <stdlib.h>

#define SETTINGS "settings"
enum {
    LOCAL = 0x04034b50,
    ENTRY = 0x02014b50,
    END = 0x06054b50,
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    HEAD = 1024, /* the longest header of a .npy that is read */
};
static const size_t file_bytes = 0xffffffffu;

static const struct {
    const char *descr;
    il_dtype dtype;
} kinds[] = {
    { "<f4", IL_DTYPE_F32 },  { "<f8", IL_DTYPE_F64 }, { "<f2", IL_DTYPE_F16 },
    { "|b1", IL_DTYPE_BOOL }, { "|i1", IL_DTYPE_I8 },  { "|u1", IL_DTYPE_U8 },
    { "<i2", IL_DTYPE_I16 },  { "<u2", IL_DTYPE_U16 }, { "<i4", IL_DTYPE_I32 },
    { "<u4", IL_DTYPE_U32 },  { "<i8", IL_DTYPE_I64 }, { "<u8", IL_DTYPE_U64 },
};

/* Of a zip archive: the polynomial of IEEE 802.3, its bits reversed */
static uint32_t checksum(uint32_t crc, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (crc = ~crc; n--; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* Where a member goes; f NULL: it is only measured */
typedef struct {
    FILE *f;
    uint32_t crc;
    size_t bytes;
} sink;

typedef struct {
    const il_tensor *tensors;
    const il_meta *meta;
    sink *member; /* (n, and one more of metadata) what each was measured to be */
    int n, nmeta;
} contents;

static void put(sink *to, const void *bytes, size_t n)
{
    if (to->f)
        fwrite(bytes, 1, n, to->f); /* the stream remembers the error */
    else
        to->crc = checksum(to->crc, bytes, n);
    to->bytes += n;
}

static void put_number(FILE *f, uint64_t value, int bytes)
{
    for (; bytes--; value >>= 8) fputc((int)(value & 255), f);
}

/* The header, padded so that the numbers begin at a multiple of 64 */
static void put_head(sink *to, const char *descr, const int64_t *shape, int ndim)
{
    char text[HEAD];
    int at = snprintf(text, sizeof text,
                      "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < ndim; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%lld, ", (long long)shape[i]);
    at += snprintf(text + at, sizeof text - (size_t)at, "), }");
    while ((at + 11) % 64) text[at++] = ' ';
    text[at++] = '\n';
    put(to,
        (char[]){ '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(at & 255),
                  (char)(at >> 8) },
        10);
    put(to, text, (size_t)at);
}

static void put_tensor(sink *to, const il_tensor *t)
{
    enum { CHUNK = 4096 };
    char chunk[CHUNK];
    size_t size = il_dtype_bytes(t->dtype), left = il_tensor_count(t);
    int kind = 0;
    while (kinds[kind].dtype != t->dtype) kind++;
    put_head(to, kinds[kind].descr, t->shape, t->ndim);
    for (const char *data = t->data; left;) {
        size_t n = left < CHUNK / size ? left : CHUNK / size;
        il_copy_little_endian(chunk, data, n, size);
        put(to, chunk, n * size);
        data += n * size;
        left -= n;
    }
}

static void put_meta(sink *to, const il_meta *meta, int n)
{
    char descr[32];
    size_t width = 1;
    for (int i = 0; i < n; i++) {
        size_t size = strlen(meta[i].key) + 1 + strlen(meta[i].value);
        if (size > width) width = size;
    }
    snprintf(descr, sizeof descr, "|S%zu", width);
    put_head(to, descr, (int64_t[]){ n }, 1);
    for (int i = 0; i < n; i++) {
        size_t size = strlen(meta[i].key) + 1 + strlen(meta[i].value);
        put(to, meta[i].key, strlen(meta[i].key));
        put(to, "=", 1);
        put(to, meta[i].value, strlen(meta[i].value));
        for (; size < width; size++) put(to, "", 1);
    }
}

static void put_member(sink *to, const contents *c, int i)
{
    if (i < c->n)
        put_tensor(to, c->tensors + i);
    else
        put_meta(to, c->meta, c->nmeta);
}

static const char *name_of(const contents *c, int i)
{
    return i < c->n ? c->tensors[i].name : SETTINGS;
}

/* What a local header and an entry of the directory have in common */
static void put_fields(FILE *f, const contents *c, int i)
{
    const sink *m = &c->member[i];
    put_number(f, 20, 2);   /* version of the format */
    put_number(f, 0, 4);    /* no flags, stored */
    put_number(f, 0, 2);    /* midnight, */
    put_number(f, 0x21, 2); /* of 1 January 1980: the same bytes at any time */
    put_number(f, m->crc, 4);
    put_number(f, m->bytes, 4);
    put_number(f, m->bytes, 4);
    put_number(f, strlen(name_of(c, i)) + 4, 2);
    put_number(f, 0, 2);
}

static int members(const contents *c) { return c->n + (c->nmeta > 0); }

static size_t member_bytes(const contents *c, int i)
{
    return LOCAL_BYTES + strlen(name_of(c, i)) + 4 + c->member[i].bytes;
}

static il_status fill(const void *context, FILE *f, il_error *err)
{
    (void)err;
    const contents *c = context;
    size_t at = 0, directory = 0;
    for (int i = 0; i < members(c); i++) {
        sink to = { .f = f };
        put_number(f, LOCAL, 4);
        put_fields(f, c, i);
        fprintf(f, "%s.npy", name_of(c, i));
        put_member(&to, c, i);
        directory += member_bytes(c, i);
    }
    for (int i = 0; i < members(c); at += member_bytes(c, i++)) {
        put_number(f, ENTRY, 4);
        put_number(f, 20, 2);
        put_fields(f, c, i);
        put_number(f, 0, 8); /* comment, disk, attributes */
        put_number(f, 0, 2);
        put_number(f, at, 4);
        fprintf(f, "%s.npy", name_of(c, i));
    }
    put_number(f, END, 4);
    put_number(f, 0, 4);
    put_number(f, (uint64_t)members(c), 2);
    put_number(f, (uint64_t)members(c), 2);
    size_t entries = 0;
    for (int i = 0; i < members(c); i++) entries += ENTRY_BYTES + strlen(name_of(c, i)) + 4;
    put_number(f, entries, 4);
    put_number(f, directory, 4);
    put_number(f, 0, 2);
    return IL_OK;
}

il_status il_npz_write(const char *path, const il_tensor *tensors, int n,
                       const il_meta *meta, int nmeta, il_error *err)
{
    contents c = { .tensors = tensors, .meta = meta, .n = n, .nmeta = nmeta };
    size_t total = 0;
    c.member = calloc((size_t)n + 1, sizeof *c.member);
    if (!c.member)
        return il_fail(err, IL_EFAIL, "%s: out of memory while writing it", path);
    for (int i = 0; i < members(&c); i++) {
        put_member(&c.member[i], &c, i);
        total += member_bytes(&c, i);
    }
    il_status status = total < file_bytes / 2
                           ? il_file_write_atomic(path, fill, &c, err)
                           : il_fail(err, IL_ECONFIG,
                                     "%s: more than 2 GiB; write a safetensors file", path);
    free(c.member);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* A file, or a member of one */
typedef struct {
    const unsigned char *at;
    size_t size;
    const char *file; /* in errors */
} piece;

typedef struct {
    il_tensor tensor;
    char name[IL_TEXT];
} named;

static uint32_t number(const unsigned char *p, int bytes)
{
    uint32_t value = 0;
    while (bytes--) value = value << 8 | p[bytes];
    return value;
}

static il_status wrong(const piece *p, const char *name, const char *what, il_error *err)
{
    return il_fail(err, IL_ECONFIG, *name ? "%s: its array '%s' %s" : "%s:%s its array %s",
                   il_show(p->file).text, il_show(name).text, what);
}

/* "(3, 4, 5)" */
static int read_shape(il_tensor *t, const char *text)
{
    size_t count = 1;
    if (*text++ != '(') return 0;
    while (*text != ')') {
        char *end;
        long long value = strtoll(text, &end, 10);
        if (end == text || t->ndim == IL_TENSOR_DIMS || value < 0) return 0;
        if (value && count > file_bytes / (size_t)value) return 0;
        count *= (size_t)value;
        t->shape[t->ndim++] = value;
        text = end + strspn(end, ", ");
    }
    return 1;
}

/* A .npy: dtype, shape and where its numbers begin, still little-endian. *width: bytes of a text, of an array of
 * texts, which are taken for U8; 0 of others */
static il_status read_array(il_tensor *t, size_t *width, const piece *p, il_error *err)
{
    char head[HEAD];
    size_t from = p->size > 6 && p->at[6] == 1 ? 10 : 12;
    size_t length = p->size < from ? 0 : number(p->at + 8, (int)from - 8);
    if (p->size < from || memcmp(p->at, "\x93NUMPY", 6) || p->at[6] > 3 ||
        length >= sizeof head || p->size < from + length)
        return wrong(p, t->name, "has no header that is known", err);
    memcpy(head, p->at + from, length);
    head[length] = 0;
    const char *shape = strstr(head, "'shape': "), *descr = strstr(head, "'descr': '");
    int kind = 0;
    while (descr && kind < IL_COUNT(kinds) && strncmp(descr + 10, kinds[kind].descr, 3))
        kind++;
    *width = descr && !strncmp(descr + 10, "|S", 2) ? strtoul(descr + 12, NULL, 10) : 0;
    if (!*width && (!descr || kind == IL_COUNT(kinds)))
        return wrong(p, t->name,
                     "is not of little-endian numbers; save it as float32 or float64", err);
    if (!strstr(head, "'fortran_order': False"))
        return wrong(p, t->name,
                     "is not in row-major order; save numpy.ascontiguousarray of it", err);
    if (!shape || !read_shape(t, shape + 9))
        return wrong(p, t->name, "has a shape of too many or too large dimensions", err);
    t->dtype = *width ? IL_DTYPE_U8 : kinds[kind].dtype;
    t->data = p->at + from + length;
    size_t size = *width ? *width : il_dtype_bytes(t->dtype),
           have = p->size - from - length;
    if (have / size != il_tensor_count(t) || have % size)
        return wrong(p, t->name, "is cut off, or followed by more bytes", err);
    return IL_OK;
}

/* The member that an entry of the directory speaks of */
static il_status find_member(piece *member, const piece *file, const unsigned char *entry,
                             const char *name, il_error *err)
{
    size_t at = number(entry + 42, 4), size = number(entry + 24, 4);
    int method = (int)number(entry + 10, 2);
    if (method || number(entry + 8, 2) & 1)
        return wrong(file, name,
                     method == 8
                         ? "is compressed; save it with numpy.savez, not savez_compressed"
                         : "is encrypted or packed in an unknown way",
                     err);
    size_t begin = at + LOCAL_BYTES;
    if (begin <= file->size && number(file->at + at, 4) == LOCAL)
        begin += number(file->at + at + 26, 2) + number(file->at + at + 28, 2);
    else
        begin = file->size + 1;
    if (begin > file->size || size > file->size - begin)
        return wrong(file, name, "lies outside of the file: it is truncated or damaged",
                     err);
    *member = (piece){ file->at + begin, size, file->file };
    if (checksum(0, member->at, size) != number(entry + 16, 4))
        return wrong(file, name, "does not have the bytes that were written: it is damaged",
                     err);
    return IL_OK;
}

/* "key=value" of every text of settings; copies into `text`, which has room */
static int read_settings(il_meta *meta, char *text, const il_tensor *t, size_t width)
{
    int n = 0;
    for (size_t i = 0; i < il_tensor_count(t); i++, text += width + 1) {
        memcpy(text, (const char *)t->data + i * width, width);
        text[width] = 0;
        char *value = strchr(text, '=');
        if (!value) continue;
        *value = 0;
        meta[n++] = (il_meta){ text, value + 1 };
    }
    return n;
}

static il_status hand_out(il_tensors **tensors, const named *all, int n,
                          const il_tensor *settings, size_t width, const char *file,
                          il_error *err)
{
    size_t texts = settings ? il_tensor_count(settings) : 0;
    il_tensor *list = calloc((size_t)n + 1, sizeof *list);
    il_meta *meta = calloc(texts + 1, sizeof *meta);
    char *text = calloc(texts + 1, width + 1);
    il_status status =
        list && meta && text
            ? IL_OK
            : il_fail(err, IL_EFAIL, "%s: out of memory while reading it", file);
    for (int i = 0; !status && i < n; i++) {
        list[i] = all[i].tensor;
        list[i].name = all[i].name;
    }
    int nmeta = !status && settings ? read_settings(meta, text, settings, width) : 0;
    if (!status) status = il_tensors_new(tensors, list, n, meta, nmeta, file, err);
    free(list);
    free(meta);
    free(text);
    return status;
}

/* Reads the members that `at`, the directory, lists. */
static il_status read_members(il_tensors **tensors, named *all, const piece *file,
                              size_t at, int n, il_error *err)
{
    il_tensor settings = { 0 };
    size_t width, texts = 0;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        const unsigned char *entry = file->at + at;
        named *to = &all[kept];
        piece member;
        size_t length = at + ENTRY_BYTES <= file->size ? number(entry + 28, 2) : 0;
        *to = (named){ 0 };
        if (length < 5 || at + ENTRY_BYTES + length > file->size ||
            number(entry, 4) != ENTRY ||
            memcmp(entry + ENTRY_BYTES + length - 4, ".npy", 4) ||
            length >= sizeof to->name)
            return il_fail(err, IL_ECONFIG,
                           "%s: not an archive of arrays alone, as numpy.savez "
                           "writes it",
                           il_show(file->file).text);
        memcpy(to->name, entry + ENTRY_BYTES, length - 4);
        to->tensor.name = to->name;
        IL_TRY(find_member(&member, file, entry, to->name, err));
        IL_TRY(read_array(&to->tensor, &width, &member, err));
        at += ENTRY_BYTES + length + number(entry + 30, 2) + number(entry + 32, 2);
        if (!width)
            kept++;
        else if (!strcmp(to->name, SETTINGS))
            settings = to->tensor, texts = width;
    }
    return hand_out(tensors, all, kept, texts ? &settings : NULL, texts, file->file, err);
}

static il_status read_archive(il_tensors **tensors, const piece *file, il_error *err)
{
    size_t end = file->size < END_BYTES ? 0 : file->size - END_BYTES + 1;
    while (end && number(file->at + end - 1, 4) != END) end--;
    int n = end ? (int)number(file->at + end - 1 + 10, 2) : 0;
    if (!end)
        return il_fail(err, IL_ECONFIG,
                       "%s: its directory is missing: it is truncated or damaged",
                       il_show(file->file).text);
    named *all = calloc((size_t)n + 1, sizeof *all);
    if (!all)
        return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", file->file);
    il_status status =
        read_members(tensors, all, file, number(file->at + end - 1 + 16, 4), n, err);
    free(all);
    return status;
}

static il_status read_one(il_tensors **tensors, const piece *file, il_error *err)
{
    named one = { .tensor = { .name = "" } };
    size_t width;
    IL_TRY(read_array(&one.tensor, &width, file, err));
    if (width) return wrong(file, "", "is of texts, not of numbers", err);
    return hand_out(tensors, &one, 1, NULL, 0, file->file, err);
}

il_status il_arrays_read(il_tensors **tensors, const char *path, il_error *err)
{
    char *bytes;
    size_t size;
    IL_TRY(il_file_read(&bytes, &size, path, file_bytes, err));
    piece file = { (const unsigned char *)bytes, size, path };
    il_status status =
        size >= 6 && !memcmp(bytes, "\x93NUMPY", 6) ? read_one(tensors, &file, err)
        : size >= 4 && (number(file.at, 4) == LOCAL || number(file.at, 4) == END)
            ? read_archive(tensors, &file, err)
            : il_tensors_parse(tensors, bytes, size, path, err);
    free(bytes);
    return status;
}
