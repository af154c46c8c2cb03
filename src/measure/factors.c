/* factors.c - the norms of weights that act only as a product: factored maps, and the heads of attention
 *
 * A row for each product W = L R: its Frobenius norm and nuclear norm, the squared norms of its factors, and the
 * ratio 1/2 (|L|_F^2 + |R|_F^2) / |W|_*, which is at least 1, and is 1 where the factors are balanced. Weight decay
 * of the factors drives it to 1: it is a penalty on the nuclear norm. Frobenius decay of the product does not.
 * Source: Khodak et al. 2021, arXiv:2105.01029.
 */
#include "measure/measure.h"

#include <stdlib.h>

enum { ALL, MAPS, HEADS };

typedef struct {
    int of;
} options;
static const il_opt opts[] = {
    IL_MEASURE_KEY(CHOICE, of, ALL, 0, 2, "which products", "all|maps|heads"),
    { 0 },
};

static int is_asked(const options *o, const il_factors *f)
{
    return o->of == ALL || f->maps == (o->of == MAPS);
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)n;
    il_factors *list;
    int products;
    const options *o = opt;
    IL_TRY(il_factors_of(&list, &products, &model->model->plan, err));
    il_status status = IL_OK;
    for (int i = 0; i < products && !status; i++)
        if (is_asked(o, &list[i])) status = il_outline_name(table, list[i].name, err);
    free(list);
    if (!status && !il_table_rows(table))
        return il_fail(err, IL_ECONFIG,
                       "factors: %s has no such products: neither factored maps "
                       "(model.factor.rank) nor heads narrower than the stream",
                       il_measured_name(model));
    return status;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)n;
    const il_model *m = model->model;
    il_factors *list;
    int products, row = 0;
    IL_TRY(il_factors_of(&list, &products, &m->plan, err));
    il_status status = IL_OK;
    for (int i = 0; i < products && !status; i++) {
        il_factor_norms norms;
        if (!is_asked(opt, &list[i])) continue;
        status = il_factors_norms(&norms, &list[i], m->weights, err);
        double numbers[] = {
            list[i].left.cols, norms.product, norms.nuclear,
            norms.left,        norms.right,   (norms.left + norms.right) / 2 / norms.nuclear
        };
        il_measure_set(table, row++, numbers, IL_COUNT(numbers));
    }
    free(list);
    return status;
}

const il_measure_kind il_measure_factors = {
    .name = "factors",
    .summary = "norms of weights that act as products: are their factors balanced?",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .columns = "weights$ rank product nuclear left right ratio",
    .outline = outline,
    .fill = fill,
};
