/* dump.c - innerloop dump MODEL -o FILE: what a model computes on prompts, as a file of arrays
 *
 * The file is safetensors: an array (loops,prompts,tokens,width) for every slot, or (loops,prompts,heads,tokens,tokens)
 * for a pattern, and the prompts x, y and w. Its metadata say which loops these are, and at which token each point is
 * answered.
 */
#include "cli.h"

enum { SLOTS = 1024, DIMS = 5 };

typedef struct {
    const char *out, *slots;
    int prompts, points, loops;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    { "o", IL_OPT_STRING, offsetof(options, out), .help = "the file: FILE.safetensors",
      .value = "FILE" },
    CLI_STRING(slots, NULL, "NAME,...",
               "what is recorded (the residual stream and the answers; `all`)"),
    CLI_INT(prompts, 16, 1, "B", "prompts, drawn as in training"),
    CLI_INT(points, 0, 1, "N", "points of a prompt (those of training)"),
    CLI_INT(loops, 0, 1, "R",
            "loops of a looped model (its own), each of which is recorded"),
    CLI_SEED(seed, 1, "which prompts"),
    { 0 },
};

/* An array of the file */
typedef struct {
    const char *name;
    const il_real *data;
    size_t shape[DIMS];
    int dims;
} array;

typedef struct {
    const il_model *model;
    il_batch *batch;
    il_table *slots; /* all there are */
    int points, loops, tokens, n;
    const char *name[SLOTS];
    il_real *data[SLOTS];
    array array[SLOTS + 3]; /* the prompts come last */
} dumping;

static size_t size_of(const array *a)
{
    size_t size = 1;
    for (int i = 0; i < a->dims; i++) size *= a->shape[i];
    return size;
}

/* ---- the file ------------------------------------------------------------------------------------ */

static void add(void *context, const char *bytes, size_t n)
{
    fwrite(bytes, 1, n, context);
}

static void write_header(FILE *f, const dumping *d, int arrays)
{
    size_t at = 0;
    fprintf(f,
            "{\"__metadata__\":{\"format\":\"innerloop.trace\",\"loops\":\"%d\",\"model\":"
            "\"%016" PRIx64 "\",\"tokens\":\"[",
            d->loops, il_model_hash(d->model));
    for (int n = 0; n < d->points; n++)
        fprintf(f, "%s%d", n ? "," : "", il_model_tokens(d->model, n));
    fprintf(f, "]\"}");
    for (int i = 0; i < arrays; i++) {
        const array *a = &d->array[i];
        fprintf(f, ",");
        il_json_write_text(a->name, add, f);
        fprintf(f, ":{\"dtype\":\"%s\",\"shape\":[", sizeof(il_real) == 4 ? "F32" : "F64");
        for (int k = 0; k < a->dims; k++) fprintf(f, "%s%zu", k ? "," : "", a->shape[k]);
        size_t end = at + sizeof(il_real) * size_of(a);
        fprintf(f, "],\"data_offsets\":[%zu,%zu]}", at, end);
        at = end;
    }
    fprintf(f, "}");
}

static int write_all(FILE *f, const dumping *d, int arrays)
{
    char *text;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return 0;
    write_header(memory, d, arrays);
    while (!fflush(memory) && size % 8) fputc(' ', memory);
    if (fclose(memory)) return 0;
    uint64_t length = size;
    fwrite(&length, sizeof length, 1, f);
    fwrite(text, 1, size, f);
    free(text);
    for (int i = 0; i < arrays; i++)
        fwrite(d->array[i].data, sizeof(il_real), size_of(&d->array[i]), f);
    return !ferror(f);
}

static il_status save(const dumping *d, const char *path, int arrays, il_error *err)
{
    char temporary[CLI_PATH];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= CLI_PATH)
        return il_fail(err, IL_EIO, "%.64s...: the path is too long", path);
    FILE *f = fopen(temporary, "wb");
    if (!f) return il_fail_io(err, "cannot write %s", path);
    int written = write_all(f, d, arrays);
    if (!fclose(f) && written && !rename(temporary, path)) return IL_OK;
    il_status status = il_fail_io(err, "cannot write %s", path);
    remove(temporary);
    return status;
}

/* ---- what is recorded ------------------------------------------------------------------------------ */

/* Is the slot one of "NAME,NAME"; without names, the stream or the answer? `all`: everything but the inputs */
static int is_wanted(const dumping *d, const char *names, int row)
{
    const char *name = il_table_text(d->slots, row, 0),
               *what = il_table_text(d->slots, row, 3);
    if (!names) return !strcmp(what, "stream") || !strcmp(what, "answer");
    if (!strcmp(names, "all")) return strcmp(what, "input") != 0;
    size_t length = strlen(name);
    for (const char *at = names; (at = strstr(at, name)); at++)
        if ((at == names || at[-1] == ',') && (!at[length] || at[length] == ',')) return 1;
    return 0;
}

static int count_words(const char *names)
{
    int n = 1;
    for (; *names; names++) n += *names == ',';
    return n;
}

