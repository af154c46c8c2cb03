/* la.h - vectors and matrix products, one table of kernels per instruction set
 *
 * Every table computes the same bits: a product's output is one fused multiply-add chain over k
 * in rising order, a reduction runs in IL_LANES virtual lanes that are summed by a fixed tree,
 * and exp, tanh, log and erf are our own polynomials. `plain` is the reference.
 */
#ifndef IL_LA_H
#define IL_LA_H

#include "base/real.h"

enum { IL_LANES = 16 }; /* lane l of a reduction holds elements l, l+16, l+32, ... */

/* What is done to a finished product while it is in cache: C = residual + act(A B + bias).
 * residual and pre do not overlap C. */
typedef struct {
    const il_real *bias;     /* (N), or NULL */
    const il_real *residual; /* (M,N), or NULL */
    int ldr;
    int gelu;     /* tanh form */
    il_real *pre; /* (M,N) gets A B + bias, or NULL */
    int ldp;
} il_epilogue;

/* A matrix that is carried from token to token and read at each:
 *
 *   S_t = decay_t S_{t-1} + scale gain_t b_t c_t^T,    y_t = S_t^T a_t
 *
 * S is (rows, cols), its rows il_padded(cols) apart; what stands there beyond cols is anything. It
 * holds S_0 before and S_T after. A column of S never meets another. */
typedef struct {
    int T, rows, cols;
    const il_real *a, *b;        /* (T,rows); a NULL: nothing is read; b NULL: S stays */
    const il_real *c;            /* (T,cols) */
    il_real *y, *e;              /* (T,cols); `e`: what c_t becomes with `delta`, or NULL */
    int lda, ldb, ldc, ldy, lde; /* from row to row */
    const il_real *decay, *gain; /* (T), ld_decay and ld_gain apart; NULL: 1 */
    int ld_decay, ld_gain;
    il_real scale;
    int add; /* y += */
    int reverse; /* S_t = decay_{t+1} S_{t+1} + ..., from the last token; ends with decay_0 S_0 */
    /* b_t c_t^T corrects what S says: c_t becomes e_t = c_t - (decay_t S_{t-1})^T d_t. In reverse
     * it is the adjoint of that, with d_t = b_t: S_t = decay_{t+1} (S_{t+1} - gain_{t+1} a_{t+1}
     * y_{t+1}^T) + scale b_t c_t^T */
    int delta;
    const il_real *d; /* (T,rows); NULL: b */
    int ldd;
} il_recurrence;

/* rls takes so many tokens at once, unless one decays by more than that, and needs so many rows of
 * scratch. */
enum { IL_CHUNK = 4, IL_CHUNK_ROWS = 5 * IL_CHUNK };
#define IL_CHUNK_DECAY 0.75

/* Ridge regression over a growing prompt: x_t = P_t^{-1} b_t (see rls, ridge) */
typedef struct {
    int T, K;
    const il_real *b, *k; /* (T,K) */
    il_real *x, *z;       /* (T,K) */
    int ldb, ldk, ldx, ldz;
    const il_real *decay, *gain; /* as above */
    int ld_decay, ld_gain;
    const il_real *ridge; /* (K) */
    int steps;            /* of conjugate gradients at most; 0: Cholesky */
    il_real eps;          /* of the residual, where they stop */
    il_real *
        work; /* rows il_padded(K) wide, 64-byte aligned: K + 3; of rls IL_CHUNK_ROWS, its own */
} il_regression;

static inline int il_padded(int n) { return (n + IL_LANES - 1) / IL_LANES * IL_LANES; }

