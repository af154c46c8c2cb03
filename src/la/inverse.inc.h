/* inverse.inc.h - ridge regression at every token by the inverse R of P, CHUNK tokens at a time
 *
 * With R before a chunk, u_i = R k_i and the Gram matrix M_ij = u_i . k_j of its keys,
 * diag(c_i / gain_i) + M = L diag(1 / d_i) L^T (c: decays so far) serves all its tokens: rows of
 * L^{-1} u are, scaled, the z of a recursion token by token, and the product of R after t tokens
 * with q_t is (R q_t - sum_{i <= t} d_i (L^{-1} u)_i (L^{-1} u)_i . q_t) / c_t. Derived in
 * docs/mesa.md; plain_mix.inc.h says the same in C.
 *
 * So R is gone through once a chunk: its last change is made just before it is read for all keys
 * and queries at once. Factors of CHUNK prompts stand side by side in the lanes of a `quad`.
 */

/* `quad`s of prompts; tokens that are fetched ahead; products of a chunk (see products) */
enum { CHUNK = IL_CHUNK, QUAD = 4, AHEAD = 8, PAIRS = CHUNK * (CHUNK + 1) };
typedef il_real quad __attribute__((vector_size(QUAD * sizeof(il_real)), may_alias));
typedef il_int quad_bits __attribute__((vector_size(QUAD * sizeof(il_real))));

/* A prompt's scratch: rows il_padded(K) apart, 0 beyond K: keys, queries, R times these, and what
 * the chunk takes from R */
enum {
    KEYS,
    QUERIES = CHUNK,
    TIMES_KEYS = 2 * CHUNK,
    TIMES_QUERIES = 3 * CHUNK,
    Z = 4 * CHUNK
};

/* Where the products of row i stand: with keys i, i+1, ..; then with queries i, i+1, .. */
#define WITH_KEY(i, j)   ((i) * (2 * CHUNK - (i)) + (j))
#define WITH_QUERY(i, t) (WITH_KEY(i, t) + CHUNK - (i))

/* A chunk of some prompts. `product` becomes L where keys are, d_i (L^{-1} u)_i . q_t where
 * queries are, both with the sign in which they are used. */
typedef struct {
    quad product[PAIRS], weight[CHUNK]; /* weight: gain / decays so far */
    quad over[CHUNK], d[CHUNK];         /* over: 1 / decays so far */
    quad root_over[CHUNK], root_d[CHUNK];
} chunk;

/* Keys and queries of a chunk, rows `ld` apart: the caller's, or copies that are 0 where a vector or
 * a chunk is not full */
typedef struct {
    const il_real *k, *q;
    int ld;
} operands;

/* R = (R - sum z z^T) over where there is a `change`, then n keys and n queries times R: nv vectors
 * of columns from c0 on */
INLINE void pass_block(const int nv, const int n, const int change, const int decays,
                       const int ld, il_real *R, int K, int c0, operands a, il_real *work,
                       il_real over)
{
    const il_real *z = work + Z * ld;
    vf y[2 * CHUNK][NR_BLOCK], zc[CHUNK][NR_BLOCK], factor = vsplat(over);
    UNROLL
    for (int m = 0; m < 2 * n; m++) {
        UNROLL
        for (int v = 0; v < nv; v++) y[m][v] = (vf){ 0 };
    }
    UNROLL
    for (int i = 0; i < n && change; i++) {
        UNROLL
        for (int v = 0; v < nv; v++) zc[i][v] = -vload(z + i * ld + c0 + v * VL);
    }
    il_real *row = R + c0;
    for (int j = 0; j < K; j++, row += ld, z++, a.k++, a.q++) {
        vf s[NR_BLOCK];
        UNROLL
        for (int v = 0; v < nv; v++) s[v] = vload(row + v * VL);
        UNROLL
        for (int i = 0; i < n && change; i++) {
            vf zj = vsplat(z[i * ld]);
            UNROLL
            for (int v = 0; v < nv; v++) s[v] = vfma(zj, zc[i][v], s[v]);
        }
        UNROLL
        for (int v = 0; v < nv && change; v++) {
            if (decays) s[v] *= factor;
            vstore(row + v * VL, s[v]);
        }
        UNROLL
        for (int m = 0; m < 2 * n; m++) {
            vf aj = vsplat(m < n ? a.k[(size_t)m * (size_t)a.ld]
                                 : a.q[(size_t)(m - n) * (size_t)a.ld]);
            UNROLL
            for (int v = 0; v < nv; v++) y[m][v] = vfma(aj, s[v], y[m][v]);
        }
    }
    UNROLL
    for (int m = 0; m < 2 * n; m++)
        store_row(nv, work + (m < n ? TIMES_KEYS + m : TIMES_QUERIES + m - n) * ld + c0,
                  y[m], K - c0);
}

