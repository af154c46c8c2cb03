/* loss.c - mean squared error of a model on fresh prompts of its own task, as an evaluation counts it */
#include "observe/observe.h"

#include <stdlib.h>

/* The mean of |yhat - y|^2 over prompts and points from..N-1 */
static double mean_error(const il_batch *batch, int from, const double *yhat)
{
    size_t O = (size_t)batch->outs, N = (size_t)batch->points, P = N - (size_t)from;
    const il_real *asked = batch->yq ? batch->yq : batch->y;
    double sum = 0;
    for (size_t b = 0; b < (size_t)batch->prompts; b++) {
        const il_real *y = asked + (b * N + (size_t)from) * O;
        double one = 0;
        for (size_t i = 0; i < P * O; i++) {
            double e = yhat[b * P * O + i] - (double)y[i];
            one += e * e;
        }
        sum += one;
    }
    return sum / (double)((size_t)batch->prompts * P);
}

/* Answers at the points that a training prompt has targets for: all, or the last */
static il_status answer(double *error, const il_model *model, const il_batch *batch,
                        il_error *err)
{
    const il_layout *layout = il_model_layout(model);
    int N = batch->points, from = il_layout_first(layout, N), loops = il_model_loops(model);
    size_t size = (size_t)batch->prompts * (size_t)N * (size_t)batch->outs;
    double *yhat = malloc(sizeof *yhat * size);
    if (!yhat) return il_fail(err, IL_EFAIL, "out of memory for answers");
    il_status status = il_observe_model_answers(yhat, model, batch, from, loops, err);
    if (!status) *error = mean_error(batch, from, yhat);
    free(yhat);
    return status;
}

il_status il_observe_loss(double *loss, const il_model *model, int prompts, uint64_t seed,
                          il_error *err)
{
    const il_config *c = &model->config;
    const il_task *task = il_task_find(c->training.task_name);
    const void *opts = c->training.task_opts;
    IL_TRY(il_model_check_prompts(model, err));
    int dims = c->training.curriculum.dims.end, D = c->model.n_dims;
    il_batch *batch;
    if (!task || strcmp(task->loss, "mse"))
        return il_fail(err, IL_ECONFIG, "%s has no squared error", c->training.task_name);
    il_draw at = { .seed = seed, .stream = IL_STREAM_EVAL };
    IL_TRY(il_batch_new_drawn(&batch, task, opts, NULL, prompts,
                              c->training.curriculum.points.end, D, dims, at, err));
    il_status status = answer(loss, model, batch, err);
    if (!status) *loss *= il_task_unit(task) / il_task_scale(task, opts, dims);
    il_batch_free(batch);
    return status;
}
