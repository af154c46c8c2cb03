/* few_shot.c - few-shot regression by models trained on sequences alone, with a tuned EOS vector or prefix
 *
 * A prompt is x_1, y_1, x_2, y_2, ... with y_i = W x_i + noise, W orthogonal, x_i uniform in [-1,1];
 * the answer to x_i is what the model predicts there. To the model the pairs (y_i, x_{i+1}) are examples
 * too, which is noise. Its weights stay fixed; what may be tuned (prompt tuning) is
 *
 *   EOS     one vector after every pair
 *   prefix  vectors before the first pair, with that EOS
 *
 * by Adam on the loss at the x_i alone: the gradient of the stream after read_in, mapped back by
 * its weights. Rows: pair i. Columns: NAME, NAME+EOS, NAME+EOS+prefix, and two controls: ridge
 * regression on all consecutive pairs of the plain prompt, and on the true pairs.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, section on few-shot regression.
 */
#include "measure/measure.h"
#include "task/dynamics.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int pairs, prompts, steps, batch, prefix, seed;
    double rate, noise;
    char control[IL_TEXT];
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(INT, pairs, 20, 1, 10000, "pairs in a prompt", NULL),
    IL_MEASURE_KEY(INT, prompts, 2560, 1, 1e6, "prompts measured", NULL),
    IL_MEASURE_KEY(INT, steps, 1000, 0, 1e6, "of tuning EOS, then of the prefix", NULL),
    IL_MEASURE_KEY(INT, batch, 64, 1, 65536, "prompts in a step", NULL),
    IL_MEASURE_KEY(INT, prefix, 10, 0, 1000, "vectors of the prefix", NULL),
    IL_MEASURE_KEY(REAL, rate, 1e-3, 1e-12, 1e3, "learning rate of Adam", NULL),
    IL_MEASURE_KEY(REAL, noise, 0.01, 0, 1e3, "deviation of the noise on y", NULL),
    IL_MEASURE_KEY(TEXT, control, 0, 0, 0, "the algorithm of the controls", "ridge alpha=0.1"),
    IL_MEASURE_KEY(INT, seed, 1, 0, 2147483647, "of prompts and first vectors", NULL),
    { 0 },
};
/* clang-format on */

enum { PLAIN, EOS, PREFIX, VARIANTS };
enum {
    SHARD = 8,
    MEASURED = 1 << 30
}; /* prompts together; where the measured ones begin */

/* ---- prompts ---------------------------------------------------------------------------------- */

/* x, y (pairs,d) of the prompt with a number, at a step */
static void draw(const options *o, int d, uint32_t step, int number, double *W, double *x,
                 double *y)
{
    il_rng rng = il_rng_at((uint64_t)o->seed, IL_STREAM_USER, step, (uint32_t)number);
    il_orthogonal(W, d, &rng);
    for (int i = 0; i < o->pairs; i++) {
        for (int c = 0; c < d; c++) x[i * d + c] = 2 * il_uniform(&rng) - 1;
        il_apply(y + i * d, W, x + i * d, d, d);
        for (int c = 0; c < d; c++) y[i * d + c] += o->noise * il_normal(&rng);
    }
}

/* A model at work on prompts of one variant */
typedef struct {
    const options *o;
    const il_model *m;
    int d, variant, P, each, T; /* vectors before, tokens of a pair, tokens */
    il_real *vector;            /* (1+prefix,d): EOS, then the prefix */
    uint32_t step;
    int prompts, tuning;
    il_runner
        *runner; /* its scratch: W, x, y (d (d + 2 pairs)), then the gradient of the model's
                          weights, which nobody asks for */
    double *slope; /* (shards,1+prefix,d) */
    double *error; /* (shards,pairs) */
} job;

static void put(il_real *to, const double *x, int d)
{
    for (int c = 0; c < d; c++) to[c] = (il_real)x[c];
}

static void put_vector(il_real *to, const job *j, int i)
{
    memcpy(to, j->vector + i * j->d, sizeof *to * (size_t)j->d);
}

static size_t work_size(const job *j) { return (size_t)(j->d * (j->d + 2 * j->o->pairs)); }

