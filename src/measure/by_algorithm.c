/* by_algorithm.c - patching an algorithm's iterate into the residual stream: does the model continue it?
 *
 * After layer k the stream of a token is moved along the read-out's direction, h <- h + a g (g the read-out's
 * weights, times the final norm's gain), until the read-out gives what the algorithm predicts after j steps:
 * at the query w_j.q; at an example of tokens (x, y), whose stream holds a residual, w_j.x - y; at an x of
 * x_0, y_0, x_1, ... the prediction from the examples before it. Or, where `at` names a register as wide as an
 * input on which the read-out does not depend, w_j itself is written there. If the remaining L - k layers are
 * steps of the algorithm, the answer is that after j + L - k steps. Columns, for each hook:
 *
 *   step, continued   j, and j + L - k
 *   written           |read-out after the patch - the prediction wanted| / |the latter|, at the query
 *   follows           slope of the answer's movement against the movement to the algorithm continued
 *   explained         share of the answer's movement on that line
 *   left              |answer - continued|^2 / |continued|^2
 *   nearest           the step that is nearest to the answer; nearest_left, the same with it
 */
#include "algo/algo.h"
#include "measure/patch.h"

#include <math.h>
#include <stdlib.h>

enum { SECANTS = 12, TOGETHER = 4 }; /* prompts that run together */
enum { MORE = 8 };                   /* steps looked at beyond the last that is expected */

typedef struct {
    il_observation *s;
    int which, j, steps; /* tokens written; the step; steps known: 0..steps */
    double *yhat;        /* (steps+1,points): the algorithm's answers to the queries */
    double *wanted;      /* (points,tokens) the read-out wanted; NaN: the token stays */
    double *w;           /* (points,D): w_j, where weights are written */
    size_t tokens;
    double *direction; /* (C) g, of the whole stream */
} algorithm;

/* ---- the algorithm --------------------------------------------------------------------------- */

static il_status parse(char name[IL_TEXT], int *step, const char *by, il_error *err)
{
    const char *at = strrchr(by, '@');
    char *end = NULL;
    long n = at ? strtol(at + 1, &end, 10) : -1;
    if (!at || end == at + 1 || *end || n < 0 || n > 10000)
        return il_fail(err, IL_ECONFIG,
                       "by = '%s' is not an algorithm after a number of steps, as in "
                       "gd step_size=0.1@3",
                       il_show(by).text);
    snprintf(name, IL_TEXT, "%.*s", (int)il_min((int)(at - by), IL_TEXT - 1), by);
    *step = (int)n;
    return IL_OK;
}

/* The read-out wanted at the tokens of one query. yhat (N): answers from the examples before each */
static void want(const algorithm *a, const il_batch *asked, int question,
                 const il_real *yhat, const il_real *w, double *wanted)
{
    const il_model *m = a->s->model;
    int N = asked->points, D = asked->dim, residuals = il_model_layout(m)->last;
    const il_real *x = asked->x + (size_t)question * (size_t)N * (size_t)D;
    const il_real *y = asked->y + (size_t)question * (size_t)N;
    for (size_t t = 0; t < a->tokens; t++) wanted[t] = NAN;
    for (int n = 0; n < N; n++) {
        int query = n == N - 1, token = il_model_tokens(m, n);
        if (a->which != IL_AT_ALL && query != (a->which == IL_AT_QUERY)) continue;
        wanted[token] = (double)yhat[n];
        if (query || !residuals) continue;
        wanted[token] = -(double)y[n];
        for (int d = 0; d < D; d++) wanted[token] += (double)w[d] * (double)x[n * D + d];
    }
}

static il_status run_cell(algorithm *a, const il_algo *algo, int cell, il_error *err)
{
    const il_batch *asked = a->s->prompts->cell[cell].asked;
    size_t P = (size_t)asked->prompts, N = (size_t)asked->points, D = (size_t)asked->dim;
    size_t first = (size_t)cell * P, all = il_observe_points(a->s->prompts);
    int residuals = il_model_layout(a->s->model)->last;
    il_real *yhat = malloc(sizeof *yhat * il_product((size_t)(a->steps + 1), P * N));
    il_real *what = malloc(sizeof *what * P * N * D);
    il_status status =
        yhat && what ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for an algorithm");
    if (!status) status = il_algo_predict(algo, asked, 0, a->steps, yhat, NULL, err);
    for (size_t i = 0; i < P && !status; i++)
        for (size_t k = 0; k <= (size_t)a->steps; k++)
            a->yhat[k * all + first + i] = (double)yhat[(k * P + i) * N + N - 1];
    if (!status && (residuals || a->w))
        status = il_algo_predict(algo, asked, a->j, a->j, yhat, what, err);
    else if (!status)
        memmove(yhat, yhat + (size_t)a->j * P * N, sizeof *yhat * P * N);
    for (size_t i = 0; i < P && !status; i++) {
        const il_real *w = what + (i * N + N - 1) * D;
        want(a, asked, (int)i, yhat + i * N, w, a->wanted + (first + i) * a->tokens);
        for (size_t d = 0; d < D && a->w; d++) a->w[(first + i) * D + d] = (double)w[d];
    }
    free(yhat);
    free(what);
    return status;
}

