/* sensitivity.c - how much an answer depends on each example
 *
 * Central differences of the answer in the example's y, and along a random unit direction of its x:
 * root mean square over prompts and queries. least_squares: the same for the minimum-norm least-squares
 * predictor w = A^+ X^T y, in y, where it is q A^+ x_j exactly. For sequence models: binding.c.
 */
#include "measure/sensitivity.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

static const double step = 1e-2; /* answers are floats of about 1 */

typedef struct {
    il_explain_options ask;
} options;
static const il_opt opts[] = { IL_ASK_KEYS, { 0 } };

static il_status ask(const il_observation *s, const il_observe_prompts *e, double *answer,
                     il_error *err)
{
    int loops = s->layers->loops ? s->layers->n : 1;
    return il_observe_run(s->model, e,
                          (il_pass){ .loops = loops, .post = 1, .answer = answer }, err);
}

/* Moves example j of every question by `by`: its y, or its x along a direction */
static void move(const il_observe_prompts *e, int j, int x, double by)
{
    il_batch *asked = e->cell[0].asked;
    int N = asked->points, D = asked->dim;
    for (int i = 0; i < asked->prompts; i++) {
        il_real *y = asked->y + (size_t)i * (size_t)N + (size_t)j;
        il_real *to = asked->x + ((size_t)i * (size_t)N + (size_t)j) * (size_t)D;
        double u[256], length = 0;
        if (!x) {
            *y = (il_real)((double)*y + by);
            continue;
        }
        il_rng rng = il_rng_at(1, IL_STREAM_USER, (uint32_t)j, (uint32_t)(i / e->Q));
        for (int d = 0; d < D; d++) u[d] = il_normal(&rng), length += u[d] * u[d];
        for (int d = 0; d < D; d++)
            to[d] = (il_real)((double)to[d] + by * u[d] / sqrt(length));
    }
}

static il_status slope(const il_observation *s, int j, int x, double *room, double *out,
                       il_error *err)
{
    il_observe_prompts *e = s->prompts;
    size_t points = (size_t)e->B * (size_t)e->Q;
    double sum = 0;
    move(e, j, x, step);
    IL_TRY(ask(s, e, room, err));
    move(e, j, x, -2 * step);
    IL_TRY(ask(s, e, room + points, err));
    move(e, j, x, step);
    for (size_t i = 0; i < points; i++) {
        double d = (room[i] - room[points + i]) / (2 * step);
        sum += d * d / (double)points;
    }
    *out = sqrt(sum);
    return IL_OK;
}

static double of_least_squares(const il_observe_prompts *e, int j)
{
    const il_observe_cell *c = &e->cell[0];
    size_t D = (size_t)e->D, Q = (size_t)e->Q, N = (size_t)c->asked->points;
    double sum = 0;
    for (size_t i = 0; i < (size_t)e->B * Q; i++) {
        size_t b = i / Q;
        const il_real *x = c->asked->x + (i * N + (size_t)j) * D;
        double d = 0;
        for (size_t k = 0; k < D; k++) {
            double lambda = c->lambda[b * D + k], along = 0;
            for (size_t m = 0; m < D; m++)
                along += c->V[(b * D + k) * D + m] * (double)x[m];
            if (lambda > 0) d += c->q[i * D + k] * along / lambda;
        }
        sum += d * d / (double)((size_t)e->B * Q);
    }
    return sqrt(sum);
}

static il_status look(il_observation *s, il_table *t, const void *opt, il_error *err)
{
    (void)opt;
    il_observe_draw draw = s->draw;
    if (draw.task->sequence) return il_sensitivity_of_tokens(s, t, err);
    draw.queries = 4;
    draw.n_sizes = 1;
    if (draw.dim > 256)
        return il_fail(err, IL_ECONFIG, "sensitivity: inputs of at most 256 dimensions");
    s->draw = draw;
    IL_TRY(il_observation_draw(s, err));
    s->prompts->cells = 1; /* of the first kind of data */
    IL_TRY(il_table_add_cols(t, "example by_y by_x least_squares", err));
    double *room = malloc(sizeof *room * 2 * il_observe_points(s->prompts));
    if (!room) return il_fail(err, IL_EFAIL, "out of memory for answers");
    il_status status = IL_OK;
    for (int j = 0; j < s->prompts->cell[0].n && !status; j++) {
        double row[] = { j + 1, 0, 0, of_least_squares(s->prompts, j) };
        status = slope(s, j, 0, room, &row[1], err);
        if (!status) status = slope(s, j, 1, room, &row[2], err);
        if (!status) status = il_table_add_numbers(t, NULL, 0, row, 4, err);
    }
    free(room);
    return status;
}

const il_measure_kind il_measure_sensitivity = {
    .name = "sensitivity",
    .summary =
        "how much an answer depends on the y and the x of each example, or on each of "
        "the newest observations of a sequence",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .outline = il_outline_open, /* its columns depend on the task */
    .look = look,
};
