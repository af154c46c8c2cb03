/* gradient_noise.c - how far the gradients of batches lie from that of all prompts, and how heavy the tails of that are
 *
 * |g_b - g| for `draws` batches of `prompts` prompts, g the mean gradient of `mean` other batches: its median, the 99 %
 * quantile and the largest, both over the median, and its excess kurtosis (0 of a normal law). With `start` at the weights that the recipe starts from,
 * else at the model's. Source: Ahn et al. 2024, arXiv:2310.01082 (after Zhang et al. 2020, arXiv:1912.03194).
 */
#include "la/dense.h"
#include "la/order.h"
#include "measure/gradients.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int prompts, draws, mean, start;
    uint64_t seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(INT, prompts, 200, 1, 1e6, "in a batch", NULL),
    IL_MEASURE_KEY(INT, draws, 400, 4, 1e6, "batches", NULL),
    IL_MEASURE_KEY(INT, mean, 100, 1, 1e6, "other batches, whose mean is the gradient", NULL),
    IL_MEASURE_KEY(BOOL, start, 0, 0, 1, "at the recipe's initial weights", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

/* distance (draws), of batches mean..mean+draws-1 from the mean of the first ones; work (2,n) */
static il_status distances(double *distance, il_gradients *g, const options *o,
                           const il_real *w, double *work, il_error *err)
{
    int n = (int)g->n;
    double *mean = work, *grad = work + g->n;
    memset(mean, 0, g->n * sizeof *mean);
    for (int i = 0; i < o->mean; i++) {
        IL_TRY(il_gradients_at(grad, g, w, i, err));
        il_daxpy(mean, 1.0 / o->mean, grad, n);
    }
    for (int i = 0; i < o->draws; i++) {
        IL_TRY(il_gradients_at(grad, g, w, o->mean + i, err));
        il_daxpy(grad, -1, mean, n);
        distance[i] = sqrt(il_ddot(grad, grad, n));
    }
    return IL_OK;
}

static double excess_kurtosis(const double *x, int n)
{
    double mean = 0, m2 = 0, m4 = 0;
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int i = 0; i < n; i++) {
        double square = (x[i] - mean) * (x[i] - mean);
        m2 += square / n;
        m4 += square * square / n;
    }
    return m4 / (m2 * m2) - 3;
}

static il_status set_row(il_table *table, int row, const options *o, il_gradients *g,
                         const il_real *w, il_error *err)
{
    double *distance = malloc(sizeof *distance * ((size_t)o->draws + 2 * g->n));
    if (!distance) return il_fail(err, IL_EFAIL, "gradient_noise: out of memory");
    il_status status = distances(distance, g, o, w, distance + o->draws, err);
    if (!status) {
        double kurtosis = excess_kurtosis(distance, o->draws);
        il_sort(distance, o->draws);
        double median = il_quantile(distance, o->draws, 0.5),
               numbers[] = { median, il_quantile(distance, o->draws, 0.99) / median,
                             distance[o->draws - 1] / median, kurtosis };
        il_measure_set(table, row, numbers, IL_COUNT(numbers));
    }
    free(distance);
    return status;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    for (int i = 0; i < n; i++) {
        il_gradients g;
        il_status status = il_gradients_new(&g, model[i].model, o->prompts, o->seed, err);
        if (!status && o->start) status = il_trainer_start(g.trainer, NULL, err);
        il_real *w = status ? NULL : malloc(g.n * sizeof *w);
        if (!status && !w) status = il_fail(err, IL_EFAIL, "gradient_noise: out of memory");
        if (!status) {
            const il_model *at = o->start ? il_trainer_model(g.trainer) : model[i].model;
            memcpy(w, at->weights, g.n * sizeof *w);
            status = set_row(table, i, o, &g, w, err);
        }
        free(w);
        il_gradients_free(&g);
        IL_TRY(status);
    }
    return IL_OK;
}

const il_measure_kind il_measure_gradient_noise = {
    .name = "gradient_noise",
    .summary = "distances of batches' gradients from the mean one, and their tails",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .columns = "model$ median q99 most kurtosis",
    .fill = fill,
};
