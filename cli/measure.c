/* measure.c - the measures and figures of `report` and `demo` */
#include "cli.h"

static const char *const yardsticks = "against=zero,averaging,knn,gd@1,gd@10,newton,ols";
static const char *const steppers =
    "against=gd,newton"; /* those whose steps a loop is held against */

il_status cli_measure(const il_model *model, il_table **points, il_table **loops,
                      il_error *err)
{
    il_table *by_points, *by_loops = NULL;
    CLI_TRY(il_measure(&by_points, "points", &model, NULL, 1, &yardsticks,
                       !il_model_classes(model), err));
    if (il_model_loops(model) > 1 && !il_model_classes(model)) {
        il_status status =
            il_measure(&by_loops, "loops", &model, NULL, 1, &steppers, 1, err);
        if (status) {
            il_table_free(by_points);
            return status;
        }
    }
    *points = by_points;
    *loops = by_loops;
    return IL_OK;
}

void cli_drawn(const char *path, int drawn)
{
    char note[CLI_PATH + 64];
    if (drawn) return;
    snprintf(note, sizeof note, "%s.svg: not drawn: gnuplot is missing", path);
    for (char *at = note; *at; at++)
        if (*at == '\n') *at = ' '; /* one note */
    cli_notes(note);
}

static il_figure figure_of(const il_model *model, const il_table *table, int by_loops,
                           int dims)
{
    il_figure by_point = { .title = "Error by number of examples",
                           .x_label = "examples in the prompt",
                           .y_label = il_table_caption(table),
                           .log_y = 1,
                           .marker = "dimensions" };
    il_figure by_loop = { .title = "Error at the last point by loop",
                          .x_label = "loops (steps of an algorithm)",
                          .y_label = il_table_caption(table),
                          .log_y =
                              il_table_find(table, "stopped") < 0, /* shares may be 0 */
                          .marker = "loops trained",
                          .marker_x = il_model_loops(model) };
    by_point.marker_x = dims ? dims : il_model_config(model)->training.curriculum.dims.end;
    return by_loops ? by_loop : by_point;
}

il_status cli_draw(const il_model *model, const il_table *table, const char *path,
                   int by_loops, int dims, il_error *err)
{
    il_figure figure = figure_of(model, table, by_loops, dims);
    err->text[0] = 0; /* a figure without gnuplot is written, with a note there */
    int drawn;
    CLI_TRY(il_figure_write(&figure, table, path, &drawn, err));
    cli_drawn(path, drawn);
    return IL_OK;
}

il_status cli_page(char path[CLI_PATH], const char *folder, const cli_part *parts, int n,
                   il_error *err)
{
    const il_table *tables[CLI_PARTS];
    char figures[CLI_PATH], name[CLI_PATH];
    CLI_TRY(cli_join(figures, folder, "figures", err));
    CLI_TRY(il_folders_make(figures, err));
    il_status drawn = IL_OK;
    il_error why = { 0 };
    for (int i = 0; i < n; i++) {
        int here;
        tables[i] = parts[i].table;
        if (!parts[i].figure.title || drawn) continue;
        CLI_TRY(cli_join(name, figures, il_table_name(tables[i]), err));
        drawn = il_figure_write(&parts[i].figure, tables[i], name, &here, &why);
        if (!drawn) cli_drawn(name, here);
    }
    CLI_TRY(cli_join(path, folder, "report.html", err));
    CLI_TRY(il_report_write(folder, tables, n, err)); /* also without a picture */
    return drawn ? il_fail(err, drawn, "%s", why.text) : IL_OK;
}

il_status cli_report(char path[CLI_PATH], const cli_run *run, const il_table *points,
                     const il_table *loops, il_error *err)
{
    il_table *about = NULL;
    cli_part parts[CLI_PARTS];
    int n = 0;
    il_status status = cli_runs_table(&about, run, 1, err);
    parts[n++] = (cli_part){ .table = about };
    if (run->explained)
        parts[n++] =
            (cli_part){ run->explained,
                        { .title = "What algorithms leave unexplained, over training",
                          .x_label = "step",
                          .y_label = "fraction of the layer answers",
                          .log_y = 1 } };
    parts[n++] = (cli_part){ points, figure_of(run->model, points, 0, 0) };
    if (loops) parts[n++] = (cli_part){ loops, figure_of(run->model, loops, 1, 0) };
    if (!status) status = cli_page(path, run->folder, parts, n, err);
    il_table_free(about);
    return status;
}
