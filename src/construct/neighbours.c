/* neighbours.c - kernel smoothing (Nadaraya-Watson) by softmax, which is not linear in the query
 *
 *   yhat(q) = sum_i p_i y_i,   p_i = exp(-beta |x_i - q|^2 / 2) / sum_k exp(-beta |x_k - q|^2 / 2)
 *
 * |x_i - q|^2 = |x_i|^2 - 2 x_i.q + |q|^2, of which softmax does not see the last. |x_i|^2 is the token's own
 * entry of its row g of the Gram matrix, which a gate by its position lets through alone:
 * relu(g + K E - K). The query's position is told from the others by a table, so that it is no key. A
 * large beta leaves the nearest example alone.
 *
 * Source: Nadaraya 1964; Watson 1964. A negative control for `explain`, which must not take it for a method
 * that solves least squares.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, examples;
    double sharpness, bound;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 64, "dimension of x" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 20, 1, 256,
      "examples n, always so many" },
    { "sharpness", IL_OPT_REAL, offsetof(options, sharpness), 20, 1e-6, 1e4, "beta" },
    { "bound", IL_OPT_REAL, offsetof(options, bound), 256, 1e-6, 1e6, "of |x|^2" },
    { 0 },
};
static const char *const cases[] = { "", "dims=3 examples=7 sharpness=1",
                                     "dims=10 examples=40 sharpness=0.3", NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int T = o->examples + 1;
    double *query = il_numbers(p, (size_t)T);
    if (query) query[o->examples] = 1;
    il_task_is(p, "linear_regression", "columns", o->dims, T);
    il_causal(p);
    il_token(p, "x", o->dims, "the inputs");
    il_token(p, "y", 1, "the answers of the examples");
    il_position(p, "E", T, "the position");
    il_table_of(p, "query", 1, T, query, "1 at the query's position");
    il_register(p, "one", 1, "1");
    il_register(p, "g", T, "the token's row of the Gram matrix");
    il_register(p, "s", T, "its own entry, |x|^2");
    il_register(p, "a", 1, "the answer");
    il_start(p, "one <- 1");
    il_attend(p, "g <- E ; x ; x");
    il_relu(p, "s <- relu(g + %g E - %g)", o->bound, o->bound);
    il_softmax(p, "a <- y ; x | sum(s) | query ; %g x | %g one | %g one", o->sharpness,
               -o->sharpness / 2, -1e3 - o->sharpness * o->bound);
    il_answer(p, "a");
}

static double smooth(const il_problem *p, double beta)
{
    double least = INFINITY, above = 0, below = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < p->n; i++) {
            double square = 0;
            for (int j = 0; j < p->d; j++) {
                double far = p->x[i * p->d + j] - p->q[j];
                square += far * far;
            }
            if (!pass) {
                least = fmin(least, square);
                continue;
            }
            double weight = exp(-beta / 2 * (square - least));
            above += weight * p->y[i], below += weight;
        }
    return above / below;
}

/* A problem whose inputs keep the bound */
static il_problem within(il_check *c, const options *o, int seed)
{
    double most = 0;
    il_problem p = il_problem_normal(c, o->examples, o->dims, 1, 0, seed);
    if (c->status != IL_OK) return p;
    for (int i = 0; i <= p.n; i++) { /* the query, too */
        const double *x = p.x + i * p.d;
        double square = 0;
        for (int j = 0; j < p.d; j++) square += x[j] * x[j];
        most = fmax(most, square);
    }
    if (most <= o->bound) return p;
    return il_problem_normal(c, o->examples, o->dims, sqrt(o->bound / most) * 0.999, 0,
                             seed);
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    for (int seed = 1; seed <= 3; seed++) {
        size_t used = c->used;
        char size[IL_TEXT];
        il_problem p = within(c, o, seed);
        double *got = il_check_take(c, (size_t)o->examples + 1), nearest;
        if (c->status != IL_OK) return;
        double want = smooth(&p, o->sharpness), scale = 0;
        for (int i = 0; i < p.n; i++) scale = fmax(scale, fabs(p.y[i]));
        il_check_last(c, "knn k=1", &p, &nearest);
        il_check_run(c, o->examples + 1, p.tokens, NULL, 1, NULL, got);
        snprintf(size, sizeof size, "prompt %d", seed);
        /* the gate rounds |x_i|^2 to a last digit of `bound`, and softmax makes of half of beta times that a
         * factor of the weight */
        il_check_row(c, size, NAN, 1, fabs(got[o->examples] - want) / scale,
                     fabs(got[o->examples] - nearest) / scale,
                     fmax(1e-12, 0x1p-53 * o->sharpness * o->bound));
        c->used = used;
    }
}

const il_construct il_construct_neighbours = {
    .name = "neighbours",
    .summary = "the mean y of the examples near the query, by softmax: no linear method",
    .source = "Nadaraya 1964; Watson 1964",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
