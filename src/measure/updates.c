/* updates.c - singular values of what training changed: is the change of a map of low rank?
 *
 * A row for each map of the blocks, with W its weights and W_0 those that its recipe starts from: the Frobenius norm
 * of W - W_0 alone and over that of W_0, the share of its square in the `rank` largest singular values (`energy`), how
 * much smaller the next singular value is than the last of these (`next`), and the smallest rank that holds `most` of it.
 * Source: Li et al. 2024, arXiv:2406.17167 (on two relevant patterns changes have rank two).
 */
#include "la/dense.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int rank;
    double most;
} options;
static const il_opt opts[] = {
    IL_MEASURE_KEY(INT, rank, 2, 1, 65536, "largest singular values that count", NULL),
    IL_MEASURE_KEY(REAL, most, 0.99, 0, 1, "share that the smallest rank holds", NULL),
    { 0 },
};

/* Rows row..end-1 of a weight: one of the maps that it joins, as queries, keys and values */
typedef struct {
    int param, row, end;
} map;

/* The first map behind this one; param = n_params behind the last */
static map next_map(const il_plan *p, map at)
{
    if (at.param >= 0 && at.end < p->params[at.param].rows)
        return (map){ at.param, at.end, il_map_end(p, at.param, at.end) };
    do at.param++;
    while (at.param < p->n_params && !il_map_inner(p, at.param));
    if (at.param == p->n_params) return (map){ at.param, 0, 0 };
    return (map){ at.param, 0, il_map_end(p, at.param, 0) };
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)opt, (void)n;
    const il_plan *p = &model->model->plan;
    for (map at = next_map(p, (map){ -1, 0, 0 }); at.param < p->n_params;
         at = next_map(p, at)) {
        char name[IL_TEXT];
        const il_param *w = &p->params[at.param];
        int whole = at.row == 0 && at.end == w->rows;
        snprintf(name, sizeof name, whole ? "%s" : "%s:%d", w->name, at.row);
        IL_TRY(il_outline_name(table, name, err));
    }
    if (!il_table_rows(table))
        return il_fail(err, IL_ECONFIG, "updates: %s has no maps in its blocks",
                       il_measured_name(model));
    return IL_OK;
}

/* s (least) = singular values of W - W_0; *before = |W_0|_F */
static void singular_values(double *s, double *before, const il_model *m,
                            const il_model *start, map at, double *work)
{
    const il_param *w = &m->plan.params[at.param];
    int rows = at.end - at.row, cols = w->cols, tall = rows >= cols;
    int most = tall ? rows : cols, least = tall ? cols : rows;
    double *A = work, *Vt = A + (size_t)most * (size_t)least,
           *scratch = Vt + (size_t)least * (size_t)least, square = 0;
    size_t from = w->offset + (size_t)at.row * (size_t)cols;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            size_t k = from + (size_t)i * (size_t)cols + (size_t)j;
            double was = (double)start->weights[k];
            square += was * was;
            A[tall ? i * cols + j : j * rows + i] = (double)m->weights[k] - was;
        }
    *before = sqrt(square);
    il_svd(A, most, least, s, Vt, scratch);
}

static void set_row(il_table *table, int row, const options *o, const double *s, int n,
                    double before)
{
    double all = 0, top = 0, so_far = 0;
    int enough = 0;
    for (int i = 0; i < n; i++) all += s[i] * s[i];
    for (int i = 0; i < n && i < o->rank; i++) top += s[i] * s[i];
    while (enough < n && so_far < o->most * all) {
        so_far += s[enough] * s[enough];
        enough++;
    }
    double numbers[] = { sqrt(all), sqrt(all) / before, top / all,
                         o->rank < n ? s[o->rank] / s[o->rank - 1] : 0, enough };
    il_measure_set(table, row, numbers, IL_COUNT(numbers));
}

static il_status fill_rows(il_table *table, const options *o, const il_model *m,
                           const il_model *start, il_error *err)
{
    int row = 0;
    for (map at = next_map(&m->plan, (map){ -1, 0, 0 }); at.param < m->plan.n_params;
         at = next_map(&m->plan, at), row++) {
        int rows = at.end - at.row, cols = m->plan.params[at.param].cols,
            most = il_max(rows, cols), least = il_min(rows, cols);
        size_t size = (size_t)(most + least + 1) * (size_t)least + il_svd_work(most, least);
        double *s = malloc(sizeof *s * size), before;
        if (!s) return il_fail(err, IL_EFAIL, "updates: out of memory");
        singular_values(s, &before, m, start, at, s + least);
        set_row(table, row, o, s, least, before);
        free(s);
    }
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)n;
    il_model *start;
    if (model->config->model.family == IL_BUILT || model->config->training.init[0])
        return il_fail(err, IL_ECONFIG,
                       "updates: %s does not start from its recipe's random weights, so "
                       "what training changed is unknown",
                       il_measured_name(model));
    IL_TRY(il_model_new(&start, model->config, err));
    il_status status =
        start->plan.n_weights == model->model->plan.n_weights
            ? fill_rows(table, opt, model->model, start, err)
            : il_fail(err, IL_ECONFIG,
                      "updates: %s has other weights than its recipe's model",
                      il_measured_name(model));
    il_model_free(start);
    return status;
}

const il_measure_kind il_measure_updates = {
    .name = "updates",
    .summary = "singular values of what training changed in the maps of the blocks",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .columns = "weights$ norm relative energy next rank",
    .outline = outline,
    .fill = fill,
};
