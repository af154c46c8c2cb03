/* slots.c - named activations of a forward pass, copied into arrays, or replaced
 *
 * A slot is the output of an op: numbers for every token. Those of shared scratch live only until the
 * next op needs the room, so each is copied, or replaced, by a tap right after the op that made it.
 */
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

static const char pattern[] = ".pattern";

typedef struct {
    int slot;  /* or IL_NONE */
    int op;    /* after which it is copied; IL_NONE: as soon as a loop begins */
    int heads; /* of a pattern, else 0 */
    il_real *out;
} observed;

typedef struct {
    const il_batch *batch;
    const observed *of;
    int n, first, last, tokens; /* T */
    const il_patch *patches;
    const int *patched; /* (n_patches) the op after which each is put */
    int n_patches;
} observing;

/* ---- names ----------------------------------------------------------------------------------- */

/* What an op keeps for its own backward pass has a layout of its own and no name here. */
static int is_kept_apart(const il_plan *p, int slot)
{
    int producer = p->slots[slot].producer;
    if (producer == IL_NONE) return 0;
    const il_op *op = &p->ops[producer];
    return slot != op->out;
}

static const char *part_of(il_section section)
{
    return section == IL_PRE ? "before" : section == IL_BODY ? "loop" : "after";
}

/* Is the slot the residual stream where a layer begins or ends? Its number, from 0 (the first one's
 * beginning), or -1; where layers are loops, of the stream that loops hand on: 1. */
static int layer_of(const il_observe_layers *l, const il_plan *p, int slot)
{
    int pre = p->end[IL_PRE];
    if (!l || p->slots[slot].width != l->width) return -1;
    if (pre && p->ops[pre - 1].out == slot) return 0;
    if (!pre && slot == p->tokens) return 0;
    if (l->loops) return slot == p->carry_out ? 1 : -1;
    for (int i = 0; i < l->n; i++)
        if (p->ops[l->op[i]].out == slot) return i + 1;
    return -1;
}

static il_status add_row(il_table *t, const char *name, int width, il_section section,
                         const char *what, int layer, il_error *err)
{
    const char *texts[] = { name, part_of(section), what };
    return il_table_add(t, texts, (double[]){ width, layer >= 0 ? layer : NAN }, err);
}

static il_status add_slots(il_table *t, const il_plan *p, const il_observe_layers *l,
                           il_error *err)
{
    for (int i = 0; i < p->n_slots; i++) {
        const il_slot *s = &p->slots[i];
        int layer = layer_of(l, p, i), producer = s->producer;
        const char *what = layer >= 0            ? "stream"
                           : i == p->answer      ? "answer"
                           : producer == IL_NONE ? "input"
                                                 : p->ops[producer].kind->name;
        if (is_kept_apart(p, i)) continue;
        IL_TRY(add_row(t, s->name, s->width, s->section, what, layer, err));
        int heads = producer == IL_NONE ? 0 : il_pattern_heads(p, &p->ops[producer]);
        if (!heads) continue;
        char name[2 * IL_NAME];
        snprintf(name, sizeof name, "%s%s", s->name, pattern);
        IL_TRY(add_row(t, name, heads, s->section, "pattern", -1, err));
    }
    return IL_OK;
}

il_status il_model_slots(il_table **table, const il_model *m, il_error *err)
{
    IL_GIVEN(err, "table model", table, m);
    il_table *t;
    il_observe_layers *layers = NULL;
    IL_TRY(il_table_new(&t, "slots", err));
    il_status status =
        il_observe_layers_new(&layers, m, 0, NULL); /* some models have none */
    if (status == IL_ECONFIG) status = IL_OK;
    if (status) il_fail(err, status, "out of memory for the names of slots");
    if (!status) status = il_table_add_cols(t, "name$ width part$ what$ layer", err);
    if (!status) status = add_slots(t, &m->plan, layers, err);
    il_observe_layers_free(layers);
    return il_table_hand_over(table, t, status);
}

