/* interpolate.c - the way from a model to another one, or to the algorithm it is thought to be
 *
 * loss: the error on the model's own prompts, at `weight` of the way. Without another model the end is
 * the construction of linear attention's own block means, mixed in head by head (products.h). Between
 * two models of linear attention what each layer adds is mixed, whatever their heads' number, order and
 * scale; between others of the same weights, weight by weight.
 *
 * Source: von Oswald et al. 2024, arXiv:2309.05858, figure 4 (halfway; the trained model and what was
 * read off it); here the whole way.
 */
#include "measure/inspect.h"
#include "observe/products.h"

#include <stdlib.h>

enum { STEPS = 10, PROMPTS = 1280 };

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

/* The same plan and recipe, and weights still zero */
static il_status blank(il_model **out, const il_model *m, il_error *err)
{
    char *text = NULL;
    il_plan plan;
    IL_TRY(il_plan_text(&text, &m->plan, err));
    il_status status = il_plan_read(&plan, text, m->plan.recompute, err);
    free(text);
    IL_TRY(status);
    IL_TRY(il_model_from_plan(out, &plan, err));
    (*out)->config = m->config;
    return IL_OK;
}

static il_status mix_weights(il_model **out, const il_model *a, const il_model *b,
                             double weight, il_error *err)
{
    if (!same_weights(a, b))
        return il_fail(
            err, IL_ECONFIG,
            "interpolate: the two models have other weights; models of the same "
            "plan can be mixed, or of linear attention alone with as many layers");
    IL_TRY(blank(out, a, err));
    for (size_t i = 0; i < a->plan.n_weights; i++)
        (*out)->weights[i] = (il_real)((1 - weight) * (double)a->weights[i] +
                                       weight * (double)b->weights[i]);
    il_model_pack(*out);
    return IL_OK;
}

/* ---- the way ----------------------------------------------------------------------------------- */

static il_status mix(il_model **out, const il_model *a, const il_model *b, double weight,
                     il_error *err)
{
    il_product_shape shape;
    if (!b) return il_product_model(out, a, a, weight, err);
    if (b->config.model.n_dims != a->config.model.n_dims ||
        b->config.model.tokens != a->config.model.tokens)
        return il_fail(
            err, IL_ECONFIG,
            "interpolate: the two models read other tokens: %s of %d dimensions, "
            "and %s of %d",
            il_model_layout(a)->name, a->config.model.n_dims, il_model_layout(b)->name,
            b->config.model.n_dims);
    if (a->config.model.family == IL_STACK && !il_product_shape_of(&shape, a, NULL) &&
        !il_product_shape_of(&shape, b, NULL))
        return il_product_mix(out, a, b, weight, err);
    return mix_weights(out, a, b, weight, err);
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    const il_model *with = s->look->with;
    il_product_shape shape;
    if (!with && il_product_shape_of(&shape, s->model, NULL))
        return il_fail(err, IL_ECONFIG,
                       "interpolate: only a model of linear attention alone has a "
                       "construction of its own; give the other end by --with");
    IL_TRY(il_table_add_cols(t, "weight loss", err));
    for (int i = 0; i <= STEPS; i++) {
        double row[] = { (double)i / STEPS, 0 };
        il_model *m;
        IL_TRY(mix(&m, s->model, with, row[0], err));
        il_status status =
            il_loss(&row[1], m, s->o->prompts ? s->o->prompts : PROMPTS, s->o->seed, err);
        il_model_free(m);
        if (!status) status = il_table_add_numbers(t, NULL, 0, row, 2, err);
        IL_TRY(status);
    }
    return IL_OK;
}

const il_analysis il_analysis_interpolate = {
    .name = "interpolate",
    .summary = "loss on the way from a model to its own block means, or to another model",
    .reads = "seed prompts with",
    .run = run,
};
