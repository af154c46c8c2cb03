/* population.h - gradient descent of one softmax-attention layer on the population loss of a dictionary task
 *
 *   E[loss_k] = 1/2 E sum_m (a_m - [m = k])^2,   a_m = C_m exp(B_km) / sum_j C_j exp(B_kj)
 *   -dE[loss]/dB_km = -p_k E[a_m (a_m - [m = k] - S)],   S = sum_j (a_j - [j = k]) a_j
 *
 * for queries v_k, which have probability p_k. B_km = v_m . Q v_k are the K x K scores, C_m counts v_m among the N
 * examples of a prompt: a multinomial number. So no prompt is drawn, only counts.
 * Source: Huang, Cheng & Liang 2024, arXiv:2310.05249; the formulas are derived from its definitions.
 */
#ifndef IL_POPULATION_H
#define IL_POPULATION_H

#include "base/base.h"

/* What is descended, and how */
typedef struct {
    int features, examples; /* K, N */
    double dominant;        /* p_1; 0: all features are equally likely */
    double step_size;
    int draws; /* of the counts, for every step's expectation */
    uint64_t seed;
} il_population_options;

/* Where it is. `rare` features are all but the first, or all where none is dominant; of these, the mean. */
typedef struct {
    double dominant_loss, rare_loss; /* of a query; the first NAN where none is dominant */
    double own;                      /* B_kk of a rare feature: its score with itself */
    double on_dominant; /* B_k1 of a rare feature; NAN where none is dominant */
    double attention, attention_on_dominant; /* of a rare query */
} il_population_point;

typedef struct il_population il_population;
il_status il_population_new(il_population **out, const il_population_options *o,
                            il_error *err);
void il_population_free(il_population *p);
/* The point where the scores are now, and a step of gradient descent from there. */
il_population_point il_population_step(il_population *p);
/* Points 0..steps of such a descent; free(*points). */
il_status il_population_follow(il_population_point **points, const il_population_options *o,
                               int steps, il_error *err);

#endif
