/* chebyshev.c - ridge regression by K layers with coefficients of their own, one head
 *
 *   p_j <- p_j + eta_k sum_i y_i <x_i, u_j>,   u_j <- u_j - c_k sum_i x_i <x_i, u_j>,   u = x
 *
 * so p_q = <P(S) X^T y, x_q>, S = sum x x^T, with any polynomial P of degree K - 1 in Newton's form:
 * nodes a_k = 1/c_k. With Chebyshev nodes of [lo, hi] (in Leja's order, which is numerically stable)
 * and eta_k = prod_{j<k} a_j/(a_j + mu) / (a_k + mu), P interpolates 1/(a + mu). The residual
 * 1 - (a + mu) P(a) is then the Chebyshev polynomial that is 1 at -mu: what the semi-iteration
 * has after K steps, at most 1 / T_K((hi + lo + 2 mu) / (hi - lo)). The stream holds the answer
 * after every layer.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858 (proposition 2, corrected).
 */
#include "construct/series.h"

#include <math.h>

typedef struct {
    int dims, points, layers;
    double ridge, lo, hi;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 256, "dimension of x" },
    { "points", IL_OPT_INT, offsetof(options, points), 41, 2, 4096, "longest prompt" },
    { "layers", IL_OPT_INT, offsetof(options, layers), 12, 1, SERIES, "layers K" },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 1, 0, 1e12, "weight of |w|^2" },
    { "lo", IL_OPT_REAL, offsetof(options, lo), 0, 0, 1e12,
      "smallest eigenvalue of sum x x'" },
    { "hi", IL_OPT_REAL, offsetof(options, hi), 0, 0, 1e12,
      "largest; 0: of usual prompts" },
    { 0 },
};
static const char *const cases[] = { "dims=5 layers=12", "dims=10 layers=24 ridge=0.5",
                                     "dims=5 layers=8 lo=4 hi=60 ridge=0",
                                     "dims=5 layers=40 ridge=0.1", NULL };

static double hi(const options *o)
{
    return o->hi > 0 ? o->hi : il_usual_largest(o->points, o->dims);
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    series s = il_series_chebyshev(o->layers, o->lo, hi(o), o->ridge);
    if (o->lo >= hi(o))
        il_refuse(p, "lo = %g: it must be below hi = %s", o->lo,
                  il_digits_short(hi(o)).text);
    il_task_is(p, "linear_regression", "columns", o->dims, o->points);
    il_masked(p);
    il_token(p, "x", o->dims, "the inputs");
    il_token(p, "y", 1, "the targets");
    il_register(p, "u", o->dims, "prod (I - c S) x");
    il_register(p, "p", 1, "the answer");
    il_start(p, "u <- x");
    for (int k = 0; k < s.K; k++) {
        if (k < s.K - 1)
            il_attend(p, "p <- %g y, u <- %g x ; x ; u", s.eta[k], -s.c[k]);
        else
            il_attend(p, "p <- %g y ; x ; u", s.eta[k]);
    }
    il_answer(p, "p");
}

/* Layers round S by 2^-53 in each of its dims directions, and P turns that into its slope times as much: relative to
 * P it is hi K^2 at most by Markov's inequality, and of 1/(a + mu) the condition of S + mu I. Eightfold, for a slope
 * of Markov's has a 2, the reference rounds too, and an answer is less than |w| |x|. */
static double stated(const options *o)
{
    double K = o->layers, condition = (hi(o) + o->ridge) / (o->lo + o->ridge);
    return 1e-13 + 0x1p-50 * o->dims * fmin(K * K, condition);
}

static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    char algo[IL_TEXT];
    snprintf(algo, sizeof algo, "chebyshev ridge=%s lo=%s hi=%s", il_digits(o->ridge).text,
             il_digits(o->lo).text, il_digits(hi(o)).text);
    il_check_against(c, p, algo, 1, o->layers, o->ridge, size, condition, stated(o));
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    il_check_regression(c, o->dims, o->points, hi(o), verify_one, o);
}

const il_construct il_construct_chebyshev = {
    .name = "chebyshev",
    .summary = "ridge regression by the Chebyshev polynomial of its depth, one head",
    .source = "von Oswald et al. 2023, arXiv:2309.05858",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
