/* algo.h - the classical learning algorithms, behind one interface
 *
 * An algorithm learns the points of a prompt one by one and answers a query after any number of
 * them, so that an answer cannot depend on later points. It works in double. One file and one
 * row in algos.def each.
 */
#ifndef IL_ALGO_H
#define IL_ALGO_H

#include "base/base.h"

/* What an algorithm knows of one prompt */
typedef struct {
    int D, n;            /* dimension; points learnt */
    const double *x, *y; /* (n,D), (n): these points */
    double *work; /* as many doubles as the row asked for; zeros before the first point */
    int rank;     /* for the algorithm's use; 0 before the first point */
    double noise; /* deviation of the noise on y: for oracles */
} il_learner;

typedef struct {
    const char *name, *summary;
    const il_opt *opts;
    size_t size;    /* of the options struct: at most 16 doubles */
    int iterates;   /* answers step by step; its options struct begins with `int steps` */
    int weightless; /* answers without weights */

    size_t (*work)(const void *opts, int N, int D); /* doubles of work; NULL: none */
    void (*start)(const void *opts, il_learner *l); /* before the first point; or NULL */
    /* Takes in (x, y), which is point l->n; or NULL */
    void (*learn)(const void *opts, il_learner *l, const double *x, double y);
    /* Answers the query q (D) from the points learnt: yhat (steps+1) after steps 0..steps, and the
     * weights behind it, what (steps+1,D), unless NULL. A closed form is asked with steps = 0. */
    void (*answer)(const void *opts, il_learner *l, const double *q, int steps,
                   double *yhat, double *what);
} il_algo_kind;

#define IL_ALGO(name) extern const il_algo_kind il_algo_##name;
#include "algo/algos.def"
#undef IL_ALGO

/* For a `learn` that is one example behind: exchanges the newest for the one before. 0 if there is
 * none yet. */
static inline int il_algo_lag(const il_learner *l, const double **x, double *y)
{
    if (l->n < 1) return 0;
    *x = l->x + (size_t)(l->n - 1) * (size_t)l->D;
    *y = l->y[l->n - 1];
    return 1;
}

/* What every algorithm takes besides its own options. With stack=k, `D` numbers are those of the last k
 * observations, the newest first, zeros before the first: a sequence's state may be seen in part. */
extern const il_opt il_algo_common[];

const il_algo_kind *il_algo_at(int i); /* the rows in order; NULL past the last */

#endif
