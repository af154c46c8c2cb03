/* assemble.c - a program becomes a plan and its weights
 *
 * Instructions get their times (schedule.c), and every layer its heads (heads.c), then its maps and units
 * (units.c), each with weights that are kept until the plan is whole and the model has room for them.
 */
#include "construct/emit.h"

#include <stdlib.h>

/* ---- the plan -------------------------------------------------------------------------------------- */

/* How a task's prompts become the tokens; NULL where the program does not say. */
static const il_layout *layout_of(const il_program *p)
{
    const il_layout *layout;
    for (int i = 0; *p->layout && (layout = il_layout_at(i)); i++)
        if (!strcmp(layout->name, p->layout)) return layout;
    return NULL;
}

/* Rows of the table of positions: as many as the task's prompts have tokens */
static int most_tokens(il_program *p)
{
    const il_layout *layout = layout_of(p);
    if (*p->layout && !layout)
        il_mistake(p, IL_ECONFIG, "there is no layout '%s'", p->layout);
    return layout ? il_max(p->positions, il_layout_token(layout, p->dims, p->points) + 1)
                  : p->positions;
}

/* Tokens and constants into registers, then what depends on the position. */
static void emit_read_in(builder *b)
{
    il_program *p = b->p;
    int C = p->width, Tin = p->tokens;
    double *W = il_emit_matrix(b, C, Tin), *bias = il_emit_matrix(b, C, 1);
    double *row = il_emit_matrix(b, C, 1);
    if (p->failed) return;
    for (int i = 0; i < p->n_regs; i++)
        for (int c = 0; c < p->regs[i].width && p->regs[i].token >= 0; c++)
            W[(p->regs[i].at + c) * Tin + p->regs[i].token + c] = 1;
    for (int i = 0; i < p->n_starts; i++)
        for (int r = 0; r < p->starts[i].rows; r++) {
            const item *it = &p->starts[i];
            double constant = 0;
            memset(row, 0, sizeof *row * (size_t)C);
            il_form_row(&it->form, r, row, &constant);
            bias[it->at + r] += it->scale * constant;
            for (int k = 0; k < p->n_regs; k++)
                for (int c = 0; c < p->regs[k].width && p->regs[k].token >= 0; c++)
                    W[(it->at + r) * Tin + p->regs[k].token + c] +=
                        it->scale * row[p->regs[k].at + c];
        }
    char opts[48];
    snprintf(opts, sizeof opts, "out=%d", C);
    b->stream = il_emit(b, IL_PRE, "linear", "read_in", opts, 1, &b->plan.tokens, W, bias);
    if (!p->positions) return;
    int rows = most_tokens(p);
    double *table = il_emit_matrix(b, rows, C);
    for (int i = 0; table && i < p->n_regs; i++) {
        const reg *r = &p->regs[i];
        for (int t = 0; t < r->rows; t++)
            for (int c = 0; c < r->width; c++)
                table[t * C + r->at + c] = r->table ? r->table[t * r->width + c] : t == c;
    }
    snprintf(opts, sizeof opts, "positions=%d", rows);
    b->stream = il_emit(b, IL_PRE, "position", "wpe", opts, 1, &b->stream, table, NULL);
}

static void emit_section(builder *b, int section)
{
    static const char *const prefix[] = { "set", "h", "out" };
    for (int layer = 0; layer < b->p->layers.layers[section]; layer++) {
        char name[16];
        int x = b->stream;
        snprintf(name, sizeof name, "%s.%d", prefix[section], layer);
        il_emit_heads(b, name, section, 2 * layer, ATTEND, x);
        il_emit_heads(b, name, section, 2 * layer, SOFTMAX, x);
        il_emit_map(b, name, section, 2 * layer, x);
        x = b->stream;
        il_emit_units(b, name, section, 2 * layer + 1, RELU, x);
        il_emit_units(b, name, section, 2 * layer + 1, GELU, x);
        il_emit_quotients(b, name, section, 2 * layer + 1, x);
    }
}

