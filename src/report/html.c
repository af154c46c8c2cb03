/* html.c - a run as one HTML page that needs nothing else
 *
 * Figures are inlined as SVG, style is inline, nothing is fetched: the page can be mailed or put
 * on a server as it is. It follows the reader's light or dark setting and prints. Every text that
 * comes from a file or a table is escaped; an SVG that holds more than a drawing is left out.
 */
#include "report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

/* clang-format off */
static const char *const style =
    ":root{color-scheme:light dark;--ink:#1c2128;--soft:#5c6672;--line:#d8dee4}\n"
    ":root{--page:#fff;--card:#f6f8fa;--blue:#0072b2}\n"
    "@media(prefers-color-scheme:dark){\n"
    ":root{--ink:#e3e7ec;--soft:#9aa5b1;--line:#343b44;--page:#15181d;--card:#1d2127;--blue:#56b4e9}\n"
    "svg [stroke='rgb(  0, 114, 178)']{stroke:#56b4e9}}\n"
    "body{margin:0 auto;padding:2.5rem 1.5rem 4rem;max-width:58rem}\n"
    "body{background:var(--page);color:var(--ink)}\n"
    "body{font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}\n"
    "h1{font-size:1.7rem;margin:0 0 .2rem}\n"
    "h2{font-size:1.15rem;margin:2.4rem 0 .6rem}\n"
    ".soft{color:var(--soft)}\n"
    ".verdict{font-size:1.08rem;padding:.9rem 1.1rem;margin:1.4rem 0;background:var(--card)}\n"
    ".verdict{border-left:4px solid var(--blue);border-radius:0 6px 6px 0}\n"
    "figure{margin:1rem 0;color:var(--ink)}\n"
    "figure svg{width:100%;min-width:34rem;height:auto;display:block}\n"
    "figure{overflow-x:auto}\n"
    "svg [fill=black]{fill:currentColor}\n"
    "svg [color=black]{color:inherit}\n"
    ".gridline{opacity:.4}\n"
    "details{margin:.6rem 0}\n"
    "summary{cursor:pointer;color:var(--soft)}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;margin:.6rem 0;font-size:.86rem}\n"
    "table{font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.22rem .7rem;border-bottom:1px solid var(--line);text-align:right}\n"
    "th,td{white-space:nowrap}\n"
    "th{color:var(--soft);font-weight:600}\n"
    "th.text,td.text{text-align:left}\n"
    "td.text{white-space:normal;overflow-wrap:anywhere}\n"
    "pre{background:var(--card);border:1px solid var(--line);border-radius:6px}\n"
    "pre{padding:.9rem 1.1rem;font-size:.84rem;line-height:1.45;overflow-x:auto}\n"
    "@media print{\n"
    "body{max-width:none;padding:0;font-size:11pt}\n"
    "figure,table,pre{break-inside:avoid}\n"
    "details:not([open]){display:none}}\n";
/* clang-format on */

static void escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        case '\'':
            fputs("&#39;", f);
            break;
        default:
            if ((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t')
                fputc(*text, f);
        }
    }
}

/* What the page is made of; everything is read before a byte is written. */
typedef struct {
    const char *folder, *name;
    const il_table *const *tables;
    int n;
    il_table *loss; /* NULL: the run has no metrics */
    char *recipe;   /* config.yaml, or NULL */
    char *env_text; /* env.json, or NULL */
    il_json env;    /* its object */
} page;

/* ---- the verdict -------------------------------------------------------------------------- */

/* The mean distance of two columns over the rows where both have a value. */
static double distance(const il_table *t, int a, int b)
{
    double sum = 0;
    int n = 0;
    for (int r = 0; r < il_table_rows(t); r++) {
        double d = fabs(il_table_number(t, r, a) - il_table_number(t, r, b));
        if (!isfinite(d)) continue;
        sum += d;
        n++;
    }
    return n ? sum / n : INFINITY;
}

/* The algorithm whose curve is nearest to the model's; -1 if there is none. */
static int nearest(const il_table *t, int model, double *least)
{
    int best = -1;
    *least = INFINITY;
    for (int c = 1; c < il_table_cols(t); c++) {
        const char *name = il_table_col(t, c);
        if (il_table_is_text(t, c) || !strncmp(name, "model", 5)) continue;
        double d = distance(t, model, c);
        if (d < *least) best = c;
        *least = fmin(*least, d);
    }
    return best;
}

static void number(FILE *f, double v) { fputs(il_digits_short(v).text, f); }

