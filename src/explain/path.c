/* path.c - the answers of a spectral filter after every layer, and least squares in its parameters
 *
 * A candidate takes so many steps before every layer's answers, with parameters that all layers share or one step a
 * layer with parameters of its own. Its squared difference from the layer answers of a prompt is
 * c - 2 g.f + f.H f in the filter's values f of the eigenvalues, H = sum_o diag(b_o) R^T R diag(b_o). Levenberg and
 * Marquardt's damped least squares, with derivatives by differences, fits all parameters of all layers together;
 * parameters of their own are first fitted layer by layer, given those before.
 */
#include "explain/match.h"
#include "la/dense.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 64 }; /* parameters that are fitted together; of more: only layer by layer */

/* What is fitted: a parameter of a layer, or of all (layer -1), or the factor of the answers (which -1) */
typedef struct {
    int layer, which;
    double unit;
} place;

typedef struct {
    int n, from, to, stride; /* layers that count: from..to-1; prompts: 0, stride, ... */
    place at[MOST];
    double JJ[MOST * MOST], Jr[MOST], rr;
} normal;

/* One step a layer, with the layer's own parameters or another algorithm's step from a layer on: f (D,layers) of the
 * layers before `to` */
static void layered(const il_explain_fit *fit, const il_explain_match *m, int p, int to,
                    double *f)
{
    double s[IL_FILTER_STATE], value[IL_LAYERS][IL_FREE];
    const il_explain_family *family = m->family;
    int L = fit->layers, D = fit->e->D;
    const double *lambda = il_explain_prompt_of(fit, p).lambda;
    for (int l = 0; l < to && (!l || family->own); l++)
        il_explain_law_values(fit, value[l], family,
                              family->own ? m->layer[l].value : m->value, m->law, p);
    for (int i = 0; i < D; i++) {
        il_explain_filter_point at = { lambda[i], 0, L, fit->nodes };
        memset(s, 0, sizeof s);
        if (family->start) family->start(value[0], &at, s);
        for (int l = 0; l < to; l++) {
            for (; at.k < fit->position[l]; at.k++)
                (family->then && at.k >= m->change ? family->then : family->step)(
                    value[family->own ? l : 0], &at, s);
            f[i * L + l] = m->scale * s[0];
        }
    }
}

/* f (D,layers) of the layers before `to` */
static void path(const il_explain_fit *fit, const il_explain_match *m, int p, int to,
                 double *f, double *F)
{
    double value[IL_FREE];
    int most = 0, L = fit->layers;
    if (m->family->own || m->family->then) {
        layered(fit, m, p, to, f);
        return;
    }
    for (int l = 0; l < to; l++) most = il_max(most, m->layer[l].step);
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    for (int i = 0; i < fit->e->D; i++) {
        il_explain_filter_point at = { il_explain_prompt_of(fit, p).lambda[i], 0, L,
                                       fit->nodes };
        il_explain_filter(m->family, value, at, most, F);
        for (int l = 0; l < to; l++) f[i * L + l] = m->scale * F[m->layer[l].step];
    }
}

static double *value_of(il_explain_match *m, place at)
{
    return at.which < 0   ? &m->scale
           : at.layer < 0 ? &m->value[at.which]
                          : &m->layer[at.layer].value[at.which];
}

/* f (D,L) and its derivatives df (n,D,L) on prompt p */
static void differentiate(const il_explain_fit *fit, il_explain_match *m, const normal *to,
                          int p, double *f, double *df, double *F)
{
    int D = fit->e->D, L = fit->layers, n = to->n;
    path(fit, m, p, to->to, f, F);
    for (int j = 0; j < n; j++) {
        double *value = value_of(m, to->at[j]), kept = *value, *moved = df + j * D * L;
        double h = 1e-6 * fmax(fabs(kept), 1e-3 * to->at[j].unit);
        *value = kept + h;
        h = *value - kept;
        path(fit, m, p, to->to, moved, F);
        for (int i = 0; i < D * L; i++) moved[i] = (moved[i] - f[i]) / h;
        *value = kept;
    }
}

