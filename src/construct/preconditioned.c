/* preconditioned.c - linear transformers at the global minimum (1 layer) or a stationary point (L) of training
 *
 *   tokens (x_i, y_i), x ~ N(0, Sigma), and the query (x_q, 0):  y_j <- y_j - 1/n sum_i y_i <A_l x_i, x_j>
 *
 * One layer: A = ((1 + 1/n) Sigma + tr(Sigma)/n I)^{-1} is the global minimum of the expected
 * squared error for w ~ N(0, I) (Ahn et al. 2023, theorem 1), and the limit of gradient flow
 * (Zhang et al. 2024, theorem 4.1). L layers with A_l = a_l Sigma^{-1} for w ~ N(0, Sigma^{-1}):
 * stationary points, steps of preconditioned gradient descent (Ahn et al., theorem 3).
 *
 * Sigma is diagonal with eigenvalues from `largest` down to largest / condition in equal ratios.
 * Sources: arXiv:2306.00297, arXiv:2306.09927.
 */
#include "construct/construct.h"

#include <math.h>

enum { SCALES = 32 };

typedef struct {
    int dims, examples;
    double largest, condition;
    char scales[IL_TEXT];
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 4, 1, 64, "dimension of x" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 20, 1, 4096, "examples n" },
    { "largest", IL_OPT_REAL, offsetof(options, largest), 2, 1e-9, 1e9,
      "largest eigenvalue of Sigma" },
    { "condition", IL_OPT_REAL, offsetof(options, condition), 8, 1, 1e9,
      "largest / smallest" },
    { "scales", IL_OPT_TEXT, offsetof(options, scales), 0, 0, 0,
      "a_0,a_1,... of layers with A = a / Sigma; empty: the best single layer", "" },
    { 0 },
};
static const char *const cases[] = { "", "dims=5 condition=1 largest=1 examples=50",
                                     "dims=5 scales=0.42,0.685,1.705", NULL };

static double eigenvalue(const options *o, int j)
{
    double value = o->largest, ratio = il_root(1 / o->condition, il_max(o->dims - 1, 1));
    while (j-- > 0) value *= ratio;
    return value;
}

/* A_l along eigenvector j; the number of layers is the number of scales, or 1. */
static double weight_of(const options *o, double a, int j)
{
    double trace = 0, n = o->examples, lambda = eigenvalue(o, j);
    for (int k = 0; k < o->dims; k++) trace += eigenvalue(o, k);
    return a > 0 ? a / lambda : 1 / ((1 + 1 / n) * lambda + trace / n);
}

/* How many there are; 0: they are no numbers above 0, or too many */
static int read_scales(const options *o, double a[SCALES])
{
    const char *text = o->scales;
    a[0] = 0;
    for (int n = 0; *text && n < SCALES; n++) {
        char word[IL_TEXT];
        size_t size = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)size, text);
        if (!il_number_parse(word, &a[n]) || !(a[n] > 0)) return 0;
        text += size;
        if (!*text) return n + 1;
        text++;
    }
    return !*o->scales;
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims;
    double a[SCALES];
    int layers = read_scales(o, a);
    if (!layers)
        il_refuse(p, "scales = '%s' are not 1 to %d numbers above 0, separated by commas",
                  o->scales, SCALES);
    il_task_is(p, "linear_regression", "columns", d, o->examples + 1);
    il_masked(p);
    il_token(p, "x", d, "the inputs");
    il_token(p, "y", 1, "residuals of the examples; minus the answer at the query");
    for (int l = 0; l < layers; l++) {
        char name[16];
        double *A = il_numbers(p, (size_t)d * (size_t)d);
        for (int j = 0; A && j < d; j++) A[j * d + j] = weight_of(o, a[l], j);
        snprintf(name, sizeof name, "A%d", l);
        il_matrix(p, name, d, d, A);
        il_attend(p, "y <- %g y ; %s*x ; x", -1.0 / o->examples, name);
    }
    il_answer(p, "-y");
}

/* w <- w + A_l (b - S w) / n */
static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    int d = p->d;
    double a[SCALES], want = 0, exact = il_check_ridge(c, p, 0);
    double *w = il_check_take(c, (size_t)d), *g = il_check_take(c, (size_t)d);
    const double *got = il_check_answers(c, p, 1);
    int layers = read_scales(o, a);
    if (c->status != IL_OK) return;
    for (int l = 0; l < layers; l++) {
        for (int j = 0; j < d; j++) {
            g[j] = p->b[j];
            for (int k = 0; k < d; k++) g[j] -= p->S[j * d + k] * w[k];
        }
        for (int j = 0; j < d; j++) w[j] += weight_of(o, a[l], j) * g[j] / o->examples;
    }
    for (int j = 0; j < d; j++) want += w[j] * p->q[j];
    il_check_row(c, size, condition, layers, fabs(*got - want) / fabs(want),
                 fabs(*got - exact) / fabs(exact), 1e-13);
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    il_check_regression(c, o->dims, o->examples + 1, o->examples * o->largest, verify_one,
                        o);
}

const il_construct il_construct_preconditioned = {
    .name = "preconditioned",
    .summary = "what training is known to find: the best single layer, or layers a / Sigma",
    .source = "Ahn et al. 2023, arXiv:2306.00297; Zhang et al. 2024, arXiv:2306.09927",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
