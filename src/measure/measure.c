/* measure.c - the registry of measures, and running one */
#include "measure/measure.h"

#include <stdlib.h>

static const il_measure_kind *const kinds[] = {
#define IL_MEASURE(name) &il_measure_##name,
#include "measure/measures.def"
#undef IL_MEASURE
};

const il_measure_kind *il_measure_at(int i)
{
    return i >= 0 && i < IL_COUNT(kinds) ? kinds[i] : NULL;
}

il_status il_measure_find(const il_measure_kind **kind, const char *name, il_error *err)
{
    const char *names[IL_COUNT(kinds)];
    for (int i = 0; i < IL_COUNT(kinds); i++) {
        names[i] = kinds[i]->name;
        *kind = kinds[i];
        if (!strcmp(name, names[i])) return IL_OK;
    }
    return il_fail(
        err, IL_EUSAGE, "there is no measure '%s'%s", il_show(name).text,
        il_advise(name, names, IL_COUNT(kinds), "; innerloop list measures has them all")
            .text);
}

/* ---- outlines --------------------------------------------------------------------------------- */

enum { LONGEST = 65536 };

static il_status add_row(il_table *table, il_error *err)
{
    if (il_table_rows(table) == LONGEST)
        return il_fail(err, IL_ECONFIG, "its table has more than %d rows", LONGEST);
    return il_table_add_row(table, err);
}

il_status il_outline_name(il_table *table, const char *name, il_error *err)
{
    IL_TRY(add_row(table, err));
    return il_table_set_text(table, il_table_rows(table) - 1, 0, name, err);
}

il_status il_outline_number(il_table *table, double number, il_error *err)
{
    IL_TRY(add_row(table, err));
    il_table_set(table, il_table_rows(table) - 1, 0, number);
    return IL_OK;
}

const char *il_measured_name(const il_measured *model)
{
    return model->name ? model->name : "model";
}

il_status il_outline_models(il_table *table, const il_measured *model, int n, il_error *err)
{
    for (int i = 0; i < n; i++)
        IL_TRY(il_outline_name(table, il_measured_name(&model[i]), err));
    return IL_OK;
}

il_status il_outline_open(il_table *table, const void *opts, const il_measured *model,
                          int n, il_error *err)
{
    (void)table, (void)opts, (void)model, (void)n, (void)err;
    return IL_OK;
}

il_status il_measured_copy(il_model **copy, const il_model *m, il_error *err)
{
    char *text = NULL;
    il_plan plan;
    IL_TRY(il_plan_text(&text, &m->plan, err));
    il_status status = il_plan_read(&plan, text, m->plan.recompute, err);
    free(text);
    IL_TRY(status);
    IL_TRY(il_model_from_plan(copy, &plan, err));
    (*copy)->config = m->config;
    memcpy((*copy)->weights, m->weights, sizeof *m->weights * m->plan.n_weights);
    il_model_pack(*copy);
    return IL_OK;
}

il_status il_outline_kept(il_table *table, const il_config *c, il_error *err)
{
    int every = c->training.keep_every_steps,
        kept = every ? c->training.train_steps / every : 0;
    for (int i = 0; i <= kept; i++)
        IL_TRY(il_outline_number(table, (double)i * every, err));
    return IL_OK;
}

il_status il_measured_kept(char *path, size_t size, const il_measured *model, int step,
                           il_error *err)
{
    const char *folder = model->model->run;
    if (!folder)
        return il_fail(err, IL_ECONFIG,
                       "the checkpoints that the run of %s kept are not known: give the "
                       "run's folder in place of a file",
                       il_measured_name(model));
    snprintf(path, size, "%s/checkpoints/step-%09d.safetensors", folder, step);
    return IL_OK;
}

void il_measure_set(il_table *table, int row, const double *numbers, int n)
{
    for (int i = 0; i < n; i++) il_table_set(table, row, 1 + i, numbers[i]);
}

/* ---- tables ------------------------------------------------------------------------------------- */

il_status il_measure_look(il_table *table, const il_measured *model,
                          const il_explain_options *ask, const void *opts,
                          il_measure_look_fn *look, il_error *err)
{
    il_observation s;
    il_status status = il_observation_begin(&s, model->model, ask, err);
    if (!status) status = look(&s, table, opts, err);
    if (!status) status = il_observation_note(&s, table, err);
    il_observation_free(&s);
    return status;
}

static il_status check_models(const il_measure_kind *kind, int n, il_error *err)
{
    if (n >= kind->least && n <= kind->most) return IL_OK;
    if (!kind->most) return il_fail(err, IL_ECONFIG, "%s measures no model", kind->name);
    if (kind->most == 1)
        return il_fail(err, IL_ECONFIG, "%s measures one model, not %d", kind->name, n);
    return il_fail(err, IL_ECONFIG, "%s measures %d to %d models, not %d", kind->name,
                   kind->least, kind->most, n);
}

