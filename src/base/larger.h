/* larger.h - a maximum that propagates NaN, which fmax drops */
#ifndef IL_LARGER_H
#define IL_LARGER_H

/* The larger of two; NaN is above all, and stays. */
static inline double il_larger(double a, double b) { return a != a || b <= a ? a : b; }

#endif
