/* counts.c - the parameters of models, which need not be trained for it */
#include "measure/measure.h"

static il_status fill(il_table *table, const void *opts, const il_subject *subject, int n,
                      il_error *err)
{
    (void)opts;
    for (int i = 0; i < n; i++) {
        il_model *model;
        IL_TRY(il_model_new(&model, subject[i].config, err));
        il_counts counts = il_model_counts(model);
        il_model_free(model);
        double row[] = { (double)counts.backbone, (double)counts.embedding,
                         (double)counts.all };
        il_claim_set(table, i, row, IL_COUNT(row));
    }
    return IL_OK;
}

const il_measure il_measure_counts = {
    .name = "counts",
    .summary = "parameters of models",
    .untrained = 1,
    .columns = "model$ backbone embedding all",
    .fill = fill,
};
