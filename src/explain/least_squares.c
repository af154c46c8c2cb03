/* least_squares.c - least squares in a candidate's parameters
 *
 * The squared difference of a spectral filter from the layer answers of a prompt is c - 2 g.f + f.H f in its values f of
 * the eigenvalues, H = sum_o diag(b_o) R^T R diag(b_o); of other candidates that of the vectors of path.c. Levenberg and
 * Marquardt's damped least squares, with derivatives by differences, fits all parameters of all layers together;
 * parameters of their own are first fitted layer by layer, given those before.
 */
#include "explain/match.h"
#include "la/dense.h"

#include <math.h>

enum { MOST = 64 }; /* parameters that are fitted together; of more: only layer by layer */

/* What is fitted: a parameter of a layer, or of all (layer -1), or the factor of the answers (which -1) */
typedef struct {
    int layer, which;
    double unit;
} place;

typedef struct {
    int n, from, to, stride; /* layers that count: from..to-1; prompts: 0, stride, ... */
    /* (prompts,D,IL_FILTER_STATE) of a filter before the layer `from`; NULL: from its start on */
    double *before;
    double *v,
        *tried; /* (prompts that count,layers,width) paths here and at the step that is tried */
    place at[MOST];
    double JJ[MOST * MOST], Jr[MOST], rr;
} normal;

static size_t path_size(const il_explain_fit *fit, const il_explain_match *m)
{
    return il_explain_path_width(fit, m->family) * (size_t)fit->layers;
}

static double *value_of(il_explain_match *m, place at)
{
    return at.which < 0   ? &m->scale
           : at.layer < 0 ? &m->value[at.which]
                          : &m->layer[at.layer].value[at.which];
}

/* Those of a normal's layers, from its state before them */
static void path_from(const il_explain_fit *fit, const il_explain_match *m,
                      const normal *at, int p, double *v, double *F)
{
    if (at->before)
        il_explain_path_layer(fit, m, p, at->from, at->to, v,
                              at->before + (size_t)(p * fit->e->D) * IL_FILTER_STATE, NULL);
    else
        il_explain_path(fit, m, p, at->to, v, F);
}

/* The derivatives dv (n,layers,width) of v (layers,width) on prompt p */
static void differentiate(const il_explain_fit *fit, il_explain_match *m, const normal *to,
                          int p, const double *v, double *dv, double *F)
{
    size_t n = il_explain_path_width(fit, m->family), size = path_size(fit, m);
    for (int j = 0; j < to->n; j++) {
        double *value = value_of(m, to->at[j]), kept = *value,
               *moved = dv + (size_t)j * size;
        double h = 1e-6 * fmax(fabs(kept), 1e-3 * to->at[j].unit);
        *value = kept + h;
        h = *value - kept;
        path_from(fit, m, to, p, moved, F);
        for (size_t i = n * (size_t)to->from; i < n * (size_t)to->to; i++)
            moved[i] = (moved[i] - v[i]) / h;
        *value = kept;
    }
}

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* What is left of one layer of prompt p under v (width): its half negative gradient, and its square */
static double residual(const il_explain_fit *fit, const il_explain_match *m, int p, int l,
                       const double *v, double *gradient)
{
    const il_explain_projection *at = &fit->prompt[p];
    size_t n = il_explain_path_width(fit, m->family);
    const double *z =
        m->family->answers
            ? fit->answers->yhat + (size_t)l * il_observe_numbers(fit->e) + (size_t)p * n
            : at->z + (size_t)l * fit->size;
    if (!il_explain_is_filter(m->family)) {
        for (size_t i = 0; i < n; i++) gradient[i] = z[i] - v[i];
        return dot(gradient, gradient, n) + (m->family->answers ? 0 : at->rest[l]);
    }
    const double *g = at->g + (size_t)l * n;
    double rr = at->c[l];
    il_explain_normal_square(fit, p, v, gradient);
    for (size_t i = 0; i < n; i++)
        gradient[i] = g[i] - gradient[i], rr -= v[i] * (g[i] + gradient[i]);
    return rr < 0 ? 0 : rr; /* NaN stays */
}

