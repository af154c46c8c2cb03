/* classes.c - loss of a token-id model, by position
 *
 * Row by row the range widens: position 1, 2, 3-4, 5-8, ... in the prompt, `k` being the last one of it; or
 * one row covers all positions. Positions without a target are ignored, and so are ranges without any target.
 * The confidence interval is that of evaluate.c, over prompts.
 */
#include "evaluate/evaluate.h"
#include "la/bootstrap.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

enum { RANGES = 24 };

typedef struct {
    const il_model *model;
    const il_batch *batch;
    int whole;                    /* one range holds all positions */
    double *loss, *wrong, *asked; /* (ranges, B): sums over a range's positions */
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
        size_t at =
            (size_t)(j->whole ? RANGES - 1 : range_of(m % T)) * (size_t)j->batch->prompts +
            q->first + (size_t)(m / T);
        j->asked[at] += 1;
        j->loss[at] += (double)loss[m];
        j->wrong[at] += !isfinite(loss[m])
                            ? NAN /* without finite scores none is the largest */
                            : largest(z + (size_t)m * (size_t)V, V) != (int)target[m];
    }
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

il_status il_eval_classes(const il_model *model, const il_batch *batch, int whole,
                          uint64_t seed, il_table **out, il_error *err)
{
    size_t B = (size_t)batch->prompts, size = RANGES * B;
    il_table *table = NULL;
    job j = { .model = model, .batch = batch, .whole = whole };
    j.loss = calloc(3 * size, sizeof *j.loss);
    if (!j.loss) return il_fail(err, IL_EFAIL, "out of memory for an evaluation");
    j.wrong = j.loss + size;
    j.asked = j.wrong + size;
    il_status status = il_run_prompts(
        model, batch,
        &(il_pass){ .loops = model->plan.loops, .post = 1, .after = count, .context = &j },
        err);
    double asked = sum(j.asked, (int)size);
    double nats = sum(j.loss, (int)size) / asked;
    if (status == IL_OK)
        status = new_table(&table, isfinite(nats) ? nats : NAN,
                           sum(j.wrong, (int)size) / asked, err);
    if (status == IL_OK) status = fill(table, &j, seed, err);
    for (size_t at = B; at < size; at++) j.loss[at % B] += j.loss[at]; /* over all ranges */
    if (status == IL_OK)
        status = il_note_prior(table, batch, il_model_classes(model), j.loss, seed, err);
    free(j.loss);
    return il_table_hand_over(out, table, status);
}
