/* observe.h - run a model over prompts and record what happens inside
 *
 * Probe prompts have many queries each. A layer's answers are what a model would answer to every query
 * if it stopped after that layer or loop. Everything here is in double.
 */
#ifndef IL_OBSERVE_H
#define IL_OBSERVE_H

#include "model/model.h"
#include "report/report.h"

/* ---- losses -------------------------------------------------------------------------------- */

/* A model's error on prompts drawn as in its training, as an evaluation counts it: the mean over the points that it
 * answers. Errors: IL_ECONFIG for a task without a squared error. */
il_status il_observe_loss(double *loss, const il_model *model, int prompts, uint64_t seed,
                          il_error *err);

/* ---- probe prompts ------------------------------------------------------------------------------ */

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
    double *y;      /* (B,Q,O) the queries' targets */
} il_observe_cell;

typedef struct {
    int B, Q, D, outs, cells; /* outs: O */
    /* Of each cell's B prompts the last 2 pairs are copies of the first ones: `pairs` of prompts 0, 1, ... with their
     * examples in reverse order, then as many of the same whose y were multiplied by -1/2. 0: none */
    int pairs;
    il_observe_cell cell[IL_CELLS];
    il_arena arena;
} il_observe_prompts;

typedef struct {
    const il_task *task;
    const void *task_opts;
    const char *data; /* shifts, separated by commas; "isotropic" is none */
    int sizes[IL_CELLS], n_sizes;
    int prompts, queries; /* of a cell, of a prompt */
    int dim, dims;        /* width of an input, and how many are alive */
    uint64_t seed;
    uint32_t step; /* other prompts of the same seed */
    int unpaired;  /* 1: no prompt is another's copy */
} il_observe_draw;

/* A cell for every kind of data and every number of examples. A sequence has one query. Errors:
 * IL_ECONFIG. */
il_status il_observe_prompts_new(il_observe_prompts **prompts,
                                 const il_observe_draw *options, il_error *err);
void il_observe_prompts_free(il_observe_prompts *prompts);

/* A point is a query of a prompt of a cell: (cells,B,Q) in this order. */
static inline size_t il_observe_points(const il_observe_prompts *e)
{
    return (size_t)e->cells * (size_t)e->B * (size_t)e->Q;
}
/* Runs a model on every query: a pass's prompts are the points. Errors: as il_run_prompts's. */
il_status il_observe_run(const il_model *model, const il_observe_prompts *prompts,
                         il_pass pass, il_error *err);
/* The answers to every query after each of so many loops: (loops,cells,B,Q,O). Errors: as il_model_ask's. */
il_status il_observe_ask(const il_model *model, const il_observe_prompts *prompts,
                         int loops, double *yhat, il_error *err);

/* Numbers that are answered: (cells,B,Q,O) */
static inline size_t il_observe_numbers(const il_observe_prompts *e)
{
    return il_observe_points(e) * (size_t)e->outs;
}

/* ---- layers -------------------------------------------------------------------------------- */

enum { IL_LAYERS = 512 }; /* at most these are probed */

typedef struct {
    char text[IL_NAME]; /* "h.0.mlp.c_proj", "loop 3" */
} il_observe_label;

/* The layers of a model: of a looped one its loops, else the borders between its blocks. A border is
 * a slot of the residual stream that is all a later op reads of what lies before it. */
typedef struct {
    int n, loops;            /* loops: they are loops */
    int width;               /* of the stream */
    int *op;                 /* (n) the op that ends the layer; NULL for loops */
    il_observe_label *names; /* (n) */
    il_arena arena;
} il_observe_layers;

/* loops 0: the model's. Errors: IL_ECONFIG when the loops cannot be run or no layer is found. */
il_status il_observe_layers_new(il_observe_layers **layers, const il_model *model,
                                int loops, il_error *err);
void il_observe_layers_free(il_observe_layers *layers);

/* The stream at every query, after every layer: (layers,points,width). Errors: IL_EFAIL. */
il_status il_observe_stream(const il_observe_layers *layers, const il_model *model,
                            const il_observe_prompts *prompts, il_real *stream,
                            il_error *err);

/* The same in runs of whole prompts, at P tokens each: layers from..from+n-1, where 0 is what the
 * first one reads: (n,B,P,width). */
il_status il_observe_stream_whole(const il_observe_layers *layers, const il_model *model,
                                  const il_batch *batch, int P, const int *tokens, int from,
                                  int n, il_real *stream, il_error *err);

/* What a model answers at the points from..N-1 of whole prompts after `loops` loops: (B,N-from,O). */
il_status il_observe_model_answers(double *yhat, const il_model *model,
                                   const il_batch *batch, int from, int loops,
                                   il_error *err);

/* In a tap: the layer that ends with this op, from 1, 0 where the first one begins, or -1; *stream
 * gets where the stream stands then. */
