/* bootstrap.h - bootstrap confidence interval of a mean over prompts */
#ifndef IL_BOOTSTRAP_H
#define IL_BOOTSTRAP_H

#include <stdint.h>

/* The 5 % and 95 % quantiles of the mean of e (n) over 1000 resamples, which depend on the seed alone. */
void il_bootstrap_mean(const double *e, int n, uint64_t seed, double *low, double *high);

#endif
