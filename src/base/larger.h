/* larger.h - a maximum that cannot hide a number gone wrong: fmax drops NaN, this keeps it */
#ifndef IL_LARGER_H
#define IL_LARGER_H

/* The larger of two; NaN is above all, and stays. */
static inline double il_larger(double a, double b) { return a != a || b <= a ? a : b; }

#endif
