/* op.h - coarse ops with hand-written backward, and the plan they stand in
 *
 * A plan is three lists of ops over named slots: `pre` reads the prompt in, `body` runs once a
 * loop on the carried residual stream, `post` reads out and measures the loss. A slot holds
 * `width` numbers for every token (row). An op is one file and one row of ops.def.
 */
#ifndef IL_OP_H
#define IL_OP_H

#include "base/base.h"
#include "la/la.h"

typedef struct il_op_kind il_op_kind;
typedef struct il_plan il_plan;
typedef struct il_state il_state;
typedef enum { IL_PRE, IL_BODY, IL_POST } il_section;
typedef enum { IL_INIT_ZERO, IL_INIT_ONE, IL_INIT_NORMAL, IL_INIT_UNIFORM } il_init;

enum { IL_NAME = 64, IL_OPTS = 64, IL_INPUTS = 6, IL_NONE = -1 };

typedef struct {
    char name[IL_NAME];
    int width;
    il_section section;
    int producer;   /* op, or IL_NONE for what the runner fills: inputs and the carry */
    int needs_grad; /* some weight or the carry is behind it */
    int kept;       /* its value waits for the backward pass */
    int at, dat;    /* columns: where value and gradient lie in their memory (plan.c) */
} il_slot;

typedef struct {
    char name[IL_NAME];
    int rows, cols; /* as stored: a linear map is (out, in); a vector has 0 rows */
    il_init init;
    double scale;  /* NORMAL: standard deviation; UNIFORM: bound */
    size_t offset; /* in the weights, in elements */
} il_param;

typedef struct {
    const il_op_kind *kind;
    char name[IL_NAME];
    il_section section;
    int n_in, in[IL_INPUTS], out, save[4],
        par[4]; /* slots; slots; weights; IL_NONE where there is none */
    unsigned
        reads; /* bit i: backward reads the value of input i; IL_READS_OUT: its output */
    unsigned again_reads; /* likewise for `again` */
    int cheap;            /* `again` can recompute the output from saves and again_reads */
    int recomputed;       /* and does so once before `backward`, and may change its saves */
    size_t packed[2];     /* linear: offsets of the packed weights, forward and backward */
    int memory, remembers; /* columns remembered of every token: the first, how many */
    int recurrent, recurs; /* numbers of recurrent state: the first, how many */
    void *opts;            /* the kind's options struct */
} il_op;

enum { IL_READS_OUT = 1 << IL_INPUTS };

/* ---- what an op is to those who look inside a model: roles.c -------------------------------- */

typedef enum {
    IL_ROLE_QUERY,
    IL_ROLE_KEY,
    IL_ROLE_VALUE,
    IL_ROLE_BETA,   /* a gate: how much of a token goes in */
    IL_ROLE_GAMMA,  /* a gate: how much of the past stays */
    IL_ROLE_MASK,   /* which tokens are keys */
    IL_ROLE_OUTPUT, /* the outputs of the heads, on their way back to the stream */
    IL_ROLES
} il_role;

/* An op whose heads mix tokens, as it describes itself. Head h of a role has columns column + h size ..
 * of the input, where size is `key` of queries and keys, `value` of values. */
typedef struct {
    int heads, key, value;
    enum {
        IL_HEADS_OTHER,
        IL_HEADS_SOFTMAX,
        IL_HEADS_LINEAR
    } weights;    /* of tokens, by their scores */
    double scale; /* of the scores, beside the 1 / sqrt(key) of softmax */
    int whole;    /* a token sees later ones, too */
    int input[IL_ROLES], column[IL_ROLES]; /* the input, or IL_NONE; its first column */
} il_heads;

typedef enum {
    IL_FORM_OTHER,
    IL_FORM_MAP,  /* weight 0 is a matrix that multiplies input 0 */
    IL_FORM_NORM, /* weight 0 is the gain of every column */
    IL_FORM_PICK, /* columns of the input, times a factor; the first is that of `picks` */
    IL_FORM_CLIP
} il_form;

struct il_op_kind {
    const char *name, *summary;
    const il_opt *opts; /* of a struct of at most IL_OPTS bytes; or NULL */
    const char *const
        *cases; /* for the gradient test: "width=8 eps=0.1 ...", NULL at the end */
    int least_in, most_in;
    il_status (*shape)(il_plan *plan, il_op *op, il_error *err);
    void (*forward)(const il_op *op, il_state *s); /* sets the output and the saves */
    void (*again)(const il_op *op, il_state *s); /* sets the output; NULL if never cheap */
    void (*backward)(const il_op *op,
                     il_state *s); /* adds to gradients of inputs and weights */
    size_t (*pack)(
        const il_op *op, const il_plan *plan, int side, const il_real *weights,
        il_real *packed); /* side 0, 1; measures when packed is NULL; NULL: nothing */
    /* Brings fresh weights into the form that the op keeps; NULL: any will do */
    void (*settle)(const il_op *op, const il_plan *plan, il_real *weights);
    unsigned ids; /* bit i: input i holds token ids, whole numbers without a gradient */
    int skips; /* backward takes inputs that want no gradient (il_dx is NULL); else all get one */
    il_form form;
    int (*picks)(const il_op *op);
    void (*heads)(const il_op *op, const il_plan *plan, il_heads *heads); /* or NULL */
    /* Operations of the forward pass for one token, in prompts of `tokens`: a multiply-add is 2, tokens x tokens products
     * are dense; NULL for what norms, activations and sums take, which is not counted */
    double (*flop)(const il_op *op, const il_plan *plan, int tokens);
    int mixes; /* tokens. Such an op declares what it remembers of each (il_memory_new) or of
                  all (il_recurrent_new), or a model cannot run token by token. */
};

