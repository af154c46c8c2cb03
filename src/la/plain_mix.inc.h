/* plain_mix.inc.h - reference implementation of recurrence.inc.h, regression.inc.h and inverse.inc.h */

/* column (rows; ld apart) . a, one chain */
static il_real read_column(const il_real *column, int ld, const il_real *a, int rows)
{
    il_real sum = 0;
    for (int j = 0; j < rows; j++) sum = fused(a[j], column[(size_t)j * (size_t)ld], sum);
    return sum;
}

/* The same in four chains, row j in chain j mod 4, then (0 + 1) + (2 + 3) */
static il_real read_in_four(const il_real *column, int ld, const il_real *a, int rows)
{
    il_real chain[4] = { 0 };
    for (int j = 0; j < rows; j++)
        chain[j % 4] = fused(a[j], column[(size_t)j * (size_t)ld], chain[j % 4]);
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
}

static void scale_column(il_real *column, int ld, il_real factor, int rows)
{
    for (int j = 0; j < rows; j++) column[(size_t)j * (size_t)ld] *= factor;
}

/* column += b value */
static void add_to_column(il_real *column, int ld, const il_real *b, il_real value,
                          int rows)
{
    for (int j = 0; j < rows; j++) {
        il_real *s = &column[(size_t)j * (size_t)ld];
        *s = fused(b[j], value, *s);
    }
}

static void recur_at(il_real *column, int ld, const il_recurrence *r, int c, size_t t)
{
    il_real decay = r->decay && r->b ? r->decay[t * (size_t)r->ld_decay] : 1;
    il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1, y = 0;
    const il_real *a = r->a ? r->a + t * (size_t)r->lda : NULL;
    const il_real *b = r->b ? r->b + t * (size_t)r->ldb : NULL;
    if (!r->reverse) scale_column(column, ld, decay, r->rows);
    if (r->b) {
        il_real value = r->c[t * (size_t)r->ldc + (size_t)c];
        if (r->delta && !r->reverse) {
            value -= read_column(column, ld, r->d ? r->d + t * (size_t)r->ldd : b, r->rows);
            if (r->e) r->e[t * (size_t)r->lde + (size_t)c] = value;
        }
        il_real weight = r->delta && r->reverse ? r->scale : gain * r->scale;
        add_to_column(column, ld, b, weight * value, r->rows);
    }
    if (r->a) {
        il_real *at = &r->y[t * (size_t)r->ldy + (size_t)c];
        y = read_column(column, ld, a, r->rows);
        *at = r->add ? *at + y : y;
    }
    if (r->delta && r->reverse) add_to_column(column, ld, a, -gain * y, r->rows);
    if (r->reverse) scale_column(column, ld, decay, r->rows);
}

static void recur(il_real *S, const il_recurrence *r)
{
    for (int c = 0; c < r->cols; c++)
        for (int i = 0; i < r->T; i++)
            recur_at(S + c, il_padded(r->cols), r, c,
                     (size_t)(r->reverse ? r->T - 1 - i : i));
}

/* ---- ridge regression ---------------------------------------------------------------------------- */

/* A dot product whose lanes are summed with their neighbours, then in pairs of neighbours, ... */
static il_real dot_of_neighbours(const il_real *x, const il_real *y, int n)
{
    il_real lane[IL_LANES];
    lanes_clear(lane);
    for (int i = 0; i < il_padded(n); i++) {
        il_real *l = &lane[i % IL_LANES];
        *l = i < n ? fused(x[i], y[i], *l) : *l + 0;
    }
    for (int w = 1; w < IL_LANES; w *= 2)
        for (int l = 0; l < IL_LANES; l += 2 * w) lane[l] += lane[l + w];
    return lane[0];
}

/* The next `n` <= IL_CHUNK tokens (see inverse.inc.h). u: R k, then rows of L^{-1} u; x: R b. */
static void rls_chunk(il_real *R, const il_regression *r, size_t t, int n)
{
    int K = r->K, ld = il_padded(K);
    il_real M[IL_CHUNK][IL_CHUNK], N[IL_CHUNK][IL_CHUNK], *u[IL_CHUNK], *x[IL_CHUNK];
    il_real over[IL_CHUNK], weight[IL_CHUNK], d[IL_CHUNK], all = 1;
    for (int i = 0; i < n; i++) {
        size_t at = t + (size_t)i;
        u[i] = r->work + i * ld, x[i] = r->x + at * (size_t)r->ldx;
        for (int c = 0; c < K; c++)
            u[i][c] = read_column(R + c, ld, r->k + at * (size_t)r->ldk, K);
        for (int c = 0; c < K; c++)
            x[i][c] = read_column(R + c, ld, r->b + at * (size_t)r->ldb, K);
        if (r->decay) all *= r->decay[at * (size_t)r->ld_decay];
        over[i] = 1 / all;
        weight[i] = (r->gain ? r->gain[at * (size_t)r->ld_gain] : 1) * over[i];
    }
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) {
            size_t at = t + (size_t)j;
            M[i][j] = dot_of_neighbours(u[i], r->k + at * (size_t)r->ldk, K);
            N[i][j] = dot_of_neighbours(u[i], r->b + at * (size_t)r->ldb, K);
        }
    for (int i = 0; i < n; i++) {
        il_real pivot = weight[i] * M[i][i] + 1,
                *z = r->z + (t + (size_t)i) * (size_t)r->ldz;
        d[i] = pivot > 0 ? weight[i] / pivot : 0;
        for (int j = i + 1; j < n; j++)
            for (int k = j; k < n; k++) {
                il_real l = d[i] * M[i][j];
                M[j][k] -= l * M[i][k];
                N[j][k] -= l * N[i][k];
            }
        for (int c = 0; c < K; c++) {
            for (int j = i + 1; j < n; j++)
                u[j][c] = fused(-d[i] * M[i][j], u[i][c], u[j][c]);
            for (int j = i; j < n; j++) x[j][c] = fused(-d[i] * N[i][j], u[i][c], x[j][c]);
        }
        for (int c = 0; c < K; c++) {
            u[i][c] *= root(d[i]);
            z[c] = u[i][c] * root(over[i]);
            x[i][c] *= over[i];
        }
    }
    for (int c = 0; c < K; c++) {
        for (int i = 0; i < n; i++) add_to_column(R + c, ld, u[i], -u[i][c], K);
        scale_column(R + c, ld, over[n - 1], K);
    }
}

