/* knn.c - the mean y of the k nearest examples, all of them while there are fewer
 *
 * Euclidean distance; of equally near examples the earlier counts. With weights = distance each of them counts as
 * 1 / its distance; those at the query itself, where there are any, count alone. Source of k = 3 with equal
 * weights: Garg et al. 2022, arXiv:2208.01066. Cost O(N^2 D) a prompt.
 */
#include "algo/algo.h"

#include <math.h>

typedef struct {
    int k, by_distance;
} options;
static const il_opt opts[] = {
    { "k", IL_OPT_INT, offsetof(options, k), 3, 1, 1e6, "neighbours", NULL },
    { "weights", IL_OPT_CHOICE, offsetof(options, by_distance), 0, 0, 0,
      "all alike, or 1 / the distance", "uniform|distance" },
    { 0 },
};

static size_t work(const void *opt, int N, int D)
{
    (void)opt, (void)D;
    return 2 * (size_t)N; /* squared distance and y of the nearest, nearest first */
}

/* Of the k nearest, by their squared distances in rising order */
static double weighted(const double *square, const double *y, int k)
{
    double sum = 0, all = 0;
    for (int i = 0; i < k && (square[0] > 0 || square[i] == 0); i++) {
        double weight = square[0] > 0 ? 1 / sqrt(square[i]) : 1;
        sum += weight * y[i];
        all += weight;
    }
    return sum / all;
}

static void answer(const void *opt, il_learner *l, const double *q, int steps, double *yhat,
                   double *what)
{
    (void)steps, (void)what;
    const options *o = opt;
    int k = il_min(o->k, l->n), found = 0;
    double *distance = l->work, *y = l->work + l->n, sum = 0;
    for (int i = 0; i < l->n; i++) {
        const double *x = l->x + (size_t)i * l->D;
        double square = 0;
        for (int d = 0; d < l->D; d++) square += (x[d] - q[d]) * (x[d] - q[d]);
        if (found == k && !(square < distance[k - 1])) continue;
        int at = found < k ? found++ : k - 1;
        for (; at > 0 && square < distance[at - 1]; at--) {
            distance[at] = distance[at - 1];
            y[at] = y[at - 1];
        }
        distance[at] = square;
        y[at] = l->y[i];
    }
    for (int i = 0; i < k; i++) sum += y[i];
    yhat[0] = k ? sum / k : 0;
    if (k && o->by_distance) yhat[0] = weighted(distance, y, k);
}

const il_algo_kind il_algo_knn = {
    .name = "knn",
    .summary = "mean y of the k nearest examples",
    .opts = opts,
    .size = sizeof(options),
    .weightless = 1,
    .work = work,
    .answer = answer,
};
