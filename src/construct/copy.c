/* copy.c - every token gets a copy of itself and of the one before it, by softmax over positions
 *
 * With one-hot positions p_t, query beta p_{t-1} and key p_j: the score of the token before is beta,
 * all others' 0, so its weight is 1 but for T exp(-beta): exact in double at beta = 60. The first
 * token copies itself. A second head with query beta p_t copies the own token. Side by side
 * they are (s_t, s_{t-1}), of which mesa_gd's tokens are made.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, appendix; related: the induction head.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, points;
    double beta;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 10, 1, 256, "dimension of s" },
    { "points", IL_OPT_INT, offsetof(options, points), 50, 2, 512, "longest sequence" },
    { "beta", IL_OPT_REAL, offsetof(options, beta), 60, 1, 1e4, "sharpness" },
    { 0 },
};
static const char *const cases[] = { "dims=10 points=50", "dims=3 points=200", NULL };

/* The weight of all other tokens together, at most */
static double others(const options *o) { return o->points * il_exp(-o->beta); }

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims, T = o->points;
    if (others(o) > 0.01)
        il_refuse(p, "beta = %g: too small to tell points = %d apart; 60 does", o->beta, T);
    double *before = il_numbers(p, (size_t)T * (size_t)T);
    for (int t = 0; before && t < T; t++) before[t * T + il_max(t - 1, 0)] = 1;
    il_causal(p);
    il_token(p, "s", o->dims, "s_t");
    il_register(p, "r", 2 * d, "(s_t, s_{t-1})");
    il_position(p, "E", T, "the position");
    il_table_of(p, "F", T, T, before, "the position before");
    il_softmax(p, "r[0:%d] <- s ; E ; %g E", d, o->beta);
    il_softmax(p, "r[%d:%d] <- s ; E ; %g F", d, 2 * d, o->beta);
    il_answer(p, "r");
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int d = o->dims, T = o->points;
    double *s = il_check_random(c, (size_t)(T * d), 3);
    double *got = il_check_take(c, (size_t)(2 * T * d));
    double *want = il_check_take(c, (size_t)(2 * T * d));
    if (c->status != IL_OK) return;
    for (int t = 0; t < 2 * T; t++) /* t/2 itself, then the one before */
        memcpy(want + t * d, s + il_max(t / 2 - t % 2, 0) * d, sizeof *s * (size_t)d);
    il_check_run(c, T, s, NULL, 1, NULL, got);
    double error = il_check_difference(got, want, (size_t)(2 * T * d));
    il_check_row(c, "every token", NAN, 1, error, error, 1e-15 + 4 * others(o));
}

const il_construct il_construct_copy = {
    .name = "copy",
    .summary = "every token of a sequence gets itself and the one before it, by softmax",
    .source = "von Oswald et al. 2023, arXiv:2309.05858",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