static inline size_t il_param_size(const il_param *w)
{
    return (size_t)(w->rows ? w->rows : 1) * (size_t)w->cols;
}

/* One step of a loop's schedule. Forward is the op list itself. */
typedef enum { IL_DO_ZERO, IL_DO_AGAIN, IL_DO_BACKWARD } il_action;
typedef struct {
    il_action action;
    int index; /* op; for IL_DO_ZERO the slot whose gradient is set to zero */
} il_step;

typedef enum { IL_CARRY_NONE, IL_CARRY_ZEROS, IL_CARRY_ONES, IL_CARRY_SLOT } il_carry;

struct il_plan {
    il_op *ops; /* pre, then body, then post */
    il_slot *slots;
    il_param *params;
    int n_ops, n_slots, n_params;
    int end[3];                         /* ops of a section end here */
    int tokens, target, weight, answer; /* slots: what goes in, what comes out */
    int mask; /* slot (width 1), or IL_NONE: 1 for tokens that are keys, 0 for queries */
    il_carry carry; /* what the first loop carries in */
    int carry_slot, carry_in, carry_out;
    int loops,
        loss_loops;   /* defaults: loops to run; of those, the last that carry a loss */
    int failed;       /* memory ran out while building */
    size_t n_weights; /* elements, padded */
    size_t n_packed;
    const il_kernels *products;    /* whose packing and products the linear ops use */
    il_step *backward;             /* of one loop: post, then body */
    int n_backward, post_backward; /* steps; of these, how many belong to post */
    int recompute;
    int kept, shared, lasting;   /* columns: of a frame, of shared scratch, of pre slots */
    int most_heads_key;          /* largest key size, for scratch */
    size_t work, work_per_token; /* numbers of scratch that ops asked for */
    int memory;      /* columns a token-by-token run remembers of every token and loop */
    int recurrent;   /* numbers it remembers of a loop, however many tokens went by */
    int most_tokens; /* longest prompt that its tables of positions can serve */
};

/* ---- building a plan ---------------------------------------------------------------------- */

void il_plan_init(il_plan *plan);
void il_plan_free(il_plan *plan);
int il_plan_input(il_plan *plan, const char *name, int width, int needs_grad);
/* Declares the residual stream that a loop hands to the next. */
int il_plan_carry(il_plan *plan, il_carry start, int slot, int width);
/* Adds an op; its output slot goes to *out. `opts` as "a=1 b=2". Errors: IL_ECONFIG. */
il_status il_plan_add(il_plan *plan, il_section section, const char *kind, const char *name,
                      const char *opts, int n_in, const int *in, int *out, il_error *err);
/* What a file may ask for: loops, and ops of the body times loops in one pass */
enum { IL_MOST_LOOPS = 10000, IL_MOST_RUNS = 4000000 };

/* Ends the building: which slots are kept, the backward schedule, where everything lies.
 * `recompute`: 0 keeps every slot a backward reads, 1 recomputes what is cheap,
 * 2 recomputes whole loops from their carry. The result's bits do not depend on it.
 * Errors: IL_ECONFIG when a pass would be longer than IL_MOST_RUNS; IL_EFAIL out of memory. */
il_status il_plan_finish(il_plan *plan, int recompute, il_error *err);

/* The plan as text, and a plan (uninitialised before, finished after) from text that is checked
 * line by line: plan_text.c says how it looks. Errors: IL_ECONFIG naming the line. */
void il_plan_write(const il_plan *plan, FILE *f);
il_status il_plan_text(char **text, const il_plan *plan, il_error *err); /* free(*text) */
il_status il_plan_read(il_plan *plan, const char *text, int recompute, il_error *err);

/* For shape functions: */
int il_slot_new(il_plan *plan, il_op *op, const char *suffix, int width);
int il_param_new(il_plan *plan, il_op *op, const char *suffix, il_init init, double scale,
                 int rows, int cols);
/* `columns` numbers that the op remembers of every token in token-by-token runs */
void il_memory_new(il_plan *plan, il_op *op, int columns);
/* The same of all tokens together: a recurrent state, which the op's forward reads and replaces.
 * With s->past = 0 there is none yet: what it holds is to be set, not read. */
void il_recurrent_new(il_plan *plan, il_op *op, int numbers);
/* Scratch for forward and backward (s->work): `numbers`, and so many for every token */
void il_work_new(il_plan *plan, size_t numbers, size_t per_token);
static inline int il_width(const il_plan *plan, int slot)
{
    return plan->slots[slot].width;
}
/* The shape of an element-wise op: every input as wide as the output, which is cheap to
 * recompute. Errors: IL_ECONFIG when widths differ. */
