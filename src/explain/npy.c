/* npy.c - answers from another program: numpy's .npy files, and safetensors files of one tensor
 *
 * A .npy file is the bytes \x93NUMPY, a version, the length of a header, the header (the text of a Python dictionary
 * with the keys descr, fortran_order and shape), and the numbers.
 * Source: NumPy's format description, numpy.lib.format, versions 1.0 to 3.0.
 */
#include "explain/explain.h"

#include <stdlib.h>

enum { MOST = 1 << 30 }; /* bytes */

static il_status wrong(const char *path, const char *what, il_error *err)
{
    return il_fail(err, IL_ECONFIG,
                   "%s: %s; save the answers with numpy.save as a float array of shape "
                   "(prompts, queries) or (layers, prompts, queries)",
                   il_show(path).text, what);
}

static il_status take(double **answers, const int64_t shape[3], int ndim, size_t bytes,
                      const void *from, size_t have, const char *path, il_error *err)
{
    size_t n = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 1 || shape[i] > MOST || (n *= (size_t)shape[i]) > MOST / bytes)
            return wrong(path, "a dimension is too small or too large", err);
    }
    if (have != n * bytes) return wrong(path, "it is cut off, or has a tail", err);
    double *x = malloc(sizeof *x * n);
    if (!x) return il_fail(err, IL_EFAIL, "out of memory for the answers");
    if (bytes == 8) {
        il_copy_little_endian(x, from, n, 8);
    } else {
        float *half =
            (float *)x + n; /* the second half, read forwards before it is written over */
        il_copy_little_endian(half, from, n, 4);
        for (size_t i = 0; i < n; i++) {
            float value;
            memcpy(&value, half + i, sizeof value);
            x[i] = (double)value;
        }
    }
    *answers = x;
    return IL_OK;
}

/* "(3, 4, 5)" */
static int read_shape(const char *text, int64_t shape[3])
{
    int n = 0;
    if (*text++ != '(') return -1;
    while (*text != ')') {
        char *end;
        long long value = strtoll(text, &end, 10);
        if (end == text || n == 3) return -1;
        shape[n++] = value;
        text = end + strspn(end, ", ");
    }
    return n;
}

static il_status parse(double **answers, int64_t shape[3], int *ndim, const char *text,
                       size_t size, const char *path, il_error *err)
{
    const unsigned char *byte = (const unsigned char *)text;
    char head[1024];
    size_t from = byte[6] == 1 ? 10 : 12, length = byte[8] + 256 * (size_t)byte[9];
    if (byte[6] > 3 || size < from || length >= sizeof head || size < from + length)
        return wrong(path, "its header is not one that is known", err);
    memcpy(head, text + from, length);
    head[length] = 0;
    const char *place = strstr(head, "'shape': "), *kind = strstr(head, "'descr': '<f");
    if (!place || !strstr(head, "'fortran_order': False"))
        return wrong(path, "it is not in row-major order", err);
    if (!kind || (kind[12] != '4' && kind[12] != '8'))
        return wrong(path, "its numbers are not float32 or float64", err);
    *ndim = read_shape(place + 9, shape);
    if (*ndim < 1) return wrong(path, "it has no one, two or three dimensions", err);
    return take(answers, shape, *ndim, (size_t)(kind[12] - '0'), text + from + length,
                size - from - length, path, err);
}

static il_status read_tensor(double **answers, int64_t shape[3], int *ndim,
                             const char *path, il_error *err)
{
    il_tensors *all;
    IL_TRY(il_tensors_read(&all, path, err));
    const il_tensor *t = il_tensors_at(all, 0);
    il_status status = IL_OK;
    if (il_tensors_count(all) != 1 || t->ndim < 1 || t->ndim > 3 ||
        (t->dtype != IL_DTYPE_F32 && t->dtype != IL_DTYPE_F64))
        status = wrong(path, "it has not one tensor of F32 or F64", err);
    double *x = status ? NULL : malloc(sizeof *x * (il_tensor_count(t) + 1));
    if (!status && !x) status = il_fail(err, IL_EFAIL, "out of memory for the answers");
    for (size_t i = 0; !status && i < il_tensor_count(t); i++)
        x[i] = t->dtype == IL_DTYPE_F32 ? (double)((const float *)t->data)[i]
                                        : ((const double *)t->data)[i];
    for (int i = 0; !status && i < t->ndim; i++) shape[i] = t->shape[i];
    if (!status) *ndim = t->ndim, *answers = x;
    il_tensors_free(all);
    return status;
}

il_status il_explain_read(double **answers, int64_t shape[3], int *ndim, const char *path,
                          il_error *err)
{
    char *text;
    size_t size;
    IL_TRY(il_file_read(&text, &size, path, MOST, err));
    int npy = size >= 12 && !memcmp(text, "\x93NUMPY", 6);
    il_status status = npy ? parse(answers, shape, ndim, text, size, path, err) : IL_OK;
    free(text);
    return npy ? status : read_tensor(answers, shape, ndim, path, err);
}
