/* mesa.c - the mesa layer: at every token, ridge regression on all pairs so far, applied to q
 *
 *   y_t = G_t P_t^{-1} q_t,   G_t = gamma_t G_{t-1} + beta_t v_t k_t^T
 *
 *   form         inputs after q, k, v   P_t
 *   plain        -                      I / lambda + sum k k^T
 *   forgetting   gamma                  gamma_t P_{t-1} + k_t k_t^T,  P_0 = I / lambda
 *   net          beta, gamma            diag(Lambda) + H_t,  H_t = gamma_t H_{t-1} + beta_t k_t k_t^T
 *
 * The ridge is 1 / lambda, as in the first source, with lambda a weight a head (1 at the start; below 1e-4
 * it counts as 1e-4); in a net it is Lambda, one a head and channel, `least` + softplus(weight + 0.11064653),
 * which is least + 0.75 at the start. `bound` < 1 keeps the sums G and H of a net bounded on repeated
 * tokens: gamma_t (1 - (1 - bound) beta_t^2) in place of gamma_t.
 * G_0 and H_0 = W^T W are 0 unless learned. x_t = P_t^{-1} q_t comes from a rank-one recursion of the
 * inverse, from Cholesky, or from conjugate gradients.
 *
 * Backward needs no state of the past: u_t = P_t^{-1} G_t^T dy_t in a second forward sweep, the
 * rest in sweeps against time. Derived in docs/mesa.md.
 * Sources: von Oswald et al. 2023, arXiv:2309.05858 (plain, forgetting); von Oswald et al. 2025,
 * arXiv:2506.05233 (net).
 */
#include "op/mix.h"

#include <math.h>

typedef enum { PLAIN, FORGETTING, NET } form;
typedef enum { AUTO, RECURSION, CHOLESKY, CG } solver;

typedef struct {
    int heads, form, solver, steps, start, start_keys;
    double eps, bound, least;
} options;
static const il_opt opts[] = {
    { "heads", IL_OPT_INT, offsetof(options, heads), 1, 1, 1024, "heads" },
    { "form", IL_OPT_CHOICE, offsetof(options, form), PLAIN, 0, 0, "which P_t, which gates",
      "plain|forgetting|net" },
    { "solver", IL_OPT_CHOICE, offsetof(options, solver), AUTO, 0, 0,
      "auto: recursion, for net cholesky", "auto|recursion|cholesky|cg" },
    { "steps", IL_OPT_INT, offsetof(options, steps), 30, 1, 1 << 20,
      "of conjugate gradients at most" },
    { "eps", IL_OPT_REAL, offsetof(options, eps), 1e-5, 0, 1,
      "conjugate gradients stop when |residual| <= eps |q|" },
    { "bound", IL_OPT_REAL, offsetof(options, bound), 1, 0, 1,
      "net: forgetting where beta = 1 and gamma = 1" },
    { "start", IL_OPT_BOOL, offsetof(options, start), 0, 0, 1, "whether G_0 is learned" },
    { "least", IL_OPT_REAL, offsetof(options, least), 0.25, 0, 1e6,
      "net: Lambda is this and a softplus" },
    { "start_keys", IL_OPT_BOOL, offsetof(options, start_keys), 0, 0, 1,
      "net: whether W is learned, whose rows are the keys of H_0" },
    { 0 },
};
static const char *const cases[] = {
    "widths=6,6,4 heads=2 positive=1",
    "widths=3,3,5 solver=cholesky positive=1 start=1",
    "widths=8,8,6,2 gates=1 heads=2 form=forgetting positive=1",
    "widths=6,6,4,2 gates=1 mild=1 heads=2 form=forgetting positive=1 start=1",
    "widths=4,4,4,1 gates=1 form=forgetting solver=cg steps=60 eps=1e-13 positive=1",
    "widths=6,6,8,2,2 gates=2 heads=2 form=net",
    "widths=4,4,3,1,1 gates=2 form=net solver=cg steps=60 eps=1e-13 start=1",
    "widths=4,4,2,1,1 gates=2 form=net bound=0.7",
    "widths=4,4,6,2,2 gates=2 heads=2 form=net least=0.01 start_keys=1",
    "widths=3,3,2,1,1 gates=2 form=net bound=0.7 start=1 start_keys=1",
    NULL
};

