/* context.c - one prompt, example by example
 *
 * A token depends on earlier ones only through the ops that mix tokens, and these remember what
 * they need for every loop: something of every token (il_memory), or a recurrent state. A query
 * is run and forgotten: the next token takes its place, and a recurrent state is handed to it as
 * a copy.
 */
#include "model/model.h"

#include <stdlib.h>

struct il_context {
    const il_model *model;
    il_state *state;
    il_real *memory, *recurrent, *trial; /* trial: a query's copy of the recurrent state */
    size_t recurs;                       /* numbers of it */
    int loops, points;
};

static il_status fill(il_context *c, int tokens, il_error *err)
{
    const il_plan *p = &c->model->plan;
    if (c->model->config.model.tokens || il_width(p, p->answer) != 1)
        return il_fail(
            err, IL_ECONFIG,
            "only a model with model.tokens = pairs that answers with one number "
            "takes its prompt example by example");
    for (int j = 0; j < p->n_ops; j++)
        if (p->ops[j].kind->mixes && !p->ops[j].remembers && !p->ops[j].recurs)
            return il_fail(err, IL_ECONFIG, "%s (%s) cannot run token by token",
                           p->ops[j].name, p->ops[j].kind->name);
    IL_TRY(il_state_new(&c->state, c->model, 1, tokens, 0, err));
    size_t size = (size_t)p->memory * (size_t)tokens * (size_t)c->loops;
    c->recurs = (size_t)p->recurrent * (size_t)c->loops;
    c->state->memory = c->memory = calloc(size ? size : 1, sizeof *c->memory);
    c->recurrent = calloc(2 * c->recurs + 1, sizeof *c->recurrent);
    c->trial = c->recurrent ? c->recurrent + c->recurs : NULL;
    return c->memory && c->recurrent
               ? IL_OK
               : il_fail(err, IL_EFAIL, "out of memory for a context");
}

il_status il_context_new(il_context **out, const il_model *model, int loops, il_error *err)
{
    il_context *c = calloc(1, sizeof *c);
    if (!c) return il_fail(err, IL_EFAIL, "out of memory for a context");
    c->model = model;
    c->loops = loops > 0 ? loops : model->plan.loops;
    il_status status = il_model_check_loops(model, 1, c->loops, err);
    if (status == IL_OK) status = fill(c, 2 * model->config.model.n_positions, err);
    if (status == IL_OK)
        *out = c;
    else
        il_context_free(c);
    return status;
}

void il_context_free(il_context *c)
{
    if (!c) return;
    il_state_free(c->state);
    free(c->memory);
    free(c->recurrent);
    free(c);
}

void il_context_clear(il_context *c) { c->points = 0; }
int il_context_points(const il_context *c) { return c->points; }

/* Runs the x token and, with `y`, the y token of one point. */
static il_status run(il_context *c, const il_real *x, const il_real *y, il_real *yhat,
                     il_error *err)
{
    const il_config *config = &c->model->config;
    int D = config->model.n_dims;
    if (c->points >= config->model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "the context is full: model.n_positions = %d points",
                       config->model.n_positions);
    il_state *s = c->state;
    il_state_shape(s, 1, y ? 2 : 1);
    s->past = 2 * c->points;
    il_real *tokens = s->value[s->plan->tokens];
    memcpy(tokens, x, sizeof *x * (size_t)D);
    if (y) {
        memset(tokens + D, 0, sizeof *x * (size_t)D);
        tokens[D] = *y;
    }
    memset(s->value[s->plan->weight], 0, sizeof *x * (size_t)s->rows);
    memset(s->value[s->plan->target], 0, sizeof *x * (size_t)s->rows);
    s->recurrent = y ? c->recurrent : c->trial;
    if (!y) memcpy(c->trial, c->recurrent, c->recurs * sizeof *c->trial);
    il_forward(s, &(il_run){ .loops = c->loops, .post = yhat != NULL });
    if (yhat) *yhat = s->value[s->plan->answer][0];
    return IL_OK;
}

il_status il_context_add(il_context *c, const il_real *x, il_real y, il_error *err)
{
    IL_TRY(run(c, x, &y, NULL, err));
    c->points++;
    return IL_OK;
}

il_status il_context_ask(il_context *c, const il_real *x, il_real *yhat, il_error *err)
{
    return run(c, x, NULL, yhat, err);
}
