/* regressor.c - ridge regression or a small network, as a probe of activations (regressor.h)
 *
 * Inputs of a network are standardised by the fitted rows, targets scaled to mean
 * square 1. The constant is not penalised. Weights of positions start equal; with
 * ridge regression the rest is solved for at every step (the gradient is that of the solution).
 * Sources: Alain & Bengio 2017, arXiv:1610.01644 (probes); Yang et al. 2023, arXiv:2311.12424 (a
 * softmax over positions, then a network).
 */
#include "algo/regressor.h"
#include "la/dense.h"
#include "model/model.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 256, NETWORK_STEPS = 1000, POSITION_STEPS = 100 };

static int target_of(const il_regressor_rows *p, int i) { return (i + p->shift) % p->n; }
static int counts(const il_regressor_rows *p, int i)
{
    return !p->kept || (p->kept[i] && p->kept[target_of(p, i)]);
}

/* ---- pooling ----------------------------------------------------------------------------------- */

/* One probe at work. z: inputs after pooling, of all rows of the fit */
typedef struct {
    const il_regressor *how;
    const il_regressor_rows *fit, *test;
    int P, C, m;
    double *share, *dshare;          /* (P), (P): of positions */
    il_real *a, *da, *moments;       /* (P), (P), (2 P) */
    double *z, *dz;                  /* (n,C) each */
    double *W, *A;                   /* (C+1,m), (C+1,C+1): ridge */
    double *mean, *deviation, scale; /* (C), (C): network */
    il_model *net;
    il_state *state;
    il_arena arena;
} probe;

static void pool(const probe *p, const il_regressor_rows *from, int i, double *z)
{
    const il_real *x = from->x + (size_t)i * from->stride;
    int C = p->C;
    if (p->P == 1) {
        for (int c = 0; c < C; c++) z[c] = (double)x[c];
        return;
    }
    memset(z, 0, sizeof *z * (size_t)C);
    for (int t = 0; t < p->P; t++, x += C)
        for (int c = 0; c < C; c++) z[c] += p->share[t] * (double)x[c];
}

static void set_shares(probe *p)
{
    double most = -INFINITY, sum = 0;
    for (int t = 0; t < p->P; t++)
        if ((double)p->a[t] > most) most = (double)p->a[t];
    for (int t = 0; t < p->P; t++) {
        il_real e = (il_real)((double)p->a[t] - most);
        il_kernel()->exp(&e, &e, 1);
        sum += p->share[t] = (double)e;
    }
    for (int t = 0; t < p->P; t++) p->share[t] /= sum;
}

/* dshare += dz . x of row i */
static void add_slope(probe *p, int i, const double *dz)
{
    const il_real *x = p->fit->x + (size_t)i * p->fit->stride;
    for (int t = 0; t < p->P; t++, x += p->C) {
        double sum = 0;
        for (int c = 0; c < p->C; c++) sum += dz[c] * (double)x[c];
        p->dshare[t] += sum;
    }
}

/* Adam on n numbers, step counted from 1; moments (2,n); the rate falls to 0 at the end */
static void move(il_real *w, il_real *moments, const il_real *grad, size_t n, double rate,
                 double decay, double eps, int step, int steps)
{
    const il_adam adam = {
        .beta1 = 0.9, .beta2 = 0.999, .eps = eps, .weight_decay = decay
    };
    il_optimizer_adam.step(&adam,
                           &(il_update){ .decays = 1,
                                         .n = n,
                                         .w = w,
                                         .moment = { moments, moments + n },
                                         .grad = grad,
                                         .scale = 1,
                                         .rate = rate * (1 - (double)(step - 1) / steps),
                                         .step = step });
}

static void move_shares(probe *p, int step, int steps)
{
    double along = 0;
    for (int t = 0; t < p->P; t++) along += p->share[t] * p->dshare[t];
    for (int t = 0; t < p->P; t++)
        p->da[t] = (il_real)(p->share[t] * (p->dshare[t] - along));
    move(p->a, p->moments, p->da, (size_t)p->P, 0.1, 0, 1e-12, step, steps);
    set_shares(p);
}

