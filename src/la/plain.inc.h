/* plain.inc.h - reference kernels: what every kernel computes, in the order it is computed
 *
 * The fast tables give these bits in float. The order of every sum is part of the contract:
 * products are one fused multiply-add chain, reductions run in IL_LANES lanes and a fixed tree.
 */
#include "la/plain_math.inc.h"

/* ---- sums -------------------------------------------------------------------------------- */

static void lanes_clear(il_real *lane)
{
    for (int l = 0; l < IL_LANES; l++) lane[l] = 0;
}

/* lane l + lane l+8, then +4, +2, +1 */
static il_real lanes_sum(il_real *lane)
{
    for (int w = IL_LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) lane[l] += lane[l + w];
    return lane[0];
}

/* A row is as if padded with zeros to a multiple of IL_LANES. */
static il_real dot(const il_real *x, const il_real *y, int n)
{
    il_real lane[IL_LANES];
    lanes_clear(lane);
    for (int i = 0; i < il_padded(n); i++) {
        il_real *l = &lane[i % IL_LANES];
        *l = i < n ? fused(x[i], y[i], *l) : *l + 0;
    }
    return lanes_sum(lane);
}

/* ---- products ------------------------------------------------------------------------------ */

static size_t packed_size(int K, int N) { return (size_t)K * (size_t)N; }

static void pack(il_real *packed, const il_real *W, int ldw, int K, int N, int transposed)
{
    for (int k = 0; k < K; k++)
        for (int n = 0; n < N; n++)
            *packed++ = transposed ? W[(size_t)n * ldw + k] : W[(size_t)k * ldw + n];
}

static il_real finish(il_real v, const il_epilogue *e, int m, int n)
{
    if (e->bias) v += e->bias[n];
    if (e->pre) e->pre[(size_t)m * e->ldp + n] = v;
    if (e->gelu) v = gelu_of(v);
    if (e->residual) v += e->residual[(size_t)m * e->ldr + n];
    return v;
}

static void gemm(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work)
{
    (void)work;
    for (int m = 0; m < M; m++, A += lda, C += ldc)
        for (int n = 0; n < N; n++) {
            il_real v = add ? C[n] : 0;
            for (int k = 0; k < K; k++) v = fused(A[k], packed[(size_t)k * N + n], v);
            C[n] = e ? finish(v, e, m, n) : v;
        }
}

static void gemm_tn(il_real *C, int ldc, const il_real *X, int ldx, const il_real *Y,
                    int ldy, int M, int K, int N, il_real *work)
{
    (void)work;
    for (int m = 0; m < M; m++, X += ldx, Y += ldy)
        for (int k = 0; k < K; k++)
            for (int n = 0; n < N; n++) {
                il_real *c = &C[(size_t)k * ldc + n];
                *c = fused(X[k], Y[n], *c);
            }
}

/* ---- attention ------------------------------------------------------------------------------- */

static size_t work_size(int T, int K) { return 2 * (size_t)T + (size_t)K; }

/* s[j] = (scale q) . k_j for j <= i; qs is scratch for scale q */
static void scores(il_real *s, il_real *qs, const il_real *q, const il_real *k, int ld,
                   int i, int K, il_real scale)
{
    for (int c = 0; c < K; c++) qs[c] = scale * q[c];
    for (int j = 0; j <= i; j++, k += ld) {
        s[j] = 0;
        for (int c = 0; c < K; c++) s[j] = fused(k[c], qs[c], s[j]);
    }
}

static void attention_forward(il_real *out, int ldo, il_real *stat, const il_real *q,
                              const il_real *k, const il_real *v, int ld, int T, int K,
                              il_real scale, il_real *work)
{
    il_real *p = work, *qs = p + T;
    for (int i = 0; i < T; i++, q += ld, out += ldo) {
        scores(p, qs, q, k, ld, i, K, scale);
        il_real max = -INFINITY, sum = 0;
        for (int j = 0; j <= i; j++) max = p[j] > max ? p[j] : max;
        max += 0; /* -0 becomes 0: the maximum does not depend on an order */
        for (int j = 0; j <= i; j++) sum += p[j] = exp_of(p[j] - max);
        il_real r = 1 / sum;
        for (int j = 0; j <= i; j++) p[j] *= r;
        for (int c = 0; c < K; c++) {
            il_real o = 0;
            for (int j = 0; j <= i; j++) o = fused(p[j], v[(size_t)j * ld + c], o);
            out[c] = o;
        }
        stat[2 * i] = max;
        stat[2 * i + 1] = r;
    }
}

