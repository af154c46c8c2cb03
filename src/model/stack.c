/* stack.c - the family `stack`: any row of mixers, with or without what usually surrounds them
 *
 *   x = read_in(tokens), or the tokens themselves; then, for each word of model.blocks
 *
 *   x <- x + P mix(W_q u, W_k u, W_v u),   u = norm(x)
 *   x <- x + W_2 act(W_1 norm(x)),         with n_mlp
 *   x <- clip(x)
 *
 * the whole row `loops` times with the same weights; the answer is a map of norm(x) or some of its
 * columns. With position = concat the first block's q and k read [u | sines of the position].
 * Mixers with gates read them from u as well; q and k of mixers other than softmax may pass a short
 * convolution and silu, and head outputs may be normalised to length 1 (MesaNet).
 * With model.factor.rank the maps of the MLPs are W = U V^T, or U M V^T, one map after the other (factors.c).
 * With model.products W_k = W_v = I, so that W_q and P are the products W_k^T W_q and P W_v, of which
 * linear attention is made; it says what form they have and keep.
 * Tokens of the layout `columns` are not in order: linear blocks then look at all keys at once,
 * with the layout's mask.
 *
 * Sources: von Oswald et al. 2023, arXiv:2309.05858 (LSA-K, mesa, hybrid-mesa, the softmax
 * transformers without norm or MLP); Ahn et al. 2023, arXiv:2306.00297, and Vladymyrov et al.
 * 2024, arXiv:2402.14180 (linear transformers on columns); von Oswald et al. 2025,
 * arXiv:2506.05233 (MesaNet, and the gates, convolution and norms of its neighbours).
 */
#include "model/model.h"

#include <stdlib.h>

typedef struct {
    il_plan *p;
    const il_config *c;
    il_section section;
    char name[IL_NAME], opts[160];
    int K, V;                            /* key and value size of a head */
    char query[64], same[64], value[64]; /* options of the maps q; k and v; proj */
    int classes;                         /* of ids that go in and out, or 0 */
    int loose;                           /* tokens are not in order */
} builder;

#define OPTS(...) (snprintf(b->opts, sizeof b->opts, __VA_ARGS__), b->opts)

static il_status add(builder *b, const char *kind, const char *name, const char *opts,
                     int n_in, const int *in, int *out, il_error *err)
{
    return il_plan_add(b->p, b->section, kind, name, opts, n_in, in, out, err);
}

/* "h.2.attn.q" */
static const char *name_of(builder *b, int block, const char *part)
{
    snprintf(b->name, sizeof b->name, "h.%d.%s", block, part);
    return b->name;
}

/* A map of x with further options, plus `residual` unless it is IL_NONE. */
static il_status add_map(builder *b, const char *name, int out, const char *more, int x,
                         int residual, int *y, il_error *err)
{
    int in[2] = { x, residual };
    OPTS("out=%d bias=%d std=%s%s", out, b->c->model.bias,
         il_digits(b->c->model.init_std).text, more);
    return add(b, "linear", name, b->opts, residual == IL_NONE ? 1 : 2, in, y, err);
}

/* The same of a map of an MLP, which may be a product of factors: V^T, M, U */
static il_status add_mlp_map(builder *b, int block, const char *part, int out,
                             const char *more, int x, int residual, int *y, il_error *err)
{
    const il_config *c = b->c;
    int rank = c->model.factor.rank, in = il_width(b->p, x);
    const char *init = c->model.factor.init == IL_FACTOR_FAN ? " init=fan" : "";
    char name[IL_NAME], opts[64];
    if (!rank) return add_map(b, name_of(b, block, part), out, more, x, residual, y, err);
    if (rank > in || rank > out)
        return il_fail(err, IL_ECONFIG,
                       "model.factor.rank = %d is above that of a map from %d to %d "
                       "columns; lower it",
                       rank, in, out);
    for (int i = 0; i < 1 + c->model.factor.middle; i++) {
        snprintf(name, sizeof name, "h.%d.%s.%s", block, part, i ? "m" : "v");
        OPTS("out=%d bias=0 std=%s%s", rank, il_digits(c->model.init_std).text, init);
        IL_TRY(add(b, "linear", name, b->opts, 1, &x, &x, err));
    }
    snprintf(name, sizeof name, "h.%d.%s.u", block, part);
    snprintf(opts, sizeof opts, "%s%s", init, more);
    return add_map(b, name, out, opts, x, residual, y, err);
}

