/* counts.c - the parameters of models, which need not be trained for it */
#include "claim/claim.h"

static il_status fill(il_table *table, const void *opts, const il_subject *subject, int n,
                      il_error *err)
{
    (void)opts;
    IL_TRY(il_inspect_columns(table, il_measure_counts.columns, err));
    for (int i = 0; i < n; i++) {
        il_model *model;
        IL_TRY(il_model_new(&model, subject[i].config, err));
        il_counts counts = il_model_counts(model);
        il_model_free(model);
        IL_TRY(il_table_add_row(table, err));
        IL_TRY(il_table_set_text(table, i, 0, subject[i].name, err));
        il_table_set(table, i, 1, (double)counts.backbone);
        il_table_set(table, i, 2, (double)counts.embedding);
        il_table_set(table, i, 3, (double)counts.all);
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
