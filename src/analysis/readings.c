/* readings.c - what a model would answer if it stopped after a layer
 *
 * The lens puts the model's own end (its final norm and read-out, if asked its last blocks too)
 * behind every layer; after a loop that is what the model itself answers. The probe is a ridge
 * regression from the stream at the query to the answers of other prompts.
 * Sources: nostalgebraist 2020, "interpreting GPT: the logit lens"; Fu et al. 2023,
 * arXiv:2310.17086 (trained linear read-outs).
 */
#include "algo/dense.h"
#include "analysis/asking.h"

#include <math.h>
#include <stdlib.h>

static void layout(il_readings *r, size_t points)
{
    r->names = il_take(&r->arena, il_label, r->layers);
    r->yhat = il_take(&r->arena, double, il_product((size_t)r->layers, points));
}

il_status il_readings_blank(il_readings **out, int layers, size_t points, il_error *err)
{
    il_readings *r = calloc(1, sizeof *r);
    if (!r) return il_fail(err, IL_EFAIL, "out of memory for readings");
    r->layers = layers;
    layout(r, points);
    il_status status = il_arena_fill(&r->arena, err);
    if (status) {
        free(r);
        return status;
    }
    layout(r, points);
    *out = r;
    return IL_OK;
}

void il_readings_free(il_readings *r)
{
    if (!r) return;
    il_arena_free(&r->arena);
    free(r);
}

/* ---- the lens ------------------------------------------------------------------------------- */

typedef struct {
    const il_layers *layers;
    il_readings *to;
    size_t points;
    il_real **kept; /* one a worker: (readings, rows, width) streams after each layer */
    size_t rows;    /* of one stream */
} lens;

static void write_down(const il_question *q, const il_state *s, int layer)
{
    const lens *l = q->context;
    const il_real *answer = s->value[s->plan->answer];
    for (int i = 0; i < q->questions; i++)
        l->to->yhat[(size_t)layer * l->points + q->first + (size_t)i] =
            (double)answer[i * q->stride + q->row];
}

static void tap(void *context, il_state *s, int op)
{
    const il_question *q = context;
    const lens *l = q->context;
    size_t size = (size_t)s->rows * (size_t)l->layers->width;
    if (l->layers->loops) return;
    for (int i = 0; i < l->to->layers; i++)
        if (l->layers->op[i] == op)
            memcpy(l->kept[q->worker] + (size_t)i * l->rows * (size_t)l->layers->width,
                   s->value[s->plan->ops[op].out], sizeof(il_real) * size);
}

/* The run is over, so its memory is free: every kept stream goes where the end begins */
static void visit(void *context, il_state *s, int loop)
{
    const il_question *q = context;
    const lens *l = q->context;
    const il_plan *p = s->plan;
    if (l->layers->loops) {
        write_down(q, s, loop - 1);
        return;
    }
    size_t C = (size_t)l->layers->width;
    int border = l->layers->op[l->to->layers - 1];
    for (int i = 0; i < l->to->layers; i++) {
        memcpy(s->value[p->ops[border].out], l->kept[q->worker] + (size_t)i * l->rows * C,
               sizeof(il_real) * (size_t)s->rows * C);
        for (int j = border + 1; j < p->end[IL_POST]; j++)
            p->ops[j].kind->forward(&p->ops[j], s);
        write_down(q, s, i);
    }
}

static size_t most_rows(const il_model *model, const il_evidence *e)
{
    int n = 0;
    for (int c = 0; c < e->cells; c++) n = il_max(n, e->cell[c].n);
    return (size_t)IL_QUESTIONS * (size_t)il_model_tokens(model, n + 1);
}

static il_status room(lens *l, il_error *err)
{
    size_t size = (size_t)l->to->layers * l->rows * (size_t)l->layers->width;
    l->kept = calloc((size_t)il_threads(), sizeof *l->kept);
    for (int i = 0; l->kept && i < il_threads(); i++)
        if (!(l->kept[i] = malloc(sizeof(il_real) * size)))
            return il_fail(err, IL_EFAIL, "out of memory for readings");
    return l->kept ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for readings");
}

