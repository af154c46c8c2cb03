/* places.c - see places.h */
#include "observe/places.h"

#include <stdlib.h>

enum { NAMES = 512 };

static void name_place(il_place *p, const il_model *m, const char *what)
{
    int loops = m->plan.carry != IL_CARRY_NONE;
    if (loops)
        snprintf(p->name.text, IL_NAME, "loop %d%s%.40s", p->loop + 1, *what ? " " : "",
                 what);
    else
        snprintf(p->name.text, IL_NAME, "%.40s", what);
}

/* The op that ends a layer, from 1 */
static int border_of(const il_model *m, const il_layers *l, int layer)
{
    if (!l->loops) return l->op[layer - 1];
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++)
        if (m->plan.ops[j].out == m->plan.carry_out) return j;
    return m->plan.end[IL_BODY] - 1;
}

/* Columns of the stream after every layer */
static il_status add_layers(il_places *to, const il_model *m, const il_layers *l, int at,
                            int columns, const char *part, il_error *err)
{
    to->place = calloc((size_t)l->n, sizeof *to->place);
    if (!to->place) return il_fail(err, IL_EFAIL, "out of memory for places");
    for (int i = 1; i <= l->n; i++) {
        il_place *p = &to->place[to->n++];
        *p = (il_place){ .op = border_of(m, l, i),
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

static il_status add_ops(il_places *to, const il_model *m, const il_layers *l,
                         const char *at, int n, il_error *err)
{
    int loops = l->loops ? l->n : 1;
    to->place = calloc((size_t)n * (size_t)loops, sizeof *to->place);
    if (!to->place) return il_fail(err, IL_EFAIL, "out of memory for places");
    for (int loop = 0; loop < loops; loop++)
        for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++) {
            const il_op *op = &m->plan.ops[j];
            if (!is_called(op, at)) continue;
            il_place *p = &to->place[to->n++];
            *p = (il_place){ .op = j, .loop = loop };
            p->width = p->columns = m->plan.slots[op->out].width;
            name_place(p, m, op->name);
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
    const char *near = il_nearest(at, names, n);
    return il_fail(err, IL_ECONFIG,
                   "at: '%s' is no register of the model and no op of its "
                   "blocks%s%s%s",
                   il_show(at).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "; innerloop show lists them");
}

il_status il_places_new(il_places *to, const il_model *m, const il_layers *l,
                        const char *at, il_error *err)
{
    il_registers parts;
    int n = 0;
    *to = (il_places){ 0 };
    if (!at) return add_layers(to, m, l, 0, l->width, NULL, err);
    il_registers_of(&parts, m);
    for (int i = 0; i < parts.n; i++)
        if (!strcmp(parts.name[i], at))
            return add_layers(to, m, l, parts.at[i], il_register_width(&parts, i), at, err);
    for (int j = m->plan.end[IL_PRE]; j < m->plan.end[IL_BODY]; j++)
        n += is_called(&m->plan.ops[j], at);
    return n ? add_ops(to, m, l, at, n, err) : unknown(m, &parts, at, err);
}

void il_places_free(il_places *p)
{
    free(p->place);
    *p = (il_places){ 0 };
}
