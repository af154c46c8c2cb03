/* csv.c - reading a CSV file with a header
 *
 * Quoting is RFC 4180's; the separator is the one of `,` `;` tab that the header holds most of;
 * a byte-order mark, CRLF and blank lines at the end are fine. Anything that would make us guess
 * is refused with its line: ragged rows, stray or unterminated quotes, bytes that are not text.
 * The file is streamed once into one buffer of cells, each ending in a zero, and never held
 * in memory beyond IL_CSV_FILE bytes, however long it or a line of it goes on. Row by row, only one
 * row is held and there is no end to the file.
 */
#include "report/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
    IL_CSV_LINE = 1 << 20, /* bytes of a row */
    IL_CSV_FILE = 64 << 20,
    IL_CSV_CHUNK = 1 << 14 /* bytes that are read at once */
};

static il_status bad(const il_csv_reader *in, int line, il_error *err, const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s:%d: %s", in->path, line, what);
}

static il_status unreadable(const il_csv_reader *in, il_error *err)
{
    errno = in->reason;
    return il_fail_io(err, "%s: cannot be read", in->path);
}

static int next_byte(il_csv_reader *in)
{
    if (in->given == in->got) {
        ptrdiff_t n = in->ended ? 0 : in->read(in->context, in->chunk, IL_CSV_CHUNK);
        in->given = in->got = 0;
        if (n <= 0 || n > IL_CSV_CHUNK) {
            if (n) in->reason = n < 0 && errno ? errno : EIO;
            in->ended = 1;
            return EOF;
        }
        in->got = (size_t)n;
    }
    return (unsigned char)in->chunk[in->given++];
}

/* The next byte with every kind of line end as '\n'; EOF at the end. */
static int next(il_csv_reader *in)
{
    int c = in->n_ahead ? in->ahead[--in->n_ahead] : next_byte(in);
    if (c == '\r') {
        int after = in->n_ahead ? in->ahead[--in->n_ahead] : next_byte(in);
        if (after != '\n' && after != EOF) in->ahead[in->n_ahead++] = after;
        c = '\n';
    }
    if (c == EOF) return EOF;
    in->taken++;
    if (c == '\n' && in->line < INT32_MAX) in->line++;
    return c;
}

/* While the header is read, any of the three may be the separator. */
static int separates(const il_csv_reader *in, int c)
{
    return in->separator ? c == in->separator : c == ',' || c == ';' || c == '\t';
}

/* One row into in->row, through quoted line breaks. *more = 0 at the end of the file.
 * A quote may open a cell, close one, or double itself; `fresh`: the cell holds nothing yet. */
static il_status read_row(il_csv_reader *in, int *more, il_error *err)
{
    int quoted = 0, fresh = 1, before = 0, c;
    in->row_line = in->line;
    in->row_size = 0;
    while ((c = next(in)) != EOF && (quoted || c != '\n')) {
        if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7F)
            return il_fail(
                err, IL_ECONFIG,
                "%s:%d: byte 0x%02x is not text; a CSV file in UTF-8 is expected", in->path,
                in->line, (unsigned)c);
        if (in->row_size == IL_CSV_LINE)
            return bad(in, in->row_line, err,
                       quoted
                           ? "a quoted cell does not end within 1 MiB; is a quote unclosed?"
                           : "the line is longer than 1 MiB; is this a CSV file?");
        if (!in->endless && in->taken > IL_CSV_FILE)
            return bad(in, in->line, err,
                       "the file is larger than 64 MiB; take a sample of it");
        if (c == '"') {
            if (!quoted && !fresh && before != '"')
                return bad(
                    in, in->line, err,
                    "a quote inside an unquoted cell; quote the cell and double the quote");
            quoted = !quoted;
        }
        fresh = !quoted && (separates(in, c) || (fresh && c == ' '));
        in->row[in->row_size++] = (char)c;
        before = c;
    }
    in->row[in->row_size] = 0;
    if (in->reason) return unreadable(in, err);
    if (quoted)
        return bad(in, in->row_line, err, "a quote is opened here and never closed");
    *more = c != EOF || in->row_size > 0;
    return IL_OK;
}

static int is_blank(const il_csv_reader *in) { return !in->row[strspn(in->row, " ")]; }

