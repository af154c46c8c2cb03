/* rescaling.c - ridge regression whose penalty adapts to the noise level, by rescaling in context
 *
 *   layer 1   y_j <- y_j + w_yx sum_i y_i <x_i, x_j>
 *   layer 2   y_j <- y_j (1 + w_yy sum_i y_i^2)
 *
 * For x ~ N(0, I/n), w ~ N(0, I) and noise of deviation s, layer 1 leaves residuals whose sum of
 * squares says what s is, and layer 2 scales the answer by it. With two levels s1, s2 and n large,
 *   w_yx = -(1 + s1^2 + s2^2) / ((1 + s1^2)(1 + s2^2)),   w_yy = -1 / (n (1 + s1^2 + s2^2))
 * give ridge regression with penalty s^2 at both.
 *
 * Source: theorem 5.2 of Vladymyrov et al. 2024, arXiv:2402.14180; the closed form is derived in
 * docs/constructions.md.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, examples;
    double s1, s2;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 64, "dimension of x" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 4000, 1, 65536, "examples n" },
    { "s1", IL_OPT_REAL, offsetof(options, s1), 1, 0, 1e6, "a level of noise" },
    { "s2", IL_OPT_REAL, offsetof(options, s2), 3, 0, 1e6, "the other" },
    { 0 },
};
static const char *const cases[] = { "examples=400", "examples=4000", NULL };

static double w_yx(const options *o)
{
    double a = o->s1 * o->s1, b = o->s2 * o->s2;
    return -(1 + a + b) / ((1 + a) * (1 + b));
}
static double w_yy(const options *o)
{
    return -1 / (o->examples * (1 + o->s1 * o->s1 + o->s2 * o->s2));
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    il_task_is(p, "noisy_linear_regression", "columns", o->dims, o->examples + 1);
    il_masked(p);
    il_token(p, "x", o->dims, "the inputs");
    il_token(p, "y", 1, "residuals of the examples; minus the answer at the query");
    il_attend(p, "y <- %g y ; x ; x", w_yx(o));
    il_attend(p, "y <- %g y ; y ; y", w_yy(o));
    il_answer(p, "-y");
}

/* Against the two steps written out; `exact` is the distance to ridge, rms over 100 prompts
 * relative to its own rms. */
static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int n = o->examples, d = o->dims, T = n + 1, prompts = n > 1000 ? 30 : 100;
    for (int level = 0; level < 2; level++) {
        double s = level ? o->s2 : o->s1, gap = 0, size_of = 0, error = 0, most = 0;
        for (int i = 0; i < prompts; i++) {
            size_t mark = c->used;
            double *all = il_check_take(c, (size_t)T), r2 = 0, want = 0;
            il_problem p = il_problem_normal(c, n, d, 1 / sqrt(n), s, 100 * level + i);
            il_check_run(c, T, p.tokens, p.mask, 1, NULL, all);
            double ridge = il_check_ridge(c, &p, s * s);
            if (c->status != IL_OK) return;
            for (int j = 0; j < d; j++) want -= w_yx(o) * p.b[j] * p.q[j];
            for (int k = 0; k < n; k++) {
                double r = p.y[k];
                for (int j = 0; j < d; j++) r += w_yx(o) * p.b[j] * p.x[k * d + j];
                r2 += r * r;
            }
            want *= 1 + w_yy(o) * r2;
            error = il_larger(error, fabs(all[n] - want));
            most = fmax(most, fabs(want));
            gap += (all[n] - ridge) * (all[n] - ridge);
            size_of += ridge * ridge;
            c->used = mark;
        }
        char size[48];
        snprintf(size, sizeof size, "d=%d n=%d s=%s", d, n, il_digits(s).text);
        il_check_row(c, size, NAN, 2, error / most, sqrt(gap / size_of), 1e-12);
    }
}

const il_construct il_construct_rescaling = {
    .name = "rescaling",
    .summary = "ridge regression at two levels of noise, told apart in context",
    .source = "Vladymyrov et al. 2024, arXiv:2402.14180, theorem 5.2",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
