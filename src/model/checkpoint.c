/* checkpoint.c - models in safetensors files
 *
 * Weights stand under the field's names with the shapes (out, in) and (n); the state of an optimiser (its moments)
 * under OPTIMIZER.MOMENT.NAME, as adam.m.NAME. Where the weights are averaged, what stands under their names is the
 * average, and what training goes on from under iterate.NAME. The metadata hold the resolved recipe, the plan (plan_text.c),
 * step, seed, hash, version, and of a built model its program and the registers of its stream.
 */
#include "model/model.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

void il_checkpoint_path(char *path, size_t size, const char *folder)
{
    snprintf(path, size, "%s/checkpoints/last.safetensors", folder);
}

int64_t il_checkpoint_kept(char *path, size_t size, const char *folder, int64_t below)
{
    char name[4096];
    int64_t newest = -1;
    snprintf(name, sizeof name, "%s/checkpoints", folder);
    DIR *dir = opendir(name);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        int64_t step;
        int end = 0;
        if (sscanf(e->d_name, "step-%" SCNd64 ".safetensors%n", &step, &end) != 1 || !end ||
            e->d_name[end] || step >= below || step <= newest)
            continue;
        newest = step;
        snprintf(path, size, "%s/checkpoints/%s", folder, e->d_name);
    }
    if (dir) closedir(dir);
    return newest;
}

enum { PREFIX = 32, KINDS = 2 + IL_MOMENTS };

typedef struct {
    char name[IL_NAME + PREFIX];
} tensor_name;

/* Tensors that are laid out like the weights: what the model answers with, which has no prefix, and what else
 * training needs */
typedef struct {
    char prefix[PREFIX];
    il_real *data;
    int positive; /* never below 0 */
} kind;

/* The first is the model's; returns how many there are. */
static int kinds_of(kind k[KINDS], const il_optimizer *of, int averaged)
{
    int n = 1;
    memset(k, 0, sizeof *k * KINDS);
    for (int i = 0; of && of->moments[i].name; i++, n++) {
        snprintf(k[n].prefix, PREFIX, "%s.%s.", of->name, of->moments[i].name);
        k[n].positive = of->moments[i].positive;
    }
    if (averaged) snprintf(k[n++].prefix, PREFIX, "iterate.");
    return n;
}

/* The same with where they are in memory */
static int kinds_in(kind k[KINDS], const il_model *model, il_moments moments)
{
    int n = kinds_of(k, moments.of, moments.average != NULL);
    k[0].data = moments.average ? moments.average : model->weights;
    if (moments.average) k[n - 1].data = model->weights;
    for (int i = 0; moments.of && moments.of->moments[i].name; i++)
        k[1 + i].data = moments.data[i];
    return n;
}

uint64_t il_checkpoint_hash(const il_model *model, il_moments moments)
{
    il_model answering = *model;
    if (moments.average) answering.weights = moments.average;
    return il_model_hash(&answering);
}

static void describe(il_tensor *t, tensor_name *name, const il_param *w, const kind *k)
{
    snprintf(name->name, sizeof name->name, "%.*s%.*s", PREFIX - 1, k->prefix, IL_NAME - 1,
             w->name);
    *t = (il_tensor){ .name = name->name,
                      .dtype = IL_DTYPE_REAL,
                      .ndim = w->rows ? 2 : 1,
                      .data = k->data ? k->data + w->offset : NULL };
    t->shape[0] = w->rows ? w->rows : w->cols;
    t->shape[1] = w->cols;
}

/* Everything of a checkpoint in memory, before a file is opened */
typedef struct {
    il_tensor *tensors;
    tensor_name *names;
    char *config, *plan, step[24], seed[24], hash[24], digest[24];
    char registers[IL_REGISTERS * 40];
} parts;

/* "x 5 y 1": names and widths */
static void write_registers(char *text, size_t size, const il_registers *r)
{
    size_t n = 0;
    for (int i = 0; i < r->n && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s %d", i ? " " : "", r->name[i],
                              il_register_width(r, i));
}

static il_status read_registers(il_registers *r, const char *text, const char *path,
                                il_error *err)
{
    while (text && *text) {
        char name[IL_COUNT(r->name[0])];
        size_t n = strcspn(text, " ");
        char *end = NULL;
        long width = text[n] ? strtol(text + n + 1, &end, 10) : 0;
        if (!n || n >= sizeof name || width < 1 || width > 1 << 20 ||
            (*end && *end != ' ') || r->n == IL_REGISTERS)
            return il_fail(err, IL_ECONFIG,
                           "%s: the metadata's 'registers' are not names with their widths",
                           path);
        snprintf(name, sizeof name, "%.*s", (int)n, text);
        il_registers_add(r, name, (int)width);
        text = end + (*end == ' ');
    }
    return IL_OK;
}

