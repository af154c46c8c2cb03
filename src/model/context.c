/* context.c - one prompt, example by example, id by id, or a sequence, observation by observation
 *
 * A token depends on earlier ones only through the ops that mix tokens, and these remember what
 * they need for every loop: something of every token (il_memory), or a recurrent state. A query
 * is run and forgotten: the next token takes its place, and a recurrent state is handed to it as
 * a copy. Of a sequence, the last observations that the layout puts into a token are kept; a model
 * that remembers nothing of every token takes a sequence of any length.
 */
#include "model/model.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

struct il_context {
    const il_model *model;
    il_state *state;
    il_real *memory, *recurrent, *trial; /* trial: a query's copy of the recurrent state */
    size_t recurs;                       /* numbers of it */
    il_real
        *last; /* sequences: (slots+1,D) observations, oldest first; the others' targets */
    int slots; /* observations in a token */
    int loops, points, dims; /* dims: inputs that were not always 0 */
    il_until until;          /* of queries; most = 0: they run all loops */
    int took;                /* loops of the last answer */
    int told;                /* what il_context_note has said: bits of il_model_beyond */
    char note[256];
};

/* Does it take observations of a sequence, rather than examples or ids? */
static int observes(const il_model *m)
{
    return il_model_layout(m)->sequences && !il_model_classes(m);
}

/* Room for the last observations and for the tokens of them all. */
static il_status keep_observations(il_context *c, il_error *err)
{
    const il_plan *p = &c->model->plan;
    int D = c->model->config.model.n_dims, O = il_width(p, p->target);
    c->slots = il_width(p, p->tokens) / D + 1;
    size_t numbers = (size_t)(D + il_width(p, p->tokens) + O + 2);
    c->last = calloc((size_t)c->slots * numbers, sizeof *c->last);
    return c->last ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for a context");
}

static il_status fill(il_context *c, int tokens, il_error *err)
{
    const il_plan *p = &c->model->plan;
    const il_layout *layout = il_model_layout(c->model);
    IL_TRY(il_model_check_prompts(c->model, err));
    if (!il_model_classes(c->model) &&
        (layout->last || (!layout->sequences && il_width(p, p->answer) != 1)))
        return il_fail(err, IL_ECONFIG,
                       "a model with model.tokens = %s that answers with %d numbers cannot "
                       "run token by token",
                       layout->name, il_width(p, p->answer));
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
    if (observes(c->model)) IL_TRY(keep_observations(c, err));
    return c->memory && c->recurrent
               ? IL_OK
               : il_fail(err, IL_EFAIL, "out of memory for a context");
}

il_status il_context_new(il_context **out, const il_model *model, int loops, il_error *err)
{
    IL_GIVEN(err, "context model", out, model);
    IL_WITHIN(err, IL_MOST, "loops", loops);
    il_context *c = calloc(1, sizeof *c);
    if (!c) return il_fail(err, IL_EFAIL, "out of memory for a context");
    c->model = model;
    c->loops = loops > 0 ? loops : model->plan.loops;
    il_status status = il_model_check_loops(model, 1, c->loops, err);
    int tokens = il_model_tokens(model, model->config.model.n_positions);
    if (observes(model) && !model->plan.memory) tokens = 1;
    if (status == IL_OK) status = fill(c, tokens, err);
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
    free(c->last);
    free(c);
}

void il_context_clear(il_context *c)
{
    if (c) c->points = c->dims = 0;
}

int il_context_points(const il_context *c) { return c ? c->points : 0; }

const char *il_context_note(il_context *c)
{
    if (!c) return NULL;
    int query = !il_model_layout(c->model)->sequences && !il_model_classes(c->model);
    int beyond = il_model_beyond(c->model, c->points + query, c->dims, c->loops, c->note,
                                 sizeof c->note);
    int news = beyond & ~c->told;
    c->told |= beyond;
    return news ? c->note : NULL;
}

static void see_dims(il_context *c, const il_real *x)
{
    for (int d = c->dims; d < c->model->config.model.n_dims; d++)
        if (x[d] != 0) c->dims = d + 1;
}

/* Is there room for one more? A model that keeps nothing of every token has some for ever, unless
 * its positions are a table. */
