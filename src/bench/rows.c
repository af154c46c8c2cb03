/* rows.c - the benchmark cases: what each sets up and runs, and its FLOP count (timing: bench.c)
 *
 * Operations are counted by one convention, the same for every program compared: a multiply-add is 2,
 * attention counts its T x T products dense, norms and activations count nothing. A block forward
 * on M = B T tokens is u = 2 M 12 C^2 + 4 B T^2 C, its backward 2 u.
 */
#include "algo/algo.h"
#include "bench/bench.h"

#include <math.h>

enum { BATCH = 64, ALGO_PROMPTS = 1280 };

static const il_bench_model looped = { .family = IL_GPT2_LOOP,
                                       .n_dims = 20,
                                       .n_positions = 101,
                                       .n_embd = 256,
                                       .n_head = 8,
                                       .n_layer = 1,
                                       .points = 41,
                                       .loops = 20,
                                       .window = 15 };
static const il_bench_model standard = { .family = IL_GPT2,
                                         .n_dims = 20,
                                         .n_positions = 101,
                                         .n_embd = 256,
                                         .n_head = 8,
                                         .n_layer = 12,
                                         .points = 41,
                                         .loops = 1,
                                         .window = 1 };
static const il_bench_model small = { .family = IL_GPT2_LOOP,
                                      .n_dims = 5,
                                      .n_positions = 41,
                                      .n_embd = 64,
                                      .n_head = 4,
                                      .n_layer = 1,
                                      .points = 11,
                                      .loops = 12,
                                      .window = 12 };

/* The mesa layer: n_embd = 4 heads of so many channels, `points` tokens */
#define MESA(K)                                                                            \
    {                                                                                      \
        .n_embd = 4 * (K), .n_head = 4, .points = 256                                      \
    }
static const il_bench_model mesa_16 = MESA(16), mesa_32 = MESA(32), mesa_64 = MESA(64);

static il_config recipe(const il_bench_row *row)
{
    const il_bench_model *m = row->model;
    il_config c;
    il_config_init(&c);
    c.model.family = m->family;
    c.model.n_dims = m->n_dims;
    c.model.n_positions = m->n_positions;
    c.model.n_embd = m->n_embd;
    c.model.n_head = m->n_head;
    c.model.n_layer = m->n_layer;
    c.training.batch_size = BATCH;
    c.training.n_loop_window = m->window;
    c.training.precision = row->bf16 ? IL_BF16 : IL_FP32;
    c.training.curriculum.dims = (il_ramp){ m->n_dims, m->n_dims, 0, 1 };
    c.training.curriculum.points = (il_ramp){ m->points, m->points, 0, 1 };
    c.training.curriculum.loops = (il_ramp){ m->loops, m->loops, 0, 1 };
    return c;
}

/* u for `prompts` prompts, times the blocks of one loop */
static double forward_flop(const il_bench_model *m, int prompts)
{
    double T = 2 * m->points, M = prompts * T, C = m->n_embd;
    return m->n_layer * (2 * M * 12 * C * C + 4 * prompts * T * T * C);
}

static il_status draw(il_bench_work *w, int prompts, int points, int dims, il_error *err)
{
    const il_task *task = il_task_find("linear_regression");
    double opts[IL_TASK_OPTS] = { 0 };
    il_opt_init(task->opts, opts);
    IL_TRY(il_batch_new(&w->batch, prompts, points, dims, err));
    return il_batch_draw(w->batch, task, opts, NULL, dims,
                         (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL }, err);
}

/* ---- training -------------------------------------------------------------------------------- */

static il_status open_step(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    il_config c = recipe(row);
    IL_TRY(il_trainer_new(&w->trainer, &c, err));
    w->flop = (m->loops + 2 * il_min(m->loops, m->window)) * forward_flop(m, BATCH);
    w->bytes = (double)il_trainer_bytes(w->trainer);
    return IL_OK;
}

static il_status run_step(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    il_progress p;
    return il_trainer_step(w->trainer, 0, &p, err);
}

/* ---- inference -------------------------------------------------------------------------------- */

static il_status open_answers(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    il_config c = recipe(row);
    IL_TRY(il_model_new(&w->model, &c, err));
    IL_TRY(draw(w, BATCH, m->points, m->n_dims, err));
    w->flop = m->loops * forward_flop(m, BATCH);
    return il_bench_operands(w, (size_t[5]){ (size_t)BATCH * (size_t)m->points }, err);
}

static il_status run_answers(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    return il_model_answer(w->model, w->batch, row->model->loops, row->model->loops, w->a,
                           err);
}

/* Loops that stop by themselves, against all of them; operations are those of the prompts that still run */
static il_status open_until(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    int took[ALGO_PROMPTS];
    il_config c = recipe(row);
    IL_TRY(il_model_new(&w->model, &c, err));
    IL_TRY(draw(w, BATCH, m->points, m->n_dims, err));
    IL_TRY(il_bench_operands(w, (size_t[5]){ (size_t)BATCH * (size_t)m->points }, err));
    IL_TRY(il_model_answer_until(w->model, w->batch, NULL, w->a, took, err));
    for (int b = 0; b < BATCH; b++) {
        int longest = 0;
        for (int n = 0; n < m->points; n++)
            longest = il_max(longest, took[b * m->points + n]);
        w->flop += longest * forward_flop(m, 1);
    }
    return IL_OK;
}

