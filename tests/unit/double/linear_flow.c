/* linear_flow.c - gradient flow of one layer of linear attention, and what it converges to
 *
 * f(E) = E + W^PV E (E^T W^KQ E) / N with W^PV = diag(0, u), W^KQ = diag(U, 0), on prompts of N examples
 * x ~ N(0, L), w ~ N(0, I): gradient flow on half the expected squared error of the query's answer is
 *
 *   U' = -u^2 G L U L + u L^2,   u' = -tr(u G L U L U^T - L^2 U^T),   G = (1 + 1/N) L + tr(L)/N I
 *
 * Source: Zhang, Frei & Bartlett 2024, arXiv:2306.09927, theorems 4.1, 4.2 and 4.5.
 */
#include "base/base.h"
#include "check.h"

enum { MOST = 8 };

typedef struct {
    int d;
    double lambda[MOST], gamma[MOST];
} setting;

static setting of_inputs(int d, int N, double largest, double ratio)
{
    setting s = { .d = d };
    double trace = 0, l = largest;
    for (int i = 0; i < d; i++, l *= ratio) trace += s.lambda[i] = l;
    for (int i = 0; i < d; i++) s.gamma[i] = (1 + 1.0 / N) * s.lambda[i] + trace / N;
    return s;
}

/* ---- the flow ------------------------------------------------------------------------------- */

typedef struct {
    double U[MOST * MOST], u;
} point;

static point slope(const setting *s, const point *at)
{
    point to = { .u = 0 };
    int d = s->d;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double U = at->U[i * d + j], l = s->lambda[i];
            double pull = i == j ? l * l : 0; /* L and G are diagonal */
            double hold = s->gamma[i] * l * U * s->lambda[j];
            to.U[i * d + j] = -at->u * at->u * hold + at->u * pull;
            to.u -= at->u * hold * U - pull * U;
        }
    return to;
}

static point moved(const point *at, const point *by, double h, int d)
{
    point to = *at;
    to.u += h * by->u;
    for (int i = 0; i < d * d; i++) to.U[i] += h * by->U[i];
    return to;
}

/* A step of the classical fourth-order method */
static void advance(const setting *s, point *at, double h)
{
    point a = slope(s, at), p = moved(at, &a, h / 2, s->d), b = slope(s, &p);
    p = moved(at, &b, h / 2, s->d);
    point c = slope(s, &p);
    p = moved(at, &c, h, s->d);
    point e = slope(s, &p);
    p = moved(at, &a, h / 6, s->d);
    p = moved(&p, &b, h / 3, s->d);
    p = moved(&p, &c, h / 3, s->d);
    *at = moved(&p, &e, h / 6, s->d);
}

static double from_limit(const setting *s, const point *at)
{
    double most = 0;
    for (int i = 0; i < s->d; i++)
        for (int j = 0; j < s->d; j++) {
            double want = i == j ? 1 / s->gamma[i] : 0;
            most = fmax(most, fabs(at->u * at->U[i * s->d + j] - want));
        }
    return most;
}

/* u(0) = sigma, U(0) = sigma T T^T with |T T^T|_F = 1: any T, and sigma small enough */
static point beginning(const setting *s, double sigma, int seed)
{
    int d = s->d;
    double T[MOST * MOST], norm = 0;
    point p = { .u = sigma };
    il_rng rng = il_rng_at((uint64_t)seed, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < d * d; i++) T[i] = il_normal(&rng);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            for (int k = 0; k < d; k++) p.U[i * d + j] += T[i * d + k] * T[j * d + k];
            norm += p.U[i * d + j] * p.U[i * d + j];
        }
    for (int i = 0; i < d * d; i++) p.U[i] *= sigma / sqrt(norm);
    return p;
}

static void the_flow_reaches_the_optimum(void **state)
{
    (void)state;
    static const double ratios[] = { 1, 0.5, 0.4 };
    for (int i = 0; i < 3; i++) {
        setting s = of_inputs(4, 20, 2, ratios[i]);
        point p = beginning(&s, 0.1, i);
        double time = 0, limit = 0;
        int steps = 0;
        for (int j = 0; j < s.d; j++) limit += 1 / (s.gamma[j] * s.gamma[j]);
        limit = sqrt(sqrt(limit));
        /* the fastest direction decays at most at 2 (|U|^2 + u^2) max(gamma lambda^2) = 60 */
        for (; steps < 2000000 && (steps < 1000 || from_limit(&s, &p) > 1e-11); steps++) {
            advance(&s, &p, 0.01);
            time += 0.01;
        }
        double gap = from_limit(&s, &p), off = p.u / limit - 1;
        printf("row 22: condition %g: after t = %.0f |uU - 1/Gamma| = %.2g, u over (tr "
               "Gamma^-2)^1/4 - 1 = %.2g\n",
               1 / (ratios[i] * ratios[i] * ratios[i]), time, gap, off);
        CHECK(gap < 1e-10, "%g", gap);
        CHECK(fabs(off) < 1e-3, "%g", off);
    }
}

/* ---- the error at test ------------------------------------------------------------------------ */

