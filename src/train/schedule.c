/* schedule.c - learning rate, number of loops and loop window as functions of the step
 *
 * Everything here is built from + - * / alone, so that every machine computes the same bits.
 */
#include "train/train.h"

/* cos(pi f) for f in [0,1]: 1 - 2 sin^2(pi f / 2), sin by its series up to z^21 (error 1e-16) */
static double cos_pi(double f)
{
    double z = 1.5707963267948966 * f, term = z, sin = z;
    for (int k = 1; k <= 10; k++) {
        term *= -z * z / (2 * k * (2 * k + 1));
        sin += term;
    }
    return 1 - 2 * sin * sin;
}

double il_rate_at(const il_config *c, int64_t step)
{
    double top = c->training.learning_rate, least = c->training.min_learning_rate;
    int64_t warmup = c->training.warmup_steps, end = c->training.schedule_steps;
    int64_t left = (end ? end : c->training.train_steps) - warmup;
    if (step + 1 < warmup) return top * (double)(step + 1) / (double)warmup;
    if (c->training.schedule == IL_RATE_CONSTANT || step < warmup) return top;
    if (step - warmup >= left) return least;
    if (step == warmup) return top;
    double done = (double)(step - warmup) / (double)left;
    double rate = least + (top - least) * (1 + cos_pi(done)) / 2;
    return rate > least ? rate : least; /* cos_pi may round below -1 */
}

il_run il_run_at(const il_model *m, int64_t step)
{
    const il_config *c = &m->config;
    if (c->model.family !=
        IL_GPT2_LOOP) /* one loop, or n_layer tied ones, all walked back */
        return (il_run){ .loops = m->plan.loops, .window = m->plan.loops, .post = 1 };
    int loops = il_ramp_at(&c->training.curriculum.loops, step);
    int window = il_min(c->training.n_loop_window, loops);
    return (il_run){ .loops = loops, .window = window, .post = window };
}
