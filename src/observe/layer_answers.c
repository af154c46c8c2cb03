/* layer_answers.c - what a model would answer if it stopped after a layer
 *
 * The (logit) lens applies the model's final norm and read-out (with `tail` its last blocks too) to the stream
 * after every layer; after a loop that is what the model itself answers. The probe is a ridge
 * regression from the stream at the query to the answers of other prompts.
 * Sources: nostalgebraist 2020, "interpreting GPT: the logit lens"; Fu et al. 2023,
 * arXiv:2310.17086 (trained linear read-outs).
 */
#include "algo/regressor.h"
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

enum { TOGETHER = 4 }; /* prompts that run together */

static void layout(il_observe_answers *r, size_t points)
{
    size_t size = il_product(il_product((size_t)r->layers, points), (size_t)r->outs);
    r->names = il_take(&r->arena, il_observe_label, r->layers);
    r->yhat = il_take(&r->arena, double, size);
}

static il_status blank(il_observe_answers **out, int layers, size_t points, int outs,
                       il_error *err)
{
    il_observe_answers *r = calloc(1, sizeof *r);
    if (!r) return il_fail(err, IL_EFAIL, "out of memory for the answers of layers");
    r->layers = layers;
    r->outs = outs;
    layout(r, points);
    il_status status = il_arena_fill(&r->arena, err);
    if (status) {
        free(r);
        return status;
    }
    layout(r, points);
    *out = r;
    return IL_OK;
}

il_status il_observe_answers_blank(il_observe_answers **out, int layers, size_t answers,
                                   il_error *err)
{
    return blank(out, layers, answers, 1, err);
}

void il_observe_answers_free(il_observe_answers *r)
{
    if (!r) return;
    il_arena_free(&r->arena);
    free(r);
}

/* ---- the lens ------------------------------------------------------------------------------- */

typedef struct {
    const il_observe_layers *layers;
    il_observe_answers *to;
    size_t points;
    int P;           /* tokens of a prompt that are read */
    const int *read; /* (P); NULL: the query's */
    size_t
        rows; /* of a stream; scratch holds (layer answers, rows, width): after each layer */
} lens;

static void write_down(const il_shard *q, const il_state *s, int layer)
{
    const lens *l = q->context;
    const il_real *answer = s->value[s->plan->answer];
    int O = l->to->outs;
    for (int i = 0; i < q->prompts; i++)
        for (int p = 0; p < l->P; p++) {
            size_t point = (q->first + (size_t)i) * (size_t)l->P + (size_t)p;
            int row = i * s->tokens + (l->read ? l->read[p] : q->token);
            double *to = l->to->yhat + ((size_t)layer * l->points + point) * (size_t)O;
            for (int c = 0; c < O; c++) to[c] = (double)answer[row * O + c];
        }
}

static void tap(const il_shard *q, il_state *s, int op)
{
    const lens *l = q->context;
    il_real *kept = q->scratch;
    size_t size = (size_t)s->rows * (size_t)l->layers->width;
    if (l->layers->loops) return;
    for (int i = 0; i < l->to->layers; i++)
        if (l->layers->op[i] == op)
            memcpy(kept + (size_t)i * l->rows * (size_t)l->layers->width,
                   s->value[s->plan->ops[op].out], sizeof(il_real) * size);
}

/* The run is over, so its memory is free: every kept stream goes where the read-out begins */
static void visit(const il_shard *q, il_state *s, int loop)
{
    const lens *l = q->context;
    const il_plan *p = s->plan;
    const il_real *kept = q->scratch;
    if (l->layers->loops) {
        write_down(q, s, loop - 1);
        return;
    }
    size_t C = (size_t)l->layers->width;
    int border = l->layers->op[l->to->layers - 1];
    for (int i = 0; i < l->to->layers; i++) {
        memcpy(s->value[p->ops[border].out], kept + (size_t)i * l->rows * C,
               sizeof(il_real) * (size_t)s->rows * C);
        for (int j = border + 1; j < p->end[IL_POST]; j++)
            p->ops[j].kind->forward(&p->ops[j], s);
        write_down(q, s, i);
    }
}

static size_t most_rows(const il_model *model, const il_observe_prompts *e)
{
    int n = 0;
    for (int c = 0; c < e->cells; c++) n = il_max(n, e->cell[c].n);
    return (size_t)TOGETHER * (size_t)il_model_tokens(model, n + 1);
}

/* Of prompts, or of whole prompts where there is a batch */
static il_status look(lens *l, const il_model *model, const il_observe_prompts *e,
                      const il_batch *batch, il_error *err)
{
    int n = l->to->layers, loops = l->layers->loops ? n : 1;
    memcpy(l->to->names, l->layers->names, sizeof *l->to->names * (size_t)n);
    size_t kept = (size_t)n * l->rows * (size_t)l->layers->width;
    il_pass pass = { .loops = loops,
                     .post = loops,
                     .together = TOGETHER,
                     .scratch = l->layers->loops ? 0 : sizeof(il_real) * kept,
                     .visit = visit,
                     .tap = tap,
                     .context = l };
    il_status status = batch ? il_run_prompts(model, batch, &pass, err)
                             : il_observe_run(model, e, pass, err);
    if (status) il_observe_answers_free(l->to);
    return status;
}