INLINE void pass_columns(const int nv, const int n, int change, int decays, const int ld,
                         il_real *R, int K, int c0, operands a, il_real *work, il_real over)
{
    if (!change)
        pass_block(nv, n, 0, 0, ld, R, K, c0, a, work, over);
    else if (!decays)
        pass_block(nv, n, 1, 0, ld, R, K, c0, a, work, over);
    else
        pass_block(nv, n, 1, 1, ld, R, K, c0, a, work, over);
}

/* One copy of the pass for each distance of rows that is common: its offsets are then constants. */
#define PASS(name, n, ld)                                                                  \
    static __attribute__((noinline)) void name(int change, int decays, il_real *R, int K,  \
                                               operands a, il_real *work, il_real over)    \
    {                                                                                      \
        int c0 = 0;                                                                        \
        for (; K - c0 > (NR_BLOCK - 1) * VL; c0 += NR_BLOCK * VL)                          \
            pass_columns(NR_BLOCK, n, change, decays, ld, R, K, c0, a, work, over);        \
        if (c0 < K) pass_columns(1, n, change, decays, ld, R, K, c0, a, work, over);       \
    }
PASS(pass_16, CHUNK, 16)
PASS(pass_32, CHUNK, 32)
PASS(pass_48, CHUNK, 48)
PASS(pass_64, CHUNK, 64)
PASS(pass_any, CHUNK, il_padded(K))
PASS(pass_one, 1, il_padded(K))

static void rls_pass(int n, int change, int decays, il_real *R, int K, operands a,
                     il_real *work, il_real over)
{
    switch (n == 1 ? 1 : il_padded(K)) {
    case 1:
        pass_one(change, decays, R, K, a, work, over);
        break;
    case 16:
        pass_16(change, decays, R, K, a, work, over);
        break;
    case 32:
        pass_32(change, decays, R, K, a, work, over);
        break;
    case 48:
        pass_48(change, decays, R, K, a, work, over);
        break;
    case 64:
        pass_64(change, decays, R, K, a, work, over);
        break;
    default:
        pass_any(change, decays, R, K, a, work, over);
    }
}

static operands stage(const il_regression *r, int n, size_t t)
{
    const int K = r->K, ld = il_padded(K);
    const int whole = K % IL_LANES == 0 && (int)t + n <= r->T && r->ldk == r->ldb;
    for (int m = 0; m < n; m++) {
        size_t at = t + (size_t)m, next = (size_t)il_min((int)at + AHEAD, r->T - 1);
        il_real *to = r->work + m * ld;
        for (int c = 0; c < K; c += VL) {
            __builtin_prefetch(r->k + next * (size_t)r->ldk + c);
            __builtin_prefetch(r->b + next * (size_t)r->ldb + c);
            __builtin_prefetch(r->x + next * (size_t)r->ldx + c, 1);
            __builtin_prefetch(r->z + next * (size_t)r->ldz + c, 1);
            if (whole) continue;
            int left = (int)at < r->T ? K - c : 0;
            vstore(to + c, vload_n(r->k + at * (size_t)r->ldk + c, left));
            vstore(to + QUERIES * ld + c, vload_n(r->b + at * (size_t)r->ldb + c, left));
        }
    }
    if (whole)
        return (operands){ r->k + t * (size_t)r->ldk, r->b + t * (size_t)r->ldb, r->ldk };
    return (operands){ r->work, r->work + QUERIES * ld, ld };
}

/* Products of R k_i with k_j and q_j, i <= j, of all prompts: sixteen at a time. Of chunks of one
 * token the first key and the first query count. */
