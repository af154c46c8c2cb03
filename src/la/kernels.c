/* kernels.c - one table of kernels; compiled once per instruction set, IL_ISA says which
 *
 * `plain` is the scalar reference, in the order the contract states. All others are the
 * same vector sources at the vector length and tile of their machine.
 */
#include "la/instructions.h"
#include "la/isa.h"
#include "la/la.h"

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float is computed in float: s390x, "
                                     "-fexcess-precision=fast; i386, -msse2 -mfpmath=sse");

#if IL_LEVEL == LEVEL_plain
#include "la/plain.inc.h"
#else /* each piece stands on those above it */
/* clang-format off */
#include "la/simd.h"
#include "la/vmath.inc.h"
#include "la/fetch.inc.h"
#include "la/map.inc.h"
#include "la/norm.inc.h"
#include "la/tile.inc.h"
#include "la/epilogue.inc.h"
#include "la/gemm.inc.h"
#include "la/attention.inc.h"
#include "la/recurrence.inc.h"
#include "la/regression.inc.h"
#include "la/inverse.inc.h"
/* clang-format on */
#endif

static int runs_here(void)
{
#if IL_LEVEL == LEVEL_avx512
    return il_instructions_v4();
#elif IL_LEVEL == LEVEL_avx2
    return il_instructions_v3();
#else
    return 1;
#endif
}

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
    .recur = recur,
    .rls = rls,
    .ridge = ridge,
    .layernorm_forward = layernorm_forward,
    .layernorm_backward = layernorm_backward,
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_backward = rmsnorm_backward,
    .gelu_forward = gelu_forward,
    .gelu_backward = gelu_backward,
    .gelu_scale = gelu_scale,
    .gelu_both = gelu_both,
    .dot = dot,
    .axpy = axpy,
    .add = add,
    .mul = mul,
    .muladd = muladd,
    .colsum = colsum,
    .add_rows = add_rows,
    .dot_rows = dot_rows,
    .exp = exp_map,
    .tanh = tanh_map,
    .log = log_map,
    .erf = erf_map,
    .adam = adam,
    .squares = squares,
};
