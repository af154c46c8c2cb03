/* tokens.c - how a prompt becomes tokens: one table of layouts
 *
 *   pairs         x_0, (y_0, 0, ...), x_1, (y_1, 0, ...), ...; answer n at x_n
 *   columns       (x_0, y_0), (x_1, y_1), ..., (x_n, 0): the answer is read at the last, whose
 *                 mask is 0 and which is no key
 *   halves        (x_0, y_0, 1), ..., (x_{n-1}, y_{n-1}, 1), (x_n, 0, 0): as columns; in training all points of the
 *                 second half are such queries, which do not see each other
 *   led           as columns, preceded by as many all-zero tokens as an x has numbers
 *   sequence      s_0, s_1, ...; answer n at s_n
 *   constructed   [0, s_n, s_n, s_{n-1}], with s_{-1} = 0
 *   constructed1  [0, 0, s_n, s_{n-1}], for models of one layer
 *   stacked       [s_n, s_{n-1}, ..., s_{n-k+1}]
 *   ids           s_0, s_1, ... as token ids; answer n at s_n, unless it is below 0
 *   own           of no prompt: a built model's matrices, graphs, ...
 *
 * Every answer stands where the examples before it can be seen. Sources: Garg et al. 2022,
 * arXiv:2208.01066 (pairs); von Oswald et al. 2023, arXiv:2212.07677, and Ahn et al. 2023,
 * arXiv:2306.00297 (columns); von Oswald et al. 2023, arXiv:2309.05858 (the others).
 */
#include "task/task.h"

#include <assert.h>

static const il_real *input(const il_batch *batch, int b, int n)
{
    return batch->x + ((size_t)b * (size_t)batch->points + (size_t)n) * (size_t)batch->dim;
}

static const il_real *answer(const il_batch *batch, int b, int n)
{
    return batch->y + ((size_t)b * (size_t)batch->points + (size_t)n) * (size_t)batch->outs;
}

/* x_n, or query n where it is asked and the batch has one */
static const il_real *asked(const il_batch *batch, int b, int n, int asking)
{
    return asking && batch->xq ? batch->xq + (input(batch, b, n) - batch->x)
                               : input(batch, b, n);
}

static void put(il_real *token, const il_real *values, int n)
{
    memcpy(token, values, sizeof *token * (size_t)n);
}

/* Token t answers point n of the prompt, at the x of the example. */
static void set_target(const il_batch *batch, int b, int n, int t, il_tokens to)
{
    const il_real *y = answer(batch, b, n);
    if (batch->yq && !batch->xq) y = batch->yq + (y - batch->y);
    put(to.target + (size_t)t * (size_t)to.outs, y, batch->outs);
    to.weight[t] = 1;
}

static void pairs(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    for (int n = 0; n < points; n++, to.tokens += 2 * to.width) {
        int query = asking && n == points - 1;
        put(to.tokens, asked(batch, b, n, query), batch->dim);
        if (query) return;
        put(to.tokens + to.width, answer(batch, b, n), batch->outs);
        set_target(batch, b, n, 2 * n, to);
    }
}

static void columns(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    int last = points - 1;
    for (int n = 0; n < last; n++, to.tokens += to.width) {
        put(to.tokens, input(batch, b, n), batch->dim);
        put(to.tokens + to.dim, answer(batch, b, n), batch->outs);
        if (to.mask) to.mask[n] = 1;
    }
    put(to.tokens, asked(batch, b, last, asking), batch->dim);
    if (!asking) set_target(batch, b, last, last, to);
}

static void halves(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    int examples = asking ? points - asking : il_examples_of(points);
    for (int n = 0; n < points; n++, to.tokens += to.width) {
        put(to.tokens, asked(batch, b, n, asking && n >= examples), batch->dim);
        if (n >= examples) {
            if (!asking) set_target(batch, b, n, n, to);
            continue;
        }
        put(to.tokens + to.dim, answer(batch, b, n), batch->outs);
        to.tokens[to.dim + to.outs] = 1;
        if (to.mask) to.mask[n] = 1;
    }
}

static void led(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    for (int t = 0; to.mask && t < to.dim; t++) *to.mask++ = 1;
    to.tokens += to.dim * to.width;
    to.target += to.dim * to.outs;
    to.weight += to.dim;
    columns(batch, b, points, asking, to);
}

/* Observations n, n - 1, ..., n - k + 1, those before the first being zeros; the newest of them
 * stands in slot `first`, and in slot 1 once more where there is `twice`. */
static void observations(const il_batch *batch, int b, int points, int asking, int first,
                         int k, int twice, il_tokens to)
{
    for (int n = 0; n < points; n++, to.tokens += to.width) {
        for (int i = 0; i < il_min(k, n + 1); i++)
            put(to.tokens + (first + i) * to.dim, input(batch, b, n - i), batch->dim);
        if (twice) put(to.tokens + to.dim, input(batch, b, n), batch->dim);
        if (to.mask) to.mask[n] = 1;
        if (!asking) set_target(batch, b, n, n, to);
    }
}

