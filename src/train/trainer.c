/* trainer.c - one training step
 *
 * A batch is cut into shards of a few prompts. Each shard runs its whole forward and backward on
 * one core, in cache. The shards are dealt to a fixed number of slots, each summing its shards'
 * gradients in order; then the slots are summed in order (slots.c) and every chunk of the weights goes to the
 * optimiser. Threads take whole slots and whole chunks, and ranks whole slots, so nothing depends on how many
 * there are.
 */
#include "train/train.h"

#include <math.h>
#include <stdlib.h>

enum { CHUNK = 1 << 14 }; /* elements of one piece of the update */

/* A piece of weight `param`, or of the map in it that has `rows` rows */
typedef struct {
    int param, rows, inner;
    size_t from, n; /* in the weights of the model */
} chunk;

struct il_trainer {
    il_model *model;
    il_state **states; /* one a thread */
    int n_states, workers;
    il_batch *batch;
    const il_task *task;
    const il_watch *drawn_by; /* NULL: the task draws the prompts */
    il_slots slots;
    il_moments moments;
    il_real
        *work; /* (workers, n_work): scratch of the optimiser where it changes whole maps */
    size_t n_work;
    il_decay decay;  /* of products of factors */
    double *squares; /* (chunks) */
    chunk *chunks;
    int n_chunks;
    il_run run;        /* this step's */
    int prompts, held; /* in the step; the first that the batch holds */
    double answers;    /* what the step's loss is a mean of */
    il_real scale;     /* of the gradient: clipping */
    il_arena arena;
};

static void layout(il_trainer *t)
{
    const il_plan *p = &t->model->plan;
    il_slots_layout(&t->slots, &t->arena);
    for (int k = 0; t->moments.of->moments[k].name; k++)
        t->moments.data[k] = il_take(&t->arena, il_real, p->n_weights);
    if (t->model->config.training.average > 0)
        t->moments.average = il_take(&t->arena, il_real, p->n_weights);
    t->work = il_take(&t->arena, il_real, il_product(t->n_work, (size_t)t->workers));
    t->squares = il_take(&t->arena, double, t->n_chunks);
    t->chunks = il_take(&t->arena, chunk, t->n_chunks);
    t->states = il_take(&t->arena, il_state *, t->n_states);
}

/* The scratch that a map takes, 0 if it need not stay whole; of a whole number of cache lines */
static size_t scratch_of(const il_trainer *t, int i, int rows, int inner)
{
    const il_optimizer *of = t->moments.of;
    const il_param *w = &t->model->plan.params[i];
    il_update u = { .name = w->name, .rows = rows, .cols = w->cols, .inner = inner };
    if (!of->whole) return 0;
    return (of->whole(t->model->config.training.optimizer_opts, &u) + 15) / 16 * 16;
}

/* Pieces of at most `most` elements of `rows` rows of weight i (a vector has 0); counted when there is no
 * memory for them yet */
static void cut(il_trainer *t, int i, int row, int rows, int inner, size_t most)
{
    const il_param *w = &t->model->plan.params[i];
    size_t begin = w->offset + (size_t)row * (size_t)w->cols,
           size = (size_t)(rows ? rows : 1) * (size_t)w->cols;
    for (size_t from = 0; from < size; from += most, t->n_chunks++)
        if (t->chunks)
            t->chunks[t->n_chunks] =
                (chunk){ .param = i,
                         .rows = rows,
                         .inner = inner,
                         .from = begin + from,
                         .n = size - from < most ? size - from : most };
}

/* Cuts every weight into chunks: where the optimiser wants whole maps, into those that it joins. */
static void cut_chunks(il_trainer *t)
{
    const il_plan *p = &t->model->plan;
    t->n_chunks = 0;
    for (int i = 0; i < p->n_params; i++) {
        int rows = p->params[i].rows, inner = il_map_inner(p, i);
        if (!scratch_of(t, i, rows, inner)) {
            cut(t, i, 0, rows, inner, CHUNK);
            continue;
        }
        for (int row = 0, end; row < rows; row = end) {
            end = il_map_end(p, i, row);
            size_t work = scratch_of(t, i, end - row, inner);
            if (work > t->n_work) t->n_work = work;
            cut(t, i, row, end - row, inner, il_param_size(&p->params[i]));
        }
    }
}

static int most_prompts(const il_config *c)
{
    return il_min(c->training.shard, c->training.batch_size);
}

static int most_window(const il_model *m)
{
    const il_config *c = &m->config;
    int64_t end = c->training.train_steps;
    if (c->model.family != IL_GPT2_LOOP) return il_run_at(m, 0).window;
    return il_min(c->training.n_loop_window + c->training.random_window,
                  il_ramp_at(&c->training.curriculum.loops, end - 1) +
                      c->training.random_loops);
}

