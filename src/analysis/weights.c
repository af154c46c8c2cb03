/* weights.c - an attention's products of weights, as blocks of the token
 *
 * Only K^T Q and P V matter. Where a token is (x, y) they have four blocks; a learner by gradients has
 * K^T Q = a I on x and P V = c on y. For each product:
 *
 *   identity   the share of its squared norm in multiples of I on x, and in the y entry
 *   distance   |M - m I| / |M| of the x block, m = trace / D (Ahn et al. 2023, arXiv:2306.00297)
 *   x, y       m, and the y entry
 *   largest    its largest singular value over its norm
 *
 * Elsewhere (tokens that are read in by a map) blocks mean nothing and the whole product is the block.
 * `step` is - a c scale, the head's gradient step where y becomes the residual. Sources: von Oswald et al. 2023, arXiv:2212.07677; Ahn et al.
 */
#include "analysis/subject.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const il_real *q, *k, *v,
        *p; /* rows: (H K, C) each, p (C, H V); q, k, v may lie in one */
    int C, heads, K, V;
} maps;

static const il_real *weight_of(const il_model *m, const char *op, const char *part,
                                int *rows, int *cols)
{
    char name[2 * IL_NAME];
    snprintf(name, sizeof name, "%s%s.weight", op, part);
    for (int i = 0; i < il_model_weights(m); i++) {
        const char *its;
        const il_real *data;
        il_model_weight(m, i, &its, &data, rows, cols);
        if (!strcmp(its, name)) return data;
    }
    return NULL;
}

/* An attention `op` ("h.0.attn") and the map behind it; 0 when it has no such weights */
static int find_maps(maps *to, const il_model *m, const il_op *op)
{
    static const char *const out[] = { ".proj", ".o", ".c_proj" };
    int rows, cols, k_rows, v_rows;
    memset(to, 0, sizeof *to);
    to->heads = 1;
    for (const il_opt *o = op->kind->opts; o && o->type != IL_OPT_END; o++)
        if (!strcmp(o->name, "heads"))
            memcpy(&to->heads, (char *)op->opts + o->offset, sizeof(int));
    to->q = weight_of(m, op->name, ".q", &rows, &to->C);
    to->k = weight_of(m, op->name, ".k", &k_rows, &cols);
    to->v = weight_of(m, op->name, ".v", &v_rows, &cols);
    if (!to->q) {
        const il_real *packed = weight_of(m, op->name, ".c_attn", &rows, &to->C);
        if (!packed) return 0;
        rows /= 3;
        v_rows = k_rows = rows;
        to->q = packed;
        to->k = packed + (size_t)rows * (size_t)to->C;
        to->v = to->k + (size_t)rows * (size_t)to->C;
    }
    for (int i = 0; i < IL_COUNT(out) && !to->p; i++)
        to->p = weight_of(m, op->name, out[i], &cols, &k_rows);
    if (!to->k || !to->v || !to->p || cols != to->C) return 0;
    to->K = rows / to->heads;
    to->V = v_rows / to->heads;
    return k_rows == v_rows;
}

/* M (C,C): K^T Q of a head, row key and column query; or P V, row written and column read */
static void product(double *M, const maps *w, int head, int values)
{
    size_t C = (size_t)w->C;
    int R = values ? w->V : w->K;
    memset(M, 0, sizeof *M * C * C);
    for (int r = 0; r < R; r++) {
        size_t row = (size_t)(head * R + r);
        for (size_t i = 0; i < C; i++) {
            double a = values ? (double)w->p[i * (size_t)(w->heads * w->V) + row]
                              : (double)w->k[row * C + i];
            const il_real *b = (values ? w->v : w->q) + row * C;
            for (size_t j = 0; j < C; j++) M[i * C + j] += a * (double)b[j];
        }
    }
}

