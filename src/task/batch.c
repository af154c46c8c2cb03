/* batch.c - prompts and how they are drawn
 *
 * Inputs are N(0, 1), or of the task's variances, in the first `dims` coordinates and zero beyond. The inputs, the function,
 * the noise and the shift of a prompt have random streams of their own, and each is drawn point by
 * point: a prompt does not depend on the prompts drawn with it, nor a point on those after it.
 * A sequence draws its transition matrix from the function's stream, its trajectory from the inputs'.
 */
#include "task/task.h"

#include <math.h>

enum { WORTH_SHARING = 1 << 14 }; /* numbers in a batch before threads pay */

/* What part of a prompt a number belongs to: the upper half of the stream's word */
enum {
    INPUTS,
    FUNCTION,
    NOISE,
    QUERY_NOISE,
    SHIFT,
    SHIFT_ANSWERS,
    SHIFT_QUERIES,
    MATRIX,
    POOL
};

/* The batch we hand out is the first member of what we own */
typedef struct {
    il_batch batch;
    il_arena memory, queries;
    il_real *xq, *yq; /* room for queries, made the first time a shift asks some */
} owned;

static owned *layout(il_arena *memory, int B, int N, int D, int O)
{
    owned *own = il_take(memory, owned, 1);
    size_t points = (size_t)B * (size_t)N;
    il_real *x = il_take(memory, il_real, il_product(points, (size_t)D));
    il_real *y = il_take(memory, il_real, il_product(points, (size_t)O));
    il_real *w = il_take(memory, il_real, il_product((size_t)B * (size_t)O, (size_t)D));
    il_real *noise = il_take(memory, il_real, B);
    if (own) own->batch = (il_batch){ B, N, D, O, x, y, w, NULL, NULL, noise };
    return own;
}

il_status il_batch_new_outs(il_batch **batch, int prompts, int points, int dim, int outs,
                            il_error *err)
{
    IL_GIVEN(err, "batch", batch);
    if (prompts < 1 || points < 1 || dim < 1 || outs < 1)
        return il_fail(err, IL_ECONFIG,
                       "a batch needs prompts, points, dimensions and answers of at least "
                       "1, not %d, %d, %d and %d",
                       prompts, points, dim, outs);
    if ((double)points * il_max(dim, outs) > INT32_MAX)
        return il_fail(
            err, IL_ECONFIG,
            "a prompt of %d points in %d dimensions, with answers of %d numbers, "
            "is too large",
            points, dim, outs);
    il_arena memory = { 0 };
    layout(&memory, prompts, points, dim, outs);
    IL_TRY(il_arena_fill(&memory, err));
    owned *own = layout(&memory, prompts, points, dim, outs);
    own->memory = memory;
    *batch = &own->batch;
    return IL_OK;
}

il_status il_batch_check(const il_batch *batch, il_error *err)
{
    IL_GIVEN(err, "batch", batch);
    if (batch->prompts > 0 && batch->points > 0 && batch->dim > 0 && batch->outs > 0 &&
        batch->x && batch->y)
        return IL_OK;
    return il_fail(err, IL_ECONFIG, "the batch has no prompts");
}

il_status il_batch_new(il_batch **batch, int prompts, int points, int dim, il_error *err)
{
    return il_batch_new_outs(batch, prompts, points, dim, 1, err);
}

void il_batch_free(il_batch *batch)
{
    if (!batch) return;
    owned *own = (owned *)batch;
    il_arena memory = own->memory;
    il_arena_free(&own->queries);
    il_arena_free(&memory);
}

static void query_layout(owned *own)
{
    size_t points = (size_t)own->batch.prompts * (size_t)own->batch.points;
    own->xq = il_take(&own->queries, il_real, points * (size_t)own->batch.dim);
    own->yq = il_take(&own->queries, il_real, points * (size_t)own->batch.outs);
}

static il_status make_room_for_queries(owned *own, il_error *err)
{
    if (own->queries.base) return IL_OK;
    query_layout(own);
    IL_TRY(il_arena_fill(&own->queries, err));
    query_layout(own);
    return IL_OK;
}

