/* train.h - one training step, a training run, evaluation */
#ifndef IL_TRAIN_H
#define IL_TRAIN_H

#include "model/model.h"

/* ---- schedules: functions of the step --------------------------------------------------------- */

/* The learning rate at a step (from 0): warm-up rises linearly to learning_rate, which then
 * stays or falls along a half cosine to min_learning_rate at schedule_steps. */
double il_rate_at(const il_config *config, int64_t step);

/* x^n by repeated squaring: the same bits on every machine, which pow() does not promise. */
double il_power(double x, int64_t n);

/* How far a step loops and looks back. */
il_run il_run_at(const il_model *model, int64_t step);

/* ---- the trainer ------------------------------------------------------------------------------- */

typedef struct il_trainer il_trainer;

/* A model with the recipe's initial weights, its moments, gradients and one state a thread.
 * Errors: IL_ECONFIG, IL_EFAIL. */
il_status il_trainer_new(il_trainer **trainer, const il_config *config, il_error *err);
void il_trainer_free(il_trainer *trainer);
il_model *il_trainer_model(il_trainer *trainer);
il_moments il_trainer_moments(il_trainer *trainer);
size_t il_trainer_bytes(const il_trainer *trainer); /* of the plan: all of the above */

/* Draws the step's prompts and sums the gradient of their mean loss. Cost: one step but for the
 * update. Errors: IL_ENUMERIC when the loss is not finite. */
il_status il_trainer_gradient(il_trainer *trainer, il_progress *p, il_error *err);

/* The gradient of weight i, summed over the slots into `grad` (its size). */
void il_trainer_read_gradient(const il_trainer *trainer, int i, il_real *grad);

/* il_trainer_gradient, then clipping, Adam and packing; the model's step rises by one. The
 * gradient's norm is measured if the recipe clips or `norm` is set, else it is NaN. */
il_status il_trainer_step(il_trainer *trainer, int norm, il_progress *p, il_error *err);

/* ---- evaluation -------------------------------------------------------------------------------- */

/* Quantiles (5 % and 95 %) of the mean of e (B) under 1000 resamples of its prompts. */
void il_mean_band(const double *e, int B, uint64_t seed, double *low, double *high);

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
