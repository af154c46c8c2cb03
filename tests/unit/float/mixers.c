/* mixers.c - ops that mix tokens, in float: against double precision, and token by token
 *
 * The reference solves P_t x = q and P_t u = G_t^T dy by Cholesky at every token, in double, and
 * gathers D and F as docs/mesa.md has them: nothing of the recursions under test.
 */
#include "op_bench.h"

enum { T = 256, K = 64 };

typedef struct {
    double P[K][K], L[K][K], G[K][K], D[K][K], F[K][K];
    double x[T][K], u[T][K], y[T][K];
    double dq[T][K], dk[T][K], dv[T][K], dgamma[T], dbeta[T], dlambda, dridge[K];
} reference;

static void factor(reference *r, const double *ridge)
{
    for (int i = 0; i < K; i++)
        for (int j = 0; j <= i; j++) {
            double s = r->P[i][j] + (i == j && ridge ? ridge[i] : 0);
            for (int c = 0; c < j; c++) s -= r->L[i][c] * r->L[j][c];
            r->L[i][j] = i == j ? sqrt(s) : s / r->L[j][j];
        }
}

static void back_solve(const reference *r, double *x)
{
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < i; j++) x[i] -= r->L[i][j] * x[j];
        x[i] /= r->L[i][i];
    }
    for (int i = K - 1; i >= 0; i--) {
        for (int j = i + 1; j < K; j++) x[i] -= r->L[j][i] * x[j];
        x[i] /= r->L[i][i];
    }
}

/* gates NULL: 1; ridge NULL: P_0 = I / lambda */
static void refer(reference *r, const il_real *q, const il_real *k, const il_real *v,
                  const il_real *beta, const il_real *gamma, double lambda,
                  const double *ridge, const il_real *dy)
{
    memset(r, 0, sizeof *r);
    for (int c = 0; c < K && !ridge; c++) r->P[c][c] = 1 / lambda;
    for (int t = 0; t < T; t++) {
        const il_real *qt = q + t * K, *kt = k + t * K, *vt = v + t * K, *e = dy + t * K;
        double b = beta ? (double)beta[t] : 1, g = gamma ? (double)gamma[t] : 1;
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) {
                r->P[i][j] = g * r->P[i][j] + b * (double)kt[i] * (double)kt[j];
                r->G[i][j] = g * r->G[i][j] + b * (double)vt[i] * (double)kt[j];
            }
        factor(r, ridge);
        for (int c = 0; c < K; c++) r->x[t][c] = (double)qt[c];
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) r->u[t][j] += r->G[i][j] * (double)e[i];
        back_solve(r, r->x[t]);
        back_solve(r, r->u[t]);
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) r->y[t][i] += r->G[i][j] * r->x[t][j];
    }
    double dlog = 0;
    for (int t = T - 1; t >= 0; t--) {
        const il_real *kt = k + t * K, *vt = v + t * K, *e = dy + t * K;
        double b = beta ? (double)beta[t] : 1, g = gamma ? (double)gamma[t] : 1, kDk = 0,
               vFk = 0;
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) {
                r->D[i][j] -= r->u[t][i] * r->x[t][j];
                r->F[i][j] += (double)e[i] * r->x[t][j];
            }
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) {
                double ki = (double)kt[i], kj = (double)kt[j], vi = (double)vt[i];
                r->dk[t][i] += b * (r->D[i][j] + r->D[j][i]) * kj;
                r->dk[t][j] += b * r->F[i][j] * vi;
                r->dv[t][i] += b * r->F[i][j] * kj;
                kDk += ki * r->D[i][j] * kj;
                vFk += vi * r->F[i][j] * kj;
            }
        r->dbeta[t] = kDk + vFk;
        dlog -= b * r->dbeta[t];
        for (int i = 0; i < K; i++) {
            r->dq[t][i] = r->u[t][i];
            if (ridge) dlog += r->u[t][i] * ridge[i] * r->x[t][i];
            r->dridge[i] -= r->u[t][i] * r->x[t][i];
            for (int j = 0; j < K; j++) {
                r->D[i][j] *= g;
                r->F[i][j] *= g;
            }
        }
        r->dgamma[t] = dlog / g;
    }
    for (int i = 0; i < K; i++) r->dlambda -= r->D[i][i] / (lambda * lambda);
}

