/* units.c - what every token does by itself in a layer: affine maps, and hidden units
 *
 *     h += W h + b   beside attention;   then   h += W_out relu(W_in h + b), or gelu, or a quotient
 *
 * Equal units are one.
 */
#include "construct/emit.h"

#include <math.h>

/* Affine maps of the layer's input, added to the stream */
void il_emit_map(builder *b, const char *layer, int section, int time, int x)
{
    il_program *p = b->p;
    int C = p->width, found = 0;
    double *W = NULL, *bias = NULL, *row = NULL;
    for (int i = 0; i < p->n_list && !p->failed; i++) {
        const instruction *in = &p->list[i];
        if (in->kind != MAP || (int)in->section != section || in->time != time) continue;
        if (!found++) {
            W = il_emit_matrix(b, C, C);
            bias = il_emit_matrix(b, C, 1);
            row = il_emit_matrix(b, C, 1);
            if (p->failed) return;
        }
        for (int j = 0; j < in->n_items; j++)
            for (int r = 0; r < in->items[j].rows; r++) {
                const item *it = &in->items[j];
                double constant = 0;
                memset(row, 0, sizeof *row * (size_t)C);
                il_form_row(&it->form, r, row, &constant);
                bias[it->at + r] += it->scale * constant;
                for (int c = 0; c < C; c++) W[(it->at + r) * C + c] += it->scale * row[c];
            }
    }
    if (found)
        b->stream =
            il_emit_linear(b, (il_section)section, layer, "map", C, W, bias, x, b->stream);
}

typedef struct {
    int C, n, most;
    double *in, *bias; /* (most,C), (most) */
    int *first, *next; /* units by hash of their input: (most), (most) */
    int *unit, *to;    /* every output: which unit, which column, */
    double *scale;     /* how much */
    int n_out;
} units;

static int unit_of(units *u, const double *row, double bias)
{
    uint64_t hash = il_hash(IL_HASH_START, row, sizeof *row * (size_t)u->C);
    hash = il_hash(hash, &bias, sizeof bias) % (uint64_t)u->most;
    for (int i = u->first[hash]; i; i = u->next[i - 1])
        if (u->bias[i - 1] == bias && !memcmp(u->in + (size_t)(i - 1) * (size_t)u->C, row,
                                              sizeof *row * (size_t)u->C))
            return i - 1;
    memcpy(u->in + (size_t)u->n * (size_t)u->C, row, sizeof *row * (size_t)u->C);
    u->bias[u->n] = bias;
    u->next[u->n] = u->first[hash];
    return (u->first[hash] = ++u->n) - 1;
}

static units gather_units(il_program *p, instruction_kind kind, int section, int time)
{
    units u = { .C = p->width };
    size_t C = (size_t)p->width;
    for (int pass = 0; pass < 2 && !p->failed; pass++) {
        size_t most = (size_t)u.most;
        double *row = pass ? il_own(p, sizeof *row * C) : NULL;
        if (pass) {
            u.in = il_own(p, sizeof *u.in * most * C);
            u.bias = il_own(p, sizeof *u.bias * most);
            u.scale = il_own(p, sizeof *u.scale * most);
            u.first = il_own(p, sizeof *u.first * most);
            u.next = il_own(p, sizeof *u.next * most);
            u.unit = il_own(p, sizeof *u.unit * most);
            u.to = il_own(p, sizeof *u.to * most);
            if (p->failed) return u;
        }
        for (int i = 0; i < p->n_list; i++) {
            const instruction *in = &p->list[i];
            if (in->kind != kind || (int)in->section != section || in->time != time)
                continue;
            for (int j = 0; j < in->n_items; j++)
                for (int r = 0; r < in->items[j].rows; r++) {
                    const item *it = &in->items[j];
                    if (!pass) u.most++;
                    if (!pass || it->scale == 0) continue;
                    double bias = 0;
                    memset(row, 0, sizeof *row * C);
                    il_form_row(&it->form, r, row, &bias);
                    for (size_t c = 0; c < C; c++) row[c] += 0.0; /* no -0 */
                    u.unit[u.n_out] = unit_of(&u, row, bias);
                    u.to[u.n_out] = it->at + r;
                    u.scale[u.n_out++] = it->scale;
                }
        }
    }
    return u;
}

