/* newton.c - linear regression by Newton's iteration for the inverse, one head, for any number of examples
 *
 * With S = sum_i x_i x_i^T over the examples, every token, the query too, keeps t_j = M_k x_j:
 *
 *   M_{k+1} = 2 M_k - M_k S M_k:   t_j <- 2 (t_j - 1/2 sum_i t_i <x_i, t_j>)
 *
 * attention takes the half away, units double. From M_0 = alpha S by a layer of its own,
 * t_j = alpha sum_i x_i <x_i, x_j>, or from M_0 = alpha I, t = alpha x at the read-in. A layer
 * reads out o_j = sum_i y_i <x_i, t_j> = <M_k X^T y, x_j>. So k + 2 layers, one head, width 2d+2.
 * First-order errors cancel in the next step: the key is x and the query t, not the reverse.
 *
 * Order p: M_{k+1} = (I + R + ... + R^{p-1}) M_k with R = I - M_k S, by Horner's rule in a register
 * r: r_1 = t + R t, r_{m+1} = t + R r_m, where R r = r - sum_i t_i <x_i, r>; the last of the p - 1
 * layers writes to t.
 *
 * Ridge regression, with S + mu I: d more examples (sqrt(mu) e_c, 0). The layout `led` puts d empty tokens before the
 * prompt, and the table of positions fills them: the same layers, head and width, for any n.
 *
 * Sources: Schulz 1933; Fu et al. 2023, arXiv:2310.17086, whose T S T^T this replaces; Giannou
 * et al. 2024, arXiv:2403.03183.
 */
#include "construct/construct.h"

#include <math.h>

typedef struct {
    int dims, points, loops, order, start;
    double alpha, ridge;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 256, "dimension of x" },
    { "points", IL_OPT_INT, offsetof(options, points), 41, 2, 4096, "longest prompt" },
    { "loops", IL_OPT_INT, offsetof(options, loops), 14, 1, 10000, "steps" },
    { "order", IL_OPT_INT, offsetof(options, order), 2, 2, 10,
      "order p; p - 1 layers a step" },
    { "start", IL_OPT_CHOICE, offsetof(options, start), 0, 0, 0, "M_0: alpha S or alpha I",
      "S|I" },
    { "alpha", IL_OPT_REAL, offsetof(options, alpha), 0, 0, 1e12,
      "of M_0; 0: 1 / the largest eigenvalue of usual prompts (squared for S)" },
    { "ridge", IL_OPT_REAL, offsetof(options, ridge), 0, 0, 1e6, "weight of |w|^2" },
    { 0 },
};
static const char *const cases[] = {
    "dims=5 loops=14",
    "dims=20 loops=30",
    "dims=10 loops=16 start=I",
    "dims=5 loops=10 order=3",
    "dims=10 loops=8 order=4 start=I",
    "dims=5 loops=6 order=6",
    "dims=5 loops=400",
    "dims=5 loops=14 ridge=0.5",
    "dims=20 loops=20 ridge=2 start=I",
    "dims=5 loops=10 order=3 ridge=0.5",
    NULL,
};

static double alpha(const options *o)
{
    double usual = il_usual_largest(o->points, o->dims) + o->ridge;
    return o->alpha > 0 ? o->alpha : 1 / (o->start ? usual : usual * usual);
}

double il_newton_most(double alpha, int of_identity, double ridge)
{
    double most = 1.9 / alpha; /* below 2, where R = I - M S is of norm 1 */
    return (of_identity ? most : sqrt(most)) - ridge;
}

void il_newton_fits(il_program *p, double alpha, int of_identity, double ridge)
{
    if (il_newton_most(alpha, of_identity, ridge) > 0) return;
    il_refuse(p,
              "alpha = %g: with ridge = %g Newton's iteration diverges whatever it is "
              "shown; take less than %s",
              alpha, ridge,
              il_digits_short(of_identity ? 1.9 / ridge : 1.9 / ridge / ridge).text);
}

/* The register gets `value` e_c in token c < d. */
static void add_virtual(il_program *p, const char *name, int d, double value)
{
    double *table = il_numbers(p, (size_t)d * (size_t)d);
    for (int c = 0; table && c < d; c++) table[c * d + c] = value;
    il_table_of(p, name, d, d, table, "");
}

static void compose(il_program *p, const void *opt)
{
    const options *o = opt;
    int d = o->dims;
    il_newton_fits(p, alpha(o), o->start, o->ridge);
    il_task_is(p, "linear_regression", o->ridge > 0 ? "led" : "columns", d, o->points);
    il_masked(p);
    il_token(p, "x", d, "the inputs");
    if (o->ridge > 0) add_virtual(p, "x", d, sqrt(o->ridge));
    il_token(p, "y", 1, "the targets");
    il_register(p, "t", d, "M x, where M tends to the inverse of sum x x'");
    if (o->order > 2) il_register(p, "r", d, "(I + R + R R + ...) M x");
    il_register(p, "o", 1, "the answer");
    if (o->start) il_start(p, "t <- %g x", alpha(o)); /* of the prompt's tokens */
    if (o->start && o->ridge > 0) add_virtual(p, "t", d, alpha(o) * sqrt(o->ridge));
    if (!o->start) il_attend(p, "t <- %g x ; x ; x", alpha(o));
    il_loop(p, o->loops);
    if (o->order == 2) {
        il_attend(p, "t <- -0.5 t ; x ; t");
        il_double(p, "t");
    } else {
        il_attend(p, "r <- -t ; x ; t");
        il_relu(p, "r <- 2 relu(t), r <- -2 relu(-t)");
        for (int j = 2; j < o->order - 1; j++) {
            il_attend(p, "r <- -t ; x ; r");
            il_relu(p, "r <- relu(t), r <- -relu(-t)");
        }
        il_attend(p, "t <- -t ; x ; r");
        il_relu(p, "t <- relu(r), t <- -relu(-r), r <- -relu(r), r <- relu(-r)");
    }
    il_after(p);
    il_attend(p, "o <- y ; x ; t");
    il_answer(p, "o");
}

static void verify_one(il_check *c, const void *opt, const il_problem *p, const char *size,
                       double condition)
{
    const options *o = opt;
    char algo[IL_TEXT];
    snprintf(algo, sizeof algo, "newton order=%d start=%s alpha=%s ridge=%s", o->order,
             o->start ? "alpha_i" : "alpha_s", il_digits(alpha(o)).text,
             il_digits(o->ridge).text);
    il_check_against(c, p, algo, o->loops, o->loops, o->ridge, size, condition,
                     1e-14 * (10 + condition));
}

static void verify(il_check *c, const void *opt)
{
    const options *o = opt;
    il_check_regression(c, o->dims, o->points, il_newton_most(alpha(o), o->start, o->ridge),
                        verify_one, o);
}

const il_construct il_construct_newton = {
    .name = "newton",
    .summary = "linear and ridge regression by Newton's inverse of any order, one head",
    .source = "Schulz 1933; Giannou et al. 2024, arXiv:2403.03183",
    .opts = opts,
    .size = sizeof(options),
    .cases = cases,
    .compose = compose,
    .verify = verify,
};
