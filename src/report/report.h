/* report.h - tables, figures and the HTML page; what its files share */
#ifndef IL_REPORT_H
#define IL_REPORT_H

#include "base/base.h"

/* ---- numbers as text, whatever the locale says --------------------------------------------- */

enum { IL_NUMBER = 32 }; /* bytes that hold any number's text */

/* The shortest decimal of 15 to 17 digits that reads back as `v`; "" for NaN. */
void il_number_exact(char text[IL_NUMBER], double v);
/* Four significant digits for people: 0.01234, 12.34, 12346, 1.5e-09; "-" for NaN. */
void il_number_short(char text[IL_NUMBER], double v);
/* The finite decimal number that fills `text`, spaces around it allowed. 0 if it is not one. */
int il_number_parse(const char *text, double *v);
/* "", NA, NaN, ?, null in any case. */
int il_text_missing(const char *text);

/* ---- writing ---------------------------------------------------------------------------------- */

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void il_json_text(FILE *f, const char *text);

/* ---- a run's own files ------------------------------------------------------------------------ */

/* FOLDER/metrics.jsonl as a table `loss` of a few hundred rows at most, each the mean of a
 * stretch of the run: step, loss, least squares. A torn last line is skipped.
 * Errors: IL_EIO unreadable; IL_ECONFIG without a single record. */
il_status il_metrics_read(il_table **table, const char *folder, il_error *err);

#endif