static void products(chunk *c, const il_regression *r, const operands *a, int prompts,
                     int n)
{
    static const signed char left[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                        1, 1, 1, 1, 2, 2, 2, 2, 3, 3 },
                             right[] = { 0, 1, 2, 3, 4, 5, 6, 7, 1, 2,
                                         3, 5, 6, 7, 2, 3, 6, 7, 3, 7 };
    const int ld = il_padded(r->K);
    UNROLL
    for (int p = 0; p < PAIRS; p += 4) {
        if (n == 1 && p > WITH_QUERY(0, 0)) continue;
        vf lane[LANE_VECTORS][16] = { { { 0 } } };
        UNROLL
        for (int h = 0; h < QUAD; h++) {
            if (h >= prompts) continue;
            for (int at = 0; at < ld; at += IL_LANES) {
                UNROLL
                for (int v = 0; v < LANE_VECTORS; v++) {
                    const il_real *row = r[h].work + at + v * VL;
                    UNROLL
                    for (int i = 0; i < 4; i++) {
                        vf *l = &lane[v][i * QUAD + h];
                        *l = vfma(vload(row + (TIMES_KEYS + left[p + i]) * ld),
                                  vload((right[p + i] < CHUNK ? a[h].k : a[h].q) +
                                        right[p + i] % CHUNK * a[h].ld + at + v * VL),
                                  *l);
                    }
                }
            }
        }
        sixteen_sums((il_real *)&c->product[p], lane);
    }
}

/* Decays and gains; a token that is lacking has none. */
static void weigh(chunk *c, const il_regression *r, int prompts, int n, size_t t)
{
    for (int h = 0; h < QUAD; h++) {
        il_real all = 1;
        for (int i = 0; i < CHUNK; i++) {
            size_t at = t + (size_t)i;
            const il_regression *p = h < prompts && i < n && (int)at < r->T ? &r[h] : NULL;
            il_real gain = !p ? 0 : p->gain ? p->gain[at * (size_t)p->ld_gain] : 1;
            if (p && p->decay) all *= p->decay[at * (size_t)p->ld_decay];
            c->over[i][h] = 1 / all;
            c->weight[i][h] = gain * c->over[i][h];
        }
    }
    for (int i = 0; i < CHUNK * QUAD; i += VL)
        vstore((il_real *)c->root_over + i, vsqrt(vload((il_real *)c->over + i)));
}

/* Elimination, all prompts at once */
static void eliminate_keys(chunk *c)
{
    quad *m = c->product;
    UNROLL
    for (int i = 0; i < CHUNK; i++) {
        quad pivot = c->weight[i] * m[WITH_KEY(i, i)] + 1, d = c->weight[i] / pivot;
        d = c->d[i] = (quad)((quad_bits)d & (quad_bits)(pivot > 0));
        UNROLL
        for (int j = i + 1; j < CHUNK; j++) {
            quad l = d * m[WITH_KEY(i, j)];
            UNROLL
            for (int k = j; k < CHUNK; k++) {
                m[WITH_KEY(j, k)] -= l * m[WITH_KEY(i, k)];
                m[WITH_QUERY(j, k)] -= l * m[WITH_QUERY(i, k)];
            }
        }
        UNROLL
        for (int j = i; j < CHUNK; j++) {
            m[WITH_KEY(i, j)] *= -d;
            m[WITH_QUERY(i, j)] *= -d;
        }
    }
    for (int i = 0; i < CHUNK * QUAD; i += VL)
        vstore((il_real *)c->root_d + i, vsqrt(vload((il_real *)c->d + i)));
}

/* z and x of prompt h, nv vectors of columns from c0 on; `whole`: the last is, and so is the chunk */
INLINE void finish_block(const int nv, const int n, const int decays, const int whole,
                         const chunk *c, const il_regression *r, int h, size_t t, int c0)
{
    const int K = r->K, ld = il_padded(K);
    il_real *work = r->work + c0, *z_at = r->z + t * (size_t)r->ldz + c0,
            *x_at = r->x + t * (size_t)r->ldx + c0;
    vf u[CHUNK][NB];
    UNROLL
    for (int i = 0; i < n; i++, z_at += r->ldz, x_at += r->ldx) {
        vf x[NB];
        UNROLL
        for (int v = 0; v < nv; v++) {
            u[i][v] = vload(work + (TIMES_KEYS + i) * ld + v * VL);
            x[v] = vload(work + (TIMES_QUERIES + i) * ld + v * VL);
        }
        UNROLL
        for (int j = 0; j < i; j++) {
            vf l = vsplat(c->product[WITH_KEY(j, i)][h]);
            UNROLL
            for (int v = 0; v < nv; v++) u[i][v] = vfma(l, u[j][v], u[i][v]);
        }
        UNROLL
        for (int j = 0; j <= i; j++) {
            vf l = vsplat(c->product[WITH_QUERY(j, i)][h]);
            UNROLL
            for (int v = 0; v < nv; v++) x[v] = vfma(l, u[j][v], x[v]);
        }
        UNROLL
        for (int v = 0; v < nv; v++) {
            vf z = u[i][v] * vsplat(c->root_d[i][h]);
            vstore(work + (Z + i) * ld + v * VL, z);
            if (decays) {
                z *= vsplat(c->root_over[i][h]);
                x[v] *= vsplat(c->over[i][h]);
            }
            int left = whole ? VL : (int)t + i < r->T ? K - c0 - v * VL : 0;
            vstore_n(z_at + v * VL, z, left);
            vstore_n(x_at + v * VL, x[v], left);
        }
    }
}

