/* prune.c - the error of a model after a share of its neurons, or of its weights, is set to zero
 *
 * Those of least magnitude, of greatest, or random ones: of neurons (the units of MLPs, whose magnitude is the norm of
 * their incoming weights) or of single entries of the maps of the blocks, ranked over all blocks together. A model
 * that uses few neurons loses nothing with the smallest, and much with the largest.
 * Sources: Li et al. 2024, arXiv:2406.17167, and Han et al. 2015, arXiv:1506.02626 (by magnitude).
 */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

enum { NEURONS, WEIGHTS };
enum { SMALLEST, LARGEST, RANDOM, ORDERS };

typedef struct {
    int unit, prompts;
    uint64_t seed;
    char shares[IL_TEXT];
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(CHOICE, unit, NEURONS, 0, 1, "units of MLPs, or entries of the maps of the blocks", "neurons|weights"),
    IL_MEASURE_KEY(TEXT, shares, 0, 0, 0, "shares that are set to zero", "0,0.1,0.2,0.3,0.4,0.5"),
    IL_MEASURE_KEY(INT, prompts, 1280, 1, 1e8, "for the errors", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts, and which random units", NULL),
    { 0 },
};
/* clang-format on */

/* ---- units ------------------------------------------------------------------------------------ */

/* Weights at..at+n-1, and one at `bias` unless that is 0 */
typedef struct {
    double size; /* by which units are ranked */
    size_t at, n, bias;
} unit;

/* Whether a map's output goes through an activation first of all */
static int is_hidden(const il_plan *p, const il_op *map)
{
    static const char *const activations[] = { "relu", "gelu", "silu" };
    if (map->section != IL_BODY || map->kind->form != IL_FORM_MAP) return 0;
    if (map->save[0] != IL_NONE) return 1; /* fused gelu */
    for (int i = 0; i < p->n_ops; i++)
        for (int k = 0; k < IL_COUNT(activations); k++)
            if (p->ops[i].in[0] == map->out &&
                !strcmp(p->ops[i].kind->name, activations[k]))
                return 1;
    return 0;
}

static void add_neurons(unit *list, int *n, const il_model *m, const il_op *map)
{
    const il_param *w = &m->plan.params[map->par[0]];
    if (!is_hidden(&m->plan, map)) return;
    for (int i = 0; i < w->rows; i++, ++*n) {
        if (!list) continue;
        unit u = { .at = w->offset + (size_t)i * (size_t)w->cols, .n = (size_t)w->cols };
        for (size_t j = 0; j < u.n; j++)
            u.size += (double)m->weights[u.at + j] * (double)m->weights[u.at + j];
        if (map->par[1] != IL_NONE) u.bias = m->plan.params[map->par[1]].offset + (size_t)i;
        list[*n] = u;
    }
}

static void add_weights(unit *list, int *n, const il_model *m, int param)
{
    const il_param *w = &m->plan.params[param];
    if (!il_map_inner(&m->plan, param)) return;
    for (size_t j = 0; j < il_param_size(w); j++, ++*n)
        if (list)
            list[*n] = (unit){ .at = w->offset + j,
                               .n = 1,
                               .size = fabs((double)m->weights[w->offset + j]) };
}

/* list NULL: they are counted. */
static int list_units(unit *list, const il_model *m, int of)
{
    int n = 0;
    for (int i = 0; of == NEURONS && i < m->plan.n_ops; i++)
        add_neurons(list, &n, m, &m->plan.ops[i]);
    for (int i = 0; of == WEIGHTS && i < m->plan.n_params; i++) add_weights(list, &n, m, i);
    return n;
}

/* Equal ones in their order, so that every machine prunes the same */
static int ascending(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static void set_order(unit *list, int n, int order, uint64_t seed)
{
    il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < n; i++) {
        if (order == LARGEST) list[i].size = -list[i].size;
        if (order == RANDOM) list[i].size = il_uniform(&rng);
    }
    qsort(list, (size_t)n, sizeof *list, ascending);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static il_status error_without(double *error, const il_model *m, const unit *list, int n,
                               const options *o, il_error *err)
{
    il_model *copy;
    IL_TRY(il_measured_copy(&copy, m, err));
    for (int i = 0; i < n; i++) {
        memset(copy->weights + list[i].at, 0, sizeof *copy->weights * list[i].n);
        if (list[i].bias) copy->weights[list[i].bias] = 0;
    }
    il_model_pack(copy);
    il_status status = il_observe_loss(error, copy, o->prompts, o->seed, err);
    il_model_free(copy);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)n;
    const options *o = opt;
    const char *list = o->shares;
    char word[IL_TEXT];
    if (!list_units(NULL, model->model, o->unit))
        return il_fail(err, IL_ECONFIG,
                       "prune: %s has no MLP, and so no neurons; unit = weights prunes "
                       "entries of its maps",
                       il_measured_name(model));
    while (il_item_next(word, &list, ", ")) {
        double share;
        if (!il_number_parse(word, &share) || !(share >= 0 && share <= 1))
            return il_fail(err, IL_ECONFIG, "prune: '%s' is no share from 0 to 1",
                           il_show(word).text);
        IL_TRY(il_outline_number(table, share, err));
    }
    if (!il_table_rows(table))
        return il_fail(err, IL_ECONFIG, "prune: `shares` names no share; try 0,0.3,0.5");
    return IL_OK;
}

static il_status fill_order(il_table *table, const options *o, const il_model *m,
                            unit *list, int n, int order, il_error *err)
{
    list_units(list, m, o->unit);
    set_order(list, n, order, o->seed);
    for (int row = 0; row < il_table_rows(table); row++) {
        double error;
        int cut = (int)(il_table_number(table, row, 0) * n + 0.5);
        IL_TRY(error_without(&error, m, list, cut, o, err));
        il_table_set(table, row, 1 + order, error);
    }
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)n;
    const options *o = opt;
    const il_model *m = model->model;
    int units = list_units(NULL, m, o->unit);
    unit *list = malloc(sizeof *list * (size_t)units);
    il_status status =
        list ? IL_OK : il_fail(err, IL_EFAIL, "prune: out of memory for %d units", units);
    for (int order = SMALLEST; order < ORDERS && !status; order++)
        status = fill_order(table, o, m, list, units, order, err);
    free(list);
    return status
               ? status
               : il_table_set_caption(
                     table, il_task_metric(il_task_find(model->config->training.task_name)),
                     err);
}

const il_measure_kind il_measure_prune = {
    .name = "prune",
    .summary = "the error without a share of the neurons or weights, by magnitude",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .columns = "share smallest largest random",
    .outline = outline,
    .fill = fill,
};
