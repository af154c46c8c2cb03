/* weights_products.c - an attention's products of weights, as blocks of the stream
 *
 * Only K^T Q and P V matter (observe/products.c). Where columns of the stream have names, a product is a grid of
 * blocks; a learner by gradients has K^T Q = a I on x and P V = c on y. For the products of each head:
 *
 *   identity   the share of its squared norm in multiples of I, block by block
 *   block      its largest one; mean, the m of the m I in it; distance, |M - m I| / |M| of that block
 *              (Ahn et al. 2023, arXiv:2306.00297)
 *   largest    its largest singular value over its norm
 *   step       - a c scale, the head's gradient step where y becomes the residual
 *
 * Or for each block of each product (share: of the product's squared norm), or each singular value.
 * Beside a construction: to, |M - c M'| / |M| with the best c, M' that of the construction's head which is
 * nearest in both products; and a row for each layer, where M is sum_h V_h x A_h, all that its heads do
 * together, however they are ordered and scaled. Sources: von Oswald et al. 2023, arXiv:2212.07677; Ahn
 * et al.
 */
#include "construct/construct.h"
#include "la/dense.h"
#include "measure/weights.h"
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const il_model *m;
    const char *construction; /* its text, or NULL */
    il_table *t;
    int each;
    il_registers parts; /* of the model, then what the construction has beside them */
    il_model *to;       /* the construction, or NULL */
    int to_layers, place[1024]; /* the columns of its stream among these */
} look;

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* ---- attentions ------------------------------------------------------------------------------ */

/* The products of all heads of one attention: A (heads,C,C), then V */
typedef struct {
    const il_op *op;
    il_observe_maps maps;
    double *A, *V;
} layer;

/* The i-th attention of the body; 0 when there are not so many */
static int find(layer *l, const il_model *m, int i)
{
    *l = (layer){ 0 };
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++) {
        l->op = &m->plan.ops[j];
        if (il_observe_maps_of(&l->maps, m, l->op) && i-- == 0) return 1;
    }
    return 0;
}

/* Into C columns; column i of its stream stands at place[i], or where it is when that is NULL. */
static il_status read_products(layer *l, int C, const int *place, il_error *err)
{
    int own = l->maps.C;
    size_t each = (size_t)C * (size_t)C, n = each * (size_t)l->maps.heads;
    double *M = malloc(sizeof *M * (size_t)own * (size_t)own);
    l->A = calloc(2 * n, sizeof *l->A);
    if (!l->A || !M) {
        free(M);
        return il_fail(err, IL_EFAIL, "out of memory for products");
    }
    l->V = l->A + n;
    for (int h = 0; h < 2 * l->maps.heads; h++) {
        double *to = (h % 2 ? l->V : l->A) + (size_t)(h / 2) * each;
        il_observe_maps_product(M, &l->maps, h / 2, h % 2);
        for (int i = 0; i < own; i++)
            for (int j = 0; j < own; j++)
                to[(place ? place[i] : i) * C + (place ? place[j] : j)] = M[i * own + j];
    }
    free(M);
    l->maps.C = C;
    return IL_OK;
}

static const double *product_of(const layer *l, int head, int values)
{
    return (values ? l->V : l->A) + (size_t)head * (size_t)l->maps.C * (size_t)l->maps.C;
}

/* ---- beside a construction --------------------------------------------------------------------- */

/* |M - c M'| / |M| with the best c, from three products */
static double distance_of(double mm, double mk, double kk)
{
    if (!(mm > 0)) return NAN;
    return kk > 0 ? sqrt(fmax(0, 1 - mk * mk / (mm * kk))) : 1;
}

static double distance(const double *M, const double *K, int n)
{
    return distance_of(dot(M, M, n), dot(M, K, n), dot(K, K, n));
}

/* The construction's head that is nearest to this one in both products */
static int nearest(const layer *l, int head, const layer *to)
{
    int best = 0, n = l->maps.C * l->maps.C;
    double least = INFINITY;
    for (int h = 0; h < to->maps.heads; h++) {
        double a = distance(product_of(l, head, 0), product_of(to, h, 0), n);
        double v = distance(product_of(l, head, 1), product_of(to, h, 1), n);
        if (a * a + v * v >= least) continue;
        least = a * a + v * v;
        best = h;
    }
    return best;
}

