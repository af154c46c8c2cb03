/* products.c - reading the products of linear attention, and models made of them */
#include "claim/products.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Weight "h.BLOCK.attn.PART.weight", or NULL. */
static il_real *find(const il_model *m, int block, const char *part, int *rows, int *cols)
{
    char name[IL_NAME];
    snprintf(name, sizeof name, "h.%d.attn.%s.weight", block, part);
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i];
        if (strcmp(w->name, name)) continue;
        *rows = w->rows;
        *cols = w->cols;
        return m->weights + w->offset;
    }
    return NULL;
}

static il_status not_linear(il_error *err)
{
    return il_fail(err, IL_ECONFIG,
                   "products are read of models of linear attention alone: model.family = "
                   "stack, model.blocks = linear, without MLP, norm or bias");
}

/* Every op of the body is a map, linear attention or a clip. */
static int is_linear(const il_model *m)
{
    static const char *const kinds[] = { "linear", "linear_attention", "clip", "slice" };
    const il_config *c = &m->config;
    if (c->model.family != IL_STACK || c->model.n_mlp || c->model.bias) return 0;
    if (c->model.position || c->model.read_in != IL_READ_NONE) return 0;
    for (int i = m->plan.end[IL_PRE]; i < m->plan.end[IL_BODY]; i++) {
        int known = 0;
        for (int k = 0; k < IL_COUNT(kinds); k++)
            known |= !strcmp(m->plan.ops[i].kind->name, kinds[k]);
        if (!known) return 0;
    }
    return 1;
}

il_status il_linear_shape_of(il_product_shape *s, const il_model *m, il_error *err)
{
    int rows = 0, cols = 0;
    *s = (il_product_shape){ .heads = m->config.model.n_head,
                             .C = m->config.model.n_embd,
                             .d = m->config.model.n_dims,
                             .scale = m->config.model.scale };
    if (!is_linear(m)) return not_linear(err);
    while (find(m, s->blocks, "q", &rows, &cols)) s->blocks++;
    return s->blocks ? IL_OK : not_linear(err);
}

il_status il_product_shape_of(il_product_shape *s, const il_model *m, il_error *err)
{
    IL_TRY(il_linear_shape_of(s, m, err));
    s->slots = s->C / s->d;
    if (s->slots * s->d != s->C || s->slots > 8)
        return il_fail(err, IL_ECONFIG,
                       "model.n_embd = %d is not a few observations of n_dims = %d", s->C,
                       s->d);
    return IL_OK;
}

void il_products_of(il_products to, const il_model *m, const il_product_shape *s, int block,
                    int head)
{
    int rows = 0, cols = 0, C = s->C, all = 0;
    const il_real *q = find(m, block, "q", &rows, &cols),
                  *k = find(m, block, "k", &rows, &cols);
    int K = rows / s->heads;
    q += (size_t)(head * K) * (size_t)C;
    k += (size_t)(head * K) * (size_t)C;
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) {
            double sum = 0;
            for (int a = 0; a < K; a++) sum += (double)k[a * C + i] * (double)q[a * C + j];
            to.A[i * C + j] = s->scale * sum;
        }
    const il_real *v = find(m, block, "v", &rows, &cols);
    const il_real *p = find(m, block, "proj", &cols, &all);
    int V = rows / s->heads;
    v += (size_t)(head * V) * (size_t)C;
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) {
            double sum = 0;
            for (int a = 0; a < V; a++)
                sum += (double)p[(size_t)i * (size_t)all + (size_t)(head * V + a)] *
                       (double)v[a * C + j];
            to.V[i * C + j] = sum;
        }
}

double il_block_means(double *mean, const double *X, const il_product_shape *s)
{
    double kept = 0, all = 0;
    for (int a = 0; a < s->slots; a++)
        for (int b = 0; b < s->slots; b++) {
            double sum = 0;
            for (int i = 0; i < s->d; i++) sum += X[(a * s->d + i) * s->C + b * s->d + i];
            mean[a * s->slots + b] = sum / s->d;
            kept += sum * sum / s->d;
        }
    for (int i = 0; i < s->C * s->C; i++) all += X[i] * X[i];
    return all > 0 ? kept / all : NAN;
}

/* ---- models of products -------------------------------------------------------------------------- */

/* X <- (1 - weight) X + weight (means of Y) x I */
static void blend(double *X, const double *Y, double weight, const il_product_shape *s)
{
    double mean[64];
    il_block_means(mean, Y, s);
    for (int i = 0; i < s->C; i++)
        for (int j = 0; j < s->C; j++) {
            double c = i % s->d == j % s->d ? mean[i / s->d * s->slots + j / s->d] : 0;
            double *x = &X[i * s->C + j];
            *x = weight == 1 ? c : (1 - weight) * *x + weight * c;
        }
}

static void set_identity(il_real *w, int C)
{
    for (int i = 0; i < C * C; i++) w[i] = i % C == i / C;
}

/* Head of a model in product form: q = A x, k = v = x, and V behind. */
static void put(il_model *m, const il_product_shape *s, int block, int head,
                const il_products *p)
{
    int rows = 0, cols = 0, C = s->C, all = 0;
    size_t at = (size_t)head * (size_t)C * (size_t)C;
    il_real *q = find(m, block, "q", &rows, &cols) + at;
    il_real *proj = find(m, block, "proj", &rows, &all);
    set_identity(find(m, block, "k", &rows, &cols) + at, C);
    set_identity(find(m, block, "v", &rows, &cols) + at, C);
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) {
            q[i * C + j] = (il_real)(p->A[i * C + j] / s->scale);
            proj[(size_t)i * (size_t)all + (size_t)(head * C + j)] =
                (il_real)p->V[i * C + j];
        }
}

static il_status room(il_products *p, const il_product_shape *s, il_error *err)
{
    size_t n = (size_t)s->C * (size_t)s->C;
    p->A = malloc(sizeof *p->A * n);
    p->V = malloc(sizeof *p->V * n);
    return p->A && p->V ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for products");
}

il_status il_product_model(il_model **out, const il_model *trained,
                           const il_model *constructed, double weight, il_error *err)
{
    il_product_shape s, other;
    il_model *m = NULL;
    il_products p = { 0 }, c = { 0 };
    IL_TRY(il_product_shape_of(&s, trained, err));
    IL_TRY(il_product_shape_of(&other, constructed, err));
    if (other.blocks != s.blocks || other.heads != s.heads || other.C != s.C ||
        other.d != s.d)
        return il_fail(err, IL_ECONFIG, "models of different shapes have no mean");
    il_config config = trained->config;
    config.model.n_key = config.model.n_value = s.C;
    il_status status = room(&p, &s, err);
    if (!status) status = room(&c, &s, err);
    if (!status) status = il_model_new(&m, &config, err);
    for (int b = 0; b < s.blocks && !status; b++)
        for (int h = 0; h < s.heads; h++) {
            il_products_of(p, trained, &s, b, h);
            il_products_of(c, constructed, &s, b, h);
            if (weight > 0) blend(p.A, c.A, weight, &s);
            if (weight > 0) blend(p.V, c.V, weight, &s);
            put(m, &s, b, h, &p);
        }
    if (!status) il_model_pack(m);
    free(p.A);
    free(p.V);
    free(c.A);
    free(c.V);
    if (!status) *out = m;
    return status;
}
