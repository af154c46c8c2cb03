/* measure.c - a claim held against what is measured: every table, then every row's number
 *
 * A number that is not finite holds nothing.
 */
#include "claim/claim.h"

#include <math.h>

/* ---- tables ----------------------------------------------------------------------------------- */

static il_status measure_one(il_claim *c, il_claim_measured *t, il_model *const *models,
                             const char *const *folders, il_error *err)
{
    il_subject subject[IL_CLAIM_MODELS];
    for (int i = 0; i < t->n_subjects; i++) {
        int m = t->subject[i];
        subject[i] = (il_subject){ .name = c->model[m].name,
                                   .config = &c->model[m].config,
                                   .model = models[m],
                                   .folder = models[m] ? folders[m] : NULL };
    }
    il_error inner = { 0 };
    il_table *table = NULL;
    il_status status = il_measure_table(&table, t->measure, t->opts, subject, t->n_subjects,
                                        t->name, &inner);
    if (status)
        return il_fail(err, status, "%s: measures.%s: %s", c->name, t->name, inner.text);
    il_table_free(t->table);
    t->table = table;
    return IL_OK;
}

static il_status load(il_claim *c, const char *const *folders, il_model **models,
                      il_error *err)
{
    for (int i = 0; i < c->models; i++) {
        if (!c->model[i].trained) continue;
        IL_TRY(il_model_load(&models[i], folders[i], err));
        if (il_model_step(models[i]) < c->model[i].config.training.train_steps)
            return il_fail(err, IL_ECONFIG, "%s is not trained to its end", folders[i]);
        if (il_config_hash(il_model_config(models[i])) !=
            il_config_hash(&c->model[i].config))
            return il_fail(err, IL_ECONFIG, "%s is a run of another recipe than %s of %s",
                           folders[i], c->model[i].name, c->name);
    }
    return IL_OK;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static int holds(const il_claim_row *r, double value)
{
    double slack = isnan(r->within) ? INFINITY : r->within;
    if (!isnan(r->percent)) slack = fmin(slack, fabs(r->expect) * r->percent / 100);
    if (isnan(value)) return 0;
    if (!isnan(r->expect) && fabs(value - r->expect) > slack) return 0;
    return !(value < r->least) && !(value > r->most);
}

static void print_wanted(const il_claim_row *r, char text[IL_TEXT])
{
    char *at = text, *end = text + IL_TEXT;
    *text = 0;
    if (!isnan(r->expect)) at += snprintf(at, IL_TEXT, "%s", il_digits(r->expect).text);
    if (!isnan(r->within) && r->within > 0)
        at += snprintf(at, (size_t)(end - at), " +- %s", il_digits(r->within).text);
    if (!isnan(r->percent))
        at += snprintf(at, (size_t)(end - at), " +- %s %%", il_digits(r->percent).text);
    if (!isnan(r->least))
        at += snprintf(at, (size_t)(end - at), "%sat least %s", at > text ? ", " : "",
                       il_digits(r->least).text);
    if (!isnan(r->most))
        snprintf(at, (size_t)(end - at), "%sat most %s", at > text ? ", " : "",
                 il_digits(r->most).text);
}

enum { COL_ROW, COL_CLAIM, COL_PAPER, COL_MEASURED, COL_WANTED, COL_VERDICT, COLS };

static il_status fill(il_claim *c, il_table *table, int *failed, il_error *err)
{
    static const char *const cols[COLS] = { "row",      "claim",  "paper",
                                            "measured", "wanted", "verdict" };
    for (int i = 0; i < COLS; i++)
        IL_TRY(il_table_add_col(table, cols[i], i != COL_MEASURED, err));
    IL_TRY(il_table_set_caption(table, c->head.title, err));
    *failed = 0;
    for (int i = 0; i < c->rows; i++) {
        const il_claim_row *r = &c->row[i];
        char wanted[IL_TEXT];
        double value = NAN;
        IL_TRY(il_claim_row_read(r, c->table[r->table].table, &value, err));
        print_wanted(r, wanted);
        *failed += !holds(r, value);
        IL_TRY(il_table_add_row(table, err));
        IL_TRY(il_table_set_text(table, i, COL_ROW, r->name, err));
        IL_TRY(
            il_table_set_text(table, i, COL_CLAIM, r->claim[0] ? r->claim : r->name, err));
        IL_TRY(il_table_set_text(table, i, COL_PAPER, r->paper, err));
        il_table_set(table, i, COL_MEASURED, value);
        IL_TRY(il_table_set_text(table, i, COL_WANTED, wanted, err));
        IL_TRY(il_table_set_text(table, i, COL_VERDICT, holds(r, value) ? "holds" : "fails",
                                 err));
    }
    return IL_OK;
}

il_status il_claim_measure(il_claim *c, const char *const *folders,
                           void (*say)(void *context, const char *name), void *context,
                           il_table **rows, int *failed, il_error *err)
{
    il_model *models[IL_CLAIM_MODELS] = { 0 };
    il_table *table = NULL;
    int count = 0;
    il_status status = load(c, folders, models, err);
    for (int i = 0; i < c->tables && !status; i++) {
        if (say) say(context, c->table[i].name);
        status = measure_one(c, &c->table[i], models, folders, err);
    }
    for (int i = 0; i < c->models; i++) il_model_free(models[i]);
    if (!status) status = il_table_new(&table, c->name, err);
    if (!status) status = fill(c, table, &count, err);
    if (status) {
        il_table_free(table);
        return status;
    }
    *rows = table;
    *failed = count;
    return IL_OK;
}

const il_table *il_claim_table(const il_claim *c, int i, il_figure *figure)
{
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
