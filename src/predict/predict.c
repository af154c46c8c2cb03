/* predict.c - the user's own table, in context
 *
 * The examples become the points of a prompt and every query its last point. A model learnt on
 * inputs of mean 0 and variance 1 and on targets of its task's variance, so each prompt is
 * brought there and its answer back:
 *
 *   x' = (x - mean x) / sd x      y' = (y - mean y) / sd y * sqrt(scale of the task)
 *
 * More examples than the model was trained on are dealt into several prompts, whose answers are
 * averaged. docs/predict.md tells the user.
 */
#include "predict/predict.h"
#include "model/model.h"
#include "task/task.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    const char *target;
    int loops, prompts;
    il_until until;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    { "target", IL_OPT_STRING, offsetof(options, target), .help = "the column to predict",
      .value = "COLUMN" },
    IL_LOOPS_KEYS(options, "loops (the model's)"),
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 32, 1, 1e6,
      "prompts averaged when the examples do not fit one", NULL, "P" },
    { "seed", IL_OPT_SEED, offsetof(options, seed),
      .help = "which examples go into which prompt" },
    { 0 },
};

const il_opt *il_predict_opts(void) { return opts; }

/* One prompt: which examples it holds and how it brings numbers to the model */
typedef struct {
    int *hand;      /* (per_prompt) rows of the examples */
    il_standard *x; /* (P) */
    il_standard y;
} prompt;

typedef struct {
    const il_model *model;
    const il_frame *frame;
    int loops, prompts, per_prompt;
    uint64_t seed;
    int *deck,
        dealt;  /* (M) the examples in shuffled order, and how many of them were dealt */
    int rounds; /* shuffles */
    prompt *prompt;        /* (prompts) */
    double y_scale;        /* sd of the task's targets */
    int asked;             /* of every prompt: the Q queries, then its own examples */
    double *answers;       /* (prompts,asked) */
    double *mean;          /* (Q) of the prompts' answers to the queries */
    const il_until *until; /* loops stop by themselves; or NULL */
    double *took;          /* then (Q) how many, a mean over the prompts */
} table_run;

/* ---- which examples go into a prompt ------------------------------------------------------- */

/* Fisher and Yates; the order is a function of the seed and the round. */
static void shuffle(table_run *r)
{
    il_rng rng = il_rng_at(r->seed, IL_STREAM_USER, (uint32_t)r->rounds++, 0);
    for (int i = 0; i < r->frame->M; i++) r->deck[i] = i;
    for (int i = r->frame->M - 1; i > 0; i--) {
        int j = il_below(&rng, i + 1), swap = r->deck[i];
        r->deck[i] = r->deck[j];
        r->deck[j] = swap;
    }
    r->dealt = 0;
}

/* The next examples of the deck; across a shuffle none comes twice into the same prompt, so all
 * are seen once before any is seen again. */
static void deal(table_run *r, int *hand)
{
    int n = 0, M = r->frame->M;
    if (r->per_prompt == M) { /* all fit: as the table orders them */
        for (int i = 0; i < M; i++) hand[i] = i;
        return;
    }
    while (n < r->per_prompt) {
        if (r->dealt == M || !r->rounds) shuffle(r);
        int next = r->deck[r->dealt++], twice = 0;
        for (int i = 0; i < n; i++) twice |= hand[i] == next;
        if (!twice) hand[n++] = next;
    }
}

static il_status deal_all(table_run *r, il_error *err)
{
    const il_frame *f = r->frame;
    r->deck = malloc(sizeof *r->deck * (size_t)f->M);
    r->prompt = calloc((size_t)r->prompts, sizeof *r->prompt);
    if (!r->deck || !r->prompt)
        return il_fail(err, IL_EFAIL, "out of memory for %d examples", f->M);
    for (int i = 0; i < r->prompts; i++) {
        prompt *p = r->prompt + i;
        p->hand = malloc(sizeof *p->hand * (size_t)r->per_prompt);
        p->x = malloc(sizeof *p->x * (size_t)f->P);
        if (!p->hand || !p->x)
            return il_fail(err, IL_EFAIL, "out of memory for %d prompts", r->prompts);
        deal(r, p->hand);
        p->y = il_standard_of(f->y, p->hand, r->per_prompt);
        for (int c = 0; c < f->P; c++)
            p->x[c] = il_standard_of(f->x[c], p->hand, r->per_prompt);
    }
    return IL_OK;
}

