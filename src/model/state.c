/* state.c - running a plan: pre once, body x loops on a carried stream, post where it is read
 *
 * Memory of one shard: lasting columns (pre slots, value and gradient), one frame of kept columns
 * for every window loop, shared scratch (schedule.c), and the carried stream at every border
 * between window loops.
 */
#include "model/model.h"

#include <limits.h>
#include <stdlib.h>

static size_t columns(const il_state *s, int n)
{
    return il_product(s->most_rows, (size_t)n);
}

static int carry_width(const il_plan *p)
{
    return (p->slots[p->carry_out].width + 15) / 16 * 16;
}

static int frames(const il_state *s)
{
    return s->plan->recompute == 2 ? 1 : il_max(s->window, 1);
}

/* Scratch of kernels and ops. */
static size_t work_size(const il_plan *p, int T)
{
    size_t most = p->work + il_product((size_t)T, p->work_per_token),
           others = il_kernel()->work_size(T, p->most_heads_key),
           products = p->products->work_size(T, p->most_heads_key);
    if (most < others) most = others;
    return most > products ? most : products;
}

static void layout(il_state *s)
{
    const il_plan *p = s->plan;
    int train = s->window > 0, T = s->most_tokens;
    s->value = il_take(&s->arena, il_real *, p->n_slots);
    s->dvalue = il_take(&s->arena, il_real *, p->n_slots);
    s->lasting = il_take(&s->arena, il_real, columns(s, p->lasting));
    s->dlasting = il_take(&s->arena, il_real, train ? columns(s, p->lasting) : 0);
    s->frames =
        il_take(&s->arena, il_real, il_product(columns(s, p->kept), (size_t)frames(s)));
    s->shared = il_take(&s->arena, il_real, columns(s, p->shared));
    s->carries = il_take(&s->arena, il_real,
                         il_product(columns(s, carry_width(p)), (size_t)s->window + 2));
    for (int i = 0; i < 2; i++)
        s->dcarry[i] = il_take(&s->arena, il_real, train ? columns(s, carry_width(p)) : 0);
    s->work = il_take(&s->arena, il_real, work_size(p, T));
}

static il_state measure(const il_model *model, int prompts, int tokens, int window)
{
    il_state s = { .model = model,
                   .plan = &model->plan,
                   .most_rows = ((size_t)prompts * (size_t)tokens + 15) / 16 * 16,
                   .most_tokens = tokens,
                   .window = window };
    layout(&s);
    return s;
}

size_t il_state_bytes(const il_model *model, int prompts, int tokens, int window)
{
    return sizeof(il_state) + measure(model, prompts, tokens, window).arena.peak;
}

/* Where the pointers of a slot do not depend on the loop. */
static void point_at_shared(il_state *s)
{
    const il_plan *p = s->plan;
    for (int i = 0; i < p->n_slots; i++) {
        const il_slot *slot = &p->slots[i];
        int lasting = slot->section == IL_PRE;
        s->value[i] = (lasting ? s->lasting : s->shared) + columns(s, slot->at);
        if (s->window && slot->needs_grad)
            s->dvalue[i] = (lasting ? s->dlasting : s->shared) + columns(s, slot->dat);
    }
}

il_status il_state_new(il_state **out, const il_model *model, int prompts, int tokens,
                       int window, il_error *err)
{
    int widest = 1;
    if (tokens > model->plan.most_tokens)
        return il_fail(err, IL_ECONFIG,
                       "prompts of %d tokens do not fit the model's %d positions", tokens,
                       model->plan.most_tokens);
    for (int i = 0; i < model->plan.n_slots; i++)
        widest = il_max(widest, model->plan.slots[i].width);
    if ((size_t)prompts * (size_t)tokens > (size_t)(INT_MAX / widest))
        return il_fail(
            err, IL_ECONFIG,
            "%d prompts of %d tokens are too many for one shard: lower training.shard "
            "or the points",
            prompts, tokens);
    il_state *s = malloc(sizeof *s);
    if (!s) return il_fail(err, IL_EFAIL, "out of memory for a state");
    *s = measure(model, prompts, tokens, window);
    il_status status = il_arena_fill(&s->arena, err);
    if (status != IL_OK) {
        free(s);
        return status;
    }
    layout(s);
    point_at_shared(s);
    *out = s;
    return IL_OK;
}

void il_state_free(il_state *s)
{
    if (s) il_arena_free(&s->arena);
    free(s);
}

void il_state_shape(il_state *s, int prompts, int tokens)
{
    s->prompts = prompts;
    s->tokens = tokens;
    s->rows = prompts * tokens;
}

/* The carried stream before window loop i; index -1 is the other buffer of earlier loops. */
static il_real *carry_at(il_state *s, int i)
{
    return s->carries + columns(s, carry_width(s->plan)) * (size_t)(i + 1);
}

/* Points the slots of a loop at its memory. `w` counts from the window's first loop (0); the
 * loops before it (w < 0) use its first frame, which is not in use yet, and hand the stream to and
 * fro between two buffers, so that loop -1 leaves it where loop 0 expects it. */
static void enter_loop(il_state *s, int w)
{
    const il_plan *p = s->plan;
    int frame = w < 0 || p->recompute == 2 ? 0 : w;
    il_real *base = s->frames + columns(s, p->kept) * (size_t)frame;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].kept && p->slots[i].section != IL_PRE)
            s->value[i] = base + columns(s, p->slots[i].at);
    il_real *in = w >= 0 ? carry_at(s, w) : carry_at(s, w % 2 ? -1 : 0);
    il_real *out = w >= 0 ? carry_at(s, w + 1) : carry_at(s, w % 2 ? 0 : -1);
    if (p->carry_in != IL_NONE) s->value[p->carry_in] = in;
    s->value[p->carry_out] = out;
}

