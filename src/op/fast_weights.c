/* fast_weights.c - linear attention with gates or the delta rule: GLA, DeltaNet, Gated DeltaNet, mLSTM
 *
 *   y_t = G_t q_t, and with d_t = v_t - gamma_t G_{t-1} k_t
 *
 *   rule         inputs after q, k, v   G_t
 *   gla          beta, gamma            gamma_t G_{t-1} + beta_t v_t k_t^T
 *   delta        beta                   G_{t-1} + beta_t d_t k_t^T
 *   gated_delta  beta, gamma            gamma_t G_{t-1} + beta_t d_t k_t^T
 *   mlstm        beta, gamma            as gla, and y_t = G_t q_t / max(1, |n_t|),
 *                                       n_t = z_t . q_t, z_t = gamma_t z_{t-1} + beta_t k_t
 *
 * The same inputs as mesa, for comparison; O(K V) a token, carried along token by token. mlstm
 * gives every value one more channel, which is 1 and reads n. Backward is in docs/mesa.md.
 * Sources: Yang et al. 2024, arXiv:2312.06635; Schlag, Irie & Schmidhuber 2021,
 * arXiv:2102.11174; Yang, Kautz & Hatamizadeh 2025, arXiv:2412.06464; Beck et al. 2024,
 * arXiv:2405.04517; scalar gates throughout, as in arXiv:2506.05233, table 1.
 */
#include "op/mix.h"

typedef enum { GLA, DELTA, GATED_DELTA, MLSTM } rule;

typedef struct {
    int heads, rule, start;
} options;
static const il_opt opts[] = {
    { "heads", IL_OPT_INT, offsetof(options, heads), 1, 1, 1024, "heads" },
    { "rule", IL_OPT_CHOICE, offsetof(options, rule), GLA, 0, 0, "how the matrix learns",
      "gla|delta|gated_delta|mlstm" },
    { "start", IL_OPT_BOOL, offsetof(options, start), 0, 0, 1, "whether G_0 is learned" },
    { 0 },
};
static const char *const cases[] = {
    "widths=6,6,4,2,2 gates=2 heads=2",
    "widths=3,3,5,1,1 gates=2 start=1",
    "widths=6,6,4,2 gates=1 heads=2 rule=delta",
    "widths=3,3,5,1 gates=1 rule=delta start=1",
    "widths=6,6,4,2,2 gates=2 heads=2 rule=gated_delta start=1",
    "widths=6,6,4,2,2 gates=2 heads=2 rule=mlstm",
    "widths=3,3,5,1,1 gates=2 rule=mlstm start=1",
    NULL
};

static const options *of(const il_op *op) { return op->opts; }
static int is_delta(const options *o) { return o->rule == DELTA || o->rule == GATED_DELTA; }
/* Channels of a value inside: mlstm's has the 1 */
static int inside(const options *o, int V) { return V + (o->rule == MLSTM); }

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = of(op);
    int H = o->heads, inputs = o->rule == DELTA ? 4 : 5;
    if (op->n_in != inputs)
        return il_fail(err, IL_ECONFIG,
                       "%s: this rule takes %d inputs (q, k, v, beta%s), not %d", op->name,
                       inputs, inputs == 5 ? ", gamma" : "", op->n_in);
    IL_TRY(il_shape_mix(p, op, H, err));
    int K = il_width(p, op->in[0]) / H, V = il_width(p, op->in[2]) / H, W = inside(o, V);
    if (is_delta(o)) op->save[0] = il_slot_new(p, op, "error", H * V);
    if (o->rule == MLSTM) op->save[0] = il_slot_new(p, op, "n", H);
    if (o->start) op->par[0] = il_param_new(p, op, "start", IL_INIT_ZERO, 0, H * K, V);
    op->reads = ((1u << op->n_in) - 1) | IL_READS_OUT;
    il_work_new(p, il_matrix_size(K, W) + il_matrix_size(W, K), (size_t)(2 * K + 3 * W));
    il_recurrent_new(p, op, H * (int)il_matrix_size(K, W));
    return IL_OK;
}

/* ---- one head of one prompt -------------------------------------------------------------------- */

