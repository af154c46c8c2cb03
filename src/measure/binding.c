/* binding.c - sensitivity of a sequence model's answer and first layer to s_{t-k}, the observation k steps back
 *
 * At the newest observation s_t, for lag k = 0, 1, ...:
 *
 *   answer         mean over the components f_i of the answer of |d f_i / d s_{t-k}|, and over prompts
 *   first          the same for the stream after the first layer
 *   ridge          the same for ridge regression on the pairs (s_j, s_{j+1}), ridge 1e-3
 *   attention OP   mean weight that heads of softmax attention give to the token of s_{t-k}
 *
 * Central differences, coordinate by coordinate. A first layer that copies holds s_t and s_{t-1} and
 * nothing older. Source: von Oswald et al. 2023, arXiv:2309.05858, figures 3A and 16.
 */
#include "algo/algo.h"
#include "measure/sensitivity.h"

#include <math.h>
#include <stdlib.h>

enum { LAGS = 8, PROMPTS = 64, ATTENTIONS = 64 };
static const double step = 1e-2; /* observations are floats of about 1 */

typedef struct {
    il_observation *s;
    const il_batch *batch;
    int t, token, lags, C, O;
    double *answer, *first; /* (2,B,O), (2,B,C): at both sides of a difference */
    int side;
    int attention[ATTENTIONS], attentions; /* ops */
    double *weight;                        /* (attentions,B,lags) */
} binding;

/* ---- attention ------------------------------------------------------------------------------- */

static void note_attention(const il_shard *q, const il_state *s, int number)
{
    const binding *w = q->context;
    const il_op *op = &s->plan->ops[w->attention[number]];
    il_heads a;
    il_heads_of(&a, s->plan, op);
    int H = a.heads, loops = w->s->layers->loops ? w->s->layers->n : 1;
    double *p = q->scratch;
    for (int i = 0; i < q->prompts; i++) {
        size_t row = (size_t)number * (size_t)w->batch->prompts + q->first + (size_t)i;
        for (int h = 0; h < H; h++) {
            il_heads_pattern(&a, op, s, i, h, w->token, p);
            for (int k = 0; k < w->lags; k++)
                w->weight[row * (size_t)w->lags + (size_t)k] +=
                    p[il_model_tokens(w->s->model, w->t - k)] / (H * loops);
        }
    }
}

static void find_attentions(binding *w)
{
    const il_plan *p = &w->s->model->plan;
    for (int j = p->end[IL_PRE]; j < p->end[IL_BODY] && w->attentions < ATTENTIONS; j++) {
        il_heads a;
        if (il_heads_of(&a, p, &p->ops[j]) && a.weights == IL_HEADS_SOFTMAX)
            w->attention[w->attentions++] = j;
    }
}

/* ---- a run --------------------------------------------------------------------------------------- */

static void tap(const il_shard *q, il_state *s, int op)
{
    const binding *w = q->context;
    const il_real *stream;
    if (w->side < 0) {
        for (int i = 0; i < w->attentions; i++)
            if (w->attention[i] == op) note_attention(q, s, i);
        return;
    }
    if (il_observe_layers_at(w->s->layers, s, op, &stream) != 1) return;
    size_t side = (size_t)w->side * (size_t)w->batch->prompts;
    for (int i = 0; i < q->prompts; i++) {
        double *to = w->first + (side + q->first + (size_t)i) * (size_t)w->C;
        const il_real *from = stream + (size_t)(i * s->tokens + w->token) * (size_t)w->C;
        for (int c = 0; c < w->C; c++) to[c] = (double)from[c];
    }
}

static void after(const il_shard *q, il_state *s)
{
    const binding *w = q->context;
    if (w->side < 0) return;
    size_t side = (size_t)w->side * (size_t)w->batch->prompts;
    for (int i = 0; i < q->prompts; i++) {
        double *to = w->answer + (side + q->first + (size_t)i) * (size_t)w->O;
        const il_real *from =
            s->value[s->plan->answer] + (size_t)(i * s->tokens + w->token) * (size_t)w->O;
        for (int c = 0; c < w->O; c++) to[c] = (double)from[c];
    }
}

/* side: 0 and 1 of a difference; -1: attention alone */
static il_status ask(binding *w, int side, il_error *err)
{
    w->side = side;
    size_t tokens = (size_t)il_model_tokens(w->s->model, w->batch->points);
    return il_run_prompts(w->s->model, w->batch,
                          &(il_pass){ .loops = w->s->layers->loops ? w->s->layers->n : 1,
                                      .post = 1,
                                      .scratch = sizeof(double) * tokens,
                                      .after = after,
                                      .tap = tap,
                                      .context = w },
                          err);
}

/* ---- differences ----------------------------------------------------------------------------------- */

/* Moves coordinate d of observation n of every prompt, which is also the answer to the one before it */
static void move(const il_batch *batch, int n, int d, double by)
{
    size_t N = (size_t)batch->points, D = (size_t)batch->dim, O = (size_t)batch->outs;
    for (size_t b = 0; b < (size_t)batch->prompts; b++) {
        il_real *x = batch->x + (b * N + (size_t)n) * D + d;
        *x = (il_real)((double)*x + by);
        if (n) batch->y[(b * N + (size_t)n - 1) * O + (size_t)d] = *x;
    }
}