static il_status run_until(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    return il_model_answer_until(w->model, w->batch, NULL, w->a, NULL, err);
}

/* One more query after all points but the last of a prompt */
static il_status open_ask(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    il_config c = recipe(row);
    double C = m->n_embd, T = 2 * m->points - 1;
    IL_TRY(il_model_new(&w->model, &c, err));
    IL_TRY(il_context_new(&w->context, w->model, m->loops, err));
    IL_TRY(draw(w, 1, m->points, m->n_dims, err));
    for (int n = 0; n < m->points - 1; n++)
        IL_TRY(
            il_context_add(w->context, w->batch->x + n * m->n_dims, w->batch->y[n], err));
    w->flop = m->loops * (2 * 12 * C * C + 4 * T * C);
    return il_bench_operands(w, (size_t[5]){ (size_t)m->points }, err);
}

static il_status run_ask(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    return il_context_ask(w->context, w->batch->x + (m->points - 1) * m->n_dims, w->a, err);
}

/* ---- algorithms ------------------------------------------------------------------------------- */

static const char *const classical[] = {
    "zero",   "averaging", "knn",       "ols", "ridge",    "adaptive_ridge",
    "rls",    "ogd",       "lasso",     "gd",  "momentum", "cg",
    "newton", "gdpp",      "chebyshev", "p2",  "logistic", NULL,
};
static const char *const trees[] = {
    "tree",          "tree depth=4 inputs=sign",  "knn weights=distance",
    "boosted_trees", "boosted_trees inputs=sign", NULL,
};
static const char *const networks[] = { "mlp", NULL };

static il_status open_algos(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    int steps = 0, points = 41, dims = 20;
    for (int i = 0; row->algos[i]; i++) {
        IL_TRY(il_algo_new(&w->algos[i], row->algos[i], err));
        steps = il_max(steps, il_algo_steps(w->algos[i]));
    }
    IL_TRY(draw(w, ALGO_PROMPTS, points, dims, err));
    size_t answers = (size_t)(steps + 1) * ALGO_PROMPTS * (size_t)points;
    return il_bench_operands(w, (size_t[5]){ answers }, err);
}

static il_status run_algos(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    for (int i = 0; i < IL_BENCH_ALGOS && w->algos[i]; i++)
        IL_TRY(il_algo_predict(w->algos[i], w->batch, 0, il_algo_steps(w->algos[i]), w->a,
                               NULL, err));
    return IL_OK;
}

/* ---- the rows ---------------------------------------------------------------------------------- */

const il_bench_row il_bench_rows[] = {
    { "looped_step", &looped, open_step, run_step },
    { "looped_step_1t", &looped, open_step, run_step, .one_thread = 1 },
    { "looped_step_bf16", &looped, open_step, run_step, .bf16 = 1 },
    { "standard_step", &standard, open_step, run_step },
    { "looped_inference", &looped, open_answers, run_answers },
    { "looped_until", &small, open_until, run_until, .other = run_answers,
      .other_name = "il_model_answer, all loops" },
    { "small_step", &small, open_step, run_step },
    { "context_ask", &looped, open_ask, run_ask, .one_thread = 1, .other = run_answers,
      .other_name = "il_model_answer, whole prompt" },
    { "algos_eval", NULL, open_algos, run_algos, .algos = classical },
    { "trees_eval", NULL, open_algos, run_algos, .algos = trees },
    { "networks_eval", NULL, open_algos, run_algos, .algos = networks },
    { "gemm_nn_256", &looped, il_bench_open_products, il_bench_run_nn, .one_thread = 1 },
    { "gemm_nt_256", &looped, il_bench_open_products, il_bench_run_nt, .one_thread = 1 },
    { "gemm_tn_256", &looped, il_bench_open_products, il_bench_run_tn, .one_thread = 1 },
    { "gemm_nn_64", &small, il_bench_open_products, il_bench_run_nn, .one_thread = 1 },
    { "gemm_nt_64", &small, il_bench_open_products, il_bench_run_nt, .one_thread = 1 },
    { "gemm_tn_64", &small, il_bench_open_products, il_bench_run_tn, .one_thread = 1 },
    { "attention_forward", &looped, il_bench_open_attention, il_bench_run_attention,
      .one_thread = 1 },
    { "attention_backward", &looped, il_bench_open_attention, il_bench_run_attention_back,
      .one_thread = 1 },
    { "mesa_forward_16", &mesa_16, il_bench_open_mesa, il_bench_run_mesa, .one_thread = 1 },
    { "mesa_forward_32", &mesa_32, il_bench_open_mesa, il_bench_run_mesa, .one_thread = 1 },
    { "mesa_forward_64", &mesa_64, il_bench_open_mesa, il_bench_run_mesa, .one_thread = 1 },
    { "mesa_backward_32", &mesa_32, il_bench_open_mesa, il_bench_run_mesa_back,
      .one_thread = 1 },
    { "time_to_accuracy", NULL, il_bench_open_race, il_bench_run_race, .once = 1,
      .other = il_bench_run_reference, .other_name = "the reference" },
    { 0 },
};

void il_bench_close(il_bench_work *w)
{
    il_trainer_free(w->trainer);
    il_context_free(w->context);
    il_state_free(w->state);
    il_model_free(w->model);
    il_batch_free(w->batch);
    for (int i = 0; i < IL_BENCH_ALGOS; i++) il_algo_free(w->algos[i]);
    il_arena_free(&w->arena);
}
