/* tree.c - a regression tree grown greedily (CART): the mean y of the examples in the query's leaf
 *
 * Garg et al. 2022 (arXiv:2208.01066) take depth 2, and on the signs of the inputs, which a random decision tree asks
 * for, depth 4.
 */
#include "algo/trees.h"

#include <math.h>

typedef struct {
    int depth, signs;
} options;
static const il_opt opts[] = {
    { "depth", IL_OPT_INT, offsetof(options, depth), 2, 1, 64, "of the tree at most",
      NULL },
    { "inputs", IL_OPT_CHOICE, offsetof(options, signs), 0, 0, 0,
      "what the tree sees of x: the numbers, or their signs", "raw|sign" },
    { 0 },
};

static il_trees trees(const options *o)
{
    return (il_trees){ .signs = o->signs,
                       .depth = o->depth,
                       .rounds = 1,
                       .rate = 1,
                       .least_gain = -INFINITY };
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    (void)y;
    il_trees t = trees(opt);
    il_trees_learn(&t, l, x);
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)steps, (void)what;
    il_trees t = trees(opt);
    yhat[0] = il_trees_answer(&t, l, q);
}

const il_algo_kind il_algo_tree = {
    .name = "tree",
    .summary = "regression tree grown greedily (CART)",
    .opts = opts,
    .size = sizeof(options),
    .weightless = 1,
    .work = il_trees_work,
    .learn = learn,
    .answer = answer,
};
