/* figure.c - a table drawn by gnuplot: the data, the script and, where it runs, the picture
 *
 * The three belong together: they are written beside their places and put there when all are whole.
 *
 * PATH.csv and PATH.gp are for the reader to change and run again (`gnuplot NAME.gp` in their
 * folder); PATH.svg is what they draw. The first column is x; every other column of numbers is a
 * line, with a band where NAME_low and NAME_high stand beside it. The colours are Okabe and Ito's,
 * which people who see few colours tell apart; dashes tell them apart in print.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const colours[] = { "#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                       "#E69F00", "#56B4E9", "#7F6AC8", "#6B7A85" };
enum { IL_FIGURE_MARKS = 16 }; /* up to so many rows are few enough to show each as a dot */

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

/* gnuplot takes everything between single quotes literally, except a doubled quote. */
static void literally(FILE *f, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '\'') fputc('\'', f);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
    }
}

static void quoted(FILE *f, const char *text)
{
    fputc('\'', f);
    literally(f, text);
    fputc('\'', f);
}

/* The path of a file. gnuplot takes '<' at the front for a command, '|' for a pipe and '~' for a home, and a
 * line of a script ends at a line break, which is written as an octal number. */
static void quoted_file(FILE *f, const char *path)
{
    const char *front = is_word(*path) || *path == '/' ? "" : "./", *plain = path;
    while ((unsigned char)*plain >= ' ') plain++;
    fprintf(f, *plain ? "\"%s" : "'%s", front);
    if (!*plain) literally(f, path);
    for (; *plain && *path; path++) {
        if (is_word(*path) || strchr("./-", *path))
            fputc(*path, f);
        else
            fprintf(f, "\\%03o", (unsigned)(unsigned char)*path);
    }
    fputc(*plain ? '"' : '\'', f);
}

/* What the parts of the picture are called in it: letters, digits and _ alone */
static void write_id(FILE *f, const char *name)
{
    fputc('\'', f);
    if (*name >= '0' && *name <= '9') fputc('_', f);
    for (; *name; name++) fputc(is_word(*name) ? *name : '_', f);
    fputc('\'', f);
}

static int find_suffixed(const il_table *table, int col, const char *suffix)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", il_table_col(table, col), suffix);
    return il_table_find(table, name);
}

/* Is this column an edge of another one's band? */
static int is_edge(const il_table *table, int col)
{
    static const char *const suffixes[] = { "_low", "_high" };
    const char *name = il_table_col(table, col);
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(name), tail = strlen(suffixes[i]);
        char base[256];
        if (size <= tail || size >= sizeof base || strcmp(name + size - tail, suffixes[i]))
            continue;
        snprintf(base, sizeof base, "%.*s", (int)(size - tail), name);
        if (il_table_find(table, base) >= 0) return 1;
    }
    return 0;
}

static int is_line(const il_table *table, int col)
{
    if (col == 0 || il_table_is_text(table, col) || is_edge(table, col)) return 0;
    for (int r = 0; r < il_table_rows(table); r++)
        if (isfinite(il_table_number(table, r, col))) return 1;
    return 0;
}

/* Where a logarithmic axis may end: a decade below the smallest value of the first line, so that
 * an exact algorithm's rounding error (1e-30) does not press everything else against the top.
 * 0: nothing lies below it. */
static double log_floor(const il_table *table)
{
    int first = 0;
    double low = INFINITY, lowest = INFINITY, edge = 1;
    for (int c = 1; c < il_table_cols(table); c++) {
        if (!is_line(table, c)) continue;
        if (!first) first = c;
        for (int r = 0; r < il_table_rows(table); r++) {
            double v = il_table_number(table, r, c);
            if (!(v > 0)) continue;
            if (c == first) low = fmin(low, v);
            lowest = fmin(lowest, v);
        }
    }
    if (!isfinite(low)) return 0;
    while (edge > low) edge /= 10;
    while (edge < low / 10) edge *= 10;
    edge /= 10;
    return lowest < edge ? edge : 0;
}

