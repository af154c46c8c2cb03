/* layerwise.c - gradient descent and GD++ with parameters of their own in every layer
 *
 *   gd    f <- f + eta_l (1 - lambda f)
 *   gdpp  m <- m (1 - gamma_l m^2 lambda),   f <- f + eta_l m^2 (1 - lambda f)
 *
 * A layer is one step. First layer by layer: given those before, the family's answers after layer l are
 * linear in eta_l, which least squares gives, and gamma_l is fitted to the first layer answers that depend on
 * it. Then all parameters together, from there, by Levenberg and Marquardt's damped least squares, so that
 * the effect of an earlier layer on later ones counts.
 * Source of GD++: von Oswald et al. 2023, arXiv:2212.07677; one step size a layer: Ahn et al. 2023,
 * arXiv:2306.00297.
 */
#include "explain/match.h"
#include "la/dense.h"

#include <math.h>

enum {
    MOST = 64
}; /* parameters that are fitted together; models of more layers: only in turn */

typedef struct {
    const il_explain_fit *fit;
    int transforms; /* gdpp */
    int layer;
    double *unit;        /* (prompts) of a step size */
    double *f, *m;       /* (prompts,D) after the layers before */
    double *a, *d;       /* (D) */
    double *eta, *gamma; /* (layers) */
} path;

static double shrunk(double m, double gamma, double unit, double lambda)
{
    return m * (1 - gamma * unit * m * m * lambda);
}

/* ---- layer by layer ----------------------------------------------------------------------------- */

/* The best step size of this layer when the inputs were first transformed with gamma. Returns what is
 * left of the layer's answers. */
static double step_size(path *s, double gamma)
{
    const il_explain_fit *fit = s->fit;
    int D = fit->e->D, O = fit->e->outs;
    double dd = 0, dr = 0, rr = 0;
    double *direction = s->d + D;
    for (int p = 0; p < fit->prompts; p++) {
        const il_explain_projection *projection = &fit->prompt[p];
        il_explain_prompt at = il_explain_prompt_of(fit, p);
        const double *z = projection->z + (size_t)s->layer * fit->size;
        const double *f = s->f + (size_t)p * (size_t)D, *m = s->m + (size_t)p * (size_t)D;
        double weight = projection->weight[s->layer], unit = s->unit[p];
        rr += weight * projection->rest[s->layer];
        for (int o = 0; o < O; o++, z += D) {
            for (int i = 0; i < D; i++) s->d[i] = f[i] * at.rhs[i * O + o];
            il_explain_triangle(s->a, projection, s->d, D);
            for (int i = 0; i < D; i++) {
                double now = shrunk(m[i], gamma, unit, at.lambda[i]);
                s->a[i] = z[i] - s->a[i];
                s->d[i] = unit * now * now * (1 - at.lambda[i] * f[i]) * at.rhs[i * O + o];
            }
            il_explain_triangle(direction, projection, s->d, D);
            for (int i = 0; i < D; i++) {
                dd += weight * direction[i] * direction[i];
                dr += weight * direction[i] * s->a[i];
                rr += weight * s->a[i] * s->a[i];
            }
        }
    }
    double eta = s->eta[s->layer] = dd > 0 ? dr / dd : 0;
    return rr - 2 * eta * dr + eta * eta * dd;
}

/* By golden section in [low,high] around the best of a few places */
static double transform(path *s, double reach)
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

static void take_step(path *s, int l)
{
    int D = s->fit->e->D;
    for (int p = 0; p < s->fit->prompts; p++) {
        const double *lambda = il_explain_prompt_of(s->fit, p).lambda;
        double *f = s->f + (size_t)p * (size_t)D, *m = s->m + (size_t)p * (size_t)D;
        for (int i = 0; i < D; i++) {
            m[i] = shrunk(m[i], s->gamma[l], s->unit[p], lambda[i]);
            f[i] += s->eta[l] * s->unit[p] * m[i] * m[i] * (1 - lambda[i] * f[i]);
        }
    }
}

static void restart(path *s)
{
    for (int i = 0; i < s->fit->prompts * s->fit->e->D; i++) s->f[i] = 0, s->m[i] = 1;
}

/* Where gamma reaches: twice what makes the largest eigenvalue's direction vanish, on average */
static double reach_of(const path *s)
{
    double sum = 0;
    for (int p = 0; p < s->fit->prompts; p++) {
        const double *lambda = il_explain_prompt_of(s->fit, p).lambda;
        double largest = 0;
        for (int i = 0; i < s->fit->e->D; i++) largest = fmax(largest, lambda[i]);
        sum += largest * s->unit[p] / s->fit->prompts;
    }
    return sum > 0 ? 2 / sum : 1;
}

