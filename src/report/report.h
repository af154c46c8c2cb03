/* report.h - tables, figures and the HTML page; what its files share */
#ifndef IL_REPORT_H
#define IL_REPORT_H

#include "base/base.h"

/* ---- a table that was read from a file ----------------------------------------------------------- */

/* The line of every row, which the table takes over, for il_table_line. */
void il_table_take_lines(il_table *table, int *line);

/* One more sentence of il_table_notes. */
il_status il_table_note(il_table *table, il_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives a table to the caller, or frees it where `status` is a failure; returns `status`. */
il_status il_table_hand_over(il_table **out, il_table *table, il_status status);
/* A row more: a label in its first column, unless NULL, and n numbers from column `from` on. */
il_status il_table_add_numbers(il_table *table, const char *label, int from,
                               const double *numbers, int n, il_error *err);

/* An il_table as CSV, as an il_fill */
il_status il_table_fill(const void *table, FILE *f, il_error *err);

/* ---- gnuplot ------------------------------------------------------------------------------------ */

/* Draws a script of an open file to `picture`, an SVG that is whole or an error; `path` stands for it in
 * sentences. *absent: there is no gnuplot. Errors: IL_EFAIL with its own words, IL_EIO without room. */
il_status il_gnuplot(int script, FILE *picture, const char *path, int *absent,
                     il_error *err);

/* ---- a drawing that a page may take in ---------------------------------------------------------- */

/* Is `text`, from its <svg on, one drawing that runs nothing and loads nothing? */
int il_svg_is_drawing(const char *text);

#endif
