/* check.c - for `build --verify`: test problems of known condition number, and running a model on them */
#include "construct/construct.h"

#include <math.h>

double *il_check_take(il_check *c, size_t n)
{
    if (n > c->size - c->used) {
        il_check_refuse(c,
                        "this is too large to verify; take fewer loops, layers or points");
        return NULL;
    }
    double *x = c->room + c->used;
    c->used += n;
    memset(x, 0, n * sizeof *x);
    return x;
}

double il_check_difference(const double *a, const double *b, size_t n)
{
    double worst = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        worst = il_larger(worst, fabs(a[i] - b[i]));
        most = fmax(most, fabs(b[i]));
    }
    return most > 0 ? worst / most : worst;
}

/* ---- running ------------------------------------------------------------------------------------- */

typedef struct {
    double *stream, *answer;
} places;

static void put(double **to, const il_real *x, size_t n)
{
    for (size_t i = 0; *to && i < n; i++) (*to)[i] = (double)x[i];
    if (*to) *to += n;
}

static void visit(void *context, il_state *s, int loop)
{
    (void)loop;
    places *at = context;
    const il_plan *p = s->plan;
    size_t T = (size_t)s->tokens;
    put(&at->stream, s->value[p->carry_out], T * (size_t)il_width(p, p->carry_out));
    put(&at->answer, s->value[p->answer], T * (size_t)il_width(p, p->answer));
}

void il_check_run(il_check *c, int T, const double *tokens, const double *mask, int loops,
                  double *stream, double *answer)
{
    if (c->status != IL_OK) return;
    const il_plan *p = &c->model->plan;
    il_state *s;
    c->status = il_state_new(&s, c->model, 1, T, 0, &c->error);
    if (c->status != IL_OK) return;
    il_state_shape(s, 1, T);
    size_t width = (size_t)il_width(p, p->tokens), outs = (size_t)il_width(p, p->target);
    for (size_t i = 0; i < (size_t)T * width; i++)
        s->value[p->tokens][i] = (il_real)tokens[i];
    memset(s->value[p->target], 0, sizeof(il_real) * (size_t)T * outs);
    memset(s->value[p->weight], 0, sizeof(il_real) * (size_t)T);
    for (int t = 0; t < T && p->mask != IL_NONE; t++)
        s->value[p->mask][t] = mask ? (il_real)mask[t] : 1;
    places at = { stream, answer };
    il_forward(s,
               &(il_run){ .loops = loops, .post = loops, .visit = visit, .context = &at });
    il_state_free(s);
}

static il_status predict(const char *name, const il_batch *batch, int steps, double *yhat,
                         double *what, il_real *answers, il_real *weights, il_error *err)
{
    il_algo *algo;
    int N = batch->points, d = batch->dim;
    IL_TRY(il_algo_new(&algo, name, err));
    il_status status = il_algo_predict(algo, batch, 0, steps, answers, weights, err);
    for (int t = 0; status == IL_OK && t <= steps; t++) {
        if (yhat) yhat[t] = (double)answers[(t + 1) * N - 1];
        for (int j = 0; weights && j < d; j++)
            what[t * d + j] = (double)weights[((t + 1) * N - 1) * d + j];
    }
    il_algo_free(algo);
    return status;
}

void il_check_algo(il_check *c, const char *algo, const il_problem *p, int steps,
                   double *yhat, double *what)
{
    il_batch *batch;
    if (c->status != IL_OK) return;
    int N = p->n + 1;
    size_t d = (size_t)p->d, mark = c->used, all = (size_t)(steps + 1) * (size_t)N;
    il_real *answers = (il_real *)il_check_take(c, all);
    il_real *weights = what ? (il_real *)il_check_take(c, all * d) : NULL;
    if (c->status != IL_OK) return;
    c->status = il_batch_new(&batch, 1, N, p->d, &c->error);
    if (c->status != IL_OK) return;
    for (size_t i = 0; i < (size_t)p->n * d; i++) batch->x[i] = (il_real)p->x[i];
    for (size_t i = 0; i < d; i++) batch->x[(size_t)p->n * d + i] = (il_real)p->q[i];
    for (int i = 0; i < p->n; i++) batch->y[i] = (il_real)p->y[i];
    batch->y[p->n] = 0;
    c->status = predict(algo, batch, steps, yhat, what, answers, weights, &c->error);
    il_batch_free(batch);
    c->used = mark;
}

void il_check_last(il_check *c, const char *algo, const il_problem *p, double *yhat)
{
    il_check_algo(c, algo, p, 0, yhat, NULL);
}