static void write_axes(FILE *f, const il_figure *figure, const il_table *table)
{
    fputs("set tmargin 3.5\nset label 1 ", f);
    quoted(f, figure->title);
    fputs(" at graph 0, graph 1 offset 0,1.6 left noenhanced font ',16'\nset xlabel ", f);
    quoted(f, figure->x_label);
    fputs(" noenhanced\nset ylabel ", f);
    quoted(f, figure->y_label);
    fputs(" noenhanced\n"
          "set border 3 linecolor rgb '#808080'\n"
          "set tics nomirror out scale 0.6\n"
          "set grid linecolor rgb '#B0B0B0' linewidth 0.4 dashtype solid\n"
          "set key outside right top Left reverse noenhanced samplen 2 spacing 1.3\n"
          "set autoscale xfix\n",
          f);
    if (figure->log_x) fputs("set logscale x\nset format x '10^{%L}'\n", f);
    if (figure->log_y) {
        double edge = log_floor(table);
        fputs("set logscale y\nset format y '10^{%L}'\n", f);
        if (edge > 0)
            fprintf(f, "set yrange [%.0e:*] # exact answers lie far below\n", edge);
    } else {
        fputs("set yrange [0<*:]\n", f);
    }
    if (figure->marker) {
        il_number x = il_digits(figure->marker_x);
        fprintf(f, "set arrow from first %s, graph 0 to first %s, graph 1 nohead", x.text,
                x.text);
        fputs(" dashtype 2 linewidth 1.2 linecolor rgb '#808080'\nset label 2 ", f);
        quoted(f, figure->marker);
        fprintf(f, " at first %s, graph 0.97 offset 0.6,0 noenhanced font ',12'\n", x.text);
    }
}

/* Shares of prompts by where they stopped are a histogram. */
static int is_histogram(const il_table *table, int col)
{
    const char *name = il_table_col(table, col), *tail = strrchr(name, '_');
    return !strcmp(tail ? tail + 1 : name, "stopped");
}

/* Bands lie under lines, so they come first. */
static void write_lines(FILE *f, const il_table *table, const char *data)
{
    const char *style = il_table_rows(table) > IL_FIGURE_MARKS
                            ? "lines"
                            : "linespoints pointtype 7 pointsize 0.5";
    int plots = 0;
    for (int bands = 1; bands >= 0; bands--) {
        for (int c = 1, line = 0; c < il_table_cols(table); c++) {
            if (!is_line(table, c)) continue;
            const char *colour = colours[line % IL_COUNT(colours)];
            int edges[2] = { find_suffixed(table, c, "_low"),
                             find_suffixed(table, c, "_high") };
            line++;
            if (bands && (edges[0] < 0 || edges[1] < 0)) continue;
            fputs(plots ? ", \\\n     ''" : "plot ", f);
            if (!plots++) quoted_file(f, data);
            if (bands) {
                fprintf(f, " using 1:%d:%d with filledcurves linecolor rgb '%s'",
                        edges[0] + 1, edges[1] + 1, colour);
                fputs(" fillstyle transparent solid 0.2 noborder notitle", f);
                continue;
            }
            fprintf(
                f, " using 1:%d with %s linewidth %d dashtype %d linecolor rgb '%s' title ",
                c + 1, is_histogram(table, c) ? "histeps" : style, line == 1 ? 3 : 2,
                line == 1 ? 1 : 1 + (line - 1) % 4, colour);
            quoted(f, il_table_col(table, c));
        }
    }
    fputc('\n', f);
}

/* A point for every row, and the line on which both are the same */
static void write_points(FILE *f, const il_table *table, const char *data)
{
    fputs("set key off\nset size ratio -1\nset autoscale y\nset offsets graph 0.03, graph "
          "0.03\n"
          "plot x with lines dashtype 2 linecolor rgb '#808080', ",
          f);
    quoted_file(f, data);
    fprintf(f, " using 1:2 with points pointtype 7 pointsize 0.35 linecolor rgb '%s'\n",
            colours[il_table_cols(table) > 2]);
}

/* A box for every row of the table, and a line through the marked ones */
static void write_heat(FILE *f, const il_table *table, const char *data)
{
    fputs("set key off\nunset grid\nset palette defined (0 '#440154', 1 '#3B528B', 2 "
          "'#21908C', 3 '#5DC863', 4 '#FDE725')\nset autoscale y\nset cblabel ",
          f);
    quoted(f, il_table_caption(table));
    fputs(" noenhanced\nset style fill solid noborder\nset xtics 1\nset ytics noenhanced "
          "font ',9'\nplot ",
          f);
    quoted_file(f, data);
    fputs(" using 1:5:($1-0.5):($1+0.5):($5-0.5):($5+0.5):3:ytic(2) with boxxyerror "
          "palette, \\\n     '' using ($4 > 0 ? $1 : 1/0):5 with points pointtype 6 "
          "pointsize 1.2 linewidth 2 linecolor rgb 'white'\n",
          f);
}

