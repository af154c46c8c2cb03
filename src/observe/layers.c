/* layers.c - where a model's layers end, and what stands there
 *
 * Every query is the last point of a prompt of its own, so one run per query shows the stream at
 * its token after every layer.
 */
#include "observe/asking.h"

#include <stdlib.h>

/* Does anything after op j read a computed slot other than `slot` from before it? */
static int is_border(const il_plan *p, int j)
{
    int slot = p->ops[j].out;
    if (p->slots[slot].width != p->slots[p->carry_out].width) return 0;
    for (int k = j + 1; k < p->end[IL_POST]; k++)
        for (int i = 0; i < p->ops[k].n_in; i++) {
            int in = p->ops[k].in[i];
            int before = p->slots[in].producer == IL_NONE ? in == p->tokens
                                                          : p->slots[in].producer <= j;
            if (in != slot && before) return 0;
        }
    return 1;
}

/* Blocks are named h.0, h.1, ...: the length of that prefix, or 0 */
static size_t block_prefix(const char *name)
{
    if (strncmp(name, "h.", 2)) return 0;
    size_t digits = strspn(name + 2, "0123456789");
    return digits ? 2 + digits : 0;
}

static int same_block(const char *a, const char *b)
{
    size_t n = block_prefix(a);
    return n && n == block_prefix(b) && !strncmp(a, b, n);
}

/* The borders that end a block; without blocks all borders. `op` NULL: how many. */
static int find_borders(const il_plan *p, int *op)
{
    int n = 0, blocks = 0;
    for (int j = p->end[IL_PRE]; j < p->end[IL_BODY]; j++)
        blocks |= block_prefix(p->ops[j].name) > 0;
    for (int j = p->end[IL_PRE]; j < p->end[IL_BODY]; j++) {
        if (!is_border(p, j) || (blocks && !block_prefix(p->ops[j].name))) continue;
        int more = 0; /* borders of the same block */
        for (int k = j + 1; k < p->end[IL_BODY]; k++)
            more |= same_block(p->ops[j].name, p->ops[k].name) && is_border(p, k);
        if (more) continue;
        if (op) op[n] = j;
        n++;
    }
    return n;
}

static void layout(il_layers *l)
{
    l->op = il_take(&l->arena, int, l->loops ? 0 : l->n);
    l->names = il_take(&l->arena, il_label, l->n);
}

il_status il_layers_new(il_layers **out, const il_model *m, int loops, il_error *err)
{
    const il_plan *p = &m->plan;
    il_layers *l = calloc(1, sizeof *l);
    if (!l) return il_fail(err, IL_EFAIL, "out of memory for layers");
    l->loops = p->carry != IL_CARRY_NONE;
    l->width = p->slots[p->carry_out].width;
    l->n = l->loops ? (loops ? loops : p->loops) : find_borders(p, NULL);
    il_status status = IL_OK;
    if (l->loops || loops > 1)
        status = il_model_check_loops(m, 1, l->loops ? l->n : loops, err);
    if (!status && l->n < 1)
        status = il_fail(err, IL_ECONFIG, "the model has no layer whose end can be read");
    if (!status) {
        layout(l);
        status = il_arena_fill(&l->arena, err);
    }
    if (status) {
        il_layers_free(l);
        return status;
    }
    layout(l);
    if (!l->loops) find_borders(p, l->op);
    for (int i = 0; i < l->n; i++) {
        if (l->loops)
            snprintf(l->names[i].text, IL_NAME, "loop %d", i + 1);
        else
            snprintf(l->names[i].text, IL_NAME, "%s", p->ops[l->op[i]].name);
    }
    *out = l;
    return IL_OK;
}

void il_layers_free(il_layers *l)
{
    if (!l) return;
    il_arena_free(&l->arena);
    free(l);
}

/* ---- asking every question --------------------------------------------------------------------- */

typedef struct {
    const il_asking *a;
    const il_batch *batch;
    size_t offset; /* the point of the batch's first prompt */
    int n;         /* the query is point n; -1: whole prompts */
    il_state **states;
} job;

static void run_shard(void *context, int i, int worker)
{
    const job *j = context;
    const il_asking *a = j->a;
    il_state *s = j->states[worker];
    int first = i * IL_QUESTIONS,
        questions = il_min(IL_QUESTIONS, j->batch->prompts - first);
    il_question q = { .context = a->context,
                      .first = j->offset + (size_t)first,
                      .questions = questions,
                      .row = j->n < 0 ? 0 : il_model_tokens(a->model, j->n),
                      .stride = il_model_tokens(a->model, j->batch->points),
                      .worker = worker };
    if (j->n < 0)
        il_state_fill(s, j->batch, first, questions, j->batch->points);
    else
        il_state_ask(s, j->batch, first, questions, j->n);
    il_forward(s, &(il_run){ .loops = a->loops,
                             .post = a->post,
                             .visit = a->visit,
                             .tap = a->tap,
                             .context = &q });
    for (int k = 0; a->answer && k < questions; k++)
        a->answer[q.first + (size_t)k] =
            (double)s->value[s->plan->answer][k * q.stride + q.row];
}

