/* order.h - numbers in order */
#ifndef IL_ORDER_H
#define IL_ORDER_H

/* Sorts x (n), ascending. */
void il_sort(double *x, int n);
/* The q-quantile, 0 <= q <= 1, of sorted numbers (n), n >= 1: linear between two; the median at 1/2 */
double il_quantile(const double *sorted, int n, double q);

#endif
