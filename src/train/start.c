/* start.c - fine-tuning: a training that starts from the weights of a model */
#include "train/train.h"

static const il_param *same(const il_plan *p, const il_param *w)
{
    for (int i = 0; i < p->n_params; i++) {
        const il_param *q = &p->params[i];
        if (!strcmp(q->name, w->name) && q->rows == w->rows && q->cols == w->cols) return q;
    }
    return NULL;
}

static il_status copy(il_model *to, const il_model *from, const char *name, il_error *err)
{
    for (int i = 0; i < to->plan.n_params; i++) {
        const il_param *w = &to->plan.params[i], *of = same(&from->plan, w);
        if (!of)
            return il_fail(err, IL_ECONFIG,
                           "%s holds no weight %s of %d x %d, which the "
                           "recipe's model has: both need the same `model` keys",
                           name, w->name, w->rows ? w->rows : 1, w->cols);
        memcpy(to->weights + w->offset, from->weights + of->offset,
               sizeof(il_real) * il_param_size(w));
    }
    return IL_OK;
}

il_status il_trainer_start(il_trainer *t, const il_watch *watch, il_error *err)
{
    il_model *to = il_trainer_model(t), *loaded = NULL;
    const char *name = to->config.training.init;
    const il_model *from = watch ? watch->init : NULL;
    if (!from && !*name) return IL_OK;
    if (!from) IL_TRY(il_model_load(&loaded, name, err));
    il_status status =
        copy(to, from ? from : loaded, from ? "the model to start from" : name, err);
    il_model_free(loaded);
    il_model_pack(to);
    return status;
}
