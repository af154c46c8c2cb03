/* isa.h - the instruction set that IL_ISA names, as a number for #if */
#ifndef IL_LA_ISA_H
#define IL_LA_ISA_H

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

#define LEVEL_plain    0
#define LEVEL_baseline 1 /* SSE2, which every x86-64 has */
#define LEVEL_neon     2 /* which every aarch64 has */
#define LEVEL_avx2     3 /* x86-64-v3 */
#define LEVEL_avx512   4 /* x86-64-v4 */
#define IL_LEVEL       JOIN(LEVEL_, IL_ISA)

#endif
