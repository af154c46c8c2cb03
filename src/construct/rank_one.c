/* rank_one.c - one pass over the examples: gradient steps, or ridge regression by rank-one updates
 *
 * A sequential program of moves, products, a division and affine maps. For example i
 *   move     cx <- x_i, cy <- y_i in every token                key E[i], query one
 *   sgd      e = <w, cx> - cy;   w <- w - 2 alpha (e cx + lambda w)
 *   ridge    m <- m + y_i x_i;   u = P cx, c = 1 + <cx, u>;   P <- P - u u^T / c
 * and at the query <w, q>, or <P m, q>: P is (X^T X + lambda I)^{-1} by Sherman and Morrison. P
 * stands in the first d tokens; vectors stand in all. Products are attention's and exact; 1/c is
 * chords of 1/x on [1, most], and its error the only one.
 *
 * Source: Akyurek et al. 2023, arXiv:2211.15661, whose primitives take 7 n + 2 and 11 n + 3 layers.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, examples, ridge, knots;
    double alpha, lambda, most;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 4, 1, 32, "dimension of x" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 6, 1, 256, "examples n" },
    { "form", IL_OPT_CHOICE, offsetof(options, ridge), 0, 0, 0, "what a pass does",
      "sgd|ridge" },
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0.05, 1e-9, 1e9, "sgd: step" },
    { "lambda", IL_OPT_REAL, offsetof(options, lambda), 0.1, 0, 1e9, "weight of |w|^2" },
    { "knots", IL_OPT_INT, offsetof(options, knots), 1024, 2, 16384, "pieces of 1/c" },
    { "most", IL_OPT_REAL, offsetof(options, most), 0, 0, 1e9,
      "largest c; 0: 1 + 4 dims / lambda" },
    { 0 },
};
static const char *const cases[] = { "", "dims=8 examples=40 lambda=0",
                                     "form=ridge examples=12",
                                     "form=ridge lambda=1 knots=4096", NULL };

static double inverse(double x, double unused)
{
    (void)unused;
    return 1 / x;
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims, n = o->examples;
    double most = o->most > 1 ? o->most : 1 + 4 * d / fmax(o->lambda, 1e-3),
           slope = -1.0 / n;
    const il_pwl *reciprocal = il_pwl_new(p, "1/c", inverse, 0, o->knots, 1, most, 3);
    il_task_is(p, "linear_regression", "columns", d, n + 1);
    il_masked(p);
    il_token(p, "x", d, "the inputs");
    il_token(p, "y", 1, "the targets");
    il_position(p, "E", il_max(n, d), "the position");
    il_register(p, "one", 1, "ones");
    il_start(p, "one <- 1");
    il_register(p, "cx", d, "the example at hand, in every token");
    il_register(p, "cy", 1, "its target");
    il_register(p, "e", 1, "what it says");
    if (o->ridge) {
        il_register(p, "P", d, "the inverse of sum x x' + lambda I");
        il_register(p, "u", d, "P x");
        il_register(p, "c", 1, "1 + x.P x");
        il_register(p, "v", d, "u / c");
        il_attend(p, "P <- %g E[0:%d] ; E[0:%d] ; E[0:%d]", 1 / o->lambda, d, d, d);
    } else {
        il_register(p, "w", d, "the weights");
    }
    for (int i = 0; i < n; i++) {
        il_attend(p, "cx <- x, cy <- y ; E[%d] ; one", i);
        if (!o->ridge) {
            il_attend(p, "e <- E[0] ; w ; cx");
            il_also(p, "e <- -cy");
            il_attend(p, "w <- %g cx ; E[0] ; e", -2 * o->alpha);
            il_also(p, "w <- %g w, e <- -e, cx <- -cx, cy <- -cy",
                    -2 * o->alpha * o->lambda);
            continue;
        }
        il_attend(p, "u <- P ; E[0:%d] ; cx", d);
        il_attend(p, "c <- E[0] ; cx ; u");
        il_piecewise(p, reciprocal, NULL, "e <- f(c + 1)");
        il_attend(p, "v <- u ; E[0] ; e");
        il_attend(p, "P <- %g v ; u ; E[0:%d]", slope, d); /* v and u stand in n tokens */
        il_also(p, "u <- -u, v <- -v, c <- -c, e <- -e, cx <- -cx, cy <- -cy");
    }
    if (o->ridge) { /* e = sum_i y_i <x_i, P q> */
        il_attend(p, "u <- P ; E[0:%d] ; x", d);
        il_attend(p, "e <- y ; x ; u");
    } else {
        il_attend(p, "e <- E[0] ; w ; x");
    }
    il_answer(p, "e");
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int n = o->examples, d = o->dims;
    for (int seed = 1; seed <= 3; seed++) {
        size_t mark = c->used;
        il_problem p = il_problem_normal(c, n, d, o->ridge ? 1 : 0.5, 0.1, seed);
        double *all = il_check_take(c, (size_t)n + 1), want = 0;
        double *w = il_check_take(c, (size_t)d);
        il_check_run(c, n + 1, p.tokens, p.mask, 1, NULL, all);
        for (int i = 0; i < n && !o->ridge; i++) {
            double e = -p.y[i];
            for (int j = 0; j < d; j++) e += w[j] * p.x[i * d + j];
            for (int j = 0; j < d; j++)
                w[j] -= 2 * o->alpha * (e * p.x[i * d + j] + o->lambda * w[j]);
        }
        for (int j = 0; j < d; j++) want += w[j] * p.q[j];
        char algo[IL_TEXT], size[48];
        snprintf(algo, sizeof algo, "ridge alpha=%s", il_digits(o->lambda).text);
        if (o->ridge) il_check_last(c, algo, &p, &want);
        snprintf(size, sizeof size, "d=%d n=%d", d, n);
        double h = 1024.0 / o->knots;
        il_check_row(c, size, NAN, n, fabs(all[n] - want) / fmax(fabs(want), 1e-3), NAN,
                     o->ridge ? 2e-3 * h * h : 1e-13);
        c->used = mark;
    }
}

const il_construct il_construct_rank_one = {
    .name = "rank_one",
    .summary = "one pass over the examples: gradient steps, or rank-one updates of ridge",
    .source = "Akyurek et al. 2023, arXiv:2211.15661",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
