/* logistic.c - regularised logistic regression by damped Newton, as a looped transformer
 *
 *   f(w) = 1/n sum_i log(1 + exp(-y_i w.a_i)) + mu/2 |w|^2,   |a_i| <= 1, y_i = -1 or 1
 *   w <- w - eta H^{-1} g,   eta = 2 sqrt(mu) / (2 sqrt(mu) + sqrt(g.H^{-1} g))
 *
 * short, 6 + k layers a step: with z_i = w.a_i and s the logistic function, r_i = (1 + y_i)/2 -
 * s(z_i) = relu(y_i) - s(z_i) and d_i = s'(z_i), so that g = mu w - 1/n sum r_i a_i and
 * H = mu I + 1/n sum d_i a_i a_i^T. E is a token's position, I its first d columns; what stands in
 * every column (w, g, u, s, eta) is read from token 0 by the key E[0]. diag(d) is exact by the
 * gate relu(d + E - 1); H^{-1} takes k steps of Newton from 2/(2 mu + 1/4) I, whose residual is at
 * most 1/(1 + 8 mu). The query is token n and its prediction is w.q.
 *
 * paper, 11 + 2k layers a step: the program of the paper, with products d_i a_i by squares, two
 * layers for a step of the inverse, and all tokens examples.
 *
 * s, s' and eta are chords between M + 1 knots: errors fall as M^-2.
 * Source: theorem 5.2 of Giannou et al. 2024, arXiv:2403.03183.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, examples, loops, paper, inverse, knots, mask;
    double mu, range, most;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 32, "dimension d of a" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 26, 2, 512, "examples n" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 12, 1, 1000, "Newton steps" },
    { "program", IL_OPT_CHOICE, offsetof(options, paper), 0, 0, 0,
      "6 + k layers a step, or the paper's 11 + 2k", "short|paper" },
    { "mu", IL_OPT_REAL, offsetof(options, mu), 0.1, 1e-6, 1e3, "weight of |w|^2 / 2" },
    { "inverse", IL_OPT_INT, offsetof(options, inverse), 0, 0, 64,
      "steps k for the inverse; 0: until it is right to 1e-15" },
    { "knots", IL_OPT_INT, offsetof(options, knots), 128, 16, 16384,
      "pieces M of a function" },
    { "range", IL_OPT_REAL, offsetof(options, range), 0, 0, 1e3,
      "w.a is in +- range; 0: what mu allows" },
    { "most", IL_OPT_REAL, offsetof(options, most), 0, 0, 1e6,
      "largest squared decrement; 0: what mu allows" },
    { "mask", IL_OPT_BOOL, offsetof(options, mask), 1, 0, 1,
      "short: the query is no key, else it has registers of its own" },
    { 0 },
};
static const char *const cases[] = {
    "knots=128",
    "knots=512 mu=0.01",
    "knots=128 mask=0",
    "knots=512 dims=8 examples=40",
    "program=paper knots=128",
    "program=paper knots=512",
    NULL,
};

static double eta(double x, double mu) { return 2 * sqrt(mu) / (2 * sqrt(mu) + sqrt(x)); }
static double falling(double x, double unused) { return il_sigmoid(-x, unused); }

/* 4 mu L^2 where L - ln(1 + L) = ln(2) / (4 mu): f(0) allows no larger decrement */
static double most(const options *o)
{
    if (o->most > 0) return o->most;
    double c = 0.6931471805599453 / (4 * o->mu), lo = 0, hi = 2 * c + 2 * sqrt(c) + 2;
    for (int i = 0; i < 100; i++) {
        double L = (lo + hi) / 2;
        *(il_exp(L - c) < 1 + L ? &lo : &hi) = L;
    }
    return 4 * o->mu * hi * hi;
}

/* f(0) = ln 2 and damped steps never raise f: mu |w|^2 / 2 <= ln 2, and |a| <= 1 */
static double range(const options *o)
{
    return o->range > 0 ? o->range : sqrt(2 * 0.6931471805599453 / o->mu);
}

/* Steps until (1 + 8 mu)^-(2^k) < 1e-15 */
static int inverse_steps(const options *o)
{
    int k = 0;
    if (o->inverse) return o->inverse;
    for (double r = 1 / (1 + 8 * o->mu); r > 1e-15; r *= r) k++;
    return k;
}