static void rls(il_real *const *R, const il_regression *r, int n)
{
    for (int i = 0; i < n; i++) {
        int length = IL_CHUNK;
        for (int t = 0; t < r[i].T && r[i].decay; t++)
            if (r[i].decay[(size_t)t * (size_t)r[i].ld_decay] < (il_real)IL_CHUNK_DECAY)
                length = 1;
        for (int t = 0; t < r[i].T; t += length)
            rls_chunk(R[i], &r[i], (size_t)t, il_min(length, r[i].T - t));
    }
}

/* (H + diag(ridge)) x = b by U^T U, U upper triangular in A (K,K); y in work */
static void cholesky(il_real *x, const il_real *H, const il_real *b, const il_real *ridges,
                     int K, il_real *A)
{
    int ld = il_padded(K);
    il_real *y = A + (size_t)K * (size_t)ld, *over = y + ld;
    for (int i = 0; i < K; i++) {
        il_real *row = A + (size_t)i * (size_t)ld;
        y[i] = b[i];
        for (int k = 0; k < i; k++)
            y[i] = fused(-A[(size_t)k * (size_t)ld + (size_t)i], y[k], y[i]);
        for (int j = i; j < K; j++) {
            row[j] = H[(size_t)i * (size_t)ld + (size_t)j];
            for (int k = 0; k < i; k++) {
                const il_real *u = A + (size_t)k * (size_t)ld;
                row[j] = fused(-u[i], u[j], row[j]);
            }
        }
        row[i] += ridges[i];
        over[i] = 1 / root(row[i]);
        for (int j = i; j < K; j++) row[j] *= over[i];
        y[i] *= over[i];
    }
    for (int i = 0; i < K; i++) x[i] = 0;
    for (int i = K - 1; i >= 0; i--) {
        /* lanes over the columns from i's own vector of IL_LANES on; what is not solved is 0 */
        int from = i / IL_LANES * IL_LANES;
        il_real lane[IL_LANES];
        lanes_clear(lane);
        for (int j = from; j < K; j++)
            if (j > i)
                lane[j % IL_LANES] =
                    fused(A[(size_t)i * (size_t)ld + (size_t)j], x[j], lane[j % IL_LANES]);
        x[i] = (y[i] - lanes_sum(lane)) * over[i];
    }
}

/* The same by conjugate gradients from x = b / diagonal, until the residual is eps of the first. */
static void conjugate(il_real *x, const il_real *H, const il_real *b,
                      const il_regression *r, il_real *work)
{
    int K = r->K, ld = il_padded(K);
    il_real *p = work, *w = p + ld, *res = w + ld;
    for (int c = 0; c < K; c++)
        x[c] = b[c] / (H[(size_t)c * (size_t)(ld + 1)] + r->ridge[c]);
    for (int c = 0; c < K; c++) {
        il_real Px = fused(r->ridge[c], x[c], read_in_four(H + c, ld, x, K));
        res[c] = p[c] = b[c] - Px;
    }
    il_real delta = dot(res, res, K), stop = r->eps * r->eps * dot(b, b, K);
    for (int step = 0; step < r->steps && delta > stop; step++) {
        for (int c = 0; c < K; c++)
            w[c] = fused(r->ridge[c], p[c], read_in_four(H + c, ld, p, K));
        il_real curve = dot(p, w, K), alpha = delta / curve, before = delta;
        if (!(curve > 0)) break;
        for (int c = 0; c < K; c++) {
            x[c] = fused(alpha, p[c], x[c]);
            res[c] = fused(-alpha, w[c], res[c]);
        }
        delta = dot(res, res, K);
        il_real mix = delta / before;
        for (int c = 0; c < K; c++) p[c] = fused(mix, p[c], res[c]);
    }
}

static void ridge(il_real *H, const il_regression *r)
{
    int K = r->K, ld = il_padded(K);
    for (size_t t = 0; t < (size_t)r->T; t++) {
        il_real decay = r->decay ? r->decay[t * (size_t)r->ld_decay] : 1;
        il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
        const il_real *k = r->k + t * (size_t)r->ldk, *b = r->b + t * (size_t)r->ldb;
        il_real *x = r->x + t * (size_t)r->ldx;
        for (int c = 0; c < K; c++) {
            scale_column(H + c, ld, decay, K);
            add_to_column(H + c, ld, k, gain * k[c], K);
        }
        if (r->steps)
            conjugate(x, H, b, r, r->work);
        else
            cholesky(x, H, b, r->ridge, K, r->work);
    }
}
