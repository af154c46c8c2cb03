/* ask.c - queries of prompts, each in context of all its prompt's examples
 *
 * Where a model runs token by token, the examples of a prompt are read once, into a context, and a query costs a
 * token. Where its tokens are halves, queries do not see each other and many are asked in one run. Else every query is
 * the last point of a prompt of its own. The bits are the same.
 */
#include "model/model.h"

#include <stdlib.h>

enum { TOGETHER = 4 }; /* prompts of a shard */

typedef struct {
    const il_model *model;
    const il_batch *examples;
    const il_real *xq; /* (B,Q,D) */
    int Q, first, last;
    il_real *yhat;         /* (loops,B,Q,O) */
    il_settling *settling; /* NULL: the loops first..last are read */
    il_context **context;  /* (workers) */
    int pieces, width;     /* the queries of a prompt are cut into `pieces` of `width` */
    il_status *status;     /* (B pieces) */
    il_error *error;       /* likewise */
} asking;

/* ---- example by example, then query by query ----------------------------------------------------- */

/* One prompt's examples and a piece of its queries, in a worker's context. x: room for an input */
static il_status ask_piece(const asking *a, il_context *context, int piece, il_real *x,
                           il_error *err)
{
    const il_batch *given = a->examples;
    int b = piece / a->pieces, from = piece % a->pieces * a->width;
    size_t D = (size_t)given->dim, N = (size_t)given->points, Q = (size_t)a->Q;
    il_context_clear(context);
    if (a->settling) IL_TRY(il_context_until(context, &a->settling->until, err));
    for (size_t n = (size_t)b * N; n < ((size_t)b + 1) * N; n++) {
        memcpy(x, given->x + n * D, sizeof *x * D);
        IL_TRY(il_context_add(context, x, given->y[n], err));
    }
    for (int k = from; k < il_min(a->Q, from + a->width); k++) {
        size_t at = (size_t)b * Q + (size_t)k;
        memcpy(x, a->xq + at * D, sizeof *x * D);
        IL_TRY(il_context_ask_from(context, x, a->first, (size_t)given->prompts * Q,
                                   a->yhat + at, err));
        if (a->settling) a->settling->loops[at] = il_context_loops(context);
    }
    return IL_OK;
}

static void run_piece(void *context, int piece, int worker)
{
    asking *a = context;
    il_real *x = calloc((size_t)a->model->config.model.n_dims, sizeof *x);
    a->status[piece] =
        x ? ask_piece(a, a->context[worker], piece, x, &a->error[piece])
          : il_fail(&a->error[piece], IL_EFAIL, "out of memory for a prompt");
    free(x);
}

static il_status run_pieces(asking *a, int workers, il_error *err)
{
    int n = a->examples->prompts * a->pieces;
    for (int i = 1; i < workers; i++)
        IL_TRY(il_context_new(&a->context[i], a->model, a->last, err));
    il_parallel(n, run_piece, a);
    for (int i = 0; i < n; i++)
        if (a->status[i]) return il_fail(err, a->status[i], "%s", a->error[i].text);
    return IL_OK;
}

/* *can: whether the model runs token by token. */
static il_status ask_contexts(asking *a, int *can, il_error *err)
{
    int workers = il_workers(), B = a->examples->prompts;
    a->pieces = il_min(a->Q, (workers + B - 1) / B);
    a->width = (a->Q + a->pieces - 1) / a->pieces;
    size_t n = (size_t)B * (size_t)a->pieces;
    a->context = calloc((size_t)workers, sizeof *a->context);
    a->status = calloc(n, sizeof *a->status);
    a->error = calloc(n, sizeof *a->error);
    il_status status = a->context && a->status && a->error
                           ? il_context_new(&a->context[0], a->model, a->last, err)
                           : il_fail(err, IL_EFAIL, "out of memory for %d prompts", B);
    *can = status != IL_ECONFIG;
    if (status == IL_OK) status = run_pieces(a, workers, err);
    for (int i = 0; a->context && i < workers; i++) il_context_free(a->context[i]);
    free(a->context);
    free(a->status);
    free(a->error);
    return *can ? status : IL_OK;
}

