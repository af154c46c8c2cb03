/* pattern.c - attention patterns: what a head gives, at token i, of the value at token j
 *
 * The output of a head is y_i = sum_j p_ij v_j, and p is kept nowhere. From the queries q and keys k of a head of K
 * columns it is computed again, in double, and 0 where token i does not see token j:
 *
 *   softmax  p_ij = softmax_{j<=i}(q_i . k_j / sqrt(K))
 *   linear   p_ij = scale m_j (q_i . k_j), with m the mask of keys, 1 where there is none
 *
 * Fast weights, gated or by the delta rule, and mesa layers are linear in the values, too (docs/mesa.md); their p is what
 * the op answers to values that are 1 at one token and 0 elsewhere, V tokens at once in the V columns of a value, less
 * what a learned start adds.
 */
#include "observe/observe.h"

#include <math.h>

/* Does a head read queries, keys or gates from the slot of its values? Then no other values can be put there. */
static int shares_values(const il_op *op, const il_heads *h)
{
    int value = h->input[IL_ROLE_VALUE];
    for (int i = 0; i < op->n_in; i++)
        if (i != value && op->in[i] == op->in[value]) return 1;
    return 0;
}

int il_pattern_heads(const il_plan *p, const il_op *op)
{
    il_heads h;
    if (!il_heads_of(&h, p, op)) return 0;
    return h.weights == IL_HEADS_OTHER && shares_values(op, &h) ? 0 : h.heads;
}

/* ---- from queries and keys -------------------------------------------------------------------------- */

/* Head `head` of a role at a token of a prompt */
static const il_real *head_at(const il_heads *a, const il_op *op, const il_state *s,
                              il_role role, int prompt, int head, int token)
{
    int in = a->input[role];
    size_t row = (size_t)(prompt * s->tokens + token);
    return il_x(op, s, in) + row * (size_t)il_columns(op, s, in) + a->column[role] +
           head * a->key;
}

static double score(const il_heads *a, const il_op *op, const il_state *s, int prompt,
                    int head, int token, int j)
{
    const il_real *q = head_at(a, op, s, IL_ROLE_QUERY, prompt, head, token);
    const il_real *k = head_at(a, op, s, IL_ROLE_KEY, prompt, head, j);
    double sum = 0;
    for (int c = 0; c < a->key; c++) sum += (double)q[c] * (double)k[c];
    return sum;
}

/* What multiplies the keys of a prompt (tokens); NULL: nothing does */
static const il_real *mask_of(const il_heads *a, const il_op *op, const il_state *s,
                              int prompt)
{
    int in = a->input[IL_ROLE_MASK];
    return in == IL_NONE ? NULL : il_x(op, s, in) + (size_t)prompt * (size_t)s->tokens;
}

void il_heads_pattern(const il_heads *a, const il_op *op, const il_state *s, int prompt,
                      int head, int token, double *p)
{
    double most = -INFINITY, sum = 0;
    const il_real *mask = mask_of(a, op, s, prompt);
    int seen = a->whole ? s->tokens : token + 1;
    for (int j = 0; j < seen; j++) {
        p[j] = score(a, op, s, prompt, head, token, j) / sqrt(a->key);
        if (!mask || mask[j] != 0) most = fmax(most, p[j]);
    }
    for (int j = 0; j < seen; j++) {
        il_real e = !mask || mask[j] != 0 ? (il_real)(p[j] - most) : 0;
        il_kernel()->exp(&e, &e, 1);
        sum += p[j] = mask ? (double)mask[j] * (double)e : (double)e;
    }
    for (int j = 0; j < seen && sum > 0; j++) p[j] /= sum;
}

/* The same of linear attention: of all tokens */
static void linear_pattern(const il_heads *a, const il_op *op, const il_state *s,
                           int prompt, int head, int token, double *p)
{
    int seen = a->whole ? s->tokens : token + 1;
    const il_real *mask = mask_of(a, op, s, prompt);
    for (int j = 0; j < s->tokens; j++) {
        double gain = j >= seen ? 0 : mask ? (double)mask[j] : 1;
        p[j] = gain != 0 ? a->scale * gain * score(a, op, s, prompt, head, token, j) : 0;
    }
}

/* ---- from what the op answers ------------------------------------------------------------------------- */

