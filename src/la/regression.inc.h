/* regression.inc.h - ridge regression at every token, by the inverse or by solving
 *
 * plain_mix.inc.h says the same in C. Here a token needs what the one before it did to the whole
 * matrix, so what counts is latency: sums over rows run in four chains, and R is gone through
 * once a token: its last change is made just before it is read.
 */

/* Vectors of columns at a time; most that a row is kept in registers for */
enum { NR_BLOCK = IL_LEVEL == LEVEL_avx512 ? 2 : 1, NR_ALL = 4 };

INLINE il_real fused(il_real a, il_real b, il_real c)
{
    return vfma(vsplat(a), vsplat(b), vsplat(c))[0];
}
INLINE il_real root(il_real x)
{
#ifdef IL_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* y = S^T a, y2 = S^T a2 over nv vectors of columns from c0 on, after S = S over - z z^T where
 * `change` says so; zc are z's numbers of these columns. */
INLINE void read_in_four(const int nv, const int change, const int two, il_real *S, int K,
                         int c0, vf over, const vf *zc, const il_real *z, const il_real *a,
                         const il_real *a2, vf *y, vf *y2)
{
    int ld = il_padded(K), j = 0;
    vf sum[4][NR_BLOCK] = { { { 0 } } }, sum2[4][NR_BLOCK] = { { { 0 } } }, c[NR_BLOCK];
    UNROLL
    for (int v = 0; v < nv && change; v++) c[v] = -zc[v];
    S += c0;
#define ROW(i)                                                                             \
    do {                                                                                   \
        vf zj = vsplat(z[j + (i)]), aj = vsplat(a[j + (i)]), a2j = vsplat(a2[j + (i)]);    \
        UNROLL                                                                             \
        for (int v = 0; v < nv; v++) {                                                     \
            vf s = vload(S + (i)*ld + v * VL);                                             \
            if (change) {                                                                  \
                s = vfma(zj, c[v], s * over);                                              \
                vstore(S + (i)*ld + v * VL, s);                                            \
            }                                                                              \
            sum[i][v] = vfma(aj, s, sum[i][v]);                                            \
            if (two) sum2[i][v] = vfma(a2j, s, sum2[i][v]);                                \
        }                                                                                  \
    } while (0)
    for (; j + 4 <= K; j += 4, S += 4 * (size_t)ld) {
        ROW(0);
        ROW(1);
        ROW(2);
        ROW(3);
    }
    if (j < K) ROW(0);
    if (j + 1 < K) ROW(1);
    if (j + 2 < K) ROW(2);
#undef ROW
    UNROLL
    for (int v = 0; v < nv; v++) {
        y[v] = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
        if (two) y2[v] = (sum2[0][v] + sum2[1][v]) + (sum2[2][v] + sum2[3][v]);
    }
}

/* w = S^T a */
INLINE void apply_block(const int nv, il_real *w, il_real *S, const il_real *a, int c0,
                        int K)
{
    vf y[NR_BLOCK], none[NR_BLOCK];
    read_in_four(nv, 0, 0, S, K, c0, (vf){ 0 }, y, a, a, a, y, none);
    store_row(nv, w + c0, y, K - c0);
}
static void apply(il_real *w, il_real *S, const il_real *a, int K)
{
    int c0 = 0;
    for (; K - c0 > (NR_BLOCK - 1) * VL; c0 += NR_BLOCK * VL)
        apply_block(NR_BLOCK, w, S, a, c0, K);
    if (c0 < K) apply_block(1, w, S, a, c0, K);
}

/* S = S factor + k (gain k)^T */
static void rank_one(il_real *S, const il_real *k, il_real gain, il_real factor, int K)
{
    for (int j = 0; j < K; j++, S += il_padded(K)) {
        vf kj = vsplat(k[j]);
        EACH_VECTOR((size_t)K) STORE(S, vfma(kj, gain * LOAD(k), LOAD(S) * factor));
    }
}

/* One token of a prompt whose rows are `all` vectors wide, in registers: z[] comes in as what R has
 * not seen yet, to be scaled by *over, and goes out as this token's. */
INLINE void rls_step(const int all, const int decays, const int first, il_real *R,
                     const il_regression *r, size_t t, vf *z, vf *over)
{
    const int K = r->K;
    il_real decay = decays ? r->decay[t * (size_t)r->ld_decay] : 1;
    il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
    const il_real *b = r->b + t * (size_t)r->ldb, *k = r->k + t * (size_t)r->ldk;
    il_real *x_at = r->x + t * (size_t)r->ldx, *z_at = r->z + t * (size_t)r->ldz;
    vf w[NR_ALL], x[NR_ALL], lane[LANE_VECTORS] = { { 0 } };
    UNROLL
    for (int v = 0; v < all; v += NR_BLOCK) {
        const int nv = all - v < NR_BLOCK ? all - v : NR_BLOCK;
        read_in_four(nv, !first, 1, R, K, v * VL, *over, z + v, first ? k : z_at - r->ldz,
                     k, b, w + v, x + v);
    }
    UNROLL
    for (int v = 0; v < all; v++)
        lane[v % LANE_VECTORS] =
            vfma(vload_n(k + v * VL, K - v * VL), w[v], lane[v % LANE_VECTORS]);
    il_real den = fused(gain, lanes_sum(lane), decay) * decay;
    vf root_of = vsplat(den > 0 ? root(gain / den) : 0);
    *over = vsplat(1 / decay);
    UNROLL
    for (int v = 0; v < all; v++) {
        z[v] = w[v] * root_of;
        vstore_n(z_at + v * VL, z[v], K - v * VL);
    }
    UNROLL
    for (int v = 0; v < LANE_VECTORS; v++) lane[v] = (vf){ 0 };
    UNROLL
    for (int v = 0; v < all; v++)
        lane[v % LANE_VECTORS] =
            vfma(z[v], vload_n(b + v * VL, K - v * VL), lane[v % LANE_VECTORS]);
    vf zb = vsplat(-lanes_sum(lane));
    UNROLL
    for (int v = 0; v < all; v++)
        vstore_n(x_at + v * VL, vfma(zb, z[v], x[v] * *over), K - v * VL);
}

/* Two prompts side by side: while one waits for its sums, the other goes through its rows. */
INLINE void rls_run(const int all, const int decays, il_real *const *R,
                    const il_regression *r, const int n)
{
    vf z[2][NR_ALL], over[2];
    UNROLL
    for (int i = 0; i < n; i++) rls_step(all, decays, 1, R[i], &r[i], 0, z[i], &over[i]);
    for (size_t t = 1; t < (size_t)r->T; t++) {
        UNROLL
        for (int i = 0; i < n; i++)
            rls_step(all, decays, 0, R[i], &r[i], t, z[i], &over[i]);
    }
}

/* The same for any K, through memory */
static void rls_wide(il_real *R, const il_regression *r)
{
    int K = r->K;
    for (size_t t = 0; t < (size_t)r->T; t++) {
        il_real decay = r->decay ? r->decay[t * (size_t)r->ld_decay] : 1, over = 1 / decay;
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        const il_real *b = r->b + t * (size_t)r->ldb, *k = r->k + t * (size_t)r->ldk;
        il_real *x = r->x + t * (size_t)r->ldx, *z = r->z + t * (size_t)r->ldz;
        apply(z, R, k, K);
        apply(x, R, b, K);
        il_real den = fused(gain, dot(k, z, K), decay) * decay;
        il_real root_of = den > 0 ? root(gain / den) : 0;
        EACH_VECTOR((size_t)K) STORE(z, LOAD(z) * root_of);
        vf zb = vsplat(-dot(z, b, K));
        EACH_VECTOR((size_t)K) STORE(x, vfma(zb, LOAD(z), LOAD(x) * over));
        rank_one(R, z, -1, over, K);
    }
}

#define RLS(all)                                                                           \
    static __attribute__((noinline)) void rls_##all(il_real *const *R,                     \
                                                    const il_regression *r, int n)         \
    {                                                                                      \
        if (r->decay && n == 2)                                                            \
            rls_run(all, 1, R, r, 2);                                                      \
        else if (r->decay)                                                                 \
            rls_run(all, 1, R, r, 1);                                                      \
        else if (n == 2)                                                                   \
            rls_run(all, 0, R, r, 2);                                                      \
        else                                                                               \
            rls_run(all, 0, R, r, 1);                                                      \
    }