/* ---- the read-out -------------------------------------------------------------------------------- */

static void spread(double *g, const il_model *m, const il_op *op)
{
    int C = m->plan.slots[op->in[0]].width;
    const il_real *w =
        op->par[0] == IL_NONE ? NULL : m->weights + m->plan.params[op->par[0]].offset;
    if (op->kind->form == IL_FORM_MAP)
        for (int c = 0; c < C; c++) g[c] = (double)w[c];
    else if (op->kind->form == IL_FORM_PICK)
        g[op->kind->picks(op)] = 1;
    else
        for (int c = 0; c < C; c++) g[c] *= (double)w[c];
}

/* The direction in which a linear read-out, behind a norm or not, reads the stream */
static il_status find_direction(algorithm *a, il_error *err)
{
    const il_model *m = a->s->model;
    const il_observe_layers *l = a->s->layers;
    int slot = m->plan.answer,
        from = l->loops ? m->plan.carry_out : m->plan.ops[l->op[l->n - 1]].out;
    for (int depth = 0; slot != from; depth++) {
        int producer = m->plan.slots[slot].producer;
        const il_op *op = producer == IL_NONE ? NULL : &m->plan.ops[producer];
        il_form form = op ? op->kind->form : IL_FORM_OTHER;
        int found =
            depth ? form == IL_FORM_NORM : form == IL_FORM_MAP || form == IL_FORM_PICK;
        if (!found || depth > 1)
            return il_fail(
                err, IL_ECONFIG,
                "by: patching an algorithm's answer needs a model whose output is a linear "
                "read-out, after one norm at most; this one's is not");
        spread(a->direction, m, op);
        slot = op->in[0];
    }
    return IL_OK;
}

/* The read-out of all rows' streams, final norm included. Nothing else is alive where a layer ends. */
static const il_real *read_end(const il_observe_layers *l, il_state *s,
                               const il_real *stream)
{
    const il_plan *p = s->plan;
    int last = l->loops ? p->end[IL_BODY] - 1 : l->op[l->n - 1];
    int slot = l->loops ? p->carry_out : p->ops[last].out;
    memmove(s->value[slot], stream, sizeof *stream * (size_t)s->rows * (size_t)l->width);
    for (int j = last + 1; j < p->end[IL_POST]; j++) p->ops[j].kind->forward(&p->ops[j], s);
    return s->value[p->answer];
}

/* ---- writing --------------------------------------------------------------------------------------- */

typedef struct {
    const algorithm *a;
    const il_observe_hook *hook; /* NULL: none */
    int weights;                 /* w_j is written, else a prediction */
    double *answer;              /* (points) */
    double *error, *power;       /* (points) of the read-out at the query then */
    size_t rows;                 /* scratch: (rows) four times, then two streams */
} writing;

static double wanted_at(const il_shard *q, int tokens, int row)
{
    const writing *w = q->context;
    return w->a->wanted[(q->first + (size_t)(row / tokens)) * w->a->tokens +
                        (size_t)(row % tokens)];
}

/* h + a g for every row that is written */
static void move(const il_shard *q, const il_state *s, const il_real *from,
                 const double *by, il_real *to)
{
    const writing *w = q->context;
    int rows = s->rows;
    int C = w->hook->width, at = w->hook->at, last = at + w->hook->columns;
    memcpy(to, from, sizeof *to * (size_t)rows * (size_t)C);
    for (int r = 0; r < rows; r++)
        for (int c = at; c < last && !isnan(wanted_at(q, s->tokens, r)); c++)
            to[r * C + c] = (il_real)((double)from[r * C + c] + by[r] * w->a->direction[c]);
}