typedef struct {
    il_batch *batch;
    const il_task *task;
    const void *opts;
    const il_shift *shift; /* NULL: none */
    il_shifting shifting;
    il_draw at;
    il_pool pool;
    int clean;         /* what is asked has no noise: the batch has yq */
    double *deviation; /* of the inputs (dims); NULL: all 1 */
    double *work;      /* for each thread: of the shift, or of a task of sequences */
    size_t work_size;  /* of one thread, in doubles */
} drawing;

static il_rng numbers(const drawing *c, int part, int b)
{
    int pool = part == FUNCTION && c->pool.functions ? c->pool.functions : c->pool.prompts;
    if (pool && part != POOL) {
        il_rng rng = numbers(c, POOL, b);
        return il_rng_at(c->at.seed, c->at.stream | (uint32_t)part << 16, 0,
                         (uint32_t)(il_uniform(&rng) * pool));
    }
    return il_rng_at(c->at.seed, c->at.stream | (uint32_t)part << 16, c->at.step,
                     c->at.first + (uint32_t)b);
}

/* noise_part 0: the answers have none */
static void draw_function(const drawing *c, int b, int noise_part, const il_real *x,
                          il_real *y)
{
    il_rng function = numbers(c, FUNCTION, b), noise = numbers(c, noise_part, b);
    il_batch *batch = c->batch;
    il_real *w = batch->w + (size_t)b * batch->dim;
    memset(w, 0, sizeof *w * (size_t)batch->dim);
    il_prompt p = { .points = batch->points,
                    .dim = batch->dim,
                    .dims = c->shifting.dims,
                    .x = x,
                    .y = y,
                    .w = w,
                    .noise = noise_part ? &noise : NULL,
                    .deviation = c->deviation };
    c->task->draw(c->opts, &function, &p);
    batch->noise[b] = (il_real)p.noise_std;
}

/* work: the observations, then the task's own */
static void draw_sequence(const drawing *c, int b, double *work)
{
    il_batch *batch = c->batch;
    int N = batch->points, D = batch->dim;
    size_t size = (size_t)N * (size_t)D, square = (size_t)D * (size_t)D;
    il_rng law = numbers(c, FUNCTION, b), path = numbers(c, INPUTS, b),
           noise = numbers(c, NOISE, b);
    il_sequence s = { .length = N + 1,
                      .dim = D,
                      .dims = c->shifting.dims,
                      .s = work,
                      .w = batch->w + square * (size_t)b,
                      .path = &path,
                      .noise = &noise,
                      .work = work + size + (size_t)D };
    memset(work, 0, sizeof *work * c->work_size);
    memset(s.w, 0, sizeof *s.w * square);
    c->task->sequence(c->opts, &law, &s);
    for (size_t i = 0; i < size; i++) {
        batch->x[size * (size_t)b + i] = (il_real)s.s[i];
        batch->y[size * (size_t)b + i] = (il_real)s.s[i + (size_t)D];
    }
}

static void draw_rows(const drawing *c, int b)
{
    il_batch *batch = c->batch;
    size_t N = (size_t)batch->points, D = (size_t)batch->dim;
    il_rng law = numbers(c, FUNCTION, b), inputs = numbers(c, INPUTS, b),
           noise = numbers(c, NOISE, b);
    il_table_prompt t = { .points = batch->points,
                          .dim = batch->dim,
                          .dims = c->shifting.dims,
                          .x = batch->x + N * D * (size_t)b,
                          .y = batch->y + N * (size_t)b,
                          .law = &law,
                          .inputs = &inputs,
                          .noise = &noise };
    memset(t.x, 0, sizeof *t.x * N * D);
    memset(batch->w + D * (size_t)b, 0, sizeof *batch->w * D);
    c->task->rows(c->opts, &t);
}

