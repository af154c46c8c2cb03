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
/* Bytes of the UTF-8 character at `text`; 0 if it is none. */
int il_utf8_size(const char *text);

/* ---- files ------------------------------------------------------------------------------------- */

/* A file that appears whole or not at all: written beside itself, renamed when all is well. */
typedef struct {
    FILE *f;
    char path[1024], temp[1032];
} il_outfile;

/* Errors: IL_EIO with the path and the reason. */
il_status il_outfile_open(il_outfile *out, const char *path, il_error *err);
/* Closes; what was written replaces `path` unless a write failed or `status` is not IL_OK. */
il_status il_outfile_close(il_outfile *out, il_status status, il_error *err);

#endif