static const options *of(const il_op *op) { return op->opts; }

static solver solver_of(const options *o)
{
    if (o->solver == AUTO) return o->form == NET ? CHOLESKY : RECURSION;
    return (solver)o->solver;
}

enum { TOGETHER = 4 }; /* heads */
enum { BETA_OF_NET = 3 };
enum { PAR_KEYS = 2 };
static int gamma_input(const options *o) { return o->form == NET ? 4 : 3; }

/* Scratch of the kernels: the larger of one head's, when solving, and that of some, by the inverse */
static size_t solve_size(int K)
{
    int rows = TOGETHER * IL_CHUNK_ROWS;
    return il_matrix_size(rows > K + 3 ? rows : K + 3, K);
}

static il_status shape(il_plan *p, il_op *op, il_error *err)
{
    const options *o = of(op);
    int H = o->heads, inputs[] = { [PLAIN] = 3, [FORGETTING] = 4, [NET] = 5 };
    if (op->n_in != inputs[o->form])
        return il_fail(err, IL_ECONFIG, "%s: this form takes %d inputs (q, k, v%s), not %d",
                       op->name, inputs[o->form],
                       (const char *[]){ "", ", gamma", ", beta, gamma" }[o->form],
                       op->n_in);
    if (o->form == NET && o->solver == RECURSION)
        return il_fail(err, IL_ECONFIG,
                       "%s: form=net forgets the past but not its ridge, so the inverse "
                       "has no rank-one recursion; choose solver=cholesky or cg",
                       op->name);
    if (o->start_keys && o->form != NET)
        return il_fail(err, IL_ECONFIG,
                       "%s: start_keys is for form=net; the others start from lambda",
                       op->name);
    IL_TRY(il_shape_mix(p, op, H, err));
    int K = il_width(p, op->in[0]) / H, V = il_width(p, op->in[2]) / H;
    op->save[0] = il_slot_new(p, op, "x", H * K);
    if (solver_of(o) == RECURSION) op->save[1] = il_slot_new(p, op, "z", H * K);
    op->par[0] = o->form == NET ? il_param_new(p, op, "ridge", IL_INIT_ZERO, 0, H, K)
                                : il_param_new(p, op, "lambda", IL_INIT_ONE, 0, 0, H);
    if (o->start) op->par[1] = il_param_new(p, op, "start", IL_INIT_ZERO, 0, H * K, V);
    if (o->start_keys)
        op->par[PAR_KEYS] =
            il_param_new(p, op, "start_keys", IL_INIT_NORMAL, 0.02, H * K, K);
    op->reads = (1u << op->n_in) - 1;
    size_t square = il_matrix_size(K, K),
           mixed = il_matrix_size(K, V) + il_matrix_size(V, K);
    il_work_new(p, solve_size(K) + TOGETHER * square + mixed + (size_t)il_padded(K) + 64,
                (size_t)(4 * K + V + 2));
    il_recurrent_new(p, op, H * (int)(square + il_matrix_size(K, V)));
    return IL_OK;
}

/* ---- one head of one prompt -------------------------------------------------------------------- */

typedef struct {
    const options *o;
    solver solver;
    int T, K, V, h;
    il_strip q, k, v, beta, gamma;
    il_real *y, *x, *z; /* T rows of H V, H K, H K columns */
    const il_real *dy;
    const il_real *weight, *start; /* lambda (1) or ridge (K); G_0^T (K,V) or NULL */
    const il_real *keys;           /* W (K,K) or NULL */
    il_real *dkeys;
    const il_real *decay, *gain; /* (T), ld_decay and ld_gain apart, or NULL */
    int ld_decay, ld_gain;
    il_real *P, *S, *ridge,
        *solve;    /* scratch: R or H; G or its adjoint; Lambda; kernels' */
    il_real *rows; /* scratch for T rows, which backward calls: */
    il_real *u, *step, *f, *e, *dbeta; /* K, K, K, V and 1 columns */
} head;

