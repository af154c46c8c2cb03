/* nonlinear_dynamics.c - a sequence's own matrix after an MLP that all sequences share
 *
 *   s_{t+1} = W m(s_t) / |m(s_t)| + e_t,   m(s) = B gelu(A s),   A (4D,D), B (D,4D)
 *
 * W is new in every sequence, uniform over the orthogonal matrices; A and B have entries
 * N(0, 1.1^2) and are those of the option `teacher`, in training and in any evaluation.
 * Source: von Oswald et al. 2023, arXiv:2309.05858; that m has length 1, that 1.1 is a deviation
 * and that the first state is uniform in [-1/4, 1/4] is its published code's.
 */
#include "la/la.h"
#include "task/dynamics.h"

#include <math.h>

typedef struct {
    double state_noise, start_scale, teacher_std;
    int teacher;
} options;
static const il_opt opts[] = {
    { "teacher", IL_OPT_INT, offsetof(options, teacher), 1, 0, 2147483647,
      "the seed of A and B", NULL },
    { "teacher_std", IL_OPT_REAL, offsetof(options, teacher_std), 1.1, 0, 1e6,
      "deviation of the entries of A and B", NULL },
    { "start_scale", IL_OPT_REAL, offsetof(options, start_scale), 0.25, 0, 1e6,
      "the first state is uniform in +- this", NULL },
    { "state_noise", IL_OPT_REAL, offsetof(options, state_noise), 0.01, 0, 1e6,
      "deviation of the noise of every step", NULL },
    { 0 },
};

enum { WIDER = 4 }; /* hidden units to every number of the state */

/* W (n,n), A (4n,n), B (n,4n), m (n), hidden (4n), and 4n il_reals for gelu */
static size_t work(const void *opt, int dims)
{
    (void)opt;
    size_t n = (size_t)dims;
    return n * n + 2 * WIDER * n * n + n + 2 * WIDER * n;
}

static void sequence(const void *opt, il_rng *rng, il_sequence *s)
{
    const options *o = opt;
    int n = s->dims, H = WIDER * n;
    double *W = s->work, *A = W + n * n, *B = A + H * n, *m = B + n * H, *hidden = m + n;
    il_real *units = (il_real *)(hidden + H);
    il_rng shared = il_rng_at((uint64_t)o->teacher, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < 2 * H * n; i++) A[i] = o->teacher_std * il_normal(&shared);
    il_orthogonal(W, n, rng);
    double *now = s->s;
    for (int i = 0; i < n; i++) now[i] = o->start_scale * (2 * il_uniform(s->path) - 1);
    for (int t = 1; t < s->length; t++, now += s->dim) {
        double length = 0, *next = now + s->dim;
        il_apply(hidden, A, now, H, n);
        for (int i = 0; i < H; i++) units[i] = (il_real)hidden[i];
        il_kernel()->gelu_forward(units, units, (size_t)H);
        for (int i = 0; i < H; i++) hidden[i] = (double)units[i];
        il_apply(m, B, hidden, n, H);
        for (int i = 0; i < n; i++) length += m[i] * m[i];
        length = sqrt(length) + 1e-16;
        il_apply(next, W, m, n, n);
        for (int i = 0; i < n; i++)
            next[i] = next[i] / length + o->state_noise * il_normal(s->path);
    }
}

const il_task il_task_nonlinear_dynamics = {
    .name = "nonlinear_dynamics",
    .summary = "sequences of a state that a network, then a matrix moves",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .sequence = sequence,
    .work = work,
};
