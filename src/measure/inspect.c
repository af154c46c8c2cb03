/* inspect.c - the list of analyses, and running one */
#include "measure/inspect.h"

static const il_analysis *const rows[] = {
#define IL_ANALYSIS(name) &il_analysis_##name,
#include "measure/analyses.def"
#undef IL_ANALYSIS
};

const il_analysis *il_analysis_at(int i)
{
    return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL;
}

static il_status find(const il_analysis **found, const char *name, il_error *err)
{
    const char *names[IL_COUNT(rows)];
    for (int i = 0; i < IL_COUNT(rows); i++) {
        names[i] = rows[i]->name;
        *found = rows[i];
        if (!strcmp(name, names[i])) return IL_OK;
    }
    const char *near = il_nearest(name, names, IL_COUNT(rows));
    return il_fail(err, IL_EUSAGE, "there is no analysis '%s'%s%s%s", il_show(name).text,
                   near ? "; did you mean '" : "; see innerloop help inspect",
                   near ? near : "", near ? "'?" : "");
}

static int has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (; words && *words; words += strcspn(words, " "), words += *words == ' ')
        if (strcspn(words, " ") == n && !strncmp(words, word, n)) return 1;
    return 0;
}

static il_status check_option(const il_analysis *analysis, const char *option,
                              il_error *err)
{
    if (has_word(analysis->reads, option)) return IL_OK;
    for (int k = 0; k < IL_COUNT(rows); k++)
        if (has_word(rows[k]->reads, option))
            return il_fail(err, IL_EUSAGE, "%s has no option '%s'; it is one of %s",
                           analysis->name, option, rows[k]->name);
    return il_fail(err, IL_EUSAGE, "no analysis has an option '%s'", il_show(option).text);
}

il_status il_inspect_reads(const char *name, const char *option, il_error *err)
{
    IL_GIVEN(err, "analysis option", name, option);
    const il_analysis *analysis;
    IL_TRY(find(&analysis, name, err));
    return check_option(analysis, option, err);
}

/* An option that is set is one that the analysis knows; of a seed, which is always set, nobody can tell. */
static il_status check_options(const il_analysis *analysis, const il_inspect_options *o,
                               il_error *err)
{
    const struct {
        const char *name;
        int set;
    } all[] = { { "task", o->ask.task != NULL },
                { "data", o->ask.data != NULL },
                { "dims", o->ask.dims != 0 },
                { "loops", o->ask.loops != 0 },
                { "prompts", o->ask.prompts != 0 },
                { "examples", o->ask.examples != NULL },
                { "queries", o->ask.queries != 0 },
                { "reading", o->ask.reading != NULL },
                { "with", o->with != NULL },
                { "to", o->to != NULL },
                { "each", o->each != NULL },
                { "target", o->target != NULL },
                { "hidden", o->hidden != 0 },
                { "pool", o->pool },
                { "at", o->at != NULL },
                { "by", o->by != NULL },
                { "tokens", o->tokens != NULL } };
    for (int i = 0; i < IL_COUNT(all); i++)
        if (all[i].set) IL_TRY(check_option(analysis, all[i].name, err));
    return IL_OK;
}

il_status il_inspect(const il_model *model, const char *name,
                     const il_inspect_options *options, il_table **out, il_error *err)
{
    IL_GIVEN(err, "model analysis options table", model, name, options, out);
    IL_WITHIN(err, 65536, "hidden", options->hidden);
    const il_analysis *analysis;
    il_subject s;
    il_table *t = NULL;
    IL_TRY(find(&analysis, name, err));
    IL_TRY(check_options(analysis, options, err));
    il_status status = il_subject_begin(&s, model, &options->ask, err);
    s.look = options;
    if (!status) status = il_table_new(&t, analysis->name, err);
    if (!status) status = il_table_set_caption(t, analysis->summary, err);
    if (!status) status = analysis->run(&s, t, err);
    if (!status) status = il_subject_note(&s, t, err);
    il_subject_free(&s);
    if (status)
        il_table_free(t);
    else
        *out = t;
    return status;
}
