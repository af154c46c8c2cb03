/* inverse.inc.h - ridge regression at every token by the inverse R of P, CHUNK tokens at a time
 *
 * With R before a chunk, u_i = R k_i and the Gram matrix M_ij = u_i . k_j of its keys,
 * diag(c_i / gain_i) + M = L diag(1 / d_i) L^T (c: decays so far) serves all its tokens: rows of
 * L^{-1} u are, scaled, the z of a recursion token by token, and the product of R after t tokens
 * with q_t is (R q_t - sum_{i <= t} d_i (L^{-1} u)_i (L^{-1} u)_i . q_t) / c_t. Derived in
 * docs/mesa.md; plain_mix.inc.h says the same in C.
 *
 * So R is traversed once per chunk: its last change is made just before it is read for all keys
 * and queries at once. Factors of QUAD prompts stand side by side in the lanes of a `quad`.
 */

/* Tokens of a chunk, prompts of a `quad` */
enum { CHUNK = IL_CHUNK, QUAD = 4 };
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

/* Where the products of u_i stand in a chunk of n: with keys i, i+1, ..; then with queries i, .. */
#define WITH_KEY(n, i, j)   ((i) * (2 * (n) - (i)) + (j))
#define WITH_QUERY(n, i, t) (WITH_KEY(n, i, t) + (n) - (i))
#define PRODUCTS(n)         ((n) * ((n) + 1))
/* Products whose lanes are summed together (see products) */
enum { GROUP = 4, GROUPS = (PRODUCTS(CHUNK) + GROUP - 1) / GROUP };

/* A chunk of some prompts. `product` becomes L where keys are, d_i (L^{-1} u)_i . q_t where
 * queries are, both with the sign in which they are used. */
typedef struct {
    quad product[GROUP * GROUPS], weight[CHUNK];       /* weight: gain / decays so far */
    quad over[CHUNK], root_over[CHUNK], root_d[CHUNK]; /* over: 1 / decays so far */
} chunk;

/* What a pass reads beside R: keys and queries of this chunk and z of the last, where the caller has
 * them or, where a vector or a chunk is not full, copies that are 0 there */
typedef struct {
    const il_real *k, *q, *z;
    int ld, ldz;
    fetch ahead;
} operands;

/* R = (R - sum z z^T) over where there is a `change`, then n keys and n queries times R: nv vectors
 * of columns from c0 on */
INLINE void pass_block(const int nv, const int n, const int change, const int decays,
                       const int K, il_real *R, int c0, const operands *a, il_real *work,
                       il_real over)
{
    const int ld = il_padded(K);
    const il_real *z = a->z, *k = a->k, *q = a->q;
    const size_t lda = (size_t)a->ld, ldz = (size_t)a->ldz;
    vf y[2 * CHUNK][NR_BLOCK], zc[CHUNK][NR_BLOCK], factor = vsplat(over);
    UNROLL
    for (int m = 0; m < 2 * n; m++) {
        UNROLL
        for (int v = 0; v < nv; v++) y[m][v] = (vf){ 0 };
    }
    UNROLL
    for (int i = 0; i < n && change; i++) {
        UNROLL
        for (int v = 0; v < nv; v++) zc[i][v] = -vload(z + (size_t)i * ldz + c0 + v * VL);
    }
    il_real *row = R + c0;
    for (int j = 0; j < K; j++, row += ld, z++, k++, q++) {
        vf s[NR_BLOCK];
        if (c0 == 0) fetch_line(&a->ahead, j);
        UNROLL
        for (int v = 0; v < nv; v++) s[v] = vload(row + v * VL);
        UNROLL
        for (int i = 0; i < n && change; i++) {
            vf zj = vsplat(z[(size_t)i * ldz]);
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
            vf aj = vsplat(m < n ? k[(size_t)m * lda] : q[(size_t)(m - n) * lda]);
            UNROLL
            for (int v = 0; v < nv; v++) y[m][v] = vfma(aj, s[v], y[m][v]);
        }
    }
    UNROLL
    for (int m = 0; m < 2 * n; m++)
        store_row(nv, work + (m < n ? TIMES_KEYS + m : TIMES_QUERIES + m - n) * ld + c0,
                  y[m], K - c0);
}

