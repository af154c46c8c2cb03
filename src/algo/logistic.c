/* logistic.c - regularised logistic regression by damped Newton
 *
 *   f(w) = mean_i log(1 + exp(-y_i w.x_i)) + mu |w|^2 / 2,   y_i the sign of the answer
 *   g = -mean_i (t_i - s_i) x_i + mu w,   H = mean_i s_i (1 - s_i) x_i x_i^T + mu I
 *   w <- w - eta u,   H u = g,   s_i = sigmoid(w.x_i),   t_i = (1 + y_i) / 2
 *
 * from w = 0. Rules for eta, with R the longest x:
 *
 *   log      log(1 + d) / d,  d = R |u|: generalised self-concordance, the fewest steps of the
 *            safe ones where mu is small; the default
 *   damped   1 / (1 + R' lambda / (2 sqrt mu)),  lambda^2 = g.u,  R' = max(1, R): what Giannou
 *            et al. 2024 (arXiv:2403.03183) emulate, for |x| <= 1 with R' = 1
 *   full     1, which may diverge
 *   gd       u = g and eta = step_size, or if that is 0 1 / (mu + L / 4) with L the largest
 *            eigenvalue of mean_i x_i x_i^T: gradient descent
 *
 * An answer is the logit w.q, whose sign is the class; its sigmoid is the probability of +1.
 */
#include "algo/algo.h"
#include "algo/elementary.h"
#include "la/dense.h"

#include <math.h>

enum { RULE_LOG, RULE_DAMPED, RULE_FULL, RULE_GD };

typedef struct {
    int steps, rule;
    double mu, step_size;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), 8, 1, 1e6, "steps it takes", NULL },
    { "rule", IL_OPT_CHOICE, offsetof(options, rule), 0, 0, 0, "size of a step",
      "log|damped|full|gd" },
    { "mu", IL_OPT_REAL, offsetof(options, mu), 0.1, 1e-9, 1e9, "weight of |w|^2 / 2",
      NULL },
    { "step_size", IL_OPT_REAL, offsetof(options, step_size), 0, 0, 1e9,
      "rule=gd: step size; 0: 1 / a bound of the curvature", NULL },
    { 0 },
};

/* R^2; w, g, u (D), H (D,D) and what its eigenvalues need (2 D) scratch */
static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)N;
    return 1 + 5 * (size_t)D + (size_t)D * (size_t)D;
}

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    (void)opt, (void)y;
    l->work[0] = fmax(l->work[0], il_ddot(x, x, l->D));
}

/* g at w, and if wanted the upper triangle of H */
static void derivatives(double *g, double *H, const il_learner *l, const double *w,
                        double mu)
{
    int D = l->D;
    if (H) memset(H, 0, sizeof *H * (size_t)D * (size_t)D);
    for (int d = 0; d < D; d++) {
        g[d] = mu * w[d];
        if (H) H[d * D + d] = mu;
    }
    for (int i = 0; i < l->n; i++) {
        const double *x = l->x + (size_t)i * D;
        double s = il_dsigmoid(il_ddot(w, x, D));
        il_daxpy(g, -((l->y[i] < 0 ? 0 : 1) - s) / l->n, x, D);
        for (int d = 0; d < D && H; d++)
            il_daxpy(H + d * D + d, s * (1 - s) / l->n * x[d], x + d, D - d);
    }
}

/* u with H u = g, by the Cholesky factor R^T R = H that replaces H's upper triangle */
static void solve(double *u, double *H, const double *g, int D)
{
    memcpy(u, g, sizeof *u * (size_t)D);
    for (int k = 0; k < D; k++) { /* row k of R, then what it leaves of the rows below */
        double *row = H + (size_t)k * D, pivot = sqrt(row[k]);
        for (int j = k; j < D; j++) row[j] /= pivot;
        u[k] /= row[k];
        for (int i = k + 1; i < D; i++) il_daxpy(H + i * D + i, -row[i], row + i, D - i);
        il_daxpy(u + k + 1, -u[k], row + k + 1, D - k - 1);
    }
    il_qr_solve(u, H, D, u, D);
}

/* 1 / (mu + L / 4), which no curvature of f exceeds */
static double safe_step(double *lambda, double *H, const il_learner *l, double mu)
{
    int D = l->D;
    double L = 0;
    memset(H, 0, sizeof *H * (size_t)D * (size_t)D);
    for (int i = 0; i < l->n; i++)
        for (int d = 0; d < D; d++)
            il_daxpy(H + d * D, l->x[i * D + d] / l->n, l->x + (size_t)i * D, D);
    il_eigen(lambda, H, D, NULL, 0, H + (size_t)D * D);
    for (int d = 0; d < D; d++) L = fmax(L, lambda[d]);
    return 1 / (mu + L / 4);
}

static double newton_step(const options *o, double square, const double *g, const double *u,
                          int D)
{
    double far = sqrt(square * il_ddot(u, u, D));
    if (o->rule == RULE_FULL) return 1;
    if (o->rule == RULE_LOG) return far > 0 ? il_dlog1p(far) / far : 1;
    return 1 / (1 + sqrt(fmax(1, square) * fmax(0, il_ddot(g, u, D)) / o->mu) / 2);
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    const options *o = opt;
    int D = l->D;
    double *w = l->work + 1, *g = w + D, *u = g + D, *H = u + D;
    int newton = o->rule != RULE_GD;
    double eta = o->step_size > 0 || newton ? o->step_size : safe_step(g, H, l, o->mu);
    memset(w, 0, sizeof *w * (size_t)D);
    for (int t = 0; t <= steps; t++) {
        yhat[t] = il_ddot(w, q, D);
        if (what) memcpy(what + (size_t)t * D, w, sizeof *w * (size_t)D);
        if (t == steps || !l->n) continue;
        derivatives(g, newton ? H : NULL, l, w, o->mu);
        if (newton) {
            solve(u, H, g, D);
            eta = newton_step(o, l->work[0], g, u, D);
        }
        il_daxpy(w, -eta, newton ? u : g, D);
    }
}

const il_algo_kind il_algo_logistic = {
    .name = "logistic",
    .summary = "regularised logistic regression by damped Newton; answers logits",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = work,
    .learn = learn,
    .answer = answer,
};
