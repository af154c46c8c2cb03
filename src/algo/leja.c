/* leja.c - Chebyshev's nodes in Leja's order
 *
 * The first is the largest, and each of the others one of which the product of distances to those before is
 * largest. Several products are equal, as the nodes are symmetric, and there rounding must not decide: the
 * order is the same on every interval.
 */
#include "algo/leja.h"

#include <math.h>

/* By its series on [0, pi/2]: the same bits everywhere */
static double cosine(double x)
{
    const double pi = 3.141592653589793;
    if (x > pi / 2) return -cosine(pi - x);
    double sum = 1;
    for (int k = 22; k > 0; k -= 2) sum = 1 - x * x * sum / (k * (k - 1));
    return sum;
}

void il_leja(double *node, int K)
{
    const double pi = 3.141592653589793;
    for (int k = 0; k < K; k++) node[k] = cosine((2 * k + 1) * pi / (2 * K));
    for (int k = 1; k < K; k++) {
        int best = k;
        double most = 0;
        for (int j = k; j < K; j++) {
            double product = 1;
            for (int i = 0; i < k; i++) product *= fabs(node[j] - node[i]);
            /* of equals, of which there are some, the one nearest to the middle, from above */
            int equal = product > most * (1 - 1e-9) && product < most * (1 + 1e-9);
            double nearer = fabs(node[best]) - fabs(node[j]);
            if (equal ? nearer > 1e-9 || (nearer > -1e-9 && node[j] > node[best])
                      : product > most)
                most = product, best = j;
        }
        double kept = node[k];
        node[k] = node[best], node[best] = kept;
    }
}
