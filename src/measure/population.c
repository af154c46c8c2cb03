/* population.c - exact population dynamics of one softmax-attention layer: see population.h */
#include "measure/population.h"

#include <math.h>
#include <stdlib.h>

struct il_population {
    il_population_options o;
    int64_t step;
    double *score, *weight, *slope; /* (K,K): B, exp B, and the sum of its derivatives */
    double *loss, *own, *first; /* (K): sums over draws; attention to itself, and to v_1 */
    double *share, *a;          /* (K): p, scratch */
    int *count;                 /* (K) */
    il_arena memory;
};

static void layout(il_population *p, il_arena *memory)
{
    size_t K = (size_t)p->o.features;
    p->score = il_take(memory, double, K *K);
    p->weight = il_take(memory, double, K *K);
    p->slope = il_take(memory, double, K *K);
    p->loss = il_take(memory, double, K);
    p->own = il_take(memory, double, K);
    p->first = il_take(memory, double, K);
    p->share = il_take(memory, double, K);
    p->a = il_take(memory, double, K);
    p->count = il_take(memory, int, K);
}

il_status il_population_new(il_population **out, const il_population_options *o,
                            il_error *err)
{
    il_population *p = calloc(1, sizeof *p);
    il_arena memory = { 0 };
    if (!p) return il_fail(err, IL_EFAIL, "out of memory for %d features", o->features);
    p->o = *o;
    layout(p, &memory);
    il_status status = il_arena_fill(&memory, err);
    if (status) {
        free(p);
        return status;
    }
    layout(p, &memory);
    p->memory = memory;
    int K = o->features, dominant = o->dominant > 0;
    for (int k = 0; k < K; k++)
        p->share[k] = dominant ? (k ? (1 - o->dominant) / (K - 1) : o->dominant) : 1.0 / K;
    *out = p;
    return IL_OK;
}

void il_population_free(il_population *p)
{
    if (!p) return;
    il_arena_free(&p->memory);
    free(p);
}

static void draw_counts(il_population *p, int draw)
{
    il_rng rng = il_rng_at(p->o.seed, IL_STREAM_USER, (uint32_t)p->step, (uint32_t)draw);
    int K = p->o.features, others = p->o.dominant > 0;
    memset(p->count, 0, sizeof *p->count * (size_t)K);
    for (int n = 0; n < p->o.examples; n++) {
        double u = il_uniform(&rng);
        int k = 0;
        if (!others || u >= p->o.dominant)
            k = others + (int)((u - p->o.dominant) / (1 - p->o.dominant) * (K - others));
        p->count[il_min(k, K - 1)]++;
    }
}

/* Adds the loss and the derivatives of the queries v_k under the counts drawn. */
static void add_query(il_population *p, int k)
{
    int K = p->o.features;
    const double *weight = p->weight + (size_t)k * (size_t)K;
    double *slope = p->slope + (size_t)k * (size_t)K, *a = p->a, sum = 0, S = 0, loss = 0;
    for (int m = 0; m < K; m++) sum += a[m] = p->count[m] * weight[m];
    for (int m = 0; m < K; m++) {
        a[m] /= sum;
        double off = a[m] - (m == k);
        S += off * a[m];
        loss += off * off / 2;
    }
    for (int m = 0; m < K; m++) slope[m] += a[m] * (a[m] - (m == k) - S);
    p->loss[k] += loss;
    p->own[k] += a[k];
    p->first[k] += a[0];
}

static il_population_point point_of(const il_population *p)
{
    int K = p->o.features, first = p->o.dominant > 0, rare = K - first;
    il_population_point at = { .dominant_loss = first ? p->loss[0] / p->o.draws : NAN };
    for (int k = first; k < K; k++) {
        const double *score = p->score + (size_t)k * (size_t)K;
        at.rare_loss += p->loss[k] / p->o.draws / rare;
        at.attention += p->own[k] / p->o.draws / rare;
        at.attention_on_dominant += p->first[k] / p->o.draws / rare;
        at.own += score[k] / rare;
        at.on_dominant += score[0] / rare;
    }
    if (!first) at.on_dominant = at.attention_on_dominant = NAN;
    return at;
}

il_population_point il_population_step(il_population *p)
{
    size_t K = (size_t)p->o.features;
    for (size_t i = 0; i < K * K; i++) {
        p->weight[i] = exp(p->score[i]);
        p->slope[i] = 0;
    }
    for (size_t k = 0; k < K; k++) p->loss[k] = p->own[k] = p->first[k] = 0;
    for (int draw = 0; draw < p->o.draws; draw++) {
        draw_counts(p, draw);
        for (int k = 0; k < p->o.features; k++) add_query(p, k);
    }
    il_population_point at = point_of(p);
    for (size_t i = 0; i < K * K; i++)
        p->score[i] -= p->o.step_size * p->share[i / K] * p->slope[i] / p->o.draws;
    p->step++;
    return at;
}

il_status il_population_follow(il_population_point **points, const il_population_options *o,
                               int steps, il_error *err)
{
    il_population *p;
    IL_TRY(il_population_new(&p, o, err));
    *points = malloc(sizeof **points * ((size_t)steps + 1));
    il_status status = *points ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for steps");
    for (int i = 0; i <= steps && !status; i++) (*points)[i] = il_population_step(p);
    il_population_free(p);
    return status;
}