RLS(1)
RLS(2)
RLS(3)
RLS(4)

static void rls_some(il_real *const *R, const il_regression *r, int n)
{
    switch ((r->K + VL - 1) / VL) {
    case 1:
        rls_1(R, r, n);
        break;
    case 2:
        rls_2(R, r, n);
        break;
    case 3:
        rls_3(R, r, n);
        break;
    case 4:
        rls_4(R, r, n);
        break;
    default:
        for (int i = 0; i < n; i++) rls_wide(R[i], &r[i]);
        return;
    }
    size_t last = (size_t)r->T - 1;
    for (int i = 0; i < n; i++) { /* what the last token left to do */
        il_real over = r->decay ? 1 / r[i].decay[last * (size_t)r[i].ld_decay] : 1;
        rank_one(R[i], r[i].z + last * (size_t)r[i].ldz, -1, over, r->K);
    }
}

static void rls(il_real *const *R, const il_regression *r, int n)
{
    for (int i = 0; i < n && r->T; i += 2) rls_some(R + i, r + i, il_min(2, n - i));
}

/* A row of U, from the vector that holds its diagonal on: H's row less what stands above it */
INLINE void eliminate(const int nv, il_real *A, const il_real *H, int ld, int i, int c0)
{
    vf row[NB];
    load_row(nv, row, H + (size_t)i * (size_t)ld + c0, nv * VL);
    const il_real *u = A;
    for (int k = 0; k < i; k++, u += ld) {
        vf factor = vsplat(-u[i]);
        UNROLL
        for (int v = 0; v < nv; v++) row[v] = vfma(factor, vload(u + c0 + v * VL), row[v]);
    }
    store_row(nv, A + (size_t)i * (size_t)ld + c0, row, nv * VL);
}

