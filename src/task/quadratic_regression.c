/* quadratic_regression.c - y = w . x^2 / sqrt(3), squares taken element by element
 *
 * E[x^4] = 3, so E[y^2] = d as for the linear task. Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/task.h"

#include <math.h>

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
    const options *o = opt;
    const il_real *x = p->x;
    for (int d = 0; d < p->dims; d++) p->w[d] = (il_real)(o->scale * il_normal(rng));
    for (int n = 0; n < p->points; n++, x += p->dim) {
        double sum = 0;
        for (int d = 0; d < p->dims; d++)
            sum += (double)p->w[d] * (double)x[d] * (double)x[d];
        p->y[n] = (il_real)(sum / sqrt(3));
    }
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

const il_task il_task_quadratic_regression = {
    .name = "quadratic_regression",
    .summary = "y = w.x^2 / sqrt(3), squares by element",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .scale = scale,
    .power = power,
};
