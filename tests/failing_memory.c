/* failing_memory.c - the n-th allocation of a program fails, once; what is never freed is counted
 *
 *   cc -shared -fPIC tests/failing_memory.c -o failing_memory.so
 *   FAIL_AT=120 LD_PRELOAD=./failing_memory.so innerloop ...
 *
 * Counted from where main begins; FAIL_AT=0 fails none. At its end the numbers of allocations and
 * of blocks that are still held go to the file $FAIL_COUNT. Programs that the program starts are
 * left alone. glibc's allocator.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static long count, held, fail_at;
static const char *report;
static int armed;

static int fails(void)
{
    if (!armed) return 0;
    long n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    if (n != fail_at) return 0;
    errno = ENOMEM;
    return 1;
}

/* The block that was got, one more that is held */
static void *got(void *p)
{
    if (armed && p) __atomic_add_fetch(&held, 1, __ATOMIC_RELAXED);
    return p;
}

void *malloc(size_t size) { return fails() ? NULL : got(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : got(__libc_calloc(n, size)); }
void *memalign(size_t align, size_t size)
{
    return fails() ? NULL : got(__libc_memalign(align, size));
}
void *aligned_alloc(size_t align, size_t size) { return memalign(align, size); }
int posix_memalign(void **p, size_t align, size_t size)
{
    *p = memalign(align, size);
    return *p ? 0 : ENOMEM;
}
void *realloc(void *p, size_t size)
{
    if (fails()) return NULL;
    void *moved = __libc_realloc(p, size);
    return p ? moved : got(moved);
}
void free(void *p)
{
    if (armed && p) __atomic_sub_fetch(&held, 1, __ATOMIC_RELAXED);
    __libc_free(p);
}

__attribute__((constructor)) static void arm(void)
{
    const char *n = getenv("FAIL_AT");
    fail_at = n ? atol(n) : 0;
    report = getenv("FAIL_COUNT");
    unsetenv("LD_PRELOAD");
    armed = 1;
}

__attribute__((destructor)) static void disarm(void)
{
    armed = 0;
    FILE *f = report ? fopen(report, "w") : NULL;
    if (!f) return;
    fprintf(f, "%ld %ld\n", count, held);
    fclose(f);
}
