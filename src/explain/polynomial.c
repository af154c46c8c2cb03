/* polynomial.c - any polynomial of A: what an algorithm that uses A and X^T Y alone can explain at most
 *
 *   w_l = p_l(A) X^T Y,   p_l of degree 8
 *
 * A layer of linear attention multiplies three things that are polynomials of A, so that a stack of them
 * that treats all directions alike is such a polynomial, of degree 0, 3, 12, ..., whatever it computes.
 * Written in Chebyshev's polynomials on [0, the largest eigenvalue], fitted like every candidate on half of the
 * prompts.
 */
#include "explain/match.h"
#include "la/dense.h"

#include <math.h>

enum { N = 9 }; /* numbers of a polynomial */

size_t il_explain_polynomial_work(const il_explain_fit *fit)
{
    return (size_t)N * ((size_t)fit->e->D + N + 4) + (size_t)fit->e->D;
}

/* Chebyshev's polynomials 0..n-1 at x in [-1,1]: T (N) */
static void basis(double x, double *T)
{
    for (int k = 0; k < N; k++)
        T[k] = k == 0 ? 1 : k == 1 ? x : 2 * x * T[k - 1] - T[k - 2];
}

typedef struct {
    const il_explain_fit *fit;
    il_explain_law law;
    double high; /* the largest eigenvalue times its unit */
    double R[N * N], t[N], c[N];
} bench;

static double at_place(const bench *s, double unit, double lambda)
{
    return 2 * lambda * unit / s->high - 1;
}

/* column (N,D): R T_k(A) X^T y of one answer */
static void columns(const bench *s, int p, int o, double *column, double *work)
{
    int D = s->fit->e->D, O = s->fit->e->outs;
    il_explain_prompt at = il_explain_prompt_of(s->fit, p);
    double unit = il_explain_fit_unit(s->fit, s->law, p), T[N];
    for (int i = 0; i < D; i++) {
        basis(at_place(s, unit, at.lambda[i]), T);
        for (int k = 0; k < N; k++) column[k * D + i] = T[k] * unit * at.rhs[i * O + o];
    }
    for (int k = 0; k < N; k++) {
        il_explain_triangle(work, &s->fit->prompt[p], column + k * D, D);
        memcpy(column + k * D, work, sizeof *work * (size_t)D);
    }
}

static void fit_layer(bench *s, int l, double *work)
{
    const il_explain_fit *fit = s->fit;
    int D = fit->e->D;
    double *column = work, *rest = work + N * D, row[N];
    memset(s->R, 0, sizeof s->R);
    memset(s->t, 0, sizeof s->t);
    for (int k = 0; k < N; k++) s->R[k * N + k] = 1e-12;
    for (int p = 0; p < fit->prompts; p += 2)
        for (int o = 0; !fit->prompt[p].diverges[l] && o < fit->e->outs; o++) {
            const double *z = fit->prompt[p].z + (size_t)l * fit->size + (size_t)(o * D);
            double weight = sqrt(fit->prompt[p].weight[l]);
            columns(s, p, o, column, rest);
            for (int i = 0; i < D; i++) {
                for (int k = 0; k < N; k++) row[k] = weight * column[k * D + i];
                il_qr_add(s->R, N, s->t, N, row, weight * z[i]);
            }
        }
    il_qr_solve(s->c, s->R, N, s->t, N);
}

static void use(const bench *s, int l, il_explain_match *match)
{
    const il_explain_fit *fit = s->fit;
    int D = fit->e->D, O = fit->e->outs;
    double T[N];
    for (int p = 0; p < fit->prompts; p++) {
        il_explain_prompt at = il_explain_prompt_of(fit, p);
        double unit = il_explain_fit_unit(fit, s->law, p);
        double *w = match->w + ((size_t)l * (size_t)fit->prompts + (size_t)p) * fit->size;
        for (int i = 0; i < D; i++) {
            double f = 0;
            basis(at_place(s, unit, at.lambda[i]), T);
            for (int k = 0; k < N; k++) f += s->c[k] * T[k] * unit;
            for (int o = 0; o < O; o++) w[o * D + i] = f * at.rhs[i * O + o];
        }
    }
}

void il_explain_layerwise_polynomial(const il_explain_fit *fit, il_explain_law law,
                                     il_explain_match *match, double *work)
{
    bench s = { .fit = fit, .law = law };
    for (int p = 0; p < fit->prompts; p++)
        for (int i = 0; i < fit->e->D; i++)
            s.high = fmax(s.high, il_explain_prompt_of(fit, p).lambda[i] *
                                      il_explain_fit_unit(fit, law, p));
    if (!(s.high > 0)) s.high = 1;
    match->free = 0;
    for (int l = 0; l < fit->layers; l++) {
        match->layer[l].step = l + 1;
        match->layer[l].value[0] = N - 1;
        match->free += fit->silent[l] ? 0 : N;
        fit_layer(&s, l, work);
        use(&s, l, match);
    }
}
