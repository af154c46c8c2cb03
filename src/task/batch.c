/* batch.c - prompts and how they are drawn
 *
 * Inputs are N(0, 1) in the first `dims` coordinates and zero beyond. The inputs, the function,
 * the noise and the shift of a prompt have streams of their own, and each is drawn point by
 * point: a prompt does not depend on the prompts drawn with it, nor a point on those after it.
 */
#include "task/task.h"

enum { WORTH_SHARING = 1 << 14 }; /* numbers in a batch before threads pay */

/* What part of a prompt a number belongs to: the upper half of the stream's word */
enum { INPUTS, FUNCTION, NOISE, QUERY_NOISE, SHIFT, SHIFT_ANSWERS, SHIFT_QUERIES, MATRIX };

/* The batch we hand out is the first member of what we own */
typedef struct {
    il_batch batch;
    il_arena memory, queries;
    il_real *xq, *yq; /* room for queries, made the first time a shift asks some */
} owned;

static owned *layout(il_arena *memory, int B, int N, int D)
{
    owned *own = il_take(memory, owned, 1);
    size_t points = (size_t)B * (size_t)N;
    il_real *x = il_take(memory, il_real, points * (size_t)D);
    il_real *y = il_take(memory, il_real, points);
    il_real *w = il_take(memory, il_real, (size_t)B * (size_t)D);
    if (own) own->batch = (il_batch){ B, N, D, x, y, w, NULL, NULL };
    return own;
}

il_status il_batch_new(il_batch **batch, int prompts, int points, int dim, il_error *err)
{
    if (prompts < 1 || points < 1 || dim < 1)
        return il_fail(
            err, IL_ECONFIG,
            "a batch needs prompts, points and dimensions of at least 1, not %d, "
            "%d and %d",
            prompts, points, dim);
    il_arena memory = { 0 };
    layout(&memory, prompts, points, dim);
    IL_TRY(il_arena_fill(&memory, err));
    owned *own = layout(&memory, prompts, points, dim);
    own->memory = memory;
    *batch = &own->batch;
    return IL_OK;
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
    own->yq = il_take(&own->queries, il_real, points);
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
    double *work; /* (threads, dims+1, dims) for the shift */
} drawing;

static il_rng numbers(const drawing *c, int part, int b)
{
    return il_rng_at(c->at.seed, c->at.stream | (uint32_t)part << 16, c->at.step,
                     c->at.first + (uint32_t)b);
}

static void draw_function(const drawing *c, int b, int noise_part, const il_real *x,
                          il_real *y)
{
    il_rng function = numbers(c, FUNCTION, b), noise = numbers(c, noise_part, b);
    il_batch *batch = c->batch;
    il_real *w = batch->w + (size_t)b * batch->dim;
    memset(w, 0, sizeof *w * (size_t)batch->dim);
    il_prompt p = { batch->points, batch->dim, c->shifting.dims, x, y, w, &noise };
    c->task->draw(c->opts, &function, &p);
}

static void draw_prompt(void *context, int b, int worker)
{
    const drawing *c = context;
    il_batch *batch = c->batch;
    int N = batch->points, D = batch->dim, dims = c->shifting.dims;
    il_real *x = batch->x + (size_t)b * N * D;
    il_real *xq = batch->xq ? batch->xq + (size_t)b * N * D : NULL;
    il_rng rng = numbers(c, INPUTS, b);
    for (int n = 0; n < N; n++)
        for (int d = 0; d < D; d++) x[n * D + d] = d < dims ? (il_real)il_normal(&rng) : 0;
    if (c->shift && c->shift->inputs) {
        rng = numbers(c, SHIFT, b);
        c->shift->inputs(&c->shifting, &rng, x, xq,
                         c->work + (size_t)worker * (dims + 1) * dims);
    }
    draw_function(c, b, NOISE, x, batch->y + (size_t)b * N);
    if (xq) draw_function(c, b, QUERY_NOISE, xq, batch->yq + (size_t)b * N);
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

/* Memory of the shift alone: its matrix, and work for every thread and for making the matrix */
static void scratch_layout(drawing *c, il_arena *scratch)
{
    size_t dims = (size_t)c->shifting.dims;
    c->shifting.matrix = il_take(scratch, double, dims *dims);
    c->work = il_take(scratch, double, (size_t)il_threads() * (dims + 1) * dims);
}

static il_status prepare_shift(drawing *c, il_arena *scratch, il_error *err)
{
    if (c->shift->inputs) {
        scratch_layout(c, scratch);
        IL_TRY(il_arena_fill(scratch, err));
        scratch_layout(c, scratch);
    }
    if (c->shift->matrix) {
        il_rng rng = il_rng_at(c->at.seed, c->at.stream | (uint32_t)MATRIX << 16, 0, 0);
        c->shift->matrix(c->shifting.matrix, c->work, c->shifting.dims, &rng);
    }
    return c->shift->asks ? make_room_for_queries((owned *)c->batch, err) : IL_OK;
}

il_status il_batch_draw(il_batch *batch, const il_task *task, const void *opts,
                        const char *shift, int dims, il_draw at, il_error *err)
{
    if (dims < 1 || dims > batch->dim)
        return il_fail(err, IL_ECONFIG, "dims = %d is not between 1 and the batch's %d",
                       dims, batch->dim);
    drawing c = { .batch = batch, .task = task, .opts = opts, .at = at };
    c.shifting = (il_shifting){ .points = batch->points, .dim = batch->dim, .dims = dims };
    IL_TRY(il_shift_parse(&c.shift, &c.shifting.value, shift, err));
    il_arena scratch = { 0 };
    il_status status = c.shift ? prepare_shift(&c, &scratch, err) : IL_OK;
    if (status == IL_OK) {
        owned *own = (owned *)batch;
        int asks = c.shift && c.shift->asks;
        batch->xq = asks ? own->xq : NULL;
        batch->yq = asks ? own->yq : NULL;
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
