/* decay.c - Frobenius decay in training: of every product of factors, in place of its factors' own
 *
 * The gradient of lambda/2 |W|_F^2 is added to that of the loss, before it is clipped. Source and formulas: factors.c.
 */
#include "train/train.h"

#include <stdlib.h>

il_status il_decay_new(il_decay *d, const il_model *m, il_error *err)
{
    size_t most = 0;
    *d = (il_decay){ .lambda = m->config.training.frobenius_decay };
    if (d->lambda <= 0) return IL_OK;
    IL_TRY(il_factors_of(&d->product, &d->n, &m->plan, err));
    if (!d->n)
        return il_fail(err, IL_ECONFIG,
                       "training.frobenius_decay = %g has nothing to decay: the model has "
                       "neither factored maps (model.factor.rank) nor heads of factors",
                       d->lambda);
    for (int i = 0; i < d->n; i++) {
        size_t size = il_factors_work(&d->product[i]);
        if (size > most) most = size;
    }
    d->work = malloc(most * sizeof *d->work);
    return d->work ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for Frobenius decay");
}

void il_decay_free(il_decay *d)
{
    free(d->product);
    free(d->work);
}

int il_decay_covers(const il_decay *d, int param)
{
    for (int i = 0; i < d->n; i++)
        for (int k = 0; k < IL_COUNT(d->product[i].param); k++)
            if (d->product[i].param[k] == param) return 1;
    return 0;
}

void il_decay_add(const il_decay *d, const il_real *weights, il_real *grad)
{
    for (int i = 0; i < d->n; i++)
        il_factors_decay(&d->product[i], weights, grad, d->lambda, d->work);
}
