/* probes.c - what a linear map can read off the stream, layer by layer
 *
 * For a position k and a layer, ridge regression from the stream to a target; the error, half the
 * mean squared one, is that on other prompts. Layer 0 is what the first block reads. Targets:
 *
 *   next            s_{k+1}, the answer
 *   preconditioned  (sum_{j<k} z_j z_j^T + ridge I)^{-1} z_k, z_k the last `stack` observations: the
 *                   input of a single last gradient step that answers as ridge regression does
 *   control         the same of another prompt, which nothing can read
 *   answer          s_{k+1} from the preconditioned input alone, which does not hold it: one row
 *
 * Prompts whose preconditioned input is longer than two deviations above the mean are left out.
 * Source: von Oswald et al. 2024, arXiv:2309.05858, figures 4E, 4F, 6, 24, 25; fitted and scored
 * on the same 256 prompts there.
 */
#include "claim/claim.h"

#include <math.h>
#include <stdlib.h>

enum { NEXT, PRECONDITIONED, CONTROL, ANSWER };

typedef struct {
    int what, prompts, stack, seed;
    double ridge, shrink;
    char at[IL_TEXT];
} options;

#define KEY(type, field, init, min, max, help, words)                                      \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, words       \
    }
/* clang-format off */
static const il_opt opts[] = {
    KEY(CHOICE, what, 0, 0, 0, "what is read", "next|preconditioned|control|answer"),
    KEY(TEXT, at, 0, 0, 0, "positions k, as numbers of examples before", "9 19"),
    KEY(INT, prompts, 1024, 2, 1e6, "prompts to fit on, and as many to score on", NULL),
    KEY(INT, stack, 1, 1, 64, "observations in z", NULL),
    KEY(REAL, ridge, 0.001, 1e-12, 1e12, "of the preconditioned input", NULL),
    KEY(REAL, shrink, 1e-6, 0, 1e6, "ridge of the probe, of the mean square of the stream", NULL),
    KEY(INT, seed, 1, 0, 2147483647, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

enum { MOST_LAYERS = 64, MOST_AT = 12, SHARD = 16 };

typedef struct {
    int layers, C, N, D, O, P, Z; /* Z = stack D; P positions */
    int op[MOST_LAYERS];          /* whose first input is the stream of a layer */
    int at[MOST_AT];
} shape;

/* Fitted and scored prompts: stream (layers,P,B,C), z~ (P,B,Z), next (P,B,O), kept (P,B). */
typedef struct {
    double *stream, *pre, *next;
    char *kept;
    int B;
} sample;

/* ---- the stream -------------------------------------------------------------------------------- */

static il_status find_layers(shape *s, const il_model *m, il_error *err)
{
    const il_plan *p = &m->plan;
    int last = -1;
    if (m->config.model.family != IL_STACK || il_model_loops(m) > 1)
        return il_fail(err, IL_ECONFIG,
                       "probes are of models of the family stack without loops");
    for (int i = 0; i < p->n_ops; i++) {
        char block[32];
        snprintf(block, sizeof block, "h.%d.", s->layers);
        if (s->layers < MOST_LAYERS - 1 && !strncmp(p->ops[i].name, block, strlen(block)))
            s->op[s->layers++] = i;
        if (!strncmp(p->ops[i].name, "h.", 2)) last = i;
    }
    s->op[s->layers++] = last + 1; /* the final norm, or the read-out */
    s->C = m->config.model.n_embd;
    return IL_OK;
}

static il_status find_positions(shape *s, const char *text, il_error *err)
{
    while (*(text += strspn(text, " ,"))) {
        char *end;
        long k = strtol(text, &end, 10);
        if (end == text || k < 1 || k >= s->N || s->P == MOST_AT)
            return il_fail(err, IL_ECONFIG,
                           "at: '%s' is not at most %d positions from 1 to %d",
                           il_show(text).text, MOST_AT, s->N - 1);
        s->at[s->P++] = (int)k;
        text = end;
    }
    return s->P ? IL_OK : il_fail(err, IL_ECONFIG, "at: no position is given");
}

typedef struct {
    const shape *shape;
    sample *to;
    const il_model *model;
    int first;
} capture;

static void keep(void *context, il_state *state, int op)
{
    const capture *c = context;
    const shape *s = c->shape;
    for (int l = 0; l < s->layers; l++) {
        if (s->op[l] != op) continue;
        const il_real *x = state->value[state->plan->ops[op].in[0]];
        for (int p = 0; p < s->P; p++)
            for (int b = 0; b < state->prompts; b++) {
                size_t row = ((size_t)l * (size_t)s->P + (size_t)p) * (size_t)c->to->B +
                             (size_t)(c->first + b);
                const il_real *from =
                    x + (size_t)(b * state->tokens + il_model_tokens(c->model, s->at[p])) *
                            (size_t)s->C;
                for (int i = 0; i < s->C; i++)
                    c->to->stream[row * (size_t)s->C + (size_t)i] = (double)from[i];
            }
    }
}

static il_status read_stream(sample *to, const shape *s, const il_model *m,
                             const il_batch *batch, il_error *err)
{
    il_state *state;
    int loops = il_model_loops(m);
    IL_TRY(il_model_check_prompts(m, err));
    IL_TRY(il_state_new(&state, m, SHARD, il_model_tokens(m, batch->points), 0, err));
    for (int first = 0; first < batch->prompts; first += SHARD) {
        capture c = { s, to, m, first };
        il_state_fill(state, batch, first, il_min(SHARD, batch->prompts - first),
                      batch->points);
        il_forward(state,
                   &(il_run){ .loops = loops, .post = 1, .tap = keep, .context = &c });
    }
    il_state_free(state);
    return IL_OK;
}

/* ---- targets ----------------------------------------------------------------------------------- */

/* Solves A X = B for symmetric positive A (n,n), X (n,m) in place of B; A is used up. */
static void solve(double *A, int n, double *B, int m)
{
    for (int i = 0; i < n; i++) { /* A = L L^T, L below */
        for (int j = 0; j <= i; j++) {
            double sum = A[i * n + j];
            for (int k = 0; k < j; k++) sum -= A[i * n + k] * A[j * n + k];
            A[i * n + j] = i == j ? sqrt(sum) : sum / A[j * n + j];
        }
        for (int k = 0; k < i; k++)
            for (int c = 0; c < m; c++) B[i * m + c] -= A[i * n + k] * B[k * m + c];
        for (int c = 0; c < m; c++) B[i * m + c] /= A[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            for (int c = 0; c < m; c++) B[i * m + c] -= A[k * n + i] * B[k * m + c];
        for (int c = 0; c < m; c++) B[i * m + c] /= A[i * n + i];
    }
}

/* z of point k: the newest observation first, zeros before the first one */
static void stacked(double *z, const il_real *x, int k, int D, int stack)
{
    for (int i = 0; i < stack; i++)
        for (int d = 0; d < D; d++) z[i * D + d] = k >= i ? (double)x[(k - i) * D + d] : 0;
}

static void precondition(double *out, const il_real *x, int k, const shape *s, int stack,
                         double ridge, double *A, double *z)
{
    int Z = s->Z;
    for (int i = 0; i < Z * Z; i++) A[i] = i % (Z + 1) ? 0 : ridge;
    for (int j = 0; j < k; j++) {
        stacked(z, x, j, s->D, stack);
        for (int a = 0; a < Z; a++)
            for (int b = 0; b <= a; b++) A[a * Z + b] += z[a] * z[b];
    }
    stacked(out, x, k, s->D, stack);
    solve(A, Z, out, 1);
}

static void drop_long(char *kept, const double *pre, int B, int Z)
{
    double sum = 0, square = 0;
    for (int b = 0; b < B; b++) {
        double n = 0;
        for (int i = 0; i < Z; i++) n += pre[b * Z + i] * pre[b * Z + i];
        sum += sqrt(n) / B;
        square += n / B;
    }
    double most = sum + 2 * sqrt(fmax(0, square - sum * sum));
    for (int b = 0; b < B; b++) {
        double n = 0;
        for (int i = 0; i < Z; i++) n += pre[b * Z + i] * pre[b * Z + i];
        kept[b] = sqrt(n) < most;
    }
}

static il_status read_targets(sample *to, const shape *s, const options *o,
                              const il_batch *batch, il_error *err)
{
    double *A = malloc(sizeof *A * (size_t)(s->Z * s->Z + s->Z));
    if (!A) return il_fail(err, IL_EFAIL, "out of memory for probes");
    for (int p = 0; p < s->P; p++) {
        size_t at = (size_t)p * (size_t)to->B;
        for (int b = 0; b < to->B; b++) {
            size_t prompt = (size_t)b * (size_t)s->N, row = at + (size_t)b;
            precondition(to->pre + row * (size_t)s->Z, batch->x + prompt * (size_t)s->D,
                         s->at[p], s, o->stack, o->ridge, A, A + s->Z * s->Z);
            const il_real *y = batch->y + (prompt + (size_t)s->at[p]) * (size_t)s->O;
            for (int i = 0; i < s->O; i++)
                to->next[row * (size_t)s->O + (size_t)i] = (double)y[i];
        }
        drop_long(to->kept + at, to->pre + at * (size_t)s->Z, to->B, s->Z);
    }
    free(A);
    return IL_OK;
}

static void free_sample(sample *to)
{
    free(to->stream);
    free(to->pre);
    free(to->next);
    free(to->kept);
}

static il_status draw(sample *to, const shape *s, const options *o, const il_model *m,
                      int seed, il_error *err)
{
    const il_config *c = &m->config;
    const il_task *task = il_task_find(c->training.task_name);
    size_t rows = (size_t)s->P * (size_t)o->prompts;
    il_batch *batch;
    to->B = o->prompts;
    to->stream = malloc(sizeof(double) * rows * (size_t)s->layers * (size_t)s->C);
    to->pre = malloc(sizeof(double) * rows * (size_t)s->Z);
    to->next = malloc(sizeof(double) * rows * (size_t)s->O);
    to->kept = malloc(rows);
    if (!to->stream || !to->pre || !to->next || !to->kept)
        return il_fail(err, IL_EFAIL, "out of memory for probes");
    IL_TRY(il_batch_new_outs(&batch, o->prompts, s->N, s->D, s->O, err));
    il_draw at = { .seed = (uint64_t)seed, .stream = IL_STREAM_EVAL };
    il_status status = il_batch_draw(batch, task, c->training.task_opts, NULL,
                                     c->training.curriculum.dims.end, at, err);
    if (!status) status = read_stream(to, s, m, batch, err);
    if (!status) status = read_targets(to, s, o, batch, err);
    il_batch_free(batch);
    return status;
}

/* ---- a probe ------------------------------------------------------------------------------------- */

/* What a probe reads and what it should say, prompt by prompt */
typedef struct {
    const double *x, *y;
    const char *kept;
    int B, n, m, shift; /* shift: the target is that of another prompt */
} pairs;

static pairs pairs_of(const sample *from, const shape *s, int what, int layer, int p)
{
    size_t B = (size_t)from->B, at = (size_t)p * B;
    const double *x = from->stream + ((size_t)layer * (size_t)s->P * B + at) * (size_t)s->C;
    const double *pre = from->pre + at * (size_t)s->Z;
    int next = what == NEXT || what == ANSWER;
    return (pairs){ .x = what == ANSWER ? pre : x,
                    .n = what == ANSWER ? s->Z : s->C,
                    .y = next ? from->next + at * (size_t)s->O : pre,
                    .m = next ? s->O : s->Z,
                    .kept = from->kept + at,
                    .B = from->B,
                    .shift = what == CONTROL };
}

static int other(const pairs *p, int b) { return p->shift ? (b + 1) % p->B : b; }
static int counts(const pairs *p, int b) { return p->kept[b] && p->kept[other(p, b)]; }

/* W (n+1,m): with a constant behind the inputs */
static void fit(double *W, double *A, const pairs *p, double shrink)
{
    int n = p->n + 1, m = p->m;
    double trace = 0;
    memset(A, 0, sizeof *A * (size_t)(n * n));
    memset(W, 0, sizeof *W * (size_t)(n * m));
    for (int b = 0; b < p->B; b++) {
        if (!counts(p, b)) continue;
        const double *x = p->x + (size_t)b * (size_t)p->n;
        const double *y = p->y + (size_t)other(p, b) * (size_t)m;
        for (int i = 0; i < n; i++) {
            double xi = i < p->n ? x[i] : 1;
            for (int j = 0; j <= i; j++) A[i * n + j] += xi * (j < p->n ? x[j] : 1);
            for (int c = 0; c < m; c++) W[i * m + c] += xi * y[c];
        }
    }
    for (int i = 0; i < p->n; i++) trace += A[i * n + i];
    for (int i = 0; i < n; i++) A[i * n + i] += shrink * trace / p->n + 1e-300;
    solve(A, n, W, m);
}

/* Half the mean squared error */
static double score(const double *W, const pairs *p)
{
    double sum = 0;
    int seen = 0;
    for (int b = 0; b < p->B; b++) {
        if (!counts(p, b)) continue;
        const double *x = p->x + (size_t)b * (size_t)p->n;
        const double *y = p->y + (size_t)other(p, b) * (size_t)p->m;
        for (int c = 0; c < p->m; c++) {
            double e = W[p->n * p->m + c] - y[c];
            for (int i = 0; i < p->n; i++) e += x[i] * W[i * p->m + c];
            sum += e * e;
        }
        seen++;
    }
    return sum / (2.0 * seen);
}

static il_status probe_all(il_table *table, const shape *s, const options *o,
                           const sample *train, const sample *test, il_error *err)
{
    int n = il_max(s->C, s->Z) + 1, m = il_max(s->O, s->Z);
    double *A = malloc(sizeof *A * (size_t)(n * n + n * m));
    if (!A) return il_fail(err, IL_EFAIL, "out of memory for probes");
    il_status status = IL_OK;
    for (int l = 0; l < (o->what == ANSWER ? 1 : s->layers) && !status; l++) {
        double mean = 0;
        status = il_table_add_row(table, err);
        if (status) break;
        il_table_set(table, l, 0, l);
        for (int p = 0; p < s->P; p++) {
            pairs from = pairs_of(train, s, o->what, l, p),
                  to = pairs_of(test, s, o->what, l, p);
            fit(A + n * n, A, &from, o->shrink);
            double e = score(A + n * n, &to);
            il_table_set(table, l, 1 + p, e);
            mean += e / s->P;
        }
        il_table_set(table, l, 1 + s->P, mean);
    }
    free(A);
    return status;
}

static il_status columns(il_table *table, const shape *s, il_error *err)
{
    IL_TRY(il_table_set_caption(table, "half the squared error of a probe", err));
    IL_TRY(il_table_add_col(table, "layer", 0, err));
    for (int p = 0; p < s->P; p++) {
        char name[32];
        snprintf(name, sizeof name, "k=%d", s->at[p]);
        IL_TRY(il_table_add_col(table, name, 0, err));
    }
    return il_table_add_col(table, "mean", 0, err);
}

static il_status run(const void *opt, const il_subject *subject, int n, const char *name,
                     il_table **out, il_error *err)
{
    const options *o = opt;
    if (n != 1)
        return il_fail(err, IL_ECONFIG, "probes are of one model; name it in `models`");
    const il_model *m = subject->model;
    shape s = { .N = m->config.training.curriculum.points.end,
                .D = m->config.model.n_dims,
                .O = il_width(&m->plan, m->plan.answer),
                .Z = o->stack * m->config.model.n_dims };
    sample train = { 0 }, test = { 0 };
    il_table *table;
    IL_TRY(find_layers(&s, m, err));
    IL_TRY(find_positions(&s, o->at, err));
    IL_TRY(il_table_new(&table, name, err));
    il_status status = columns(table, &s, err);
    if (!status) status = draw(&train, &s, o, m, o->seed, err);
    if (!status) status = draw(&test, &s, o, m, o->seed + 1, err);
    if (!status) status = probe_all(table, &s, o, &train, &test, err);
    free_sample(&train);
    free_sample(&test);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_probes = {
    .name = "probes",
    .summary = "what a linear map can read off the stream, by layer",
    .opts = opts,
    .size = sizeof(options),
    .run = run,
};
