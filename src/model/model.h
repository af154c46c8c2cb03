/* model.h - from a recipe to a plan, and running it */
#ifndef IL_MODEL_H
#define IL_MODEL_H

#include "model/config.h"
#include "op/op.h"

/* Builds the plan of a recipe's model (il_plan_init'ed by the caller). Errors: IL_ECONFIG. */
il_status il_model_build(il_plan *plan, const il_config *config, il_error *err);

/* The family stack's. */
il_status il_stack_build(il_plan *plan, const il_config *config, il_error *err);

/* The same from an uninitialised plan and a recipe that is checked first; on failure nothing is
 * left to free. */
il_status il_model_plan(il_plan *plan, const il_config *config, il_error *err);

/* il_config_text of an il_config, as an il_fill */
il_status il_config_fill(const void *config, FILE *f, il_error *err);

/* Initial weights of a plan: a function of the seed and each weight's place. */
void il_params_init(const il_plan *plan, il_real *weights, uint64_t seed);

/* ---- products of factors (factors.c) ---- */

/* A matrix within the weights, with (i, j) at [at + i row + j col] */
typedef struct {
    size_t at;
    int rows, cols;
    size_t row, col;
} il_view;

/* Weights that act only as W = L R, or L M R: maps in a row, W_k^T W_q or P W_v of a head */
typedef struct {
    char name[IL_NAME];
    il_view left, middle, right; /* (m,r), (r,r) or 0 rows, (r,n) */
    int param
        [3];  /* the weights that hold them; of the middle IL_NONE where there is none */
    int maps; /* they are maps in a row, not a head's */
} il_factors;

typedef struct {
    double product, nuclear; /* Frobenius norm and nuclear norm of W */
    double left, right;      /* squared Frobenius norms */
} il_factor_norms;

/* All of a plan's; free(*list). */
il_status il_factors_of(il_factors **list, int *n, const il_plan *plan, il_error *err);
/* Spectral initialisation, in place of what il_params_init drew; the same seed. */
il_status il_factors_spectral(const il_plan *plan, il_real *weights, uint64_t seed,
                              il_error *err);
/* grad += the gradient of lambda/2 |W|_F^2; work (il_factors_work) */
void il_factors_decay(const il_factors *factors, const il_real *weights, il_real *grad,
                      double lambda, double *work);
size_t il_factors_work(const il_factors *factors);
il_status il_factors_norms(il_factor_norms *norms, const il_factors *factors,
                           const il_real *weights, il_error *err);

/* A model around a plan that the caller built; the model owns the plan from here on, also when
 * this fails. Weights are zeros; the recipe is the default one until the caller sets
 * (*model)->config, whose n_dims and tokens say how prompts become tokens. */
il_status il_model_from_plan(il_model **model, il_plan *plan, il_error *err);

/* A model without weights, for its shapes alone, at next to no cost: in their place are addresses
 * without memory, which read as zeros and which nothing may write. Errors: as il_model_new's. */
il_status il_model_sketch(il_model **model, const il_config *config, il_error *err);

/* Packs the weights for the products. Call after every change of weights; cost O(weights). */
void il_model_pack(il_model *model);

/* Options for loops, which may be "auto" (IL_LOOPS_AUTO), and for an il_until */
#define IL_LOOPS_KEYS(options, help)                                                       \
    { "loops", IL_OPT_INT, offsetof(options, loops), 0, 1, IL_MOST_LOOPS, help,            \
      "auto",  "R|auto" },                                                                 \
        { "tolerance",                                                                     \
          IL_OPT_REAL,                                                                     \
          offsetof(options, until.tolerance),                                              \
          0,                                                                               \
          1e-9,                                                                            \
          1,                                                                               \
          "of loops=auto: a query is answered where a loop changes its stream by this "    \
          "share of its length (0.02)",                                                    \
          NULL,                                                                            \
          "X" },                                                                           \
    {                                                                                      \
        "most_loops", IL_OPT_INT, offsetof(options, until.most), 0, 1, IL_MOST_LOOPS,      \
            "of loops=auto: at most (the model's)", NULL, "R"                              \
    }
/* Errors: IL_ECONFIG for a tolerance or most_loops beside a number of loops. */
il_status il_until_check_given(const il_until *until, int loops, il_error *err);

