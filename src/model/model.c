/* model.c - creates and packs a model (a plan and its weights), and counts its parameters */
#include "model/model.h"

#include <stdlib.h>
#include <sys/mman.h>

static void layout(il_model *m)
{
    m->weights = il_take(&m->arena, il_real, m->plan.n_weights);
    m->packed = il_take(&m->arena, il_real, m->plan.n_packed);
}

il_status il_model_from_plan(il_model **out, il_plan *plan, il_error *err)
{
    il_model *m = calloc(1, sizeof *m);
    if (!m) {
        il_plan_free(plan);
        return il_fail(err, IL_EFAIL, "out of memory for a model");
    }
    m->plan = *plan;
    il_plan_init(plan);
    il_config_init(&m->config);
    layout(m);
    il_status status = il_arena_fill(&m->arena, err);
    if (status != IL_OK) {
        il_model_free(m);
        return status;
    }
    layout(m);
    *out = m;
    return IL_OK;
}

void il_model_free(il_model *m)
{
    if (!m) return;
    if (m->sketched) munmap(m->weights, m->sketched);
    il_plan_free(&m->plan);
    il_arena_free(&m->arena);
    free(m->program);
    free(m->run);
    free(m);
}

il_status il_model_plan(il_plan *plan, const il_config *config, il_error *err)
{
    IL_TRY(il_config_check(config, err));
    il_plan_init(plan);
    il_status status = il_model_build(plan, config, err);
    if (status != IL_OK) il_plan_free(plan);
    return status;
}

il_status il_model_new(il_model **out, const il_config *config, il_error *err)
{
    IL_GIVEN(err, "model config", out, config);
    il_plan plan;
    IL_TRY(il_model_plan(&plan, config, err));
    il_status status =
        il_memory_ask(sizeof(il_real) * (double)(plan.n_weights + plan.n_packed),
                      "the model", "model.n_embd, n_layer or n_positions", err);
    if (status != IL_OK) {
        il_plan_free(&plan);
        return status;
    }
    IL_TRY(il_model_from_plan(out, &plan, err));
    (*out)->config = *config;
    il_params_init(&(*out)->plan, (*out)->weights, (uint64_t)config->training.seed);
    if (config->model.factor.init == IL_FACTOR_SPECTRAL)
        status = il_factors_spectral(&(*out)->plan, (*out)->weights,
                                     (uint64_t)config->training.seed, err);
    if (status != IL_OK) {
        il_model_free(*out);
        return status;
    }
    il_model_pack(*out);
    return IL_OK;
}

il_status il_model_sketch(il_model **out, const il_config *config, il_error *err)
{
    il_plan plan;
    IL_TRY(il_model_plan(&plan, config, err));
    size_t size = il_product(plan.n_weights + 1, sizeof(il_real));
    il_model *m = calloc(1, sizeof *m);
    void *at =
        m ? mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
          : MAP_FAILED;
    if (at == MAP_FAILED) {
        free(m);
        il_plan_free(&plan);
        return il_fail(err, IL_EFAIL, "a model of %zu weights is too large",
                       plan.n_weights);
    }
    m->plan = plan;
    m->config = *config;
    m->weights = at;
    m->sketched = size;
    *out = m;
    return IL_OK;
}

static void pack_one(void *context, int i, int worker)
{
    (void)worker;
    il_model *m = context;
    const il_op *op = &m->plan.ops[i / 2];
    if (op->kind->pack)
        op->kind->pack(op, &m->plan, i % 2, m->weights, m->packed + op->packed[i % 2]);
}

void il_model_pack(il_model *m) { il_parallel(2 * m->plan.n_ops, pack_one, m); }

const il_config *il_model_config(const il_model *m) { return m ? &m->config : NULL; }
const char *il_model_dtype(const il_model *m)
{
    return !m ? "" : m->dtype ? m->dtype : il_dtype_name(IL_DTYPE_REAL);
}

const char *il_model_program(const il_model *m) { return m ? m->program : NULL; }
int64_t il_model_step(const il_model *m) { return m ? m->step : 0; }
int il_model_loops(const il_model *m) { return m ? m->plan.loops : 0; }

il_status il_model_check_loops(const il_model *m, int first, int last, il_error *err)
{
    if (first < 1 || last < first || last > IL_MOST)
        return il_fail(err, IL_ECONFIG, "there are no loops from %d to %d", first, last);
    if (last > 1 && m->plan.carry == IL_CARRY_NONE)
        return il_fail(err, IL_ECONFIG, "the model has no loop, so it cannot run %d", last);
    return IL_OK;
}

int il_model_classes(const il_model *m)
{
    const il_task *task = m ? il_task_find(m->config.training.task_name) : NULL;
    return task ? il_task_classes(task, m->config.training.task_opts) : 0;
}

int il_model_weights(const il_model *m) { return m ? m->plan.n_params : 0; }

void il_model_weight(const il_model *m, int i, const char **name, const il_real **data,
                     int *rows, int *cols)
{
    static const il_param none = { .name = "" };
    int there = i >= 0 && i < il_model_weights(m);
    const il_param *w = there ? &m->plan.params[i] : &none;
    if (name) *name = w->name;
    if (data) *data = there ? m->weights + w->offset : NULL;
    if (rows) *rows = w->rows;
    if (cols) *cols = w->cols;
}

static int starts_with(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

il_counts il_model_counts(const il_model *m)
{
    il_counts n = { 0 };
    for (int i = 0; i < il_model_weights(m); i++) {
        const il_param *w = &m->plan.params[i];
        int embedding = starts_with(w->name, "wpe.") || starts_with(w->name, "read_");
        *(embedding ? &n.embedding : &n.backbone) += (int64_t)il_param_size(w);
    }
    n.all = n.backbone + n.embedding;
    return n;
}

uint64_t il_hash_weight(uint64_t hash, const il_param *w, const void *data, size_t size)
{
    char shape[IL_NAME + 32];
    int n = snprintf(shape, sizeof shape, "%s %d %d\n", w->name, w->rows, w->cols);
    hash = il_hash(hash, shape, (size_t)n);
    return il_hash_numbers(hash, data, il_param_size(w), size);
}

uint64_t il_model_hash(const il_model *m)
{
    uint64_t hash = IL_HASH_START;
    for (int i = 0; i < il_model_weights(m); i++) {
        const il_param *w = &m->plan.params[i];
        hash = il_hash_weight(hash, w, m->weights + w->offset, sizeof *m->weights);
    }
    return hash;
}
