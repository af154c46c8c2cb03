/* weights.h - shared by weights*.c: options of the measure `weights`, and its tables (private) */
#ifndef IL_WEIGHTS_H
#define IL_WEIGHTS_H

#include "measure/measure.h"

/* The options of the measure `weights` */
enum { IL_BY_HEAD, IL_BY_BLOCK, IL_BY_VALUE };
typedef struct {
    int each; /* IL_BY_*, or another of weights.c's tables */
    const char *to;
    int prompts; /* of losses */
    uint64_t seed;
} il_weights_options;

/* One of its tables: as in il_measure_kind */
typedef struct {
    const char *columns;
    int most;
    il_status (*outline)(il_table *table, const il_measured *model, int n, il_error *err);
    il_status (*fill)(il_table *table, const il_weights_options *o,
                      const il_measured *model, int n, il_error *err);
} il_weights_form;

extern const il_weights_form il_weights_head, il_weights_block,
    il_weights_value;                                           /* weights_products.c */
extern const il_weights_form il_weights_share, il_weights_step; /* weights_linear.c */
extern const il_weights_form il_weights_preconditioner;

#endif
