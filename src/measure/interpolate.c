/* interpolate.c - loss along the line between two models, or from a model to the construction of its block means
 *
 * by = weight:
 * loss: the error on the model's own prompts, at fraction `weight` of the line. Without another model it ends
 * at the construction of linear attention's own block means, mixed in head by head (observe.h). Between
 * two models of linear attention what each layer adds is mixed, whatever their heads' number, order and
 * scale; between others of the same weights, weight by weight.
 *
 * by = checkpoint: the block means of the finished model are the construction; every checkpoint that the
 * run kept (training.keep_every_steps) is measured as it is, with its products averaged with the
 * construction's, and as its own block means. Columns: step, trained, interpolated, compressed.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, figure 4A, 4B (halfway; there the model is trained a
 * second time from the same weights on the same data, which here gives the same run); here also the whole
 * line.
 */
#include "measure/measure.h"
#include "observe/observe.h"

#include <stdlib.h>

enum { STEPS = 10 };
enum { BY_WEIGHT, BY_CHECKPOINT };
enum { TRAINED = 1, INTERPOLATED, COMPRESSED };

typedef struct {
    int by, prompts;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    IL_MEASURE_KEY(CHOICE, by, BY_WEIGHT, 0, 1,
                   "from one model to the other, or halfway along the run's checkpoints",
                   "weight|checkpoint"),
    IL_MEASURE_KEY(INT, prompts, 1280, 1, 1e8, "for the losses", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts", NULL),
    { 0 },
};

/* ---- weight by weight ------------------------------------------------------------------------ */

static int same_weights(const il_model *a, const il_model *b)
{
    int same = a->plan.n_params == b->plan.n_params;
    for (int i = 0; same && i < a->plan.n_params; i++) {
        const il_param *x = &a->plan.params[i], *y = &b->plan.params[i];
        same = !strcmp(x->name, y->name) && x->rows == y->rows && x->cols == y->cols;
    }
    return same;
}

static il_status mix_weights(il_model **out, const il_model *a, const il_model *b,
                             double weight, il_error *err)
{
    if (!same_weights(a, b))
        return il_fail(
            err, IL_ECONFIG,
            "interpolate: the two models have weights of different shapes; both must have "
            "the same plan, or be linear attention only with equally many layers");
    IL_TRY(il_measured_copy(out, a, err));
    for (size_t i = 0; i < a->plan.n_weights; i++)
        (*out)->weights[i] = (il_real)((1 - weight) * (double)a->weights[i] +
                                       weight * (double)b->weights[i]);
    il_model_pack(*out);
    return IL_OK;
}

/* ---- the line ---------------------------------------------------------------------------------- */

static il_status mix(il_model **out, const il_model *a, const il_model *b, double weight,
                     il_error *err)
{
    il_observe_product_shape shape;
    if (!b) return il_observe_product_model(out, a, a, weight, err);
    if (b->config.model.n_dims != a->config.model.n_dims ||
        b->config.model.tokens != a->config.model.tokens)
        return il_fail(err, IL_ECONFIG,
                       "interpolate: the two models use different tokens: model.tokens = "
                       "%s with n_dims = %d, and %s with %d",
                       il_model_layout(a)->name, a->config.model.n_dims,
                       il_model_layout(b)->name, b->config.model.n_dims);
    if (a->config.model.family == IL_STACK &&
        !il_observe_product_shape_of(&shape, a, NULL) &&
        !il_observe_product_shape_of(&shape, b, NULL))
        return il_observe_product_mix(out, a, b, weight, err);
    return mix_weights(out, a, b, weight, err);
}

static il_status by_weight(il_table *t, const options *o, const il_measured *model, int n,
                           il_error *err)
{
    const il_model *with = n > 1 ? model[1].model : NULL;
    for (int i = 0; i <= STEPS; i++) {
        double loss, weight = (double)i / STEPS;
        il_model *m;
        IL_TRY(mix(&m, model->model, with, weight, err));
        il_status status = il_observe_loss(&loss, m, o->prompts, o->seed, err);
        il_model_free(m);
        IL_TRY(status);
        il_measure_set(t, i, &loss, 1);
    }
    return IL_OK;
}

/* ---- along the checkpoints --------------------------------------------------------------------- */

static il_status set_loss(il_table *table, int row, int col, const options *o,
                          const il_model *trained, const il_model *constructed,
                          double weight, il_error *err)
{
    il_model *m;
    double loss;
    IL_TRY(il_observe_product_model(&m, trained, constructed, weight, err));
    il_status status = il_observe_loss(&loss, m, o->prompts, o->seed, err);
    il_model_free(m);
    if (!status) il_table_set(table, row, col, loss);
    return status;
}

static il_status set_row(il_table *table, int row, const options *o, const il_model *at,
                         const il_model *end, il_error *err)
{
    double loss;
    IL_TRY(il_observe_loss(&loss, at, o->prompts, o->seed, err));
    il_table_set(table, row, TRAINED, loss);
    IL_TRY(set_loss(table, row, INTERPOLATED, o, at, end, 0.5, err));
    return set_loss(table, row, COMPRESSED, o, at, at, 1, err);
}

static il_status by_checkpoint(il_table *table, const options *o, const il_measured *model,
                               il_error *err)
{
    const il_config *c = model->config;
    IL_TRY(il_table_set_caption(table, il_task_metric(il_task_find(c->training.task_name)),
                                err));
    il_status status = IL_OK;
    for (int i = 0; i < il_table_rows(table) && !status; i++) {
        char path[4096];
        il_model *m;
        status = il_measured_kept(path, sizeof path, model,
                                  i * c->training.keep_every_steps, err);
        if (!status) status = i ? il_model_load(&m, path, err) : il_model_new(&m, c, err);
        if (status) break;
        status = set_row(table, i, o, m, model->model, err);
        il_model_free(m);
    }
    return status;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static il_status outline_weights(il_table *table, const il_measured *model, int n,
                                 il_error *err)
{
    il_observe_product_shape shape;
    if (n < 2 && il_observe_product_shape_of(&shape, model->model, NULL))
        return il_fail(err, IL_ECONFIG,
                       "interpolate: only a model of linear attention alone has a "
                       "construction of its own; give the other end as a second model");
    IL_TRY(il_table_add_cols(table, "weight loss", err));
    for (int i = 0; i <= STEPS; i++)
        IL_TRY(il_outline_number(table, (double)i / STEPS, err));
    return IL_OK;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    il_observe_product_shape shape;
    if (o->by == BY_WEIGHT) return outline_weights(table, model, n, err);
    if (n != 1)
        return il_fail(err, IL_ECONFIG,
                       "interpolate: by = checkpoint takes one model, not %d", n);
    IL_TRY(il_observe_product_shape_of(&shape, model->model, err));
    IL_TRY(il_table_add_cols(table, "step trained interpolated compressed", err));
    return il_outline_kept(table, model->config, err);
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    return o->by == BY_WEIGHT ? by_weight(table, o, model, n, err)
                              : by_checkpoint(table, o, model, err);
}

const il_measure_kind il_measure_interpolate = {
    .name = "interpolate",
    .summary = "loss on the way from a model to its own block means, or to another model",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 2,
    .outline = outline,
    .fill = fill,
};
