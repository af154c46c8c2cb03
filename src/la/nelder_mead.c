/* nelder_mead.c - the least value of a function of a few positive numbers
 *
 * A grid in the logarithms finds the local minima: points that are lower than their neighbours. Nelder and
 * Mead's simplex starts from the lowest of these.
 * Source: Nelder & Mead 1965, "A simplex method for function minimization".
 */
#include "la/nelder_mead.h"
#include "base/base.h"

#include <assert.h>
#include <math.h>

enum { MOST = IL_LEAST_MOST, STARTS = 4, TRIES = 80, POINTS = 1024 };

typedef struct {
    double (*g)(void *context, const double *x);
    void *context;
    int n;
    const double *low, *high; /* logarithms */
} target;

typedef struct {
    double t[MOST], value; /* t: logarithms */
} point;

static double at(const target *f, point *p)
{
    double x[MOST];
    for (int i = 0; i < f->n; i++) {
        p->t[i] = fmin(fmax(p->t[i], f->low[i]), f->high[i]);
        x[i] = exp(p->t[i]);
    }
    p->value = f->g(f->context, x);
    if (!(p->value < HUGE_VAL)) p->value = HUGE_VAL; /* NaN too: the algorithm diverges */
    return p->value;
}

static void sort(point *p, int n)
{
    for (int i = 1; i < n; i++) {
        point x = p[i];
        int j = i;
        for (; j > 0 && p[j - 1].value > x.value; j--) p[j] = p[j - 1];
        p[j] = x;
    }
}

/* centre + c (centre - worst) */
static point through(const target *f, const point *s, double c)
{
    point p;
    for (int i = 0; i < f->n; i++) {
        double centre = 0;
        for (int j = 0; j < f->n; j++) centre += s[j].t[i] / f->n;
        p.t[i] = centre + c * (centre - s[f->n].t[i]);
    }
    at(f, &p);
    return p;
}

static point descend(const target *f, point start, const double *size)
{
    point s[MOST + 1];
    int n = f->n;
    for (int j = 0; j <= n; j++) {
        s[j] = start;
        if (j < n) {
            double step = start.t[j] + size[j] > f->high[j] ? -size[j] : size[j];
            s[j].t[j] += step;
            at(f, &s[j]);
        }
    }
    for (int k = 0; k < TRIES * n; k++) {
        sort(s, n + 1);
        if (!(s[n].value > s[0].value + 1e-4 * fabs(s[0].value) + 1e-16)) break;
        point p = through(f, s, 1);
        if (p.value < s[0].value) {
            point far = through(f, s, 2);
            s[n] = far.value < p.value ? far : p;
        } else if (p.value < s[n - 1].value || (n == 1 && p.value < s[1].value)) {
            s[n] = p;
        } else {
            point in = through(f, s, p.value < s[n].value ? 0.5 : -0.5);
            if (in.value < s[n].value) {
                s[n] = in;
                continue;
            }
            for (int j = 1; j <= n; j++) {
                for (int i = 0; i < n; i++) s[j].t[i] = (s[j].t[i] + s[0].t[i]) / 2;
                at(f, &s[j]);
            }
        }
    }
    sort(s, n + 1);
    return s[0];
}

static point grid_point(const target *f, const double *size, int across, int k)
{
    point p = { .value = HUGE_VAL };
    for (int i = 0; i < f->n; i++, k /= across) p.t[i] = f->low[i] + size[i] * (k % across);
    return p;
}

/* Is no neighbour of point k along an axis lower? */
static int is_local_minimum(const double *value, int points, int n, int across, int k)
{
    int step = 1;
    for (int i = 0; i < n; i++, step *= across) {
        int where = k / step % across;
        if (where > 0 && value[k - step] < value[k]) return 0;
        if (where + 1 < across && k + step < points && value[k + step] < value[k]) return 0;
    }
    return 1;
}

double il_least(double (*g)(void *context, const double *x), void *context, int n,
                const double *low, const double *high, int across, int given, double *x)
{
    double lo[MOST], hi[MOST], size[MOST];
    target f = { g, context, n, lo, hi };
    assert(n <= MOST);
    int points = 1;
    for (int i = 0; i < n; i++) {
        lo[i] = log(low[i]), hi[i] = log(high[i]);
        size[i] = (hi[i] - lo[i]) / (across - 1);
        points *= across;
    }
    double value[POINTS];
    point best[STARTS + 2] = { 0 };
    int kept = 0;
    points = il_min(points, POINTS);
    for (int k = 0; k < points; k++) {
        point p = grid_point(&f, size, across, k);
        value[k] = at(&f, &p);
    }
    for (int k = 0; k < points; k++) {
        if (!is_local_minimum(value, points, n, across, k)) continue;
        best[kept] = grid_point(&f, size, across, k);
        best[kept].value = value[k];
        sort(best, kept + 1);
        kept = il_min(kept + 1, STARTS);
    }
    if (given) {
        for (int i = 0; i < n; i++) best[kept].t[i] = log(x[i]);
        at(&f, &best[kept++]);
    }
    for (int i = 0; i < n; i++) size[i] /= 2;
    for (int k = 0; k < kept; k++) best[k] = descend(&f, best[k], size);
    sort(best, kept);
    for (int again = 0; again < 3; again++) { /* a simplex may have collapsed */
        for (int i = 0; i < n; i++) size[i] /= 8;
        best[0] = descend(&f, best[0], size);
    }
    sort(best, kept);
    for (int i = 0; i < n; i++) x[i] = exp(best[0].t[i]);
    return best[0].value;
}
