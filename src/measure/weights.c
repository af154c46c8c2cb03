/* weights.c - tables of the weights of attention heads: the products W_k^T W_q and P W_v (QK and OV circuits)
 *
 * A row for each head, block or singular value of the products K^T Q and P V (weights_products.c); of linear
 * attention alone, products as multiples of I and as a gradient step (weights_linear.c), or as preconditioned
 * gradient descent (weights_preconditioner.c).
 */
#include "measure/weights.h"

typedef il_weights_options options;
static const il_opt opts[] = {
    IL_MEASURE_KEY(
        CHOICE, each, IL_BY_HEAD, 0, 5,
        "a row for each; of linear attention alone: share and step as multiples of I, "
        "preconditioner on columns",
        "head|block|value|share|step|preconditioner"),
    IL_MEASURE_KEY(STRING, to, 0, 0, 0,
                   "distances to a construction with its options: gd step_size=0.1", NULL),
    IL_MEASURE_KEY(INT, prompts, 1280, 1, 1e8, "for the losses of each = step", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts, likewise", NULL),
    { 0 },
};

/* In the order of `each` */
static const il_weights_form *const forms[] = {
    &il_weights_head,  &il_weights_block, &il_weights_value,
    &il_weights_share, &il_weights_step,  &il_weights_preconditioner
};

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    const il_weights_form *form = forms[o->each];
    if (n > form->most)
        return il_fail(err, IL_ECONFIG,
                       "weights: each = head, block or value takes one model, not %d", n);
    if (o->to && o->each > IL_BY_BLOCK)
        return il_fail(err, IL_ECONFIG, "weights: `to` needs each = head or each = block");
    IL_TRY(il_table_add_cols(table, form->columns, err));
    if (o->to) IL_TRY(il_table_add_cols(table, "to", err));
    return form->outline(table, model, n, err);
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    return forms[o->each]->fill(table, o, model, n, err);
}

const il_measure_kind il_measure_weights = {
    .name = "weights",
    .summary = "products of an attention's weights: multiples of I, spectra, distance to a "
               "construction",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .outline = outline,
    .fill = fill,
};
