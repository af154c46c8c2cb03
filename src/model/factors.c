/* factors.c - weights that act only as a product W = L R or W = L M R: their initial values and their decay
 *
 * These are linear maps that follow one another without anything between, and in every attention head W_k^T W_q
 * and P W_v. Spectral initialisation takes the best approximation of rank r of a matrix, A diag(s) B^T, to
 * L = A sqrt(diag(s)), M = I, R = sqrt(diag(s)) B^T: of a map, of the matrix that it would start from without
 * factors; of a head, of its own product. Frobenius decay is the gradient of lambda / 2 |L M R|_F^2,
 *
 *   dL = lambda L M R R^T M^T,   dM = lambda L^T L M R R^T,   dR = lambda M^T L^T L M R
 *
 * in place of decay of each factor: of that, 1/2 (|L|_F^2 + |R|_F^2) is at least the nuclear norm of L R.
 * Source: Khodak, Tenenholtz, Mackey & Fusi 2021, "Initialization and regularization of factorized neural layers",
 * arXiv:2105.01029.
 */
#include "la/dense.h"
#include "model/model.h"

#include <math.h>
#include <stdlib.h>

/* ---- which weights ----------------------------------------------------------------------------- */

static int readers(const il_plan *p, int slot)
{
    int n = (p->answer == slot) + (p->carry_out == slot);
    for (int i = 0; i < p->n_ops; i++)
        for (int k = 0; k < p->ops[i].n_in; k++) n += p->ops[i].in[k] == slot;
    return n;
}

/* The map that hands its output to this one alone, and adds nothing to it; NULL: there is none */
static const il_op *map_right_of(const il_plan *p, const il_op *op)
{
    int from = p->slots[op->in[0]].producer;
    if (from == IL_NONE || op->kind->form != IL_FORM_MAP) return NULL;
    const il_op *map = &p->ops[from];
    int plain = map->kind->form == IL_FORM_MAP && map->n_in == 1 &&
                map->par[1] == IL_NONE && map->save[0] == IL_NONE;
    return plain && readers(p, map->out) == 1 ? map : NULL;
}

static il_view view_of(const il_plan *p, const il_op *map)
{
    const il_param *w = &p->params[map->par[0]];
    return (il_view){ w->offset, w->rows, w->cols, (size_t)w->cols, 1 };
}

/* Rows row..row+rows-1 of a map */
static il_view rows_of(const il_plan *p, const il_op *map, int row, int rows)
{
    il_view v = view_of(p, map);
    v.at += (size_t)row * v.row;
    v.rows = rows;
    return v;
}

static il_view columns_of(const il_plan *p, const il_op *map, int column, int columns)
{
    il_view v = view_of(p, map);
    v.at += (size_t)column;
    v.cols = columns;
    return v;
}

static il_view transposed(il_view v)
{
    return (il_view){ v.at, v.cols, v.rows, v.col, v.row };
}

static int is_right_factor(const il_plan *p, const il_op *map)
{
    for (int i = 0; i < p->n_ops; i++)
        if (map_right_of(p, &p->ops[i]) == map) return 1;
    return 0;
}

static il_factors *room(il_factors *list, int *n, const char *name, const char *suffix)
{
    il_factors *f = list ? &list[*n] : NULL;
    if (f) {
        *f = (il_factors){ .param = { IL_NONE, IL_NONE, IL_NONE } };
        snprintf(f->name, sizeof f->name, "%.*s%s", (int)(IL_NAME - 16), name, suffix);
    }
    ++*n;
    return f;
}

static void add_maps(il_factors *list, int *n, const il_plan *p, const il_op *left)
{
    const il_op *right = map_right_of(p, left), *middle = NULL;
    if (!right || is_right_factor(p, left)) return;
    if (map_right_of(p, right)) {
        middle = right;
        right = map_right_of(p, right);
    }
    il_factors *f = room(list, n, left->name, "");
    if (!f) return;
    f->left = view_of(p, left);
    f->right = view_of(p, right);
    if (middle) f->middle = view_of(p, middle);
    f->param[0] = left->par[0];
    f->param[1] = middle ? middle->par[0] : IL_NONE;
    f->param[2] = right->par[0];
    f->maps = 1;
}

