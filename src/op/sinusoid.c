/* sinusoid.c - positions written beside every token
 *
 *   y[t] = [x[t] | p(t)],   p(t)[2i] = sin(t w_i),  p(t)[2i+1] = cos(t w_i),
 *   w_i = 10000^(-2i/P),  t from 0;   dx += the left part of dy
 *
 * Sines are powers of cos w + i sin w, by squaring, so that every machine has the same bits.
 * Source: Vaswani et al. 2017, arXiv:1706.03762; beside the token instead of added to it, von
 * Oswald et al. 2023, arXiv:2309.05858.
 */
#include "op/op.h"

typedef struct {
    int positions;
} options;
static const il_opt opts[] = {
    { "out", IL_OPT_INT, offsetof(options, positions), 2, 2, 1 << 16,
      "columns of p, an even number", NULL },
    { 0 },
};
static const char *const cases[] = { "width=3", "width=4 out=6", NULL };

static int columns(const il_op *op) { return ((options *)op->opts)->positions; }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    if (columns(op) % 2)
        return il_fail(err, IL_ECONFIG, "%s: sines and cosines need an even width, not %d",
                       op->name, columns(op));
    op->out = il_slot_new(p, op, "", il_width(p, op->in[0]) + columns(op));
    return IL_OK;
}

typedef struct {
    double re, im;
} number;

static number times(number a, number b)
{
    return (number){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

/* exp(x) for -10 <= x <= 0: the series at x / 1024, squared ten times */
static double exponential(double x)
{
    double y = x / 1024, term = 1, sum = 1;
    for (int k = 1; k <= 9; k++) sum += term *= y / k;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

/* cos w + i sin w for 0 < w <= 1, by their series */
static number turn(double w)
{
    number z = { 1, w };
    double re = 1, im = w;
    for (int k = 2; k <= 22; k += 2) {
        z.re += re *= -w * w / ((k - 1) * k);
        z.im += im *= -w * w / (k * (k + 1));
    }
    return z;
}

/* (cos w + i sin w)^t */
static number power(number z, int t)
{
    number y = { 1, 0 };
    for (; t; t >>= 1, z = times(z, z))
        if (t & 1) y = times(y, z);
    return y;
}

/* The positions of one prompt, rows ld apart */
static void write_positions(il_real *y, int ld, int past, int T, int P)
{
    for (int i = 0; i < P / 2; i++) {
        number z = turn(exponential(-9.210340371976184 * 2 * i / P)); /* log 10000 */
        for (int t = 0; t < T; t++) {
            number at = power(z, past + t);
            y[t * ld + 2 * i] = (il_real)at.im;
            y[t * ld + 2 * i + 1] = (il_real)at.re;
        }
    }
}

static void forward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0), P = columns(op), T = s->tokens, W = C + P;
    const il_real *x = il_x(op, s, 0);
    il_real *y = il_y(op, s);
    write_positions(y + C, W, s->past, T, P);
    for (int m = 0; m < il_rows(s); m++) {
        if (m >= T) memcpy(y + m * W + C, y + m % T * W + C, sizeof *y * (size_t)P);
        memcpy(y + m * W, x + m * C, sizeof *y * (size_t)C);
    }
}

static void backward(const il_op *op, il_state *s)
{
    int C = il_columns(op, s, 0), W = C + columns(op);
    il_real *dx = il_dx(op, s, 0);
    const il_real *dy = il_dy(op, s);
    for (int m = 0; dx && m < il_rows(s); m++)
        for (int c = 0; c < C; c++) dx[m * C + c] += dy[m * W + c];
}

const il_op_kind il_op_sinusoid = {
    .name = "sinusoid",
    .summary = "writes sines and cosines of its position beside every token",
    .opts = opts,
    .cases = cases,
    .least_in = 1,
    .most_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .skips = 1,
};
