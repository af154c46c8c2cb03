/* score.c - errors of the predictions for a table's queries
 *
 * The root mean squared error over the queries that have a target, for the model and for what stands
 * beside it: ridge regression, least squares and the examples' mean. Predictions that
 * are not finite are reported.
 */
#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>

/* The differences are divided by the largest, so that no square overflows. */
double il_table_rmse(const double *answers, const double *y, int pairs)
{
    double squares = 0, largest = 0;
    int n = 0;
    for (int q = 0; q < pairs; q++)
        if (isfinite(y[q])) largest = fmax(largest, fabs(answers[q] / 2 - y[q] / 2));
    for (int q = 0; q < pairs; q++) {
        if (!isfinite(y[q])) continue;
        double d = largest > 0 ? (answers[q] / 2 - y[q] / 2) / largest : 0;
        squares += isfinite(answers[q]) ? d * d : NAN;
        n++;
    }
    return n ? 2 * largest * sqrt(squares / n) : NAN;
}

static double rmse(const il_frame *f, const double *answers)
{
    return il_table_rmse(answers, f->y + f->M, f->Q);
}

/* Counts the answers that are no numbers, and says to which rows they are. */
static int note_not_finite(const il_frame *f, const double *answers, const char *whose,
                           const char *why, FILE *notes)
{
    enum { NAMED = 8 };
    int n = 0;
    for (int q = 0; q < f->Q; q++) {
        if (isfinite(answers[q])) continue;
        if (!n++) fprintf(notes, "%s is no finite number in row", whose);
        if (n <= NAMED) fprintf(notes, "%s %d", n > 1 ? "," : "", q + 1);
    }
    if (n > NAMED) fprintf(notes, " and %d more", n - NAMED);
    if (n) fprintf(notes, " of the queries: %s\n", why);
    return n;
}

/* The rmse of one that stands beside the model. Where it is no number, why not. */
static double score(const il_frame *f, const double *answers, const char *who, FILE *notes)
{
    char whose[32];
    double value = rmse(f, answers);
    snprintf(whose, sizeof whose, "the answer of %s", who);
    if (!isfinite(value) && !note_not_finite(f, answers, whose, "it has no rmse", notes))
        fprintf(notes, "the rmse of %s is more than a number can be, 1.8e308\n", who);
    return value;
}

static il_status score_others(const il_frame *f, il_prediction *s, FILE *notes,
                              il_error *err)
{
    double *ridge = calloc(2 * (size_t)f->Q, sizeof *ridge), *ols = ridge + f->Q;
    if (!ridge) return il_fail(err, IL_EFAIL, "out of memory for %d queries", f->Q);
    il_status status = il_frame_linear(f, ridge, ols, err);
    if (!status) {
        s->rmse_ridge = score(f, ridge, "ridge", notes);
        s->rmse_ols = score(f, ols, "ols", notes);
        il_standard y = il_standard_of(f->y, NULL, f->M);
        for (int q = 0; q < f->Q; q++) ridge[q] = il_standard_to(&y, 0);
        s->rmse_mean = score(f, ridge, "the mean", notes);
    }
    free(ridge);
    return status;
}

il_status il_frame_score(const il_frame *f, const double *answers, il_prediction *s,
                         FILE *notes, il_error *err)
{
    s->rmse = s->rmse_ridge = s->rmse_ols = s->rmse_mean = NAN;
    for (int q = 0; q < f->Q; q++) s->targets += isfinite(f->y[f->M + q]) != 0;
    s->not_finite =
        note_not_finite(f, answers, "the model's answer",
                        "what the model was shown is far from what it was made for", notes);
    if (!s->targets) return IL_OK;
    s->rmse = rmse(f, answers);
    if (isinf(s->rmse) && !s->not_finite)
        fprintf(notes, "the rmse of the model is more than a number can be, 1.8e308\n");
    return score_others(f, s, notes, err);
}
