/* inspect.h - analyses of one model: a row of analyses.def each */
#ifndef IL_INSPECT_H
#define IL_INSPECT_H

#include "observe/subject.h"

/* ---- analyses: one file and one row in analyses.def each ------------------------------------- */

typedef struct {
    const char *name, *summary;
    const char
        *reads; /* those of il_inspect_options and `ask` that only some know: "each to" */
    /* Adds columns and rows; leaves the model as it is. */
    il_status (*run)(il_subject *subject, il_table *table, il_error *err);
} il_analysis;

#define IL_ANALYSIS(name) extern const il_analysis il_analysis_##name;
#include "measure/analyses.def"
#undef IL_ANALYSIS

const il_analysis *il_analysis_at(int i); /* NULL past the last */

/* binding.c: the sensitivity of a model of sequences, token by token. */
il_status il_sensitivity_of_tokens(il_subject *subject, il_table *table, il_error *err);

#endif