/* <sum_h V_h x A_h, sum_k V_k x A_k> = sum_hk <V_h,V_k> <A_h,A_k> */
static double together(const layer *a, const layer *b)
{
    double sum = 0;
    int n = a->maps.C * a->maps.C;
    for (int h = 0; h < a->maps.heads; h++)
        for (int k = 0; k < b->maps.heads; k++)
            sum += dot(product_of(a, h, 1), product_of(b, k, 1), n) *
                   dot(product_of(a, h, 0), product_of(b, k, 0), n);
    return sum;
}

/* Has "dims=5 loops=12" or "gd dims=5" this key? */
static int has_key(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = text; (at = strstr(at, key)); at += n)
        if ((at == text || at[-1] == ' ') && at[n] == '=') return 1;
    return 0;
}

/* What a construction can be told and the user did not say: the model's dimensions and layers */
static void complete(char text[2 * IL_TEXT], const look *k, int layers)
{
    const il_config *c = &k->m->config;
    const struct {
        const char *key;
        int value;
    } known[] = { { "dims", c->model.n_dims },
                  { "points", c->training.curriculum.points.end },
                  { "layers", layers } };
    int name = (int)strcspn(text, " ");
    for (int r = 0; il_construct_at(r); r++) {
        const il_construct *row = il_construct_at(r);
        if ((int)strlen(row->name) != name || strncmp(row->name, text, (size_t)name))
            continue;
        for (int i = 0; i < IL_COUNT(known); i++) {
            size_t n = strlen(text);
            if (il_opt_find(row->opts, known[i].key) && !has_key(text, known[i].key))
                snprintf(text + n, 2 * IL_TEXT - n, " %s=%d", known[i].key, known[i].value);
        }
    }
}

/* Parts of one name and width are the same; the construction's others stand behind the model's. */
static il_status place_columns(look *k, const char *text, il_error *err)
{
    il_registers own = k->parts, theirs;
    int known = 0;
    il_observe_registers(&theirs, k->to);
    for (int i = 0; i < theirs.n; i++) {
        int j = 0, d = il_register_width(&theirs, i);
        while (j < own.n &&
               (strcmp(own.name[j], theirs.name[i]) || il_register_width(&own, j) != d))
            j++;
        known += j < own.n;
        if (j == own.n) j = il_registers_add(&k->parts, theirs.name[i], d);
        for (int c = 0; c < d && j >= 0; c++)
            k->place[theirs.at[i] + c] = k->parts.at[j] + c;
        if (j < 0) return il_fail(err, IL_ECONFIG, "more than %d registers", IL_REGISTERS);
    }
    if (known) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "to: the streams of the model and of %s share no register (the model has %s and %d "
        "more), so their weights cannot be compared; use a model with model.read_in = none",
        il_show(text).text, own.name[0], own.n - 1);
}

static il_status build(look *k, int layers, il_error *err)
{
    char text[2 * IL_TEXT];
    layer l;
    snprintf(text, sizeof text, "%s", k->construction);
    complete(text, k, layers);
    IL_TRY(il_build(&k->to, text, err));
    while (find(&l, k->to, k->to_layers)) k->to_layers++;
    if (!k->to_layers || !find(&l, k->to, 0))
        return il_fail(err, IL_ECONFIG, "to: %s has no attention to compare with",
                       il_show(text).text);
    if (l.maps.C > IL_COUNT(k->place))
        return il_fail(err, IL_ECONFIG, "to: a stream of more than %d columns",
                       IL_COUNT(k->place));
    return place_columns(k, text, err);
}

/* ---- rows -------------------------------------------------------------------------------------- */

/* All singular values, the largest first, by the eigenvalues of M^T M */
static il_status singular_values(double *value, const double *M, int C, il_error *err)
{
    size_t n = (size_t)C;
    double *S = calloc(n * n + 4 * n, sizeof *S);
    if (!S) return il_fail(err, IL_EFAIL, "out of memory for singular values");
    for (int k = 0; k < C; k++)
        for (int i = 0; i < C; i++) il_daxpy(S + i * C, M[k * C + i], M + k * C, C);
    il_eigen(value, S, C, S + n * n, 1, S + n * n + n);
    free(S);
    for (int i = 0; i < C; i++) {
        double x = sqrt(fmax(value[i], 0));
        int j = i;
        for (; j > 0 && value[j - 1] < x; j--) value[j] = value[j - 1];
        value[j] = x;
    }
    return IL_OK;
}