static il_status gather(parts *a, const il_model *model, il_moments moments, il_error *err)
{
    size_t most = (size_t)model->plan.n_params * KINDS;
    a->tensors = calloc(most + 1, sizeof *a->tensors);
    a->names = calloc(most + 1, sizeof *a->names);
    if (!a->tensors || !a->names)
        return il_fail(err, IL_EFAIL, "out of memory for a checkpoint");
    IL_TRY(il_config_text(&a->config, &model->config, err));
    IL_TRY(il_plan_text(&a->plan, &model->plan, err));
    snprintf(a->step, sizeof a->step, "%" PRId64, model->step);
    snprintf(a->seed, sizeof a->seed, "%d", model->config.training.seed);
    write_registers(a->registers, sizeof a->registers, &model->registers);
    snprintf(a->hash, sizeof a->hash, "%016" PRIx64, il_checkpoint_hash(model, moments));
    return IL_OK;
}

static il_status write_parts(const char *path, parts *a, const il_model *model,
                             il_moments moments, il_error *err)
{
    const il_plan *p = &model->plan;
    il_meta meta[] = { { "config", a->config },      { "plan", a->plan },
                       { "step", a->step },          { "seed", a->seed },
                       { "hash", a->hash },          { "version", il_version() },
                       { IL_DIGEST, a->digest },     { "program", model->program },
                       { "registers", a->registers } };
    kind kinds[KINDS];
    int n = 0, nmeta = IL_COUNT(meta) - 2 * !model->program,
        n_kinds = kinds_in(kinds, model, moments);
    for (int k = 0; k < n_kinds; k++)
        for (int i = 0; i < p->n_params; i++, n++)
            describe(&a->tensors[n], &a->names[n], &p->params[i], &kinds[k]);
    snprintf(a->digest, sizeof a->digest, "%016" PRIx64,
             il_tensors_digest(a->tensors, n, meta, nmeta));
    return il_tensors_write(path, a->tensors, n, meta, nmeta, err);
}

il_status il_checkpoint_write(const char *path, const il_model *model, il_moments moments,
                              il_error *err)
{
    parts a = { 0 };
    il_status status = gather(&a, model, moments, err);
    if (status == IL_OK) status = write_parts(path, &a, model, moments, err);
    free(a.config);
    free(a.plan);
    free(a.tensors);
    free(a.names);
    return status;
}

il_status il_model_save(const il_model *model, const char *path, il_error *err)
{
    IL_GIVEN(err, "model path", model, path);
    return il_checkpoint_write(path, model, (il_moments){ 0 }, err);
}

/* One weight's tensor in the file, which must have its shape and a dtype we read. */
static il_status find_tensor(const il_tensor **found, const il_tensors *file,
                             const char *path, const il_param *w, const kind *k,
                             il_error *err)
{
    il_tensor want;
    tensor_name name;
    describe(&want, &name, w, k);
    const il_tensor *t = il_tensors_find(file, name.name);
    if (!t) return il_fail(err, IL_ECONFIG, "%s: tensor %s is missing", path, name.name);
    if (t->ndim != want.ndim || t->shape[0] != want.shape[0] ||
        (t->ndim == 2 && t->shape[1] != want.shape[1])) {
        char got[96] = "", *at = got;
        for (int i = 0; i < t->ndim && at < got + 64; i++)
            at += snprintf(at, 24, "%s%" PRId64, i ? ", " : "", t->shape[i]);
        return il_fail(err, IL_ECONFIG,
                       want.ndim == 2
                           ? "%s: tensor %s has shape (%s), its recipe asks for (%d, %d)"
                           : "%s: tensor %s has shape (%s), its recipe asks for (%d)",
                       path, name.name, got, (int)want.shape[0], (int)want.shape[1]);
    }
    il_error why = { 0 };
    if (il_tensor_reals(t, NULL, &why) != IL_OK)
        return il_fail(err, IL_ECONFIG, "%s: %s", path, why.text);
    *found = t;
    return IL_OK;
}

/* Copies one tensor of a file that has been compared into place. */
static il_status read_tensor(const il_tensors *file, const char *path, const il_param *w,
                             const kind *k, il_error *err)
{
    const il_tensor *t;
    IL_TRY(find_tensor(&t, file, path, w, k, err));
    IL_TRY(il_tensor_reals(t, k->data + w->offset, err));
    for (size_t i = 0; i < il_param_size(w); i++) {
        if (!isfinite(k->data[w->offset + i]))
            return il_fail(err, IL_ECONFIG, "%s: tensor %s is not finite at element %zu",
                           path, t->name, i);
        if (k->positive && k->data[w->offset + i] < 0)
            return il_fail(err, IL_ECONFIG,
                           "%s: tensor %s, a mean of squares, is negative at element %zu",
                           path, t->name, i);
    }
    return IL_OK;
}

