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
#include "la/dense.h"

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
static double usual_most(const options *o)
{
    double c = 0.6931471805599453 / (4 * o->mu), lo = 0, hi = 2 * c + 2 * sqrt(c) + 2;
    for (int i = 0; i < 100; i++) {
        double L = (lo + hi) / 2;
        *(il_exp(L - c) < 1 + L ? &lo : &hi) = L;
    }
    return 4 * o->mu * hi * hi;
}
static double most(const options *o) { return o->most > 0 ? o->most : usual_most(o); }

/* f(0) = ln 2 and damped steps never raise f: mu |w|^2 / 2 <= ln 2, and |a| <= 1 */
static double usual_range(const options *o) { return sqrt(2 * 0.6931471805599453 / o->mu); }
static double range(const options *o) { return o->range > 0 ? o->range : usual_range(o); }

/* The largest part of the inverse that k steps leave: (1 + 8 mu)^-(2^k) */
static double left_after(const options *o, int k)
{
    double r = 1 / (1 + 8 * o->mu);
    while (k-- && r > 0) r *= r;
    return r;
}

/* Steps until no more than `eps` is left */
static int steps_until(const options *o, double eps)
{
    int k = 0;
    while (left_after(o, k) > eps) k++;
    return k;
}
static int inverse_steps(const options *o)
{
    return o->inverse ? o->inverse : steps_until(o, 1e-15);
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

static void paper_registers(il_program *p, int d, int n)
{
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
}

/* X becomes the inverse of B by Newton's iteration. */
static void paper_inverse(il_program *p, const options *o)
{
    il_attend(p, "X <- %g I ; I ; I", 2 / (2 * o->mu + 0.25));
    for (int k = 0; k < inverse_steps(o); k++) {
        il_layer(p);
        il_attend(p, "U <- B ; I ; X");
        il_layer(p);
        il_attend(p, "X <- -X ; I ; U");
        il_also(p, "X <- X, U <- -U ; I ; I");
    }
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
    paper_registers(p, d, n);

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
    paper_inverse(p, o);
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

/* Chords of s and s' err by at most max|s''| h^2 / 8 with h = 2 range / M, which moves the fixed point by at most 1/mu
 * as much, 0.067 / (mu M)^2 at the usual range; on random problems all steps stay within 0.05 mu^-1.5 / M^2. Those of
 * eta, whose knots are at 4th powers, err by at most sqrt(most) / (4 sqrt(mu) M^2), and so does the way that w goes, no
 * further than the usual range and |g| / mu <= 1 / (2 mu). */
static double chords(const options *o)
{
    double wider = range(o) / usual_range(o), root = sqrt(o->mu), M = o->knots;
    double far = fmin(usual_range(o), 0.5 / o->mu);
    return (0.05 * wider * wider / (o->mu * root) + sqrt(most(o)) / (4 * root) * far) /
           (M * M);
}

/* What is left of the inverse is missing of every step, and steps reach no further than w, the usual range */
static double stated(const options *o)
{
    return chords(o) + left_after(o, inverse_steps(o)) * usual_range(o) + 1e-13;
}

/* How far the iterates w (R+1,d) of a problem go: the largest |w.a|, and the largest squared decrement s, of which
 * -g.(step) is eta s */
static void reach(const il_problem *p, const options *o, const double *w, double *range,
                  double *most)
{
    int d = p->d;
    double a = 2 * sqrt(o->mu);
    *range = *most = 0;
    for (int t = 0; t < o->loops; t++, w += d) {
        double down = 0; /* -g.(step) */
        for (int j = 0; j < d; j++) down -= o->mu * w[j] * (w[d + j] - w[j]);
        for (int i = 0; i < p->n; i++) {
            const double *x = p->x + i * d;
            double z = il_ddot(w, x, d), next = il_ddot(w + d, x, d);
            down += ((p->y[i] > 0) - il_sigmoid(z, 0)) * (next - z) / p->n;
            *range = fmax(*range, fabs(z));
        }
        double root = (down + sqrt(down * down + 4 * a * a * fmax(down, 0))) / (2 * a);
        *most = fmax(*most, root * root);
    }
}

/* Options of which nothing can be stated: w is at most the usual range, and an error of a tenth of that says nothing */
static void check(il_check *c, const options *o)
{
    double enough = usual_range(o) / 10, left = left_after(o, inverse_steps(o));
    if (left > 0.1)
        il_check_refuse(c,
                        "inverse = %d: with mu = %g up to %.2g of the inverse is missing; "
                        "take at least %d",
                        o->inverse, o->mu, left, steps_until(o, 0.1));
    if (chords(o) > enough)
        il_check_refuse(
            c,
            "knots = %d: too few for w.a in +- %g and decrements to %g with mu = "
            "%g; take at least %.0f",
            o->knots, range(o), most(o), o->mu, ceil(o->knots * sqrt(chords(o) / enough)));
}

static void check_reach(il_check *c, const options *o, const il_problem *p, const double *w)
{
    double far, high;
    reach(p, o, w, &far, &high);
    if (far > range(o))
        il_check_refuse(c, "range = %g: w.a reaches %.4g here; take more, or 0", o->range,
                        far);
    if (high > most(o))
        il_check_refuse(c,
                        "most = %g: the squared decrement reaches %.4g here; take more, "
                        "or 0",
                        o->most, high);
}

/* The largest difference of w over all steps; the register w is at columns `at`. */
static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int d = o->dims, n = o->examples, T = o->paper ? n : n + 1, R = o->loops;
    size_t C = (size_t)il_width(&c->model->plan, c->model->plan.carry_out), D = (size_t)d;
    check(c, o);
    int at = o->paper ? 4 * d + 1 : (o->mask ? d : 2 * d) + 2 + 2 * (n + 1);
    for (int seed = 1; seed <= 3; seed++) {
        size_t mark = c->used;
        char algo[IL_TEXT], size[48];
        il_problem p = il_problem_classes(c, n, d, 31 * seed);
        double *tokens = o->mask || o->paper ? p.tokens : il_problem_unmasked(c, &p);
        double *stream = il_check_take(c, (size_t)R * (size_t)T * C), error = 0, left = 0;
        double *answer = il_check_take(c, (size_t)R * (size_t)T * D);
        double *w = il_check_take(c, (size_t)(R + 51) * D);
        snprintf(algo, sizeof algo, "logistic rule=damped mu=%s", il_digits(o->mu).text);
        il_check_algo(c, algo, &p, R + 50, NULL, w);
        if (c->status != IL_OK) return;
        const double *last = w + (size_t)(R + 50) * D;
        check_reach(c, o, &p, w);
        if (c->status != IL_OK) return;
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
