/* ops.c - the contract of every row of ops.def: backward is the derivative of forward
 *
 * An ordinary op stands alone in the body and a squared error reads it; a loss op reads the sum
 * of two inputs. Every coordinate of every input and weight is moved by +-h in double precision:
 * central differences with h = 1e-5 err by about h^2 = 1e-10 of the third derivative and by
 * 1e-16 / h = 1e-11 of rounding, far below the tolerance of 1e-6.
 */
#include "check.h"
#include "model/model.h"

#include <stdlib.h>

enum { PROMPTS = 2, TOKENS = 5 };

typedef struct {
    il_model *model;
    il_state *s;
    int inputs[3], n_inputs;
    il_real *grad;
} bench;

static const il_run run = { .loops = 1, .window = 1, .post = 1 };

/* Takes "name=value" out of a case's text. */
static int take(char *text, const char *name, int value)
{
    char *at = strstr(text, name);
    if (!at || at[strlen(name)] != '=') return value;
    value = (int)strtol(at + strlen(name) + 1, NULL, 10);
    memset(at, ' ', strcspn(at, " "));
    return value;
}

static void fill(il_real *x, size_t n, uint32_t stream)
{
    il_rng rng = il_rng_at(7, stream, 0, 0);
    for (size_t i = 0; i < n; i++) x[i] = il_normal(&rng);
}

static bench build(const il_op_kind *kind, const char *text, int recompute)
{
    bench b = { 0 };
    char opts[128];
    snprintf(opts, sizeof opts, "%s", text);
    int width = take(opts, "width", 4), n = take(opts, "inputs", kind->least_in), out,
        loss[3];
    int is_loss = kind->least_in == 3;
    il_plan p;
    il_plan_init(&p);
    b.n_inputs = is_loss ? 2 : n;
    for (int i = 0; i < b.n_inputs; i++)
        b.inputs[i] = il_plan_input(&p, i ? "b" : "a", width, 1);
    CHECK_OK(il_plan_add(&p, IL_BODY, is_loss ? "add" : kind->name, "op",
                         is_loss ? "" : opts, b.n_inputs, b.inputs, &out, &err));
    p.carry_out = out;
    loss[0] = out;
    loss[1] = p.target = il_plan_input(&p, "target", il_width(&p, out), 0);
    loss[2] = p.weight = il_plan_input(&p, "weight", 1, 0);
    CHECK_OK(il_plan_add(&p, IL_POST, is_loss ? kind->name : "mse", "loss",
                         is_loss ? opts : "", 3, loss, NULL, &err));
    CHECK_OK(il_plan_finish(&p, recompute, &err));
    CHECK_OK(il_model_from_plan(&b.model, &p, &err));
    fill(b.model->weights, b.model->plan.n_weights, 1);
    il_model_pack(b.model);
    CHECK_OK(il_state_new(&b.s, b.model, PROMPTS, TOKENS, 1, &err));
    il_state_shape(b.s, PROMPTS, TOKENS);
    b.grad = b.s->grad = calloc(b.model->plan.n_weights + 1, sizeof *b.grad);
    const il_plan *q = &b.model->plan;
    size_t rows = PROMPTS * TOKENS;
    for (int i = 0; i < b.n_inputs; i++)
        fill(b.s->value[b.inputs[i]], rows * (size_t)width, 2 + (uint32_t)i);
    il_real *target = b.s->value[q->target], *weight = b.s->value[q->weight];
    fill(target, rows * (size_t)il_width(q, q->target), 8);
    fill(weight, rows, 9);
    for (size_t i = 0; i < rows; i++) {
        weight[i] = fabs(weight[i]) < 0.3 ? 0 : fabs(weight[i]);
        if (!strcmp(kind->name, "cross_entropy")) target[i] = target[i] < 0 ? -1 : 1;
    }
    b.s->loss_scale = 0.7;
    return b;
}

static double loss_at(bench *b, il_real *x, double value)
{
    double before = *x;
    *x = value;
    il_model_pack(b->model);
    b->s->loss = 0;
    il_forward(b->s, &run);
    *x = before;
    return b->s->loss * b->s->loss_scale;
}