static void cholesky(il_real *x, const il_real *H, const il_real *b, const il_real *ridges,
                     int K, il_real *A)
{
    int ld = il_padded(K);
    il_real *y = A + (size_t)K * (size_t)ld, *over = y + ld, *solved = over + ld;
    for (int c = 0; c < ld; c++) {
        y[c] = c < K ? b[c] : 0;
        solved[c] = 0;
    }
    for (int i = 0; i < K; i++) {
        il_real *row = A + (size_t)i * (size_t)ld;
        int from = i / VL * VL;
        for (int c0 = from; c0 < K; c0 += NB * VL) {
            if (K - c0 > VL)
                eliminate(2, A, H, ld, i, c0);
            else
                eliminate(1, A, H, ld, i, c0);
        }
        row[i] += ridges[i];
        over[i] = 1 / root(row[i]);
        y[i] *= over[i];
        vf scale = vsplat(over[i]), yi = vsplat(-y[i]);
        for (int c = i / IL_LANES * IL_LANES; c < from; c += VL) vstore(row + c, (vf){ 0 });
        for (int c = from; c < K; c += VL) {
            vi place = viota() + (il_int)c, here = (vi){ 0 } + (il_int)i;
            vf u = vselect(place >= here, vload(row + c) * scale, (vf){ 0 }),
               old = vload(y + c);
            vstore(row + c, u);
            vstore(y + c, vselect(place > here, vfma(u, yi, old), old));
        }
    }
    for (int i = K - 1; i >= 0; i--) {
        int from = i / IL_LANES * IL_LANES;
        const il_real *row = A + (size_t)i * (size_t)ld;
        solved[i] = (y[i] - dot(row + from, solved + from, K - from)) * over[i];
    }
    memcpy(x, solved, sizeof *x * (size_t)K);
}

/* w = (H + diag(ridge)) p */
static void apply_with(il_real *w, il_real *H, const il_real *p, const il_real *ridges,
                       int K)
{
    apply(w, H, p, K);
    EACH_VECTOR((size_t)K) STORE(w, vfma(LOAD(ridges), LOAD(p), LOAD(w)));
}

static void conjugate(il_real *x, il_real *H, const il_real *b, const il_regression *r)
{
    int K = r->K, ld = il_padded(K);
    size_t n = (size_t)K;
    il_real *p = r->work, *w = p + ld, *res = w + ld;
    for (int c = 0; c < K; c++)
        x[c] = b[c] / (H[(size_t)c * (size_t)(ld + 1)] + r->ridge[c]);
    apply_with(w, H, x, r->ridge, K);
    EACH_VECTOR(n)
    {
        vf left_over = LOAD(b) - LOAD(w);
        STORE(res, left_over);
        STORE(p, left_over);
    }
    il_real delta = dot(res, res, K), stop = r->eps * r->eps * dot(b, b, K);
    for (int step = 0; step < r->steps && delta > stop; step++) {
        apply_with(w, H, p, r->ridge, K);
        il_real curve = dot(p, w, K), alpha = delta / curve, before = delta;
        if (!(curve > 0)) break;
        EACH_VECTOR(n)
        {
            STORE(x, vfma(vsplat(alpha), LOAD(p), LOAD(x)));
            STORE(res, vfma(vsplat(-alpha), LOAD(w), LOAD(res)));
        }
        delta = dot(res, res, K);
        vf mix = vsplat(delta / before);
        EACH_VECTOR(n) STORE(p, vfma(mix, LOAD(p), LOAD(res)));
    }
}

static void ridge(il_real *H, const il_regression *r)
{
    int K = r->K;
    for (size_t t = 0; t < (size_t)r->T; t++) {
        il_real decay = r->decay ? r->decay[t * (size_t)r->ld_decay] : 1;
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        const il_real *k = r->k + t * (size_t)r->ldk, *b = r->b + t * (size_t)r->ldb;
        il_real *x = r->x + t * (size_t)r->ldx;
        rank_one(H, k, gain, decay, K);
        if (r->steps)
            conjugate(x, H, b, r);
        else
            cholesky(x, H, b, r->ridge, K, r->work);
    }
}
