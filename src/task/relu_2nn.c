/* relu_2nn.c - y is a network of two layers, y = sqrt(2 / hidden) sum_j v_j max(0, u_j . x), without biases
 *
 * u_j ~ N(0, I), v_j ~ N(0, 1). E[max(0, u . x)^2] = |x|^2 / 2, so E[y^2] = d. With `active` only so many hidden units
 * are there under the same factor, as an option of Yang et al. 2023 (arXiv:2311.12424) has it: which ones says nothing
 * about y, as all are drawn alike, and these are the first. Source of the task: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/task.h"

#include <math.h>

typedef struct {
    double scale;
    int hidden, active;
} options;
static const il_opt opts[] = {
    { "hidden", IL_OPT_INT, offsetof(options, hidden), 100, 1, 1e4, "hidden units", NULL },
    { "active", IL_OPT_INT, offsetof(options, active), 0, 0, 1e4,
      "hidden units that are there, at most `hidden`; 0: all", NULL },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { 0 },
};

static il_status check(const void *opt, il_error *err)
{
    const options *o = opt;
    if (o->active <= o->hidden) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "training.active = %d is more than the training.hidden = %d hidden units",
        o->active, o->hidden);
}

static int units(const options *o) { return o->active ? o->active : o->hidden; }

/* w holds the weights of one hidden unit at a time: the task has none of its own to show */
static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    const options *o = opt;
    double factor = o->scale * sqrt(2.0 / o->hidden);
    memset(p->y, 0, sizeof *p->y * (size_t)p->points);
    for (int j = 0; j < units(o); j++) {
        double v = factor * il_normal(rng);
        for (int d = 0; d < p->dims; d++) p->w[d] = (il_real)il_normal(rng);
        for (int n = 0; n < p->points; n++) {
            double h = il_prompt_dot(p->w, p->x + (size_t)n * p->dim, p->dims);
            if (h > 0) p->y[n] += (il_real)(v * h);
        }
    }
    memset(p->w, 0, sizeof *p->w * (size_t)p->dims);
}

static double scale(const void *opt, int dims)
{
    const options *o = opt;
    return o->scale * o->scale * dims * units(o) / o->hidden;
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims);
}

const il_task il_task_relu_2nn = {
    .name = "relu_2nn",
    .summary = "a ReLU network of two layers with random weights",
    .opts = opts,
    .size = sizeof(options),
    .check = check,
    .loss = "mse",
    .draw = draw,
    .scale = scale,
    .power = power,
};