static il_status add_read(builder *b, const char *name, int out, int *x, il_error *err)
{
    if (b->c->model.read_init == 0) return add_map(b, name, out, "", *x, IL_NONE, x, err);
    OPTS("out=%d bias=%d init=fan", out, b->c->model.bias);
    return add(b, "linear", name, b->opts, 1, x, x, err);
}

static il_status add_norm(builder *b, const char *name, int x, int *y, il_error *err)
{
    static const char *const kinds[] = { NULL, "layernorm", "rmsnorm" };
    const char *kind = kinds[b->c->model.norm];
    *y = x;
    return kind ? add(b, kind, name, "", 1, &x, y, err) : IL_OK;
}

/* ---- mixers --------------------------------------------------------------------------------- */

/* in: q, k, v, as many as a mixer's row says; a mixer may add maps of u of its own */
typedef struct {
    const char *word, *kind;
    int equal;  /* keys and values have one size */
    int scales; /* has the option `scale` */
    int loose;  /* can look at all keys at once, with a mask */
    int gates;  /* after q, k, v: BETA, how much of a token goes in; GAMMA, what stays */
    const char *opts;
} mixer;

enum { BETA = 1, GAMMA = 2, BOTH = 3 };

static const mixer mixers[] = {
    { "softmax", "attention", 1, 0, 1, 0, "" },
    { "linear", "linear_attention", 0, 1, 1, 0, "" },
    { "mesa", "mesa", 0, 0, 0, 0, "" },
    { "forgetting", "mesa", 0, 0, 0, GAMMA, " form=forgetting" },
    { "mesanet", "mesa", 0, 0, 0, BOTH, " form=net" },
    { "gla", "fast_weights", 0, 0, 0, BOTH, " rule=gla" },
    { "delta", "fast_weights", 0, 0, 0, BETA, " rule=delta" },
    { "gated_delta", "fast_weights", 0, 0, 0, BOTH, " rule=gated_delta" },
    { "mlstm", "fast_weights", 0, 0, 0, BOTH, " rule=mlstm" },
};

static int is_softmax(const mixer *m) { return m == &mixers[0]; }

/* Gates are logistic maps of u, one a head, with a bias: beta starts at 1/2, gamma at 0.98. */
static il_status add_gates(builder *b, const mixer *m, int block, int u, int *in,
                           il_error *err)
{
    static const struct {
        const char *map, *gate, *shift;
    } gates[] = { { "attn.beta", "attn.beta_gate", "" },
                  { "attn.gamma", "attn.gamma_gate", "shift=4" } };
    for (int i = 0; i < 2; i++) {
        if (!(m->gates >> i & 1)) continue;
        OPTS("out=%d std=%s", b->c->model.n_head, il_digits(b->c->model.init_std).text);
        IL_TRY(add(b, "linear", name_of(b, block, gates[i].map), b->opts, 1, &u, in, err));
        IL_TRY(add(b, "sigmoid", name_of(b, block, gates[i].gate), gates[i].shift, 1, in,
                   in, err));
        in++;
    }
    return IL_OK;
}

static il_status add_mixer(builder *b, const mixer *m, int block, int *in, int *y,
                           il_error *err)
{
    const il_config *c = b->c;
    int n_in = 3 + (m->gates & 1) + (m->gates >> 1),
        at = snprintf(b->opts, sizeof b->opts, "heads=%d%s", c->model.n_head, m->opts);
    if (m->equal && b->K != b->V)
        return il_fail(err, IL_ECONFIG,
                       "model.n_key = %d and model.n_value = %d differ, which %s cannot do",
                       b->K, b->V, m->word);
    if (m->scales)
        at += snprintf(b->opts + at, sizeof b->opts - (size_t)at, " scale=%s",
                       il_digits(c->model.scale).text);
    if (il_layout_at(c->model.tokens)->half && !m->loose)
        return il_fail(
            err, IL_ECONFIG,
            "model.tokens = halves needs blocks that look at all examples at once, "
            "and %s does not: take softmax or linear",
            m->word);
    if (m->loose && b->loose) {
        snprintf(b->opts + at, sizeof b->opts - (size_t)at, " causal=0");
        in[n_in++] = b->p->mask;
    }
    return add(b, m->kind, name_of(b, block, "attn"), b->opts, n_in, in, y, err);
}