/* A head wider than the stream is no product of lower rank. */
static int is_narrow(const il_plan *p, const il_op *map, int width)
{
    return width <= p->params[map->par[0]].cols;
}

/* W_k^T W_q and P W_v, where nothing stands between these and the attention */
static void add_heads(il_factors *list, int *n, const il_plan *p, const il_op *op)
{
    il_heads a;
    int q_row, k_row, v_row, none;
    char suffix[16];
    if (!il_heads_of(&a, p, op)) return;
    const il_op *q = il_heads_map(p, op, IL_ROLE_QUERY, &q_row),
                *k = il_heads_map(p, op, IL_ROLE_KEY, &k_row),
                *v = il_heads_map(p, op, IL_ROLE_VALUE, &v_row),
                *out = il_heads_map(p, op, IL_ROLE_OUTPUT, &none);
    int scores = q && k && op->in[a.input[IL_ROLE_QUERY]] == q->out &&
                 op->in[a.input[IL_ROLE_KEY]] == k->out && is_narrow(p, q, a.key) &&
                 is_narrow(p, k, a.key),
        mixes = v && out && op->in[a.input[IL_ROLE_VALUE]] == v->out &&
                out->in[0] == op->out && is_narrow(p, v, a.value) &&
                a.value <= p->params[out->par[0]].rows;
    for (int h = 0; h < a.heads; h++) {
        snprintf(suffix, sizeof suffix, ".qk.%d", h);
        il_factors *f = scores ? room(list, n, op->name, suffix) : NULL;
        if (f) {
            f->left = transposed(rows_of(p, k, k_row + h * a.key, a.key));
            f->right = rows_of(p, q, q_row + h * a.key, a.key);
            f->param[0] = k->par[0], f->param[2] = q->par[0];
        }
        snprintf(suffix, sizeof suffix, ".ov.%d", h);
        f = mixes ? room(list, n, op->name, suffix) : NULL;
        if (f) {
            f->left = columns_of(p, out, h * a.value, a.value);
            f->right = rows_of(p, v, v_row + h * a.value, a.value);
            f->param[0] = out->par[0], f->param[2] = v->par[0];
        }
    }
}

static void add_all(il_factors *list, int *n, const il_plan *p)
{
    *n = 0;
    for (int i = 0; i < p->n_ops; i++) {
        add_maps(list, n, p, &p->ops[i]);
        add_heads(list, n, p, &p->ops[i]);
    }
}

il_status il_factors_of(il_factors **list, int *n, const il_plan *p, il_error *err)
{
    add_all(NULL, n, p);
    *list = calloc((size_t)*n + 1, sizeof **list);
    if (!*list) return il_fail(err, IL_EFAIL, "out of memory for %d products", *n);
    add_all(*list, n, p);
    return IL_OK;
}

/* ---- small products in double ------------------------------------------------------------------ */

static double at(const il_real *w, il_view v, int i, int j)
{
    return (double)w[v.at + (size_t)i * v.row + (size_t)j * v.col];
}

static void copy(double *to, const il_real *w, il_view v)
{
    for (int i = 0; i < v.rows; i++)
        for (int j = 0; j < v.cols; j++) *to++ = at(w, v, i, j);
}

/* C (m,n) = A (m,k) B (k,n) */
static void multiply(double *C, const double *A, const double *B, int m, int k, int n)
{
    for (int i = 0; i < m; i++, C += n, A += k) {
        for (int j = 0; j < n; j++) C[j] = 0;
        for (int l = 0; l < k; l++) il_daxpy(C, A[l], B + (size_t)l * (size_t)n, n);
    }
}

/* C (n,n) = A^T A, A (m,n) */
static void gram(double *C, const double *A, int m, int n)
{
    for (int i = 0; i < n * n; i++) C[i] = 0;
    for (int l = 0; l < m; l++, A += n)
        for (int i = 0; i < n; i++) il_daxpy(C + (size_t)i * (size_t)n, A[i], A, n);
}

/* ---- decay ------------------------------------------------------------------------------------- */

size_t il_factors_work(const il_factors *f)
{
    size_t m = (size_t)f->left.rows, r = (size_t)f->left.cols, n = (size_t)f->right.cols,
           most = m > n ? m : n;
    return 3 * most * r + 5 * r * r;
}