/* ---- many queries at once ------------------------------------------------------------------------- */

static void fill_together(const il_shard *q, il_state *s)
{
    const asking *a = q->context;
    const il_batch *given = a->examples;
    size_t D = (size_t)given->dim, N = (size_t)given->points,
           b = q->first / (size_t)a->pieces,
           from = q->first % (size_t)a->pieces * (size_t)a->width;
    int queries = il_min(a->width, a->Q - (int)from);
    il_batch one = { 1, given->points + queries, given->dim, 1, q->scratch, NULL };
    one.y = one.x + (N + (size_t)queries) * D;
    memset(one.y, 0, sizeof *one.y * (N + (size_t)queries));
    memcpy(one.x, given->x + b * N * D, sizeof *one.x * N * D);
    memcpy(one.y, given->y + b * N, sizeof *one.y * N);
    memcpy(one.x + N * D, a->xq + (b * (size_t)a->Q + from) * D,
           sizeof *one.x * D * (size_t)queries);
    il_state_ask_many(s, &one, given->points, queries);
}

static void keep_together(const il_shard *q, il_state *s, int loop)
{
    const asking *a = q->context;
    size_t b = q->first / (size_t)a->pieces, Q = (size_t)a->Q,
           from = q->first % (size_t)a->pieces * (size_t)a->width,
           all = (size_t)a->examples->prompts * Q;
    int N = a->examples->points;
    memcpy(a->yhat + (size_t)(loop - a->first) * all + b * Q + from,
           s->value[s->plan->answer] + N, sizeof *a->yhat * (size_t)(s->tokens - N));
}

static il_status ask_together(asking *a, il_error *err)
{
    const il_batch *given = a->examples;
    int room = a->model->config.model.n_positions - given->points, B = given->prompts;
    int pieces = il_min(a->Q, (il_workers() + B - 1) / B);
    a->width = il_min((a->Q + pieces - 1) / pieces, room);
    a->pieces = (a->Q + a->width - 1) / a->width;
    il_batch all = *given;
    all.points += a->width;
    all.prompts = B * a->pieces;
    size_t numbers = (size_t)all.points * (size_t)(all.dim + 1);
    return il_run_prompts(a->model, &all,
                          &(il_pass){ .loops = a->last,
                                      .post = a->last - a->first + 1,
                                      .ask = IL_ASK_ALL,
                                      .together = 1,
                                      .scratch = sizeof(il_real) * numbers,
                                      .fill = fill_together,
                                      .visit = keep_together,
                                      .context = a },
                          err);
}

/* ---- a prompt a query ------------------------------------------------------------------------------ */

static void fill(const il_shard *q, il_state *s)
{
    const asking *a = q->context;
    const il_batch *given = a->examples;
    size_t D = (size_t)given->dim, N = (size_t)given->points, O = (size_t)given->outs;
    il_batch one = { q->prompts, given->points + 1, given->dim, given->outs, q->scratch };
    one.y = one.x + (size_t)q->prompts * (N + 1) * D;
    memset(one.y, 0, sizeof *one.y * (size_t)q->prompts * (N + 1) * O);
    for (size_t i = 0; i < (size_t)q->prompts; i++) {
        size_t query = q->first + i, b = query / (size_t)a->Q;
        il_real *x = one.x + i * (N + 1) * D;
        memcpy(x, given->x + b * N * D, sizeof *x * N * D);
        memcpy(x + N * D, a->xq + query * D, sizeof *x * D);
        memcpy(one.y + i * (N + 1) * O, given->y + b * N * O, sizeof *x * N * O);
    }
    il_state_ask(s, &one, 0, q->prompts, given->points);
}