/* The separator that the header holds most of, outside quotes; a comma where it holds none. */
static char find_separator(const char *row)
{
    static const char kinds[] = ",;\t";
    int count[3] = { 0 }, quoted = 0, best = 0;
    for (; *row; row++) {
        if (*row == '"') quoted = !quoted;
        const char *kind = strchr(kinds, *row);
        if (kind && !quoted) count[kind - kinds]++;
    }
    for (int k = 1; k < 3; k++)
        if (count[k] > count[best]) best = k;
    return kinds[best];
}

/* One cell from `at` to the end of in->cells (there is room). Returns what follows it. */
static const char *take_cell(il_csv_reader *in, const char *at)
{
    char *out = in->cells + in->cells_size, *start = out;
    while (*at == ' ') at++;
    if (*at == '"') {
        for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
            if (*at == '"') at++; /* a doubled quote is one */
            *out++ = *at;
        }
        if (*at) at++;
        while (*at == ' ') at++;
    } else {
        while (*at && *at != in->separator) *out++ = *at++;
        while (out > start && out[-1] == ' ') out--;
    }
    *out++ = 0;
    in->cells_size += (size_t)(out - start);
    return at;
}

static il_status reserve(il_csv_reader *in, size_t bytes, il_error *err)
{
    size_t need = in->cells_size + bytes;
    if (need <= in->cells_room) return IL_OK;
    char *more = realloc(in->cells, 2 * need);
    if (!more) return il_fail(err, IL_EFAIL, "%s: out of memory", in->path);
    in->cells = more;
    in->cells_room = 2 * need;
    return IL_OK;
}

static il_status empty_cell(il_csv_reader *in, il_error *err)
{
    IL_TRY(reserve(in, 1, err));
    in->cells[in->cells_size++] = 0;
    return IL_OK;
}

/* Cuts in->row into cells at the end of in->cells. */
static il_status split_row(il_csv_reader *in, int *cols, il_error *err)
{
    IL_TRY(reserve(in, in->row_size + 2, err));
    const char *at = in->row;
    for (*cols = 1;; ++*cols, at++) {
        at = take_cell(in, at);
        if (!*at) return IL_OK;
        if (*at != in->separator)
            return bad(in, in->row_line, err, "text after a cell's closing quote");
    }
}

static il_status check_header(const il_csv_reader *in, const char **name, il_error *err)
{
    int numbers = 0, nameless = 0;
    double v;
    const char *at = in->cells;
    for (int c = 0; c < in->cols; c++, at += strlen(at) + 1) nameless += !*at;
    at = in->cells;
    for (int c = 0; c < in->cols; c++, at += strlen(at) + 1) {
        if (!*at)
            return il_fail(
                err, IL_ECONFIG, "%s:%d: column %d has no name%s", in->path, in->row_line,
                c + 1,
                c || in->cols == 1 || nameless > 1
                    ? ""
                    : "; it looks like the row numbers that pandas writes: leave "
                      "them out with to_csv(..., index=False), or name the column");
        if (il_utf8_bad(at, strlen(at)) < strlen(at))
            return il_fail(err, IL_ECONFIG,
                           "%s:%d: the name of column %d, '%.64s', is not text in UTF-8; "
                           "save the file as UTF-8",
                           in->path, in->row_line, c + 1, at);
        for (int i = 0; i < c; i++)
            if (!strcmp(name[i], at))
                return il_fail(
                    err, IL_ECONFIG,
                    "%s:%d: columns %d and %d are both named '%.64s'; rename one", in->path,
                    in->row_line, i + 1, c + 1, at);
        name[c] = at;
        numbers += il_number_parse(at, &v);
    }
    if (numbers == in->cols)
        return bad(in, in->row_line, err,
                   "the first line holds numbers; it must hold the columns' names");
    return IL_OK;
}

/* The bytes EF BB BF at the start of a file say "UTF-8" and belong to no cell. */
static il_status skip_mark(il_csv_reader *in, il_error *err)
{
    static const int mark[3] = { 0xEF, 0xBB, 0xBF };
    int seen[3], n = 0;
    do {
        seen[n] = next_byte(in);
    } while (seen[n] == mark[n] && ++n < 3);
    if (in->reason) return unreadable(in, err);
    for (int i = n; n < 3 && i >= 0; i--)
        if (seen[i] != EOF) in->ahead[in->n_ahead++] = seen[i];
    return IL_OK;
}

