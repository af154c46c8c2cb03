/* answer.c - a model's predictions at every point of a batch after given loops; checks that prompts fit
 *
 * If the layout predicts at every point in one forward pass, one pass is used. If it predicts at the last
 * point only, or if queries differ from the examples, every point takes a pass of its own.
 */
#include "model/model.h"

typedef struct {
    const il_batch *batch;
    int first;     /* loop */
    il_real *yhat; /* (loops,B,N,O) */
} answering;

static void keep_answers(const il_shard *q, il_state *s, int loop)
{
    const answering *a = q->context;
    size_t B = (size_t)a->batch->prompts, N = (size_t)a->batch->points;
    size_t O = (size_t)a->batch->outs;
    int from = q->point < 0 ? 0 : q->point;
    int to = q->point < 0 ? a->batch->points : q->point + 1;
    const il_real *answer = s->value[s->plan->answer];
    for (int b = 0; b < q->prompts; b++) {
        il_real *row =
            a->yhat + ((size_t)(loop - a->first) * B + q->first + (size_t)b) * N * O;
        for (int n = from; n < to; n++)
            memcpy(row + (size_t)n * O,
                   answer + (size_t)(b * s->tokens + il_model_tokens(s->model, n)) * O,
                   O * sizeof *row);
    }
}

int il_model_points(const il_model *m)
{
    int points = m ? m->config.training.curriculum.points.end : 0;
    const il_layout *layout = m ? il_model_layout(m) : NULL;
    return layout && layout->half ? il_layout_first(layout, points) + 1 : points;
}
int il_model_dims(const il_model *m)
{
    return m ? m->config.training.curriculum.dims.end : 0;
}

int il_model_beyond(const il_model *m, int points, int dims, int loops, char *note,
                    size_t size)
{
    if (!m) return 0;
    int built = m->config.model.family == IL_BUILT, beyond = 0;
    const struct {
        const char *name;
        int here, most;
    } all[] = { { "point", points, il_model_points(m) },
                { "dimension", dims, il_model_dims(m) },
                { "loop", built ? 0 : loops, il_model_loops(m) } };
    char most[128] = "", here[64] = "";
    for (int i = 0; i < IL_COUNT(all); i++) {
        if (all[i].here <= all[i].most) continue;
        size_t m_used = strlen(most), h_used = strlen(here);
        snprintf(most + m_used, sizeof most - m_used, "%s%d %s%s", beyond ? " and " : "",
                 all[i].most, all[i].name, all[i].most == 1 ? "" : "s");
        snprintf(here + h_used, sizeof here - h_used, "%s%d", beyond ? " and " : "",
                 all[i].here);
        beyond |= 1 << i;
    }
    if (beyond && note)
        snprintf(
            note, size,
            "the model was %s at most %s, and here there are %s: beyond that its answers "
            "may be far off",
            built ? "made for" : "trained on", most, here);
    return beyond;
}

il_status il_model_check_prompts(const il_model *m, il_error *err)
{
    if (il_model_layout(m)->fill) return IL_OK;
    const char *program = il_model_program(m);
    int name = program ? (int)strcspn(program, " \n") : 0;
    return il_fail(err, IL_ECONFIG,
                   "the model's tokens are its own and no task's prompts, so no examples "
                   "can be shown to it; measure it with: innerloop build %.*s --verify",
                   name ? il_min(name, 40) : 4, name ? program : "NAME");
}

il_status il_model_check_batch(const il_model *m, const il_batch *batch, il_error *err)
{
    const il_config *c = &m->config;
    IL_TRY(il_model_check_prompts(m, err));
    IL_TRY(il_batch_check(batch, err));
    if (batch->dim > c->model.n_dims)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d dimensions do not fit the model's n_dims = %d",
                       batch->dim, c->model.n_dims);
    if (batch->points > c->model.n_positions)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d points do not fit the model's n_positions = %d",
                       batch->points, c->model.n_positions);
    int outs = il_model_classes(m) ? 1 : il_width(&m->plan, m->plan.answer);
    if (batch->outs != outs)
        return il_fail(err, IL_ECONFIG,
                       "prompts whose answers are %d numbers do not fit the model's %d",
                       batch->outs, outs);
    return IL_OK;
}

static il_status check(const il_model *m, const il_batch *batch, il_error *err)
{
    IL_TRY(il_model_check_batch(m, batch, err));
    if (!il_model_classes(m)) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "the model answers with scores of %d classes, not with numbers: use "
                   "il_context_next",
                   il_model_classes(m));
}

il_status il_model_answer(const il_model *m, const il_batch *batch, int first, int last,
                          il_real *yhat, il_error *err)
{
    IL_GIVEN(err, "model yhat", m, yhat);
    IL_TRY(check(m, batch, err));
    IL_TRY(il_model_check_loops(m, first, last, err));
    answering a = { .batch = batch, .first = first, .yhat = yhat };
    return il_run_prompts(m, batch,
                          &(il_pass){ .loops = last,
                                      .post = last - first + 1,
                                      .ask = IL_ASK_EACH,
                                      .visit = keep_answers,
                                      .context = &a },
                          err);
}

static void settle(const il_shard *q, il_state *s, int loop)
{
    il_settle(q->context, q, s, loop);
}

il_status il_model_answer_until(const il_model *m, const il_batch *batch,
                                const il_until *until, il_real *yhat, int *loops,
                                il_error *err)
{
    IL_GIVEN(err, "model yhat", m, yhat);
    IL_TRY(check(m, batch, err));
    il_settling to = { .outs = batch->outs, .each = batch->points, .yhat = yhat };
    IL_TRY(il_until_check(&to.until, m, until, err));
    IL_TRY(il_settling_begin(&to, batch->prompts, err));
    il_status status =
        il_run_prompts(m, batch,
                       &(il_pass){ .loops = to.until.most,
                                   .post = to.until.most,
                                   .ask = IL_ASK_EACH,
                                   .together = IL_SETTLE_TOGETHER,
                                   .scratch = sizeof(int[IL_SETTLE_TOGETHER]),
                                   .visit = settle,
                                   .context = &to },
                       err);
    il_settling_end(&to, batch->prompts, status ? NULL : loops);
    return status;
}