static void keep_answers(const il_shard *q, il_state *s, int loop)
{
    const asking *a = q->context;
    size_t O = (size_t)a->examples->outs;
    size_t all = (size_t)a->examples->prompts * (size_t)a->Q;
    for (int i = 0; i < q->prompts; i++)
        memcpy(a->yhat + ((size_t)(loop - a->first) * all + q->first + (size_t)i) * O,
               s->value[s->plan->answer] + (size_t)(i * s->tokens + q->token) * O,
               O * sizeof *a->yhat);
}

static void settle(const il_shard *q, il_state *s, int loop)
{
    const asking *a = q->context;
    il_settle(a->settling, q, s, loop);
}

static il_status ask_prompts(asking *a, il_batch all, il_error *err)
{
    size_t numbers = (size_t)all.points * (size_t)(all.dim + all.outs);
    return il_run_prompts(a->model, &all,
                          &(il_pass){ .loops = a->last,
                                      .post = a->last - a->first + 1,
                                      .ask = IL_ASK_ONE,
                                      .point = all.points - 1,
                                      .together = TOGETHER,
                                      .scratch = sizeof(il_real) * TOGETHER * numbers,
                                      .fill = fill,
                                      .visit = a->settling ? settle : keep_answers,
                                      .context = a },
                          err);
}

static il_status ask(const il_model *m, const il_batch *examples, const il_real *xq,
                     int queries, int first, int last, il_settling *settling, il_real *yhat,
                     il_error *err)
{
    if (queries < 1) return il_fail(err, IL_ECONFIG, "there are no queries to ask");
    il_batch all = *examples; /* a prompt of one more point for every query */
    all.points = il_min(all.points, IL_MOST - 1) + 1;
    IL_TRY(il_model_check_batch(m, &all, err));
    if (il_model_classes(m))
        return il_fail(err, IL_ECONFIG, "the model's prompts are ids: use il_context_next");
    IL_TRY(il_model_check_loops(m, first, last, err));
    if (queries > IL_MOST / all.prompts)
        return il_fail(err, IL_ECONFIG, "%d queries of %d prompts are too many", queries,
                       all.prompts);
    asking a = { .model = m,
                 .examples = examples,
                 .xq = xq,
                 .Q = queries,
                 .first = first,
                 .last = last,
                 .yhat = yhat,
                 .settling = settling };
    int can = queries > 1 && !il_model_layout(m)->sequences;
    if (il_model_layout(m)->half && !settling) return ask_together(&a, err);
    if (can) IL_TRY(ask_contexts(&a, &can, err));
    all.prompts *= queries;
    return can ? IL_OK : ask_prompts(&a, all, err);
}

il_status il_model_ask(const il_model *m, const il_batch *examples, const il_real *xq,
                       int queries, int first, int last, il_real *yhat, il_error *err)
{
    IL_GIVEN(err, "model examples xq yhat", m, examples, xq, yhat);
    return ask(m, examples, xq, queries, first, last, NULL, yhat, err);
}

il_status il_model_ask_until(const il_model *m, const il_batch *examples, const il_real *xq,
                             int queries, const il_until *until, il_real *yhat, int *loops,
                             il_error *err)
{
    IL_GIVEN(err, "model examples xq yhat", m, examples, xq, yhat);
    IL_TRY(il_batch_check(examples, err));
    int prompts = examples->prompts;
    if (queries < 1 || queries > IL_MOST / prompts)
        return il_fail(err, IL_ECONFIG, "%d queries of %d prompts cannot be asked", queries,
                       prompts);
    il_settling to = { .outs = examples->outs, .each = 1, .yhat = yhat };
    IL_TRY(il_until_check(&to.until, m, until, err));
    IL_TRY(il_settling_begin(&to, prompts * queries, err));
    il_status status = ask(m, examples, xq, queries, 1, to.until.most, &to, yhat, err);
    il_settling_end(&to, prompts * queries, status ? NULL : loops);
    return status;
}