static const il_real *times_bound(head *a, il_real bound)
{
    il_real *decay = a->rows;
    for (int t = 0; t < a->T; t++) {
        il_real beta = a->beta.x[(size_t)t * (size_t)a->beta.ld];
        decay[t] =
            a->gamma.x[(size_t)t * (size_t)a->gamma.ld] * (1 - (1 - bound) * beta * beta);
    }
    return decay;
}

static il_real lambda_of(const head *a)
{
    const il_real least = (il_real)1e-4;
    return a->weight[0] > least ? a->weight[0] : least;
}

/* softplus of the weight is 0.75 at 0 */
#define RIDGE_AT_0 ((il_real)0.11064653495964616)

/* Lambda, and with `slope` its derivative by the weight */
static void ridge_of(const head *a, il_real *ridge, il_real *slope)
{
    const il_kernels *kernel = il_kernel();
    for (int c = 0; c < a->K; c++) {
        il_real w = a->weight[c] + RIDGE_AT_0, e = w < 0 ? w : -w, one_more, log;
        kernel->exp(&e, &e, 1);
        one_more = 1 + e;
        kernel->log(&log, &one_more, 1);
        if (ridge) ridge[c] = (il_real)a->o->least + ((w > 0 ? w : 0) + log);
        if (slope) slope[c] = (w < 0 ? e : 1) / one_more;
    }
}

static head head_of(const il_op *op, const il_state *s, const il_mix *m, int b, int h)
{
    const options *o = of(op);
    size_t out = il_mix_at(m, m->H * m->V, b, h), in = il_mix_at(m, m->H * m->K, b, h);
    int ld = il_padded(m->K);
    head a = { .o = o,
               .solver = solver_of(o),
               .T = m->T,
               .K = m->K,
               .V = m->V,
               .h = h,
               .q = il_strip_of(op, s, m, 0, b, h),
               .k = il_strip_of(op, s, m, 1, b, h),
               .v = il_strip_of(op, s, m, 2, b, h),
               .y = il_y(op, s) + out,
               .dy = s->window ? il_dy(op, s) + out : NULL,
               .x = il_save(op, s, 0) + in };
    if (a.solver == RECURSION) a.z = il_save(op, s, 1) + in;
    a.weight = il_w(op, s, 0) + (o->form == NET ? h * m->K : h);
    if (o->start) a.start = il_w(op, s, 1) + (size_t)(h * m->K) * (size_t)m->V;
    if (o->start_keys) a.keys = il_w(op, s, PAR_KEYS) + (size_t)(h * m->K) * (size_t)m->K;
    a.solve = s->work; /* first, for its alignment */
    a.P = a.solve + solve_size(m->K);
    a.S = a.P + TOGETHER * il_matrix_size(m->K, m->K);
    a.ridge = a.S + il_matrix_size(m->K, m->V) + il_matrix_size(m->V, m->K);
    a.rows = a.ridge + ld;
    if (o->form == PLAIN) return a;
    a.gamma = il_strip_of(op, s, m, gamma_input(o), b, h);
    a.decay = a.gamma.x;
    a.ld_decay = a.gamma.ld;
    if (o->form == FORGETTING) return a;
    a.beta = il_strip_of(op, s, m, BETA_OF_NET, b, h);
    a.gain = a.beta.x;
    a.ld_gain = a.beta.ld;
    if (o->bound < 1) {
        a.decay = times_bound(&a, (il_real)o->bound);
        a.ld_decay = 1;
        a.rows += a.T;
    }
    return a;
}

/* R_0 or H_0, and Lambda */
static void set_start(const head *a, il_real *P)
{
    size_t K = (size_t)a->K, ld = (size_t)il_padded(a->K);
    memset(P, 0, sizeof *P * K * ld);
    for (size_t r = 0; r < K && a->keys; r++)
        for (size_t c = 0; c < K; c++)
            il_kernel()->axpy(P + c * ld, a->keys[r * K + c], a->keys + r * K, K);
    if (a->o->form == NET) return;
    il_real lambda = lambda_of(a);
    for (size_t c = 0; c < K; c++)
        P[c * (ld + 1)] = a->solver == RECURSION ? lambda : 1 / lambda;
}

