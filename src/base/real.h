/* real.h - il_real and what else the kernels need, kept small: they take long to compile, once for
 * every instruction set
 */
#ifndef IL_REAL_H
#define IL_REAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As in innerloop.h, which declares it for users */
#ifdef IL_DOUBLE
typedef double il_real;
#else
typedef float il_real;
#endif

#define IL_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static inline int il_min(int a, int b) { return a < b ? a : b; }
static inline int il_max(int a, int b) { return a > b ? a : b; }

#endif
