/* mix.c - the shape of ops that mix tokens: q, k, v and gates */
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
