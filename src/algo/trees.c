/* trees.c - regression trees grown greedily, each on what those before it leave of y
 *
 * A node of m examples with the sum G of their residuals has the value G / (m + ridge), and is worth G^2 / (m + ridge).
 * It is split, at one input and halfway between two neighbouring values, where its two children are worth most
 * together. A tree's answer is added with the factor `rate`, and the next one is grown on y minus all answers so far.
 * One tree with rate 1 and ridge 0 is CART with the squared error (Breiman et al. 1984); many are the exact greedy
 * algorithm of XGBoost (Chen & Guestrin 2016, arXiv:1603.02754), where the gradient of the squared error is minus the
 * residual and its second derivative 1.
 *
 * Gains are compared in single precision, from the largest value down, and of equal ones the first input wins, as there:
 * with few examples many splits are alike, and they are to tie whatever the order of a sum does to the last bit. With
 * `single` what was answered so far and the residuals are rounded as XGBoost rounds them, which breaks further ties.
 *
 * Every input keeps its examples in rising order, to which a new one is added; a split keeps the order of both halves.
 * Cost O(rounds depth n D) an answer.
 */
#include "algo/trees.h"

#include <math.h>

/* What is done to answer one query */
typedef struct {
    const il_trees *t;
    const double *q;
    int D, n, last;              /* last: no tree comes after this one */
    double *value;               /* (D,n) of every input, in rising order within a node */
    int *index;                  /* (D,n) whose they are */
    double *room;                /* (n) */
    int *members, *right;        /* (n) room; whether an example goes to the right */
    double *residual, *answered; /* (n) */
    double answer;
} growth;

typedef struct {
    int input, at; /* the right child begins there */
    float gain;
    double threshold;
} division;

static double seen(const il_trees *t, double x) { return t->signs ? (x > 0) - (x < 0) : x; }

/* The order of the inputs (n,D), rank after rank, as far as they are learnt; then a growth's arrays */
static size_t order_size(int n, int D) { return ((size_t)n * (size_t)D + 1) / 2; }

size_t il_trees_work(const void *opt, int N, int D)
{
    (void)opt;
    return 2 * order_size(N, D) + (size_t)N * ((size_t)D + 4) + 2;
}

void il_trees_learn(const il_trees *t, il_learner *l, const double *x)
{
    int *order = (int *)l->work, D = l->D;
    for (int d = 0; d < D; d++) {
        int r = l->n;
        for (; r > 0; r--) {
            int before = order[(r - 1) * D + d];
            if (!(seen(t, l->x[before * D + d]) > seen(t, x[d]))) break;
            order[r * D + d] = before;
        }
        order[r * D + d] = l->n;
    }
}

static void lay_out(growth *g, const il_learner *l)
{
    size_t n = (size_t)l->n, D = (size_t)l->D;
    g->value = l->work + order_size(l->n, l->D);
    g->room = g->value + n * D;
    g->residual = g->room + n;
    g->answered = g->residual + n;
    g->index = (int *)(g->answered + n);
    g->members = g->index + n * D;
    g->right = g->members + n;
}

/* All examples in one node */
static void gather(growth *g, const il_learner *l)
{
    const int *order = (const int *)l->work;
    for (int d = 0; d < g->D; d++)
        for (int r = 0; r < g->n; r++) {
            int i = order[r * g->D + d];
            g->index[d * g->n + r] = i;
            g->value[d * g->n + r] = seen(g->t, l->x[i * g->D + d]);
        }
}

static double rounded(const il_trees *t, double x)
{
    return t->single ? (double)(float)x : x;
}

static float worth(double sum, double count) { return (float)(sum * sum) / (float)count; }

/* The best split of examples lo..hi-1, whose residuals sum to `all`; input -1: none gains enough */
static division best_division(const growth *g, int lo, int hi, double all)
{
    double ridge = g->t->ridge;
    float unsplit = worth(all, hi - lo + ridge);
    division best = { .input = -1, .gain = (float)g->t->least_gain };
    for (int d = 0; d < g->D; d++) {
        const double *value = g->value + (size_t)d * (size_t)g->n;
        const int *index = g->index + (size_t)d * (size_t)g->n;
        double right = 0;
        for (int r = hi - 1; r > lo; r--) {
            right += g->residual[index[r]];
            if (!(value[r - 1] < value[r])) continue;
            float gain =
                worth(all - right, r - lo + ridge) + worth(right, hi - r + ridge) - unsplit;
            if (gain > best.gain)
                best = (division){ d, r, gain, (value[r - 1] + value[r]) / 2 };
        }
    }
    return best;
}

/* Brings those of the left child before those of the right, in every input's order */
static void part(growth *g, int lo, int hi, const division *at)
{
    const int *index = g->index + (size_t)at->input * (size_t)g->n;
    for (int r = lo; r < hi; r++) g->right[index[r]] = r >= at->at;
    for (int d = 0; d < g->D; d++) {
        double *v = g->value + (size_t)d * (size_t)g->n;
        int *its = g->index + (size_t)d * (size_t)g->n, left = lo, right = 0;
        for (int r = lo; r < hi; r++) {
            int i = its[r], to_right = g->right[i];
            its[left] = i, v[left] = v[r];
            g->members[right] = i, g->room[right] = v[r];
            left += !to_right;
            right += to_right;
        }
        memcpy(its + left, g->members, sizeof *its * (size_t)right);
        memcpy(v + left, g->room, sizeof *v * (size_t)right);
    }
}

/* Grows the tree below a node of examples lo..hi-1; `asked`: the query is among them */
static void grow(growth *g, int lo, int hi, int level, int asked)
{
    const il_trees *t = g->t;
    double sum = 0;
    for (int r = lo; r < hi; r++) sum += g->residual[g->index[r]];
    division at = { .input = -1 };
    if (level < t->depth && hi - lo > 1) at = best_division(g, lo, hi, sum);
    if (at.input < 0) {
        double value = rounded(t, sum / (hi - lo + t->ridge));
        value = rounded(t, rounded(t, t->rate) * value);
        for (int r = lo; r < hi; r++) {
            double *answered = &g->answered[g->index[r]];
            *answered = rounded(t, *answered + value);
        }
        if (asked) g->answer = rounded(t, g->answer + value);
        return;
    }
    part(g, lo, hi, &at);
    int right = seen(t, g->q[at.input]) > at.threshold;
    if (!g->last || (asked && !right)) grow(g, lo, at.at, level + 1, asked && !right);
    if (!g->last || (asked && right)) grow(g, at.at, hi, level + 1, asked && right);
}

double il_trees_answer(const il_trees *t, il_learner *l, const double *q)
{
    growth g = { .t = t, .q = q, .D = l->D, .n = l->n, .answer = t->base };
    if (!l->n) return 0;
    lay_out(&g, l);
    for (int i = 0; i < l->n; i++) g.answered[i] = t->base;
    for (int round = 0; round < t->rounds; round++) {
        g.last = round == t->rounds - 1;
        gather(&g, l);
        for (int i = 0; i < l->n; i++) g.residual[i] = rounded(t, l->y[i] - g.answered[i]);
        grow(&g, 0, l->n, 0, 1);
    }
    return g.answer;
}