static void fill(const il_shard *q, il_state *s)
{
    const job *j = q->context;
    double *work = q->scratch;
    int first = (int)q->first;
    il_state_shape(s, q->prompts, j->T);
    const il_plan *p = s->plan;
    int d = j->d, width = il_width(p, p->tokens), n = j->o->pairs;
    double *x = work + d * d, *y = x + n * d;
    il_real *token = s->value[p->tokens], *target = s->value[p->target],
            *weight = s->value[p->weight];
    size_t rows = (size_t)s->rows;
    memset(token, 0, sizeof *token * rows * (size_t)width);
    memset(target, 0, sizeof *target * rows * (size_t)d);
    memset(weight, 0, sizeof *weight * rows);
    for (int b = 0; b < s->prompts; b++) {
        draw(j->o, d, j->step, first + b, work, x, y);
        for (int t = 0; t < j->T; t++, token += width, target += d, weight++) {
            int i = (t - j->P) / j->each, part = (t - j->P) % j->each;
            if (t < j->P) {
                put_vector(token, j, 1 + t);
            } else if (part == 0) {
                put(token, x + i * d, d);
                put(target, y + i * d, d);
                *weight = 1;
            } else if (part == 1) {
                put(token, y + i * d, d);
            } else {
                put_vector(token, j, 0);
            }
        }
    }
}

static void add_errors(const job *j, const il_state *s, double *error)
{
    const il_plan *p = s->plan;
    const il_real *answer = s->value[p->answer], *target = s->value[p->target];
    for (int b = 0; b < s->prompts; b++)
        for (int i = 0; i < j->o->pairs; i++)
            for (int c = 0; c < j->d; c++) {
                int at = (b * s->tokens + j->P + i * j->each) * j->d + c;
                double e = (double)answer[at] - (double)target[at];
                error[i] += e * e / 2;
            }
}

/* ---- gradients ---------------------------------------------------------------------------------- */

static const il_op *read_in_of(const il_model *m)
{
    const il_op *op = m->plan.ops;
    int reads = m->plan.end[IL_PRE] == 1 && !strcmp(op->name, "read_in");
    return reads && op->par[0] != IL_NONE ? op : NULL;
}

/* slope (d) += the adjoint of token `row`: W^T of that of the stream behind read_in */
static void add_slope(double *slope, const il_state *s, int row, int d)
{
    const il_op *op = read_in_of(s->model);
    const il_param *w = &s->plan->params[op->par[0]];
    const il_real *W = s->model->weights + w->offset;
    const il_real *dx = s->dvalue[op->out] + (size_t)row * (size_t)w->rows;
    for (int i = 0; i < w->rows; i++)
        for (int c = 0; c < d; c++) slope[c] += (double)dx[i] * (double)W[i * w->cols + c];
}

static void add_slopes(const job *j, const il_state *s, double *slope)
{
    for (int b = 0; b < s->prompts; b++)
        for (int t = 0; t < j->T; t++) {
            int row = b * s->tokens + t, behind = (t - j->P) % j->each == 2;
            if (t < j->P)
                add_slope(slope + (1 + t) * j->d, s, row, j->d);
            else if (behind)
                add_slope(slope, s, row, j->d);
        }
}

static void measure_shard(const il_shard *q, il_state *s)
{
    const job *j = q->context;
    size_t vectors = (size_t)((1 + j->o->prefix) * j->d);
    double *error = j->error + (size_t)q->number * (size_t)j->o->pairs;
    memset(error, 0, sizeof *error * (size_t)j->o->pairs);
    add_errors(j, s, error);
    if (!j->tuning) return;
    s->grad = (il_real *)((double *)q->scratch + work_size(j));
    memset(s->grad, 0, sizeof *s->grad * j->m->plan.n_weights);
    s->loss_scale = (il_real)(0.5 / ((double)j->prompts * j->o->pairs));
    il_backward(s, q->run);
    double *slope = j->slope + vectors * (size_t)q->number;
    memset(slope, 0, sizeof *slope * vectors);
    add_slopes(j, s, slope);
}

static void run_prompts(job *j)
{
    il_runner_pass(j->runner, NULL, j->prompts,
                   &(il_pass){ .loops = 1,
                               .post = 1,
                               .window = j->tuning,
                               .fill = fill,
                               .after = measure_shard,
                               .context = j });
}

/* ---- tuning ---------------------------------------------------------------------------------------- */

static int shards(const job *j) { return (j->prompts + SHARD - 1) / SHARD; }

