/* shift_scale.c - larger or smaller inputs and answers, and noise on the answers
 *
 * The normalised error is not divided by the factor: predicting zero then scores its square.
 * noisy adds N(0, sigma^2) to every y, examples and queries alike, and leaves the scale alone;
 * the published evaluation also renormalises the batch, as the noisy task's renormalize_ys does.
 * Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/task.h"

static void scale_inputs(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                         double *work)
{
    (void)rng, (void)xq, (void)work;
    for (int i = 0; i < s->points * s->dim; i++) x[i] = (il_real)(s->value * (double)x[i]);
}

static void scale_answers(const il_shifting *s, il_rng *rng, il_real *w, il_real *y)
{
    (void)rng;
    for (int d = 0; w && d < s->dim; d++) w[d] = (il_real)(s->value * (double)w[d]);
    for (int n = 0; n < s->points; n++) y[n] = (il_real)(s->value * (double)y[n]);
}

static void add_noise(const il_shifting *s, il_rng *rng, il_real *w, il_real *y)
{
    (void)w;
    for (int n = 0; n < s->points; n++)
        y[n] = (il_real)((double)y[n] + s->value * il_normal(rng));
}

static const il_opt scaled_x[] = {
    { "scaled_x", IL_OPT_REAL, 0, 2, 1e-6, 1e6, "factor of every input", NULL },
    { 0 },
};
const il_shift il_shift_scaled_x = {
    .name = "scaled_x",
    .summary = "inputs times a factor",
    .opts = scaled_x,
    .inputs = scale_inputs,
};

static const il_opt scaled_y[] = {
    { "scaled_y", IL_OPT_REAL, 0, 2, 1e-6, 1e6, "factor of every answer", NULL },
    { 0 },
};
const il_shift il_shift_scaled_y = {
    .name = "scaled_y",
    .summary = "answers, and so weights, times a factor",
    .opts = scaled_y,
    .answers = scale_answers,
};

static const il_opt noisy[] = {
    { "noisy", IL_OPT_REAL, 0, 1, 0, 1e6, "standard deviation of the noise", NULL },
    { 0 },
};
const il_shift il_shift_noisy = {
    .name = "noisy",
    .summary = "normal noise on every answer",
    .opts = noisy,
    .answers = add_noise,
};
