/* op_bench.h - one op of ops.def alone in the body of a plan, with inputs drawn from a seed
 *
 * A case is the op's options and, besides, "width=8" (of every input), "inputs=2" (how many),
 * "widths=8,8,6,2" (one each), "gates=1" (the last so many lie in (0,1)),
 * "mild=1" (in (0.9,1)), "positive=1" (so do the weights).
 */
#ifndef IL_OP_BENCH_H
#define IL_OP_BENCH_H

#include "check.h"
#include "model/model.h"

#include <stdlib.h>

typedef struct {
    il_model *model;
    il_state *s;
    int inputs[IL_INPUTS], n_inputs;
    unsigned ids; /* bit i: input i holds ids */
    il_real *grad;
} bench;

/* Takes "name=value" out of a case's text; NULL if it is not there. */
static inline const char *bench_word(char *text, const char *name, char *value, size_t size)
{
    for (char *at = text; (at = strstr(at, name)); at++) {
        if (at[strlen(name)] != '=' || (at > text && at[-1] != ' ')) continue;
        size_t length = strcspn(at, " ");
        snprintf(value, size, "%.*s", (int)(length - strlen(name) - 1),
                 at + strlen(name) + 1);
        memset(at, ' ', length);
        return value;
    }
    return NULL;
}

static inline int bench_number(char *text, const char *name, int otherwise)
{
    char value[64];
    return bench_word(text, name, value, sizeof value) ? (int)strtol(value, NULL, 10)
                                                       : otherwise;
}

