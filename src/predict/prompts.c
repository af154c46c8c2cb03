/* prompts.c - a table's examples as prompts, and what a model answers to them
 *
 * The examples become the points of a prompt and every query its last point. A model learnt on inputs of mean 0 and
 * variance 1 and on targets of its task's variance, so each prompt is brought there and its answer back:
 *
 *   x' = (x - mean x) / sd x      y' = (y - mean y) / sd y * sqrt(scale of the task)
 *
 * More examples than the model was trained on are dealt into several prompts, whose answers are averaged. Or every
 * example is left out in turn and asked of a prompt of the others, or of all prompts.
 */
#include "model/model.h"
#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>

/* ---- which examples go into a prompt ------------------------------------------------------- */

/* Fisher and Yates; the order is a function of the seed and the round. */
static void shuffle(il_asked_table *r)
{
    il_rng rng = il_rng_at(r->seed, IL_STREAM_USER, (uint32_t)r->rounds++, 0);
    for (int i = 0; i < r->frame->M; i++) r->deck[i] = i;
    for (int i = r->frame->M - 1; i > 0; i--) {
        int j = il_below(&rng, i + 1), swap = r->deck[i];
        r->deck[i] = r->deck[j];
        r->deck[j] = swap;
    }
    r->dealt = 0;
}

/* The next examples of the deck but for `out` (-1: none); across a shuffle none comes twice into the same prompt, so
 * all are seen once before any is seen again. */
static void deal(il_asked_table *r, int *hand, int out)
{
    int n = 0, M = r->frame->M;
    if (r->per_prompt == M - (out >= 0)) { /* all fit: as the table orders them */
        for (int i = 0; i < M; i++)
            if (i != out) hand[n++] = i;
        return;
    }
    while (n < r->per_prompt) {
        if (r->dealt == M || !r->rounds) shuffle(r);
        int next = r->deck[r->dealt++], twice = next == out;
        for (int i = 0; i < n; i++) twice |= hand[i] == next;
        if (!twice) hand[n++] = next;
    }
}

static il_status deal_all(il_asked_table *r, il_error *err)
{
    const il_frame *f = r->frame;
    r->deck = malloc(sizeof *r->deck * (size_t)f->M);
    r->prompt = calloc((size_t)r->prompts, sizeof *r->prompt);
    if (!r->deck || !r->prompt)
        return il_fail(err, IL_EFAIL, "out of memory for %d examples", f->M);
    for (int i = 0; i < r->prompts; i++) {
        il_dealt *p = r->prompt + i;
        p->hand = malloc(sizeof *p->hand * (size_t)r->per_prompt);
        p->x = malloc(sizeof *p->x * (size_t)f->P);
        if (!p->hand || !p->x)
            return il_fail(err, IL_EFAIL, "out of memory for %d prompts", r->prompts);
        deal(r, p->hand, r->asks == IL_ASKS_LEFT_OUT ? i : -1);
        p->y = il_standard_of(f->y, p->hand, r->per_prompt);
        for (int c = 0; c < f->P; c++)
            p->x[c] = il_standard_of(f->x[c], p->hand, r->per_prompt);
    }
    return IL_OK;
}

/* ---- what the model is shown ------------------------------------------------------------------ */

static void set_point(const il_frame *f, const il_dealt *p, il_real *x, int row)
{
    for (int c = 0; c < f->P; c++) x[c] = (il_real)il_standard_from(&p->x[c], f->x[c][row]);
}

/* The row of question k of a prompt: an example; or a query, or then an example that it was shown */
static int row_at(const il_asked_table *r, const il_dealt *p, int k)
{
    const il_frame *f = r->frame;
    if (r->asks == IL_ASKS_EXAMPLES) return k;
    if (r->asks == IL_ASKS_LEFT_OUT) return (int)(p - r->prompt);
    return k < f->Q ? f->M + k : p->hand[k - f->Q];
}

static il_real target(const il_asked_table *r, const il_dealt *p, int row)
{
    return (il_real)(il_standard_from(&p->y, r->frame->y[row]) * r->y_scale);
}

static double answer(const il_asked_table *r, const il_dealt *p, il_real yhat)
{
    return il_standard_to(&p->y, (double)yhat / r->y_scale);
}

/* ---- asking -------------------------------------------------------------------------------------- */

