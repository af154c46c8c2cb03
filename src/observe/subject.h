/* subject.h - a model, its layers, and the prompts that it is asked */
#ifndef IL_SUBJECT_H
#define IL_SUBJECT_H

#include "observe/observe.h"

enum { IL_READING_AUTO, IL_READING_LENS, IL_READING_PROBE };

/* What a model is asked. NULL and 0: usual. */
typedef struct {
    const char *task; /* NULL: the model's own, with its options */
    const char *data; /* shifts of its prompts, separated by commas; NULL: none */
    const char *
        examples; /* numbers of examples, separated by commas; NULL: those of training, and half of
                             them where a model answers every point */
    int reading; /* IL_READING_LENS: the model's own end is put behind every layer; IL_READING_PROBE:
                             a trained linear read-out; IL_READING_AUTO: lens, but probe for a gpt2 */
    int prompts;     /* of each kind and size */
    int queries;     /* of each prompt; 0: three for every dimension, at least 16 */
    int dims, loops; /* 0: the model's */
    uint64_t seed;
} il_explain_options;

/* Rows for a struct called `options` that has one as `ask`. */
#define IL_ASK(type, field, init, min, max, help, ...)                                     \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, ask.field), init, min, max, help,         \
            __VA_ARGS__                                                                    \
    }
#define IL_ASK_KEYS                                                                        \
    IL_ASK(STRING, task, 0, 0, 0, "another task than the model's own", NULL, "TASK"),      \
        IL_ASK(STRING, data, 0, 0, 0, "kinds of inputs: isotropic,kappa=30", NULL,         \
               "SHIFT,..."),                                                               \
        IL_ASK(STRING, examples, 0, 0, 0,                                                  \
               "numbers of examples (those of training, and half)", NULL, "N,..."),        \
        IL_ASK(INT, prompts, 0, 1, 1e9, "prompts of each kind and size (32 or more)",      \
               NULL),                                                                      \
        IL_ASK(INT, dims, 0, 1, 65536, "dimensions that are alive (the model's)", NULL,    \
               "D"),                                                                       \
        IL_ASK(INT, loops, 0, 1, 10000, "loops of a looped model (its own)", NULL, "R"),   \
        IL_ASK(SEED, seed, 1, 0, 0, "which prompts", NULL)
#define IL_ASK_QUERIES                                                                     \
    IL_ASK(INT, queries, 0, 1, 1e6, "queries of each prompt (3 for every dimension)", NULL)
#define IL_ASK_READING                                                                     \
    IL_ASK(CHOICE, reading, 0, 0, 0,                                                       \
           "what a layer answers: by the model's own end, or by a probe",                  \
           "auto|lens|probe")

typedef struct {
    const il_model *model;
    const il_explain_options *o;
    il_evidence_options draw;
    double task_opts[IL_TASK_OPTS];
    il_evidence *evidence; /* NULL until asked for */
    il_evidence
        *fit; /* other prompts, eight times as many, for probes; NULL until asked for */
    il_layers *layers;
    il_readings *readings;
    int probe;  /* readings are a probe's */
    int points; /* of the longest prompt it was asked; 0: none yet */
} il_subject;

/* Errors: IL_ECONFIG naming the option. il_subject_free also after a failure. */
il_status il_subject_new(il_subject *subject, const il_model *model,
                         const il_explain_options *options, il_error *err);
void il_subject_free(il_subject *subject);
/* Notes in a table when what was asked leaves what the model was trained on. */
il_status il_subject_note(const il_subject *subject, il_table *table, il_error *err);
/* The same without evidence, which il_subject_ask makes, of models of one number, and
 * il_subject_ask_all of all; il_subject_fit makes `fit`. */
il_status il_subject_begin(il_subject *subject, const il_model *model,
                           const il_explain_options *options, il_error *err);
il_status il_subject_ask(il_subject *subject, il_error *err);
il_status il_subject_ask_all(il_subject *subject, il_error *err);
il_status il_subject_fit(il_subject *subject, il_error *err);

/* Whole prompts that are read after the numbers of examples that were asked for. Where a layout asks
 * its last point alone they are one number; il_subject_passages says how many there are. */
typedef struct {
    il_batch *batch;
    int P, examples[IL_CELLS],
        tokens[IL_CELLS]; /* numbers of examples, and which token asks */
} il_passage;
int il_subject_passages(const il_subject *subject);
/* `prompts`: where the options say nothing. Errors: IL_ECONFIG. */
il_status il_passage_new(il_passage *passage, il_subject *subject, int i, int prompts,
                         uint32_t step, il_error *err);

#endif
