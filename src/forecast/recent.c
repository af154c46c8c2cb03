/* recent.c - the latest values of a sequence, kept in order of time and of size */
#include "forecast/forecast.h"
#include "la/order.h"

#include <math.h>
#include <stdlib.h>

int il_recent_count(const il_recent *r)
{
    return *r->taken < r->size ? (int)*r->taken : r->size;
}

/* How many of the n sorted values are below x. */
static int below(const double *sorted, int n, double x)
{
    int low = 0;
    while (low < n) {
        int middle = (low + n) / 2;
        if (sorted[middle] < x) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return low;
}

void il_recent_add(il_recent *r, double x)
{
    int n = il_recent_count(r);
    double *slot = r->ring + (int)fmod(*r->taken, r->size);
    x += 0.0; /* zero has one sign here, so that the order is a function of the values */
    if (n == r->size) {
        int old = below(r->sorted, n--, *slot);
        memmove(r->sorted + old, r->sorted + old + 1, sizeof x * (size_t)(n - old));
    }
    int at = below(r->sorted, n, x);
    memmove(r->sorted + at + 1, r->sorted + at, sizeof x * (size_t)(n - at));
    r->sorted[at] = x;
    *slot = x;
    *r->taken += 1;
}

double il_recent_quantile(const il_recent *r, double q)
{
    int n = il_recent_count(r);
    return n ? r->sorted[(int)(q * (n - 1) + 0.5)] : 0;
}

int il_recent_restore(il_recent *r)
{
    if (!(*r->taken >= 0 && *r->taken < 0x1p53 && *r->taken == floor(*r->taken))) return 0;
    int n = il_recent_count(r);
    for (int i = 0; i < n; i++)
        if (!isfinite(r->ring[i])) return 0;
    memcpy(r->sorted, r->ring, sizeof *r->ring * (size_t)n);
    il_sort(r->sorted, n);
    return 1;
}