static double error_of(const il_real *got, const double *want, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    return sqrt(error / size);
}

/* One head; queries and keys of length 1, as in the paper; x: its inputs */
static bench mesa_of(int form, double lambda, double least_gamma, il_real **x)
{
    static const char *const texts[] = { "widths=64,64,64",
                                         "widths=64,64,64,1 form=forgetting",
                                         "widths=64,64,64,1,1 form=net" };
    bench b = bench_new(il_op_find("mesa"), texts[form], 1, T, 1);
    for (int i = 0; i < b.n_inputs; i++) x[i] = b.s->value[b.inputs[i]];
    for (int i = 0; i < 2; i++)
        for (int t = 0; t < T; t++) {
            il_real *row = x[i] + t * K, r = 1 / sqrtf(il_dot(row, row, K));
            for (int c = 0; c < K; c++) row[c] *= r;
        }
    for (int i = 3; i < b.n_inputs; i++) {
        il_rng rng = il_rng_at(9, (uint32_t)i, 0, 0);
        double least = i == b.n_inputs - 1 ? least_gamma : 0.1;
        for (int t = 0; t < T; t++)
            x[i][t] = (il_real)(least + (1 - least) * il_uniform(&rng));
    }
    if (form != 2) b.model->weights[0] = (il_real)lambda;
    return b;
}

/* In float against the reference */
static void check_mesa(int form, double lambda, double least_gamma, double tolerance)
{
    char where[160];
    il_real *x[5] = { 0 };
    bench b = mesa_of(form, lambda, least_gamma, x);
    il_state *s = b.s;
    const il_op *op = bench_op(&b);
    double ridge[K] = { 0 };
    for (int c = 0; c < K && form == 2; c++) {
        b.model->weights[c] = (il_real)(0.03 * (c - 32));
        ridge[c] = 0.25 + log1p(exp((double)b.model->weights[c] + log(exp(0.75) - 1)));
    }
    il_forward(s, &(il_run){ .loops = 1, .window = 1, .post = 1 });
    for (int i = 0; i < b.n_inputs; i++)
        memset(s->dvalue[b.inputs[i]], 0, sizeof(il_real) * T * (size_t)(i < 3 ? K : 1));
    il_real *dy = malloc(sizeof *dy * T * K);
    bench_fill(dy, T * K, 30, 0);
    s->dvalue[op->out] = dy;
    op->kind->backward(op, s);
    reference *r = malloc(sizeof *r);
    refer(r, x[0], x[1], x[2], form == 2 ? x[3] : NULL, form ? x[2 + form] : NULL, lambda,
          form == 2 ? ridge : NULL, dy);
    const struct {
        const char *name;
        const il_real *got;
        const double *want;
        size_t n;
    } rows[] = {
        { "y", s->value[op->out], r->y[0], T * K },
        { "dq", s->dvalue[b.inputs[0]], r->dq[0], T * K },
        { "dk", s->dvalue[b.inputs[1]], r->dk[0], T * K },
        { "dv", s->dvalue[b.inputs[2]], r->dv[0], T * K },
        { "dlambda", b.grad, &r->dlambda, form < 2 },
        { "dgamma", form ? s->dvalue[b.inputs[2 + form]] : NULL, r->dgamma, form ? T : 0 },
        { "dbeta", form == 2 ? s->dvalue[b.inputs[3]] : NULL, r->dbeta, form == 2 ? T : 0 },
    };
    for (int i = 0; i < IL_COUNT(rows); i++) {
        if (!rows[i].n) continue;
        double error = error_of(rows[i].got, rows[i].want, rows[i].n);
        snprintf(where, sizeof where, "form %d, lambda %g, gamma from %g: %s", form, lambda,
                 least_gamma, rows[i].name);
        CHECK(error <= tolerance, "%s is off by %.2e", where, error);
    }
    free(r);
    free(dy);
    bench_free(&b);
}

static void mesa_in_float_is_mesa_in_double(void **unused)
{
    (void)unused;
    static const double lambdas[] = { 0.01, 1, 1000 }, gammas[] = { 0.9, 0.99, 1 };
    for (int i = 0; i < IL_COUNT(lambdas); i++) check_mesa(0, lambdas[i], 1, 1e-3);
    for (int g = 0; g < IL_COUNT(gammas); g++) {
        for (int i = 0; i < IL_COUNT(lambdas); i++)
            check_mesa(1, lambdas[i], gammas[g], 1e-3);
        check_mesa(2, 1, gammas[g], 1e-3);
    }
}