static double block_norm(const double *M, const il_registers *p, int a, int b)
{
    double sum = 0;
    int C = p->at[p->n];
    for (int i = p->at[a]; i < p->at[a + 1]; i++)
        for (int j = p->at[b]; j < p->at[b + 1]; j++) sum += M[i * C + j] * M[i * C + j];
    return sum;
}

/* "y.x": row y, column x */
static void name_block(char name[64], const il_registers *p, int block)
{
    snprintf(name, 64, "%s.%s", p->name[block / p->n], p->name[block % p->n]);
}

static int is_square(const il_registers *p, int b)
{
    return il_register_width(p, b / p->n) == il_register_width(p, b % p->n);
}

/* How far block `b` is from a multiple of I: |M - m I| / |M| */
static double from_identity(double norm, double mean, const il_registers *p, int b)
{
    double kept = is_square(p, b) ? il_register_width(p, b / p->n) * mean * mean : 0;
    return norm > 0 ? sqrt(fmax(0, norm - kept) / norm) : NAN;
}

static il_status start_row(look *k, const layer *l, int values, int head, il_error *err)
{
    double row[] = { head };
    IL_TRY(il_table_add_numbers(k->t, l->op->name, 2, row, 1, err));
    return il_table_set_text(k->t, il_table_rows(k->t) - 1, 1, values ? "PV" : "KQ", err);
}

static void set(look *k, int col, double value)
{
    il_table_set(k->t, il_table_rows(k->t) - 1, col, value);
}

static il_status by_value(look *k, const layer *l, int head, int values, il_error *err)
{
    int C = l->maps.C;
    double *value = malloc(sizeof *value * (size_t)C);
    il_status status = value ? singular_values(value, product_of(l, head, values), C, err)
                             : il_fail(err, IL_EFAIL, "out of memory for singular values");
    for (int i = 0; i < C && !status; i++) {
        status = start_row(k, l, values, head, err);
        if (status) break;
        set(k, 3, i + 1);
        set(k, 4, value[i]);
    }
    free(value);
    return status;
}

static il_status by_block(look *k, const layer *l, int head, int values, const layer *to,
                          il_error *err)
{
    const il_registers *p = &k->parts;
    const double *M = product_of(l, head, values);
    int n = l->maps.C * l->maps.C;
    double mean[IL_REGISTERS * IL_REGISTERS], mm = dot(M, M, n), c = 0;
    const double *K = to ? product_of(to, nearest(l, head, to), values) : NULL;
    il_observe_block_means(mean, M, p);
    if (K && dot(K, K, n) > 0) c = dot(M, K, n) / dot(K, K, n);
    for (int b = 0; b < p->n * p->n; b++) {
        char name[64];
        double norm = block_norm(M, p, b / p->n, b % p->n);
        if (!(norm > 0)) continue;
        name_block(name, p, b);
        IL_TRY(start_row(k, l, values, head, err));
        IL_TRY(il_table_set_text(k->t, il_table_rows(k->t) - 1, 3, name, err));
        set(k, 4, norm / mm);
        set(k, 5, is_square(p, b) ? mean[b] : NAN);
        set(k, 6, from_identity(norm, mean[b], p, b));
        if (!K) continue;
        double away = 0;
        int C = l->maps.C;
        for (int i = p->at[b / p->n]; i < p->at[b / p->n + 1]; i++)
            for (int j = p->at[b % p->n]; j < p->at[b % p->n + 1]; j++) {
                double d = M[i * C + j] - c * K[i * C + j];
                away += d * d;
            }
        set(k, 7, away / mm);
    }
    return IL_OK;
}

/* The step of a head on tokens (x, y) */
static double step_of(const look *k, const layer *l, int head)
{
    double a[IL_REGISTERS * IL_REGISTERS], v[IL_REGISTERS * IL_REGISTERS];
    const il_registers *p = &k->parts;
    if (p->n != 2 || strcmp(p->name[0], "x") || strcmp(p->name[1], "y")) return NAN;
    il_observe_block_means(a, product_of(l, head, 0), p);
    il_observe_block_means(v, product_of(l, head, 1), p);
    return -a[0] * v[3] * l->maps.scale;
}

