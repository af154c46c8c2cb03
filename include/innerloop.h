/* innerloop.h - the public interface of innerloop
 *
 * innerloop trains, runs and compares transformers that learn learning algorithms in context.
 * Tier one uses a model (load, answer, predict); tier two builds and trains one.
 *
 *   - A function that can fail returns il_status and writes one sentence into `err`
 *     (which may be NULL). On failure its outputs are as they were.
 *   - The library never prints, exits or aborts. A child of fork() may use it.
 *   - Wrong arguments (NULL where something is needed, a place that is not there, a negative number, a size that
 *     overflows) make a function with a status fail, most with IL_ECONFIG; any other answers nothing:
 *     0, NAN, "", NULL or a struct of zeros, -1 where 0 is a place.
 *   - What a `_new`, `_load` or `_read` hands out, the matching `_free` takes back (NULL is fine).
 *   - Letters for sizes: B prompts, N points, D dimensions, T tokens, C width, R loops.
 *   - Arrays are dense and row-major; (B,N,D) means x[(b * N + n) * D + d].
 */
#ifndef INNERLOOP_H
#define INNERLOOP_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef IL_DOUBLE
typedef double il_real; /* constructions and gradient checks */
#else
typedef float il_real; /* training and inference */
#endif

/* A library computes in float or in double, and so must the program that is linked to it: what was
 * compiled for the other does not link, and the symbol that is missing says why. */
#ifdef IL_DOUBLE
extern const char il_library_is_float_but_program_has_IL_DOUBLE;
#define IL_LINKED_AS il_library_is_float_but_program_has_IL_DOUBLE
#else
extern const char il_library_is_double_but_program_lacks_IL_DOUBLE;
#define IL_LINKED_AS il_library_is_double_but_program_lacks_IL_DOUBLE
#endif
static const char *const il_linked_as __attribute__((used)) = &IL_LINKED_AS;

/* ---- status and error ------------------------------------------------------------------ */

/* A status is also the program's exit code. */
typedef enum {
    IL_OK = 0,
    IL_EFAIL = 1,       /* out of memory, or a fault with no better name */
    IL_EUSAGE = 2,      /* the command line */
    IL_ECONFIG = 3,     /* a recipe, a checkpoint's contents or a table */
    IL_ENUMERIC = 4,    /* training met a value that is not finite */
    IL_EIO = 5,         /* a file or folder could not be read or written */
    IL_ECLAIM = 6,      /* a claim is out of its tolerance */
    IL_EINTERRUPT = 130 /* stopped on request, after saving */
} il_status;

typedef struct {
    il_status status;
    char text[512]; /* one sentence: file, line or key; what is wrong; what to do */
} il_error;

/* Fills in `err`, which may be NULL, and returns `status`. The sentence becomes one line of UTF-8 that
 * changes no terminal: controls and what is not text turn into `?`, and its end into ... where it is
 * too long. The arguments may point into `err`. */
