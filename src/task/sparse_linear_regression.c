/* sparse_linear_regression.c - y = w . x where only a few weights are not zero
 *
 * The nonzero weights lie anywhere among all D inputs, as Yang et al. 2023 (arXiv:2311.12424)
 * draw them, or among the inputs that are alive, as Garg et al. 2022 (arXiv:2208.01066) do. The
 * two differ only while a curriculum keeps inputs at zero.
 */
#include "task/task.h"

enum { ALL, ALIVE };

typedef struct {
    double scale;
    int sparsity, support;
} options;
static const il_opt opts[] = {
    { "sparsity", IL_OPT_INT, offsetof(options, sparsity), 3, 1, 1e6,
      "weights that are not zero; at most all", NULL },
    { "support", IL_OPT_CHOICE, offsetof(options, support), ALL, 0, 0,
      "where they lie: among all inputs, or among the first that are alive", "all|alive" },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { 0 },
};

/* Selection sampling: of the d inputs left, `need` are still to be taken */
static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    const options *o = opt;
    int among = o->support == ALIVE ? p->dims : p->dim;
    for (int d = 0, need = il_min(o->sparsity, among); d < among; d++) {
        int take = il_uniform(rng) * (among - d) < need;
        p->w[d] = take ? (il_real)(o->scale * il_normal(rng)) : 0;
        need -= take;
    }
    for (int n = 0; n < p->points; n++)
        p->y[n] = (il_real)il_prompt_dot(p->w, p->x + (size_t)n * p->dim, p->dim);
}

/* The published normaliser is the sparsity, also where fewer inputs are alive */
static double scale(const void *opt, int dims)
{
    const options *o = opt;
    return o->scale * o->scale * il_min(o->sparsity, dims);
}

static double power(const void *opt, int dims, int dim)
{
    const options *o = opt;
    int among = o->support == ALIVE ? dims : dim;
    return o->scale * o->scale * il_min(o->sparsity, among) * dims / among;
}

/* A Gaussian design sees k of d directions of any w, sparse or not */
static double error(const void *opt, int k, int dims, int dim)
{
    return power(opt, dims, dim) * il_max(dims - k, 0) / dims;
}

const il_task il_task_sparse_linear_regression = {
    .name = "sparse_linear_regression",
    .summary = "y = w.x with few nonzero weights",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .scale = scale,
    .power = power,
    .error = error,
};
