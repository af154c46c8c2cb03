/* innerloop_lab.h - make models and study them: recipes, training, measures, constructions, claims
 *
 * The second tier of the interface; it includes the first, innerloop.h, whose rules hold here too, but for
 * the last: structs and tables of this header change with every version, and a program that uses it is
 * compiled anew.
 */
#ifndef INNERLOOP_LAB_H
#define INNERLOOP_LAB_H

#include "innerloop.h"

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- for programs: sentences, CSV row by row, JSON, locks ---------------------------------------- */

/* Errors: IL_EUSAGE when IL_KERNEL names none, or IL_THREADS is no number of threads. A program calls both
 * once, at its start. */
IL_API il_status il_kernel_check(il_error *err);
IL_API il_status il_threads_check(il_error *err);

/* Fills in `err`, which may be NULL, and returns `status`. The sentence becomes one line of UTF-8 that
 * changes no terminal: controls and what is not text turn into `?`, and its end into ... where it is too
 * long. The arguments may point into `err`. */
IL_API il_status il_fail(il_error *err, il_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of what the system refused: a colon and errno's reason follow. IL_EIO; IL_EFAIL where memory ran
 * out, which is no fault of a file. */
IL_API il_status il_fail_io(il_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word of `words` closest to `word` in edit distance, or NULL if none is near. */
IL_API const char *il_nearest(const char *word, const char *const *words, int n);

/* A CSV file row by row, as it comes: from a pipe each row is handed out when its line ends. `name` stands
 * for the file in errors, which are il_table_read's. */
typedef struct il_csv il_csv;
IL_API il_status il_csv_new(il_csv **csv, il_read_fn *read, void *context, const char *name, il_error *err);
IL_API void il_csv_free(il_csv *csv);
IL_API int il_csv_cols(const il_csv *csv);
IL_API const char *il_csv_col(const il_csv *csv, int col);
/* cell (cols): the next row's cells, borrowed until the next call; *more 0 at the end. */
IL_API il_status il_csv_next(il_csv *csv, const char **cell, int *more, il_error *err);
IL_API int il_csv_line(const il_csv *csv); /* where that row began, from 1 */

/* A cell as a number, NaN if it is missing; 0 when it is neither. */
IL_API int il_cell_number(const char *cell, double *value);
/* How to write a cell that is neither: `hint` gets a clause for a sentence. 1 when the cell was meant as a
 * number (1,5  $5  5 %  1_000  0x10  1e400), 0 when it is anything else. */
IL_API int il_cell_hint(const char *cell, char *hint, size_t size);

/* What a table's JSON is made of: a text in quotes, where bytes that are not UTF-8 become U+FFFD; a number
 * that reads back to every bit, `null` where it is not finite. */
IL_API void il_json_write_text(const char *text, il_write_fn *write, void *context);
IL_API void il_json_write_number(double value, il_write_fn *write, void *context);

/* Makes a folder and those above it that are missing; their names last through a power cut. Errors: IL_EIO. */
IL_API il_status il_folders_make(const char *path, il_error *err);
/* Replaces a file by a text, at once and so that it lasts; what was there stays where that fails. Errors: IL_EIO. */
IL_API il_status il_text_save(const char *path, const char *text, il_error *err);

/* Takes a file or folder for this process, under all its names, until it is given back or the process ends,
 * however that happens: two that write it would undo each other's work. Readers need no lock. It is
 * FOLDER/lock or FILE.lock. Errors: IL_EFAIL naming the process that has it; IL_EIO. */
typedef struct il_lock il_lock;
IL_API il_status il_lock_take(il_lock **lock, const char *path, il_error *err);
IL_API void il_lock_give(il_lock *lock); /* NULL is fine */

/* ---- arrays in files ----------------------------------------------------------------------------- */

enum { IL_ARRAY_DIMS = 8 };
typedef struct {
    const char *name;
    const il_real *data; /* dense, row-major */
    int ndim;            /* 0: a scalar */
    int64_t shape[IL_ARRAY_DIMS];
} il_array;

/* Writes arrays to a file, which is replaced as a whole or left as it was: numpy's archive of arrays if `path` ends in
 * .npz, else a safetensors file. settings: n_settings texts "key=value" that are kept with them, as the file's metadata
 * or as the archive's array `settings`. Errors: IL_EIO; IL_ECONFIG for a name that is given twice or is not UTF-8, and
 * for an archive of more than 2 GiB. */
IL_API il_status il_arrays_write(const char *path, const il_array *arrays, int n, const char *const *settings,
                                 int n_settings, il_error *err);

/* ---- options: a struct described by a table ------------------------------------------------------ */

typedef enum {
    IL_OPT_END,
    IL_OPT_INT,    /* int; word i of `words`, if there are any, stands for -1 - i */
    IL_OPT_REAL,   /* double */
    IL_OPT_BOOL,   /* int, 0 or 1 */
    IL_OPT_CHOICE, /* int, index into `words` = "first|second|..." */
    IL_OPT_TEXT,   /* char[IL_TEXT]; `words` is the default */
    IL_OPT_STRING, /* const char *, borrowed from what set it; `words` is the default, or NULL */
    IL_OPT_SEED    /* uint64_t, below UINT64_MAX */
} il_opt_type;

/* An option: a row of a table that ends in IL_OPT_END. A default that is outside the range stands for an
 * option that is not given: `help` says what holds then. */
typedef struct {
    const char *name; /* may be a path: "curriculum.dims.start" */
    il_opt_type type;
    size_t offset;         /* in the struct the table describes */
    double init, min, max; /* default and range of a number */
    const char *help;
    const char *words;
    const char *value; /* what stands for a value in help texts: "FILE"; NULL: by the type */
} il_opt;

/* The options of a row of il_list, as ("algos", "gd"); with NULL for the name those that all rows of the
 * kind have, as ("algos", NULL), or ("recipes", NULL): the keys of a recipe; so too explain,
 * predict, forecast, bench and claims, whose ("claims", "measures") and ("claims", "rows") are the keys of each
 * of these. NULL where there are none. */
IL_API const il_opt *il_options(const char *kind, const char *name);

/* Every option of a struct to its default. */
IL_API void il_opt_init(const il_opt *table, void *target);

/* The option of that name, NULL if there is none. */
IL_API const il_opt *il_opt_find(const il_opt *table, const char *name);

/* Sets one option from text. `name` stands for the option in the sentence, which says value, type and
 * range. Errors: IL_ECONFIG. */
IL_API il_status il_opt_set(const il_opt *opt, void *target, const char *name, const char *value, il_error *err);

/* Applies n settings "key=value" to a struct. `what` names its owner in the sentence.
 * Errors: IL_ECONFIG for a value, for a key that is given twice, and for an unknown one with the nearest. */
IL_API il_status il_opt_apply(const il_opt *table, void *target, const char *const *settings, int n,
                              const char *what, il_error *err);

/* The option's value as text. */
IL_API void il_opt_print(const il_opt *opt, const void *target, char *text, size_t size);

/* ---- recipes ------------------------------------------------------------------------------------- */

/* A value that grows with the step: `start`, then + `inc` every `interval` steps, up to `end`. */
typedef struct {
    int start, end, inc, interval;
} il_ramp;

/* The value of a ramp at a step (counted from 0). Source: the published curriculum's update rule: after
 * step s, with s + 1 a multiple of `interval`, add `inc` and cap at `end`. */
IL_API int il_ramp_at(const il_ramp *ramp, int64_t step);

enum { IL_LOOPS_AUTO = -1 }; /* of a setting `loops`: they stop by themselves (il_until) */
enum { IL_GPT2, IL_GPT2_LOOP, IL_GPT2_TYING, IL_STACK, IL_BUILT }; /* il_config.model.family */
enum { IL_POSITION_NONE, IL_POSITION_LEARNED, IL_POSITION_CONCAT };
enum { IL_READ_LINEAR, IL_READ_NONE };                         /* il_config.model.read_in */
enum { IL_ANSWER_LINEAR, IL_ANSWER_FIRST, IL_ANSWER_MINUS_Y, IL_ANSWER_Y }; /* il_config.model.read */
enum { IL_FACTOR_NORMAL, IL_FACTOR_FAN, IL_FACTOR_SPECTRAL }; /* il_config.model.factor.init */
enum { IL_INJECT_ADD, IL_INJECT_MUL, IL_INJECT_NONE, IL_INJECT_BLOCKS }; /* il_config.model.loop_func */
enum { IL_RATE_CONSTANT, IL_RATE_COSINE, IL_RATE_LINEAR };     /* il_config.training.schedule */
enum { IL_FP32, IL_BF16 };                                     /* il_config.training.precision */
enum { IL_TASK_OPTS = 32 };     /* doubles of room for a task's options */
enum { IL_OPTIMIZER_OPTS = 8 }; /* and for an optimiser's */

typedef struct {
    struct {
        int family;      /* gpt2 | gpt2_loop | gpt2_tying | stack | built (a checkpoint holds its plan) */
        int n_dims;      /* D: width of an input */
        int n_positions; /* points in the longest prompt; wpe has a row for each of their tokens */
        int n_embd;      /* C */
        int n_layer;     /* blocks in the body; gpt2_tying: times its one block runs */
        int n_head;
        int loop_func;   /* gpt2_loop: z=f(x+z) | z=f(x*z) | z=f(z) | layer-wise; the last for gpt2, too */
        int tokens;      /* how a prompt becomes tokens: a row of il_list("layouts") */
        int stack;       /* stacked: observations in a token */
        /* family stack (src/model/stack.c) */
        char blocks[IL_TEXT];   /* mixers, one a block: "softmax linear*5 mesa" */
        int n_key, n_value;     /* of a head; 0: n_embd / n_head; 0: n_key */
        char products[IL_TEXT]; /* forms of W_k^T W_q and P W_v, with W_k = W_v = I; "": any maps */
        int n_mlp, mlp_act;     /* hidden width, 0: no MLP; gelu | relu | swiglu */
        int norm;        /* before every mixer and MLP, and at the end: none | ... */
        int qk_norm;     /* of q and k: none | l2 | l2_later (not in the first block) */
        int conv;        /* taps of a convolution and silu of q and k of all mixers but softmax; 0: none */
        int head_norm;   /* what a head of these says has length 1 */
        double clip;     /* the stream is held within +- clip after a block; 0: off */
        int position;    /* none | learned | concat */
        int bias;
        double scale;    /* of the scores of linear blocks */
        int read_in;     /* linear | none: tokens are the stream */
        int read;        /* linear | first | minus_y | y */
        double init_std;
        int read_init;   /* normal, like all else | fan */
        int loops;       /* times the blocks run, with the same weights */
        struct {
            int rank;    /* of the maps of the MLPs; 0: they are no products */
            int middle;  /* U M V^T, not U V^T */
            int init;    /* normal | fan | spectral */
        } factor;
    } model;
    struct {
        char task_name[IL_TEXT];
        double task_opts[IL_TASK_OPTS]; /* the task's own options struct, described by its table */
        int batch_size;
        double learning_rate;
        int schedule;       /* constant | cosine | linear: how it falls to min_learning_rate */
        int warmup_steps;   /* linear from 0 */
        int schedule_steps; /* where the fall ends; 0: train_steps */
        int decay_steps;    /* how long it takes; 0: from the end of the warm-up */
        double min_learning_rate;
        double average;     /* of the weights: what an older step counts beside the next one; 0: none */
        int average_steps;  /* the last steps that it averages; 0: all */
        char optimizer[IL_TEXT]; /* a row of il_list("optimizers") */
        double optimizer_opts[IL_OPTIMIZER_OPTS]; /* its own options struct, described by its table */
        double clip;       /* largest gradient norm; 0 is off */
        double frobenius_decay; /* lambda: lambda/2 |product|_F^2 of all products of factors; 0: none */
        double clip_value; /* largest magnitude of an element of the gradient; 0 is off */
        int train_steps;
        int seed;
        int n_loop_window; /* loops that carry loss and gradient */
        int random_loops, random_window; /* at most so many more, drawn for every step */
        int random_points; /* at most so many points fewer, likewise; u^2 of these are left, u uniform */
        int pool_prompts, pool_functions; /* prompts are drawn from so many; 0: every one is new */
        int save_every_steps, keep_every_steps, log_every_steps, eval_every_steps;
        char init[IL_TEXT]; /* run folder or checkpoint whose weights are the first; "": random ones */
        int shard;     /* prompts that run together on one core: part of the numerical definition */
        int slots;     /* gradient sums, added in order: likewise; bounds the useful threads */
        int recompute; /* 0 keep all, 1 recompute what is cheap, 2 recompute whole loops */
        int precision; /* fp32 | bf16 */
        struct {
            il_ramp dims, points, loops, batch; /* batch: up to batch_size; start 0: always that */
        } curriculum;
    } training;
    char out_dir[IL_TEXT];
} il_config;

/* Bytes of an il_config, for callers in another language, who fill it from texts and hand it on. */
IL_API size_t il_config_size(void);

/* Every default of a recipe. */
IL_API void il_config_init(il_config *config);

/* Reads a YAML recipe, with `inherit:`. `notes` receives sentences about accepted keys that mean nothing
 * here (`wandb`, `gpu`), one per line; it may be NULL.
 * Errors: IL_EIO unreadable; IL_ECONFIG with file, line, column, and the nearest known key. */
IL_API il_status il_config_read(il_config *config, const char *path, char *notes, size_t size, il_error *err);

/* The same from memory, where `inherit` is refused; `name` stands for the file in errors. */
IL_API il_status il_config_parse(il_config *config, const char *text, size_t bytes, const char *name,
                                 il_error *err);

/* Applies one "model.n_embd=64". Errors: IL_ECONFIG naming the key. */
IL_API il_status il_config_set(il_config *config, const char *assignment, il_error *err);

/* Applies several, which win over what the recipe has; the names of the task and the optimiser count first, wherever they
 * stand.
 * Errors: likewise, and for a key that is given twice, however it is spelt. */
IL_API il_status il_config_override(il_config *config, const char *const *assignments, int n, il_error *err);

/* Checks what no single key can: heads divide width, points fit positions, ...
 * Errors: IL_ECONFIG naming the keys and their values. */
IL_API il_status il_config_check(const il_config *config, il_error *err);

/* The resolved recipe as YAML, which il_config_parse reads back to the same struct; il_text_free takes it
 * back. Errors: IL_EFAIL without memory. */
IL_API il_status il_config_text(char **text, const il_config *config, il_error *err);
IL_API void il_text_free(char *text);

/* Of everything in a recipe that a run's weights and checkpoints depend on: two recipes of one hash give
 * the same run. */
IL_API uint64_t il_config_hash(const il_config *config);

/* What a task's squared error is divided by, so that predicting zero scores 1. */
IL_API double il_task_scale(const il_task *task, const void *opts, int dims);
/* What an evaluation measures: "squared error (predicting zero: 1)", or "share of wrong signs" for a
 * classification task. */
IL_API const char *il_task_metric(const il_task *task);

/* A model with the recipe's initial weights, drawn from its seed. */
IL_API il_status il_model_new(il_model **model, const il_config *config, il_error *err);
IL_API const il_config *il_model_config(const il_model *model);

typedef struct {
    int64_t backbone;  /* blocks and final norm: what the papers report */
    int64_t embedding; /* positions, read-in, read-out */
    int64_t all;
} il_counts;
IL_API il_counts il_model_counts(const il_model *model);

/* What the weights' numbers are in the file that they were read from: "F32", "F64", "BF16", "F16", or
 * "mixed". Here they are il_real: F16 and BF16 are widened, which is exact. */
IL_API const char *il_model_dtype(const il_model *model);
/* The program that a built model was assembled from, as text: what it computes, its registers, its layers.
 * NULL for other models. */
IL_API const char *il_model_program(const il_model *model);

/* ---- patching ------------------------------------------------------------------------------------ */

/* What is put in the place of an op's output, a row of il_model_slots that is neither input nor pattern:
 * `value` (B,T,width), or what `edit` makes of the numbers (B,T,width) that it is handed. */
typedef struct {
    const char *name;
    int loop; /* in which it is put there, from 1; 0: in every one. What is before the loops is put there once. */
    const il_real *value;
    void (*edit)(void *context, int loop, il_real *value); /* where `value` is NULL */
    void *context;
} il_patch;

/* il_observe of a run in which the patches, in order, take the place of what the model computes. Whatever is
 * observed is observed with them; the answers are those of the slot "answer". With an `edit` all prompts run
 * together in one thread. Errors: as il_observe's, and IL_ECONFIG for a name that cannot be patched. */
IL_API il_status il_observe_patched(const il_model *model, const il_batch *batch, int point, const il_patch *patches,
                                    int n_patches, const char *const *names, int n, int first, int last,
                                    il_real *const *out, il_error *err);

/* ---- training ----------------------------------------------------------------------------------- */

typedef struct {
    int64_t step, steps;
    double loss;      /* this step's, in the task's units */
    double floor;     /* the least-squares error at these dims and points; NaN if unknown */
    double grad_norm; /* before clipping */
    double rate;      /* learning rate */
    double per_second; /* steps, over the last second or so */
    double error;      /* of the last evaluation (training.eval_every_steps); NaN before the first */
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
    /* Prompts of the caller's own, of the form of the recipe's task: fills x (B,N,D) and y (B,N,O) of the prompts
     * of step at.step, of which `dims` dimensions are to be alive. A run that is resumed gets the same steps
     * again. What it fails with ends the training; the last checkpoint stays. NULL: the recipe's task draws them. */
    il_status (*draw)(void *context, il_batch *batch, int dims, il_draw at, il_error *err);
    /* A model whose weights training starts from, in place of training.init; borrowed; may be NULL. */
    const il_model *init;
} il_watch;

typedef struct {
    int64_t step;
    double loss, seconds;
    size_t bytes; /* memory of the plan: weights, moments, gradients, states */
    double sent;  /* bytes that this rank sends to others in a step */
    uint64_t hash;
} il_trained;

/* Trains a recipe in a run folder (made if missing): config.yaml, env.json, metrics.jsonl,
 * checkpoints/. `resume` continues the folder's newest checkpoint that is whole, bit for bit, and
 * notes one that is not. `watch` and `result` may be NULL.
 * Errors: IL_ENUMERIC when the loss is not finite (the last good checkpoint stays),
 * IL_EINTERRUPT after saving on request, IL_ECONFIG when resuming with another recipe or
 * starting where a model is already, IL_EFAIL when another process trains there. */
IL_API il_status il_train(const il_config *config, const char *folder, int resume, const il_watch *watch,
                          il_trained *result, il_error *err);

/* ---- sweeps: many runs of one recipe ------------------------------------------------------------ */

typedef struct il_sweep il_sweep;

/* Reads a sweep: `recipe` (relative to the file), `set` (keys of all runs), `grid` (lists of values of keys),
 * `variants` (named lists of keys), `seeds`; every combination is a run. All runs are checked.
 * Errors: IL_EIO for a file; IL_ECONFIG with file, line and column, or the run; two runs of one recipe. */
IL_API il_status il_sweep_read(il_sweep **sweep, const char *path, il_error *err);

/* The same from memory, where `inherit` and `recipe` are refused; `name` stands for the file. */
IL_API il_status il_sweep_parse(il_sweep **sweep, const char *text, size_t bytes, const char *name,
                                il_error *err);
IL_API void il_sweep_free(il_sweep *sweep);
IL_API int il_sweep_runs(const il_sweep *sweep);

/* The recipe of run 0 .. runs-1, seeds counting fastest. Errors: IL_ECONFIG where there is no such run. */
IL_API il_status il_sweep_config(il_config *config, const il_sweep *sweep, int run, il_error *err);

/* A row for every run: column run, then a column of text for everything that varies: the grid's keys, `variant`,
 * `seed`. */
IL_API il_status il_sweep_table(il_table **table, const il_sweep *sweep, il_error *err);

/* ---- training on several processes --------------------------------------------------------------- */

/* Processes that MPI started together (mpirun, srun) train one model: once they have joined, il_train, which all
 * call with the same arguments, deals the slots of every step to them, its ranks. The weights have the bits of one
 * process. Rank 0 alone reads and writes the run folder, and calls watch->start, progress and note; every rank calls
 * watch->draw, and a `stop` on one stops all. A process that was started alone is rank 0 of 1, and so is every one
 * of a library without MPI. */
typedef struct {
    int rank, ranks;
    int speaks;      /* this rank tells what failed: rank 0, or where that is lost one that is left */
    const char *mpi; /* what the library was built with, "Open MPI 4.1.4"; "": without */
} il_ranks;
IL_API il_ranks il_ranks_about(void);

/* Joins the others, if there are any, before the library is first put to work. Ranks that may use the same
 * processors share them, unless IL_THREADS says how many threads each has. Errors: IL_EFAIL when MPI does not start,
 * or the launcher is that of an MPI that the library was not built with. */
IL_API il_status il_ranks_join(il_error *err);

/* Every rank says how it ended, and gets the first failure of all. Where a rank was lost there is nobody to ask. */
IL_API il_status il_ranks_end(il_status status, il_error *err);
/* The last call, which waits for the others, so what failed is said before it: a launcher may end all processes
 * once the first one has failed. Where a rank was lost it returns at once, and a program that ends by its exit code
 * makes the launcher end the others. */
IL_API void il_ranks_leave(void);

/* ---- what training costs ---------------------------------------------------------------------------- */

/* One step of a recipe, and what is known or measured of it. Bytes are those of one process; seconds are NaN where
 * nothing was measured. */
typedef struct {
    int64_t step, steps; /* which, from 0, of how many */
    int prompts, points, loops, window, shards, threads;
    int64_t parameters;
    double flop, training_flop; /* of the step; of all steps (docs/performance.md) */
    double weights, packed, moments, gradients, states, prompts_bytes, rest, evaluation, memory;
    double shard_seconds;  /* forward and backward of a shard on one thread, all threads at work */
    double slots_seconds;  /* setting the gradient sums to zero, and adding them up */
    double update_seconds; /* the optimiser, and packing the weights */
    double gflops;         /* of a thread: measured, or as given */
} il_cost_facts;

/* What training a recipe takes, without training it: il_options("plan", NULL) are the settings. A row for one process,
 * one for `ranks`, and those for 8 to 1,024 cores; columns ranks, threads, cores, slots (as many as keep all
 * cores at work, where there are as many shards), memory_bytes and sent_bytes (of the rank with the most; of a
 * step), compute_seconds, update_seconds, network_seconds, seconds (their sum), speedup (over one process), hours (of
 * all steps), weak_seconds and weak_efficiency (the same with `ranks` times the prompts). docs/scaling.md says how.
 * Cost: a few steps of one and of two shards a thread, which are timed; none where gflops is given.
 * Errors: IL_EUSAGE; IL_ECONFIG; IL_EFAIL without memory; IL_ENUMERIC. */
IL_API il_status il_cost(const il_config *config, const char *const *settings, int n_settings,
                         il_cost_facts *facts, il_table **table, il_error *err);

/* ---- constructions: algorithms compiled into weights -------------------------------------------- */

/* `text` is a row of il_list("constructions") with options: "newton dims=5 loops=12". */
IL_API il_status il_build(il_model **model, const char *text, il_error *err);

/* Builds and verifies: a row for every size and condition number that the construction is tried
 * on, with the columns size, condition, steps, error (of the model against the algorithm it names,
 * relative), exact (against the exact solution; NaN where there is none), stated (the largest
 * error that is claimed), ok. *failed: how many rows have an error above what is stated. */
IL_API il_status il_build_verify(il_table **table, int *failed, const char *text, il_error *err);

/* ---- explaining --------------------------------------------------------------------------------- */

enum { IL_EXPLAINED_NONE, IL_EXPLAINED_RESEMBLES, IL_EXPLAINED_RUNS };

typedef struct {
    int found;            /* IL_EXPLAINED_* */
    int sure;             /* the name stands without reserve */
    int first, explained; /* the first layer that counts, from 1; how many are explained */
    char verdict[2048];   /* a sentence or more */
    char family[IL_TEXT]; /* the algorithm; "" for none */
    char runner_up[IL_TEXT];
    char reading[IL_TEXT];  /* how the layers were read */
    int tail;               /* lens: so many of the last blocks count as the model's end */
    double steps_per_layer; /* of a layer or loop; NaN if the layers do not say */
    double score, runner_up_score; /* fraction of the layer answers left unexplained */
    il_table *layers;   /* by layer: the best step, similarities, the runner-up; its notes say when the
                           prompts leave what the model was trained on */
    il_table *families; /* all families, the best first */
    il_table *steps;    /* layer, step, similarity of errors, is it the best, row: IL_FIGURE_HEAT */
    il_table *spectrum; /* by eigenvalue of the examples: the error left, model and algorithm */
    il_table *answers;  /* the last layer's answers beside the algorithm's: IL_FIGURE_POINTS */
} il_explanation;

/* Which learning algorithm a model's forward pass runs, and how many of its steps a layer or loop is
 * worth; or that it is none that is known here. docs/explain.md says how that is decided, and
 * il_options("explain", NULL) are the settings.
 * Errors: IL_ECONFIG if the prompts do not fit the model. */
IL_API il_status il_explain(const il_model *model, const char *const *settings, int n_settings,
                            il_explanation *explanation, il_error *err);
IL_API void il_explanation_free(il_explanation *explanation);

/* The prompts that explain asks, for a model that is no il_model: x (P,n,D) and y (P,n) are the examples of P prompts,
 * query (P,Q,D) the queries of each. il_options("problems", NULL) are the settings. A path that ends in .npz is numpy's
 * archive of arrays, any other a safetensors file. Errors: IL_EIO; IL_ECONFIG. */
IL_API il_status il_problems_write(const char *path, const char *const *settings, int n_settings,
                                   il_error *err);
/* What answers to such a file's prompts say: `answers` is a .npy, .npz or safetensors file, whose array `answers`, or its
 * only one, has the shape (P,Q), or (L,P,Q) with those after each of L layers. Errors: IL_EIO; IL_ECONFIG naming the file. */
IL_API il_status il_explain_file(const char *problems, const char *answers, il_explanation *explanation,
                                 il_error *err);
/* The same of a function that is called with every prompt, one after the other: x (n,dim), y (n), query (queries,dim);
 * it writes answers (layers,queries). settings: as of il_problems_write. */
typedef il_status il_explain_answer(void *context, int n, int dim, const il_real *x,
                                    const il_real *y, int queries, const il_real *query,
                                    double *answers, il_error *err);
IL_API il_status il_explain_call(il_explain_answer *answer, void *context, int layers,
                                 const char *const *settings, int n_settings,
                                 il_explanation *explanation, il_error *err);

/* ---- measures ------------------------------------------------------------------------------------ */

/* A measure, as a table: `name` is a row of il_list("measures"), as "points", "loops" and "mean" (a model's
 * error, beside that of algorithms), "probe" or "weights"; `settings` are texts "option=value", and
 * il_options("measures", name) has its options.
 *
 *   models  (n) what is measured, as many as the measure takes; NULL for none
 *   names   (n) what columns and rows call them; NULL for one model that needs no name
 *
 * The caption says what the numbers are, the notes when prompts leave what a model was trained on, or it is
 * no better than one that looks at nothing. Errors: IL_EUSAGE with the nearest measure or option;
 * IL_ECONFIG. */
IL_API il_status il_measure(il_table **table, const char *name, const il_model *const *models,
                            const char *const *names, int n, const char *const *settings, int n_settings,
                            il_error *err);

/* ---- predictors beside each other, on the user's own table ---------------------------------------- */

/* Model, ridge, least squares, nearest neighbours, boosted trees and the mean, with il_predict's settings: `table`
 * gets the columns predictor$, rmse over the queries that have a target (else NaN) and left_out, the rmse over the
 * examples when each is left out in turn, of at least 3; a note says which is best there. Cost: as many more prompts as
 * there are examples. Errors: il_predict's. */
IL_API il_status il_predict_compare(const il_model *model, const il_table *examples, const il_table *queries,
                                    const char *const *settings, int n_settings, il_table **table, il_error *err);

/* ---- figures and reports ------------------------------------------------------------------------ */

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
IL_API il_status il_figure_write(const il_figure *figure, const il_table *table, const char *path,
                                 int *drawn, il_error *err);

/* FOLDER/metrics.jsonl as a table `loss` of a few hundred rows at most, each the mean of a stretch of the run: step, loss,
 * least squares, and `error` where it was evaluated. A torn last line is skipped.
 * Errors: IL_EIO unreadable; IL_ECONFIG without a single record. */
IL_API il_status il_metrics_read(il_table **table, const char *folder, il_error *err);

/* One self-contained HTML file in a folder: every table in `tables` with the figure of the same name in FOLDER/figures,
 * and of a run folder its recipe and loss curve. */
IL_API il_status il_report_write(const char *folder, const il_table *const *tables, int n, il_error *err);

/* ---- benchmarks --------------------------------------------------------------------------------- */

/* GFLOP/s of fused multiply-adds in registers on one and on all of `threads` threads, in single
 * precision and of bfloat16 products; NaN where unknown. */
typedef struct {
    double one, all, bf16_one, bf16_all;
    int threads;
} il_peaks;

/* Who takes part in a benchmark; each may be NULL. */
typedef struct {
    /* Seconds of one run of the same work by another program, on `threads` threads; NaN if it has none.
     * `name` gets what it is. */
    double (*peer)(void *context, const char *row, int threads, char name[IL_TEXT]);
    /* Told when a row begins (`reason` NULL) and why one is left out. */
    void (*say)(void *context, const char *row, const char *reason);
    void *context;
} il_bench_watch;

/* Measures this machine and this library; il_options("bench", NULL) are the settings. Columns name, seconds, gflops, percent_of_peak,
 * memory_bytes, peer, peer_seconds, ratio (of the peer's seconds to ours). docs/performance.md
 * says what the rows are. Errors: IL_EUSAGE when `only` names no row. */
IL_API il_status il_bench(const char *const *settings, int n_settings, const il_bench_watch *watch,
                          il_peaks *peaks, il_table **table, il_error *err);

/* ---- claims ------------------------------------------------------------------------------------- */

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
IL_API il_status il_claim_read(il_claim **claim, const char *path, il_error *err);

/* The same from memory, where `inherit` and `recipe` are refused; `name` stands for the file. */
IL_API il_status il_claim_parse(il_claim **claim, const char *text, size_t bytes, const char *name,
                                il_error *err);
IL_API void il_claim_free(il_claim *claim);
IL_API il_claim_facts il_claim_about(const il_claim *claim);
IL_API il_claim_model il_claim_model_at(const il_claim *claim, int i);

/* Model i as run 0 .. runs-1 trains it: the seed is the run's, all else the recipe's. Zeros where
 * there is no such model or run. */
IL_API il_config il_claim_config(const il_claim *claim, int i, int run);

/* Measures the claim on trained models, run by run: folders[run * models + i] names the run folder of
 * model i, NULL for one that need not be trained. The table has the columns row, claim, paper, measured
 * (the median of the runs), least, most, held (runs that are in the row's bounds), runs, wanted,
 * verdict, short, hash (of the
 * claim). A row in its bounds by its median "holds", or is "short" where the file says that it
 * falls short of the paper; else it "fails", as it does when the number of any run is not finite.
 * *failed is how many fail. `say` (or NULL) is told of every table before it is measured. */
IL_API il_status il_claim_measure(il_claim *claim, const char *const *folders,
                                  void (*say)(void *context, const char *name), void *context,
                                  il_table **rows, int *failed, il_error *err);

/* Table i, which was measured on the first run, and how it is drawn; a title of NULL: it is not. */
IL_API const il_table *il_claim_table(const il_claim *claim, int i, il_figure *figure);

#ifdef __cplusplus
}
#endif
#endif
