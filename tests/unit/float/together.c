/* together.c - threads of a program that use one model at the same time get what one alone gets
 *
 * To be run under the thread sanitizer, too: make SAN=thread BUILD=build/tsan build/tsan/float/test/together
 */
#include "models.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, B = 6, N = 5, D = 3, TIMES = 8 };

static const il_model *model;

/* All that one user asks: answers, the same in a context, and what an algorithm says */
typedef struct {
    uint64_t seed;
    il_real yhat[B * N], algo[B * N], last;
    il_status status;
} user;

static il_status ask(user *u)
{
    il_batch *batch = NULL;
    il_algo *algo = NULL;
    il_context *context = NULL;
    il_status status = il_batch_new(&batch, B, N, D, NULL);
    if (!status)
        status =
            il_batch_draw(batch, il_task_find("linear_regression"),
                          il_model_config(model)->training.task_opts, NULL, 2,
                          (il_draw){ .seed = u->seed, .stream = IL_STREAM_USER }, NULL);
    if (!status) status = il_model_answer(model, batch, 1, 1, u->yhat, NULL);
    if (!status) status = il_algo_new(&algo, "ridge alpha=0.1", NULL);
    if (!status) status = il_algo_predict(algo, batch, 0, 0, u->algo, NULL, NULL);
    if (!status) status = il_context_new(&context, model, 0, NULL);
    for (int n = 0; n < N - 1 && !status; n++)
        status = il_context_add(context, batch->x + n * D, batch->y[n], NULL);
    if (!status) status = il_context_ask(context, batch->x + (N - 1) * D, &u->last, NULL);
    il_context_free(context);
    il_algo_free(algo);
    il_batch_free(batch);
    return status;
}

static void *use(void *user_)
{
    user *u = user_, first = *u;
    for (int i = 0; i < TIMES && !u->status; i++) {
        u->status = ask(u);
        if (!i) first = *u;
        if (memcmp(&first, u, sizeof first)) u->status = IL_EFAIL;
    }
    return NULL;
}

static void threads_share_a_model(void **state)
{
    static user alone[THREADS], together[THREADS];
    pthread_t thread[THREADS];
    (void)state;
    il_model *m = of_numbers("model.family=gpt2");
    model = m;
    CHECK_OK(il_threads_set(3, &err));
    for (int i = 0; i < THREADS; i++) {
        alone[i].seed = together[i].seed = (uint64_t)i + 1;
        use(&alone[i]);
        assert_int_equal(alone[i].status, IL_OK);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use, &together[i]), 0);
    /* and the number of threads changes meanwhile */
    for (int n = 3; n >= 1; n--) CHECK_OK(il_threads_set(n, &err));
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    assert_memory_equal(alone, together, sizeof alone);
    assert_true(memcmp(alone[0].yhat, alone[1].yhat, sizeof alone[0].yhat) != 0);
    il_model_free(m);
}

/* Once rooms are made for so many threads, fewer may run, and as many again; never more. */
static void the_number_of_threads(void **state)
{
    il_error why = { 0 };
    (void)state;
    CHECK_OK(il_threads_set(1, &err));
    assert_int_equal(il_threads(), 1);
    CHECK_OK(il_threads_set(3, &err));
    assert_int_equal(il_threads(), 3);
    assert_int_equal(il_threads_set(4, &why), IL_ECONFIG);
    assert_non_null(strstr(why.text, "IL_THREADS"));
    assert_int_equal(il_threads(), 3);
}

/* A call beats the variable. */
static void a_call_beats_the_variable(void **state)
{
    (void)state;
    setenv("IL_THREADS", "1", 1);
    assert_int_equal(il_threads(), 1);
    CHECK_OK(il_threads_set(3, &err));
    assert_int_equal(il_threads(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_call_beats_the_variable),
                                        cmocka_unit_test(threads_share_a_model),
                                        cmocka_unit_test(the_number_of_threads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