typedef struct {
    const options *o;
    int T, K, V, W; /* W: columns of the matrix */
    il_strip q, k, v, beta, gamma;
    il_real *y, *dy; /* T rows, v.ld apart */
    il_real *saved;  /* d_t, v.ld apart, or n_t, n_heads apart */
    int n_heads;
    const il_real *start;
    il_real *S, *rows; /* scratch: a matrix; what is needed for T rows */
    il_rows_of values; /* v, or [v | 1] */
} head;

static il_rows_of rows_of(il_strip s) { return (il_rows_of){ s.x, s.ld }; }

static head head_of(const il_op *op, const il_state *s, const il_mix *m, int b, int h)
{
    const options *o = of(op);
    size_t out = il_mix_at(m, m->H * m->V, b, h);
    head a = { .o = o,
               .T = m->T,
               .K = m->K,
               .V = m->V,
               .W = inside(o, m->V),
               .q = il_strip_of(op, s, m, 0, b, h),
               .k = il_strip_of(op, s, m, 1, b, h),
               .v = il_strip_of(op, s, m, 2, b, h),
               .beta = il_strip_of(op, s, m, 3, b, h),
               .gamma = il_strip_of(op, s, m, 4, b, h),
               .y = il_y(op, s) + out,
               .dy = s->window ? s->dvalue[op->out] + out : NULL,
               .n_heads = m->H,
               .S = s->work };
    if (is_delta(o)) a.saved = il_save(op, s, 0) + out;
    if (o->rule == MLSTM) a.saved = il_save(op, s, 0) + il_mix_at(m, m->H, b, h);
    if (o->start) a.start = il_w(op, s, 0) + (size_t)(h * m->K) * (size_t)m->V;
    a.rows = a.S + il_matrix_size(m->K, a.W) + il_matrix_size(a.W, m->K);
    a.values = rows_of(a.v);
    if (o->rule != MLSTM) return a;
    for (size_t t = 0, W = (size_t)a.W; t < (size_t)m->T; t++) {
        memcpy(a.rows + t * W, a.v.x + t * (size_t)a.v.ld, sizeof *a.rows * (size_t)m->V);
        a.rows[t * W + (size_t)m->V] = 1;
    }
    a.values = (il_rows_of){ a.rows, a.W };
    a.rows += m->T * a.W;
    return a;
}

static il_recurrence recurrence(const head *a, int rows, int cols)
{
    return (il_recurrence){ .T = a->T,
                            .rows = rows,
                            .cols = cols,
                            .decay = a->gamma.x,
                            .ld_decay = a->gamma.ld,
                            .scale = 1 };
}

/* G_0^T (K,W) or G_0 (W,K); the row of z starts from 0 */
static void set_start(const head *a, il_real *S, int transposed)
{
    int rows = transposed ? a->W : a->K, cols = transposed ? a->K : a->W;
    il_matrix_set(S, NULL, rows, cols, 0);
    for (int i = 0; i < a->K && a->start; i++)
        for (int j = 0; j < a->V; j++)
            S[transposed ? il_matrix_size(j, cols) + (size_t)i
                         : il_matrix_size(i, cols) + (size_t)j] = a->start[i * a->V + j];
}

static il_real at_least_1(il_real n) { return n > 1 ? n : n < -1 ? -n : 1; }

static void forward_head(const head *a, il_real *S)
{
    il_recurrence r = recurrence(a, a->K, a->W);
    r.gain = a->beta.x, r.ld_gain = a->beta.ld;
    r.delta = is_delta(a->o);
    r.e = r.delta ? a->saved : NULL, r.lde = a->v.ld;
    if (a->o->rule != MLSTM) {
        il_recur(S, r, rows_of(a->k), a->values, rows_of(a->q), a->y, a->v.ld);
        return;
    }
    il_real *out = a->rows;
    il_recur(S, r, rows_of(a->k), a->values, rows_of(a->q), out, a->W);
    for (size_t t = 0; t < (size_t)a->T; t++, out += a->W) {
        il_real n = out[a->V], m = at_least_1(n), *y = a->y + t * (size_t)a->v.ld;
        for (int c = 0; c < a->V; c++) y[c] = out[c] / m;
        a->saved[t * (size_t)a->n_heads] = n;
    }
}

static void forward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    il_real *recurrent = il_recurrent(op, s);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            il_real *S = recurrent ? recurrent + (size_t)h * il_matrix_size(a.K, a.W) : a.S;
            if (!recurrent || s->past == 0) set_start(&a, S, 0);
            forward_head(&a, S);
        }
}

