/* rank_one.c - one pass over the examples: SGD, or recursive ridge regression (Sherman-Morrison)
 *
 * A sequential program of moves, products, a division and affine maps. For example i
 *   move     cx <- x_i, cy <- y_i in every token                key E[i], query one
 *   sgd      e = <w, cx> - cy;   w <- w - 2 alpha (e cx + lambda w)
 *   ridge    m <- m + y_i x_i;   u = P cx, c = 1 + <cx, u>;   P <- P - u u^T / c
 * and at the query <w, q>, or <P m, q>: P is (X^T X + lambda I)^{-1} by Sherman and Morrison. P
 * stands in the first d tokens; vectors stand in all. Products are attention's and exact; 1/c is
 * chords of 1/x on [1, most], and its error the only one.
 *
 * With products=primitives the same in the layers of an ordinary transformer and in the paper's order, a layer a
 * primitive: moves by softmax heads, products and affine maps by GeLU units, the division by LayerNorm
 * (primitives.c). Tokens are (0, x_1), (y_1, 0), (0, x_2), ...; example i is done in y_i's token, which gets x_i from
 * the token before it and hands w, or P and m, on to the next y, at last to the query. Every matrix stands whole in
 * every token. 7 n + 2 layers, and 11 n + 3. Other tokens do the same to numbers that nobody reads.
 *
 * A move from token s to t is two heads: one sees the own token, but t sees s; the other takes away what the
 * own token had. The paper has a null token in place of the second.
 *
 * Source: Akyurek et al. 2023, arXiv:2211.15661.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, examples, ridge, knots, primitives;
    double alpha, lambda, most, e, big;
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
    { "products", IL_OPT_CHOICE, offsetof(options, primitives), 0, 0, 0,
      "by attention and chords, or by GeLU and LayerNorm", "attention|primitives" },
    { "e", IL_OPT_REAL, offsetof(options, e), 1e-4, 1e-7, 1, "primitives: of the product" },
    { "big", IL_OPT_REAL, offsetof(options, big), 1e4, 1, 1e9,
      "primitives: N, above all numbers" },
    { 0 },
};
static const char *const cases[] = { "",
                                     "dims=8 examples=40 lambda=0",
                                     "form=ridge examples=12",
                                     "form=ridge lambda=1 knots=4096",
                                     "products=primitives",
                                     "products=primitives e=0.01",
                                     "products=primitives form=ridge",
                                     "products=primitives form=ridge lambda=1 dims=3",
                                     NULL };

static double inverse(double x, double unused)
{
    (void)unused;
    return 1 / x;
}

enum { SHARP = 60 }; /* other tokens weigh exp(-60) */

/* Registers, "x" or "P and m", of token t become those of token s. */
static void move(il_program *p, const char *name, const char *more, int s, int t)
{
    char values[2][64];
    for (int i = 0; i < 2; i++) {
        const char *sign = i ? "-" : "";
        snprintf(values[i], sizeof values[i], "%s <- %s%s", name, sign, name);
        if (more)
            snprintf(values[i], sizeof values[i], "%s <- %s%s, %s <- %s%s", name, sign,
                     name, more, sign, more);
    }
    il_softmax(p, "%s ; E | E[%d] ; %d E | %d E[%d]", values[0], s, SHARP, 2 * SHARP, t);
    il_also(p, "%s ; E ; %d E", values[1], SHARP);
}

/* In token t of y_i, from x_i in token s; u is the token of the next y, or the query. */
static void primitive_step(il_program *p, const options *o, int s, int t, int u)
{
    int d = o->dims;
    double e = o->e, N = o->big;
    il_layer(p);
    move(p, "x", NULL, s, t);
    il_layer(p);
    if (o->ridge) {
        il_gelu_product(p, e, N, d, 1, 1, "h <- x ; y");
        il_layer(p);
        il_gelu_affine(p, N, "m <- m + h");
        il_layer(p);
        il_gelu_product(p, e, N, d, d, 1, "u <- P ; x");
        il_layer(p);
        il_gelu_product(p, e, N, 1, d, d, "v <- x ; P");
        il_layer(p);
        il_gelu_product(p, e, N, d, 1, d, "K <- u ; v");
        il_layer(p);
        il_gelu_product(p, e, N, 1, d, 1, "f <- v ; x");
        il_layer(p);
        il_gelu_affine(p, N, "c <- f + 1");
        il_layer(p);
        il_softmax(p, "D <- -D ; E ; %d E", SHARP);
        il_norm_quotient(p, N, "D <- K ; c");
        il_layer(p);
        il_gelu_affine(p, N, "P <- P - D");
        il_layer(p);
        move(p, "P", "m", t, u);
        return;
    }
    il_gelu_product(p, e, N, 1, d, 1, "s <- w ; x");
    il_layer(p);
    il_gelu_affine(p, N, "r <- s - y");
    il_layer(p);
    il_gelu_product(p, e, N, d, 1, 1, "g <- x ; r");
    il_layer(p);
    il_gelu_affine(p, N, "v <- g + %g w", o->lambda);
    il_layer(p);
    il_gelu_affine(p, N, "w <- w - %g v", 2 * o->alpha);
    il_layer(p);
    move(p, "w", NULL, t, u);
}

