/* evaluate.c - a model's error beside the classical algorithms
 *
 * Per point, e = (yhat - y)^2 / scale, so that predicting zero scores 1 (for classification: the
 * share of wrong signs); the mean over prompts, with its 90 % bootstrap confidence interval (5 % and 95 %
 * quantiles of the means of 1000 resamples of the prompts).
 * Source of metric and interval: Garg et al. 2022, arXiv:2208.01066.
 */
#include "evaluate/evaluate.h"
#include "base/ranks.h"
#include "la/bootstrap.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 256 };

typedef il_eval_setting setting;

/* ---- errors ------------------------------------------------------------------------------------------ */

/* What is measured: (rows, B) errors, a row for each point, or for each loop at the last point;
 * and room for the answers of one block of prompts. */
typedef struct {
    double *e;
    il_real *yhat;
    int *
        took; /* (N, B) loops that stopped by themselves; behind them a block's, (block, N) */
} errors;

static il_status new_errors(errors *to, const setting *s, int rows, il_error *err)
{
    size_t B = (size_t)s->batch->prompts, N = (size_t)s->batch->points;
    size_t runs = s->by_loops ? (size_t)rows : 1;
    to->e = malloc(sizeof *to->e * (size_t)rows * B);
    to->yhat = malloc(sizeof *to->yhat * runs * N * (size_t)s->batch->outs *
                      (size_t)il_min(BLOCK, (int)B));
    if (s->stops) to->took = malloc(sizeof *to->took * N * (B + BLOCK));
    if (to->e && to->yhat && (to->took || !s->stops)) return IL_OK;
    return il_fail(err, IL_EFAIL, "out of memory for the answers to %d prompts",
                   s->batch->prompts);
}

/* yhat, y (O) */
static double error_of(const setting *s, const il_real *yhat, const il_real *y)
{
    double sum = 0;
    if (strcmp(s->task->loss, "mse"))
        return isfinite(*yhat) ? (*yhat > 0) != (*y > 0) : NAN; /* NaN has no sign */
    for (int o = 0; o < s->batch->outs; o++) {
        double d = (double)yhat[o] - (double)y[o];
        sum += d * d;
    }
    return sum * il_task_unit(s->task) / s->scale;
}

/* Where that is asked, (N, B) errors become (1, B): each prompt's mean over its points. */
static void mean_over_points(const setting *s, double *e)
{
    int N = s->over_points ? s->batch->points : 0, B = s->batch->prompts;
    for (int b = 0; b < B && N; b++) {
        double sum = 0;
        for (int n = 0; n < N; n++) sum += e[(size_t)n * (size_t)B + (size_t)b];
        e[b] = sum / N;
    }
}

/* Those after one loop, each rank's to its share of the block */
static il_status answer_together(il_real *yhat, const setting *s, const il_batch *block,
                                 int loop, il_error *err)
{
    il_ranks r = il_ranks_about();
    size_t B = (size_t)block->prompts, each = (size_t)block->points * (size_t)block->outs,
           from = il_rank_share(B, r.rank, r.ranks),
           end = il_rank_share(B, r.rank + 1, r.ranks);
    il_batch own = il_eval_part(block, (int)from, (int)(end - from));
    il_status status = IL_OK;
    if (own.prompts)
        status = il_model_answer(s->model, &own, loop, loop, yhat + from * each, err);
    return il_ranks_complete(status, yhat, B, each * sizeof *yhat, err);
}

/* The model's answers to a block of prompts from `at` on, and of loops that stop by themselves how many they
 * took; by loops, the answers are those after every loop. */
static il_status answer(errors *to, const setting *s, const il_batch *block, int at,
                        int first, int last, il_error *err)
{
    size_t N = (size_t)s->batch->points, B = (size_t)s->batch->prompts;
    if (s->stops) {
        int *took = to->took + N * B;
        IL_TRY(il_model_answer_until(s->model, block, &s->until, to->yhat, took, err));
        for (size_t b = 0; b < (size_t)block->prompts; b++)
            for (size_t n = 0; n < N; n++)
                to->took[n * B + (size_t)at + b] = took[b * N + n];
        if (!s->by_loops) return IL_OK;
    } else if (s->together && first == last) {
        return answer_together(to->yhat, s, block, last, err);
    }
    return il_model_answer(s->model, block, first, last, to->yhat, err);
}