void il_emit_units(builder *b, const char *layer, int section, int time,
                   instruction_kind kind, int x)
{
    il_program *p = b->p;
    units u = gather_units(p, kind, section, time);
    if (!u.n || p->failed) return;
    int C = p->width, M = u.n;
    double *out = il_emit_matrix(b, C, M);
    if (!out) return;
    for (int i = 0; i < u.n_out; i++) out[u.to[i] * M + u.unit[i]] += u.scale[i];
    p->layers.units = il_max(p->layers.units, M);
    char mlp[32], name[IL_NAME];
    const char *act = kind == RELU ? "relu" : "gelu";
    il_section s = (il_section)section;
    snprintf(mlp, sizeof mlp, "%s.%s", layer, kind == RELU ? "mlp" : "gelu_mlp");
    int y = il_emit_linear(b, s, mlp, "in", M, u.in, u.bias, x, IL_NONE);
    snprintf(name, sizeof name, "%s.%s", mlp, act);
    y = il_emit(b, s, act, name, "", 1, &y, NULL, NULL);
    b->stream = il_emit_linear(b, s, mlp, "out", C, out, NULL, y, b->stream);
}

/* ---- quotients ---------------------------------------------------------------------------------- */

/* LN of [N c, -N c, y, -y], of whose n numbers y's come back with the gain N sqrt(2/n) */
static void emit_quotient(builder *b, const char *div, il_section s, const instruction *in,
                          int x)
{
    const item *y = in->items;
    int C = b->p->width, V = y->rows, n = 2 * V + 2;
    double *W = il_emit_matrix(b, n, C), *bias = il_emit_matrix(b, n, 1);
    double *gain = il_emit_matrix(b, n, 1), *none = il_emit_matrix(b, n, 1);
    double *out = il_emit_matrix(b, C, n);
    if (b->p->failed) return;
    for (int i = 0; i < 2; i++) il_form_row(&in->keys[0], 0, W + i * C, &bias[i]);
    for (int r = 0; r < V; r++)
        for (int i = 0; i < 2; i++)
            il_form_row(&y->form, r, W + (2 + i * V + r) * C, &bias[2 + i * V + r]);
    for (int i = 0; i < n; i++) {
        double factor = i < 2 ? in->big : y->scale;
        if (i == 1 || i >= 2 + V) factor = -factor;
        for (int c = 0; c < C; c++) W[i * C + c] *= factor;
        bias[i] *= factor;
        gain[i] = in->big * sqrt(2.0 / n);
    }
    for (int r = 0; r < V; r++) out[(y->at + r) * n + 2 + r] = 1;
    char name[IL_NAME];
    int z = il_emit_linear(b, s, div, "in", n, W, bias, x, IL_NONE);
    snprintf(name, sizeof name, "%s.norm", div);
    z = il_emit(b, s, "layernorm", name, "eps=1e-30", 1, &z, gain, none);
    b->stream = il_emit_linear(b, s, div, "out", C, out, NULL, z, b->stream);
}

void il_emit_quotients(builder *b, const char *layer, int section, int time, int x)
{
    il_program *p = b->p;
    for (int i = 0, found = 0; i < p->n_list && !p->failed; i++) {
        const instruction *in = &p->list[i];
        char div[32];
        if (in->kind != QUOTIENT || (int)in->section != section || in->time != time)
            continue;
        snprintf(div, sizeof div, "%s.div.%d", layer, found++);
        emit_quotient(b, div, (il_section)section, in, x);
    }
}
