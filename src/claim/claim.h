/* claim.h - a paper's claim as a file: what is trained, what is measured, what it must come to
 *
 *   models     recipes, trained when a measure needs them
 *   measures   each makes one table: a row of measures.def with its options
 *   rows       each reads one number off a table and holds it to a bound
 *
 * A measure is one file and one row in measures.def.
 */
#ifndef IL_CLAIM_H
#define IL_CLAIM_H

#include "analysis/analysis.h"
#include "train/train.h"

enum { IL_CLAIM_MODELS = 24, IL_CLAIM_TABLES = 16, IL_CLAIM_ROWS = 96 };

/* ---- measures ----------------------------------------------------------------------------- */

/* One of the claim's models, as a measure gets it. */
typedef struct {
    const char *name;
    const il_config *config;
    const il_model *model; /* trained; NULL for a measure that needs recipes only */
    const char *folder;    /* of its run; likewise */
} il_subject;

typedef struct {
    const char *name, *summary;
    const il_opt *opts; /* its keys in the file, beside the common ones */
    size_t size;        /* of the options struct */
    int untrained;      /* it needs recipes only */
    const char
        *columns; /* "model$ loss error", $ a text's; NULL: they depend on what it reads */
    /* Measures subjects 0..n-1 into an empty table, whose first column says what its rows are. */
    il_status (*fill)(il_table *table, const void *opts, const il_subject *subject, int n,
                      il_error *err);
} il_measure;

#define IL_MEASURE(name) extern const il_measure il_measure_##name;
#include "claim/measures.def"
#undef IL_MEASURE

/* A key of a measure: a field of its struct `options`, under the same name. */
#define IL_MEASURE_KEY(type, field, init, min, max, help, words)                           \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, words       \
    }

/* The table of a measure, under a name. */
il_status il_measure_table(il_table **table, const il_measure *measure, const void *opts,
                           const il_subject *subject, int n, const char *name,
                           il_error *err);

/* Adds column `from` of `source`, which has as many rows, to a table; to one without columns also
 * the rows. Errors: IL_ECONFIG where the numbers of rows differ. */
il_status il_claim_add_column(il_table *table, const il_table *source, int from,
                              const char *name, il_error *err);

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

/* ---- a claim as read ------------------------------------------------------------------------- */

/* What all measures have in common: which models, and how the table is drawn. */
typedef struct {
    char kind[IL_TEXT], models[IL_TEXT];
    int draw, log_x, log_y;
    char title[IL_TEXT], x_label[IL_TEXT], y_label[IL_TEXT], marker[IL_TEXT];
    double marker_x;
} il_claim_common;

typedef struct {
    char name[IL_TEXT];
    il_claim_common common;
    const il_measure *measure;
    void *opts;
    int subject[IL_CLAIM_MODELS], n_subjects;
    const il_leaf *leaf; /* of the key `models`, for errors; NULL without */
    il_table *table;     /* once measured */
} il_claim_measured;

enum { IL_TAKE_MEAN, IL_TAKE_MOST, IL_TAKE_LEAST, IL_TAKE_SLOPE };

typedef struct {
    char name[IL_TEXT];
    char claim[IL_TEXT], paper[IL_TEXT];
    char read[IL_TEXT], column[IL_TEXT], minus[IL_TEXT], over[IL_TEXT], at[IL_TEXT],
        over_at[IL_TEXT];
    int take; /* of the table's rows that `at` names */
    double times, expect, within, percent, least, most;
    int table;           /* index of `read` */
    const il_leaf *leaf; /* where the row stands, for errors */
} il_claim_row;

typedef struct {
    char name[IL_TEXT];
    il_config config;
    int trained;
} il_claim_subject;

struct il_claim {
    char name[IL_TEXT];
    struct {
        char title[IL_TEXT], paper[IL_TEXT], reduced[IL_TEXT];
        double minutes;
    } head;
    il_claim_subject *model;
    il_claim_measured *table;
    il_claim_row *row;
    int models, tables, rows;
    il_yaml *yaml; /* which the rows' leaves point into */
};

/* What is wrong whatever is measured. Errors: IL_ECONFIG naming what; the caller says where. */
il_status il_claim_check_key(const char *key, const char *value, il_error *err);
il_status il_claim_check_row(const il_claim *claim, const il_claim_row *row, il_error *err);

#endif
