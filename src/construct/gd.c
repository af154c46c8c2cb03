/* gd.c - gradient descent on linear regression, a step a layer
 *
 *   tokens (x_i, y_i) and the query (x_q, 0);   y_j <- y_j - eta sum_i y_i <A x_i, x_j>
 *
 * After k layers y_i holds the residual y_i - <w_k, x_i> of every example, and the query holds
 * -<w_k, x_q>, where w_{k+1} = w_k + eta A sum_i (y_i - <w_k, x_i>) x_i: gradient descent on
 * |y - X w|^2 / 2 with the preconditioner A, from w_0 = 0, or by residuals at the read-in from any
 * other. With momentum beta, v holds beta times the last change of y when a layer begins; attention
 * adds the gradient's part to v, and units then do y <- y + v, v <- beta v.
 *
 * Sources: von Oswald et al. 2023, arXiv:2212.07677, proposition 1; Ahn et al. 2023,
 * arXiv:2306.00297, lemma 1.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, points, loops;
    double step_size, momentum;
    int precondition;
    double start;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 256, "dimension of x" },
    { "points", IL_OPT_INT, offsetof(options, points), 41, 2, 4096, "longest prompt" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 12, 1, 10000, "steps" },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e12,
      "step size; 0: 1 / the largest eigenvalue of usual prompts" },
    { "momentum", IL_OPT_REAL, offsetof(options, momentum), 0, 0, 0.9999,
      "share of the last step that is added" },
    { "precondition", IL_OPT_BOOL, offsetof(options, precondition), 0, 0, 1,
      "A = diag(1, 1/2, 1/3, ...) in place of I" },
    { "start", IL_OPT_REAL, offsetof(options, start), 0, -1e6, 1e6,
      "w_0 = start (1, 1, ...)" },
    { 0 },
};
static const char *const cases[] = {
    "dims=5 loops=20",
    "dims=10 loops=12 step_size=0.02",
    "dims=5 loops=16 momentum=0.7",
    "dims=5 loops=16 precondition=1",
    "dims=5 loops=16 precondition=1 momentum=0.5 start=-2",
    "dims=10 loops=1 start=0.5",
    NULL,
};

static double step_size(const options *o)
{
    return o->step_size > 0 ? o->step_size : 1 / il_usual_largest(o->points, o->dims);
}

static double scale(const options *o, int j) { return o->precondition ? 1.0 / (j + 1) : 1; }

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims, heavy = o->momentum > 0;
    il_task_is(p, "linear_regression", "columns", d, o->points);
    il_masked(p);
    il_token(p, "x", d, "the inputs");
    il_token(p, "y", 1, "residuals of the examples; minus the answer at the query");
    if (heavy) il_register(p, "v", 1, "momentum times the last step");
    if (o->precondition) {
        double *A = il_numbers(p, (size_t)d * (size_t)d);
        for (int j = 0; A && j < d; j++) A[j * d + j] = scale(o, j);
        il_matrix(p, "A", d, d, A);
    }
    if (o->start != 0) il_start(p, "y <- %g sum(x)", -o->start);
    il_loop(p, o->loops);
    il_attend(p, "%s <- %g y ; %s ; x", heavy ? "v" : "y", -step_size(o),
              o->precondition ? "A*x" : "x");
    if (heavy)
        il_relu(p, "y <- relu(v), y <- -relu(-v), v <- %g relu(v), v <- %g relu(-v)",
                o->momentum - 1, 1 - o->momentum);
    il_answer(p, "-y");
}

/* Against w <- w + eta A (b - S w) + beta (the last change), from w_0 */
static void verify_written_out(il_check *c, const options *o, const il_problem *p,
                               const char *size, double condition)
{
    int d = p->d, R = o->loops;
    const double *got = il_check_answers(c, p, R);
    double *w = il_check_take(c, (size_t)d), *g = il_check_take(c, (size_t)d);
    double *change = il_check_take(c, (size_t)d);
    double *yhat = il_check_take(c, (size_t)R), exact = il_check_ridge(c, p, 0);
    if (c->status != IL_OK) return;
    for (int j = 0; j < d; j++) w[j] = o->start;
    for (int t = 0; t < R; t++) {
        for (int j = 0; j < d; j++) {
            g[j] = p->b[j];
            for (int k = 0; k < d; k++) g[j] -= p->S[j * d + k] * w[k];
        }
        for (int j = 0; j < d; j++) {
            change[j] = o->momentum * change[j] + step_size(o) * scale(o, j) * g[j];
            w[j] += change[j];
        }
        for (int j = 0; j < d; j++) yhat[t] += w[j] * p->q[j];
    }
    il_check_row(c, size, condition, R, il_check_difference(got, yhat, (size_t)R),
                 fabs(got[R - 1] - exact) / fabs(exact), 5e-13);
}

static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    char algo[IL_TEXT];
    snprintf(algo, sizeof algo,
             o->momentum > 0 ? "momentum step_size=%s momentum=%s" : "gd step_size=%s",
             il_digits(step_size(o)).text, il_digits(o->momentum).text);
    if (o->precondition || o->start != 0)
        verify_written_out(c, o, p, size, condition);
    else
        il_check_against(c, p, algo, o->loops, o->loops, 0, size, condition, 5e-13);
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    il_check_regression(c, o->dims, o->points, 1.9 / step_size(o), verify_one, o);
}

const il_construct il_construct_gd = {
    .name = "gd",
    .summary = "gradient descent on linear regression: a step a loop, one head",
    .source = "von Oswald et al. 2023, arXiv:2212.07677; Ahn et al. 2023, arXiv:2306.00297",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
