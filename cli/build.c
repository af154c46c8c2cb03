/* build.c - innerloop build NAME: an algorithm compiled into the weights of a transformer */
#include "cli.h"

typedef struct {
    const char *out;
    int verify, json, f32;
} options;
static const il_opt opts[] = {
    { "o", IL_OPT_STRING, offsetof(options, out), .help = "the checkpoint",
      .value = "FILE" },
    CLI_FLAG(verify, "measure it against its algorithm; exit code 6 when an error is above "
                     "what is stated"),
    CLI_FLAG(f32,
             "weights in single precision, for readers without F64; not with --verify"),
    CLI_FLAG(json, "one JSON object"),
    { 0 },
};

/* The words behind CONSTRUCTION */
static const il_opt *keys(int words, char *const *word)
{
    return words ? il_options("constructions", word[0]) : NULL;
}

/* "NAME key=value ..." from the words */
static il_status join(char *text, size_t size, const cli_call *call, il_error *err)
{
    size_t at = 0;
    for (int i = 1; i <= call->words && at < size; i++)
        at +=
            (size_t)snprintf(text + at, size - at, "%s%s", i > 1 ? " " : "", call->word[i]);
    return at < size ? IL_OK : il_fail(err, IL_EUSAGE, "build: too many options");
}

static void print_json(const il_model *model, const il_table *table)
{
    printf("{\n \"program\": ");
    il_json_write_text(il_model_program(model), cli_out, NULL);
    if (table) {
        printf(",\n \"verification\": ");
        il_table_write(table, IL_TABLE_JSON, cli_out, NULL);
    }
    printf("\n}\n");
}

static void print(const il_model *model, const il_table *table, const options *o)
{
    if (o->json) {
        print_json(model, table);
        return;
    }
    printf("%s", il_model_program(model));
    if (table) {
        printf("\n%s\n", il_table_caption(table));
        cli_write(table, CLI_AS_TEXT);
    }
    if (o->out) printf("\nwrote %s\n", o->out);
}

static il_status build(const options *o, const char *text, il_error *err)
{
    il_model *model;
    il_table *table = NULL;
    int failed = 0;
    CLI_TRY(il_build(&model, text, err));
    il_status status = o->verify ? il_build_verify(&table, &failed, text, err) : IL_OK;
    if (!status && o->out) status = il_model_save(model, o->out, err);
    if (!status) print(model, table, o);
    if (!status && failed)
        status = il_fail(err, IL_ECLAIM, "build: %d of %d errors are above what is stated",
                         failed, il_table_rows(table));
    il_model_free(model);
    il_table_free(table);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    char text[1024];
    CLI_TRY(join(text, sizeof text, call, err));
    if (o->f32 && o->verify)
        return il_fail(err, IL_EUSAGE,
                       "build: --verify measures in double precision; leave --f32 out");
    return build(o, text, err);
}

const cli_command cmd_build = {
    .words = "CONSTRUCTION [key=value ...]",
    .least = 1,
    .most = 40,
    .help = "CONSTRUCTION is a row of `innerloop list constructions`, which names the keys "
            "too. Prints the program: registers of the residual stream, and the "
            "instructions of every layer.",
    .options = opts,
    .size = sizeof(options),
    .keys = keys,
    .in_double = 1,
    .but = "--f32",
    .run = run,
};
