/* subject.h - a model, its layers, and the prompts that it is asked */
#ifndef IL_SUBJECT_H
#define IL_SUBJECT_H

#include "analysis/analysis.h"

typedef struct {
    const il_model *model;
    const il_explain_options *o;
    il_evidence_options draw;
    double task_opts[IL_TASK_OPTS];
    il_evidence *evidence;
    il_evidence
        *fit; /* other prompts, eight times as many, for probes; NULL until asked for */
    il_layers *layers;
    il_readings *readings;
    int probe; /* readings are a probe's */
} il_subject;

/* Errors: IL_ECONFIG naming the option. il_subject_free also after a failure. */
il_status il_subject_new(il_subject *subject, const il_model *model,
                         const il_explain_options *options, il_error *err);
void il_subject_free(il_subject *subject);
il_status il_subject_fit(il_subject *subject, il_error *err); /* makes `fit` */

/* ---- analyses: one file and one row in analyses.def each ------------------------------------- */

typedef struct {
    const char *name, *summary;
    /* Adds columns and rows; leaves the model as it is. */
    il_status (*run)(il_subject *subject, il_table *table, il_error *err);
} il_analysis;

#define IL_ANALYSIS(name) extern const il_analysis il_analysis_##name;
#include "analysis/analyses.def"
#undef IL_ANALYSIS

const il_analysis *il_analysis_at(int i); /* NULL past the last */

/* Columns from "layer$ error": a $ marks text. A new row of numbers from column `from` on. */
il_status il_inspect_columns(il_table *table, const char *names, il_error *err);
il_status il_inspect_row(il_table *table, const char *label, int from,
                         const double *numbers, int n, il_error *err);

#endif