static void compare(bench *b, il_real *x, const il_real *grad, size_t n, const char *where)
{
    double error = 0, size = 0, h = 1e-5;
    for (size_t i = 0; i < n; i++) {
        double slope =
            (loss_at(b, x + i, x[i] + h) - loss_at(b, x + i, x[i] - h)) / (2 * h);
        error += (slope - grad[i]) * (slope - grad[i]);
        size += slope * slope;
    }
    if (!(sqrt(error) <= 1e-6 * sqrt(size)) || !(size > 0))
        fail_msg("%s: gradient is off by %.2e of %.2e", where, sqrt(error), sqrt(size));
}

/* The gradient's memory holds something already: backward must add to it. */
enum { ALREADY = 3 };

static void subtract_already(il_real *grad, size_t n)
{
    for (size_t i = 0; i < n; i++) grad[i] -= ALREADY;
}

static void check_case(const il_op_kind *kind, const char *text, int recompute)
{
    bench b = build(kind, text, recompute);
    const il_plan *p = &b.model->plan;
    char where[256];
    for (size_t i = 0; i < p->n_weights; i++) b.grad[i] = ALREADY;
    il_forward(b.s, &run);
    il_backward(b.s, &run);
    size_t rows = PROMPTS * TOKENS;
    for (int i = 0; i < b.n_inputs; i++) {
        size_t n = rows * (size_t)il_width(p, b.inputs[i]);
        il_real *grad = malloc(n * sizeof *grad);
        memcpy(grad, b.s->dvalue[b.inputs[i]], n * sizeof *grad);
        snprintf(where, sizeof where, "%s %s, input %d", kind->name, text, i);
        compare(&b, b.s->value[b.inputs[i]], grad, n, where);
        free(grad);
    }
    for (int i = 0; i < p->n_params; i++) {
        const il_param *w = &p->params[i];
        snprintf(where, sizeof where, "%s %s, %s", kind->name, text, w->name);
        subtract_already(b.grad + w->offset, il_param_size(w));
        compare(&b, b.model->weights + w->offset, b.grad + w->offset, il_param_size(w),
                where);
    }
    il_state_free(b.s);
    il_model_free(b.model);
    free(b.grad);
}

/* An op's backward called twice adds its inputs' gradients twice. */
static void check_adds(const il_op_kind *kind, const char *text)
{
    bench b = build(kind, text, 1);
    const il_plan *p = &b.model->plan;
    const il_op *op = &p->ops[strcmp(p->ops[0].name, "op") || kind->least_in == 3 ? 1 : 0];
    il_forward(b.s, &run);
    il_backward(b.s, &run);
    int slot = op->in[0];
    size_t n = PROMPTS * TOKENS * (size_t)il_width(p, slot);
    size_t out = PROMPTS * TOKENS * (size_t)il_width(p, op->out);
    il_real *once = malloc(n * sizeof *once);
    for (int times = 1; times <= 2; times++) {
        if (times == 1) memset(b.s->dvalue[slot], 0, n * sizeof *once);
        fill(b.s->dvalue[op->out], out, 21);
        op->kind->backward(op, b.s);
        if (times == 1) memcpy(once, b.s->dvalue[slot], n * sizeof *once);
    }
    for (size_t i = 0; i < n; i++)
        CHECK_NEAR(b.s->dvalue[slot][i], 2 * once[i], 1e-12 * (1 + fabs(once[i])),
                   kind->name);
    free(once);
    il_state_free(b.s);
    il_model_free(b.model);
    free(b.grad);
}

static void op_gradient(void **state)
{
    const il_op_kind *kind = *state;
    assert_non_null(kind->cases[0]);
    for (int i = 0; kind->cases[i]; i++) {
        for (int recompute = 0; recompute <= 2; recompute++)
            check_case(kind, kind->cases[i], recompute);
        check_adds(kind, kind->cases[i]);
    }
}

int main(void)
{
    struct CMUnitTest tests[64];
    char names[64][64];
    size_t n = 0;
    for (const il_op_kind *kind; (kind = il_op_at((int)n)); n++) {
        snprintf(names[n], sizeof names[n], "op_gradient_%s", kind->name);
        tests[n] = (struct CMUnitTest){ .name = names[n],
                                        .test_func = op_gradient,
                                        .initial_state = (void *)(uintptr_t)kind };
    }
    return _cmocka_run_group_tests("ops", tests, n, NULL, NULL);
}
