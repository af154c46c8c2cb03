/* kernels.c - one table of kernels; compiled once per instruction set, IL_ISA says which
 *
 * `plain` is the readable twin, scalar and in the order the contract states. All others are the
 * same vector sources at the vector length and tile of their machine.
 */
#include "la/la.h"

#define PLAIN_plain 1
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

#if JOIN(PLAIN_, IL_ISA)
#include "la/plain.inc.h"
#else
#error "not yet"
#endif

extern const il_kernels JOIN(il_kernels_, IL_ISA);
const il_kernels JOIN(il_kernels_, IL_ISA) = {
    .name = TEXT(IL_ISA),
    .runs_here = runs_here,
    .work_size = work_size,
    .packed_size = packed_size,
    .pack = pack,
    .gemm = gemm,
    .gemm_tn = gemm_tn,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .layernorm_forward = layernorm_forward,
    .layernorm_backward = layernorm_backward,
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_backward = rmsnorm_backward,
    .gelu_forward = gelu_forward,
    .gelu_backward = gelu_backward,
    .gelu_scale = gelu_scale,
    .dot = dot,
    .axpy = axpy,
    .add = add,
    .mul = mul,
    .muladd = muladd,
    .colsum = colsum,
    .exp = exp_map,
    .tanh = tanh_map,
    .log = log_map,
    .erf = erf_map,
    .adam = adam,
    .grad_squares = grad_squares,
};