typedef struct {
    const il_figure *figure;
    const il_table *table;
    const char *name;          /* the figure's path without its folder */
    const char *data, *output; /* the files; output NULL: standard output */
} drawing;

static il_status write_script(const void *context, FILE *f, il_error *err)
{
    (void)err;
    const drawing *d = context;
    fputs("# Run gnuplot with this file, in its folder, to draw the picture again.\n", f);
    fputs("set terminal svg size 860,460 dynamic enhanced font "
          "'Helvetica,Arial,sans-serif,13'"
          " name ",
          f);
    write_id(f, d->name);
    if (d->output) {
        fputs("\nset output ", f);
        quoted_file(f, d->output);
    }
    fputs("\nset datafile separator comma columnheaders\n", f);
    write_axes(f, d->figure, d->table);
    if (d->figure->kind == IL_FIGURE_POINTS)
        write_points(f, d->table, d->data);
    else if (d->figure->kind == IL_FIGURE_HEAT)
        write_heat(f, d->table, d->data);
    else
        write_lines(f, d->table, d->data);
    return IL_OK;
}

enum { PATH = 1024 };
enum {
    CSV,
    GP,
    SVG,
    SCRIPT,
    DRAFTS
}; /* the script that draws what is not in its place yet */

typedef struct {
    int script;
    const char *path;
    int *absent; /* there is no gnuplot */
} picture;

static il_status draw(const void *context, FILE *f, il_error *err)
{
    const picture *p = context;
    return il_gnuplot(p->script, f, p->path, p->absent, err);
}

static il_status write_drafts(il_draft draft[DRAFTS], char file[][PATH], const drawing *d,
                              int *absent, il_error *err)
{
    IL_TRY(il_draft_write(&draft[CSV], file[CSV], il_table_fill, d->table, err));
    IL_TRY(il_draft_write(&draft[GP], file[GP], write_script, d, err));
    drawing beside = *d;
    beside.data = draft[CSV].name;
    beside.output = NULL;
    IL_TRY(il_draft_write(&draft[SCRIPT], file[GP], write_script, &beside, err));
    picture p = { draft[SCRIPT].fd, file[SVG], absent };
    il_status status = il_draft_write(&draft[SVG], file[SVG], draw, &p, err);
    return *absent ? IL_OK : status;
}

il_status il_figure_write(const il_figure *figure, const il_table *table, const char *path,
                          int *drawn, il_error *err)
{
    IL_GIVEN(err, "figure table path", figure, table, path);
    static const char *const suffix[SCRIPT] = { ".csv", ".gp", ".svg" };
    char file[SCRIPT][PATH];
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    int lines = 0, absent = 0;
    if (!path[folder] || strlen(path) + 8 > PATH)
        return il_fail(err, IL_EUSAGE, "'%s': not a path for a figure", il_show(path).text);
    for (int c = 1; c < il_table_cols(table); c++) lines += is_line(table, c);
    if (!lines || il_table_is_text(table, 0))
        return il_fail(err, IL_ECONFIG, "table %s: no numbers to draw a figure of",
                       il_table_name(table));
    for (int i = 0; i < SCRIPT; i++) snprintf(file[i], PATH, "%s%s", path, suffix[i]);
    drawing d = { figure, table, path + folder, file[CSV] + folder, file[SVG] + folder };
    il_draft draft[DRAFTS] = { 0 };
    il_status status = write_drafts(draft, file, &d, &absent, err);
    if (status == IL_OK && absent) unlink(file[SVG]); /* of older data */
    for (int i = 0; i < SCRIPT; i++)
        if (status == IL_OK && draft[i].path) status = il_draft_keep(&draft[i], err);
    for (int i = 0; i < DRAFTS; i++) il_draft_drop(&draft[i]);
    if (drawn) *drawn = status == IL_OK && !absent;
    return status;
}
