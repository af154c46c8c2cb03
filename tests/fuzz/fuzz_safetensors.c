/* fuzz_safetensors.c - any bytes as a safetensors file: tensors or a sentence, never a crash
 *
 * Of a file that was accepted, every byte of every tensor is looked at, and every name leads back
 * to its tensor.
 */
#include "base/base.h"

#include <stdlib.h>

static volatile unsigned char sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    il_tensors *tensors;
    il_error err = { 0 };
    if (il_tensors_parse(&tensors, data, size, "fuzz", &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    size_t bytes = 0;
    for (int i = 0; i < il_tensors_count(tensors); i++) {
        const il_tensor *t = il_tensors_at(tensors, i);
        const unsigned char *p = t->data;
        if (il_tensors_find(tensors, t->name) != t) abort();
        for (size_t j = 0; j < il_tensor_bytes(t); j++) sink ^= p[j];
        bytes += il_tensor_bytes(t);
    }
    if (bytes > size) abort();
    il_tensors_meta(tensors, "config");
    il_tensors_free(tensors);
    return 0;
}
