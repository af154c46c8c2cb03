/* family.c - the table of families, and the steps of those that are spectral filters
 *
 * Started at w = 0, an algorithm that uses A = X^T X and b = X^T y alone answers
 * sum_i q_i f(lambda_i) b_i. Its step is a recursion of f, one number for each eigenvalue:
 *
 *   gd          f <- f + eta (1 - lambda f)
 *   gd ridge    f <- f + eta (1 - (lambda + alpha) f): gradient descent with weight decay eta alpha
 *   momentum    f' = f + eta (1 - lambda f) + beta (f - f_before)                       (heavy ball)
 *   nesterov    z = f + beta (f - f_before),  f' = z + eta (1 - lambda z)
 *   gdpp        f <- f + eta m^2 (1 - lambda f),  then  m <- m (1 - gamma m^2 lambda):  the step also
 *               transforms the inputs x <- (I - gamma X^T X) x (von Oswald et al. 2023)
 *   newton p    f <- f (1 + r + ... + r^(p-1)),  r = 1 - lambda f,  from f = alpha or alpha lambda; with a
 *               ridge mu of lambda + mu everywhere
 *   relaxed     f <- f (1 + omega r): Newton's iteration, damped (omega < 1) or over-relaxed
 *   chebyshev   1 - (lambda + mu) f = T_k(x(lambda)) / T_k(x(-mu)): ridge regression's best polynomial of
 *               degree k on an interval of eigenvalues
 *   richardson  gradient steps on ridge regression with Chebyshev's sizes for eigenvalues up to `high`,
 *               in Leja's order: after the last step the same answer as chebyshev, others before
 *   ridge       f = 1 / (lambda + alpha), which takes no steps
 *
 * Rows marked `own` take one step a layer, each with parameters of its own. Others use the examples themselves
 * (from_examples.c), or fit a matrix or a polynomial in every layer (precondition.c, polynomial.c).
 */
#include "explain/match.h"

#include <math.h>

#define STEP(name)                                                                         \
    static void name(const double *v, const il_explain_filter_point *at, double *s)

STEP(gd) { s[0] += v[0] * (1 - at->lambda * s[0]); }
STEP(gd_ridge) { s[0] += v[0] * (1 - (at->lambda + v[1]) * s[0]); }

STEP(gd_second) { s[0] += v[1] * (1 - at->lambda * s[0]); }

STEP(momentum)
{
    double before = s[1];
    s[1] = s[0];
    s[0] += v[0] * (1 - at->lambda * s[0]) + v[1] * (s[0] - before);
}

STEP(nesterov)
{
    double z = s[0] + v[1] * (s[0] - s[1]);
    s[1] = s[0];
    s[0] = z + v[0] * (1 - at->lambda * z);
}

STEP(gdpp_start)
{
    (void)v, (void)at;
    s[1] = 1;
}
STEP(gdpp)
{
    double m = s[1];
    s[0] += v[0] * m * m * (1 - at->lambda * s[0]);
    s[1] = m * (1 - v[1] * m * m * at->lambda);
}
/* With a gamma of its own a layer transforms before its step: the first layer's would only scale it */
STEP(gdpp_own)
{
    if (at->k) s[1] *= 1 - v[1] * s[1] * s[1] * at->lambda;
    s[0] += v[0] * s[1] * s[1] * (1 - at->lambda * s[0]);
}

STEP(newton_start)
{
    (void)at;
    s[0] = v[0];
}
STEP(newton_gram) { s[0] = v[0] * at->lambda; }
STEP(newton_gram_ridge) { s[0] = v[0] * (at->lambda + v[1]); }
STEP(newton2)
{
    (void)v;
    s[0] *= 2 - at->lambda * s[0];
}
STEP(newton3)
{
    double r = 1 - at->lambda * s[0];
    (void)v;
    s[0] *= 1 + r + r * r;
}
STEP(newton2_ridge) { s[0] *= 2 - (at->lambda + v[1]) * s[0]; }
STEP(newton3_ridge)
{
    double r = 1 - (at->lambda + v[1]) * s[0];
    s[0] *= 1 + r + r * r;
}
STEP(newton_relaxed) { s[0] *= 1 + v[1] * (1 - at->lambda * s[0]); }

STEP(newton_own_start)
{
    (void)at;
    s[0] = v[1];
}
/* the start is that of the first layer */
STEP(newton_own) { s[0] *= 1 + v[0] * (1 - at->lambda * s[0]); }

/* T_k(x)/T_k(z) for |z| > 1, x any: both by T_k+1 = 2 x T_k - T_k-1, scaled together so that
 * T_k(z) never overflows */
