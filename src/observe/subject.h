/* subject.h - a model, its layers, and the prompts that it is asked */
#ifndef IL_SUBJECT_H
#define IL_SUBJECT_H

#include "observe/observe.h"

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