static il_status run_batch(job j, il_error *err)
{
    const il_model *m = j.a->model;
    int shards = (j.batch->prompts + IL_QUESTIONS - 1) / IL_QUESTIONS;
    int n = il_min(il_threads(), shards);
    il_status status = IL_OK;
    if (j.batch->points > m->config.model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "%d examples and a query do not fit the model's n_positions = %d",
                       j.batch->points - 1, m->config.model.n_positions);
    j.states = calloc((size_t)n, sizeof *j.states);
    if (!j.states) return il_fail(err, IL_EFAIL, "out of memory for readings");
    for (int i = 0; i < n && !status; i++)
        status = il_state_new(&j.states[i], m, IL_QUESTIONS,
                              il_model_tokens(m, j.batch->points), 0, err);
    if (!status) il_parallel(shards, run_shard, &j);
    for (int i = 0; i < n; i++) il_state_free(j.states[i]);
    free(j.states);
    return status;
}

il_status il_ask(const il_asking *a, il_error *err)
{
    const il_plan *p = &a->model->plan;
    size_t each = (size_t)a->evidence->B * (size_t)a->evidence->Q;
    il_status status = IL_OK;
    if (il_width(p, p->answer) != a->evidence->outs)
        return il_fail(err, IL_ECONFIG,
                       "the model answers with %d numbers where the prompts ask for %d",
                       il_width(p, p->answer), a->evidence->outs);
    for (int cell = 0; cell < a->evidence->cells && !status; cell++)
        status = run_batch((job){ .a = a,
                                  .batch = a->evidence->cell[cell].asked,
                                  .offset = (size_t)cell * each,
                                  .n = a->evidence->cell[cell].n },
                           err);
    return status;
}

il_status il_ask_whole(const il_asking *a, const il_batch *batch, il_error *err)
{
    return run_batch((job){ .a = a, .batch = batch, .n = -1 }, err);
}

/* ---- the stream ---------------------------------------------------------------------------------- */

int il_layers_at(const il_layers *l, const il_state *s, int op, const il_real **stream)
{
    const il_plan *p = s->plan;
    int out = p->ops[op].out, pre = p->end[IL_PRE];
    *stream = s->value[out];
    if (op == pre - 1 && p->slots[out].width == l->width) return 0;
    if (l->loops) return out == p->carry_out ? s->loop + 1 : -1;
    for (int i = 0; i < l->n; i++)
        if (l->op[i] == op) return i + 1;
    if (op != pre || p->slots[p->ops[op].in[0]].width != l->width) return -1;
    *stream = s->value[p->ops[op].in[0]]; /* tokens are the stream */
    return 0;
}

typedef struct {
    const il_layers *layers;
    size_t points;
    int from, P;     /* the first layer kept; rows of a prompt */
    const int *rows; /* NULL: the query's */
    il_real *stream;
    int n;
} recording;

static void tap(void *context, il_state *s, int op)
{
    const il_question *q = context;
    const recording *r = q->context;
    const il_real *from;
    size_t C = (size_t)r->layers->width;
    int layer = il_layers_at(r->layers, s, op, &from) - r->from;
    if (layer < 0 || layer >= r->n) return;
    for (int i = 0; i < q->questions; i++)
        for (int p = 0; p < r->P; p++) {
            size_t point = (q->first + (size_t)i) * (size_t)r->P + (size_t)p;
            int row = i * q->stride + (r->rows ? r->rows[p] : q->row);
            memcpy(r->stream + ((size_t)layer * r->points + point) * C,
                   from + (size_t)row * C, sizeof(il_real) * C);
        }
}

static il_asking asking_for(recording *r, const il_model *model)
{
    return (il_asking){ .model = model,
                        .loops = r->layers->loops ? r->layers->n : 1,
                        .post = 0,
                        .tap = tap,
                        .context = r };
}

il_status il_layers_stream(const il_layers *layers, const il_model *model,
                           const il_evidence *evidence, il_real *stream, il_error *err)
{
    recording r = { .layers = layers,
                    .points = il_points(evidence),
                    .from = 1,
                    .P = 1,
                    .stream = stream,
                    .n = layers->n };
    il_asking a = asking_for(&r, model);
    a.evidence = evidence;
    return il_ask(&a, err);
}

il_status il_layers_whole(const il_layers *layers, const il_model *model,
                          const il_batch *batch, int P, const int *rows, int from, int n,
                          il_real *stream, il_error *err)
{
    recording r = { .layers = layers,
                    .points = (size_t)batch->prompts * (size_t)P,
                    .from = from,
                    .P = P,
                    .rows = rows,
                    .stream = stream,
                    .n = n };
    il_asking a = asking_for(&r, model);
    return il_ask_whole(&a, batch, err);
}

typedef struct {
    double *yhat;
    int from, points, outs;
} answering;

static void note_answers(void *context, il_state *s, int loop)
{
    const il_question *q = context;
    const answering *a = q->context;
    int O = a->outs, P = a->points - a->from;
    (void)loop;
    for (int i = 0; i < q->questions; i++)
        for (int p = 0; p < P; p++) {
            int row = i * q->stride + il_model_tokens(s->model, a->from + p);
            const il_real *y = s->value[s->plan->answer] + (size_t)row * (size_t)O;
            size_t to = (q->first + (size_t)i) * (size_t)P + (size_t)p;
            for (int c = 0; c < O; c++) a->yhat[to * (size_t)O + (size_t)c] = (double)y[c];
        }
}

il_status il_answers_whole(double *yhat, const il_model *model, const il_batch *batch,
                           int from, int loops, il_error *err)
{
    answering to = { yhat, from, batch->points, batch->outs };
    return il_ask_whole(&(il_asking){ .model = model,
                                      .loops = loops,
                                      .post = 1,
                                      .visit = note_answers,
                                      .context = &to },
                        batch, err);
}
