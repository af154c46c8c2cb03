/* mlp.c - a network of two layers trained on the examples of the prompt, anew for every number of examples
 *
 *   yhat = v . max(0, U^T q + a) + b
 *
 * with hidden units, U, a, v, b uniform in +-1/sqrt(inputs of their layer), by Adam on the mean squared error of `batch`
 * examples drawn without replacement, all while there are fewer. The settings are those of Yang et al. 2023
 * (arXiv:2311.12424) but for the steps, of which they take 1000; Garg et al. 2022 (arXiv:2208.01066) take 5000. Without
 * examples the answer is 0. The first weights are a function of the number of examples, the batches of it and of the
 * step. Cost O(steps batch hidden N D) a prompt, which is answered after every step.
 */
#include "algo/algo.h"
#include "la/la.h"

#include <math.h>

static const double BETA1 = 0.9, BETA2 = 0.999;

typedef struct {
    int steps, hidden, batch;
    double rate;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 100, 1, 1e6, "of Adam", NULL },
    { "hidden", IL_OPT_INT, offsetof(options, hidden), 100, 1, 1e4, "units", NULL },
    { "batch", IL_OPT_INT, offsetof(options, batch), 10, 1, 1e4,
      "examples of a step at most", NULL },
    { "rate", IL_OPT_REAL, offsetof(options, rate), 0.005, 1e-9, 1e3, "of Adam", NULL },
    { 0 },
};

typedef struct {
    int D, H, M;    /* inputs, hidden units, examples of a step */
    size_t weights; /* U (D,H), a (H), v (H), b, one after the other */
    il_real *w, *grad, *m, *v;
    il_real *x, *turned; /* (M,D), (D,M): a step's examples */
    il_real *h, *dh;     /* (M,H) */
    il_real *q;          /* (D) */
    il_real *scratch;    /* of the products */
    int *order;          /* (n): the first M are the step's examples */
} net;

/* The arrays of a net on n examples */
static net lay_out(const options *o, int n, int D, il_arena *arena)
{
    size_t H = (size_t)o->hidden, M = (size_t)il_min(o->batch, n), inputs = (size_t)D;
    net t = { .D = D, .H = o->hidden, .M = (int)M, .weights = (inputs + 2) * H + 1 };
    t.w = il_take(arena, il_real, t.weights);
    t.grad = il_take(arena, il_real, t.weights);
    t.m = il_take(arena, il_real, t.weights);
    t.v = il_take(arena, il_real, t.weights);
    t.x = il_take(arena, il_real, M * inputs);
    t.turned = il_take(arena, il_real, M * inputs);
    t.h = il_take(arena, il_real, M * H);
    t.dh = il_take(arena, il_real, M * H);
    t.q = il_take(arena, il_real, inputs);
    t.scratch = il_take(arena, il_real, il_kernel()->work_size(1, 1));
    t.order = il_take(arena, int, n);
    return t;
}

static size_t work(const void *opt, int N, int D)
{
    il_arena arena = { 0 };
    lay_out(opt, N, D, &arena);
    return arena.used / sizeof(double);
}

static void start(net *t, int n)
{
    il_rng rng = il_rng_at(0, IL_STREAM_USER, 0, (uint32_t)n);
    size_t inner = (size_t)(t->D + 1) * (size_t)t->H;
    for (size_t i = 0; i < t->weights; i++) {
        double bound = 1 / sqrt(i < inner ? t->D : t->H);
        t->w[i] = (il_real)(bound * (2 * il_uniform(&rng) - 1));
    }
    memset(t->m, 0, sizeof *t->m * t->weights);
    memset(t->v, 0, sizeof *t->v * t->weights);
    for (int i = 0; i < n; i++) t->order[i] = i;
}

/* Brings M of the n examples to the front, any of them with the same chance */
static void choose(net *t, const il_learner *l, int step)
{
    il_rng rng = il_rng_at(0, IL_STREAM_USER, (uint32_t)step, (uint32_t)l->n);
    for (int m = 0; m < t->M; m++) {
        int other = m + (t->M < l->n ? il_below(&rng, l->n - m) : 0), i = t->order[other];
        t->order[other] = t->order[m];
        t->order[m] = i;
        for (int d = 0; d < t->D; d++) {
            il_real x = (il_real)l->x[(size_t)i * (size_t)t->D + (size_t)d];
            t->x[m * t->D + d] = t->turned[d * t->M + m] = x;
        }
    }
}

/* h = max(0, x U + a) of M inputs, turned (D,M) */
static void hidden_units(net *t, const il_real *turned, int M)
{
    const il_real *a = t->w + (size_t)t->D * (size_t)t->H;
    size_t H = (size_t)t->H;
    for (int m = 0; m < M; m++) memcpy(t->h + (size_t)m * H, a, sizeof *a * H);
    il_kernel()->gemm_tn(t->h, t->H, turned, M, t->w, t->H, t->D, M, t->H, t->scratch);
    for (size_t i = 0; i < (size_t)M * H; i++) t->h[i] = t->h[i] > 0 ? t->h[i] : 0;
}

static il_real read_out(const net *t, int m)
{
    const il_real *v = t->w + (size_t)(t->D + 1) * (size_t)t->H;
    return il_dot(v, t->h + (size_t)m * (size_t)t->H, t->H) + v[t->H];
}

/* The gradient of the mean squared error of the step's examples */
static void backward(net *t, const il_learner *l)
{
    size_t H = (size_t)t->H;
    il_real *da = t->grad + (size_t)t->D * H, *dv = da + H,
            *v = t->w + (size_t)t->D * H + H;
    const il_kernels *kernel = il_kernel();
    memset(t->grad, 0, sizeof *t->grad * t->weights);
    for (int m = 0; m < t->M; m++) {
        il_real *h = t->h + (size_t)m * H, *dh = t->dh + (size_t)m * H;
        il_real e = 2 * (read_out(t, m) - (il_real)l->y[t->order[m]]) / (il_real)t->M;
        kernel->axpy(dv, e, h, H);
        dv[H] += e;
        for (size_t j = 0; j < H; j++) dh[j] = h[j] > 0 ? e * v[j] : 0;
        kernel->add(da, da, dh, H);
    }
    kernel->gemm_tn(t->grad, t->H, t->x, t->D, t->dh, t->H, t->M, t->D, t->H, t->scratch);
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)what;
    const options *o = opt;
    memset(yhat, 0, sizeof *yhat * (size_t)(steps + 1));
    if (!l->n) return;
    il_arena arena = { .base = (char *)l->work }; /* as `work` measured it */
    net t = lay_out(o, l->n, l->D, &arena);
    start(&t, l->n);
    for (int d = 0; d < t.D; d++) t.q[d] = (il_real)q[d];
    double c1 = 1, c2 = 1;
    for (int step = 0;; step++) {
        hidden_units(&t, t.q, 1);
        yhat[step] = (double)read_out(&t, 0);
        if (step == steps) break;
        choose(&t, l, step + 1);
        hidden_units(&t, t.turned, t.M);
        backward(&t, l);
        c1 *= BETA1;
        c2 *= BETA2;
        il_kernel()->adam(t.w, t.m, t.v, t.grad, t.weights, 1, (il_real)BETA1,
                          (il_real)BETA2, (il_real)(1 / (1 - c1)), (il_real)(1 / (1 - c2)),
                          (il_real)1e-8, (il_real)o->rate, 0);
    }
}

const il_algo_kind il_algo_mlp = {
    .name = "mlp",
    .summary = "ReLU network of two layers, trained on the prompt by Adam",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .weightless = 1,
    .work = work,
    .answer = answer,
};