int il_observe_layers_at(const il_observe_layers *layers, const il_state *s, int op,
                         const il_real **stream);

/* p: the weights that a head of softmax attention gives at a token of a prompt of the state to the tokens that
 * it sees, behind the op. From queries and keys, in double. */
void il_heads_pattern(const il_heads *heads, const il_op *op, const il_state *s, int prompt,
                      int head, int token, double *p);
/* Heads of an op that have a pattern, 0 if it has none */
int il_pattern_heads(const il_plan *plan, const il_op *op);
/* In a tap behind the op: p (heads,T,T) on a prompt of the state. scratch: il_pattern_bytes() */
void il_patterns(const il_op *op, const il_state *s, int prompt, il_real *p, void *scratch);
size_t il_pattern_bytes(const il_plan *plan, const il_op *op, int tokens);

/* ---- layer answers ------------------------------------------------------------------------------ */

typedef struct {
    int layers;
    il_observe_label *names; /* (layers) */
    double *yhat;            /* (layers,points,outs) */
    int outs;                /* O, or 1 in layer answers that are filled by hand */
    il_arena arena;
} il_observe_answers;

/* The model's final norm and read-out applied after every layer or loop; of a model that does not loop, the
 * last `tail` blocks are applied with them. */
il_status il_observe_answers_lens(il_observe_answers **layer_answers, const il_model *model,
                                  const il_observe_layers *layers, int tail,
                                  const il_observe_prompts *prompts, il_error *err);

/* The same in runs of whole prompts, at P tokens each: (layers,B,P,outs). */
il_status il_observe_answers_whole(il_observe_answers **layer_answers,
                                   const il_model *model, const il_observe_layers *layers,
                                   const il_batch *batch, int P, const int *tokens,
                                   il_error *err);

/* A linear map from the stream to the answer, fitted by ridge regression to the true answers of
 * `fit`, which are other prompts. */
il_status il_observe_answers_probe(il_observe_answers **layer_answers,
                                   const il_model *model, const il_observe_layers *layers,
                                   const il_observe_prompts *fit,
                                   const il_observe_prompts *prompts, il_error *err);

/* Room for layer answers that the caller fills (of an algorithm, say); answers: il_observe_numbers(). */
il_status il_observe_answers_blank(il_observe_answers **layer_answers, int layers,
                                   size_t answers, il_error *err);
void il_observe_answers_free(il_observe_answers *layer_answers);

/* ---- an observation: a model, its layers, the prompts it is shown -------------------------------------------------------------- */

enum { IL_READING_AUTO, IL_READING_LENS, IL_READING_PROBE };

/* Options of an analysis. NULL and 0: usual. */
typedef struct {
    const char *task; /* NULL: the model's own, with its options */
    const char *data; /* shifts of its prompts, separated by commas; NULL: none */
    const char *
        examples; /* numbers of examples, separated by commas; NULL: those of training, and half of
                             them where a model answers every point */
    int reading; /* IL_READING_LENS: final norm and read-out after every layer; IL_READING_PROBE:
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
#define IL_ASK_KEYS IL_ASK_KEYS_OF(NULL, "R")
/* word: "auto" where loops may stop by themselves: then as many are looked at as prompts of the task take */
#define IL_ASK_KEYS_OF(word, value)                                                        \
    IL_ASK(STRING, task, 0, 0, 0, "another task than the model's own", NULL, "TASK"),      \
        IL_ASK(STRING, data, 0, 0, 0, "kinds of inputs: isotropic,kappa=30", NULL,         \
               "SHIFT,..."),                                                               \
        IL_ASK(STRING, examples, 0, 0, 0,                                                  \
               "numbers of examples (those of training, and half)", NULL, "N,..."),        \
        IL_ASK(INT, prompts, 0, 1, 1e9, "prompts of each kind and size (32 or more)",      \
               NULL),                                                                      \
        IL_ASK(INT, dims, 0, 1, 65536, "dimensions that are alive (the model's)", NULL,    \
               "D"),                                                                       \
        IL_ASK(INT, loops, 0, 1, 10000, "loops of a looped model (its own)", word, value), \
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
    il_observe_draw draw;
    double task_opts[IL_TASK_OPTS];
    il_observe_prompts *prompts; /* NULL until they are drawn */
    il_observe_prompts *fit;     /* eight times as many others, for probes; likewise */
    il_observe_layers *layers;
    il_observe_answers *layer_answers;
    int probe;  /* layer answers are a probe's */
    int points; /* of the longest prompt that was drawn; 0: none yet */
} il_observation;

/* Errors: IL_ECONFIG naming the option. il_observation_free also after a failure. */
il_status il_observation_new(il_observation *observation, const il_model *model,
                             const il_explain_options *options, il_error *err);
