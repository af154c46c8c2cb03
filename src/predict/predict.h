/* predict.h - prediction on a user's table: the parts of predict.c */
#ifndef IL_PREDICT_H
#define IL_PREDICT_H

#include "base/base.h"

const il_opt *il_predict_opts(void); /* of il_predict */

/* How a column is brought to mean 0 and variance 1: z = (x / 2^exponent - mean) / sd. sd is 0 where all
 * numbers are the same but for rounding, and mean then one of them. */
typedef struct {
    int n, exponent; /* n: numbers there are */
    int rounded;     /* sd is 0, and yet they differ */
    double mean, sd; /* of x / 2^exponent, divided by n */
} il_standard;

/* Of x[at[0]] .. x[at[n-1]], or of x[0] .. x[n-1] where `at` is NULL; what is not finite is missing. */
il_standard il_standard_of(const double *x, const int *at, int n);
double il_standard_from(const il_standard *s, double x); /* z of x; 0 where sd is */
double il_standard_to(const il_standard *s, double z);   /* x of z */

/* Two tables as numbers: M examples and Q queries of the same P features. */
typedef struct {
    int M, Q, P;
    double **x; /* (P) columns of M + Q values: the examples', then the queries' */
    double *y;  /* (M + Q); NaN where a query's is not known */
    int has_target;
} il_frame;

/* Encodes the tables as docs/predict.md says, with at most `limit` features; what it did goes to
 * `notes`, a line each. Errors: IL_ECONFIG naming the column; IL_EFAIL. */
il_status il_frame_new(il_frame *frame, const il_table *examples, const il_table *queries,
                       const char *target, int limit, FILE *notes, il_error *err);
void il_frame_free(il_frame *frame);

/* "'-' in line 3 of e.csv is no number: ..." of a text column's first cell that is none; "" if all are. 1 where
 * that surprises: the column holds numbers as well, or mostly cells that were meant as numbers. */
int il_frame_first_text(const il_table *t, int col, char *out, size_t size);

/* What ridge regression (alpha chosen by leaving one example out) and least squares, both with
 * an intercept and fitted to all examples, answer to the queries: ridge, ols (Q).
 * Cost O(M P^2). Errors: IL_EFAIL. */
il_status il_frame_linear(const il_frame *frame, double *ridge, double *ols, il_error *err);

/* The scores of `answers` (Q) and of what stands beside them: targets, not_finite and the four rmse of
 * `s`. What is no finite number goes to `notes`. Errors: il_frame_linear's. */
il_status il_frame_score(const il_frame *frame, const double *answers, il_prediction *s,
                         FILE *notes, il_error *err);

#endif