il_status il_readings_lens(il_readings **out, const il_model *model,
                           const il_layers *layers, int tail, const il_evidence *e,
                           il_error *err)
{
    int n = layers->loops ? layers->n : layers->n - tail;
    il_readings *r;
    if (n < 1)
        return il_fail(err, IL_ECONFIG, "a tail of %d leaves none of %d layers", tail,
                       layers->n);
    IL_TRY(il_readings_blank(&r, n, il_points(e), err));
    memcpy(r->names, layers->names, sizeof *r->names * (size_t)n);
    lens l = {
        .layers = layers, .to = r, .points = il_points(e), .rows = most_rows(model, e)
    };
    il_status status = layers->loops ? IL_OK : room(&l, err);
    int loops = layers->loops ? n : 1;
    if (!status)
        status = il_ask(&(il_asking){ .model = model,
                                      .evidence = e,
                                      .loops = loops,
                                      .post = loops,
                                      .visit = visit,
                                      .tap = tap,
                                      .context = &l },
                        err);
    for (int i = 0; l.kept && i < il_threads(); i++) free(l.kept[i]);
    free(l.kept);
    if (status)
        il_readings_free(r);
    else
        *out = r;
    return status;
}

/* ---- the probe --------------------------------------------------------------------------------- */

typedef struct {
    const il_evidence *fit, *e;
    il_readings *to;
    const il_real *seen, *stream; /* (layers,points,C) of both */
    int C;
    double **work;
} probes;

/* A point's true answer */
static double answer_of(const il_evidence *e, size_t point)
{
    size_t each = (size_t)e->B * (size_t)e->Q;
    return e->cell[point / each].y[point % each];
}

/* Least squares with a ridge of 1e-4 of the stream's mean square, and a constant */
static void probe_layer(void *context, int layer, int worker)
{
    const probes *s = context;
    int C = s->C, n = C + 1;
    size_t seen = il_points(s->fit), points = il_points(s->e);
    const il_real *x = s->seen + (size_t)layer * seen * (size_t)C;
    double *R = s->work[worker], *t = R + (size_t)n * (size_t)n, *z = t + n, *a = z + n;
    double power = 0;
    for (size_t i = 0; i < seen * (size_t)C; i++) power += (double)x[i] * (double)x[i];
    double mu = sqrt(1e-4 * power / C) + 1e-30;
    memset(R, 0, sizeof *R * (size_t)n * (size_t)(n + 1));
    for (int i = 0; i < n; i++) R[i * n + i] = i < C ? mu : 1e-12;
    for (size_t p = 0; p < seen; p++, x += C) {
        for (int i = 0; i < C; i++) z[i] = (double)x[i];
        z[C] = 1;
        il_qr_add(R, n, t, n, z, answer_of(s->fit, p));
    }
    il_qr_solve(a, R, n, t, n);
    x = s->stream + (size_t)layer * points * (size_t)C;
    for (size_t p = 0; p < points; p++, x += C) {
        double sum = a[C];
        for (int i = 0; i < C; i++) sum += a[i] * (double)x[i];
        s->to->yhat[(size_t)layer * points + p] = sum;
    }
}

typedef struct {
    il_real *seen, *stream;
    double **work;
    il_arena arena;
} probe_room;

static void probe_layout(probe_room *r, const il_layers *l, const il_evidence *fit,
                         const il_evidence *e)
{
    size_t each = (size_t)l->n * (size_t)l->width, n = (size_t)l->width + 1;
    r->seen = il_take(&r->arena, il_real, il_product(each, il_points(fit)));
    r->stream = il_take(&r->arena, il_real, il_product(each, il_points(e)));
    r->work = il_take(&r->arena, double *, il_threads());
    for (int i = 0; i < il_threads(); i++) {
        double *work = il_take(&r->arena, double, n *(n + 3));
        if (r->work) r->work[i] = work;
    }
}

il_status il_readings_probe(il_readings **out, const il_model *model,
                            const il_layers *layers, const il_evidence *fit,
                            const il_evidence *e, il_error *err)
{
    il_readings *r;
    probe_room room = { 0 };
    IL_TRY(il_readings_blank(&r, layers->n, il_points(e), err));
    memcpy(r->names, layers->names, sizeof *r->names * (size_t)layers->n);
    probe_layout(&room, layers, fit, e);
    il_status status = il_arena_fill(&room.arena, err);
    if (!status) {
        probe_layout(&room, layers, fit, e);
        status = il_layers_stream(layers, model, fit, room.seen, err);
    }
    if (!status) status = il_layers_stream(layers, model, e, room.stream, err);
    if (!status) {
        probes s = { fit, e, r, room.seen, room.stream, layers->width, room.work };
        il_parallel(layers->n, probe_layer, &s);
        *out = r;
    } else {
        il_readings_free(r);
    }
    il_arena_free(&room.arena);
    return status;
}
