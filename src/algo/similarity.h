/* similarity.h - how alike two learners are that answered the same prompts
 *
 * A learner is `steps` sets of answers (steps,B,N), a model's layers or an algorithm's steps, and
 * where it has them of weights (steps,B,N,D). With several answers a point, count each as a point
 * of its own. Everything is compared from point `from` on: at 1, the answers without any example
 * are left out.
 *
 *   SimE  mean over prompts of the cosine between the vectors of errors over the points
 *   SimW  mean over prompts and points of the cosine between the weights
 *   SPD   mean squared difference of two sets of answers
 *   ILWD  mean squared distance of two sets of weights, divided by D
 *
 * Two vectors of zeros are alike (1), a vector of zeros and another are not (0).
 * Sources: SimE, SimW: Fu et al. 2023, arXiv:2310.17086; SPD, ILWD: Akyurek et al. 2023,
 * arXiv:2211.15661.
 */
#ifndef IL_SIMILARITY_H
#define IL_SIMILARITY_H

#include "base/base.h"

typedef struct {
    int prompts, points, from; /* B, N, and the first point that counts */
} il_similar;

/* A cosine from its sums. NaN where a square is not above `nothing`. */
typedef struct {
    double ab, aa, bb;
} il_cosine;
double il_cosine_of(il_cosine sums, double nothing);

/* SimE of every step of a with every step of b: table (na,nb). y (B,N) is the truth.
 * Cost O(na nb B N). Errors: IL_EFAIL if memory is out. */
il_status il_similarity_errors(double *table, il_similar s, const il_real *a, int na,
                               const il_real *b, int nb, const il_real *y, il_error *err);
/* SimW of every step of a with every step of b: table (na,nb) */
il_status il_similarity_weights(double *table, il_similar s, int dim, const il_real *a,
                                int na, const il_real *b, int nb, il_error *err);
/* The step of b most similar to each step of a: best (na); the first of equals */
void il_similarity_best(int *best, const double *table, int na, int nb);

double il_similarity_spd(il_similar s, const il_real *a, const il_real *b);
double il_similarity_ilwd(il_similar s, int dim, const il_real *a, const il_real *b);

/* The weights (D) that explain answers (T) to queries (T,D) best: least squares, T >= D
 * independent queries. Returns the share of the answers' square that they explain, R^2 without
 * the mean, or NaN if the queries are dependent. work (D,D+3). */
double il_induced_weights(double *w, const il_real *queries, const il_real *answers, int T,
                          int D, double *work);

#endif
