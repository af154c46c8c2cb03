#!/bin/bash
# zig_cpu_supports.sh - what `zig cc` builds is told that the processor has no instruction set at all
#
# Seen with ziglang 0.17.1 (clang; Linux x86-64; glibc and musl targets alike). __builtin_cpu_init and __builtin_cpu_supports compile and
# link, and the answer is 0 for every name, SSE2 among them, which every x86-64 has and for which the same program was compiled. A
# program that chooses its kernels so runs its slowest ones, with no message. CPUID, read by the program itself, tells the truth.
# Output:
#
#   __SSE2__ 1, cpuid sse2 1, builtin sse2 0 avx2 0
. "$(dirname "$0")/lib.sh"
packages ziglang==0.17.1
seen '__SSE2__ 1, cpuid sse2 1, builtin sse2 0 avx2 0' <<'END'
import pathlib
import subprocess
import sys

pathlib.Path("p.c").write_text("""
#include <cpuid.h>
#include <stdio.h>
int main(void)
{
    unsigned a, b, c, d;
    __get_cpuid(1, &a, &b, &c, &d);
    __builtin_cpu_init();
    printf("__SSE2__ %d, cpuid sse2 %u, builtin sse2 %d avx2 %d\\n", __SSE2__, d >> 26 & 1,
           !!__builtin_cpu_supports("sse2"), !!__builtin_cpu_supports("avx2"));
}
""")
subprocess.run([sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu.2.28", "p.c", "-o", "p"], check=True)
print(subprocess.run(["./p"], capture_output=True, text=True, check=True).stdout, end="")
END
