/* npz.c - numpy's archives of arrays are read, ours read back, and damaged or hostile ones get a sentence */
#include "base/base.h"

#include "folder.h"

/* Written by numpy 2.4.6: np.savez(file, a=np.array([[1.5, -2]], "<f4")), */
static const unsigned char golden[] = {
    80,  75,  3,   4,   45,  0,   0,   0,   0,  0,   0,   0,   33,  0,   253, 207, 165, 8,
    255, 255, 255, 255, 255, 255, 255, 255, 5,  0,   20,  0,   97,  46,  110, 112, 121, 1,
    0,   16,  0,   136, 0,   0,   0,   0,   0,  0,   0,   136, 0,   0,   0,   0,   0,   0,
    0,   147, 78,  85,  77,  80,  89,  1,   0,  118, 0,   123, 39,  100, 101, 115, 99,  114,
    39,  58,  32,  39,  60,  102, 52,  39,  44, 32,  39,  102, 111, 114, 116, 114, 97,  110,
    95,  111, 114, 100, 101, 114, 39,  58,  32, 70,  97,  108, 115, 101, 44,  32,  39,  115,
    104, 97,  112, 101, 39,  58,  32,  40,  49, 44,  32,  50,  41,  44,  32,  125, 32,  32,
    32,  32,  32,  32,  32,  32,  32,  32,  32, 32,  32,  32,  32,  32,  32,  32,  32,  32,
    32,  32,  32,  32,  32,  32,  32,  32,  32, 32,  32,  32,  32,  32,  32,  32,  32,  32,
    32,  32,  32,  32,  32,  32,  32,  32,  32, 32,  32,  32,  32,  32,  32,  32,  32,  32,
    32,  32,  10,  0,   0,   192, 63,  0,   0,  0,   192, 80,  75,  1,   2,   45,  3,   45,
    0,   0,   0,   0,   0,   0,   0,   33,  0,  253, 207, 165, 8,   136, 0,   0,   0,   136,
    0,   0,   0,   5,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   128, 1,   0,
    0,   0,   0,   97,  46,  110, 112, 121, 80, 75,  5,   6,   0,   0,   0,   0,   1,   0,
    1,   0,   51,  0,   0,   0,   191, 0,   0,  0,   0,   0,
};
/* and np.savez_compressed(file, a=np.zeros((2, 2), "<f4")) */
static const unsigned char compressed[] = {
    80,  75,  3,   4,   45,  0,   0,   0,   8,   0,   0,   0,   33,  0,   79,  164, 60,
    18,  255, 255, 255, 255, 255, 255, 255, 255, 5,   0,   20,  0,   97,  46,  110, 112,
    121, 1,   0,   16,  0,   144, 0,   0,   0,   0,   0,   0,   0,   73,  0,   0,   0,
    0,   0,   0,   0,   155, 236, 23,  234, 27,  16,  201, 200, 80,  198, 80,  173, 158,
    146, 90,  156, 92,  164, 110, 165, 160, 110, 147, 102, 162, 174, 163, 160, 158, 150,
    95,  84,  82,  148, 152, 23,  159, 95,  148, 146, 10,  18,  119, 75,  204, 41,  78,
    5,   138, 23,  103, 36,  22,  164, 2,   249, 26,  70,  58,  10,  70,  154, 58,  10,
    181, 10,  100, 3,   46,  6,   52,  0,   0,   80,  75,  1,   2,   45,  3,   45,  0,
    0,   0,   8,   0,   0,   0,   33,  0,   79,  164, 60,  18,  73,  0,   0,   0,   144,
    0,   0,   0,   5,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   128, 1,
    0,   0,   0,   0,   97,  46,  110, 112, 121, 80,  75,  5,   6,   0,   0,   0,   0,
    1,   0,   1,   0,   51,  0,   0,   0,   128, 0,   0,   0,   0,   0,
};

static void numpys_archive_is_read(void **state)
{
    (void)state;
    il_tensors *t = NULL;
    CHECK_OK(il_arrays_read(&t, put_file("a", golden, sizeof golden), &err));
    assert_int_equal(il_tensors_count(t), 1);
    const il_tensor *a = il_tensors_find(t, "a");
    assert_non_null(a);
    assert_int_equal(a->dtype, IL_DTYPE_F32);
    assert_int_equal(a->ndim, 2);
    assert_int_equal(a->shape[0], 1);
    assert_int_equal(a->shape[1], 2);
    assert_memory_equal(a->data, ((float[]){ 1.5f, -2 }), 8);
    il_tensors_free(t);
}

/* Every array and text comes back, from more than one chunk of the writer, too; so does an array alone (.npy), which
 * is a member without what stands around it. */
