/* safetensors.c - files of the reference implementation are read, ours read back, and damaged or
 * hostile ones get a sentence */
#include "base/base.h"

#include "folder.h"

/* Written by version 0.8.0 of the Python package, from
 *
 *   save({"w": np.array([[1.5, -2, 0], [3.25, 1e-3, -0.0]], "<f4"),
 *         "h.0.n": np.array([7, -9], "<i8"), "d": np.array(0.1, "<f8"),
 *         "none": np.zeros((0, 3), "<f4"), "flag": np.array([True, False, True])},
 *        {"step": "12", "text": "a \"q\" \u00e4\nb"})
 */
static const char golden_header[] =
    "{\"__metadata__\":{\"step\":\"12\",\"text\":\"a \\\"q\\\" \xc3\xa4\\nb\"},"
    "\"h.0.n\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},"
    "\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[16,24]},"
    "\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[24,24]},"
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
    "\"flag\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[48,51]}}   ";
static const unsigned char golden_data[] = {
    0x07, 0,    0,    0,    0,    0,    0,    0,    0xf7, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0,    0,
    0xc0, 0x3f, 0,    0,    0,    0xc0, 0,    0,    0,    0,    0,    0,    0x50,
    0x40, 0x6f, 0x12, 0x83, 0x3a, 0,    0,    0,    0x80, 1,    0,    1,
};

typedef struct {
    size_t size;
    unsigned char bytes[4096];
} image;

