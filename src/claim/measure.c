/* measure.c - measures the tables of a claim, run by run, and reads the number of every row off them
 *
 * A run is one seed. The tables that are kept are the first run's; a table without trained models is the same
 * in all of them. Every row is then judged (judge.c).
 */
#include "claim/claim.h"

#include <stdlib.h>

/* ---- tables ----------------------------------------------------------------------------------- */

/* Where a run's models are: of the claim's models, their recipes, folders, and weights */
typedef struct {
    int number;
    il_config config[IL_CLAIM_MODELS];
    const char *const *folder;
    il_model *model[IL_CLAIM_MODELS];
    il_table *table[IL_CLAIM_TABLES];
} run;

static il_status measure_one(il_table **table, const il_claim *c,
                             const il_claim_measured *t, const run *r, il_error *err)
{
    il_measured subject[IL_CLAIM_MODELS];
    for (int i = 0; i < t->n_subjects; i++) {
        int m = t->subject[i];
        subject[i] = (il_measured){ .name = c->model[m].name,
                                    .config = &r->config[m],
                                    .model = r->model[m] };
    }
    il_error inner = { 0 };
    il_status status = il_measure_table(table, t->measure, t->opts, subject, t->n_subjects,
                                        t->name, &inner);
    return status
               ? il_fail(err, status, "%s: measures.%s: %s", c->name, t->name, inner.text)
               : IL_OK;
}

static il_status load(const il_claim *c, run *r, il_error *err)
{
    for (int i = 0; i < c->models; i++) {
        r->config[i] = il_claim_config(c, i, r->number);
        if (!c->model[i].trained) continue;
        IL_TRY(il_model_load(&r->model[i], r->folder[i], err));
        if (il_model_step(r->model[i]) < r->config[i].training.train_steps)
            return il_fail(err, IL_ECONFIG, "%s is not trained to its end", r->folder[i]);
        if (il_config_hash(il_model_config(r->model[i])) != il_config_hash(&r->config[i]))
            return il_fail(err, IL_ECONFIG, "%s is a run of another recipe than %s of %s",
                           r->folder[i], c->model[i].name, c->name);
    }
    return IL_OK;
}

static int is_trained(const il_claim *c, const il_claim_measured *t)
{
    int trained = 0;
    for (int i = 0; i < t->n_subjects && !t->measure->untrained; i++)
        trained |= c->model[t->subject[i]].trained;
    return trained;
}

typedef struct {
    void (*say)(void *context, const char *name);
    void *context;
} listener;

static void tell(const listener *to, const il_claim *c, const char *name, int number)
{
    char text[2 * IL_TEXT];
    if (!to->say) return;
    if (c->seeds)
        snprintf(text, sizeof text, "%s, seed %d", name, c->seed[number]);
    else
        snprintf(text, sizeof text, "%s", name);
    to->say(to->context, text);
}

static il_status measure_tables(il_claim *c, run *r, const listener *to, il_error *err)
{
    IL_TRY(load(c, r, err));
    for (int i = 0; i < c->tables; i++) {
        if (r->number && !is_trained(c, &c->table[i])) continue;
        tell(to, c, c->table[i].name, r->number);
        IL_TRY(measure_one(&r->table[i], c, &c->table[i], r, err));
    }
    for (int i = 0; i < c->rows; i++) {
        il_claim_row *row = &c->row[i];
        const il_table *table = r->table[row->table];
        if (!table) table = c->table[row->table].table;
        IL_TRY(il_claim_row_read(row, table, &row->value[r->number], err));
    }
    return IL_OK;
}

/* Keeps the first run's tables. */
static il_status measure_run(il_claim *c, int number, const char *const *folders,
                             const listener *to, il_error *err)
{
    run *r = calloc(1, sizeof *r);
    if (!r) return il_fail(err, IL_EFAIL, "%s: out of memory", c->name);
    r->number = number;
    r->folder = folders + number * c->models;
    il_status status = measure_tables(c, r, to, err);
    for (int i = 0; i < c->models; i++) il_model_free(r->model[i]);
    for (int i = 0; i < c->tables; i++) {
        if (!status && !number) {
            il_table_free(c->table[i].table);
            c->table[i].table = r->table[i];
        } else {
            il_table_free(r->table[i]);
        }
    }
    free(r);
    return status;
}

il_status il_claim_measure(il_claim *c, const char *const *folders,
                           void (*say)(void *context, const char *name), void *context,
                           il_table **rows, int *failed, il_error *err)
{
    IL_GIVEN(err, "claim folders rows failed", c, folders, rows, failed);
    listener to = { say, context };
    for (int i = 0; i < il_claim_about(c).runs; i++)
        IL_TRY(measure_run(c, i, folders, &to, err));
    return il_claim_judge(rows, c, failed, err);
}

const il_table *il_claim_table(const il_claim *c, int i, il_figure *figure)
{
    if (figure) *figure = (il_figure){ 0 };
    if (!figure || i < 0 || i >= il_claim_about(c).tables) return NULL;
    const il_claim_measured *t = &c->table[i];
    const il_claim_common *o = &t->common;
    *figure = (il_figure){ .title = o->title[0] ? o->title : c->head.title,
                           .x_label = o->x_label,
                           .y_label = o->y_label,
                           .log_x = o->log_x,
                           .log_y = o->log_y,
                           .marker = o->marker[0] ? o->marker : NULL,
                           .marker_x = o->marker_x };
    if (!t->table) return NULL;
    if (!o->x_label[0]) figure->x_label = il_table_col(t->table, 0);
    if (!o->y_label[0]) figure->y_label = il_table_caption(t->table);
    if (!o->draw || il_table_is_text(t->table, 0)) figure->title = NULL;
    return t->table;
}