static il_status check_room(const il_context *c, il_error *err)
{
    const il_config *config = &c->model->config;
    int counts = c->model->plan.memory || !observes(c->model) ||
                 config->model.position == IL_POSITION_LEARNED ||
                 config->model.family != IL_STACK;
    if (c->points < (counts ? config->model.n_positions : INT_MAX)) return IL_OK;
    return il_fail(err, IL_ECONFIG, "the context is full: model.n_positions = %d points",
                   config->model.n_positions);
}

/* What is remembered must be numbers: one that is none would be in every later answer. */
static il_status check_finite(const il_real *x, int n, const char *name, il_error *err)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return il_fail(err, IL_ECONFIG, "%s[%d] is no finite number", name, i);
    return IL_OK;
}

/* A query's answers after each of the loops first..c->loops, `stride` apart; where it stops by itself, the last alone */
typedef struct {
    il_context *c;
    int first;
    size_t stride;
    il_real *yhat;
} query;

/* A query goes on until it has settled. */
static void settle(void *context, il_state *s, int loop)
{
    const query *q = context;
    il_context *c = q->c;
    il_real answer = s->value[s->plan->answer][0];
    c->took = loop;
    if (!c->until.most) {
        q->yhat[(size_t)(loop - q->first) * q->stride] = answer;
        return;
    }
    *q->yhat = answer;
    if (il_state_settled(s, 0, c->until.tolerance)) il_state_keep(s, NULL, 0);
}

/* Runs the x token and, with `y`, the y token of one point. */
static il_status run(il_context *c, const il_real *x, const il_real *y, query *q,
                     il_error *err)
{
    const il_config *config = &c->model->config;
    int D = config->model.n_dims;
    if (il_model_classes(c->model))
        return il_fail(err, IL_ECONFIG, "the model's prompts are ids: use il_context_next");
    if (observes(c->model))
        return il_fail(
            err, IL_ECONFIG,
            "the model's prompts are sequences: il_context_observe, not examples");
    IL_TRY(check_room(c, err));
    il_state *s = c->state;
    il_state_shape(s, 1, y ? 2 : 1);
    s->past = 2 * c->points;
    il_real *tokens = s->value[s->plan->tokens];
    see_dims(c, x);
    memcpy(tokens, x, sizeof *x * (size_t)D);
    if (y) {
        memset(tokens + D, 0, sizeof *x * (size_t)D);
        tokens[D] = *y;
    }
    memset(s->value[s->plan->weight], 0, sizeof *x * (size_t)s->rows);
    memset(s->value[s->plan->target], 0, sizeof *x * (size_t)s->rows);
    s->recurrent = y ? c->recurrent : c->trial;
    if (!y) memcpy(c->trial, c->recurrent, c->recurs * sizeof *c->trial);
    int loops = q && c->until.most ? c->until.most : c->loops;
    il_forward(s, &(il_run){ .loops = loops,
                             .post = !q              ? 0
                                     : c->until.most ? loops
                                                     : loops - q->first + 1,
                             .visit = q ? settle : NULL,
                             .context = q });
    return IL_OK;
}

il_status il_context_until(il_context *c, const il_until *until, il_error *err)
{
    IL_GIVEN(err, "context", c);
    il_until whole;
    IL_TRY(il_until_check(&whole, c->model, until, err));
    if (!until || !until->most) whole.most = c->loops;
    if (whole.most > c->loops)
        return il_fail(err, IL_ECONFIG,
                       "the context runs %d loops, so no query can take up to %d: make one "
                       "of as many loops",
                       c->loops, whole.most);
    c->until = whole;
    return IL_OK;
}

int il_context_loops(const il_context *c) { return c ? c->took : 0; }

il_status il_context_add(il_context *c, const il_real *x, il_real y, il_error *err)
{
    IL_GIVEN(err, "context x", c, x);
    IL_TRY(check_finite(x, c->model->config.model.n_dims, "x", err));
    IL_TRY(check_finite(&y, 1, "y", err));
    IL_TRY(run(c, x, &y, NULL, err));
    c->points++;
    return IL_OK;
}

il_status il_context_ask(il_context *c, const il_real *x, il_real *yhat, il_error *err)
{
    IL_GIVEN(err, "context x yhat", c, x, yhat);
    return il_context_ask_from(c, x, c->loops, 0, yhat, err);
}

il_status il_context_ask_from(il_context *c, const il_real *x, int first, size_t stride,
                              il_real *yhat, il_error *err)
{
    return run(c, x, NULL, &(query){ c, first, stride, yhat }, err);
}