void il_observation_free(il_observation *observation);
/* Notes in a table when prompts leave what the model was trained on. */
il_status il_observation_note(const il_observation *observation, il_table *table,
                              il_error *err);
/* The same without prompts, which il_observation_draw makes, of models of one number, and
 * il_observation_draw_all of all; il_observation_draw_fit makes `fit`. */
il_status il_observation_begin(il_observation *observation, const il_model *model,
                               const il_explain_options *options, il_error *err);
il_status il_observation_draw(il_observation *observation, il_error *err);
il_status il_observation_draw_all(il_observation *observation, il_error *err);
il_status il_observation_draw_fit(il_observation *observation, il_error *err);

/* Whole prompts, of which the stream is read after P numbers of examples. A layout that predicts its last
 * point alone needs a batch for each number; il_observation_wholes says how many batches there are. */
typedef struct {
    il_batch *batch;
    int P, examples[IL_CELLS],
        tokens[IL_CELLS]; /* examples before, and the token of the query */
} il_observe_whole;
int il_observation_wholes(const il_observation *observation);
/* `prompts`: where the options say nothing. Errors: IL_ECONFIG. */
il_status il_observe_whole_new(il_observe_whole *whole, il_observation *observation, int i,
                               int prompts, uint32_t step, il_error *err);

/* ---- products of an attention's weights: products.c ---------------------------------------------
 *
 *   A_h = W_k^T W_q,   V_h = P_h W_v;   linear:  x_t <- x_t + sum_h V_h sum_j x_j (x_j . A_h x_t)
 *
 * Only the products matter. Of linear attention alone a model can be brought to product form: keys and
 * values as wide as its stream, W_k = W_v = I. Where the columns of the stream mean something a
 * product is a grid of blocks, of which a learner makes multiples of I. */

/* The maps of an attention; of a head q, k: K rows, v: V rows, p: V columns. q, k, v may lie in one matrix. */
typedef struct {
    const il_real *q, *k, *v, *p;
    int C, heads, K, V;
    double scale; /* of the scores: il_heads' */
} il_observe_maps;

/* 0 when `op` has no heads, or when its weights are not maps of the stream. */
int il_observe_maps_of(il_observe_maps *maps, const il_model *model, const il_op *op);

/* M (C,C): A of a head, row key and column query; or V, row written and column read. */
void il_observe_maps_product(double *M, const il_observe_maps *maps, int head, int values);

/* The registers of a built model, or what its layout puts there where tokens are the stream; elsewhere
 * one, "h". */
void il_observe_registers(il_registers *registers, const il_model *model);

/* mean (n,n) gets the mean diagonal of every square block of X (C,C), 0 for the others; returns
 * the share of the squared norm of X that these multiples of I keep. */
double il_observe_block_means(double *mean, const double *X, const il_registers *parts);

/* `blocks`: those of the plan, times its loops */
typedef struct {
    int blocks, each, heads, C;
    il_registers parts;
} il_observe_product_shape;

/* Errors: IL_ECONFIG for a model that is not linear attention alone, or whose stream is not its
 * tokens. */
il_status il_observe_product_shape_of(il_observe_product_shape *shape,
                                      const il_model *model, il_error *err);

/* The products of one head, each (C,C); A with the scale of the scores */
typedef struct {
    double *A, *V;
} il_observe_products;
void il_observe_products_of(il_observe_products to, const il_model *model,
                            const il_observe_product_shape *shape, int block, int head);

/* A model in product form that averages those of `trained` with the block means of `constructed`,
 * head by head: weight 0 is the one, 1 the other (then `trained` may be any of the same shape). */
il_status il_observe_product_model(il_model **out, const il_model *trained,
                                   const il_model *constructed, double weight,
                                   il_error *err);

/* A model whose layers add (1 - weight) times what those of `a` do and weight times what those of
 * `b` do: the heads of both side by side, however each orders and scales its own. */
il_status il_observe_product_mix(il_model **out, const il_model *a, const il_model *b,
                                 double weight, il_error *err);

/* ---- hook points: where in a forward pass something can be put ------------------------------------------------------------------------------- */

typedef struct {
    int op, loop;     /* loop: from 0, of a model that loops */
    int at, columns;  /* of the op's output, which is `width` wide */
    int width, layer; /* layer: the stream's, from 1; 0 where it is no border of layers */
    il_observe_label name;
} il_observe_hook;

typedef struct {
    il_observe_hook *hook;
    int n;
} il_observe_hooks;

/* `at` NULL: the stream after every layer; a register's name: its columns of that; an op's name, or what
 * it is called in every block ("attn", "mlp.c_proj"): its output. Errors: IL_ECONFIG with the nearest
 * name. */
il_status il_observe_hooks_new(il_observe_hooks *hooks, const il_model *model,
                               const il_observe_layers *layers, const char *at,
                               il_error *err);
void il_observe_hooks_free(il_observe_hooks *hooks);

#endif