/* Adds one layer of prompt p; v, u (D) */
static void add(const il_explain_fit *fit, normal *to, int p, int l, const double *f,
                const double *df, double *v, double *u)
{
    const il_explain_projection *at = &fit->prompt[p];
    int D = fit->e->D, L = fit->layers, n = to->n;
    const double *g = at->g + (size_t)l * (size_t)D;
    double weight = at->weight[l], rr = at->c[l], *image = u + D;
    for (int i = 0; i < D; i++) u[i] = f[i * L + l];
    il_explain_normal_square(fit, p, u, v);
    for (int i = 0; i < D; i++) v[i] = g[i] - v[i], rr -= u[i] * (g[i] + v[i]);
    to->rr += weight * fmax(rr, 0);
    for (int j = 0; j < n; j++) {
        const double *direction = df + j * D * L + l;
        if (to->at[j].layer > l) continue; /* of a later layer */
        for (int i = 0; i < D; i++) u[i] = direction[i * L];
        il_explain_normal_square(fit, p, u, image);
        double sum = 0;
        for (int i = 0; i < D; i++) sum += u[i] * v[i];
        to->Jr[j] += weight * sum;
        for (int k = 0; k <= j; k++) {
            const double *other = df + k * D * L + l;
            if (to->at[k].layer > l) continue;
            sum = 0;
            for (int i = 0; i < D; i++) sum += other[i * L] * image[i];
            to->JJ[j * n + k] += weight * sum;
        }
    }
}

/* Fitted prompts alone: those of even number */
static void accumulate(const il_explain_fit *fit, il_explain_match *m, normal *to,
                       double *scratch)
{
    int D = fit->e->D, L = fit->layers, n = to->n;
    double *f = scratch, *df = f + D * L, *v = df + D * L * n, *u = v + D, *F = u + 2 * D;
    memset(to->JJ, 0, sizeof *to->JJ * (size_t)n * (size_t)n);
    memset(to->Jr, 0, sizeof to->Jr);
    to->rr = 0;
    for (int p = 0; p < fit->prompts; p += to->stride) {
        differentiate(fit, m, to, p, f, df, F);
        for (int l = to->from; l < to->to; l++)
            if (!fit->silent[l] && !fit->prompt[p].diverges[l])
                add(fit, to, p, l, f, df, v, u);
    }
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++) to->JJ[j * n + k] = to->JJ[k * n + j];
    if (!(to->rr < HUGE_VAL)) to->rr = HUGE_VAL;
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

static void move(il_explain_match *m, const normal *to, const double *step, double by)
{
    for (int k = 0; k < to->n; k++) *value_of(m, to->at[k]) += by * step[k];
}

/* A ridge, a momentum and a relaxation are not negative, nor the last two larger than what is looked for. */
static int is_allowed(const il_explain_match *m, const normal *to)
{
    for (int k = 0; k < to->n; k++) {
        place at = to->at[k];
        if (at.which < 0 || m->family->free[at.which].power < 0) continue;
        const il_explain_parameter *free = &m->family->free[at.which];
        double value = (at.layer < 0 ? m->value : m->layer[at.layer].value)[at.which];
        if (!(value >= 0) || (!free->power && value > 1.05 * free->high)) return 0;
    }
    return 1;
}

/* scratch: two normals, then room for the derivatives */
static double descend(const il_explain_fit *fit, il_explain_match *m, normal *now,
                      int rounds, double *scratch)
{
    double damping = 1e-3, step[MOST], kept[MOST];
    normal *next = now + 1;
    accumulate(fit, m, now, scratch);
    *next = *now;
    for (int round = 0; round < rounds && now->rr > 1e-13 && now->rr < HUGE_VAL; round++) {
        solve(now, damping, step);
        for (int k = 0; k < now->n; k++) kept[k] = *value_of(m, now->at[k]);
        move(m, now, step, 1);
        accumulate(fit, m, next, scratch);
        if (next->rr < now->rr && is_allowed(m, now)) {
            int settled = now->rr - next->rr < 1e-4 * now->rr;
            *now = *next;
            damping /= 8;
            if (settled) break;
        } else { /* NaN too */
            for (int k = 0; k < now->n; k++) *value_of(m, now->at[k]) = kept[k];
            damping *= 8;
            if (damping > 1e7) break;
        }
    }
    return now->rr;
}

size_t il_explain_path_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, L = (size_t)fit->layers, n = MOST;
    return 2 * (sizeof(normal) / sizeof(double) + 1) + D * L * (n + 1) + 3 * D + L +
           2 * ((size_t)fit->steps[fit->n_steps - 1] + 1);
}

/* The number of what was fitted and shows */
static int shows(const normal *at)
{
    int n = 0;
    for (int j = 0; j < at->n; j++) n += at->JJ[j * at->n + j] > 0;
    return n;
}

static double mean_left(const il_explain_fit *fit, double rr)
{
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) loud += !fit->silent[l];
    return loud ? rr / loud / ((fit->prompts + 1) / 2) : 1;
}

static int with_scale(const il_explain_match *m, normal *to)
{
    if (m->variant == IL_STEPS_SCALED) to->at[to->n++] = (place){ -1, -1, 1 };
    return to->n;
}