INLINE void pass_columns(const int nv, const int n, int change, int decays, const int K,
                         il_real *R, int c0, const operands *a, il_real *work, il_real over)
{
    if (!change)
        pass_block(nv, n, 0, 0, K, R, c0, a, work, over);
    else if (!decays)
        pass_block(nv, n, 1, 0, K, R, c0, a, work, over);
    else
        pass_block(nv, n, 1, 1, K, R, c0, a, work, over);
}

INLINE void rls_pass(const int n, const int K, int change, int decays, il_real *R,
                     const operands *a, il_real *work, il_real over)
{
    int c0 = 0;
    for (; K - c0 > (NR_BLOCK - 1) * VL; c0 += NR_BLOCK * VL)
        pass_columns(NR_BLOCK, n, change, decays, K, R, c0, a, work, over);
    if (c0 < K) pass_columns(1, n, change, decays, K, R, c0, a, work, over);
}

/* Whether chunk t of n tokens fills all vectors it is read and written in */
INLINE int is_whole(const int n, const int K, const il_regression *r, int t)
{
    return K % IL_LANES == 0 && t + n <= r->T;
}

INLINE void stage(operands *a, const int n, const int K, const il_regression *r, int t)
{
    const int ld = il_padded(K);
    if (is_whole(n, K, r, t) && r->ldk == r->ldb) {
        a->k = r->k + (size_t)t * (size_t)r->ldk;
        a->q = r->b + (size_t)t * (size_t)r->ldb;
        a->ld = r->ldk;
        return;
    }
    for (int m = 0; m < n; m++)
        for (int c = 0; c < K; c += VL) {
            size_t at = (size_t)(t + m);
            int left = t + m < r->T ? K - c : 0;
            vstore(r->work + (KEYS + m) * ld + c,
                   vload_n(r->k + at * (size_t)r->ldk + c, left));
            vstore(r->work + (QUERIES + m) * ld + c,
                   vload_n(r->b + at * (size_t)r->ldb + c, left));
        }
    a->k = r->work + KEYS * ld;
    a->q = r->work + QUERIES * ld;
    a->ld = ld;
}

/* Products of u_i = R k_i with k_j and q_j, i <= j, of all prompts. A fold adds neighbours in two
 * lists of lanes and leaves one: two make one of a GROUP of a prompt's products, a quarter of its
 * lanes for each, and two more make one of four prompts', a lane for each sum. */
