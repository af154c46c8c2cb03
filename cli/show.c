/* show.c - innerloop show MODEL|RECIPE: what it is, in words and numbers */
#include "cli.h"

typedef struct {
    int json;
} options;
static const il_opt opts[] = {
    CLI_FLAG(json, "one JSON object"),
    { 0 },
};

/* ---- the plan in words -------------------------------------------------------------------- */

static void describe(char *text, size_t size, const il_config *c)
{
    static const char *const into[] = { "with the read-in added at its start",
                                        "with the read-in multiplied in at its start",
                                        "which starts from the read-in",
                                        "with the read-in added before every block" };
    int n = snprintf(
        text, size,
        "A prompt of up to %d points in %d dimensions is read in as tokens of width "
        "%d, one for each x and one for each y. ",
        c->model.n_positions, c->model.n_dims, c->model.n_embd);
    char *rest = text + n;
    size_t left = size - (size_t)n;
    switch (c->model.family) {
    case IL_GPT2:
        snprintf(rest, left, "%d blocks of %d heads transform them once. ",
                 c->model.n_layer, c->model.n_head);
        break;
    case IL_BUILT:
        snprintf(text, size, "A built model: its program says what it is.");
        return;
    case IL_GPT2_TYING:
        snprintf(rest, left,
                 "One block of %d heads, tied over depth, transforms them %d times. ",
                 c->model.n_head, c->model.n_layer);
        break;
    default:
        snprintf(rest, left,
                 "%d block%s of %d heads run%s in a loop, %s; it is trained with up to %d "
                 "loops, of which the last %d carry loss and gradient. ",
                 c->model.n_layer, c->model.n_layer == 1 ? "" : "s", c->model.n_head,
                 c->model.n_layer == 1 ? "s" : "", into[c->model.loop_func],
                 c->training.curriculum.loops.end, c->training.n_loop_window);
    }
    n = (int)strlen(text);
    snprintf(text + n, size - (size_t)n,
             "The answer for point n is read out at its x token, which sees the points "
             "before it. Trained on %s: %d steps of %d prompts.",
             c->training.task_name, c->training.train_steps, c->training.batch_size);
}

/* ---- output ---------------------------------------------------------------------------------- */

/* What becomes of the numbers of a file that holds others than we compute with */
static const char *as_read(const il_model *model)
{
    const char *dtype = il_model_dtype(model);
    if (strstr(dtype, "F16")) return "  (widened to F32, which is exact)";
    if (!strcmp(dtype, "F64")) return "  (rounded to F32)";
    return "";
}

static void show_text(const il_model *model, int trained, const char *recipe,
                      const char *words)
{
    char number[32];
    il_counts counts = il_model_counts(model);
    if (il_model_program(model)) {
        printf("%s", il_model_program(model));
    } else {
        printf("%s\n", recipe);
        cli_wrap(words, 0);
    }
    printf("\nparameters  %12s  backbone, as papers report it\n",
           cli_grouped(number, counts.backbone));
    printf("            %12s  embedding: positions, read-in, read-out\n",
           cli_grouped(number, counts.embedding));
    printf("            %12s  all\n", cli_grouped(number, counts.all));
    if (!trained) return;
    printf("\nstep        %12s\nstored as   %12s%s\nweights %016" PRIx64 "\n\n",
           cli_grouped(number, il_model_step(model)), il_model_dtype(model), as_read(model),
           il_model_hash(model));
    for (int i = 0; i < il_model_weights(model); i++) {
        const char *name;
        const il_real *data;
        int rows, cols;
        il_model_weight(model, i, &name, &data, &rows, &cols);
        if (rows) {
            printf("  %-28s %6d x %d\n", name, rows, cols);
        } else {
            printf("  %-28s %6d\n", name, cols);
        }
    }
}

static void print_member(const char *name, const char *text)
{
    printf(",\n \"%s\": ", name);
    il_json_write_text(text, cli_out, NULL);
}

static void print_weights(const il_model *model)
{
    printf(",\n \"weights\": [");
    for (int i = 0; i < il_model_weights(model); i++) {
        const char *name;
        const il_real *data;
        int rows, cols;
        il_model_weight(model, i, &name, &data, &rows, &cols);
        printf("%s\n  {\"name\": ", i ? "," : "");
        il_json_write_text(name, cli_out, NULL);
        printf(", \"rows\": %d, \"cols\": %d}", rows, cols);
    }
    printf("\n ]");
}

static void show_json(const il_model *model, int trained, const char *recipe,
                      const char *words)
{
    il_counts counts = il_model_counts(model);
    printf("{\n \"kind\": \"%s\"", trained ? "model" : "recipe");
    print_member("recipe", recipe);
    print_member("plan", words);
    printf(",\n \"parameters\": {\"backbone\": %" PRId64 ", \"embedding\": %" PRId64
           ", \"all\": %" PRId64 "}",
           (int64_t)counts.backbone, (int64_t)counts.embedding, (int64_t)counts.all);
    if (il_model_program(model)) print_member("program", il_model_program(model));
    if (trained) {
        printf(",\n \"step\": %" PRId64 ",\n \"dtype\": \"%s\",\n \"hash\": \"%016" PRIx64
               "\"",
               (int64_t)il_model_step(model), il_model_dtype(model), il_model_hash(model));
        print_weights(model);
    }
    printf("\n}\n");
}

/* A checkpoint begins with the size of its header, below 2^32, and a brace. */
static int is_checkpoint(const char *path)
{
    char head[9] = "";
    FILE *f = cli_is_file(path) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return n == sizeof head && !memcmp(head + 4, "\0\0\0\0{", 5);
}

/* A recipe becomes a model with its initial weights, so that it can be counted. */
static il_status open_subject(il_model **model, int *trained, const char *name,
                              il_error *err)
{
    il_config config;
    *trained =
        cli_is_folder(name) || cli_ends_with(name, ".safetensors") || is_checkpoint(name);
    if (*trained) return il_model_load(model, name, err);
    cli_training training = { .recipe = name };
    CLI_TRY(cli_read_recipe(&config, &training, err));
    return il_model_new(model, &config, err);
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_model *model;
    int trained;
    char plan[1024];
    CLI_TRY(open_subject(&model, &trained, call->word[1], err));
    describe(plan, sizeof plan, il_model_config(model));
    char *recipe = NULL;
    il_status status = il_config_text(&recipe, il_model_config(model), err);
    if (!status) (o->json ? show_json : show_text)(model, trained, recipe, plan);
    il_text_free(recipe);
    il_model_free(model);
    return status;
}

const cli_command cmd_show = {
    .words = "MODEL|RECIPE",
    .least = 1,
    .most = 1,
    .help = "MODEL is a checkpoint or a run folder (its newest checkpoint); RECIPE a YAML "
            "file or a name from `innerloop list recipes`.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
