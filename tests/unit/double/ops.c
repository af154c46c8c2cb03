/* ops.c - the contract of every row of ops.def: backward is the derivative of forward
 *
 * An ordinary op stands alone in the body and a squared error reads it; a loss op reads the sum
 * of two inputs. Every coordinate of every input and weight is moved by +-h in double precision:
 * central differences with h = 1e-5 err by about h^2 = 1e-10 of the third derivative and by
 * 1e-16 / h = 1e-11 of rounding, far below the tolerance of 1e-7.
 */
#include "op_bench.h"

enum { PROMPTS = 2, TOKENS = 5 };

static const il_run run = { .loops = 1, .window = 1, .post = 1 };

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
    if (!(sqrt(error) <= 1e-7 * sqrt(size)) || !(size > 0))
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
    bench b = bench_new(kind, text, PROMPTS, TOKENS, recompute);
    const il_plan *p = &b.model->plan;
    char where[256];
    for (size_t i = 0; i < p->n_weights; i++) b.grad[i] = ALREADY;
    il_forward(b.s, &run);
    il_backward(b.s, &run);
    size_t rows = PROMPTS * TOKENS;
    for (int i = 0; i < b.n_inputs; i++) {
        if (b.ids >> i & 1) continue;
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
    bench_free(&b);
}

/* An op's backward called twice adds its inputs' gradients twice. */
static void check_adds(const il_op_kind *kind, const char *text)
{
    bench b = bench_new(kind, text, PROMPTS, TOKENS, 1);
    const il_plan *p = &b.model->plan;
    const il_op *op =
        &p->ops[strcmp(kind->name, "mse") && !strstr(kind->name, "cross_entropy") ? 0 : 1];
    il_forward(b.s, &run);
    il_backward(b.s, &run);
    int slot = op->in[0];
    size_t n = PROMPTS * TOKENS * (size_t)il_width(p, slot);
    size_t out = PROMPTS * TOKENS * (size_t)il_width(p, op->out);
    il_real *once = malloc(n * sizeof *once);
    for (int times = 1; times <= 2; times++) {
        if (times == 1) memset(b.s->dvalue[slot], 0, n * sizeof *once);
        bench_fill(b.s->dvalue[op->out], out, 21, 0);
        op->kind->backward(op, b.s);
        if (times == 1) memcpy(once, b.s->dvalue[slot], n * sizeof *once);
    }
    for (size_t i = 0; i < n; i++)
        CHECK_NEAR(b.s->dvalue[slot][i], 2 * once[i], 1e-12 * (1 + fabs(once[i])),
                   kind->name);
    free(once);
    bench_free(&b);
}

/* An op that mixes tokens of q, k and v says which inputs these are, and how they fall into heads. */
static void check_roles(const il_op_kind *kind, const char *text)
{
    il_heads h;
    bench b = bench_new(kind, text, PROMPTS, TOKENS, 1);
    const il_plan *p = &b.model->plan;
    const il_op *op = &p->ops[0];
    assert_int_equal(il_heads_of(&h, p, op), kind->mixes && kind->most_in >= 3);
    for (int i = 0; i < IL_ROLES && kind->heads; i++) {
        if (h.input[i] == IL_NONE) continue;
        assert_in_range(h.input[i], 0, op->n_in - 1);
        int all = il_width(p, op->in[h.input[i]]);
        int each = i < IL_ROLE_VALUE ? h.key : i == IL_ROLE_VALUE ? h.value : 0;
        int packed = op->n_in == 1 ? 3 : 1;
        assert_int_equal(h.column[i], op->n_in == 1 ? i * h.heads * each : 0);
        if (each) assert_int_equal(h.heads * each * packed, all);
        if (!each) assert_true(all == 1 || all == h.heads); /* gates and the mask */
    }
    if (kind->heads) assert_int_equal(h.heads * h.value, il_width(p, op->out));
    bench_free(&b);
}

/* Maps and what mixes tokens say how many operations they take: no fewer than a pass over their weights. */
static void check_flop(const il_op_kind *kind, const char *text)
{
    bench b = bench_new(kind, text, PROMPTS, TOKENS, 1);
    const il_plan *p = &b.model->plan;
    const il_op *op = &p->ops[0];
    assert_int_equal(kind->flop != NULL, kind->form == IL_FORM_MAP || kind->mixes);
    if (kind->flop) assert_true(kind->flop(op, p, TOKENS) >= 2.0 * il_width(p, op->out));
    if (kind->form == IL_FORM_MAP)
        assert_true(kind->flop(op, p, TOKENS) ==
                    2.0 * (double)il_param_size(&p->params[op->par[0]]));
    bench_free(&b);
}

static void op_gradient(void **state)
{
    const il_op_kind *kind = *state;
    assert_non_null(kind->cases[0]);
    for (int i = 0; kind->cases[i]; i++) {
        for (int recompute = 0; recompute <= 2; recompute++)
            check_case(kind, kind->cases[i], recompute);
        if (!(kind->ids & 1)) check_adds(kind, kind->cases[i]);
        check_roles(kind, kind->cases[i]);
        check_flop(kind, kind->cases[i]);
        bench_in_pieces(kind, kind->cases[i], 7, 1, 1e-11);
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