static il_status outline(il_table *table, const il_measure_kind *kind, const void *opts,
                         const il_measured *model, int n, il_error *err)
{
    IL_TRY(check_models(kind, n, err));
    if (kind->columns) IL_TRY(il_table_add_cols(table, kind->columns, err));
    return kind->outline ? kind->outline(table, opts, model, n, err)
                         : il_outline_models(table, model, n, err);
}

/* A column is found by its name, in JSON too: of two with one name the last would hide the first. */
static il_status check_names(const il_table *table, const char *what, il_error *err)
{
    for (int c = 1; c < il_table_cols(table); c++)
        for (int b = 0; b < c; b++)
            if (!strcmp(il_table_col(table, b), il_table_col(table, c)))
                return il_fail(err, IL_ECONFIG,
                               "%s: two columns are named '%s': give each model and "
                               "algorithm once, by a name of its own",
                               what, il_show(il_table_col(table, c)).text);
    return IL_OK;
}

il_status il_measure_outline(il_table **out, const il_measure_kind *kind, const void *opts,
                             const il_measured *model, int n, const char *name,
                             il_error *err)
{
    il_table *table;
    IL_TRY(il_table_new(&table, name, err));
    il_status status = outline(table, kind, opts, model, n, err);
    if (!status) status = check_names(table, kind->name, err);
    return il_table_hand_over(out, table, status);
}

il_status il_measure_table(il_table **out, const il_measure_kind *kind, const void *opts,
                           const il_measured *model, int n, const char *name, il_error *err)
{
    il_table *table;
    IL_TRY(il_measure_outline(&table, kind, opts, model, n, name, err));
    il_status status = kind->look
                           ? il_measure_look(table, model, opts, opts, kind->look, err)
                           : kind->fill(table, opts, model, n, err);
    return il_table_hand_over(out, table, status);
}

/* ---- settings ------------------------------------------------------------------------------------- */

/* An option of another measure is said to be so. */
static il_status check_setting(const il_measure_kind *kind, const char *setting,
                               il_error *err)
{
    char name[IL_TEXT];
    const char *value = strchr(setting, '=');
    if (!value || value - setting >= IL_TEXT)
        return il_fail(err, IL_EUSAGE, "%s: '%s' is not of the form option=value",
                       kind->name, il_show(setting).text);
    snprintf(name, sizeof name, "%.*s", (int)(value - setting), setting);
    const il_opt *o = il_opt_find(kind->opts, name);
    if (o && (o->type == IL_OPT_TEXT || o->type == IL_OPT_STRING))
        return il_measure_check_key(name, value + 1, err);
    if (o) return IL_OK;
    for (int k = 0; k < IL_COUNT(kinds); k++)
        if (il_opt_find(kinds[k]->opts, name))
            return il_fail(err, IL_EUSAGE, "%s has no option '%s'; it is one of %s",
                           kind->name, name, kinds[k]->name);
    const char *names[64];
    int n = 0;
    for (o = kind->opts; o && o->type != IL_OPT_END && n < IL_COUNT(names); o++)
        names[n++] = o->name;
    return il_fail(err, IL_EUSAGE, "%s has no option '%s'%s", kind->name,
                   il_show(name).text, il_advise(name, names, n, "").text);
}

static il_status measure(il_table **table, const il_measure_kind *kind,
                         const il_measured *model, int n, const char *const *settings,
                         int n_settings, il_error *err)
{
    void *opts = calloc(1, kind->size ? kind->size : 1);
    if (!opts) return il_fail(err, IL_EFAIL, "out of memory for options");
    il_opt_init(kind->opts, opts);
    il_status status = IL_OK;
    for (int i = 0; i < n_settings && !status; i++)
        status = check_setting(kind, settings[i], err);
    if (!status)
        status = il_opt_apply(kind->opts, opts, settings, n_settings, kind->name, err);
    il_table *t = NULL;
    if (!status) status = il_measure_table(&t, kind, opts, model, n, kind->name, err);
    if (!status && !*il_table_caption(t))
        status = il_table_set_caption(t, kind->summary, err);
    free(opts);
    return il_table_hand_over(table, t, status);
}

il_status il_measure(il_table **table, const char *name, const il_model *const *models,
                     const char *const *names, int n, const char *const *settings,
                     int n_settings, il_error *err)
{
    IL_GIVEN(err, "table name", table, name);
    IL_WITHIN(err, IL_MEASURE_MODELS, "n", n);
    IL_WITHIN(err, 1024, "n_settings", n_settings);
    il_measured model[IL_MEASURE_MODELS];
    const il_measure_kind *kind;
    IL_TRY(il_measure_find(&kind, name, err));
    for (int i = 0; i < n; i++) {
        if (!models || !models[i] || (names && !names[i]) || (n > 1 && !names))
            return il_fail(err, IL_ECONFIG, "%s: model %d is missing, or has no name", name,
                           i);
        model[i] = (il_measured){ .name = names ? names[i] : NULL,
                                  .config = il_model_config(models[i]),
                                  .model = models[i] };
    }
    for (int i = 0; i < n_settings; i++)
        if (!settings || !settings[i])
            return il_fail(err, IL_ECONFIG, "%s: setting %d is missing", name, i);
    return measure(table, kind, model, n, settings, n_settings, err);
}