static void add(il_real *grad, il_view v, const double *by, double factor)
{
    for (int i = 0; i < v.rows; i++)
        for (int j = 0; j < v.cols; j++, by++) {
            il_real *g = grad + v.at + (size_t)i * v.row + (size_t)j * v.col;
            *g = (il_real)((double)*g + factor * *by);
        }
}

/* What both use: L, R^T, M, S = L^T L and P = R R^T. The rest is scratch. */
typedef struct {
    int m, r, n;
    double *L, *R, *M, *S, *P, *a, *b;
} product;

static product product_of(const il_factors *f, const il_real *w, double *work)
{
    product p = { .m = f->left.rows, .r = f->left.cols, .n = f->right.cols };
    size_t most = (size_t)il_max(p.m, p.n) * (size_t)p.r, r2 = (size_t)(p.r * p.r);
    p.L = work, p.R = p.L + most, p.b = p.R + most;
    p.M = p.b + most, p.S = p.M + r2, p.P = p.S + r2, p.a = p.P + r2;
    copy(p.L, w, f->left);
    copy(p.R, w, transposed(f->right));
    for (int i = 0; i < p.r * p.r; i++) p.M[i] = i % (p.r + 1) == 0;
    if (f->middle.rows) copy(p.M, w, f->middle);
    gram(p.S, p.L, p.m, p.r);
    gram(p.P, p.R, p.n, p.r);
    return p;
}

void il_factors_decay(const il_factors *f, const il_real *w, il_real *grad, double lambda,
                      double *work)
{
    product p = product_of(f, w, work);
    int r = p.r;
    double *MP = p.a, *square = p.a + (size_t)(r * r);
    multiply(MP, p.M, p.P, r, r, r);
    multiply(square, p.S, MP, r, r, r);
    if (f->middle.rows) add(grad, f->middle, square, lambda);
    for (int i = 0; i < r; i++) /* M P M^T */
        for (int j = 0; j < r; j++)
            square[i * r + j] = il_ddot(MP + (size_t)(i * r), p.M + (size_t)(j * r), r);
    multiply(p.b, p.L, square, p.m, r, r);
    add(grad, f->left, p.b, lambda);
    multiply(MP, p.S, p.M, r, r, r);
    for (int i = 0; i < r; i++) /* M^T S M, which is symmetric */
        for (int j = 0; j < r; j++) {
            double sum = 0;
            for (int l = 0; l < r; l++) sum += p.M[l * r + i] * MP[l * r + j];
            square[i * r + j] = sum;
        }
    multiply(p.b, p.R, square, p.n, r, r);
    add(grad, transposed(f->right), p.b, lambda);
}

/* ---- singular values --------------------------------------------------------------------------- */

/* A diag(s) B^T = L M R: A (m,r), B (n,r), in double. m, n >= r */
typedef struct {
    double *A, *B, *s;
    il_arena memory;
} spectrum;

/* Room for a spectrum of m x n at rank r, and scratch of `extra` numbers */
static il_status spectrum_new(spectrum *to, int m, int n, int r, double **extra,
                              size_t size, il_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        to->A = il_take(&to->memory, double, (size_t)m *(size_t)r);
        to->B = il_take(&to->memory, double, (size_t)n *(size_t)r);
        to->s = il_take(&to->memory, double, r);
        *extra = il_take(&to->memory, double, size);
        if (!pass) IL_TRY(il_arena_fill(&to->memory, err));
    }
    return IL_OK;
}

