/* dictionary.c - y = w . x, every input one of finitely many orthonormal features
 *
 * The features v_1 .. v_K are the unit vectors of the K = dims inputs that are alive; an input is v_k with
 * probability p_k. With dominant = 0 all are equally likely; else p_1 = dominant, and the others share the
 * rest. w ~ N(0, I), so y = w_k is seen without noise wherever v_k is. Models of one layer learn the frequent
 * features first. Source: Huang, Cheng & Liang 2024, "In-context convergence of transformers",
 * arXiv:2310.05249.
 */
#include "task/task.h"

typedef struct {
    double dominant;
} options;
static const il_opt opts[] = {
    { "dominant", IL_OPT_REAL, offsetof(options, dominant), 0, 0, 1,
      "probability of the first feature; 0: all are equally likely", NULL },
    { 0 },
};

static void input(const void *opt, il_rng *rng, il_real *x, int dims)
{
    const options *o = opt;
    double u = il_uniform(rng);
    int k = 0, others = o->dominant > 0;
    if (dims > others && u >= o->dominant)
        k = others + (int)((u - o->dominant) / (1 - o->dominant) * (dims - others));
    x[il_min(k, dims - 1)] = 1;
}

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    (void)opt;
    il_prompt_linear(1, rng, p);
}

static double one(const void *opt, int dims)
{
    (void)opt, (void)dims;
    return 1;
}

static double power(const void *opt, int dims, int dim)
{
    (void)opt, (void)dims, (void)dim;
    return 1;
}

/* The query's feature is not among k examples with probability (1 - p)^k; least squares then answers 0. */
static double error(const void *opt, int k, int dims, int dim)
{
    const options *o = opt;
    (void)dim;
    double first = o->dominant > 0 ? o->dominant : 1.0 / dims;
    double other = dims > 1 ? (1 - first) / (dims - 1) : 0;
    double unseen_first = dims > 1 ? 1 - first : 0, unseen_other = 1 - other;
    double a = dims > 1 ? first : 1, b = (dims - 1) * other;
    for (int i = 0; i < k; i++) a *= unseen_first, b *= unseen_other;
    return a + b;
}

const il_task il_task_dictionary = {
    .name = "dictionary",
    .summary = "y = w.x for inputs from a dictionary of orthonormal features",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .input = input,
    .draw = draw,
    .scale = one,
    .power = power,
    .error = error,
};