il_status il_fail(il_error *err, il_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of what the system refused: a colon and errno's reason follow. IL_EIO; IL_EFAIL where
 * memory ran out, which is no fault of a file. */
il_status il_fail_io(il_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *il_version(void);     /* "0.1.0" */
const char *il_kernel_name(void); /* the instruction set in use: "avx512", "avx2", ... */
int il_threads(void);             /* IL_THREADS, or the processors this process may use */

/* Errors: IL_EUSAGE when IL_KERNEL names none, or IL_THREADS is no number of threads. A program
 * asks once, at its start. */
il_status il_kernel_check(il_error *err);
il_status il_threads_check(il_error *err);

/* The word of `words` closest to `word` in edit distance, or NULL if none is near. */
const char *il_nearest(const char *word, const char *const *words, int n);

/* ---- options: a struct described by a table ---------------------------------------------- */

enum {
    IL_TEXT = 128,    /* bytes of a text option, with its terminating zero */
    IL_TASK_OPTS = 32 /* doubles of room for a task's options */
};

typedef enum {
    IL_OPT_END,
    IL_OPT_INT,    /* int */
    IL_OPT_REAL,   /* double */
    IL_OPT_BOOL,   /* int, 0 or 1 */
    IL_OPT_CHOICE, /* int, index into `words` = "first|second|..." */
    IL_OPT_TEXT    /* char[IL_TEXT]; `words` is the default */
} il_opt_type;

typedef struct {
    const char *name; /* may be a path: "curriculum.dims.start" */
    il_opt_type type;
    size_t offset;         /* in the struct the table describes */
    double init, min, max; /* default and range of a number */
    const char *help;
    const char *words;
} il_opt;

/* ---- recipes ----------------------------------------------------------------------------- */

/* A value that grows with the step: `start`, then + `inc` every `interval` steps, up to `end`. */
typedef struct {
    int start, end, inc, interval;
} il_ramp;

/* The value of a ramp at a step (counted from 0). Source: the published curriculum's update
 * rule: after step s, with s + 1 a multiple of `interval`, add `inc` and cap at `end`. */
int il_ramp_at(const il_ramp *ramp, int64_t step);

enum {
    IL_GPT2,
    IL_GPT2_LOOP,
    IL_GPT2_TYING,
    IL_STACK,
    IL_BUILT
}; /* il_config.model.family */
enum { IL_POSITION_NONE, IL_POSITION_LEARNED, IL_POSITION_CONCAT };
enum { IL_READ_LINEAR, IL_READ_NONE };                         /* il_config.model.read_in */
enum { IL_ANSWER_LINEAR, IL_ANSWER_FIRST, IL_ANSWER_MINUS_Y }; /* il_config.model.read */
enum { IL_INJECT_ADD, IL_INJECT_MUL };     /* il_config.model.loop_func */
enum { IL_RATE_CONSTANT, IL_RATE_COSINE }; /* il_config.training.schedule */
enum { IL_FP32, IL_BF16 };                 /* il_config.training.precision */

typedef struct {
    struct {
        int family; /* gpt2 | gpt2_loop | gpt2_tying | stack | built (a checkpoint holds its plan) */
        int n_dims; /* D: width of an input */
        int n_positions; /* points in the longest prompt; wpe has a row for each of their tokens */
        int n_embd;  /* C */
        int n_layer; /* blocks in the body; gpt2_tying: times its one block runs */
        int n_head;
        int loop_func; /* gpt2_loop: z=f(x+z) | z=f(x*z) */
        int tokens;    /* how a prompt becomes tokens: a row of il_list("layouts") */
        int stack;     /* stacked: observations in a token */
        /* family stack (src/model/stack.c) */
        char blocks[IL_TEXT]; /* mixers, one a block: "softmax linear*5 mesa" */
        int n_key, n_value;   /* of a head; 0: n_embd / n_head; 0: n_key */
        char products
            [IL_TEXT]; /* forms of W_k^T W_q and P W_v, with W_k = W_v = I; "": any maps */
        int n_mlp, mlp_act; /* hidden width, 0: no MLP; gelu | relu | swiglu */
        int norm;           /* before every mixer and MLP, and at the end: none | ... */
        int qk_norm;        /* of q and k: none | l2 | l2_later (not in the first block) */
        int conv; /* taps of a convolution and silu of q and k of all mixers but softmax; 0: none */
        int head_norm; /* what a head of these says has length 1 */
        double clip;   /* the stream is held within +- clip after a block; 0: off */
        int position;  /* none | learned | concat */
        int bias;
        double scale; /* of the scores of linear blocks */
        int read_in;  /* linear | none: tokens are the stream */
        int read;     /* linear | first | minus_y */
        double init_std;
        int read_init; /* normal, like all else | fan */
        int loops;     /* times the blocks run, with the same weights */
    } model;
    struct {
        char task_name[IL_TEXT];
        /* the task's own options struct, described by its table */
        double task_opts[IL_TASK_OPTS];
        int batch_size;
        double learning_rate;
        int schedule;       /* constant | cosine (to min_learning_rate at train_steps) */
        int warmup_steps;   /* linear from 0 */
        int schedule_steps; /* where cosine ends; 0: train_steps */
        double min_learning_rate;
        double weight_decay; /* decoupled (AdamW), on matrices; 0 is Adam */
        double beta1, beta2, adam_eps;
        double clip;       /* largest gradient norm; 0 is off */
        double clip_value; /* largest magnitude of an element of the gradient; 0 is off */
        int train_steps;
        int seed;
        int n_loop_window; /* loops that carry loss and gradient */
        int save_every_steps, keep_every_steps, log_every_steps;
        int shard; /* prompts that run together on one core: part of the numerical definition */
        int slots; /* gradient sums, added in order: likewise; bounds the useful threads */
        int recompute; /* 0 keep all, 1 recompute what is cheap, 2 recompute whole loops */
        int precision; /* fp32 | bf16 */
        struct {
            il_ramp dims, points, loops;
        } curriculum;
    } training;
    char out_dir[IL_TEXT];
} il_config;

/* Every default of a recipe. */
void il_config_init(il_config *config);

/* Reads a YAML recipe, with `inherit:`. `notes` receives sentences about accepted keys that
 * mean nothing here (`wandb`, `gpu`), one per line; it may be NULL.
 * Errors: IL_EIO unreadable; IL_ECONFIG with file, line, column, and the nearest known key. */
il_status il_config_read(il_config *config, const char *path, char *notes, size_t size,
                         il_error *err);

/* The same from memory, where `inherit` is refused; `name` stands for the file in errors. */
il_status il_config_parse(il_config *config, const char *text, size_t bytes,
                          const char *name, il_error *err);

/* Applies one "model.n_embd=64". Errors: IL_ECONFIG naming the key. */
il_status il_config_set(il_config *config, const char *assignment, il_error *err);

/* Applies several, which win over what the recipe has; the task's name counts first, wherever it
 * stands. Errors: likewise, and for a key that is given twice, however it is spelt. */
il_status il_config_override(il_config *config, const char *const *assignments, int n,
                             il_error *err);

/* Checks what no single key can: heads divide width, points fit positions, ...
 * Errors: IL_ECONFIG naming the keys and their values. */
il_status il_config_check(const il_config *config, il_error *err);

/* The resolved recipe as YAML, which il_config_read reads back to the same struct. */
void il_config_write(const il_config *config, FILE *f);
/* The same as a text, to be freed. Errors: IL_EFAIL without memory. */
il_status il_config_text(char **text, const il_config *config, il_error *err);

/* Of everything in a recipe that a run's weights and checkpoints depend on: two recipes of one hash
 * give the same run. */
uint64_t il_config_hash(const il_config *config);

/* The table of all keys but the task's own options. */
const il_opt *il_config_opts(void);

/* ---- tasks and prompts -------------------------------------------------------------------- */

typedef struct il_task il_task;

/* B prompts of N points in D dimensions, of which the first `dims` are alive; an answer y is O
 * numbers. A prompt asks, for every n: given (x_0,y_0) .. (x_{n-1},y_{n-1}), what is y at query n?
 * A sequence s_0, s_1, ... is a prompt with x_n = s_n and y_n = s_{n+1}. */
typedef struct {
    int prompts, points, dim, outs;
    il_real *x; /* (B,N,D) examples */
    il_real *y; /* (B,N,O) */
    il_real *w; /* (B,O,D) the task's weights where it has some, else zeros */
    il_real *xq,
        *yq; /* (B,N,D), (B,N,O): queries and what they ask for, where that differs from the
                         examples; yq alone: at the same x; else NULL */
    il_real
        *noise; /* (B) deviation of the noise on y of each prompt; zeros or NULL: none */
} il_batch;

/* Where prompts are drawn from: random numbers are f(seed, stream, step, index). */
typedef struct {
    uint64_t seed;
    uint32_t stream; /* IL_STREAM_* */
    uint32_t step;
    uint32_t first; /* index of the batch's first prompt */
} il_draw;

enum {
    IL_STREAM_INIT,
    IL_STREAM_TRAIN,
    IL_STREAM_EVAL,
    IL_STREAM_BOOTSTRAP,
    IL_STREAM_USER
};

const il_task *il_task_find(const char *name); /* NULL if there is none */
int il_task_outs(const il_task *task, const void *opts, int dim); /* O, for D = dim */

/* Room for prompts with one answer a point, or with `outs`. */
il_status il_batch_new(il_batch **batch, int prompts, int points, int dim, il_error *err);
il_status il_batch_new_outs(il_batch **batch, int prompts, int points, int dim, int outs,
                            il_error *err);
void il_batch_free(il_batch *batch);

/* Fills a batch that was made for the task's O. `opts` is the task's options struct
 * (il_config.training.task_opts); `shift` NULL or "standard" for none, or a row of
 * il_list("shifts"), as "scaled_x=2" where it has a parameter. Cost O(B N D).
 * Errors: IL_ECONFIG for an unknown shift, for dims outside 1..D, or options out of their range. */
il_status il_batch_draw(il_batch *batch, const il_task *task, const void *opts,
                        const char *shift, int dims, il_draw at, il_error *err);

/* What a task's squared error is divided by, so that predicting zero scores 1. */
double il_task_scale(const il_task *task, const void *opts, int dims);

/* What an evaluation measures: "squared error (predicting zero: 1)", or "share of wrong signs"
 * for a task of classes. */
const char *il_task_metric(const il_task *task);

/* ---- algorithms ---------------------------------------------------------------------------- */

typedef struct il_algo il_algo; /* an algorithm with its options set */

/* `text` is a name with options: "gd", "ridge alpha=0.1", "knn k=3". */
il_status il_algo_new(il_algo **algo, const char *text, il_error *err);
void il_algo_free(il_algo *algo);
const char *il_algo_text(const il_algo *algo);
int il_algo_steps(const il_algo *algo); /* its option `steps`; 0: a closed form */

/* The answers of a learning algorithm at every point of every prompt, after each of the steps
 * first..last (step 0 is where an iteration starts; a closed form answers the same after each).
 * Each of the O numbers of an answer is a problem of its own.
 *
 *   batch  B prompts of N points in D dimensions
 *   yhat   (last-first+1, B, N, O) out: answer n uses points 0..n-1 only; units of batch->y
 *   what   (last-first+1, B, N, O, D) out: the weights behind the answers, or NULL
 *
 * Errors: IL_ECONFIG if there are no such steps, or if `what` is asked of an algorithm that has
 * no weights. */
il_status il_algo_predict(const il_algo *algo, const il_batch *batch, int first, int last,
                          il_real *yhat, il_real *what, il_error *err);

/* ---- models --------------------------------------------------------------------------------- */

typedef struct il_model il_model;

typedef struct {
    int64_t backbone;  /* blocks and final norm: what the papers report */
    int64_t embedding; /* positions, read-in, read-out */
    int64_t all;
} il_counts;

/* A model with the recipe's initial weights, drawn from its seed. */
il_status il_model_new(il_model **model, const il_config *config, il_error *err);

/* `path`: a .safetensors file or a run folder (its newest checkpoint). The file is checked in
 * every offset, shape, dtype and value before a model exists. */
il_status il_model_load(il_model **model, const char *path, il_error *err);
il_status il_model_save(const il_model *model, const char *path, il_error *err);
void il_model_free(il_model *model);

const il_config *il_model_config(const il_model *model);
il_counts il_model_counts(const il_model *model);
int64_t il_model_step(const il_model *model);  /* training steps taken */
uint64_t il_model_hash(const il_model *model); /* FNV-1a over names, shapes and weights */
int il_model_classes(const il_model *model);   /* of a model of classes, else 0 */
int il_model_loops(const il_model *model); /* loops at the end of training; 1 for gpt2 */

/* Points of the longest prompts it was trained on, of which the last is the query alone; of a sequence or
 * of ids, its length. More fit (n_positions), but what it says then is not learnt. */
int il_model_points(const il_model *model);
int il_model_dims(const il_model *model); /* dimensions alive at the end of training */

/* Weights by name: *data (rows, cols) borrowed from the model; NULL data when there is none. */
int il_model_weights(const il_model *model); /* how many */
void il_model_weight(const il_model *model, int index, const char **name,
                     const il_real **data, int *rows, int *cols);

/* What the weights' numbers are in the file that they were read from: "F32", "F64", "BF16", "F16", or
 * "mixed". Here they are il_real: F16 and BF16 are widened, which is exact. */
const char *il_model_dtype(const il_model *model);

/* The program that a built model was assembled from, as text: what it computes, its registers,
 * its layers. NULL for other models. */
const char *il_model_program(const il_model *model);

/* Answers after each of the loops first..last (counted from 1).
 *   yhat  (last-first+1, B, N, O) out; for batch->xq, point n is asked with query n
 * Errors: IL_ECONFIG if the prompts do not fit the model. */
il_status il_model_answer(const il_model *model, const il_batch *batch, int first, int last,
                          il_real *yhat, il_error *err);

/* One prompt, example by example: what earlier tokens left behind is remembered, so that one more
 * example or query costs one token in every loop, not the whole prompt again. The answers are
 * bit for bit those of il_model_answer. */
typedef struct il_context il_context;

/* Room for the model's n_positions points; `loops` 0: the model's. The model must outlive it.
 * Errors: IL_ECONFIG when the model cannot run so. */
il_status il_context_new(il_context **context, const il_model *model, int loops,
                         il_error *err);
void il_context_free(il_context *context);
void il_context_clear(il_context *context);
int il_context_points(const il_context *context);
/* A sentence when the context has come to hold more points, dimensions or loops than the model was trained
 * on, so that what it answers is not learnt: once, for a warning, and NULL from then on, as before.
 * il_model_points, il_model_dims and il_model_loops say it at any time. Borrowed; valid until the next call. */
const char *il_context_note(il_context *context);
/* x: (n_dims). Errors: IL_ECONFIG when the context is full, or for what is no finite number. */
il_status il_context_add(il_context *context, const il_real *x, il_real y, il_error *err);
/* A sequence's next observation x (n_dims); yhat: what the model expects to come after it. A model
 * whose blocks carry a state, and no position from a table, takes as many as come.
 * Errors: IL_ECONFIG when the context is full, or for what is no finite number. */
il_status il_context_observe(il_context *context, const il_real *x, il_real *yhat,
                             il_error *err);
/* Leaves the context as it is. */
il_status il_context_ask(il_context *context, const il_real *x, il_real *yhat,
                         il_error *err);

/* The same for a model of classes: one more id, and the scores (il_model_classes) of the one after
 * it, which the context keeps until the next call; `scores` may be NULL.
 * Errors: IL_ECONFIG when the context is full, or for an id that is no class. */
il_status il_context_next(il_context *context, int id, const il_real **scores,
                          il_error *err);
/* A class with probability proportional to exp(score / temperature); 0: the likeliest. Which one
 * is a function of the scores, the seed and the index; -1: there is none. */
int il_scores_draw(const il_real *scores, int n, double temperature, uint64_t seed,
                   uint32_t index);

/* ---- training -------------------------------------------------------------------------------- */

typedef struct {
    int64_t step, steps;
    double loss;      /* this step's, in the task's units */
    double floor;     /* the least-squares error at these dims and points; NaN if unknown */
    double grad_norm; /* before clipping */
    double rate;      /* learning rate */
    double per_second; /* steps, over the last second or so */
    int dims, points, loops;
} il_progress;

typedef struct {
    /* Once, before the first step: the step it starts from, and the plan's memory: weights,
     * moments, gradients and one state a thread. May be NULL. */
    void (*start)(void *context, int64_t step, size_t bytes);
    void (*progress)(void *context, const il_progress *p); /* after every step; or NULL */
    void *context;
    volatile sig_atomic_t *stop; /* set to 1 to save and stop; may be NULL */
    /* A sentence, without its end, of what was met and survived, as a damaged checkpoint, and at the end
     * what an evaluation of 256 prompts notes, as a model that is no better than zero; or NULL */
    void (*note)(void *context, const char *text);
} il_watch;

typedef struct {
    int64_t step;
    double loss, seconds;
    size_t bytes; /* memory of the plan: weights, moments, gradients, states */
    uint64_t hash;
} il_trained;

/* Takes a file or folder for this process, under all its names, until it is given back or the process
 * ends, however that happens: two that write it would undo each other's work. Readers need no lock.
 * It is FOLDER/lock or FILE.lock. Errors: IL_EFAIL naming the process that has it; IL_EIO. */
typedef struct il_lock il_lock;
il_status il_lock_take(il_lock **lock, const char *path, il_error *err);
void il_lock_give(il_lock *lock); /* NULL is fine */

/* Trains a recipe in a run folder (made if missing): config.yaml, env.json, metrics.jsonl,
 * checkpoints/. `resume` continues the folder's newest checkpoint that is whole, bit for bit, and
 * notes one that is not. `watch` and `result` may be NULL.
 * Errors: IL_ENUMERIC when the loss is not finite (the last good checkpoint stays),
 * IL_EINTERRUPT after saving on request, IL_ECONFIG when resuming with another recipe or
 * starting where a model is already, IL_EFAIL when another process trains there. */
il_status il_train(const il_config *config, const char *folder, int resume,
                   const il_watch *watch, il_trained *result, il_error *err);

/* ---- tables ------------------------------------------------------------------------------------ */

/* Named columns of numbers or text; a missing number is NaN, a missing text "". */
typedef struct il_table il_table;

il_status il_table_new(il_table **table, const char *name, il_error *err);
void il_table_free(il_table *table);
int il_table_rows(const il_table *table);
int il_table_cols(const il_table *table);
const char *il_table_name(const il_table *table);
const char *
il_table_caption(const il_table *table);           /* what its numbers are; "" if unsaid */
const char *il_table_notes(const il_table *table); /* what its reader should know, one
                                                      sentence a line; "" for nothing */
const char *il_table_col(const il_table *table, int col);
int il_table_find(const il_table *table, const char *col); /* -1 if there is none */
int il_table_is_text(const il_table *table, int col);
double il_table_number(const il_table *table, int row, int col);
const char *il_table_text(const il_table *table, int row, int col);
/* Where there is no such row or column, it is no text, NaN or "", and setting it does nothing but for
 * il_table_set_text, which fails. */

il_status il_table_set_caption(il_table *table, const char *caption, il_error *err);

/* Columns first, then rows; a new row is all missing. */
il_status il_table_add_col(il_table *table, const char *name, int is_text, il_error *err);
il_status il_table_add_row(il_table *table, il_error *err);
void il_table_set(il_table *table, int row, int col, double value);
il_status il_table_set_text(il_table *table, int row, int col, const char *text,
                            il_error *err);

/* A CSV file with a header (RFC 4180 quoting; `,`, `;` or tab). A column is numbers when every
 * cell that is not missing ("", NA, NaN, ?, null, any case) is one. Errors name file and line. */
il_status il_table_read(il_table **table, const char *path, il_error *err);
/* The same from an open file, which is borrowed; `name` stands for it in errors. */
il_status il_table_read_from(il_table **table, FILE *f, const char *name, il_error *err);
int il_table_line(const il_table *table, int row); /* of the file it was read from, or 0 */
/* The same file row by row, as it comes: from a pipe each row is handed out when its line ends.
 * `f` is borrowed, `name` stands for it in errors. Errors: as il_table_read's. */
typedef struct il_csv il_csv;
il_status il_csv_new(il_csv **csv, FILE *f, const char *name, il_error *err);
void il_csv_free(il_csv *csv);
int il_csv_cols(const il_csv *csv);
const char *il_csv_col(const il_csv *csv, int col);
/* cell (cols): the next row's cells, borrowed until the next call; *more 0 at the end. */
il_status il_csv_next(il_csv *csv, const char **cell, int *more, il_error *err);
int il_csv_line(const il_csv *csv); /* where that row began, from 1 */
/* A cell as a number, NaN if it is missing; 0 when it is neither. */
int il_cell_number(const char *cell, double *value);
/* How to write a cell that is neither: `hint` gets a clause for a sentence. 1 when the cell was meant as a
 * number (1,5  $5  5 %  1_000  0x10  1e400), 0 when it is anything else. */
int il_cell_hint(const char *cell, char *hint, size_t size);
void il_table_write_csv(const il_table *table, FILE *f);
/* As CSV into a file, which is replaced as a whole or left as it was. Errors: IL_EIO. */
il_status il_table_save(const il_table *table, const char *path, il_error *err);
void il_table_write_text(const il_table *table, FILE *f); /* aligned, for a terminal */
void il_table_write_json(const il_table *table, FILE *f); /* {"name","columns","rows"} */

/* What a table's JSON is made of: a text in quotes, where bytes that are not UTF-8 become U+FFFD; a
 * number that reads back to every bit, `null` where it is not finite. */
void il_json_write_text(const char *text, FILE *f);
void il_json_write_number(double value, FILE *f);

/* ---- constructions: algorithms compiled into weights ---------------------------------------------- */

/* `text` is a row of il_list("constructions") with options: "newton dims=5 loops=12". */
il_status il_build(il_model **model, const char *text, il_error *err);

/* Builds and verifies: a row for every size and condition number that the construction is tried
 * on, with the columns size, condition, steps, error (of the model against the algorithm it names,
 * relative), exact (against the exact solution; NaN where there is none), stated (the largest
 * error that is claimed), ok. *failed: how many rows have an error above what is stated. */
il_status il_build_verify(il_table **table, int *failed, const char *text, il_error *err);

/* ---- evaluation ----------------------------------------------------------------------------------- */

typedef struct {
    const char *task;    /* NULL: the model's own, with its options */
    const char *shift;   /* NULL: none */
    const char *against; /* algorithms, separated by commas: "ols,ridge alpha=0.1,gd@10"
                              (name@n: after n steps, default its last); NULL: none */
    int prompts;         /* 1280 */
    int points;          /* 0: the end of the points curriculum */
    int dims;            /* 0: the end of the dims curriculum */
    int loops;           /* the loop that is read, at most 10000; 0: the model's */
    int loops_to;        /* last loop of the table by loops, likewise; 0: 4 x the model's */
    uint64_t seed;
} il_eval_options;

/* Error by number of examples, of the kind that the table's caption names: columns k, model,
 * model_low, model_high (5 % and 95 % bootstrap quantiles of 1000 resamples), then one column per
 * algorithm. Without a model (NULL) the options name task, points and dims, and the table has no
 * columns of one. For a task of classes: loss in nats, its band, and the share of wrong answers at
 * positions 1, 2, 3-4, 5-8, ...: columns k (the last of the range), loss, loss_low, loss_high,
 * wrong, asked (answers in a prompt's range); no algorithms. The table's notes say where answers are no
 * finite numbers, where prompts leave what the model was trained on, and when a model is no better than
 * one that looks at nothing: zero, the commoner sign, or the frequencies of the classes. */
il_status il_eval_points(const il_model *model, const il_eval_options *options,
                         il_table **table, il_error *err);

/* The same, averaged over the points of a prompt: one row, whose first column `points` says how
 * many. */
il_status il_eval_mean(const il_model *model, const il_eval_options *options,
                       il_table **table, il_error *err);

/* The same at the last point by loop: columns loop, model, model_low, model_high, then
 * one column per algorithm with steps (its error after `loop` steps). */
il_status il_eval_loops(const il_model *model, const il_eval_options *options,
                        il_table **table, il_error *err);

/* ---- explaining ------------------------------------------------------------------------------------- */

typedef struct {
    const char *task; /* NULL: the model's own, with its options */
    const char
        *data; /* shifts of its prompts, separated by commas: "isotropic,kappa=30"; NULL:
                             "isotropic", which is none */
    const char *examples; /* numbers of examples: "10,20"; NULL: those of training, and
                             half of them where a model answers every point */
    const char
        *reading; /* "lens": the model's own end put behind every layer; "probe": a trained
                             linear read-out; NULL or "auto": lens, but probe for a gpt2 */
    int prompts;  /* of each kind and size; 0: 32 */
    int queries;  /* of each prompt; 0: three for every dimension, at least 16 */
    int dims, loops; /* 0: the model's */
    uint64_t seed;
} il_explain_options;

enum { IL_EXPLAINED_NONE, IL_EXPLAINED_RESEMBLES, IL_EXPLAINED_RUNS };

typedef struct {
    int found;            /* IL_EXPLAINED_* */
    int first, explained; /* the first layer that counts, from 1; how many are explained */
    char verdict[1024];   /* a sentence or two */
    char family[IL_TEXT]; /* the algorithm; "" for none */
    char runner_up[IL_TEXT];
    char reading[IL_TEXT];  /* how the layers were read */
    int tail;               /* lens: so many of the last blocks count as the model's end */
    double steps_per_layer; /* of a layer or loop; NaN if the layers do not say */
    double score, runner_up_score; /* part of the readings that is left unexplained */
    il_table *layers;   /* by layer: the best step, similarities, the runner-up; its notes
                           say when the prompts leave what the model was trained on */
    il_table *families; /* all families, the best first */
    il_table
        *steps; /* layer, step, similarity of errors, is it the best, row: IL_FIGURE_HEAT */
    il_table
        *spectrum; /* by eigenvalue of the examples: the error left, model and algorithm */
    il_table
        *answers; /* the last layer's answers beside the algorithm's: IL_FIGURE_POINTS */
} il_explanation;

/* Which learning algorithm a model's forward pass runs, and how many of its steps a layer or loop is
 * worth; or that it is none that is known here. docs/explain.md says how that is decided.
 * Errors: IL_ECONFIG if the prompts do not fit the model. */
il_status il_explain(const il_model *model, const il_explain_options *options,
                     il_explanation *explanation, il_error *err);
void il_explanation_free(il_explanation *explanation);

/* What an analysis is asked; each knows some of these. NULL and 0: usual. */
typedef struct {
    il_explain_options ask; /* whose prompts */
    const il_model
        *with;          /* interpolate: the other end; NULL: the model's own block means */
    const char *to;     /* weights: a construction, as il_build's text */
    const char *each;   /* weights, a row for each: "head", "block" or "value" */
    const char *target; /* probe: what is read, separated by commas */
    int hidden;         /* probe: units of a network; 0: ridge regression */
    int pool;       /* probe: reads all tokens, under learnt weights of their positions */
    const char *at; /* patch: a register or an op; NULL: the stream after every layer */
    const char *by; /* patch: "gd step_size=0.1@3", an algorithm after so many steps; NULL:
                               another prompt's */
    const char *tokens; /* patch: "query", "examples" or "all"; NULL: the query */
} il_inspect_options;

/* One look inside a model: "similarity", "lens", "probe", "weights", "interpolate", "patch" or
 * "sensitivity". The table's caption says what it shows, its notes when its prompts leave what the
 * model was trained on. Errors: IL_EUSAGE with the nearest name;
 * IL_ECONFIG. */
il_status il_inspect(const il_model *model, const char *analysis,
                     const il_inspect_options *options, il_table **table, il_error *err);

/* Does the analysis read this field of il_inspect_options or of its `ask`, as "seed"? il_inspect refuses a
 * field that is set and not read, but for the seed, which has no value that stands for none.
 * Errors: IL_EUSAGE naming an analysis that does. */
il_status il_inspect_reads(const char *analysis, const char *option, il_error *err);

/* ---- prediction on the user's own table -------------------------------------------------------------- */

typedef struct {
    const char *target; /* the column to predict */
    int loops;          /* 0: the model's */
    int prompts; /* at most this many prompts are averaged when examples do not fit; 0: 32 */
    uint64_t seed; /* which examples go into which prompt */
} il_predict_options;

typedef struct {
    int features;   /* columns the model saw */
    int prompts;    /* prompts averaged */
    int per_prompt; /* examples in each */
    int targets;    /* queries that hold the target, and so are scored */
    int not_finite; /* queries whose answer is no finite number */
    double rmse, rmse_ridge, rmse_ols,
        rmse_mean; /* NaN without targets, or with answers that
                                                     are not finite */
    char *notes; /* what was done to the tables, one sentence a line; il_prediction_free */
} il_prediction;
void il_prediction_free(il_prediction *summary);

/* Predicts the target of every row of `queries` in context of `examples`. `answers` gets the
 * columns row, prediction (and target where queries hold it). docs/predict.md says what happens
 * to missing cells, text, constant columns and tables larger than the model. Cost: that of the
 * examples once for every prompt, and of one token for every query and prompt. */
il_status il_predict(const il_model *model, const il_table *examples,
                     const il_table *queries, const il_predict_options *options,
                     il_table **answers, il_prediction *summary, il_error *err);

/* ---- forecasting a series, row by row ------------------------------------------------------------------- */

enum { IL_PERIODS = 4 };

typedef struct {
    int lags;    /* newest values of its own column that a forecast reads: 1..62 */
    int others;  /* newest changes of every other column that it reads; 0: none */
    int horizon; /* H: rows ahead, 1..168; each is learnt by itself */
    int period[IL_PERIODS]; /* seasons in rows, 2..10080; zeros: none */
    double forget;          /* gamma, 0.5..1: what a row counts one row later */
    double
        ridge; /* mu, 1e-6..1e6: pulls towards "no change"; 0: several, mixed by their losses */
    char against[IL_TEXT]; /* forecasters run beside it, separated by commas, of
                                persistence, seasonal, ar, nlms, naive; "": none */
    const il_model
        *model; /* of a task of sequences, borrowed: what it says one row ahead is
                              answered, and the mesa-layer stands beside it; NULL: none */
} il_forecast_options;

/* Each interval's bounds are NaN while there are too few errors to say. */
typedef struct {
    double value, low_80, high_80, low_95, high_95;
} il_forecast_value;

/* A mesa-layer that learns C series online: no fit, no split; every forecast is made before its row
 * is seen. It is bounded for any input and any `forget` (docs/forecast.md). */
typedef struct il_forecast il_forecast;

void il_forecast_defaults(il_forecast_options *options);

/* `names` (C) or NULL: for tables and sentences. Memory O(C H (H + n^2)), with n <= 64 the inputs of
 * a forecast: 1 + lags + 2 per period + (C - 1)(1 + others) if others > 0.
 * Errors: IL_ECONFIG naming the option. */
il_status il_forecast_new(il_forecast **forecast, int columns, const char *const *names,
                          const il_forecast_options *options, il_error *err);
void il_forecast_free(il_forecast *forecast);

/* Takes the next row in and forecasts the following ones.
 *   y    (C) values; NaN: missing, nothing is learnt from it and the forecast stands in for it
 *   out  (C,H) what row + 1 .. row + H will be; NaN before a column's first value
 * Cost O(C H n^3 / 6). Errors: IL_ECONFIG for a value beyond 1e300; nothing has changed then. */
il_status il_forecast_step(il_forecast *forecast, const double *y, il_forecast_value *out,
                           il_error *err);

int il_forecast_columns(const il_forecast *forecast);
const char *il_forecast_name(const il_forecast *forecast, int column);
int64_t il_forecast_rows(const il_forecast *forecast); /* rows taken in */
const il_forecast_options *il_forecast_opts(const il_forecast *forecast);

/* All errors so far: columns column, ahead, method, errors (how many), mae, rmse, mae_ratio and
 * rmse_ratio (to persistence, if it is run), in_80, in_95 (shares of values inside the
 * intervals), us_per_step. */
il_status il_forecast_scores(const il_forecast *forecast, il_table **table, il_error *err);

/* A saved forecast goes on with the same bits as one that was not interrupted. The file is
 * replaced as a whole; a loaded one is checked in every size before it is used. `model` is the one it
 * was made with, NULL for none.
 * Errors: IL_EIO; IL_ECONFIG naming file and array. */
il_status il_forecast_save(const il_forecast *forecast, const char *path, il_error *err);
il_status il_forecast_load(il_forecast **forecast, const char *path, const il_model *model,
                           il_error *err);

/* ---- figures and reports --------------------------------------------------------------------------------- */

/* How a table is drawn. IL_FIGURE_LINES: its first column is x, every other column of numbers a line. A column
 * beside which NAME_low and NAME_high stand gets a band between them.
 * IL_FIGURE_POINTS: its first two columns are a point's x and y, and x = y is a line.
 * IL_FIGURE_HEAT: columns x, y (a label), colour, whether to mark it, and the row it stands in. */
enum { IL_FIGURE_LINES, IL_FIGURE_POINTS, IL_FIGURE_HEAT };
typedef struct {
    const char *title, *x_label, *y_label;
    int log_x, log_y;
    const char *marker; /* a vertical line's label at marker_x; NULL: none */
    double marker_x;
    int kind; /* IL_FIGURE_* */
} il_figure;

/* Writes PATH.csv, PATH.gp, which draws it, and PATH.svg, the picture: all of them, or what was there
 * stays. A machine without gnuplot is no failure: there is no PATH.svg then, also no older one, and
 * *drawn, unless NULL, is 0.
 * Errors: IL_ECONFIG for a table without numbers; IL_EIO; IL_EFAIL with gnuplot's own words. */
il_status il_figure_write(const il_figure *figure, const il_table *table, const char *path,
                          int *drawn, il_error *err);

/* One self-contained HTML file about a run folder: recipe, loss curve, and every table in
 * `tables` with the figure of the same name in FOLDER/figures. */
il_status il_report_write(const char *folder, const il_table *const *tables, int n,
                          il_error *err);

/* ---- benchmarks -------------------------------------------------------------------------------------------- */

/* GFLOP/s of fused multiply-adds in registers on one and on all of `threads` threads, in single
 * precision and of bfloat16 products; NaN where unknown. */
typedef struct {
    double one, all, bf16_one, bf16_all;
    int threads;
} il_peaks;

typedef struct {
    const char *only; /* rows, separated by commas; NULL: all */
    int repeats;      /* samples of each row; 0: 5 */
    int threads;      /* of rows not named 1t, at most il_threads(); 0: 2 */
    /* Seconds of one run of the same work by another program, on `threads` threads; NaN if it
     * has none. `name` gets what it is. NULL: no peer. */
    double (*peer)(void *context, const char *row, int threads, char name[IL_TEXT]);
    /* Told when a row begins (`reason` NULL) and why one is left out; may be NULL. */
    void (*say)(void *context, const char *row, const char *reason);
    void *context;
} il_bench_options;

/* Measures this machine and this library: columns name, seconds, gflops, percent_of_peak,
 * memory_bytes, peer, peer_seconds, ratio (of the peer's seconds to ours). docs/performance.md
 * says what the rows are. Errors: IL_EUSAGE when `only` names no row. */
il_status il_bench(const il_bench_options *options, il_peaks *peaks, il_table **table,
                   il_error *err);

/* ---- claims -------------------------------------------------------------------------------------------------- */

/* A paper's claim as a file: the recipes it trains, the tables it measures of them, and rows, each
 * of which reads a number off a table and holds it to a bound. docs/reproduce.md shows one. */
typedef struct il_claim il_claim;

typedef struct {
    const char *name; /* the file's, without folders and .yaml */
    const char *title, *paper;
    const char *reduced;  /* what is smaller than in the paper; "" for full size */
    const char *one_seed; /* why its models are trained from one seed each; "" without */
    double minutes;       /* on two cores, with training, all runs together */
    int models, tables;
    int runs;         /* how often its models are trained, and everything is measured */
    const int *seeds; /* `runs` of them; NULL: the recipes' own */
    uint64_t hash;    /* of what is trained and measured, and of the bounds */
} il_claim_facts;

typedef struct {
    const char *name;
    const il_config *config;
    int trained; /* some table needs it trained */
} il_claim_model;

/* Errors: IL_EIO for a file; IL_ECONFIG with file, line, column and the nearest known key. */
il_status il_claim_read(il_claim **claim, const char *path, il_error *err);

/* The same from memory, where `inherit` and `recipe` are refused; `name` stands for the file. */
il_status il_claim_parse(il_claim **claim, const char *text, size_t bytes, const char *name,
                         il_error *err);
void il_claim_free(il_claim *claim);
il_claim_facts il_claim_about(const il_claim *claim);
il_claim_model il_claim_model_at(const il_claim *claim, int i);

/* Model i as run 0 .. runs-1 trains it: the seed is the run's, all else the recipe's. Zeros where
 * there is no such model or run. */
il_config il_claim_config(const il_claim *claim, int i, int run);

/* Measures the claim on trained models, run by run: folders[run * models + i] names the run folder of
 * model i, NULL for one that need not be trained. The table has the columns row, claim, paper, measured
 * (the median of the runs), least, most, held (runs that are in the row's bounds), runs, wanted,
 * verdict, short, hash (of the
 * claim). A row in its bounds by its median "holds", or is "short" where the file says that it
 * falls short of the paper; else it "fails", as it does when the number of any run is not finite.
 * *failed is how many fail. `say` (or NULL) is told of every table before it is measured. */
il_status il_claim_measure(il_claim *claim, const char *const *folders,
                           void (*say)(void *context, const char *name), void *context,
                           il_table **rows, int *failed, il_error *err);

/* Table i, which was measured on the first run, and how it is drawn; a title of NULL: it is not. */
const il_table *il_claim_table(const il_claim *claim, int i, il_figure *figure);

/* ---- what there is ------------------------------------------------------------------------------------------ */

/* kind: "tasks", "shifts", "layouts", "algos", "constructions", "ops", "models": a table of name, summary, options. */
il_status il_list(il_table **table, const char *kind, il_error *err);

#ifdef __cplusplus
}
#endif
#endif