/* The op on one prompt, with other values and its own room for what it writes */
typedef struct {
    il_state state;
    il_real *v, *y, *zero; /* (T, heads value): values, answers, answers to zeros */
} probe;

static size_t saved(const il_plan *p, const il_op *op, int i)
{
    return op->save[i] == IL_NONE ? 0 : (size_t)il_width(p, op->save[i]);
}

static size_t probe_bytes(const il_plan *p, const il_op *op, size_t T)
{
    size_t numbers = 3 * (size_t)il_width(p, op->out);
    for (int i = 0; i < IL_COUNT(op->save); i++) numbers += saved(p, op, i);
    return sizeof(il_real *) * (size_t)p->n_slots + sizeof(il_real) * T * numbers;
}

static probe probe_of(const il_op *op, const il_heads *a, const il_state *s, int prompt,
                      void *scratch)
{
    const il_plan *p = s->plan;
    size_t T = (size_t)s->tokens, width = (size_t)il_width(p, op->out);
    probe to = { .state = *s };
    to.state.value = scratch;
    to.v = (il_real *)(void *)(to.state.value + p->n_slots);
    to.y = to.v + T * width, to.zero = to.y + T * width;
    il_real *room = to.zero + T * width;
    memcpy(to.state.value, s->value, sizeof *s->value * (size_t)p->n_slots);
    for (int i = 0; i < op->n_in; i++)
        to.state.value[op->in[i]] =
            s->value[op->in[i]] + (size_t)prompt * T * (size_t)il_columns(op, s, i);
    to.state.value[op->in[a->input[IL_ROLE_VALUE]]] = to.v;
    to.state.value[op->out] = to.y;
    for (int i = 0; i < IL_COUNT(op->save); i++) {
        if (op->save[i] == IL_NONE) continue;
        to.state.value[op->save[i]] = room;
        room += T * saved(p, op, i);
    }
    to.state.prompts = 1;
    to.state.rows = s->tokens;
    to.state.window = 0;
    return to;
}

/* p (heads,T,T) */
static void probed_patterns(const il_op *op, const il_heads *a, const il_state *s,
                            int prompt, il_real *p, void *scratch)
{
    probe at = probe_of(op, a, s, prompt, scratch);
    size_t T = (size_t)s->tokens, V = (size_t)a->value, H = (size_t)a->heads, width = H * V,
           bytes = sizeof(il_real) * T * width;
    memset(at.v, 0, bytes);
    op->kind->forward(op, &at.state);
    memcpy(at.zero, at.y, bytes);
    for (size_t from = 0; from < T; from += V) {
        size_t n = T - from < V ? T - from : V;
        memset(at.v, 0, bytes);
        for (size_t j = 0; j < n; j++)
            for (size_t h = 0; h < H; h++) at.v[(from + j) * width + h * V + j] = 1;
        op->kind->forward(op, &at.state);
        for (size_t h = 0; h < H; h++)
            for (size_t t = 0; t < T; t++)
                for (size_t j = 0; j < n; j++) {
                    size_t i = t * width + h * V + j;
                    p[(h * T + t) * T + from + j] = at.y[i] - at.zero[i];
                }
    }
}

/* ---- any ------------------------------------------------------------------------------------------------ */

size_t il_pattern_bytes(const il_plan *p, const il_op *op, int tokens)
{
    size_t T = (size_t)tokens, probing = probe_bytes(p, op, T);
    return probing > sizeof(double) * T ? probing : sizeof(double) * T;
}

void il_patterns(const il_op *op, const il_state *s, int prompt, il_real *p, void *scratch)
{
    size_t T = (size_t)s->tokens;
    double *row = scratch;
    il_heads a;
    il_heads_of(&a, s->plan, op);
    if (a.weights == IL_HEADS_OTHER) {
        probed_patterns(op, &a, s, prompt, p, scratch);
        return;
    }
    for (int h = 0; h < a.heads; h++)
        for (size_t t = 0; t < T; t++, p += T) {
            memset(row, 0, sizeof *row * T);
            if (a.weights == IL_HEADS_SOFTMAX)
                il_heads_pattern(&a, op, s, prompt, h, (int)t, row);
            else
                linear_pattern(&a, op, s, prompt, h, (int)t, row);
            for (size_t j = 0; j < T; j++) p[j] = (il_real)row[j];
        }
}