static void draw_input(const drawing *c, il_rng *rng, il_real *x)
{
    int dims = c->shifting.dims, own = c->task->input != NULL;
    memset(x, 0, sizeof *x * (size_t)c->batch->dim);
    if (own) c->task->input(c->opts, rng, x, dims);
    for (int d = 0; d < dims && !own; d++) {
        double z = il_normal(rng);
        x[d] = (il_real)(c->deviation ? c->deviation[d] * z : z);
    }
}

static void draw_prompt(void *context, int b, int worker)
{
    const drawing *c = context;
    if (c->task->sequence) {
        draw_sequence(c, b, c->work + c->work_size * (size_t)worker);
        return;
    }
    if (c->task->rows) {
        draw_rows(c, b);
        return;
    }
    il_batch *batch = c->batch;
    int N = batch->points, D = batch->dim;
    il_real *x = batch->x + (size_t)b * N * D;
    il_real *xq = batch->xq ? batch->xq + (size_t)b * N * D : NULL;
    il_rng rng = numbers(c, INPUTS, b);
    for (int n = 0; n < N; n++) draw_input(c, &rng, x + n * D);
    if (c->shift && c->shift->inputs) {
        rng = numbers(c, SHIFT, b);
        c->shift->inputs(&c->shifting, &rng, x, xq,
                         c->work + c->work_size * (size_t)worker);
    }
    if (batch->yq)
        draw_function(c, b, c->clean ? 0 : QUERY_NOISE, xq ? xq : x,
                      batch->yq + (size_t)b * N);
    draw_function(c, b, NOISE, x, batch->y + (size_t)b * N);
}

static void shift_answers(const drawing *c)
{
    il_batch *batch = c->batch;
    for (int b = 0; b < batch->prompts; b++) {
        il_rng rng = numbers(c, SHIFT_ANSWERS, b);
        c->shift->answers(&c->shifting, &rng, batch->w + (size_t)b * batch->dim,
                          batch->y + (size_t)b * batch->points);
        rng = numbers(c, SHIFT_QUERIES, b);
        if (batch->yq)
            c->shift->answers(&c->shifting, &rng, NULL,
                              batch->yq + (size_t)b * batch->points);
    }
}

/* A shift's matrix, and work for every thread and for making the matrix */
static void scratch_layout(drawing *c, il_arena *scratch)
{
    size_t dims = (size_t)c->shifting.dims;
    c->shifting.matrix = il_take(scratch, double, c->shift ? dims *dims : 0);
    if (il_task_varies(c->task, c->opts)) c->deviation = il_take(scratch, double, dims);
    c->work = il_take(scratch, double, il_product((size_t)il_workers(), c->work_size));
}

static size_t work_size(const drawing *c)
{
    size_t dims = (size_t)c->shifting.dims;
    if (!c->task->sequence) return c->shift && c->shift->inputs ? (dims + 1) * dims : 0;
    return (size_t)(c->batch->points + 1) * (size_t)c->batch->dim +
           c->task->work(c->opts, c->shifting.dims);
}

static il_status prepare(drawing *c, il_arena *scratch, il_error *err)
{
    c->work_size = work_size(c);
    if (c->work_size || il_task_varies(c->task, c->opts)) {
        scratch_layout(c, scratch);
        IL_TRY(il_arena_fill(scratch, err));
        scratch_layout(c, scratch);
    }
    int dims = c->deviation ? c->shifting.dims : 0;
    if (dims) IL_TRY(il_task_variances(c->deviation, c->task, c->opts, dims, err));
    for (int d = 0; d < dims; d++) c->deviation[d] = sqrt(c->deviation[d]);
    if (c->clean || (c->shift && c->shift->asks))
        IL_TRY(make_room_for_queries((owned *)c->batch, err));
    if (c->shift && c->shift->matrix) {
        il_rng rng = il_rng_at(c->at.seed, c->at.stream | (uint32_t)MATRIX << 16, 0, 0);
        c->shift->matrix(c->shifting.matrix, c->work, c->shifting.dims, &rng);
    }
    return IL_OK;
}