/* The secant method, row by row; a linear read-out is exact after the first step */
static void write_answers(const il_shard *q, il_state *s, il_real *value)
{
    const writing *w = q->context;
    const il_observe_layers *l = w->a->s->layers;
    int R = s->rows, C = w->hook->width;
    double *a = q->scratch, *before = a + R, *read = before + R, *was = read + R;
    il_real *stream = (il_real *)(a + 4 * w->rows), *moved = stream + (size_t)R * (size_t)C;
    double gg = 0;
    for (int c = w->hook->at; c < w->hook->at + w->hook->columns; c++)
        gg += w->a->direction[c] * w->a->direction[c];
    memcpy(stream, value, sizeof *stream * (size_t)R * (size_t)C);
    const il_real *y = read_end(l, s, stream);
    for (int r = 0; r < R; r++) {
        before[r] = 0;
        was[r] = (double)y[r];
        a[r] = (wanted_at(q, s->tokens, r) - was[r]) / gg;
        if (isnan(a[r])) a[r] = 0;
    }
    for (int i = 0; i < SECANTS; i++) {
        move(q, s, stream, a, moved);
        y = read_end(l, s, moved);
        for (int r = 0; r < R; r++) {
            double slope, to = wanted_at(q, s->tokens, r);
            read[r] = (double)y[r];
            slope = (read[r] - was[r]) / (a[r] - before[r]);
            was[r] = read[r];
            before[r] = a[r];
            if (isfinite(slope) && slope != 0 && !isnan(to)) a[r] += (to - read[r]) / slope;
        }
    }
    move(q, s, stream, a, moved);
    y = read_end(l, s, moved);
    for (int i = 0; i < q->prompts; i++) {
        int r = i * s->tokens + q->token;
        double to = wanted_at(q, s->tokens, r);
        w->error[q->first + (size_t)i] = ((double)y[r] - to) * ((double)y[r] - to);
        w->power[q->first + (size_t)i] = to * to;
    }
    memcpy(value, moved, sizeof *value * (size_t)R * (size_t)C);
}

static void write_weights(const il_shard *q, il_state *s, il_real *value)
{
    const writing *w = q->context;
    size_t D = (size_t)w->hook->columns;
    for (int r = 0; r < s->rows; r++)
        for (size_t d = 0; d < D && !isnan(wanted_at(q, s->tokens, r)); d++)
            value[(size_t)r * (size_t)w->hook->width + (size_t)w->hook->at + d] =
                (il_real)w->a->w[(q->first + (size_t)(r / s->tokens)) * D + d];
}

static void tap(const il_shard *q, il_state *s, int op)
{
    const writing *w = q->context;
    if (!w->hook || op != w->hook->op) return;
    if (w->a->s->layers->loops && s->loop != w->hook->loop) return;
    if (w->weights)
        write_weights(q, s, s->value[s->plan->ops[op].out]);
    else
        write_answers(q, s, s->value[s->plan->ops[op].out]);
}

static il_status ask(writing *w, const il_observe_hook *hook, double *answer, il_error *err)
{
    const il_observation *s = w->a->s;
    w->hook = hook;
    w->answer = answer;
    size_t C = (size_t)s->layers->width;
    return il_observe_run(
        s->model, s->prompts,
        (il_pass){ .loops = s->layers->loops ? s->layers->n : 1,
                   .post = 1,
                   .together = TOGETHER,
                   .scratch = w->rows * (4 * sizeof(double) + 2 * C * sizeof(il_real)),
                   .tap = tap,
                   .context = w,
                   .answer = answer },
        err);
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static double apart(const double *answer, const double *yhat, size_t n)
{
    double sum = 0, power = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (answer[i] - yhat[i]) * (answer[i] - yhat[i]);
        power += yhat[i] * yhat[i];
    }
    return power > 0 ? sum / power : NAN;
}

static il_status add_row(const writing *w, const double *before, il_table *t, il_error *err)
{
    const algorithm *a = w->a;
    size_t n = il_observe_points(a->s->prompts);
    int continued = a->j + a->s->layers->n - w->hook->layer, nearest = 0;
    const double *to = a->yhat + (size_t)continued * n;
    double xx = 0, xy = 0, yy = 0, whole = 0, error = 0, power = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double x = to[i] - before[i], y = w->answer[i] - before[i];
        xx += x * x, xy += x * y, yy += y * y, whole += to[i] * to[i];
        error += w->error[i], power += w->power[i];
    }
    for (int k = 0; k <= a->steps; k++) {
        double left = apart(w->answer, a->yhat + (size_t)k * n, n);
        if (!(left < least)) continue;
        least = left;
        nearest = k;
    }
    int moved = xx > 1e-8 * whole; /* where the answer is there already none follows */
    double row[] = { a->j,
                     continued,
                     w->weights || !(power > 0) ? NAN : sqrt(error / power),
                     moved ? xy / xx : NAN,
                     moved && yy > 0 ? xy * xy / (xx * yy) : NAN,
                     apart(w->answer, to, n),
                     nearest,
                     least };
    return il_table_add_numbers(t, w->hook->name.text, 1, row, IL_COUNT(row), err);
}

