/* layers.c - where a model's layers end, and the residual stream there
 *
 * Every query is the last point of a prompt of its own, so one run per query shows the stream at
 * its token after every layer.
 */
#include "observe/observe.h"

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

static void layout(il_observe_layers *l)
{
    l->op = il_take(&l->arena, int, l->loops ? 0 : l->n);
    l->names = il_take(&l->arena, il_observe_label, l->n);
}

il_status il_observe_layers_new(il_observe_layers **out, const il_model *m, int loops,
                                il_error *err)
{
    const il_plan *p = &m->plan;
    il_observe_layers *l = calloc(1, sizeof *l);
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
        il_observe_layers_free(l);
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

void il_observe_layers_free(il_observe_layers *l)
{
    if (!l) return;
    il_arena_free(&l->arena);
    free(l);
}

/* ---- the stream ---------------------------------------------------------------------------------- */

int il_observe_layers_at(const il_observe_layers *l, const il_state *s, int op,
                         const il_real **stream)
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
    const il_observe_layers *layers;
    size_t points;
    int from, P;     /* the first layer kept; rows of a prompt */
    const int *rows; /* NULL: the query's */
    il_real *stream;
    int n;
} recording;

static void tap(const il_shard *q, il_state *s, int op)
{
    const recording *r = q->context;
    const il_real *from;
    size_t C = (size_t)r->layers->width;
    int layer = il_observe_layers_at(r->layers, s, op, &from) - r->from;
    if (layer < 0 || layer >= r->n) return;
    for (int i = 0; i < q->prompts; i++)
        for (int p = 0; p < r->P; p++) {
            size_t point = (q->first + (size_t)i) * (size_t)r->P + (size_t)p;
            int row = i * s->tokens + (r->rows ? r->rows[p] : q->token);
            memcpy(r->stream + ((size_t)layer * r->points + point) * C,
                   from + (size_t)row * C, sizeof(il_real) * C);
        }
}

static il_pass pass_of(recording *r)
{
    return (
        il_pass){ .loops = r->layers->loops ? r->layers->n : 1, .tap = tap, .context = r };
}

il_status il_observe_stream(const il_observe_layers *layers, const il_model *model,
                            const il_observe_prompts *prompts, il_real *stream,
                            il_error *err)
{
    recording r = { .layers = layers,
                    .points = il_observe_points(prompts),
                    .from = 1,
                    .P = 1,
                    .stream = stream,
                    .n = layers->n };
    return il_observe_run(model, prompts, pass_of(&r), err);
}

il_status il_observe_stream_whole(const il_observe_layers *layers, const il_model *model,
                                  const il_batch *batch, int P, const int *rows, int from,
                                  int n, il_real *stream, il_error *err)
{
    recording r = { .layers = layers,
                    .points = (size_t)batch->prompts * (size_t)P,
                    .from = from,
                    .P = P,
                    .rows = rows,
                    .stream = stream,
                    .n = n };
    il_pass pass = pass_of(&r);
    return il_run_prompts(model, batch, &pass, err);
}

typedef struct {
    double *yhat;
    int from, points, outs;
} answering;

static void keep_answers(const il_shard *q, il_state *s)
{
    const answering *a = q->context;
    int O = a->outs, P = a->points - a->from;
    for (int i = 0; i < q->prompts; i++)
        for (int p = 0; p < P; p++) {
            int row = i * s->tokens + il_model_tokens(s->model, a->from + p);
            const il_real *y = s->value[s->plan->answer] + (size_t)row * (size_t)O;
            size_t to = (q->first + (size_t)i) * (size_t)P + (size_t)p;
            for (int c = 0; c < O; c++) a->yhat[to * (size_t)O + (size_t)c] = (double)y[c];
        }
}

il_status il_observe_model_answers(double *yhat, const il_model *model,
                                   const il_batch *batch, int from, int loops,
                                   il_error *err)
{
    answering to = { yhat, from, batch->points, batch->outs };
    return il_run_prompts(
        model, batch,
        &(il_pass){ .loops = loops, .post = 1, .after = keep_answers, .context = &to },
        err);
}