/* Adds one layer of prompt p; gradient, image (width) */
static void add(const il_explain_fit *fit, const il_explain_match *m, normal *to, int p,
                int l, const double *v, const double *dv, double *gradient)
{
    size_t n = il_explain_path_width(fit, m->family), from = (size_t)l * n,
           size = (size_t)fit->layers * n;
    int filter = il_explain_is_filter(m->family);
    double weight = fit->prompt[p].weight[l], *scratch = gradient + n;
    residual(fit, m, p, l, v + from, gradient);
    for (int j = 0; j < to->n; j++) {
        const double *u = dv + (size_t)j * size + from, *image = u;
        if (to->at[j].layer > l) continue; /* of a later layer */
        to->Jr[j] += weight * dot(u, gradient, n);
        if (filter) il_explain_normal_square(fit, p, u, scratch), image = scratch;
        for (int k = 0; k <= j; k++)
            if (to->at[k].layer <= l)
                to->JJ[j * to->n + k] +=
                    weight * dot(dv + (size_t)k * size + from, image, n);
    }
}

static int counts(const il_explain_fit *fit, int p, int l)
{
    return !fit->silent[l] && !fit->prompt[p].diverges[l];
}

/* What is left under the match's parameters, on fitted prompts alone, those of even number; v: their paths. Not less
 * than `most` (NaN too): HUGE_VAL, as soon as that shows. */
static double what_is_left(const il_explain_fit *fit, const il_explain_match *m,
                           const normal *at, double most, double *v, double *scratch)
{
    size_t n = il_explain_path_width(fit, m->family);
    double rr = 0, *gradient = scratch, *F = scratch + n;
    for (int p = 0; p < fit->prompts; p += at->stride, v += path_size(fit, m)) {
        path_from(fit, m, at, p, v, F);
        for (int l = at->from; l < at->to; l++)
            if (counts(fit, p, l))
                rr += fit->prompt[p].weight[l] *
                      residual(fit, m, p, l, v + (size_t)l * n, gradient);
        if (!(rr < most)) return HUGE_VAL;
    }
    return rr;
}

/* JJ and Jr where the paths are to->v */
static void linearize(const il_explain_fit *fit, il_explain_match *m, normal *to,
                      double *scratch)
{
    int n = to->n;
    size_t N = il_explain_path_width(fit, m->family), size = path_size(fit, m);
    double *dv = scratch, *gradient = dv + size * (size_t)n, *F = gradient + 2 * N;
    const double *v = to->v;
    memset(to->JJ, 0, sizeof *to->JJ * (size_t)n * (size_t)n);
    memset(to->Jr, 0, sizeof to->Jr);
    for (int p = 0; p < fit->prompts; p += to->stride, v += size) {
        differentiate(fit, m, to, p, v, dv, F);
        for (int l = to->from; l < to->to; l++)
            if (counts(fit, p, l)) add(fit, m, to, p, l, v, dv, gradient);
    }
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++) to->JJ[j * n + k] = to->JJ[k * n + j];
}

/* (JJ + damping diag JJ) step = Jr */
static void solve(const normal *at, double damping, double *step)
{
    double R[MOST * MOST], t[MOST] = { 0 }, row[MOST];
    int n = at->n;
    memset(R, 0, sizeof *R * (size_t)n * (size_t)n);
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
        if (m->family->answers && !(value >= free->low)) return 0;
        if (!(value >= 0) || (!free->power && value > 1.05 * free->high)) return 0;
    }
    return 1;
}

/* Damped steps from the match's parameters. Derivatives are taken where a step was accepted and another is tried.
 * scratch: room for paths and derivatives. Returns what is left. */
