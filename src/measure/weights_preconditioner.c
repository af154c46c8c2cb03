/* weights_preconditioner.c - linear attention on columns (x, y) read as preconditioned gradient descent
 *
 * A block adds c sum_i (P W_v z_i) (z_i . W_k^T W_q z_j) to every column z_j = (x_j, y_j), and the answer
 * is minus y of the last. Where P W_v = diag(0, v) and W_k^T W_q = diag(Q, 0) that is a step
 *
 *   w <- w - A grad R(w),   R(w) = |X (w - w*)|^2 / (2 n),   A = -n c v Q
 *
 * of gradient descent. One row a block, with S the covariance of the inputs (diagonal):
 *
 *   scale      a, the mean of the diagonal of S^1/2 A S^1/2
 *   whitened   |S^1/2 A S^1/2 - a I| over |S^1/2 A S^1/2|, and
 *   plain      the same of A: Ahn et al.'s Dist
 *   identity   largest entry of A - a I, a the mean of the diagonal
 *   optimum    largest entry of A - A*, each over the root of A*_ii A*_jj, where A* =
 *              ((1 + 1/n) S + tr(S)/n I)^-1 is the best single step for w ~ N(0, I)
 *   rest       what else of one block reaches the answer: the largest of u over |v|, or of r over the
 *              largest of Q, where (u, v) and (r, .) are the last rows of the two products
 *
 * Source: Ahn et al. 2023, arXiv:2306.00297.
 */
#include "base/larger.h"
#include "measure/weights.h"
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

enum { D = IL_VARIANCES };

typedef struct {
    double a, distance,
        largest; /* of M - a I: its norm over that of M, its largest entry */
} multiple;

/* M_ij = l_i A_ij l_j against multiples of I; l NULL: 1 */
static multiple nearest(const double *A, int d, const double *l)
{
    multiple m = { 0 };
    double all = 0, off = 0;
    for (int i = 0; i < d; i++) m.a += (l ? l[i] * l[i] : 1) * A[i * d + i] / d;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double v = (l ? l[i] * l[j] : 1) * A[i * d + j], e = v - (i == j ? m.a : 0);
            all += v * v;
            off += e * e;
            m.largest = il_larger(m.largest, fabs(e));
        }
    m.distance = all > 0 ? sqrt(off / all) : NAN;
    return m;
}

static double from_optimum(const double *A, int d, int n, const double *S)
{
    double best[D], trace = 0, most = 0;
    for (int i = 0; i < d; i++) trace += S[i];
    for (int i = 0; i < d; i++) best[i] = 1 / ((1 + 1.0 / n) * S[i] + trace / n);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double e = A[i * d + j] - (i == j ? best[i] : 0);
            most = il_larger(most, fabs(e) / sqrt(best[i] * best[j]));
        }
    return most;
}

static double rest_of(const il_observe_products *p, int C, int d)
{
    double largest = 0, keys = 0, values = 0;
    for (int j = 0; j < d; j++) {
        for (int i = 0; i < d; i++) largest = il_larger(largest, fabs(p->A[i * C + j]));
        keys = il_larger(keys, fabs(p->A[d * C + j]));
        values = il_larger(values, fabs(p->V[d * C + j]));
    }
    return il_larger(keys / largest, values / fabs(p->V[d * C + d]));
}

static void fill_block(il_table *table, int row, int C, int d, const double *S, int n,
                       const il_observe_products *p)
{
    double A[D * D] = { 0 }, root[D] = { 0 };
    for (int i = 0; i < d; i++) root[i] = sqrt(S[i]);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) A[i * d + j] = -n * p->V[d * C + d] * p->A[i * C + j];
    multiple whitened = nearest(A, d, root), plain = nearest(A, d, NULL);
    double values[] = { whitened.a,    whitened.distance,        plain.distance,
                        plain.largest, from_optimum(A, d, n, S), rest_of(p, C, d) };
    il_measure_set(table, row, values, IL_COUNT(values));
}

static il_status check(const il_measured *model, const il_observe_product_shape *s,
                       il_error *err)
{
    int d = model->model->config.model.n_dims;
    if (!il_model_layout(model->model)->last || s->C != d + 1 || s->heads != 1)
        return il_fail(err, IL_ECONFIG,
                       "%s: a preconditioner is read off one head on tokens (x, y) that "
                       "are themselves the residual stream: model.n_head = 1, model.tokens "
                       "= columns, model.read_in = none, model.n_embd = model.n_dims + 1",
                       il_measured_name(model));
    if (d > D)
        return il_fail(err, IL_ECONFIG, "%s: more than %d dimensions",
                       il_measured_name(model), D);
    return IL_OK;
}

static il_status outline(il_table *table, const il_measured *model, int n, il_error *err)
{
    for (int i = 0; i < n; i++) {
        il_observe_product_shape s;
        IL_TRY(il_observe_product_shape_of(&s, model[i].model, err));
        IL_TRY(check(model + i, &s, err));
        for (int b = 0; b < s.blocks; b++) {
            char name[2 * IL_TEXT];
            snprintf(name, sizeof name, "%s%sh.%d",
                     n > 1 ? il_measured_name(&model[i]) : "", n > 1 ? " " : "", b);
            IL_TRY(il_outline_name(table, name, err));
        }
    }
    return IL_OK;
}

/* Fills the rows from *from on, which becomes the row after them */
static il_status add_blocks(il_table *table, int *row, const il_measured *model,
                            il_error *err)
{
    const il_config *c = &model->model->config;
    const il_task *task = il_task_find(c->training.task_name);
    il_observe_product_shape s;
    double S[D];
    int d = c->model.n_dims;
    IL_TRY(il_observe_product_shape_of(&s, model->model, err));
    IL_TRY(il_task_variances(S, task, c->training.task_opts, d, err));
    size_t n = (size_t)s.C * (size_t)s.C;
    double *memory = malloc(2 * n * sizeof *memory);
    if (!memory) return il_fail(err, IL_EFAIL, "out of memory for products");
    il_observe_products p = { memory, memory + n };
    for (int b = 0; b < s.blocks; b++) {
        il_observe_products_of(p, model->model, &s, b, 0);
        fill_block(table, (*row)++, s.C, d, S, c->training.curriculum.points.end - 1, &p);
    }
    free(memory);
    return IL_OK;
}

static il_status fill(il_table *table, const il_weights_options *o,
                      const il_measured *model, int n, il_error *err)
{
    (void)o;
    for (int i = 0, row = 0; i < n; i++) IL_TRY(add_blocks(table, &row, model + i, err));
    return IL_OK;
}

const il_weights_form il_weights_preconditioner = {
    "block$ scale whitened plain identity optimum rest", IL_MEASURE_MODELS, outline, fill
};
