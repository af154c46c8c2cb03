/* norm.inc.h - layer normalisation and root-mean-square normalisation, row by row
 *
 * plain.inc.h states the formulas. EACH_LANE_VECTOR walks a row in blocks of IL_LANES, so that
 * lane l of a sum holds elements l, l + IL_LANES, ... whatever the length of a vector.
 */

/* at: index of the vector's first element; b: which of the block's vectors; n: elements left,
 * none or less beyond the row's end */
/* clang-format off */
#define EACH_LANE_VECTOR(C)                                                                \
    for (int start = 0; start < (C); start += IL_LANES)                                    \
    UNROLL for (int b = 0, at = start, n = (C) - at; b < LANE_VECTORS;                 \
                      b++, at += VL, n -= VL)
/* clang-format on */
/* The lanes of x below n keep their value, the others become 0. */
INLINE vf vfirst(vf x, int n)
{
    return n >= VL ? x : vselect(viota() < ((vi){ 0 } + n), x, (vf){ 0 });
}

static void layernorm_forward(il_real *y, il_real *stat, int stat_given, const il_real *x,
                              const il_real *gain, const il_real *bias, int M, int C,
                              il_real eps)
{
    for (int m = 0; m < M; m++, x += C, y += C, stat += 2) {
        if (!stat_given) {
            vf sum[LANE_VECTORS] = { { 0 } }, squares[LANE_VECTORS] = { { 0 } };
            EACH_LANE_VECTOR(C) sum[b] += vload_n(x + at, n);
            stat[0] = lanes_sum(sum) / (il_real)C;
            vf mean = vsplat(stat[0]);
            EACH_LANE_VECTOR(C)
            {
                vf d = vfirst(vload_n(x + at, n) - mean, n);
                squares[b] = vfma(d, d, squares[b]);
            }
            vf variance = vsplat(lanes_sum(squares) / (il_real)C + eps);
            stat[1] = (1 / vsqrt(variance))[0];
        }
        vf mean = vsplat(stat[0]), rstd = vsplat(stat[1]);
        for (int c = 0, n = C; c < C; c += VL, n -= VL) {
            vf z = (vload_n(x + c, n) - mean) * rstd, g = vload_n(gain + c, n);
            vstore_n(y + c, bias ? vfma(z, g, vload_n(bias + c, n)) : z * g, n);
        }
    }
}

static void layernorm_backward(il_real *dx, il_real *dgain, il_real *dbias,
                               const il_real *dy, const il_real *x, const il_real *gain,
                               const il_real *stat, int M, int C)
{
    for (int m = 0; m < M; m++, dx += C, dy += C, x += C, stat += 2) {
        vf mean = vsplat(stat[0]), rstd = vsplat(stat[1]);
        vf sum[LANE_VECTORS] = { { 0 } }, dots[LANE_VECTORS] = { { 0 } };
        EACH_LANE_VECTOR(C)
        {
            vf z = vfirst((vload_n(x + at, n) - mean) * rstd, n);
            vf g = vload_n(dy + at, n), t = g * vload_n(gain + at, n);
            sum[b] += t;
            dots[b] = vfma(t, z, dots[b]);
            vstore_n(dgain + at, vfma(g, z, vload_n(dgain + at, n)), n);
            if (dbias) vstore_n(dbias + at, vload_n(dbias + at, n) + g, n);
        }
        vf mean_t = vsplat(lanes_sum(sum) / (il_real)C);
        vf mean_tz = vsplat(lanes_sum(dots) / (il_real)C);
        for (int c = 0, n = C; c < C; c += VL, n -= VL) {
            vf z = (vload_n(x + c, n) - mean) * rstd;
            vf t = vload_n(dy + c, n) * vload_n(gain + c, n);
            vstore_n(dx + c, vfma(rstd, vfma(-z, mean_tz, t - mean_t), vload_n(dx + c, n)),
                     n);
        }
    }
}

static void rmsnorm_forward(il_real *y, il_real *stat, int stat_given, const il_real *x,
                            const il_real *gain, int M, int C, il_real eps)
{
    for (int m = 0; m < M; m++, x += C, y += C) {
        if (!stat_given) stat[m] = (1 / vsqrt(vsplat(dot(x, x, C) / (il_real)C + eps)))[0];
        vf rstd = vsplat(stat[m]);
        for (int c = 0, n = C; c < C; c += VL, n -= VL)
            vstore_n(y + c, vload_n(x + c, n) * rstd * vload_n(gain + c, n), n);
    }
}

static void rmsnorm_backward(il_real *dx, il_real *dgain, const il_real *dy,
                             const il_real *x, const il_real *gain, const il_real *stat,
                             int M, int C)
{
    for (int m = 0; m < M; m++, dx += C, dy += C, x += C) {
        vf rstd = vsplat(stat[m]), dots[LANE_VECTORS] = { { 0 } };
        EACH_LANE_VECTOR(C)
        {
            vf z = vload_n(x + at, n) * rstd, g = vload_n(dy + at, n);
            dots[b] = vfma(g * vload_n(gain + at, n), z, dots[b]);
            vstore_n(dgain + at, vfma(g, z, vload_n(dgain + at, n)), n);
        }
        vf mean_tz = vsplat(lanes_sum(dots) / (il_real)C);
        for (int c = 0, n = C; c < C; c += VL, n -= VL) {
            vf z = vload_n(x + c, n) * rstd, t = vload_n(dy + c, n) * vload_n(gain + c, n);
            vstore_n(dx + c, vfma(rstd, vfma(-z, mean_tz, t), vload_n(dx + c, n)), n);
        }
    }
}