/* Measures the model (algo NULL) after its loops, or an algorithm after its steps, first..last. */
static il_status measure(errors *to, const setting *s, const il_algo *algo, int first,
                         int last, il_error *err)
{
    size_t B = (size_t)s->batch->prompts, O = (size_t)s->batch->outs;
    int N = s->batch->points, rows = s->by_loops ? last - first + 1 : N;
    for (int at = 0; at < s->batch->prompts; at += BLOCK) {
        il_batch block = il_eval_part(s->batch, at, BLOCK);
        const il_real *y = block.yq ? block.yq : block.y;
        IL_TRY(algo ? il_algo_predict(algo, &block, first, last, to->yhat, NULL, err)
                    : answer(to, s, &block, at, first, last, err));
        for (int row = 0; row < rows; row++) {
            int run = s->by_loops ? row : 0, n = s->by_loops ? N - 1 : row;
            const il_real *yhat =
                to->yhat + (size_t)run * (size_t)block.prompts * (size_t)N * O;
            for (int b = 0; b < block.prompts; b++)
                to->e[(size_t)row * B + (size_t)(at + b)] = error_of(
                    s, yhat + (size_t)(b * N + n) * O, y + (size_t)(b * N + n) * O);
        }
    }
    return IL_OK;
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

/* Columns: points, loop or k, those of a model if there is one, one for each algorithm; all rows. */
static il_status new_table(il_table **table, const setting *s, il_error *err)
{
    const char *first = s->over_points ? "points" : s->by_loops ? "loop" : "k";
    int rows = s->over_points ? 1 : s->by_loops ? s->loops_to : s->points;
    IL_TRY(il_table_new(table,
                        s->over_points ? "mean"
                        : s->by_loops  ? "loops"
                                       : "points",
                        err));
    IL_TRY(il_table_set_caption(*table, il_task_metric(s->task), err));
    IL_TRY(il_table_add_cols(*table, first, err));
    if (s->model) IL_TRY(il_table_add_cols(*table, "model model_low model_high", err));
    if (s->stops)
        IL_TRY(il_table_add_cols(*table, s->by_loops ? "stopped" : "loops all_loops", err));
    for (int i = 0; i < s->n_algos; i++)
        IL_TRY(il_table_add_col(*table, s->names[i], 0, err));
    for (int row = 0; row < rows; row++) {
        IL_TRY(il_table_add_row(*table, err));
        il_table_set(*table, row, 0,
                     s->over_points ? s->points
                     : s->by_loops  ? row + 1
                                    : row);
    }
    return IL_OK;
}

/* A mean and its confidence interval, where all answers of the row are finite; NaN for each of them where
 * one is not. Returns how many are not. */
static int set_mean(il_table *table, int row, int col, const double *e, int B,
                    const uint64_t *band)
{
    double cell[3] = { il_mean(e, B), 0, 0 };
    int bad = 0;
    for (int b = 0; b < B; b++) bad += !isfinite(e[b]);
    if (band) il_bootstrap_mean(e, B, *band, &cell[1], &cell[2]);
    int finite = isfinite(cell[0]) && isfinite(cell[1]) && isfinite(cell[2]);
    for (int i = 0; i < (band ? 3 : 1); i++)
        il_table_set(table, row, col + i, finite ? cell[i] : NAN);
    return bad;
}

enum { COL_MODEL = 1, COL_TOOK = 4 };
static int col_algo(const setting *s)
{
    return !s->model ? COL_MODEL : COL_TOOK + (!s->stops ? 0 : s->by_loops ? 1 : 2);
}

/* By points the mean of the loops that answers took; by loops the share of prompts whose last answer took so
 * many: a histogram. */
static void set_took(il_table *table, const setting *s, const int *took)
{
    size_t N = (size_t)s->batch->points, B = (size_t)s->batch->prompts;
    for (int row = 0; row < il_table_rows(table); row++) {
        size_t from = s->by_loops ? (N - 1) * B : (size_t)row * B,
               n = s->over_points ? N * B : B;
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += s->by_loops ? took[from + i] == row + 1 : took[from + i];
        il_table_set(table, row, COL_TOOK, sum / (double)n);
    }
}

/* Beside answers of loops that stop by themselves, the error of those after all loops */
static il_status fill_all_loops(il_table *table, const setting *s, errors *to,
                                il_error *err)
{
    setting all = *s;
    all.stops = 0;
    IL_TRY(measure(to, &all, NULL, s->loops, s->loops, err));
    mean_over_points(s, to->e);
    int B = s->batch->prompts;
    for (int row = 0; row < il_table_rows(table); row++)
        set_mean(table, row, COL_TOOK + 1, to->e + (size_t)row * (size_t)B, B, NULL);
    return IL_OK;
}

static il_status fill_model(il_table *table, const setting *s, errors *to, il_error *err)
{
    int B = s->batch->prompts;
    IL_TRY(measure(to, s, NULL, s->by_loops ? 1 : s->loops,
                   s->by_loops ? s->loops_to : s->loops, err));
    int own = s->by_loops ? il_min(s->loops, s->loops_to) - 1 : 0;
    const double *judged = to->e + (size_t)own * (size_t)B;
    IL_TRY(il_note_worth(table, s->task, s->batch, il_task_unit(s->task) / s->scale, judged,
                         s->by_loops ? 1 : s->points, s->seed, err));
    mean_over_points(s, to->e);
    if (s->stops) set_took(table, s, to->took);
    int rows = il_table_rows(table), bad = 0;
    for (int row = 0; row < rows; row++)
        bad +=
            set_mean(table, row, COL_MODEL, to->e + (size_t)row * (size_t)B, B, &s->seed);
    if (s->stops && !s->by_loops) IL_TRY(fill_all_loops(table, s, to, err));
    if (!bad) return IL_OK;
    const char *range = s->model->config.model.family != IL_BUILT
                            ? ""
                            : "; these prompts are outside the range that the model was "
                              "built for, which the constants in its program set "
                              "(`innerloop show MODEL`)";
    return il_table_note(
        table, err,
        "%d of %lld errors of the model are no finite number: where one is "
        "none, there is no mean and no confidence interval%s",
        bad, (long long)rows * B, range);
}

/* By loops, an iteration whose steps were not given has a step in every row while it has steps;
 * anything else is the same in all rows. */
static il_status fill_algo(il_table *table, const setting *s, int i, errors *to,
                           il_error *err)
{
    int B = s->batch->prompts, rows = il_table_rows(table);
    int most = il_algo_steps(s->algos[i]), given = s->steps[i] >= 0;
    int bad = 0, moves = s->by_loops && !given && most > 0;
    int last = given ? s->steps[i] : moves ? il_min(rows, most) : most;
    IL_TRY(measure(to, s, s->algos[i], moves ? 1 : last, last, err));
    mean_over_points(s, to->e);
    int col = col_algo(s) + i;
    for (int row = 0; row < (moves ? last : rows); row++) {
        size_t from = s->by_loops && !moves ? 0 : (size_t)row;
        bad += set_mean(table, row, col, to->e + from * (size_t)B, B, NULL);
    }
    if (bad)
        return il_table_note(table, err, "%d errors of %s are no finite number", bad,
                             s->names[i]);
    return IL_OK;
}

static il_status check_classes(const setting *s, il_error *err)
{
    int classes = il_task_classes(s->task, s->opts);
    if (s->by_loops || s->n_algos || !s->model || s->stops)
        return il_fail(err, IL_ECONFIG,
                       "%s is a token-id task: evaluate it with a model, by points, "
                       "without algorithms, and with loops that do not stop by themselves",
                       s->task->name);
    if (il_model_classes(s->model) != classes)
        return il_fail(err, IL_ECONFIG, "the task has %d token ids and the model %d",
                       classes, il_model_classes(s->model));
    return IL_OK;
}

static il_status fill(il_table *table, const setting *s, il_error *err)
{
    errors room = { 0 };
    il_status status =
        new_errors(&room, s, s->by_loops ? il_table_rows(table) : s->points, err);
    if (!status && s->model) status = fill_model(table, s, &room, err);
    for (int i = 0; i < s->n_algos && !status; i++)
        status = fill_algo(table, s, i, &room, err);
    free(room.took);
    free(room.yhat);
    free(room.e);
    return status;
}

static il_status note_beyond(il_table *table, const setting *s, il_error *err)
{
    char note[256];
    int loops = s->by_loops ? 0 : s->loops; /* a table by loops goes beyond on purpose */
    if (!il_model_beyond(s->model, s->points, s->dims, loops, note, sizeof note))
        return IL_OK;
    return il_table_note(table, err, "%s", note);
}

typedef enum { OUTLINE, ALONE, TOGETHER } manner;

/* OUTLINE: the table before it is filled */
static il_status evaluate(const il_model *model, const il_eval_options *o, il_eval_by by,
                          manner how, il_table **out, il_error *err)
{
    setting s;
    il_table *table = NULL;
    il_status status = il_eval_find(&s, model, o, by, err);
    int classes = !status && s.task->ids, outline = how == OUTLINE;
    s.together = how == TOGETHER;
    if (classes) status = check_classes(&s, err);
    if (!status && !outline) status = il_eval_draw(&s, o, err);
    if (!status && !classes) status = new_table(&table, &s, err);
    if (!status && classes && outline) status = il_eval_classes_outline(&table, err);
    if (!status && classes && !outline) status = il_eval_classes(&s, &table, err);
    if (!status && !classes && !outline) status = fill(table, &s, err);
    if (!status && model && !outline) status = note_beyond(table, &s, err);
    il_eval_end(&s);
    return il_table_hand_over(out, table, status);
}

il_status il_eval_outline(il_table **table, const il_model *model,
                          const il_eval_options *options, il_eval_by by, il_error *err)
{
    return evaluate(model, options, by, OUTLINE, table, err);
}

il_status il_eval(il_table **table, const il_model *model, const il_eval_options *options,
                  il_eval_by by, il_error *err)
{
    return evaluate(model, options, by, ALONE, table, err);
}

il_status il_eval_together(il_table **table, const il_model *model,
                           const il_eval_options *options, il_eval_by by, il_error *err)
{
    return evaluate(model, options, by, TOGETHER, table, err);
}
