/* prompts.c - prompts with many queries each, and their spectra
 *
 * Examples and queries of a prompt are points of one draw, so they share their function and their
 * distribution. A = X^T X = V diag(lambda) V^T; what is kept of a prompt is lambda, V^T X^T Y and
 * V^T q for its queries. Queries are many, so that a prediction's linear part can be regressed.
 *
 * A sequence s_0..s_n is such a prompt too: the examples are the pairs (s_i, s_{i+1}), i < n, with as many
 * answers as s has numbers, and s_n is its only query.
 */
#include "la/dense.h"
#include "observe/observe.h"

#include <stdlib.h>

/* Eigenvalues below this part of the largest are rounding: inputs are floats */
static const double rounding = 1e-12;

static void layout(il_observe_prompts *e, const il_observe_draw *o)
{
    size_t B = (size_t)e->B, Q = (size_t)e->Q, D = (size_t)e->D, O = (size_t)e->outs;
    for (int c = 0; c < e->cells; c++) {
        il_observe_cell *cell = &e->cell[c];
        cell->n = o->sizes[c % o->n_sizes];
        cell->lambda = il_take(&e->arena, double, B *D);
        cell->V = il_take(&e->arena, double, B *D *D);
        cell->b = il_take(&e->arena, double, B *D *O);
        cell->q = il_take(&e->arena, double, B *Q *D);
        cell->y = il_take(&e->arena, double, B *Q *O);
    }
}

typedef struct {
    il_observe_prompts *e;
    il_observe_cell *cell;
    const il_batch *drawn; /* B prompts of n + Q points */
} spreading;

/* Q questions of one prompt: the same examples, another last point */
static void ask(const spreading *s, int b)
{
    const il_observe_cell *cell = s->cell;
    int D = s->drawn->dim, n = cell->n, Q = s->e->Q, O = s->e->outs;
    const il_real *x = s->drawn->x + (size_t)b * (size_t)s->drawn->points * (size_t)D;
    const il_real *y = s->drawn->y + (size_t)b * (size_t)s->drawn->points * (size_t)O;
    for (int j = 0; j < Q; j++) {
        size_t question = (size_t)b * (size_t)Q + (size_t)j,
               at = question * (size_t)(n + 1);
        il_real *to = cell->asked->x + at * (size_t)D,
                *known = cell->asked->y + at * (size_t)O;
        memcpy(to, x, sizeof *x * (size_t)n * (size_t)D);
        memcpy(to + n * D, x + (n + j) * D, sizeof *x * (size_t)D);
        memcpy(known, y, sizeof *y * (size_t)n * (size_t)O);
        for (int o = 0; o < O; o++) {
            known[n * O + o] = 0; /* a model must not see the answer */
            cell->y[question * (size_t)O + (size_t)o] = (double)y[(n + j) * O + o];
        }
    }
}

/* G (D,O+Q+D): X^T Y, the queries and I as columns, turned into the eigenvectors' coordinates */
static void gram(const spreading *s, int b, double *A, double *G, int m)
{
    int D = s->drawn->dim, n = s->cell->n, Q = s->e->Q, O = s->e->outs;
    const il_real *x = s->drawn->x + (size_t)b * (size_t)s->drawn->points * (size_t)D;
    const il_real *y = s->drawn->y + (size_t)b * (size_t)s->drawn->points * (size_t)O;
    for (int i = 0; i < n; i++, x += D, y += O)
        for (int a = 0; a < D; a++) {
            for (int d = 0; d < D; d++) A[a * D + d] += (double)x[a] * (double)x[d];
            for (int o = 0; o < O; o++) G[a * m + o] += (double)x[a] * (double)y[o];
        }
    for (int j = 0; j < Q; j++, x += D)
        for (int a = 0; a < D; a++) G[a * m + O + j] = (double)x[a];
    for (int d = 0; d < D; d++) G[d * m + O + Q + d] = 1;
}

