/* precondition.c - gradient descent with a D x D preconditioner of its own in every layer
 *
 *   w <- w + C_l (X^T Y - A w),   C_l (D,D) in the inputs' own coordinates, any matrix
 *
 * Given the layers before, the family's answers after layer l are linear in C_l, whose parameters are fitted like
 * every candidate's on half of the prompts. Inputs that all lie in one subspace show C_l there alone: it is fitted as
 * P K P^T, with P an orthonormal basis of the subspace. What is reported are the least and largest eigenvalue of K's
 * symmetric part, or NaN where some direction of K does not show in the answers. Above twelve dimensions, or with fewer
 * than three equations a parameter, C_l is a diagonal.
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
    int r;       /* the dimension of the subspace that the inputs span */
    double *P;   /* (D,r) its basis: of unit vectors where it is the whole space */
    double *K;   /* (n) */
    double *C;   /* (D,D), or a diagonal (D) */
    double *w;   /* (prompts,O,D) after the layers before */
    double *R, *t, *row, *g, *q;
} bench;

/* The subspace of the eigenvectors of all A together whose eigenvalues are not rounding; work (2 D^2 + 3 D) */
static void find_subspace(bench *s, double *work)
{
    int D = s->fit->e->D;
    double *A = work, *V = A + D * D, *lambda = V + D * D, largest = 0;
    for (int i = 0; i < D * D; i++) A[i] = 0, V[i] = i % (D + 1) ? 0 : 1;
    for (int p = 0; p < s->fit->prompts; p++) {
        il_explain_prompt at = il_explain_prompt_of(s->fit, p);
        for (int k = 0; k < D * D * D; k++)
            A[k % (D * D)] += at.lambda[k / (D * D)] * at.V[k / (D * D) * D + k / D % D] *
                              at.V[k / (D * D) * D + k % D];
    }
    il_eigen(lambda, A, D, V, D, lambda + D);
    for (int i = 0; i < D; i++) largest = fmax(largest, lambda[i]);
    s->r = 0;
    for (int i = 0; i < D; i++)
        if (lambda[i] > 1e-9 * largest) {
            for (int d = 0; d < D; d++) s->P[d * D + s->r] = V[i * D + d];
            s->r++;
        }
    if (s->r < D) return;
    for (int i = 0; i < D * D; i++) s->P[i] = i % (D + 1) ? 0 : 1;
}

static void count_numbers(bench *s)
{
    int D = s->fit->e->D, rank = 0;
    for (int p = 0; p < s->fit->prompts; p++)
        rank += s->fit->prompt[p].rank * s->fit->e->outs;
    s->full = D <= WIDE && rank / 2 >= 3 * s->r * s->r;
    if (!s->full) s->r = D;
    s->n = s->full ? s->r * s->r : D;
}

