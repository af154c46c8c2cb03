/* dump.c - innerloop dump MODEL -o FILE: what a model computes on prompts, as a file of arrays
 *
 * An array (loops,prompts,tokens,width) for every slot, or (loops,prompts,heads,tokens,tokens) for a pattern, and the
 * prompts x, y and w. Settings beside them say which loops these are, and at which token each point is answered.
 */
#include "cli.h"

enum { SLOTS = 1024 };

typedef struct {
    const char *out, *slots;
    int prompts, points, loops;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    { "o", IL_OPT_STRING, offsetof(options, out),
      .help = "the file: FILE.safetensors, or FILE.npz for numpy", .value = "FILE" },
    CLI_STRING(slots, NULL, "NAME,...",
               "what is recorded (the residual stream and the answers; `all`)"),
    CLI_INT(prompts, 16, 1, "B", "prompts, drawn as in training"),
    CLI_INT(points, 0, 1, "N", "points of a prompt (those of training)"),
    CLI_INT(loops, 0, 1, "R",
            "loops of a looped model (its own), each of which is recorded"),
    CLI_SEED(seed, 1, "which prompts"),
    { 0 },
};

typedef struct {
    const il_model *model;
    il_batch *batch;
    il_table *slots; /* all there are */
    int points, loops, tokens, n;
    const char *name[SLOTS];
    il_real *data[SLOTS];
    il_array array[SLOTS + 3]; /* the prompts come last */
} dumping;

static size_t size_of(const il_array *a)
{
    size_t size = 1;
    for (int i = 0; i < a->ndim; i++) size *= (size_t)a->shape[i];
    return size;
}

/* "tokens=[1,3,5]": at which token each point is answered */
static il_status list_tokens(char **text, const dumping *d, il_error *err)
{
    enum { WIDEST = 12 };
    size_t size = sizeof "tokens=[]" + (size_t)d->points * WIDEST, at = 0;
    *text = malloc(size);
    if (!*text) return il_fail(err, IL_EFAIL, "out of memory for a dump");
    at += (size_t)snprintf(*text, size, "tokens=[");
    for (int n = 0; n < d->points; n++)
        at += (size_t)snprintf(*text + at, size - at, "%s%d", n ? "," : "",
                               il_model_tokens(d->model, n));
    snprintf(*text + at, size - at, "]");
    return IL_OK;
}

static il_status save(const dumping *d, const char *path, int arrays, il_error *err)
{
    char loops[32], model[32], *tokens;
    snprintf(loops, sizeof loops, "loops=%d", d->loops);
    snprintf(model, sizeof model, "model=%016" PRIx64, il_model_hash(d->model));
    CLI_TRY(list_tokens(&tokens, d, err));
    const char *settings[] = { "format=innerloop.trace", loops, model, tokens };
    il_status status = il_arrays_write(path, d->array, arrays, settings,
                                       (int)(sizeof settings / sizeof *settings), err);
    free(tokens);
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
    int64_t R = d->loops, B = d->batch->prompts, T = d->tokens;
    for (int row = 0; row < il_table_rows(d->slots) && d->n < SLOTS; row++) {
        if (!is_wanted(d, names, row)) continue;
        int64_t width = (int64_t)il_table_number(d->slots, row, 1);
        int pattern = !strcmp(il_table_text(d->slots, row, 3), "pattern");
        il_array *a = &d->array[d->n];
        *a = pattern ? (il_array){ .shape = { R, B, width, T, T }, .ndim = 5 }
                     : (il_array){ .shape = { R, B, T, width }, .ndim = 4 };
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
    int64_t B = b->prompts, N = b->points, D = b->dim, O = b->outs;
    int ids = il_model_classes(d->model) > 0;
    d->array[d->n] = (il_array){ "x", b->x, 3, { B, N, D } };
    d->array[d->n + 1] = (il_array){ "y", b->y, 3, { B, N, O } };
    d->array[d->n + 2] = (il_array){ "w", b->w, 3, { B, O, D } };
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
        const il_array *a = &d->array[i];
        printf("%-28s", a->name);
        for (int k = 0; k < a->ndim; k++)
            printf("%s%" PRId64, k ? " x " : " ", a->shape[k]);
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
                       "dump: where to? Name a file with -o FILE.safetensors, or FILE.npz");
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
    .help =
        "Writes what the model computes on prompts drawn as in training, after every "
        "loop: an array (loops, prompts, tokens, width) for every slot, or (loops, "
        "prompts, heads, tokens, tokens) for an attention pattern, and the prompts, in "
        "a safetensors file or an archive of numpy's (.npz). Point n is answered at "
        "token n of the list `tokens` in the file's metadata, or in the archive's array "
        "`settings`.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};
