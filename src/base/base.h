/* base.h - what every layer stands on: errors, memory, random numbers, options, threads */
#ifndef IL_BASE_H
#define IL_BASE_H

#include "innerloop.h"

#include <stdarg.h>
#include <string.h>

/* ---- errors: a status and a sentence ----------------------------------------------------- */

il_status il_fail(il_error *err, il_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define IL_TRY(call)                                                                       \
    do {                                                                                   \
        il_status try_status_ = (call);                                                    \
        if (try_status_ != IL_OK) return try_status_;                                      \
    } while (0)

#define IL_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static inline int il_min(int a, int b) { return a < b ? a : b; }
static inline int il_max(int a, int b) { return a > b ? a : b; }

/* ---- memory: one arena per owner ----------------------------------------------------------- */

/* An arena without memory measures; with memory it carves. Layout code runs once for each. */
typedef struct {
    char *base;
    size_t used, size, peak;
} il_arena;

void *il_arena_take(il_arena *arena,
                    size_t bytes); /* 64-byte aligned; NULL while measuring */
il_status il_arena_fill(il_arena *arena,
                        il_error *err); /* after measuring: get the memory, zeroed */
void il_arena_free(il_arena *arena);
#define il_take(arena, type, n) ((type *)il_arena_take((arena), sizeof(type) * (size_t)(n)))

/* Scratch: everything taken after a mark is given back by its release. */
static inline size_t il_mark(const il_arena *arena) { return arena->used; }
static inline void il_release(il_arena *arena, size_t mark) { arena->used = mark; }

/* ---- random numbers: a function of coordinates --------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). */
void il_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

typedef struct {
    uint32_t key[2], counter[4], block[4];
    int left; /* words of `block` not handed out yet */
} il_rng;

/* The generator at (seed, stream, step, index); its draws are numbered by counter[0]. */
il_rng il_rng_at(uint64_t seed, uint32_t stream, uint32_t step, uint32_t index);
uint32_t il_bits(il_rng *rng);
double il_uniform(il_rng *rng);   /* in (0,1), 53 bits, never 0 or 1 */
double il_normal(il_rng *rng);    /* N(0,1): inverse distribution function of one uniform */
int il_below(il_rng *rng, int n); /* uniform in 0..n-1, without bias */

/* ---- options ---------------------------------------------------------------------------------- */

void il_opt_init(const il_opt *table, void *target);
const il_opt *il_opt_find(const il_opt *table, const char *name);
/* Parses `value` into the option's field. The sentence names `name`, value, type and range. */
il_status il_opt_set(const il_opt *opt, void *target, const char *name, const char *value,
                     il_error *err);
void il_opt_print(const il_opt *opt, const void *target, char *text, size_t size);
int il_opt_equal(const il_opt *opt, const void *a, const void *b);
/* Applies "a=1 b=2" (spaces between). `what` names the owner in errors. */
il_status il_opt_parse(const il_opt *table, void *target, const char *text,
                       const char *what, il_error *err);

/* ---- threads --------------------------------------------------------------------------------------- */

/* Runs work(context, i, worker) for i = 0..n-1 on il_threads() threads; worker < il_threads().
 * Which worker takes which i is left to chance: results must not depend on it. Not reentrant:
 * a nested call runs on the calling thread alone, as that worker. */
void il_parallel(int n, void (*work)(void *context, int i, int worker), void *context);

/* ---- hash -------------------------------------------------------------------------------------------- */

#define IL_HASH_START 14695981039346656037ull
uint64_t il_hash(uint64_t hash, const void *data, size_t bytes); /* FNV-1a, 64 bits */

#endif
