/* model.c - a trained sequence model as a forecaster, one row ahead
 *
 * A model of a task of sequences predicts s_{n+1} from s_0 .. s_n. A single series becomes such a
 * sequence by delays, s_n = (y(n), y(n-1), .., y(n-D+1)), whose next state begins with the next
 * value (Takens 1981). The latest values make one prompt; they are centred and scaled to the
 * root mean square that the task's own sequences have, and the prediction is scaled back. Nothing
 * is learnt between rows but by the model's forward pass.
 */
#include "forecast/forecast.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>

struct il_forecast_model {
    const il_model *model;
    il_batch *batch; /* one prompt of N points */
    il_real *yhat;   /* (N,O) */
    int N, D, O;
    double unit; /* root mean square of a number in the task's sequences */
};

/* Of 64 prompts of the task, always the same */
static il_status measure(il_forecast_model *m, const il_task *task, il_error *err)
{
    enum { PROMPTS = 64 };
    const il_config *c = il_model_config(m->model);
    il_draw at = { 0, IL_STREAM_USER, 0, 0 };
    il_batch *batch;
    double squares = 0;
    size_t n = (size_t)PROMPTS * (size_t)m->N * (size_t)m->D;
    IL_TRY(il_batch_new_outs(&batch, PROMPTS, m->N, m->D, m->O, err));
    il_status status =
        il_batch_draw(batch, task, c->training.task_opts, NULL, m->D, at, err);
    for (size_t i = 0; i < n && !status; i++)
        squares += (double)batch->x[i] * (double)batch->x[i];
    m->unit = sqrt(squares / (double)n);
    il_batch_free(batch);
    return status;
}

static il_status set_up(il_forecast_model *m, il_error *err)
{
    const il_config *c = il_model_config(m->model);
    const il_task *task = il_task_find(c->training.task_name);
    if (!task || !task->sequence)
        return il_fail(err, IL_ECONFIG,
                       "the model was trained on %s; a forecast needs a model of sequences",
                       c->training.task_name);
    m->N = c->training.curriculum.points.end;
    m->D = c->model.n_dims;
    m->O = il_task_outs(task, c->training.task_opts, m->D);
    m->yhat = calloc((size_t)m->N * (size_t)m->O, sizeof *m->yhat);
    if (!m->yhat) return il_fail(err, IL_EFAIL, "out of memory for a model's forecasts");
    IL_TRY(il_batch_new_outs(&m->batch, 1, m->N, m->D, m->O, err));
    return measure(m, task, err);
}

il_status il_forecast_model_new(il_forecast_model **model, const il_model *of,
                                il_error *err)
{
    il_forecast_model *m = calloc(1, sizeof *m);
    if (!m) return il_fail(err, IL_EFAIL, "out of memory for a model's forecasts");
    m->model = of;
    il_status status = set_up(m, err);
    if (status) {
        il_forecast_model_free(m);
        return status;
    }
    *model = m;
    return IL_OK;
}

void il_forecast_model_free(il_forecast_model *m)
{
    if (!m) return;
    il_batch_free(m->batch);
    free(m->yhat);
    free(m);
}

int il_forecast_model_window(const il_forecast_model *m) { return m->N + m->D - 1; }
uint64_t il_forecast_model_hash(const il_forecast_model *m)
{
    return il_model_hash(m->model);
}

/* n values: their mean, and what their deviations are multiplied by to be of the task's size; 0 for
 * a constant. Dividing by the largest first keeps the squares in range. */
static double to_units(const il_forecast_model *m, const double *y, int n, double *mean)
{
    double largest = 0, squares = 0;
    *mean = 0;
    for (int i = 0; i < n; i++) *mean += y[i] / n;
    for (int i = 0; i < n; i++) largest = fmax(largest, fabs(y[i] - *mean));
    if (!(largest > 0)) return 0;
    for (int i = 0; i < n; i++)
        squares += (y[i] - *mean) / largest * ((y[i] - *mean) / largest);
    return m->unit / sqrt(squares / n) / largest;
}

/* s->window: values, the newest first */
static double answer(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)state;
    const il_forecast_model *m = run->model;
    il_batch part = *m->batch;
    double mean, factor = to_units(m, s->window, s->windows, &mean);
    int D = m->D, points = s->windows - D + 1;
    if (points < 1 || !(factor > 0 && factor < INFINITY)) return s->last;
    part.points = points;
    for (int n = 0; n < points; n++) /* point `points - 1` is the newest state */
        for (int d = 0; d < D; d++)
            part.x[n * D + d] = (il_real)((s->window[points - 1 - n + d] - mean) * factor);
    for (int n = 0; n < points; n++) /* the next state; of the newest nobody knows it */
        for (int o = 0; o < m->O; o++)
            part.y[n * m->O + o] = n + 1 < points && o < D ? part.x[(n + 1) * D + o] : 0;
    if (il_model_answer(m->model, &part, il_model_loops(m->model), il_model_loops(m->model),
                        m->yhat, NULL))
        return s->last; /* out of memory */
    return mean + (double)m->yhat[(size_t)(points - 1) * (size_t)m->O] / factor;
}

const il_forecaster_kind il_forecaster_model = {
    .name = "model",
    .summary = "a trained sequence model on delays of the series",
    .answer = answer,
};
