/* beside.c - the classical learners beside a model: their answers to queries, and to examples that are left out
 *
 * Nearest neighbours (3, those of `knn`) and boosted trees read inputs and targets that are standardised by all
 * examples; linear.c has the linear ones.
 */
#include "algo/algo.h"
#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[] = { "model", "ridge", "ols", "knn", "trees", "mean" };

const char *il_predictor_name(int who) { return names[who]; }

static il_status linear(const il_frame *f, int who, int out, double *answers, il_error *err)
{
    int n = out ? f->M : f->Q;
    double *other = malloc(sizeof *other * (size_t)n);
    if (!other) return il_fail(err, IL_EFAIL, "out of memory for %d answers", n);
    double *ridge = who == IL_BY_RIDGE ? answers : other,
           *ols = who == IL_BY_RIDGE ? other : answers;
    il_status status = out ? il_frame_linear_left_out(f, ridge, ols, err)
                           : il_frame_linear(f, ridge, ols, err);
    free(other);
    return status;
}

static void mean(const il_frame *f, int out, double *answers)
{
    il_standard y = il_standard_of(f->y, NULL, f->M);
    for (int i = 0; i < (out ? f->M : f->Q); i++)
        answers[i] = !out ? il_standard_to(&y, 0)
                          : il_standard_to(&y, -il_standard_from(&y, f->y[i]) / (f->M - 1));
}

/* A learner that answers from the points it was shown, and its memory */
typedef struct {
    const il_algo_kind *kind;
    double opts[16], *x, *y, *work; /* (M+Q,P), (M) */
    size_t works;
    il_standard target;
} learner;

static il_status learner_new(learner *l, const il_frame *f, const il_algo_kind *kind,
                             il_error *err)
{
    size_t P = (size_t)f->P, n = (size_t)(f->M + f->Q);
    *l = (learner){ .kind = kind };
    il_opt_init(kind->opts, l->opts);
    l->works = kind->work ? kind->work(l->opts, f->M, f->P) : 0;
    l->x = malloc(sizeof *l->x * n * P);
    l->y = malloc(sizeof *l->y * 2 * (size_t)f->M);
    l->work = malloc(sizeof *l->work * (l->works + n * P + 1));
    if (!l->x || !l->y || !l->work)
        return il_fail(err, IL_EFAIL, "out of memory for %d examples", f->M);
    l->target = il_standard_of(f->y, NULL, f->M);
    for (int i = 0; i < f->M; i++) l->y[i] = il_standard_from(&l->target, f->y[i]);
    for (size_t c = 0; c < P; c++) {
        il_standard s = il_standard_of(f->x[c], NULL, f->M);
        for (size_t i = 0; i < n; i++) l->x[i * P + c] = il_standard_from(&s, f->x[c][i]);
    }
    return IL_OK;
}

/* Shows it all examples but `out` (-1: none) and asks rows from..end-1. */
static void learn_and_answer(learner *l, const il_frame *f, int out, int from, int end,
                             double *answers)
{
    size_t P = (size_t)f->P;
    double *shown = l->work + l->works, *y = l->y + f->M;
    il_learner to = { .D = f->P, .x = shown, .y = y, .work = l->work };
    memset(l->work, 0, sizeof *l->work * l->works);
    if (l->kind->start) l->kind->start(l->opts, &to);
    for (int i = 0; i < f->M; i++) {
        if (i == out) continue;
        memcpy(shown + (size_t)to.n * P, l->x + (size_t)i * P, sizeof *shown * P);
        y[to.n] = l->y[i];
        if (l->kind->learn) l->kind->learn(l->opts, &to, shown + (size_t)to.n * P, y[to.n]);
        to.n++;
    }
    for (int i = from; i < end; i++) {
        double z;
        l->kind->answer(l->opts, &to, l->x + (size_t)i * P, 0, &z, NULL);
        answers[i - from] = il_standard_to(&l->target, z);
    }
}

static il_status learnt(const il_frame *f, const il_algo_kind *kind, int out,
                        double *answers, il_error *err)
{
    learner l;
    il_status status = learner_new(&l, f, kind, err);
    if (!status && !out) learn_and_answer(&l, f, -1, f->M, f->M + f->Q, answers);
    for (int i = 0; i < f->M && out && !status; i++)
        learn_and_answer(&l, f, i, i, i + 1, answers + i);
    free(l.x);
    free(l.y);
    free(l.work);
    return status;
}

il_status il_frame_ask(const il_frame *f, int who, int out, double *answers, il_error *err)
{
    switch (who) {
    case IL_BY_RIDGE:
    case IL_BY_OLS:
        return linear(f, who, out, answers, err);
    case IL_BY_KNN:
        return learnt(f, &il_algo_knn, out, answers, err);
    case IL_BY_TREES:
        return learnt(f, &il_algo_boosted_trees, out, answers, err);
    default:
        mean(f, out, answers);
        return IL_OK;
    }
}
