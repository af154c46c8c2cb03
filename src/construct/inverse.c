/* inverse.c - Newton's iteration for the inverse of a matrix, in four layouts
 *
 * Token j is column j of every block; I is the position. X_{k+1} = X_k (2 I - A X_k).
 *
 *   two_layers  any A, [X; A; Y; I]: Y <- A X, then X <- X - X Y + X, Y <- 0. Two heads, 4d.
 *   one_layer   any A, stored as its transpose, [X; At; I]: value X, and the two blocks of key
 *               and query give the score (-A X + I), so X <- X + X (I - A X). One head, 3d.
 *   order p     [X; T; At; I], T = X: p - 1 layers T <- X + T R, R = I - A X, the last of which
 *               adds T R to X too: X (I + R + ... + R^{p-1}). Two heads, 4d.
 *   coupled     order 3 in one layer, [X; P; Pt; I], P = A X: X q(P) with q = 3 I - 3 P + P^2.
 *               The mismatch of P and Pt is multiplied by -2 in every layer: for a fixed depth.
 *
 * With R_k = I - A X_k, R_{k+1} = R_k^p.
 * Sources: Schulz 1933; Giannou et al. 2024, arXiv:2403.03183, lemma 4.1 (two_layers).
 */
#include "construct/construct.h"

#include <math.h>

enum { TWO_LAYERS, ONE_LAYER, ORDER, COUPLED };

typedef struct {
    int dims, loops, form, order;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 8, 2, 64, "size of the matrix" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 24, 1, 10000, "steps" },
    { "form", IL_OPT_CHOICE, offsetof(options, form), 1, 0, 0, "layout",
      "two_layers|one_layer|order|coupled" },
    { "order", IL_OPT_INT, offsetof(options, order), 3, 2, 10, "p of form=order" },
    { 0 },
};
static const char *const cases[] = { "form=one_layer loops=24",
                                     "form=two_layers loops=24",
                                     "form=order order=2 loops=24",
                                     "form=order order=3 loops=15",
                                     "form=order order=4 loops=12",
                                     "form=order order=6 loops=10",
                                     "form=coupled loops=15",
                                     "form=one_layer loops=300",
                                     NULL };

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims;
    il_token(p, "X", d, "tends to the inverse of A, from |I - A X| < 1");
    if (o->form == TWO_LAYERS)
        il_token(p, "A", d, "the matrix");
    else
        il_token(p, o->form == COUPLED ? "P" : "At", d,
                 o->form == COUPLED ? "A X" : "the matrix, transposed");
    if (o->form == COUPLED) il_token(p, "Pt", d, "A X, transposed");
    if (o->form == TWO_LAYERS) il_register(p, "Y", d, "A X");
    if (o->form == ORDER) {
        il_register(p, "T", d, "X (I + R + ...)");
        il_start(p, "T <- X");
    }
    il_position(p, "I", d, "the identity");
    il_loop(p, o->loops);
    if (o->form == TWO_LAYERS) {
        il_attend(p, "Y <- A ; I ; X");
        il_attend(p, "X <- -X ; I ; Y");
        il_also(p, "X <- X, Y <- -Y ; I ; I");
    } else if (o->form == ONE_LAYER) {
        il_attend(p, "X <- X ; At | I ; -X | I");
    } else if (o->form == COUPLED) {
        il_attend(p, "X <- X, P <- P ; Pt | I ; P | 2 I - 3 P");
        il_also(p, "Pt <- Pt ; P | I ; Pt | 2 I - 3 Pt");
    } else {
        for (int j = 1; j < o->order; j++) {
            int last = j == o->order - 1;
            il_attend(p, last ? "T <- T, X <- T ; At | I ; -X | I"
                              : "T <- T ; At | I ; -X | I");
            il_also(p, "T <- X, T <- -T ; I ; I");
        }
    }
    il_answer(p, "X");
}

