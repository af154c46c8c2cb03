/* classes.c - loss of a token-id model, by position
 *
 * Row by row the range widens: position 1, 2, 3-4, 5-8, ... in the prompt, `k` being the last one of it; or
 * one row covers all positions. Positions without a target are ignored, and so are ranges without any target.
 * The confidence interval is that of evaluate.c, over prompts.
 */
#include "base/ranks.h"
#include "evaluate/evaluate.h"
#include "la/bootstrap.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

enum { RANGES = 24 };

/* Sums over the positions of each range of a prompt */
typedef struct {
    double loss[RANGES], wrong[RANGES], asked[RANGES];
} sums;

typedef struct {
    const il_model *model;
    const il_batch *batch;
    int whole;                    /* one range holds all positions */
    sums *of;                     /* (B) */
    sums *at;                     /* the first of those that are counted now */
    double *loss, *wrong, *asked; /* (ranges, B): the same, range by range */
} job;

/* The range of a position (from 0): 0, 1, 2-3, 4-7, ... */
static int range_of(int n)
{
    int range = 0;
    while (n >> range) range++;
    return range;
}

static int largest(const il_real *z, int n)
{
    int best = 0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

static void count(const il_shard *q, il_state *s)
{
    const job *j = q->context;
    const il_plan *p = s->plan;
    int V = il_width(p, p->answer), T = s->tokens;
    const il_real *z = s->value[p->answer], *weight = s->value[p->weight];
    const il_real *target = s->value[p->target], *loss = s->value[p->ops[p->n_ops - 1].out];
    for (int m = 0; m < s->rows; m++) {
        if (weight[m] == 0) continue;
        sums *to = &j->at[q->first + (size_t)(m / T)];
        int at = j->whole ? RANGES - 1 : range_of(m % T);
        to->asked[at] += 1;
        to->loss[at] += (double)loss[m];
        to->wrong[at] += !isfinite(loss[m])
                             ? NAN /* without finite scores none is the largest */
                             : largest(z + (size_t)m * (size_t)V, V) != (int)target[m];
    }
}

/* Each rank runs its share of the prompts where ranks do it together, or all of them. */
static il_status run(job *j, int together, il_error *err)
{
    il_ranks r = together ? il_ranks_about() : (il_ranks){ .ranks = 1 };
    size_t B = (size_t)j->batch->prompts, from = il_rank_share(B, r.rank, r.ranks),
           end = il_rank_share(B, r.rank + 1, r.ranks);
    il_batch own = il_eval_part(j->batch, (int)from, (int)(end - from));
    il_pass pass = {
        .loops = j->model->plan.loops, .post = 1, .after = count, .context = j
    };
    il_status status = IL_OK;
    j->at = j->of + from;
    if (own.prompts) status = il_run_prompts(j->model, &own, &pass, err);
    if (together) status = il_ranks_complete(status, j->of, B, sizeof *j->of, err);
    for (size_t b = 0; b < B; b++)
        for (size_t range = 0; range < RANGES; range++) {
            j->loss[range * B + b] = j->of[b].loss[range];
            j->wrong[range * B + b] = j->of[b].wrong[range];
            j->asked[range * B + b] = j->of[b].asked[range];
        }
    return status;
}

static double sum(const double *e, int n)
{
    double total = 0;
    for (int i = 0; i < n; i++) total += e[i];
    return total;
}

il_status il_eval_classes_outline(il_table **table, il_error *err)
{
    IL_TRY(il_table_new(table, "positions", err));
    return il_table_add_cols(*table, "k loss loss_low loss_high wrong asked", err);
}

static il_status new_table(il_table **table, double nats, double wrong, il_error *err)
{
    char caption[256];
    IL_TRY(il_eval_classes_outline(table, err));
    snprintf(caption, sizeof caption,
             "nats by position; over all of them %s nats, %s bits, %s of the answers wrong",
             il_digits_short(nats).text, il_digits_short(nats / 0.69314718055994531).text,
             il_digits_short(wrong).text);
    return il_table_set_caption(*table, caption, err);
}

static il_status fill(il_table *table, const job *j, uint64_t seed, il_error *err)
{
    int B = j->batch->prompts, bad = 0;
    for (int range = 0; range < RANGES; range++) {
        size_t at = (size_t)range * (size_t)B;
        double asked = sum(j->asked + at, B), low, high, scale;
        if (asked == 0) continue;
        scale = B / asked;
        il_bootstrap_mean(j->loss + at, B, seed, &low, &high);
        double cell[] = { il_min(1 << range, j->batch->points),
                          sum(j->loss + at, B) / asked,
                          low * scale,
                          high * scale,
                          sum(j->wrong + at, B) / asked,
                          asked / B };
        int finite = isfinite(cell[1]) && isfinite(cell[2]) && isfinite(cell[3]);
        for (int i = 1; i <= 3 && !finite; i++) cell[i] = NAN;
        IL_TRY(il_table_add(table, NULL, cell, err));
        for (int b = 0; b < B; b++) bad += !isfinite(j->loss[at + (size_t)b]);
    }
    if (bad)
        return il_table_note(
            table, err,
            "%d losses of a prompt's positions are no finite number: what "
            "holds one has no mean, no confidence interval and no share of wrong answers",
            bad);
    return IL_OK;
}

static il_status tabulate(il_table **table, job *j, const il_eval_setting *s, il_error *err)
{
    size_t B = (size_t)j->batch->prompts, size = RANGES * B;
    IL_TRY(run(j, s->together, err));
    double asked = sum(j->asked, (int)size);
    double nats = sum(j->loss, (int)size) / asked;
    IL_TRY(new_table(table, isfinite(nats) ? nats : NAN, sum(j->wrong, (int)size) / asked,
                     err));
    IL_TRY(fill(*table, j, s->seed, err));
    for (size_t at = B; at < size; at++)
        j->loss[at % B] += j->loss[at]; /* over all ranges */
    return il_note_prior(*table, j->batch, il_model_classes(j->model), j->loss, s->seed,
                         err);
}

il_status il_eval_classes(const il_eval_setting *s, il_table **out, il_error *err)
{
    size_t B = (size_t)s->batch->prompts, size = RANGES * B;
    il_table *table = NULL;
    job j = { .model = s->model, .batch = s->batch, .whole = s->over_points };
    j.of = calloc(B, sizeof *j.of);
    j.loss = calloc(3 * size, sizeof *j.loss);
    j.wrong = j.loss ? j.loss + size : NULL;
    j.asked = j.loss ? j.wrong + size : NULL;
    il_status status = j.of && j.loss
                           ? tabulate(&table, &j, s, err)
                           : il_fail(err, IL_EFAIL, "out of memory for an evaluation");
    free(j.of);
    free(j.loss);
    return il_table_hand_over(out, table, status);
}
