/* params.c - initial weights, a function of (seed, weight, place) */
#include "model/model.h"

void il_params_init(const il_plan *plan, il_real *weights, uint64_t seed)
{
    for (int i = 0; i < plan->n_params; i++) {
        const il_param *w = &plan->params[i];
        il_rng rng = il_rng_at(seed, IL_STREAM_INIT, 0, (uint32_t)i);
        for (size_t j = 0, n = il_param_size(w); j < n; j++) {
            double value = w->init == IL_INIT_ONE;
            if (w->init == IL_INIT_NORMAL) value = w->scale * il_normal(&rng);
            if (w->init == IL_INIT_UNIFORM) value = w->scale * (2 * il_uniform(&rng) - 1);
            weights[w->offset + j] = (il_real)value;
        }
    }
    for (int i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].kind->settle)
            plan->ops[i].kind->settle(&plan->ops[i], plan, weights);
}
