/* evaluate.h - a model's error on prompts, beside the classical algorithms */
#ifndef IL_EVALUATE_H
#define IL_EVALUATE_H

#include "model/model.h"

/* A note in a table when a model is no better than an answer that looks at nothing: e (points, B) are its
 * errors at the batch's last `points` points, `unit` is what one squared error counts. */
il_status il_note_worth(il_table *table, const il_task *task, const il_batch *batch,
                        double unit, const double *e, int points, uint64_t seed,
                        il_error *err);
/* The same for classes: `loss` (B) sums over what a prompt asks. */
il_status il_note_prior(il_table *table, const il_batch *batch, int classes,
                        const double *loss, uint64_t seed, il_error *err);

/* Errors: IL_ECONFIG of il_eval_options.against that is no list of algorithms. */
il_status il_eval_check_against(const char *text, il_error *err);

/* Loss and share of wrong answers of a model of the task's classes by position, or as a `whole`: see
 * il_eval_points. The outline has its columns; which rows there are only prompts tell. */
il_status il_eval_classes(const il_model *model, const il_batch *batch, int whole,
                          uint64_t seed, il_table **table, il_error *err);
il_status il_eval_classes_outline(il_table **table, il_error *err);

/* The table of il_eval_points or il_eval_loops before it is filled: all columns and rows, but no rows
 * of classes. Neither prompts are drawn nor weights read. Errors: what is wrong without them. */
il_status il_eval_outline(const il_model *model, const il_eval_options *options,
                          int by_loops, il_table **table, il_error *err);

#endif
