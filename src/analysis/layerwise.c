/* layerwise.c - algorithms whose every step has parameters of its own
 *
 *   gd    f <- f + eta_l (1 - lambda f)
 *   gdpp  f <- f + eta_l m^2 (1 - lambda f),   m <- m (1 - gamma_l m^2 lambda) before the next layer
 *
 * A layer is one step. Given the layers before it, a reading is linear in eta_l, which least squares
 * gives; gamma_l is found by search in the reading of layer l+1, in which it first shows.
 * Source of GD++: von Oswald et al. 2023, arXiv:2212.07677; one step size a layer: Ahn et al. 2023,
 * arXiv:2306.00297.
 */
#include "analysis/match.h"

#include <math.h>

typedef struct {
    const il_fit *fit;
    const il_family *family;
    il_law law;
    int layer;
    double *f, *m; /* (prompts,D) after the layers before */
    double *a, *d; /* (D) */
    double eta;    /* the last solve's */
} walk;

/* The unit of a power -1 parameter for a prompt */
static double unit_of(const walk *s, int p)
{
    static const double one[IL_FREE] = { 1, 1, 1 };
    double value[IL_FREE];
    int B = s->fit->e->B;
    il_law_values(value, s->family, one, s->law, s->fit->e, p / B, p % B);
    return value[0];
}

static double shrunk(double m, double gamma, double unit, double lambda)
{
    return m * (1 - gamma * unit * m * m * lambda);
}

/* The best step size of this layer when the inputs were first transformed with gamma; returns the
 * mean squared difference that is left. */
static double step_size(walk *s, double gamma)
{
    const il_fit *fit = s->fit;
    const il_evidence *e = fit->e;
    int D = e->D, B = e->B;
    double dd = 0, dr = 0, rr = 0;
    for (int p = 0; p < e->cells * B; p++) {
        const il_folded *fold = &fit->prompt[p];
        const double *lambda = e->cell[p / B].lambda + (size_t)(p % B) * (size_t)D;
        const double *b = e->cell[p / B].b + (size_t)(p % B) * (size_t)D;
        const double *z = fold->z + (size_t)s->layer * (size_t)D;
        double *f = s->f + (size_t)p * (size_t)D, *m = s->m + (size_t)p * (size_t)D;
        double unit = unit_of(s, p);
        for (int i = 0; i < D; i++) s->d[i] = f[i] * b[i];
        il_triangle(s->a, fold->R, s->d, D);
        rr += fold->rest[s->layer];
        for (int i = 0; i < D; i++) s->a[i] = z[i] - s->a[i];
        for (int i = 0; i < D; i++) {
            double now = shrunk(m[i], gamma, unit, lambda[i]);
            s->d[i] = unit * now * now * (1 - lambda[i] * f[i]) * b[i];
        }
        double *direction = s->d + D;
        il_triangle(direction, fold->R, s->d, D);
        for (int i = 0; i < D; i++) {
            dd += direction[i] * direction[i];
            dr += direction[i] * s->a[i];
            rr += s->a[i] * s->a[i];
        }
    }
    s->eta = dd > 0 ? dr / dd : 0;
    double left = rr - 2 * s->eta * dr + s->eta * s->eta * dd;
    return fmax(left, 0) / ((double)e->cells * B * e->Q);
}

/* By golden section in [low,high] around the best of a few places */
static double transform(walk *s, double reach)
{
    enum { PLACES = 41 };
    const double golden = 0.6180339887498949;
    double best = 0, least = INFINITY, width = 2 * reach / (PLACES - 1);
    for (int i = 0; i < PLACES; i++) {
        double gamma = -reach + width * i, left = step_size(s, gamma);
        if (left < least) least = left, best = gamma;
    }
    double low = best - width, high = best + width;
    for (int i = 0; i < 50; i++) {
        double x = high - golden * (high - low), y = low + golden * (high - low);
        if (step_size(s, x) < step_size(s, y))
            high = y;
        else
            low = x;
    }
    return (low + high) / 2;
}

static void take_step(walk *s, double gamma)
{
    const il_evidence *e = s->fit->e;
    int D = e->D, B = e->B;
    for (int p = 0; p < e->cells * B; p++) {
        const double *lambda = e->cell[p / B].lambda + (size_t)(p % B) * (size_t)D;
        double *f = s->f + (size_t)p * (size_t)D, *m = s->m + (size_t)p * (size_t)D;
        double unit = unit_of(s, p);
        for (int i = 0; i < D; i++) {
            m[i] = shrunk(m[i], gamma, unit, lambda[i]);
            f[i] += s->eta * unit * m[i] * m[i] * (1 - lambda[i] * f[i]);
        }
    }
}

/* Where gamma reaches: twice what makes the largest eigenvalue's direction vanish, on average */
static double reach_of(const walk *s)
{
    const il_evidence *e = s->fit->e;
    double sum = 0;
    int prompts = e->cells * e->B;
    for (int p = 0; p < prompts; p++) {
        const double *lambda = e->cell[p / e->B].lambda + (size_t)(p % e->B) * (size_t)e->D;
        double largest = 0;
        for (int i = 0; i < e->D; i++) largest = fmax(largest, lambda[i]);
        sum += largest * unit_of(s, p) / prompts;
    }
    return sum > 0 ? 2 / sum : 1;
}

void il_fit_layerwise(const il_fit *fit, const il_family *family, il_law law,
                      il_match *match, double *weights)
{
    const il_evidence *e = fit->e;
    size_t size = (size_t)e->cells * (size_t)e->B * (size_t)e->D;
    double *work = weights + size * (size_t)fit->layers;
    walk s = { .fit = fit, .family = family, .law = law };
    s.f = work, s.m = s.f + size, s.a = s.m + size, s.d = s.a + e->D;
    for (size_t i = 0; i < size; i++) s.f[i] = 0, s.m[i] = 1;
    double reach = reach_of(&s), gamma_before = 0;
    match->free = 0;
    for (s.layer = 0; s.layer < fit->layers; s.layer++) {
        int second = family->layerwise == 2 && s.layer > 0 && !fit->silent[s.layer - 1];
        double gamma = second ? transform(&s, reach) : 0;
        double left = step_size(&s, gamma);
        il_layer_match *to = &match->layer[s.layer];
        if (fit->silent[s.layer]) s.eta = 0, gamma = gamma_before, left = 0;
        take_step(&s, gamma);
        to->step = s.layer + 1;
        to->spd = left;
        to->value[0] = s.eta;
        to->value[1] = gamma;
        match->free += fit->silent[s.layer] ? 0 : 1 + second;
        for (int p = 0; p < e->cells * e->B; p++)
            for (int i = 0; i < e->D; i++) {
                size_t at = (size_t)p * (size_t)e->D + (size_t)i;
                weights[size * (size_t)s.layer + at] =
                    s.f[at] *
                    e->cell[p / e->B].b[(size_t)(p % e->B) * (size_t)e->D + (size_t)i];
            }
    }
}