STEP(chebyshev)
{
    double mu = v[2], lo = v[0], hi = lo + v[1], a = at->lambda;
    double x = (hi + lo - 2 * a) / (hi - lo), z = (hi + lo + 2 * mu) / (hi - lo);
    if (!at->k) s[1] = 1, s[2] = x, s[3] = 1, s[4] = z;
    s[0] = (1 - s[2] / s[4]) / (a + mu > 0 ? a + mu : 1);
    double p = 2 * x * s[2] - s[1], q = 2 * z * s[4] - s[3];
    s[1] = s[2] / q, s[3] = s[4] / q, s[2] = p / q, s[4] = 1;
}

STEP(richardson)
{
    double mu = v[1];
    if (at->k >= at->whole) return;
    double node = v[0] / 2 * (1 + at->nodes[at->k]);
    s[0] += (1 - (at->lambda + mu) * s[0]) / (node + mu);
}

STEP(ridge) { s[0] = at->lambda + v[0] > 0 ? 1 / (at->lambda + v[0]) : 0; }

/* clang-format off */
#define FREE(...)        IL_COUNT(((il_explain_parameter[]){ __VA_ARGS__ })), { __VA_ARGS__ }
#define STEP_SIZE(low, high) { "step_size", -1, low, high }
#define ALPHA            { "alpha", -1, 0.005, 2 }
#define ALPHA_GRAM       { "alpha", -2, 0.005, 2 }
#define RIDGE            { "ridge", 1, 0.001, 3 }
static const il_explain_family families[] = {
    { "gd", "gradient descent", FREE(STEP_SIZE(0.005, 2)), 512, .step = gd },
    { "gd ridge", "gradient descent on ridge regression (with weight decay step_size ridge)",
      FREE(STEP_SIZE(0.01, 2), RIDGE), 64, .step = gd_ridge, .contains = "|gd|" },
    { "momentum", "gradient descent with momentum (heavy ball)",
      FREE(STEP_SIZE(0.01, 2), { "momentum", 0, 0.01, 0.98 }), 128, .step = momentum, .contains = "|gd|" },
    { "nesterov", "Nesterov's accelerated gradient descent",
      FREE(STEP_SIZE(0.01, 2), { "momentum", 0, 0.01, 0.98 }), 64, .step = nesterov, .contains = "|gd|" },
    { "gdpp", "GD++ with one pair of parameters",
      FREE(STEP_SIZE(0.01, 2), { "gamma", -1, 0.001, 1 }), 40, gdpp_start, gdpp, .contains = "|gd|" },
    { "newton", "Newton's iteration from a multiple of I", FREE(ALPHA), 32, newton_start, newton2 },
    { "newton order=3", "third-order Newton from a multiple of I", FREE(ALPHA), 24, newton_start, newton3 },
    { "newton start=gram", "Newton's iteration from a multiple of A",
      FREE(ALPHA_GRAM), 40, newton_gram, newton2 },
    { "newton order=3 start=gram", "third-order Newton from a multiple of A",
      FREE(ALPHA_GRAM), 32, newton_gram, newton3 },
    { "newton relaxed", "Newton's iteration with relaxation, from a multiple of I",
      FREE(ALPHA, { "relaxation", 0, 0.1, 1.9 }), 32, newton_start, newton_relaxed, .contains = "|newton|" },
    { "newton relaxed start=gram", "Newton's iteration with relaxation, from a multiple of A",
      FREE(ALPHA_GRAM, { "relaxation", 0, 0.1, 1.9 }), 32, newton_gram, newton_relaxed,
      .contains = "|newton start=gram|" },
    { "newton ridge", "Newton's iteration on ridge regression, from a multiple of I",
      FREE(ALPHA, RIDGE), 32, newton_start, newton2_ridge, .contains = "|newton|" },
    { "newton order=3 ridge", "third-order Newton on ridge regression, from a multiple of I",
      FREE(ALPHA, RIDGE), 24, newton_start, newton3_ridge, .contains = "|newton order=3|" },
    { "newton start=gram ridge", "Newton's iteration on ridge regression, from a multiple of A + ridge I",
      FREE(ALPHA_GRAM, RIDGE), 32, newton_gram_ridge, newton2_ridge, .contains = "|newton start=gram|" },
    { "ridge", "ridge regression", FREE({ "alpha", 1, 1e-5, 100 }), 0, .start = ridge },
    { "chebyshev", "ridge regression by Chebyshev's iteration",
      FREE({ "low", 1, 0.003, 2 }, { "width", 1, 0.3, 10 }, { "alpha", 1, 1e-4, 2 }), 40, .step = chebyshev,
      .contains = "|gd|gd ridge|" },
    { "chebyshev steps", "ridge regression by gradient steps of Chebyshev's sizes",
      FREE({ "high", 1, 0.3, 10 }, { "alpha", 1, 1e-4, 2 }), 40, .step = richardson },
    { "gd then newton", "gradient descent, from some layer on Newton's iteration",
      FREE(STEP_SIZE(0.01, 2)), 32, .step = gd, .then = newton2, .contains = "|gd|newton|" },
    { "newton then gd", "Newton's iteration from a multiple of I, from some layer on gradient descent",
      FREE(ALPHA, STEP_SIZE(0.01, 2)), 32, newton_start, newton2, gd_second, .contains = "|gd|newton|" },
    { "gd layerwise", "gradient descent with a step size of its own in each layer",
      FREE(STEP_SIZE(0.01, 2)), .step = gd, .own = 1, .contains = "|gd|" },
    { "momentum layerwise", "gradient descent with a step size and momentum of its own in each layer",
      FREE(STEP_SIZE(0.01, 2), { "momentum", 0, 0.01, 0.98 }), .step = momentum, .own = 1,
      .contains = "|gd|gd layerwise|momentum|" },
    { "gdpp layerwise", "GD++ with parameters of its own in each layer",
      FREE(STEP_SIZE(0.01, 2), { "gamma", -1, 0.001, 1 }), 0, gdpp_start, gdpp_own, .own = 1,
      .contains = "|gd|gdpp|gd layerwise|" },
    { "newton layerwise", "Newton's iteration with a relaxation of its own in each layer",
      FREE({ "relaxation", 0, 0.1, 1.9 }, ALPHA), 0, newton_own_start, newton_own, .own = 1,
      .contains = "|newton|newton relaxed|" },
    { "ridge layerwise", "ridge regression with a penalty of its own in each layer",
      FREE({ "alpha", 1, 1e-5, 1000 }), .step = ridge, .own = 1, .contains = "|ridge|" },
    { "ogd", "online gradient descent", FREE(STEP_SIZE(0.05, 50)), 12,
      .from_examples = il_explain_ogd, .ordered = 1 },
    { "ogd normalised", "normalised online gradient descent (Kaczmarz)",
      FREE({ "rate", 0, 0.05, 2 }), 12, .from_examples = il_explain_ogd_normalised, .ordered = 1 },
    { "gd forgetting", "gradient descent that forgets earlier examples",
      FREE(STEP_SIZE(0.01, 4), { "forgetting", 0, 0.5, 0.999 }), 12,
      .from_examples = il_explain_forgetting, .ordered = 1, .contains = "|gd|" },
    { "gd windowed", "gradient descent on the newest examples alone",
      FREE(STEP_SIZE(0.01, 4), { "window", 0, 0.1, 0.95, 1 }), 12,
      .from_examples = il_explain_windowed, .ordered = 1 },
    { "lasso", "iterative soft thresholding for the Lasso",
      FREE(STEP_SIZE(0.01, 2), { "alpha", 1, 0.003, 3 }), 12, .from_examples = il_explain_lasso, .bent = 1,
      .contains = "|gd|" },
    { "kernel", "kernel regression (Nadaraya and Watson's, with a Gaussian)",
      FREE({ "bandwidth", 0, 0.1, 10 }), .answers = il_explain_kernel },
    { "softmax", "softmax averaging of the answers", FREE({ "beta", 0, 0.02, 20 }), .answers = il_explain_softmax },
    { "knn k=1", "the nearest example", .answers = il_explain_nearest, .neighbours = 1 },
    { "knn k=3", "the mean of the three nearest examples", .answers = il_explain_nearest, .neighbours = 3 },
    { "knn k=5", "the mean of the five nearest examples", .answers = il_explain_nearest, .neighbours = 5 },
    { "gd preconditioned", "gradient descent with a preconditioner of its own in each layer",
      FREE({ "least", -1, 0, 0 }, { "largest", -1, 0, 0 }),
      .layerwise = il_explain_layerwise_precondition, .contains = "|gd|gd layerwise|" },
    { "polynomial", "a polynomial of A of its own in each layer", FREE({ "degree", 0, 0, 0 }),
      .layerwise = il_explain_layerwise_polynomial, .any = 1 },
    { "gd best", "gradient descent with each prompt's best step size", .algo = "gd", .most_steps = 128 },
    { "momentum best", "momentum with each prompt's best parameters", .algo = "momentum", .most_steps = 64 },
    { "cg", "conjugate gradients", .algo = "cg", .most_steps = 24, .bent = 1 },
    { "averaging", "averaging", .algo = "averaging" },
};
/* clang-format on */

const il_explain_family *il_explain_family_at(int i)
{
    return i >= 0 && i < IL_COUNT(families) ? &families[i] : NULL;
}
