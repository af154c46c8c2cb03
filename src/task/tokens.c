/* tokens.c - the interleaved layout of a prompt
 *
 *   x_0, (y_0, 0, ...), x_1, (y_1, 0, ...), ...
 *
 * The answer to x_n is read at its own token, which sees the n examples before it.
 * Source: Garg et al. 2022, arXiv:2208.01066.
 */
#include "task/task.h"

#include <assert.h>

static void put_x(il_real *token, const il_real *x, int D, int width)
{
    memcpy(token, x, sizeof *x * (size_t)D);
    memset(token + D, 0, sizeof *x * (size_t)(width - D));
}

static void put_y(il_real *token, il_real y, int width)
{
    memset(token, 0, sizeof y * (size_t)width);
    token[0] = y;
}

void il_tokens_fill(const il_batch *batch, int first, int prompts, int points, int width,
                    il_real *tokens, il_real *target, il_real *weight)
{
    int N = batch->points, D = batch->dim;
    assert(first >= 0 && first + prompts <= batch->prompts);
    assert(points <= N && D <= width);
    for (int b = first; b < first + prompts; b++) {
        const il_real *x = batch->x + (size_t)b * N * D, *y = batch->y + (size_t)b * N;
        for (int n = 0; n < points; n++, x += D, y++) {
            put_x(tokens, x, D, width);
            put_y(tokens + width, *y, width);
            tokens += 2 * width;
            *target++ = *y, *weight++ = 1;
            *target++ = 0, *weight++ = 0;
        }
    }
}

void il_tokens_ask(const il_batch *batch, int first, int prompts, int n, int width,
                   il_real *tokens)
{
    int N = batch->points, D = batch->dim;
    assert(first >= 0 && first + prompts <= batch->prompts);
    assert(n < N && D <= width);
    const il_real *queries = batch->xq ? batch->xq : batch->x;
    for (int b = first; b < first + prompts; b++) {
        size_t at = (size_t)b * N;
        for (int i = 0; i < n; i++, tokens += 2 * width) {
            put_x(tokens, batch->x + (at + i) * D, D, width);
            put_y(tokens + width, batch->y[at + i], width);
        }
        put_x(tokens, queries + (at + n) * D, D, width);
        put_y(tokens + width, 0, width);
        tokens += 2 * width;
    }
}
