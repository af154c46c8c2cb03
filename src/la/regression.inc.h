/* regression.inc.h - ridge regression at every token, by the inverse or by solving
 *
 * plain_mix.inc.h says the same in C. Passes over the rows of R or H are those of
 * recurrence.inc.h; here their columns meet at every token, so the blocks are inside.
 */

/* y = S^T a over all columns */
INLINE void read_columns(const int nv, il_real *S, const il_real *a, il_real *y, int c0,
                         int K)
{
    vf sum[NB];
    pass(nv, READ, S + c0, il_padded(K), K, (vf){ 0 }, a, sum, a, sum);
    store_row(nv, y + c0, sum, K - c0);
}

/* R = (R - z z^T) over;  x = R^T b */
INLINE void downdate(const int nv, const int decays, il_real *R, vf over, const il_real *z,
                     const il_real *b, il_real *x, int c0, int K)
{
    vf c[NB], sum[NB];
    load_row(nv, c, z + c0, K - c0);
    UNROLL
    for (int v = 0; v < nv; v++) c[v] = -c[v];
    pass(nv, UPDATE | READ | (decays ? AFTER_UPDATE : 0), R + c0, il_padded(K), K, over, z,
         c, b, sum);
    store_row(nv, x + c0, sum, K - c0);
}

/* H = H decay + k (gain k)^T */
INLINE void gather(const int nv, il_real *H, vf decay, vf gain, const il_real *k, int c0,
                   int K)
{
    vf c[NB];
    load_row(nv, c, k + c0, K - c0);
    UNROLL
    for (int v = 0; v < nv; v++) c[v] = gain * c[v];
    pass(nv, BEFORE | UPDATE, H + c0, il_padded(K), K, decay, k, c, k, c);
}

/* F(nv, ...) for every block of columns of K; `nv` is a constant in each */
#if IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon
#define EACH_BLOCK(K, call)                                                                \
    for (int c0 = 0; c0 < (K); c0 += NB * VL) switch (((K)-c0 + VL - 1) / VL) {            \
        case 1:                                                                            \
            call(1);                                                                       \
            break;                                                                         \
        case 2:                                                                            \
            call(2);                                                                       \
            break;                                                                         \
        case 3:                                                                            \
            call(3);                                                                       \
            break;                                                                         \
        default:                                                                           \
            call(4);                                                                       \
        }
#else
#define EACH_BLOCK(K, call)                                                                \
    for (int c0 = 0; c0 < (K); c0 += NB * VL) switch (((K)-c0 + VL - 1) / VL) {            \
        case 1:                                                                            \
            call(1);                                                                       \
            break;                                                                         \
        default:                                                                           \
            call(2);                                                                       \
        }
#endif

INLINE il_real fused(il_real a, il_real b, il_real c)
{
    return vfma(vsplat(a), vsplat(b), vsplat(c))[0];
}
INLINE il_real root(il_real x) { return vsqrt(vsplat(x))[0]; }

static void rls(il_real *R, const il_regression *r)
{
    int K = r->K;
    for (size_t t = 0; t < (size_t)r->T; t++) {
        il_real decay = r->decay ? r->decay[t * (size_t)r->ld_decay] : 1;
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        const il_real *b = r->b + t * (size_t)r->ldb;
        il_real *x = r->x + t * (size_t)r->ldx, *z = r->z + t * (size_t)r->ldz;
        if (r->k) {
            const il_real *k = r->k + t * (size_t)r->ldk;
#define CALL(nv) read_columns(nv, R, k, z, c0, K)
            EACH_BLOCK(K, CALL)
#undef CALL
            il_real den = fused(gain, dot(k, z, K), decay);
            il_real root_of = den > 0 ? root(gain / den) : 0;
            EACH_VECTOR((size_t)K) STORE(z, LOAD(z) * root_of);
        }
        vf over = vsplat(1 / decay);
        if (r->decay) {
#define CALL(nv) downdate(nv, 1, R, over, z, b, x, c0, K)
            EACH_BLOCK(K, CALL)
#undef CALL
        } else {
#define CALL(nv) downdate(nv, 0, R, over, z, b, x, c0, K)
            EACH_BLOCK(K, CALL)
#undef CALL
        }
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
        for (int c0 = from; c0 < K; c0 += NB * VL)
            switch (il_min(NB, (K - c0 + VL - 1) / VL)) {
            case 1:
                eliminate(1, A, H, ld, i, c0);
                break;
            case 2:
                eliminate(2, A, H, ld, i, c0);
                break;
#if IL_LEVEL == LEVEL_avx512 || IL_LEVEL == LEVEL_neon
            case 3:
                eliminate(3, A, H, ld, i, c0);
                break;
            default:
                eliminate(4, A, H, ld, i, c0);
#endif
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
static void apply(il_real *w, il_real *H, const il_real *p, const il_real *ridges, int K)
{
#define CALL(nv) read_columns(nv, H, p, w, c0, K)
    EACH_BLOCK(K, CALL)
#undef CALL
    EACH_VECTOR((size_t)K) STORE(w, vfma(LOAD(ridges), LOAD(p), LOAD(w)));
}

static void conjugate(il_real *x, il_real *H, const il_real *b, const il_regression *r)
{
    int K = r->K, ld = il_padded(K);
    size_t n = (size_t)K;
    il_real *p = r->work, *w = p + ld, *res = w + ld;
    for (int c = 0; c < K; c++)
        x[c] = b[c] / (H[(size_t)c * (size_t)(ld + 1)] + r->ridge[c]);
    apply(w, H, x, r->ridge, K);
    EACH_VECTOR(n)
    {
        vf left_over = LOAD(b) - LOAD(w);
        STORE(res, left_over);
        STORE(p, left_over);
    }
    il_real delta = dot(res, res, K), stop = r->eps * r->eps * dot(b, b, K);
    for (int step = 0; step < r->steps && delta > stop; step++) {
        apply(w, H, p, r->ridge, K);
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
        vf decay = vsplat(r->decay ? r->decay[t * (size_t)r->ld_decay] : 1);
        vf gain = vsplat(r->gain ? r->gain[t * (size_t)r->ld_gain] : 1);
        const il_real *k = r->k + t * (size_t)r->ldk, *b = r->b + t * (size_t)r->ldb;
        il_real *x = r->x + t * (size_t)r->ldx;
#define CALL(nv) gather(nv, H, decay, gain, k, c0, K)
        EACH_BLOCK(K, CALL)
#undef CALL
        if (r->steps)
            conjugate(x, H, b, r);
        else
            cholesky(x, H, b, r->ridge, K, r->work);
    }
}