il_status il_context_next(il_context *c, int id, const il_real **scores, il_error *err)
{
    IL_GIVEN(err, "context", c);
    int classes = il_model_classes(c->model);
    if (!classes) return il_fail(err, IL_ECONFIG, "the model's prompts are not token ids");
    if (id < 0 || id >= classes)
        return il_fail(err, IL_ECONFIG, "id %d is none of the model's %d classes", id,
                       classes);
    IL_TRY(check_room(c, err));
    il_state *s = c->state;
    const il_plan *p = s->plan;
    il_state_shape(s, 1, 1);
    s->past = c->points++;
    s->recurrent = c->recurrent;
    s->value[p->tokens][0] = (il_real)id;
    s->value[p->target][0] = s->value[p->weight][0] = 0;
    if (p->mask != IL_NONE) s->value[p->mask][0] = 1;
    il_forward(s, &(il_run){ .loops = c->loops, .post = scores != NULL });
    if (scores) *scores = s->value[p->answer];
    return IL_OK;
}

int il_scores_draw(const il_real *scores, int n, double temperature, uint64_t seed,
                   uint32_t index)
{
    if (!scores || n < 1) return -1;
    enum { PIECE = 64 };
    il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, index);
    int best = 0;
    for (int c = 1; c < n; c++)
        if (scores[c] > scores[best]) best = c;
    if (!(temperature > 0)) return best;
    double sum = 0, stop = 0;
    for (int draws = 0; draws < 2; stop = il_uniform(&rng) * sum, sum = 0, draws++)
        for (int from = 0; from < n; from += PIECE) {
            il_real e[PIECE];
            int m = il_min(PIECE, n - from);
            for (int c = 0; c < m; c++)
                e[c] = (il_real)((double)(scores[from + c] - scores[best]) / temperature);
            il_kernel()->exp(e, e, (size_t)m);
            for (int c = 0; c < m; c++) {
                sum += (double)e[c];
                if (draws && sum > stop) return from + c;
            }
        }
    return best;
}

/* Writes the token of the newest observation: that of a prompt of the last ones. */
static void write_token(const il_context *c, int kept)
{
    const il_plan *p = &c->model->plan;
    il_state *s = c->state;
    int D = c->model->config.model.n_dims, width = il_width(p, p->tokens);
    il_real *tokens = c->last + (size_t)c->slots * (size_t)D,
            *weight = tokens + (size_t)c->slots * (size_t)width,
            *target = weight + c->slots;
    il_batch batch = {
        .prompts = 1, .points = kept, .dim = D, .outs = il_width(p, p->target), .x = c->last
    };
    il_tokens to = { .dim = D,
                     .outs = batch.outs,
                     .width = width,
                     .tokens = tokens,
                     .target = target,
                     .weight = weight };
    il_tokens_ask(il_model_layout(c->model), &batch, 0, 1, kept - 1, to);
    memcpy(s->value[p->tokens], tokens + (size_t)(kept - 1) * (size_t)width,
           sizeof *tokens * (size_t)width);
    s->value[p->weight][0] = 0;
    memset(s->value[p->target], 0, sizeof *tokens * (size_t)batch.outs);
}

il_status il_context_observe(il_context *c, const il_real *x, il_real *yhat, il_error *err)
{
    IL_GIVEN(err, "context x yhat", c, x, yhat);
    il_state *s = c->state;
    size_t D = (size_t)c->model->config.model.n_dims;
    if (!observes(c->model))
        return il_fail(
            err, IL_ECONFIG,
            "the model's prompts are examples or ids, not observations of a sequence");
    IL_TRY(check_room(c, err));
    IL_TRY(check_finite(x, (int)D, "x", err));
    see_dims(c, x);
    int kept = il_min(c->points, c->slots - 1);
    if (c->points > kept) /* forget the oldest */
        memmove(c->last, c->last + D, sizeof *x * D * (size_t)kept);
    memcpy(c->last + D * (size_t)kept, x, sizeof *x * D);
    il_state_shape(s, 1, 1);
    write_token(c, kept + 1);
    s->past = c->points;
    s->recurrent = c->recurrent;
    il_forward(s, &(il_run){ .loops = c->loops, .post = 1 });
    memcpy(yhat, s->value[s->plan->answer],
           sizeof *yhat * (size_t)il_width(s->plan, s->plan->answer));
    c->points++;
    return IL_OK;
}