INLINE void finish_columns(const int n, const int decays, const int whole, const chunk *c,
                           const il_regression *r, int h, size_t t)
{
    int c0 = 0;
    for (; r->K - c0 > (NB - 1) * VL; c0 += NB * VL)
        finish_block(NB, n, decays, whole, c, r, h, t, c0);
    if (c0 < r->K) finish_block(1, n, decays, whole, c, r, h, t, c0);
}

INLINE void finish_chunk(const int n, const chunk *c, const il_regression *r, int h,
                         size_t t)
{
    int whole = r->K % VL == 0 && (int)t + n <= r->T;
    if (r->decay && whole)
        finish_columns(n, 1, 1, c, r, h, t);
    else if (r->decay)
        finish_columns(n, 1, 0, c, r, h, t);
    else if (whole)
        finish_columns(n, 0, 1, c, r, h, t);
    else
        finish_columns(n, 0, 0, c, r, h, t);
}

/* What the last chunk leaves to do */
static void change_last(il_real *R, const il_regression *r, int n, il_real over)
{
    const int K = r->K, ld = il_padded(K);
    const il_real *z = r->work + Z * ld;
    for (int j = 0; j < K; j++, R += ld)
        for (int at = 0; at < K; at += VL) {
            vf s = vload(R + at);
            for (int i = 0; i < n; i++)
                s = vfma(vsplat(z[i * ld + j]), -vload(z + i * ld + at), s);
            vstore(R + at, s * vsplat(over));
        }
}

/* All tokens of a few prompts, n at a time */
INLINE void rls_run(const int n, il_real *const *R, const il_regression *r, int prompts)
{
    chunk c = { { { 0 } } };
    operands a[QUAD];
    int decays = r->decay != NULL;
    for (int h = 0; h < prompts; h++)
        memset(r[h].work, 0, sizeof(il_real) * (size_t)(IL_CHUNK_ROWS * il_padded(r->K)));
    for (int t = 0; t < r->T; t += n) {
        for (int h = 0; h < prompts; h++) {
            a[h] = stage(&r[h], n, (size_t)t);
            rls_pass(n, t > 0, decays, R[h], r->K, a[h], r[h].work, c.over[n - 1][h]);
        }
        if (decays || r->gain || t == 0 || t + n > r->T)
            weigh(&c, r, prompts, n, (size_t)t);
        products(&c, r, a, prompts, n);
        eliminate_keys(&c);
        for (int h = 0; h < prompts; h++) finish_chunk(n, &c, &r[h], h, (size_t)t);
    }
    for (int h = 0; h < prompts && r->T; h++) change_last(R[h], &r[h], n, c.over[n - 1][h]);
}

/* Where much is forgotten at once, R before a chunk is far larger than after it, and so is its
 * rounding: then every token is a chunk. */
static int chunk_of(const il_regression *r)
{
    il_real least = 1;
    for (int t = 0; t < r->T && r->decay; t++) {
        il_real decay = r->decay[(size_t)t * (size_t)r->ld_decay];
        least = decay < least ? decay : least;
    }
    return r->T > 1 && least >= (il_real)IL_CHUNK_DECAY ? CHUNK : 1;
}

/* Prompts whose chunks are as long go together. */
static void rls(il_real *const *R, const il_regression *r, int n)
{
    for (int i = 0, m; i < n; i += m) {
        int length = chunk_of(&r[i]);
        for (m = 1; m < QUAD && i + m < n && chunk_of(&r[i + m]) == length;) m++;
        if (length == 1)
            rls_run(1, R + i, r + i, m);
        else
            rls_run(CHUNK, R + i, r + i, m);
    }
}