/* What the first table with a column `model` says of its last row. */
static void write_verdict(FILE *f, const page *p)
{
    const il_table *t = NULL;
    int model = -1;
    for (int i = 0; i < p->n && model < 0; i++) {
        t = p->tables[i];
        model = il_table_rows(t) ? il_table_find(t, "model") : -1;
    }
    if (model < 1) return;
    int last = il_table_rows(t) - 1, low = il_table_find(t, "model_low"),
        high = il_table_find(t, "model_high");
    double apart;
    int other = nearest(t, model, &apart);
    fputs("<p class=verdict>At ", f);
    escaped(f, il_table_col(t, 0));
    fputs(" = ", f);
    number(f, il_table_number(t, last, 0));
    fputs(" the model&#39;s ", f);
    escaped(f, *il_table_caption(t) ? il_table_caption(t) : "error");
    fputs(" is <b>", f);
    number(f, il_table_number(t, last, model));
    fputs("</b>", f);
    if (low >= 0 && high >= 0) {
        fputs(" (90&nbsp;% interval ", f);
        number(f, il_table_number(t, last, low));
        fputs(" to ", f);
        number(f, il_table_number(t, last, high));
        fputs(")", f);
    }
    if (other >= 0) {
        fputs(". Of the algorithms beside it, <b>", f);
        escaped(f, il_table_col(t, other));
        fputs("</b> is nearest over the whole curve: ", f);
        number(f, apart);
        fputs(" apart on average, with ", f);
        number(f, il_table_number(t, last, other));
        fputs(" at the same place", f);
    }
    fputs(".</p>\n", f);
}

/* ---- figures and tables ------------------------------------------------------------------------ */

static const char *heading(const char *name)
{
    static const char *const known[][2] = {
        { "points", "Error by number of examples" },
        { "loops", "Error by loops" },
        { "loss", "Training" },
        { "losses", "Loss by training step" },
        { "runs", "Runs and their weights" },
        { "differences", "Where the recipes differ" },
        { "explained", "Which algorithm, over training" },
    };
    for (int i = 0; i < IL_COUNT(known); i++)
        if (!strcmp(name, known[i][0])) return known[i][1];
    return name;
}

/* Of a file that a page may lack: one that is not there is no failure, nor is one that holds something else; one
 * that the system does not read is. */
static il_status may_lack(il_status status, const char *path)
{
    struct stat info;
    if (status == IL_EIO && !stat(path, &info) && S_ISREG(info.st_mode)) return status;
    return status == IL_EFAIL ? status : IL_OK;
}

/* The drawing of FOLDER/figures/NAME.svg from its <svg on, if it is only a drawing. One that is
 * not there is left out; one that cannot be read is an error. */
static il_status write_figure(FILE *f, const page *p, const char *name, int *drawn,
                              il_error *err)
{
    *drawn = 0;
    char path[1200], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/figures/%s.svg", p->folder, name);
    il_status status = il_file_read(&text, &size, path, 16 << 20, err);
    if (status) return may_lack(status, path);
    const char *drawing = strstr(text, "<svg");
    if (drawing && strlen(text) == size && il_svg_is_drawing(drawing)) {
        fputs("<figure role=img tabindex=0 aria-label=\"", f);
        escaped(f, heading(name));
        fputs("\">\n", f);
        fputs(drawing, f);
        fputs("</figure>\n", f);
        *drawn = 1;
    }
    free(text);
    return IL_OK;
}

static void write_cell(FILE *f, const il_table *t, int row, int col)
{
    if (il_table_is_text(t, col)) {
        fputs("<td class=text>", f);
        escaped(f, il_table_text(t, row, col));
    } else {
        fputs("<td>", f);
        number(f, il_table_number(t, row, col));
    }
}

/* Closed below its figure, open without one */
static void write_table(FILE *f, const il_table *t, int drawn)
{
    fprintf(f, "<details%s><summary>The numbers (%d row%s)", drawn ? "" : " open",
            il_table_rows(t), il_table_rows(t) == 1 ? "" : "s");
    if (*il_table_caption(t)) fputs(": ", f);
    escaped(f, il_table_caption(t));
    fputs("</summary><div class=wide><table>\n<tr>", f);
    for (int c = 0; c < il_table_cols(t); c++) {
        fputs(il_table_is_text(t, c) ? "<th class=text>" : "<th>", f);
        escaped(f, il_table_col(t, c));
    }
    for (int r = 0; r < il_table_rows(t); r++) {
        fputs("\n<tr>", f);
        for (int c = 0; c < il_table_cols(t); c++) write_cell(f, t, r, c);
    }
    fputs("\n</table></div></details>\n", f);
}

/* A string's text, or another value as it stands */
static void write_value(FILE *f, il_json v)
{
    char text[1024];
    size_t size = (size_t)(v.end - v.at);
    if (il_json_is(v, '"'))
        il_json_text(v, text, sizeof text);
    else
        snprintf(text, sizeof text, "%.*s", size < sizeof text ? (int)size : 0, v.at);
    escaped(f, text);
}

