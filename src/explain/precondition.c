/* precondition.c - gradient descent with a D x D preconditioner of its own in every layer
 *
 *   w <- w + C_l (X^T Y - A w),   C_l (D,D) in the inputs' own coordinates, any matrix
 *
 * Given the layers before, the family's answers after layer l are linear in C_l, whose D^2 parameters are fitted like
 * every candidate's on half of the prompts. What is reported are the least and largest eigenvalue of its symmetric
 * part, or NaN where some direction of C_l does not show in the answers. Above twelve dimensions, or with fewer than
 * three equations a parameter, C_l is a diagonal.
 * Source: Ahn et al. 2023, arXiv:2306.00297.
 */
#include "explain/match.h"
#include "la/dense.h"

#include <math.h>

enum { WIDE = 12 };

typedef struct {
    const il_explain_fit *fit;
    il_explain_law law;
    int full, n; /* C is no diagonal; its numbers */
    double *C;   /* (n) */
    double *w;   /* (prompts,O,D) after the layers before */
    double *R, *t, *row, *g, *q;
} bench;

static int numbers(const il_explain_fit *fit, int *full)
{
    int D = fit->e->D, rank = 0;
    for (int p = 0; p < fit->prompts; p++) rank += fit->prompt[p].rank * fit->e->outs;
    *full = D <= WIDE && rank / 2 >= 3 * D * D;
    return *full ? D * D : D;
}

size_t il_explain_precondition_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, n = D <= WIDE ? D * D : D; /* at most */
    return n * n + 4 * n + (size_t)fit->prompts * fit->size + 2 * D * D + 4 * D;
}

/* g (D): the gradient of one answer, in the inputs' coordinates, times the law's unit */
static void gradient(const bench *s, int p, int o, double *g)
{
    int D = s->fit->e->D, O = s->fit->e->outs;
    il_explain_prompt at = il_explain_prompt_of(s->fit, p);
    const double *w = s->w + (size_t)p * s->fit->size + (size_t)(o * D);
    double unit = il_explain_fit_unit(s->fit, s->law, p);
    for (int d = 0; d < D; d++) g[d] = 0;
    for (int i = 0; i < D; i++) {
        double along = unit * (at.rhs[i * O + o] - at.lambda[i] * w[i]);
        for (int d = 0; d < D; d++) g[d] += at.V[i * D + d] * along;
    }
}

/* The equations of one prompt's layer answers: R V C g = z - R w */
static void add(bench *s, int p, int layer)
{
    const il_explain_fit *fit = s->fit;
    const il_explain_projection *projection = &fit->prompt[p];
    int D = fit->e->D, O = fit->e->outs;
    double weight = sqrt(projection->weight[layer]), *RV = s->q;
    const double *V = il_explain_prompt_of(fit, p).V;
    for (int i = 0; i < D; i++)
        for (int d = 0; d < D; d++) {
            RV[i * D + d] = 0;
            for (int j = i; j < D; j++)
                RV[i * D + d] += projection->R[i * D + j] * V[j * D + d];
        }
    for (int o = 0; o < O; o++) {
        const double *w = s->w + (size_t)p * fit->size + (size_t)(o * D);
        const double *z = projection->z + (size_t)layer * fit->size + (size_t)(o * D);
        double *a = s->g + D;
        gradient(s, p, o, s->g);
        il_explain_triangle(a, projection, w, D);
        for (int i = 0; i < projection->rank; i++) { /* the others see no query */
            for (int d = 0; d < D; d++)
                for (int k = 0; k < D && s->full; k++)
                    s->row[d * D + k] = weight * RV[i * D + d] * s->g[k];
            for (int d = 0; d < D && !s->full; d++)
                s->row[d] = weight * RV[i * D + d] * s->g[d];
            il_qr_add(s->R, s->n, s->t, s->n, s->row, weight * (z[i] - a[i]));
        }
    }
}

static void fit_layer(bench *s, int layer)
{
    memset(s->R, 0, sizeof *s->R * (size_t)s->n * (size_t)s->n);
    for (int i = 0; i < s->n; i++) s->C[i] = s->t[i] = 0;
    if (s->fit->silent[layer]) return;
    for (int i = 0; i < s->n; i++) s->R[i * s->n + i] = 1e-9; /* what does not show is 0 */
    for (int p = 0; p < s->fit->prompts; p += 2)
        if (!s->fit->prompt[p].diverges[layer]) add(s, p, layer);
    il_qr_solve(s->C, s->R, s->n, s->t, s->n);
}

static void take_step(const bench *s)
{
    int D = s->fit->e->D;
    double *step = s->g + D;
    for (int p = 0; p < s->fit->prompts; p++)
        for (int o = 0; o < s->fit->e->outs; o++) {
            const double *V = il_explain_prompt_of(s->fit, p).V;
            double *w = s->w + (size_t)p * s->fit->size + (size_t)(o * D);
            gradient(s, p, o, s->g);
            for (int d = 0; d < D; d++) {
                step[d] = s->full ? 0 : s->C[d] * s->g[d];
                for (int k = 0; k < D && s->full; k++) step[d] += s->C[d * D + k] * s->g[k];
            }
            for (int i = 0; i < D; i++)
                for (int d = 0; d < D; d++) w[i] += V[i * D + d] * step[d];
        }
}

/* Do the answers depend on every direction of C? */
static int is_identified(const bench *s)
{
    double largest = 0;
    for (int i = 0; i < s->n; i++) largest = fmax(largest, fabs(s->R[i * s->n + i]));
    for (int i = 0; i < s->n; i++)
        if (!(fabs(s->R[i * s->n + i]) > 1e-5 * largest)) return 0;
    return 1;
}

/* Least and largest eigenvalue of C's symmetric part */
static void extremes(const bench *s, double value[IL_FREE])
{
    int D = s->fit->e->D;
    double *A = s->q, *lambda = s->row;
    if (s->full) {
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++)
                A[i * D + j] = (s->C[i * D + j] + s->C[j * D + i]) / 2;
        il_eigen(lambda, A, D, A, 0, s->g);
    } else {
        for (int i = 0; i < D; i++) lambda[i] = s->C[i];
    }
    value[0] = value[1] = lambda[0];
    for (int i = 1; i < D; i++) {
        value[0] = fmin(value[0], lambda[i]);
        value[1] = fmax(value[1], lambda[i]);
    }
}

void il_explain_layerwise_precondition(const il_explain_fit *fit, il_explain_law law,
                                       il_explain_match *match, double *work)
{
    bench s = { .fit = fit, .law = law };
    size_t D = (size_t)fit->e->D, P = (size_t)fit->prompts;
    s.n = numbers(fit, &s.full);
    s.R = work, s.t = s.R + (size_t)s.n * (size_t)s.n, s.row = s.t + s.n;
    s.C = s.row + s.n + D, s.w = s.C + s.n, s.q = s.w + P * fit->size;
    s.g = s.q + D * D;
    match->free = 0;
    for (size_t i = 0; i < P * fit->size; i++) s.w[i] = 0;
    for (int l = 0; l < fit->layers; l++) {
        fit_layer(&s, l);
        take_step(&s);
        memcpy(match->w + (size_t)l * P * fit->size, s.w, sizeof *s.w * P * fit->size);
        match->layer[l].step = l + 1;
        match->layer[l].value[0] = match->layer[l].value[1] = NAN;
        if (is_identified(&s)) extremes(&s, match->layer[l].value);
        match->free += fit->silent[l] ? 0 : s.n;
    }
}
