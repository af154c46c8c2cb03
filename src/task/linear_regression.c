/* linear_regression.c - y = w . x, w ~ N(0, I)
 *
 * Source: Garg et al. 2022, arXiv:2208.01066. Minimum-norm least squares has seen k of the d
 * directions of w after k examples, so its expected error is d - k.
 */
#include "task/task.h"

typedef struct {
    double scale;
} options;
static const il_opt opts[] = {
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { 0 },
};

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    il_prompt_linear(((const options *)opt)->scale, rng, p);
}

static double scale(const void *opt, int dims)
{
    const options *o = opt;
    return o->scale * o->scale * dims;
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims);
}

static double error(const void *opt, int k, int dims, int dim)
{
    (void)dim;
    return scale(opt, il_max(dims - k, 0));
}

const il_task il_task_linear_regression = {
    .name = "linear_regression",
    .summary = "y = w.x with normal weights",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .scale = scale,
    .power = power,
    .error = error,
};
