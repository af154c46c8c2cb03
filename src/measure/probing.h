/* probing.h - one probe for every layer, number of examples and target
 *
 * Each is fitted on `fit` and scored on `test`, other prompts of as many points; beside it, if asked,
 * a control: the same probe for another prompt's target, which the stream does not hold.
 */
#ifndef IL_PROBING_H
#define IL_PROBING_H

#include "algo/regressor.h"
#include "measure/measure.h"
#include "measure/targets.h"
#include "observe/observe.h"

typedef struct {
    const il_model *model;
    const il_observe_layers *layers;
    const il_batch *fit, *test;
    int P;
    const int *examples,
        *tokens; /* (P): numbers of examples before, and the token of the query */
    int pool; /* all tokens up to that one are read, under learnt weights of their positions */
    const il_target *target;
    int targets, controls; /* controls: 1, they are fitted too */
    const il_regressor *regressor;
    const char *kept_fit, *kept_test; /* (P,B) which prompts count; NULL: all */
} il_probing;

/* score (layers+1,P,targets,1+controls); layer 0 is what the first one reads. Errors: IL_EFAIL. */
il_status il_probe(il_regressor_score *score, const il_probing *probing, il_error *err);

/* Its place in `score` */
static inline size_t il_probe_at(const il_probing *p, int layer, int at, int target,
                                 int control)
{
    size_t row = (size_t)layer * (size_t)p->P + (size_t)at;
    return (row * (size_t)p->targets + (size_t)target) * (size_t)(1 + p->controls) +
           (size_t)control;
}

/* ---- the measure `probe` ------------------------------------------------------------------------ */

typedef struct {
    il_explain_options ask;
    const char *target, *probe;
    int pool, protocol, from, control, stack;
    double ridge, shrink; /* shrink < 0: the protocol's */
} il_probe_options;

/* "ridge", "mlp" or "mlp=UNITS" with the shrinkage `usual` where the options say none. Errors: IL_ECONFIG. */
il_status il_probe_regressor(il_regressor *regressor, const il_probe_options *o,
                             double usual, il_error *err);

/* The protocol of von Oswald et al. 2023 (probe_mesa.c), as in il_measure_kind */
il_status il_probe_mesa_outline(il_table *table, const il_probe_options *o,
                                const il_measured *model, il_error *err);
il_status il_probe_mesa_fill(il_table *table, const il_probe_options *o,
                             const il_measured *model, il_error *err);

#endif