static il_status add_attention(builder *b, const mixer *m, int block, int *x, il_error *err)
{
    const il_config *c = b->c;
    int H = c->model.n_head, u, qk, in[IL_INPUTS], y, softmax = is_softmax(m);
    IL_TRY(add_norm(b, name_of(b, block, "ln_1"), *x, &u, err));
    qk = u;
    if (block == 0 && c->model.position == IL_POSITION_CONCAT)
        IL_TRY(add(b, "sinusoid", name_of(b, block, "attn.position"),
                   OPTS("out=%d", c->model.n_embd), 1, &u, &qk, err));
    IL_TRY(add_map(b, name_of(b, block, "attn.q"), H * b->K, b->query, qk, IL_NONE, &in[0],
                   err));
    IL_TRY(add_map(b, name_of(b, block, "attn.k"), H * b->K, b->same, qk, IL_NONE, &in[1],
                   err));
    IL_TRY(add_map(b, name_of(b, block, "attn.v"), H * b->V, b->same, u, IL_NONE, &in[2],
                   err));
    for (int i = 0; i < 2 && c->model.conv && !softmax; i++) {
        IL_TRY(add(b, "conv", name_of(b, block, i ? "attn.k_conv" : "attn.q_conv"),
                   OPTS("taps=%d", c->model.conv), 1, &in[i], &in[i], err));
        IL_TRY(add(b, "silu", name_of(b, block, i ? "attn.k_silu" : "attn.q_silu"), "", 1,
                   &in[i], &in[i], err));
    }
    for (int i = 0; i < 2 && c->model.qk_norm && (block || c->model.qk_norm == 1); i++)
        IL_TRY(add(b, "l2norm", name_of(b, block, i ? "attn.k_norm" : "attn.q_norm"),
                   OPTS("groups=%d", H), 1, &in[i], &in[i], err));
    IL_TRY(add_gates(b, m, block, u, in + 3, err));
    IL_TRY(add_mixer(b, m, block, in, &y, err));
    if (c->model.head_norm && !softmax)
        IL_TRY(add(b, "l2norm", name_of(b, block, "attn.head_norm"),
                   OPTS("groups=%d eps=1e-6", H), 1, &y, &y, err));
    return add_map(b, name_of(b, block, "attn.proj"), c->model.n_embd, b->value, y, *x, x,
                   err);
}

static il_status add_mlp(builder *b, int block, int *x, il_error *err)
{
    enum { GELU, RELU, SWIGLU };
    int u, gate, act = b->c->model.mlp_act, F = b->c->model.n_mlp;
    IL_TRY(add_norm(b, name_of(b, block, "ln_2"), *x, &u, err));
    if (act == SWIGLU)
        IL_TRY(add_mlp_map(b, block, "mlp.gate", F, "", u, IL_NONE, &gate, err));
    IL_TRY(add_mlp_map(b, block, "mlp.fc", F, act == GELU ? " act=gelu" : "", u, IL_NONE,
                       &u, err));
    if (act == RELU)
        IL_TRY(add(b, "relu", name_of(b, block, "mlp.act"), "", 1, &u, &u, err));
    if (act == SWIGLU) { /* Shazeer 2020, arXiv:2002.05202 */
        IL_TRY(add(b, "silu", name_of(b, block, "mlp.act"), "", 1, &gate, &gate, err));
        int both[2] = { u, gate };
        IL_TRY(add(b, "mul", name_of(b, block, "mlp.mul"), "", 2, both, &u, err));
    }
    return add_mlp_map(b, block, "mlp.proj", b->c->model.n_embd, "", u, *x, x, err);
}

static il_status add_block(builder *b, const mixer *m, int block, int *x, il_error *err)
{
    IL_TRY(add_attention(b, m, block, x, err));
    if (b->c->model.n_mlp) IL_TRY(add_mlp(b, block, x, err));
    if (b->c->model.clip > 0)
        IL_TRY(add(b, "clip", name_of(b, block, "clip"),
                   OPTS("limit=%s", il_digits(b->c->model.clip).text), 1, x, x, err));
    return IL_OK;
}

/* ---- the row of blocks ------------------------------------------------------------------------ */

