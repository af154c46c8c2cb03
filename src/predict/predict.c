/* predict.c - the user's own table, in context
 *
 * The model answers, or ridge regression, or the one of them that makes the smaller error on examples that are left out
 * in turn; from the same errors come the quantiles of an answer. docs/predict.md tells the user.
 */
#include "predict/predict.h"
#include "model/model.h"
#include "report/report.h"
#include "task/task.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { ANSWERS_MODEL, ANSWERS_RIDGE, ANSWERS_BEST };
enum {
    LEVELS = 16,
    LEAST = 3
}; /* quantiles at most; examples of which one can be left out */

typedef struct {
    const char *target, *quantiles;
    int loops, prompts, predictor;
    il_until until;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    { "target", IL_OPT_STRING, offsetof(options, target), .help = "the column to predict",
      .value = "COLUMN" },
    IL_LOOPS_KEYS(options, "loops (the model's)"),
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 32, 1, 1e6,
      "prompts averaged when the examples do not fit one", NULL, "P" },
    { "predictor", IL_OPT_CHOICE, offsetof(options, predictor), ANSWERS_MODEL, 0, 0,
      "who answers: the model, ridge regression, or the one that answers examples better "
      "that are left out in turn",
      "model|ridge|best" },
    { "quantiles", IL_OPT_STRING, offsetof(options, quantiles),
      .help = "also columns with these quantiles of an answer, from the errors on left-out "
              "examples: 0.05,0.95",
      .value = "P,..." },
    { "seed", IL_OPT_SEED, offsetof(options, seed),
      .help = "which examples go into which prompt" },
    { 0 },
};

const il_opt *il_predict_opts(void) { return opts; }

/* ---- what is handed back ------------------------------------------------------------------------- */

/* The model's squared error on the examples it was shown over that of their mean: a model that makes
 * something of them is below 1. NaN where all targets are the same. */