/* ---- what the model is shown ------------------------------------------------------------------ */

static void set_point(const il_frame *f, const prompt *p, il_real *x, int row)
{
    for (int c = 0; c < f->P; c++) x[c] = (il_real)il_standard_from(&p->x[c], f->x[c][row]);
}

/* The row that a prompt is asked about: a query, or then one of the examples that it was shown */
static int row_at(const il_frame *f, const prompt *p, int k)
{
    return k < f->Q ? f->M + k : p->hand[k - f->Q];
}

static il_real target(const table_run *r, const prompt *p, int row)
{
    return (il_real)(il_standard_from(&p->y, r->frame->y[row]) * r->y_scale);
}

static double answer(const table_run *r, const prompt *p, il_real yhat)
{
    return il_standard_to(&p->y, (double)yhat / r->y_scale);
}

/* ---- asking -------------------------------------------------------------------------------------- */

/* Examples and queries of the prompts that are asked together, and the answers */
typedef struct {
    il_batch *examples;
    il_real *xq, *yhat; /* (prompts,asked,D); (prompts,asked) */
    int *took;          /* likewise, loops that stop by themselves */
} asking;

static il_status ask_group(table_run *r, const asking *a, int from, il_error *err)
{
    const il_frame *f = r->frame;
    il_batch given = *a->examples;
    size_t D = (size_t)given.dim, N = (size_t)given.points, asked = (size_t)r->asked;
    given.prompts = il_min(given.prompts, r->prompts - from);
    for (size_t b = 0; b < (size_t)given.prompts; b++) {
        const prompt *p = r->prompt + from + b;
        for (size_t i = 0; i < N; i++) {
            set_point(f, p, given.x + (b * N + i) * D, p->hand[i]);
            given.y[b * N + i] = target(r, p, p->hand[i]);
        }
        for (size_t k = 0; k < asked; k++)
            set_point(f, p, a->xq + (b * asked + k) * D, row_at(f, p, (int)k));
    }
    IL_TRY(r->until ? il_model_ask_until(r->model, &given, a->xq, r->asked, r->until,
                                         a->yhat, a->took, err)
                    : il_model_ask(r->model, &given, a->xq, r->asked, r->loops, r->loops,
                                   a->yhat, err));
    for (size_t i = 0; i < (size_t)given.prompts * asked; i++) {
        r->answers[(size_t)from * asked + i] =
            answer(r, r->prompt + from + i / asked, a->yhat[i]);
        if (r->until && i % asked < (size_t)f->Q)
            r->took[i % asked] += (double)a->took[i] / r->prompts;
    }
    return IL_OK;
}

/* As many prompts together as there are threads. */
static il_status ask_groups(table_run *r, il_error *err)
{
    int together = il_min(il_workers(), r->prompts),
        D = il_model_config(r->model)->model.n_dims;
    size_t asked = (size_t)together * (size_t)r->asked;
    asking a = { .xq = calloc(il_product(asked, (size_t)D), sizeof *a.xq),
                 .yhat = calloc(asked, sizeof *a.yhat),
                 .took = calloc(asked, sizeof *a.took) };
    il_status status =
        a.xq && a.yhat && a.took
            ? il_batch_new(&a.examples, together, r->per_prompt, D, err)
            : il_fail(err, IL_EFAIL, "out of memory for %d queries", r->asked);
    for (int p = 0; p < r->prompts && !status; p += together)
        status = ask_group(r, &a, p, err);
    il_batch_free(a.examples);
    free(a.xq);
    free(a.yhat);
    free(a.took);
    return status;
}