/* ---- ridge regression -------------------------------------------------------------------------- */

static void solve_ridge(probe *p)
{
    int C = p->C, n = C + 1, m = p->m;
    double trace = 0;
    memset(p->A, 0, sizeof *p->A * (size_t)n * (size_t)n);
    memset(p->W, 0, sizeof *p->W * (size_t)n * (size_t)m);
    for (int b = 0; b < p->fit->n; b++) {
        if (!counts(p->fit, b)) continue;
        const double *y = p->fit->y + (size_t)target_of(p->fit, b) * (size_t)m;
        double *z = p->z + (size_t)b * (size_t)C;
        pool(p, p->fit, b, z);
        for (int i = 0; i < n; i++) {
            double zi = i < C ? z[i] : 1, *row = p->A + (size_t)i * (size_t)n;
            for (int j = 0; j <= il_min(i, C - 1); j++) row[j] += zi * z[j];
            if (i == C) row[C] += 1;
            for (int c = 0; c < m; c++) p->W[i * m + c] += zi * y[c];
        }
    }
    for (int i = 0; i < C; i++) trace += p->A[i * n + i];
    for (int i = 0; i < C; i++) p->A[i * n + i] += p->how->shrink * trace / C + 1e-300;
    il_cholesky_solve(p->A, n, p->W, m);
}

static void answer_ridge(const probe *p, const double *z, double *yhat)
{
    for (int c = 0; c < p->m; c++) yhat[c] = p->W[p->C * p->m + c];
    for (int i = 0; i < p->C; i++)
        for (int c = 0; c < p->m; c++) yhat[c] += z[i] * p->W[i * p->m + c];
}

static void fit_ridge(probe *p)
{
    int steps = p->how->steps ? p->how->steps : POSITION_STEPS;
    solve_ridge(p);
    if (p->P == 1) return;
    double *yhat = p->dz + p->C;
    for (int step = 1; step <= steps; step++) {
        memset(p->dshare, 0, sizeof *p->dshare * (size_t)p->P);
        for (int b = 0; b < p->fit->n; b++) {
            if (!counts(p->fit, b)) continue;
            const double *y = p->fit->y + (size_t)target_of(p->fit, b) * (size_t)p->m;
            answer_ridge(p, p->z + (size_t)b * (size_t)p->C, yhat);
            for (int i = 0; i < p->C; i++) {
                p->dz[i] = 0;
                for (int c = 0; c < p->m; c++)
                    p->dz[i] += (yhat[c] - y[c]) * p->W[i * p->m + c];
            }
            add_slope(p, b, p->dz);
        }
        move_shares(p, step, steps);
        solve_ridge(p);
    }
}

/* ---- the network ------------------------------------------------------------------------------- */

static il_status add(il_plan *plan, il_section section, const char *kind, const char *name,
                     int out, int n_in, const int *in, int *y, il_error *err)
{
    char opts[48] = "";
    if (out) snprintf(opts, sizeof opts, "out=%d init=fan", out);
    return il_plan_add(plan, section, kind, name, opts, n_in, in, y, err);
}

static il_status build(probe *p, il_error *err)
{
    il_plan plan;
    int x, y, loss[3];
    il_plan_init(&plan);
    plan.tokens = x = il_plan_input(&plan, "x", p->C, p->P > 1);
    plan.target = loss[1] = il_plan_input(&plan, "target", p->m, 0);
    plan.weight = loss[2] = il_plan_input(&plan, "weight", 1, 0);
    il_status status = add(&plan, IL_BODY, "linear", "fc", p->how->hidden, 1, &x, &y, err);
    if (!status) status = add(&plan, IL_BODY, "relu", "act", 0, 1, &y, &y, err);
    plan.carry_out = y;
    if (!status) status = add(&plan, IL_POST, "linear", "read_out", p->m, 1, &y, &y, err);
    plan.answer = loss[0] = y;
    if (!status) status = add(&plan, IL_POST, "mse", "loss", 0, 3, loss, &y, err);
    if (!status) status = il_plan_finish(&plan, 1, err);
    if (status) {
        il_plan_free(&plan);
        return status;
    }
    IL_TRY(il_model_from_plan(&p->net, &plan, err));
    il_params_init(&p->net->plan, p->net->weights, p->how->seed);
    il_model_pack(p->net);
    return il_state_new(&p->state, p->net, BATCH, 1, 1, err);
}

