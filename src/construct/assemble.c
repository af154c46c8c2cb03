/* assemble.c - a program becomes a plan and its weights
 *
 * Scheduling: an instruction runs as early as it may. It must follow every earlier one that
 * writes what it reads, and may share a layer with one that reads what it writes: a layer reads
 * before it adds. Two that write the same columns add up. A layer is attention, then units; il_layer begins a new one.
 *
 * In a layer, instructions with the same keys and queries are one head, and equal values of a
 * head are one; heads are padded to the largest. A head is
 *     q = W_q h, k = W_k h, v = W_v h,   h += W_o sum_i v_i <k_i, q>
 */
#include "construct/program.h"

#include <math.h>
#include <stdlib.h>

enum { HEADS = 16, VALUES = 32, WEIGHTS = 4096 };

typedef struct {
    il_program *p;
    il_plan plan;
    struct {
        int param;
        double *data;
    } weights[WEIGHTS];
    int n_weights, stream, tokens, mask;
    il_error *err;
} builder;

/* ---- scheduling ------------------------------------------------------------------------------- */

static void mark(char *columns, const form *f)
{
    for (int k = 0; k < f->n; k++)
        if (f->part[k].kind != CONSTANT)
            memset(columns + f->part[k].at, 1, (size_t)f->part[k].width);
}

static void mark_instruction(const instruction *in, char *reads, char *writes)
{
    for (int i = 0; i < in->n_items; i++) {
        mark(reads, &in->items[i].form);
        memset(writes + in->items[i].at, 1, (size_t)in->items[i].rows);
    }
    for (int i = 0; i < in->n_keys; i++) mark(reads, &in->keys[i]);
    for (int i = 0; i < in->n_queries; i++) mark(reads, &in->queries[i]);
}

static int meet(const char *a, const char *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] && b[i]) return 1;
    return 0;
}

/* The earliest time of instruction i, given those of the instructions before `group` */
static int earliest(const il_program *p, const char *sets, int i, int group)
{
    int C = p->width, time = 0;
    const instruction *in = &p->list[i];
    const char *reads = sets + 2 * (size_t)C * (size_t)i, *writes = reads + C;
    for (int j = 0; j < group; j++) {
        const instruction *before = &p->list[j];
        const char *its_reads = sets + 2 * (size_t)C * (size_t)j,
                   *its_writes = its_reads + C;
        if (before->section != in->section) continue;
        if (j < in->alone) time = il_max(time, before->time / 2 * 2 + 2);
        if (meet(reads, its_writes, C)) time = il_max(time, before->time + 1);
        if (meet(writes, its_reads, C)) time = il_max(time, before->time);
    }
    return time + (time % 2 != (in->kind == RELU));
}

static void schedule(il_program *p)
{
    size_t C = (size_t)p->width;
    char *sets = il_own(p, 2 * C * (size_t)il_max(p->n_list, 1));
    for (int i = 0; sets && i < p->n_list; i++)
        mark_instruction(&p->list[i], sets + 2 * C * (size_t)i,
                         sets + 2 * C * (size_t)i + C);
    for (int i = 0, next; sets && i < p->n_list; i = next) {
        int time = earliest(p, sets, i, i);
        for (next = i + 1; next < p->n_list && p->list[next].also; next++)
            time = il_max(time, earliest(p, sets, next, i));
        for (int j = i; j < next; j++) p->list[j].time = time;
        int *layers = &p->layers.layers[p->list[i].section];
        *layers = il_max(*layers, time / 2 + 1);
    }
}

/* ---- heads -------------------------------------------------------------------------------------- */

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

/* ---- emitting ------------------------------------------------------------------------------------- */

