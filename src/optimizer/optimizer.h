/* optimizer.h - how a gradient changes the weights
 *
 * An optimiser is a file and a row in optimizers.def: a name, options, the moments that every weight carries
 * from step to step, and the step itself.
 */
#ifndef IL_OPTIMIZER_H
#define IL_OPTIMIZER_H

#include "base/base.h"

enum { IL_MOMENTS = 2 }; /* of a weight, at most */

/* One step of a weight, or of a piece of it */
typedef struct {
    const char *name; /* of the weight, as in checkpoints; "" where there is none */
    /* Of the weight as stored, (out, in), or with `whole` of one of the maps that it joins, as queries, keys
     * and values; a vector has 0 rows */
    int rows, cols;
    int decays; /* weight decay is for matrices, unless they decay as factors of a product */
    int inner; /* a linear map of the blocks, not read-in, read-out or a table of positions or classes */
    size_t n;                    /* elements here */
    il_real *w;                  /* (n) */
    il_real *moment[IL_MOMENTS]; /* (n) each; zeros before the first step */
    const il_real *grad;         /* (n) */
    il_real scale;               /* of the gradient: less than 1 where it is clipped */
    double rate;
    double share; /* rate over the recipe's learning_rate: what the schedule leaves of it */
    int64_t step; /* from 1 */
    il_real *work; /* what `whole` asked for, 64-byte aligned */
} il_update;

typedef struct {
    const char *name, *summary;
    const il_opt *opts; /* keys of a recipe, as training.NAME */
    size_t
        size; /* of the options struct: at most that of il_config.training.optimizer_opts */
    struct {
        const char *name; /* NULL after the last; in checkpoints OPTIMIZER.NAME.WEIGHT */
        int positive;     /* is never below 0 */
    } moments[IL_MOMENTS + 1];
    void (*step)(const void *opts, const il_update *u);
    /* For a map that must be changed as a whole, as orthogonalised updates are: the elements of scratch
     * that takes. 0, or NULL for all weights: any piece of it may be changed by itself. Of the update,
     * name, rows, cols and inner are known. */
    size_t (*whole)(const void *opts, const il_update *u);
} il_optimizer;

#define IL_OPTIMIZER(name) extern const il_optimizer il_optimizer_##name;
#include "optimizer/optimizers.def"
#undef IL_OPTIMIZER

const il_optimizer *il_optimizer_at(int i); /* NULL past the last */
const il_optimizer *il_optimizer_find(const char *name);

/* The options of Adam, which others than training runs set by hand */
typedef struct {
    double weight_decay, beta1, beta2, eps;
} il_adam;

#endif
