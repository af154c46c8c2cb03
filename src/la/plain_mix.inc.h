/* plain_mix.inc.h - the readable twin of recurrence.inc.h and regression.inc.h */

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

/* R_t = over R_{t-1} - z z^T with over = 1 / decay and
 * z = sqrt(gain over / (decay + gain k . R_{t-1} k)) R_{t-1} k: so written, R's rounding is as
 * symmetric as R, and stays so however long the prompt is.
 * x = R_t b = over R_{t-1} b - z (z . b) needs R_{t-1} alone. */
static void rls_step(il_real *R, const il_regression *r, size_t t)
{
    int K = r->K, ld = il_padded(K);
    il_real decay = r->decay ? r->decay[t * (size_t)r->ld_decay] : 1, over = 1 / decay;
    il_real gain = r->gain ? r->gain[t * (size_t)r->ld_gain] : 1;
    const il_real *b = r->b + t * (size_t)r->ldb, *k = r->k + t * (size_t)r->ldk;
    il_real *x = r->x + t * (size_t)r->ldx, *z = r->z + t * (size_t)r->ldz;
    for (int c = 0; c < K; c++) {
        z[c] = read_in_four(R + c, ld, k, K);
        x[c] = read_in_four(R + c, ld, b, K);
    }
    il_real den = fused(gain, dot(k, z, K), decay) * decay;
    il_real root_of = den > 0 ? root(gain / den) : 0;
    for (int c = 0; c < K; c++) z[c] *= root_of;
    il_real zb = dot(z, b, K);
    for (int c = 0; c < K; c++) x[c] = fused(-zb, z[c], over * x[c]);
    for (int c = 0; c < K; c++) {
        scale_column(R + c, ld, over, K);
        add_to_column(R + c, ld, z, -z[c], K);
    }
}

static void rls(il_real *const *R, const il_regression *r, int n)
{
    for (int i = 0; i < n; i++)
        for (size_t t = 0; t < (size_t)r[i].T; t++) rls_step(R[i], &r[i], t);
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