static void run_ops(il_state *s, const il_run *run, int from, int to)
{
    for (int j = from; j < to; j++) {
        s->plan->ops[j].kind->forward(&s->plan->ops[j], s);
        if (run->tap) run->tap(run->context, s, j);
    }
}

static void start_carry(il_state *s)
{
    const il_plan *p = s->plan;
    if (p->carry == IL_CARRY_NONE) return;
    il_real *z = s->value[p->carry_in];
    size_t n = (size_t)s->rows * (size_t)p->slots[p->carry_in].width;
    if (p->carry == IL_CARRY_SLOT)
        memcpy(z, s->value[p->carry_slot], n * sizeof *z);
    else
        for (size_t i = 0; i < n; i++) z[i] = p->carry == IL_CARRY_ONES;
}

static int window_of(const il_run *run) { return il_min(run->window, run->loops); }

void il_forward(il_state *s, const il_run *run)
{
    const il_plan *p = s->plan;
    run_ops(s, run, 0, p->end[IL_PRE]);
    for (int loop = 0; loop < run->loops; loop++) {
        enter_loop(s, loop - (run->loops - window_of(run)));
        s->loop = loop;
        if (loop == 0) start_carry(s);
        run_ops(s, run, p->end[IL_PRE], p->end[IL_BODY]);
        if (loop < run->loops - run->post) continue;
        run_ops(s, run, p->end[IL_BODY], p->end[IL_POST]);
        if (run->visit) run->visit(run->context, s, loop + 1);
        if (!s->rows) break; /* the visitor has kept no prompt */
    }
}

int il_state_settled(const il_state *s, int row, double tolerance)
{
    const il_plan *p = s->plan;
    if (p->carry == IL_CARRY_NONE) return 1;
    int C = p->slots[p->carry_out].width;
    const il_real *z = s->value[p->carry_out] + (size_t)row * (size_t)C,
                  *before = s->value[p->carry_in] + (size_t)row * (size_t)C;
    double change = 0, length = 0;
    for (int c = 0; c < C; c++) {
        double d = (double)z[c] - (double)before[c];
        change += d * d;
        length += (double)z[c] * (double)z[c];
    }
    return change <= tolerance * tolerance * length;
}

void il_state_keep(il_state *s, const int *prompt, int n)
{
    const il_plan *p = s->plan;
    for (int slot = 0; slot < p->n_slots; slot++) {
        if (p->slots[slot].section != IL_PRE && slot != p->carry_out) continue;
        size_t size = (size_t)s->tokens * (size_t)p->slots[slot].width;
        for (int i = 0; i < n; i++)
            if (prompt[i] != i)
                memcpy(s->value[slot] + (size_t)i * size,
                       s->value[slot] + (size_t)prompt[i] * size, size * sizeof(il_real));
    }
    il_state_shape(s, n, s->tokens);
}

static void clear(const il_state *s, int slot)
{
    if (s->dvalue[slot])
        memset(s->dvalue[slot], 0,
               sizeof(il_real) * (size_t)s->rows * (size_t)s->plan->slots[slot].width);
}

static void run_steps(il_state *s, int from, int to)
{
    const il_plan *p = s->plan;
    for (int i = from; i < to; i++) {
        il_step step = p->backward[i];
        const il_op *op = &p->ops[step.index];
        if (step.action == IL_DO_ZERO)
            clear(s, step.index);
        else if (step.action == IL_DO_AGAIN)
            op->kind->again(op, s);
        else
            op->kind->backward(op, s);
    }
}

/* The adjoint of the stream a loop handed on becomes that of the stream the loop before it did. */
static void swap_dcarry(il_state *s)
{
    il_real *out = s->dcarry[0];
    s->dcarry[0] = s->dcarry[1];
    s->dcarry[1] = out;
}

void il_backward(il_state *s, const il_run *run)
{
    const il_plan *p = s->plan;
    int W = window_of(run);
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].section == IL_PRE) clear(s, i);
    s->dvalue[p->carry_out] = s->dcarry[0];
    clear(s, p->carry_out);
    for (int w = W - 1; w >= 0; w--) {
        enter_loop(s, w);
        if (p->recompute == 2 && W > 1) run_ops(s, run, p->end[IL_PRE], p->end[IL_BODY]);
        s->dvalue[p->carry_out] = s->dcarry[0];
        if (p->carry_in != IL_NONE) {
            s->dvalue[p->carry_in] = s->dcarry[1];
            clear(s, p->carry_in);
        }
        if (W - w <= run->post) {
            if (p->recompute == 2 && W > 1) {
                double loss = s->loss;
                run_ops(s, run, p->end[IL_BODY], p->end[IL_POST]);
                s->loss = loss; /* measured once */
            }
            run_steps(s, 0, p->post_backward);
        }
        run_steps(s, p->post_backward, p->n_backward);
        swap_dcarry(s);
    }
    if (p->carry == IL_CARRY_SLOT && W == run->loops) {
        size_t n = (size_t)s->rows * (size_t)p->slots[p->carry_slot].width;
        il_real *dslot = s->dvalue[p->carry_slot];
        if (dslot) il_kernel()->add(dslot, dslot, s->dcarry[0], n);
    }
    for (int j = p->end[IL_PRE] - 1; j >= 0; j--)
        if (p->slots[p->ops[j].out].needs_grad) p->ops[j].kind->backward(&p->ops[j], s);
}
