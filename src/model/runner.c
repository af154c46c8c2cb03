/* runner.c - runs a model over many prompts in parallel, handing every shard to a callback
 *
 * The prompts are cut into shards (micro-batches); each worker runs whole shards in a state of its own
 * and passes it to the caller's callback, the visitor. The order in which shards end is free, so a
 * visitor writes to places that belong to its prompts or its shard alone, and the result depends neither
 * on the threads nor on the cut. Memory is asked for once, before the first run.
 */
#include "model/model.h"

#include <stdlib.h>

/* ---- prompts into a state ---- */

const il_layout *il_model_layout(const il_model *m)
{
    return il_layout_at(m->config.model.tokens);
}

int il_model_tokens(const il_model *m, int points)
{
    if (!m || points < 0) return 0;
    return il_layout_token(il_model_layout(m), m->config.model.n_dims, points);
}

static il_tokens inputs(const il_state *s)
{
    const il_plan *p = s->plan;
    return (il_tokens){ .dim = s->model->config.model.n_dims,
                        .outs = il_width(p, p->target),
                        .width = il_width(p, p->tokens),
                        .tokens = s->value[p->tokens],
                        .target = s->value[p->target],
                        .weight = s->value[p->weight],
                        .mask = p->mask == IL_NONE ? NULL : s->value[p->mask] };
}

void il_state_fill(il_state *s, const il_batch *batch, int first, int prompts, int points)
{
    il_state_shape(s, prompts, il_model_tokens(s->model, points));
    il_tokens_fill(il_model_layout(s->model), batch, first, prompts, points, inputs(s));
}

void il_state_ask(il_state *s, const il_batch *batch, int first, int prompts, int n)
{
    il_state_shape(s, prompts, il_model_tokens(s->model, n + 1));
    il_tokens_ask(il_model_layout(s->model), batch, first, prompts, n, inputs(s));
}

void il_state_ask_many(il_state *s, const il_batch *batch, int n, int queries)
{
    il_state_shape(s, 1, il_model_tokens(s->model, n + queries));
    il_tokens_ask_many(il_model_layout(s->model), batch, 0, 1, n, queries, inputs(s));
}

/* ---- shards ---- */

enum { TOGETHER = 4 }; /* prompts of a shard, unless a pass says otherwise */

struct il_runner {
    const il_model *model;
    il_state **states; /* (workers) */
    char *scratch;     /* (workers, scratch_size) */
    size_t scratch_size;
    int workers, together;
};

il_status il_runner_new(il_runner **out, const il_model *m, il_runner_size size,
                        il_error *err)
{
    il_runner *r = calloc(1, sizeof *r);
    if (!r) return il_fail(err, IL_EFAIL, "out of memory for a run over prompts");
    r->model = m;
    r->together = il_min(size.together ? size.together : TOGETHER, size.prompts);
    r->workers = il_min(il_workers(), (size.prompts - 1) / r->together + 1);
    r->scratch_size = (size.scratch + 63) / 64 * 64;
    r->states = calloc((size_t)r->workers, sizeof(il_state *));
    if (size.scratch) r->scratch = malloc(il_product(r->scratch_size, (size_t)r->workers));
    il_status status = r->states && (r->scratch || !size.scratch)
                           ? IL_OK
                           : il_fail(err, IL_EFAIL, "out of memory for a run over prompts");
    for (int i = 0; i < r->workers && !status; i++)
        status = il_state_new(&r->states[i], m, r->together, size.tokens, size.window, err);
    if (status)
        il_runner_free(r);
    else
        *out = r;
    return status;
}

void il_runner_free(il_runner *r)
{
    if (!r) return;
    for (int i = 0; r->states && i < r->workers; i++) il_state_free(r->states[i]);
    free(r->states);
    free(r->scratch);
    free(r);
}

typedef struct {
    il_runner *runner;
    const il_batch *batch;
    int prompts;
    const il_pass *pass;
} job;

typedef struct {
    const il_pass *pass;
    il_shard shard;
} visiting;

static void tap(void *context, il_state *s, int op)
{
    const visiting *v = context;
    v->pass->tap(&v->shard, s, op);
}

static void visit(void *context, il_state *s, int loop)
{
    const visiting *v = context;
    v->pass->visit(&v->shard, s, loop);
}

static void keep_answers(const il_shard *q, const il_state *s, double *answer)
{
    const il_real *y = s->value[s->plan->answer];
    for (int i = 0; i < q->prompts; i++)
        answer[q->first + (size_t)i] = (double)y[i * s->tokens + q->token];
}

static void run_once(const job *j, visiting v, il_state *s, int first)
{
    const il_pass *p = j->pass;
    il_run run = { .loops = p->loops,
                   .window = p->window,
                   .post = p->post,
                   .tap = p->tap ? tap : NULL,
                   .visit = p->visit ? visit : NULL,
                   .context = &v };
    v.shard.run = &run;
    v.shard.token = il_model_tokens(s->model, il_max(v.shard.point, 0));
    if (p->fill)
        p->fill(&v.shard, s);
    else if (v.shard.point < 0)
        il_state_fill(s, j->batch, first, v.shard.prompts, j->batch->points);
    else
        il_state_ask(s, j->batch, first, v.shard.prompts, v.shard.point);
    s->loss = 0;
    il_forward(s, &run);
    if (p->answer) keep_answers(&v.shard, s, p->answer);
    if (p->after) p->after(&v.shard, s);
}

static void run_shard(void *context, int i, int worker)
{
    const job *j = context;
    il_runner *r = j->runner;
    const il_pass *p = j->pass;
    int own = worker < r->workers ? worker : 0; /* inside another parallel region */
    int first = i * r->together;
    visiting v = { .pass = p };
    v.shard = (il_shard){ .context = p->context,
                          .scratch = r->scratch + (size_t)own * r->scratch_size,
                          .number = i,
                          .first = p->offset + (size_t)first,
                          .prompts = il_min(r->together, j->prompts - first),
                          .point = p->ask == IL_ASK_ONE ? p->point : -1 };
    if (p->ask != IL_ASK_EACH || (!j->batch->xq && !il_model_layout(r->model)->last))
        run_once(j, v, r->states[own], first);
    else
        for (v.shard.point = 0; v.shard.point < j->batch->points; v.shard.point++)
            run_once(j, v, r->states[own], first);
}

void il_runner_pass(il_runner *r, const il_batch *batch, int prompts, const il_pass *pass)
{
    job j = { r, batch, prompts, pass };
    il_parallel((prompts - 1) / r->together + 1, run_shard, &j);
}

il_status il_run_prompts(const il_model *m, const il_batch *batch, const il_pass *pass,
                         il_error *err)
{
    il_runner *r;
    if (batch->points > m->config.model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d points do not fit the model's n_positions = %d",
                       batch->points, m->config.model.n_positions);
    IL_TRY(il_runner_new(&r, m,
                         (il_runner_size){ .prompts = batch->prompts,
                                           .together = pass->together,
                                           .tokens = il_model_tokens(m, batch->points),
                                           .window = pass->window,
                                           .scratch = pass->scratch },
                         err));
    il_runner_pass(r, batch, batch->prompts, pass);
    il_runner_free(r);
    return IL_OK;
}
