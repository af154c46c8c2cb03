/* coef.h - the numbers behind exp, tanh, log, erf and GELU in float
 *
 * Minimax polynomials by Remez exchange in 120-bit arithmetic, then rounded; beside each the
 * interval and the relative error of the whole approximation before rounding. How they are
 * used: vmath.inc.h (vectors) and plain.inc.h (scalars), the same operations in the same order.
 */
#ifndef IL_LA_COEF_H
#define IL_LA_COEF_H

/* exp(r) = 1 + r + r^2 q(r), |r| <= ln 2 / 2; 2^-28 */
static const float EXP_Q[] = { 0.49999994f, 0.166665196f, 0.0416684002f, 0.00836885069f,
                               0.00138143206f };
/* x = n ln 2 + r. Adding ROUND leaves the nearest integer in the low bits of the sum. LN2_HI has
 * few bits, so n LN2_HI is exact. Beyond EXP_MAX the result is infinite, below EXP_MIN zero. */
#define LOG2_E     1.44269502f
#define LN2_HI     0.693359375f
#define LN2_LO     (-2.12194442e-4f)
#define ROUND      12582912.0f /* 1.5 2^23 */
#define ROUND_BITS 0x4b400000u
#define EXP_MAX    89.0f
#define EXP_MIN    (-104.0f)

/* tanh(x) = x + x^3 p(x^2), |x| < TANH_SMALL; 2^-28 */
static const float TANH_P[] = { -0.333332807f, 0.133314416f, -0.0537397154f, 0.0206390936f,
                                -0.00570499524f };
#define TANH_SMALL 0.625f

/* log(1 + f) = f - f^2 / 2 + f^3 p(f), 1 + f in [sqrt(1/2), sqrt(2)); 2^-30 */
static const float LOG_P[] = { 0.333333135f,  -0.250000089f, 0.200021192f,
                               -0.166679963f, 0.142195553f,  -0.124055885f,
                               0.118881442f,  -0.116756469f, 0.0674667284f };
#define LOG_SPLIT_BITS 0x3f3504f3u /* sqrt(1/2) */

/* erf(x) = x + x p(x^2), |x| < ERF_SMALL; 2^-31 */
static const float ERF_P[] = { 0.128379166f,   -0.376126319f,  0.112836875f,
                               -0.0268589407f, 0.00519990642f, -0.000813001185f,
                               8.31677244e-05f };
/* -log(1 - erf(a)) = p(a), ERF_SMALL <= a <= ERF_ONE, beyond which erf rounds to 1; 2^-29 */
static const float ERFC_P[] = { 0.000195697969f, 1.12767553f,    0.637182415f,
                                0.103931434f,    -0.0222268403f, 0.00304319663f,
                                -0.000195935077f };
#define ERF_SMALL 0.92f
#define ERF_ONE   4.0f

/* gelu(x) = x / (1 + exp(x (GELU_3 x^2 + GELU_1))): -2 sqrt(2/pi) (x + 0.044715 x^3) */
#define GELU_1    ((il_real)-1.59576912160573071)
#define GELU_3    ((il_real)-0.07135481627260025)
#define GELU_FLAT 10 /* beyond it the derivative is 1, or below 1e-34; exp stays finite */

#endif
