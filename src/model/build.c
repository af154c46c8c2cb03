/* build.c - the families of models as plans
 *
 *   gpt2         E = read_in(tokens);  Y = ln_f(blocks(E + wpe));  answer = read_out(Y)
 *   gpt2_loop    Y_0 = 0;  Y_{t+1} = ln_f(blocks(Y_t + E + wpe));  every window loop is read out
 *                (z=f(x*z): Y_0 = 1, Y_t E in place of Y_t + E;  z=f(z): Y_0 = E, and Y_t in its place;
 *                layer-wise: E is added before every further block of the loop, too, and before all of a gpt2)
 *   gpt2_tying   Y_0 = E;  Y_{t+1} = ln_f(block(Y_t + wpe)), n_layer times; the last is read out
 *
 *   block(x):  x1 = x + W_o attention(W_qkv ln_1(x));   x1 + W_2 gelu(W_1 ln_2(x1))
 *
 * Sources: Yang, Lee, Nowak & Papailiopoulos 2023, arXiv:2311.12424; Garg, Tsipras, Liang &
 * Valiant 2022, arXiv:2208.01066. The two projections that write to the residual stream start
 * with deviation 0.02 / sqrt(2 blocks).
 */
#include "model/model.h"

#include <math.h>

/* Adds an op with one input and its options in printf's manner. */
static il_status add(il_plan *p, il_section section, const char *kind, const char *name,
                     const char *opts, int *x, il_error *err)
{
    return il_plan_add(p, section, kind, name, opts, 1, x, x, err);
}

static il_status add_block(il_plan *p, const il_config *c, int block, int blocks, int *x,
                           il_error *err)
{
    char name[IL_NAME], opts[96];
    int C = c->model.n_embd, h = *x;
    double std = 0.02 / sqrt(2.0 * blocks);
#define NAME(text) (snprintf(name, sizeof name, "h.%d." text, block), name)
#define OPTS(...)  (snprintf(opts, sizeof opts, __VA_ARGS__), opts)
    IL_TRY(add(p, IL_BODY, "layernorm", NAME("ln_1"), "", &h, err));
    IL_TRY(add(p, IL_BODY, "linear", NAME("attn.c_attn"), OPTS("out=%d", 3 * C), &h, err));
    IL_TRY(add(p, IL_BODY, "attention", NAME("attn"), OPTS("heads=%d", c->model.n_head), &h,
               err));
    int resid[2] = { h, *x };
    IL_TRY(il_plan_add(p, IL_BODY, "linear", NAME("attn.c_proj"),
                       OPTS("out=%d std=%s", C, il_digits(std).text), 2, resid, x, err));
    h = *x;
    IL_TRY(add(p, IL_BODY, "layernorm", NAME("ln_2"), "", &h, err));
    IL_TRY(add(p, IL_BODY, "linear", NAME("mlp.c_fc"), OPTS("out=%d act=gelu", 4 * C), &h,
               err));
    resid[0] = h;
    resid[1] = *x;
    return il_plan_add(p, IL_BODY, "linear", NAME("mlp.c_proj"),
                       OPTS("out=%d std=%s", C, il_digits(std).text), 2, resid, x, err);
#undef NAME
}

/* read_in of every token, in width C: rows of `x`, or one vector a class */
static il_status add_read_in(il_plan *p, int classes, int C, int x, int *E, il_error *err)
{
    char opts[96];
    if (classes)
        return il_plan_add(p, IL_PRE, "embed", "read_in",
                           OPTS("out=%d classes=%d", C, classes), 1, &x, E, err);
    return il_plan_add(p, IL_PRE, "linear", "read_in", OPTS("out=%d init=fan", C), 1, &x, E,
                       err);
}

/* What the body reads at the start of every loop, into in[0..n_in-1]: the prompt read in (E) once, what the loop
 * before left, or both, by the family and the injection; and how many loops there are. */
