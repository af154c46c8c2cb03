/* probing.c - fits one probe for every layer, number of examples and target (probing.h)
 *
 * The streams of as many layers as fit into a quarter of a gigabyte are recorded in one run; every
 * probe is then one job of one thread.
 */
#include "measure/probing.h"

#include <stdlib.h>

enum { MEMORY = 1 << 28 };

typedef struct {
    const il_probing *p;
    int rows, *row;           /* tokens recorded of a prompt */
    int from, n;              /* layers recorded */
    il_real *seen, *stream;   /* (n,B,rows,C) of fit and test */
    double **fit_y, **test_y; /* (targets,P): targets */
    il_regressor_score *score;
    il_status *status; /* of every probe of these layers */
} probing;

static void one(void *context, int job, int worker)
{
    const probing *w = context;
    const il_probing *p = w->p;
    int controls = 1 + p->controls, control = job % controls;
    int target = job / controls % p->targets, at = job / controls / p->targets % p->P,
        layer = job / controls / p->targets / p->P;
    size_t C = (size_t)p->layers->width, stride = (size_t)w->rows * C;
    int y = target * p->P + at;
    size_t first = p->pool ? 0 : (size_t)at * C;
    il_regressor_rows fit = { .x = w->seen +
                                   (size_t)layer * (size_t)p->fit->prompts * stride + first,
                              .stride = stride,
                              .positions = p->pool ? p->tokens[at] + 1 : 1,
                              .width = (int)C,
                              .y = w->fit_y[y],
                              .n = p->fit->prompts,
                              .outs = il_target_outs(&p->target[target], p->fit),
                              .shift = control };
    il_regressor_rows test = fit;
    test.x = w->stream + (size_t)layer * (size_t)p->test->prompts * stride + first;
    test.y = w->test_y[y];
    test.n = p->test->prompts;
    if (p->kept_fit) fit.kept = p->kept_fit + (size_t)at * (size_t)fit.n;
    if (p->kept_test) test.kept = p->kept_test + (size_t)at * (size_t)test.n;
    (void)worker;
    w->status[job] =
        il_regress(&w->score[il_probe_at(p, w->from + layer, at, target, control)],
                   p->regressor, &fit, &test, NULL, NULL);
}

static il_status targets(double ***out, const il_probing *p, const il_batch *batch,
                         il_error *err)
{
    double **y = *out = calloc((size_t)(p->targets * p->P), sizeof *y);
    if (!y) return il_fail(err, IL_EFAIL, "out of memory for targets");
    for (int i = 0; i < p->targets * p->P; i++) {
        const il_target *t = &p->target[i / p->P];
        y[i] =
            malloc(sizeof **y * (size_t)batch->prompts * (size_t)il_target_outs(t, batch));
        if (!y[i]) return il_fail(err, IL_EFAIL, "out of memory for targets");
        IL_TRY(il_target_fill(y[i], t, batch, p->examples[i % p->P], err));
    }
    return IL_OK;
}

static void free_targets(double **y, const il_probing *p)
{
    for (int i = 0; y && i < p->targets * p->P; i++) free(y[i]);
    free(y);
}

static size_t room_of(const probing *w)
{
    size_t B = (size_t)(w->p->fit->prompts + w->p->test->prompts);
    return sizeof(il_real) * B * (size_t)w->rows * (size_t)w->p->layers->width;
}

static il_status probe_layers(probing *w, il_error *err)
{
    const il_probing *p = w->p;
    int jobs = w->n * p->P * p->targets * (1 + p->controls);
    size_t size = (size_t)w->n * room_of(w) / sizeof(il_real);
    w->seen = malloc(sizeof *w->seen * size);
    w->status = calloc((size_t)jobs, sizeof *w->status);
    il_status status =
        w->seen && w->status ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for probes");
    w->stream = w->seen + size / (size_t)(p->fit->prompts + p->test->prompts) *
                              (size_t)p->fit->prompts;
    if (!status)
        status = il_observe_stream_whole(p->layers, p->model, p->fit, w->rows, w->row,
                                         w->from, w->n, w->seen, err);
    if (!status)
        status = il_observe_stream_whole(p->layers, p->model, p->test, w->rows, w->row,
                                         w->from, w->n, w->stream, err);
    if (!status) il_parallel(jobs, one, w);
    for (int i = 0; i < jobs && !status; i++)
        if (w->status[i]) status = il_fail(err, w->status[i], "out of memory for probes");
    free(w->seen);
    free(w->status);
    return status;
}

il_status il_probe(il_regressor_score *score, const il_probing *p, il_error *err)
{
    probing w = { .p = p, .score = score, .rows = p->P };
    int layers = p->layers->n + 1;
    for (int i = 0; i < p->P && p->pool; i++) w.rows = il_max(w.rows, p->tokens[i] + 1);
    w.row = malloc(sizeof *w.row * (size_t)w.rows);
    il_status status = w.row ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for probes");
    for (int i = 0; w.row && i < w.rows; i++) w.row[i] = p->pool ? i : p->tokens[i];
    if (!status) status = targets(&w.fit_y, p, p->fit, err);
    if (!status) status = targets(&w.test_y, p, p->test, err);
    w.n = il_max(1, (int)il_min(layers, (int)((size_t)MEMORY / room_of(&w))));
    for (w.from = 0; w.from < layers && !status; w.from += w.n) {
        w.n = il_min(w.n, layers - w.from);
        status = probe_layers(&w, err);
    }
    free_targets(w.fit_y, p);
    free_targets(w.test_y, p);
    free(w.row);
    return status;
}

il_status il_probe_regressor(il_regressor *regressor, const il_probe_options *o,
                             double usual, il_error *err)
{
    char *end = NULL;
    long units = !strcmp(o->probe, "mlp") ? 64 : 0;
    if (!strncmp(o->probe, "mlp=", 4)) units = strtol(o->probe + 4, &end, 10);
    *regressor = (il_regressor){ .hidden = (int)units,
                                 .shrink = o->shrink < 0 ? usual : o->shrink,
                                 .seed = 1 };
    if (!strcmp(o->probe, "ridge") || (units >= 1 && units <= 65536 && (!end || !*end)))
        return IL_OK;
    return il_fail(err, IL_ECONFIG, "probe = '%s' is not ridge, mlp or mlp=UNITS",
                   il_show(o->probe).text);
}