/* ---- backward -------------------------------------------------------------------------------------- */

/* A sweep from a start of zeros against time */
static void sweep_back(const head *a, int rows, int cols, il_real sign, il_rows_of b,
                       il_rows_of c, il_rows_of read, il_real *y, int ldy, int add)
{
    il_recurrence r = recurrence(a, rows, cols);
    r.scale = sign;
    r.add = add;
    r.reverse = 1;
    il_matrix_set(a->S, NULL, rows, cols, 0);
    il_recur(a->S, r, b, c, read, y, ldy);
}

/* y_t += sign G_t^T a_t, with G learning c from k */
static void read_again(const head *a, il_real sign, il_rows_of c, il_rows_of read,
                       il_real *y, int ldy)
{
    il_recurrence r = recurrence(a, a->W, a->K);
    r.gain = a->beta.x, r.ld_gain = a->beta.ld;
    r.add = 1;
    set_start(a, a->S, 1);
    for (size_t i = 0, n = il_matrix_size(a->W, a->K); i < n && sign < 0; i++)
        a->S[i] = -a->S[i];
    r.scale = sign;
    il_recur(a->S, r, c, rows_of(a->k), read, y, ldy);
}

/* gamma: gamma_s dgamma_s = sum_{t >= s} dlog_t */
static void add_to_gamma(const head *a, size_t t, il_real dlog)
{
    if (!a->gamma.x) return;
    size_t at = t * (size_t)a->gamma.ld;
    if (a->gamma.x[at] != 0) a->gamma.dx[at] += dlog / a->gamma.x[at];
}

/* gla, mlstm. With e the adjoint of what is read and F_t = sum_{i >= t} zeta_it e_i q_i^T:
 * dk0_t = F_t^T v_t, dv0_t = F_t k_t, dbeta_t = k_t . dk0_t, dk_t = beta_t dk0_t, ... */
static void backward_sums(const head *a, il_rows_of e, il_real *dstart)
{
    const il_kernels *kernel = il_kernel();
    size_t K = (size_t)a->K, W = (size_t)a->W, V = (size_t)a->V, T = (size_t)a->T;
    il_real *dk0 = a->rows, *dv0 = dk0 + T * K, dlog = 0;
    read_again(a, 1, a->values, e, a->q.dx, a->q.ld);
    sweep_back(a, a->W, a->K, 1, e, rows_of(a->q), a->values, dk0, a->K, 0);
    sweep_back(a, a->K, a->W, 1, rows_of(a->q), e, rows_of(a->k), dv0, a->W, 0);
    if (dstart)
        for (size_t i = 0; i < K; i++)
            kernel->add(dstart + i * V, dstart + i * V, a->S + il_matrix_size((int)i, a->W),
                        V);
    for (size_t t = T; t-- > 0;) {
        size_t kt = t * (size_t)a->k.ld, vt = t * (size_t)a->v.ld;
        il_real beta = a->beta.x[t * (size_t)a->beta.ld];
        il_real dbeta = kernel->dot(a->k.x + kt, dk0 + t * K, a->K);
        kernel->axpy(a->k.dx + kt, beta, dk0 + t * K, K);
        kernel->axpy(a->v.dx + vt, beta, dv0 + t * W, V);
        a->beta.dx[t * (size_t)a->beta.ld] += dbeta;
        dlog -= beta * dbeta;
        dlog += kernel->dot(a->y + vt, a->dy + vt, a->V);
        if (a->o->rule == MLSTM)
            dlog += a->saved[t * (size_t)a->n_heads] * e.at[t * (size_t)e.ld + V];
        add_to_gamma(a, t, dlog);
    }
}

/* [dy / m | dn] with m = max(1, |n|): what mlstm's division hands back */
static il_rows_of through_division(head *a)
{
    il_real *e = a->rows;
    for (size_t t = 0, W = (size_t)a->W; t < (size_t)a->T; t++) {
        size_t vt = t * (size_t)a->v.ld;
        il_real n = a->saved[t * (size_t)a->n_heads], m = at_least_1(n);
        for (int c = 0; c < a->V; c++) e[t * W + (size_t)c] = a->dy[vt + (size_t)c] / m;
        il_real dm = -il_dot(a->dy + vt, a->y + vt, a->V) / m;
        e[t * W + W - 1] = n > 1 ? dm : n < -1 ? -dm : 0;
    }
    a->rows += a->T * a->W;
    return (il_rows_of){ e, a->W };
}

