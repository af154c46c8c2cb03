/* search.c - the least value of a function of a few positive numbers
 *
 * A grid in the logarithms finds the valleys: places that are lower than their neighbours. Nelder and
 * Mead's simplex goes down from the lowest of these. No random numbers: the same function gives the same answer.
 * Source: Nelder & Mead 1965, "A simplex method for function minimization".
 */
#include "explain/match.h"

#include <math.h>

enum { MOST = IL_FREE, STARTS = 4, TRIES = 80, PLACES = 1024 };

typedef struct {
    double (*g)(void *context, const double *x);
    void *context;
    int n;
    const double *low, *high; /* logarithms */
} target;

typedef struct {
    double t[MOST], value; /* t: logarithms */
} place;

static double at(const target *f, place *p)
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

static void sort(place *p, int n)
{
    for (int i = 1; i < n; i++) {
        place x = p[i];
        int j = i;
        for (; j > 0 && p[j - 1].value > x.value; j--) p[j] = p[j - 1];
        p[j] = x;
    }
}

/* centre + c (centre - worst) */
static place through(const target *f, const place *s, double c)
{
    place p;
    for (int i = 0; i < f->n; i++) {
        double centre = 0;
        for (int j = 0; j < f->n; j++) centre += s[j].t[i] / f->n;
        p.t[i] = centre + c * (centre - s[f->n].t[i]);
    }
    at(f, &p);
    return p;
}

static place descend(const target *f, place start, const double *size)
{
    place s[MOST + 1];
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
        place p = through(f, s, 1);
        if (p.value < s[0].value) {
            place far = through(f, s, 2);
            s[n] = far.value < p.value ? far : p;
        } else if (p.value < s[n - 1].value || (n == 1 && p.value < s[1].value)) {
            s[n] = p;
        } else {
            place in = through(f, s, p.value < s[n].value ? 0.5 : -0.5);
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

static place grid_place(const target *f, const double *size, int across, int k)
{
    place p = { .value = HUGE_VAL };
    for (int i = 0; i < f->n; i++, k /= across) p.t[i] = f->low[i] + size[i] * (k % across);
    return p;
}

/* Is no neighbour of place k along an axis lower? */
static int is_valley(const double *value, int places, int n, int across, int k)
{
    int step = 1;
    for (int i = 0; i < n; i++, step *= across) {
        int where = k / step % across;
        if (where > 0 && value[k - step] < value[k]) return 0;
        if (where + 1 < across && k + step < places && value[k + step] < value[k]) return 0;
    }
    return 1;
}

double il_least(double (*g)(void *context, const double *x), void *context, int n,
                const double *low, const double *high, int across, int given, double *x)
{
    double lo[MOST], hi[MOST], size[MOST];
    target f = { g, context, n, lo, hi };
    int places = 1;
    for (int i = 0; i < n; i++) {
        lo[i] = log(low[i]), hi[i] = log(high[i]);
        size[i] = (hi[i] - lo[i]) / (across - 1);
        places *= across;
    }
    double value[PLACES];
    place best[STARTS + 2] = { 0 };
    int kept = 0;
    places = il_min(places, PLACES);
    for (int k = 0; k < places; k++) {
        place p = grid_place(&f, size, across, k);
        value[k] = at(&f, &p);
    }
    for (int k = 0; k < places; k++) {
        if (!is_valley(value, places, n, across, k)) continue;
        best[kept] = grid_place(&f, size, across, k);
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
