/* products.h - an attention by the products of its weights, head by head
 *
 *   A_h = W_k^T W_q,   V_h = P_h W_v;   linear:  x_t <- x_t + sum_h V_h sum_j x_j (x_j . A_h x_t)
 *
 * Only the products matter. Of linear attention alone a model can be had in product form: keys and
 * values as wide as its stream, W_k = W_v = I. Where the columns of the stream mean something a
 * product is a grid of blocks, of which a learner makes multiples of I.
 */
#ifndef IL_PRODUCTS_H
#define IL_PRODUCTS_H

#include "model/model.h"

/* ---- one attention ------------------------------------------------------------------------ */

/* Its maps; of a head q, k: K rows, v: V rows, p: V columns. q, k, v may lie in one matrix. */
typedef struct {
    const il_real *q, *k, *v, *p;
    int C, heads, K, V;
    double scale; /* of the scores: il_heads' */
} il_maps;

/* 0 when `op` has no heads, or when its weights are not maps of the stream. */
int il_maps_of(il_maps *maps, const il_model *model, const il_op *op);

/* M (C,C): A of a head, row key and column query; or V, row written and column read. */
void il_maps_product(double *M, const il_maps *maps, int head, int values);

/* ---- parts of the stream ------------------------------------------------------------------ */

/* The registers of a built model, or what its layout puts there where tokens are the stream; elsewhere
 * one, "h". */
void il_registers_of(il_registers *registers, const il_model *model);

/* mean (n,n) gets the mean diagonal of every square block of X (C,C), 0 for the others; returns
 * the share of the squared norm of X that these multiples of I keep. */
double il_block_means(double *mean, const double *X, const il_registers *parts);

/* ---- models of linear attention alone ------------------------------------------------------- */

/* `blocks`: those of the plan, times its loops */
typedef struct {
    int blocks, each, heads, C;
    il_registers parts;
} il_product_shape;

/* Errors: IL_ECONFIG for a model that is not linear attention alone, or whose stream is not its
 * tokens. */
il_status il_product_shape_of(il_product_shape *shape, const il_model *model,
                              il_error *err);

/* The products of one head, each (C,C); A with the scale of the scores */
typedef struct {
    double *A, *V;
} il_products;
void il_products_of(il_products to, const il_model *model, const il_product_shape *shape,
                    int block, int head);

/* A model in product form that averages those of `trained` with the block means of `constructed`,
 * head by head: weight 0 is the one, 1 the other (then `trained` may be any of the same shape). */
il_status il_product_model(il_model **out, const il_model *trained,
                           const il_model *constructed, double weight, il_error *err);

/* A model whose layers add (1 - weight) times what those of `a` do and weight times what those of
 * `b` do: the heads of both side by side, however each orders and scales its own. */
il_status il_product_mix(il_model **out, const il_model *a, const il_model *b,
                         double weight, il_error *err);

#endif