static void write_environment(FILE *f, il_json env)
{
    il_json key, value;
    fputs("<h2>Environment</h2>\n<table>\n", f);
    for (il_json_walk walk = il_json_open(env); il_json_next(&walk, &key, &value);) {
        fputs("<tr><th class=text>", f);
        write_value(f, key);
        fputs("<td class=text>", f);
        write_value(f, value);
        fputc('\n', f);
    }
    fputs("</table>\n", f);
}

/* ---- the page ----------------------------------------------------------------------------------- */

static il_status write_part(FILE *f, const page *p, const il_table *t, il_error *err)
{
    int drawn;
    fputs("<h2>", f);
    escaped(f, heading(il_table_name(t)));
    fputs("</h2>\n", f);
    IL_TRY(write_figure(f, p, il_table_name(t), &drawn, err));
    write_table(f, t, drawn);
    return IL_OK;
}

static il_status write_page(const void *context, FILE *f, il_error *err)
{
    const page *p = context;
    fputs("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
          "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>",
          f);
    escaped(f, p->name);
    fprintf(f, " - innerloop</title>\n<style>\n%s</style>\n<h1>", style);
    escaped(f, p->name);
    fprintf(f, "</h1>\n<div class=soft>written by innerloop %s</div>\n", il_version());
    write_verdict(f, p);
    if (p->loss) IL_TRY(write_part(f, p, p->loss, err));
    for (int i = 0; i < p->n; i++) IL_TRY(write_part(f, p, p->tables[i], err));
    if (p->recipe) {
        fputs("<h2>Recipe</h2>\n<pre>", f);
        escaped(f, p->recipe);
        fputs("</pre>\n", f);
    }
    if (il_json_is(p->env, '{')) write_environment(f, p->env);
    fputs("</html>\n", f);
    return IL_OK;
}

static il_status draw_loss(const page *p, il_error *err)
{
    il_figure figure = { .title = "Loss by training step",
                         .x_label = "step",
                         .y_label = "mean loss",
                         .log_y = 1 };
    char path[1100];
    snprintf(path, sizeof path, "%s/figures", p->folder);
    IL_TRY(il_folders_make(path, err));
    snprintf(path, sizeof path, "%s/figures/loss", p->folder);
    return il_figure_write(&figure, p->loss, path, NULL, err);
}

/* One file of the run; *text stays NULL where there is none. Errors: IL_EFAIL; IL_EIO. */
static il_status read_file(const char *folder, const char *name, char **text, size_t *size,
                           il_error *err)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return may_lack(il_file_read(text, size, path, 1 << 20, err), path);
}

/* Every part but the tables is welcome to be missing. Errors: IL_EFAIL; IL_EIO. */
static il_status read_parts(page *p, il_error *err)
{
    size_t size = 0;
    IL_TRY(read_file(p->folder, "config.yaml", &p->recipe, &size, err));
    IL_TRY(read_file(p->folder, "env.json", &p->env_text, &size, err));
    if (p->env_text && il_json_check(&p->env, p->env_text, size, NULL))
        p->env = (il_json){ 0 };
    char path[1100];
    snprintf(path, sizeof path, "%s/metrics.jsonl", p->folder);
    return may_lack(il_metrics_read(&p->loss, p->folder, err), path);
}

static il_status write_report(page *p, il_error *err)
{
    char path[1100];
    il_error why = { 0 };
    IL_TRY(read_parts(p, err));
    il_status drawn = p->loss ? draw_loss(p, &why) : IL_OK;
    snprintf(path, sizeof path, "%s/report.html", p->folder);
    IL_TRY(il_file_write_atomic(path, write_page, p, err));
    return drawn ? il_fail(err, drawn, "%s", why.text) : IL_OK;
}

il_status il_report_write(const char *folder, const il_table *const *tables, int n,
                          il_error *err)
{
    IL_GIVEN(err, "folder", folder);
    IL_WITHIN(err, IL_MOST, "n", n);
    for (int i = 0; i < n; i++) IL_GIVEN(err, "tables", tables ? tables[i] : NULL);
    char whole[1024], *real = realpath(folder, NULL);
    if (!real && errno == ENOMEM)
        return il_fail(err, IL_EFAIL, "out of memory for a report");
    if (!real || strlen(real) >= sizeof whole) {
        free(real);
        return il_fail(err, IL_EIO, "%s: not a run folder that can be opened", folder);
    }
    strcpy(whole, real);
    free(real);
    const char *slash = strrchr(whole, '/');
    page p = { .folder = whole,
               .name = slash && slash[1] ? slash + 1 : whole,
               .tables = tables,
               .n = n };
    il_status status = write_report(&p, err);
    il_table_free(p.loss);
    free(p.recipe);
    free(p.env_text);
    return status;
}
