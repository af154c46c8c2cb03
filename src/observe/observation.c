/* observation.c - layers and prompts of a model that an analysis needs, made from its options */
#include "observe/observe.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

static il_status find_sizes(il_observation *s, il_error *err)
{
    const char *text = s->o->examples;
    int most = il_model_points(s->model) - 1;
    s->draw.n_sizes = 0;
    if (!text) {
        s->draw.sizes[s->draw.n_sizes++] = il_max(most, 1);
        if (most / 2 > 1 && !il_model_layout(s->model)->last)
            s->draw.sizes[s->draw.n_sizes++] = most / 2;
    }
    while (text && *text) {
        char *end;
        long n = strtol(text, &end, 10);
        if (end == text || n < 1 || n > 65535 || (*end && *end != ','))
            return il_fail(err, IL_ECONFIG,
                           "examples = '%s': numbers of examples, separated by commas",
                           il_show(s->o->examples).text);
        if (s->draw.n_sizes == IL_CELLS)
            return il_fail(err, IL_ECONFIG, "at most %d numbers of examples", IL_CELLS);
        s->draw.sizes[s->draw.n_sizes++] = (int)n;
        text = end + (*end == ',');
    }
    return IL_OK;
}

/* *loops: those that prompts of the task take until their last query has settled, a mean that is rounded up */
static il_status find_loops(const il_observation *s, int *loops, il_error *err)
{
    enum { PROMPTS = 64 };
    int points = il_model_points(s->model), sum = 0;
    int *took = calloc((size_t)PROMPTS * (size_t)points, sizeof *took);
    il_batch *batch = NULL;
    il_draw at = { .seed = s->o->seed, .stream = IL_STREAM_EVAL };
    il_status status =
        took ? il_batch_new_drawn(&batch, s->draw.task, s->task_opts, NULL, PROMPTS, points,
                                  s->draw.dim, s->draw.dims, at, err)
             : il_fail(err, IL_EFAIL, "out of memory for %d prompts", PROMPTS);
    size_t outs = status ? 0 : (size_t)batch->outs;
    il_real *yhat = calloc(outs * PROMPTS * (size_t)points + 1, sizeof *yhat);
    if (!status && !yhat) status = il_fail(err, IL_EFAIL, "out of memory for answers");
    if (!status) status = il_model_answer_until(s->model, batch, NULL, yhat, took, err);
    for (int b = 0; b < PROMPTS && !status; b++) sum += took[(b + 1) * points - 1];
    *loops = (sum + PROMPTS - 1) / PROMPTS;
    il_batch_free(batch);
    free(yhat);
    free(took);
    return status;
}

static il_status set_up(il_observation *s, il_error *err)
{
    const il_config *c = &s->model->config;
    const il_explain_options *o = s->o;
    int dims = o->dims ? o->dims : c->training.curriculum.dims.end;
    int loops = o->loops;
    IL_WITHIN(err, IL_MOST, "prompts queries dims", o->prompts, o->queries, o->dims);
    if (loops != IL_LOOPS_AUTO) IL_WITHIN(err, IL_MOST, "loops", loops);
    s->probe = o->reading == IL_READING_PROBE;
    IL_TRY(il_task_parse(&s->draw.task, s->task_opts, o->task, c, err));
    s->draw.task_opts = s->task_opts;
    IL_TRY(find_sizes(s, err));
    s->draw.data = o->data ? o->data : "isotropic";
    int sequence = s->draw.task->sequence != NULL;
    int matrix = dims <= 12; /* enough prompts for one of dims x dims (precondition.c) */
    s->draw.prompts = o->prompts ? o->prompts
                      : sequence ? il_max(16, 320 / il_max(dims, 1))
                                 : il_max(32, matrix ? 6 * dims : 0);
    s->draw.queries = sequence ? 1 : o->queries ? o->queries : il_max(16, 3 * dims);
    s->draw.dim = c->model.n_dims;
    s->draw.dims = dims;
    s->draw.seed = o->seed;
    s->draw.step = 1;
    s->draw.unpaired = 1;
    if (loops == IL_LOOPS_AUTO) IL_TRY(find_loops(s, &loops, err));
    IL_TRY(il_observe_layers_new(&s->layers, s->model, loops, err));
    if (o->reading == IL_READING_AUTO && !s->layers->loops && c->model.family == IL_GPT2)
        s->probe = 1;
    return IL_OK;
}

il_status il_observation_begin(il_observation *s, const il_model *model,
                               const il_explain_options *options, il_error *err)
{
    *s = (il_observation){ .model = model, .o = options };
    return set_up(s, err);
}

