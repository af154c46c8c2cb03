/* hooks.c - hook points: where in a forward pass something can be put
 *
 * A hook point is some columns of an op's output in one loop: the stream after a layer, a register of it,
 * or the output of an op of a block.
 */
#include "observe/observe.h"

#include <stdlib.h>

enum { NAMES = 512 };

static void name_hook(il_observe_hook *p, const il_model *m, const char *what)
{
    int loops = m->plan.carry != IL_CARRY_NONE;
    if (loops)
        snprintf(p->name.text, IL_NAME, "loop %d%s%.40s", p->loop + 1, *what ? " " : "",
                 what);
    else
        snprintf(p->name.text, IL_NAME, "%.40s", what);
}

/* The op that ends a layer, from 1 */
static int border_of(const il_model *m, const il_observe_layers *l, int layer)
{
    if (!l->loops) return l->op[layer - 1];
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++)
        if (m->plan.ops[j].out == m->plan.carry_out) return j;
    return m->plan.end[IL_BODY] - 1;
}

/* Columns of the stream after every layer */
static il_status add_layers(il_observe_hooks *to, const il_model *m,
                            const il_observe_layers *l, int at, int columns,
                            const char *part, il_error *err)
{
    to->hook = calloc((size_t)l->n, sizeof *to->hook);
    if (!to->hook) return il_fail(err, IL_EFAIL, "out of memory for hooks");
    for (int i = 1; i <= l->n; i++) {
        il_observe_hook *p = &to->hook[to->n++];
        *p = (il_observe_hook){ .op = border_of(m, l, i),
                                .loop = l->loops ? i - 1 : 0,
                                .at = at,
                                .columns = columns,
                                .width = l->width,
                                .layer = i,
                                .name = l->names[i - 1] };
        size_t n = strlen(p->name.text);
        if (part) snprintf(p->name.text + n, IL_NAME - n, " %.20s", part);
    }
    return IL_OK;
}

/* "attn" of "h.3.attn"; "" where an op is in no block */
static const char *part_of(const char *name)
{
    if (strncmp(name, "h.", 2)) return "";
    const char *dot = strchr(name + 2, '.');
    return dot ? dot + 1 : "";
}

static int is_called(const il_op *op, const char *at)
{
    return !strcmp(op->name, at) || !strcmp(part_of(op->name), at);
}

static il_status add_ops(il_observe_hooks *to, const il_model *m,
                         const il_observe_layers *l, const char *at, int n, il_error *err)
{
    int loops = l->loops ? l->n : 1;
    to->hook = calloc((size_t)n * (size_t)loops, sizeof *to->hook);
    if (!to->hook) return il_fail(err, IL_EFAIL, "out of memory for hooks");
    for (int loop = 0; loop < loops; loop++)
        for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++) {
            const il_op *op = &m->plan.ops[j];
            if (!is_called(op, at)) continue;
            il_observe_hook *p = &to->hook[to->n++];
            *p = (il_observe_hook){ .op = j, .loop = loop };
            p->width = p->columns = m->plan.slots[op->out].width;
            name_hook(p, m, op->name);
        }
    return IL_OK;
}

static il_status unknown(const il_model *m, const il_registers *parts, const char *at,
                         il_error *err)
{
    const char *names[NAMES];
    int n = 0;
    for (int i = 0; i < parts->n; i++) names[n++] = parts->name[i];
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY] && n < NAMES - 1; j++) {
        names[n++] = m->plan.ops[j].name;
        names[n++] = part_of(m->plan.ops[j].name);
    }
    return il_fail(err, IL_ECONFIG,
                   "at: '%s' is neither a register of the model nor an op of its blocks%s",
                   il_show(at).text,
                   il_advise(at, names, n, "; innerloop show lists them").text);
}

il_status il_observe_hooks_new(il_observe_hooks *to, const il_model *m,
                               const il_observe_layers *l, const char *at, il_error *err)
{
    il_registers parts;
    int n = 0;
    *to = (il_observe_hooks){ 0 };
    if (!at) return add_layers(to, m, l, 0, l->width, NULL, err);
    il_observe_registers(&parts, m);
    for (int i = 0; i < parts.n; i++)
        if (!strcmp(parts.name[i], at))
            return add_layers(to, m, l, parts.at[i], il_register_width(&parts, i), at, err);
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++)
        n += is_called(&m->plan.ops[j], at);
    return n ? add_ops(to, m, l, at, n, err) : unknown(m, &parts, at, err);
}

void il_observe_hooks_free(il_observe_hooks *p)
{
    free(p->hook);
    *p = (il_observe_hooks){ 0 };
}
