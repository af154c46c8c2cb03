/* counts.c - parameter counts of models, trained or not */
#include "measure/measure.h"

static il_status fill(il_table *table, const void *opts, const il_measured *model, int n,
                      il_error *err)
{
    (void)opts;
    for (int i = 0; i < n; i++) {
        il_model *fresh;
        IL_TRY(il_model_new(&fresh, model[i].config, err));
        il_counts counts = il_model_counts(fresh);
        il_model_free(fresh);
        double row[] = { (double)counts.backbone, (double)counts.embedding,
                         (double)counts.all };
        il_measure_set(table, i, row, IL_COUNT(row));
    }
    return IL_OK;
}

const il_measure_kind il_measure_counts = {
    .name = "counts",
    .summary = "parameters of models",
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .untrained = 1,
    .columns = "model$ backbone embedding all",
    .fill = fill,
};