static il_status find_mixer(const mixer **found, const char *word, il_error *err)
{
    const char *words[IL_COUNT(mixers)];
    for (int i = 0; i < IL_COUNT(mixers); i++) {
        words[i] = mixers[i].word;
        *found = &mixers[i];
        if (strcmp(word, words[i])) continue;
        if (il_op_find((*found)->kind)) return IL_OK;
        break;
    }
    return il_fail(
        err, IL_ECONFIG, "model.blocks: '%s' mixes no tokens%s", il_show(word).text,
        il_advise(word, words, IL_COUNT(mixers), "; try softmax or linear").text);
}

enum { MOST_BLOCKS = 1024 };

/* One word: "mesa", "linear*5" */
static il_status add_blocks(builder *b, char *word, int *block, int *x, il_error *err)
{
    const mixer *m;
    long times = 1;
    char *star = strchr(word, '*'), *end;
    if (star) {
        *star = 0;
        times = strtol(star + 1, &end, 10);
        if (end == star + 1 || *end || times < 1 || times > MOST_BLOCKS)
            return il_fail(
                err, IL_ECONFIG,
                "model.blocks: after '%s*' comes a number of blocks from 1 to %d",
                il_show(word).text, MOST_BLOCKS);
    }
    IL_TRY(find_mixer(&m, word, err));
    if (*block + times > MOST_BLOCKS)
        return il_fail(err, IL_ECONFIG, "model.blocks: more than %d blocks", MOST_BLOCKS);
    for (long i = 0; i < times; i++) IL_TRY(add_block(b, m, (*block)++, x, err));
    return IL_OK;
}

