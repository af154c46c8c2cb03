/* family.c - the table of families, and the steps of those that are spectral filters
 *
 * Started at w = 0, an algorithm that uses A = X^T X and b = X^T y alone answers
 * sum_i q_i f(lambda_i) b_i. Its step is a recursion of f, one number for each eigenvalue:
 *
 *   gd          f <- f + eta (1 - lambda f)
 *   momentum    f' = f + eta (1 - lambda f) + beta (f - f_before)
 *   gdpp        f <- f + eta m^2 (1 - lambda f),  then  m <- m (1 - gamma m^2 lambda):  the step also
 *               transforms the inputs x <- (I - gamma X^T X) x (von Oswald et al. 2023)
 *   newton p    f <- f (1 + r + ... + r^(p-1)),  r = 1 - lambda f,  from f = alpha or alpha lambda
 *   chebyshev   1 - (lambda + mu) f = T_k(x(lambda)) / T_k(x(-mu)): ridge regression's best polynomial of
 *               degree k on an interval of eigenvalues
 *   richardson  gradient steps on ridge regression with Chebyshev's sizes for eigenvalues up to `high`,
 *               in Leja's order: after the last step the same answer as chebyshev, others before
 *   ridge       f = 1 / (lambda + mu / 2^k): a path, k halvings of the ridge
 *
 * Layerwise families take one step a layer, each with parameters of its own (layerwise.c, precondition.c,
 * polynomial.c); others use the examples themselves (from_examples.c).
 */
#include "explain/match.h"

#include <math.h>

static void gd(const double *v, const il_explain_filter_point *at, int steps, double *f)
{
    f[0] = 0;
    for (int k = 0; k < steps; k++) f[k + 1] = f[k] + v[0] * (1 - at->lambda * f[k]);
}

static void momentum(const double *v, const il_explain_filter_point *at, int steps,
                     double *f)
{
    f[0] = 0;
    for (int k = 0; k < steps; k++)
        f[k + 1] = f[k] + v[0] * (1 - at->lambda * f[k]) + v[1] * (k ? f[k] - f[k - 1] : 0);
}

static void gdpp(const double *v, const il_explain_filter_point *at, int steps, double *f)
{
    double m = 1;
    f[0] = 0;
    for (int k = 0; k < steps; k++) {
        f[k + 1] = f[k] + v[0] * m * m * (1 - at->lambda * f[k]);
        m *= 1 - v[1] * m * m * at->lambda;
    }
}

static void newton(double start, double lambda, int order, int steps, double *f)
{
    f[0] = start;
    for (int k = 0; k < steps; k++) {
        double r = 1 - lambda * f[k], sum = 1;
        for (int j = 1; j < order; j++) sum = 1 + r * sum;
        f[k + 1] = f[k] * sum;
    }
}

static void newton2(const double *v, const il_explain_filter_point *at, int steps,
                    double *f)
{
    newton(v[0], at->lambda, 2, steps, f);
}

static void newton3(const double *v, const il_explain_filter_point *at, int steps,
                    double *f)
{
    newton(v[0], at->lambda, 3, steps, f);
}

static void newton2_gram(const double *v, const il_explain_filter_point *at, int steps,
                         double *f)
{
    newton(v[0] * at->lambda, at->lambda, 2, steps, f);
}

static void newton3_gram(const double *v, const il_explain_filter_point *at, int steps,
                         double *f)
{
    newton(v[0] * at->lambda, at->lambda, 3, steps, f);
}

/* T_k(x)/T_k(z) for |z| > 1, x any: both by T_k+1 = 2 x T_k - T_k-1, scaled together so that
 * T_k(z) never overflows */
static void chebyshev(const double *v, const il_explain_filter_point *at, int steps,
                      double *f)
{
    double mu = v[2], lo = v[0], hi = lo + v[1], a = at->lambda;
    double x = (hi + lo - 2 * a) / (hi - lo), z = (hi + lo + 2 * mu) / (hi - lo);
    double p0 = 1, p1 = x, q0 = 1, q1 = z;
    f[0] = 0;
    for (int k = 1; k <= steps; k++) {
        f[k] = (1 - p1 / q1) / (a + mu > 0 ? a + mu : 1);
        double p = 2 * x * p1 - p0, q = 2 * z * q1 - q0;
        p0 = p1 / q, q0 = q1 / q, p1 = p / q, q1 = 1;
    }
}

static void richardson(const double *v, const il_explain_filter_point *at, int steps,
                       double *f)
{
    double mu = v[1];
    f[0] = 0;
    for (int k = 0; k < steps; k++) {
        f[k + 1] = f[k];
        if (k >= at->whole) continue;
        double node = v[0] / 2 * (1 + at->nodes[k]);
        f[k + 1] += (1 - (at->lambda + mu) * f[k]) / (node + mu);
    }
}