/* Do the layer answers depend on this layer's gamma? */
static int shows(const path *s, int l)
{
    return s->transforms && l > 0 && !s->fit->silent[l - 1] && !s->fit->silent[l];
}

static void in_turn(path *s)
{
    double reach = reach_of(s);
    restart(s);
    for (s->layer = 0; s->layer < s->fit->layers; s->layer++) {
        int l = s->layer;
        s->gamma[l] = shows(s, l) ? transform(s, reach) : 0;
        step_size(s, s->gamma[l]);
        if (s->fit->silent[l]) s->eta[l] = 0;
        take_step(s, l);
    }
}

/* ---- all together --------------------------------------------------------------------------------- */

/* J^T J (n,n), J^T r (n) and r^T r of the weighted differences, in the order of `which` */
typedef struct {
    int n, which[MOST]; /* layer of eta; layers + layer of gamma */
    double JJ[MOST * MOST], Jr[MOST], rr;
} normal;

/* One eigenvalue's f and m after every layer, with their derivatives: f (L), df (L,n) */
static void differentiate(const path *s, const normal *to, double unit, double lambda,
                          double *f, double *df)
{
    int L = s->fit->layers, n = to->n;
    double now = 0, m = 1, dnow[MOST] = { 0 }, dm[MOST] = { 0 };
    for (int l = 0; l < L; l++) {
        double g = s->gamma[l] * unit * lambda, h = s->eta[l] * unit;
        for (int k = 0; k < n; k++) {
            dm[k] *= 1 - 3 * g * m * m;
            if (to->which[k] == L + l) dm[k] -= unit * lambda * m * m * m;
        }
        m *= 1 - g * m * m;
        for (int k = 0; k < n; k++) {
            dnow[k] +=
                2 * h * m * (1 - lambda * now) * dm[k] - h * m * m * lambda * dnow[k];
            if (to->which[k] == l) dnow[k] += unit * m * m * (1 - lambda * now);
        }
        now += h * m * m * (1 - lambda * now);
        f[l] = now;
        for (int k = 0; k < n; k++) df[l * n + k] = dnow[k];
    }
}

/* Adds one answer of one layer of prompt p; f (D,L), df (D,L,n), rows (n+1,D) scratch */
static void add(const path *s, normal *to, int p, int l, int o, const double *f,
                const double *df, double *rows)
{
    const il_explain_fit *fit = s->fit;
    const il_explain_projection *projection = &fit->prompt[p];
    il_explain_prompt at = il_explain_prompt_of(fit, p);
    int D = fit->e->D, O = fit->e->outs, L = fit->layers, n = to->n;
    const double *z = projection->z + (size_t)l * fit->size + (size_t)(o * D);
    double weight = projection->weight[l];
    for (int k = 0; k <= n; k++) {
        for (int i = 0; i < D; i++)
            s->d[i] = at.rhs[i * O + o] * (k < n ? df[(i * L + l) * n + k] : f[i * L + l]);
        il_explain_triangle(rows + k * D, projection, s->d, D);
    }
    double *r = rows + n * D;
    for (int i = 0; i < D; i++) r[i] = z[i] - r[i], to->rr += weight * r[i] * r[i];
    for (int k = 0; k < n; k++) {
        for (int j = 0; j <= k; j++) {
            double sum = 0;
            for (int i = 0; i < D; i++) sum += rows[k * D + i] * rows[j * D + i];
            to->JJ[k * n + j] += weight * sum;
        }
        for (int i = 0; i < D; i++) to->Jr[k] += weight * rows[k * D + i] * r[i];
    }
}

static void accumulate(path *s, normal *to, double *scratch)
{
    const il_explain_fit *fit = s->fit;
    int D = fit->e->D, L = fit->layers, n = to->n;
    double *f = scratch, *df = f + D * L, *rows = df + D * L * n;
    memset(to->JJ, 0, sizeof to->JJ);
    memset(to->Jr, 0, sizeof to->Jr);
    to->rr = 0;
    for (int p = 0; p < fit->prompts; p++) {
        const double *lambda = il_explain_prompt_of(fit, p).lambda;
        for (int i = 0; i < D; i++)
            differentiate(s, to, s->unit[p], lambda[i], f + i * L, df + i * L * n);
        for (int l = 0; l < L; l++)
            for (int o = 0; o < fit->e->outs && !fit->silent[l]; o++)
                add(s, to, p, l, o, f, df, rows);
    }
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++) to->JJ[j * n + k] = to->JJ[k * n + j];
}

