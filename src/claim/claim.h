/* claim.h - a paper's claim as a file: what is trained, what is measured, what it must come to
 *
 *   models     recipes, trained when a measure needs them
 *   measures   each makes one table: a row of measures.def with its options
 *   rows       each reads one number off a table and holds it to a bound
 *   seeds      what is trained is trained from each of them; a row holds by its median over them
 *
 * A measure is one file and one row in measures.def.
 */
#ifndef IL_CLAIM_H
#define IL_CLAIM_H

#include "analysis/analysis.h"
#include "train/train.h"

enum {
    IL_CLAIM_MODELS = 24,
    IL_CLAIM_TABLES = 16,
    IL_CLAIM_ROWS = 96,
    IL_CLAIM_SEEDS = 16,
    IL_CLAIM_FEWEST = 3 /* seeds that a claim may state */
};

/* ---- measures ----------------------------------------------------------------------------- */

/* One of the claim's models, as a measure gets it. */
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
#include "claim/measures.def"
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
    const il_leaf *kind_leaf, *models_leaf; /* of the keys, for errors; NULL without */
    il_table *table;                        /* once measured */
} il_claim_measured;

enum { IL_TAKE_MEAN, IL_TAKE_MOST, IL_TAKE_LEAST, IL_TAKE_SLOPE };

typedef struct {
    char name[IL_TEXT];
    char claim[IL_TEXT], paper[IL_TEXT], falls_short[IL_TEXT];
    char read[IL_TEXT], column[IL_TEXT], minus[IL_TEXT], over[IL_TEXT], at[IL_TEXT],
        over_at[IL_TEXT];
    int take; /* of the table's rows that `at` names */
    double times, expect, within, percent, least, most;
    int table;                    /* index of `read` */
    double value[IL_CLAIM_SEEDS]; /* once measured, by run */
    const il_leaf *leaf;          /* where the row stands, for errors */
} il_claim_row;

typedef struct {
    char name[IL_TEXT];
    il_config config;
    int trained;
    const il_leaf *seed_leaf; /* of a seed of its own; NULL without */
} il_claim_subject;

struct il_claim {
    char name[IL_TEXT];
    struct {
        char title[IL_TEXT], paper[IL_TEXT], reduced[IL_TEXT], seeds[IL_TEXT],
            one_seed[IL_TEXT];
        double minutes;
    } head;
    const il_leaf *seeds_leaf, *one_leaf; /* of the keys, for errors; NULL without */
    int seed[IL_CLAIM_SEEDS], seeds;
    il_claim_subject *model;
    il_claim_measured *table;
    il_claim_row *row;
    int models, tables, rows;
    il_yaml *yaml; /* which the rows' leaves point into */
};

/* A key's or row's place before the sentence, as an error of the file. */
il_status il_claim_fail(const il_leaf *leaf, il_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads models, measures and rows from claim->yaml. `from_file`: a recipe may be one. */
il_status il_claim_fill(il_claim *claim, int from_file, il_error *err);
/* Reads claim->head.seeds. Refuses a claim that trains and does not say from which seeds. */
il_status il_claim_read_seeds(il_claim *claim, il_error *err);
uint64_t il_claim_hash(const il_claim *claim);
/* Is this text what the key stands for? Errors: IL_ECONFIG naming what; the caller says where. */
il_status il_claim_check_key(const char *key, const char *value, il_error *err);

/* The number of a row, which names columns and rows of a table; and whether it can be read off an
 * outlined one. Errors: IL_ECONFIG. */
il_status il_claim_row_read(const il_claim_row *row, const il_table *table, double *value,
                            il_error *err);
il_status il_claim_row_check(const il_claim_row *row, const il_table *table, il_error *err);

/* The table of il_claim_measure, from the values of all rows; *failed: how many fail. */
il_status il_claim_judge(il_table **rows, const il_claim *claim, int *failed,
                         il_error *err);

#endif