/* A name that is none is handed on, so that the library says which is near. */
static il_status check_names(const dumping *d, const char *names, il_error *err)
{
    if (!names || !strcmp(names, "all") || count_words(names) <= d->n) return IL_OK;
    char word[IL_TEXT];
    for (const char *at = names; *at;
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        const char *asked = word;
        il_real *none[1] = { d->batch->x };
        int known = 0;
        for (int i = 0; i < d->n; i++) known |= !strcmp(d->name[i], word);
        if (!known) return il_observe(d->model, d->batch, -1, &asked, 1, 1, 1, none, err);
    }
    return il_fail(err, IL_EUSAGE, "dump: --slots %s names one twice", names);
}

static il_status make_room(dumping *d, const char *names, il_error *err)
{
    size_t R = (size_t)d->loops, B = (size_t)d->batch->prompts, T = (size_t)d->tokens;
    for (int row = 0; row < il_table_rows(d->slots) && d->n < SLOTS; row++) {
        if (!is_wanted(d, names, row)) continue;
        size_t width = (size_t)il_table_number(d->slots, row, 1);
        int pattern = !strcmp(il_table_text(d->slots, row, 3), "pattern");
        array *a = &d->array[d->n];
        *a = pattern ? (array){ .shape = { R, B, width, T, T }, .dims = 5 }
                     : (array){ .shape = { R, B, T, width }, .dims = 4 };
        a->name = d->name[d->n] = il_table_text(d->slots, row, 0);
        a->data = d->data[d->n] = malloc(sizeof(il_real) * size_of(a));
        if (!a->data)
            return il_fail(err, IL_EFAIL,
                           "out of memory for %s: dump fewer slots or prompts", a->name);
        d->n++;
    }
    return check_names(d, names, err);
}

static int add_prompts(dumping *d)
{
    const il_batch *b = d->batch;
    size_t B = (size_t)b->prompts, N = (size_t)b->points, D = (size_t)b->dim,
           O = (size_t)b->outs;
    int ids = il_model_classes(d->model) > 0;
    d->array[d->n] = (array){ "x", b->x, { B, N, D }, 3 };
    d->array[d->n + 1] = (array){ "y", b->y, { B, N, O }, 3 };
    d->array[d->n + 2] = (array){ "w", b->w, { B, O, D }, 3 };
    return d->n + (ids ? 2 : 3);
}

static il_status draw(dumping *d, const options *o, il_error *err)
{
    const il_config *c = il_model_config(d->model);
    const il_task *task = il_task_find(c->training.task_name);
    d->points = o->points ? o->points : il_model_points(d->model);
    d->loops = o->loops ? o->loops : il_model_loops(d->model);
    d->tokens = il_model_tokens(d->model, d->points);
    CLI_TRY(il_batch_new_outs(&d->batch, o->prompts, d->points, c->model.n_dims,
                              il_task_outs(task, c->training.task_opts, c->model.n_dims),
                              err));
    il_draw at = { .seed = o->seed, .stream = IL_STREAM_EVAL };
    return il_batch_draw(d->batch, task, c->training.task_opts, NULL,
                         il_model_dims(d->model), at, err);
}

static il_status dump(dumping *d, const options *o, il_error *err)
{
    CLI_TRY(draw(d, o, err));
    CLI_TRY(il_model_slots(&d->slots, d->model, err));
    CLI_TRY(make_room(d, o->slots, err));
    CLI_TRY(il_observe(d->model, d->batch, -1, d->name, d->n, 1, d->loops, d->data, err));
    int arrays = add_prompts(d);
    CLI_TRY(save(d, o->out, arrays, err));
    for (int i = 0; i < arrays; i++) {
        const array *a = &d->array[i];
        printf("%-28s", a->name);
        for (int k = 0; k < a->dims; k++) printf("%s%zu", k ? " x " : " ", a->shape[k]);
        printf("\n");
    }
    printf("\nwrote %s\n", o->out);
    return IL_OK;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_model *model;
    if (!o->out)
        return il_fail(err, IL_EUSAGE,
                       "dump: where to? Name a file with -o FILE.safetensors");
    CLI_TRY(cli_load(&model, call->word[1], err));
    dumping *d = calloc(1, sizeof *d);
    il_status status = d ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for a dump");
    if (d) d->model = model;
    if (!status) status = dump(d, o, err);
    for (int i = 0; d && i < d->n; i++) free(d->data[i]);
    if (d) il_batch_free(d->batch);
    if (d) il_table_free(d->slots);
    free(d);
    il_model_free(model);
    return status;
}

const cli_command cmd_dump = {
    .words = "MODEL",
    .least = 1,
    .most = 1,
    .help = "Writes what the model computes on prompts drawn as in training, after every "
            "loop: a safetensors file "
            "with an array (loops, prompts, tokens, width) for every slot, or (loops, "
            "prompts, heads, tokens, tokens) "
            "for an attention pattern, and the prompts. Point n is answered at token n of "
            "the list `tokens` in the "
            "file's metadata.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
