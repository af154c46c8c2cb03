/* schedule.c - memory plan: which slots' values are kept, which are recomputed, and where each lies
 *
 * One loop's life is a time line: its forward ops at times 0..n-1, then the steps of its
 * backward pass. Of a slot in the loop
 *   - what some backward reads is *kept* in the loop's frame, unless its op is cheap: then it is
 *     recomputed just before the backward that reads it (`again`), and is shared scratch like
 *   - every other value and every gradient, which lives in one or two intervals of the time line.
 * Scratch addresses are given first-fit: two slots may share columns if their lives do not meet.
 */
#include "op/op.h"

#include <stdlib.h>

typedef struct {
    int from[2], to[2]; /* intervals of time, both ends included; from > to is empty */
    int width, at;
} life;

typedef struct {
    il_plan *p;
    life *value, *grad; /* by slot */
    char *valid;        /* by slot: its value can be read in the backward pass */
    int time;
} scheduler;

static void extend(life *l, int interval, int time)
{
    if (l->from[interval] > l->to[interval]) l->from[interval] = time;
    l->to[interval] = time;
}

static int in_loop(const il_plan *p, int slot) { return p->slots[slot].section != IL_PRE; }

static void emit(scheduler *s, il_action action, int index)
{
    s->p->backward[s->p->n_backward++] = (il_step){ action, index };
    s->time++;
}

/* Makes a value readable at this time, by running cheap ops again as far back as needed. */
static void need(scheduler *s, int slot)
{
    il_plan *p = s->p;
    if (!in_loop(p, slot) || p->slots[slot].kept || slot == p->carry_in ||
        slot == p->carry_out)
        return;
    if (!s->valid[slot]) {
        int producer = p->slots[slot].producer;
        const il_op *op = &p->ops[producer];
        for (int twice = 0; twice < 2;
             twice++) /* the first recomputed value lives until the last is */
            for (int i = 0; i < op->n_in; i++)
                if (op->again_reads >> i & 1) need(s, op->in[i]);
        extend(&s->value[slot], 1, s->time);
        emit(s, IL_DO_AGAIN, producer);
        p->ops[producer].recomputed = 1;
        s->valid[slot] = 1;
    }
    extend(&s->value[slot], 1, s->time);
}

/* A gradient is born at its slot's last consumer, as zeros. */
static void touch_grad(scheduler *s, int slot)
{
    il_plan *p = s->p;
    if (!in_loop(p, slot) || !p->slots[slot].needs_grad || slot == p->carry_in ||
        slot == p->carry_out)
        return;
    if (s->grad[slot].from[0] > s->grad[slot].to[0]) {
        extend(&s->grad[slot], 0, s->time);
        emit(s, IL_DO_ZERO, slot);
    }
    extend(&s->grad[slot], 0, s->time);
}

static void mark_kept(il_plan *p, int recompute)
{
    for (int j = p->end[IL_PRE]; j < p->n_ops; j++) {
        const il_op *op = &p->ops[j];
        for (int i = 0; i < IL_COUNT(op->save); i++)
            if (op->save[i] != IL_NONE) p->slots[op->save[i]].kept = 1;
        for (int i = 0; i <= op->n_in; i++) {
            int slot = i < op->n_in ? op->in[i] : op->out;
            unsigned bit = i < op->n_in ? 1u << i : IL_READS_OUT;
            if (!(op->reads & bit) || !in_loop(p, slot)) continue;
            int producer = p->slots[slot].producer;
            if (producer == IL_NONE || slot == p->carry_out)
                continue; /* the carry is kept apart */
            p->slots[slot].kept |= recompute == 0 || !p->ops[producer].cheap;
        }
    }
    /* what `again` reads must be kept or cheap itself */
    for (int j = p->n_ops - 1; j >= p->end[IL_PRE]; j--) {
        const il_op *op = &p->ops[j];
        if (!op->cheap || p->slots[op->out].kept) continue;
        for (int i = 0; i < op->n_in; i++) {
            int slot = op->in[i], producer = p->slots[slot].producer;
            if ((op->again_reads >> i & 1) && in_loop(p, slot) && producer != IL_NONE &&
                slot != p->carry_out && !p->ops[producer].cheap)
                p->slots[slot].kept = 1;
        }
    }
    if (p->answer != IL_NONE) p->slots[p->answer].kept = 1;
}

static void forward_lives(scheduler *s)
{
    il_plan *p = s->p;
    for (int j = p->end[IL_PRE]; j < p->n_ops; j++, s->time++) {
        const il_op *op = &p->ops[j];
        extend(&s->value[op->out], 0, s->time);
        for (int i = 0; i < op->n_in; i++) extend(&s->value[op->in[i]], 0, s->time);
    }
}

static void backward_lives(scheduler *s)
{
    il_plan *p = s->p;
    for (int j = p->n_ops - 1; j >= p->end[IL_PRE]; j--) {
        const il_op *op = &p->ops[j];
        if (j == p->end[IL_BODY] - 1) p->post_backward = p->n_backward;
        if (!p->slots[op->out].needs_grad) continue;
        for (int i = 0; i < op->n_in; i++)
            if (op->reads >> i & 1) need(s, op->in[i]);
        if (op->reads & IL_READS_OUT) need(s, op->out);
        touch_grad(s, op->out);
        for (int i = 0; i < op->n_in; i++) touch_grad(s, op->in[i]);
        /* what this step reads and writes lives until the step itself */
        for (int i = 0; i < op->n_in; i++)
            if (op->reads >> i & 1) need(s, op->in[i]);
        touch_grad(s, op->out);
        emit(s, IL_DO_BACKWARD, j);
    }
    if (p->end[IL_BODY] == p->end[IL_PRE]) p->post_backward = p->n_backward;
}