INLINE void products(chunk *c, const int n, const int K, const il_regression *r,
                     const operands *a, int prompts)
{
    const int ld = il_padded(K), groups = (PRODUCTS(n) + GROUP - 1) / GROUP;
    lanes quarter[GROUPS][QUAD];
    for (int h = prompts; h < QUAD; h++)
        for (int g = 0; g < groups; g++) quarter[g][h] = (lanes){ 0 };
    for (int h = 0; h < prompts; h++) {
        lanes l[GROUP * GROUPS] = { 0 };
        for (int at = 0; at < ld; at += IL_LANES) {
            UNROLL
            for (int v = 0; v < LANE_VECTORS; v++) {
                const il_real *u = r[h].work + TIMES_KEYS * ld + at + v * VL;
                const int from = at + v * VL;
                vf ui[CHUNK];
                UNROLL
                for (int i = 0; i < n; i++) ui[i] = vload(u + i * ld);
                UNROLL
                for (int j = 0; j < n; j++) {
                    vf k = vload(a[h].k + (size_t)j * (size_t)a[h].ld + from);
                    vf q = vload(a[h].q + (size_t)j * (size_t)a[h].ld + from);
                    UNROLL
                    for (int i = 0; i <= j; i++) {
                        vf *with_k = &l[WITH_KEY(n, i, j)].v[v],
                           *with_q = &l[WITH_QUERY(n, i, j)].v[v];
                        *with_k = vfma(ui[i], k, *with_k);
                        *with_q = vfma(ui[i], q, *with_q);
                    }
                }
            }
        }
        UNROLL
        for (int g = 0; g < groups; g++)
            quarter[g][h] = fold_2(fold_1(l[GROUP * g], l[GROUP * g + 1]),
                                   fold_1(l[GROUP * g + 2], l[GROUP * g + 3]));
    }
    UNROLL
    for (int g = 0; g < groups; g++) {
        lanes *of = quarter[g];
        lanes_store_square((il_real *)&c->product[GROUP * g],
                           fold_8(fold_4(of[0], of[1]), fold_4(of[2], of[3])));
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
INLINE void eliminate_keys(chunk *c, const int n)
{
    quad *m = c->product;
    UNROLL
    for (int i = 0; i < n; i++) {
        quad pivot = c->weight[i] * m[WITH_KEY(n, i, i)] + 1, d = c->weight[i] / pivot;
        d = (quad)((quad_bits)d & (quad_bits)(pivot > 0));
        for (int h = 0; h < QUAD; h++) c->root_d[i][h] = root(d[h]);
        UNROLL
        for (int j = i + 1; j < n; j++) {
            quad l = d * m[WITH_KEY(n, i, j)];
            UNROLL
            for (int k = j; k < n; k++) {
                m[WITH_KEY(n, j, k)] -= l * m[WITH_KEY(n, i, k)];
                m[WITH_QUERY(n, j, k)] -= l * m[WITH_QUERY(n, i, k)];
            }
        }
        UNROLL
        for (int j = i; j < n; j++) {
            m[WITH_KEY(n, i, j)] *= -d;
            m[WITH_QUERY(n, i, j)] *= -d;
        }
    }
}

/* z and x of prompt h, nv vectors of columns from c0 on. `whole`: the last is, and so is the chunk;
 * then z is read again where it is written, unless it was divided by what has decayed. */
INLINE void finish_block(const int nv, const int n, const int K, const int decays,
                         const int whole, const chunk *c, const il_regression *r, int h,
                         int t, int c0)
{
    const int ld = il_padded(K);
    il_real *work = r->work + c0, *z_at = r->z + (size_t)t * (size_t)r->ldz + c0,
            *x_at = r->x + (size_t)t * (size_t)r->ldx + c0;
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
            vf l = vsplat(c->product[WITH_KEY(n, j, i)][h]);
            UNROLL
            for (int v = 0; v < nv; v++) u[i][v] = vfma(l, u[j][v], u[i][v]);
        }
        UNROLL
        for (int j = 0; j <= i; j++) {
            vf l = vsplat(c->product[WITH_QUERY(n, j, i)][h]);
            UNROLL
            for (int v = 0; v < nv; v++) x[v] = vfma(l, u[j][v], x[v]);
        }
        UNROLL
        for (int v = 0; v < nv; v++) {
            vf z = u[i][v] * vsplat(c->root_d[i][h]);
            if (decays || !whole) vstore(work + (Z + i) * ld + v * VL, z);
            if (decays) {
                z *= vsplat(c->root_over[i][h]);
                x[v] *= vsplat(c->over[i][h]);
            }
            int left = whole ? VL : t + i < r->T ? K - c0 - v * VL : 0;
            vstore_n(z_at + v * VL, z, left);
            vstore_n(x_at + v * VL, x[v], left);
        }
    }
}

INLINE void finish_columns(const int n, const int K, const int decays, const int whole,
                           const chunk *c, const il_regression *r, int h, int t)
{
    int c0 = 0;
    for (; K - c0 > (NB - 1) * VL; c0 += NB * VL)
        finish_block(NB, n, K, decays, whole, c, r, h, t, c0);
    if (c0 < K) finish_block(1, n, K, decays, whole, c, r, h, t, c0);
}