/* A file may hold what training needs or not, but nothing that the model does not know. */
static il_status no_strangers(const il_tensors *file, const char *path, const il_plan *p,
                              const kind *kinds, int n_kinds, il_error *err)
{
    for (int i = 0; i < il_tensors_count(file); i++) {
        const char *name = il_tensors_at(file, i)->name;
        int known = 0;
        for (int k = 0; k < n_kinds; k++) {
            size_t length = strlen(kinds[k].prefix);
            if (strncmp(name, kinds[k].prefix, length)) continue;
            for (int j = 0; j < p->n_params; j++)
                known |= !strcmp(name + length, p->params[j].name);
        }
        if (!known)
            return il_fail(err, IL_ECONFIG, "%s: tensor %s is not one of this model's",
                           path, il_show(name).text);
    }
    return IL_OK;
}

/* Does the file hold the weights of a plan, if `training` what else that needs, and none beside them? */
static il_status compare(const il_tensors *file, const char *path, const il_plan *p,
                         const il_config *c, int training, il_error *err)
{
    const il_tensor *t;
    kind kinds[KINDS];
    int n =
        kinds_of(kinds, il_optimizer_find(c->training.optimizer), c->training.average > 0);
    IL_TRY(no_strangers(file, path, p, kinds, n, err));
    for (int k = 0; k < (training ? n : 1); k++)
        for (int i = 0; i < p->n_params; i++)
            IL_TRY(find_tensor(&t, file, path, &p->params[i], &kinds[k], err));
    return IL_OK;
}

/* Fills a model from a file that has been compared with its plan. */
static il_status read_into(const il_tensors *file, const char *path, il_model *model,
                           il_moments moments, il_error *err)
{
    const il_plan *p = &model->plan;
    kind kinds[KINDS];
    int n = kinds_in(kinds, model, moments);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < p->n_params; i++)
            IL_TRY(read_tensor(file, path, &p->params[i], &kinds[k], err));
    const char *step = il_tensors_meta(file, "step");
    char *end = NULL;
    errno = 0;
    model->step = step ? strtoll(step, &end, 10) : 0;
    if (step && (end == step || *end || errno || model->step < 0))
        return il_fail(err, IL_ECONFIG, "%s: metadata step '%s' is not a count", path,
                       il_show(step).text);
    if (model->step > model->config.training.train_steps)
        return il_fail(err, IL_ECONFIG,
                       "%s: metadata step '%s' is beyond its training.train_steps = %d",
                       path, il_show(step).text, model->config.training.train_steps);
    const char *hash = il_tensors_meta(file, "hash");
    char now[24];
    uint64_t stored = IL_HASH_START;
    for (int i = 0; i < p->n_params; i++) {
        const il_tensor *t = il_tensors_find(file, p->params[i].name);
        stored = il_hash_weight(stored, &p->params[i], t->data, il_dtype_bytes(t->dtype));
        const char *dtype = il_dtype_name(t->dtype);
        model->dtype = !i || !strcmp(dtype, model->dtype) ? dtype : "mixed";
    }
    snprintf(now, sizeof now, "%016" PRIx64, stored);
    if (hash && strcmp(hash, now))
        return il_fail(
            err, IL_ECONFIG,
            "%s: the weights' hash is %s, the metadata say %s: the file was damaged, "
            "or its weights were changed or saved in another dtype; if that is "
            "wanted, take `hash` and `digest` out of the metadata",
            path, now, il_show(hash).text);
    il_model_pack(model);
    return IL_OK;
}

il_status il_checkpoint_read(const char *path, il_model *model, il_moments moments,
                             il_error *err)
{
    il_tensors *file;
    IL_TRY(il_tensors_read(&file, path, err));
    il_status status =
        compare(file, path, &model->plan, &model->config, moments.of != NULL, err);
    if (status == IL_OK) status = read_into(file, path, model, moments, err);
    il_tensors_free(file);
    return status;
}

/* Ids are read where prompts have them, by an op that knows all of them. */
static int knows_ids(const il_plan *p, const il_op *op, int classes)
{
    for (int i = 0; i < op->n_in; i++)
        if (op->kind->ids >> i & 1 && op->in[i] != p->tokens && op->in[i] != p->target)
            return 0;
    int known = op->par[0] != IL_NONE ? p->params[op->par[0]].rows : il_width(p, op->in[0]);
    return !op->kind->ids || (classes && known >= classes);
}

