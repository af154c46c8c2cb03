/* instructions.h - which vector instructions there are */
#ifndef IL_LA_INSTRUCTIONS_H
#define IL_LA_INSTRUCTIONS_H

/* Whether the processor has every instruction of a level, and the system keeps the registers they work on. 0 for all
 * of them where the processor is no x86-64. */
int il_instructions_v3(void);   /* x86-64-v3: AVX2, FMA, BMI2, ... */
int il_instructions_v4(void);   /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
int il_instructions_bf16(void); /* AVX-512 BF16 over x86-64-v4 */
int il_instructions_amx(
    void); /* tiles of bfloat16; the system grants their registers when asked (amx.c) */

#endif
