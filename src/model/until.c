/* until.c - loops that stop by themselves: an answer is taken where the stream at its token has settled
 *
 *   loops = the first t with |Y_t - Y_{t-1}| <= tolerance |Y_t| at the query's token, at most `most`
 *
 * Tokens do not stop one by one: until its last query has settled, all of a prompt runs, so that every answer is
 * that of a run of so many loops. Then the prompt leaves its shard. What a row computes does not depend on the
 * rows beside it, so neither does an answer on the batch.
 */
#include "model/model.h"

#include <stdlib.h>

/* Answers of models with random loops are then 2.6 % worse than after all of them, by the median of three seeds (docs/models.md) */
static const double usual_tolerance = 0.02;

il_status il_until_check_given(const il_until *until, int loops, il_error *err)
{
    if (loops == IL_LOOPS_AUTO || (until->tolerance == 0 && until->most == 0)) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "tolerance and most_loops are of loops that stop by themselves: set "
                   "loops to auto");
}

il_status il_until_check(il_until *whole, const il_model *m, const il_until *until,
                         il_error *err)
{
    *whole = until ? *until : (il_until){ 0 };
    if (!(whole->tolerance >= 0 && whole->tolerance <= 1))
        return il_fail(err, IL_ECONFIG,
                       "a tolerance of %g is no share from 0 to 1 of the stream's length",
                       whole->tolerance);
    if (whole->tolerance == 0) whole->tolerance = usual_tolerance;
    if (whole->most == 0) whole->most = il_model_loops(m);
    return il_model_check_loops(m, 1, whole->most, err);
}

il_status il_settling_begin(il_settling *to, int prompts, il_error *err)
{
    to->loops = calloc(il_product((size_t)prompts, (size_t)to->each), sizeof *to->loops);
    if (to->loops) return IL_OK;
    return il_fail(err, IL_EFAIL, "out of memory for the loops of %d prompts", prompts);
}

void il_settling_end(il_settling *to, int prompts, int *loops)
{
    size_t n = (size_t)prompts * (size_t)to->each;
    if (loops) memcpy(loops, to->loops, n * sizeof *loops);
    free(to->loops);
}

/* Takes the answer at one token of prompt i of the state, if it is time. */
static int take(const il_settling *to, const il_state *s, int i, int token, size_t at,
                int loop)
{
    int row = i * s->tokens + token;
    size_t O = (size_t)to->outs;
    if (to->loops[at]) return 1;
    if (loop < to->until.most && !il_state_settled(s, row, to->until.tolerance)) return 0;
    memcpy(to->yhat + at * O, s->value[s->plan->answer] + (size_t)row * O,
           O * sizeof *to->yhat);
    to->loops[at] = loop;
    return 1;
}

void il_settle(const il_settling *to, const il_shard *q, il_state *s, int loop)
{
    int *left = q->scratch, stay[IL_SETTLE_TOGETHER],
        n = 0; /* left: prompts of the shard */
    int from = q->point < 0 ? 0 : q->point, end = q->point < 0 ? to->each : q->point + 1;
    for (int i = 0; i < s->prompts && loop == 1; i++) left[i] = i;
    for (int i = 0; i < s->prompts; i++) {
        size_t first = (q->first + (size_t)left[i]) * (size_t)to->each;
        int open = 0;
        for (int p = from; p < end; p++)
            open += !take(to, s, i, il_model_tokens(s->model, p),
                          first + (to->each > 1 ? (size_t)p : 0), loop);
        if (!open) continue;
        stay[n] = i;
        left[n++] = left[i];
    }
    if (n < s->prompts) il_state_keep(s, stay, n);
}
