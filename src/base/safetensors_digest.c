/* safetensors_digest.c - a checksum over a file's tensors and metadata, whatever their order, to find damage
 *
 * FNV-1a of every tensor (name, dtype, shape, little-endian data) and of every text of the metadata but the
 * digest's own, added up: the order does not count, in which a program that rewrites a file may differ.
 */
#include "base/base.h"

static uint64_t hash_tensor(const il_tensor *t)
{
    uint64_t hash = il_hash(IL_HASH_START, t->name, strlen(t->name) + 1);
    hash = il_hash(hash, il_dtype_name(t->dtype), strlen(il_dtype_name(t->dtype)) + 1);
    for (int i = 0; i < t->ndim; i++) {
        char extent[24];
        int n = snprintf(extent, sizeof extent, "%lld ", (long long)t->shape[i]);
        hash = il_hash(hash, extent, (size_t)n);
    }
    return il_hash_numbers(hash, t->data, il_tensor_count(t), il_dtype_bytes(t->dtype));
}

uint64_t il_tensors_digest(const il_tensor *tensors, int n, const il_meta *meta, int nmeta)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) sum += hash_tensor(tensors + i);
    for (int i = 0; i < nmeta; i++) {
        if (!strcmp(meta[i].key, IL_DIGEST)) continue;
        uint64_t hash = il_hash(IL_HASH_START, meta[i].key, strlen(meta[i].key) + 1);
        sum += il_hash(hash, meta[i].value, strlen(meta[i].value) + 1);
    }
    return sum;
}