/* An op whose weights get `data` (as stored) and `bias`, where they are not NULL. */
static int emit(builder *b, il_section section, const char *kind, const char *name,
                const char *opts, int n_in, const int *in, double *data, double *bias)
{
    int out = 0;
    if (b->p->failed) return 0;
    if (il_plan_add(&b->plan, section, kind, name, opts, n_in, in, &out, &b->p->error) !=
        IL_OK) {
        b->p->failed = 1;
        return 0;
    }
    const il_op *op = &b->plan.ops[b->plan.n_ops - 1];
    for (int i = 0; i < 2; i++) {
        double *from = i ? bias : data;
        if (!from) continue;
        if (b->n_weights == WEIGHTS) {
            il_mistake(b->p, IL_ECONFIG, "a program has more than %d matrices", WEIGHTS);
            return out;
        }
        b->weights[b->n_weights].param = op->par[i];
        b->weights[b->n_weights++].data = from;
    }
    return out;
}

static double *matrix_of(builder *b, int rows, int cols)
{
    return il_own(b->p, sizeof(double) * (size_t)rows * (size_t)cols);
}

/* y = W x (+ residual), W (out,in) */
static int emit_linear(builder *b, il_section section, const char *layer, const char *name,
                       int out, double *W, double *bias, int x, int residual)
{
    char full[IL_NAME], opts[48];
    int in[2] = { x, residual };
    snprintf(full, sizeof full, "%s.%s", layer, name);
    snprintf(opts, sizeof opts, "out=%d%s", out, bias ? "" : " bias=0");
    return emit(b, section, "linear", full, opts, residual == IL_NONE ? 1 : 2, in, W, bias);
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
static void emit_heads(builder *b, const char *layer, int section, int time,
                       instruction_kind kind, int x)
{
    il_program *p = b->p;
    heads all = gather(p, kind, section, time);
    int C = p->width, H = all.n, K = all.K, V = all.V;
    if (!H || p->failed) return;
    if (kind == SOFTMAX) K = V = il_max(K, V); /* one size for q, k and v */
    all.V = V;
    int HK = H * K, HV = H * V;
    double *qkv = matrix_of(b, 2 * HK + HV, C), *Wo = matrix_of(b, C, HV);
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
        y = emit_linear(b, s, layer, "copy.c_attn", 2 * HK + HV, qkv, NULL, x, IL_NONE);
        snprintf(name, sizeof name, "%s.copy", layer);
        snprintf(opts, sizeof opts, "heads=%d", H);
        y = emit(b, s, "attention", name, opts, 1, &y, NULL, NULL);
        b->stream = emit_linear(b, s, layer, "copy.c_proj", C, Wo, NULL, y, b->stream);
        return;
    }
    in[0] = emit_linear(b, s, layer, "attn.q", HK, Wq, NULL, x, IL_NONE);
    in[1] = emit_linear(b, s, layer, "attn.k", HK, Wk, NULL, x, IL_NONE);
    in[2] = emit_linear(b, s, layer, "attn.v", HV, Wv, NULL, x, IL_NONE);
    if (p->masked) in[n_in++] = b->mask;
    snprintf(name, sizeof name, "%s.attn", layer);
    snprintf(opts, sizeof opts, "heads=%d causal=%d", H, p->causal);
    y = emit(b, s, "linear_attention", name, opts, n_in, in, NULL, NULL);
    b->stream = emit_linear(b, s, layer, "attn.o", C, Wo, NULL, y, b->stream);
}

