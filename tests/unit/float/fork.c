/* fork.c - a child of fork() computes as its parent does, whatever the parent's threads were doing */
#include "base/base.h"
#include "folder.h"
#include "models.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 64 };

static void mark(void *context, int i, int worker)
{
    (void)worker;
    ((int *)context)[i] += i;
}

/* A region of N indices: was every one of them taken once? */
static int region(void)
{
    int *seen = calloc(N, sizeof *seen), good = seen != NULL;
    if (seen) il_parallel(N, mark, seen);
    for (int i = 0; i < N && good; i++) good = seen[i] == i;
    free(seen);
    return good;
}

/* Forks `generations` deep; every child must end by itself, and well. */
static int descend(int generations)
{
    int status = 0;
    if (!generations) return 0;
    pid_t child = fork();
    if (child < 0) return 1;
    if (!child) {
        alarm(60); /* a child that hangs is killed, and fails */
        int good = region() && region() && !descend(generations - 1);
        _exit(good ? 0 : 1);
    }
    return waitpid(child, &status, 0) != child || status;
}

static void a_child_computes(void **state)
{
    (void)state;
    CHECK_OK(il_threads_set(4, &err));
    assert_true(region());
    assert_int_equal(descend(3), 0);
    assert_true(region());
}

static atomic_int stop;

static void *keep_busy(void *good)
{
    while (!atomic_load(&stop)) *(int *)good &= region();
    return NULL;
}

static void while_another_thread_computes(void **state)
{
    pthread_t thread;
    int good = 1, bad = 0;
    (void)state;
    CHECK_OK(il_threads_set(3, &err));
    assert_int_equal(pthread_create(&thread, NULL, keep_busy, &good), 0);
    for (int i = 0; i < 20; i++) bad += descend(1);
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(bad, 0);
    assert_true(good);
}

/* One step of training: the hash of the weights it ends with, 0 where it fails */
static uint64_t train_a_step(const char *place)
{
    static const char *const set[] = { "training.train_steps=1", "training.batch_size=16",
                                       "training.shard=2",
                                       "training.curriculum.dims.start=2",
                                       "training.curriculum.points.start=5" };
    il_model *m = of_numbers("model.family=gpt2");
    il_config c = *il_model_config(m);
    il_trained trained = { 0 };
    il_status status = il_config_override(&c, set, IL_COUNT(set), NULL);
    il_model_free(m);
    if (!status) status = il_train(&c, place, 0, NULL, &trained, NULL);
    return status ? 0 : trained.hash;
}

/* The pool runs in the parent; the child has none of its threads, and trains to the same bits. */
static void a_child_trains(void **state)
{
    const char *one = in_folder("parent"), *two = in_folder("child");
    int status = 0;
    (void)state;
    uint64_t hash = train_a_step(one);
    assert_true(hash != 0 && region());
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        alarm(60);
        _exit(train_a_step(two) == hash ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_child_computes),
                                        cmocka_unit_test(a_child_trains),
                                        cmocka_unit_test(while_another_thread_computes) };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