static void sequence(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    observations(batch, b, points, asking, 0, 1, 0, to);
}

static void constructed(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    observations(batch, b, points, asking, 2, 2, 1, to);
}

static void constructed1(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    observations(batch, b, points, asking, 2, 2, 0, to);
}

static void stacked(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    observations(batch, b, points, asking, 0, to.width / to.dim, 0, to);
}

static void ids(const il_batch *batch, int b, int points, int asking, il_tokens to)
{
    for (int n = 0; n < points; n++) {
        to.tokens[n] = *input(batch, b, n);
        if (to.mask) to.mask[n] = 1;
        if (!asking && *answer(batch, b, n) >= 0) set_target(batch, b, n, n, to);
    }
}

static int wider(int dim, int outs, int stack)
{
    (void)stack;
    return il_max(dim, outs);
}

static int both(int dim, int outs, int stack)
{
    (void)stack;
    return dim + outs;
}

static int both_and_one(int dim, int outs, int stack)
{
    (void)stack;
    return dim + outs + 1;
}

static int one(int dim, int outs, int stack)
{
    (void)outs, (void)stack;
    return dim;
}

static int four(int dim, int outs, int stack)
{
    (void)outs, (void)stack;
    return 4 * dim;
}

static int many(int dim, int outs, int stack)
{
    (void)outs;
    return stack * dim;
}

static int none(int dim, int outs, int stack)
{
    (void)dim, (void)outs, (void)stack;
    return 0;
}

static const il_layout rows[] = {
    { "pairs", "x_0, y_0, x_1, y_1, ...", 2, 0, 0, wider, pairs },
    { "columns", "(x_0, y_0), (x_1, y_1), ..., and the query (x, 0), which is no key", 1, 0,
      1, both, columns },
    { "sequence", "s_0, s_1, ...", 1, 1, 0, one, sequence },
    { "constructed", "[0, s_n, s_n, s_{n-1}]", 1, 1, 0, four, constructed },
    { "constructed1", "[0, 0, s_n, s_{n-1}]: for models of one layer", 1, 1, 0, four,
      constructed1 },
    { "stacked", "the last model.stack observations, the newest first", 1, 1, 0, many,
      stacked },
    { "ids", "s_0, s_1, ... as token ids", 1, 0, 0, one, ids, 1 },
    { "led", "as columns, preceded by as many zero tokens as an x has numbers", 1, 0, 1,
      both, led, 0, 1 },
    { "halves", "(x, y, 1) of the examples, then (x, 0, 0) of queries, which are no keys",
      1, 0, 1, both_and_one, halves, 0, 0, 1 },
    { "own", "no prompt becomes them: a built model's matrices, graphs, ...", 1, 0, 0, none,
      NULL },
};

const il_layout *il_layout_at(int i)
{
    return i >= 0 && i < IL_COUNT(rows) ? &rows[i] : NULL;
}

static void clear(il_real *values, int rows_, int width)
{
    if (values) memset(values, 0, sizeof *values * (size_t)rows_ * (size_t)width);
}

static void fill_all(const il_layout *layout, const il_batch *batch, int first, int prompts,
                     int points, int asking, il_tokens to)
{
    size_t T = (size_t)il_layout_token(layout, to.dim, points);
    assert(layout->fill);
    assert(first >= 0 && first + prompts <= batch->prompts && points <= batch->points);
    assert(batch->dim <= to.dim && batch->outs <= to.outs);
    assert(layout->width(to.dim, to.outs, 1) <= to.width);
    clear(to.tokens, prompts * (int)T, to.width);
    clear(to.target, prompts * (int)T, to.outs);
    clear(to.weight, prompts * (int)T, 1);
    clear(to.mask, prompts * (int)T, 1);
    for (int b = first; b < first + prompts; b++) {
        layout->fill(batch, b, points, asking, to);
        to.tokens += T * (size_t)to.width;
        to.target += T * (size_t)to.outs;
        to.weight += T;
        if (to.mask) to.mask += T;
    }
}

void il_tokens_fill(const il_layout *layout, const il_batch *batch, int first, int prompts,
                    int points, il_tokens to)
{
    fill_all(layout, batch, first, prompts, points, 0, to);
}

void il_tokens_ask(const il_layout *layout, const il_batch *batch, int first, int prompts,
                   int n, il_tokens to)
{
    fill_all(layout, batch, first, prompts, n + 1, 1, to);
}

void il_tokens_ask_many(const il_layout *layout, const il_batch *batch, int first,
                        int prompts, int n, int queries, il_tokens to)
{
    assert(layout->half);
    fill_all(layout, batch, first, prompts, n + queries, queries, to);
}
