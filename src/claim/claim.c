/* claim.c - loads a claim and checks, before any training, that its measures and rows can exist
 *
 * Every model is made without weights (a sketch), every measure without numbers (an outline: its columns and
 * rows). Models that do not suit their measure, and rows that name a column or row that the outline has not,
 * are refused.
 */
#include "claim/claim.h"

#include <stdlib.h>

/* ---- before training ---------------------------------------------------------------------------- */

static il_status sketch(il_model **models, const il_claim *c, il_error *err)
{
    for (int i = 0; i < c->models; i++) {
        il_error inner = { 0 };
        if (!c->model[i].trained) continue;
        il_status status = il_model_sketch(&models[i], &c->model[i].config, &inner);
        if (status)
            return il_fail(err, status, "%s: models.%s: %s", c->name, c->model[i].name,
                           inner.text);
    }
    return IL_OK;
}

static il_status outline(il_table **table, const il_claim *c, const il_claim_measured *t,
                         il_model *const *models, il_error *err)
{
    il_measured subject[IL_CLAIM_MODELS];
    il_error inner = { 0 };
    for (int i = 0; i < t->n_subjects; i++) {
        const il_claim_subject *m = &c->model[t->subject[i]];
        subject[i] = (il_measured){ .name = m->name,
                                    .config = &m->config,
                                    .model = models[t->subject[i]] };
    }
    il_status status = il_measure_outline(table, t->measure, t->opts, subject,
                                          t->n_subjects, t->name, &inner);
    int chosen = t->common.models[0] || t->n_subjects <= t->measure->most;
    if (status == IL_ECONFIG)
        return il_claim_fail(t->kind_leaf, err, "measures.%s: %s%s", t->name, inner.text,
                             chosen ? "" : "; `models` names which");
    return status
               ? il_fail(err, status, "%s: measures.%s: %s", c->name, t->name, inner.text)
               : IL_OK;
}

/* A table, and the rows that are read off it */
static il_status check_table(const il_claim *c, int i, il_model *const *models,
                             il_error *err)
{
    il_table *table;
    IL_TRY(outline(&table, c, &c->table[i], models, err));
    il_status status = IL_OK;
    for (int r = 0; r < c->rows && !status; r++)
        if (c->row[r].table == i) status = il_claim_row_check(&c->row[r], table, err);
    il_table_free(table);
    return status;
}

static il_status check(const il_claim *c, il_error *err)
{
    il_model *models[IL_CLAIM_MODELS] = { 0 };
    il_status status = sketch(models, c, err);
    for (int i = 0; i < c->tables && !status; i++) status = check_table(c, i, models, err);
    for (int i = 0; i < c->models; i++) il_model_free(models[i]);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static void name_claim(il_claim *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(c->name, IL_TEXT, "%s", slash ? slash + 1 : path);
    size_t size = strlen(c->name), tail = strlen(".yaml");
    if (size > tail && !strcmp(c->name + size - tail, ".yaml")) c->name[size - tail] = 0;
}

/* Takes the yaml over. */
static il_status make(il_claim **claim, il_yaml *yaml, const char *path, int from_file,
                      il_error *err)
{
    il_claim *c = calloc(1, sizeof *c);
    if (!c) {
        il_yaml_free(yaml);
        return il_fail(err, IL_EFAIL, "%s: out of memory", path);
    }
    c->yaml = yaml;
    c->model = calloc(IL_CLAIM_MODELS, sizeof *c->model);
    c->table = calloc(IL_CLAIM_TABLES, sizeof *c->table);
    c->row = calloc(IL_CLAIM_ROWS, sizeof *c->row);
    name_claim(c, path);
    il_status status = c->model && c->table && c->row
                           ? il_claim_fill(c, from_file, err)
                           : il_fail(err, IL_EFAIL, "%s: out of memory", path);
    if (!status) status = check(c, err);
    if (!status) status = il_claim_read_seeds(c, err);
    if (status)
        il_claim_free(c);
    else
        *claim = c;
    return status;
}

il_status il_claim_read(il_claim **claim, const char *path, il_error *err)
{
    IL_GIVEN(err, "claim path", claim, path);
    il_yaml *yaml;
    IL_TRY(il_yaml_read(&yaml, path, NULL, err));
    return make(claim, yaml, path, 1, err);
}

il_status il_claim_parse(il_claim **claim, const char *text, size_t bytes, const char *name,
                         il_error *err)
{
    IL_GIVEN(err, "claim text name", claim, text, name);
    il_yaml *yaml;
    IL_TRY(il_yaml_parse(&yaml, text, bytes, name, NULL, err));
    return make(claim, yaml, name, 0, err);
}

void il_claim_free(il_claim *c)
{
    if (!c) return;
    for (int i = 0; i < c->tables; i++) {
        free(c->table[i].opts);
        il_table_free(c->table[i].table);
    }
    il_yaml_free(c->yaml);
    free(c->model);
    free(c->table);
    free(c->row);
    free(c);
}

il_claim_facts il_claim_about(const il_claim *c)
{
    if (!c) return (il_claim_facts){ 0 };
    return (il_claim_facts){ .name = c->name,
                             .title = c->head.title,
                             .paper = c->head.paper,
                             .reduced = c->head.reduced,
                             .one_seed = c->head.one_seed,
                             .minutes = c->head.minutes,
                             .runs = c->seeds ? c->seeds : 1,
                             .seeds = c->seeds ? c->seed : NULL,
                             .models = c->models,
                             .tables = c->tables,
                             .hash = il_claim_hash(c) };
}

il_claim_model il_claim_model_at(const il_claim *c, int i)
{
    if (i < 0 || i >= il_claim_about(c).models) return (il_claim_model){ 0 };
    const il_claim_subject *m = &c->model[i];
    return (il_claim_model){ m->name, &m->config, m->trained };
}

il_config il_claim_config(const il_claim *c, int i, int run)
{
    if (!il_claim_model_at(c, i).config || run < 0 || run >= il_claim_about(c).runs)
        return (il_config){ 0 };
    il_config config = c->model[i].config;
    if (c->seeds) config.training.seed = c->seed[run];
    return config;
}
