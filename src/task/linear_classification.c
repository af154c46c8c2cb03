/* linear_classification.c - y = sign(w . x), the class of a half-space
 *
 * The model answers with a logit; its loss is the cross-entropy of sigmoid(logit) with
 * (y + 1) / 2, its metric the accuracy of the sign. Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/task.h"

static const il_opt opts[] = { { 0 } };

static void draw(const void *opt, il_rng *rng, il_prompt *p)
{
    (void)opt;
    il_prompt_linear(1, rng, p);
    for (int n = 0; n < p->points; n++) p->y[n] = p->y[n] < 0 ? -1 : 1;
}

static double power(const void *opt, int dims, int dim)
{
    (void)opt, (void)dims, (void)dim;
    return 1;
}

const il_task il_task_linear_classification = {
    .name = "linear_classification",
    .summary = "y = sign(w.x)",
    .opts = opts,
    .loss = "cross_entropy",
    .draw = draw,
    .power = power,
};
