/* predict.h - prediction on a user's table: the parts of predict.c */
#ifndef IL_PREDICT_H
#define IL_PREDICT_H

#include "base/base.h"

/* Two tables as numbers: M examples and Q queries of the same P features. */
typedef struct {
    int M, Q, P;
    double **x; /* (P) columns of M + Q values: the examples', then the queries' */
    double *y;  /* (M + Q); NaN where a query's is not known */
    int has_target;
} il_frame;

/* Encodes the tables as docs/predict.md says, with at most `limit` features; what it did goes to
 * `notes`. Errors: IL_ECONFIG naming the column; IL_EFAIL. */
il_status il_frame_new(il_frame *frame, const il_table *examples, const il_table *queries,
                       const char *target, int limit, char *notes, size_t size,
                       il_error *err);
void il_frame_free(il_frame *frame);

/* What ridge regression (alpha chosen by leaving one example out) and least squares, both with
 * an intercept and fitted to all examples, answer to the queries: ridge, ols (Q).
 * Cost O(M P^2). Errors: IL_ECONFIG for numbers that overflow; IL_EFAIL. */
il_status il_frame_linear(const il_frame *frame, double *ridge, double *ols, il_error *err);

#endif