static double shown_error(const il_asked_table *r)
{
    double squares = 0;
    int n = 0, Q = r->frame->Q;
    for (int i = 0; i < r->prompts; i++) {
        const il_dealt *p = r->prompt + i;
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

static void note_shown(const il_asked_table *r, FILE *notes)
{
    const double enough = 0.9;
    double error = shown_error(r);
    if (error >= enough)
        fprintf(notes,
                "the model makes nothing of these examples: its squared error on the very "
                "examples it is shown is %.3g of that of their mean\n",
                error);
}

/* ---- examples that are left out ------------------------------------------------------------------- */

/* A run like `r` of so many prompts, which ask something else */
static il_asked_table like(const il_asked_table *r, int asks, int prompts, int per_prompt)
{
    return (il_asked_table){ .model = r->model,
                             .frame = r->frame,
                             .loops = r->loops,
                             .prompts = prompts,
                             .per_prompt = per_prompt,
                             .seed = r->seed,
                             .y_scale = r->y_scale,
                             .until = r->until,
                             .asks = asks };
}

/* The mean answer to each example of the prompts that do not hold it; returns whether there are some for each. */
static int mean_of_others(const il_asked_table *all, double *answers)
{
    int M = all->frame->M, every = 1;
    for (int i = 0; i < M; i++) {
        double sum = 0;
        int n = 0;
        for (int p = 0; p < all->prompts; p++) {
            int holds = 0;
            for (int k = 0; k < all->per_prompt; k++) holds |= all->prompt[p].hand[k] == i;
            if (holds) continue;
            sum += all->answers[(size_t)p * (size_t)all->asked + (size_t)i];
            n++;
        }
        answers[i] = sum / n;
        every &= n > 0;
    }
    return every;
}

/* The model's: where a prompt holds half of the examples at most, the mean of the prompts that do not hold an example,
 * as its answers to queries are means; else, or where every prompt holds one, that of a prompt of the others. */
static il_status leave_out_of_model(const il_asked_table *r, double *answers, il_error *err)
{
    int M = r->frame->M, done = 0;
    il_status status = IL_OK;
    if (2 * r->per_prompt <= M) {
        il_asked_table all = like(r, IL_ASKS_EXAMPLES, r->prompts, r->per_prompt);
        status = il_table_ask(&all, err);
        done = !status && mean_of_others(&all, answers);
        il_table_ask_free(&all);
    }
    if (status || done) return status;
    il_asked_table each =
        like(r, IL_ASKS_LEFT_OUT, M, il_min(M - 1, il_model_points(r->model) - 1));
    status = il_table_ask(&each, err);
    if (!status) memcpy(answers, each.answers, sizeof *answers * (size_t)M);
    il_table_ask_free(&each);
    return status;
}

/* What one of IL_PREDICTORS answers to each example from the others: answers (M) */
static il_status leave_out(const il_asked_table *r, int who, double *answers, il_error *err)
{
    if (r->frame->M < LEAST)
        return il_fail(
            err, IL_ECONFIG,
            "%d examples are too few to leave one out: give at least %d, or drop "
            "predictor and quantiles",
            r->frame->M, LEAST);
    return who == IL_BY_MODEL ? leave_out_of_model(r, answers, err)
                              : il_frame_ask(r->frame, who, 1, answers, err);
}

/* The rmse on left-out examples; an answer that is no number counts as the worst. */
static double left_out_rmse(const il_frame *f, const double *answers)
{
    double error = il_table_rmse(answers, f->y, f->M);
    return isnan(error) ? INFINITY : error;
}

/* *who: the model, or ridge regression where that answers left-out examples better */
static il_status choose(const il_asked_table *r, int *who, FILE *notes, il_error *err)
{
    static const int of[] = { IL_BY_MODEL, IL_BY_RIDGE };
    double error[2], *answers = malloc(sizeof *answers * (size_t)r->frame->M);
    il_status status =
        answers ? IL_OK
                : il_fail(err, IL_EFAIL, "out of memory for %d answers", r->frame->M);
    for (int i = 0; i < 2 && !status; i++) {
        status = leave_out(r, of[i], answers, err);
        if (!status) error[i] = left_out_rmse(r->frame, answers);
    }
    free(answers);
    IL_TRY(status);
    *who = of[error[1] < error[0]];
    fprintf(notes,
            "on examples that are left out in turn the model has an rmse of %.4g and ridge "
            "of %.4g: %s answers\n",
            error[0], error[1], il_predictor_name(*who));
    return IL_OK;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The p-quantile of M errors in rising order: that of rank p (M + 1), away from the median where this is no rank */
static double quantile(const double *errors, int M, double p)
{
    double rank = p * (M + 1);
    int below = il_max(1, il_min(M, (int)floor(rank + 1e-9))),
        above = il_max(1, il_min(M, (int)ceil(rank - 1e-9)));
    if (p == 0.5) return (errors[below - 1] + errors[above - 1]) / 2;
    return errors[(p < 0.5 ? below : above) - 1];
}

static il_status read_levels(double p[LEVELS], int *n, const char *text, il_error *err)
{
    for (char word[IL_TEXT]; *text; (*n)++) {
        size_t size = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)il_min((int)size, IL_TEXT - 1), text);
        text += size + (text[size] == ',');
        if (*n == LEVELS)
            return il_fail(err, IL_ECONFIG, "quantiles are more than %d", LEVELS);
        if (!il_number_parse(word, &p[*n]) || !(p[*n] > 0 && p[*n] < 1))
            return il_fail(err, IL_ECONFIG,
                           "quantiles: '%s' is no number between 0 and 1, as in 0.05,0.95",
                           il_show(word).text);
    }
    return IL_OK;
}

/* A column for every quantile: the answer plus that quantile of the errors on left-out examples */
static il_status add_quantiles(il_table *t, const il_asked_table *r, int who,
                               const char *text, il_error *err)
{
    const il_frame *f = r->frame;
    double p[LEVELS], *errors;
    int n = 0;
    if (!text) return IL_OK;
    IL_TRY(read_levels(p, &n, text, err));
    errors = malloc(sizeof *errors * (size_t)f->M);
    if (!errors) return il_fail(err, IL_EFAIL, "out of memory for %d errors", f->M);
    il_status status = leave_out(r, who, errors, err);
    for (int i = 0; i < f->M && !status; i++) errors[i] = f->y[i] - errors[i];
    if (!status) qsort(errors, (size_t)f->M, sizeof *errors, rising);
    for (int i = 0, col; i < n && !status; i++) {
        char name[64];
        snprintf(name, sizeof name, "q%s", il_digits(p[i]).text);
        col = il_table_cols(t);
        status = il_table_add_cols(t, name, err);
        for (int q = 0; q < f->Q && !status; q++)
            il_table_set(t, q, col, r->mean[q] + quantile(errors, f->M, p[i]));
    }
    free(errors);
    return status;
}

/* ---- what is handed back -------------------------------------------------------------------------- */

static il_status fill_answers(il_table *t, const il_asked_table *r, il_error *err)
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
static il_status predict(il_asked_table *r, const options *o, il_table *table,
                         il_prediction *s, FILE *notes, il_error *err)
{
    const il_frame *f = r->frame;
    int who = o->predictor == ANSWERS_RIDGE ? IL_BY_RIDGE : IL_BY_MODEL;
    char beyond[256];
    IL_TRY(il_table_ask(r, err));
    if (o->predictor == ANSWERS_BEST) IL_TRY(choose(r, &who, notes, err));
    if (who == IL_BY_RIDGE) IL_TRY(il_frame_ask(f, who, 0, r->mean, err));
    IL_TRY(il_frame_score(f, r->mean, s, notes, err));
    note_shown(r, notes);
    if (il_model_beyond(r->model, r->per_prompt + 1, f->P, r->loops, beyond, sizeof beyond))
        fprintf(notes, "%s\n", beyond);
    s->features = f->P;
    s->prompts = r->prompts;
    s->per_prompt = r->per_prompt;
    IL_TRY(fill_answers(table, r, err));
    return add_quantiles(table, r, who, o->quantiles, err);
}

static il_status set_up(il_asked_table *r, const options *o, il_error *err)
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
    il_asked_table run = { .model = model, .frame = &frame };
    IL_TRY(il_frame_new(&frame, examples, queries, o->target,
                        il_model_config(model)->model.n_dims, notes, err));
    il_status status = set_up(&run, o, err);
    if (!status) status = predict(&run, o, table, s, notes, err);
    il_table_ask_free(&run);
    il_frame_free(&frame);
    return status;
}

