/* selection.c - which of two matches is the better explanation
 *
 * What no spectral filter can explain of a layer's answers, the floor, is not held against any family: nine
 * tenths of it, less a thousandth, are taken off every share before they are compared. Then a match's score
 * is multiplied by
 *
 *   1.2   for each parameter, including a start offset of the steps
 *   1..5  the ratio of the residuals with evenly spaced steps and with its own. Newton's k-th answer
 *         from a multiple of I is gradient descent's after 2^k steps, exactly
 *   1 + 5 % for each step per layer beyond four: a layer can hardly compute more
 */
#include "explain/match.h"

#include <math.h>

static const double price = 1.2, nothing = 1e-12;

double il_explain_cost(const il_explain_match *m)
{
    return fmax(m->score, nothing) * pow(price, m->free);
}

static void find_floors(const il_explain_fit *fit, il_explain_matches *all)
{
    for (int l = 0; l < fit->layers; l++) {
        all->floor[l] = INFINITY;
        for (int i = 0; i < all->n; i++) {
            const il_explain_match *m = &all->match[i];
            if (m->family->filter || m->family->spectral)
                all->floor[l] = fmin(all->floor[l], m->layer[l].share);
        }
    }
}

/* At least a tenth of the share: a family that explains more than any filter is not a filter */
static double beyond(double share, double floor)
{
    return fmax(share - fmax(0.9 * floor - 0.001, 0), 0.1 * share);
}

static void compare_steps(const il_explain_fit *fit, const il_explain_matches *all,
                          il_explain_match *m)
{
    double own = 0, even = 0;
    int loud = 0;
    for (int l = 0; l < fit->layers; l++) {
        if (fit->silent[l]) continue;
        double floor = fmin(all->floor[l], 1);
        own += beyond(fmin(m->layer[l].share, 1), floor);
        even += beyond(fmin(m->even[l], 1), floor);
        loud++;
    }
    m->excess = loud ? fmax(own / loud, nothing) : 1;
    even = loud ? fmax(even / loud, nothing) : 1;
    m->uneven = fmin(fmax(even / m->excess, 1), 5);
}

static double worth(const il_explain_fit *fit, const il_explain_match *m)
{
    int last = fit->layers - 1;
    int begins = fit->layers > 1 && fabs(m->offset) > 1;
    double most = (double)m->layer[last].step / fit->layers;
    return m->excess * pow(price, m->free + begins) * m->uneven *
           (1 + 0.05 * fmax(most - 4, 0));
}

void il_explain_select(const il_explain_fit *fit, il_explain_matches *all)
{
    find_floors(fit, all);
    for (int i = 0; i < all->n; i++) compare_steps(fit, all, &all->match[i]);
    for (int i = 1; i < all->n; i++) {
        il_explain_match x = all->match[i];
        int j = i;
        for (; j > 0 && worth(fit, &all->match[j - 1]) > worth(fit, &x); j--)
            all->match[j] = all->match[j - 1];
        all->match[j] = x;
    }
}
