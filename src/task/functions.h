/* functions.h - random functions of several numbers, of mixed families */
#ifndef IL_FUNCTIONS_H
#define IL_FUNCTIONS_H

#include "base/base.h"

enum {
    IL_FUNCTION_INPUTS = 32, /* at most */
    IL_FUNCTION_UNITS = 16,  /* hidden units, centres, products or trees, at most */
    IL_FUNCTION_NODES = 31   /* of a tree: 15 questions, 16 leaves */
};

typedef struct {
    int family, inputs, units, layers, depth;
    double weight[IL_FUNCTION_INPUTS]; /* 0: the function ignores that input */
    int shape[IL_FUNCTION_INPUTS];     /* of every input, or the one link */
    double bend[IL_FUNCTION_INPUTS];   /* where a shape bends */
    double unit[IL_FUNCTION_UNITS][IL_FUNCTION_INPUTS]; /* weights, or a centre */
    double inner[IL_FUNCTION_UNITS][IL_FUNCTION_UNITS];
    double bias[IL_FUNCTION_UNITS], out[IL_FUNCTION_UNITS];
    int asks[IL_FUNCTION_UNITS][IL_FUNCTION_NODES]; /* which input a node compares */
    double node[IL_FUNCTION_UNITS][IL_FUNCTION_NODES];
} il_function;

/* Its inputs are expected to have mean 0 and variance 1; its values have no scale of their own. */
void il_function_draw(il_function *f, il_rng *rng, int inputs);
double il_function_at(const il_function *f, const double *u);

/* t / sqrt(1 + t^2), which is used for tanh: the same bits on every machine */
double il_squash(double t);
/* (1 + t/16)^16, 0 below -16: used for the exponential function likewise */
double il_grow(double t);

#endif
