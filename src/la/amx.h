/* amx.h - interface of amx.c for dispatch.c and peak.c */
#ifndef IL_LA_AMX_H
#define IL_LA_AMX_H

#include "la/la.h"

/* Whether the machine has tiles of bfloat16 and the system lends them. Call where AVX-512 runs. */
int il_amx_runs_here(void);
/* Makes the products of a copy of the avx512 table those by tiles. */
void il_amx_replace(il_kernels *kernels);
/* 4 `times` products of tiles that never leave their registers; one is 2 x 16 x 16 x 32 operations */
void il_amx_spin(int times);

#endif
