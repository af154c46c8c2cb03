/* elementary.h - exp and log in double, the same bits everywhere
 *
 * Within 1 unit in the last place of what the C library says, from + - * / and exact scaling by
 * powers of two, so that no machine's library shows in an answer.
 */
#ifndef IL_ELEMENTARY_H
#define IL_ELEMENTARY_H

double il_dexp(double x); /* 0 below -745, INFINITY above 709.7; NaN stays */
double il_dlog(double x); /* -INFINITY at 0, NaN below */

/* log(1 + x) for x > -1, as exact near 0 as elsewhere */
double il_dlog1p(double x);
double il_dsigmoid(double x); /* 1 / (1 + exp(-x)) */

#endif