static void set_ridge(const head *a)
{
    memset(a->ridge, 0, sizeof *a->ridge * (size_t)a->K);
    if (a->o->form == NET) ridge_of(a, a->ridge, NULL);
}

static il_rows_of rows_of(il_strip s) { return (il_rows_of){ s.x, s.ld }; }

/* x_t = P_t^{-1} b_t at every token */
static il_regression regression(const head *a, il_rows_of b, il_real *x, int ldx)
{
    return (il_regression){ .T = a->T,
                            .K = a->K,
                            .b = b.at,
                            .ldb = b.ld,
                            .k = a->k.x,
                            .ldk = a->k.ld,
                            .x = x,
                            .ldx = ldx,
                            .z = a->z,
                            .ldz = a->k.ld,
                            .decay = a->decay,
                            .ld_decay = a->ld_decay,
                            .gain = a->gain,
                            .ld_gain = a->ld_gain,
                            .ridge = a->ridge,
                            .steps = a->solver == CG ? a->o->steps : 0,
                            .eps = (il_real)a->o->eps,
                            .work = a->solve };
}

/* A recurrence with this head's decay */
static il_recurrence recurrence(const head *a, int rows, int cols)
{
    return (il_recurrence){ .T = a->T,
                            .rows = rows,
                            .cols = cols,
                            .decay = a->decay,
                            .ld_decay = a->ld_decay,
                            .scale = 1 };
}

/* Heads h .. h+n of a prompt, whose recursions go side by side */
static void forward_heads(const il_op *op, il_state *s, const il_mix *m, int b, int h,
                          int n)
{
    head heads[TOGETHER];
    il_regression r[TOGETHER];
    il_real *P[TOGETHER], *S[TOGETHER], *recurrent = il_recurrent(op, s);
    size_t square = il_matrix_size(m->K, m->K), mixed = il_matrix_size(m->K, m->V);
    for (int i = 0; i < n; i++) {
        head *a = &heads[i];
        *a = head_of(op, s, m, b, h + i);
        P[i] = recurrent ? recurrent + (size_t)(h + i) * (square + mixed)
                         : a->P + (size_t)i * square;
        S[i] = recurrent ? P[i] + square : a->S;
        if (!recurrent || s->past == 0) set_start(a, P[i]);
        set_ridge(a);
        r[i] = regression(a, rows_of(a->q), a->x, a->q.ld);
        if (i) r[i].work += il_matrix_size(i * IL_CHUNK_ROWS, m->K);
    }
    if (heads[0].solver == RECURSION)
        il_kernel()->rls(P, r, n);
    else
        il_kernel()->ridge(P[0], r);
    for (int i = 0; i < n; i++) {
        const head *a = &heads[i];
        il_recurrence g = recurrence(a, m->K, m->V);
        g.gain = a->gain, g.ld_gain = a->ld_gain;
        if (!recurrent || s->past == 0) il_matrix_set(S[i], a->start, m->K, m->V, 0);
        il_recur(S[i], g, rows_of(a->k), rows_of(a->v), (il_rows_of){ a->x, a->q.ld }, a->y,
                 a->v.ld);
    }
}

static void forward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    int n = solver_of(of(op)) == RECURSION ? TOGETHER : 1;
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h += n) forward_heads(op, s, &m, b, h, il_min(n, m.H - h));
}

/* ---- backward -------------------------------------------------------------------------------------- */

/* u_t = P_t^{-1} G_t^T dy_t by solving; a->step is scratch */
static void solve_adjoint(const head *a)
{
    il_recurrence r = recurrence(a, a->V, a->K);
    il_real *g = a->step;
    r.gain = a->gain, r.ld_gain = a->ld_gain;
    il_matrix_set(a->S, a->start, a->V, a->K, 1);
    il_recur(a->S, r, rows_of(a->v), rows_of(a->k), (il_rows_of){ a->dy, a->v.ld }, g,
             a->K);
    set_start(a, a->P);
    set_ridge(a);
    il_regression normal = regression(a, (il_rows_of){ g, a->K }, a->u, a->K);
    il_kernel()->ridge(a->P, &normal);
}