static double descend(const il_explain_fit *fit, il_explain_match *m, normal *now,
                      int rounds, double *scratch)
{
    double damping = 1e-3, step[MOST], kept[MOST];
    size_t all =
        (size_t)((fit->prompts + now->stride - 1) / now->stride) * path_size(fit, m);
    now->v = scratch, now->tried = scratch + all, scratch += 2 * all;
    now->rr = what_is_left(fit, m, now, HUGE_VAL, now->v, scratch);
    for (int round = 0, fresh = 0; round < rounds && now->rr > 1e-13 && now->rr < HUGE_VAL;
         round++) {
        if (!fresh) linearize(fit, m, now, scratch);
        solve(now, damping, step);
        for (int k = 0; k < now->n; k++) kept[k] = *value_of(m, now->at[k]);
        move(m, now, step, 1);
        double rr = is_allowed(m, now)
                        ? what_is_left(fit, m, now, now->rr, now->tried, scratch)
                        : HUGE_VAL;
        fresh = !(rr < now->rr);
        if (!fresh) {
            int settled = now->rr - rr < 1e-4 * now->rr;
            double *v = now->v;
            now->v = now->tried, now->tried = v, now->rr = rr;
            damping /= 8;
            if (settled) break;
        } else {
            for (int k = 0; k < now->n; k++) *value_of(m, now->at[k]) = kept[k];
            damping *= 8;
            if (damping > 1e7) break;
        }
    }
    return now->rr;
}

size_t il_explain_least_squares_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, L = (size_t)fit->layers, n = MOST;
    size_t Q = (size_t)fit->e->Q * (size_t)fit->e->outs;
    size_t own = L * D * (n + 1), shared = L * (fit->size + Q) * (IL_FREE + 2);
    return sizeof(normal) / sizeof(double) + 1 + (own > shared ? own : shared) +
           2 * (fit->size + Q) + il_explain_fit_scratch(fit) +
           (size_t)fit->prompts * (D * IL_FILTER_STATE + 2 * L * (fit->size + Q));
}

/* The number of what was fitted and shows */
static int shows(const normal *at)
{
    int n = 0;
    for (int j = 0; j < at->n; j++) n += at->JJ[j * at->n + j] > 0;
    return n;
}

static double mean_left(const il_explain_fit *fit, const normal *at, double rr)
{
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) loud += !fit->silent[l];
    return loud ? rr / loud / ((fit->prompts + at->stride - 1) / at->stride) : 1;
}

static int with_scale(const il_explain_match *m, normal *to)
{
    if (m->variant == IL_STEPS_SCALED) to->at[to->n++] = (place){ -1, -1, 1 };
    return to->n;
}

double il_explain_least_squares(const il_explain_fit *fit, il_explain_match *m, int rounds,
                                int stride, double *scratch)
{
    normal *now = (normal *)(void *)scratch;
    double unit[IL_FREE], *rest = scratch + sizeof(normal) / sizeof(double) + 1;
    il_explain_units(fit, m->family, m->law, unit);
    now->n = 0, now->from = 0, now->to = fit->layers, now->stride = stride;
    now->before = NULL;
    for (int i = 0; i < m->family->n_free; i++)
        now->at[now->n++] = (place){ -1, i, unit[i] };
    with_scale(m, now);
    double left = descend(fit, m, now, rounds, rest);
    m->free = il_max(now->n, 1);
    return mean_left(fit, now, left);
}

/* ---- parameters of their own in each layer ---------------------------------------------------------------------- */

/* Start k of layer l's parameters: the first is where the layer before arrived. */
static void start_layer(const il_explain_match *m, int l, int k, const double *unit,
                        double *value)
{
    enum { STARTS = 5 };
    static const double at[STARTS] = { 0.5, 0.1, 1, 0.02, 0.004 };
    const il_explain_family *family = m->family;
    for (int i = 0; i < family->n_free; i++) {
        const il_explain_parameter *free = &family->free[i];
        double reach = log(free->high / free->low),
               part = i ? 0.35 * (k / STARTS) : 1 - at[il_max(k, 0) % STARTS];
        double start =
            unit[i] *
            (i && !(k / STARTS) && free->power ? 0 : free->low * exp(reach * part));
        if (free->power == 0 && i == 0) start = k % 2 ? 1 : 1.4;
        if (k < 0 && l) start = m->layer[l - 1].value[i];
        value[i] = start;
    }
}