static il_status by_head(look *k, const layer *l, int head, int values, const layer *to,
                         il_error *err)
{
    const il_registers *p = &k->parts;
    const double *M = product_of(l, head, values);
    int C = l->maps.C, best = 0;
    double mean[IL_REGISTERS * IL_REGISTERS], most = 0, whole = dot(M, M, C * C);
    double kept = il_observe_block_means(mean, M, p);
    for (int b = 0; b < p->n * p->n; b++) {
        double norm = block_norm(M, p, b / p->n, b % p->n);
        if (norm <= most) continue;
        most = norm;
        best = b;
    }
    double *value = malloc(sizeof *value * (size_t)C);
    if (!value) return il_fail(err, IL_EFAIL, "out of memory for singular values");
    il_status status = singular_values(value, M, C, err);
    if (!status) status = start_row(k, l, values, head, err);
    char name[64];
    name_block(name, p, best);
    if (!status) status = il_table_set_text(k->t, il_table_rows(k->t) - 1, 4, name, err);
    if (!status) {
        set(k, 3, kept);
        set(k, 5, is_square(p, best) ? mean[best] : NAN);
        set(k, 6, from_identity(most, mean[best], p, best));
        set(k, 7, whole > 0 ? value[0] / sqrt(whole) : NAN);
        set(k, 8, values ? NAN : step_of(k, l, head));
        if (to) set(k, 9, distance(M, product_of(to, nearest(l, head, to), values), C * C));
    }
    free(value);
    return status;
}

static il_status add_layer(look *k, const layer *l, const layer *to, il_error *err)
{
    for (int i = 0; i < 2 * l->maps.heads; i++) {
        int head = i / 2, values = i % 2;
        switch (k->each) {
        case IL_BY_HEAD:
            IL_TRY(by_head(k, l, head, values, to, err));
            break;
        case IL_BY_BLOCK:
            IL_TRY(by_block(k, l, head, values, to, err));
            break;
        default:
            IL_TRY(by_value(k, l, head, values, err));
        }
    }
    if (!to || k->each != IL_BY_HEAD) return IL_OK;
    IL_TRY(il_table_add_numbers(k->t, l->op->name, 2, NULL, 0, err));
    set(k, 9, distance_of(together(l, l), together(l, to), together(to, to)));
    return il_table_set_text(k->t, il_table_rows(k->t) - 1, 1, "all", err);
}

/* ---- the tables ---------------------------------------------------------------------------------- */

static il_status add_all(look *k, int layers, il_error *err)
{
    il_status status = IL_OK;
    for (int i = 0; i < layers && !status; i++) {
        layer l, to = { 0 };
        find(&l, k->m, i);
        if (k->to) find(&to, k->to, i % k->to_layers);
        int C = k->parts.at[k->parts.n];
        status = read_products(&l, C, NULL, err);
        if (!status && k->to) status = read_products(&to, C, k->place, err);
        if (!status) status = add_layer(k, &l, k->to ? &to : NULL, err);
        free(l.A);
        free(to.A);
    }
    return status;
}

static il_status count_layers(int *layers, const il_model *m, il_error *err)
{
    layer l;
    for (*layers = 0; find(&l, m, *layers);) ++*layers;
    return *layers ? IL_OK
                   : il_fail(err, IL_ECONFIG,
                             "weights: the model has no attention with q, k, v");
}

static il_status outline(il_table *table, const il_measured *model, int n, il_error *err)
{
    int layers;
    (void)table, (void)n;
    return count_layers(&layers, model->model, err);
}

static il_status fill(il_table *table, const il_weights_options *o,
                      const il_measured *model, int n, il_error *err)
{
    look k = { .m = model->model, .construction = o->to, .t = table, .each = o->each };
    int layers;
    (void)n;
    IL_TRY(count_layers(&layers, k.m, err));
    il_observe_registers(&k.parts, k.m);
    il_status status = o->to ? build(&k, layers, err) : IL_OK;
    if (!status) status = add_all(&k, layers, err);
    il_model_free(k.to);
    return status;
}

const il_weights_form il_weights_head = {
    "layer$ product$ head identity block$ mean distance largest step", 1, outline, fill
};
const il_weights_form il_weights_block = {
    "layer$ product$ head block$ share mean distance", 1, outline, fill
};
const il_weights_form il_weights_value = { "layer$ product$ head index value", 1, outline,
                                           fill };
