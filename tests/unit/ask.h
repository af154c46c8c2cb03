/* ask.h - prompts, what algorithms answer to them, and LAPACK's answer */
#ifndef IL_ASK_H
#define IL_ASK_H

#include "algo/algo.h"
#include "check.h"
#include "task/task.h"

#include <lapacke.h>
#include <stdlib.h>

static inline il_batch *drawn(const char *task, const char *opts, const char *shift,
                              int prompts, int points, int dim, int dims)
{
    const il_task *t = il_task_find(task);
    double o[16] = { 0 };
    il_opt_init(t->opts, o);
    CHECK_OK(il_opt_parse(t->opts, o, opts, task, &err));
    il_batch *batch = NULL;
    CHECK_OK(il_batch_new(&batch, prompts, points, dim, &err));
    il_draw at = { .seed = 3, .stream = IL_STREAM_EVAL };
    CHECK_OK(il_batch_draw(batch, t, o, shift, dims, at, &err));
    return batch;
}

/* The answers of "name opt=value" to a batch; what may be NULL. Free what is returned. */
static inline double *answers(const char *text, const il_batch *batch, int steps,
                              double **what)
{
    il_algo *algo = NULL;
    CHECK_OK(il_algo_new(&algo, text, &err));
    size_t count = (size_t)(steps + 1) * (size_t)batch->prompts * (size_t)batch->points *
                   (size_t)batch->outs;
    double *yhat = malloc(count * sizeof *yhat);
    if (what) *what = malloc(count * (size_t)batch->dim * sizeof **what);
    CHECK_OK(il_algo_predict(algo, batch, 0, steps, yhat, what ? *what : NULL, &err));
    il_algo_free(algo);
    return yhat;
}

/* What "name opt=value" has learnt after `steps` from all points but the last of every prompt:
 * weights (B,D), and nothing of the shorter prefixes: for large batches. Free what is returned. */
static inline double *last_weights(const char *text, const il_batch *batch, int steps)
{
    const il_algo_kind *kind = NULL;
    size_t name = strcspn(text, " ");
    for (int i = 0; il_algo_at(i); i++)
        if (strlen(il_algo_at(i)->name) == name &&
            !strncmp(il_algo_at(i)->name, text, name))
            kind = il_algo_at(i);
    assert_non_null(kind);
    double opts[16] = { 0 };
    il_opt_init(kind->opts, opts);
    CHECK_OK(il_opt_parse(kind->opts, opts, text + name, kind->name, &err));
    int N = batch->points, dim = batch->dim;
    size_t room = kind->work ? kind->work(opts, N, dim) : 0;
    double *work = calloc(room + 1, sizeof *work),
           *yhat = malloc(sizeof *yhat * (size_t)(steps + 1)),
           *all = malloc(sizeof *all * (size_t)((steps + 1) * dim)),
           *what = malloc(sizeof *what * (size_t)(batch->prompts * dim));
    for (int b = 0; b < batch->prompts; b++) {
        il_learner l = { .D = dim,
                         .x = batch->x + (size_t)b * N * dim,
                         .y = batch->y + (size_t)b * N,
                         .work = work };
        memset(work, 0, sizeof *work * room);
        if (kind->start) kind->start(opts, &l);
        for (; l.n < N - 1 && kind->learn; l.n++)
            kind->learn(opts, &l, l.x + (size_t)l.n * dim, l.y[l.n]);
        l.n = N - 1;
        kind->answer(opts, &l, l.x + (size_t)(N - 1) * dim, steps, yhat, all);
        memcpy(what + b * dim, all + steps * dim, sizeof *what * (size_t)dim);
    }
    free(work);
    free(yhat);
    free(all);
    return what;
}

/* Minimum-norm least squares of the first n points, plus rows sqrt(alpha) I, by SVD */
static inline void lapack_solve(double *w, const il_batch *batch, int b, int n,
                                double alpha)
{
    int dim = batch->dim, rows = n + (alpha > 0 ? dim : 0), rank;
    memset(w, 0, sizeof *w * (size_t)dim);
    if (!rows) return;
    double *A = calloc((size_t)rows * dim, sizeof *A),
           *y = calloc((size_t)il_max(rows, dim), sizeof *y);
    double *sigma = calloc((size_t)dim, sizeof *sigma);
    memcpy(A, batch->x + (size_t)b * batch->points * dim, sizeof *A * (size_t)(n * dim));
    memcpy(y, batch->y + (size_t)b * batch->points, sizeof *y * (size_t)n);
    for (int d = 0; d < rows - n; d++) A[(n + d) * dim + d] = sqrt(alpha);
    assert_int_equal(
        LAPACKE_dgelsd(LAPACK_ROW_MAJOR, rows, dim, 1, A, dim, y, 1, sigma, 1e-10, &rank),
        0);
    memcpy(w, y, sizeof *w * (size_t)dim);
    free(A);
    free(y);
    free(sigma);
}

/* The largest difference between two sets of answers, relative to 1 + |b| */
static inline double distance(const double *a, const double *b, int count)
{
    double worst = 0;
    for (int i = 0; i < count; i++) {
        double d = fabs(a[i] - b[i]) / (1 + fabs(b[i]));
        if (!(d <= worst)) worst = d; /* NaN is worst */
    }
    return worst;
}

#endif
