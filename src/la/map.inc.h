/* map.inc.h - element-wise kernels, reductions and the optimiser: one pass over arrays
 *
 * plain.inc.h states what they compute; the last, partial vector of an array is loaded and
 * stored without touching what follows it.
 */

/* The body of EACH_VECTOR runs for i = 0, VL, ...; `left` lanes of it exist. */
#define LOAD(array) vload_n((array) + i, left)
#define EACH_VECTOR(n)                                                                     \
    for (size_t i = 0, count = (n); i < count; i += VL)                                    \
        for (int left = count - i < VL ? (int)(count - i) : VL; left > 0; left = 0)
#define STORE(array, value) vstore_n((array) + i, (value), left)

#define MAP(name, value)                                                                   \
    static void name(il_real *y, const il_real *x, size_t n)                               \
    {                                                                                      \
        EACH_VECTOR(n) STORE(y, value(LOAD(x)));                                           \
    }
MAP(exp_map, vexp)
MAP(tanh_map, vtanh)
MAP(log_map, vlog)
MAP(erf_map, verf)
MAP(gelu_forward, vgelu)
#undef MAP

static void gelu_backward(il_real *dx, const il_real *dy, const il_real *x, size_t n)
{
    EACH_VECTOR(n) STORE(dx, vfma(LOAD(dy), vgelu_slope(LOAD(x)), LOAD(dx)));
}

static void gelu_scale(il_real *dy, const il_real *x, size_t n)
{
    EACH_VECTOR(n) STORE(dy, LOAD(dy) * vgelu_slope(LOAD(x)));
}

/* vgelu_exp falls with x, so that of an x within +- GELU_FLAT is its own within these bounds. */
static void gelu_both(il_real *y, il_real *x, size_t n)
{
    vf low = vgelu_exp(vsplat(GELU_FLAT)), high = vgelu_exp(vsplat(-GELU_FLAT));
    EACH_VECTOR(n)
    {
        vf v = LOAD(x), e = vgelu_exp(v);
        STORE(y, v / (1 + e));
        STORE(x, vgelu_slope_of(vgelu_flat(v), vmax(low, vmin(high, e))));
    }
}

static void axpy(il_real *y, il_real a, const il_real *x, size_t n)
{
    EACH_VECTOR(n) STORE(y, vfma(vsplat(a), LOAD(x), LOAD(y)));
}

static void add(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    EACH_VECTOR(n) STORE(y, LOAD(a) + LOAD(b));
}

static void mul(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    EACH_VECTOR(n) STORE(y, LOAD(a) * LOAD(b));
}

static void muladd(il_real *y, const il_real *a, const il_real *b, size_t n)
{
    EACH_VECTOR(n) STORE(y, vfma(LOAD(a), LOAD(b), LOAD(y)));
}

/* A few rows at a time, so that y is not loaded and stored for each. */
static void colsum(il_real *y, const il_real *X, int ldx, int M, int N)
{
    enum { ROWS = 8 };
    for (int m = 0; m < M; m += ROWS, X += (size_t)ROWS * ldx) {
        int rows = il_min(ROWS, M - m);
        EACH_VECTOR((size_t)N)
        {
            vf sum = LOAD(y);
            for (int r = 0; r < rows; r++) sum += LOAD(X + (size_t)r * ldx);
            STORE(y, sum);
        }
    }
}

INLINE il_real dot_of(const il_real *x, const il_real *y, int n)
{
    vf lane[LANE_VECTORS] = { { 0 } };
    for (int i = 0; i < n; i += IL_LANES) {
        UNROLL
        for (int b = 0; b < LANE_VECTORS; b++) {
            int at = i + b * VL;
            lane[b] = vfma(vload_n(x + at, n - at), vload_n(y + at, n - at), lane[b]);
        }
    }
    return lanes_sum(lane);
}
static il_real dot(const il_real *x, const il_real *y, int n) { return dot_of(x, y, n); }

/* ---- rows -------------------------------------------------------------------------------------- */

enum { ROWS_AHEAD = 16 };

static void add_rows(il_real *Y, int ldy, const il_real *X, int ldx, int M, int N)
{
    for (int m = 0; m < M; m++, Y += ldy, X += ldx) {
        fetch_row((uintptr_t)Y + (uintptr_t)(ROWS_AHEAD * ldy) * sizeof *Y, N);
        fetch_row((uintptr_t)X + (uintptr_t)(ROWS_AHEAD * ldx) * sizeof *X, N);
        EACH_VECTOR((size_t)N) STORE(Y, LOAD(Y) + LOAD(X));
    }
}

static void dot_rows(il_real *y, const il_real *X, int ldx, const il_real *Z, int ldz,
                     int M, int N)
{
    for (int m = 0; m < M; m++, X += ldx, Z += ldz) {
        fetch_row((uintptr_t)X + (uintptr_t)(ROWS_AHEAD * ldx) * sizeof *X, N);
        fetch_row((uintptr_t)Z + (uintptr_t)(ROWS_AHEAD * ldz) * sizeof *Z, N);
        y[m] = dot_of(X, Z, N);
    }
}

/* ---- the optimiser's step ---------------------------------------------------------------------- */

static void adam(il_real *w, il_real *m, il_real *v, const il_real *grad, size_t n,
                 il_real scale, il_real beta1, il_real beta2, il_real c1, il_real c2,
                 il_real eps, il_real rate, il_real decay)
{
    EACH_VECTOR(n)
    {
        vf g = LOAD(grad) * scale, old = LOAD(w);
        vf mean = vfma(vsplat(beta1), LOAD(m), (1 - beta1) * g);
        vf square = vfma(vsplat(beta2), LOAD(v), (1 - beta2) * (g * g));
        vf u = mean * c1 / (vsqrt(square * c2) + eps);
        STORE(m, mean);
        STORE(v, square);
        STORE(w, vfma(vsplat(-rate), vfma(vsplat(decay), old, u), old));
    }
}

static double squares(const il_real *x, size_t n)
{
    double lane[IL_LANES] = { 0 };
    size_t whole = n / IL_LANES * IL_LANES;
    for (size_t start = 0; start < whole; start += IL_LANES)
        for (int b = 0; b < IL_LANES; b += VL) {
            const il_real *part = x + start + b;
            for (int l = 0; l < VL; l++) lane[b + l] += (double)part[l] * (double)part[l];
        }
    for (size_t i = whole; i < n; i++) lane[i - whole] += (double)x[i] * (double)x[i];
    for (int w = IL_LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) lane[l] += lane[l + w];
    return lane[0];
}
