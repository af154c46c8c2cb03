/* pwl.c - piecewise linear interpolation of functions, for ReLU units
 *
 * On a grid of spacing h the chords of f are within max|f''| h^2 / 8 of it. A function with a
 * root at 0 wants knots that crowd there: lo + (hi - lo) (j/M)^power. Tables are made of
 * + - * / and sqrt alone, so they have the same bits everywhere.
 */
#include "construct/program.h"

#include <math.h>

/* exp(x) = 2^n exp(r), |r| <= ln(2)/2, by its series: within two units of the last place */
double il_exp(double x)
{
    if (x < -700) return 0;
    if (x > 700) return INFINITY;
    const double ln2_hi = 0x1.62e42fefa3800p-1, ln2_lo = 0x1.ef35793c76730p-45;
    double n = floor(x * 1.4426950408889634 + 0.5), r = x - n * ln2_hi - n * ln2_lo,
           sum = 1;
    for (int k = 17; k > 0; k--) sum = 1 + r * sum / k;
    return ldexp(sum, (int)n);
}

double il_root(double x, int n)
{
    double lo = 0, hi = 1;
    for (int i = 0; i < 100; i++) {
        double middle = (lo + hi) / 2, power = 1;
        for (int k = 0; k < n; k++) power *= middle;
        *(power < x ? &lo : &hi) = middle;
    }
    return hi;
}

double il_sigmoid(double x, double unused)
{
    (void)unused;
    return x >= 0 ? 1 / (1 + il_exp(-x)) : il_exp(x) / (1 + il_exp(x));
}

double il_sigmoid_slope(double x, double unused)
{
    double s = il_sigmoid(x, unused);
    return s * il_sigmoid(-x, unused);
}

double il_square(double x, double unused)
{
    (void)unused;
    return x * x;
}

double il_pwl_at(const il_pwl *f, double x)
{
    int M = f->knots - 1, j = 0;
    if (x <= f->t[0]) return f->v[0];
    if (x >= f->t[M]) return f->v[M];
    for (int most = M - 1; j < most;) { /* the last knot at or below x */
        int middle = (j + most + 1) / 2;
        if (f->t[middle] <= x)
            j = middle;
        else
            most = middle - 1;
    }
    return f->v[j] + (f->v[j + 1] - f->v[j]) / (f->t[j + 1] - f->t[j]) * (x - f->t[j]);
}

const il_pwl *il_pwl_knots(il_program *p, const char *name, double (*f)(double x, double a),
                           double a, int knots, const double *at)
{
    enum { BETWEEN = 16 };
    il_pwl *g = il_own(p, sizeof *g);
    double *t = il_own(p, sizeof *t * (size_t)knots);
    double *v = il_own(p, sizeof *v * (size_t)knots);
    if (!g || !t || !v) return NULL;
    for (int j = 0; j < knots; j++) {
        t[j] = at[j];
        v[j] = f(t[j], a);
    }
    for (int j = 1; j < knots; j++)
        if (!(t[j] > t[j - 1])) {
            il_refuse(p, "knots = %d: on %g to %g they do not all differ", knots - 1, t[0],
                      t[knots - 1]);
            return NULL;
        }
    *g = (il_pwl){ .name = name, .knots = knots, .t = t, .v = v };
    for (int j = 0; j < knots - 1; j++)
        for (int i = 1; i < BETWEEN; i++) {
            double x = t[j] + (t[j + 1] - t[j]) * i / BETWEEN;
            g->error = fmax(g->error, fabs(il_pwl_at(g, x) - f(x, a)));
        }
    return g;
}

const il_pwl *il_pwl_new(il_program *p, const char *name, double (*f)(double x, double a),
                         double a, int M, double lo, double hi, int power)
{
    double *t = il_own(p, sizeof *t * (size_t)(M + 1));
    for (int j = 0; t && j <= M; j++) {
        double s = 1;
        for (int k = 0; k < power; k++) s *= (double)j / M;
        t[j] = lo + (hi - lo) * s;
    }
    return t ? il_pwl_knots(p, name, f, a, M + 1, t) : NULL;
}
