/* schedule.c - learning rate, batch, points, number of loops and loop window as functions of the step, and what a step
 * counts in the average of the weights
 *
 * Everything here is built from + - * / alone, so that every machine computes the same bits.
 */
#include "train/train.h"

enum { DEPTH = 15 }; /* part of the stream of prompts that no prompt has (task/batch.c) */

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
    int64_t warmup = c->training.warmup_steps, decay = c->training.decay_steps,
            end = c->training.schedule_steps ? c->training.schedule_steps
                                             : c->training.train_steps,
            from = decay ? end - decay : warmup; /* where the fall begins */
    if (step + 1 < warmup) return top * (double)(step + 1) / (double)warmup;
    if (c->training.schedule == IL_RATE_CONSTANT || step < warmup) return top;
    if (step >= end) return least;
    if (step <= from) return top;
    double done = (double)(step - from) / (double)(end - from);
    double left =
        c->training.schedule == IL_RATE_LINEAR ? 2 * (1 - done) : 1 + cos_pi(done);
    double rate = least + (top - least) * left / 2;
    return rate > least ? rate : least; /* cos_pi may round below -1 */
}

double il_average_at(const il_config *c, int64_t step)
{
    double keep = c->training.average;
    int64_t last = c->training.average_steps;
    int64_t n = step + 1 - (last ? c->training.train_steps - last : 0);
    if (n <= 1) return 1;
    return keep < 1 ? (1 - keep) / (1 - il_power(keep, n)) : 1 / (double)n;
}

int il_batch_at(const il_config *c, int64_t step)
{
    il_ramp ramp = c->training.curriculum.batch;
    ramp.end = c->training.batch_size;
    return ramp.start ? il_ramp_at(&ramp, step) : ramp.end;
}

/* A number of 0..most that belongs to the step: draw `which` */
static int drawn(const il_config *c, int64_t step, uint32_t which, int most)
{
    il_rng rng = il_rng_at((uint64_t)c->training.seed, IL_STREAM_TRAIN | DEPTH << 16,
                           (uint32_t)step, which);
    return most ? (int)(il_uniform(&rng) * (most + 1)) : 0;
}

int il_points_at(const il_config *c, int64_t step)
{
    int most = c->training.random_points;
    il_rng rng = il_rng_at((uint64_t)c->training.seed, IL_STREAM_TRAIN | DEPTH << 16,
                           (uint32_t)step, 2);
    double u = il_uniform(&rng);
    return il_ramp_at(&c->training.curriculum.points, step) - most +
           (int)(u * u * (most + 1));
}

il_run il_run_at(const il_model *m, int64_t step)
{
    const il_config *c = &m->config;
    if (c->model.family !=
        IL_GPT2_LOOP) /* one loop, or n_layer tied ones, all walked back */
        return (il_run){ .loops = m->plan.loops, .window = m->plan.loops, .post = 1 };
    int loops = il_ramp_at(&c->training.curriculum.loops, step) +
                drawn(c, step, 0, c->training.random_loops);
    int window = il_min(
        c->training.n_loop_window + drawn(c, step, 1, c->training.random_window), loops);
    return (il_run){ .loops = loops, .window = window, .post = window };
}