/* The first row that is not blank, with its separator. */
static il_status read_header(il_csv_reader *in, il_error *err)
{
    int more;
    IL_TRY(skip_mark(in, err));
    do {
        IL_TRY(read_row(in, &more, err));
    } while (more && is_blank(in));
    if (!more)
        return il_fail(err, IL_ECONFIG, "%s: the file is empty; a header line is expected",
                       in->path);
    in->separator = find_separator(in->row);
    IL_TRY(split_row(in, &in->cols, err));
    if (in->cols > IL_CSV_COLS)
        return il_fail(err, IL_ECONFIG, "%s:%d: %d columns are more than %d", in->path,
                       in->row_line, in->cols, IL_CSV_COLS);
    return IL_OK;
}

/* The next full row, past blank ones. *more = 0 at the end of the file. */
static il_status full_row(il_csv_reader *in, int *more, il_error *err)
{
    for (in->blanks = 0;; in->blanks++) {
        IL_TRY(read_row(in, more, err));
        if (!*more || !is_blank(in)) return IL_OK;
        if (!in->blanks) in->blank = in->row_line;
    }
}

il_status il_csv_row(il_csv_reader *in, int *more, il_error *err)
{
    int cols;
    *more = 1;
    if (!in->held) IL_TRY(full_row(in, more, err));
    if (!*more) return IL_OK;
    if (in->blanks && in->cols > 1)
        return bad(in, in->blank, err, "a blank line between rows; remove it");
    if (in->blanks) {
        if (!in->held) in->held = in->row_line;
        in->row_line = in->blank++;
        in->blanks--;
        if (in->rows < INT32_MAX) in->rows++;
        return empty_cell(in, err);
    }
    if (in->held) in->row_line = in->held;
    in->held = 0;
    IL_TRY(split_row(in, &cols, err));
    if (cols != in->cols)
        return il_fail(err, IL_ECONFIG, "%s:%d: %d cells where the header has %d columns",
                       in->path, in->row_line, cols, in->cols);
    if (in->rows < INT32_MAX) in->rows++;
    return IL_OK;
}

/* Room for a row and for what is read at once */
static il_status open_reader(il_csv_reader *in, il_error *err)
{
    in->row = malloc(IL_CSV_LINE + 1);
    in->chunk = malloc(IL_CSV_CHUNK);
    if (in->row && in->chunk) return IL_OK;
    return il_fail(err, IL_EFAIL, "%s: out of memory", in->path);
}

void il_csv_close(il_csv_reader *in)
{
    free(in->row);
    free(in->chunk);
    free(in->cells);
}

il_status il_csv_open(il_csv_reader *in, il_error *err)
{
    const char *name[IL_CSV_COLS];
    IL_TRY(open_reader(in, err));
    IL_TRY(read_header(in, err));
    return check_header(in, name, err);
}

/* ---- row by row ------------------------------------------------------------------------------ */

struct il_csv {
    il_csv_reader in;
    size_t header; /* bytes of in.cells that hold the columns' names */
};

il_status il_csv_new(il_csv **csv, il_read_fn *read, void *context, const char *name,
                     il_error *err)
{
    IL_GIVEN(err, "csv name", csv, name);
    if (!read) return il_fail(err, IL_ECONFIG, "il_csv_new needs `read`, which is NULL");
    il_csv *r = calloc(1, sizeof *r);
    if (!r) return il_fail(err, IL_EFAIL, "%s: out of memory", name);
    r->in = (il_csv_reader){
        .read = read, .context = context, .path = name, .line = 1, .endless = 1
    };
    il_status status = il_csv_open(&r->in, err);
    r->header = r->in.cells_size;
    if (status) {
        il_csv_free(r);
        return status;
    }
    *csv = r;
    return IL_OK;
}

void il_csv_free(il_csv *r)
{
    if (!r) return;
    il_csv_close(&r->in);
    free(r);
}

int il_csv_cols(const il_csv *r) { return r ? r->in.cols : 0; }
int il_csv_line(const il_csv *r) { return r ? r->in.row_line : 0; }

const char *il_csv_col(const il_csv *r, int col)
{
    if (col < 0 || col >= il_csv_cols(r)) return "";
    const char *at = r->in.cells;
    while (col--) at += strlen(at) + 1;
    return at;
}

il_status il_csv_next(il_csv *r, const char **cell, int *more, il_error *err)
{
    IL_GIVEN(err, "csv cell more", r, cell, more);
    r->in.cells_size = r->header;
    IL_TRY(il_csv_row(&r->in, more, err));
    const char *at = r->in.cells + r->header;
    for (int c = 0; *more && c < r->in.cols; c++, at += strlen(at) + 1) cell[c] = at;
    return IL_OK;
}
