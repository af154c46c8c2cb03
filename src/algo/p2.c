/* p2.c - a two-stage mesa-optimizer with learned coefficients
 *
 * First K steps of a polynomial iteration for the inverse of A = (X^T X + ridge I) / c, with c =
 * |X^T X + ridge I|_F, then one gradient step on preconditioned inputs:
 *
 *   P <- P (I - alpha_k A),   Q <- Q + P + beta_k (Q - Q_before),   P = Q = Q_before = I
 *   w = Q X^T y / c
 *
 * Step 0 is gradient descent with step 1/c. The coefficients are those that von Oswald et al. 2023
 * (arXiv:2309.05858) learned for each of their settings and compare all their figures with; there
 * the newest example is left out (lagged=1). Past the last coefficient nothing changes.
 */
#include "algo/spectral.h"
#include "la/dense.h"

#include <math.h>

enum { MOST = 6 };
enum { LINEAR, LINEAR2, CONSTRUCTED, PARTIAL, NONLINEAR, CONTRACTING, FIXED };

typedef struct {
    double ridge;
    int steps;
    double alpha[MOST], beta[MOST];
} learned;

/* The paper names no ridge for `fixed`; it is that of `linear`. */
static const learned tables[] = {
    [LINEAR] = { 0.001,
                 6,
                 { 1.0292039, 3.8550997, 3.7469113, 3.3827868, 2.9881542, 2.0934358 },
                 { 0, 0.6402129, 0.4798134, 0.8143542, 1.6680348, 2.4196014 } },
    [LINEAR2] = { 0.001, 2, { 1.2316, 8.1996 }, { 0, 4.9499 } },
    [CONSTRUCTED] = { 0.001,
                      6,
                      { 1.0257748, 3.2508426, 3.2583678, 3.2122886, 2.694414, 1.2727231 },
                      { 0, 0.6787798, 0.30748147, 0.74470717, 1.8360422, 2.3438027 } },
    [PARTIAL] = { 10,
                  6,
                  { 1.0931315, 3.109863, 3.1626225, 3.0759215, 1.9025781, 0.22242576 },
                  { 0, 0.7379088, 0.18275392, 0.7571611, 1.2497796, 2.2919629 } },
    [NONLINEAR] = { 0.001,
                    6,
                    { 1.0030721, 4.0157757, 3.866156, 3.3217084, 2.7570639, 2.1692858 },
                    { 0, 0.56304085, 0.566149, 0.9348311, 1.5603266, 2.425832 } },
    [CONTRACTING] = { 1.33339,
                      6,
                      { 1.0062, 3.071, 3.4642, 2.7946, 1.8724, 0.8222 },
                      { 0, 0.2959, 0.316, 0.9746, 1.511, 1.8157 } },
    [FIXED] = { 0.001,
                6,
                { 1.0406, 4.1751, 4.0838, 3.6817, 3.2784, 2.37 },
                { 0, 0.6201, 0.5153, 0.8791, 1.7479, 2.5256 } },
};

typedef struct {
    int steps, task, lagged;
    double ridge;
} options;
static const il_opt opts[] = {
    { "steps", IL_OPT_INT, offsetof(options, steps), MOST, 1, 1e6, "steps it takes", NULL },
    { "task", IL_OPT_CHOICE, offsetof(options, task), 0, 0, 0,
      "setting whose coefficients it takes; linear2 has two steps, the others six",
      "linear|linear2|constructed|partial|nonlinear|contracting|fixed" },
    { "lagged", IL_OPT_BOOL, offsetof(options, lagged), 0, 0, 1,
      "the newest example is left out", NULL },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e12,
      "weight of |w|^2; 0: that of the setting", NULL },
    { 0 },
};

static void learn(const void *opt, il_learner *l, const double *x, double y)
{
    if (((const options *)opt)->lagged && !il_algo_lag(l, &x, &y)) return;
    il_spectral_learn(opt, l, x, y);
}

static void answer(const void *opt, il_learner *l, const double *query, int steps,
                   double *yhat, double *what)
{
    const options *o = opt;
    const learned *k = &tables[o->task];
    il_spectral s = il_spectral_of(l, query, what != NULL);
    il_spectral_add_ridge(&s, o->ridge > 0 ? o->ridge : k->ridge);
    double *p = il_spectral_scratch(&s), *q = p + s.D, *before = q + s.D;
    double c = sqrt(il_ddot(s.lambda, s.lambda, s.D)); /* of I ridge at least: not 0 */
    for (int i = 0; i < s.D; i++) p[i] = q[i] = before[i] = 1;
    for (int t = 0; t <= steps; t++) {
        for (int i = 0; i < s.D; i++) s.w[i] = q[i] / c * s.b[i];
        yhat[t] = il_spectral_answer(&s, what ? what + (size_t)t * s.D : NULL);
        for (int i = 0; i < s.D && t < k->steps; i++) {
            double now = q[i];
            p[i] *= 1 - k->alpha[t] * (s.lambda[i] / c);
            q[i] += p[i] + k->beta[t] * (now - before[i]);
            before[i] = now;
        }
    }
}

const il_algo_kind il_algo_p2 = {
    .name = "p2",
    .summary = "two-stage mesa-optimizer with published coefficients",
    .opts = opts,
    .size = sizeof(options),
    .iterates = 1,
    .work = il_spectral_work,
    .learn = learn,
    .answer = answer,
};
