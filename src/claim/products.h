/* products.h - linear attention by its products, head by head
 *
 *   x_t <- x_t + sum_h V_h sum_{j<=t} x_j (x_j . A_h x_t),   A_h = W_k^T W_q,   V_h = P_h W_v
 *
 * Only the products matter: a model in product form has keys and values as wide as its stream,
 * W_k = W_v = I, and answers like the model it comes from. On constructed tokens a product is a
 * grid of blocks as wide as an observation, of which a trained model makes multiples of I.
 */
#ifndef IL_PRODUCTS_H
#define IL_PRODUCTS_H

#include "claim/claim.h"

typedef struct {
    int blocks, heads, C, d, slots; /* C = slots d */
    double scale;                   /* of the scores */
} il_product_shape;

/* The shape but for its slots. Errors: IL_ECONFIG for a model that is not linear attention alone. */
il_status il_linear_shape_of(il_product_shape *shape, const il_model *model, il_error *err);

/* Errors: the same, and for one whose stream is not made
 * of observations. */
il_status il_product_shape_of(il_product_shape *shape, const il_model *model,
                              il_error *err);

/* The products of one head, each (C,C). */
typedef struct {
    double *A, *V;
} il_products;
void il_products_of(il_products to, const il_model *model, const il_product_shape *shape,
                    int block, int head);

/* Of product X: mean (slots,slots) gets the mean diagonal of every block; returns the share of the
 * squared norm of X that multiples of I keep. */
double il_block_means(double *mean, const double *X, const il_product_shape *shape);

/* A model in product form that averages those of `trained` with the block means of `constructed`:
 * weight 0 is the one, 1 the other (then `trained` may be any of the same shape). */
il_status il_product_model(il_model **out, const il_model *trained,
                           const il_model *constructed, double weight, il_error *err);

#endif
