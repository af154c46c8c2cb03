/* predict.c - the user's own table, in context
 *
 * The examples become the points of a prompt and every query its last point. A model learnt on
 * inputs of mean 0 and variance 1 and on targets of its task's variance, so each prompt is
 * brought there and its answer back:
 *
 *   x' = (x - mean x) / sd x      y' = (y - mean y) / sd y * sqrt(scale of the task)
 *
 * More examples than the model was trained on are dealt into several prompts, whose answers are
 * averaged. docs/predict.md tells the user.
 */
#include "train/predict.h"
#include "model/model.h"
#include "task/task.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { BATCH = 64, PROMPTS = 32 };

typedef struct {
    const il_model *model;
    const il_frame *frame;
    int loops, prompts, per_prompt;
    uint64_t seed;
    int *deck,
        dealt;  /* (M) the examples in shuffled order, and how many of them were dealt */
    int rounds; /* shuffles */
    int *hand;  /* (per_prompt) this prompt's examples */
    double *mean, *sd, y_mean, y_sd; /* (P) of this prompt's examples */
    double y_scale;                  /* sd of the task's targets */
    il_batch *batch;
    il_real *yhat; /* (1, B, N) */
} table_run;

/* ---- which examples go into a prompt ------------------------------------------------------- */

/* Fisher and Yates; the order is a function of the seed and the round. */
static void shuffle(table_run *r)
{
    il_rng rng = il_rng_at(r->seed, IL_STREAM_USER, (uint32_t)r->rounds++, 0);
    for (int i = 0; i < r->frame->M; i++) r->deck[i] = i;
    for (int i = r->frame->M - 1; i > 0; i--) {
        int j = il_below(&rng, i + 1), swap = r->deck[i];
        r->deck[i] = r->deck[j];
        r->deck[j] = swap;
    }
    r->dealt = 0;
}

/* The next examples of the deck; across a shuffle none comes twice into the same prompt, so all
 * are seen once before any is seen again. */
static void deal(table_run *r)
{
    int n = 0, M = r->frame->M;
    if (r->per_prompt == M) { /* all fit: as the table orders them */
        for (int i = 0; i < M; i++) r->hand[i] = i;
        return;
    }
    while (n < r->per_prompt) {
        if (r->dealt == M || !r->rounds) shuffle(r);
        int next = r->deck[r->dealt++], twice = 0;
        for (int i = 0; i < n; i++) twice |= r->hand[i] == next;
        if (!twice) r->hand[n++] = next;
    }
}

/* ---- one prompt ------------------------------------------------------------------------------- */

static void moments(const double *x, const int *at, int n, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) sum += x[at[i]];
    sum /= n;
    for (int i = 0; i < n; i++) squares += (x[at[i]] - sum) * (x[at[i]] - sum);
    *mean = sum;
    *sd = sqrt(squares / n);
}

static void set_point(const table_run *r, il_real *x, int row)
{
    for (int p = 0; p < r->frame->P; p++)
        x[p] = r->sd[p] > 0 ? (il_real)((r->frame->x[p][row] - r->mean[p]) / r->sd[p]) : 0;
}

/* The examples in hand, `copies` times; the last point of each copy is left to a query. */
static void lay_out(table_run *r, int copies)
{
    const il_frame *f = r->frame;
    int n = r->per_prompt, N = n + 1, D = r->batch->dim;
    moments(f->y, r->hand, n, &r->y_mean, &r->y_sd);
    for (int p = 0; p < f->P; p++) moments(f->x[p], r->hand, n, r->mean + p, r->sd + p);
    for (int b = 0; b < copies; b++) {
        for (int i = 0; i < n; i++) {
            double y =
                r->y_sd > 0 ? (f->y[r->hand[i]] - r->y_mean) / r->y_sd * r->y_scale : 0;
            set_point(r, r->batch->x + (b * N + i) * D, r->hand[i]);
            r->batch->y[b * N + i] = (il_real)y;
        }
    }
}

/* answers (Q) += this prompt's */
static il_status ask(table_run *r, double *answers, il_error *err)
{
    const il_frame *f = r->frame;
    int N = r->per_prompt + 1, D = r->batch->dim;
    lay_out(r, il_min(BATCH, f->Q));
    for (int first = 0; first < f->Q; first += BATCH) {
        il_batch part = *r->batch;
        part.prompts = il_min(BATCH, f->Q - first);
        for (int b = 0; b < part.prompts; b++)
            set_point(r, part.x + (b * N + N - 1) * D, f->M + first + b);
        IL_TRY(il_model_answer(r->model, &part, r->loops, r->loops, r->yhat, err));
        for (int b = 0; b < part.prompts; b++)
            answers[first + b] +=
                r->y_mean + (double)r->yhat[b * N + N - 1] / r->y_scale * r->y_sd;
    }
    return IL_OK;
}

static il_status ask_all(table_run *r, double *answers, il_error *err)
{
    const il_config *c = il_model_config(r->model);
    size_t M = (size_t)r->frame->M, P = (size_t)r->frame->P;
    int B = il_min(BATCH, r->frame->Q), N = r->per_prompt + 1;
    r->deck = malloc(sizeof *r->deck * M);
    r->hand = malloc(sizeof *r->hand * M);
    r->mean = malloc(sizeof *r->mean * P);
    r->sd = malloc(sizeof *r->sd * P);
    r->yhat = malloc(sizeof *r->yhat * (size_t)B * (size_t)N);
    if (!r->deck || !r->hand || !r->mean || !r->sd || !r->yhat)
        return il_fail(err, IL_EFAIL, "out of memory for %d examples", r->frame->M);
    IL_TRY(il_batch_new(&r->batch, B, N, c->model.n_dims, err));
    for (int p = 0; p < r->prompts; p++) {
        deal(r);
        IL_TRY(ask(r, answers, err));
    }
    for (int q = 0; q < r->frame->Q; q++) answers[q] /= r->prompts;
    return IL_OK;
}