/* The largest singular value by the power method, from the longest row */
static double largest(const double *M, int C, double *u, double *v)
{
    double sigma = 0;
    for (int i = 0; i < C; i++) u[i] = 1 + 0.01 * i;
    for (int pass = 0; pass < 200; pass++) {
        double vv = 0, uu = 0;
        for (int j = 0; j < C; j++) {
            v[j] = 0;
            for (int i = 0; i < C; i++) v[j] += M[i * C + j] * u[i];
            vv += v[j] * v[j];
        }
        if (!(vv > 0)) return 0;
        for (int i = 0; i < C; i++) {
            u[i] = 0;
            for (int j = 0; j < C; j++) u[i] += M[i * C + j] * v[j] / sqrt(vv);
            uu += u[i] * u[i];
        }
        sigma = sqrt(uu);
        for (int i = 0; i < C && sigma > 0; i++) u[i] /= sigma;
    }
    return sigma;
}

typedef struct {
    double identity, distance, x, y, largest;
} features;

static features look_at(const double *M, int C, int D, int has_y, double *work)
{
    features f = { 0 };
    double whole = 0, block = 0, trace = 0;
    for (int i = 0; i < C * C; i++) whole += M[i] * M[i];
    for (int i = 0; i < D; i++) {
        trace += M[i * C + i];
        for (int j = 0; j < D; j++) block += M[i * C + j] * M[i * C + j];
    }
    f.x = trace / D;
    f.y = has_y ? M[D * C + D] : NAN;
    double kept = D * f.x * f.x + (has_y ? f.y * f.y : 0);
    f.identity = whole > 0 ? kept / whole : NAN;
    f.distance = block > 0 ? sqrt(fmax(block - D * f.x * f.x, 0) / block) : NAN;
    f.largest = whole > 0 ? largest(M, C, work, work + C) / sqrt(whole) : NAN;
    return f;
}

static double scale_of(const il_op *op)
{
    double scale = 1;
    for (const il_opt *o = op->kind->opts; o && o->type != IL_OPT_END; o++)
        if (!strcmp(o->name, "scale") && o->type == IL_OPT_REAL)
            memcpy(&scale, (char *)op->opts + o->offset, sizeof scale);
    return scale;
}

static il_status add_rows(il_table *t, const il_subject *s, const il_op *op, const maps *w,
                          double *M, il_error *err)
{
    const il_config *c = &s->model->config;
    int D = s->draw.dim, blocks = c->model.read_in == IL_READ_NONE && w->C > D;
    if (!blocks) D = w->C;
    for (int head = 0; head < w->heads; head++) {
        features f[2];
        for (int values = 0; values < 2; values++) {
            product(M, w, head, values);
            f[values] = look_at(M, w->C, D, blocks, M + (size_t)w->C * (size_t)w->C);
        }
        for (int values = 0; values < 2; values++) {
            const features *g = &f[values];
            double step = blocks && !values ? -f[0].x * f[1].y * scale_of(op) : NAN;
            double row[] = { head, g->identity, g->distance, g->x, g->y, g->largest, step };
            IL_TRY(il_inspect_row(t, op->name, 2, row, IL_COUNT(row), err));
            IL_TRY(
                il_table_set_text(t, il_table_rows(t) - 1, 1, values ? "PV" : "KQ", err));
        }
    }
    return IL_OK;
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    const il_plan *p = &s->model->plan;
    maps w;
    int found = 0;
    IL_TRY(il_inspect_columns(t, "layer$ product$ head identity distance x y largest step",
                              err));
    for (int j = 0; j < p->n_ops; j++) {
        if (!find_maps(&w, s->model, &p->ops[j])) continue;
        double *M = malloc(sizeof *M * ((size_t)w.C * (size_t)w.C + 2 * (size_t)w.C));
        if (!M) return il_fail(err, IL_EFAIL, "out of memory for products");
        il_status status = add_rows(t, s, &p->ops[j], &w, M, err);
        free(M);
        IL_TRY(status);
        found++;
    }
    return found ? IL_OK
                 : il_fail(err, IL_ECONFIG,
                           "weights: the model has no attention with q, k, v");
}

const il_analysis il_analysis_weights = {
    .name = "weights",
    .summary = "products of an attention's weights: multiples of I, distances, spectra",
    .run = run,
};