/* Can prompts be shown to the model, and are their answers numbers? Then they are. */
static il_status check_prompts(il_observation *s, il_error *err)
{
    IL_TRY(il_model_check_prompts(s->model, err));
    for (int i = 0; i < s->draw.n_sizes; i++)
        s->points = il_max(s->points, s->draw.sizes[i] + 1);
    if (!s->draw.task->ids) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "this analysis does not support token-id models (bytes, recall); use "
                   "innerloop inspect weights or innerloop eval");
}

il_status il_observation_draw(il_observation *s, il_error *err)
{
    IL_TRY(check_prompts(s, err));
    if (il_task_outs(s->draw.task, s->task_opts, s->draw.dim) > 1)
        return il_fail(err, IL_ECONFIG,
                       "this analysis needs several queries of each prompt, and the "
                       "sequences of %s have one; for sequence models use innerloop "
                       "inspect lens, probe, weights, interpolate or sensitivity",
                       s->draw.task->name);
    return il_observe_prompts_new(&s->prompts, &s->draw, err);
}

il_status il_observation_draw_all(il_observation *s, il_error *err)
{
    IL_TRY(check_prompts(s, err));
    return il_observe_prompts_new(&s->prompts, &s->draw, err);
}

il_status il_observation_new(il_observation *s, const il_model *model,
                             const il_explain_options *options, il_error *err)
{
    IL_TRY(il_observation_begin(s, model, options, err));
    s->draw.unpaired = 0;
    return il_observation_draw_all(s, err);
}

void il_observation_free(il_observation *s)
{
    il_observe_prompts_free(s->prompts);
    il_observe_prompts_free(s->fit);
    il_observe_layers_free(s->layers);
    il_observe_answers_free(s->layer_answers);
}

il_status il_observation_draw_fit(il_observation *s, il_error *err)
{
    il_observe_draw fit = s->draw;
    fit.prompts *= 8;
    fit.queries = fit.queries > 1 ? il_max(4, fit.queries / 4) : 1;
    fit.step = 2;
    fit.unpaired = 1;
    return il_observe_prompts_new(&s->fit, &fit, err);
}

il_status il_observation_note(const il_observation *s, il_table *table, il_error *err)
{
    char note[256];
    int loops = s->layers->loops ? s->layers->n : 0;
    if (!s->points ||
        !il_model_beyond(s->model, s->points, s->draw.dims, loops, note, sizeof note))
        return IL_OK;
    return il_table_note(table, err, "%s", note);
}

/* ---- whole prompts ------------------------------------------------------------------------- */

int il_observation_wholes(const il_observation *s)
{
    return il_model_layout(s->model)->last ? s->draw.n_sizes : 1;
}

static il_status draw(il_observe_whole *p, const il_observation *s, int prompts, int points,
                      uint32_t step, il_error *err)
{
    const il_observe_draw *o = &s->draw;
    const char *data = strcmp(o->data, "isotropic") ? o->data : NULL;
    il_draw at = { .seed = o->seed, .stream = IL_STREAM_EVAL, .step = step };
    if (strchr(o->data, ','))
        return il_fail(err, IL_ECONFIG,
                       "data = '%s': only one distribution of inputs is allowed here",
                       il_show(o->data).text);
    IL_TRY(il_batch_new_drawn(&p->batch, o->task, o->task_opts, data, prompts, points,
                              o->dim, o->dims, at, err));
    if (p->batch->xq)
        return il_fail(err, IL_ECONFIG,
                       "data = '%s': shifts of the queries alone are not supported here; "
                       "choose one that also shifts the examples",
                       il_show(o->data).text);
    return IL_OK;
}

il_status il_observe_whole_new(il_observe_whole *p, il_observation *s, int i, int prompts,
                               uint32_t step, il_error *err)
{
    int last = il_model_layout(s->model)->last, most = 0;
    *p = (il_observe_whole){ .P = last ? 1 : s->draw.n_sizes };
    IL_TRY(check_prompts(s, err));
    for (int k = 0; k < p->P; k++) {
        p->examples[k] = s->draw.sizes[last ? i : k];
        p->tokens[k] = il_model_tokens(s->model, p->examples[k]);
        most = il_max(most, p->examples[k]);
    }
    il_status status = draw(p, s, prompts, most + 1, step, err);
    if (!status) return IL_OK;
    il_batch_free(p->batch);
    p->batch = NULL;
    return status;
}