static void measure_inputs(probe *p)
{
    double n = 0;
    int C = p->C;
    for (int c = 0; c < C; c++) p->mean[c] = p->deviation[c] = 0;
    p->scale = 0;
    for (int b = 0; b < p->fit->n; b++) {
        if (!counts(p->fit, b)) continue;
        const il_real *x = p->fit->x + (size_t)b * p->fit->stride;
        for (int t = 0; t < p->P; t++, x += C)
            for (int c = 0; c < C; c++) {
                p->mean[c] += (double)x[c];
                p->deviation[c] += (double)x[c] * (double)x[c];
            }
        n++;
        for (int c = 0; c < p->m; c++) {
            double y = p->fit->y[(size_t)target_of(p->fit, b) * (size_t)p->m + (size_t)c];
            p->scale += y * y / p->m;
        }
    }
    p->scale = n > 0 && p->scale > 0 ? sqrt(p->scale / n) : 1;
    for (int c = 0; c < C; c++) {
        p->mean[c] /= fmax(n * p->P, 1);
        double square = p->deviation[c] / fmax(n * p->P, 1) - p->mean[c] * p->mean[c];
        p->deviation[c] = square > 1e-20 ? sqrt(square) : 1;
    }
}

static void put_input(const probe *p, const il_regressor_rows *from, int i, int row,
                      double *z)
{
    il_real *x = p->state->value[p->net->plan.tokens] + (size_t)row * (size_t)p->C;
    pool(p, from, i, z);
    for (int c = 0; c < p->C; c++) x[c] = (il_real)((z[c] - p->mean[c]) / p->deviation[c]);
}

static const il_run one = { .loops = 1, .window = 1, .post = 1 };

/* A batch of rows drawn at random, its gradient, and a step of Adam; moments behind the gradient */
static void train_once(probe *p, const int *rows, int n, int step, int steps, il_real *grad)
{
    il_state *s = p->state;
    const il_plan *plan = s->plan;
    size_t N = plan->n_weights;
    int B = il_min(BATCH, n), drawn[BATCH];
    il_rng rng = il_rng_at(p->how->seed, IL_STREAM_USER, (uint32_t)step, 0);
    il_state_shape(s, B, 1);
    for (int r = 0; r < B; r++) {
        drawn[r] = rows[il_below(&rng, n)];
        const double *y = p->fit->y + (size_t)target_of(p->fit, drawn[r]) * (size_t)p->m;
        put_input(p, p->fit, drawn[r], r, p->dz);
        for (int c = 0; c < p->m; c++)
            s->value[plan->target][r * p->m + c] = (il_real)(y[c] / p->scale);
        s->value[plan->weight][r] = 1;
    }
    memset(grad, 0, sizeof *grad * N);
    s->grad = grad;
    s->loss_scale = (il_real)(1.0 / ((double)B * p->m));
    il_forward(s, &one);
    il_backward(s, &one);
    if (p->P > 1) {
        memset(p->dshare, 0, sizeof *p->dshare * (size_t)p->P);
        for (int r = 0; r < B; r++) {
            const il_real *dx = s->dvalue[plan->tokens] + (size_t)r * (size_t)p->C;
            for (int c = 0; c < p->C; c++) p->dz[c] = (double)dx[c] / p->deviation[c];
            add_slope(p, drawn[r], p->dz);
        }
        move_shares(p, step, steps);
    }
    move(p->net->weights, grad + N, grad, N, 3e-3, 1e-2, 1e-8, step, steps);
    il_model_pack(p->net);
}