static void spectrum(const spreading *s, int b, double *work)
{
    const il_observe_cell *cell = s->cell;
    int D = s->drawn->dim, Q = s->e->Q, O = s->e->outs, m = Q + O + D;
    double *lambda = cell->lambda + (size_t)b * (size_t)D, *A = work,
           *G = A + (size_t)D * (size_t)D, *rest = G + (size_t)D * (size_t)m;
    memset(work, 0, sizeof *work * (size_t)D * (size_t)(D + m));
    gram(s, b, A, G, m);
    il_eigen(lambda, A, D, G, m, rest);
    double largest = 0;
    for (int i = 0; i < D; i++) largest = lambda[i] > largest ? lambda[i] : largest;
    for (int i = 0; i < D; i++) {
        int counts = lambda[i] > rounding * D * largest;
        double *to = cell->b + ((size_t)b * (size_t)D + (size_t)i) * (size_t)O;
        if (!counts) lambda[i] = 0;
        memcpy(cell->V + ((size_t)b * (size_t)D + (size_t)i) * (size_t)D, G + i * m + O + Q,
               sizeof *G * (size_t)D);
        for (int o = 0; o < O; o++) to[o] = counts ? G[i * m + o] : 0;
        for (int j = 0; j < Q; j++)
            cell->q[((size_t)b * (size_t)Q + (size_t)j) * (size_t)D + (size_t)i] =
                G[i * m + O + j];
    }
}

/* The last prompts become copies of the first ones: observe.h */
static void pair(il_batch *drawn, int pairs, int n)
{
    size_t N = (size_t)drawn->points, D = (size_t)drawn->dim, O = (size_t)drawn->outs;
    for (int i = 0; i < 2 * pairs; i++) {
        const il_real *x = drawn->x + (size_t)(i % pairs) * N * D,
                      *y = drawn->y + (size_t)(i % pairs) * N * O;
        size_t copy = (size_t)(drawn->prompts - 2 * pairs + i);
        il_real *to = drawn->x + copy * N * D, *known = drawn->y + copy * N * O;
        memcpy(to, x, sizeof *x * N * D);
        memcpy(known, y, sizeof *y * N * O);
        for (size_t j = 0; j < (size_t)n && i < pairs; j++) {
            memcpy(to + j * D, x + ((size_t)n - 1 - j) * D, sizeof *x * D);
            memcpy(known + j * O, y + ((size_t)n - 1 - j) * O, sizeof *y * O);
        }
        for (size_t j = 0; j < N * O && i >= pairs; j++) known[j] *= (il_real)-0.5;
    }
}

static il_status fill(il_observe_prompts *e, il_observe_cell *cell,
                      const il_observe_draw *o, il_error *err)
{
    il_batch *drawn = NULL;
    int D = e->D, Q = e->Q, O = e->outs, standard = !strcmp(cell->data, "isotropic");
    double *work = malloc(sizeof *work *
                          ((size_t)D * (size_t)(2 * D + Q + O) + (size_t)(3 * D + Q + O)));
    il_status status = work ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for prompts");
    il_draw at = { .seed = o->seed, .stream = IL_STREAM_EVAL, .step = o->step };
    if (!status)
        status =
            il_batch_new_drawn(&drawn, o->task, o->task_opts, standard ? NULL : cell->data,
                               e->B, cell->n + Q, D, o->dims, at, err);
    if (!status && drawn->xq)
        status = il_fail(err, IL_ECONFIG,
                         "data = '%s': this analysis needs a shift of examples and queries "
                         "alike, and this one moves the queries alone",
                         cell->data);
    if (!status && e->pairs) pair(drawn, e->pairs, cell->n);
    if (!status) status = il_batch_new_outs(&cell->asked, e->B * Q, cell->n + 1, D, O, err);
    for (int b = 0; b < e->B && !status; b++) {
        spreading s = { e, cell, drawn };
        ask(&s, b);
        spectrum(&s, b, work);
    }
    il_batch_free(drawn);
    free(work);
    return status;
}

/* The i-th of "isotropic,kappa=30"; 0 when there is none */
static int kind_of_data(char name[IL_TEXT], const char *text, int i)
{
    while (il_item_next(name, &text, ","))
        if (i-- == 0) return 1;
    return 0;
}

