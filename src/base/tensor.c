/* tensor.c - a named array: its elements' types, and reading them as numbers
 *
 * Source of the types: github.com/huggingface/safetensors, "Format".
 */
#include "base/base.h"

#include <math.h>

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

size_t il_tensor_count(const il_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= (size_t)t->shape[i];
    return n;
}

size_t il_dtype_bytes(il_dtype dtype) { return dtypes[dtype].size; }
const char *il_dtype_name(il_dtype dtype) { return dtypes[dtype].name; }

int il_dtype_find(il_dtype *dtype, const char *name)
{
    for (int i = 0; i < IL_COUNT(dtypes); i++) {
        if (strcmp(dtypes[i].name, name)) continue;
        *dtype = (il_dtype)i;
        return 1;
    }
    return 0;
}

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

uint64_t il_hash_numbers(uint64_t hash, const void *data, size_t n, size_t size)
{
    enum { AT_ONCE = 256 };
    unsigned char bytes[AT_ONCE * 8];
    for (size_t i = 0; i < n; i += AT_ONCE) {
        size_t some = n - i < AT_ONCE ? n - i : AT_ONCE;
        il_copy_little_endian(bytes, (const char *)data + i * size, some, size);
        hash = il_hash(hash, bytes, some * size);
    }
    return hash;
}