static void short_program(il_program *p, const options *o)
{
    int d = o->dims, n = o->examples, N = n + 1, M = o->knots;
    double R = range(o);
    const il_pwl *s = il_pwl_new(p, "sigmoid", il_sigmoid, 0, M, -R, R, 1);
    const il_pwl *slope = il_pwl_new(p, "sigmoid'", il_sigmoid_slope, 0, M, -R, R, 1);
    const il_pwl *rate = il_pwl_new(p, "eta", eta, o->mu, M, 0, most(o), 4);
    il_task_is(p, "linear_classification", "columns", d, N);
    il_token(p, "a", d, "the inputs");
    if (o->mask)
        il_masked(p);
    else
        il_token(p, "q", d, "the query");
    il_token(p, "y", 1, "the labels");
    il_register(p, "one", 1, "ones");
    il_start(p, "one <- 1");
    il_position(p, "E", N, "the position");
    il_register(p, "AT", N, "column c of A in token c");
    il_register(p, "w", d, "the weights, in every token");
    il_register(p, "z", 1, "w.a");
    il_register(p, "r", 1, "relu(y) - sigmoid(z)");
    il_register(p, "dd", 1, "sigmoid'(z)");
    il_register(p, "G", N, "diag(dd)");
    il_register(p, "B", d, "the Hessian");
    il_register(p, "X", d, "its inverse");
    il_register(p, "g", d, "the gradient, in every token");
    il_register(p, "u", d, "the Newton direction, likewise");
    il_register(p, "s", 1, "the squared decrement g.u");
    il_register(p, "eta", 1, "the step");
    il_register(p, "o", 1, "the answer");

    il_attend(p, "AT <- E ; a ; E[0:%d]", d);
    il_loop(p, o->loops);
    il_attend(p, "z <- E[0] ; w ; a");
    il_relu(p, "r <- relu(y)");
    il_piecewise(p, s, NULL, "r <- -f(z)");
    il_piecewise(p, slope, NULL, "dd <- f(z)");
    il_layer(p); /* else there would be three heads in the first */
    il_attend(p, "g <- %g a ; r ; one", -1.0 / n);
    il_attend(p, "g <- %g w ; E[0] ; one", o->mu);
    il_relu(p, "G <- relu(dd + E - 1)");
    il_layer(p);
    il_attend(p, "B <- %g a ; G ; AT", 1.0 / n);
    il_attend(p, "B <- %g E[0:%d], X <- %g E[0:%d] ; E[0:%d] ; E[0:%d]", o->mu, d,
              2 / (2 * o->mu + 0.25), d, d, d);
    for (int k = 0; k < inverse_steps(o); k++)
        il_attend(p, "X <- X ; B | E[0:%d] ; -X | E[0:%d]", d, d);
    il_attend(p, "u <- X ; E[0:%d] ; g", d);
    il_attend(p, "s <- E[0] ; g ; u");
    il_piecewise(p, rate, NULL, "eta <- f(s)");
    il_attend(p, "w <- -u ; E[0] ; eta");
    il_attend(p,
              "z <- -z, r <- -r, dd <- -dd, G <- -G, B <- -B, X <- -X, g <- -g, u <- -u, "
              "s <- -s, eta <- -eta ; E ; E");
    il_after(p);
    il_attend(p, "o <- E[0] ; w ; %s", o->mask ? "a" : "q");
    il_answer(p, "o");
}