static il_status ask_all(table_run *r, il_error *err)
{
    int Q = r->frame->Q;
    IL_TRY(deal_all(r, err));
    r->asked = Q + r->per_prompt;
    r->answers = calloc((size_t)r->prompts * (size_t)r->asked, sizeof *r->answers);
    r->mean = calloc((size_t)Q, sizeof *r->mean);
    r->took = calloc((size_t)Q, sizeof *r->took);
    if (!r->answers || !r->mean || !r->took)
        return il_fail(err, IL_EFAIL, "out of memory for %d queries", Q);
    IL_TRY(ask_groups(r, err));
    for (int q = 0; q < Q; q++) {
        for (int p = 0; p < r->prompts; p++)
            r->mean[q] += r->answers[(size_t)p * (size_t)r->asked + (size_t)q];
        r->mean[q] /= r->prompts;
        if (isfinite(r->mean[q])) continue;
        r->mean[q] = 0; /* it was the sum that is too large, or an answer */
        for (int p = 0; p < r->prompts; p++)
            r->mean[q] += r->answers[(size_t)p * (size_t)r->asked + (size_t)q] / r->prompts;
    }
    return IL_OK;
}

static void free_run(table_run *r)
{
    for (int p = 0; r->prompt && p < r->prompts; p++) {
        free(r->prompt[p].hand);
        free(r->prompt[p].x);
    }
    free(r->deck);
    free(r->prompt);
    free(r->answers);
    free(r->mean);
    free(r->took);
}

/* ---- what is handed back ------------------------------------------------------------------------- */

/* The model's squared error on the examples it was shown over that of their mean: a model that makes
 * something of them is below 1. NaN where all targets are the same. */
static double shown_error(const table_run *r)
{
    double squares = 0;
    int n = 0, Q = r->frame->Q;
    for (int i = 0; i < r->prompts; i++) {
        const prompt *p = r->prompt + i;
        const double *answers = r->answers + (size_t)i * (size_t)r->asked + Q;
        if (!(p->y.sd > 0)) continue;
        for (int k = 0; k < r->per_prompt; k++, n++) {
            double d = il_standard_from(&p->y, answers[k]) -
                       il_standard_from(&p->y, r->frame->y[p->hand[k]]);
            squares += d * d;
        }
    }
    return squares / n;
}

static void note_shown(const table_run *r, FILE *notes)
{
    const double enough = 0.9;
    double error = shown_error(r);
    if (error >= enough)
        fprintf(notes,
                "the model makes nothing of these examples: its squared error on the very "
                "examples it is shown is %.3g of that of their mean\n",
                error);
}

static il_status fill_answers(il_table *t, const table_run *r, il_error *err)
{
    const il_frame *f = r->frame;
    const char *columns = f->has_target ? "row prediction target" : "row prediction";
    IL_TRY(il_table_add_cols(t, columns, err));
    for (int q = 0; q < f->Q; q++)
        IL_TRY(il_table_add(t, NULL, (double[]){ q + 1, r->mean[q], f->y[f->M + q] }, err));
    if (!r->until) return IL_OK;
    int col = il_table_cols(t);
    IL_TRY(il_table_add_cols(t, "loops", err));
    for (int q = 0; q < f->Q; q++) il_table_set(t, q, col, r->took[q]);
    return IL_OK;
}

/* `frame` is filled; everything else of il_predict, to be freed by it whatever happens. */
static il_status predict(table_run *r, il_table *table, il_prediction *s, FILE *notes,
                         il_error *err)
{
    const il_frame *f = r->frame;
    char beyond[256];
    IL_TRY(ask_all(r, err));
    IL_TRY(il_frame_score(f, r->mean, s, notes, err));
    note_shown(r, notes);
    if (il_model_beyond(r->model, r->per_prompt + 1, f->P, r->loops, beyond, sizeof beyond))
        fprintf(notes, "%s\n", beyond);
    s->features = f->P;
    s->prompts = r->prompts;
    s->per_prompt = r->per_prompt;
    return fill_answers(table, r, err);
}

