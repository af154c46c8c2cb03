/* claim.h - a paper's claim as a file: what is trained, what is measured, what it must come to
 *
 *   models     recipes, trained when a measure needs them
 *   measures   each makes one table: a row of measures.def with its options
 *   rows       each reads one number off a table and holds it to a bound
 *   seeds      what is trained is trained from each of them; a row holds by its median over them
 */
#ifndef IL_CLAIM_H
#define IL_CLAIM_H

#include "measure/measure.h"

enum {
    IL_CLAIM_MODELS = 24,
    IL_CLAIM_TABLES = 32,
    IL_CLAIM_ROWS = 96,
    IL_CLAIM_SEEDS = 16,
    IL_CLAIM_FEWEST = 3 /* seeds that a claim may state */
};

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
    const il_measure_kind *measure;
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

/* The keys of a claim's file: NULL, those of the whole; "measures" and "rows", those beneath a name there. */
const il_opt *il_claim_opts(const char *part);

/* A key's or row's place before the sentence, as an error of the file. */
il_status il_claim_fail(const il_leaf *leaf, il_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads models, measures and rows from claim->yaml. `from_file`: a recipe may be one. */
il_status il_claim_fill(il_claim *claim, int from_file, il_error *err);
/* Reads claim->head.seeds. Refuses a claim that trains and does not say from which seeds. */
il_status il_claim_read_seeds(il_claim *claim, il_error *err);
uint64_t il_claim_hash(const il_claim *claim);
/* The number of a row, which names columns and rows of a table; and whether it can be read off an
 * outlined one. Errors: IL_ECONFIG. */
il_status il_claim_row_read(const il_claim_row *row, const il_table *table, double *value,
                            il_error *err);
il_status il_claim_row_check(const il_claim_row *row, const il_table *table, il_error *err);

/* The table of il_claim_measure, from the values of all rows; *failed: how many fail. */
il_status il_claim_judge(il_table **rows, const il_claim *claim, int *failed,
                         il_error *err);

#endif
