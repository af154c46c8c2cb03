/* decision_tree.c - y is the leaf that x reaches in a complete binary tree
 *
 * Node j of the tree has a coordinate c_j, uniform among all D inputs, and a value v_j ~ N(0, 1). From node 0 one goes
 * `depth` times to node 2j + 1, or to 2j + 2 where x[c_j] > 0; y is the value of the leaf. Yang et al. 2023
 * (arXiv:2311.12424) keep all inputs alive while a curriculum of dims runs, Garg et al. 2022 (arXiv:2208.01066) set
 * those beyond dims to zero: at a node that asks one of these, everything goes left.
 */
#include "task/task.h"

enum { DEEPEST = 10, ALL = 0 };

typedef struct {
    double scale;
    int depth, inputs;
} options;
static const il_opt opts[] = {
    { "depth", IL_OPT_INT, offsetof(options, depth), 4, 1, DEEPEST,
      "of the tree, which has 2^depth leaves", NULL },
    { "inputs", IL_OPT_CHOICE, offsetof(options, inputs), ALL, 0, 0,
      "which inputs a curriculum of dims leaves alive: all, or the first dims",
      "all|alive" },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { 0 },
};

static int whole(const void *opt) { return ((const options *)opt)->inputs == ALL; }

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    const options *o = opt;
    int coordinate[(2 << DEEPEST) - 1], nodes = (2 << o->depth) - 1;
    double value[(2 << DEEPEST) - 1];
    for (int j = 0; j < nodes; j++) {
        coordinate[j] = il_below(rng, p->dim);
        value[j] = o->scale * il_normal(rng);
    }
    const il_real *x = p->x;
    for (int n = 0; n < p->points; n++, x += p->dim) {
        int j = 0;
        for (int level = 0; level < o->depth; level++)
            j = 2 * j + 1 + (x[coordinate[j]] > 0);
        p->y[n] = (il_real)value[j];
    }
}

/* A leaf's value is N(0, scale^2), whichever it is */
static double scale(const void *opt, int dims)
{
    const options *o = opt;
    (void)dims;
    return o->scale * o->scale;
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims);
}

const il_task il_task_decision_tree = {
    .name = "decision_tree",
    .summary = "the leaf that x reaches in a complete binary tree of signs",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .whole = whole,
    .scale = scale,
    .power = power,
};
