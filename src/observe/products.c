/* products.c - QK and OV products W_k^T W_q, P W_v of attention heads, and models in product form */
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

/* ---- one attention ------------------------------------------------------------------------ */

int il_observe_maps_of(il_observe_maps *to, const il_model *m, const il_op *op)
{
    static const il_role roles[] = { IL_ROLE_QUERY, IL_ROLE_KEY, IL_ROLE_VALUE,
                                     IL_ROLE_OUTPUT };
    const il_real *data[4];
    il_heads h;
    *to = (il_observe_maps){ 0 };
    if (!il_heads_of(&h, &m->plan, op)) return 0;
    for (int i = 0; i < 4; i++) {
        int row;
        const il_op *map = il_heads_map(&m->plan, op, roles[i], &row);
        if (!map) return 0;
        const il_param *w = &m->plan.params[map->par[0]];
        int stream = i == 3 ? w->rows : w->cols;
        if (i && stream != to->C) return 0;
        to->C = stream;
        data[i] = m->weights + w->offset + (size_t)row * (size_t)w->cols;
    }
    *to = (il_observe_maps){ .q = data[0],
                             .k = data[1],
                             .v = data[2],
                             .p = data[3],
                             .C = to->C,
                             .heads = h.heads,
                             .K = h.key,
                             .V = h.value,
                             .scale = h.scale };
    return 1;
}

void il_observe_maps_product(double *M, const il_observe_maps *w, int head, int values)
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

/* ---- parts of the stream ------------------------------------------------------------------ */

static void add_part(il_registers *p, const char *name, int width)
{
    if (width > 0) il_registers_add(p, name, width);
}

static void read_layout(il_registers *p, const il_model *m)
{
    static const char *const four[] = { "p", "x", "s", "r" };
    const char *layout = il_model_layout(m)->name;
    int d = m->config.model.n_dims;
    if (!strncmp(layout, "constructed", strlen("constructed")))
        for (int i = 0; i < 4; i++) add_part(p, four[i], d);
    if (!strcmp(layout, "columns")) {
        add_part(p, "x", d);
        add_part(p, "y", il_width(&m->plan, m->plan.target));
    }
    if (!strcmp(layout, "sequence")) add_part(p, "s", d);
    for (int i = 0; !strcmp(layout, "stacked") && i < m->config.model.stack; i++) {
        char name[24];
        snprintf(name, sizeof name, "s%d", i);
        add_part(p, name, d);
    }
}

void il_observe_registers(il_registers *p, const il_model *m)
{
    int C = m->plan.slots[m->plan.carry_out].width;
    *p = (il_registers){ 0 };
    if (m->registers.n)
        *p = m->registers;
    else if (m->config.model.family == IL_STACK &&
             m->config.model.read_in == IL_READ_NONE && !m->config.model.position)
        read_layout(p, m);
    if (p->at[p->n] > C || (m->registers.n && p->at[p->n] < C)) *p = (il_registers){ 0 };
    add_part(p, p->n ? "rest" : "h", C - p->at[p->n]);
}

double il_observe_block_means(double *mean, const double *X, const il_registers *p)
{
    double kept = 0, all = 0;
    int C = p->at[p->n];
    for (int a = 0; a < p->n; a++)
        for (int b = 0; b < p->n; b++) {
            double sum = 0;
            int d = il_register_width(p, a);
            mean[a * p->n + b] = 0;
            if (d != il_register_width(p, b)) continue;
            for (int i = 0; i < d; i++) sum += X[(p->at[a] + i) * C + p->at[b] + i];
            mean[a * p->n + b] = sum / d;
            kept += sum * sum / d;
        }
    for (int i = 0; i < C * C; i++) all += X[i] * X[i];
    return all > 0 ? kept / all : NAN;
}

/* ---- models of linear attention alone ----------------------------------------------------- */

static il_status not_linear(il_error *err)
{
    return il_fail(err, IL_ECONFIG,
                   "this needs a model of linear attention only: model.family = stack, "
                   "model.blocks = linear, without MLP, norm or bias");
}