static void compose_primitives(il_program *p, const options *o)
{
    int d = o->dims, n = o->examples;
    double N = o->big;
    il_causal(p);
    il_token(p, "y", 1, "a target");
    il_token(p, "x", d, "an input; in the token of y, once moved, that of y");
    il_position(p, "E", 2 * n + 1, "the position");
    il_register(p, "w", d, "the weights");
    if (o->ridge) {
        il_register(p, "h", d, "y x");
        il_register(p, "m", d, "sum y x");
        il_register(p, "P", d * d, "the inverse of sum x x' + lambda I");
        il_register(p, "u", d, "P x");
        il_register(p, "v", d, "x' P");
        il_register(p, "K", d * d, "u v");
        il_register(p, "f", 1, "v x");
        il_register(p, "c", 1, "1 + v x");
        il_register(p, "D", d * d, "K / c");
        for (int i = 0; i < d; i++)
            il_gelu_affine(p, N, "P[%d] <- %g", i * d + i, 1 / fmax(o->lambda, 1e-9));
    } else {
        il_register(p, "s", 1, "w.x");
        il_register(p, "r", 1, "w.x - y");
        il_register(p, "g", d, "r x");
        il_register(p, "v", d, "the gradient");
        il_gelu_affine(p, N, "w <- 0");
    }
    il_register(p, "o", 1, "the answer");
    for (int i = 0; i < n; i++)
        primitive_step(p, o, 2 * i, 2 * i + 1, i < n - 1 ? 2 * i + 3 : 2 * n);
    il_layer(p);
    if (o->ridge) {
        il_gelu_product(p, o->e, N, d, d, 1, "w <- P ; m");
        il_layer(p);
    }
    il_gelu_product(p, o->e, N, 1, d, 1, "o <- w ; x");
    il_answer(p, "o");
}

/* 1 + |x|^2 / lambda, what the first c is, on average */
static double usual_c(const options *o) { return 1 + o->dims / o->lambda; }
static double most(const options *o)
{
    return o->most > 0 ? o->most : 1 + 4 * o->dims / o->lambda;
}

/* Chords with knots at 1 + (most - 1) (j/M)^3 are within 9/4 most^(2/3) (c - 1)^(4/3) / (c M)^2 of 1/c, relative to it,
 * and along x an update is wrong by c - 1 times that, 9/4 (most^2 c)^(1/3) / M^2; c is large in the first d of them. Twice
 * that, for c may be above its average. */
static double chords(const options *o)
{
    double M = o->knots;
    return 4.5 * o->dims * cbrt(most(o) * most(o) * usual_c(o)) / (M * M);
}