static il_status set_up(table_run *r, const options *o, il_error *err)
{
    const il_config *c = il_model_config(r->model);
    int room = il_model_points(r->model) - 1; /* the query takes a point */
    const il_task *task = il_task_find(c->training.task_name);
    assert(task); /* a model's recipe has been checked */
    if (strcmp(task->loss, "mse"))
        return il_fail(err, IL_ECONFIG,
                       "the model was trained on %s and answers with classes; a table's "
                       "numbers need a model of a regression task",
                       task->name);
    if (task->sequence)
        return il_fail(
            err, IL_ECONFIG,
            "the model was trained on the sequences of %s; a table needs a model "
            "of a regression task",
            task->name);
    if (room < 1)
        return il_fail(
            err, IL_ECONFIG,
            "the model was trained on prompts of one point and takes no examples");
    IL_TRY(il_until_check_given(&o->until, o->loops, err));
    r->until = o->loops == IL_LOOPS_AUTO ? &o->until : NULL;
    r->loops = o->loops > 0                ? o->loops
               : r->until && o->until.most ? o->until.most
                                           : il_model_loops(r->model);
    r->seed = o->seed;
    r->per_prompt = il_min(r->frame->M, room);
    r->prompts = r->frame->M <= room ? 1 : o->prompts;
    r->y_scale = sqrt(il_task_scale(task, c->training.task_opts, r->frame->P));
    return IL_OK;
}

static il_status predict_tables(const il_model *model, const il_table *examples,
                                const il_table *queries, const options *o, il_table *table,
                                il_prediction *s, FILE *notes, il_error *err)
{
    il_frame frame;
    table_run run = { .model = model, .frame = &frame };
    IL_TRY(il_frame_new(&frame, examples, queries, o->target,
                        il_model_config(model)->model.n_dims, notes, err));
    il_status status = set_up(&run, o, err);
    if (!status) status = predict(&run, table, s, notes, err);
    free_run(&run);
    il_frame_free(&frame);
    return status;
}

il_status il_predict(const il_model *model, const il_table *examples,
                     const il_table *queries, const char *const *settings, int n_settings,
                     il_table **answers, il_prediction *summary, il_error *err)
{
    options o;
    IL_GIVEN(err, "model examples queries answers summary", model, examples, queries,
             answers, summary);
    il_opt_init(opts, &o);
    IL_TRY(il_opt_apply(opts, &o, settings, n_settings, "predict", err));
    if (!o.target)
        return il_fail(err, IL_ECONFIG, "target, the column to predict, is not given");
    enum { NOTE = 512 }; /* bytes of the longest */
    il_prediction s = { 0 };
    il_table *table = NULL;
    IL_TRY(il_model_check_prompts(model, err));
    size_t room =
        NOTE * (16 + (size_t)il_table_cols(examples) + (size_t)il_table_cols(queries));
    s.notes = calloc(room, 1);
    FILE *notes = s.notes ? fmemopen(s.notes, room, "w") : NULL;
    il_status status = notes ? il_table_new(&table, "predictions", err)
                             : il_fail(err, IL_EFAIL, "out of memory for a prediction");
    if (!status)
        status = predict_tables(model, examples, queries, &o, table, &s, notes, err);
    int lost = notes && (fflush(notes) || ferror(notes));
    if (notes) fclose(notes);
    if (lost && !status)
        status = il_fail(err, IL_EFAIL, "out of memory for a prediction's notes");
    if (status) {
        il_table_free(table);
        free(s.notes);
        return status;
    }
    *answers = table;
    *summary = s;
    return IL_OK;
}

void il_prediction_free(il_prediction *summary)
{
    if (!summary) return;
    free(summary->notes);
    summary->notes = NULL;
}
