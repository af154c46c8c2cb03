/* order.c - sorting, and quantiles of what is sorted */
#include "la/order.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void il_sort(double *x, int n) { qsort(x, (size_t)n, sizeof *x, ascending); }

double il_quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1), whole = (double)(int)at, part = at - whole;
    const double *low = sorted + (int)at;
    return part > 0 ? (1 - part) * low[0] + part * low[1] : low[0];
}
