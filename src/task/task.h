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
    il_rng *noise;         /* for noise on y, one draw a point: its own numbers */
} il_prompt;

struct il_task {
    const char *name, *summary;
    const il_opt *opts;
    size_t size; /* of the options struct: at most that of il_config.training.task_opts */
    const char *loss; /* "mse", or "cross_entropy" for y in {-1,+1} and a logit */

    /* Draws the function from `rng` and fills w and y. Where queries differ from the examples it
     * is called for both with the same rng, and so must take as many draws for any N. */
    void (*draw)(const void *opts, il_rng *rng, il_prompt *p);
    /* What needs the whole batch at once; NULL for most */
    void (*finish)(const void *opts, il_batch *batch, int dims);

    double (*scale)(const void *opts, int dims); /* see il_task_scale */
    /* E[y^2] of standard prompts */
    double (*power)(const void *opts, int dims, int dim);
    /* Expected squared error of minimum-norm least squares after k examples; INFINITY where it
     * has no expectation. NULL if unknown */
    double (*error)(const void *opts, int k, int dims, int dim);
};

#define IL_TASK(name) extern const il_task il_task_##name;
#include "task/tasks.def"
#undef IL_TASK

const il_task *il_task_at(int i); /* the rows in order; NULL past the last */

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
    /* Changes the examples x (N,D) and, if it asks, fills the queries xq (N,D). Point n may
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

/* ---- tokens ------------------------------------------------------------------------------- */

/* The interleaved layout: token 2n is x_n, token 2n+1 is (y_n, 0, ..., 0); zeros up to `width`.
 *
 *   first, prompts  which prompts of the batch
 *   points          the first so many of each prompt's points
 *   tokens (prompts, 2 points, width), target, weight (prompts, 2 points): out. The answer to
 *   token 2n is y_n, with weight 1; tokens 2n+1 answer nothing and have weight 0. */
void il_tokens_fill(const il_batch *batch, int first, int prompts, int points, int width,
                    il_real *tokens, il_real *target, il_real *weight);

/* The same for a question: points 0..n-1 as examples, then query n (x_n where the batch has no
 * queries) as token 2n. tokens (prompts, 2n+2, width); the last token is zero. */
void il_tokens_ask(const il_batch *batch, int first, int prompts, int n, int width,
                   il_real *tokens);

#endif
