/* polar.c - the orthogonal polar factor of a matrix, by the Newton-Schulz iteration
 *
 *   X <- X (3 I - X^T X) / 2:   X_j <- 1.5 X_j - 0.5 sum_i X_i <X_i, X_j>
 *
 * Token j is column j; scores of columns with themselves are X^T X. From singular values in (0, 1]
 * all tend to 1, at last quadratically, so X tends to U V^T where it was U S V^T. One head, width d.
 * Source: Higham 2008, Functions of Matrices, chapter 8.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, loops;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 8, 1, 256, "size of the matrix" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 24, 1, 10000, "steps" },
    { 0 },
};
static const char *const cases[] = { "dims=8", "dims=16 loops=40", NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    il_token(p, "X", o->dims, "tends to the polar factor, of singular values below 1.73");
    il_loop(p, o->loops);
    il_attend(p, "X <- -0.5 X ; X ; X");
    il_also(p, "X <- 0.5 X");
    il_answer(p, "X");
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int d = o->dims, R = o->loops;
    size_t D = (size_t)(d * d);
    for (double condition = 10; condition < 1001; condition *= 10) {
        size_t mark = c->used;
        double *X = il_check_spectrum(c, d, d, 1, condition, 3); /* row j: token j */
        double *all = il_check_take(c, (size_t)R * D), error = 0, left = 0;
        il_check_run(c, d, X, NULL, R, NULL, all);
        for (int t = 0; t < R; t++) {
            double *next = il_check_take(c, D);
            if (c->status != IL_OK) return;
            for (int j = 0; j < d; j++)
                for (int i = 0; i < d; i++) {
                    double dot = 0;
                    for (int k = 0; k < d; k++) dot += X[i * d + k] * X[j * d + k];
                    for (int k = 0; k < d; k++)
                        next[j * d + k] += ((i == j) * 3 - dot) / 2 * X[i * d + k];
                }
            X = next;
            error = il_larger(error, il_check_difference(all + (size_t)t * D, X, D));
        }
        for (int i = 0; i < d; i++) /* columns become orthonormal */
            for (int j = 0; j < d; j++) {
                double dot = -(i == j);
                for (int k = 0; k < d; k++) dot += X[i * d + k] * X[j * d + k];
                left = il_larger(left, fabs(dot));
            }
        il_check_row(c, "orthogonality", condition, R, error, left,
                     1e-14 * (10 + condition));
        c->used = mark;
    }
}

const il_construct il_construct_polar = {
    .name = "polar",
    .summary = "the orthogonal polar factor of a matrix by Newton-Schulz, one head",
    .source = "Higham 2008",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
