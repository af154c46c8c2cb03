/* newton_gram.c - linear and ridge regression: the Gram matrix in the stream, and its inverse
 *
 *   layer 1        S = A^T A + mu I, X = M_0     V: S <- a ; K: a ; Q: I, and I for mu
 *   layers 2..T+1  X <- X + X (I - S X)          V: X <- X ; K: [S; I] ; Q: [-X; I]
 *   layer T+2      p = X A^T y                   V: p <- y ; K: a ; Q: X
 *   layer T+3      o = <p, a_q>                  V: o <- p ; K: I ; Q: a (q)
 *
 * All d x d blocks stand in the first d columns, so it takes d examples at least. With the query
 * masked as a key it can stand in a: width 4 d + 3. Without a mask (mask=0) it has a block of its
 * own, where the examples are zero: 5 d + 3. M_0 = alpha S, or alpha I, or alpha chosen in context
 * (start=trace): alpha = f(tr S), f the chords of 1/x between powers of 2, so that
 * 1 <= alpha tr S <= 9/8 whatever the scale of the data. That takes two layers more:
 *   units of layer 1   D = relu(S + K I - K): the diagonal of S
 *   layer              tr <- sum(D) ; sum(I) ; one, and units al = f(tr)
 *   units of a layer   X = relu(al + K I - K)
 *
 * Source: theorem 4.2 of Giannou et al. 2024, arXiv:2403.03183, whose counts these are.
 */
#include "construct/construct.h"

#include <math.h>

enum { START_S, START_I, START_TRACE };
enum { TRACE = 1 << 16 }; /* the largest trace that start=trace knows */

typedef struct {
    int dims, points, loops, start, mask;
    double ridge, alpha;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 64, "dimension of x" },
    { "points", IL_OPT_INT, offsetof(options, points), 51, 2, 4096, "longest prompt" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 14, 1, 10000, "steps T" },
    { "start", IL_OPT_CHOICE, offsetof(options, start), 0, 0, 0,
      "M_0: alpha S, alpha I, or I / tr S", "S|I|trace" },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e6, "weight of |w|^2" },
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0, 0, 1e12,
      "of M_0; 0: 1 / the largest eigenvalue of usual prompts (squared for S)" },
    { "mask", IL_OPT_BOOL, offsetof(options, mask), 1, 0, 1,
      "the query is no key, else it has registers of its own" },
    { 0 },
};
static const char *const cases[] = {
    "dims=5 loops=14",
    "dims=5 loops=14 mask=0",
    "dims=10 loops=9 start=I ridge=0.5",
    "dims=10 loops=16 ridge=0.5 mask=0",
    "dims=8 loops=16 start=trace",
    NULL,
};

static double usual(const options *o)
{
    return il_usual_largest(o->points, o->dims) + o->ridge;
}
static double alpha(const options *o)
{
    if (o->alpha > 0) return o->alpha;
    return 1 / (o->start == START_I ? usual(o) : usual(o) * usual(o));
}

static double inverse(double x, double unused)
{
    (void)unused;
    return 1 / x;
}

