/* heads.c - attention of a layer
 *
 * In a layer, instructions with the same keys and queries are one head, and equal values of a
 * head are one; heads are padded to the largest. A head is
 *     q = W_q h, k = W_k h, v = W_v h,   h += W_o sum_i v_i <k_i, q>
 */
#include "construct/emit.h"

#include <math.h>

enum { HEADS = 16, VALUES = 32 };

typedef struct {
    const instruction *first;  /* whose keys and queries these are */
    const form *value[VALUES]; /* distinct; row `at` of the head's values is its first */
    int at[VALUES], n_values, keys, values;
} head;

typedef struct {
    head heads[HEADS];
    int n, K, V;
} heads;

static int same_scores(const instruction *a, const instruction *b)
{
    if (a->n_keys != b->n_keys || a->n_queries != b->n_queries) return 0;
    for (int i = 0; i < a->n_keys; i++)
        if (!il_form_equal(&a->keys[i], &b->keys[i])) return 0;
    for (int i = 0; i < a->n_queries; i++)
        if (!il_form_equal(&a->queries[i], &b->queries[i])) return 0;
    return 1;
}

static int value_of(il_program *p, head *h, const form *f)
{
    for (int i = 0; i < h->n_values; i++)
        if (il_form_equal(h->value[i], f)) return i;
    if (h->n_values == VALUES) {
        il_mistake(p, IL_ECONFIG, "a head has more than %d values", VALUES);
        return 0;
    }
    h->value[h->n_values] = f;
    h->at[h->n_values] = h->values;
    h->values += f->rows;
    return h->n_values++;
}

static head *head_of(il_program *p, heads *all, const instruction *in)
{
    for (int i = 0; i < all->n; i++)
        if (same_scores(all->heads[i].first, in)) return &all->heads[i];
    if (all->n == HEADS) {
        il_mistake(p, IL_ECONFIG, "a layer has more than %d heads", HEADS);
        return &all->heads[0];
    }
    head *h = &all->heads[all->n++];
    *h = (head){ .first = in };
    for (int i = 0; i < in->n_keys; i++) h->keys += in->keys[i].rows;
    return h;
}

/* The heads of a kind that run at a time of a section */
static heads gather(il_program *p, instruction_kind kind, int section, int time)
{
    heads all = { 0 };
    for (int i = 0; i < p->n_list; i++) {
        const instruction *in = &p->list[i];
        if (in->kind != kind || (int)in->section != section || in->time != time) continue;
        head *h = head_of(p, &all, in);
        for (int j = 0; j < in->n_items; j++) value_of(p, h, &in->items[j].form);
    }
    for (int i = 0; i < all.n; i++) {
        all.K = il_max(all.K, all.heads[i].keys);
        all.V = il_max(all.V, all.heads[i].values);
    }
    return all;
}

static void fill_stack(double *W, int C, const form *blocks, int n)
{
    double none = 0;
    for (int i = 0; i < n; i++)
        for (int r = 0; r < blocks[i].rows; r++, W += C)
            il_form_row(&blocks[i], r, W, &none);
}

/* W_o of instructions that run now: the values' place in the stream */
static void fill_output(il_program *p, const heads *all, instruction_kind kind, int section,
                        int time, double *Wo)
{
    heads copy = *all;
    int HV = all->n * all->V;
    for (int i = 0; i < p->n_list; i++) {
        const instruction *in = &p->list[i];
        if (in->kind != kind || (int)in->section != section || in->time != time) continue;
        head *h = head_of(p, &copy, in);
        for (int j = 0; j < in->n_items; j++) {
            const item *it = &in->items[j];
            int at = (int)(h - copy.heads) * all->V + h->at[value_of(p, h, &it->form)];
            for (int r = 0; r < it->rows; r++)
                Wo[(it->at + r) * HV + at + (it->form.rows == 1 ? 0 : r)] += it->scale;
        }
    }
}

/* Linear attention from the layer's input x, added to the stream. */
void il_emit_heads(builder *b, const char *layer, int section, int time,
                   instruction_kind kind, int x)
{
    il_program *p = b->p;
    heads all = gather(p, kind, section, time);
    int C = p->width, H = all.n, K = all.K, V = all.V;
    if (!H || p->failed) return;
    if (kind == SOFTMAX) K = V = il_max(K, V); /* one size for q, k and v */
    all.V = V;
    int HK = H * K, HV = H * V;
    double *qkv = il_emit_matrix(b, 2 * HK + HV, C), *Wo = il_emit_matrix(b, C, HV);
    if (p->failed) return;
    double *Wq = qkv, *Wk = Wq + HK * C, *Wv = Wk + HK * C;
    for (int h = 0; h < H; h++) {
        const head *one = &all.heads[h];
        fill_stack(Wq + h * K * C, C, one->first->queries, one->first->n_queries);
        fill_stack(Wk + h * K * C, C, one->first->keys, one->first->n_keys);
        for (int i = 0; i < one->n_values; i++)
            fill_stack(Wv + (h * V + one->at[i]) * C, C, one->value[i], 1);
    }
    fill_output(p, &all, kind, section, time, Wo);
    p->layers.heads = il_max(p->layers.heads, H);
    p->layers.key = il_max(p->layers.key, K);

    char opts[64], name[IL_NAME];
    il_section s = (il_section)section;
    int in[4], y, n_in = 3;
    if (kind == SOFTMAX) {
        for (int i = 0; i < HK * C; i++) Wq[i] *= sqrt(K); /* which attention divides by */
        y = il_emit_linear(b, s, layer, "copy.c_attn", 2 * HK + HV, qkv, NULL, x, IL_NONE);
        snprintf(name, sizeof name, "%s.copy", layer);
        snprintf(opts, sizeof opts, "heads=%d", H);
        y = il_emit(b, s, "attention", name, opts, 1, &y, NULL, NULL);
        b->stream = il_emit_linear(b, s, layer, "copy.c_proj", C, Wo, NULL, y, b->stream);
        return;
    }
    in[0] = il_emit_linear(b, s, layer, "attn.q", HK, Wq, NULL, x, IL_NONE);
    in[1] = il_emit_linear(b, s, layer, "attn.k", HK, Wk, NULL, x, IL_NONE);
    in[2] = il_emit_linear(b, s, layer, "attn.v", HV, Wv, NULL, x, IL_NONE);
    if (p->masked) in[n_in++] = b->mask;
    snprintf(name, sizeof name, "%s.attn", layer);
    snprintf(opts, sizeof opts, "heads=%d causal=%d", H, p->causal);
    y = il_emit(b, s, "linear_attention", name, opts, n_in, in, NULL, NULL);
    b->stream = il_emit_linear(b, s, layer, "attn.o", C, Wo, NULL, y, b->stream);
}