static int meet(const life *a, const life *b)
{
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            if (a->from[i] <= a->to[i] && b->from[j] <= b->to[j] &&
                a->from[i] <= b->to[j] && b->from[j] <= a->to[i])
                return 1;
    return 0;
}

static int vectors(int width) { return (width + 15) / 16 * 16; }

/* First fit: the lowest columns that no placed slot with a meeting life covers. */
static int place(life *l, life **placed, int n)
{
    l->at = 0;
    for (int i = 0; i < n;) {
        const life *o = placed[i];
        if (meet(l, o) && l->at < o->at + o->width && o->at < l->at + l->width) {
            l->at = o->at + o->width;
            i = 0;
        } else {
            i++;
        }
    }
    placed[n] = l;
    return l->at + l->width;
}

static int compare_width(const void *a, const void *b)
{
    const life *x = *(life *const *)a, *y = *(life *const *)b;
    if (x->width != y->width) return y->width - x->width;
    return x->from[0] != y->from[0] ? x->from[0] - y->from[0] : x->from[1] - y->from[1];
}

static void give_addresses(scheduler *s, life **list, life **placed)
{
    il_plan *p = s->p;
    int n = 0;
    p->kept = p->shared = p->lasting = 0;
    for (int i = 0; i < p->n_slots; i++) {
        il_slot *slot = &p->slots[i];
        int width = vectors(slot->width);
        if (!in_loop(p, i)) {
            slot->at = slot->dat = p->lasting;
            p->lasting += width;
        } else if (i == p->carry_in || i == p->carry_out) {
            continue;
        } else {
            s->value[i].width = s->grad[i].width = width;
            if (slot->kept) {
                slot->at = p->kept;
                p->kept += width;
            } else {
                list[n++] = &s->value[i];
            }
            if (slot->needs_grad) list[n++] = &s->grad[i];
        }
    }
    qsort(list, (size_t)n, sizeof *list, compare_width);
    for (int i = 0; i < n; i++) p->shared = il_max(p->shared, place(list[i], placed, i));
    for (int i = 0; i < p->n_slots; i++) {
        if (!in_loop(p, i) || i == p->carry_in || i == p->carry_out) continue;
        if (!p->slots[i].kept) p->slots[i].at = s->value[i].at;
        p->slots[i].dat = s->grad[i].at;
    }
}

/* Post runs only where the stream is read, so of the body it may read the stream alone. */
static il_status check_post(const il_plan *p, il_error *err)
{
    for (int j = p->end[IL_BODY]; j < p->n_ops; j++)
        for (int i = 0; i < p->ops[j].n_in; i++) {
            int slot = p->ops[j].in[i];
            if (p->slots[slot].section == IL_BODY && slot != p->carry_out)
                return il_fail(err, IL_ECONFIG,
                               "%s reads %s, a slot of the body; of the body, post may "
                               "read the carried stream alone",
                               p->ops[j].name, p->slots[slot].name);
        }
    return IL_OK;
}

static il_status check_length(const il_plan *p, il_error *err)
{
    int ops = p->end[IL_BODY] - p->end[IL_PRE];
    if ((int64_t)ops * p->loops <= IL_MOST_RUNS) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "%d loops of %d ops are more than the %d ops that one pass may have; lower "
        "the loops or the layers",
        p->loops, ops, IL_MOST_RUNS);
}

il_status il_plan_finish(il_plan *p, int recompute, il_error *err)
{
    if (p->failed) return il_fail(err, IL_EFAIL, "out of memory for the plan");
    IL_TRY(check_length(p, err));
    IL_TRY(check_post(p, err));
    size_t n = (size_t)p->n_slots, steps = (size_t)(p->n_ops * 2 + p->n_slots * 2);
    life *lives = calloc(2 * n, sizeof *lives);
    life **lists = calloc(4 * n, sizeof(life *));
    char *valid = calloc(n, 1);
    free(p->backward);
    p->backward = calloc(steps, sizeof *p->backward);
    p->n_backward = p->post_backward = 0;
    p->recompute = recompute;
    int ok = lives && lists && valid && p->backward;
    if (ok) {
        scheduler s = { .p = p, .value = lives, .grad = lives + n, .valid = valid };
        for (size_t i = 0; i < 2 * n; i++)
            lives[i] = (life){ .from = { 1, 1 }, .to = { 0, 0 } }; /* empty */
        for (int i = 0; i < p->n_slots; i++) p->slots[i].kept = 0;
        for (int i = 0; i < p->n_ops; i++) p->ops[i].recomputed = 0;
        mark_kept(p, recompute);
        forward_lives(&s);
        backward_lives(&s);
        give_addresses(&s, lists, lists + 2 * n);
    }
    p->n_packed = 0;
    for (int j = 0; j < p->n_ops; j++)
        for (int side = 0; side < 2 && p->ops[j].kind->pack; side++) {
            p->ops[j].packed[side] = p->n_packed;
            p->n_packed +=
                (p->ops[j].kind->pack(&p->ops[j], p, side, NULL, NULL) + 15) / 16 * 16;
        }
    free(lives);
    free(lists);
    free(valid);
    return ok ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for the plan");
}
