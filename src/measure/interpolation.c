/* interpolation.c - a model on its way, halfway to the algorithm that it will be
 *
 * The block means of the finished model (products.h) are the construction; every checkpoint that
 * the run kept (training.keep_every_steps) is measured as it is, with its products averaged with
 * the construction's, and as its own block means. Columns: step, trained, interpolated, compressed.
 *
 * Source: von Oswald et al. 2024, arXiv:2309.05858, figure 4A, 4B; there the model is trained a
 * second time from the same weights on the same data, which here gives the same run.
 */
#include "measure/measure.h"
#include "observe/products.h"

enum { TRAINED = 1, INTERPOLATED, COMPRESSED };

static il_status set_loss(il_table *table, int row, int col, const il_claim_losses *o,
                          const il_model *trained, const il_model *constructed,
                          double weight, il_error *err)
{
    il_model *m;
    double loss;
    IL_TRY(il_product_model(&m, trained, constructed, weight, err));
    il_status status = il_loss(&loss, m, o->prompts, (uint64_t)o->seed, err);
    il_model_free(m);
    if (!status) il_table_set(table, row, col, loss);
    return status;
}

static il_status set_row(il_table *table, int row, const il_claim_losses *o,
                         const il_model *at, const il_model *end, il_error *err)
{
    double loss;
    IL_TRY(il_loss(&loss, at, o->prompts, (uint64_t)o->seed, err));
    il_table_set(table, row, TRAINED, loss);
    IL_TRY(set_loss(table, row, INTERPOLATED, o, at, end, 0.5, err));
    return set_loss(table, row, COMPRESSED, o, at, at, 1, err);
}

static il_status outline(il_table *table, const void *opt, const il_subject *subject, int n,
                         il_error *err)
{
    (void)opt;
    il_product_shape shape;
    IL_TRY(il_outline_one("interpolation", n, err));
    IL_TRY(il_product_shape_of(&shape, subject->model, err));
    const il_config *c = subject->config;
    int every = c->training.keep_every_steps,
        kept = every ? c->training.train_steps / every : 0;
    for (int i = 0; i <= kept; i++)
        IL_TRY(il_outline_number(table, (double)i * every, err));
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_subject *subject, int n,
                      il_error *err)
{
    const il_claim_losses *o = opt;
    (void)n;
    const il_config *c = subject->config;
    il_model *start;
    IL_TRY(il_table_set_caption(table, il_task_metric(il_task_find(c->training.task_name)),
                                err));
    IL_TRY(il_model_new(&start, c, err));
    il_status status = set_row(table, 0, o, start, subject->model, err);
    il_model_free(start);
    for (int i = 1; i < il_table_rows(table) && !status; i++) {
        char path[4096];
        il_model *m;
        snprintf(path, sizeof path, "%s/checkpoints/step-%09d.safetensors", subject->folder,
                 i * c->training.keep_every_steps);
        status = il_model_load(&m, path, err);
        if (status) break;
        status = set_row(table, i, o, m, subject->model, err);
        il_model_free(m);
    }
    return status;
}

const il_measure il_measure_interpolation = {
    .name = "interpolation",
    .summary = "loss of the kept checkpoints, and halfway to the model's block means",
    .opts = il_claim_loss_keys,
    .size = sizeof(il_claim_losses),
    .columns = "step trained interpolated compressed",
    .outline = outline,
    .fill = fill,
};