/* With p the probabilities and dp_ij = dout_i . v_j:
 *   ds_ij = scale p_ij (dp_ij - out_i . dout_i)
 *   dq_i += sum_j ds_ij k_j,   dk_j += sum_i ds_ij q_i,   dv_j += sum_i p_ij dout_i */
static void attention_backward(il_real *dq, il_real *dk, il_real *dv, int ldd,
                               const il_real *dout, const il_real *out, int ldo,
                               const il_real *stat, const il_real *q, const il_real *k,
                               const il_real *v, int ld, int T, int K, il_real scale,
                               il_real *work)
{
    il_real *p = work, *ds = p + T, *qs = ds + T;
    for (int i = 0; i < T; i++, q += ld, dq += ldd, dout += ldo, out += ldo) {
        scores(p, qs, q, k, ld, i, K, scale);
        il_real mean = dot(out, dout, K);
        for (int j = 0; j <= i; j++) {
            p[j] = exp_of(p[j] - stat[2 * i]) * stat[2 * i + 1];
            il_real dp = 0;
            for (int c = 0; c < K; c++) dp = fused(v[(size_t)j * ld + c], dout[c], dp);
            ds[j] = p[j] * scale * (dp - mean);
        }
        for (int j = 0; j <= i; j++) {
            size_t row = (size_t)j * ld, drow = (size_t)j * ldd;
            for (int c = 0; c < K; c++) {
                dq[c] = fused(ds[j], k[row + c], dq[c]);
                dk[drow + c] = fused(ds[j], q[c], dk[drow + c]);
                dv[drow + c] = fused(p[j], dout[c], dv[drow + c]);
            }
        }
    }
}

#include "la/plain_mix.inc.h"

/* ---- normalisation --------------------------------------------------------------------------- */

static void layernorm_forward(il_real *y, il_real *stat, int stat_given, const il_real *x,
                              const il_real *gain, const il_real *bias, int M, int C,
                              il_real eps)
{
    for (int m = 0; m < M; m++, x += C, y += C, stat += 2) {
        if (!stat_given) {
            il_real lane[IL_LANES];
            lanes_clear(lane);
            for (int c = 0; c < C; c++) lane[c % IL_LANES] += x[c];
            stat[0] = lanes_sum(lane) / (il_real)C;
            lanes_clear(lane);
            for (int c = 0; c < C; c++) {
                il_real d = x[c] - stat[0], *l = &lane[c % IL_LANES];
                *l = fused(d, d, *l);
            }
            stat[1] = 1 / root(lanes_sum(lane) / (il_real)C + eps);
        }
        for (int c = 0; c < C; c++) {
            il_real z = (x[c] - stat[0]) * stat[1];
            y[c] = bias ? fused(z, gain[c], bias[c]) : z * gain[c];
        }
    }
}

/* With z = (x - mean) rstd and t = dy gain: dx += rstd (t - mean(t) - z mean(t z)) */
static void layernorm_backward(il_real *dx, il_real *dgain, il_real *dbias,
                               const il_real *dy, const il_real *x, const il_real *gain,
                               const il_real *stat, int M, int C)
{
    for (int m = 0; m < M; m++, dx += C, dy += C, x += C, stat += 2) {
        il_real sum[IL_LANES], dots[IL_LANES];
        lanes_clear(sum);
        lanes_clear(dots);
        for (int c = 0; c < il_padded(C); c++) {
            il_real *s = &sum[c % IL_LANES], *d = &dots[c % IL_LANES];
            il_real z = c < C ? (x[c] - stat[0]) * stat[1] : 0,
                    t = c < C ? dy[c] * gain[c] : 0;
            *s += t;
            *d = fused(t, z, *d);
            if (c >= C) continue;
            dgain[c] = fused(dy[c], z, dgain[c]);
            if (dbias) dbias[c] += dy[c];
        }
        il_real a = lanes_sum(sum) / (il_real)C, b = lanes_sum(dots) / (il_real)C;
        for (int c = 0; c < C; c++) {
            il_real z = (x[c] - stat[0]) * stat[1], t = dy[c] * gain[c];
            dx[c] = fused(stat[1], fused(-z, b, t - a), dx[c]);
        }
    }
}

