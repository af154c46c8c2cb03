/* nelder_mead.h - the least value of a function of a few positive numbers, without derivatives */
#ifndef IL_NELDER_MEAD_H
#define IL_NELDER_MEAD_H

enum { IL_LEAST_MOST = 3 }; /* variables */

/* The least of g over the box low..high (n): in the logarithms of x, a grid with `across` points along
 * each axis, then Nelder-Mead's simplex from the lowest of its local minima. `given`: x is another start.
 * Returns the least value; x (n) gets where. No random numbers: the same g gives the same answer.
 * What is not finite counts as infinite. */
double il_least(double (*g)(void *context, const double *x), void *context, int n,
                const double *low, const double *high, int across, int given, double *x);

#endif
