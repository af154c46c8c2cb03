/* recall.c - associative recall: which value was shown with this key?
 *
 *   k_1 v_1 k_2 v_2 ... k_P v_P   k_a v_a k_b v_b ...   and again with other keys and values
 *
 * P different keys are shown, each with a value; then they come back in another order, and every
 * one of them is a query, whose target is the next token. Only these answers count. Ids below
 * `keys` are keys, those from there on are values; guessing errs in 1 - 1/values of all cases.
 *
 * Sources of this form: Arora et al. 2023, "Zoology", arXiv:2312.04927; Poli et al. 2024, MAD,
 * arXiv:2403.17844.
 */
#include "task/task.h"

enum { MOST = 1024, NOTHING = -1 };

typedef struct {
    int pairs, keys, values;
} options;
static const il_opt opts[] = {
    { "pairs", IL_OPT_INT, offsetof(options, pairs), 16, 1, MOST,
      "keys of a round: 4 x pairs points" },
    { "keys", IL_OPT_INT, offsetof(options, keys), 64, 1, MOST, "to choose from" },
    { "values", IL_OPT_INT, offsetof(options, values), 64, 2, MOST, "to choose from" },
    { 0 },
};

static int classes(const void *opt)
{
    const options *o = opt;
    return o->keys + o->values;
}

static void swap(int *a, int *b)
{
    int c = *a;
    *a = *b;
    *b = c;
}

/* The first `take` of a random order of a (n) */
static void shuffle(int *a, int n, int take, il_rng *rng)
{
    for (int i = 0; i < take; i++) swap(&a[i], &a[i + il_below(rng, n - i)]);
}

/* One round from point n on: what it shows and what it asks, as far as the prompt goes */
static void draw_round(const options *o, il_rng *rng, int n, int N, il_real *x, il_real *y)
{
    int key[MOST], value[MOST], order[MOST], P = o->pairs;
    for (int i = 0; i < o->keys; i++) key[i] = i;
    shuffle(key, o->keys, P, rng);
    for (int i = 0; i < P; i++) {
        value[i] = o->keys + il_below(rng, o->values);
        order[i] = i;
    }
    shuffle(order, P, P, rng);
    for (int i = 0; i < 4 * P && n < N; i++, n++) {
        int again = i >= 2 * P, pair = again ? order[i / 2 - P] : i / 2, shows = i % 2;
        x[n] = (il_real)(shows ? value[pair] : key[pair]);
        y[n] = (il_real)(again && !shows ? value[pair] : NOTHING);
    }
}

static il_status ids(const void *opt, il_batch *batch, il_draw at, il_error *err)
{
    const options *o = opt;
    int N = batch->points;
    if (o->pairs > o->keys)
        return il_fail(err, IL_ECONFIG,
                       "training.pairs = %d is more than training.keys = %d: a round shows "
                       "every key once",
                       o->pairs, o->keys);
    if (N <= 2 * o->pairs)
        return il_fail(
            err, IL_ECONFIG,
            "%d points ask nothing: training.pairs = %d are shown in %d points and "
            "asked in as many",
            N, o->pairs, 2 * o->pairs);
    for (int b = 0; b < batch->prompts; b++) {
        il_rng rng = il_rng_at(at.seed, at.stream, at.step, at.first + (uint32_t)b);
        size_t from = (size_t)b * (size_t)N;
        for (int n = 0; n < N; n += 4 * o->pairs)
            draw_round(o, &rng, n, N, batch->x + from, batch->y + from);
    }
    return IL_OK;
}

const il_task il_task_recall = {
    .name = "recall",
    .summary = "which value was shown with this key?",
    .opts = opts,
    .size = sizeof(options),
    .loss = "softmax_cross_entropy",
    .classes = classes,
    .ids = ids,
};
