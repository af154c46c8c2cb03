/* targets.c - the targets of probes: finds them by name and computes them (targets.h) */
#include "measure/targets.h"

#include "la/dense.h"
#include "observe/observe.h"

#include <stdlib.h>

/* One prompt: its points, and room */
typedef struct {
    const il_target *target;
    const il_real *x, *y,
        *asked; /* (N,D), (N,O): examples, and the targets at their inputs */
    int k, D, O;
    double *work;
} spot;

struct il_target_kind {
    const char *name;
    int (*outs)(const il_target *target, int D, int O);
    void (*fill)(double *out, const spot *s);
};

static int many_answers(const il_target *t, int D, int O) { return (void)t, (void)D, O; }
static int many_inputs(const il_target *t, int D, int O) { return (void)t, (void)O, D; }
static int many_weights(const il_target *t, int D, int O) { return (void)t, O * D; }
static int many_stacked(const il_target *t, int D, int O) { return (void)O, t->stack * D; }

static void copy(double *out, const il_real *from, int n)
{
    for (int i = 0; i < n; i++) out[i] = (double)from[i];
}

static void fill_answer(double *out, const spot *s)
{
    copy(out, s->asked + s->k * s->O, s->O);
}

/* Row k - N of (N,width), zeros before the first */
static void copy_past(double *out, const il_real *rows, const spot *s, int width)
{
    int n = s->k - s->target->past;
    for (int i = 0; i < width; i++) out[i] = 0;
    if (n >= 0) copy(out, rows + n * width, width);
}

static void fill_label(double *out, const spot *s) { copy_past(out, s->y, s, s->O); }
static void fill_past(double *out, const spot *s) { copy_past(out, s->x, s, s->D); }

static void fill_xty(double *out, const spot *s)
{
    for (int i = 0; i < s->O * s->D; i++) out[i] = 0;
    for (int j = 0; j < s->k; j++)
        for (int c = 0; c < s->O; c++)
            for (int d = 0; d < s->D; d++)
                out[c * s->D + d] +=
                    (double)s->y[j * s->O + c] * (double)s->x[j * s->D + d] / s->k;
}

/* Of least norm: over the eigenvectors of X^T X that some example points along */
static void fill_w_ols(double *out, const spot *s)
{
    int D = s->D, O = s->O, m = O + D;
    double *A = s->work, *G = A + D * D, *lambda = G + D * m, *rest = lambda + D;
    double most = 0;
    for (int i = 0; i < D * D; i++) A[i] = 0;
    for (int i = 0; i < D * m; i++) G[i] = 0;
    for (int j = 0; j < s->k; j++)
        for (int a = 0; a < D; a++) {
            double xa = (double)s->x[j * D + a];
            for (int b = 0; b < D; b++) A[a * D + b] += xa * (double)s->x[j * D + b];
            for (int c = 0; c < O; c++) G[a * m + c] += xa * (double)s->y[j * O + c];
        }
    for (int d = 0; d < D; d++) G[d * m + O + d] = 1;
    il_eigen(lambda, A, D, G, m, rest);
    for (int i = 0; i < D; i++) most = lambda[i] > most ? lambda[i] : most;
    for (int i = 0; i < O * D; i++) out[i] = 0;
    for (int i = 0; i < D; i++) {
        if (lambda[i] <= 1e-10 * most) continue; /* inputs are floats */
        for (int c = 0; c < O; c++)
            for (int d = 0; d < D; d++)
                out[c * D + d] += G[i * m + c] * G[i * m + O + d] / lambda[i];
    }
}

/* W x_k, from W (O,D) */
static void apply(double *out, const double *W, const spot *s)
{
    for (int c = 0; c < s->O; c++) {
        out[c] = 0;
        for (int d = 0; d < s->D; d++)
            out[c] += W[c * s->D + d] * (double)s->x[s->k * s->D + d];
    }
}

static void fill_step(double *out, const spot *s)
{
    fill_xty(s->work, s);
    apply(out, s->work, s);
}

