/* plan.c - what the C side computes of one plan, for plan.py to compare
 *
 *   plan recipe RECIPE MODEL OUT | plan build "NAME options" MODEL OUT
 *
 * MODEL gets the model: of a recipe, its initial weights with noise on all of them, so that no gain is
 * 1 and no bias 0. OUT gets a batch of random inputs (slots NAME), what every op computes of them
 * after every loop (op.NAME, its loops one below the other), and the gradient of every weight (grad.NAME).
 */
#include "construct/construct.h"
#include "model/model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { PROMPTS = 2, POINTS = 8, LOOPS = 5, WINDOW = 3, MOST = 1 << 14, SEED = 5 };

typedef struct {
    il_tensor tensors[MOST];
    char names[MOST][IL_NAME + 16];
    int n, at[MOST]; /* at: the tensor of an op */
    il_run run;
} output;

static il_real *add(output *out, const char *kind, const char *name, int rows, int cols)
{
    assert(out->n < MOST);
    il_real *data = calloc((size_t)rows * (size_t)cols, sizeof *data);
    snprintf(out->names[out->n], sizeof *out->names, "%s.%s", kind, name);
    out->tensors[out->n] = (il_tensor){ .name = out->names[out->n],
                                        .dtype = IL_DTYPE_REAL,
                                        .ndim = 2,
                                        .shape = { rows, cols },
                                        .data = data };
    out->n++;
    return data;
}

static void noise(il_real *values, size_t n, double scale, uint32_t index)
{
    il_rng rng = il_rng_at(SEED, IL_STREAM_USER, 0, index);
    for (size_t i = 0; i < n; i++) values[i] += (il_real)(scale * il_normal(&rng));
}

static il_status make(il_model **model, char **arg, il_error *err)
{
    il_config c;
    if (!strcmp(arg[0], "build")) return il_build(model, arg[1], err);
    IL_TRY(il_config_read(&c, arg[1], NULL, 0, err));
    IL_TRY(il_model_new(model, &c, err));
    il_model *m = *model;
    for (int i = 0; i < m->plan.n_params; i++) {
        il_param *w = &m->plan.params[i];
        noise(m->weights + w->offset, il_param_size(w), 0.05, 100 + (uint32_t)i);
    }
    for (int i = 0; i < m->plan.n_ops; i++)
        if (m->plan.ops[i].kind->settle)
            m->plan.ops[i].kind->settle(&m->plan.ops[i], &m->plan, m->weights);
    il_model_pack(m);
    return IL_OK;
}

static void fill(const il_model *m, il_state *s, output *out)
{
    const il_plan *p = &m->plan;
    const char *loss = p->ops[p->n_ops - 1].kind->name;
    int classes = il_model_classes(m), labels = !strcmp(loss, "cross_entropy");
    for (int i = 0; i < p->n_slots; i++) {
        int width = il_width(p, i);
        if (p->slots[i].producer != IL_NONE || i == p->carry_in) continue;
        il_real *values = s->value[i];
        size_t n = (size_t)s->rows * (size_t)width;
        memset(values, 0, n * sizeof *values);
        noise(values, n, il_model_layout(m)->fill ? 0.5 : 0.1, (uint32_t)i);
        for (size_t j = 0; j < n; j++) {
            if (classes)
                values[j] = (il_real)((int)(fabs((double)values[j]) * 50) % classes);
            if (labels && i == p->target) values[j] = values[j] < 0 ? -1 : 1;
            if (i == p->weight) values[j] = 1;
            if (i == p->mask) values[j] = (int)j % s->tokens < s->tokens - 1;
        }
        memcpy(add(out, "slot", p->slots[i].name, s->rows, width), values,
               n * sizeof *values);
    }
}

static void keep(void *context, il_state *s, int op)
{
    output *out = context;
    int slot = s->plan->ops[op].out, width = il_width(s->plan, slot);
    size_t n = (size_t)s->rows * (size_t)width;
    int section = (int)s->plan->ops[op].section;
    int loop = section == IL_PRE ? 0 : s->loop;
    if (section == IL_POST) loop -= out->run.loops - out->run.post;
    memcpy((il_real *)out->tensors[out->at[op]].data + (size_t)loop * n, s->value[slot],
           n * sizeof(il_real));
}

static il_status compute(const il_model *m, output *out, il_error *err)
{
    const il_plan *p = &m->plan;
    int loops = il_min(p->loops, LOOPS), window = il_min(loops, WINDOW);
    int T = il_min(il_max(il_model_tokens(m, POINTS), POINTS), p->most_tokens);
    il_state *s;
    IL_TRY(il_state_new(&s, m, PROMPTS, T, window, err));
    il_state_shape(s, PROMPTS, T);
    s->grad = calloc(p->n_weights, sizeof *s->grad);
    out->run = (il_run){
        .loops = loops, .window = window, .post = window, .tap = keep, .context = out
    };
    fill(m, s, out);
    for (int j = 0; j < p->n_ops; j++) {
        int times[] = { 1, loops, window };
        out->at[j] = out->n;
        add(out, "op", p->ops[j].name, times[p->ops[j].section] * s->rows,
            il_width(p, p->ops[j].out));
    }
    s->loss_scale = (il_real)(1. / (s->rows * window));
    il_forward(s, &out->run);
    out->run.tap = NULL;
    il_backward(s, &out->run);
    for (int i = 0; i < p->n_params; i++) {
        const il_param *w = &p->params[i];
        memcpy(add(out, "grad", w->name, il_max(w->rows, 1), w->cols), s->grad + w->offset,
               il_param_size(w) * sizeof(il_real));
    }
    free(s->grad);
    il_state_free(s);
    return IL_OK;
}

int main(int argc, char **argv)
{
    static output out;
    il_error err = { 0 };
    il_model *m = NULL;
    if (argc != 5) return IL_EUSAGE;
    il_status status = make(&m, argv + 1, &err);
    if (status == IL_OK) status = il_model_save(m, argv[3], &err);
    if (status == IL_OK) status = compute(m, &out, &err);
    if (status == IL_OK)
        status = il_tensors_write(argv[4], out.tensors, out.n, NULL, 0, &err);
    for (int i = 0; i < out.n; i++) free((void *)out.tensors[i].data);
    il_model_free(m);
    if (status != IL_OK) fprintf(stderr, "plan: %s\n", err.text);
    return (int)status;
}
