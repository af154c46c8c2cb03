/* task.h - families of functions, the prompts drawn from them, and the prompts' tokens
 *
 * A task draws one function per prompt and evaluates it at inputs that are drawn for it; a shift
 * changes the inputs, the queries or the answers. One file and one row in tasks.def or shifts.def
 * each. Every random number is a function of (seed, stream, step, index of the prompt).
 */
#ifndef IL_TASK_H
#define IL_TASK_H

#include "base/base.h"

/* ---- tasks -------------------------------------------------------------------------------- */

/* One prompt at the moment its function is drawn */
typedef struct {
    int points, dim, dims; /* N, D, and how many of the D inputs are alive */
    const il_real *x;      /* (N,D) */
    il_real *y;            /* (N) out */
    il_real *w;            /* (D) out; zeros where the task has no weights */
    il_rng *noise;    /* its own numbers for noise on y, one a point; NULL: want none */
    double noise_std; /* out: its deviation; 0 where there is none */
    const double *deviation; /* of the inputs (dims); NULL: all 1 */
} il_prompt;

/* A sequence at the moment it is drawn. What is drawn once a step comes from `path` and `noise`,
 * so that a longer sequence begins like a shorter one. */
typedef struct {
    int length, dim, dims; /* N + 1 observations of D numbers, of which `dims` are alive */
    double *s;             /* (N+1,D) out; zeros beyond dims */
    il_real *w;            /* (D,D) out: s_{n+1} = w s_n; zeros where it is not so */
    il_rng *path, *noise;  /* the state and its noise; the noise of observations */
    double *work;          /* what the task's `work` asked for */
} il_sequence;

/* A prompt whose inputs and answers are drawn together, point by point */
typedef struct {
    int points, dim, dims;
    il_real *x; /* (N,D) out; zeros before */
    il_real *y; /* (N) out */
    il_rng *law, *inputs,
        *noise; /* of the whole prompt; of the points, and of what disturbs their answers */
} il_table_prompt;

struct il_task {
    const char *name, *summary;
    const il_opt *opts;
    size_t size; /* of the options struct: at most that of il_config.training.task_opts */
    il_status (*check)(const void *opts,
                       il_error *err); /* what no option can alone; or NULL */
    const char *loss; /* "mse", or "cross_entropy" for y in {-1,+1} and a logit */

    /* Draws the function from `rng` and fills w and y. Where queries differ from the examples it
     * is called for both with the same rng, and so must take as many draws for any N. */
    void (*draw)(const void *opts, il_rng *rng, il_prompt *p);
    /* Sets the first dims numbers of one input, which are zeros before; NULL: they are N(0, 1) */
    void (*input)(const void *opts, il_rng *rng, il_real *x, int dims);
    /* The option with the variances of the inputs; NULL: there is none, they are 1 */
    const char *(*variances)(const void *opts);
    /* Whether all inputs are alive, whatever dims says; NULL: they are not */
    int (*whole)(const void *opts);
    /* Whether the queries' targets are without noise; NULL: as the examples have it */
    int (*clean)(const void *opts);
    /* Or a task of sequences: draws its dynamics from `rng`, and all of its observations. Then x_n =
     * s_n, y_n = s_{n+1}, the loss is half the squared error, and `work` says how many doubles
     * it needs. */
    void (*sequence)(const void *opts, il_rng *rng, il_sequence *s);
    size_t (*work)(const void *opts, int dims);
    /* Or a task that draws inputs and answers together: which numbers stand in x depends on the prompt. */
    void (*rows)(const void *opts, il_table_prompt *t);
    /* Or a task of token ids: x and y are 0..classes-1 (D = 1), y below 0 where there is no
     * target. Fills the whole batch, x and y. */
    int (*classes)(const void *opts);
    il_status (*ids)(const void *opts, il_batch *batch, il_draw at, il_error *err);
    /* What needs the whole batch at once; NULL for most */
    void (*finish)(const void *opts, il_batch *batch, int dims);

