/* bootstrap.c - see bootstrap.h
 *
 * The quantiles of the mean of n values drawn with replacement from the n that there are.
 * Source: Efron 1979, "Bootstrap methods: another look at the jackknife".
 */
#include "la/bootstrap.h"
#include "base/base.h"
#include "la/order.h"

#include <stdlib.h>

enum { RESAMPLES = 1000 };

void il_bootstrap_mean(const double *e, int n, uint64_t seed, double *low, double *high)
{
    double means[RESAMPLES];
    for (int r = 0; r < RESAMPLES; r++) {
        il_rng rng = il_rng_at(seed, IL_STREAM_BOOTSTRAP, 0, (uint32_t)r);
        double sum = 0;
        for (int i = 0; i < n; i++) sum += e[il_below(&rng, n)];
        means[r] = sum / n;
    }
    il_sort(means, RESAMPLES);
    *low = means[RESAMPLES / 20];
    *high = means[RESAMPLES - 1 - RESAMPLES / 20];
}
