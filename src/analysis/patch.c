/* patch.c - does the answer follow the stream at the query?
 *
 * The stream at the query's token, after a layer, is replaced by that of another prompt's query.
 * follows: how far the answer goes towards the other prompt's (1: all the way, 0: not at all), the
 * slope of least squares; explained: the share of its movement on that line. A learner that keeps
 * what it has learnt in the examples' tokens does not follow until its last layers.
 * Source: activation patching, Meng et al. 2022, arXiv:2202.05262.
 */
#include "analysis/asking.h"
#include "analysis/subject.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const il_subject *s;
    int layer;             /* -1: none */
    const il_real *stream; /* (layers,points,C) */
    double *answer;        /* (points) */
} patching;

/* The question of the next prompt with the same number */
static size_t other(const il_evidence *e, size_t point)
{
    size_t each = (size_t)e->B * (size_t)e->Q, cell = point / each;
    return cell * each + (point % each + (size_t)e->Q) % each;
}

static void put(const il_question *q, il_state *s, int slot)
{
    const patching *p = q->context;
    size_t C = (size_t)p->s->layers->width, points = il_points(p->s->evidence);
    for (int i = 0; i < q->questions; i++) {
        size_t from = other(p->s->evidence, q->first + (size_t)i);
        memcpy(s->value[slot] + (size_t)(i * q->stride + q->row) * C,
               p->stream + ((size_t)p->layer * points + from) * C, sizeof(il_real) * C);
    }
}

static void tap(void *context, il_state *s, int op)
{
    const il_question *q = context;
    const patching *p = q->context;
    const il_layers *l = p->s->layers;
    if (p->layer < 0) return;
    if (l->loops ? s->loop == p->layer && s->plan->ops[op].out == s->plan->carry_out
                 : l->op[p->layer] == op)
        put(q, s, s->plan->ops[op].out);
}

static void visit(void *context, il_state *s, int loop)
{
    const il_question *q = context;
    const patching *p = q->context;
    (void)loop;
    for (int i = 0; i < q->questions; i++)
        p->answer[q->first + (size_t)i] =
            (double)s->value[s->plan->answer][i * q->stride + q->row];
}

static il_status ask(patching *p, int layer, double *answer, il_error *err)
{
    p->layer = layer;
    p->answer = answer;
    return il_ask(&(il_asking){ .model = p->s->model,
                                .evidence = p->s->evidence,
                                .loops = p->s->layers->loops ? p->s->layers->n : 1,
                                .post = 1,
                                .visit = visit,
                                .tap = tap,
                                .context = p },
                  err);
}

static il_status fill(patching *p, double *before, double *after, il_table *t,
                      il_error *err)
{
    const il_evidence *e = p->s->evidence;
    IL_TRY(ask(p, -1, before, err));
    for (int l = 0; l < p->s->layers->n; l++) {
        double xx = 0, xy = 0, yy = 0;
        IL_TRY(ask(p, l, after, err));
        for (size_t i = 0; i < il_points(e); i++) {
            double x = before[other(e, i)] - before[i], y = after[i] - before[i];
            xx += x * x, xy += x * y, yy += y * y;
        }
        double row[] = { xx > 0 ? xy / xx : NAN, xx * yy > 0 ? xy * xy / (xx * yy) : NAN };
        IL_TRY(il_inspect_row(t, p->s->layers->names[l].text, 1, row, 2, err));
    }
    return IL_OK;
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    IL_TRY(il_subject_ask(s, err));
    size_t points = il_points(s->evidence);
    size_t size = il_product((size_t)s->layers->n * points, (size_t)s->layers->width);
    il_real *stream = malloc(il_product(sizeof *stream, size));
    double *answers = malloc(sizeof *answers * 2 * points);
    patching p = { .s = s, .stream = stream };
    il_status status =
        stream && answers ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for patches");
    if (!status) status = il_inspect_columns(t, "layer$ follows explained", err);
    if (!status) status = il_layers_stream(s->layers, s->model, s->evidence, stream, err);
    if (!status) status = fill(&p, answers, answers + points, t, err);
    free(answers);
    free(stream);
    return status;
}

const il_analysis il_analysis_patch = {
    .name = "patch",
    .summary =
        "the stream at the query replaced by another prompt's: does the answer follow?",
    .run = run,
};