    double (*scale)(const void *opts, int dims); /* see il_task_scale */
    /* E[y^2] of standard prompts */
    double (*power)(const void *opts, int dims, int dim);
    /* Expected squared error of minimum-norm least squares after k examples; INFINITY where it
     * has no expectation, NaN where it is unknown. NULL if it always is */
    double (*error)(const void *opts, int k, int dims, int dim);
};

#define IL_TASK(name) extern const il_task il_task_##name;
#include "task/tasks.def"
#undef IL_TASK

const il_task *il_task_at(int i); /* the rows in order; NULL past the last */
/* Finds the task of "noisy_linear_regression noise_std=1" and its options. `own` (or NULL) is a recipe whose task's
 * options are the defaults of that task; text NULL: that task itself. Errors: IL_ECONFIG with the nearest name. */
il_status il_task_parse(const il_task **task, double opts[IL_TASK_OPTS], const char *text,
                        const il_config *own, il_error *err);

/* Variances of the first inputs (dims); a prompt of fewer dimensions has the first of them. Errors:
 * IL_ECONFIG when the task's option does not give as many, between commas. */
enum { IL_VARIANCES = IL_TEXT / 2 };
il_status il_task_variances(double *v, const il_task *task, const void *opts, int dims,
                            il_error *err);
/* Errors: IL_ECONFIG when an option is out of its range, or they do not go together. */
il_status il_task_check(const il_task *task, const void *opts, il_error *err);
/* Errors: IL_ECONFIG when the option gives more or fewer than a model has inputs (dims). */
il_status il_task_check_variances(const il_task *task, const void *opts, int dims,
                                  il_error *err);
/* Whether an option gives them */
static inline int il_task_varies(const il_task *task, const void *opts)
{
    return task->variances && task->variances(opts)[0];
}

/* Where queries are many at once (model.tokens = halves), the examples among the points of a training prompt */
static inline int il_examples_of(int points) { return points / 2; }

/* The least-squares error averaged over a prompt of `points` points, in units of y^2: the floor
 * of the training loss. NaN if it is unknown or infinite. */
double il_task_floor(const il_task *task, const void *opts, int points, int dims, int dim);

/* w . x in double and in order, so that every machine gives y the same bits */
static inline double il_prompt_dot(const il_real *w, const il_real *x, int D)
{
    double sum = 0;
    for (int d = 0; d < D; d++) sum += (double)w[d] * (double)x[d];
    return sum;
}

/* w ~ scale N(0, I) on the inputs that are alive, y = w . x: the core of every linear task */
void il_prompt_linear(double scale, il_rng *rng, il_prompt *p);

/* Where a prompt comes from: drawn uniformly, with replacement, from a finite number of prompts or of functions
 * (these with new inputs and noise); 0: every one is new. Not for tasks of token ids. */
typedef struct {
    int prompts, functions;
} il_pool;

/* il_batch_draw with a pool. The pool is that of the seed and stream, for all steps. */
il_status il_batch_draw_from(il_batch *batch, const il_task *task, const void *opts,
                             const char *shift, int dims, il_draw at, il_pool pool,
                             il_error *err);

/* A batch made for a task's answers and drawn: il_batch_new_outs, then il_batch_draw. */
il_status il_batch_new_drawn(il_batch **batch, const il_task *task, const void *opts,
                             const char *shift, int prompts, int points, int dim, int dims,
                             il_draw at, il_error *err);
/* Errors: IL_ECONFIG when there is no batch, or a hand-made one without prompts. */
il_status il_batch_check(const il_batch *batch, il_error *err);

/* ---- shifts ------------------------------------------------------------------------------- */

/* A shift in use */
typedef struct {
    double value; /* its parameter, as in "scaled_x=2" */
    int points, dim, dims;
    double *matrix; /* (dims,dims): what `matrix` below made */
} il_shifting;

