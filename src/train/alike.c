/* alike.c - all ranks hold the same weights and moments, and are asked now and then whether they do */
#include "train/train.h"

/* The arrays laid out like the weights: these, the moments, the average */
enum { ARRAYS = 2 + IL_MOMENTS };

static int arrays_of(il_real *array[ARRAYS], il_trainer *t)
{
    il_moments moments = il_trainer_moments(t);
    int n = 0;
    array[n++] = il_trainer_model(t)->weights;
    for (int i = 0; moments.of->moments[i].name; i++) array[n++] = moments.data[i];
    if (moments.average) array[n++] = moments.average;
    return n;
}

il_status il_trainer_share(il_trainer *t, il_error *err)
{
    il_real *array[ARRAYS];
    il_model *m = il_trainer_model(t);
    int n = arrays_of(array, t);
    if (il_ranks_about().ranks == 1) return IL_OK;
    IL_TRY(il_ranks_copy(&m->step, sizeof m->step, 0, err));
    for (int i = 0; i < n; i++)
        IL_TRY(il_ranks_copy(array[i], sizeof *array[i] * m->plan.n_weights, 0, err));
    il_model_pack(m);
    return IL_OK;
}

il_status il_trainer_compare(il_trainer *t, il_error *err)
{
    il_real *array[ARRAYS];
    const il_model *m = il_trainer_model(t);
    if (il_ranks_about().ranks == 1) return IL_OK;
    uint64_t weights = il_hash_numbers(IL_HASH_START, &m->step, 1, sizeof m->step);
    for (int i = 0, n = arrays_of(array, t); i < n; i++)
        weights = il_hash_numbers(weights, array[i], m->plan.n_weights, sizeof *array[i]);
    il_same same = { .word = { il_config_hash(&m->config),
                               il_hash(IL_HASH_START, il_version(), strlen(il_version())) +
                                   sizeof(il_real),
                               weights },
                     .what = { "another recipe", "another version of innerloop",
                               "other weights" } };
    return il_ranks_compare(&same, err);
}
