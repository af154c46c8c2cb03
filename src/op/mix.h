/* mix.h - what ops that mix tokens share: inputs q, k (H K columns) and v (H V), then gates
 *
 * A gate is one number a head and token (H columns) or one a token (1 column). The output has
 * the columns of v. Every head of every prompt is a sequence of its own.
 */
#ifndef IL_OP_MIX_H
#define IL_OP_MIX_H

#include "op/op.h"

typedef struct {
    int B, T, H, K, V;
} il_mix;

/* Checks the widths of q, k, v and of the gates, and makes the output. Errors: IL_ECONFIG. */
il_status il_shape_mix(il_plan *plan, il_op *op, int H, il_error *err);

/* The sizes of H heads, and queries, keys and values in inputs 0, 1, 2 */
void il_mix_heads(const il_op *op, const il_plan *plan, int H, il_heads *heads);

static inline il_mix il_mix_of(const il_op *op, const il_state *s, int H)
{
    return (il_mix){ .B = s->prompts,
                     .T = s->tokens,
                     .H = H,
                     .K = il_columns(op, s, 0) / H,
                     .V = il_columns(op, s, 2) / H };
}

/* The first number of head h of prompt b in a slot: rows are `width` apart. A slot of one column
 * is all heads'. */
static inline size_t il_mix_at(const il_mix *m, int width, int b, int h)
{
    int own = width > 1 ? width / m->H * h : 0;
    return (size_t)b * (size_t)m->T * (size_t)width + (size_t)own;
}

/* One head of one prompt in an input: x NULL where there is no such input, dx NULL where nobody
 * wants it. */
typedef struct {
    const il_real *x;
    il_real *dx;
    int ld;
} il_strip;

static inline il_strip il_strip_of(const il_op *op, const il_state *s, const il_mix *m,
                                   int input, int b, int h)
{
    if (input >= op->n_in) return (il_strip){ 0 };
    int width = il_columns(op, s, input);
    size_t at = il_mix_at(m, width, b, h);
    il_real *dx = s->window ? il_dx(op, s, input) : NULL;
    return (il_strip){ il_x(op, s, input) + at, dx ? dx + at : NULL, width };
}

/* ---- carried matrices (il_kernels.recur) -------------------------------------------------------- */

/* Numbers of a (rows, cols) matrix as kernels want it */
static inline size_t il_matrix_size(int rows, int cols)
{
    return (size_t)rows * (size_t)il_padded(cols);
}

/* S = from (rows, cols; NULL: zeros), or the transpose of from (cols, rows) */
void il_matrix_set(il_real *S, const il_real *from, int rows, int cols, int transposed);
/* to (rows, cols) += S */
void il_matrix_add(il_real *to, const il_real *S, int rows, int cols);

/* A sweep through time, the rows of whose factors are given: see il_recurrence. */
typedef struct {
    const il_real *at;
    int ld;
} il_rows_of;
void il_recur(il_real *S, il_recurrence r, il_rows_of b, il_rows_of c, il_rows_of a,
              il_real *y, int ldy);

#endif
