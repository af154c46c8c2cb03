/* roles.c - finds the slots and weights of a head's queries, keys, values and gates, whatever the op's name
 *
 * An op whose heads mix tokens says which of its inputs are queries, keys, values and gates; the
 * linear maps that make these of the residual stream are found along the plan, through whatever acts
 * on single columns in between (a short convolution, silu, a norm, the logistic function of a gate).
 */
#include "op/op.h"

int il_heads_of(il_heads *h, const il_plan *p, const il_op *op)
{
    if (!op->kind->heads) return 0;
    *h = (il_heads){ .scale = 1 };
    for (int i = 0; i < IL_ROLES; i++) h->input[i] = IL_NONE;
    op->kind->heads(op, p, h);
    return 1;
}

static int passes(const il_plan *p, const il_op *op)
{
    return op->n_in == 1 && il_width(p, op->in[0]) == il_width(p, op->out);
}

static const il_op *map_before(const il_plan *p, int slot)
{
    while (p->slots[slot].producer != IL_NONE) {
        const il_op *op = &p->ops[p->slots[slot].producer];
        if (op->kind->form == IL_FORM_MAP) return op;
        if (!passes(p, op)) return NULL;
        slot = op->in[0];
    }
    return NULL;
}

static const il_op *map_behind(const il_plan *p, const il_op *from)
{
    int slot = from->out;
    for (const il_op *op = from + 1; op < p->ops + p->n_ops; op++) {
        if (op->in[0] != slot) continue;
        if (op->kind->form == IL_FORM_MAP) return op;
        if (!passes(p, op)) return NULL;
        slot = op->out;
    }
    return NULL;
}

const il_op *il_heads_map(const il_plan *p, const il_op *op, il_role role, int *row)
{
    il_heads h;
    *row = 0;
    if (!il_heads_of(&h, p, op)) return NULL;
    if (role == IL_ROLE_OUTPUT) return map_behind(p, op);
    if (h.input[role] == IL_NONE) return NULL;
    *row = h.column[role];
    return map_before(p, op->in[h.input[role]]);
}

int il_map_inner(const il_plan *p, int i)
{
    for (const il_op *op = p->ops; op < p->ops + p->n_ops; op++)
        if (op->section == IL_BODY && op->kind->form == IL_FORM_MAP && op->par[0] == i)
            return 1;
    return 0;
}

int il_map_end(const il_plan *p, int i, int row)
{
    int end = p->params[i].rows;
    for (const il_op *op = p->ops; op < p->ops + p->n_ops; op++)
        for (int role = 0; role < IL_ROLE_OUTPUT; role++) {
            int first;
            const il_op *map = il_heads_map(p, op, (il_role)role, &first);
            if (map && map->par[0] == i && first > row && first < end) end = first;
        }
    return end;
}

int il_registers_add(il_registers *r, const char *name, int width)
{
    if (r->n == IL_REGISTERS) return -1;
    snprintf(r->name[r->n], sizeof r->name[0], "%s", name);
    r->at[r->n + 1] = r->at[r->n] + width;
    return r->n++;
}