static void paper_program(il_program *p, const options *o)
{
    int d = o->dims, n = o->examples, M = o->knots;
    double R = range(o), whole = 1.0 / n - 1;
    const il_pwl *slope = il_pwl_new(p, "sigmoid'", il_sigmoid_slope, 0, M, -R, R, 1);
    const il_pwl *up = il_pwl_new(p, "sigmoid", il_sigmoid, 0, M, -R, R, 1);
    const il_pwl *down = il_pwl_new(p, "sigmoid(-x)", falling, 0, M, -R, R, 1);
    const il_pwl *square = il_pwl_new(p, "square", il_square, 0, M, -2, 2, 1);
    const il_pwl *rate = il_pwl_new(p, "eta", eta, o->mu, M, 0, most(o), 4);
    il_task_is(p, "linear_classification", "", d, n);
    il_token(p, "a", d, "the inputs");
    il_token(p, "y", 1, "the labels");
    il_register(p, "X", d, "the inverse of the Hessian");
    il_register(p, "B", d, "the Hessian; later the Newton direction");
    il_position(p, "I", d, "the identity, in the first d tokens");
    il_register(p, "x", d, "the weights, in every token");
    il_register(p, "U", d, "scratch; later the gradient");
    il_register(p, "t", 1, "w.a; later the squared decrement");
    il_register(p, "c", 1, "a coefficient of each example; later the step");
    il_register(p, "one", 1, "ones");
    il_start(p, "one <- 1");

    il_loop(p, o->loops);
    il_attend(p, "t <- I[0] ; x ; a");
    il_piecewise(p, slope, NULL, "c <- f(t)");
    il_clear(p, "t");
    il_layer(p);
    il_attend(p, "c <- %g I[0] ; I[0] ; c", whole);
    il_piecewise(p, square, NULL, "U <- %g f(%g c + a)", 1 / (16.0 * n), 4.0 * n);
    il_piecewise(p, square, NULL, "U <- %g f(%g c - a)", -1 / (16.0 * n), 4.0 * n);
    il_clear(p, "c");
    il_layer(p);
    il_attend(p, "B <- a ; U ; I");
    il_attend(p, "B <- %g I ; I ; I", o->mu);
    il_clear(p, "U");
    il_layer(p);
    il_attend(p, "X <- %g I ; I ; I", 2 / (2 * o->mu + 0.25));
    for (int k = 0; k < inverse_steps(o); k++) {
        il_layer(p);
        il_attend(p, "U <- B ; I ; X");
        il_layer(p);
        il_attend(p, "X <- -X ; I ; U");
        il_also(p, "X <- X, U <- -U ; I ; I");
    }
    il_layer(p);
    il_attend(p, "t <- I[0] ; x ; a");
    il_piecewise(p, down, "y", "c <- f(t + %g y - %g)", 2 * R, 2 * R);
    il_piecewise(p, up, "-y", "c <- f(t - %g y - %g)", 2 * R, 2 * R);
    il_clear(p, "t");
    il_layer(p);
    il_attend(p, "c <- %g I[0] ; I[0] ; c", whole);
    il_relu(p, "c <- relu(c + y - 1), c <- -relu(c - y - 1), c <- -relu(c), c <- relu(-c)");
    il_layer(p);
    il_attend(p, "U <- -a ; c ; one");
    il_attend(p, "U <- %g x ; I[0] ; one", o->mu);
    il_clear(p, "c");
    il_layer(p);
    il_attend(p, "B <- X ; I ; U");
    il_also(p, "B <- -B ; I ; I");
    il_layer(p);
    il_attend(p, "t <- I[0] ; U ; B");
    il_piecewise(p, rate, NULL, "c <- f(t)");
    il_clear(p, "t");
    il_layer(p);
    il_attend(p, "X <- -X ; I ; I");
    il_clear(p, "U");
    il_layer(p);
    il_attend(p, "x <- -B ; I[0] ; c");
    il_clear(p, "B");
    il_clear(p, "c");
    il_answer(p, "x");
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    if (o->examples < o->dims)
        il_refuse(
            p,
            "examples = %d: at least dims = %d, for columns of the Hessian stand in them",
            o->examples, o->dims);
    if (o->paper)
        paper_program(p, o);
    else
        short_program(p, o);
}

/* Chords err by at most max|s''| h^2 / 8 with h = 2 range / M. That moves the fixed point by at most
 * 1/mu as much, 0.067 / (mu M)^2 at the default range; on random problems all steps stay within
 * 0.052 mu^-1.5 / M^2, for mu from 0.003 to 10. */
static double stated(const options *o)
{
    double wider = range(o) / range(&(options){ .mu = o->mu }), h = wider / o->knots;
    return 0.1 * h * h / (o->mu * sqrt(o->mu)) + 1e-13;
}

/* The largest difference of w over all steps; the register w is at columns `at`. */
static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int d = o->dims, n = o->examples, T = o->paper ? n : n + 1, R = o->loops;
    size_t C = (size_t)il_width(&c->model->plan, c->model->plan.carry_out), D = (size_t)d;
    int at = o->paper ? 4 * d + 1 : (o->mask ? d : 2 * d) + 2 + 2 * (n + 1);
    for (int seed = 1; seed <= 3; seed++) {
        size_t mark = c->used;
        char algo[IL_TEXT], size[48];
        il_problem p = il_problem_classes(c, n, d, 31 * seed);
        double *tokens = o->mask || o->paper ? p.tokens : il_problem_unmasked(c, &p);
        double *stream = il_check_take(c, (size_t)R * (size_t)T * C), error = 0, left = 0;
        double *answer = il_check_take(c, (size_t)R * (size_t)T * D);
        double *w = il_check_take(c, (size_t)(R + 51) * D),
               *last = w + (size_t)(R + 50) * D;
        snprintf(algo, sizeof algo, "logistic rule=damped mu=%s", il_digits(o->mu).text);
        il_check_algo(c, algo, &p, R + 50, NULL, w);
        il_check_run(c, T, tokens, p.mask, R, stream, answer);
        for (int t = 0; t < R; t++)
            for (int j = 0; j < d; j++) {
                double got = stream[(size_t)t * (size_t)T * C + (size_t)(at + j)];
                error = il_larger(error, fabs(got - w[(t + 1) * d + j]));
                if (t == R - 1) left = il_larger(left, fabs(got - last[j]));
            }
        snprintf(size, sizeof size, "d=%d n=%d mu=%s", d, n, il_digits(o->mu).text);
        il_check_row(c, size, NAN, R, error, left, stated(o));
        c->used = mark;
    }
}

const il_construct il_construct_logistic = {
    .name = "logistic",
    .summary =
        "logistic regression by damped Newton, in 6 + k or the paper's 11 + 2k layers",
    .source = "Giannou et al. 2024, arXiv:2403.03183, theorem 5.2",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