static il_status unknown(const il_model *m, const char *name, il_error *err)
{
    il_table *t;
    IL_TRY(il_model_slots(&t, m, err));
    int rows = il_table_rows(t);
    const char **names = calloc((size_t)rows + 1, sizeof *names);
    for (int r = 0; names && r < rows; r++) names[r] = il_table_text(t, r, 0);
    il_status status =
        il_fail(err, IL_ECONFIG, "the model computes no '%s'%s", il_show(name).text,
                il_advise(name, names, rows, "; il_model_slots lists what it does").text);
    free(names);
    il_table_free(t);
    return status;
}

static il_status find(observed *to, const il_model *m, const char *name, il_error *err)
{
    const il_plan *p = &m->plan;
    size_t size = strlen(name), end = sizeof pattern - 1;
    *to = (observed){ .slot = IL_NONE, .op = IL_NONE };
    for (int i = 0; i < p->n_slots; i++) {
        int producer = p->slots[i].producer;
        if (is_kept_apart(p, i)) continue;
        to->op = producer;
        to->slot = i;
        if (!strcmp(p->slots[i].name, name)) return IL_OK;
        if (producer == IL_NONE || size <= end || strcmp(name + size - end, pattern) ||
            strlen(p->slots[i].name) != size - end ||
            strncmp(p->slots[i].name, name, size - end))
            continue;
        to->heads = il_pattern_heads(p, &p->ops[producer]);
        if (to->heads) return IL_OK;
    }
    return unknown(m, name, err);
}

/* ---- copies -------------------------------------------------------------------------------------- */

static void copy(const observing *w, const observed *o, const il_shard *q,
                 const il_state *s, int loop)
{
    size_t C = (size_t)il_width(s->plan, o->slot), T = (size_t)w->tokens;
    if (o->heads) {
        size_t each = (size_t)o->heads * T * T,
               first = (size_t)loop * (size_t)w->batch->prompts + q->first;
        for (int i = 0; i < q->prompts; i++)
            il_patterns(&s->plan->ops[o->op], s, i, o->out + (first + (size_t)i) * each,
                        q->scratch);
        return;
    }
    memcpy(o->out + ((size_t)loop * (size_t)w->batch->prompts + q->first) * T * C,
           s->value[o->slot], sizeof *o->out * (size_t)q->prompts * T * C);
}

/* ---- patches --------------------------------------------------------------------------------------- */

static void put(const observing *w, const il_patch *patch, int op, const il_shard *q,
                il_state *s)
{
    int before = op < s->plan->end[IL_PRE];
    if (patch->loop && !before && patch->loop != s->loop + 1) return;
    int slot = s->plan->ops[op].out;
    size_t each = (size_t)w->tokens * (size_t)il_width(s->plan, slot);
    if (patch->value)
        memcpy(s->value[slot], patch->value + q->first * each,
               sizeof *patch->value * (size_t)q->prompts * each);
    else
        patch->edit(patch->context, before ? 0 : s->loop + 1, s->value[slot]);
}

/* patched (n_patches): after which ops of a run of `last` loops */
static il_status find_patches(int *patched, const il_model *m, const il_patch *patches,
                              int n, int last, il_error *err)
{
    for (int i = 0; i < n; i++) {
        observed of;
        if (!patches[i].name || (!patches[i].value && !patches[i].edit))
            return il_fail(err, IL_ECONFIG, "patch %d needs a name, and a value or an edit",
                           i);
        if (patches[i].loop < 0 || patches[i].loop > last)
            return il_fail(err, IL_ECONFIG,
                           "there is no loop %d to patch '%s' in: this run has 1 to %d",
                           patches[i].loop, patches[i].name, last);
        IL_TRY(find(&of, m, patches[i].name, err));
        patched[i] = of.op;
        if (of.op == IL_NONE || of.heads)
            return il_fail(err, IL_ECONFIG,
                           "'%s' cannot be patched, because no op puts it out: patch what "
                           "makes it, or reads it",
                           patches[i].name);
    }
    return IL_OK;
}

/* ---- the run --------------------------------------------------------------------------------------- */