/* delta, gated_delta: F_t = dL/dG_t learns backwards by the delta rule itself. r_t = F_t k_t,
 * dv_t = dd_t = beta_t r_t; what remains are sums over d, dd, q and dy as above. */
static void backward_delta(const head *a, il_real *dstart)
{
    const il_kernels *kernel = il_kernel();
    size_t K = (size_t)a->K, V = (size_t)a->V, T = (size_t)a->T;
    il_real *r_t = a->rows, *dd = r_t + T * V, *m = dd + T * V, dlog = 0;
    il_rows_of q = rows_of(a->q), k = rows_of(a->k), dy = { a->dy, a->v.ld },
               d = { a->saved, a->v.ld }, ddt = { dd, a->V };
    il_recurrence r = recurrence(a, a->K, a->V);
    r.gain = a->beta.x, r.ld_gain = a->beta.ld;
    r.delta = r.reverse = 1;
    il_matrix_set(a->S, NULL, a->K, a->V, 0);
    il_recur(a->S, r, q, dy, k, r_t, a->V);
    if (dstart) il_matrix_add(dstart, a->S, a->K, a->V);
    memset(dd, 0, sizeof *dd * T * V);
    for (size_t t = 0; t < T; t++)
        kernel->axpy(dd + t * V, a->beta.x[t * (size_t)a->beta.ld], r_t + t * V, V);
    sweep_back(a, a->V, a->K, 1, dy, q, d, m, a->K, 0);
    sweep_back(a, a->V, a->K, -1, ddt, k, d, m, a->K, 1);
    read_again(a, 1, d, dy, a->q.dx, a->q.ld);
    read_again(a, -1, d, ddt, a->k.dx, a->k.ld);
    for (size_t t = T; t-- > 0;) {
        size_t kt = t * (size_t)a->k.ld, vt = t * (size_t)a->v.ld;
        il_real beta = a->beta.x[t * (size_t)a->beta.ld];
        const il_real *dt = a->saved + vt;
        il_real both = kernel->dot(dd + t * V, dt, a->V);
        kernel->axpy(a->k.dx + kt, beta, m + t * K, K);
        kernel->axpy(a->k.dx + kt, 2 * beta * both, a->k.x + kt, K);
        kernel->add(a->v.dx + vt, a->v.dx + vt, dd + t * V, V);
        a->beta.dx[t * (size_t)a->beta.ld] += kernel->dot(r_t + t * V, dt, a->V);
        dlog += kernel->dot(a->y + vt, a->dy + vt, a->V);
        dlog -= kernel->dot(a->v.x + vt, dd + t * V, a->V);
        add_to_gamma(a, t, dlog);
    }
}

static void backward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            il_real *dstart = NULL;
            if (a.start) dstart = il_dw(op, s, 0) + (size_t)(h * m.K) * (size_t)m.V;
            if (is_delta(a.o)) {
                backward_delta(&a, dstart);
                continue;
            }
            il_rows_of e = { a.dy, a.v.ld };
            if (a.o->rule == MLSTM) e = through_division(&a);
            backward_sums(&a, e, dstart);
        }
}

static void heads(const il_op *op, const il_plan *p, il_heads *h)
{
    il_mix_heads(op, p, of(op)->heads, h);
    h->input[IL_ROLE_BETA] = 3;
    if (of(op)->rule != DELTA) h->input[IL_ROLE_GAMMA] = 4;
}

/* The matrix's update and its reading, twice where there is a delta */
static double flop(const il_op *op, const il_plan *p, int tokens)
{
    (void)tokens;
    int H = of(op)->heads, K = il_width(p, op->in[0]) / H, V = il_width(p, op->in[2]) / H;
    return (is_delta(of(op)) ? 6.0 : 4.0) * H * K * inside(of(op), V);
}

const il_op_kind il_op_fast_weights = {
    .name = "fast_weights",
    .summary = "gated linear attention, the delta rule, gated or not, and mLSTM",
    .opts = opts,
    .cases = cases,
    .least_in = 4,
    .most_in = 5,
    .shape = shape,
    .heads = heads,
    .forward = forward,
    .backward = backward,
    .flop = flop,
    .mixes = 1,
};
