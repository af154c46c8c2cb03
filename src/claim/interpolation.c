/* interpolation.c - a model on its way, halfway to the algorithm that it will be
 *
 * The block means of the finished model (products.h) are the construction; every checkpoint that
 * the run kept (training.keep_every_steps) is measured as it is, with its products averaged with
 * the construction's, and as its own block means. Columns: step, trained, interpolated, compressed.
 *
 * Source: von Oswald et al. 2024, arXiv:2309.05858, figure 4A, 4B; there the model is trained a
 * second time from the same weights on the same data, which here gives the same run.
 */
#include "claim/products.h"

#include <stdlib.h>
#include <sys/stat.h>

typedef struct {
    int prompts, seed;
} options;
static const il_opt opts[] = {
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 1280, 1, 1e8, "for the losses",
      NULL },
    { "seed", IL_OPT_INT, offsetof(options, seed), 1, 0, 2147483647, "which prompts",
      NULL },
    { 0 },
};

enum { TRAINED = 1, INTERPOLATED, COMPRESSED };

static il_status set_loss(il_table *table, int row, int col, const options *o,
                          const il_model *trained, const il_model *constructed,
                          double weight, il_error *err)
{
    il_model *m;
    double loss;
    IL_TRY(il_product_model(&m, trained, constructed, weight, err));
    il_status status = il_claim_loss(&loss, m, o->prompts, o->seed, err);
    il_model_free(m);
    if (!status) il_table_set(table, row, col, loss);
    return status;
}

static il_status add(il_table *table, const options *o, const il_model *at,
                     const il_model *end, il_error *err)
{
    int row = il_table_rows(table);
    double loss;
    IL_TRY(il_table_add_row(table, err));
    il_table_set(table, row, 0, (double)at->step);
    IL_TRY(il_claim_loss(&loss, at, o->prompts, o->seed, err));
    il_table_set(table, row, TRAINED, loss);
    IL_TRY(set_loss(table, row, INTERPOLATED, o, at, end, 0.5, err));
    return set_loss(table, row, COMPRESSED, o, at, at, 1, err);
}

static il_status fill(il_table *table, const options *o, const il_subject *subject,
                      il_error *err)
{
    static const char *const cols[] = { "step", "trained", "interpolated", "compressed" };
    const il_config *c = subject->config;
    il_model *start;
    int every = c->training.keep_every_steps;
    for (int i = 0; i < IL_COUNT(cols); i++)
        IL_TRY(il_table_add_col(table, cols[i], 0, err));
    IL_TRY(il_table_set_caption(table, il_task_metric(il_task_find(c->training.task_name)),
                                err));
    IL_TRY(il_model_new(&start, c, err));
    il_status status = add(table, o, start, subject->model, err);
    il_model_free(start);
    for (int step = every; every && step <= c->training.train_steps && !status;
         step += every) {
        char path[4096];
        il_model *m;
        snprintf(path, sizeof path, "%s/checkpoints/step-%09d.safetensors", subject->folder,
                 step);
        status = il_model_load(&m, path, err);
        if (status) break;
        status = add(table, o, m, subject->model, err);
        il_model_free(m);
    }
    return status;
}

static il_status run(const void *opt, const il_subject *subject, int n, const char *name,
                     il_table **out, il_error *err)
{
    il_table *table;
    if (n != 1)
        return il_fail(err, IL_ECONFIG,
                       "interpolation is of one model; name it in `models`");
    IL_TRY(il_table_new(&table, name, err));
    il_status status = fill(table, opt, subject, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_interpolation = {
    .name = "interpolation",
    .summary = "loss of the kept checkpoints, and halfway to the model's block means",
    .opts = opts,
    .size = sizeof(options),
    .run = run,
};
