/* explain.c - innerloop explain MODEL: which algorithm does it run? */
#include "cli.h"

typedef struct {
    const char *figures, *answers, *problems;
    int json;
} options;
static const il_opt opts[] = {
    CLI_STRING(figures, NULL, "FOLDER", "also draw there: steps, spectrum, answers"),
    CLI_STRING(answers, NULL, "FILE",
               "no MODEL, but the answers of another program: .npy or .safetensors"),
    CLI_STRING(problems, "problems.safetensors", "FILE", "what they answer"),
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

static void print(const il_explanation *e)
{
    cli_write(e->layers, CLI_AS_TEXT);
    putchar('\n');
    cli_write(e->families, CLI_AS_TEXT);
    printf("\n%s\n", e->verdict);
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
    CLI_TRY(cli_make_folders(folder, err));
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
        print(&e);
    cli_notes(il_table_notes(e.layers));
    if (o->figures) status = draw(&e, o->figures, err);
    il_explanation_free(&e);
    return status;
}

const cli_command cmd_explain = {
    .words = "[MODEL]",
    .least = 0,
    .most = 1,
    .help = "Takes what a model predicts after every layer or loop and fits the steps of "
            "every family of algorithms to these on half of the prompts. unexplained: the "
            "fraction of their mean square that is left on the other half.",
    .options = opts,
    .size = sizeof(options),
    .kind = "explain",
    .run = run,
};
