/* square_root.c - the square root of a positive definite matrix and its inverse, by coupled Newton-Schulz
 *
 *   Y <- Y (3 I - Z Y) / 2,   Z <- (3 I - Z Y) Z / 2,   from Y = A, Z = I:   Y -> A^(1/2), Z -> A^(-1/2)
 *
 * Token j is column j of Y and of Z, which stay symmetric: the scores <Z_i, Y_j> are Z Y and <Y_i, Z_j>
 * are Y Z. From eigenvalues of A in (0, 1] those of Z Y tend to 1, at last quadratically. Rounding does not
 * grow in this order of the factors; in Y Y Z it does. Source: Higham 2008, Functions of Matrices, chapter 6.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, loops;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 8, 1, 256, "size of the matrix" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 20, 1, 10000, "steps" },
    { 0 },
};
static const char *const cases[] = { "dims=8", "dims=16 loops=30", NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    il_token(p, "Y", o->dims, "A, of eigenvalues below 3; tends to its square root");
    il_position(p, "Z", o->dims, "I; tends to the inverse of that");
    il_loop(p, o->loops);
    il_attend(p, "Y <- -0.5 Y ; Z ; Y");
    il_also(p, "Z <- -0.5 Z ; Y ; Z");
    il_also(p, "Y <- 0.5 Y, Z <- 0.5 Z");
    il_answer(p, "Y");
}

/* a I + b P Q */
static double *sum(il_check *c, int d, double a, double b, const double *P, const double *Q)
{
    double *R = il_check_take(c, (size_t)(d * d));
    if (c->status != IL_OK) return NULL;
    for (int i = 0; i < d * d; i++) {
        R[i] = i % (d + 1) ? 0 : a;
        for (int k = 0; k < d; k++) R[i] += b * P[i / d * d + k] * Q[k * d + i % d];
    }
    return R;
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    int d = o->dims, R = o->loops;
    size_t D = (size_t)(d * d);
    for (double condition = 10; condition < 1001; condition *= 10) {
        size_t mark = c->used;
        const double *A = il_problem_new(c, d, d, 1, condition, 0, 3).S, *Y = A;
        if (c->status != IL_OK) return;
        const double *Z = sum(c, d, 1, 0, A, A);
        double *all = il_check_take(c, (size_t)R * D), error = 0;
        il_check_run(c, d, A, NULL, R, NULL, all);
        for (int t = 0; t < R; t++) {
            const double *G = sum(c, d, 1.5, -0.5, Z, Y);
            Y = sum(c, d, 0, 1, Y, G);
            Z = sum(c, d, 0, 1, G, Z);
            if (c->status != IL_OK) return;
            error = il_larger(error, il_check_difference(all + (size_t)t * D, Y, D));
        }
        const double *square = sum(c, d, 0, 1, Y, Y);
        if (c->status != IL_OK) return;
        il_check_row(c, "Y Y = A", condition, R, error, il_check_difference(square, A, D),
                     1e-14 * (10 + condition));
        c->used = mark;
    }
}

const il_construct il_construct_square_root = {
    .name = "square_root",
    .summary = "the square root of a positive definite matrix by coupled Newton-Schulz",
    .source = "Higham 2008",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