il_status il_observe_answers_lens(il_observe_answers **out, const il_model *model,
                                  const il_observe_layers *layers, int tail,
                                  const il_observe_prompts *e, il_error *err)
{
    int n = layers->loops ? layers->n : layers->n - tail;
    lens l = { .layers = layers,
               .points = il_observe_points(e),
               .P = 1,
               .rows = most_rows(model, e) };
    if (n < 1)
        return il_fail(err, IL_ECONFIG,
                       "the last %d layers are taken as the read-out, so none of the %d "
                       "layers is left to read",
                       tail, layers->n);
    IL_TRY(blank(&l.to, n, l.points, e->outs, err));
    if (layers->loops) { /* what the model itself answers */
        memcpy(l.to->names, layers->names, sizeof *l.to->names * (size_t)n);
        il_status status = il_observe_ask(model, e, n, l.to->yhat, err);
        if (status) {
            il_observe_answers_free(l.to);
            return status;
        }
    } else {
        IL_TRY(look(&l, model, e, NULL, err));
    }
    *out = l.to;
    return IL_OK;
}

il_status il_observe_answers_whole(il_observe_answers **out, const il_model *model,
                                   const il_observe_layers *layers, const il_batch *batch,
                                   int P, const int *tokens, il_error *err)
{
    size_t T = (size_t)il_model_tokens(model, batch->points);
    lens l = { .layers = layers,
               .points = (size_t)batch->prompts * (size_t)P,
               .P = P,
               .read = tokens,
               .rows = (size_t)TOGETHER * T };
    IL_TRY(
        blank(&l.to, layers->n, l.points, il_width(&model->plan, model->plan.answer), err));
    IL_TRY(look(&l, model, NULL, batch, err));
    *out = l.to;
    return IL_OK;
}

/* ---- the probe --------------------------------------------------------------------------------- */

typedef struct {
    il_real *seen, *stream; /* (layers,points,C) of both */
    double *asked, *y;      /* the answers of both */
    il_arena arena;
} probe_room;

typedef struct {
    const probe_room *room;
    size_t seen, points;
    int C;
    il_observe_answers *to;
    il_status *status; /* (layers) */
} probes;

static void probe_layout(probe_room *r, const il_observe_layers *l, size_t seen,
                         size_t points, size_t outs)
{
    size_t each = (size_t)l->n * (size_t)l->width;
    r->seen = il_take(&r->arena, il_real, il_product(each, seen));
    r->stream = il_take(&r->arena, il_real, il_product(each, points));
    r->asked = il_take(&r->arena, double, il_product(seen, outs));
    r->y = il_take(&r->arena, double, il_product(points, outs));
}

static void copy_answers(double *to, const il_observe_prompts *e)
{
    size_t each = (size_t)e->B * (size_t)e->Q * (size_t)e->outs;
    for (int c = 0; c < e->cells; c++)
        memcpy(to + (size_t)c * each, e->cell[c].y, sizeof *to * each);
}

/* A ridge of 1e-4 of the stream's mean square */
static void probe_layer(void *context, int layer, int worker)
{
    const probes *s = context;
    size_t C = (size_t)s->C, l = (size_t)layer;
    il_regressor_score score;
    il_regressor_rows fit = { .x = s->room->seen + l * s->seen * C,
                              .stride = C,
                              .positions = 1,
                              .width = s->C,
                              .y = s->room->asked,
                              .n = (int)s->seen,
                              .outs = s->to->outs };
    il_regressor_rows test = fit;
    test.x = s->room->stream + l * s->points * C;
    test.y = s->room->y;
    test.n = (int)s->points;
    (void)worker;
    s->status[layer] = il_regress(&score, &(il_regressor){ .shrink = 1e-4 }, &fit, &test,
                                  s->to->yhat + l * s->points * (size_t)s->to->outs, NULL);
}

il_status il_observe_answers_probe(il_observe_answers **out, const il_model *model,
                                   const il_observe_layers *layers,
                                   const il_observe_prompts *fit,
                                   const il_observe_prompts *e, il_error *err)
{
    il_observe_answers *r;
    probe_room room = { 0 };
    size_t seen = il_observe_points(fit), points = il_observe_points(e);
    il_status done[IL_LAYERS] = { 0 };
    if (layers->n > IL_LAYERS)
        return il_fail(err, IL_ECONFIG, "more than %d layers are not probed", IL_LAYERS);
    IL_TRY(blank(&r, layers->n, points, e->outs, err));
    memcpy(r->names, layers->names, sizeof *r->names * (size_t)layers->n);
    probe_layout(&room, layers, seen, points, (size_t)e->outs);
    il_status status = il_arena_fill(&room.arena, err);
    if (!status) {
        probe_layout(&room, layers, seen, points, (size_t)e->outs);
        copy_answers(room.asked, fit);
        copy_answers(room.y, e);
        status = il_observe_stream(layers, model, fit, room.seen, err);
    }
    if (!status) status = il_observe_stream(layers, model, e, room.stream, err);
    if (!status) {
        probes s = { &room, seen, points, layers->width, r, done };
        il_parallel(layers->n, probe_layer, &s);
        for (int i = 0; i < layers->n && !status; i++)
            if (done[i]) status = il_fail(err, done[i], "out of memory for probes");
    }
    il_arena_free(&room.arena);
    if (status)
        il_observe_answers_free(r);
    else
        *out = r;
    return status;
}
