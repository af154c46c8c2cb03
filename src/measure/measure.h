/* measure.h - the registry of measures: what can be measured of models, each a table
 *
 * A measure is one file and one row in measures.def. Everything that measures goes through it: il_measure,
 * the commands eval and inspect, and claims.
 */
#ifndef IL_MEASURE_H
#define IL_MEASURE_H

#include "evaluate/evaluate.h"
#include "explain/explain.h"
#include "observe/observe.h"

/* ---- measures ----------------------------------------------------------------------------- */

/* A model as a measure gets it. */
typedef struct {
    const char *name; /* NULL: it has none */
    const il_config *config;
    const il_model
        *model; /* NULL if only recipes are needed; for outlines without weights */
} il_measured;

enum { IL_MEASURE_MODELS = 24 }; /* at most, of one measure */

/* Fills an outlined table from a model whose layers are known and whose prompts can be drawn. */
typedef il_status il_measure_look_fn(il_observation *subject, il_table *table,
                                     const void *opts, il_error *err);

typedef struct {
    const char *name, *summary;
    const il_opt *opts;
    size_t size;         /* of the options struct */
    int least, most;     /* models that it takes */
    int untrained;       /* it needs no models, or recipes only */
    const char *columns; /* "model$ loss error", $ a text's; NULL: the outline adds them */
    /* What is known of the table before a model is trained, whose weights are not read: the columns
     * that depend on options and models, and the rows by their first column; none: measuring tells
     * them. Refuses what cannot be measured. NULL: a row for every model. */
    il_status (*outline)(il_table *table, const void *opts, const il_measured *model, int n,
                         il_error *err);
    /* Measures models 0..n-1 and fills the outlined table. */
    il_status (*fill)(il_table *table, const void *opts, const il_measured *model, int n,
                      il_error *err);
    /* Or looks into one model: il_measure_look, where `opts` begin with an il_explain_options. */
    il_measure_look_fn *look;
} il_measure_kind;

#define IL_MEASURE(name) extern const il_measure_kind il_measure_##name;
#include "measure/measures.def"
#undef IL_MEASURE

const il_measure_kind *il_measure_at(int i); /* NULL past the last */
/* Errors: IL_EUSAGE with the nearest name. */
il_status il_measure_find(const il_measure_kind **kind, const char *name, il_error *err);

/* An option of a measure: a field of its struct `options`, under the same name. */
#define IL_MEASURE_KEY(type, field, init, min, max, help, ...)                             \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, __VA_ARGS__ \
    }

/* The table of a measure, under a name: outlined, or filled as well. */
il_status il_measure_outline(il_table **table, const il_measure_kind *kind,
                             const void *opts, const il_measured *model, int n,
                             const char *name, il_error *err);
il_status il_measure_table(il_table **table, const il_measure_kind *kind, const void *opts,
                           const il_measured *model, int n, const char *name,
                           il_error *err);

/* ---- outlines --------------------------------------------------------------------------------- */

/* A row more, which the first column names or numbers, and one for every model.
 * Errors: IL_ECONFIG past the longest table. */
il_status il_outline_name(il_table *table, const char *name, il_error *err);
il_status il_outline_number(il_table *table, double number, il_error *err);
il_status il_outline_models(il_table *table, const il_measured *model, int n,
                            il_error *err);
/* A row for step 0, and for every step of which a run of the recipe keeps a checkpoint. */
il_status il_outline_kept(il_table *table, const il_config *config, il_error *err);
/* An outline that leaves the rows open, and the columns too where `columns` does not name them. */
il_status il_outline_open(il_table *table, const void *opts, const il_measured *model,
                          int n, il_error *err);

/* What a model is called in sentences and rows. */
const char *il_measured_name(const il_measured *model);

/* A model of the same plan, recipe and weights, of which a measure may change the weights: il_model_pack then. */
il_status il_measured_copy(il_model **copy, const il_model *model, il_error *err);

/* The checkpoint of the model's run at a step that il_outline_kept numbers. Errors: IL_ECONFIG when the model was not
 * loaded by its run's folder. */
il_status il_measured_kept(char *path, size_t size, const il_measured *model, int step,
                           il_error *err);

/* Sets `n` numbers of a row, from column 1 on. */
void il_measure_set(il_table *table, int row, const double *numbers, int n);

/* ---- prompts ---------------------------------------------------------------------------------- */

/* Runs `look` on the prompts that `ask` says, and notes when they leave what the model was trained on. */
il_status il_measure_look(il_table *table, const il_measured *model,
                          const il_explain_options *ask, const void *opts,
                          il_measure_look_fn *look, il_error *err);

/* Prompts of a task, as in "noisy_linear_regression noise_std=1", that an evaluation with the same
 * seed draws too; and the options of a measure that has them as `of`. */
typedef struct {
    char task[IL_TEXT];
    int prompts, points, dims, seed;
} il_task_prompts;

#define IL_TASK_PROMPT_KEYS(options, how_many)                                                 \
    { "task", IL_OPT_TEXT, offsetof(options, of.task), 0,                                      \
      0,      0,           "whose prompts they are",   "linear_regression" },                  \
        { "prompts", IL_OPT_INT, offsetof(options, of.prompts), how_many, 1, 1e6, "prompts" }, \
        { "points", IL_OPT_INT, offsetof(options, of.points), 41,                              \
          1,        65536,      "points in a prompt" },                                        \
        { "dims", IL_OPT_INT, offsetof(options, of.dims), 20, 1, 65536, "dimensions" },        \
    {                                                                                          \
        "seed", IL_OPT_INT, offsetof(options, of.seed), 1, 0, 2147483647, "which prompts"      \
    }
il_status il_task_prompts_draw(il_batch **batch, const il_task_prompts *prompts,
                               il_error *err);
il_status il_task_prompts_check(const char *task, il_error *err);
/* What an evaluation multiplies the squared error of an answer with. */
il_status il_task_prompts_unit(double *unit, const il_task_prompts *prompts, il_error *err);

/* ---- options ---------------------------------------------------------------------------------- */

/* Is this text what the option stands for? Errors: IL_ECONFIG naming what; the caller says where. */
il_status il_measure_check_key(const char *key, const char *value, il_error *err);

#endif