il_status il_observe_prompts_new(il_observe_prompts **out, const il_observe_draw *o,
                                 il_error *err)
{
    char name[IL_TEXT];
    int kinds = 0;
    while (kind_of_data(name, o->data, kinds)) kinds++;
    if (kinds * o->n_sizes > IL_CELLS)
        return il_fail(err, IL_ECONFIG,
                       "%d kinds of data times %d numbers of examples are more than %d",
                       kinds, o->n_sizes, IL_CELLS);
    if (o->task->sequence && o->queries != 1)
        return il_fail(err, IL_ECONFIG,
                       "a sequence asks one query, what comes next: not %d", o->queries);
    if ((double)o->prompts * o->queries > IL_MOST)
        return il_fail(err, IL_ECONFIG, "%d prompts of %d queries each are more than %d",
                       o->prompts, o->queries, IL_MOST);
    il_observe_prompts *e = calloc(1, sizeof *e);
    if (!e) return il_fail(err, IL_EFAIL, "out of memory for prompts");
    e->B = o->prompts;
    e->Q = o->queries;
    e->D = o->dim;
    e->outs = il_task_outs(o->task, o->task_opts, o->dim);
    e->cells = kinds * o->n_sizes;
    e->pairs = o->unpaired || o->task->sequence || e->B < 16 ? 0 : e->B / 16 * 2;
    layout(e, o);
    il_status status = il_arena_fill(&e->arena, err);
    if (!status) layout(e, o);
    for (int c = 0; c < e->cells && !status; c++) {
        kind_of_data(e->cell[c].data, o->data, c / o->n_sizes);
        status = fill(e, &e->cell[c], o, err);
    }
    if (status)
        il_observe_prompts_free(e);
    else
        *out = e;
    return status;
}

void il_observe_prompts_free(il_observe_prompts *e)
{
    if (!e) return;
    for (int c = 0; c < e->cells; c++) il_batch_free(e->cell[c].asked);
    il_arena_free(&e->arena);
    free(e);
}

static il_status check_outs(const il_model *model, const il_observe_prompts *e,
                            il_error *err)
{
    int outs = il_width(&model->plan, model->plan.answer);
    if (outs != e->outs)
        return il_fail(err, IL_ECONFIG,
                       "the model answers with %d numbers where the prompts ask for %d",
                       outs, e->outs);
    return IL_OK;
}

il_status il_observe_run(const il_model *model, const il_observe_prompts *e, il_pass pass,
                         il_error *err)
{
    IL_TRY(check_outs(model, e, err));
    pass.ask = IL_ASK_ONE;
    for (int c = 0; c < e->cells; c++) {
        pass.offset = (size_t)c * (size_t)e->B * (size_t)e->Q;
        pass.point = e->cell[c].n;
        IL_TRY(il_run_prompts(model, e->cell[c].asked, &pass, err));
    }
    return IL_OK;
}

/* The examples of a cell's prompts, once each, and all their queries xq (B,Q,D) */
static void gather(il_batch *given, il_real *xq, const il_observe_prompts *e,
                   const il_observe_cell *cell)
{
    size_t D = (size_t)e->D, O = (size_t)e->outs, n = (size_t)cell->n, Q = (size_t)e->Q;
    for (size_t b = 0; b < (size_t)e->B; b++) {
        const il_real *x = cell->asked->x + b * Q * (n + 1) * D;
        memcpy(given->x + b * n * D, x, sizeof *x * n * D);
        memcpy(given->y + b * n * O, cell->asked->y + b * Q * (n + 1) * O,
               sizeof *x * n * O);
        for (size_t q = 0; q < Q; q++)
            memcpy(xq + (b * Q + q) * D, x + (q * (n + 1) + n) * D, sizeof *x * D);
    }
}

il_status il_observe_ask(const il_model *model, const il_observe_prompts *e, int loops,
                         double *yhat, il_error *err)
{
    size_t points = (size_t)e->B * (size_t)e->Q, one = points * (size_t)e->outs,
           all = il_observe_numbers(e);
    IL_TRY(check_outs(model, e, err));
    il_real *xq = malloc(sizeof *xq * points * (size_t)e->D),
            *got = malloc(sizeof *got * (size_t)loops * one);
    il_status status =
        xq && got ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for answers to queries");
    for (int c = 0; c < e->cells && !status; c++) {
        il_batch *given = NULL;
        status = il_batch_new_outs(&given, e->B, e->cell[c].n, e->D, e->outs, err);
        if (!status) gather(given, xq, e, &e->cell[c]);
        if (!status) status = il_model_ask(model, given, xq, e->Q, 1, loops, got, err);
        for (size_t i = 0; i < (size_t)loops * one && !status; i++)
            yhat[i / one * all + (size_t)c * one + i % one] = (double)got[i];
        il_batch_free(given);
    }
    free(xq);
    free(got);
    return status;
}