size_t il_explain_precondition_work(const il_explain_fit *fit)
{
    size_t D = (size_t)fit->e->D, n = D <= WIDE ? D * D : D; /* at most */
    return n * n + 5 * n + (size_t)fit->prompts * fit->size + 7 * D * D + 8 * D;
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

/* to (rows,r) = from (rows,D) P */
static void into_subspace(const bench *s, double *to, const double *from, int rows)
{
    int D = s->fit->e->D;
    for (int i = 0; i < rows; i++)
        for (int a = 0; a < s->r; a++) {
            to[i * s->r + a] = 0;
            for (int d = 0; d < D; d++)
                to[i * s->r + a] += from[i * D + d] * s->P[d * D + a];
        }
}

/* The equations of one prompt's layer answers: R V C g = z - R w */
static void add(bench *s, int p, int layer)
{
    const il_explain_fit *fit = s->fit;
    const il_explain_projection *projection = &fit->prompt[p];
    int D = fit->e->D, O = fit->e->outs, r = s->r;
    double weight = sqrt(projection->weight[layer]), *RV = s->q, *RVP = RV + D * D;
    const double *V = il_explain_prompt_of(fit, p).V;
    for (int i = 0; i < D; i++)
        for (int d = 0; d < D; d++) {
            RV[i * D + d] = 0;
            for (int j = i; j < D; j++)
                RV[i * D + d] += projection->R[i * D + j] * V[j * D + d];
        }
    if (s->full) into_subspace(s, RVP, RV, D);
    for (int o = 0; o < O; o++) {
        const double *w = s->w + (size_t)p * fit->size + (size_t)(o * D);
        const double *z = projection->z + (size_t)layer * fit->size + (size_t)(o * D);
        double *a = s->g + D, *gP = a + D;
        gradient(s, p, o, s->g);
        if (s->full) into_subspace(s, gP, s->g, 1);
        il_explain_triangle(a, projection, w, D);
        for (int i = 0; i < projection->rank; i++) { /* the others see no query */
            for (int d = 0; d < r && s->full; d++)
                for (int k = 0; k < r; k++)
                    s->row[d * r + k] = weight * RVP[i * r + d] * gP[k];
            for (int d = 0; d < D && !s->full; d++)
                s->row[d] = weight * RV[i * D + d] * s->g[d];
            il_qr_add(s->R, s->n, s->t, s->n, s->row, weight * (z[i] - a[i]));
        }
    }
}

/* C = P K P^T */
static void spread(bench *s)
{
    int D = s->fit->e->D, r = s->r;
    for (int i = 0; i < D && !s->full; i++) s->C[i] = s->K[i];
    for (int i = 0; i < D * D && s->full; i++) {
        s->C[i] = 0;
        for (int a = 0; a < r; a++)
            for (int b = 0; b < r; b++)
                s->C[i] += s->P[i / D * D + a] * s->K[a * r + b] * s->P[i % D * D + b];
    }
}

static void fit_layer(bench *s, int layer)
{
    memset(s->R, 0, sizeof *s->R * (size_t)s->n * (size_t)s->n);
    for (int i = 0; i < s->n; i++) s->K[i] = s->t[i] = 0;
    if (!s->fit->silent[layer]) {
        for (int i = 0; i < s->n; i++)
            s->R[i * s->n + i] = 1e-9; /* what does not show is 0 */
        for (int p = 0; p < s->fit->prompts; p += 2)
            if (!s->fit->prompt[p].diverges[layer]) add(s, p, layer);
        il_qr_solve(s->K, s->R, s->n, s->t, s->n);
    }
    spread(s);
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

/* Do the answers depend on every direction of K? */
static int is_identified(const bench *s)
{
    double largest = 0;
    for (int i = 0; i < s->n; i++) largest = fmax(largest, fabs(s->R[i * s->n + i]));
    for (int i = 0; i < s->n; i++)
        if (!(fabs(s->R[i * s->n + i]) > 1e-5 * largest)) return 0;
    return 1;
}

/* Least and largest eigenvalue of K's symmetric part */
static void extremes(const bench *s, double value[IL_FREE])
{
    int r = s->r;
    double *A = s->q, *lambda = s->row;
    for (int i = 0; i < r; i++)
        for (int j = 0; j < r && s->full; j++)
            A[i * r + j] = (s->K[i * r + j] + s->K[j * r + i]) / 2;
    if (s->full) il_eigen(lambda, A, r, A, 0, s->g);
    for (int i = 0; i < r && !s->full; i++) lambda[i] = s->K[i];
    value[0] = value[1] = lambda[0];
    for (int i = 1; i < r; i++) {
        value[0] = fmin(value[0], lambda[i]);
        value[1] = fmax(value[1], lambda[i]);
    }
}

void il_explain_layerwise_precondition(const il_explain_fit *fit, il_explain_law law,
                                       il_explain_match *match, double *work)
{
    bench s = { .fit = fit, .law = law };
    size_t D = (size_t)fit->e->D, P = (size_t)fit->prompts;
    size_t n = D <= WIDE ? D * D : D;
    s.R = work, s.t = s.R + n * n, s.row = s.t + n;
    s.K = s.row + n + D, s.C = s.K + n, s.w = s.C + n, s.q = s.w + P * fit->size;
    s.g = s.q + 2 * D * D, s.P = s.g + 4 * D;
    s.r = (int)D;
    if (D <= WIDE) find_subspace(&s, s.P + D * D);
    count_numbers(&s);
    match->free = 0;
    match->shown = s.r;
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