/* Affine maps of the layer's input, added to the stream */
static void emit_map(builder *b, const char *layer, int section, int time, int x)
{
    il_program *p = b->p;
    int C = p->width, found = 0;
    double *W = NULL, *bias = NULL, *row = NULL;
    for (int i = 0; i < p->n_list && !p->failed; i++) {
        const instruction *in = &p->list[i];
        if (in->kind != MAP || (int)in->section != section || in->time != time) continue;
        if (!found++) {
            W = matrix_of(b, C, C);
            bias = matrix_of(b, C, 1);
            row = matrix_of(b, C, 1);
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
            emit_linear(b, (il_section)section, layer, "map", C, W, bias, x, b->stream);
}

/* ---- units ------------------------------------------------------------------------------------- */

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

static void emit_units(builder *b, const char *layer, int section, int time)
{
    il_program *p = b->p;
    units u = gather_units(p, section, time);
    if (!u.n || p->failed) return;
    int C = p->width, M = u.n;
    double *out = matrix_of(b, C, M);
    if (!out) return;
    for (int i = 0; i < u.n_out; i++) out[u.to[i] * M + u.unit[i]] += u.scale[i];
    p->layers.units = il_max(p->layers.units, M);
    char name[IL_NAME];
    il_section s = (il_section)section;
    int y = emit_linear(b, s, layer, "mlp.in", M, u.in, u.bias, b->stream, IL_NONE);
    snprintf(name, sizeof name, "%s.mlp.relu", layer);
    y = emit(b, s, "relu", name, "", 1, &y, NULL, NULL);
    b->stream = emit_linear(b, s, layer, "mlp.out", C, out, NULL, y, b->stream);
}

/* ---- the plan -------------------------------------------------------------------------------------- */

/* Tokens and constants into registers, then what depends on the position. */
static void emit_read_in(builder *b)
{
    il_program *p = b->p;
    int C = p->width, Tin = p->tokens;
    double *W = matrix_of(b, C, Tin), *bias = matrix_of(b, C, 1);
    double *row = matrix_of(b, C, 1);
    if (p->failed) return;
    for (int i = 0; i < p->n_regs; i++)
        for (int c = 0; c < p->regs[i].width && p->regs[i].token >= 0; c++)
            W[(p->regs[i].at + c) * Tin + p->regs[i].token + c] = 1;
    for (int i = 0; i < p->n_starts; i++)
        for (int r = 0; r < p->starts[i].rows; r++) {
            const item *it = &p->starts[i];
            double constant = 0;
            memset(row, 0, sizeof *row * (size_t)C);
            il_form_row(&it->form, r, row, &constant);
            bias[it->at + r] += it->scale * constant;
            for (int k = 0; k < p->n_regs; k++)
                for (int c = 0; c < p->regs[k].width && p->regs[k].token >= 0; c++)
                    W[(it->at + r) * Tin + p->regs[k].token + c] +=
                        it->scale * row[p->regs[k].at + c];
        }
    char opts[48];
    snprintf(opts, sizeof opts, "out=%d", C);
    b->stream = emit(b, IL_PRE, "linear", "read_in", opts, 1, &b->plan.tokens, W, bias);
    if (!p->positions) return;
    int rows = il_max(p->positions, p->points + 1);
    double *table = matrix_of(b, rows, C);
    for (int i = 0; table && i < p->n_regs; i++) {
        const reg *r = &p->regs[i];
        for (int t = 0; t < r->rows; t++)
            for (int c = 0; c < r->width; c++)
                table[t * C + r->at + c] = r->table ? r->table[t * r->width + c] : t == c;
    }
    snprintf(opts, sizeof opts, "positions=%d", rows);
    b->stream = emit(b, IL_PRE, "position", "wpe", opts, 1, &b->stream, table, NULL);
}

static void emit_section(builder *b, int section)
{
    static const char *const prefix[] = { "set", "h", "out" };
    for (int layer = 0; layer < b->p->layers.layers[section]; layer++) {
        char name[16];
        int x = b->stream;
        snprintf(name, sizeof name, "%s.%d", prefix[section], layer);
        emit_heads(b, name, section, 2 * layer, ATTEND, x);
        emit_heads(b, name, section, 2 * layer, SOFTMAX, x);
        emit_map(b, name, section, 2 * layer, x);
        emit_units(b, name, section, 2 * layer + 1);
    }
}

static void emit_plan(builder *b)
{
    il_program *p = b->p;
    il_plan *plan = &b->plan;
    int outs = p->answer.rows;
    plan->tokens = il_plan_input(plan, "tokens", p->tokens, 0);
    plan->target = il_plan_input(plan, "target", outs, 0);
    plan->weight = il_plan_input(plan, "weight", 1, 0);
    if (p->masked) plan->mask = b->mask = il_plan_input(plan, "mask", 1, 0);
    emit_read_in(b);
    emit_section(b, IL_PRE);
    if (p->looped && !p->failed)
        b->stream = il_plan_carry(plan, IL_CARRY_SLOT, b->stream, p->width);
    plan->loops = p->loops;
    emit_section(b, IL_BODY);
    plan->carry_out = b->stream;
    emit_section(b, IL_POST);
    double *W = matrix_of(b, outs, p->width), none = 0;
    for (int r = 0; W && r < outs; r++) il_form_row(&p->answer, r, W + r * p->width, &none);
    char opts[48];
    snprintf(opts, sizeof opts, "out=%d bias=0", outs);
    plan->answer = emit(b, IL_POST, "linear", "read_out", opts, 1, &b->stream, W, NULL);
    int loss[3] = { plan->answer, plan->target, plan->weight };
    emit(b, IL_POST, "mse", "loss", "", 3, loss, NULL, NULL);
}

static il_status describe(const il_program *p, il_config *c, il_error *err)
{
    char text[64];
    c->model.family = IL_BUILT;
    c->model.n_dims = p->dims;
    c->model.n_positions = p->points;
    c->model.n_embd = p->width;
    c->model.n_layer = p->layers.layers[0] + p->layers.layers[1] + p->layers.layers[2];
    c->model.n_head = il_max(p->layers.heads, 1);
    c->training.curriculum.dims.start = c->training.curriculum.dims.end = p->dims;
    c->training.curriculum.points.start = c->training.curriculum.points.end = p->points;
    c->training.curriculum.loops.start = c->training.curriculum.loops.end = p->loops;
    if (*p->layout) {
        snprintf(text, sizeof text, "model.tokens=%s", p->layout);
        IL_TRY(il_config_set(c, text, err));
    }
    snprintf(text, sizeof text, "training.task_name=%s",
             *p->task ? p->task : "linear_regression");
    return il_config_set(c, text, err);
}

static il_status finish(il_model **out, builder *b, il_error *err)
{
    il_program *p = b->p;
    il_model *m;
    if (p->failed) return il_fail(err, p->error.status, "%s", p->error.text);
    IL_TRY(il_plan_finish(&b->plan, 1, err));
    IL_TRY(il_model_from_plan(&m, &b->plan, err));
    for (int i = 0; i < b->n_weights; i++) {
        const il_param *w = &m->plan.params[b->weights[i].param];
        for (size_t j = 0; j < il_param_size(w); j++)
            m->weights[w->offset + j] = (il_real)b->weights[i].data[j];
    }
    il_model_pack(m);
    il_status status = describe(p, &m->config, err);
    size_t size;
    FILE *f = status == IL_OK ? open_memstream(&m->program, &size) : NULL;
    if (f) {
        il_program_print(p, f);
        fclose(f);
    }
    if (status == IL_OK && !m->program)
        status = il_fail(err, IL_EFAIL, "out of memory for a program");
    if (status == IL_OK)
        *out = m;
    else
        il_model_free(m);
    return status;
}

il_status il_assemble(il_model **model, il_program *p, il_layers *layers, il_error *err)
{
    builder *b = calloc(1, sizeof *b);
    if (!b) return il_fail(err, IL_EFAIL, "out of memory for a program");
    b->p = p;
    b->mask = IL_NONE;
    il_plan_init(&b->plan);
    if (!p->answer.n) il_mistake(p, IL_ECONFIG, "the program has no answer");
    if (!p->failed) schedule(p);
    p->layers.width = p->width;
    if (!p->failed) emit_plan(b);
    il_status status = finish(model, b, err);
    if (status == IL_OK && layers) *layers = p->layers;
    il_plan_free(&b->plan);
    free(b);
    return status;
}
