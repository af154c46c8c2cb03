/* reader.h - what can be read off numbers: a probe, fitted on one sample and scored on another
 *
 *   ridge     yhat = W z + c, by least squares with a ridge
 *   network   yhat = W_2 relu(W_1 z + b_1) + b_2, by Adam on the squared error
 *
 * Where a row has several positions, z is their mean under a softmax of weights a, one a position,
 * that are learnt with the rest: z = sum_p softmax(a)_p x_p.
 */
#ifndef IL_READER_H
#define IL_READER_H

#include "base/base.h"

typedef struct {
    int hidden;    /* units of the network; 0: ridge regression */
    int steps;     /* of Adam: of the network, and of the weights of positions; 0: usual */
    double shrink; /* ridge, in parts of the inputs' mean square */
    uint64_t seed; /* of the network's first weights and its batches */
} il_reader;

/* n rows, of which those that are kept count */
typedef struct {
    const il_real *x; /* row i: (positions,width) at x + i stride */
    size_t stride;
    int positions, width;
    const double *y;  /* (n,outs) */
    const char *kept; /* (n); NULL: all */
    int n, outs;
    int shift; /* 1: a row's target is the next row's, which it does not hold: a control */
} il_pairs;

/* Means over the rows of `test` that count */
typedef struct {
    double error; /* |yhat - y|^2 */
    double power; /* |y|^2 */
} il_score;

/* yhat (test->n,outs), of all rows, or NULL. The same bits wherever it runs. Errors: IL_EFAIL. */
il_status il_read(il_score *score, const il_reader *how, const il_pairs *fit,
                  const il_pairs *test, double *yhat, il_error *err);

/* Solves A X = B for symmetric positive A (n,n), X (n,m) in place of B; A is used up, and of it only
 * what lies on and below the diagonal is read. Directions that A does not have get 0. */
void il_cholesky_solve(double *A, int n, double *B, int m);

#endif
