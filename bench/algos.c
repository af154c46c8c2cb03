/* algos.c - seconds each algorithm takes on the evaluation every figure makes
 *
 * 1280 prompts of 41 points in 20 dimensions: every prefix is answered after every step. An
 * iteration takes its default steps.
 */
#include "algo/algo.h"
#include "task/task.h"

#include <stdlib.h>
#include <time.h>

enum { PROMPTS = 1280, POINTS = 41, DIM = 20, REPEATS = 3 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int fail(const il_error *err)
{
    fprintf(stderr, "algos: %s\n", err->text);
    return 1;
}

int main(void)
{
    il_error err;
    il_batch *batch;
    double opts[16] = { 0 };
    il_opt_init(il_task_linear_regression.opts, opts);
    if (il_batch_new(&batch, PROMPTS, POINTS, DIM, &err)) return fail(&err);
    if (il_batch_draw(batch, &il_task_linear_regression, opts, NULL, DIM,
                      (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL }, &err))
        return fail(&err);

    printf("%d prompts, %d prefixes, %d dimensions, %d threads\n", PROMPTS, POINTS, DIM,
           il_threads());
    double sum = 0;
    for (int i = 0; il_algo_at(i); i++) {
        il_algo *algo;
        if (il_algo_new(&algo, il_algo_at(i)->name, &err)) return fail(&err);
        int steps = il_algo_steps(algo);
        il_real *yhat = malloc(sizeof *yhat * (size_t)(steps + 1) * PROMPTS * POINTS);
        if (!yhat) return 1;
        double best = 1e9;
        for (int r = 0; r < REPEATS; r++) {
            double start = seconds();
            if (il_algo_predict(algo, batch, 0, steps, yhat, NULL, &err)) return fail(&err);
            double took = seconds() - start;
            best = took < best ? took : best;
        }
        printf("%-10s %4d steps %8.3f s\n", il_algo_text(algo), steps, best);
        sum += best;
        free(yhat);
        il_algo_free(algo);
    }
    printf("%-10s %10s %8.3f s\n", "all", "", sum);
    il_batch_free(batch);
    return 0;
}