/* (JJ + damping diag JJ) step = Jr */
static void solve(const normal *at, double damping, double *step)
{
    double R[MOST * MOST] = { 0 }, t[MOST] = { 0 }, row[MOST];
    int n = at->n;
    for (int k = 0; k < n; k++) R[k * n + k] = 1e-150;
    for (int k = 0; k < n; k++) {
        for (int j = 0; j < n; j++) row[j] = at->JJ[k * n + j];
        row[k] += damping * at->JJ[k * n + k] + 1e-300;
        il_qr_add(R, n, t, n, row, at->Jr[k]);
    }
    il_qr_solve(step, R, n, t, n);
}

static void move(path *s, const normal *to, const double *step, double by)
{
    for (int k = 0; k < to->n; k++) {
        int l = to->which[k], L = s->fit->layers;
        double *value = l < L ? &s->eta[l] : &s->gamma[l - L];
        *value += by * step[k];
    }
}

static void together(path *s, normal *now, normal *next, double *scratch)
{
    enum { ROUNDS = 40 };
    double damping = 1e-3, step[MOST];
    int L = s->fit->layers;
    now->n = 0;
    for (int l = 0; l < L; l++)
        if (!s->fit->silent[l]) now->which[now->n++] = l;
    for (int l = 0; l < L; l++)
        if (shows(s, l)) now->which[now->n++] = L + l;
    accumulate(s, now, scratch);
    *next = *now;
    for (int round = 0; round < ROUNDS; round++) {
        solve(now, damping, step);
        move(s, now, step, 1);
        accumulate(s, next, scratch);
        if (next->rr < now->rr) {
            int settled = now->rr - next->rr < 1e-9 * now->rr;
            *now = *next;
            damping /= 4;
            if (settled) break;
        } else { /* NaN too */
            move(s, now, step, -1);
            damping *= 8;
            if (damping > 1e9) break;
        }
    }
}

/* ---- the families ------------------------------------------------------------------------------------ */

static size_t together_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, L = (size_t)fit->layers, n = il_min((int)(2 * L), MOST);
    return 2 * (sizeof(normal) / sizeof(double) + 1) + D * L * (n + 1) + (n + 1) * D;
}

size_t il_explain_layerwise_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, P = (size_t)fit->prompts, L = (size_t)fit->layers;
    size_t steps = P + 2 * P * D + 3 * D + 2 * L + together_work(fit);
    size_t others = il_explain_precondition_work(fit),
           filter = il_explain_polynomial_work(fit);
    steps = steps > others ? steps : others;
    return steps > filter ? steps : filter;
}

static void fit_steps(const il_explain_fit *fit, il_explain_law law,
                      il_explain_match *match, int transforms, double *work)
{
    size_t D = (size_t)fit->e->D, P = (size_t)fit->prompts, O = (size_t)fit->e->outs;
    path s = { .fit = fit, .transforms = transforms, .unit = work };
    s.f = s.unit + P, s.m = s.f + P * D, s.a = s.m + P * D, s.d = s.a + D;
    s.eta = s.d + 2 * D, s.gamma = s.eta + fit->layers;
    double *rest = s.gamma + fit->layers;
    for (int p = 0; p < fit->prompts; p++) s.unit[p] = il_explain_fit_unit(fit, law, p);
    in_turn(&s);
    if ((transforms ? 2 : 1) * fit->layers <= MOST) {
        normal *two = (normal *)(void *)rest;
        together(&s, two, two + 1, rest + 2 * (sizeof(normal) / sizeof(double) + 1));
    }
    restart(&s);
    match->free = 0;
    for (int l = 0; l < fit->layers; l++) {
        il_explain_layer_match *to = &match->layer[l];
        take_step(&s, l);
        to->step = l + 1;
        to->value[0] = s.eta[l];
        to->value[1] = s.gamma[l];
        match->free += fit->silent[l] ? 0 : 1 + shows(&s, l);
        for (size_t p = 0; p < P; p++)
            for (size_t o = 0; o < O; o++)
                for (size_t i = 0; i < D; i++)
                    match->w[((size_t)l * P + p) * fit->size + o * D + i] =
                        s.f[p * D + i] * il_explain_prompt_of(fit, (int)p).rhs[i * O + o];
    }
}

void il_explain_layerwise_gd(const il_explain_fit *fit, il_explain_law law,
                             il_explain_match *match, double *work)
{
    fit_steps(fit, law, match, 0, work);
}

void il_explain_layerwise_gdpp(const il_explain_fit *fit, il_explain_law law,
                               il_explain_match *match, double *work)
{
    fit_steps(fit, law, match, 1, work);
}