static void free_run(table_run *r)
{
    free(r->deck);
    free(r->hand);
    free(r->mean);
    free(r->sd);
    free(r->yhat);
    il_batch_free(r->batch);
}

/* ---- what is handed back ------------------------------------------------------------------------- */

static double rmse(const il_frame *f, const double *answers)
{
    double squares = 0;
    int n = 0;
    for (int q = 0; q < f->Q; q++) {
        double y = f->y[f->M + q];
        if (!isfinite(y)) continue;
        squares += (answers[q] - y) * (answers[q] - y);
        n++;
    }
    return n ? sqrt(squares / n) : NAN;
}

/* answers, and as scratch the baselines': (3,Q) */
static il_status score(const il_frame *f, double *answers, il_prediction *s, il_error *err)
{
    double *ridge = answers + f->Q, *ols = ridge + f->Q, mean = 0;
    s->rmse = s->rmse_ridge = s->rmse_ols = s->rmse_mean = NAN;
    if (!f->has_target) return IL_OK;
    IL_TRY(il_frame_linear(f, ridge, ols, err));
    s->rmse = rmse(f, answers);
    s->rmse_ridge = rmse(f, ridge);
    s->rmse_ols = rmse(f, ols);
    for (int i = 0; i < f->M; i++) mean += f->y[i] / f->M;
    for (int q = 0; q < f->Q; q++) ridge[q] = mean;
    s->rmse_mean = rmse(f, ridge);
    return IL_OK;
}

static il_status fill_answers(il_table *t, const il_frame *f, const double *answers,
                              il_error *err)
{
    IL_TRY(il_table_add_col(t, "row", 0, err));
    IL_TRY(il_table_add_col(t, "prediction", 0, err));
    if (f->has_target) IL_TRY(il_table_add_col(t, "target", 0, err));
    for (int q = 0; q < f->Q; q++) {
        IL_TRY(il_table_add_row(t, err));
        il_table_set(t, q, 0, q + 1);
        il_table_set(t, q, 1, answers[q]);
        if (f->has_target) il_table_set(t, q, 2, f->y[f->M + q]);
    }
    return IL_OK;
}

/* `frame` is filled; everything else of il_predict, to be freed by it whatever happens. */
static il_status predict(table_run *r, double **answers, il_table *table, il_prediction *s,
                         il_error *err)
{
    const il_frame *f = r->frame;
    *answers = calloc(3 * (size_t)f->Q, sizeof **answers);
    if (!*answers) return il_fail(err, IL_EFAIL, "out of memory for %d queries", f->Q);
    IL_TRY(ask_all(r, *answers, err));
    IL_TRY(score(f, *answers, s, err));
    s->features = f->P;
    s->prompts = r->prompts;
    s->per_prompt = r->per_prompt;
    return fill_answers(table, f, *answers, err);
}

static il_status set_up(table_run *r, const il_predict_options *o, il_error *err)
{
    const il_config *c = il_model_config(r->model);
    int room = c->training.curriculum.points.end - 1; /* the query takes a point */
    const il_task *task = il_task_find(c->training.task_name);
    assert(task); /* a model's recipe has been checked */
    if (strcmp(task->loss, "mse"))
        return il_fail(err, IL_ECONFIG,
                       "the model was trained on %s and answers with classes; a table's "
                       "numbers need a model of a regression task",
                       task->name);
    if (task->sequence)
        return il_fail(
            err, IL_ECONFIG,
            "the model was trained on the sequences of %s; a table needs a model "
            "of a regression task",
            task->name);
    if (room < 1)
        return il_fail(
            err, IL_ECONFIG,
            "the model was trained on prompts of one point and takes no examples");
    r->loops = o->loops ? o->loops : il_model_loops(r->model);
    r->seed = o->seed;
    r->per_prompt = il_min(r->frame->M, room);
    r->prompts = r->frame->M <= room ? 1 : o->prompts ? o->prompts : PROMPTS;
    r->y_scale = sqrt(il_task_scale(task, c->training.task_opts, r->frame->P));
    return IL_OK;
}

il_status il_predict(const il_model *model, const il_table *examples,
                     const il_table *queries, const il_predict_options *options,
                     il_table **answers, il_prediction *summary, il_error *err)
{
    il_frame frame;
    il_prediction s = { 0 };
    table_run run = { .model = model, .frame = &frame };
    double *numbers = NULL;
    il_table *table = NULL;
    IL_TRY(il_model_check_prompts(model, err));
    IL_TRY(il_frame_new(&frame, examples, queries, options->target,
                        il_model_config(model)->model.n_dims, s.notes, sizeof s.notes,
                        err));
    il_status status = il_table_new(&table, "predictions", err);
    if (!status) status = set_up(&run, options, err);
    if (!status) status = predict(&run, &numbers, table, &s, err);
    free_run(&run);
    free(numbers);
    il_frame_free(&frame);
    if (status) {
        il_table_free(table);
        return status;
    }
    *answers = table;
    *summary = s;
    return IL_OK;
}
