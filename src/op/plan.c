/* plan.c - building a plan: slots, weights and ops, then schedule.c lays it out */
#include "op/op.h"

#include <limits.h>
#include <stdlib.h>

#define IL_OP(name) extern const il_op_kind il_op_##name;
#include "op/ops.def"
#undef IL_OP
#define IL_OP(name) &il_op_##name,
static const il_op_kind *const kinds[] = {
#include "op/ops.def"
};
#undef IL_OP

const il_op_kind *il_op_at(int i) { return i < IL_COUNT(kinds) ? kinds[i] : NULL; }

const il_op_kind *il_op_find(const char *name)
{
    for (int i = 0; i < IL_COUNT(kinds); i++)
        if (!strcmp(kinds[i]->name, name)) return kinds[i];
    return NULL;
}

/* The lists grow by chunks and are never shrunk; a model has a few hundred entries. */
enum { CHUNK = 64 };

static void *grow(void *list, int n, size_t item)
{
    return n % CHUNK ? list : realloc(list, (size_t)(n + CHUNK) * item);
}

void il_plan_init(il_plan *p)
{
    *p = (il_plan){ .products = il_kernel(),
                    .tokens = IL_NONE,
                    .target = IL_NONE,
                    .weight = IL_NONE,
                    .mask = IL_NONE,
                    .answer = IL_NONE,
                    .carry_slot = IL_NONE,
                    .carry_in = IL_NONE,
                    .carry_out = IL_NONE,
                    .loops = 1,
                    .loss_loops = 1,
                    .most_tokens = INT_MAX };
}

void il_plan_free(il_plan *p)
{
    for (int i = 0; i < p->n_ops; i++) free(p->ops[i].opts);
    free(p->ops);
    free(p->slots);
    free(p->params);
    free(p->backward);
    il_plan_init(p);
}

static int slot(il_plan *p, il_section section, int producer, int width, int needs_grad)
{
    il_slot *slots = grow(p->slots, p->n_slots, sizeof *slots);
    p->failed |= !slots;
    if (!slots) return p->n_slots ? 0 : IL_NONE; /* refused at the end of il_plan_add */
    p->slots = slots;
    p->slots[p->n_slots] = (il_slot){
        .width = width, .section = section, .producer = producer, .needs_grad = needs_grad
    };
    return p->n_slots++;
}

static void path(char *name, const char *first, const char *second)
{
    snprintf(name, IL_NAME, "%.40s%s%.20s", first, *second ? "." : "", second);
}

int il_slot_new(il_plan *p, il_op *op, const char *suffix, int width)
{
    int i = slot(p, op->section, (int)(op - p->ops), width, 0);
    if (i != IL_NONE) path(p->slots[i].name, op->name, suffix);
    return i;
}

int il_plan_input(il_plan *p, const char *name, int width, int needs_grad)
{
    int i = slot(p, IL_PRE, IL_NONE, width, needs_grad);
    if (i != IL_NONE) path(p->slots[i].name, name, "");
    return i;
}

int il_plan_carry(il_plan *p, il_carry start, int from, int width)
{
    p->carry = start;
    p->carry_slot = from;
    p->carry_in = slot(p, IL_BODY, IL_NONE, width, 1);
    if (p->carry_in != IL_NONE) path(p->slots[p->carry_in].name, "carry", "");
    return p->carry_in;
}

int il_param_new(il_plan *p, il_op *op, const char *suffix, il_init init, double scale,
                 int rows, int cols)
{
    il_param *params = grow(p->params, p->n_params, sizeof *params);
    p->failed |= !params;
    if (!params) return IL_NONE; /* likewise */
    p->params = params;
    il_param *w = &params[p->n_params];
    *w = (il_param){
        .rows = rows, .cols = cols, .init = init, .scale = scale, .offset = p->n_weights
    };
    path(w->name, op->name, suffix);
    p->n_weights += (il_param_size(w) + 15) / 16 * 16; /* whole vectors */
    return p->n_params++;
}

il_status il_plan_add(il_plan *p, il_section section, const char *kind, const char *name,
                      const char *opts, int n_in, const int *in, int *out, il_error *err)
{
    const il_op_kind *k = il_op_find(kind);
    if (!k) return il_fail(err, IL_ECONFIG, "there is no op '%s'", kind);
    if (n_in < k->least_in || n_in > k->most_in)
        return il_fail(err, IL_ECONFIG, "op %s (%s) takes %d to %d inputs, not %d", name,
                       kind, k->least_in, k->most_in, n_in);
    il_op *ops = grow(p->ops, p->n_ops, sizeof *ops);
    if (!ops) return il_fail(err, IL_EFAIL, "out of memory for the plan");
    p->ops = ops;
    il_op *op = &ops[p->n_ops++];
    *op = (il_op){ .opts = calloc(1, IL_OPTS),
                   .kind = k,
                   .section = section,
                   .n_in = n_in,
                   .out = IL_NONE };
    path(op->name, name, "");
    for (int i = 0; i < IL_INPUTS; i++) op->in[i] = i < n_in ? in[i] : IL_NONE;
    for (int i = 0; i < IL_COUNT(op->save); i++) op->save[i] = IL_NONE;
    for (int i = 0; i < IL_COUNT(op->par); i++) op->par[i] = IL_NONE;
    for (int s = section; s <= IL_POST; s++) p->end[s] = p->n_ops;
    if (!op->opts) return il_fail(err, IL_EFAIL, "out of memory for the plan");
    il_opt_init(k->opts, op->opts);
    IL_TRY(il_opt_parse(k->opts, op->opts, opts ? opts : "", kind, err));

    int slots = p->n_slots, params = p->n_params;
    if (!p->failed) IL_TRY(k->shape(p, op, err));
    if (p->failed) return il_fail(err, IL_EFAIL, "out of memory for the plan");
    if (!k->skips)
        for (int i = 0; i < n_in; i++) p->slots[in[i]].needs_grad = 1;
    int grad = p->n_params > params;
    for (int i = 0; i < n_in; i++) grad |= p->slots[in[i]].needs_grad;
    for (int i = slots; i < p->n_slots; i++) p->slots[i].needs_grad = grad;
    if (out) *out = op->out;
    return IL_OK;
}

il_status il_shape_same(il_plan *p, il_op *op, il_error *err)
{
    int C = il_width(p, op->in[0]);
    for (int i = 1; i < op->n_in; i++)
        if (il_width(p, op->in[i]) != C)
            return il_fail(err, IL_ECONFIG, "%s: inputs are %d and %d wide", op->name, C,
                           il_width(p, op->in[i]));
    op->out = il_slot_new(p, op, "", C);
    op->again_reads = (1u << op->n_in) - 1;
    op->cheap = 1;
    return IL_OK;
}

void il_memory_new(il_plan *p, il_op *op, int columns)
{
    op->memory = p->memory;
    op->remembers = columns;
    p->memory += columns;
}

void il_recurrent_new(il_plan *p, il_op *op, int numbers)
{
    op->recurrent = p->recurrent;
    op->recurs = numbers;
    p->recurrent += (numbers + 15) / 16 * 16;
}

void il_work_new(il_plan *p, size_t numbers, size_t per_token)
{
    if (p->work < numbers) p->work = numbers;
    if (p->work_per_token < per_token) p->work_per_token = per_token;
}