enum { GATE = 1, MILD };
static inline void bench_fill(il_real *x, size_t n, uint32_t stream, int is_gate)
{
    il_rng rng = il_rng_at(7, stream, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (il_real)(is_gate == MILD ? 0.9 + 0.1 * il_uniform(&rng)
                         : is_gate       ? 0.02 + 0.96 * il_uniform(&rng)
                                         : il_normal(&rng));
}

/* Ids of classes, of which every case has at least three */
static inline void bench_fill_ids(il_real *x, size_t n, uint32_t stream)
{
    bench_fill(x, n, stream, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] < (il_real)-0.4 ? 0 : x[i] < (il_real)0.4 ? 1 : 2;
}

static inline bench bench_new(const il_op_kind *kind, const char *text, int prompts,
                              int tokens, int recompute)
{
    bench b = { 0 };
    char opts[128], list[64];
    snprintf(opts, sizeof opts, "%s", text);
    int width[IL_INPUTS], out, loss[3];
    int is_loss = !strcmp(kind->name, "mse") || strstr(kind->name, "cross_entropy");
    int classes = is_loss && kind->ids;
    b.ids = is_loss ? 0 : kind->ids;
    int every = bench_number(opts, "width", 4), gates = bench_number(opts, "gates", 0);
    int gate = bench_number(opts, "mild", 0) ? MILD : GATE;
    int positive = bench_number(opts, "positive", 0);
    b.n_inputs = is_loss ? 2 : bench_number(opts, "inputs", kind->least_in);
    for (int i = 0; i < IL_INPUTS; i++) width[i] = every;
    if (bench_word(opts, "widths", list, sizeof list)) {
        b.n_inputs = 0;
        for (char *item = strtok(list, ","); item; item = strtok(NULL, ","))
            width[b.n_inputs++] = (int)strtol(item, NULL, 10);
    }
    il_plan p;
    il_plan_init(&p);
    for (int i = 0; i < b.n_inputs; i++)
        b.inputs[i] = il_plan_input(&p, (char[]){ (char)('a' + i), 0 }, width[i], 1);
    CHECK_OK(il_plan_add(&p, IL_BODY, is_loss ? "add" : kind->name, "op",
                         is_loss ? "" : opts, b.n_inputs, b.inputs, &out, &err));
    p.carry_out = out;
    loss[0] = out;
    loss[1] = p.target = il_plan_input(&p, "target", classes ? 1 : il_width(&p, out), 0);
    loss[2] = p.weight = il_plan_input(&p, "weight", 1, 0);
    CHECK_OK(il_plan_add(&p, IL_POST, is_loss ? kind->name : "mse", "loss",
                         is_loss ? opts : "", 3, loss, NULL, &err));
    CHECK_OK(il_plan_finish(&p, recompute, &err));
    CHECK_OK(il_model_from_plan(&b.model, &p, &err));
    bench_fill(b.model->weights, b.model->plan.n_weights, 1, positive);
    il_model_pack(b.model);
    CHECK_OK(il_state_new(&b.s, b.model, prompts, tokens, 1, &err));
    il_state_shape(b.s, prompts, tokens);
    b.grad = b.s->grad = calloc(b.model->plan.n_weights + 1, sizeof *b.grad);
    const il_plan *q = &b.model->plan;
    size_t rows = (size_t)prompts * (size_t)tokens;
    for (int i = 0; i < b.n_inputs; i++) {
        il_real *x = b.s->value[b.inputs[i]];
        size_t size = rows * (size_t)width[i];
        if (b.ids >> i & 1)
            bench_fill_ids(x, size, 2 + (uint32_t)i);
        else
            bench_fill(x, size, 2 + (uint32_t)i, i >= b.n_inputs - gates ? gate : 0);
    }
    il_real *target = b.s->value[q->target], *weight = b.s->value[q->weight];
    bench_fill(target, rows * (size_t)il_width(q, q->target), 8, 0);
    if (classes) bench_fill_ids(target, rows, 8);
    bench_fill(weight, rows, 9, 0);
    for (size_t i = 0; i < rows; i++) {
        il_real w = weight[i] < 0 ? -weight[i] : weight[i];
        weight[i] = w < (il_real)0.3 ? 0 : w;
        if (!strcmp(kind->name, "cross_entropy")) target[i] = target[i] < 0 ? -1 : 1;
    }
    b.s->loss_scale = (il_real)0.7;
    return b;
}

static inline void bench_free(bench *b)
{
    il_state_free(b->s);
    il_model_free(b->model);
    free(b->grad);
}

/* The op under test (not a loss) */
static inline const il_op *bench_op(const bench *b) { return &b->model->plan.ops[0]; }

/* An op that can run token by token says there, and in pieces of a prompt, what it says of the
 * whole: to `tolerance` of the largest output. Before every piece another one is tried and
 * forgotten. Pieces are of 1 to 9 tokens where `piece` is 0. */
static inline void bench_in_pieces(const il_op_kind *kind, const char *text, int tokens,
                                   int piece, double tolerance)
{
    bench b = bench_new(kind, text, 1, tokens, 1);
    const il_run once = { .loops = 1, .post = 1 };
    const il_plan *p = &b.model->plan;
    const il_op *op = bench_op(&b);
    if (!op->recurs && !(op->remembers && piece == 1)) {
        bench_free(&b);
        return;
    }
    size_t T = (size_t)tokens, out = (size_t)il_width(p, op->out);
    il_real *whole = malloc(T * out * sizeof *whole), *inputs[IL_INPUTS], *trial;
    double size = 0;
    il_forward(b.s, &once);
    memcpy(whole, b.s->value[op->out], T * out * sizeof *whole);
    for (size_t i = 0; i < T * out; i++) size = fmax(size, fabs((double)whole[i]));
    for (int i = 0; i < b.n_inputs; i++) {
        size_t n = T * (size_t)il_width(p, b.inputs[i]);
        inputs[i] = malloc(n * sizeof *inputs[i]);
        memcpy(inputs[i], b.s->value[b.inputs[i]], n * sizeof *inputs[i]);
    }
    size_t n = (size_t)p->recurrent;
    b.s->memory = calloc((size_t)p->memory * T + 1, sizeof *trial);
    il_real *recurrent = calloc(n + 1, sizeof *trial);
    trial = malloc((n + 1) * sizeof *trial);
    for (int t = 0, m; t < tokens; t += m) {
        m = il_min(piece ? piece : 1 + 7 * t % 9, tokens - t);
        il_state_shape(b.s, 1, m);
        for (int real = 0; real < 2; real++) {
            int shown = real ? t : (t + 3) % (tokens - m + 1);
            for (int i = 0; i < b.n_inputs; i++) {
                size_t width = (size_t)il_width(p, b.inputs[i]);
                memcpy(b.s->value[b.inputs[i]], inputs[i] + (size_t)shown * width,
                       (size_t)m * width * sizeof *trial);
            }
            memcpy(trial, recurrent, n * sizeof *trial);
            b.s->recurrent = real ? recurrent : trial;
            b.s->past = t;
            il_forward(b.s, &once);
            for (size_t c = 0; c < (size_t)m * out && real; c++)
                CHECK_NEAR(b.s->value[op->out][c], whole[(size_t)t * out + c],
                           tolerance * size, text);
        }
    }
    for (int i = 0; i < b.n_inputs; i++) free(inputs[i]);
    free(b.s->memory);
    free(recurrent);
    free(trial);
    free(whole);
    bench_free(&b);
}

#endif
