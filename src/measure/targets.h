/* targets.h - targets of probes at example k of a prompt, with the examples (x_j, y_j), j < k, before it
 *
 *   answer          y_k
 *   gradient_step   sum_j y_j x_j.x_k / k, one step from w = 0
 *   least_squares   w x_k, w the least-squares solution of least norm
 *   xty             sum_j y_j x_j / k
 *   w_ols           w
 *   labelN, pastN   y_{k-N}, x_{k-N}; label is label1
 *   preconditioned  (sum_j z_j z_j^T + ridge I)^{-1} z_k, z_k the newest `stack` inputs: the input with
 *                   which one final gradient step gives the ridge prediction
 *
 * A sequence is x_n = s_n, y_n = s_{n+1}. Sources: Yang et al. 2023, arXiv:2311.12424 (xty, w_ols); von
 * Oswald et al. 2023, arXiv:2309.05858 (answer, preconditioned, pastN).
 */
#ifndef IL_TARGETS_H
#define IL_TARGETS_H

#include "task/task.h"

typedef struct il_target_kind il_target_kind;

typedef struct {
    const il_target_kind *kind;
    int past;     /* N of pastN and labelN */
    int stack;    /* of preconditioned; 0: 1 */
    double ridge; /* likewise; 0: 1e-3 */
    char name[IL_TEXT];
} il_target;

/* Errors: IL_ECONFIG with the nearest name. */
il_status il_target_find(il_target *target, const char *name, il_error *err);

int il_target_outs(const il_target *target, const il_batch *batch);

/* y (B,outs), at example k >= 1 of every prompt. Errors: IL_EFAIL. */
il_status il_target_fill(double *y, const il_target *target, const il_batch *batch, int k,
                         il_error *err);

#endif