static il_status draw_ids(il_batch *batch, const il_task *task, const void *opts,
                          const char *shift, il_draw at, il_error *err)
{
    if (shift && strcmp(shift, "standard"))
        return il_fail(err, IL_ECONFIG, "the prompts of %s are ids, which no shift changes",
                       task->name);
    if (batch->dim != 1)
        return il_fail(err, IL_ECONFIG,
                       "an id of %s is one number, not %d: set model.n_dims "
                       "to 1",
                       task->name, batch->dim);
    memset(batch->w, 0, sizeof *batch->w * (size_t)batch->prompts);
    return task->ids(opts, batch, at, err);
}

il_status il_batch_draw(il_batch *batch, const il_task *task, const void *opts,
                        const char *shift, int dims, il_draw at, il_error *err)
{
    return il_batch_draw_from(batch, task, opts, shift, dims, at, (il_pool){ 0 }, err);
}

il_status il_batch_draw_from(il_batch *batch, const il_task *task, const void *opts,
                             const char *shift, int dims, il_draw at, il_pool pool,
                             il_error *err)
{
    IL_GIVEN(err, "batch task", batch, task);
    double usual[IL_TASK_OPTS] = { 0 };
    if (!opts) {
        il_opt_init(task->opts, usual);
        opts = usual;
    }
    IL_TRY(il_batch_check(batch, err));
    IL_GIVEN(err, "batch->w batch->noise", batch->w, batch->noise);
    IL_TRY(il_task_check(task, opts, err));
    if (dims < 1 || dims > batch->dim)
        return il_fail(err, IL_ECONFIG, "dims = %d is not between 1 and the batch's %d",
                       dims, batch->dim);
    if (task->whole && task->whole(opts)) dims = batch->dim;
    int outs = il_task_outs(task, opts, batch->dim);
    if (outs != batch->outs)
        return il_fail(err, IL_ECONFIG,
                       "%s answers with %d numbers, the batch has room for %d", task->name,
                       outs, batch->outs);
    if (task->ids) return draw_ids(batch, task, opts, shift, at, err);
    drawing c = { .batch = batch, .task = task, .opts = opts, .at = at, .pool = pool };
    c.clean = task->clean && task->clean(opts);
    c.shifting = (il_shifting){ .points = batch->points, .dim = batch->dim, .dims = dims };
    IL_TRY(il_shift_parse(&c.shift, &c.shifting.value, shift, err));
    if (c.shift && (task->sequence || task->rows))
        return il_fail(err, IL_ECONFIG,
                       "the shift %s is for tasks whose inputs are drawn apart from their "
                       "answers; %s draws %s",
                       c.shift->name, task->name,
                       task->rows ? "both together" : "sequences");
    il_arena scratch = { 0 };
    il_status status = prepare(&c, &scratch, err);
    if (status == IL_OK) {
        owned *own = (owned *)batch;
        int asks = c.shift && c.shift->asks;
        batch->xq = asks ? own->xq : NULL;
        batch->yq = asks || c.clean ? own->yq : NULL;
        memset(batch->noise, 0, sizeof *batch->noise * (size_t)batch->prompts);
        size_t size = (size_t)batch->prompts * (size_t)batch->points * (size_t)dims;
        if (size >= WORTH_SHARING)
            il_parallel(batch->prompts, draw_prompt, &c);
        else
            for (int b = 0; b < batch->prompts; b++) draw_prompt(&c, b, 0);
        if (task->finish) task->finish(opts, batch, dims);
        if (c.shift && c.shift->answers) shift_answers(&c);
    }
    il_arena_free(&scratch);
    return status;
}

il_status il_batch_new_drawn(il_batch **out, const il_task *task, const void *opts,
                             const char *shift, int prompts, int points, int dim, int dims,
                             il_draw at, il_error *err)
{
    il_batch *batch;
    IL_TRY(il_batch_new_outs(&batch, prompts, points, dim, il_task_outs(task, opts, dim),
                             err));
    il_status status = il_batch_draw(batch, task, opts, shift, dims, at, err);
    if (status)
        il_batch_free(batch);
    else
        *out = batch;
    return status;
}
