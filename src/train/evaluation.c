/* evaluation.c - what a model in training answers: its error on 256 prompts that it is not trained on */
#include "evaluate/evaluate.h"
#include "train/train.h"

#include <math.h>

enum { PROMPTS = 256 };
static const il_eval_options options = { .prompts = PROMPTS, .seed = 1 };

/* The model that a checkpoint would hold: where weights are averaged, of their average; in float. */
static il_status answering(il_model **out, il_trainer *t, il_error *err)
{
    const il_model *now = il_trainer_model(t);
    const il_real *average = il_trainer_moments(t).average;
    IL_TRY(il_model_new(out, &now->config, err));
    (*out)->step = now->step;
    memcpy((*out)->weights, average ? average : now->weights,
           sizeof(il_real) * now->plan.n_weights);
    il_model_pack(*out);
    return IL_OK;
}

static il_status tabulate(il_table **table, il_trainer *t, il_eval_by by, il_error *err)
{
    il_model *m;
    IL_TRY(answering(&m, t, err));
    il_status status = il_eval_together(table, m, &options, by, err);
    il_model_free(m);
    return status;
}

il_status il_trainer_evaluate(il_trainer *t, double *error, il_error *err)
{
    il_table *table;
    IL_TRY(tabulate(&table, t, IL_EVAL_POINTS, err));
    int rows = il_table_rows(table);
    *error = rows ? il_table_number(table, rows - 1, 1) : NAN;
    il_table_free(table);
    return IL_OK;
}

void il_trainer_note(il_trainer *t, const il_watch *watch)
{
    il_table *table = NULL;
    int64_t listeners = watch && watch->note && !watch->draw;
    int listens = listeners && !il_ranks_about().rank;
    if (il_ranks_agree(IL_OK, &listeners, NULL) || !listeners) return;
    if (il_ranks_agree(tabulate(&table, t, IL_EVAL_MEAN, NULL), NULL, NULL) || !listens) {
        il_table_free(table);
        return;
    }
    const char *at = il_table_notes(table);
    for (size_t n; *at; at += n + 1) {
        il_error line;
        n = strcspn(at, "\n");
        il_fail(&line, IL_OK, "%.*s", (int)n, at);
        watch->note(watch->context, line.text);
    }
    il_table_free(table);
}
