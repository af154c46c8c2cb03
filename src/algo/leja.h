/* leja.h - Chebyshev's nodes in Leja's order, which is numerically stable */
#ifndef IL_LEJA_H
#define IL_LEJA_H

/* Chebyshev's K nodes on [-1,1] in Leja's order. Cost O(K^3). */
void il_leja(double *node, int K);

#endif