static il_status fit_network(probe *p, il_error *err)
{
    int steps = p->how->steps ? p->how->steps : NETWORK_STEPS, n = 0;
    measure_inputs(p);
    IL_TRY(build(p, err));
    int *rows = malloc(sizeof *rows * (size_t)p->fit->n);
    il_real *grad = calloc(3 * p->net->plan.n_weights, sizeof *grad);
    if (rows && grad) {
        for (int i = 0; i < p->fit->n; i++)
            if (counts(p->fit, i)) rows[n++] = i;
        for (int step = 1; n && step <= steps; step++)
            train_once(p, rows, n, step, steps, grad);
    }
    il_status status =
        rows && grad ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for a probe");
    free(rows);
    free(grad);
    return status;
}

static void answer_network(const probe *p, const il_regressor_rows *from, int i,
                           double *yhat)
{
    il_state_shape(p->state, 1, 1);
    put_input(p, from, i, 0, p->dz);
    il_forward(p->state, &one);
    const il_real *y = p->state->value[p->net->plan.answer];
    for (int c = 0; c < p->m; c++) yhat[c] = p->scale * (double)y[c];
}

/* ---- a probe ----------------------------------------------------------------------------------- */

static void layout(probe *p)
{
    size_t P = (size_t)p->P, C = (size_t)p->C, m = (size_t)p->m;
    int ridge = !p->how->hidden;
    p->share = il_take(&p->arena, double, P);
    p->dshare = il_take(&p->arena, double, P);
    p->a = il_take(&p->arena, il_real, P);
    p->da = il_take(&p->arena, il_real, P);
    p->moments = il_take(&p->arena, il_real, 2 * P);
    p->z = il_take(&p->arena, double, ridge ? (size_t)p->fit->n *C : 0);
    p->dz = il_take(&p->arena, double, C + 2 * m);
    p->W = il_take(&p->arena, double, ridge ? (C + 1) * m : 0);
    p->A = il_take(&p->arena, double, ridge ? (C + 1) * (C + 1) : 0);
    p->mean = il_take(&p->arena, double, C);
    p->deviation = il_take(&p->arena, double, C);
}

static void score_all(probe *p, il_regressor_score *score, double *all)
{
    const il_regressor_rows *t = p->test;
    double n = 0, *yhat = p->dz + p->C + p->m;
    *score = (il_regressor_score){ 0 };
    for (int i = 0; i < t->n; i++) {
        const double *y = t->y + (size_t)target_of(t, i) * (size_t)p->m;
        if (!all && !counts(t, i)) continue;
        if (p->how->hidden) {
            answer_network(p, t, i, yhat);
        } else {
            pool(p, t, i, p->dz);
            answer_ridge(p, p->dz, yhat);
        }
        if (all) memcpy(all + (size_t)i * (size_t)p->m, yhat, sizeof *yhat * (size_t)p->m);
        if (!counts(t, i)) continue;
        n++;
        for (int c = 0; c < p->m; c++) {
            score->error += (yhat[c] - y[c]) * (yhat[c] - y[c]);
            score->power += y[c] * y[c];
        }
    }
    score->error /= n;
    score->power /= n;
}

il_status il_regress(il_regressor_score *score, const il_regressor *how,
                     const il_regressor_rows *fit, const il_regressor_rows *test,
                     double *yhat, il_error *err)
{
    probe p = { .how = how,
                .fit = fit,
                .test = test,
                .P = fit->positions,
                .C = fit->width,
                .m = fit->outs };
    layout(&p);
    IL_TRY(il_arena_fill(&p.arena, err));
    layout(&p);
    set_shares(&p);
    il_status status = IL_OK;
    if (how->hidden)
        status = fit_network(&p, err);
    else
        fit_ridge(&p);
    if (!status) score_all(&p, score, yhat);
    il_state_free(p.state);
    il_model_free(p.net);
    il_arena_free(&p.arena);
    return status;
}
