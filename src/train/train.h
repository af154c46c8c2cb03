/* train.h - one training step, a training run */
#ifndef IL_TRAIN_H
#define IL_TRAIN_H

#include "base/ranks.h"
#include "model/model.h"

/* ---- schedules: functions of the step --------------------------------------------------------- */

/* The learning rate at a step (from 0): warm-up rises linearly to learning_rate, which stays, and in the
 * last decay_steps before schedule_steps falls to min_learning_rate along a line or a half cosine. */
double il_rate_at(const il_config *config, int64_t step);

/* The average of the weights after a step (from 0) is A <- A + part (W - A), with this part. A step counts
 * `average` times what the next one does, in the last average_steps: with n of these steps so far,
 * (1 - average) / (1 - average^n), or 1/n where all count the same. Before them, A is W. */
double il_average_at(const il_config *config, int64_t step);

/* Prompts of a step */
int il_batch_at(const il_config *config, int64_t step);

/* Points of the prompts of a step, with random_points a function of seed and step */
int il_points_at(const il_config *config, int64_t step);

/* How many loops a step runs, and how many of the last ones are differentiated, and measured: where these
 * are random, a function of seed and step. */
il_run il_run_at(const il_model *model, int64_t step);

enum { IL_SLOTS = 1024 }; /* training.slots at most */

/* ---- slots: the gradients of a step that are summed in order (slots.c) -------------------------- */

typedef struct {
    int slots, first, n; /* in all; those of this rank */
    int rank, ranks;
    size_t weights;
    il_real *grads; /* (n, weights); after the sum the first row holds it */
    il_real *
        others; /* (slots - n, part): this rank's part of the weights in the slots of others */
    double *losses; /* (slots) */
    il_parcel *out, *in;
} il_slots;

il_slots il_slots_of(int slots, size_t weights, int rank, int ranks);
void il_slots_layout(il_slots *slots, il_arena *arena);
/* Sums the gradients, and completes the losses, on all ranks. Errors: those of il_ranks_exchange. */
il_status il_slots_sum(il_slots *slots, il_error *err);
double
il_slots_sent(const il_slots *slots); /* bytes that the rank sends to others for that */

/* ---- Frobenius decay (decay.c) ------------------------------------------------------------------ */

typedef struct {
    double lambda;
    il_factors *product; /* (n) */
    int n;
    double *work;
} il_decay;

/* The recipe's, of all products of factors of the model; of none where lambda is 0. Errors: IL_ECONFIG where there are
 * none to decay. il_decay_free also after an error. */
il_status il_decay_new(il_decay *decay, const il_model *model, il_error *err);
void il_decay_free(il_decay *decay);
/* Whether weight i is a factor of one */
int il_decay_covers(const il_decay *decay, int param);
/* Adds the gradient of lambda/2 |W|_F^2. */
void il_decay_add(const il_decay *decay, const il_real *weights, il_real *grad);

/* ---- the trainer ------------------------------------------------------------------------------- */

typedef struct il_trainer il_trainer;

/* A model with the recipe's initial weights, its optimiser state, gradients and one state a thread.
 * Errors: IL_ECONFIG, IL_EFAIL. */
il_status il_trainer_new(il_trainer **trainer, const il_config *config, il_error *err);
void il_trainer_free(il_trainer *trainer);
/* From here on prompts are drawn by watch->draw, if there is one; the watch is borrowed. */
void il_trainer_draw_by(il_trainer *trainer, const il_watch *watch);
il_model *il_trainer_model(il_trainer *trainer);
il_moments il_trainer_moments(il_trainer *trainer);
size_t il_trainer_bytes(const il_trainer *trainer); /* of the plan: all of the above */
double il_trainer_sent(const il_trainer *trainer);  /* bytes to other ranks in a step */

/* What a trainer will hold on a rank of that many threads, and send in a step; nothing of it is made. Bytes.
 * Errors: IL_ECONFIG. */
typedef struct {
    double weights, packed, moments, gradients, states, prompts, rest;
    double
        evaluation; /* a copy of the model and its states, while it is evaluated: at the end, if not before */
    double sent;
    size_t n_weights;
} il_room;
double il_room_bytes(const il_room *room); /* of all that it holds */
il_status il_trainer_room(il_room *room, const il_config *config, int rank, int ranks,
                          int threads, il_error *err);

/* Weights, moments and step of rank 0 to all. Errors: those of il_ranks_copy. */
il_status il_trainer_share(il_trainer *trainer, il_error *err);
/* Fails on all ranks where recipe, version, weights or moments are not those of rank 0. */
il_status il_trainer_compare(il_trainer *trainer, il_error *err);

/* Takes the weights of watch->init or else of the model that training.init names, if there is one. Errors: those of
 * il_model_load, IL_ECONFIG when that model lacks a weight. */
il_status il_trainer_start(il_trainer *trainer, const il_watch *watch, il_error *err);

/* The error at the last point of 256 prompts of the recipe's task, always the same, of the model that a
 * checkpoint would hold now; of token ids the loss. All ranks evaluate together. Cost: about a step. */
il_status il_trainer_evaluate(il_trainer *trainer, double *error, il_error *err);
/* Passes on, on rank 0, what such an evaluation notes, as that the model is no better than zero: a courtesy, which
 * fails nothing; not for prompts of the caller's own. */
void il_trainer_note(il_trainer *trainer, const il_watch *watch);

/* Draws the step's prompts, of which each rank needs those of its slots, and sums the gradient of their mean loss.
 * Cost: one step but for the update. Errors: IL_ENUMERIC when the loss is not finite. All ranks fail together. */
il_status il_trainer_gradient(il_trainer *trainer, il_progress *p, il_error *err);

/* The gradient of weight i (its size), as il_trainer_gradient left it. */
void il_trainer_read_gradient(const il_trainer *trainer, int i, il_real *grad);

/* il_trainer_gradient, then clipping, the optimiser's step and packing; the model's step rises by one. The
 * gradient's norm is measured if the recipe clips or `norm` is set, else it is NaN. */
il_status il_trainer_step(il_trainer *trainer, int norm, il_progress *p, il_error *err);

/* ---- what it costs (cost.c) --------------------------------------------------------------------- */

const il_opt *il_cost_opts(void);

/* Operations of a step by the model in docs/performance.md, with read-in and read-out */
double il_step_flop(const il_model *model, int64_t step);

/* ---- the run folder (folder.c) ------------------------------------------------------------------ */

typedef struct {
    il_trainer *t;
    const char *folder;
    const il_watch *watch;
    FILE *metrics;
    il_lock *lock;  /* on the folder */
    double started; /* il_seconds() */
} il_run_folder;

/* Makes or finds the folder, takes its lock, and fills the trainer: with the weights that the training starts from, or
 * with the newest checkpoint that is whole. Errors: those of il_train. il_folder_close follows, in any case. */
il_status il_folder_open(il_run_folder *r, const il_config *config, int resume,
                         il_error *err);
void il_folder_close(il_run_folder *r);
il_status il_folder_log(il_run_folder *r, const il_progress *p, int evaluated,
                        il_error *err);
/* The checkpoint `last`; with `keep` also one of the step's name. Errors: IL_ENUMERIC; IL_EIO; IL_EFAIL. */
il_status il_folder_save(il_run_folder *r, int keep, il_error *err);

#endif