/* L = A D E^T, then (D E^T M R)^T = B F G^T: so L M R = (A G) F B^T. */
static il_status decompose(spectrum *to, const il_factors *f, const il_real *w,
                           il_error *err)
{
    int m = f->left.rows, r = f->left.cols, n = f->right.cols;
    size_t r2 = (size_t)(r * r), svd = il_svd_work(il_max(m, n), r);
    double *work;
    IL_TRY(spectrum_new(to, m, n, r, &work,
                        il_factors_work(f) + 3 * r2 + svd + (size_t)m * (size_t)r, err));
    product p = product_of(f, w, work);
    double *E = work + il_factors_work(f), *T = E + r2, *G = T + r2, *left = G + r2,
           *scratch = left + (size_t)m * (size_t)r;
    memcpy(left, p.L, sizeof *left * (size_t)m * (size_t)r);
    il_svd(left, m, r, to->s, E, scratch);
    multiply(T, E, p.M, r, r, r);
    for (int i = 0; i < r; i++)
        for (int j = 0; j < r; j++) T[i * r + j] *= to->s[i];
    for (int i = 0; i < r; i++) /* T^T, so that B = R^T T^T */
        for (int j = 0; j < r; j++) p.S[i * r + j] = T[j * r + i];
    multiply(to->B, p.R, p.S, n, r, r);
    il_svd(to->B, n, r, to->s, G, scratch);
    il_transpose(G, r);
    multiply(to->A, left, G, m, r, r);
    return IL_OK;
}

static void set(il_real *w, il_view v, int i, int j, double value)
{
    w[v.at + (size_t)i * v.row + (size_t)j * v.col] = (il_real)value;
}

static void set_balanced(const il_factors *f, il_real *w, const spectrum *from)
{
    int r = f->left.cols;
    for (int j = 0; j < r; j++) {
        double root = sqrt(from->s[j]);
        for (int i = 0; i < f->left.rows; i++)
            set(w, f->left, i, j, from->A[i * r + j] * root);
        for (int i = 0; i < f->right.cols; i++)
            set(w, f->right, j, i, from->B[i * r + j] * root);
        for (int i = 0; i < r && f->middle.rows; i++) set(w, f->middle, i, j, i == j);
    }
}

/* The best approximation of rank r of a matrix drawn as the map would be without factors */
static il_status best_of_rank(spectrum *to, const il_factors *f, const il_plan *plan,
                              uint64_t seed, il_error *err)
{
    int m = f->left.rows, r = f->left.cols, n = f->right.cols, tall = m >= n,
        least = il_min(m, n), most = il_max(m, n);
    size_t size = (size_t)m * (size_t)n, square = (size_t)least * (size_t)least;
    double *W, *s, *Vt;
    IL_TRY(spectrum_new(to, m, n, r, &W,
                        size + square + (size_t)least + il_svd_work(most, least), err));
    s = W + size, Vt = s + least;
    il_rng rng = il_rng_at(seed, IL_STREAM_INIT, 0, (uint32_t)f->param[0]);
    double std = plan->params[f->param[0]].scale;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) W[tall ? i * n + j : j * m + i] = std * il_normal(&rng);
    il_svd(W, most, least, s, Vt, Vt + square);
    for (int k = 0; k < r; k++) {
        to->s[k] = s[k];
        for (int i = 0; i < m; i++)
            to->A[i * r + k] = tall ? W[i * least + k] : Vt[k * least + i];
        for (int i = 0; i < n; i++)
            to->B[i * r + k] = tall ? Vt[k * least + i] : W[i * least + k];
    }
    return IL_OK;
}

il_status il_factors_spectral(const il_plan *plan, il_real *weights, uint64_t seed,
                              il_error *err)
{
    il_factors *list;
    int n;
    IL_TRY(il_factors_of(&list, &n, plan, err));
    il_status status = IL_OK;
    for (int i = 0; i < n && !status; i++) {
        spectrum s = { 0 };
        status = list[i].maps ? best_of_rank(&s, &list[i], plan, seed, err)
                              : decompose(&s, &list[i], weights, err);
        if (!status) set_balanced(&list[i], weights, &s);
        il_arena_free(&s.memory);
    }
    free(list);
    return status;
}

il_status il_factors_norms(il_factor_norms *to, const il_factors *f, const il_real *w,
                           il_error *err)
{
    spectrum s = { 0 };
    *to = (il_factor_norms){ 0 };
    il_status status = decompose(&s, f, w, err);
    double square = 0;
    for (int i = 0; i < f->left.cols && !status; i++) {
        to->nuclear += s.s[i];
        square += s.s[i] * s.s[i];
    }
    to->product = sqrt(square);
    il_view both[] = { f->left, f->right };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < both[k].rows; i++)
            for (int j = 0; j < both[k].cols; j++) {
                double v = at(w, both[k], i, j);
                *(k ? &to->right : &to->left) += v * v;
            }
    il_arena_free(&s.memory);
    return status;
}