/* Training in bfloat16: its packed weights take at most the room of the float ones. Answers of a
 * trained model are computed in float. */
static il_status use_bf16(il_model *m, il_error *err)
{
    m->plan.products = il_kernel_bf16();
    if (!m->plan.products)
        return il_fail(
            err, IL_ECONFIG,
            "training.precision = bf16 asks for instructions that the kernels in use "
            "(%s) do not have; set it to fp32",
            il_kernel_name());
    il_model_pack(m);
    return IL_OK;
}

/* The first prompt of a slot */
static int prompt_of(const il_trainer *t, int slot)
{
    int shard = t->model->config.training.shard, shards = (t->prompts + shard - 1) / shard;
    return il_min(shard * (slot * shards / t->slots.slots), t->prompts);
}

/* A rank draws the prompts of its slots alone, unless each hangs on all the others, or a caller draws them. */
static il_status draw(il_trainer *t, int64_t step, int points, int dims, il_error *err)
{
    const il_config *c = &t->model->config;
    il_pool pool = { c->training.pool_prompts, c->training.pool_functions };
    int whole = t->drawn_by || t->task->finish;
    t->prompts = il_batch_at(c, step);
    t->held = whole ? 0 : prompt_of(t, t->slots.first);
    t->batch->points = points;
    t->batch->prompts =
        whole ? t->prompts : prompt_of(t, t->slots.first + t->slots.n) - t->held;
    if (!t->batch->prompts) return IL_OK;
    il_draw at = { .seed = (uint64_t)c->training.seed,
                   .stream = IL_STREAM_TRAIN,
                   .step = (uint32_t)step,
                   .first = (uint32_t)t->held };
    if (t->drawn_by)
        return t->drawn_by->draw(t->drawn_by->context, t->batch, dims, at, err);
    return il_batch_draw_from(t->batch, t->task, c->training.task_opts, NULL, dims, at,
                              pool, err);
}

static double state_bytes(const il_trainer *t)
{
    const il_config *c = &t->model->config;
    return (double)il_state_bytes(
        t->model, most_prompts(c),
        il_model_tokens(t->model, c->training.curriculum.points.end),
        most_window(t->model));
}

/* Of all there is by now, and of the states */
static double bytes_of(const il_trainer *t)
{
    return (double)t->arena.size + (double)t->model->arena.size +
           state_bytes(t) * t->n_states;
}

static il_status deal_slots(il_trainer *t, il_error *err)
{
    il_ranks r = il_ranks_about();
    int slots = t->model->config.training.slots;
    t->slots = il_slots_of(slots, t->model->plan.n_weights, r.rank, r.ranks);
    if (r.ranks <= slots) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "training.slots = %d leaves nothing to do for some of %d ranks: start at "
        "most %d, or raise it, which touches the last bits of the weights",
        slots, r.ranks, slots);
}

/* What is known of the memory once model and slots are */
static void measure_room(il_trainer *t)
{
    t->n_states = il_min(t->workers, t->slots.n);
    t->moments.of = il_optimizer_find(t->model->config.training.optimizer);
    cut_chunks(t);
    layout(t);
}

static il_status fill(il_trainer *t, const il_config *c, il_error *err)
{
    IL_TRY(il_model_new(&t->model, c, err));
    if (c->training.precision == IL_BF16) IL_TRY(use_bf16(t->model, err));
    t->task = il_task_find(c->training.task_name);
    IL_TRY(deal_slots(t, err));
    t->workers = il_workers();
    measure_room(t);
    IL_TRY(il_decay_new(&t->decay, t->model, err));
    IL_TRY(il_memory_ask((double)t->arena.peak + bytes_of(t), "training",
                         "training.shard, training.n_loop_window, the points or the model",
                         err));
    IL_TRY(il_arena_fill(&t->arena, err));
    layout(t);
    cut_chunks(t);
    int points = c->training.curriculum.points.end;
    IL_TRY(il_batch_new_outs(&t->batch, c->training.batch_size, points, c->model.n_dims,
                             il_task_outs(t->task, c->training.task_opts, c->model.n_dims),
                             err));
    const il_ramp *dims = &c->training.curriculum.dims;
    IL_TRY(draw(t, 0, points, dims->start, err)); /* what a task lacks is missed here */
    for (int i = 0; i < t->n_states; i++)
        IL_TRY(il_state_new(&t->states[i], t->model, most_prompts(c),
                            il_model_tokens(t->model, points), most_window(t->model), err));
    return IL_OK;
}

il_status il_trainer_new(il_trainer **out, const il_config *config, il_error *err)
{
    il_trainer *t = calloc(1, sizeof *t);
    if (!t) return il_fail(err, IL_EFAIL, "out of memory for a trainer");
    il_status status = fill(t, config, err);
    if (status == IL_OK)
        *out = t;
    else
        il_trainer_free(t);
    return status;
}