il_status il_shape_same(il_plan *plan, il_op *op, il_error *err);
const il_op_kind *il_op_at(int i); /* NULL past the last row of ops.def */
const il_op_kind *il_op_find(const char *name);

/* roles.c: the heads of an op, 0 where it has none. The op of form IL_FORM_MAP whose weights make a role of
 * the stream, or of the output the stream, and which row of them is the role's first; NULL where no
 * such map is behind it. */
int il_heads_of(il_heads *heads, const il_plan *plan, const il_op *op);
const il_op *il_heads_map(const il_plan *plan, const il_op *op, il_role role, int *row);
/* Whether weight i is a linear map of the body. It may join several, one below the other, as queries, keys
 * and values: the row behind `row` at which the next one begins, or the weight ends. */
int il_map_inner(const il_plan *plan, int i);
int il_map_end(const il_plan *plan, int i, int row);

/* ---- models and states ----------------------------------------------------------------------- */

/* What the columns of a residual stream are called: at[i]..at[i+1]-1 are name[i] */
enum { IL_REGISTERS = 64 };
typedef struct {
    int n, at[IL_REGISTERS + 1];
    char name[IL_REGISTERS][24];
} il_registers;
/* Another one behind them: its number, or -1 when there are too many. */
int il_registers_add(il_registers *registers, const char *name, int width);
static inline int il_register_width(const il_registers *r, int i)
{
    return r->at[i + 1] - r->at[i];
}

/* What is learnt: constant while it runs, shared by all threads. */
struct il_model {
    il_config config;
    il_plan plan;
    il_real *weights;       /* (n_weights) */
    il_real *packed;        /* (n_packed) */
    char *program;          /* text of a built model's program, or NULL */
    il_registers registers; /* of a built model's stream; n = 0: of any other */
    const char *dtype;      /* of the weights where they were read; NULL: il_real's */
    char *run; /* the run folder that it was loaded by; NULL: by a file, or made here */
    int64_t step;
    il_arena arena;
    size_t sketched; /* bytes of addresses that il_model_sketch put in place of weights */
};

/* What is computed: one shard's activations, gradients and scratch, for one thread. */
struct il_state {
    const il_model *model;
    const il_plan *plan;
    int prompts, tokens, rows; /* now: rows = prompts * tokens */
    size_t most_rows;          /* what the memory holds */
    int most_tokens, window;
    il_real **value, **dvalue; /* by slot, for the current loop; dvalue NULL if unneeded */
    il_real *lasting, *dlasting, *frames, *shared, *carries, *dcarry[2];
    il_real *work; /* kernels' scratch */
    il_real *grad; /* (n_weights) where weights' gradients are added */
    /* token by token: one prompt, `past` tokens are remembered, at most `most_tokens` */
    il_real *memory, *recurrent; /* NULL: whole prompts */
    int past, loop;
    double loss; /* sum over loss loops and rows of weight * loss */
    il_real loss_scale;
    il_arena arena;
};

/* For adapters: pointers of an op's inputs, output, saves, weights and their adjoints. */
static inline int il_rows(const il_state *s) { return s->rows; }
static inline const il_real *il_x(const il_op *op, const il_state *s, int i)
{
    return s->value[op->in[i]];
}
static inline il_real *il_y(const il_op *op, const il_state *s)
{
    return s->value[op->out];
}
static inline il_real *il_save(const il_op *op, const il_state *s, int i)
{
    return s->value[op->save[i]];
}
static inline il_real *il_dx(const il_op *op, const il_state *s, int i) /* may be NULL */
{
    return s->dvalue[op->in[i]];
}
static inline const il_real *il_dy(const il_op *op, const il_state *s)
{
    return s->dvalue[op->out];
}
static inline const il_real *il_w(const il_op *op, const il_state *s, int i)
{
    return s->model->weights + s->plan->params[op->par[i]].offset;
}
static inline il_real *il_dw(const il_op *op, const il_state *s, int i)
{
    return s->grad + s->plan->params[op->par[i]].offset;
}
static inline size_t il_size(const il_op *op,
                             const il_state *s) /* elements of the output */
{
    return (size_t)s->rows * (size_t)s->plan->slots[op->out].width;
}
static inline il_real *il_memory(const il_op *op,
                                 const il_state *s) /* NULL: whole prompts */
{
    if (!s->memory) return NULL;
    size_t column = (size_t)s->loop * (size_t)s->plan->memory + (size_t)op->memory;
    return s->memory + column * (size_t)s->most_tokens;
}
static inline il_real *il_recurrent(const il_op *op,
                                    const il_state *s) /* NULL: whole prompts */
{
    if (!s->recurrent) return NULL;
    return s->recurrent + (size_t)s->loop * (size_t)s->plan->recurrent +
           (size_t)op->recurrent;
}
static inline int il_columns(const il_op *op, const il_state *s,
                             int i) /* width of input i */
{
    return s->plan->slots[op->in[i]].width;
}

#endif
