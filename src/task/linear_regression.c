/* linear_regression.c - y = w . x, w ~ N(0, I)
 *
 * Minimum-norm least squares has seen k of the d directions of w after k examples, so its expected
 * error is d - k. With `variances` x ~ N(0, S), S diagonal, one for all prompts; with weights =
 * whitened w ~ N(0, S^-1), so that E[y^2] = d all the same.
 * Sources: Garg et al. 2022, arXiv:2208.01066; Ahn et al. 2023, arXiv:2306.00297 (S).
 */
#include "task/task.h"

#include <math.h>

typedef struct {
    double scale;
    int whitened;
    char variances[IL_TEXT];
} options;
static const il_opt opts[] = {
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6, "y is multiplied by it",
      NULL },
    { "variances", IL_OPT_TEXT, offsetof(options, variances), 0, 0, 0,
      "of the inputs, one each, as in 2,1,0.5; empty: all 1", "" },
    { "weights", IL_OPT_CHOICE, offsetof(options, whitened), 0, 0, 0,
      "w ~ N(0, I), or each divided by the deviation of its input", "normal|whitened" },
    { 0 },
};

static const char *variances(const void *opt) { return ((const options *)opt)->variances; }

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    const options *o = opt;
    for (int d = 0; d < p->dims; d++) {
        double w = o->scale * il_normal(rng);
        p->w[d] = (il_real)(o->whitened && p->deviation ? w / p->deviation[d] : w);
    }
    for (int n = 0; n < p->points; n++)
        p->y[n] = (il_real)il_prompt_dot(p->w, p->x + (size_t)n * p->dim, p->dim);
}

static double scale(const void *opt, int dims)
{
    const options *o = opt;
    double sum = dims;
    if (o->variances[0] && !o->whitened) {
        double v[IL_VARIANCES];
        sum = 0;
        if (il_task_variances(v, &il_task_linear_regression, opt, dims, NULL)) return NAN;
        for (int d = 0; d < dims; d++) sum += v[d];
    }
    return o->scale * o->scale * sum;
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    return scale(opt, dims);
}

static double error(const void *opt, int k, int dims, int dim)
{
    const options *o = opt;
    (void)dim;
    if (o->variances[0] && k && k < dims) return NAN; /* some directions are seen better */
    return k ? o->scale * o->scale * il_max(dims - k, 0) : scale(opt, dims);
}

const il_task il_task_linear_regression = {
    .name = "linear_regression",
    .summary = "y = w.x with normal weights",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .variances = variances,
    .scale = scale,
    .power = power,
    .error = error,
};