/* S = Phi_0 = lambda G_0, or its transpose (K,V) */
static void set_solution(const head *a, int transposed)
{
    int rows = transposed ? a->K : a->V, cols = transposed ? a->V : a->K;
    il_real lambda = lambda_of(a);
    il_matrix_set(a->S, a->start, rows, cols, !transposed);
    for (size_t i = 0, n = il_matrix_size(rows, cols); i < n && a->start; i++)
        a->S[i] *= lambda;
}

/* The same by the recursion: u_t = Phi_t^T dy_t, where Phi_t = G_t P_t^{-1} learns by the delta rule,
 *   Phi_t = Phi_{t-1} + e_t step_t^T,   e_t = v_t - Phi_{t-1} k_t,   step_t = P_t^{-1} k_t,
 * whose numbers stay near those of v and k where P_t^{-1}'s are as large as lambda. */
static void adjoint_of_solution(const head *a)
{
    const il_kernels *kernel = il_kernel();
    size_t K = (size_t)a->K;
    il_real *zk = a->dbeta; /* scratch until dbeta is made */
    memset(a->step, 0, sizeof *a->step * (size_t)a->T * K);
    kernel->dot_rows(zk, a->z, a->k.ld, a->k.x, a->k.ld, a->T, a->K);
    for (size_t t = 0; t < (size_t)a->T; t++)
        kernel->axpy(a->step + t * K,
                     2 / (zk[t] + (il_real)sqrt((double)(zk[t] * zk[t] + 4))),
                     a->z + t * (size_t)a->k.ld, K);
    il_rows_of step = { a->step, a->K }, e = { a->e, a->V };
    il_recurrence r = { .T = a->T, .rows = a->K, .cols = a->V, .scale = 1 };
    r.delta = 1;
    r.d = a->k.x, r.ldd = a->k.ld;
    r.e = a->e, r.lde = a->V;
    set_solution(a, 1);
    il_recur(a->S, r, step, rows_of(a->v), (il_rows_of){ 0 }, NULL, 0);
    r = (il_recurrence){ .T = a->T, .rows = a->V, .cols = a->K, .scale = 1 };
    set_solution(a, 0);
    il_recur(a->S, r, e, step, (il_rows_of){ a->dy, a->v.ld }, a->u, a->K);
}

/* Against time: y_t (+)= sign (sum_{i >= t} zeta_it b_i c_i^T)^T a_t */
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

/* H_0 = W^T W:  dW += W (D_0 + D_0^T), with D_0^T in a->S */
static void add_to_keys(const head *a)
{
    size_t K = (size_t)a->K;
    for (size_t r = 0; r < K && a->dkeys; r++)
        for (size_t c = 0; c < K; c++) {
            const il_real *D = a->S + il_matrix_size((int)c, a->K), w = a->keys[r * K + c];
            il_kernel()->axpy(a->dkeys + r * K, w, D, K);
            a->dkeys[r * K + c] += il_dot(a->keys + r * K, D, a->K);
        }
}

/* dk_t and dv_t without beta_t: [D_t + D_t^T] k_t + F_t^T v_t and F_t k_t, where F_t = dL/dG_t
 * gathers dy x^T and D_t = dL/dP_t gathers -u x^T. Leaves dL/dG_0 (transposed) in a->S.
 *
 * F_t^T v_t + D_t^T k_t = sum_i x_i (dy_i . v_t - u_i . k_t) holds the errors of a fit, which may be
 * as small as x is large. By the recursion they are not a difference: it is f_t + N_t^T k_t with
 * f_t = F_t^T e_t, where N_t gathers -step f^T. Its product with k_t is dbeta_t. */