/* What il_model_answer relies on when a plan is not its recipe's. Errors: a sentence alone. */
static il_status fits(const il_plan *p, const il_config *c, il_error *err)
{
    const il_task *task = il_task_find(c->training.task_name);
    int classes = il_task_classes(task, c->training.task_opts);
    for (int i = 0; i < p->n_ops; i++)
        if (!knows_ids(p, &p->ops[i], classes))
            return il_fail(err, IL_ECONFIG,
                           "plan: op %s reads ids that prompts of %s do not have",
                           p->ops[i].name, task->name);
    if (il_width(p, p->answer) != (classes ? classes : il_width(p, p->target)) ||
        (classes && il_width(p, p->target) != 1))
        return il_fail(err, IL_ECONFIG,
                       "plan: the answer is %d wide, which the task %s does not ask for",
                       il_width(p, p->answer), task->name);
    const il_layout *layout = il_layout_at(c->model.tokens);
    int width = layout->width(c->model.n_dims, il_width(p, p->answer), c->model.stack);
    if (il_width(p, p->tokens) < width)
        return il_fail(err, IL_ECONFIG, "plan: tokens are %d wide, the recipe's %d",
                       il_width(p, p->tokens), width);
    return IL_OK;
}

/* The plan of the file where it has one, else its recipe's */
static il_status read_plan(il_plan *plan, const il_tensors *file, const il_config *config,
                           il_error *err)
{
    const char *text = il_tensors_meta(file, "plan");
    if (!text) return il_model_plan(plan, config, err);
    IL_TRY(il_config_check(config, err));
    IL_TRY(il_plan_read(plan, text, config->training.recompute, err));
    il_status status = fits(plan, config, err);
    if (status != IL_OK) il_plan_free(plan);
    return status;
}

static il_status load(il_model **out, const il_tensors *file, const char *path,
                      il_error *err)
{
    const char *text = il_tensors_meta(file, "config");
    if (!text)
        return il_fail(
            err, IL_ECONFIG,
            "%s: the metadata hold no 'config', so its model is unknown: a program "
            "that rewrites a checkpoint must keep its metadata, as in safetensors' "
            "save_file(tensors, path, metadata)",
            path);
    il_config config;
    il_config_init(&config);
    IL_TRY(il_config_parse(&config, text, strlen(text), path, err));
    il_plan plan;
    il_error why = { 0 };
    il_status status = read_plan(&plan, file, &config, &why);
    if (status != IL_OK) return il_fail(err, status, "%s: %s", path, why.text);
    status = compare(file, path, &plan, &config, 0,
                     err); /* before there is memory for a model */
    if (status != IL_OK) {
        il_plan_free(&plan);
        return status;
    }
    il_model *m;
    status = il_model_from_plan(&m, &plan, &why);
    if (status != IL_OK) return il_fail(err, status, "%s: %s", path, why.text);
    m->config = config;
    const char *program = il_tensors_meta(file, "program");
    size_t size = program ? strlen(program) : 0;
    if (program && il_utf8_bad(program, size) < size)
        status = il_fail(err, IL_ECONFIG, "%s: the metadata's 'program' is not text", path);
    m->program = program ? strdup(program) : NULL;
    if (program && !m->program)
        status = il_fail(err, IL_EFAIL, "out of memory for a model");
    if (status == IL_OK)
        status =
            read_registers(&m->registers, il_tensors_meta(file, "registers"), path, err);
    if (status == IL_OK) status = read_into(file, path, m, (il_moments){ 0 }, err);
    if (status == IL_OK)
        *out = m;
    else
        il_model_free(m);
    return status;
}

il_status il_model_load(il_model **out, const char *path, il_error *err)
{
    IL_GIVEN(err, "model path", out, path);
    char newest[4096];
    const char *folder = NULL;
    struct stat info;
    if (!stat(path, &info) && S_ISDIR(info.st_mode)) {
        folder = path;
        il_checkpoint_path(newest, sizeof newest, folder);
        if (stat(newest, &info))
            il_checkpoint_kept(newest, sizeof newest, folder, INT64_MAX);
        path = newest;
    }
    il_tensors *file;
    IL_TRY(il_tensors_read(&file, path, err));
    il_status status = load(out, file, path, err);
    il_tensors_free(file);
    if (status || !folder) return status;
    (*out)->run = strdup(folder);
    if ((*out)->run) return IL_OK;
    il_model_free(*out);
    return il_fail(err, IL_EFAIL, "out of memory for the path of %s", folder);
}