static void ridge(const double *v, const il_explain_filter_point *at, int steps, double *f)
{
    double mu = v[0];
    for (int k = 0; k <= steps; k++, mu /= 2)
        f[k] = at->lambda + mu > 0 ? 1 / (at->lambda + mu) : 0;
}

/* clang-format off */
#define FREE(...)        IL_COUNT(((il_explain_parameter[]){ __VA_ARGS__ })), { __VA_ARGS__ }
#define FILTER(f, steps) .filter = f, .most_steps = steps
#define EXAMPLES(f, steps)   .from_examples = f, .most_steps = steps
static const il_explain_family families[] = {
    { "gd", "gradient descent", FREE({ "step_size", -1, 0.005, 2 }), FILTER(gd, 512) },
    { "newton", "Newton's iteration from a multiple of I",
      FREE({ "alpha", -1, 0.005, 2 }), FILTER(newton2, 32) },
    { "newton order=3", "third-order Newton from a multiple of I",
      FREE({ "alpha", -1, 0.005, 2 }), FILTER(newton3, 24) },
    { "newton start=gram", "Newton's iteration from a multiple of A",
      FREE({ "alpha", -2, 0.005, 2 }), FILTER(newton2_gram, 40) },
    { "newton order=3 start=gram", "third-order Newton from a multiple of A",
      FREE({ "alpha", -2, 0.005, 2 }), FILTER(newton3_gram, 32) },
    { "ridge", "ridge regression, its parameter halved at every step",
      FREE({ "alpha", 1, 0.01, 100 }), FILTER(ridge, 40) },
    { "gdpp", "GD++ with one pair of parameters",
      FREE({ "step_size", -1, 0.01, 2 }, { "gamma", -1, 0.001, 1 }), FILTER(gdpp, 40), .contains = "|gd|" },
    { "momentum", "gradient descent with momentum",
      FREE({ "step_size", -1, 0.01, 2 }, { "momentum", 0, 0.01, 0.98 }), FILTER(momentum, 128), .contains = "|gd|" },
    { "chebyshev", "ridge regression by Chebyshev's iteration",
      FREE({ "low", 1, 0.003, 2 }, { "width", 1, 0.3, 10 }, { "alpha", 1, 1e-4, 2 }), FILTER(chebyshev, 40) },
    { "chebyshev steps", "ridge regression by gradient steps of Chebyshev's sizes",
      FREE({ "high", 1, 0.3, 10 }, { "alpha", 1, 1e-4, 2 }), FILTER(richardson, 40) },
    { "ogd", "online gradient descent", FREE({ "step_size", -1, 0.05, 50 }), EXAMPLES(il_explain_ogd, 0) },
    { "ogd normalised", "normalised online gradient descent",
      FREE({ "rate", 0, 0.05, 2 }), EXAMPLES(il_explain_ogd_normalised, 0) },
    { "lasso", "iterative soft thresholding for the Lasso",
      FREE({ "step_size", -1, 0.01, 2 }, { "alpha", 1, 0.003, 3 }), EXAMPLES(il_explain_lasso, 12), .contains = "|gd|" },
    { "gd layerwise", "gradient descent with a step size of its own in each layer",
      FREE({ "step_size", -1, 0, 0 }), .layerwise = il_explain_layerwise_gd, .spectral = 1, .contains = "|gd|" },
    { "gdpp layerwise", "GD++ with parameters of its own in each layer",
      FREE({ "step_size", -1, 0, 0 }, { "gamma", -1, 0, 0 }), .layerwise = il_explain_layerwise_gdpp,
      .spectral = 1, .contains = "|gd|gdpp|gd layerwise|" },
    { "gd preconditioned", "gradient descent with a preconditioner of its own in each layer",
      FREE({ "least", -1, 0, 0 }, { "largest", -1, 0, 0 }), .layerwise = il_explain_layerwise_precondition,
      .contains = "|gd|gd layerwise|" },
    { "polynomial", "a polynomial of A of its own in each layer", FREE({ "degree", 0, 0, 0 }),
      .layerwise = il_explain_layerwise_polynomial, .spectral = 1, .any = 1 },
    { "gd best", "gradient descent with each prompt's best step size", .algo = "gd", .most_steps = 128 },
    { "momentum best", "momentum with each prompt's best parameters", .algo = "momentum", .most_steps = 64 },
    { "cg", "conjugate gradients", .algo = "cg", .most_steps = 24 },
    { "averaging", "averaging", .algo = "averaging" },
};
/* clang-format on */

const il_explain_family *il_explain_family_at(int i)
{
    return i >= 0 && i < IL_COUNT(families) ? &families[i] : NULL;
}