static void keys_and_values(const head *a, il_real *dk, int lddk, il_real *dv, int lddv,
                            int add)
{
    int K = a->K, V = a->V;
    il_rows_of k = rows_of(a->k), v = rows_of(a->v), u = { a->u, K }, f = { a->f, K },
               step = { a->step, K }, e = { a->e, V }, x = { a->x, a->q.ld },
               dy = { a->dy, a->v.ld };
    if (a->solver == RECURSION) {
        sweep_back(a, V, K, 1, dy, x, e, a->f, K, 0);
        sweep_back(a, K, K, -1, step, f, k, dk, lddk, add);
        il_kernel()->add_rows(dk, lddk, a->f, K, a->T, K);
        if (!add) il_kernel()->dot_rows(a->dbeta, dk, lddk, a->k.x, a->k.ld, a->T, K);
    } else {
        sweep_back(a, V, K, 1, dy, x, v, dk, lddk, add);
        sweep_back(a, K, K, -1, u, x, k, dk, lddk, 1);
    }
    sweep_back(a, K, K, -1, x, u, k, dk, lddk, 1);
    add_to_keys(a);
    sweep_back(a, K, V, 1, x, dy, k, dv, lddv, add);
}

/* dlambda = sum_t zeta_t0 (u_t . x_t) / lambda^2 */
static il_real lambda_gradient(const head *a)
{
    il_real sum = 0, decay = 1, lambda = lambda_of(a), *ux = a->step; /* scratch by now */
    il_kernel()->dot_rows(ux, a->u, a->K, a->x, a->q.ld, a->T, a->K);
    for (int t = 0; t < a->T; t++) {
        if (a->decay) decay *= a->decay[(size_t)t * (size_t)a->ld_decay];
        sum += decay * ux[t];
    }
    return sum / (lambda * lambda);
}

/* Scaling P_0 and G_0 alike is what gamma_1 does, so sum_t dbeta_t = lambda dlambda - <G_0, dG_0>,
 * which is known better than its terms. What they miss is given to each by the square of the size
 * of what it is a difference of, as least squares do with errors. */
static void close_sum(const head *a, il_real sum)
{
    il_real weights = 0;
    for (size_t t = 0; t < (size_t)a->T; t++) {
        const il_real *f = a->f + t * (size_t)a->K;
        sum -= a->dbeta[t];
        weights += il_dot(f, f, a->K);
    }
    for (size_t t = 0; t < (size_t)a->T && weights > 0; t++) {
        const il_real *f = a->f + t * (size_t)a->K;
        a->dbeta[t] += sum * (il_dot(f, f, a->K) / weights);
    }
}

/* dLambda_c = - sum_t u_tc x_tc, down to the weight */
static void ridge_gradient(const head *a, il_real *dweight)
{
    il_real *sum = a->solve, *slope = sum + il_padded(a->K);
    memset(sum, 0, sizeof *sum * (size_t)a->K);
    for (int t = 0; t < a->T; t++)
        il_kernel()->muladd(sum, a->u + (size_t)t * (size_t)a->K,
                            a->x + (size_t)t * (size_t)a->q.ld, (size_t)a->K);
    ridge_of(a, NULL, slope);
    for (int c = 0; c < a->K; c++) dweight[c] -= sum[c] * slope[c];
}

/* The gates, given dk and dv without beta (dk0, dv0), and what is left to add to k and v:
 *   dbeta_t = (k_t . dk0_t + v_t . dv0_t) / 2
 *   d log gamma_s = sum_{t >= s} u_t . (Lambda x_t) - beta_t dbeta_t */
static void gates(const head *a, const il_real *dk0, const il_real *dv0)
{
    const il_kernels *kernel = il_kernel();
    size_t K = (size_t)a->K, V = (size_t)a->V;
    il_real dlog = 0, forget = 1 - (il_real)a->o->bound;
    for (size_t t = (size_t)a->T; t-- > 0;) {
        size_t kt = t * (size_t)a->k.ld, vt = t * (size_t)a->v.ld;
        il_real beta = a->gain ? a->gain[t * (size_t)a->ld_gain] : 1;
        il_real gamma = a->gamma.x[t * (size_t)a->gamma.ld];
        const il_real *dk = dk0 + t * K, *dv = dv0 + t * V;
        il_real dbeta = a->solver == RECURSION ? a->dbeta[t]
                                               : (kernel->dot(a->k.x + kt, dk, a->K) +
                                                  kernel->dot(a->v.x + vt, dv, a->V)) /
                                                     2;
        kernel->axpy(a->k.dx + kt, beta, dk, K);
        kernel->axpy(a->v.dx + vt, beta, dv, V);
        dlog -= beta * dbeta;
        if (a->o->form == NET) {
            il_real *x = a->solve;
            kernel->mul(x, a->ridge, a->x + t * (size_t)a->q.ld, K);
            dlog += kernel->dot(x, a->u + t * K, a->K);
            dbeta -= 2 * forget * beta / (1 - forget * beta * beta) * dlog;
            a->beta.dx[t * (size_t)a->beta.ld] += dbeta;
        }
        if (gamma != 0) a->gamma.dx[t * (size_t)a->gamma.ld] += dlog / gamma;
    }
}

