/* gradients.h - the gradient of the training loss at any weights, on prompts of its own; products with its Hessian
 *
 * Prompts are drawn as those of training steps behind the recipe's last: with the dimensions, points and loops that it
 * ends with, and none that it trained on. The seed says where they begin, `draw` 0, 1, ... which of them. Of a looped
 * model the gradient is training's own, through the last n_loop_window loops: that of the loss where these are all
 * loops. In float (never bfloat16), summed as in training.
 */
#ifndef IL_GRADIENTS_H
#define IL_GRADIENTS_H

#include "train/train.h"

typedef struct {
    il_trainer *trainer;
    int64_t first;   /* the step of draw 0 */
    size_t n;        /* weights */
    double loss;     /* of the latest gradient's prompts */
    il_real *moved;  /* (n) scratch */
    double *forward; /* (n) scratch */
} il_gradients;

/* Of a trained model, or of one to be trained; `prompts` in a draw. il_gradients_free also after an error. Errors:
 * IL_ECONFIG for a model that is not its recipe's; those of il_trainer_new. */
il_status il_gradients_new(il_gradients *g, const il_model *model, int prompts,
                           uint64_t seed, il_error *err);
void il_gradients_free(il_gradients *g);

/* grad (n) of the mean loss at weights (n). Cost: a step. Errors: IL_ENUMERIC where the loss is not finite. */
il_status il_gradients_at(double *grad, il_gradients *g, const il_real *weights, int draw,
                          il_error *err);

/* Hv (n) = H v by a central difference of two gradients; v (n) not 0. Relative error about 1e-4 in single precision,
 * 1e-8 in double. */
il_status il_gradients_hessian(double *Hv, il_gradients *g, const il_real *weights,
                               const double *v, int draw, il_error *err);

#endif