static int is_identity(const il_model *m, const il_op *op)
{
    const il_param *w = &m->plan.params[op->par[0]];
    const il_real *W = m->weights + w->offset,
                  *bias = op->par[1] == IL_NONE
                              ? NULL
                              : m->weights + m->plan.params[op->par[1]].offset;
    for (int i = 0; i < w->rows; i++)
        for (int j = 0; j < w->cols; j++)
            if (W[i * w->cols + j] != (i == j)) return 0;
    for (int i = 0; bias && i < w->rows; i++)
        if (bias[i] != 0) return 0;
    return w->rows == w->cols;
}

/* Does this map produce a role of some heads (queries, gates, ...), or map their outputs back? */
static int serves_heads(const il_plan *p, const il_op *map)
{
    int row;
    for (int i = p->end[IL_PRE]; i < p->end[IL_BODY]; i++)
        for (int role = 0; role < IL_ROLES; role++)
            if (il_heads_map(p, &p->ops[i], (il_role)role, &row) == map) return 1;
    return 0;
}

/* Tokens are the stream, and all that is done to it is linear attention, and a clip. */
static int is_linear(const il_model *m)
{
    const il_plan *p = &m->plan;
    for (int i = 0; i < p->end[IL_PRE]; i++)
        if (p->end[IL_PRE] > 1 || p->ops[i].kind->form != IL_FORM_MAP ||
            !is_identity(m, &p->ops[i]))
            return 0;
    for (int i = p->end[IL_PRE]; i < p->end[IL_BODY]; i++) {
        const il_op *op = &p->ops[i];
        il_form form = op->kind->form;
        il_heads h;
        int known = form == IL_FORM_PICK || form == IL_FORM_CLIP;
        if (form == IL_FORM_MAP) known = op->par[1] == IL_NONE && serves_heads(p, op);
        if (il_heads_of(&h, p, op)) known = h.weights == IL_HEADS_LINEAR;
        if (!known) return 0;
    }
    return m->config.model.family == IL_STACK || m->config.model.family == IL_BUILT;
}

/* The i-th attention of the body */
static int find_maps(il_observe_maps *w, const il_model *m, int i)
{
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++)
        if (m->plan.ops[j].kind->mixes && il_observe_maps_of(w, m, &m->plan.ops[j]) &&
            i-- == 0)
            return 1;
    return 0;
}

il_status il_observe_product_shape_of(il_observe_product_shape *s, const il_model *m,
                                      il_error *err)
{
    il_observe_maps w;
    *s = (il_observe_product_shape){ 0 };
    if (!is_linear(m)) return not_linear(err);
    while (find_maps(&w, m, s->each)) {
        s->heads = il_max(s->heads, w.heads);
        s->each++;
    }
    if (!s->each) return not_linear(err);
    s->C = m->plan.slots[m->plan.carry_out].width;
    s->blocks = s->each * m->plan.loops;
    il_observe_registers(&s->parts, m);
    return IL_OK;
}

void il_observe_products_of(il_observe_products to, const il_model *m,
                            const il_observe_product_shape *s, int block, int head)
{
    il_observe_maps w;
    size_t n = (size_t)s->C * (size_t)s->C;
    if (!find_maps(&w, m, block % s->each) || head >= w.heads) {
        memset(to.A, 0, sizeof *to.A * n);
        memset(to.V, 0, sizeof *to.V * n);
        return;
    }
    il_observe_maps_product(to.A, &w, head, 0);
    il_observe_maps_product(to.V, &w, head, 1);
    for (size_t i = 0; i < n; i++) to.A[i] *= w.scale;
}

/* X <- (1 - weight) X + weight (means of Y) x I */
static void blend(double *X, const double *Y, double weight, const il_registers *p)
{
    double mean[IL_REGISTERS * IL_REGISTERS];
    int C = p->at[p->n];
    il_observe_block_means(mean, Y, p);
    for (int a = 0; a < p->n; a++)
        for (int b = 0; b < p->n; b++)
            for (int i = p->at[a]; i < p->at[a + 1]; i++)
                for (int j = p->at[b]; j < p->at[b + 1]; j++) {
                    double c = i - p->at[a] == j - p->at[b] ? mean[a * p->n + b] : 0;
                    double *x = &X[i * C + j];
                    *x = weight == 1 ? c : (1 - weight) * *x + weight * c;
                }
}

static void set_identity(il_real *w, int C)
{
    for (int i = 0; i < C * C; i++) w[i] = i % C == i / C;
}