static void backward_head(head *a, il_real *dweight, il_real *dstart)
{
    size_t n = (size_t)a->T * (size_t)a->K;
    il_real *dk0, *dv0;
    a->u = a->rows;
    a->step = a->u + n;
    a->f = a->step + n;
    dk0 = a->f + n;
    dv0 = a->e = dk0 + n; /* e is read before dv0 is made */
    a->dbeta = dv0 + (size_t)a->T * (size_t)a->V;
    if (a->solver == RECURSION)
        adjoint_of_solution(a);
    else
        solve_adjoint(a);
    il_kernel()->add_rows(a->q.dx, a->q.ld, a->u, a->K, a->T, a->K);
    if (a->o->form == PLAIN)
        keys_and_values(a, a->k.dx, a->k.ld, a->v.dx, a->v.ld, 1);
    else
        keys_and_values(a, dk0, a->K, dv0, a->V, 0);
    if (dstart) il_matrix_add(dstart, a->S, a->K, a->V);
    il_real dlambda = a->o->form == NET ? 0 : lambda_gradient(a);
    if (a->o->form == FORGETTING && a->solver == RECURSION) {
        il_real sum = lambda_of(a) * dlambda;
        for (int i = 0; i < a->K && a->start; i++)
            sum -= il_dot(a->start + (size_t)i * (size_t)a->V,
                          a->S + il_matrix_size(i, a->V), a->V);
        close_sum(a, sum);
    }
    if (a->o->form != PLAIN) gates(a, dk0, dv0);
    if (a->o->form == NET)
        ridge_gradient(a, dweight);
    else
        *dweight += dlambda;
}

static void backward(const il_op *op, il_state *s)
{
    il_mix m = il_mix_of(op, s, of(op)->heads);
    int ridges = of(op)->form == NET ? m.K : 1;
    for (int b = 0; b < m.B; b++)
        for (int h = 0; h < m.H; h++) {
            head a = head_of(op, s, &m, b, h);
            size_t start = (size_t)(h * m.K) * (size_t)m.V;
            if (a.keys) a.dkeys = il_dw(op, s, PAR_KEYS) + (size_t)(h * m.K) * (size_t)m.K;
            backward_head(&a, il_dw(op, s, 0) + h * ridges,
                          a.start ? il_dw(op, s, 1) + start : NULL);
        }
}

static void heads(const il_op *op, const il_plan *p, il_heads *h)
{
    il_mix_heads(op, p, of(op)->heads, h);
    if (of(op)->form == NET) h->input[IL_ROLE_BETA] = 3;
    if (of(op)->form != PLAIN) h->input[IL_ROLE_GAMMA] = op->n_in - 1;
}

/* R k, R's update and R q, or what another solver takes for P x = q; the matrix's update and its reading */
static double flop(const il_op *op, const il_plan *p, int tokens)
{
    (void)tokens;
    const options *o = of(op);
    double H = o->heads, K = il_width(p, op->in[0]) / H, V = il_width(p, op->in[2]) / H,
           solve[] = { [RECURSION] = 2 * K * K,
                       [CHOLESKY] = K * K * K / 6 + K * K,
                       [CG] = o->steps * K * K };
    return 2 * H * (K * K + solve[solver_of(o)] + 2 * K * V);
}

const il_op_kind il_op_mesa = {
    .name = "mesa",
    .summary = "ridge regression on all pairs so far, applied to the query, at every token",
    .opts = opts,
    .cases = cases,
    .least_in = 3,
    .most_in = 5,
    .shape = shape,
    .heads = heads,
    .forward = forward,
    .backward = backward,
    .flop = flop,
    .mixes = 1,
};
