/* evaluate.h - a model's error on prompts, beside the classical algorithms */
#ifndef IL_EVALUATE_H
#define IL_EVALUATE_H

#include "model/model.h"

/* ---- evaluations ------------------------------------------------------------------------------ */

typedef struct {
    const char *task;    /* NULL: the model's own, with its options */
    const char *shift;   /* NULL: none */
    const char *against; /* algorithms, separated by commas: "ols,ridge alpha=0.1,gd@10"
                            (name@n: after n steps, default its last); NULL: none */
    int prompts;         /* 0: 1280 */
    int points;          /* 0: the end of the points curriculum */
    int dims;            /* 0: the end of the dims curriculum */
    int loops; /* the loop that is read; 0: the model's. By loops, the last row; 0: 4 x the model's.
                  IL_LOOPS_AUTO: they stop by themselves */
    il_until until; /* of these */
    uint64_t seed;
} il_eval_options;
extern const il_opt il_eval_opts[];

typedef enum { IL_EVAL_POINTS, IL_EVAL_LOOPS, IL_EVAL_MEAN } il_eval_by;

/* A model's error, of the kind that the table's caption names, in columns model, model_low, model_high (5 %
 * and 95 % bootstrap quantiles of 1000 resamples), then one column per algorithm. Between them, where loops
 * stop by themselves, their mean number, `loops`, and the error after all of them, `all_loops`; by loops the share of prompts that
 * took so many, `stopped`. Without a model (NULL) the
 * options name task, points and dims, and the table has no columns of one.
 *
 *   points   by number of examples: column k
 *   loops    at the last point by loop, and of an algorithm with steps by its steps: column loop
 *   mean     averaged over the points of a prompt: one row, whose first column `points` says how many
 *
 * For a token-id task: loss in nats, its confidence interval, and the share of wrong answers at positions 1,
 * 2, 3-4, 5-8, ...: columns k (the last of the range), loss, loss_low, loss_high, wrong, asked (targets in a
 * prompt's range); no algorithms, no loops. Notes say where answers are not finite, where prompts leave what
 * the model was trained on, and when a model is no better than a baseline that ignores the prompt: zero, the
 * more frequent sign, or the frequencies of the token ids. Errors: IL_ECONFIG. */
il_status il_eval(il_table **table, const il_model *model, const il_eval_options *options,
                  il_eval_by by, il_error *err);
/* That table before it is filled: all columns and rows, but for token ids no rows. Neither prompts are drawn
 * nor weights read. */
il_status il_eval_outline(il_table **table, const il_model *model,
                          const il_eval_options *options, il_eval_by by, il_error *err);
/* il_eval by all ranks, each of which answers its share of the prompts: the same table on all of them. */
il_status il_eval_together(il_table **table, const il_model *model,
                           const il_eval_options *options, il_eval_by by, il_error *err);

/* ---- what it is made of (private) --------------------------------------------------------------- */

/* What is measured, found from the options: setting.c */
enum { IL_EVAL_ALGOS = 32 };
typedef struct {
    const il_model *model;
    il_batch *batch;
    const il_task *task;
    double opts[IL_TASK_OPTS], scale;
    int together; /* every rank answers its share */
    int by_loops, over_points, loops, loops_to, n_algos;
    int stops;      /* loops stop by themselves */
    il_until until; /* when */
    int points, dims;
    il_algo *algos[IL_EVAL_ALGOS];
    int steps[IL_EVAL_ALGOS]; /* to read; -1: its last */
    char names[IL_EVAL_ALGOS][IL_TEXT];
    uint64_t seed;
} il_eval_setting;
/* All but the prompts, then these. Errors: IL_ECONFIG. il_eval_end also after a failure. */
il_status il_eval_find(il_eval_setting *setting, const il_model *model,
                       const il_eval_options *options, il_eval_by by, il_error *err);
il_status il_eval_draw(il_eval_setting *setting, const il_eval_options *options,
                       il_error *err);
void il_eval_end(il_eval_setting *setting);

/* A view of at most `most` prompts of a batch, from `first` on */
il_batch il_eval_part(const il_batch *batch, int first, int most);

static inline double il_mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum / n;
}

/* A note in a table when a model is no better than a baseline that ignores the prompt: e (points, B) are its
 * errors at the batch's last `points` points, `unit` is what one squared error counts. */
il_status il_note_worth(il_table *table, const il_task *task, const il_batch *batch,
                        double unit, const double *e, int points, uint64_t seed,
                        il_error *err);
/* The same for token ids: `loss` (B) sums over the targets of a prompt. */
il_status il_note_prior(il_table *table, const il_batch *batch, int classes,
                        const double *loss, uint64_t seed, il_error *err);

/* Errors: IL_ECONFIG for an il_eval_options.against that is not a list of algorithms. */
il_status il_eval_check_against(const char *text, il_error *err);

/* Loss and share of wrong answers of a token-id model by position, or over the whole prompt (over_points): see
 * il_eval. The outline has its columns; its rows depend on the prompts. */
il_status il_eval_classes(const il_eval_setting *setting, il_table **table, il_error *err);
il_status il_eval_classes_outline(il_table **table, il_error *err);

#endif
