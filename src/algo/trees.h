/* trees.h - regression trees grown greedily on the examples of a prompt (trees.c) */
#ifndef IL_TREES_H
#define IL_TREES_H

#include "algo/algo.h"

typedef struct {
    int signs; /* of the inputs alone are seen: -1, 0, 1 */
    int depth, rounds;
    int single; /* answers and residuals are rounded to single precision */
    double rate, ridge, base;
    double least_gain; /* of a split: it must be larger */
} il_trees;

size_t il_trees_work(const void *opt, int N, int D);
/* Takes in x, which is point l->n. */
void il_trees_learn(const il_trees *t, il_learner *l, const double *x);
double il_trees_answer(const il_trees *t, il_learner *l, const double *q);

#endif