static void rmsnorm_forward(il_real *y, il_real *stat, int stat_given, const il_real *x,
                            const il_real *gain, int M, int C, il_real eps)
{
    for (int m = 0; m < M; m++, x += C, y += C) {
        if (!stat_given) stat[m] = 1 / root(dot(x, x, C) / (il_real)C + eps);
        for (int c = 0; c < C; c++) y[c] = x[c] * stat[m] * gain[c];
    }
}

/* With z = x rstd and t = dy gain: dx += rstd (t - z mean(t z)) */
static void rmsnorm_backward(il_real *dx, il_real *dgain, const il_real *dy,
                             const il_real *x, const il_real *gain, const il_real *stat,
                             int M, int C)
{
    for (int m = 0; m < M; m++, dx += C, dy += C, x += C) {
        il_real r = stat[m], dots[IL_LANES];
        lanes_clear(dots);
        for (int c = 0; c < il_padded(C); c++) {
            il_real z = c < C ? x[c] * r : 0, t = c < C ? dy[c] * gain[c] : 0;
            dots[c % IL_LANES] = fused(t, z, dots[c % IL_LANES]);
            if (c < C) dgain[c] = fused(dy[c], z, dgain[c]);
        }
        il_real b = lanes_sum(dots) / (il_real)C;
        for (int c = 0; c < C; c++)
            dx[c] = fused(r, fused(-(x[c] * r), b, dy[c] * gain[c]), dx[c]);
    }
}

/* ---- element by element -------------------------------------------------------------------------- */

static void axpy(il_real *y, il_real a, const il_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = fused(a, x[i], y[i]);
}

static void add(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void mul(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

static void muladd(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = fused(a[i], b[i], y[i]);
}

static void colsum(il_real *y, const il_real *X, int ldx, int M, int N)
{
    for (int m = 0; m < M; m++, X += ldx)
        for (int n = 0; n < N; n++) y[n] += X[n];
}

static void add_rows(il_real *Y, int ldy, const il_real *X, int ldx, int M, int N)
{
    for (int m = 0; m < M; m++, Y += ldy, X += ldx) add(Y, Y, X, (size_t)N);
}

static void dot_rows(il_real *y, const il_real *X, int ldx, const il_real *Z, int ldz,
                     int M, int N)
{
    for (int m = 0; m < M; m++, X += ldx, Z += ldz) y[m] = dot(X, Z, N);
}

/* ---- the optimiser's step ------------------------------------------------------------------------- */

static void adam(il_real *w, il_real *m, il_real *v, const il_real *grad, size_t n,
                 il_real scale, il_real beta1, il_real beta2, il_real c1, il_real c2,
                 il_real eps, il_real rate, il_real decay)
{
    for (size_t i = 0; i < n; i++) {
        il_real g = grad[i] * scale;
        m[i] = fused(beta1, m[i], (1 - beta1) * g);
        v[i] = fused(beta2, v[i], (1 - beta2) * (g * g));
        il_real u = m[i] * c1 / (root(v[i] * c2) + eps);
        w[i] = fused(-rate, fused(decay, w[i], u), w[i]);
    }
}

static double squares(const il_real *x, size_t n)
{
    double lane[IL_LANES] = { 0 };
    for (size_t i = 0; i < n; i++) lane[i % IL_LANES] += (double)x[i] * (double)x[i];
    for (int w = IL_LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) lane[l] += lane[l + w];
    return lane[0];
}
