/* worth.c - is a model better than a constant baseline that ignores the prompt?
 *
 * The baseline predicts zero; of signs the more frequent one; of token ids their frequencies. With d = z - e,
 * the excess error of that baseline (z) over the model (e) on one prompt, the model is better when the 90 %
 * bootstrap confidence interval of d's mean lies above 2 % of the mean of z: a model that predicts roughly
 * zero is not. All prompts are drawn and answered already, so this costs only the resamples.
 */
#include "evaluate/evaluate.h"
#include "la/bootstrap.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

/* Is the model no better? 0 also where an error is not finite. d (B): scratch. */
static int no_better(const double *e, const double *z, double *d, int B, uint64_t seed)
{
    double low, high;
    for (int b = 0; b < B; b++) d[b] = z[b] - e[b];
    if (!isfinite(il_mean(d, B)) || !(il_mean(z, B) > 0)) return 0;
    il_bootstrap_mean(d, B, seed, &low, &high);
    return low <= 0.02 * il_mean(z, B);
}

/* ---- numbers and signs ------------------------------------------------------------------------- */

typedef struct {
    const il_batch *batch;
    const il_real *y;    /* the targets */
    double unit;         /* of a squared error */
    int signs, positive; /* targets are signs; most are positive */
} blind;

static blind blind_of(const il_task *task, const il_batch *batch, double unit)
{
    blind a = { batch, batch->yq ? batch->yq : batch->y, unit, strcmp(task->loss, "mse") };
    size_t n = (size_t)batch->prompts * (size_t)batch->points, positive = 0;
    for (size_t i = 0; a.signs && i < n; i++) positive += a.y[i] > 0;
    a.positive = 2 * positive > n;
    return a;
}

/* The baseline's error at point n of prompt b */
static double blind_error(const blind *a, int b, int n)
{
    int O = a->batch->outs;
    const il_real *y =
        a->y + ((size_t)b * (size_t)a->batch->points + (size_t)n) * (size_t)O;
    double sum = 0;
    if (a->signs) return (*y > 0) != a->positive;
    for (int o = 0; o < O; o++) sum += (double)y[o] * (double)y[o];
    return sum * a->unit;
}

/* Each prompt's mean over its last `points` points */
static void means(double *e_mean, double *z_mean, const double *e, int points,
                  const blind *a)
{
    int B = a->batch->prompts, first = a->batch->points - points;
    for (int b = 0; b < B; b++) {
        e_mean[b] = z_mean[b] = 0;
        for (int n = 0; n < points; n++) {
            e_mean[b] += e[(size_t)n * (size_t)B + (size_t)b] / points;
            z_mean[b] += blind_error(a, b, first + n) / points;
        }
    }
}

il_status il_note_worth(il_table *table, const il_task *task, const il_batch *batch,
                        double unit, const double *e, int points, uint64_t seed,
                        il_error *err)
{
    size_t B = (size_t)batch->prompts;
    blind a = blind_of(task, batch, unit);
    if (batch->points < 2) return IL_OK; /* nothing was shown */
    double *room = calloc(3 * B, sizeof *room), *z = room ? room + B : NULL;
    if (!room) return il_fail(err, IL_EFAIL, "out of memory for an evaluation");
    /* a model may be worthless at some points and good where it has seen all examples */
    means(room, z, e + (size_t)(points - 1) * B, 1, &a);
    int worthless = no_better(room, z, z + B, (int)B, seed);
    if (worthless && points > 1) {
        means(room, z, e, points, &a);
        worthless = no_better(room, z, z + B, (int)B, seed);
    }
    double error = il_mean(room, (int)B), blind_is = il_mean(z, (int)B);
    free(room);
    if (!worthless) return IL_OK;
    const char *answer = a.signs ? "the commoner sign" : "zero";
    return il_table_note(table, err,
                         "the model is no better here than always answering %s: its error "
                         "is %s, and that answer's %s",
                         answer, il_digits_short(error).text,
                         il_digits_short(blind_is).text);
}

/* ---- token ids ----------------------------------------------------------------------------------- */

il_status il_note_prior(il_table *table, const il_batch *batch, int classes,
                        const double *loss, uint64_t seed, il_error *err)
{
    int B = batch->prompts;
    size_t N = (size_t)batch->points, n = (size_t)B * N;
    double *room = calloc(2 * (size_t)B + (size_t)classes, sizeof *room), asked = 0;
    if (!room) return il_fail(err, IL_EFAIL, "out of memory for an evaluation");
    double *z = room, *d = z + B, *count = d + B;
    for (size_t i = 0; i < n; i++)
        if (batch->y[i] >= 0) { /* below 0: no target */
            count[(int)batch->y[i]] += 1;
            asked += 1;
        }
    for (size_t i = 0; i < n; i++)
        if (batch->y[i] >= 0) z[i / N] -= log(count[(int)batch->y[i]] / asked);
    int worthless = no_better(loss, z, d, B, seed);
    double nats = il_mean(loss, B) * B / asked, prior = il_mean(z, B) * B / asked;
    free(room);
    if (!worthless) return IL_OK;
    return il_table_note(table, err,
                         "the model is no better here than the frequencies of the token "
                         "ids: it loses %s nats an answer, and they lose %s",
                         il_digits_short(nats).text, il_digits_short(prior).text);
}