/* Of y beside the reference, from the whole prompt at once or token by token */
static double error_of_outputs(double lambda, double least_gamma, int token_by_token)
{
    il_real *x[5] = { 0 };
    bench b = mesa_of(1, lambda, least_gamma, x);
    const il_run once = { .loops = 1, .post = 1 };
    il_real *y = malloc(sizeof *y * T * K), *inputs[4];
    il_real *recurrent = calloc((size_t)b.model->plan.recurrent, sizeof *recurrent);
    reference *r = malloc(sizeof *r);
    memset(y, 0, sizeof *y * T * K);
    refer(r, x[0], x[1], x[2], NULL, x[3], lambda, NULL, y);
    for (int i = 0; i < 4; i++) {
        inputs[i] = malloc(sizeof *y * T * K);
        memcpy(inputs[i], x[i], sizeof *y * T * (i < 3 ? K : 1));
    }
    int piece = token_by_token ? 1 : T;
    if (token_by_token) b.s->recurrent = recurrent;
    il_state_shape(b.s, 1, piece);
    for (int t = 0; t < T; t += piece) {
        for (int i = 0; i < 4; i++) {
            size_t width = i < 3 ? K : 1;
            memcpy(x[i], inputs[i] + (size_t)t * width, sizeof *y * (size_t)piece * width);
        }
        b.s->past = t;
        il_forward(b.s, &once);
        memcpy(y + t * K, b.s->value[bench_op(&b)->out], sizeof *y * (size_t)(piece * K));
    }
    double error = error_of(y, r->y[0], T * K);
    for (int i = 0; i < 4; i++) free(inputs[i]);
    free(r);
    free(y);
    bench_free(&b);
    free(recurrent);
    return error;
}

/* Where P is ill-conditioned no order of sums in float is right to 1e-5; chunks of tokens are no
 * further off than tokens. */
static void chunks_are_as_exact_as_tokens(void **unused)
{
    (void)unused;
    static const double lambdas[] = { 1, 1000 }, gammas[] = { 0.75, 0.9, 0.99 };
    for (int i = 0; i < IL_COUNT(lambdas); i++)
        for (int g = 0; g < IL_COUNT(gammas); g++) {
            double chunks = error_of_outputs(lambdas[i], gammas[g], 0),
                   tokens = error_of_outputs(lambdas[i], gammas[g], 1);
            CHECK(chunks <= 2 * tokens,
                  "lambda %g, gamma from %g: %.2e off, token by token %.2e", lambdas[i],
                  gammas[g], chunks, tokens);
            /* where float leaves that much */
            if (lambdas[i] <= 1 && gammas[g] >= 0.9)
                CHECK(chunks <= 1e-5, "lambda %g, gamma from %g: %.2e off", lambdas[i],
                      gammas[g], chunks);
        }
}

static void pieces_are_the_whole_prompt(void **unused)
{
    (void)unused;
    static const char *const wide[] = {
        "widths=64,64,64 positive=1",
        "widths=64,64,64,4 gates=1 mild=1 heads=4 form=forgetting positive=1",
        "widths=80,80,10,5 gates=1 mild=1 heads=5 form=forgetting positive=1",
    };
    const il_op_kind *kind;
    for (int piece = 0; piece < 5; piece++) {
        for (int n = 0; (kind = il_op_at(n)); n++)
            for (int i = 0; kind->mixes && kind->cases[i]; i++) {
                /* gates near 0 leave P all but singular: only the same sums give the same x */
                if (strstr(kind->cases[i], "gates=1 heads=2 form=forgetting") && piece != 1)
                    continue;
                bench_in_pieces(kind, kind->cases[i], 40, piece, 1e-5);
            }
        for (int i = 0; i < IL_COUNT(wide); i++)
            bench_in_pieces(il_op_find("mesa"), wide[i], 200, piece, 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesa_in_float_is_mesa_in_double),
        cmocka_unit_test(chunks_are_as_exact_as_tokens),
        cmocka_unit_test(pieces_are_the_whole_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