static il_status add_body(builder *b, int *x, il_error *err)
{
    char text[IL_TEXT], *at = text;
    int blocks = 0;
    snprintf(text, sizeof text, "%s", b->c->model.blocks);
    while (*(at += strspn(at, " ,"))) {
        char *word = at;
        at += strcspn(at, " ,");
        if (*at) *at++ = 0;
        IL_TRY(add_blocks(b, word, &blocks, x, err));
    }
    if (!blocks)
        return il_fail(err, IL_ECONFIG,
                       "model.blocks names no block; try linear or softmax");
    return add_norm(b, "ln_f", *x, x, err);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static il_status add_inputs(builder *b, const il_layout *layout, int outs, int *x,
                            il_error *err)
{
    il_plan *p = b->p;
    const il_config *c = b->c;
    int C = c->model.n_embd, width = layout->width(c->model.n_dims, outs, c->model.stack);
    if (c->model.read_in == IL_READ_NONE && width > C)
        return il_fail(err, IL_ECONFIG,
                       "tokens are %d wide, more than model.n_embd = %d: raise it, or set "
                       "model.read_in to linear",
                       width, C);
    p->tokens = *x =
        il_plan_input(p, "tokens", c->model.read_in == IL_READ_NONE ? C : width, 0);
    p->target = il_plan_input(p, "target", outs, 0);
    p->weight = il_plan_input(p, "weight", 1, 0);
    if (b->loose) p->mask = il_plan_input(p, "mask", 1, 0);
    if (b->classes)
        IL_TRY(add(b, "embed", "read_in",
                   OPTS("out=%d classes=%d std=%s", C, b->classes,
                        il_digits(c->model.init_std).text),
                   1, x, x, err));
    else if (c->model.read_in == IL_READ_LINEAR)
        IL_TRY(add_read(b, "read_in", C, x, err));
    if (c->model.position == IL_POSITION_LEARNED)
        IL_TRY(add(b, "position", "wpe",
                   OPTS("positions=%d std=%s",
                        il_layout_token(layout, c->model.n_dims, c->model.n_positions),
                        il_digits(c->model.init_std).text),
                   1, x, x, err));
    return IL_OK;
}

static il_status add_answer(builder *b, int outs, int *x, il_error *err)
{
    const il_config *c = b->c;
    if (c->model.read == IL_ANSWER_LINEAR)
        return add_read(b, "read_out", b->classes ? b->classes : outs, x, err);
    int minus = c->model.read == IL_ANSWER_MINUS_Y,
        from = c->model.read == IL_ANSWER_FIRST ? 0 : c->model.n_dims;
    return add(b, "slice", "read_out",
               OPTS("from=%d out=%d scale=%d", from, outs, minus ? -1 : 1), 1, x, x, err);
}

/* "matrix/zero": what the map keeps on the first n_dims columns, and on the others; or "dense" */
static il_status read_form(char options[64], const char *word, int split, il_error *err)
{
    static const char *const known[] = { "matrix", "scalar", "one", "zero" };
    char first[16] = "", rest[16] = "";
    size_t size = strcspn(word, "/");
    int found = 0;
    if (!strcmp(word, "dense")) return IL_OK;
    if (word[size] && size < sizeof first && strlen(word + size + 1) < sizeof rest) {
        memcpy(first, word, size);
        snprintf(rest, sizeof rest, "%s", word + size + 1);
    }
    for (int i = 0; i < IL_COUNT(known); i++)
        found += !strcmp(first, known[i]) + !strcmp(rest, known[i]);
    if (found < 2)
        return il_fail(err, IL_ECONFIG,
                       "model.products: '%s' is neither dense nor two of matrix, scalar, "
                       "one and zero, as in matrix/zero",
                       il_show(word).text);
    snprintf(options, 64, " split=%d first=%s rest=%s", split, first, rest);
    return IL_OK;
}

/* model.products: the form of W_k^T W_q, then that of P W_v */
static il_status set_products(builder *b, il_error *err)
{
    const il_config *c = b->c;
    char text[IL_TEXT], *rest = text;
    snprintf(text, sizeof text, "%s", c->model.products);
    const char *query = strtok_r(rest, " ", &rest), *value = strtok_r(rest, " ", &rest);
    if (!query) return IL_OK;
    if (!value || strtok_r(rest, " ", &rest))
        return il_fail(
            err, IL_ECONFIG,
            "model.products = '%s' is not the form of W_k^T W_q and that of P W_v, "
            "as in matrix/zero zero/one, or dense dense",
            il_show(c->model.products).text);
    if (c->model.n_head > 1 || b->K != c->model.n_embd || b->V != c->model.n_embd)
        return il_fail(err, IL_ECONFIG,
                       "model.products needs one head as wide as model.n_embd = %d: set "
                       "model.n_head to 1, model.n_key and model.n_value to 0",
                       c->model.n_embd);
    snprintf(b->same, sizeof b->same, " split=%d first=one", c->model.n_embd);
    int split = il_min(c->model.n_dims, c->model.n_embd);
    IL_TRY(read_form(b->query, query, split, err));
    return read_form(b->value, value, split, err);
}

static il_status set_sizes(builder *b, il_error *err)
{
    const il_config *c = b->c;
    if (!c->model.n_key && c->model.n_embd % c->model.n_head)
        return il_fail(err, IL_ECONFIG,
                       "model.n_head = %d does not divide model.n_embd = %d; set "
                       "model.n_key",
                       c->model.n_head, c->model.n_embd);
    b->K = c->model.n_key ? c->model.n_key : c->model.n_embd / c->model.n_head;
    b->V = c->model.n_value ? c->model.n_value : b->K;
    return set_products(b, err);
}

il_status il_stack_build(il_plan *p, const il_config *c, il_error *err)
{
    const il_layout *layout = il_layout_at(c->model.tokens);
    const il_task *task = il_task_find(c->training.task_name);
    if (!task)
        return il_fail(err, IL_ECONFIG, "training.task_name = '%s' is no task",
                       c->training.task_name);
    builder b = { .p = p, .c = c, .loose = layout->last };
    int outs = il_task_outs(task, c->training.task_opts, c->model.n_dims), x;
    b.classes = il_task_classes(task, c->training.task_opts);
    if (b.classes &&
        (c->model.read_in != IL_READ_LINEAR || c->model.read != IL_ANSWER_LINEAR))
        return il_fail(err, IL_ECONFIG,
                       "the ids of training.task_name = %s need model.read_in = linear and "
                       "model.read = linear",
                       task->name);
    IL_TRY(set_sizes(&b, err));
    IL_TRY(add_inputs(&b, layout, outs, &x, err));
    b.section = IL_BODY;
    if (c->model.loops > 1) x = il_plan_carry(p, IL_CARRY_SLOT, x, c->model.n_embd);
    p->loops = c->model.loops;
    IL_TRY(add_body(&b, &x, err));
    p->carry_out = x;
    b.section = IL_POST;
    IL_TRY(add_answer(&b, outs, &x, err));
    p->answer = x;
    int loss[3] = { x, p->target, p->weight };
    IL_TRY(il_plan_add(p, IL_POST, task->loss, "loss", "", 3, loss, NULL, err));
    return il_plan_finish(p, c->training.recompute, err);
}
