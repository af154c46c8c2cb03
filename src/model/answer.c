/* answer.c - a model's answers on prompts, after each of a range of loops */
#include "model/model.h"

#include <stdlib.h>

enum { SHARD = 4 }; /* prompts that run together; answers do not depend on it */

typedef struct {
    const il_model *model;
    const il_batch *batch;
    int first, last;
    il_real *yhat;
    il_state **states; /* one a worker */
} job;

typedef struct {
    job *j;
    int prompt, prompts, point; /* point: the one that is asked, or -1 for all */
} visit;

static void read_answers(void *context, il_state *s, int loop)
{
    const visit *v = context;
    const job *j = v->j;
    int B = j->batch->prompts, N = j->batch->points;
    const il_real *answer = s->value[s->plan->answer];
    for (int b = 0; b < v->prompts; b++) {
        il_real *row =
            j->yhat +
            ((size_t)(loop - j->first) * (size_t)B + (size_t)(v->prompt + b)) * (size_t)N;
        for (int n = v->point < 0 ? 0 : v->point; n < (v->point < 0 ? N : v->point + 1);
             n++)
            row[n] = answer[b * s->tokens + 2 * n];
    }
}

static void run(job *j, il_state *s, visit v)
{
    const il_plan *p = s->plan;
    int points = v.point < 0 ? j->batch->points : v.point + 1,
        width = il_width(p, p->tokens);
    il_state_shape(s, v.prompts, 2 * points);
    if (v.point < 0)
        il_tokens_fill(j->batch, v.prompt, v.prompts, points, width, s->value[p->tokens],
                       s->value[p->target], s->value[p->weight]);
    else
        il_tokens_ask(j->batch, v.prompt, v.prompts, v.point, width, s->value[p->tokens]);
    il_forward(s, &(il_run){ .loops = j->last,
                             .post = j->last - j->first + 1,
                             .visit = read_answers,
                             .context = &v });
}

static void run_shard(void *context, int i, int worker)
{
    job *j = context;
    int first = i * SHARD;
    visit v = { .j = j,
                .prompt = first,
                .point = -1,
                .prompts = il_min(SHARD, j->batch->prompts - first) };
    if (!j->batch->xq)
        run(j, j->states[worker], v);
    else
        for (v.point = 0; v.point < j->batch->points; v.point++)
            run(j, j->states[worker], v);
}

il_status il_model_check_loops(const il_model *m, int first, int last, il_error *err)
{
    if (first < 1 || last < first)
        return il_fail(err, IL_ECONFIG, "there are no loops from %d to %d", first, last);
    if (last > 1 && m->plan.carry == IL_CARRY_NONE)
        return il_fail(err, IL_ECONFIG, "the model has no loop, so it cannot run %d", last);
    return IL_OK;
}

static il_status check(const il_model *m, const il_batch *batch, int first, int last,
                       il_error *err)
{
    const il_config *c = &m->config;
    if (batch->dim > c->model.n_dims)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d dimensions do not fit the model's n_dims = %d",
                       batch->dim, c->model.n_dims);
    if (batch->points > c->model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d points do not fit the model's n_positions = %d",
                       batch->points, c->model.n_positions);
    return il_model_check_loops(m, first, last, err);
}

il_status il_model_answer(const il_model *m, const il_batch *batch, int first, int last,
                          il_real *yhat, il_error *err)
{
    IL_TRY(check(m, batch, first, last, err));
    int shards = (batch->prompts + SHARD - 1) / SHARD, n = il_min(il_threads(), shards);
    job j = { .model = m, .batch = batch, .first = first, .last = last, .yhat = yhat };
    j.states = calloc((size_t)il_max(n, 1), sizeof(il_state *));
    il_status status =
        j.states ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for answers");
    for (int i = 0; i < n && status == IL_OK; i++)
        status = il_state_new(&j.states[i], m, il_min(SHARD, batch->prompts),
                              2 * batch->points, 0, err);
    if (status == IL_OK) il_parallel(shards, run_shard, &j);
    for (int i = 0; j.states && i < n; i++) il_state_free(j.states[i]);
    free(j.states);
    return status;
}