/* A file with this header and `data` bytes (of zeros, where `from` is NULL). */
static image make(const char *header, const void *from, size_t data)
{
    image f = { 0 };
    size_t n = strlen(header);
    assert_true(8 + n + data <= sizeof f.bytes);
    for (int i = 0; i < 8; i++) f.bytes[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(f.bytes + 8, header, n);
    if (from) memcpy(f.bytes + 8 + n, from, data);
    f.size = 8 + n + data;
    return f;
}

static il_tensors *parse(const image *f)
{
    il_tensors *t = NULL;
    CHECK_OK(il_tensors_parse(&t, f->bytes, f->size, "f", &err));
    return t;
}

static void golden_file_is_read(void **state)
{
    (void)state;
    image f = make(golden_header, golden_data, sizeof golden_data);
    assert_int_equal(f.size, 403);
    il_tensors *t = parse(&f);
    assert_int_equal(il_tensors_count(t), 5);
    assert_string_equal(il_tensors_meta(t, "step"), "12");
    assert_string_equal(il_tensors_meta(t, "text"), "a \"q\" ä\nb");
    assert_null(il_tensors_meta(t, "none"));
    assert_null(il_tensors_find(t, "__metadata__"));

    const il_tensor *w = il_tensors_find(t, "w"), *d = il_tensors_find(t, "d");
    static const float want[] = { 1.5f, -2, 0, 3.25f, 1e-3f, -0.0f };
    assert_int_equal(w->dtype, IL_DTYPE_F32);
    assert_int_equal(w->ndim, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_memory_equal(w->data, want, sizeof want);
    assert_int_equal((uintptr_t)w->data % 64, 0);
    assert_int_equal(d->ndim, 0);
    assert_true(*(const double *)d->data == 0.1);
    il_real y[6];
    CHECK_OK(il_tensor_reals(w, y, &err));
    assert_true(y[4] == (il_real)1e-3f);
    CHECK_OK(il_tensor_reals(d, y, &err));
    assert_true(y[0] == (il_real)0.1);

    const il_tensor *n = il_tensors_at(t, 0);
    assert_string_equal(n->name, "h.0.n");
    assert_int_equal(((const int64_t *)n->data)[1], -9);
    il_error why = { 0 };
    assert_int_equal(il_tensor_reals(n, y, &why), IL_ECONFIG);
    assert_string_equal(
        why.text, "tensor 'h.0.n' has dtype I64, but F32, F64, BF16 or F16 is needed here");
    assert_int_equal(il_tensor_count(il_tensors_find(t, "none")), 0);
    assert_memory_equal(il_tensors_find(t, "flag")->data, "\1\0\1", 3);
    il_tensors_free(t);
}

/* The same tensors and metadata in the same order give the reference's file, byte for byte. */
static void golden_file_is_written(void **state)
{
    (void)state;
    image f = make(golden_header, golden_data, sizeof golden_data);
    il_tensors *t = parse(&f);
    il_tensor list[5];
    for (int i = 0; i < 5; i++) list[i] = *il_tensors_at(t, i);
    const il_meta meta[] = { { "step", "12" }, { "text", "a \"q\" ä\nb" } };
    const char *path = in_folder("golden.safetensors");
    CHECK_OK(il_tensors_write(path, list, 5, meta, 2, &err));
    char *text;
    size_t size;
    CHECK_OK(il_file_read(&text, &size, path, 4096, &err));
    assert_int_equal(size, f.size);
    assert_memory_equal(text, f.bytes, size);
    free(text);
    il_tensors_free(t);
}

static void many_tensors_survive(void **state)
{
    (void)state;
    enum { N = 40, SIZE = 9973 }; /* more than one chunk of the writer */
    static double data[N][SIZE];
    char names[N][16];
    il_tensor list[N];
    il_rng rng = il_rng_at(5, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < N; i++) {
        int size = i % 5 ? il_below(&rng, SIZE) : 0;
        for (int j = 0; j < size; j++) data[i][j] = il_normal(&rng);
        snprintf(names[i], sizeof names[i], "t.%d", (i * 7) % N);
        list[i] = (il_tensor){ names[i], IL_DTYPE_F64, 2, { 1, size }, data[i] };
    }
    const char *path = in_folder("many.safetensors");
    CHECK_OK(il_tensors_write(path, list, N, NULL, 0, &err));
    il_tensors *t = NULL;
    CHECK_OK(il_tensors_read(&t, path, &err));
    assert_int_equal(il_tensors_count(t), N);
    for (int i = 0; i < N; i++) {
        const il_tensor *got = il_tensors_find(t, names[i]);
        assert_int_equal(il_tensor_bytes(got), il_tensor_bytes(list + i));
        assert_memory_equal(got->data, data[i], il_tensor_bytes(got));
    }
    il_tensors_free(t);
    CHECK_OK(il_tensors_write(path, NULL, 0, NULL, 0, &err));
    CHECK_OK(il_tensors_read(&t, path, &err));
    assert_int_equal(il_tensors_count(t), 0);
    il_tensors_free(t);
}

static void names_are_checked_before_writing(void **state)
{
    (void)state;
    float x = 1;
    il_tensor list[] = { { "a", IL_DTYPE_F32, 0, { 0 }, &x },
                         { "a", IL_DTYPE_F32, 0, { 0 }, &x } };
    const char *path = in_folder("names.safetensors");
    il_error err = { 0 };
    assert_int_equal(il_tensors_write(path, list, 2, NULL, 0, &err), IL_ECONFIG);
    CHECK(strstr(err.text, "cannot hold 'a': the name is given twice"), "%s", err.text);
    list[1].name = "\xff";
    assert_int_equal(il_tensors_write(path, list, 2, NULL, 0, &err), IL_ECONFIG);
    CHECK(strstr(err.text, "it is not UTF-8 text"), "%s", err.text);
    il_meta meta = { "k", "\xff" };
    assert_int_equal(il_tensors_write(path, list, 1, &meta, 1, &err), IL_ECONFIG);
    CHECK(access(path, F_OK), "a file was written");
}

static void refused(const image *f, const char *sentence)
{
    il_tensors *t = NULL;
    il_error err = { 0 };
    il_status status = il_tensors_parse(&t, f->bytes, f->size, "f.safetensors", &err);
    CHECK(status == IL_ECONFIG && !t, "accepted, wanted: %s", sentence);
    CHECK(!strncmp(err.text, "f.safetensors: ", 15) && strstr(err.text, sentence),
          "got:  %s\nwant: %s", err.text, sentence);
}

#define ONE(dtype, shape, offsets)                                                         \
    "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(from, to)                                                                      \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"                     \
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #from "," #to "]}}"

static void hostile_headers_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *sentence;
    } cases[] = {
        { "", 0, "its header is empty" },
        { "[]", 0, "its header does not begin with '{'" },
        { "{", 0, "its header is not JSON: " },
        { "{} x", 0, "its header is not JSON: " },
        { "{\"\\u0000\":{}}", 0, "its header is not JSON: " },
        { "{\"w\":3}", 0, "tensor 'w' has no dtype" },
        { "{\"\":{}}", 0, "tensor '' has no name" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
          "\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]}}",
          8, "its header says 'w' twice" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
          "\"\\u0077\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]}}",
          8, "its header says 'w' twice" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, "tensor 'w' says 'shape' twice" },
        { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "its header says 'a' twice" },
        { ONE("\"F31\"", "[1]", "[0,4]"), 4, "tensor 'w' has the unknown dtype 'F31'" },
        { ONE("7", "[1]", "[0,4]"), 4, "tensor 'w' has no dtype" },
        { ONE("\"F32\"", "1", "[0,4]"), 4, "tensor 'w' has no shape" },
        { ONE("\"F32\"", "[-1]", "[0,4]"), 4, "not made of whole numbers" },
        { ONE("\"F32\"", "[1.0]", "[0,4]"), 4, "not made of whole numbers" },
        { ONE("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dimensions" },
        { ONE("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "a shape too large" },
        { ONE("\"F32\"", "[9223372036854775807]", "[0,4]"), 4, "a shape too large" },
        { ONE("\"F32\"", "[18446744073709551617]", "[0,4]"), 4,
          "not made of whole numbers from 0 up" },
        { ONE("\"F32\"", "[1]", "[0,8]"), 8,
          "tensor 'w' has 8 bytes, but its shape and "
          "dtype need 4" },
        { ONE("\"F32\"", "[2]", "[0,8]"), 7,
          "tensor 'w' ends at byte 8 of the data, which "
          "has only 7" },
        { ONE("\"F32\"", "[1]", "[4,0]"), 4, "no data_offsets" },
        { ONE("\"F32\"", "[1]", "[-4,0]"), 4, "no data_offsets" },
        { ONE("\"F32\"", "[1]", "[0]"), 4, "no data_offsets" },
        { ONE("\"F32\"", "[1]", "{}"), 4, "no data_offsets" },
        { ONE("\"F32\"", "[1]", "[4,8]"), 8,
          "4 bytes before tensor 'w' belong to no tensor" },
        { ONE("\"F32\"", "[1]", "[0,4]"), 9, "the last 5 bytes of the file belong to no" },
        { TWO(4, 12), 12, "tensor 'b' overlaps tensor 'a'" },
        { TWO(0, 8), 8, "tensor 'b' overlaps tensor 'a'" },
        { TWO(12, 20), 20, "4 bytes before tensor 'b' belong to no tensor" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ key 'a' is not a text" },
        { "{\"\\u001b[31m\\n\":{}}", 0, "tensor '?[31m?' has no dtype" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        image f = make(cases[i].header, NULL, cases[i].data);
        refused(&f, cases[i].sentence);
    }
}

static void hostile_lengths_get_a_sentence(void **state)
{
    (void)state;
    image f = make("{}", NULL, 0);
    for (size_t size = 0; size < 8; size++) {
        f.size = size;
        refused(&f, "are too few for a safetensors file");
    }
    f.size = 10;
    static const uint64_t lengths[] = { 3, 1u << 30, UINT64_C(1) << 63, UINT64_MAX,
                                        UINT64_MAX - 7 };
    for (int i = 0; i < IL_COUNT(lengths); i++) {
        for (int j = 0; j < 8; j++) f.bytes[j] = (unsigned char)(lengths[i] >> 8 * j);
        refused(&f, "not a safetensors file");
    }
    size_t large = (1 << 24) + 1;
    char *bytes = calloc(1, large + 8);
    memcpy(bytes, "\x01\0\0\x01", 4);
    il_tensors *t = NULL;
    il_error err = { 0 };
    assert_int_equal(il_tensors_parse(&t, bytes, large + 8, "f", &err), IL_ECONFIG);
    assert_string_equal(err.text, "f: its header has more than 16777216 bytes");
    free(bytes);
}

/* However a good file is cut or bent, it is refused or it is another good file. */
static void damage_is_never_worse_than_a_sentence(void **state)
{
    (void)state;
    image f = make(golden_header, golden_data, sizeof golden_data);
    for (size_t size = 0; size < f.size; size++) {
        image cut = f;
        cut.size = size;
        refused(&cut, "");
    }
    int accepted = 0, tried = 0;
    for (size_t i = 0; i < f.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            image bent = f;
            il_tensors *t = NULL;
            il_error err = { 0 };
            bent.bytes[i] ^= (unsigned char)(1 << bit);
            tried++;
            if (il_tensors_parse(&t, bent.bytes, bent.size, "f", &err) == IL_OK) {
                accepted++;
                il_tensors_free(t);
            } else {
                CHECK(!t && err.text[0], "byte %zu bit %d", i, bit);
            }
        }
    }
    /* all 408 bits of data are free; of the header's, those of names and metadata are */
    CHECK(accepted >= 408 && accepted < tried / 2, "%d of %d accepted", accepted, tried);
}

static void deep_json_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 1 << 20 };
    char *bytes = malloc(DEPTH + 8);
    for (int i = 0; i < 8; i++) bytes[i] = (char)((uint64_t)DEPTH >> 8 * i);
    memcpy(bytes + 8, "{\"a\":", 5);
    memset(bytes + 13, '[', DEPTH - 5);
    il_tensors *t = NULL;
    assert_int_equal(il_tensors_parse(&t, bytes, DEPTH + 8, "f", NULL), IL_ECONFIG);
    free(bytes);
}

static void files_that_are_none_are_named(void **state)
{
    (void)state;
    il_tensors *t = NULL;
    il_error err = { 0 };
    assert_int_equal(il_tensors_read(&t, in_folder("none"), &err), IL_EIO);
    CHECK(strstr(err.text, "/none cannot be read: "), "%s", err.text);
    assert_int_equal(il_tensors_read(&t, folder, &err), IL_EIO);
    assert_int_equal(il_tensors_read(&t, "/dev/zero", &err), IL_EIO);
    assert_int_equal(il_tensors_read(&t, put_text("empty", ""), &err), IL_ECONFIG);
    CHECK(strstr(err.text, "/empty: 0 bytes are too few"), "%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_file_is_read),
        cmocka_unit_test(golden_file_is_written),
        cmocka_unit_test(many_tensors_survive),
        cmocka_unit_test(names_are_checked_before_writing),
        cmocka_unit_test(hostile_headers_get_a_sentence),
        cmocka_unit_test(hostile_lengths_get_a_sentence),
        cmocka_unit_test(damage_is_never_worse_than_a_sentence),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(files_that_are_none_are_named),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