/* C = A B of (d,d) */
static void times(double *C, const double *A, const double *B, int d)
{
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            C[i * d + j] = 0;
            for (int k = 0; k < d; k++) C[i * d + j] += A[i * d + k] * B[k * d + j];
        }
}

/* X <- X (I + R + ... + R^{p-1}), by Horner's rule; work (3,d,d) */
static void step(double *X, const double *A, int d, int p, double *work)
{
    double *R = work, *T = R + d * d, *TR = T + d * d;
    times(R, A, X, d);
    for (int i = 0; i < d * d; i++) R[i] = (i % (d + 1) == 0) - R[i];
    memcpy(T, X, sizeof *T * (size_t)(d * d));
    for (int m = 1; m < p; m++) {
        times(TR, T, R, d);
        for (int i = 0; i < d * d; i++) T[i] = X[i] + TR[i];
    }
    memcpy(X, T, sizeof *T * (size_t)(d * d));
}

/* Steps of order p until r^(p^k) < eps */
static int steps_until(double r, int p, double eps)
{
    int k = 0;
    for (double left = log(eps) / log(r); left > 1; left /= p) k++;
    return k;
}

static void verify_one(il_check *c, const options *o, double condition)
{
    int d = o->dims, p = o->form == ORDER ? o->order : o->form == COUPLED ? 3 : 2;
    double square = condition * condition, r = (square - 1) / (square + 1);
    int steps = o->loops > 100 ? o->loops : il_min(o->loops, steps_until(r, p, 1e-9));
    size_t D = (size_t)d;
    double *A = il_check_spectrum(c, d, d, 1, condition, 3);
    double *X = il_check_take(c, D * D), *work = il_check_take(c, 3 * D * D);
    double *tokens = il_check_take(c, 3 * D * D), *P = il_check_take(c, D * D);
    double *all = il_check_take(c, (size_t)steps * D * D), error = 0, left = 0;
    int width = o->form == COUPLED ? 3 * d : 2 * d;
    if (c->status != IL_OK) return;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) /* alpha A^T with the best alpha */
            X[i * d + j] = 2 / (1 + 1 / square) * A[j * d + i];
    times(P, A, X, d);
    for (int j = 0; j < d; j++)
        for (int i = 0; i < d; i++) {
            double *token = tokens + j * width;
            token[i] = X[i * d + j];
            token[d + i] = o->form == TWO_LAYERS ? A[i * d + j]
                           : o->form == COUPLED  ? P[i * d + j]
                                                 : A[j * d + i];
            if (o->form == COUPLED) token[2 * d + i] = P[j * d + i];
        }
    il_check_run(c, d, tokens, NULL, steps, NULL, all);
    for (int k = 0; k < steps; k++) {
        double *got = all + (size_t)k * D * D; /* column after column */
        step(X, A, d, p, work);
        for (int i = 0; i < d * d; i++) P[i] = got[i % d * d + i / d];
        error = il_larger(error, il_check_difference(P, X, D * D));
    }
    times(work, P, A, d);
    for (int i = 0; i < d * d; i++)
        left = il_larger(left, fabs((i % (d + 1) == 0) - work[i]));
    char size[48];
    snprintf(size, sizeof size, "d=%d", d);
    /* A X is rounded by 2^-53 |A| |X|, which is 2^-53 times the condition, here and in the reference; twice that */
    il_check_row(c, size, condition, steps, error, left,
                 o->form == COUPLED ? 1e-13 * condition : fmax(1e-13, 0x1p-51 * condition));
}

static void verify(il_check *c, const void *opt)
{
    static const double conditions[] = { 10, 100, 1000 };
    for (int i = 0; i < IL_COUNT(conditions); i++) {
        size_t mark = c->used;
        verify_one(c, opt, conditions[i]);
        c->used = mark;
    }
}

const il_construct il_construct_inverse = {
    .name = "inverse",
    .summary = "the inverse of a matrix by Newton's iteration, in four layouts",
    .source = "Schulz 1933; Giannou et al. 2024, arXiv:2403.03183",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