static size_t room_for(const il_target *t, int D, int O)
{
    size_t d = (size_t)D, o = (size_t)O, Z = (size_t)t->stack * d;
    return d * d + d * (o + d) + 4 * d + o + o * d + Z * Z + Z;
}

static void fill_least_squares(double *out, const spot *s)
{
    double *W = s->work + room_for(s->target, s->D, s->O) - (size_t)(s->O * s->D);
    fill_w_ols(W, s);
    apply(out, W, s);
}

/* The newest inputs first, zeros before the first one */
static void stacked(double *z, const spot *s, int k)
{
    int D = s->D;
    for (int i = 0; i < s->target->stack; i++)
        for (int d = 0; d < D; d++)
            z[i * D + d] = k >= i ? (double)s->x[(k - i) * D + d] : 0;
}

static void fill_preconditioned(double *out, const spot *s)
{
    int Z = s->target->stack * s->D;
    double *A = s->work, *z = A + Z * Z;
    for (int i = 0; i < Z * Z; i++) A[i] = i % (Z + 1) ? 0 : s->target->ridge;
    for (int j = 0; j < s->k; j++) {
        stacked(z, s, j);
        for (int a = 0; a < Z; a++)
            for (int b = 0; b <= a; b++) A[a * Z + b] += z[a] * z[b];
    }
    stacked(out, s, s->k);
    il_cholesky_solve(A, Z, out, 1);
}

static const il_target_kind kinds[] = {
    { "answer", many_answers, fill_answer },
    { "gradient_step", many_answers, fill_step },
    { "least_squares", many_answers, fill_least_squares },
    { "xty", many_weights, fill_xty },
    { "w_ols", many_weights, fill_w_ols },
    { "label", many_answers, fill_label },
    { "past", many_inputs, fill_past },
    { "preconditioned", many_stacked, fill_preconditioned },
};

il_status il_target_find(il_target *t, const char *name, il_error *err)
{
    const char *names[IL_COUNT(kinds)];
    *t = (il_target){ .past = 1, .stack = 1, .ridge = 1e-3 };
    snprintf(t->name, sizeof t->name, "%s", name);
    for (int i = 0; i < IL_COUNT(kinds); i++) {
        size_t n = strlen(kinds[i].name);
        names[i] = kinds[i].name;
        t->kind = &kinds[i];
        if (!strcmp(name, kinds[i].name)) return IL_OK;
        int counted = kinds[i].fill == fill_past || kinds[i].fill == fill_label;
        if (!counted || strncmp(name, kinds[i].name, n)) continue;
        char *end;
        long past = strtol(name + n, &end, 10);
        t->past = (int)past;
        int least = kinds[i].fill == fill_label; /* label0 would be the query's own y_k */
        if (!*end && past >= least && past < 65536) return IL_OK;
    }
    return il_fail(
        err, IL_ECONFIG, "a probe has no target '%s'%s", il_show(name).text,
        il_advise(name, names, IL_COUNT(kinds), "; try answer, least_squares or xty").text);
}

int il_target_outs(const il_target *t, const il_batch *batch)
{
    return t->kind->outs(t, batch->dim, batch->outs);
}

il_status il_target_fill(double *y, const il_target *t, const il_batch *batch, int k,
                         il_error *err)
{
    int D = batch->dim, O = batch->outs, N = batch->points;
    spot s = { .target = t, .k = k, .D = D, .O = O };
    s.work = malloc(sizeof *s.work * room_for(t, D, O));
    if (!s.work) return il_fail(err, IL_EFAIL, "out of memory for targets");
    for (int b = 0; b < batch->prompts; b++) {
        s.x = batch->x + (size_t)b * (size_t)N * (size_t)D;
        s.y = batch->y + (size_t)b * (size_t)N * (size_t)O;
        s.asked = batch->yq ? batch->yq + (s.y - batch->y) : s.y;
        t->kind->fill(y + (size_t)b * (size_t)il_target_outs(t, batch), &s);
    }
    free(s.work);
    return IL_OK;
}