/* square (B,n) += the square of the difference quotients of both sides */
static void add_squares(double *square, const double *sides, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double d = (sides[i] - sides[n + i]) / (2 * step);
        square[i] += d * d;
    }
}

static double mean_root(const double *square, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += sqrt(square[i]);
    return sum / (double)n;
}

static il_status ask_ridge(const binding *w, const il_algo *ridge, il_real *yhat,
                           double *answer, il_error *err)
{
    size_t N = (size_t)w->batch->points, O = (size_t)w->O;
    IL_TRY(il_algo_predict(ridge, w->batch, 0, 0, yhat, NULL, err));
    for (size_t b = 0; b < (size_t)w->batch->prompts; b++)
        for (size_t c = 0; c < O; c++)
            answer[b * O + c] = (double)yhat[(b * N + (size_t)w->t) * O + c];
    return IL_OK;
}

typedef struct {
    double *square, *ridge_sides;
    il_real *yhat;
    il_algo *ridge;
} scratch;

/* row: lag, answer, first, ridge */
static il_status measure(binding *w, const scratch *r, int lag, double row[4],
                         il_error *err)
{
    size_t B = (size_t)w->batch->prompts, o = B * (size_t)w->O, c = B * (size_t)w->C;
    double *first = r->square + o, *ridge = first + c;
    memset(r->square, 0, sizeof *r->square * (2 * o + c));
    for (int d = 0; d < w->s->draw.dims; d++) {
        for (int side = 0; side < 2; side++) {
            move(w->batch, w->t - lag, d, side ? -2 * step : step);
            IL_TRY(ask(w, side, err));
            IL_TRY(ask_ridge(w, r->ridge, r->yhat, r->ridge_sides + (size_t)side * o, err));
        }
        move(w->batch, w->t - lag, d, step);
        add_squares(r->square, w->answer, o);
        add_squares(first, w->first, c);
        add_squares(ridge, r->ridge_sides, o);
    }
    row[0] = lag;
    row[1] = mean_root(r->square, o);
    row[2] = mean_root(first, c);
    row[3] = mean_root(ridge, o);
    return IL_OK;
}

static il_status add_rows(binding *w, const scratch *r, il_table *t, il_error *err)
{
    size_t B = (size_t)w->batch->prompts, lags = (size_t)w->lags;
    IL_TRY(il_table_add_cols(t, "lag answer first ridge", err));
    for (int i = 0; i < w->attentions; i++) {
        char name[IL_NAME + 16];
        snprintf(name, sizeof name, "attention %s",
                 w->s->model->plan.ops[w->attention[i]].name);
        IL_TRY(il_table_add_col(t, name, 0, err));
    }
    IL_TRY(ask(w, -1, err));
    for (int k = 0; k < w->lags; k++) {
        double row[4 + ATTENTIONS] = { 0 };
        IL_TRY(measure(w, r, k, row, err));
        for (int i = 0; i < w->attentions; i++)
            for (size_t b = 0; b < B; b++)
                row[4 + i] += w->weight[((size_t)i * B + b) * lags + (size_t)k] / (double)B;
        IL_TRY(il_table_add_numbers(t, NULL, 0, row, 4 + w->attentions, err));
    }
    return IL_OK;
}

static il_status with_memory(binding *w, il_table *t, il_error *err)
{
    size_t B = (size_t)w->batch->prompts, o = B * (size_t)w->O, c = B * (size_t)w->C;
    scratch r = { .square = malloc(sizeof(double) * (2 * o + c)),
                  .ridge_sides = malloc(sizeof(double) * 2 * o),
                  .yhat = malloc(sizeof(il_real) * o * (size_t)w->batch->points) };
    w->answer = malloc(sizeof(double) * 2 * o);
    w->first = malloc(sizeof(double) * 2 * c);
    w->weight = calloc((size_t)(w->attentions * w->lags + 1) * B, sizeof(double));
    int whole = r.square && r.ridge_sides && r.yhat && w->answer && w->first && w->weight;
    il_status status =
        whole ? il_algo_new(&r.ridge, "ridge alpha=0.001", err)
              : il_fail(err, IL_EFAIL, "out of memory for the sensitivity of tokens");
    if (!status) status = add_rows(w, &r, t, err);
    il_algo_free(r.ridge);
    free(w->weight);
    free(w->first);
    free(w->answer);
    free(r.yhat);
    free(r.ridge_sides);
    free(r.square);
    return status;
}

il_status il_sensitivity_of_tokens(il_observation *s, il_table *t, il_error *err)
{
    il_observe_whole p;
    s->draw.n_sizes = 1;
    IL_TRY(il_observe_whole_new(&p, s, 0, s->o->prompts ? s->o->prompts : PROMPTS, 1, err));
    binding w = { .s = s,
                  .batch = p.batch,
                  .t = p.examples[0],
                  .token = p.tokens[0],
                  .lags = il_min(LAGS, p.examples[0] + 1),
                  .C = s->layers->width,
                  .O = p.batch->outs };
    find_attentions(&w);
    il_status status = with_memory(&w, t, err);
    il_batch_free(p.batch);
    return status;
}