typedef struct {
    const char *name;
    int (*runs_here)(void);

    /* Elements of scratch that gemm, gemm_tn and attention need, for prompts of T tokens and
     * heads of size K; the pointer handed in is 64-byte aligned. */
    size_t (*work_size)(int T, int K);

    /* A matrix B (K,N) in the table's own panel layout. `transposed`: W holds B^T, (N,K). */
    size_t (*packed_size)(int K, int N);
    void (*pack)(il_real *packed, const il_real *W, int ldw, int K, int N, int transposed);

    /* C (M,N) = A (M,K) B, plus C when `add` (the chain starts from C). `e` may be NULL. */
    void (*gemm)(il_real *C, int ldc, const il_real *A, int lda, const il_real *packed,
                 int M, int N, int K, int add, const il_epilogue *e, il_real *work);
    /* C (K,N) += X (M,K)^T Y (M,N): the chain starts from C and runs over m. */
    void (*gemm_tn)(il_real *C, int ldc, const il_real *X, int ldx, const il_real *Y,
                    int ldy, int M, int K, int N, il_real *work);

    /* Causal softmax attention of one head of one prompt; q, k, v (T,K) with row stride ld.
     * stat (T,2): row maximum and 1 / sum. out (T,K; ldo). */
    void (*attention_forward)(il_real *out, int ldo, il_real *stat, const il_real *q,
                              const il_real *k, const il_real *v, int ld, int T, int K,
                              il_real scale, il_real *work);
    /* dq, dk, dv (T,K; ldd) += */
    void (*attention_backward)(il_real *dq, il_real *dk, il_real *dv, int ldd,
                               const il_real *dout, const il_real *out, int ldo,
                               const il_real *stat, const il_real *q, const il_real *k,
                               const il_real *v, int ld, int T, int K, il_real scale,
                               il_real *work);

    void (*recur)(il_real *S, const il_recurrence *r);
    /* P_t = decay_t P_{t-1} + gain_t k_t k_t^T by its inverse R (K,K; rows il_padded(K) apart):
     * R_t = R_{t-1} / decay_t - z_t z_t^T. Gives x and z. A token that would make P indefinite is
     * left out. `n` prompts alike in T, K and whether they decay hide each other's latency. */
    void (*rls)(il_real *const *R, const il_regression *r, int n);
    /* H_t = decay_t H_{t-1} + gain_t k_t k_t^T,  P_t = H_t + diag(ridge); z is not used. */
    void (*ridge)(il_real *H, const il_regression *r);

    /* y = gain (x - mean) rstd + bias; stat (M,2): mean, rstd. stat_given: read, not computed. */
    void (*layernorm_forward)(il_real *y, il_real *stat, int stat_given, const il_real *x,
                              const il_real *gain, const il_real *bias, int M, int C,
                              il_real eps);
    void (*layernorm_backward)(il_real *dx, il_real *dgain, il_real *dbias,
                               const il_real *dy, const il_real *x, const il_real *gain,
                               const il_real *stat, int M, int C); /* all three += */
    /* y = gain x rstd; stat (M): rstd */
    void (*rmsnorm_forward)(il_real *y, il_real *stat, int stat_given, const il_real *x,
                            const il_real *gain, int M, int C, il_real eps);
    void (*rmsnorm_backward)(il_real *dx, il_real *dgain, const il_real *dy,
                             const il_real *x, const il_real *gain, const il_real *stat,
                             int M, int C);

    void (*gelu_forward)(il_real *y, const il_real *x, size_t n); /* y = gelu(x) */
    void (*gelu_backward)(il_real *dx, const il_real *dy, const il_real *x,
                          size_t n); /* dx += */

    void (*gelu_scale)(il_real *dy, const il_real *x, size_t n); /* dy *= gelu'(x) */
    /* y = gelu(x) and x = gelu'(x), the bits of gelu_forward and gelu_scale with half of their exponentials */
    void (*gelu_both)(il_real *y, il_real *x, size_t n);

    il_real (*dot)(const il_real *x, const il_real *y, int n);
    void (*axpy)(il_real *y, il_real a, const il_real *x, size_t n); /* y += a x, fused */
    void (*add)(il_real *y, const il_real *a, const il_real *b,
                size_t n); /* y = a + b; y may be a */
    void (*mul)(il_real *y, const il_real *a, const il_real *b, size_t n); /* y = a b */
    void (*muladd)(il_real *y, const il_real *a, const il_real *b,
                   size_t n); /* y += a b, fused */
    void (*colsum)(il_real *y, const il_real *X, int ldx, int M,
                   int N); /* y (N) += sum over rows */
    /* Y (M,N) += X;  y_m = dot(X_m, Z_m) */
    void (*add_rows)(il_real *Y, int ldy, const il_real *X, int ldx, int M, int N);
    void (*dot_rows)(il_real *y, const il_real *X, int ldx, const il_real *Z, int ldz,
                     int M, int N);
    void (*exp)(il_real *y, const il_real *x, size_t n);
    void (*tanh)(il_real *y, const il_real *x, size_t n);
    void (*log)(il_real *y, const il_real *x, size_t n);
    void (*erf)(il_real *y, const il_real *x, size_t n);

    /* Adam, with the gradient g = scale * grad: m, v moving averages of g and g^2,
     * w -= rate * (m c1 / (sqrt(v c2) + eps) + decay w). */
    void (*adam)(il_real *w, il_real *m, il_real *v, const il_real *grad, size_t n,
                 il_real scale, il_real beta1, il_real beta2, il_real c1, il_real c2,
                 il_real eps, il_real rate, il_real decay);
    /* sum of squares, in double, in fixed order (for a gradient's norm) */
    double (*squares)(const il_real *x, size_t n);
} il_kernels;

/* The table in use: IL_KERNEL, or the best this machine runs. Never NULL. */
const il_kernels *il_kernel(void);
/* By name; NULL if unknown or not runnable here. il_kernel_at enumerates all that run here. */
const il_kernels *il_kernel_find(const char *name);
const il_kernels *il_kernel_at(int i);
void il_kernel_use(const il_kernels *kernels); /* before anything is packed */

/* A table whose products round their factors to bfloat16 and sum in float; all else is float, and
 * so are all arrays. Its bits are its own, so it is never chosen by itself. The fastest that goes
 * with the table in use: by tiles (`amx`), else by VDPBF16PS. NULL where neither is, where the
 * table in use is not avx512, and in double. il_kernel_bf16_at enumerates all that run here; they
 * pack into no more room than the float tables. */
const il_kernels *il_kernel_bf16(void);
const il_kernels *il_kernel_bf16_at(int i);

/* GFLOP/s of single-precision fused multiply-adds in registers, in the vectors of the table in
 * use, on `threads` threads; and of bfloat16 products summed in single precision. NaN where
 * unknown. Takes some 10 milliseconds. */
double il_peak(int threads);
double il_peak_bf16(int threads);

static inline il_real il_dot(const il_real *x, const il_real *y, int n)
{
    return il_kernel()->dot(x, y, n);
}

#endif
