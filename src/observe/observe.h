/* observe.h - run a model over prompts and record what happens inside
 *
 * Evidence is prompts with many queries each; a reading is what a model would answer to every query
 * if it stopped after a layer or loop. Everything here is in double.
 */
#ifndef IL_OBSERVE_H
#define IL_OBSERVE_H

#include "model/model.h"
#include "report/report.h"

/* ---- losses -------------------------------------------------------------------------------- */

/* A model's error on prompts of its own, as an evaluation counts it: the mean over the points that it
 * answers. Errors: IL_ECONFIG for a task without a squared error. */
il_status il_loss(double *loss, const il_model *model, int prompts, uint64_t seed,
                  il_error *err);

/* ---- evidence ------------------------------------------------------------------------------ */

enum { IL_CELLS = 16 };

/* Prompts of one kind of data and one number of examples; an answer is O numbers. Prompt b has the
 * examples A = X^T X, b = X^T Y, of which the spectrum stands here, and Q queries of its own. */
typedef struct {
    char data[IL_TEXT]; /* the shift they were drawn with */
    int n;              /* examples */
    il_batch
        *asked; /* (B Q) prompts of n+1 points: the last is the query; what a model sees */
    double *lambda; /* (B,D) eigenvalues of A, 0 where no example points */
    double *V;      /* (B,D,D) row i: the i-th eigenvector */
    double *b;      /* (B,D,O) coordinates of X^T Y */
    double *q;      /* (B,Q,D) coordinates of the queries */
    double *y;      /* (B,Q,O) what the queries' answers are */
} il_cell;

typedef struct {
    int B, Q, D, outs, cells; /* outs: O */
    il_cell cell[IL_CELLS];
    il_arena arena;
} il_evidence;

typedef struct {
    const il_task *task;
    const void *task_opts;
    const char *data; /* shifts, separated by commas; "isotropic" is none */
    int sizes[IL_CELLS], n_sizes;
    int prompts, queries; /* of a cell, of a prompt */
    int dim, dims;        /* width of an input, and how many are alive */
    uint64_t seed;
    uint32_t step; /* other prompts of the same seed */
} il_evidence_options;

/* A cell for every kind of data and every number of examples. A sequence has one query. Errors:
 * IL_ECONFIG. */
il_status il_evidence_new(il_evidence **evidence, const il_evidence_options *options,
                          il_error *err);
void il_evidence_free(il_evidence *evidence);

/* A point is a query of a prompt of a cell: (cells,B,Q) in this order. */
static inline size_t il_points(const il_evidence *e)
{
    return (size_t)e->cells * (size_t)e->B * (size_t)e->Q;
}
/* Runs a model on every query: a pass's prompts are the points. Errors: as il_run_prompts's. */
il_status il_run_evidence(const il_model *model, const il_evidence *evidence, il_pass pass,
                          il_error *err);

/* Numbers that are answered: (cells,B,Q,O) */
static inline size_t il_answers(const il_evidence *e)
{
    return il_points(e) * (size_t)e->outs;
}

/* ---- layers -------------------------------------------------------------------------------- */

enum { IL_LAYERS = 512 }; /* at most these are probed */

typedef struct {
    char text[IL_NAME]; /* "h.0.mlp.c_proj", "loop 3" */
} il_label;

/* The layers of a model: of a looped one its loops, else the borders between its blocks. A border is
 * a slot of the residual stream that is all a later op reads of what lies before it. */
typedef struct {
    int n, loops;    /* loops: they are loops */
    int width;       /* of the stream */
    int *op;         /* (n) the op that ends the layer; NULL for loops */
    il_label *names; /* (n) */
    il_arena arena;
} il_layers;

/* loops 0: the model's. Errors: IL_ECONFIG when the loops cannot be run or no layer is found. */
il_status il_layers_new(il_layers **layers, const il_model *model, int loops,
                        il_error *err);
void il_layers_free(il_layers *layers);

/* The stream at every query, after every layer: (layers,points,width). Errors: IL_EFAIL. */
il_status il_layers_stream(const il_layers *layers, const il_model *model,
                           const il_evidence *evidence, il_real *stream, il_error *err);

/* The same in runs of whole prompts, at P tokens each: layers from..from+n-1, where 0 is what the
 * first one reads: (n,B,P,width). */
il_status il_layers_whole(const il_layers *layers, const il_model *model,
                          const il_batch *batch, int P, const int *tokens, int from, int n,
                          il_real *stream, il_error *err);

/* What a model answers at the points from..N-1 of whole prompts after `loops` loops: (B,N-from,O). */
il_status il_answers_whole(double *yhat, const il_model *model, const il_batch *batch,
                           int from, int loops, il_error *err);

/* In a tap: the layer that ends with this op, from 1, 0 where the first one begins, or -1; *stream
 * gets where the stream stands then. */
int il_layers_at(const il_layers *layers, const il_state *s, int op,
                 const il_real **stream);

/* p (token+1): the weights that a head of softmax attention gives at a token of a prompt of the state, behind
 * the op. From queries and keys, in double. */
void il_heads_pattern(const il_heads *heads, const il_op *op, const il_state *s, int prompt,
                      int head, int token, double *p);

/* ---- readings ------------------------------------------------------------------------------ */

typedef struct {
    int layers;
    il_label *names; /* (layers) */
    double *yhat;    /* (layers,points,outs) */
    int outs;        /* O, or 1 in readings that are filled by hand */
    il_arena arena;
} il_readings;

/* The model's own end behind every layer, or after every loop; of a model that does not loop, the
 * last `tail` blocks belong to the end. */
il_status il_readings_lens(il_readings **readings, const il_model *model,
                           const il_layers *layers, int tail, const il_evidence *evidence,
                           il_error *err);

/* The same in runs of whole prompts, at P tokens each: (layers,B,P,outs). */
il_status il_readings_whole(il_readings **readings, const il_model *model,
                            const il_layers *layers, const il_batch *batch, int P,
                            const int *tokens, il_error *err);

/* A linear map from the stream to the answer, fitted by ridge regression to the true answers of
 * `fit`, which are other prompts. */
il_status il_readings_probe(il_readings **readings, const il_model *model,
                            const il_layers *layers, const il_evidence *fit,
                            const il_evidence *evidence, il_error *err);

/* Room for readings that the caller fills (of an algorithm, say); answers: il_answers(). */
il_status il_readings_blank(il_readings **readings, int layers, size_t answers,
                            il_error *err);
void il_readings_free(il_readings *readings);

#endif
