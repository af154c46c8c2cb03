/* softmax_cross_entropy.c - softmax cross-entropy of scores (logits) with the target class, in nats
 *
 *   loss += sum_m weight_m (log sum_c exp(z_mc) - z_m,target_m)
 *   dz_mc += scale weight_m (exp(z_mc - norm_m) - [c = target_m]),   norm_m = log sum_c exp(z_mc)
 *
 * The largest score is taken out before exp, so nothing overflows. A row of weight 0 may have
 * any target: it costs nothing and its loss is 0.
 */
#include "op/op.h"

#include <assert.h>

enum { PIECE = 16 * IL_LANES }; /* scores at a time */

static const char *const cases[] = { "width=3", "width=21", "width=300", NULL };

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    for (int i = 1; i < 3; i++)
        if (il_width(p, op->in[i]) != 1)
            return il_fail(err, IL_ECONFIG, "%s: %s is 1 wide, not %d", op->name,
                           i == 1 ? "a target" : "a weight", il_width(p, op->in[i]));
    op->save[0] = il_slot_new(p, op, "norm", 1);
    op->out = il_slot_new(p, op, "", 1); /* each row's loss */
    op->reads = 7;
    return IL_OK;
}

/* e (PIECE) = exp(z - norm), zeros from n on */
static void exponentials(il_real *e, const il_real *z, int n, il_real norm)
{
    for (int c = 0; c < n; c++) e[c] = z[c] - norm;
    il_kernel()->exp(e, e, (size_t)n);
    memset(e + n, 0, sizeof *e * (size_t)(PIECE - n));
}

/* Sums in IL_LANES lanes, which are then added in order */
static il_real log_sum_exp(const il_real *z, int C)
{
    il_real most = z[0], lanes[IL_LANES] = { 0 }, e[PIECE], sum = 0;
    for (int c = 1; c < C; c++) most = z[c] > most ? z[c] : most;
    for (int c = 0; c < C; c += PIECE) {
        exponentials(e, z + c, il_min(PIECE, C - c), most);
        il_kernel()->colsum(lanes, e, IL_LANES, PIECE / IL_LANES, IL_LANES);
    }
    for (int l = 0; l < IL_LANES; l++) sum += lanes[l];
    il_kernel()->log(&sum, &sum, 1);
    return most + sum;
}

static int target(const il_op *op, const il_state *s, int m)
{
    int id = (int)il_x(op, s, 1)[m];
    assert(id >= 0 && id < il_columns(op, s, 0));
    return id;
}

static void forward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0);
    const il_real *z = il_x(op, s, 0), *weight = il_x(op, s, 2);
    for (int m = 0; m < il_rows(s); m++, z += C) {
        il_y(op, s)[m] = 0;
        if (weight[m] == 0) continue;
        il_real norm = log_sum_exp(z, C);
        il_save(op, s, 0)[m] = norm;
        il_y(op, s)[m] = norm - z[target(op, s, m)];
        s->loss += (double)weight[m] * (double)il_y(op, s)[m];
    }
}

static void backward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0);
    const il_real *z = il_x(op, s, 0), *weight = il_x(op, s, 2);
    il_real *dz = il_dx(op, s, 0), e[PIECE];
    for (int m = 0; m < il_rows(s); m++, z += C, dz += C) {
        if (weight[m] == 0) continue;
        il_real scale = s->loss_scale * weight[m];
        for (int c = 0; c < C; c += PIECE) {
            int n = il_min(PIECE, C - c);
            exponentials(e, z + c, n, il_save(op, s, 0)[m]);
            il_kernel()->axpy(dz + c, scale, e, (size_t)n);
        }
        dz[target(op, s, m)] -= scale;
    }
}

const il_op_kind il_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .summary = "softmax cross-entropy of scores with the target class, in nats",
    .cases = cases,
    .least_in = 3,
    .most_in = 3,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .skips = 1,
    .ids = 2,
};
