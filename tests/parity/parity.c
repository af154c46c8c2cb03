/* parity.c - what the C side computes, for parity.py to compare
 *
 *   parity RECIPE START OUT SAVED
 *
 * START is a checkpoint with the weights to start from, or "-" for the recipe's own. SAVED gets
 * those weights as the library saves them; OUT gets, for the first prompts of training: x, y, the
 * answers after every loop, the gradient of every weight, and then, for each of 20 Adam steps,
 * the prompts drawn and their loss.
 */
#include "train/train.h"

#include <stdlib.h>

enum { STEPS = 20, MOST = 512 };

typedef struct {
    il_tensor tensors[MOST];
    char names[MOST][IL_NAME + 16];
    int n;
} output;

static il_real *add(output *out, const char *name, int rows, int cols)
{
    il_real *data = calloc((size_t)rows * (size_t)cols, sizeof *data);
    snprintf(out->names[out->n], sizeof *out->names, "%s", name);
    out->tensors[out->n] = (il_tensor){ .name = out->names[out->n],
                                        .dtype = IL_DTYPE_REAL,
                                        .ndim = 2,
                                        .shape = { rows, cols },
                                        .data = data };
    out->n++;
    return data;
}

static il_status draw(il_batch *batch, const il_config *c, int64_t step, il_error *err)
{
    return il_batch_draw(batch, il_task_find(c->training.task_name), c->training.task_opts,
                         NULL, il_ramp_at(&c->training.curriculum.dims, step),
                         (il_draw){ .seed = (uint64_t)c->training.seed,
                                    .stream = IL_STREAM_TRAIN,
                                    .step = (uint32_t)step },
                         err);
}

static void add_prompts(output *out, const il_batch *batch, int step)
{
    char name[32];
    size_t rows = (size_t)batch->prompts * (size_t)batch->points;
    snprintf(name, sizeof name, "x.%d", step);
    memcpy(add(out, name, (int)rows, batch->dim), batch->x,
           sizeof(il_real) * rows * (size_t)batch->dim);
    snprintf(name, sizeof name, "y.%d", step);
    memcpy(add(out, name, batch->prompts, batch->points), batch->y, sizeof(il_real) * rows);
}

static il_status compute(il_trainer *t, il_batch *batch, output *out, il_error *err)
{
    il_model *m = il_trainer_model(t);
    const il_config *c = il_model_config(m);
    il_progress p;
    int R = il_run_at(m, 0).loops;
    IL_TRY(draw(batch, c, 0, err));
    il_real *yhat = add(out, "answers", R * batch->prompts, batch->points);
    if (m->plan.carry != IL_CARRY_NONE)
        IL_TRY(il_model_answer(m, batch, 1, R, yhat, err));
    else
        IL_TRY(il_model_answer(m, batch, 1, 1, yhat, err));
    IL_TRY(il_trainer_gradient(t, &p, err));
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i];
        char name[IL_NAME + 16];
        snprintf(name, sizeof name, "grad.%s", w->name);
        il_trainer_read_gradient(t, i, add(out, name, w->rows ? w->rows : 1, w->cols));
    }
    il_real *losses = add(out, "losses", 1, STEPS);
    for (int step = 0; step < STEPS; step++) {
        IL_TRY(draw(batch, c, step, err));
        add_prompts(out, batch, step);
        IL_TRY(il_trainer_step(t, 0, &p, err));
        losses[step] = (il_real)p.loss;
    }
    return IL_OK;
}

static il_status run(char **path, output *out, il_error *err)
{
    il_config c;
    il_trainer *t;
    il_batch *batch;
    IL_TRY(il_config_read(&c, path[0], NULL, 0, err));
    IL_TRY(il_trainer_new(&t, &c, err));
    il_status status = il_batch_new(&batch, c.training.batch_size,
                                    c.training.curriculum.points.end, c.model.n_dims, err);
    if (status == IL_OK && strcmp(path[1], "-"))
        status = il_checkpoint_read(path[1], il_trainer_model(t), (il_moments){ 0 }, err);
    if (status == IL_OK) status = il_model_save(il_trainer_model(t), path[3], err);
    if (status == IL_OK) status = compute(t, batch, out, err);
    if (status == IL_OK)
        status = il_tensors_write(path[2], out->tensors, out->n, NULL, 0, err);
    il_trainer_free(t);
    return status;
}

int main(int argc, char **argv)
{
    static output out;
    il_error err = { 0 };
    if (argc != 5) return IL_EUSAGE;
    il_status status = run(argv + 1, &out, &err);
    if (status != IL_OK) fprintf(stderr, "parity: %s\n", err.text);
    return (int)status;
}