double *il_check_answers(il_check *c, const il_problem *p, int loops)
{
    int width = p->d + 1, T = il_model_tokens(c->model, p->n + 1), lead = T - p->n - 1;
    double *tokens = il_check_take(c, (size_t)(T * width));
    double *mask = il_check_take(c, (size_t)T);
    double *all = il_check_take(c, (size_t)loops * (size_t)T);
    if (c->status != IL_OK) return NULL;
    memcpy(tokens + lead * width, p->tokens, sizeof *tokens * (size_t)((p->n + 1) * width));
    for (int t = 0; t < T - 1; t++) mask[t] = 1;
    il_check_run(c, T, tokens, mask, loops, NULL, all);
    for (int t = 0; t < loops; t++) all[t] = all[t * T + T - 1];
    return all;
}

double il_check_ridge(il_check *c, const il_problem *p, double ridge)
{
    char algo[IL_TEXT];
    double yhat = NAN;
    snprintf(algo, sizeof algo, "ridge alpha=%s", il_digits(ridge).text);
    il_check_last(c, ridge > 0 ? algo : "ols", p, &yhat);
    return yhat;
}

void il_check_against(il_check *c, const il_problem *p, const char *algo, int loops,
                      int steps, double ridge, const char *size, double condition,
                      double stated)
{
    const double *got = il_check_answers(c, p, loops);
    double *want = il_check_take(c, (size_t)steps + 1), exact = il_check_ridge(c, p, ridge);
    il_check_algo(c, algo, p, steps, want, NULL);
    if (c->status != IL_OK) return;
    want += steps + 1 - loops;
    double error = 0, most = fabs(exact);
    for (int t = 0; t < loops; t++) {
        error = il_larger(error, fabs(got[t] - want[t]));
        most = fmax(most, fabs(want[t]));
    }
    il_check_row(c, size, condition, steps, error / most,
                 fabs(got[loops - 1] - exact) / fabs(exact), stated);
}

/* ---- problems --------------------------------------------------------------------------------------- */

/* Columns of A (n,d) made orthonormal, twice over for the last digits */
static void orthonormal(double *A, int n, int d)
{
    for (int j = 0; j < d; j++)
        for (int twice = 0; twice < 2; twice++) {
            for (int k = 0; k < j; k++) {
                double dot = 0;
                for (int i = 0; i < n; i++) dot += A[i * d + j] * A[i * d + k];
                for (int i = 0; i < n; i++) A[i * d + j] -= dot * A[i * d + k];
            }
            double norm = 0;
            for (int i = 0; i < n; i++) norm += A[i * d + j] * A[i * d + j];
            for (int i = 0; i < n; i++) A[i * d + j] /= sqrt(norm);
        }
}

double *il_check_random(il_check *c, size_t n, int seed)
{
    double *x = il_check_take(c, n);
    il_rng rng = il_rng_at((uint64_t)seed, IL_STREAM_USER, 0, 0);
    for (size_t i = 0; x && i < n; i++) x[i] = il_normal(&rng);
    return x;
}

double *il_check_spectrum(il_check *c, int n, int d, double largest, double condition,
                          int seed)
{
    double *U = il_check_random(c, (size_t)n * (size_t)d, seed);
    double *V = il_check_random(c, (size_t)d * (size_t)d, seed + 1000);
    double *x = il_check_take(c, (size_t)n * (size_t)d);
    if (c->status != IL_OK) return NULL;
    orthonormal(U, n, d);
    orthonormal(V, d, d);
    double ratio = d > 1 ? il_root(1 / condition, d - 1) : 1, value = largest;
    for (int k = 0; k < d; k++, value *= ratio)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < d; j++) x[i * d + j] += U[i * d + k] * value * V[j * d + k];
    return x;
}

/* y = w.x + noise e, then S, b and the tokens */
static void fill(il_check *c, il_problem *p, double noise, int seed)
{
    int n = p->n, d = p->d;
    size_t D = (size_t)d;
    double *e = il_check_random(c, (size_t)n, seed);
    p->y = il_check_take(c, (size_t)n);
    p->S = il_check_take(c, D * D);
    p->b = il_check_take(c, D);
    p->tokens = il_check_take(c, (size_t)(n + 1) * (D + 1));
    p->mask = il_check_take(c, (size_t)n + 1);
    if (c->status != IL_OK) return;
    for (int i = 0; i < n; i++) {
        const double *x = p->x + i * d;
        p->y[i] = noise * e[i];
        for (int j = 0; j < d; j++) p->y[i] += p->w[j] * x[j];
        for (int j = 0; j < d; j++) {
            p->b[j] += p->y[i] * x[j];
            for (int k = 0; k < d; k++) p->S[j * d + k] += x[j] * x[k];
        }
        memcpy(p->tokens + i * (d + 1), x, D * sizeof *x);
        p->tokens[i * (d + 1) + d] = p->y[i];
        p->mask[i] = 1;
    }
    memcpy(p->tokens + n * (d + 1), p->q, D * sizeof *p->q);
}