/* Can this hook be written, and how? */
static il_status check_hook(const algorithm *a, const il_observe_hook *p, int *weights,
                            il_error *err)
{
    double gg = 0;
    if (!p->layer)
        return il_fail(err, IL_ECONFIG,
                       "by: %s is neither the residual stream nor one of its registers, "
                       "and only there an algorithm's iterate can be patched",
                       p->name.text);
    for (int c = p->at; c < p->at + p->columns; c++)
        gg += a->direction[c] * a->direction[c];
    *weights = !(gg > 0) && p->columns == a->s->draw.dim;
    if (gg > 0 || *weights) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "by: %s cannot be patched: the read-out does not depend on it, so it has no place "
        "for an answer, and its width is not n_dims, so it has none for w",
        p->name.text);
}

static il_status write_all(writing *w, const il_observe_hooks *hooks, il_table *t,
                           il_error *err)
{
    size_t n = il_observe_points(w->a->s->prompts);
    double *before = w->error + 2 * n, *after = before + n;
    IL_TRY(ask(w, NULL, before, err));
    for (int i = 0; i < hooks->n; i++) {
        IL_TRY(check_hook(w->a, &hooks->hook[i], &w->weights, err));
        IL_TRY(ask(w, &hooks->hook[i], after, err));
        IL_TRY(add_row(w, before, t, err));
    }
    return IL_OK;
}

static il_status room(writing *w, il_error *err)
{
    const algorithm *a = w->a;
    w->rows = (size_t)TOGETHER * a->tokens;
    w->error = calloc(4 * il_observe_points(a->s->prompts), sizeof *w->error);
    if (!w->error) return il_fail(err, IL_EFAIL, "out of memory for patches");
    w->power = w->error + il_observe_points(a->s->prompts);
    return IL_OK;
}

static il_status prepare(algorithm *a, const il_observe_hooks *hooks, const il_algo *algo,
                         il_error *err)
{
    const il_observe_prompts *e = a->s->prompts;
    int most = 0, weights = 0;
    for (int c = 0; c < e->cells; c++) most = il_max(most, e->cell[c].n);
    size_t n = il_observe_points(e);
    a->tokens = (size_t)il_model_tokens(a->s->model, most + 1);
    a->steps = a->j + a->s->layers->n + MORE;
    a->direction = calloc((size_t)a->s->layers->width, sizeof *a->direction);
    a->yhat = malloc(sizeof *a->yhat * n * (size_t)(a->steps + 1));
    a->wanted = malloc(sizeof *a->wanted * n * a->tokens);
    if (!a->direction || !a->yhat || !a->wanted)
        return il_fail(err, IL_EFAIL, "out of memory for patches");
    IL_TRY(find_direction(a, err));
    IL_TRY(check_hook(a, hooks->hook, &weights, err));
    if (weights && !(a->w = malloc(sizeof *a->w * n * (size_t)a->s->draw.dim)))
        return il_fail(err, IL_EFAIL, "out of memory for patches");
    for (int c = 0; c < e->cells; c++) IL_TRY(run_cell(a, algo, c, err));
    return IL_OK;
}

static il_status check_steps(const algorithm *a, const il_algo *algo, const char *by,
                             il_error *err)
{
    if (!a->j || il_algo_steps(algo)) return IL_OK;
    return il_fail(err, IL_ECONFIG, "by = '%s': %s answers at once, without steps; try @0",
                   il_show(by).text, il_algo_text(algo));
}

il_status il_patch_by_algorithm(il_observation *s, const char *by,
                                const il_observe_hooks *hooks, il_table *t, int which,
                                il_error *err)
{
    char name[IL_TEXT];
    algorithm a = { .s = s, .which = which };
    writing w = { .a = &a };
    il_algo *algo;
    IL_TRY(parse(name, &a.j, by, err));
    IL_TRY(il_algo_new(&algo, name, err));
    il_status status = check_steps(&a, algo, by, err);
    if (!status) status = prepare(&a, hooks, algo, err);
    if (!status) status = room(&w, err);
    if (!status) status = write_all(&w, hooks, t, err);
    free(w.error);
    il_algo_free(algo);
    free(a.direction);
    free(a.yhat);
    free(a.wanted);
    free(a.w);
    return status;
}