/* Adam on numbers from..to-1 of all vectors; adam (3, all): its moments and the gradient */
static void update(job *j, int step, int from, int to, il_real *adam)
{
    static const il_adam usual = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    size_t all = (size_t)((1 + j->o->prefix) * j->d);
    il_real *grad = adam + 2 * all;
    for (int i = from; i < to; i++) {
        double g = 0;
        for (int s = 0; s < shards(j); s++) g += j->slope[all * (size_t)s + (size_t)i];
        grad[i] = (il_real)g;
    }
    il_optimizer_adam.step(&usual,
                           &(il_update){ .n = (size_t)(to - from),
                                         .w = j->vector + from,
                                         .moment = { adam + from, adam + all + from },
                                         .grad = grad + from,
                                         .scale = 1,
                                         .rate = j->o->rate,
                                         .step = step });
}

/* EOS is tuned alone; then, frozen, the prefix. */
static il_status tune(job *j, il_error *err)
{
    int all = (1 + j->o->prefix) * j->d, from = j->variant == EOS ? 0 : j->d;
    il_real *adam = calloc((size_t)(3 * all), sizeof *adam);
    if (!adam) return il_fail(err, IL_EFAIL, "out of memory for tuning");
    j->tuning = 1;
    j->prompts = j->o->batch;
    for (int step = 1; step <= j->o->steps; step++) {
        j->step = (uint32_t)step;
        run_prompts(j);
        update(j, step, from, j->variant == EOS ? j->d : all, adam);
    }
    free(adam);
    for (int i = 0; i < all; i++)
        if (!isfinite(j->vector[i]))
            return il_fail(err, IL_ENUMERIC, "tuning diverged: try a lower rate");
    return IL_OK;
}

static void measure(job *j, il_table *table, int col)
{
    j->tuning = 0;
    j->prompts = j->o->prompts;
    j->step = MEASURED;
    run_prompts(j);
    for (int i = 0; i < j->o->pairs; i++) {
        double sum = 0;
        for (int s = 0; s < shards(j); s++)
            sum += j->error[(size_t)s * (size_t)j->o->pairs + (size_t)i];
        il_table_set(table, i, col, sum / j->prompts);
    }
}

/* ---- the table ---------------------------------------------------------------------------------------- */

static il_status check(const il_model *m, const options *o, il_error *err)
{
    int longest = o->prefix + 3 * o->pairs;
    if (strcmp(il_model_layout(m)->name, "sequence") || !read_in_of(m) ||
        il_model_loops(m) > 1)
        return il_fail(err, IL_ECONFIG,
                       "few-shot prompts need a model of sequences with model.tokens = "
                       "sequence, a linear read_in and no loops");
    if (m->config.model.n_positions < longest)
        return il_fail(err, IL_ECONFIG,
                       "model.n_positions = %d is too short for %d pairs with EOS and a "
                       "prefix of %d: %d are needed",
                       m->config.model.n_positions, o->pairs, o->prefix, longest);
    return IL_OK;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    static const char *const tails[VARIANTS] = { "", "+EOS", "+EOS+prefix" };
    const options *o = opt;
    if (!n) return il_fail(err, IL_ECONFIG, "few-shot prompts need a model");
    IL_TRY(il_table_set_caption(table, "half the squared error", err));
    IL_TRY(il_table_add_col(table, "pair", 0, err));
    for (int i = 0; i < n; i++) {
        IL_TRY(check(model[i].model, o, err));
        for (int v = PLAIN; v < VARIANTS; v++) {
            char name[2 * IL_TEXT];
            snprintf(name, sizeof name, "%s%s", il_measured_name(&model[i]), tails[v]);
            IL_TRY(il_table_add_col(table, name, 0, err));
        }
    }
    IL_TRY(il_table_add_col(table, "control", 0, err));
    IL_TRY(il_table_add_col(table, "control on pairs", 0, err));
    for (int i = 1; i <= o->pairs; i++) IL_TRY(il_outline_number(table, i, err));
    return IL_OK;
}

/* ---- a model ------------------------------------------------------------------------------------------ */

static il_status room(job *j, il_error *err)
{
    int prompts = il_max(j->o->prompts, j->o->batch), most = prompts / SHARD + 1;
    size_t vectors = (size_t)((1 + j->o->prefix) * j->d), pairs = (size_t)j->o->pairs;
    j->vector = malloc(sizeof *j->vector * vectors);
    j->slope = malloc(sizeof *j->slope * vectors * (size_t)most);
    j->error = malloc(sizeof *j->error * pairs * (size_t)most);
    if (!j->vector || !j->slope || !j->error)
        return il_fail(err, IL_EFAIL, "out of memory for few-shot prompts");
    IL_TRY(
        il_runner_new(&j->runner, j->m,
                      (il_runner_size){ .prompts = prompts,
                                        .together = SHARD,
                                        .tokens = j->o->prefix + 3 * j->o->pairs,
                                        .window = 1,
                                        .scratch = sizeof(double) * work_size(j) +
                                                   sizeof(il_real) * j->m->plan.n_weights },
                      err));
    il_rng rng = il_rng_at((uint64_t)j->o->seed, IL_STREAM_USER, 0, 0);
    for (size_t i = 0; i < vectors; i++) j->vector[i] = (il_real)il_normal(&rng);
    return IL_OK;
}