static il_status set_loops(il_plan *p, const il_config *c, int E, int in[2], int *n_in,
                           il_error *err)
{
    int C = c->model.n_embd, family = c->model.family, inject = c->model.loop_func;
    in[0] = in[1] = E;
    *n_in =
        inject == IL_INJECT_BLOCKS || (family == IL_GPT2_LOOP && inject == IL_INJECT_ADD)
            ? 2
            : 1;
    if (family == IL_GPT2_TYING) {
        *n_in = 1;
        in[0] = il_plan_carry(p, IL_CARRY_SLOT, E, C);
        p->loops = c->model.n_layer;
    }
    if (family != IL_GPT2_LOOP) return IL_OK;
    p->loops =
        il_min(c->training.curriculum.loops.end + c->training.random_loops, IL_MOST_LOOPS);
    p->loss_loops = il_min(c->training.n_loop_window, p->loops);
    if (inject == IL_INJECT_NONE)
        in[0] = il_plan_carry(p, IL_CARRY_SLOT, E, C);
    else
        in[0] = il_plan_carry(p, inject == IL_INJECT_MUL ? IL_CARRY_ONES : IL_CARRY_ZEROS,
                              IL_NONE, C);
    if (inject != IL_INJECT_MUL) return IL_OK;
    return il_plan_add(p, IL_BODY, "mul", "inject", "", 2, in, &in[0], err);
}

il_status il_model_build(il_plan *p, const il_config *c, il_error *err)
{
    if (c->model.family == IL_STACK) return il_stack_build(p, c, err);
    char opts[96];
    int C = c->model.n_embd, E, x;
    int blocks = c->model.family == IL_GPT2_TYING ? 1 : c->model.n_layer;
    if (c->model.family == IL_BUILT)
        return il_fail(
            err, IL_ECONFIG,
            "model.family = built: such a model is in a checkpoint with its plan; "
            "`innerloop build` makes one");
    const il_layout *layout = il_layout_at(c->model.tokens);
    const il_task *task = il_task_find(c->training.task_name);
    if (!task)
        return il_fail(err, IL_ECONFIG, "training.task_name = '%s' is no task",
                       c->training.task_name);
    int outs = il_task_outs(task, c->training.task_opts, c->model.n_dims);
    p->tokens = x =
        il_plan_input(p, "tokens", layout->width(c->model.n_dims, outs, c->model.stack), 0);
    p->target = il_plan_input(p, "target", outs, 0);
    p->weight = il_plan_input(p, "weight", 1, 0);
    int classes = il_task_classes(task, c->training.task_opts);
    IL_TRY(add_read_in(p, classes, C, x, &E, err));

    int in[2], n_in;
    IL_TRY(set_loops(p, c, E, in, &n_in, err));
    IL_TRY(il_plan_add(
        p, IL_BODY, "position", "wpe",
        OPTS("positions=%d",
             il_layout_token(layout, c->model.n_dims, c->model.n_positions) + 1),
        n_in, in, &x, err));
    for (int block = 0; block < blocks; block++) {
        int again[2] = { x, E };
        snprintf(opts, sizeof opts, "h.%d.inject", block);
        if (block && c->model.loop_func == IL_INJECT_BLOCKS)
            IL_TRY(il_plan_add(p, IL_BODY, "add", opts, "", 2, again, &x, err));
        IL_TRY(add_block(p, c, block, blocks, &x, err));
    }
    IL_TRY(add(p, IL_BODY, "layernorm", "ln_f", "", &x, err));
    p->carry_out = x;

    IL_TRY(add(p, IL_POST, "linear", "read_out",
               OPTS("out=%d init=fan", classes ? classes : outs), &x, err));
    p->answer = x;
    int loss[3] = { x, p->target, p->weight };
    IL_TRY(il_plan_add(p, IL_POST, task->loss, "loss", "", 3, loss, NULL, err));
    return il_plan_finish(p, c->training.recompute, err);
}
#undef OPTS