/* Theorem 4.2 for y = w.x + noise: C = Cov(xy) = (|w|_L^2 + noise^2) L + L w w^T L, a = w */
static double by_formula(const setting *s, int N, int M, const double *w, double noise)
{
    double power = noise * noise, trace = 0, sum = noise * noise;
    for (int i = 0; i < s->d; i++)
        power += w[i] * w[i] * s->lambda[i], trace += s->lambda[i];
    for (int i = 0; i < s->d; i++) {
        double l = s->lambda[i], g2 = s->gamma[i] * s->gamma[i], ww = w[i] * w[i];
        sum += (power * l + l * l * ww) * l / g2 / M;
        sum += ww * l * (l * l + 2 * trace * l + trace * trace) / g2 / N / N;
    }
    return sum;
}

/* Mean over prompts, the query's expectation taken in closed form; the model is x_q . h / gamma */
static double by_prompts(const setting *s, int M, const double *w, double noise,
                         int prompts, uint64_t seed)
{
    double mean = 0;
    for (int b = 0; b < prompts; b++) {
        double h[MOST] = { 0 };
        il_rng rng = il_rng_at(seed, IL_STREAM_USER, 1, (uint32_t)b);
        for (int i = 0; i < M; i++) {
            double x[MOST], y = noise > 0 ? noise * il_normal(&rng) : 0;
            for (int j = 0; j < s->d; j++) {
                x[j] = sqrt(s->lambda[j]) * il_normal(&rng);
                y += w[j] * x[j];
            }
            for (int j = 0; j < s->d; j++) h[j] += y * x[j] / M;
        }
        for (int j = 0; j < s->d; j++) {
            double e = h[j] / s->gamma[j] - w[j];
            mean += s->lambda[j] * e * e / prompts;
        }
    }
    return mean + noise * noise;
}

static void the_formula_is_the_error(void **state)
{
    (void)state;
    static const double w[] = { 1, -0.5, 0.25, 2, -1, 0.7 };
    static const int lengths[] = { 10, 20, 40 };
    for (int i = 0; i < 3; i++) {
        setting s = of_inputs(6, 20, 1.5, 0.8);
        double formula = by_formula(&s, 20, lengths[i], w, 0.5);
        double prompts = by_prompts(&s, lengths[i], w, 0.5, 100000, 3);
        printf("row 22: N = 20, M = %d, noise 0.5: formula %.4f, 100,000 prompts %.4f\n",
               lengths[i], formula, prompts);
        CHECK_NEAR(prompts, formula, 0.01 * formula, "the formula");
    }
    /* isotropic, M = N, the mean over w ~ N(0, I): |w|^2 = d, and every direction is alike */
    for (int d = 3; d <= 7; d += 2) {
        setting s = of_inputs(d, 20, 1, 1);
        double ones[] = { 1, 1, 1, 1, 1, 1, 1, 1 }, law = d * (d + 1) / (20 + d + 1.0);
        double formula = by_formula(&s, 20, 20, ones, 0);
        printf("row 22: isotropic, d = %d: %.6f, d(d+1)/(N+d+1) = %.6f\n", d, formula, law);
        CHECK_NEAR(formula, law, 1e-12, "isotropic");
    }
}

/* Theorem 4.5: covariances that differ from prompt to prompt, here L = diag of Exp(1) numbers. Training
 * finds one matrix for all, (E[G L^2])^-1 E[L^2], which is far from 1: the limit of the flow whose
 * right side is a mean over prompts. We minimise the mean error over prompts with S = X^T X / N: for
 * A = a I it is E tr(S L) / E tr(S L S). */
static void varied_covariances_do_not_help(void **state)
{
    (void)state;
    enum { d = 3, N = 50, PROMPTS = 100000 };
    /* E l = 1, E l^2 = 2, E l^3 = 6 */
    double exact = 2 / ((1 + 1.0 / N) * 6 + (6 + (d - 1) * 2.0) / N), above = 0, below = 0;
    for (int b = 0; b < PROMPTS; b++) {
        il_rng rng = il_rng_at(5, IL_STREAM_USER, 2, (uint32_t)b);
        double S[d * d] = { 0 }, l[d];
        for (int j = 0; j < d; j++) l[j] = -log(1 - il_uniform(&rng));
        for (int i = 0; i < N; i++) {
            double x[d];
            for (int j = 0; j < d; j++) x[j] = sqrt(l[j]) * il_normal(&rng);
            for (int j = 0; j < d; j++)
                for (int k = 0; k < d; k++) S[j * d + k] += x[j] * x[k] / N;
        }
        for (int j = 0; j < d; j++) {
            above += l[j] * S[j * d + j];
            for (int k = 0; k < d; k++) below += l[j] * S[j * d + k] * S[j * d + k];
        }
    }
    printf("row 23: Exp(1) covariances: %.4f by the theorem, %.4f over %d prompts\n", exact,
           above / below, PROMPTS);
    CHECK_NEAR(exact, 0.3165, 5e-5, "the theorem");
    CHECK_NEAR(above / below, 0.3165, 0.005, "prompts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flow_reaches_the_optimum),
        cmocka_unit_test(the_formula_is_the_error),
        cmocka_unit_test(varied_covariances_do_not_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