double il_explain_path_fit(const il_explain_fit *fit, il_explain_match *m, int rounds,
                           double *scratch)
{
    normal *now = (normal *)(void *)scratch;
    double unit[IL_FREE], *rest = scratch + 2 * (sizeof(normal) / sizeof(double) + 1);
    il_explain_units(fit, m->family, m->law, unit);
    now->n = 0, now->from = 0, now->to = fit->layers, now->stride = 2;
    for (int i = 0; i < m->family->n_free; i++)
        now->at[now->n++] = (place){ -1, i, unit[i] };
    with_scale(m, now);
    double left = descend(fit, m, now, rounds, rest);
    m->free = now->n;
    return mean_left(fit, left);
}

/* ---- parameters of their own in each layer ---------------------------------------------------------------------- */

/* The parameters of layer l, given those before: from several starts */
static void fit_layer(const il_explain_fit *fit, il_explain_match *m, int l,
                      const double *unit, normal *now, double *rest)
{
    enum { STARTS = 5 };
    static const double at[STARTS] = { 0.5, 0.1, 1, 0.02, 0.004 };
    const il_explain_family *family = m->family;
    double best[IL_FREE] = { 0 }, least = HUGE_VAL, before = l ? 0 : -1;
    int second = family->n_free > 1, tries = STARTS * (second ? 3 : 1);
    for (int k = -1; k < tries && least > 1e-12; k++) {
        for (int i = 0; i < family->n_free; i++) {
            const il_explain_parameter *free = &family->free[i];
            double reach = log(free->high / free->low),
                   part = i ? 0.35 * (k / STARTS) : 1 - at[il_max(k, 0) % STARTS];
            double start =
                unit[i] *
                (i && !(k / STARTS) && free->power ? 0 : free->low * exp(reach * part));
            if (free->power == 0 && i == 0) start = k % 2 ? 1 : 1.4;
            if (k < 0) start = before < 0 ? start : m->layer[l - 1].value[i];
            m->layer[l].value[i] = start;
        }
        now->n = 0, now->from = l, now->to = l + 1;
        now->stride = 2 * il_max(1, fit->prompts / (16 * fit->e->cells));
        for (int i = 0; i < family->n_free; i++)
            now->at[now->n++] = (place){ l, i, unit[i] };
        double left = descend(fit, m, now, 12, rest);
        if (left < least) {
            least = left;
            memcpy(best, m->layer[l].value, sizeof best);
        }
    }
    memcpy(m->layer[l].value, best, sizeof best);
}

double il_explain_path_layers(const il_explain_fit *fit, il_explain_match *m,
                              double *scratch)
{
    normal *now = (normal *)(void *)scratch;
    double unit[IL_FREE], *rest = scratch + 2 * (sizeof(normal) / sizeof(double) + 1);
    const il_explain_family *family = m->family;
    int L = fit->layers, fitted = 0;
    il_explain_units(fit, family, m->law, unit);
    for (int l = 0; l < L; l++) {
        int idle = l && fit->position[l] == fit->position[l - 1];
        m->layer[l].step = fit->position[l];
        memset(m->layer[l].value, 0, sizeof m->layer[l].value);
        if (idle)
            memcpy(m->layer[l].value, m->layer[l - 1].value, sizeof m->layer[l].value);
        if (!fit->silent[l] && !idle) fit_layer(fit, m, l, unit, now, rest), fitted++;
    }
    now->n = 0, now->from = 0, now->to = L, now->stride = 2;
    if (fitted * family->n_free + 1 > MOST) {
        m->free = fitted * family->n_free;
        accumulate(fit, m, now, rest);
        return mean_left(fit, now->rr);
    }
    for (int l = 0; l < L; l++)
        for (int i = 0; i < family->n_free && !fit->silent[l]; i++)
            if (!l || fit->position[l] != fit->position[l - 1])
                now->at[now->n++] = (place){ l, i, unit[i] };
    with_scale(m, now);
    double left = descend(fit, m, now, 60, rest);
    m->free = shows(now);
    return mean_left(fit, left);
}

void il_explain_path_weights(const il_explain_fit *fit, il_explain_match *m, double *f)
{
    size_t D = (size_t)fit->e->D, O = (size_t)fit->e->outs, P = (size_t)fit->prompts,
           L = (size_t)fit->layers;
    for (size_t p = 0; p < P; p++) {
        path(fit, m, (int)p, fit->layers, f, f + D * L);
        for (size_t i = 0; i < D; i++) {
            const double *b = il_explain_prompt_of(fit, (int)p).rhs + i * O;
            for (size_t l = 0; l < L; l++)
                for (size_t o = 0; o < O; o++)
                    m->w[(l * P + p) * fit->size + o * D + i] =
                        b[o] != 0 ? f[i * L + l] * b[o] : 0;
        }
    }
}
