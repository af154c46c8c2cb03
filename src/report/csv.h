/* csv.h - a CSV file while it is read, row by row (private: csv.c and table_read.c) */
#ifndef IL_CSV_H
#define IL_CSV_H

#include "report/report.h"

enum { IL_CSV_COLS = 4096 };

typedef struct {
    il_read_fn *read;
    void *context;
    char *chunk; /* what was read last: `given` of `got` bytes are handed out */
    size_t given, got;
    int ended, reason; /* there are no more; errno where they could not be read, else 0 */
    const char *path;
    int ahead[3], n_ahead; /* bytes read in search of a byte-order mark, last first */
    int line;              /* of the next byte, from 1; stays at the largest int */
    int row_line;          /* where the current row began */
    size_t taken;          /* bytes of the file so far */
    int endless;           /* row by row: no limit to the file */
    char *row;             /* the current row as it stands in the file */
    size_t row_size;
    char separator;
    char *cells; /* all cells of all rows, in order, each ending in a zero */
    size_t cells_size, cells_room;
    int cols, rows;
    int *lines; /* (rows) where each began; NULL when read row by row */
    int lines_room;
    int blank, blanks; /* line of the first blank row since the last full one; how many */
    int held;          /* a full row waits in `row` until those before it were handed out */
} il_csv_reader;

/* Reads and checks the header, whose names become the first cells. il_csv_close also after a failure. */
il_status il_csv_open(il_csv_reader *in, il_error *err);
/* The next row's cells go to the end of in->cells. *more = 0 at the end of the file; only there may
 * rows be blank, but in a file of one column, where a blank row between others is a missing value. */
il_status il_csv_row(il_csv_reader *in, int *more, il_error *err);
void il_csv_close(il_csv_reader *in);

#endif
