/* arena.c - one block of memory per owner
 *
 * Layout code runs twice over an arena: the first time it measures (no memory, il_take gives
 * NULL), then il_arena_fill gets the block, then the same code carves it.
 */
#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINE = 64 };           /* a cache line, and the widest vector */
enum { HUGE_PAGE = 2 << 20 }; /* a huge page, where there are any */

void *il_arena_take(il_arena *arena, size_t bytes)
{
    size_t at = arena->used,
           most = SIZE_MAX / 2; /* a sum past `most` stays there, and is refused */
    if (bytes > most - LINE || at > most - LINE - bytes)
        arena->used = most;
    else
        arena->used = at + (bytes + LINE - 1) / LINE * LINE;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return arena->base ? arena->base + at : NULL;
}

il_status il_memory_ask(double bytes, const char *what, const char *lower, il_error *err)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double most = pages > 0 && page > 0 ? (double)pages * (double)page : INFINITY;
    if (bytes <= most) return IL_OK;
    return il_fail(err, IL_EFAIL,
                   "out of memory: %s needs %.1f MB, and this machine has %.1f%s%s", what,
                   bytes / 1e6, most / 1e6, *lower ? "; lower " : "", lower);
}

il_status il_arena_fill(il_arena *arena, il_error *err)
{
    size_t size = arena->peak ? arena->peak : LINE, align = LINE;
    if (size >=
        4 * HUGE_PAGE) { /* many small pages cost a training step some 4 % of its time */
        align = HUGE_PAGE;
        size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    }
    IL_TRY(il_memory_ask((double)size, "one block of it", "", err));
    char *base = aligned_alloc(align, size);
    if (!base)
        return il_fail(err, IL_EFAIL, "out of memory: %.1f MB were asked for",
                       (double)size / 1e6);
#ifdef MADV_HUGEPAGE
    if (align == HUGE_PAGE) madvise(base, size, MADV_HUGEPAGE);
#endif
    memset(base, 0, size);
    *arena = (il_arena){ .base = base, .size = size };
    return IL_OK;
}

void il_arena_free(il_arena *arena)
{
    free(arena->base);
    *arena = (il_arena){ 0 };
}