static void what_is_written_is_read(void **state)
{
    (void)state;
    static double many[3000];
    for (int i = 0; i < IL_COUNT(many); i++) many[i] = i / 7.0;
    const int64_t whole[] = { -3, 1ll << 40 };
    const il_tensor list[] = { { "many", IL_DTYPE_F64, 3, { 3, 10, 100 }, many },
                               { "scalar", IL_DTYPE_F64, 0, { 0 }, many + 5 },
                               { "none", IL_DTYPE_F32, 2, { 0, 4 }, NULL },
                               { "whole", IL_DTYPE_I64, 1, { 2 }, whole } };
    const il_meta meta[] = { { "dims", "4" }, { "data", "isotropic,kappa=30" } };
    il_tensors *t = NULL;
    char *text;
    size_t size;
    CHECK_OK(il_npz_write(in_folder("b.npz"), list, 4, meta, 2, &err));
    CHECK_OK(il_arrays_read(&t, in_folder("b.npz"), &err));
    assert_int_equal(il_tensors_count(t), 4);
    for (int i = 0; i < 4; i++) {
        const il_tensor *got = il_tensors_find(t, list[i].name);
        assert_int_equal(got->dtype, list[i].dtype);
        assert_int_equal(got->ndim, list[i].ndim);
        assert_memory_equal(got->shape, list[i].shape,
                            sizeof *got->shape * (size_t)got->ndim);
        if (il_tensor_bytes(got))
            assert_memory_equal(got->data, list[i].data, il_tensor_bytes(got));
    }
    assert_string_equal(il_tensors_meta(t, "dims"), "4");
    assert_string_equal(il_tensors_meta(t, "data"), "isotropic,kappa=30");
    il_tensors_free(t);

    CHECK_OK(il_file_read(&text, &size, in_folder("b.npz"), 1 << 20, &err));
    CHECK_OK(il_arrays_read(&t, put_file("b.npy", text + 30 + 8, 128 + sizeof many), &err));
    free(text);
    assert_int_equal(il_tensors_count(t), 1);
    assert_string_equal(il_tensors_at(t, 0)->name, "");
    assert_memory_equal(il_tensors_at(t, 0)->data, many, sizeof many);
    il_tensors_free(t);
}

static void refused(const void *bytes, size_t size, const char *sentence)
{
    il_tensors *t = NULL;
    il_error why = { 0 };
    il_status status = il_arrays_read(&t, put_file("bad", bytes, size), &why);
    CHECK(status == IL_ECONFIG && !t && strstr(why.text, "/bad") &&
              strstr(why.text, sentence),
          "%d: got \"%s\", want \"%s\"", status, why.text, sentence);
}

static void others_get_a_sentence(void **state)
{
    (void)state;
    enum { DATA = 55 + 128, NPY = 136 };
    unsigned char bytes[sizeof golden];
    refused(compressed, sizeof compressed, "'a' is compressed; save it with numpy.savez,");
    memcpy(bytes, golden, sizeof bytes);
    bytes[DATA] ^= 1;
    refused(bytes, sizeof bytes, "'a' does not have the bytes that were written");
    const unsigned char *npy = golden + 55;
    memcpy(bytes, npy, NPY);
    memcpy(strstr((char *)bytes + 10, "<f4"), ">f4", 3);
    refused(bytes, NPY, "its array is not of little-endian numbers");
    memcpy(bytes, npy, NPY);
    memcpy(strstr((char *)bytes + 10, "False,"), "True, ", 6);
    refused(bytes, NPY, "its array is not in row-major order");
    memcpy(bytes, npy, NPY);
    memcpy(strstr((char *)bytes + 10, "(1, 2)"), "(9, 2)", 6);
    refused(bytes, NPY, "its array is cut off");
    memcpy(bytes, npy, NPY);
    memcpy(strstr((char *)bytes + 10, "(1, 2)"), "(-1,2)", 6);
    refused(bytes, NPY, "its array has a shape of too many or too large dimensions");
}

/* A byte that changes, or an end that is missing, gives the same array or a sentence. */
static void damage_is_never_worse_than_a_sentence(void **state)
{
    (void)state;
    unsigned char bytes[sizeof golden];
    for (size_t size = 8; size < sizeof golden; size++) refused(golden, size, "");
    for (size_t i = 0; i < 8 * sizeof golden; i++) {
        memcpy(bytes, golden, sizeof bytes);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        il_tensors *t = NULL;
        il_error why = { 0 };
        il_status status = il_arrays_read(&t, put_file("bad", bytes, sizeof bytes), &why);
        CHECK(status ? status == IL_ECONFIG && *why.text : t != NULL, "bit %zu", i);
        if (!status && il_tensors_count(t))
            assert_memory_equal(il_tensors_at(t, 0)->data, ((float[]){ 1.5f, -2 }), 8);
        if (!status) il_tensors_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpys_archive_is_read),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(others_get_a_sentence),
        cmocka_unit_test(damage_is_never_worse_than_a_sentence),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
