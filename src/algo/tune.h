/* tune.h - grid and golden-section search for the option value with the least loss */
#ifndef IL_TUNE_H
#define IL_TUNE_H

#include "base/base.h"

/* The value in [lo,hi] of a real option of an algorithm for which the mean squared error of its
 * last step, over the points from `from` on of a batch, is smallest: a line search with "gd steps=1" and
 * "step_size". A grid in equal ratios finds the valley, a golden section its floor (to 1e-6).
 *
 *   text    the algorithm with its other options
 *   lo, hi  0 < lo < hi
 *   value   out; loss out: its mean squared error, a number at a time, or NULL
 *
 * Cost: about 60 times the answers. Errors: IL_ECONFIG from the algorithm's text, or if the
 * error is finite nowhere. */
il_status il_algo_tune(double *value, double *loss, const char *text, const char *option,
                       double lo, double hi, const il_batch *batch, int from,
                       il_error *err);

/* Errors: IL_ECONFIG where that would be refused whatever the batch: an algorithm or option there is not,
 * an option that is no real number, or bounds that are none. */
il_status il_algo_tune_check(const char *text, const char *option, double lo, double hi,
                             il_error *err);

#endif