static il_status read_options(options *o, const char *const *settings, int n, il_error *err)
{
    il_opt_init(opts, o);
    IL_TRY(il_opt_apply(opts, o, settings, n, "predict", err));
    return o->target
               ? IL_OK
               : il_fail(err, IL_ECONFIG, "target, the column to predict, is not given");
}

il_status il_predict(const il_model *model, const il_table *examples,
                     const il_table *queries, const char *const *settings, int n_settings,
                     il_table **answers, il_prediction *summary, il_error *err)
{
    options o;
    IL_GIVEN(err, "model examples queries answers summary", model, examples, queries,
             answers, summary);
    IL_TRY(read_options(&o, settings, n_settings, err));
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

/* ---- all beside each other ------------------------------------------------------------------------ */

static il_status compare(il_table *t, const il_asked_table *r, double *answers,
                         il_error *err)
{
    const il_frame *f = r->frame;
    int best = IL_BY_MODEL;
    double error[IL_PREDICTORS];
    IL_TRY(il_table_add_cols(t, "predictor$ rmse left_out", err));
    for (int who = 0; who < IL_PREDICTORS; who++) {
        const char *name = il_predictor_name(who);
        if (who) IL_TRY(il_frame_ask(f, who, 0, answers, err));
        double rmse = il_table_rmse(who ? answers : r->mean, f->y + f->M, f->Q);
        if (f->M >= LEAST) IL_TRY(leave_out(r, who, answers, err));
        error[who] = f->M < LEAST ? INFINITY : left_out_rmse(f, answers);
        if (error[who] < error[best]) best = who;
        IL_TRY(il_table_add(t, &name,
                            (double[]){ rmse, isinf(error[who]) ? NAN : error[who] }, err));
    }
    if (f->M < LEAST) return IL_OK; /* nothing can be left out */
    return il_table_note(t, err, "on examples that are left out in turn %s is best",
                         il_predictor_name(best));
}

il_status il_predict_compare(const il_model *model, const il_table *examples,
                             const il_table *queries, const char *const *settings,
                             int n_settings, il_table **table, il_error *err)
{
    options o;
    il_frame f;
    il_asked_table run = { .model = model, .frame = &f };
    IL_GIVEN(err, "model examples queries table", model, examples, queries, table);
    IL_TRY(read_options(&o, settings, n_settings, err));
    IL_TRY(il_model_check_prompts(model, err));
    char *text = NULL; /* il_predict says them */
    size_t size;
    FILE *notes = open_memstream(&text, &size);
    if (!notes) return il_fail(err, IL_EFAIL, "out of memory for a comparison");
    il_status status = il_frame_new(&f, examples, queries, o.target,
                                    il_model_config(model)->model.n_dims, notes, err);
    fclose(notes);
    free(text);
    IL_TRY(status);
    il_table *t = NULL;
    double *answers = malloc(sizeof *answers * (size_t)il_max(f.M, f.Q));
    status = answers ? set_up(&run, &o, err)
                     : il_fail(err, IL_EFAIL, "out of memory for answers");
    if (!status) status = il_table_ask(&run, err);
    if (!status) status = il_table_new(&t, "scores", err);
    if (!status) status = compare(t, &run, answers, err);
    il_table_ask_free(&run);
    il_frame_free(&f);
    free(answers);
    if (status)
        il_table_free(t);
    else
        *table = t;
    return status;
}

void il_prediction_free(il_prediction *summary)
{
    if (!summary) return;
    free(summary->notes);
    summary->notes = NULL;
}