/* What a NULL or a 0 of an il_until stands for. Errors: IL_ECONFIG. */
il_status il_until_check(il_until *whole, const il_model *model, const il_until *until,
                         il_error *err);

/* Whether loops first..last can be asked for. Errors: IL_ECONFIG. */
il_status il_model_check_loops(const il_model *model, int first, int last, il_error *err);

/* ---- running ------------------------------------------------------------------------------- */

/* One run of a shard. */
typedef struct {
    int loops;  /* how often the body runs */
    int window; /* the last `window` loops can be walked back; 0: inference */
    int post;   /* the last `post` loops are read out and measured */
    void (*visit)(void *context, il_state *s,
                  int loop); /* after each of those (from 1); or NULL */
    /* Tap: after every op of a forward pass (its number in the plan; the loop is s->loop). It may
     * read any slot that lives then, and change the op's output. NULL: none. */
    void (*tap)(void *context, il_state *s, int op);
    void *context;
} il_run;

/* A state for up to `prompts` x `tokens` rows and a window; `tokens` is the longest prompt.
 * Errors: IL_EFAIL out of memory. il_state_bytes says how much it will take. */
il_status il_state_new(il_state **s, const il_model *model, int prompts, int tokens,
                       int window, il_error *err);
size_t il_state_bytes(const il_model *model, int prompts, int tokens, int window);
void il_state_free(il_state *s);

/* Sets the shape of what follows; then fill the inputs (s->value[plan->tokens], ...). */
void il_state_shape(il_state *s, int prompts, int tokens);

/* Both, from a batch, in the model's token layout: the first `points` points of prompts first,
 * first+1, ...; or points 0..n-1 and query n (x_n where the batch has no queries). */
void il_state_fill(il_state *s, const il_batch *batch, int first, int prompts, int points);
void il_state_ask(il_state *s, const il_batch *batch, int first, int prompts, int n);
/* Prompt 0 for queries n .. n+queries-1 at once, where model.tokens = halves */
void il_state_ask_many(il_state *s, const il_batch *batch, int n, int queries);

const il_layout *il_model_layout(const il_model *model); /* how its prompts become tokens */

/* Whether prompts fit the model. Errors: IL_ECONFIG. */
il_status il_model_check_batch(const il_model *model, const il_batch *batch, il_error *err);
/* Errors: IL_ECONFIG where no prompt becomes the tokens of a built model (the layout `own`). */
il_status il_model_check_prompts(const il_model *model, il_error *err);

/* After a loop of an inference: has it changed the carried stream at a row by at most `tolerance` of its
 * length? Always, where nothing is carried. */
int il_state_settled(const il_state *s, int row, double tolerance);
/* In il_run.visit of an inference: only the n prompts of that list, which rises, run on; 0: the run ends. */
void il_state_keep(il_state *s, const int *prompt, int n);

/* A query's answers after each of the loops first.. of the context, `stride` apart. Errors: as il_context_ask's. */
il_status il_context_ask_from(il_context *context, const il_real *x, int first,
                              size_t stride, il_real *yhat, il_error *err);

/* Forward adds the loss to s->loss. Backward, after a forward with the same run, adds the
 * gradient of s->loss_scale * loss over the last `window` loops to s->grad; what the window's
 * first loop carried in counts as a constant, unless the window holds all loops. It may change what forward kept, so
 * there is one backward to a forward. */
void il_forward(il_state *s, const il_run *run);
void il_backward(il_state *s, const il_run *run);

/* ---- a model over prompts: runner.c ---------------------------------------------------------- */

/* Prompts that run together, as a visitor gets them. Token t of prompt first + i is row i * s->tokens + t
 * of every slot. Shards run at the same time: write only what belongs to this shard or its prompts. */
typedef struct {
    void *context;     /* the pass's */
    void *scratch;     /* of this worker: the pass's `scratch` bytes, not cleared */
    const il_run *run; /* for il_backward, in `after` */
    int number;        /* of the shard */
    size_t first;      /* prompt, from the pass's offset on */
    int prompts;
    int point, token; /* the query's point, and its token; -1 and 0 of whole prompts */
} il_shard;

/* Whole prompts in one run; each point in a run of its own where the layout or the batch's queries want
 * that, else whole prompts; or the query at `point` alone. */
typedef enum { IL_ASK_ALL, IL_ASK_EACH, IL_ASK_ONE } il_asked;

