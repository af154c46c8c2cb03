/* answers.c - what algorithms answer, for tests/slow/trees.py to compare
 *
 *   answers TASK PROMPTS POINTS DIMS ALGO...
 *
 * Writes to the standard output, as raw numbers of the library's real type, the inputs x (PROMPTS, POINTS, DIMS) and y
 * (PROMPTS, POINTS) of prompts, and the answers (PROMPTS, POINTS) of every ALGO after its last step.
 */
#include "task/task.h"

#include <stdlib.h>

static il_status answer(const char *text, const il_batch *batch, il_real *yhat,
                        il_error *err)
{
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, text, err));
    int last = il_algo_steps(algo);
    il_status status = il_algo_predict(algo, batch, last, last, yhat, NULL, err);
    il_algo_free(algo);
    return status;
}

static il_status run(char **arg, int algos, il_error *err)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    il_batch *batch;
    int B = atoi(arg[1]), N = atoi(arg[2]), D = atoi(arg[3]);
    IL_TRY(il_task_parse(&task, opts, arg[0], NULL, err));
    IL_TRY(il_batch_new_drawn(&batch, task, opts, NULL, B, N, D, D,
                              (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL }, err));
    size_t points = (size_t)B * (size_t)N;
    fwrite(batch->x, sizeof *batch->x, points * (size_t)D, stdout);
    fwrite(batch->y, sizeof *batch->y, points, stdout);
    il_real *yhat = malloc(points * sizeof *yhat);
    il_status status = yhat ? IL_OK : il_fail(err, IL_EFAIL, "out of memory");
    for (int i = 0; i < algos && !status; i++) {
        status = answer(arg[4 + i], batch, yhat, err);
        fwrite(yhat, sizeof *yhat, points, stdout);
    }
    free(yhat);
    il_batch_free(batch);
    return status;
}

int main(int argc, char **argv)
{
    il_error err = { 0 };
    if (argc < 6) return 2;
    il_status status = run(argv + 1, argc - 5, &err);
    if (status) fprintf(stderr, "answers: %s\n", err.text);
    return (int)status;
}
