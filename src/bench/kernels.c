/* kernels.c - what a block spends its time in, on one shard: its four products, attention
 *
 * The products of a block of width C are (K,N) = (C,3C), (C,C), (C,4C) and (4C,C). Forward is
 * Y = X W (nn), backward dX = dY W^T (nt) and dW += X^T dY (tn).
 */
#include "bench/bench.h"

#include <math.h>

enum { SHARD = 4, PRODUCTS = 4 };
static const int product[PRODUCTS][2] = { { 1, 3 }, { 1, 1 }, { 1, 4 }, { 4, 1 } };

static int rows_of(const il_bench_row *row) { return SHARD * 2 * row->model->points; }

il_status il_bench_operands(il_bench_work *w, const size_t sizes[5], il_error *err)
{
    il_real **own[5] = { &w->a, &w->b, &w->c, &w->packed, &w->work };
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < IL_COUNT(own); i++)
            *own[i] = il_take(&w->arena, il_real, sizes[i]);
        if (pass == 0) IL_TRY(il_arena_fill(&w->arena, err));
    }
    return IL_OK;
}

/* Numbers between -1/2 and 1/2 */
static void scatter(il_real *x, size_t n)
{
    il_rng rng = il_rng_at(1, IL_STREAM_USER, 0, 0);
    for (size_t i = 0; i < n; i++) x[i] = (il_real)(il_uniform(&rng) - 0.5);
}

/* ---- products ---------------------------------------------------------------------------------- */

/* a, c (M,4C): input and output; b (12 C^2): the weights or their gradients, one behind the
 * other; packed: forward, one behind the other, then backward. */
il_status il_bench_open_products(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_kernels *k = il_kernel();
    int C = row->model->n_embd;
    size_t M = (size_t)rows_of(row), c = (size_t)C, packed = 0;
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        packed += k->packed_size(K, N) + k->packed_size(N, K);
    }
    size_t sizes[5] = { M * 4 * c, 12 * c * c, M * 4 * c, packed, k->work_size(1, 1) };
    IL_TRY(il_bench_operands(w, sizes, err));
    scatter(w->a, M * 4 * c);
    scatter(w->b, 12 * c * c);
    il_real *to = w->packed, *W = w->b;
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        k->pack(to, W, N, K, N, 0);
        to += k->packed_size(K, N);
        W += K * N;
    }
    W = w->b;
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        k->pack(to, W, N, N, K, 1);
        to += k->packed_size(N, K);
        W += K * N;
    }
    w->flop = 2 * (double)M * 12 * C * C;
    return IL_OK;
}

il_status il_bench_run_nn(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)err;
    const il_kernels *k = il_kernel();
    int M = rows_of(row), C = row->model->n_embd;
    const il_real *packed = w->packed;
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        k->gemm(w->c, N, w->a, K, packed, M, N, K, 0, NULL, w->work);
        packed += k->packed_size(K, N);
    }
    return IL_OK;
}

il_status il_bench_run_nt(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)err;
    const il_kernels *k = il_kernel();
    int M = rows_of(row), C = row->model->n_embd;
    const il_real *packed = w->packed;
    for (int i = 0; i < PRODUCTS; i++)
        packed += k->packed_size(C * product[i][0], C * product[i][1]);
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        k->gemm(w->c, K, w->a, N, packed, M, K, N, 0, NULL, w->work);
        packed += k->packed_size(N, K);
    }
    return IL_OK;
}

il_status il_bench_run_tn(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)err;
    int M = rows_of(row), C = row->model->n_embd;
    il_real *dW = w->b;
    for (int i = 0; i < PRODUCTS; i++) {
        int K = C * product[i][0], N = C * product[i][1];
        il_kernel()->gemm_tn(dW, N, w->a, K, w->c, N, M, K, N, w->work);
        dW += K * N;
    }
    return IL_OK;
}

/* ---- attention --------------------------------------------------------------------------------- */

/* a, b (M,3C): q, k, v side by side and their adjoints; c: the heads' outputs (M,C), then their
 * adjoints; packed (M,2H): maxima and sums. */
il_status il_bench_open_attention(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    const il_bench_model *m = row->model;
    int T = 2 * m->points;
    size_t M = (size_t)rows_of(row), C = (size_t)m->n_embd, H = (size_t)m->n_head;
    size_t sizes[5] = { 3 * M * C, 3 * M * C, 2 * M * C, 2 * M * H,
                        il_kernel()->work_size(T, m->n_embd / m->n_head) };
    IL_TRY(il_bench_operands(w, sizes, err));
    scatter(w->a, 3 * M * C);
    scatter(w->c + M * C, M * C);
    int backward = row->run == il_bench_run_attention_back;
    w->flop = (backward ? 8.0 : 4.0) * SHARD * T * T * m->n_embd;
    return il_bench_run_attention(row, w, err);
}

il_status il_bench_run_attention(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)err;
    const il_bench_model *m = row->model;
    int T = 2 * m->points, C = m->n_embd, H = m->n_head, K = C / H;
    il_real scale = (il_real)(1 / sqrt(K));
    for (int i = 0; i < SHARD * H; i++) {
        size_t at = (size_t)(i / H * T), head = (size_t)(i % H * K);
        const il_real *q = w->a + at * 3 * (size_t)C + head;
        il_kernel()->attention_forward(w->c + at * (size_t)C + head, C,
                                       w->packed + 2 * i * T, q, q + C, q + 2 * C, 3 * C, T,
                                       K, scale, w->work);
    }
    return IL_OK;
}

il_status il_bench_run_attention_back(const il_bench_row *row, il_bench_work *w,
                                      il_error *err)
{
    (void)err;
    const il_bench_model *m = row->model;
    int T = 2 * m->points, C = m->n_embd, H = m->n_head, K = C / H;
    il_real scale = (il_real)(1 / sqrt(K)), *dout = w->c + rows_of(row) * C;
    for (int i = 0; i < SHARD * H; i++) {
        size_t at = (size_t)(i / H * T), head = (size_t)(i % H * K);
        const il_real *q = w->a + at * 3 * (size_t)C + head;
        il_real *dq = w->b + at * 3 * (size_t)C + head;
        il_kernel()->attention_backward(
            dq, dq + C, dq + 2 * C, 3 * C, dout + at * (size_t)C + head,
            w->c + at * (size_t)C + head, C, w->packed + 2 * i * T, q, q + C, q + 2 * C,
            3 * C, T, K, scale, w->work);
    }
    return IL_OK;
}
