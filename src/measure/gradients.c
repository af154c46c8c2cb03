/* gradients.c - gradients of the training loss, and of these the central differences along a direction */
#include "measure/gradients.h"

#include "la/dense.h"

#include <math.h>
#include <stdlib.h>

/* What the last step of training had, from the first one on */
static void hold(il_ramp *ramp, const il_config *c)
{
    ramp->start = ramp->end = il_ramp_at(ramp, c->training.train_steps - 1);
}

il_status il_gradients_new(il_gradients *g, const il_model *model, int prompts,
                           uint64_t seed, il_error *err)
{
    il_config c = model->config;
    il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, 0);
    *g = (il_gradients){ .first = c.training.train_steps + (int64_t)(il_bits(&rng) >> 2),
                         .n = model->plan.n_weights };
    if (c.model.family == IL_BUILT)
        return il_fail(err, IL_ECONFIG,
                       "a model that was built has no training loss, and so no gradient");
    c.training.batch_size = prompts;
    c.training.curriculum.batch.start = 0;
    hold(&c.training.curriculum.dims, &model->config);
    hold(&c.training.curriculum.points, &model->config);
    hold(&c.training.curriculum.loops, &model->config);
    c.training.precision = IL_FP32;
    c.training.frobenius_decay = 0;
    IL_TRY(il_trainer_new(&g->trainer, &c, err));
    if (il_trainer_model(g->trainer)->plan.n_weights != g->n)
        return il_fail(err, IL_ECONFIG, "the model has other weights than its recipe's");
    g->moved = malloc(g->n * sizeof *g->moved);
    g->forward = malloc(g->n * sizeof *g->forward);
    if (g->moved && g->forward) return IL_OK;
    return il_fail(err, IL_EFAIL, "out of memory for gradients");
}

void il_gradients_free(il_gradients *g)
{
    il_trainer_free(g->trainer);
    free(g->moved);
    free(g->forward);
}

il_status il_gradients_at(double *grad, il_gradients *g, const il_real *weights, int draw,
                          il_error *err)
{
    il_model *m = il_trainer_model(g->trainer);
    il_progress p;
    memcpy(m->weights, weights, g->n * sizeof *weights);
    il_model_pack(m);
    m->step = g->first + draw;
    IL_TRY(il_trainer_gradient(g->trainer, &p, err));
    g->loss = p.loss;
    memset(grad, 0, g->n * sizeof *grad); /* between weights there are gaps */
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i];
        il_real *part = m->weights + w->offset; /* the weights are copied anew each time */
        il_trainer_read_gradient(g->trainer, i, part);
        for (size_t k = 0; k < il_param_size(w); k++) grad[w->offset + k] = (double)part[k];
    }
    return IL_OK;
}

/* A length at which rounding, eps |grad| / h, and the third derivative, h^2, weigh about the same: about the cube root
 * of eps, as a power of two */
static double step_length(void) { return sizeof(il_real) == 4 ? 0x1p-8 : 0x1p-17; }

il_status il_gradients_hessian(double *Hv, il_gradients *g, const il_real *weights,
                               const double *v, int draw, il_error *err)
{
    double length = sqrt(il_ddot(v, v, (int)g->n)), h = step_length() / length;
    for (int side = 1; side >= -1; side -= 2) {
        for (size_t i = 0; i < g->n; i++)
            g->moved[i] = (il_real)((double)weights[i] + side * h * v[i]);
        IL_TRY(il_gradients_at(side > 0 ? g->forward : Hv, g, g->moved, draw, err));
    }
    for (size_t i = 0; i < g->n; i++) Hv[i] = (g->forward[i] - Hv[i]) / (2 * h);
    return IL_OK;
}
