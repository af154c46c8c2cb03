/* mesa.c - the mesa layer alone: 32 prompts of 256 tokens, 4 heads, values as wide as keys
 *
 * Counted: forward 5 K^2 multiply-adds a token and head (R k, R's update, R q, the state's update,
 * its reading), backward 12 K^2 (updating the regression and applying it, four sweeps).
 */
#include "bench/bench.h"

#include <math.h>

enum { PROMPTS = 32 };

static il_status build(il_plan *p, const il_bench_model *m, il_error *err)
{
    char opts[32];
    int in[3], out, loss[3];
    for (int i = 0; i < 3; i++)
        in[i] = il_plan_input(p, (const char *[]){ "q", "k", "v" }[i], m->n_embd, 1);
    snprintf(opts, sizeof opts, "heads=%d", m->n_head);
    IL_TRY(il_plan_add(p, IL_BODY, "mesa", "mesa", opts, 3, in, &out, err));
    p->carry_out = loss[0] = out;
    p->target = loss[1] = il_plan_input(p, "target", m->n_embd, 0);
    p->weight = loss[2] = il_plan_input(p, "weight", 1, 0);
    IL_TRY(il_plan_add(p, IL_POST, "mse", "loss", "", 3, loss, NULL, err));
    return il_plan_finish(p, 1, err);
}

/* Numbers around 0 of variance 1; queries and keys of length 1 */
static void draw(il_real *x, int rows, int groups, int K, int normalise)
{
    il_rng rng = il_rng_at(1, IL_STREAM_USER, 0, (uint64_t)normalise);
    for (int i = 0; i < rows * groups; i++, x += K) {
        for (int c = 0; c < K; c++) x[c] = (il_real)il_normal(&rng);
        il_real r = 1 / (il_real)sqrt((double)il_dot(x, x, K));
        for (int c = 0; c < K && normalise; c++) x[c] *= r;
    }
}

static const il_run run = { .loops = 1, .window = 1 };

il_status il_bench_open_mesa(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    int T = m->points, H = m->n_head, K = m->n_embd / H, rows = PROMPTS * T;
    il_plan p;
    il_plan_init(&p);
    il_status status = build(&p, m, err);
    if (status != IL_OK) {
        il_plan_free(&p);
        return status;
    }
    IL_TRY(il_model_from_plan(&w->model, &p, err));
    for (int h = 0; h < H; h++) w->model->weights[h] = 1; /* lambda */
    IL_TRY(il_bench_operands(w, (size_t[5]){ w->model->plan.n_weights }, err));
    IL_TRY(il_state_new(&w->state, w->model, PROMPTS, T, 1, err));
    il_state_shape(w->state, PROMPTS, T);
    w->state->grad = w->a;
    const il_op *op = &w->model->plan.ops[0];
    for (int i = 0; i < 3; i++) draw(w->state->value[op->in[i]], rows, H, K, i < 2);
    il_forward(w->state, &run);
    draw(w->state->dvalue[op->out] = w->state->dcarry[0], rows, H, K, 0);
    int backward = row->run == il_bench_run_mesa_back;
    w->flop = (backward ? 24.0 : 10.0) * rows * H * K * K;
    w->bytes = (double)(2 * H) * K * il_padded(K) * (double)sizeof(il_real);
    return IL_OK;
}

il_status il_bench_run_mesa(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row, (void)err;
    const il_op *op = &w->model->plan.ops[0];
    op->kind->forward(op, w->state);
    return IL_OK;
}

il_status il_bench_run_mesa_back(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row, (void)err;
    const il_op *op = &w->model->plan.ops[0];
    op->kind->backward(op, w->state);
    return IL_OK;
}
