/* regressor.h - ridge regression or a small network, fitted on one sample and scored on another
 *
 *   ridge     yhat = W z + c, by least squares with a ridge
 *   network   yhat = W_2 relu(W_1 z + b_1) + b_2, by Adam on the squared error
 *
 * Where a row has several positions, z is their mean under a softmax of weights a, one a position,
 * that are learnt with the rest: z = sum_p softmax(a)_p x_p.
 */
#ifndef IL_REGRESSOR_H
#define IL_REGRESSOR_H

#include "base/base.h"

typedef struct {
    int hidden;    /* units of the network; 0: ridge regression */
    int steps;     /* of Adam: of the network, and of the weights of positions; 0: usual */
    double shrink; /* ridge, in parts of the inputs' mean square */
    uint64_t seed; /* of the network's first weights and its batches */
} il_regressor;

/* n rows, of which those that are kept count */
typedef struct {
    const il_real *x; /* row i: (positions,width) at x + i stride */
    size_t stride;
    int positions, width;
    const double *y;  /* (n,outs) */
    const char *kept; /* (n); NULL: all */
    int n, outs;
    int shift; /* 1: a row's target is the next row's, which it does not hold: a control */
} il_regressor_rows;

/* Means over the rows of `test` that count */
typedef struct {
    double error; /* |yhat - y|^2 */
    double power; /* |y|^2 */
} il_regressor_score;

/* yhat (test->n,outs), of all rows, or NULL. The same bits wherever it runs. Errors: IL_EFAIL. */
il_status il_regress(il_regressor_score *score, const il_regressor *how,
                     const il_regressor_rows *fit, const il_regressor_rows *test,
                     double *yhat, il_error *err);

#endif