static void leave(job *j)
{
    il_runner_free(j->runner);
    free(j->vector);
    free(j->slope);
    free(j->error);
}

/* Its columns begin at `col`. */
static il_status run_model(il_table *table, int col, const options *o,
                           const il_measured *model, il_error *err)
{
    job j = { .o = o, .m = model->model, .d = model->config->model.n_dims };
    il_status status = room(&j, err);
    for (int v = PLAIN; v < VARIANTS && !status; v++) {
        j.variant = v;
        j.P = v == PREFIX ? o->prefix : 0;
        j.each = v == PLAIN ? 2 : 3;
        j.T = j.P + j.each * o->pairs;
        if (v != PLAIN) status = tune(&j, err);
        if (!status) measure(&j, table, col + v);
    }
    leave(&j);
    return status;
}

/* ---- controls -------------------------------------------------------------------------------------------- */

/* The same prompts as a batch: all consecutive pairs of the sequence, or the true ones. */
static void fill_batch(il_batch *batch, const options *o, int d, int all, double *work)
{
    int n = o->pairs, N = batch->points;
    double *x = work + d * d, *y = x + n * d;
    for (int b = 0; b < o->prompts; b++) {
        draw(o, d, MEASURED, b, work, x, y);
        for (int i = 0; i < N; i++) {
            const double *from = !all ? x + i * d : i % 2 ? y + i / 2 * d : x + i / 2 * d;
            const double *to =
                !all || i % 2 == 0 ? y + (all ? i / 2 : i) * d : x + (i / 2 + 1) * d;
            put(batch->x + ((size_t)b * (size_t)N + (size_t)i) * (size_t)d, from, d);
            put(batch->y + ((size_t)b * (size_t)N + (size_t)i) * (size_t)d, to, d);
        }
    }
}

static il_status control(il_table *table, const options *o, int d, int all, il_error *err)
{
    int N = all ? 2 * o->pairs - 1 : o->pairs, each = all ? 2 : 1,
        col = il_table_cols(table) - 1 - all;
    il_batch *batch = NULL;
    il_algo *algo = NULL;
    size_t size = (size_t)o->prompts * (size_t)N * (size_t)d;
    il_real *yhat = malloc(sizeof *yhat * size);
    double *work = malloc(sizeof *work * (size_t)(d * d + 2 * o->pairs * d));
    il_status status =
        yhat && work ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for the control");
    if (!status) status = il_batch_new_outs(&batch, o->prompts, N, d, d, err);
    if (!status) fill_batch(batch, o, d, all, work);
    if (!status) status = il_algo_new(&algo, o->control, err);
    int last = status ? 0 : il_algo_steps(algo);
    if (!status) status = il_algo_predict(algo, batch, last, last, yhat, NULL, err);
    for (int i = 0; i < o->pairs && !status; i++) {
        double sum = 0;
        for (int b = 0; b < o->prompts; b++)
            for (int c = 0; c < d; c++) {
                size_t at =
                    ((size_t)b * (size_t)N + (size_t)(i * each)) * (size_t)d + (size_t)c;
                double e = (double)yhat[at] - (double)batch->y[at];
                sum += e * e / 2;
            }
        il_table_set(table, i, col, sum / o->prompts);
    }
    il_algo_free(algo);
    il_batch_free(batch);
    free(work);
    free(yhat);
    return status;
}

static il_status fill_table(il_table *table, const void *opt, const il_measured *model,
                            int n, il_error *err)
{
    const options *o = opt;
    for (int i = 0; i < n; i++)
        IL_TRY(run_model(table, 1 + i * VARIANTS, o, model + i, err));
    for (int all = 1; all >= 0; all--)
        IL_TRY(control(table, o, model->config->model.n_dims, all, err));
    return IL_OK;
}

const il_measure_kind il_measure_few_shot = {
    .name = "few_shot",
    .summary = "regression from a few pairs by a model of sequences, with tuned vectors",
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .opts = opts,
    .size = sizeof(options),
    .outline = outline,
    .fill = fill_table,
};
