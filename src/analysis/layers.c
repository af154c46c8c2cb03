/* layers.c - where a model's layers end, and what stands there
 *
 * Every query is the last point of a prompt of its own, so one run per query shows the stream at
 * its token after every layer.
 */
#include "analysis/asking.h"

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
    int cell;
    il_state **states;
} job;

static void run_shard(void *context, int i, int worker)
{
    const job *j = context;
    const il_asking *a = j->a;
    const il_cell *cell = &a->evidence->cell[j->cell];
    il_state *s = j->states[worker];
    int first = i * IL_QUESTIONS,
        questions = il_min(IL_QUESTIONS, cell->asked->prompts - first);
    size_t each = (size_t)a->evidence->B * (size_t)a->evidence->Q;
    il_question q = { .context = a->context,
                      .first = (size_t)j->cell * each + (size_t)first,
                      .questions = questions,
                      .row = il_model_tokens(a->model, cell->n),
                      .stride = il_model_tokens(a->model, cell->n + 1),
                      .worker = worker };
    il_state_ask(s, cell->asked, first, questions, cell->n);
    il_forward(s, &(il_run){ .loops = a->loops,
                             .post = a->post,
                             .visit = a->visit,
                             .tap = a->tap,
                             .context = &q });
}

il_status il_ask(const il_asking *a, il_error *err)
{
    const il_config *c = &a->model->config;
    const il_plan *p = &a->model->plan;
    il_status status = IL_OK;
    if (il_width(p, p->answer) != 1)
        return il_fail(
            err, IL_ECONFIG,
            "the model answers with %d numbers; only models of one answer are read",
            il_width(p, p->answer));
    for (int cell = 0; cell < a->evidence->cells && !status; cell++) {
        const il_batch *asked = a->evidence->cell[cell].asked;
        int shards = (asked->prompts + IL_QUESTIONS - 1) / IL_QUESTIONS;
        int n = il_min(il_threads(), shards);
        if (asked->points > c->model.n_positions)
            return il_fail(
                err, IL_ECONFIG,
                "%d examples and a query do not fit the model's n_positions = %d",
                asked->points - 1, c->model.n_positions);
        job j = { .a = a, .cell = cell, .states = calloc((size_t)n, sizeof *j.states) };
        if (!j.states) return il_fail(err, IL_EFAIL, "out of memory for readings");
        for (int i = 0; i < n && !status; i++)
            status = il_state_new(&j.states[i], a->model, IL_QUESTIONS,
                                  il_model_tokens(a->model, asked->points), 0, err);
        if (!status) il_parallel(shards, run_shard, &j);
        for (int i = 0; i < n; i++) il_state_free(j.states[i]);
        free(j.states);
    }
    return status;
}

/* ---- the stream ---------------------------------------------------------------------------------- */

typedef struct {
    const il_layers *layers;
    size_t points;
    il_real *stream;
} recording;

static void keep(const il_question *q, const il_state *s, int layer, int slot)
{
    const recording *r = q->context;
    size_t C = (size_t)r->layers->width;
    for (int i = 0; i < q->questions; i++)
        memcpy(r->stream + ((size_t)layer * r->points + q->first + (size_t)i) * C,
               s->value[slot] + (size_t)(i * q->stride + q->row) * C, sizeof(il_real) * C);
}

static void tap(void *context, il_state *s, int op)
{
    const il_question *q = context;
    const recording *r = q->context;
    for (int l = 0; !r->layers->loops && l < r->layers->n; l++)
        if (r->layers->op[l] == op) keep(q, s, l, s->plan->ops[op].out);
}

static void visit(void *context, il_state *s, int loop)
{
    const il_question *q = context;
    const recording *r = q->context;
    if (r->layers->loops) keep(q, s, loop - 1, s->plan->carry_out);
}

il_status il_layers_stream(const il_layers *layers, const il_model *model,
                           const il_evidence *evidence, il_real *stream, il_error *err)
{
    recording r = { layers, il_points(evidence), stream };
    int loops = layers->loops ? layers->n : 1;
    return il_ask(&(il_asking){ .model = model,
                                .evidence = evidence,
                                .loops = loops,
                                .post = loops,
                                .visit = visit,
                                .tap = tap,
                                .context = &r },
                  err);
}