/* Head of a model in product form: q = A x, k = v = x, and V behind. */
static void put(il_model *m, int C, int block, int head, const il_observe_products *p,
                double times)
{
    size_t at = (size_t)head * (size_t)C * (size_t)C;
    size_t all = (size_t)m->config.model.n_head * (size_t)C;
    il_observe_maps w;
    find_maps(&w, m, block);
    il_real *q = m->weights + (w.q - m->weights) + at,
            *proj = m->weights + (w.p - m->weights);
    set_identity(m->weights + (w.k - m->weights) + at, C);
    set_identity(m->weights + (w.v - m->weights) + at, C);
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) {
            q[i * C + j] = (il_real)(p->A[i * C + j] / m->config.model.scale);
            proj[(size_t)i * all + (size_t)(head * C + j)] =
                (il_real)(times * p->V[i * C + j]);
        }
}

typedef struct {
    il_observe_product_shape a, b;
    il_observe_products p, q; /* of the one and of the other */
    il_model *m;
} mixing;

static void leave(mixing *x)
{
    free(x->p.A);
    il_model_free(x->m);
}

/* Two models of one shape, and room for a third with `heads` heads, or as many as both have */
static il_status begin(mixing *x, const il_model *a, const il_model *b, int both,
                       il_error *err)
{
    IL_TRY(il_observe_product_shape_of(&x->a, a, err));
    IL_TRY(il_observe_product_shape_of(&x->b, b, err));
    if (x->b.blocks != x->a.blocks || x->b.C != x->a.C || x->a.each % x->b.each ||
        (!both && x->b.heads != x->a.heads) ||
        b->config.model.n_dims != a->config.model.n_dims)
        return il_fail(err, IL_ECONFIG,
                       "models of different shapes have no mean: %d and %d layers, streams "
                       "of %d and %d columns",
                       x->a.blocks, x->b.blocks, x->a.C, x->b.C);
    if (a->config.model.family != IL_STACK)
        return il_fail(err, IL_ECONFIG,
                       "the first model must be a trained one, of the family stack; name "
                       "the built model second");
    size_t n = (size_t)x->a.C * (size_t)x->a.C;
    x->p.A = malloc(sizeof *x->p.A * 4 * n);
    if (!x->p.A) return il_fail(err, IL_EFAIL, "out of memory for products");
    x->p.V = x->p.A + n;
    x->q = (il_observe_products){ x->p.A + 2 * n, x->p.A + 3 * n };
    il_config config = a->config;
    config.model.n_key = config.model.n_value = x->a.C;
    config.model.products[0] = 0;
    config.model.n_head = x->a.heads + (both ? x->b.heads : 0);
    return il_model_new(&x->m, &config, err);
}

static void finish(il_model **out, mixing *x, il_status status)
{
    if (!status) {
        il_model_pack(x->m);
        *out = x->m;
        x->m = NULL;
    }
    leave(x);
}

il_status il_observe_product_model(il_model **out, const il_model *trained,
                                   const il_model *constructed, double weight,
                                   il_error *err)
{
    mixing x = { 0 };
    il_status status = begin(&x, trained, constructed, 0, err);
    for (int i = 0; !status && i < x.a.each * x.a.heads; i++) {
        int block = i / x.a.heads, head = i % x.a.heads;
        il_observe_products_of(x.p, trained, &x.a, block, head);
        il_observe_products_of(x.q, constructed, &x.b, block, head);
        if (weight > 0) blend(x.p.A, x.q.A, weight, &x.a.parts);
        if (weight > 0) blend(x.p.V, x.q.V, weight, &x.a.parts);
        put(x.m, x.a.C, block, head, &x.p, 1);
    }
    finish(out, &x, status);
    return status;
}

il_status il_observe_product_mix(il_model **out, const il_model *a, const il_model *b,
                                 double weight, il_error *err)
{
    mixing x = { 0 };
    il_status status = begin(&x, a, b, 1, err);
    int heads = x.a.heads + x.b.heads;
    for (int i = 0; !status && i < x.a.each * heads; i++) {
        int block = i / heads, head = i % heads, second = head >= x.a.heads;
        if (second)
            il_observe_products_of(x.p, b, &x.b, block, head - x.a.heads);
        else
            il_observe_products_of(x.p, a, &x.a, block, head);
        put(x.m, x.a.C, block, head, &x.p, second ? weight : 1 - weight);
    }
    finish(out, &x, status);
    return status;
}
