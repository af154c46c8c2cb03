/* boosted_trees.c - regression trees, each grown on what those before it leave of y: gradient boosting
 *
 * The exact greedy algorithm of XGBoost (Chen & Guestrin 2016, arXiv:1603.02754) for the squared error, with its
 * defaults but for depth, rate and rounds, which are those of Garg et al. 2022 (arXiv:2208.01066): the answer starts at
 * 0.5, and a split has to gain more than 1e-6. Without examples the answer is 0.
 */
#include "algo/trees.h"

typedef struct {
    int rounds, depth, signs;
    double rate, ridge, base;
} options;
static const il_opt opts[] = {
    { "rounds", IL_OPT_INT, offsetof(options, rounds), 50, 1, 1e4, "trees", NULL },
    { "depth", IL_OPT_INT, offsetof(options, depth), 4, 1, 64, "of a tree at most", NULL },
    { "rate", IL_OPT_REAL, offsetof(options, rate), 0.1, 1e-6, 1,
      "what a tree's answer is multiplied with", NULL },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 1, 0, 1e6,
      "added to the number of examples of a node (lambda of XGBoost)", NULL },
    { "base", IL_OPT_REAL, offsetof(options, base), 0.5, -1e6, 1e6,
      "the answer before the first tree", NULL },
    { "inputs", IL_OPT_CHOICE, offsetof(options, signs), 0, 0, 0,
      "what the trees see of x: the numbers, or their signs", "raw|sign" },
    { 0 },
};

static il_trees trees(const options *o)
{
    return (il_trees){ .signs = o->signs,
                       .depth = o->depth,
                       .rounds = o->rounds,
                       .rate = o->rate,
                       .ridge = o->ridge,
                       .base = o->base,
                       .least_gain = 1e-6,
                       .single = 1 };
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

const il_algo_kind il_algo_boosted_trees = {
    .name = "boosted_trees",
    .summary = "gradient-boosted regression trees, as XGBoost grows them",
    .opts = opts,
    .size = sizeof(options),
    .weightless = 1,
    .work = il_trees_work,
    .learn = learn,
    .answer = answer,
};
