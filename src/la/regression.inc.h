/* regression.inc.h - ridge regression at every token by solving
 *
 * plain_mix.inc.h says the same in C. What counts is latency: sums over rows run in four chains.
 */

/* Vectors of columns at a time */
enum { NR_BLOCK = IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon ? 2 : 1 };

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

/* w = S^T a over nv vectors of columns from c0 on */
INLINE void apply_block(const int nv, il_real *w, const il_real *S, const il_real *a,
                        int c0, int K)
{
    int ld = il_padded(K), j = 0;
    vf sum[4][NR_BLOCK] = { { { 0 } } };
    S += c0;
#define ROW(i)                                                                             \
    do {                                                                                   \
        vf aj = vsplat(a[j + (i)]);                                                        \
        UNROLL                                                                             \
        for (int v = 0; v < nv; v++)                                                       \
            sum[i][v] = vfma(aj, vload(S + (i)*ld + v * VL), sum[i][v]);                   \
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
    vf y[NR_BLOCK];
    UNROLL
    for (int v = 0; v < nv; v++) y[v] = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
    store_row(nv, w + c0, y, K - c0);
}
static void apply(il_real *w, const il_real *S, const il_real *a, int K)
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
static void apply_with(il_real *w, const il_real *H, const il_real *p,
                       const il_real *ridges, int K)
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
