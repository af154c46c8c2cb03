/* asking.h - running a model on every question of the evidence, or on whole prompts (private) */
#ifndef IL_ASKING_H
#define IL_ASKING_H

#include "observe/observe.h"

enum { IL_QUESTIONS = 4 }; /* that run together; nothing depends on it */

/* What visit and tap get: a few questions that run together. The stream of question i at its query
 * is row i * stride + row; of a whole prompt i at token t, row i * stride + t. */
typedef struct {
    void *context; /* il_asking's */
    size_t first;  /* the first question's point */
    int questions, row, stride, worker;
} il_question;

typedef struct {
    const il_model *model;
    const il_evidence *evidence;
    int loops, post;
    void (*visit)(void *question, il_state *s, int loop);
    void (*tap)(void *question, il_state *s, int op);
    void *context;
    double *
        answer; /* (points) gets the last loop's answers to the queries, with post; or NULL */
} il_asking;

/* Errors: IL_ECONFIG when the questions do not fit the model; IL_EFAIL. */
il_status il_ask(const il_asking *asking, il_error *err);
/* The same of whole prompts; asking->evidence is not looked at. */
il_status il_ask_whole(const il_asking *asking, const il_batch *batch, il_error *err);

#endif