/* What is there before any loop is the same in all of them. */
static void tap(const il_shard *q, il_state *s, int op)
{
    const observing *w = q->context;
    const il_plan *p = s->plan;
    int before = op < p->end[IL_PRE], loops = w->last - w->first + 1;
    int loop = s->loop + 1 - w->first;
    for (int i = 0; i < w->n_patches; i++)
        if (w->patched[i] == op) put(w, &w->patches[i], op, q, s);
    for (int i = 0; i < w->n; i++) {
        const observed *o = &w->of[i];
        int input = o->op == IL_NONE && op == (o->slot == p->carry_in ? p->end[IL_PRE] : 0);
        if (o->op != op && !input) continue;
        if (before || (input && o->slot != p->carry_in))
            for (int l = 0; l < loops && (before || s->loop == 0); l++) copy(w, o, q, s, l);
        else if (loop >= 0 && loop < loops)
            copy(w, o, q, s, loop);
    }
}

static il_status check_ids(const il_model *m, const il_batch *batch, il_error *err)
{
    int classes = il_model_classes(m);
    size_t n = (size_t)batch->prompts * (size_t)batch->points;
    for (size_t i = 0; classes && i < n; i++)
        if (!(batch->x[i] >= 0 && batch->x[i] < (il_real)classes &&
              batch->y[i] < (il_real)classes))
            return il_fail(err, IL_ECONFIG, "a prompt holds an id that is none of 0 to %d",
                           classes - 1);
    return IL_OK;
}

static il_status check(const il_model *m, const il_batch *batch, int point, int first,
                       int last, il_error *err)
{
    IL_TRY(il_model_check_batch(m, batch, err));
    if (point < -1 || point >= batch->points)
        return il_fail(err, IL_ECONFIG, "the prompts have no point %d; -1 stands for all",
                       point);
    IL_TRY(check_ids(m, batch, err));
    return il_model_check_loops(m, first, last, err);
}

static il_status run(const il_model *m, const il_batch *batch, int point, observing *w,
                     il_error *err)
{
    int together = 0;
    size_t scratch = 0;
    for (int i = 0; i < w->n; i++) {
        if (!w->of[i].heads) continue;
        size_t bytes = il_pattern_bytes(&m->plan, &m->plan.ops[w->of[i].op], w->tokens);
        scratch = bytes > scratch ? bytes : scratch;
    }
    for (int i = 0; i < w->n_patches; i++)
        if (!w->patches[i].value) together = batch->prompts;
    return il_run_prompts(m, batch,
                          &(il_pass){ .loops = w->last,
                                      .post = w->last - w->first + 1,
                                      .ask = point < 0 ? IL_ASK_ALL : IL_ASK_ONE,
                                      .point = point,
                                      .together = together,
                                      .scratch = scratch,
                                      .tap = tap,
                                      .context = w },
                          err);
}

il_status il_observe_patched(const il_model *m, const il_batch *batch, int point,
                             const il_patch *patches, int n_patches,
                             const char *const *names, int n, int first, int last,
                             il_real *const *out, il_error *err)
{
    IL_GIVEN(err, "model batch names out", m, batch, names, out);
    IL_WITHIN(err, IL_MOST, "n", n);
    IL_WITHIN(err, IL_MOST, "n_patches", n_patches);
    if (n_patches) IL_GIVEN(err, "patches", patches);
    IL_TRY(check(m, batch, point, first, last, err));
    observed *of = calloc((size_t)n + 1, sizeof *of);
    int *patched = calloc((size_t)n_patches + 1, sizeof *patched);
    il_status status =
        of && patched ? IL_OK : il_fail(err, IL_EFAIL, "out of memory to observe");
    for (int i = 0; i < n && !status; i++) {
        if (!names[i] || !out[i])
            status = il_fail(err, IL_ECONFIG, "il_observe needs `%s[%d]`, which is NULL",
                             names[i] ? "out" : "names", i);
        if (!status) status = find(&of[i], m, names[i], err);
        of[i].out = out[i];
    }
    if (!status) status = find_patches(patched, m, patches, n_patches, last, err);
    int T = il_model_tokens(m, point < 0 ? batch->points : point + 1);
    observing w = { batch, of, n, first, last, T, patches, patched, n_patches };
    if (!status) status = run(m, batch, point, &w, err);
    free(of);
    free(patched);
    return status;
}

il_status il_observe(const il_model *m, const il_batch *batch, int point,
                     const char *const *names, int n, int first, int last,
                     il_real *const *out, il_error *err)
{
    return il_observe_patched(m, batch, point, NULL, 0, names, n, first, last, out, err);
}
