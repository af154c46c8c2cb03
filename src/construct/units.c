/* units.c - what every token does by itself in a layer: affine maps, and hidden units
 *
 *     h += W h + b   beside attention;   then   h += W_out relu(W_in h + b)
 *
 * Equal units are one.
 */
#include "construct/emit.h"

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

static units gather_units(il_program *p, int section, int time)
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
            if (in->kind != RELU || (int)in->section != section || in->time != time)
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

void il_emit_units(builder *b, const char *layer, int section, int time)
{
    il_program *p = b->p;
    units u = gather_units(p, section, time);
    if (!u.n || p->failed) return;
    int C = p->width, M = u.n;
    double *out = il_emit_matrix(b, C, M);
    if (!out) return;
    for (int i = 0; i < u.n_out; i++) out[u.to[i] * M + u.unit[i]] += u.scale[i];
    p->layers.units = il_max(p->layers.units, M);
    char name[IL_NAME];
    il_section s = (il_section)section;
    int y = il_emit_linear(b, s, layer, "mlp.in", M, u.in, u.bias, b->stream, IL_NONE);
    snprintf(name, sizeof name, "%s.mlp.relu", layer);
    y = il_emit(b, s, "relu", name, "", 1, &y, NULL, NULL);
    b->stream = il_emit_linear(b, s, layer, "mlp.out", C, out, NULL, y, b->stream);
}