/* Options of which a pass makes nothing */
static void check(il_program *p, const options *o)
{
    const double enough = 0.2; /* of an error, above which updates no longer shrink P */
    if (!o->ridge && o->alpha * o->lambda > 1)
        il_refuse(
            p, "alpha = %g with lambda = %g: weights grow at every step; take at most %s",
            o->alpha, o->lambda, il_digits_short(1 / o->lambda).text);
    double small = o->primitives ? 0.05 : 1e-3, big = o->ridge ? 1e3 / o->lambda : 10;
    if (o->ridge && o->lambda < small)
        il_refuse(p, "lambda = %g: at least %g with form=ridge", o->lambda, small);
    if (o->primitives && o->big < big)
        il_refuse(p, "big = %g: at least %s to be above all numbers", o->big,
                  il_digits_short(big).text);
    if (!o->ridge || o->primitives) return;
    if (o->examples < o->dims)
        il_refuse(p, "examples = %d: at least dims = %d, for columns of P stand in them",
                  o->examples, o->dims);
    if (o->most > 0 && o->most < usual_c(o))
        il_refuse(p, "most = %g: the first c is %s on average", o->most,
                  il_digits_short(usual_c(o)).text);
    if (chords(o) > enough)
        il_refuse(p,
                  "knots = %d: too few for 1/c up to c = %s; take at least %d, or a larger "
                  "lambda",
                  o->knots, il_digits_short(most(o)).text,
                  (int)ceil(o->knots * sqrt(chords(o) / enough)));
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims, n = o->examples;
    check(p, o);
    if (o->primitives) {
        compose_primitives(p, o);
        return;
    }
    double slope = -1.0 / n;
    const il_pwl *reciprocal =
        o->ridge ? il_pwl_new(p, "1/c", inverse, 0, o->knots, 1, most(o), 3) : NULL;
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

/* (0, x_1), (y_1, 0), ..., (0, the query) */
static double *apart(il_check *c, const il_problem *p)
{
    int d = p->d, width = d + 1;
    double *tokens = il_check_take(c, (size_t)((2 * p->n + 1) * width));
    if (c->status != IL_OK) return NULL;
    for (int i = 0; i < p->n; i++) {
        memcpy(tokens + 2 * i * width + 1, p->x + i * d, sizeof *tokens * (size_t)d);
        tokens[(2 * i + 1) * width] = p->y[i];
    }
    memcpy(tokens + 2 * p->n * width + 1, p->q, sizeof *tokens * (size_t)d);
    return tokens;
}

/* <w, q> after a pass of steps, the algorithm of form=sgd */
static double descend(il_check *c, const options *o, const il_problem *p)
{
    int d = p->d;
    double *w = il_check_take(c, (size_t)d), answer = 0;
    if (c->status != IL_OK) return NAN;
    for (int i = 0; i < p->n; i++) {
        double e = -p->y[i];
        for (int j = 0; j < d; j++) e += w[j] * p->x[i * d + j];
        for (int j = 0; j < d; j++)
            w[j] -= 2 * o->alpha * (e * p->x[i * d + j] + o->lambda * w[j]);
    }
    for (int j = 0; j < d; j++) answer += w[j] * p->q[j];
    return answer;
}

/* The largest c of a pass of updates */
static double largest_c(il_check *check, const options *o, const il_problem *p)
{
    int d = p->d;
    double *P = il_check_take(check, (size_t)(d * d)), largest = 0;
    double *u = il_check_take(check, (size_t)d);
    if (check->status != IL_OK) return NAN;
    for (int j = 0; j < d; j++) P[j * d + j] = 1 / o->lambda;
    for (int i = 0; i < p->n; i++) {
        const double *x = p->x + i * d;
        double c = 1;
        for (int j = 0; j < d; j++) {
            u[j] = 0;
            for (int k = 0; k < d; k++) u[j] += P[j * d + k] * x[k];
            c += x[j] * u[j];
        }
        for (int j = 0; j < d * d; j++) P[j] -= u[j / d] * u[j % d] / c;
        largest = fmax(largest, c);
    }
    return largest;
}

/* |w| |q| / |w.q|, what an error of the weights w of ridge regression is multiplied by in the answer w.q */
static double cancels(il_check *c, const options *o, const il_problem *p)
{
    int d = p->d;
    double *w = il_check_take(c, (size_t)d), answer = NAN, ww = 0, qq = 0;
    char algo[IL_TEXT];
    snprintf(algo, sizeof algo, "ridge alpha=%s", il_digits(o->lambda).text);
    il_check_algo(c, algo, p, 0, &answer, w);
    if (c->status != IL_OK) return NAN;
    for (int j = 0; j < d; j++) ww += w[j] * w[j], qq += p->q[j] * p->q[j];
    return sqrt(ww * qq) / fmax(fabs(answer), 1e-3);
}

static double stated(il_check *c, const options *o, const il_problem *p)
{
    double from = o->ridge ? 1e-4 : 1e-3; /* e, where the errors are the two's */
    if (o->primitives)
        return (o->ridge ? 2e-3 : 1e-5) * fmax(1, o->e * o->e / (from * from));
    return o->ridge ? chords(o) * fmax(1, cancels(c, o, p)) : 1e-13;
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int n = o->examples, d = o->dims, T = o->primitives ? 2 * n + 1 : n + 1;
    for (int seed = 1; seed <= 3; seed++) {
        size_t mark = c->used;
        il_problem p = il_problem_normal(c, n, d, o->ridge ? 1 : 0.5, 0.1, seed);
        double *all = il_check_take(c, (size_t)T), high;
        if (c->status != IL_OK) return;
        if (o->ridge && !o->primitives && (high = largest_c(c, o, &p)) > most(o))
            il_check_refuse(c, "most = %g: c reaches %s here; take more", most(o),
                            il_digits_short(high).text);
        il_check_run(c, T, o->primitives ? apart(c, &p) : p.tokens, p.mask, 1, NULL, all);
        double want = o->ridge ? il_check_ridge(c, &p, o->lambda) : descend(c, o, &p);
        if (c->status != IL_OK) return;
        char size[48];
        snprintf(size, sizeof size, "d=%d n=%d", d, n);
        il_check_row(c, size, NAN, n, fabs(all[T - 1] - want) / fmax(fabs(want), 1e-3), NAN,
                     stated(c, o, &p));
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