typedef struct {
    const char *name, *alias, *summary; /* alias: the name in the field's published code */
    const il_opt *opts; /* its one parameter, called like the shift; or NULL */
    int asks;           /* queries differ from the examples */

    /* A matrix (dims,dims) for all prompts of a seed, or NULL; work (dims,dims) */
    void (*matrix)(double *matrix, double *work, int dims, il_rng *rng);
    /* Changes the examples x (N,D) and, if it `asks`, fills the queries xq (N,D). Point n may
     * depend on points before it, never on N. work (dims+1,dims) */
    void (*inputs)(const il_shifting *s, il_rng *rng, il_real *x, il_real *xq,
                   double *work);
    /* Changes weights w (D) and answers y (N); called again for the queries' answers with w
     * NULL and other numbers */
    void (*answers)(const il_shifting *s, il_rng *rng, il_real *w, il_real *y);
} il_shift;

#define IL_SHIFT(name) extern const il_shift il_shift_##name;
#include "task/shifts.def"
#undef IL_SHIFT

const il_shift *il_shift_at(int i); /* the rows in order; NULL past the last */

/* Finds the shift of "scaled_x=2" and its value; *shift is NULL for none (NULL, "standard").
 * Errors: IL_ECONFIG with the nearest name, or naming the value and its range. */
il_status il_shift_parse(const il_shift **shift, double *value, const char *text,
                         il_error *err);

/* Number of ids of a task of token ids, else 0 */
static inline int il_task_classes(const il_task *task, const void *opts)
{
    return task->ids ? task->classes(opts) : 0;
}

/* What a training loss and an evaluation count of a squared error: 1, or 1/2 for sequences. */
static inline double il_task_unit(const il_task *task) { return task->sequence ? 0.5 : 1; }

/* ---- tokens ------------------------------------------------------------------------------- */

/* Where a layout writes a prompt: T tokens. Rows it does not mention are zeros. */
typedef struct {
    int dim, outs, width; /* room for an x, for a y; width of a token */
    il_real *tokens;      /* (T,width) */
    il_real *target;      /* (T,outs) what a token answers */
    il_real *weight;      /* (T) 1 where it answers something, else 0 */
    il_real *mask;        /* (T) 1 on keys, 0 on queries; or NULL */
} il_tokens;

/* How a prompt becomes tokens. Answer n is read at token il_layout_token(n). */
typedef struct {
    const char *name, *summary;
    int each;      /* tokens of a point */
    int sequences; /* only for tasks of sequences: a token shows no y */
    int last;      /* only the last point of a prompt is a query: the others are examples */
    int (*width)(int dim, int outs, int stack); /* of a token, at least */
    /* Points 0..points-1 of prompt b; `asking`: so many at the end, one unless `half`, are queries whose y is not shown. */
    void (*fill)(const il_batch *batch, int b, int points, int asking,
                 il_tokens to); /* NULL: no
                                                       prompt becomes such tokens */
    int ids;                    /* only for tasks of token ids, which take no other */
    int lead; /* 1: as many empty tokens as an x has numbers come first; they are keys */
    int half; /* as `last`, but in training all points after il_examples_of are queries */
} il_layout;

/* The first point of a training prompt that is answered; the points before it are examples alone. */
static inline int il_layout_first(const il_layout *layout, int points)
{
    return layout->half ? il_examples_of(points) : layout->last ? points - 1 : 0;
}

/* The token of point n, or the number of tokens of n points */
static inline int il_layout_token(const il_layout *layout, int dim, int n)
{
    return layout->lead * dim + layout->each * n;
}

const il_layout *il_layout_at(int i); /* in the order of model.tokens; NULL past the last */

/* The first `points` points of prompts first, first+1, ...; the arrays hold all these prompts. */
void il_tokens_fill(const il_layout *layout, const il_batch *batch, int first, int prompts,
                    int points, il_tokens to);

/* The same for a question: points 0..n-1 as examples, then query n (x_n where the batch has no
 * queries) in n+1 points. */
void il_tokens_ask(const il_layout *layout, const il_batch *batch, int first, int prompts,
                   int n, il_tokens to);

/* The same for the queries n .. n+queries-1 at once, in n+queries points: of halves alone. */
void il_tokens_ask_many(const il_layout *layout, const il_batch *batch, int first,
                        int prompts, int n, int queries, il_tokens to);

#endif