void il_trainer_free(il_trainer *t)
{
    if (!t) return;
    for (int i = 0; t->arena.base && i < t->n_states; i++) il_state_free(t->states[i]);
    il_batch_free(t->batch);
    il_decay_free(&t->decay);
    il_arena_free(&t->arena);
    il_model_free(t->model);
    free(t);
}

il_status il_trainer_room(il_room *room, const il_config *config, int rank, int ranks,
                          int threads, il_error *err)
{
    il_trainer t = { .workers = threads };
    IL_TRY(il_model_sketch(&t.model, config, err));
    const il_plan *p = &t.model->plan;
    const il_task *task = il_task_find(config->training.task_name);
    t.slots = il_slots_of(config->training.slots, p->n_weights, rank, ranks);
    measure_room(&t);
    il_arena slots = { 0 };
    il_slots_layout(&t.slots, &slots);
    double real = sizeof(il_real), weights = real * (double)p->n_weights,
           D = config->model.n_dims,
           O = il_task_outs(task, config->training.task_opts, config->model.n_dims),
           N = config->training.curriculum.points.end;
    *room =
        (il_room){ .weights = weights,
                   .packed = real * (double)p->n_packed,
                   .moments = config->training.average > 0 ? weights : 0,
                   .gradients = (double)slots.peak,
                   .states = state_bytes(&t) * t.n_states,
                   .prompts = real * config->training.batch_size * (N * (D + O) + D * O),
                   .sent = il_slots_sent(&t.slots),
                   .n_weights = p->n_weights };
    room->evaluation =
        room->weights + room->packed +
        threads * (double)il_state_bytes(t.model, 4, il_model_tokens(t.model, (int)N), 0);
    for (int k = 0; t.moments.of->moments[k].name; k++) room->moments += weights;
    room->rest = (double)t.arena.peak - room->gradients - room->moments;
    il_model_free(t.model);
    return IL_OK;
}

double il_room_bytes(const il_room *r)
{
    return r->weights + r->packed + r->moments + r->gradients + r->states + r->prompts +
           r->rest + r->evaluation;
}

void il_trainer_draw_by(il_trainer *t, const il_watch *watch)
{
    t->drawn_by = watch && watch->draw ? watch : NULL;
}

il_model *il_trainer_model(il_trainer *t) { return t->model; }
il_moments il_trainer_moments(il_trainer *t) { return t->moments; }

size_t il_trainer_bytes(const il_trainer *t) { return (size_t)bytes_of(t); }

double il_trainer_sent(const il_trainer *t) { return il_slots_sent(&t->slots); }

/* ---- the gradient ---------------------------------------------------------------------------- */

/* Prompts that are this rank's, of those that the batch holds */
static void own_prompts(const il_trainer *t, int *from, int *end)
{
    *from = prompt_of(t, t->slots.first);
    *end = prompt_of(t, t->slots.first + t->slots.n);
}

/* Answers in this rank's prompts; in the end, on all ranks, those in all: what the loss is a mean of. */
static il_status count_answers(il_trainer *t, il_status drawn, il_error *err)
{
    int from, end,
        each =
            t->batch->points - il_layout_first(il_model_layout(t->model), t->batch->points);
    own_prompts(t, &from, &end);
    int64_t asked = (int64_t)(end - from) * each;
    if (t->task->ids && !drawn) {
        size_t points = (size_t)t->batch->points;
        asked = 0;
        for (size_t i = (size_t)(from - t->held) * points;
             i < (size_t)(end - t->held) * points; i++)
            asked += t->batch->y[i] >= 0;
    }
    IL_TRY(il_ranks_agree(drawn, &asked, err));
    t->answers = (double)t->run.post * (double)asked;
    return IL_OK;
}

static void run_shard(il_trainer *t, il_state *s, int first, int prompts)
{
    il_state_fill(s, t->batch, first - t->held, prompts, t->batch->points);
    il_forward(s, &t->run);
    il_backward(s, &t->run);
}

/* The i-th of this rank's slots */
static void run_slot(void *context, int i, int worker)
{
    il_trainer *t = context;
    int shard = t->model->config.training.shard, slot = t->slots.first + i,
        end = prompt_of(t, slot + 1);
    il_state *s = t->states[worker];
    s->grad = t->slots.grads + t->slots.weights * (size_t)i;
    s->loss = 0;
    s->loss_scale = (il_real)(il_task_unit(t->task) / t->answers);
    memset(s->grad, 0, sizeof *s->grad * t->slots.weights);
    for (int at = prompt_of(t, slot); at < end; at += shard)
        run_shard(t, s, at, il_min(shard, end - at));
    t->slots.losses[slot] = s->loss;
}

