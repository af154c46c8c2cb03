/* instructions.c - which vector instructions there are, from the processor itself
 *
 * Not by __builtin_cpu_supports: its answer comes from the compiler's run-time library, and where that lacks it
 * (clang as zig ships it) every answer is 0 (findings/zig_cpu_supports.sh).
 *
 * Sources: Intel Software Developer's Manual, volume 1, chapters 13 and 14, and volume 2, CPUID; the levels: System V
 * Application Binary Interface, AMD64 Architecture Processor Supplement, table 3.1.
 */
#include "la/instructions.h"

#if defined __x86_64__
#include <cpuid.h>
#include <limits.h>

/* Bits of CPUID's answers: leaf 1, ecx */
enum { FMA = 1 << 12, MOVBE = 1 << 22, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29 };
/* leaf 7, ebx; edx; leaf 7.1, eax; leaf 0x80000001, ecx */
enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8 };
enum { F = 1 << 16, DQ = 1 << 17, CD = 1 << 28, BW = 1 << 30, VL = INT_MIN };
enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
enum { AVX512_BF16 = 1 << 5 };
enum { LZCNT = 1 << 5 };
/* Bits of XCR0 */
enum { XMM_YMM = 3 << 1, MASKS_ZMM = 7 << 5, TILES = 3 << 17 };

enum { EAX, EBX, ECX, EDX };

/* Whether a register of a leaf's answer has all these bits; a leaf that the processor lacks has none. */
static int has(unsigned leaf, unsigned part, int reg, unsigned bits)
{
    unsigned r[4];
    return __get_cpuid_count(leaf, part, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) &&
           (r[reg] & bits) == bits;
}

/* Whether the system saves these parts of the state between threads. */
static int kept(unsigned parts)
{
    unsigned low, high;
    if (!has(1, 0, ECX, OSXSAVE)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & parts) == parts;
}

int il_instructions_v3(void)
{
    return has(1, 0, ECX, FMA | MOVBE | AVX | F16C) && has(7, 0, EBX, BMI1 | AVX2 | BMI2) &&
           has(0x80000001, 0, ECX, LZCNT) && kept(XMM_YMM);
}

int il_instructions_v4(void)
{
    return il_instructions_v3() && has(7, 0, EBX, F | DQ | CD | BW | VL) && kept(MASKS_ZMM);
}

int il_instructions_bf16(void)
{
    return il_instructions_v4() && has(7, 1, EAX, AVX512_BF16);
}

int il_instructions_amx(void)
{
    return il_instructions_bf16() && has(7, 0, EDX, AMX_BF16 | AMX_TILE) && kept(TILES);
}

#else
int il_instructions_v3(void) { return 0; }
int il_instructions_v4(void) { return 0; }
int il_instructions_bf16(void) { return 0; }
int il_instructions_amx(void) { return 0; }
#endif