static void emit_plan(builder *b)
{
    il_program *p = b->p;
    il_plan *plan = &b->plan;
    int outs = p->answer.rows;
    plan->tokens = il_plan_input(plan, "tokens", p->tokens, 0);
    plan->target = il_plan_input(plan, "target", outs, 0);
    plan->weight = il_plan_input(plan, "weight", 1, 0);
    if (p->masked) plan->mask = b->mask = il_plan_input(plan, "mask", 1, 0);
    emit_read_in(b);
    emit_section(b, IL_PRE);
    if (p->looped && !p->failed)
        b->stream = il_plan_carry(plan, IL_CARRY_SLOT, b->stream, p->width);
    plan->loops = p->loops;
    emit_section(b, IL_BODY);
    plan->carry_out = b->stream;
    emit_section(b, IL_POST);
    double *W = il_emit_matrix(b, outs, p->width), none = 0;
    for (int r = 0; W && r < outs; r++) il_form_row(&p->answer, r, W + r * p->width, &none);
    char opts[48];
    snprintf(opts, sizeof opts, "out=%d bias=0", outs);
    plan->answer = il_emit(b, IL_POST, "linear", "read_out", opts, 1, &b->stream, W, NULL);
    int loss[3] = { plan->answer, plan->target, plan->weight };
    il_emit(b, IL_POST, "mse", "loss", "", 3, loss, NULL, NULL);
}

static il_status describe(const il_program *p, il_config *c, il_error *err)
{
    char text[64];
    int asked = *p->layout != 0, dims = asked ? p->dims : p->tokens;
    int points = asked ? p->points : il_max(p->positions, 1);
    c->model.family = IL_BUILT;
    c->model.n_dims = dims;
    c->model.n_positions = points;
    c->model.n_embd = p->width;
    c->model.n_layer = p->layers.layers[0] + p->layers.layers[1] + p->layers.layers[2];
    c->model.n_head = il_max(p->layers.heads, 1);
    c->training.curriculum.dims.start = c->training.curriculum.dims.end = dims;
    c->training.curriculum.points.start = c->training.curriculum.points.end = points;
    c->training.curriculum.loops.start = c->training.curriculum.loops.end = p->loops;
    const il_layout *layout =
        layout_of(p); /* which fills the tokens, or they are our own */
    int filled = layout && layout->width(dims, p->answer.rows, 1) == p->tokens;
    snprintf(text, sizeof text, "model.tokens=%s", filled ? layout->name : "own");
    IL_TRY(il_config_set(c, text, err));
    snprintf(text, sizeof text, "training.task_name=%s",
             *p->task ? p->task : "linear_regression");
    return il_config_set(c, text, err);
}

static il_status print(const void *program, FILE *f, il_error *err)
{
    (void)err;
    il_program_print(program, f);
    return IL_OK;
}

/* Registers one behind the other, from the first column on */
static void name_registers(il_registers *to, const il_program *p)
{
    for (int i = 0; i < p->n_regs && p->regs[i].at == to->at[to->n]; i++)
        il_registers_add(to, p->regs[i].name, p->regs[i].width);
}

static il_status finish(il_model **out, builder *b, il_error *err)
{
    il_program *p = b->p;
    il_model *m;
    if (p->failed) return il_fail(err, p->error.status, "%s", p->error.text);
    IL_TRY(il_plan_finish(&b->plan, 1, err));
    IL_TRY(il_model_from_plan(&m, &b->plan, err));
    for (int i = 0; i < b->n_weights; i++) {
        const il_param *w = &m->plan.params[b->weights[i].param];
        for (size_t j = 0; j < il_param_size(w); j++)
            m->weights[w->offset + j] = (il_real)b->weights[i].data[j];
    }
    il_model_pack(m);
    name_registers(&m->registers, p);
    il_status status = describe(p, &m->config, err);
    if (status == IL_OK) status = il_text_write(&m->program, print, p, err);
    if (status == IL_OK)
        *out = m;
    else
        il_model_free(m);
    return status;
}

il_status il_assemble(il_model **model, il_program *p, il_program_layers *layers,
                      il_error *err)
{
    builder *b = calloc(1, sizeof *b);
    if (!b) return il_fail(err, IL_EFAIL, "out of memory for a program");
    b->p = p;
    b->mask = IL_NONE;
    il_plan_init(&b->plan);
    if (!p->answer.n) il_mistake(p, IL_ECONFIG, "the program has no answer");
    if (!p->failed) il_schedule(p);
    p->layers.width = p->width;
    if (!p->failed) emit_plan(b);
    il_status status = finish(model, b, err);
    if (status == IL_OK && layers) *layers = p->layers;
    il_plan_free(&b->plan);
    free(b);
    return status;
}
