/* linear_dynamics.c - observations of a linear dynamical system whose state may be hidden
 *
 *   h_{t+1} = clip(W h_t + e_t),   s_t = C h_t + o_t
 *
 * Every sequence has its own W, uniform over the orthogonal matrices, and its own C, whose
 * entries are N(0, 1/4); without `hidden`, the state itself is seen (C = I). Controls: a W that
 * contracts, and one W for all sequences.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, with the constants of its published code: the
 * first state is uniform in [-1,1] (the text says normal), the noise has deviation 0.01, states
 * are clipped at 10, contracting ones at 2.
 */
#include "task/dynamics.h"

typedef struct {
    double state_noise, observation_noise, start_scale, clip;
    int hidden, start, law, fixed, teacher;
} options;
static const il_opt opts[] = {
    { "hidden", IL_OPT_INT, offsetof(options, hidden), 0, 0, 1024,
      "numbers of the hidden state; 0: the state is seen", NULL },
    { "law", IL_OPT_CHOICE, offsetof(options, law), 0, 0, 0, "the matrix W",
      "orthogonal|contracting" },
    { "fixed", IL_OPT_BOOL, offsetof(options, fixed), 0, 0, 1,
      "one W (and C) for all sequences", NULL },
    { "teacher", IL_OPT_INT, offsetof(options, teacher), 1, 0, 2147483647,
      "fixed: the seed of W", NULL },
    { "start", IL_OPT_CHOICE, offsetof(options, start), 0, 0, 0,
      "the first state: uniform in [-1,1] or normal", "uniform|normal" },
    { "start_scale", IL_OPT_REAL, offsetof(options, start_scale), 1, 0, 1e6,
      "the first state is multiplied by it", NULL },
    { "state_noise", IL_OPT_REAL, offsetof(options, state_noise), 0.01, 0, 1e6,
      "deviation of the noise of every step", NULL },
    { "observation_noise", IL_OPT_REAL, offsetof(options, observation_noise), 0, 0, 1e6,
      "deviation of the noise of every observation", NULL },
    { "state_clip", IL_OPT_REAL, offsetof(options, clip), 10, 1e-6, 1e30,
      "states are held within +- this", NULL },
    { 0 },
};

static int states(const options *o, int dims) { return o->hidden ? o->hidden : dims; }

/* W (n,n), C (dims,n), two states (n), and what makes W */
static size_t work(const void *opt, int dims)
{
    size_t n = (size_t)states(opt, dims);
    return n * n + (size_t)dims * n + 2 * n + 2 * n * n + n;
}

static void draw_law(const options *o, il_rng *rng, il_sequence *s, double *W, double *C)
{
    int n = states(o, s->dims);
    il_rng one = il_rng_at((uint64_t)o->teacher, IL_STREAM_USER, 0, 0);
    if (o->fixed) rng = &one;
    if (o->law)
        il_contracting(W, C + s->dims * n + 2 * n, n, 0.3, 0.9, rng);
    else
        il_orthogonal(W, n, rng);
    for (int i = 0; o->hidden && i < s->dims * n; i++) C[i] = 0.5 * il_normal(rng);
    for (int i = 0; !o->hidden && i < n; i++)
        for (int j = 0; j < n; j++) s->w[i * s->dim + j] = (il_real)W[i * n + j];
}

static void start(const options *o, il_rng *rng, double *h, int n)
{
    for (int i = 0; i < n; i++)
        h[i] = o->start_scale * (o->start ? il_normal(rng) : 2 * il_uniform(rng) - 1);
}

static void step(const options *o, il_rng *rng, double *next, const double *W,
                 const double *h, int n)
{
    il_apply(next, W, h, n, n);
    for (int i = 0; i < n; i++) {
        double x = next[i] + o->state_noise * il_normal(rng);
        next[i] = x > o->clip ? o->clip : x < -o->clip ? -o->clip : x;
    }
}

static void sequence(const void *opt, il_rng *rng, il_sequence *s)
{
    const options *o = opt;
    int n = states(o, s->dims);
    double *W = s->work, *C = W + n * n, *h = C + s->dims * n, *next = h + n;
    draw_law(o, rng, s, W, C);
    start(o, s->path, h, n);
    for (int t = 0; t < s->length; t++) {
        double *seen = s->s + (size_t)t * (size_t)s->dim;
        if (o->hidden)
            il_apply(seen, C, h, s->dims, n);
        else
            memcpy(seen, h, sizeof *h * (size_t)n);
        for (int i = 0; o->observation_noise > 0 && i < s->dims; i++)
            seen[i] += o->observation_noise * il_normal(s->noise);
        step(o, s->path, next, W, h, n);
        memcpy(h, next, sizeof *h * (size_t)n);
    }
}

const il_task il_task_linear_dynamics = {
    .name = "linear_dynamics",
    .summary = "sequences of a state that a matrix moves, seen whole or in part",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .sequence = sequence,
    .work = work,
};