typedef struct {
    int loops, post, window; /* as il_run has them */
    il_asked ask;
    int point;     /* of IL_ASK_ONE */
    int together;  /* prompts of a shard; 0: the usual number. No result depends on it. */
    size_t offset; /* what the first prompt is called */
    size_t scratch;
    void *context;
    void (*fill)(const il_shard *,
                 il_state *); /* instead of a batch; shapes the state, too */
    void (*tap)(const il_shard *, il_state *, int op); /* see il_run; a patch writes here */
    void (*visit)(const il_shard *, il_state *, int loop);
    void (*after)(const il_shard *, il_state *); /* s->loss is this run's */
    double *answer; /* [offset + prompt] gets the prediction at the query, of models of one
                       number with post > 0; or NULL */
} il_pass;

/* Runs a model over all prompts of a batch that fits its width. Errors: IL_ECONFIG for more points than
 * n_positions; IL_EFAIL out of memory. */
il_status il_run_prompts(const il_model *model, const il_batch *batch, const il_pass *pass,
                         il_error *err);

/* The same many times over with memory that is asked for once: prompts, the longest prompt and the longest
 * window of all passes. The batch is NULL where the pass fills states itself. */
typedef struct il_runner il_runner;
typedef struct {
    int prompts, together, tokens, window;
    size_t scratch;
} il_runner_size;
il_status il_runner_new(il_runner **runner, const il_model *model, il_runner_size most,
                        il_error *err);
void il_runner_pass(il_runner *runner, const il_batch *batch, int prompts,
                    const il_pass *pass);
void il_runner_free(il_runner *runner);

/* il_model_hash, weight by weight from IL_HASH_START: name, shape and numbers of `size` bytes,
 * be they as stored in a file. */
uint64_t il_hash_weight(uint64_t hash, const il_param *w, const void *data, size_t size);

/* ---- loops that stop by themselves: until.c -------------------------------------------------- */

/* Answers as they settle, prompt by prompt: those of whole prompts, (prompts, each = N), or of the query of
 * each, each = 1. */
typedef struct {
    il_until until;
    int outs, each;
    il_real *yhat; /* (prompts, each, outs) */
    int *loops;    /* (prompts, each) 0 where there is none yet */
} il_settling;
enum { IL_SETTLE_TOGETHER = 4 }; /* il_pass.together of such a pass */
/* Errors: IL_EFAIL out of memory. _end copies the loops, unless they are not wanted, and frees them. */
il_status il_settling_begin(il_settling *settling, int prompts, il_error *err);
void il_settling_end(il_settling *settling, int prompts, int *loops);
/* For il_pass.visit; the pass reads every loop out, and has `scratch` for IL_SETTLE_TOGETHER ints. */
void il_settle(const il_settling *settling, const il_shard *q, il_state *s, int loop);

/* ---- checkpoints --------------------------------------------------------------------------- */

/* What training carries from step to step beside the weights: an optimiser's moments, and the average of the
 * weights where the recipe asks for one. Arrays laid out like the weights; NULL where there are none. */
typedef struct {
    const il_optimizer *of;
    il_real *data[IL_MOMENTS];
    il_real *average;
} il_moments;

/* The hash of a model that answers with the average where there is one: of what a checkpoint holds. */
uint64_t il_checkpoint_hash(const il_model *model, il_moments moments);

/* Writes weights, optimiser state and metadata (config, step, seed, hash, version), atomically. Where there is
 * an average it is what stands under the names of the weights, and they are kept as iterate.NAME. */
il_status il_checkpoint_write(const char *path, const il_model *model, il_moments moments,
                              il_error *err);

/* Reads the weights (and, where moments.of is not NULL, the optimiser state) of a file into a model of
 * the same shapes, and its step. Errors: IL_EIO, or IL_ECONFIG naming file and tensor; the model
 * may then be half-read and must be freed. */
il_status il_checkpoint_read(const char *path, il_model *model, il_moments moments,
                             il_error *err);

/* The newest checkpoint of a run folder: FOLDER/checkpoints/last.safetensors. */
void il_checkpoint_path(char *path, size_t size, const char *folder);
/* The newest checkpoint of a step below `below` that a run has kept: its path and step; -1: none. */
int64_t il_checkpoint_kept(char *path, size_t size, const char *folder, int64_t below);

#endif