/* The parameters of layer l, given those before: from several starts, until two arrive at the same place */
static void fit_layer(const il_explain_fit *fit, il_explain_match *m, int l,
                      const double *unit, normal *now, double *rest)
{
    const il_explain_family *family = m->family;
    double best[IL_FREE] = { 0 }, least = HUGE_VAL;
    int tries = 5 * (family->n_free > 1 ? 3 : 1), arrived = 0;
    now->n = 0, now->from = l, now->to = l + 1;
    now->stride = il_explain_some(fit);
    for (int i = 0; i < family->n_free; i++) now->at[now->n++] = (place){ l, i, unit[i] };
    for (int k = -1; k < tries && least > 1e-12 && arrived < 3; k++) {
        start_layer(m, l, k, unit, m->layer[l].value);
        double left = descend(fit, m, now, 12, rest);
        arrived = left < least * (1 - 1e-3) ? 1 : arrived + (left < least * (1 + 1e-3));
        if (left < least) {
            least = left;
            memcpy(best, m->layer[l].value, sizeof best);
        }
    }
    memcpy(m->layer[l].value, best, sizeof best);
}

/* One layer after the other: the number of those that were fitted. before: (prompts,D,IL_FILTER_STATE) */
static int fit_layers(const il_explain_fit *fit, il_explain_match *m, const double *unit,
                      normal *now, double *before, double *rest)
{
    int fitted = 0;
    size_t size = (size_t)fit->e->D * IL_FILTER_STATE;
    for (int l = 0; l < fit->layers; l++) {
        double *value = m->layer[l].value;
        int idle = l && fit->position[l] == fit->position[l - 1];
        m->layer[l].step = fit->position[l];
        memset(value, 0, sizeof m->layer[l].value);
        if (idle) memcpy(value, m->layer[l - 1].value, sizeof m->layer[l].value);
        now->before = l ? before : NULL;
        if (!fit->silent[l] && !idle) fit_layer(fit, m, l, unit, now, rest), fitted++;
        for (int p = 0; p < fit->prompts; p++) {
            double *state = before + (size_t)p * size;
            il_explain_path_layer(fit, m, p, l, l + 1, rest, l ? state : NULL, state);
        }
    }
    return fitted;
}

double il_explain_least_squares_layers(const il_explain_fit *fit, il_explain_match *m,
                                       double *scratch)
{
    normal *now = (normal *)(void *)scratch;
    double unit[IL_FREE],
        *before = scratch + sizeof(normal) / sizeof(double) + 1,
        *rest = before + (size_t)(fit->prompts * fit->e->D) * IL_FILTER_STATE;
    const il_explain_family *family = m->family;
    int L = fit->layers;
    il_explain_units(fit, family, m->law, unit);
    int fitted = fit_layers(fit, m, unit, now, before, rest);
    now->n = 0, now->from = 0, now->to = L, now->stride = 2, now->before = NULL;
    size_t all = (size_t)((fit->prompts + 1) / 2) * path_size(fit, m);
    if (fitted * family->n_free + 1 > MOST) {
        m->free = fitted * family->n_free;
        double rr = what_is_left(fit, m, now, HUGE_VAL, rest, rest + all);
        return mean_left(fit, now, rr);
    }
    for (int l = 0; l < L; l++)
        for (int i = 0; i < family->n_free && !fit->silent[l]; i++)
            if (!l || fit->position[l] != fit->position[l - 1])
                now->at[now->n++] = (place){ l, i, unit[i] };
    with_scale(m, now);
    double left = descend(fit, m, now, 60, rest);
    if (left < HUGE_VAL) linearize(fit, m, now, rest + 2 * all);
    m->free = left < HUGE_VAL ? shows(now) : now->n;
    return mean_left(fit, now, left);
}