/* Examples and queries of the prompts that are asked together, and the answers */
typedef struct {
    il_batch *examples;
    il_real *xq, *yhat; /* (prompts,asked,D); (prompts,asked) */
    int *took;          /* likewise, loops that stop by themselves */
} asking;

static il_status ask_group(il_asked_table *r, const asking *a, int from, il_error *err)
{
    const il_frame *f = r->frame;
    il_batch given = *a->examples;
    size_t D = (size_t)given.dim, N = (size_t)given.points, asked = (size_t)r->asked;
    given.prompts = il_min(given.prompts, r->prompts - from);
    for (size_t b = 0; b < (size_t)given.prompts; b++) {
        const il_dealt *p = r->prompt + from + b;
        for (size_t i = 0; i < N; i++) {
            set_point(f, p, given.x + (b * N + i) * D, p->hand[i]);
            given.y[b * N + i] = target(r, p, p->hand[i]);
        }
        for (size_t k = 0; k < asked; k++)
            set_point(f, p, a->xq + (b * asked + k) * D, row_at(r, p, (int)k));
    }
    IL_TRY(r->until ? il_model_ask_until(r->model, &given, a->xq, r->asked, r->until,
                                         a->yhat, a->took, err)
                    : il_model_ask(r->model, &given, a->xq, r->asked, r->loops, r->loops,
                                   a->yhat, err));
    for (size_t i = 0; i < (size_t)given.prompts * asked; i++) {
        r->answers[(size_t)from * asked + i] =
            answer(r, r->prompt + from + i / asked, a->yhat[i]);
        if (r->until && i % asked < (size_t)f->Q)
            r->took[i % asked] += (double)a->took[i] / r->prompts;
    }
    return IL_OK;
}

/* As many prompts together as there are threads. */
static il_status ask_groups(il_asked_table *r, il_error *err)
{
    int together = il_min(il_workers(), r->prompts),
        D = il_model_config(r->model)->model.n_dims;
    size_t asked = (size_t)together * (size_t)r->asked;
    asking a = { .xq = calloc(il_product(asked, (size_t)D), sizeof *a.xq),
                 .yhat = calloc(asked, sizeof *a.yhat),
                 .took = calloc(asked, sizeof *a.took) };
    il_status status =
        a.xq && a.yhat && a.took
            ? il_batch_new(&a.examples, together, r->per_prompt, D, err)
            : il_fail(err, IL_EFAIL, "out of memory for %d queries", r->asked);
    for (int p = 0; p < r->prompts && !status; p += together)
        status = ask_group(r, &a, p, err);
    il_batch_free(a.examples);
    free(a.xq);
    free(a.yhat);
    free(a.took);
    return status;
}

il_status il_table_ask(il_asked_table *r, il_error *err)
{
    int queries = r->asks == IL_ASKS_QUERIES, Q = r->frame->Q;
    IL_TRY(deal_all(r, err));
    r->asked = queries ? Q + r->per_prompt : r->asks == IL_ASKS_EXAMPLES ? r->frame->M : 1;
    r->answers = calloc((size_t)r->prompts * (size_t)r->asked, sizeof *r->answers);
    r->mean = calloc((size_t)Q, sizeof *r->mean);
    r->took = calloc((size_t)Q, sizeof *r->took);
    if (!r->answers || !r->mean || !r->took)
        return il_fail(err, IL_EFAIL, "out of memory for %d queries", Q);
    IL_TRY(ask_groups(r, err));
    if (!queries) return IL_OK;
    for (int q = 0; q < Q; q++) {
        for (int p = 0; p < r->prompts; p++)
            r->mean[q] += r->answers[(size_t)p * (size_t)r->asked + (size_t)q];
        r->mean[q] /= r->prompts;
        if (isfinite(r->mean[q])) continue;
        r->mean[q] = 0; /* it was the sum that is too large, or an answer */
        for (int p = 0; p < r->prompts; p++)
            r->mean[q] += r->answers[(size_t)p * (size_t)r->asked + (size_t)q] / r->prompts;
    }
    return IL_OK;
}

void il_table_ask_free(il_asked_table *r)
{
    for (int p = 0; r->prompt && p < r->prompts; p++) {
        free(r->prompt[p].hand);
        free(r->prompt[p].x);
    }
    free(r->deck);
    free(r->prompt);
    free(r->answers);
    free(r->mean);
    free(r->took);
}
