/* threads.c - one parallel region at a time
 *
 * Workers sleep until a region opens, then take indices from a shared counter until none is
 * left. Who takes which index is left to chance; a region's result must not depend on it.
 *
 * A child of fork() has none of the workers: it begins with an empty pool and starts its own. fork()
 * waits until the region of another thread has ended, so that a child never inherits half of one.
 */
#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 256 };

static struct {
    pthread_mutex_t region, lock; /* one region at a time; the fields below */
    pthread_cond_t start, end;
    int threads, running;
    unsigned round;
    int n, crew; /* of the region: its indices, and how many threads share them */
    atomic_int next;
    void (*work)(void *, int, int);
    void *context;
} pool = {
    .region = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .start = PTHREAD_COND_INITIALIZER,
    .end = PTHREAD_COND_INITIALIZER,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int wanted = 1;
static atomic_int most; /* workers that rooms are made for; 0: none was made yet */
static _Thread_local int worker_here = -1; /* >= 0 inside a region */

/* IL_THREADS as a number, 0 if it is none of 1 to MOST in digits; without it, the processors. */
static long asked(void)
{
    const char *text = getenv("IL_THREADS");
    if (!text) return il_processors();
    if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 9) return 0;
    long n = strtol(text, NULL, 10);
    return n <= MOST ? n : 0;
}

il_status il_threads_check(il_error *err)
{
    if (!getenv("IL_THREADS") || asked()) return IL_OK;
    return il_fail(err, IL_EUSAGE,
                   "IL_THREADS = '%s' is no number of threads; take one from 1 to %d",
                   il_show(getenv("IL_THREADS")).text, MOST);
}

/* ---- fork() ------------------------------------------------------------------------------- */

/* Inside a region its opener holds `region`, and ends it without us. */
static void before_fork(void)
{
    if (worker_here < 0) pthread_mutex_lock(&pool.region);
    pthread_mutex_lock(&pool.lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&pool.lock);
    if (worker_here < 0) pthread_mutex_unlock(&pool.region);
}

/* Locks and conditions that workers waited on are in no state to use: they are made anew. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&pool.region, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.start, NULL);
    pthread_cond_init(&pool.end, NULL);
    pool.threads = pool.running = 0;
    worker_here = -1;
}

/* ---- how many ----------------------------------------------------------------------------- */

static void count(void)
{
    long n = asked();
    atomic_store(&wanted, n < 1 ? 1 : n > MOST ? MOST : (int)n);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

int il_threads(void)
{
    pthread_once(&once, count);
    int now = atomic_load(&wanted), bound = atomic_load(&most);
    return bound ? il_min(now, bound) : now;
}

int il_workers(void)
{
    int none = 0;
    if (!atomic_load(&most)) atomic_compare_exchange_strong(&most, &none, il_threads());
    return atomic_load(&most);
}

static il_status too_many(int n, int bound, il_error *err)
{
    return il_fail(
        err, IL_ECONFIG,
        "%d threads are more than the %d that the library began to work with; set "
        "their number before its first use, or by IL_THREADS",
        n, bound);
}

/* What was made for `most` workers serves fewer, not more; so a number that is in use may only fall. */
il_status il_threads_set(int n, il_error *err)
{
    pthread_once(&once, count);
    int had = il_threads(), bound = atomic_load(&most);
    if (n < 1 || n > MOST)
        return il_fail(err, IL_ECONFIG, "%d is no number of threads; take one from 1 to %d",
                       n, MOST);
    if (bound && n > bound) return too_many(n, bound, err);
    atomic_store(&wanted, n);
    bound = atomic_load(&most);
    if (!bound || n <= bound) return IL_OK;
    atomic_store(&wanted, had); /* another thread put the library to work meanwhile */
    return too_many(n, bound, err);
}

static void take_all(int worker)
{
    worker_here = worker;
    for (int i; (i = atomic_fetch_add(&pool.next, 1)) < pool.n;)
        pool.work(pool.context, i, worker);
    worker_here = -1;
}

static void *serve(void *arg)
{
    int worker = (int)(intptr_t)arg;
    unsigned seen = 0;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.round == seen) pthread_cond_wait(&pool.start, &pool.lock);
        seen = pool.round;
        pthread_mutex_unlock(&pool.lock);
        if (worker < pool.crew) take_all(worker);
        pthread_mutex_lock(&pool.lock);
        if (--pool.running == 0) pthread_cond_signal(&pool.end);
    }
    return NULL;
}

/* Starts the workers that are missing; a machine that gives fewer simply has fewer. */
static void start_workers(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (pool.threads < pool.crew - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &attr, serve, (void *)(intptr_t)(pool.threads + 1)))
            break;
        pool.threads++;
    }
    pthread_attr_destroy(&attr);
}

void il_parallel(int n, void (*work)(void *context, int i, int worker), void *context)
{
    int bound = il_workers(), crew = il_min(il_min(il_threads(), bound), n);
    if (worker_here >= 0 || crew <= 1) {
        int worker = worker_here >= 0 ? worker_here : 0;
        for (int i = 0; i < n; i++) work(context, i, worker);
        return;
    }
    pthread_mutex_lock(&pool.region);
    pthread_mutex_lock(&pool.lock);
    pool.n = n;
    pool.crew = crew;
    if (pool.threads < crew - 1) start_workers();
    pool.work = work;
    pool.context = context;
    atomic_store(&pool.next, 0);
    pool.running = pool.threads;
    pool.round++;
    pthread_cond_broadcast(&pool.start);
    pthread_mutex_unlock(&pool.lock);
    take_all(0);
    pthread_mutex_lock(&pool.lock);
    while (pool.running) pthread_cond_wait(&pool.end, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.region);
}
