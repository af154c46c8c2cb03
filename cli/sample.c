/* sample.c - innerloop sample MODEL: text, byte by byte, from a model of bytes */
#include "cli.h"

typedef struct {
    const char *prompt;
    double temperature;
    int bytes;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    CLI_STRING(prompt, NULL, "TEXT", "what comes before (the end of a line)"),
    CLI_INT(bytes, 500, 1, "N", "bytes to write"),
    CLI_OPT(REAL, temperature, 1, 0, 1e6, "X", "of the draw; 0: the likeliest byte", NULL),
    CLI_SEED(seed, 1, "of the draw"),
    { 0 },
};

enum { BYTES = 256 };

/* The text so far; what has been read of it is in the context. */
typedef struct {
    il_context *context;
    unsigned char *text;
    int length, room; /* bytes; of the context */
    int64_t read;     /* bytes read in all */
} writer;

/* A full context is cleared and reads the last half of its room again. */
static il_status read_text(writer *w, int from, const il_real **scores, il_error *err)
{
    for (int i = from; i < w->length; i++) {
        if (il_context_points(w->context) == w->room) {
            il_context_clear(w->context);
            i -= w->room / 2;
        }
        CLI_TRY(il_context_next(w->context, w->text[i], scores, err));
        const char *note = il_context_note(w->context);
        if (note) cli_note("%s", note);
        w->read++;
    }
    return IL_OK;
}

static il_status write_bytes(writer *w, const options *o, il_error *err)
{
    const il_real *scores;
    double start = cli_seconds();
    int written = w->length;
    CLI_TRY(read_text(w, 0, &scores, err));
    for (int i = 0; i < o->bytes; i++) {
        int byte = il_scores_draw(scores, BYTES, o->temperature, o->seed, (uint32_t)i);
        w->text[w->length++] = (unsigned char)byte;
        if (i + 1 < o->bytes) CLI_TRY(read_text(w, w->length - 1, &scores, err));
    }
    double seconds = cli_seconds() - start;
    if (o->prompt) written = 0;
    fwrite(w->text + written, 1, (size_t)(w->length - written), stdout);
    putchar('\n');
    fprintf(stderr, "note: %" PRId64 " bytes read in %.3f s: %.0f a second\n", w->read,
            seconds, (double)w->read / seconds);
    return IL_OK;
}

static il_status sample(const il_model *model, const options *o, il_error *err)
{
    const char *prompt = o->prompt && *o->prompt ? o->prompt : "\n";
    writer w = { .length = (int)strlen(prompt),
                 .room = il_model_config(model)->model.n_positions };
    if (il_model_classes(model) != BYTES)
        return il_fail(err, IL_ECONFIG, "sample: the model was trained on %s, not on bytes",
                       il_model_config(model)->training.task_name);
    w.text = malloc((size_t)w.length + (size_t)o->bytes);
    if (!w.text) return il_fail(err, IL_EFAIL, "out of memory for %d bytes", o->bytes);
    memcpy(w.text, prompt, (size_t)w.length);
    il_status status = il_context_new(&w.context, model, 0, err);
    if (status == IL_OK) status = write_bytes(&w, o, err);
    il_context_free(w.context);
    free(w.text);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    il_model *model;
    CLI_TRY(cli_load(&model, call->word[1], err));
    il_status status = sample(model, call->options, err);
    il_model_free(model);
    return status;
}

const cli_command cmd_sample = {
    .words = "MODEL",
    .least = 1,
    .most = 1,
    .help = "The same model, prompt, temperature and seed write the same bytes. Where the "
            "model's context is full, it goes on from the last half of it.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
