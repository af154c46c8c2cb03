/* measure.h - what can be measured of models, each a table: a row of measures.def with its options
 *
 * A measure is one file and one row in measures.def.
 */
#ifndef IL_MEASURE_H
#define IL_MEASURE_H

#include "evaluate/evaluate.h"
#include "explain/explain.h"
#include "train/train.h"

/* ---- measures ----------------------------------------------------------------------------- */

/* A model as a measure gets it. */
typedef struct {
    const char *name;
    const il_config *config;
    const il_model
        *model; /* trained, a sketch for an outline; NULL if only recipes are needed */
    const char *folder; /* of its run; likewise */
} il_subject;

typedef struct {
    const char *name, *summary;
    const il_opt *opts;  /* its keys in the file, beside the common ones */
    size_t size;         /* of the options struct */
    int untrained;       /* it needs recipes only */
    const char *columns; /* "model$ loss error", $ a text's; NULL: the outline adds them */
    /* What is known of the table before a model is trained, whose weights are not asked for: the columns
     * that depend on options and subjects, and the rows by their first column; none: measuring tells
     * them. Refuses what cannot be measured. NULL: a row for every subject. */
    il_status (*outline)(il_table *table, const void *opts, const il_subject *subject,
                         int n, il_error *err);
    /* Measures subjects 0..n-1 and fills the outlined table. */
    il_status (*fill)(il_table *table, const void *opts, const il_subject *subject, int n,
                      il_error *err);
} il_measure;

#define IL_MEASURE(name) extern const il_measure il_measure_##name;
#include "measure/measures.def"
#undef IL_MEASURE

/* A key of a measure: a field of its struct `options`, under the same name. */
#define IL_MEASURE_KEY(type, field, init, min, max, help, words)                           \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, words       \
    }

/* The table of a measure, under a name: outlined, or filled as well. */
il_status il_measure_outline(il_table **table, const il_measure *measure, const void *opts,
                             const il_subject *subject, int n, const char *name,
                             il_error *err);
il_status il_measure_table(il_table **table, const il_measure *measure, const void *opts,
                           const il_subject *subject, int n, const char *name,
                           il_error *err);

/* For an outline: a row more, which the first column names or numbers, and one for every subject.
 * Errors: IL_ECONFIG past the longest table. */
il_status il_outline_name(il_table *table, const char *name, il_error *err);
il_status il_outline_number(il_table *table, double number, il_error *err);
il_status il_outline_subjects(il_table *table, const il_subject *subject, int n,
                              il_error *err);
/* Errors: IL_ECONFIG unless n is 1. */
il_status il_outline_one(const char *measure, int n, il_error *err);

/* Sets `n` numbers of a row, from column 1 on. */
void il_claim_set(il_table *table, int row, const double *numbers, int n);

/* Prompts of a task, as in "noisy_linear_regression noise_std=1", that an evaluation with the same
 * seed draws too; and the keys of a measure whose options have them as `of`. */
typedef struct {
    char task[IL_TEXT];
    int prompts, points, dims, seed;
} il_claim_prompts;

#define IL_PROMPT_KEYS(options, how_many)                                                      \
    { "task", IL_OPT_TEXT, offsetof(options, of.task), 0,                                      \
      0,      0,           "whose prompts they are",   "linear_regression" },                  \
        { "prompts", IL_OPT_INT, offsetof(options, of.prompts), how_many, 1, 1e6, "prompts" }, \
        { "points", IL_OPT_INT, offsetof(options, of.points), 41,                              \
          1,        65536,      "points in a prompt" },                                        \
        { "dims", IL_OPT_INT, offsetof(options, of.dims), 20, 1, 65536, "dimensions" },        \
    {                                                                                          \
        "seed", IL_OPT_INT, offsetof(options, of.seed), 1, 0, 2147483647, "which prompts"      \
    }
il_status il_claim_draw(il_batch **batch, const il_claim_prompts *prompts, il_error *err);
il_status il_claim_check_task(const char *text, il_error *err);
/* What an evaluation multiplies the squared error of an answer with. */
il_status il_claim_unit(double *unit, const il_claim_prompts *prompts, il_error *err);

/* Of a measure that is a model's loss on its own prompts (il_loss) */
typedef struct {
    int prompts, seed;
} il_claim_losses;
extern const il_opt il_claim_loss_keys[];

/* Is this text what the key stands for? Errors: IL_ECONFIG naming what; the caller says where. */
il_status il_claim_check_key(const char *key, const char *value, il_error *err);

#endif
