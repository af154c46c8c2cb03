/* dispatch.c - which table of kernels runs
 *
 * The tables stand in rising order of speed; the last that this machine runs is taken, unless
 * the environment variable IL_KERNEL names another.
 */
#include "base/base.h"
#include "la/amx.h"
#include "la/instructions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* IL_TABLES(T) comes from the makefile: T(plain) T(baseline) ... */
#define DECLARE(isa) extern const il_kernels il_kernels_##isa;
#define ROW(isa)     &il_kernels_##isa,
IL_TABLES(DECLARE)

static const il_kernels *const tables[] = { IL_TABLES(ROW) };

static _Atomic(const il_kernels *) current;
static pthread_once_t once = PTHREAD_ONCE_INIT;

const il_kernels *il_kernel_find(const char *name)
{
    for (int i = 0; i < IL_COUNT(tables); i++)
        if (!strcmp(tables[i]->name, name) && tables[i]->runs_here()) return tables[i];
    return NULL;
}

const il_kernels *il_kernel_at(int index)
{
    for (int i = 0; i < IL_COUNT(tables); i++)
        if (tables[i]->runs_here() && index-- == 0) return tables[i];
    return NULL;
}

static void choose(void)
{
    const char *name = getenv("IL_KERNEL");
    const il_kernels *found = name ? il_kernel_find(name) : NULL;
    for (int i = IL_COUNT(tables) - 1; !found; i--)
        if (tables[i]->runs_here()) found = tables[i];
    const il_kernels *none = NULL; /* il_kernel_use may have come first */
    atomic_compare_exchange_strong(&current, &none, found);
}

const il_kernels *il_kernel(void)
{
    const il_kernels *k = atomic_load_explicit(&current, memory_order_acquire);
    if (k) return k;
    pthread_once(&once, choose);
    return atomic_load(&current);
}

void il_kernel_use(const il_kernels *kernels) { atomic_store(&current, kernels); }

/* ---- bfloat16 ---------------------------------------------------------------------------------- */

#ifdef IL_HAVE_BF16
void il_bf16_replace(il_kernels *kernels); /* bf16.c */

static il_kernels with_bf16[2]; /* the faster first */
static int n_bf16;
static pthread_once_t once_bf16 = PTHREAD_ONCE_INIT;

static void fill_bf16(void)
{
    const il_kernels *k = il_kernel_find("avx512");
    if (!k || !il_instructions_bf16()) return;
#ifdef IL_HAVE_AMX
    if (il_amx_runs_here()) {
        with_bf16[n_bf16] = *k;
        il_amx_replace(&with_bf16[n_bf16++]);
    }
#endif
    with_bf16[n_bf16] = *k;
    il_bf16_replace(&with_bf16[n_bf16++]);
}

const il_kernels *il_kernel_bf16_at(int index)
{
    pthread_once(&once_bf16, fill_bf16);
    return index < n_bf16 ? &with_bf16[index] : NULL;
}
#else
const il_kernels *il_kernel_bf16_at(int index)
{
    (void)index;
    return NULL;
}
#endif

const il_kernels *il_kernel_bf16(void)
{
    return strcmp(il_kernel()->name, "avx512") ? NULL : il_kernel_bf16_at(0);
}

const char *il_kernel_name(void) { return il_kernel()->name; }

il_status il_kernel_check(il_error *err)
{
    const char *name = getenv("IL_KERNEL");
    if (!name || il_kernel_find(name)) return IL_OK;
    char list[128] = "";
    const il_kernels *k;
    for (int i = 0; (k = il_kernel_at(i)); i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 k->name);
    return il_fail(err, IL_EUSAGE, "IL_KERNEL = '%s' does not run here; choose one of: %s",
                   name, list);
}