/* Leaves in `a` where the next pass finds z. */
INLINE void finish_chunk(const int n, const int K, operands *a, const chunk *c,
                         const il_regression *r, int h, int t)
{
    const int whole = is_whole(n, K, r, t), ld = il_padded(K);
    if (r->decay && whole)
        finish_columns(n, K, 1, 1, c, r, h, t);
    else if (r->decay)
        finish_columns(n, K, 1, 0, c, r, h, t);
    else if (whole)
        finish_columns(n, K, 0, 1, c, r, h, t);
    else
        finish_columns(n, K, 0, 0, c, r, h, t);
    const int kept = r->decay || !whole;
    a->z = kept ? r->work + Z * ld : r->z + (size_t)t * (size_t)r->ldz;
    a->ldz = kept ? ld : r->ldz;
}

/* What the last chunk leaves to do */
static void change_last(il_real *R, int K, const operands *a, int n, il_real over)
{
    for (int j = 0; j < K; j++, R += il_padded(K))
        for (int at = 0; at < K; at += VL) {
            vf s = vload(R + at);
            for (int i = 0; i < n; i++) {
                const il_real *z = a->z + (size_t)i * (size_t)a->ldz;
                s = vfma(vsplat(z[j]), -vload(z + at), s);
            }
            vstore(R + at, s * vsplat(over));
        }
}

/* CHUNK tokens ahead: four prompts take turns. */
INLINE fetch fetch_chunks(const int n, const il_regression *r)
{
    const stream streams[] = { { r->k, r->ldk, r->K },
                               { r->b, r->ldb, r->K },
                               { r->x, r->ldx, r->K },
                               { r->z, r->ldz, r->K } };
    return fetch_of(streams, 4, n, CHUNK);
}

/* All tokens of a few prompts, n at a time */
INLINE void rls_run(const int n, const int K, il_real *const *R, const il_regression *r,
                    int prompts)
{
    chunk c = { { { 0 } } };
    operands a[QUAD];
    int decays = r->decay != NULL, gates = decays;
    for (int h = 0; h < prompts; h++) {
        if (r[h].gain) gates = 1;
        memset(r[h].work, 0, sizeof(il_real) * (size_t)(IL_CHUNK_ROWS * il_padded(K)));
        a[h] = (operands){ .z = r[h].work, .ahead = fetch_chunks(n, &r[h]) };
    }
    for (int t = 0; t < r->T; t += n) {
        for (int h = 0; h < prompts; h++) {
            stage(&a[h], n, K, &r[h], t);
            rls_pass(n, K, t > 0, decays, R[h], &a[h], r[h].work, c.over[n - 1][h]);
            fetch_advance(&a[h].ahead);
        }
        if (gates || t == 0 || t + n > r->T) weigh(&c, r, prompts, n, (size_t)t);
        products(&c, n, K, r, a, prompts);
        eliminate_keys(&c, n);
        for (int h = 0; h < prompts; h++) finish_chunk(n, K, &a[h], &c, &r[h], h, t);
    }
    for (int h = 0; h < prompts && r->T; h++)
        change_last(R[h], K, &a[h], n, c.over[n - 1][h]);
}

/* One copy for each size of keys that is common: all offsets within a matrix are then constants. */
#define RLS(name, n, K)                                                                    \
    static __attribute__((noinline)) void name(il_real *const *R, const il_regression *r,  \
                                               int prompts)                                \
    {                                                                                      \
        rls_run(n, K, R, r, prompts);                                                      \
    }
RLS(rls_one, 1, r->K)
RLS(rls_any, CHUNK, r->K)
RLS(rls_16, CHUNK, 16)
RLS(rls_32, CHUNK, 32)
RLS(rls_64, CHUNK, 64)

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
        switch (length == 1 ? 0 : r->K) {
        case 0:
            rls_one(R + i, r + i, m);
            break;
        case 16:
            rls_16(R + i, r + i, m);
            break;
        case 32:
            rls_32(R + i, r + i, m);
            break;
        case 64:
            rls_64(R + i, r + i, m);
            break;
        default:
            rls_any(R + i, r + i, m);
        }
    }
}