il_problem il_problem_new(il_check *c, int n, int d, double largest, double condition,
                          double noise, int seed)
{
    il_problem p = { .n = n, .d = d, .largest = largest, .smallest = largest / condition };
    p.x = il_check_spectrum(c, n, d, sqrt(largest), sqrt(condition), seed);
    p.w = il_check_random(c, (size_t)d, seed + 1);
    p.q = il_check_random(c, (size_t)d, seed + 2);
    fill(c, &p, noise, seed + 3);
    return p;
}

il_problem il_problem_normal(il_check *c, int n, int d, double scale, double noise,
                             int seed)
{
    il_problem p = { .n = n, .d = d };
    p.x = il_check_random(c, (size_t)(n + 1) * (size_t)d, seed);
    if (c->status != IL_OK) return p;
    for (int i = 0; i < (n + 1) * d; i++) p.x[i] *= scale;
    p.w = il_check_random(c, (size_t)d, seed + 10000);
    p.q = p.x + n * d;
    fill(c, &p, noise, seed + 20000);
    return p;
}

il_problem il_problem_classes(il_check *c, int n, int d, int seed)
{
    size_t D = (size_t)d, width = D + 1;
    il_problem p = { .n = n, .d = d };
    p.x = il_check_random(c, (size_t)n * D, seed);
    p.w = il_check_random(c, D, seed + 1);
    p.y = il_check_random(c, (size_t)n, seed + 2);
    p.q = il_check_take(c, D);
    p.tokens = il_check_take(c, (size_t)(n + 1) * width);
    p.mask = il_check_take(c, (size_t)n + 1);
    if (c->status != IL_OK) return p;
    p.q[0] = 1;
    for (int i = 0; i < n; i++) {
        double *x = p.x + i * d, *token = p.tokens + (size_t)i * width, norm = 0;
        double z = 0.5 * p.y[i];
        for (int j = 0; j < d; j++) norm += x[j] * x[j];
        for (int j = 0; j < d; j++) z += (x[j] /= sqrt(norm)) * p.w[j];
        p.y[i] = token[d] = z < 0 ? -1 : 1;
        memcpy(token, x, D * sizeof *x);
        p.mask[i] = 1;
    }
    p.tokens[(size_t)n * width] = 1;
    return p;
}

double *il_problem_unmasked(il_check *c, const il_problem *p)
{
    int d = p->d, width = 2 * d + 1;
    double *tokens = il_check_take(c, (size_t)((p->n + 1) * width));
    if (c->status != IL_OK) return NULL;
    for (int i = 0; i < p->n; i++) {
        memcpy(tokens + i * width, p->x + i * d, sizeof *tokens * (size_t)d);
        tokens[i * width + 2 * d] = p->y[i];
    }
    memcpy(tokens + p->n * width + d, p->q, sizeof *tokens * (size_t)d);
    return tokens;
}

double il_usual_largest(int points, int dims)
{
    double root = sqrt(points) + sqrt(dims) + 3;
    return root * root;
}

void il_check_regression(il_check *c, int d, int points, double largest,
                         void (*one)(il_check *c, const void *opts, const il_problem *p,
                                     const char *size, double condition),
                         const void *opts)
{
    static const double conditions[] = { 1, 10, 100, 1000 };
    if (points <= d)
        il_check_refuse(c,
                        "to verify it takes as many examples as dimensions: at least "
                        "%d and the query",
                        d);
    for (int more = 0; more < 2; more++)
        for (int k = 0; k < IL_COUNT(conditions); k++) {
            int n = more ? il_max(points - 1, d) : 2 * d;
            char size[48];
            size_t mark = c->used;
            if (c->status != IL_OK || n + 1 > points || (d == 1 && k)) continue;
            il_problem p =
                il_problem_new(c, n, d, largest, conditions[k], 0, 17 * k + more);
            snprintf(size, sizeof size, "d=%d n=%d", d, n);
            if (c->status == IL_OK) one(c, opts, &p, size, conditions[k]);
            c->used = mark;
        }
}
