/* setting.c - what an evaluation measures: its options, the task, the model's loops, the algorithms, the prompts */
#include "evaluate/evaluate.h"

#include <stdlib.h>

#define KEY(type, field, init, min, max, value, help)                                      \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(il_eval_options, field), init, min, max, help,     \
            NULL, value                                                                    \
    }
const il_opt il_eval_opts[] = {
    KEY(STRING, task, 0, 0, 0, "TASK", "another task than the model's own"),
    KEY(STRING, shift, 0, 0, 0, "SHIFT", "a shift of its prompts: scaled_x=2"),
    KEY(STRING, against, 0, 0, 0, "ALGO,...", "algorithms: ols,ridge alpha=0.1,gd@10"),
    KEY(INT, prompts, 1280, 1, 1e8, "N", "prompts measured"),
    KEY(INT, points, 0, 1, 65536, "N", "points in a prompt"),
    KEY(INT, dims, 0, 1, 65536, "D", "dimensions that are alive"),
    IL_LOOPS_KEYS(il_eval_options, "the loop that is read; by loops: the last one"),
    KEY(SEED, seed, 1, 0, 0, "S", "which prompts"),
    { 0 },
};

/* "ols, ridge alpha=0.1, gd@10" */
static il_status find_algos(il_eval_setting *s, const char *text, il_error *err)
{
    char item[IL_TEXT];
    while (text && il_item_next(item, &text, ",")) {
        if (s->n_algos == IL_EVAL_ALGOS)
            return il_fail(err, IL_ECONFIG, "against: at most %d algorithms",
                           IL_EVAL_ALGOS);
        snprintf(s->names[s->n_algos], IL_TEXT, "%s", item);
        char *at = strchr(item, '@'), *end;
        s->steps[s->n_algos] = -1;
        if (at) {
            *at = 0;
            long steps = strtol(at + 1, &end, 10);
            if (end == at + 1 || *end || steps < 0 || steps > 100000)
                return il_fail(err, IL_ECONFIG, "'%s': after @ comes a number of steps",
                               s->names[s->n_algos]);
            s->steps[s->n_algos] = (int)steps;
        }
        IL_TRY(il_algo_new(&s->algos[s->n_algos], item, err));
        int steps = s->steps[s->n_algos], last = il_algo_steps(s->algos[s->n_algos]);
        s->n_algos++;
        if (steps > 0 && !last)
            return il_fail(err, IL_ECONFIG,
                           "%s answers at once, without steps: leave @%d out", item, steps);
    }
    return IL_OK;
}

il_status il_eval_check_against(const char *text, il_error *err)
{
    il_eval_setting s = { 0 };
    il_status status = find_algos(&s, text, err);
    for (int i = 0; i < s.n_algos; i++) il_algo_free(s.algos[i]);
    return status;
}

static int given(int value, int otherwise) { return value ? value : otherwise; }

/* The loops to read, which cost memory by the table. */
static il_status find_loops(il_eval_setting *s, const il_eval_options *o, il_error *err)
{
    IL_TRY(il_until_check_given(&o->until, o->loops, err));
    if (s->model && o->loops == IL_LOOPS_AUTO) {
        IL_TRY(il_until_check(&s->until, s->model, &o->until, err));
        s->stops = 1;
        s->loops = s->loops_to = s->until.most;
        return IL_OK;
    }
    if (!s->model || s->model->plan.carry == IL_CARRY_NONE) {
        s->loops = s->loops_to = 1;
        return IL_OK;
    }
    int own = s->model->plan.loops;
    if (o->loops > IL_MOST_LOOPS)
        return il_fail(err, IL_ECONFIG, "loops = %d is more than %d", o->loops,
                       IL_MOST_LOOPS);
    s->loops = s->by_loops ? own : given(o->loops, own);
    s->loops_to = given(o->loops, il_min(4 * own, IL_MOST_LOOPS));
    return IL_OK;
}

/* Do the answers of the task's prompts fit the model's? */
static il_status check_answers(const il_eval_setting *s, il_error *err)
{
    const il_model *m = s->model;
    int outs = il_task_outs(s->task, s->opts, m->config.model.n_dims),
        own = il_width(&m->plan, m->plan.answer);
    if (s->task->ids || outs == own) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "prompts whose answers are %d numbers do not fit the model's %d", outs,
                   own);
}

/* All but the prompts */
il_status il_eval_find(il_eval_setting *s, const il_model *model, const il_eval_options *o,
                       il_eval_by by, il_error *err)
{
    const il_config *c = model ? &model->config : NULL;
    int points = given(o->points, il_model_points(model));
    int dims = given(o->dims, c ? c->training.curriculum.dims.end : 0);
    *s = (il_eval_setting){ .model = model,
                            .seed = o->seed,
                            .by_loops = by == IL_EVAL_LOOPS,
                            .over_points = by == IL_EVAL_MEAN,
                            .points = points,
                            .dims = dims };
    IL_WITHIN(err, IL_MOST, "prompts", o->prompts);
    IL_WITHIN(err, INT32_MAX, "points dims", o->points, o->dims);
    if (o->loops != IL_LOOPS_AUTO) IL_WITHIN(err, INT32_MAX, "loops", o->loops);
    if (!c && (!o->task || !points || !dims || by == IL_EVAL_LOOPS))
        return il_fail(err, IL_ECONFIG,
                       "without a model, an evaluation needs task, points and dims");
    if (c) IL_TRY(il_model_check_prompts(model, err));
    if (c && dims > c->model.n_dims)
        return il_fail(err, IL_ECONFIG, "dims = %d is more than the model's n_dims = %d",
                       dims, c->model.n_dims);
    if (c && points > c->model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "points = %d is more than the model's n_positions = %d", points,
                       c->model.n_positions);
    IL_TRY(find_loops(s, o, err));
    IL_TRY(il_task_parse(&s->task, s->opts, o->task, c, err));
    if (c) IL_TRY(check_answers(s, err));
    return find_algos(s, o->against, err);
}

il_status il_eval_draw(il_eval_setting *s, const il_eval_options *o, il_error *err)
{
    int dim = s->model ? s->model->config.model.n_dims : s->dims;
    il_draw at = { .seed = o->seed, .stream = IL_STREAM_EVAL };
    s->scale = il_task_scale(s->task, s->opts, s->dims);
    return il_batch_new_drawn(&s->batch, s->task, s->opts, o->shift,
                              given(o->prompts, 1280), s->points, dim, s->dims, at, err);
}

il_batch il_eval_part(const il_batch *batch, int first, int most)
{
    il_batch part = *batch;
    size_t at = (size_t)first * (size_t)batch->points, D = (size_t)batch->dim,
           O = (size_t)batch->outs;
    part.prompts = il_min(most, batch->prompts - first);
    part.x += at * D;
    part.y += at * O;
    part.w += (size_t)first * O * D;
    if (batch->xq) part.xq += at * D;
    if (batch->yq) part.yq += at * O;
    if (batch->noise) part.noise += first;
    return part;
}

void il_eval_end(il_eval_setting *s)
{
    il_batch_free(s->batch);
    for (int i = 0; i < s->n_algos; i++) il_algo_free(s->algos[i]);
}
