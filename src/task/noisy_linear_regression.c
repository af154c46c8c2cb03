/* noisy_linear_regression.c - y = w . x + e, e ~ N(0, noise_std^2) on every y
 *
 * Yang et al. 2023 (arXiv:2311.12424) train with noise_std = 0.1. The evaluation code of Garg et
 * al. 2022 (arXiv:2208.01066) takes noise_std = 1 and then multiplies all y of the batch by
 * sqrt(d) / std(all y): with renormalize_ys a prompt therefore depends on the whole batch, and a
 * part of a batch drawn alone has other y. Its weights w are multiplied by the same factor.
 *
 * With noise = uniform a prompt's deviation is uniform in [0, noise_std], and with clean the query's
 * target is w.x itself, as Vladymyrov et al. 2024 (arXiv:2402.14180) have both.
 *
 * Least squares under noise: error of the directions not seen yet, plus variance of the fitted ones
 * (an inverse Wishart matrix; without expectation for d-1 <= k <= d+1), plus the noise of the
 * query's target.
 */
#include "task/task.h"

#include <math.h>

typedef struct {
    double noise_std, scale;
    int renormalize, uniform, clean;
} options;
static const il_opt opts[] = {
    { "noise_std", IL_OPT_REAL, offsetof(options, noise_std), 0.1, 0, 1e6,
      "standard deviation of the noise on every y", NULL },
    { "renormalize_ys", IL_OPT_BOOL, offsetof(options, renormalize), 0, 0, 1,
      "scale all y of a batch so that their variance is the dimension", NULL },
    { "scale", IL_OPT_REAL, offsetof(options, scale), 1, 1e-6, 1e6,
      "w.x is multiplied by it", NULL },
    { "noise", IL_OPT_CHOICE, offsetof(options, uniform), 0, 0, 0,
      "the deviation is noise_std, or uniform below it and new in every prompt",
      "fixed|uniform" },
    { "clean", IL_OPT_BOOL, offsetof(options, clean), 0, 0, 1,
      "what is asked has no noise, only the examples", NULL },
    { 0 },
};

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    const options *o = opt;
    il_prompt_linear(o->scale, rng, p);
    p->noise_std = o->uniform ? o->noise_std * il_uniform(rng) : o->noise_std;
    for (int n = 0; p->noise && n < p->points; n++)
        p->y[n] = (il_real)((double)p->y[n] + p->noise_std * il_normal(p->noise));
}

static void multiply(il_real *v, double factor, size_t n)
{
    for (size_t i = 0; v && i < n; i++) v[i] = (il_real)(factor * (double)v[i]);
}

static void finish(const void *opt, il_batch *batch, int dims)
{
    const options *o = opt;
    size_t n = (size_t)batch->prompts * (size_t)batch->points;
    if (!o->renormalize || n < 2) return;
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += (double)batch->y[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double e = (double)batch->y[i] - mean;
        square += e * e;
    }
    double factor = sqrt(dims / (square / (double)(n - 1)));
    multiply(batch->y, factor, n);
    multiply(batch->yq, factor, n);
    multiply(batch->noise, factor, (size_t)batch->prompts);
    multiply(batch->w, factor, (size_t)batch->prompts * (size_t)batch->dim);
}

static double noise_variance(const options *o)
{
    return o->noise_std * o->noise_std / (o->uniform ? 3 : 1);
}

static double variance(const options *o, int dims)
{
    return o->scale * o->scale * dims + noise_variance(o);
}

static int clean(const void *opt) { return ((const options *)opt)->clean; }

static double scale(const void *opt, int dims)
{
    const options *o = opt;
    return (o->renormalize ? 1 : o->scale * o->scale) * dims;
}

static double power(const void *opt, int dims, int dim)
{
    (void)dim;
    const options *o = opt;
    return o->renormalize ? dims : variance(o, dims);
}

static double error(const void *opt, int k, int dims, int dim)
{
    const options *o = opt;
    double noise = noise_variance(o), unseen = 0, learnt = 0;
    if (k < dims - 1) {
        unseen = o->scale * o->scale * (dims - k);
        learnt = noise * k / (dims - k - 1);
    } else if (k > dims + 1) {
        learnt = noise * dims / (k - dims - 1);
    } else if (noise > 0) {
        learnt = INFINITY;
    } else {
        unseen = o->scale * o->scale * il_max(dims - k, 0);
    }
    if (o->clean) noise = 0; /* of the answer */
    return (unseen + learnt + noise) * power(opt, dims, dim) / variance(o, dims);
}

const il_task il_task_noisy_linear_regression = {
    .name = "noisy_linear_regression",
    .summary = "y = w.x with noise on every y",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .draw = draw,
    .clean = clean,
    .finish = finish,
    .scale = scale,
    .power = power,
    .error = error,
};
