/* gdpp.c - GD++: gradient descent whose layers also transform the inputs, one head
 *
 *   x_j <- x_j - gamma sum_i x_i <x_i, x_j>,   y_j <- y_j - step_size sum_i y_i <x_i, x_j>
 *
 * constant: one block in a loop. second_order: layer l has gamma = 1 / (3 nu) and leaves y alone
 * but for the last, where step_size = 1 / nu; nu starts as the largest eigenvalue of
 * sum x x^T and becomes 4/9 nu, since [0, nu] goes to [0, 4/9 nu] in order. The condition number
 * falls to kappa 4/9 / (1 - 1/(3 kappa))^2, and near 1 the error squares: layers are of the order
 * of log kappa + log log(1/error).
 *
 * Sources: von Oswald et al. 2023, arXiv:2212.07677; theorem 5.1 of Vladymyrov et al. 2024,
 * arXiv:2402.14180.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, points, loops, second_order;
    double gamma, step_size, largest;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 256, "dimension of x" },
    { "points", IL_OPT_INT, offsetof(options, points), 41, 2, 4096, "longest prompt" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 12, 1, 1000, "layers" },
    { "schedule", IL_OPT_CHOICE, offsetof(options, second_order), 0, 0, 0,
      "the same block in a loop, or layers of their own", "constant|second_order" },
    { "gamma", IL_OPT_REAL, offsetof(options, gamma), 0, 0, 1e12,
      "step of the inputs; 0: a third of 1 / largest" },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e12,
      "step of the residuals; 0: 1 / largest" },
    { "largest", IL_OPT_REAL, offsetof(options, largest), 0, 0, 1e12,
      "largest eigenvalue of sum x x'; 0: of usual prompts" },
    { 0 },
};
static const char *const cases[] = {
    "dims=5 loops=12",
    "dims=10 loops=20 gamma=0.002 step_size=0.01",
    "dims=5 loops=14 schedule=second_order largest=40",
    "dims=10 loops=9 schedule=second_order",
    NULL,
};

static double largest(const options *o)
{
    return o->largest > 0 ? o->largest : il_usual_largest(o->points, o->dims);
}
static double gamma_of(const options *o)
{
    return o->gamma > 0 ? o->gamma : 1 / (3 * largest(o));
}
static double step_size(const options *o)
{
    return o->step_size > 0 ? o->step_size : 1 / largest(o);
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    double nu = largest(o);
    il_task_is(p, "linear_regression", "columns", o->dims, o->points);
    if (!o->second_order && gamma_of(o) * largest(o) > 2)
        il_refuse(p,
                  "gamma = %g: inputs grow without bound where an eigenvalue reaches "
                  "largest = %s; take at most %s, or another `largest`",
                  o->gamma, il_digits_short(largest(o)).text,
                  il_digits_short(2 / largest(o)).text);
    il_masked(p);
    il_token(p, "x", o->dims, "the inputs, transformed");
    il_token(p, "y", 1, "residuals of the examples; minus the answer at the query");
    if (!o->second_order) {
        il_loop(p, o->loops);
        il_attend(p, "x <- %g x, y <- %g y ; x ; x", -gamma_of(o), -step_size(o));
    }
    for (int l = 1; l <= o->loops && o->second_order; l++, nu *= 4.0 / 9)
        if (l < o->loops)
            il_attend(p, "x <- %g x ; x ; x", -1 / (3 * nu));
        else
            il_attend(p, "y <- %g y ; x ; x", -1 / nu);
    il_answer(p, "-y");
}

static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    char algo[IL_TEXT];
    snprintf(algo, sizeof algo, "gdpp gamma=%s step_size=%s", il_digits(gamma_of(o)).text,
             il_digits(step_size(o)).text);
    il_check_against(c, p, o->second_order ? "gdpp read_out=last" : algo,
                     o->second_order ? 1 : o->loops, o->loops, 0, size, condition,
                     1e-14 * (10 + condition));
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    il_check_regression(c, o->dims, o->points, largest(o), verify_one, o);
}

const il_construct il_construct_gdpp = {
    .name = "gdpp",
    .summary = "GD++ on linear regression, at first or second order, one head",
    .source = "von Oswald et al. 2023, arXiv:2212.07677; Vladymyrov et al. 2024, "
              "arXiv:2402.14180",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
