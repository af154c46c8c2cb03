/* explain.c - innerloop explain MODEL: which algorithm does it run? */
#include "cli.h"

enum { SHOWN = 10 }; /* families that are printed without --all */

typedef struct {
    const char *figures, *answers, *problems;
    int all, json;
} options;
static const il_opt opts[] = {
    CLI_STRING(figures, NULL, "FOLDER", "also draw there: steps, spectrum, answers"),
    CLI_STRING(answers, NULL, "FILE",
               "no MODEL, but the answers of another program: .npy, .npz or .safetensors"),
    CLI_STRING(problems, "problems.safetensors", "FILE", "what they answer"),
    CLI_FLAG(all, "every column of the layers and every candidate"),
    CLI_FLAG(json, "one JSON object"),
    { 0 },
};

static void print_number(const char *name, double x)
{
    printf(",\"%s\":", name);
    il_json_write_number(x, cli_out, NULL);
}

static void print_json(const il_explanation *e)
{
    static const char *const found[] = { "none", "resembles", "runs" };
    printf("{\"found\":\"%s\",\"sure\":%s,\"verdict\":", found[e->found],
           e->sure ? "true" : "false");
    il_json_write_text(e->verdict, cli_out, NULL);
    printf(",\"family\":\"%s\",\"runner_up\":\"%s\",\"reading\":\"%s\",\"tail\":%d",
           e->family, e->runner_up, e->reading, e->tail);
    printf(",\"first\":%d,\"explained\":%d", e->first, e->explained);
    print_number("steps_per_layer", e->steps_per_layer);
    print_number("score", e->score);
    print_number("runner_up_score", e->runner_up_score);
    const il_table *tables[] = { e->layers, e->families, e->steps, e->spectrum,
                                 e->answers };
    for (int i = 0; i < CLI_COUNT(tables); i++) {
        printf(",\"%s\":", il_table_name(tables[i]));
        il_table_write(tables[i], IL_TABLE_JSON, cli_out, NULL);
    }
    printf("}\n");
}

/* Adds row `row` of another table that has all of this one's columns. */
static il_status copy_row(il_table *to, const il_table *from, int row, il_error *err)
{
    int at = il_table_rows(to);
    CLI_TRY(il_table_add_row(to, err));
    for (int c = 0; c < il_table_cols(to); c++) {
        int col = il_table_find(from, il_table_col(to, c));
        if (il_table_is_text(to, c))
            CLI_TRY(il_table_set_text(to, at, c, il_table_text(from, row, col), err));
        else
            il_table_set(to, at, c, il_table_number(from, row, col));
    }
    return IL_OK;
}

/* Is a candidate the best one of its family? Better ones come first. */
static int is_first(const il_table *families, int row)
{
    for (int i = 0; i < row; i++)
        if (!strcmp(il_table_text(families, i, 0), il_table_text(families, row, 0)))
            return 0;
    return 1;
}

/* What a reader looks at first: of every layer how much is explained, and the candidate of each of the first families */
static il_status shorten(il_table *layers, il_table *families, const il_explanation *e,
                         il_error *err)
{
    CLI_TRY(il_table_add_cols(
        layers, "layer$ step sime unexplained any_filter_unexplained not_linear", err));
    for (int i = 0; i < il_table_rows(e->layers); i++)
        CLI_TRY(copy_row(layers, e->layers, i, err));
    CLI_TRY(il_table_add_cols(
        families, "family$ variant$ parameters$ unexplained high steps_per_layer free ties",
        err));
    for (int i = 0; i < il_table_rows(e->families); i++)
        if (is_first(e->families, i) && il_table_rows(families) < SHOWN)
            CLI_TRY(copy_row(families, e->families, i, err));
    return IL_OK;
}

static il_status print(const il_explanation *e, int all, il_error *err)
{
    il_table *layers = NULL, *families = NULL;
    il_status status = il_table_new(&layers, "layers", err);
    if (!status) status = il_table_new(&families, "families", err);
    if (!status && !all) status = shorten(layers, families, e, err);
    if (!status) {
        printf("%s\n\n", e->verdict);
        cli_write(all ? e->layers : layers, CLI_AS_TEXT);
        putchar('\n');
        cli_write(all ? e->families : families, CLI_AS_TEXT);
        int left = il_table_rows(e->families) - il_table_rows(families);
        if (!all && left > 0) printf("\n--all prints %d more candidates\n", left);
    }
    il_table_free(layers);
    il_table_free(families);
    return status;
}

static il_status draw(const il_explanation *e, const char *folder, il_error *err)
{
    const il_table *tables[] = { e->steps, e->spectrum, e->answers };
    const il_figure figures[] = {
        { .title = "Layers against steps of the algorithm",
          .x_label = "layer or loop",
          .y_label = "steps",
          .kind = IL_FIGURE_HEAT },
        { .title = "What is left of the error, by direction of the examples",
          .x_label = "eigenvalue of X^T X / n",
          .y_label = il_table_caption(e->spectrum),
          .log_x = 1 },
        { .title = "Answers of the last layer",
          .x_label = "the algorithm",
          .y_label = "the model",
          .kind = IL_FIGURE_POINTS },
    };
    CLI_TRY(il_folders_make(folder, err));
    for (int i = 0; i < CLI_COUNT(figures); i++) {
        char path[CLI_PATH];
        int drawn;
        if (!il_table_rows(tables[i])) continue;
        CLI_TRY(cli_join(path, folder, il_table_name(tables[i]), err));
        CLI_TRY(il_figure_write(&figures[i], tables[i], path, &drawn, err));
        cli_drawn(path, drawn);
    }
    return IL_OK;
}

static il_status explain(const cli_call *call, il_explanation *e, il_error *err)
{
    const options *o = call->options;
    il_model *model;
    if (o->answers && (call->words || call->n_settings))
        return il_fail(err, IL_EUSAGE,
                       "explain: --answers stands without MODEL and without options of "
                       "prompts, which the problems carry");
    if (o->answers) return il_explain_file(o->problems, o->answers, e, err);
    if (!call->words)
        return il_fail(err, IL_EUSAGE, "explain: give a MODEL, or --answers FILE");
    CLI_TRY(cli_load(&model, call->word[1], err));
    il_status status = il_explain(model, call->settings, call->n_settings, e, err);
    il_model_free(model);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_explanation e;
    CLI_TRY(explain(call, &e, err));
    il_status status = IL_OK;
    if (o->json)
        print_json(&e);
    else
        status = print(&e, o->all, err);
    cli_notes(il_table_notes(e.layers));
    if (o->figures && !status) status = draw(&e, o->figures, err);
    il_explanation_free(&e);
    return status;
}

const cli_command cmd_explain = {
    .words = "[MODEL]",
    .least = 0,
    .most = 1,
    .help =
        "Takes what a model predicts after every layer or loop and fits the steps of "
        "every family of algorithms to these on half of the prompts. unexplained: the "
        "fraction of their mean square that is left on the other half. Prints the verdict, "
        "and below it the layers and the first candidates.",
    .options = opts,
    .size = sizeof(options),
    .kind = "explain",
    .run = run,
};