static void choose_alpha(il_program *p)
{
    enum { KNOTS = 21 };
    double t[KNOTS], x = 0x1p-4;
    for (int j = 0; j < KNOTS; j++, x *= 2) t[j] = x;
    const double K = 0x1p14, M = 0x1p5; /* above any S and al */
    il_relu(p, "D <- relu(S + %g I - %g one)", K, K);
    il_attend(p, "tr <- sum(D) ; sum(I) ; one");
    il_piecewise(p, il_pwl_knots(p, "1/x", inverse, 0, KNOTS, t), NULL, "al <- f(tr)");
    il_relu(p, "X <- relu(al + %g I - %g one)", M, M);
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims;
    const char *key = o->mask ? "a" : "q";
    double most =
        fmin(TRACE / 2 / d, TRACE / 8); /* of the ridge, and as much of the examples */
    if (o->points <= d)
        il_refuse(p, "points = %d: with dims = %d at least %d examples and the query",
                  o->points, d, d);
    if (o->start != START_TRACE)
        il_newton_fits(p, alpha(o), o->start == START_I, o->ridge);
    else if (o->ridge > most)
        il_refuse(p, "ridge = %g: with start=trace and dims = %d at most %g", o->ridge, d,
                  most);
    il_task_is(p, "linear_regression", "columns", d, o->points);
    il_token(p, "a", d, "the inputs");
    if (o->mask)
        il_masked(p);
    else
        il_token(p, "q", d, "the query");
    il_token(p, "y", 1, "the targets");
    il_position(p, "I", d, "the identity, in the first d tokens");
    il_register(p, "S", d, "sum a a' + ridge I");
    il_register(p, "X", d, "tends to the inverse of S");
    il_register(p, "p", 1, "X sum y a");
    il_register(p, "o", 1, "the answer");
    if (o->start == START_TRACE) {
        il_register(p, "D", d, "the diagonal of S");
        il_register(p, "tr", 1, "its sum");
        il_register(p, "al", 1, "about 1 / tr");
        il_register(p, "one", 1, "ones");
        il_start(p, "one <- 1");
    }
    if (o->start == START_S) {
        il_attend(p, "S <- a, X <- %g a ; a ; I", alpha(o));
        if (o->ridge > 0)
            il_attend(p, "S <- %g I, X <- %g I ; I ; I", o->ridge, alpha(o) * o->ridge);
    } else {
        il_attend(p, "S <- a ; a ; I");
        if (o->ridge > 0) il_attend(p, "S <- %g I ; I ; I", o->ridge);
        if (o->start == START_I)
            il_attend(p, "X <- %g I ; I ; I", alpha(o));
        else
            choose_alpha(p);
    }
    il_loop(p, o->loops);
    il_attend(p, "X <- X ; S | I ; -X | I");
    il_after(p);
    il_attend(p, "p <- y ; a ; X");
    il_attend(p, "o <- p ; I ; %s", key);
    il_answer(p, "o");
}

static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    int T = p->n + 1, R = o->loops;
    double *all = il_check_take(c, (size_t)R * (size_t)T), first = alpha(o), trace = 0;
    double *yhat = il_check_take(c, (size_t)R + 1), exact = il_check_ridge(c, p, o->ridge);
    char algo[IL_TEXT];
    size_t C = (size_t)il_width(&c->model->plan, c->model->plan.carry_out);
    double *stream = il_check_take(c, (size_t)R * (size_t)T * C);
    il_check_run(c, T, o->mask ? p->tokens : il_problem_unmasked(c, p), p->mask, R, stream,
                 all);
    if (c->status != IL_OK) return;
    for (int j = 0; j < p->d; j++) trace += p->S[j * p->d + j] + o->ridge;
    if (o->start == START_TRACE) first = stream[C - 2]; /* the register al */
    double reach = first * trace;                       /* 1 to 9/8 */
    snprintf(algo, sizeof algo, "newton start=%s alpha=%s ridge=%s",
             o->start == START_S ? "alpha_s" : "alpha_i", il_digits(first).text,
             il_digits(o->ridge).text);
    il_check_algo(c, algo, p, R, yhat, NULL);
    for (int t = 0; t < R; t++) all[t] = all[t * T + T - 1];
    double error = il_check_difference(all, yhat + 1, (size_t)R);
    /* al + M - M is rounded to half a last digit of M = 2^5, 2^-48; M_k, of which al is a factor at first, changes
     * by no larger a part than al, about 1 / trace, does */
    double rounding = o->start == START_TRACE ? 0x1p-48 * trace : 0;
    if (o->start == START_TRACE && !(reach > 1 - 1e-6 && reach < 1.125 + 1e-6)) error = 1;
    il_check_row(c, size, condition, R, error, fabs(all[R - 1] - exact) / fabs(exact),
                 1e-14 * (10 + condition) + rounding);
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    double most = il_newton_most(alpha(o), o->start == START_I, o->ridge);
    if (o->start == START_TRACE) most = 30;
    il_check_regression(c, o->dims, o->points, most, verify_one, o);
}

const il_construct il_construct_newton_gram = {
    .name = "newton_gram",
    .summary = "linear and ridge regression by inverting the Gram matrix in the stream",
    .source = "Giannou et al. 2024, arXiv:2403.03183, theorem 4.2",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