il_status il_trainer_gradient(il_trainer *t, il_progress *p, il_error *err)
{
    const il_config *c = &t->model->config;
    int64_t step = t->model->step;
    *p = (il_progress){ .step = step,
                        .steps = c->training.train_steps,
                        .grad_norm = NAN,
                        .dims = il_ramp_at(&c->training.curriculum.dims, step),
                        .points = il_points_at(c, step),
                        .rate = il_rate_at(c, step) };
    t->run = il_run_at(t->model, step);
    p->loops = t->run.loops;
    p->floor = t->drawn_by || il_layout_first(il_model_layout(t->model), p->points)
                   ? NAN
                   : il_task_floor(t->task, c->training.task_opts, p->points, p->dims,
                                   c->model.n_dims);
    IL_TRY(count_answers(t, draw(t, step, p->points, p->dims, err), err));
    il_parallel(t->slots.n, run_slot, t);
    IL_TRY(il_slots_sum(&t->slots, err));
    for (int slot = 0; slot < c->training.slots; slot++) p->loss += t->slots.losses[slot];
    p->loss = p->loss / t->answers * il_task_unit(t->task);
    if (!isfinite(p->loss))
        return il_fail(
            err, IL_ENUMERIC,
            "the loss is not finite at step %lld (rate %g, %d loops): try a lower "
            "training.learning_rate or training.clip",
            (long long)step, p->rate, p->loops);
    return IL_OK;
}

void il_trainer_read_gradient(const il_trainer *t, int i, il_real *grad)
{
    const il_param *w = &t->model->plan.params[i];
    memcpy(grad, t->slots.grads + w->offset, sizeof *grad * il_param_size(w));
}

/* ---- the update ------------------------------------------------------------------------------ */

static void measure_chunk(void *context, int i, int worker)
{
    (void)worker;
    il_trainer *t = context;
    t->squares[i] =
        il_kernel()->squares(t->slots.grads + t->chunks[i].from, t->chunks[i].n);
}

static double gradient_norm(il_trainer *t)
{
    double sum = 0;
    il_parallel(t->n_chunks, measure_chunk, t);
    for (int i = 0; i < t->n_chunks; i++) sum += t->squares[i];
    return sqrt(sum);
}

static void clip_elements(il_real *g, size_t n, il_real limit)
{
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] > limit ? limit : g[i] < -limit ? -limit : g[i];
}

/* No operation is fused, so every compiler gives the same bits. */
static void average(il_real *a, const il_real *w, il_real part, size_t n)
{
    for (size_t i = 0; i < n; i++) a[i] = part < 1 ? a[i] + part * (w[i] - a[i]) : w[i];
}

static void update_chunk(void *context, int i, int worker)
{
    il_trainer *t = context;
    il_model *model = t->model;
    const il_config *c = &model->config;
    chunk k = t->chunks[i];
    const il_param *w = &model->plan.params[k.param];
    il_real *g = t->slots.grads + k.from;
    double rate = il_rate_at(c, model->step), top = c->training.learning_rate;
    if (c->training.clip_value > 0) clip_elements(g, k.n, (il_real)c->training.clip_value);
    il_update u = { .name = w->name,
                    .rows = k.rows,
                    .cols = w->cols,
                    .decays = k.rows > 0 && !il_decay_covers(&t->decay, k.param),
                    .inner = k.inner,
                    .n = k.n,
                    .w = model->weights + k.from,
                    .grad = g,
                    .scale = t->scale,
                    .rate = rate,
                    .share = top > 0 ? rate / top : 0,
                    .step = model->step + 1,
                    .work = t->work + t->n_work * (size_t)worker };
    for (int m = 0; t->moments.of->moments[m].name; m++)
        u.moment[m] = t->moments.data[m] + k.from;
    t->moments.of->step(c->training.optimizer_opts, &u);
    if (t->moments.average)
        average(t->moments.average + k.from, u.w, (il_real)il_average_at(c, model->step),
                k.n);
}

il_status il_trainer_step(il_trainer *t, int norm, il_progress *p, il_error *err)
{
    double clip = t->model->config.training.clip;
    IL_TRY(il_trainer_gradient(t, p, err));
    il_decay_add(&t->decay, t->model->weights, t->slots.grads);
    if (clip > 0 || norm) p->grad_norm = gradient_norm(t);
    if (p->grad_norm - p->grad_norm != 0 && (clip > 0 || norm))
        return il_fail(err, IL_ENUMERIC,
                       "the gradient is not finite at step %lld (rate %g, %d "
                       "loops): try a lower training.learning_rate or training.clip",
                       (long long)p->step, p->rate, p->loops);
    t->scale = clip > 0 && p->grad_norm > clip ? (il_real)(clip / p->grad_norm) : 1;
    il_parallel(t->n_chunks, update_chunk, t);
    t->model->step++;
    il_model_pack(t->model);
    return IL_OK;
}
