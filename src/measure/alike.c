/* alike.c - for each step of one algorithm, the step of another whose errors are most similar
 *
 * Columns: step (of a), best (the step of b that is most similar), log2_best, and SimE there,
 * the mean cosine between their vectors of errors (src/algo/similarity.h).
 * Source: Fu et al. 2023, arXiv:2310.17086.
 */
#include "algo/similarity.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    char a[IL_TEXT], b[IL_TEXT];
    int first, last, from;
    il_task_prompts of;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(TEXT, a, 0, 0, 0, "an algorithm with steps", "newton"),
    IL_MEASURE_KEY(TEXT, b, 0, 0, 0, "another", "gd"),
    IL_MEASURE_KEY(INT, first, 1, 0, 10000, "first step of a", NULL),
    IL_MEASURE_KEY(INT, last, 10, 0, 10000, "last step of a", NULL),
    IL_MEASURE_KEY(INT, from, 1, 0, 65535, "the first point that counts", NULL),
    IL_TASK_PROMPT_KEYS(options, 100),
    { 0 },
};
/* clang-format on */

/* The answers of an algorithm after steps first..last, (last-first+1, B, N) */
static il_status answers(il_real **yhat, const il_algo *algo, const il_batch *batch,
                         int first, int last, il_error *err)
{
    size_t size = il_product((size_t)(last - first + 1),
                             (size_t)batch->prompts * (size_t)batch->points);
    *yhat = size <= SIZE_MAX / sizeof **yhat ? malloc(size * sizeof **yhat) : NULL;
    if (!*yhat) return il_fail(err, IL_EFAIL, "out of memory for %d steps", last);
    return il_algo_predict(algo, batch, first, last, *yhat, NULL, err);
}

static il_status fill_rows(il_table *table, const options *o, const il_batch *batch,
                           const il_real *a, const il_real *b, int nb, il_error *err)
{
    int na = o->last - o->first + 1, *best = malloc(sizeof *best * (size_t)na);
    double *alike = malloc(sizeof *alike * (size_t)na * (size_t)nb);
    il_similar s = { batch->prompts, batch->points, o->from };
    il_status status = best && alike ? IL_OK : il_fail(err, IL_EFAIL, "out of memory");
    if (!status) status = il_similarity_errors(alike, s, a, na, b, nb, batch->y, err);
    if (!status) il_similarity_best(best, alike, na, nb);
    for (int i = 0; i < na && !status; i++) {
        double row[] = { best[i] + 1, log2(best[i] + 1),
                         alike[(size_t)i * (size_t)nb + (size_t)best[i]] };
        il_measure_set(table, i, row, IL_COUNT(row));
    }
    free(alike);
    free(best);
    return status;
}

static il_status compare(il_table *table, const options *o, const il_batch *batch,
                         const il_algo *first, const il_algo *second, il_error *err)
{
    il_real *a = NULL, *b = NULL;
    int steps = il_algo_steps(second);
    il_status status = answers(&a, first, batch, o->first, o->last, err);
    if (!status) status = answers(&b, second, batch, 1, steps, err);
    if (!status) status = fill_rows(table, o, batch, a, b, steps, err);
    free(a);
    free(b);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    (void)model, (void)n;
    const options *o = opt;
    il_algo *b;
    IL_TRY(il_algo_new(&b, o->b, err));
    int steps = il_algo_steps(b);
    il_algo_free(b);
    if (o->last < o->first || steps < 1)
        return il_fail(err, IL_ECONFIG,
                       "there are no steps to compare: first <= last is needed (here %d "
                       "and %d) and an iterative b (%s has %d steps)",
                       o->first, o->last, o->b, steps);
    for (int i = o->first; i <= o->last; i++) IL_TRY(il_outline_number(table, i, err));
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    (void)model, (void)n;
    const options *o = opt;
    il_batch *batch = NULL;
    il_algo *a = NULL, *b = NULL;
    il_status status = il_task_prompts_draw(&batch, &o->of, err);
    if (!status) status = il_algo_new(&a, o->a, err);
    if (!status) status = il_algo_new(&b, o->b, err);
    if (!status) status = compare(table, o, batch, a, b, err);
    il_batch_free(batch);
    il_algo_free(a);
    il_algo_free(b);
    return status;
}

const il_measure_kind il_measure_alike = {
    .name = "alike",
    .summary = "which step of one algorithm is most like each step of another",
    .opts = opts,
    .size = sizeof(options),
    .untrained = 1,
    .columns = "step best log2_best SimE",
    .outline = outline,
    .fill = fill,
};
