/* mix.c - shared by the token-mixing ops: their shapes, and the state matrices they carry along */
#include "op/mix.h"

il_status il_shape_mix(il_plan *p, il_op *op, int H, il_error *err)
{
    int q = il_width(p, op->in[0]), k = il_width(p, op->in[1]), v = il_width(p, op->in[2]);
    if (q != k)
        return il_fail(err, IL_ECONFIG, "%s: queries are %d columns wide, keys %d",
                       op->name, q, k);
    if (q % H || v % H)
        return il_fail(err, IL_ECONFIG,
                       "%s: %d heads do not divide keys of %d or values of %d columns",
                       op->name, H, k, v);
    for (int i = 3; i < op->n_in; i++) {
        int width = il_width(p, op->in[i]);
        if (width != H && width != 1)
            return il_fail(err, IL_ECONFIG, "%s: a gate is %d columns wide, for %d heads",
                           op->name, width, H);
    }
    op->out = il_slot_new(p, op, "", v);
    return IL_OK;
}

void il_mix_heads(const il_op *op, const il_plan *p, int H, il_heads *h)
{
    h->heads = H;
    h->key = il_width(p, op->in[0]) / H;
    h->value = il_width(p, op->in[2]) / H;
    for (int i = IL_ROLE_QUERY; i <= IL_ROLE_VALUE; i++) h->input[i] = i;
}

void il_matrix_set(il_real *S, const il_real *from, int rows, int cols, int transposed)
{
    memset(S, 0, sizeof *S * il_matrix_size(rows, cols));
    for (int i = 0; i < rows && from; i++)
        for (int j = 0; j < cols; j++)
            S[il_matrix_size(i, cols) + (size_t)j] =
                transposed ? from[(size_t)j * (size_t)rows + (size_t)i]
                           : from[(size_t)i * (size_t)cols + (size_t)j];
}

void il_matrix_add(il_real *to, const il_real *S, int rows, int cols)
{
    for (int i = 0; i < rows; i++, to += cols)
        il_kernel()->add(to, to, S + il_matrix_size(i, cols), (size_t)cols);
}

void il_recur(il_real *S, il_recurrence r, il_rows_of b, il_rows_of c, il_rows_of a,
              il_real *y, int ldy)
{
    r.b = b.at, r.ldb = b.ld;
    r.c = c.at, r.ldc = c.ld;
    r.a = a.at, r.lda = a.ld;
    r.y = y, r.ldy = ldy;
    il_kernel()->recur(S, &r);
}
