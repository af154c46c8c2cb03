/* radial_linear_regression.c - y = w . x, w ~ N(0, I), for inputs in uniform directions, of a length of their own law
 *
 * x = r u with u uniform on the unit sphere and r^2 ~ Gamma(radius_shape, radius_scale), or r = 1 for radius_shape = 0.
 * Gamma(d/2, 2) gives N(0, I); a smaller shape with the same variance has heavier tails, and these make the noise of
 * gradients heavy-tailed. Source: Ahn et al. 2024, "Linear attention is (maybe) all you need (to understand
 * transformer optimization)", arXiv:2310.01082.
 */
#include "task/task.h"

#include <math.h>

typedef struct {
    double scale, shape, stretch;
} options;
static const il_opt opts[] = {
    { "radius_shape", IL_OPT_REAL, offsetof(options, shape), 0.1, 0, 1e3,
      "of the gamma law of |x|^2; 0: all have length 1", NULL },
    { "radius_scale", IL_OPT_REAL, offsetof(options, stretch), 10, 1e-6, 1e6,
      "of the gamma law of |x|^2", NULL },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { 0 },
};

static void input(const void *opt, il_rng *rng, il_real *x, int dims)
{
    const options *o = opt;
    double square = 0,
           length = o->shape > 0 ? sqrt(o->stretch * il_gamma(rng, o->shape)) : 1;
    il_rng again = *rng;
    for (int d = 0; d < dims; d++) {
        double z = il_normal(rng);
        square += z * z;
    }
    for (int d = 0; d < dims; d++)
        x[d] = (il_real)(length / sqrt(square) * il_normal(&again));
}

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    il_prompt_linear(((const options *)opt)->scale, rng, p);
}

/* E[y^2] = E|x|^2, since w is isotropic */
static double scale(const void *opt, int dims)
{
    const options *o = opt;
    (void)dims;
    return o->scale * o->scale * (o->shape > 0 ? o->shape * o->stretch : 1);
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims);
}

/* k examples show k of the directions, whatever their lengths are. */
static double error(const void *opt, int k, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims) * il_max(dims - k, 0) / dims;
}

const il_task il_task_radial_linear_regression = {
    .name = "radial_linear_regression",
    .summary = "y = w.x for inputs in uniform directions, of a length of its own law",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .input = input,
    .draw = draw,
    .scale = scale,
    .power = power,
    .error = error,
};
