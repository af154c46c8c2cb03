/* construct.h - algorithms compiled into the weights of a transformer
 *
 * A construction writes a program over registers: named ranges of columns of the residual stream.
 * The assembler packs its instructions into layers and emits an ordinary plan with its weights.
 * One file and one row in constructs.def each. docs/constructions.md derives the instructions.
 */
#ifndef IL_CONSTRUCT_H
#define IL_CONSTRUCT_H

#include "algo/algo.h"
#include "base/larger.h"
#include "model/model.h"

enum { IL_CONSTRUCT_OPTS = 256 };
typedef struct il_program il_program;
typedef struct il_check il_check;
typedef struct il_pwl il_pwl;

typedef struct {
    const char *name, *summary, *source;
    const il_opt *opts;
    size_t size;              /* of the options struct: at most IL_CONSTRUCT_OPTS bytes */
    const char *const *cases; /* for the shared test: options, NULL at the end */
    void (*compose)(il_program *p, const void *opts);
    /* Adds rows to the table of verification: the model against its algorithm. */
    void (*verify)(il_check *c, const void *opts);
} il_construct;

#define IL_CONSTRUCT(name) extern const il_construct il_construct_##name;
#include "construct/constructs.def"
#undef IL_CONSTRUCT

const il_construct *il_construct_at(int i); /* the rows in order; NULL past the last */

/* ---- writing a program --------------------------------------------------------------------------
 *
 * Mistakes are kept: the first one is what building says. Texts are printf's, but %g writes
 * every digit that a double needs. A form is a sum of terms, and the blocks of a stack stand
 * between bars:
 *
 *   2 x - 0.5 t[0:3]     registers and ranges of their columns, with coefficients
 *   sum(D)               the sum of a register's columns
 *   P*x                  a matrix (il_matrix) times a register
 *   1                    a constant; not in attention
 *
 * A term of width 1 goes with every row of a wider one. */

/* A register that is zero at the start. `what` says what it holds. */
void il_register(il_program *p, const char *name, int width, const char *what);
/* A register that starts with the next columns of the tokens. */
void il_token(il_program *p, const char *name, int width, const char *what);
/* A register of the token's position t: row t < width of the identity, or of a table (rows,width). A table
 * of a register that there is already is added to it. */
void il_position(il_program *p, const char *name, int width, const char *what);
void il_table_of(il_program *p, const char *name, int width, int rows, const double *table,
                 const char *what);
/* "t <- 0.1 x, one <- 1": what registers start with, from tokens' registers and constants */
void il_start(il_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* n zeros, the program's; NULL without memory. */
double *il_numbers(il_program *p, size_t n);
/* Options that make no program: building says so. */
void il_refuse(il_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Refuses numbers that no connected graph has, which is what every form of a Laplacian asks for. */
void il_graph_is(il_program *p, int nodes, int edges);
/* Newton's iteration for the inverse of S + ridge I from M_0 = alpha I, or alpha (S + ridge I): the largest
 * eigenvalue of S from which it converges; refuses options that leave room for none. */
double il_newton_most(double alpha, int of_identity, double ridge);
void il_newton_fits(il_program *p, double alpha, int of_identity, double ridge);
/* The matrix may be NULL, after which nothing is built. */
void il_matrix(il_program *p, const char *name, int rows, int cols, const double *matrix);

/* "DST <- FORM, ... ; KEYS ; QUERIES": for every token j
 *     DST_j += sum_i FORM_i <KEYS_i, QUERIES_j>
 * over all tokens i that are keys; of a causal program, over i <= j. */
void il_attend(il_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "DST <- FORM, ...": an affine map of every token by itself, beside attention */
void il_map(il_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Another head of the same layer, or where there is no ";" a map: it reads what the instruction
 * before it read. */
void il_also(il_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with causal softmax weights over KEYS_i . QUERIES_j. */
void il_softmax(il_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "DST <- 2 relu(FORM), ...": a ReLU unit for every column of DST */
void il_relu(il_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "DST <- 2 f(FORM)": a piecewise linear function, by a unit for every knot; where `gate` (a form
 * of width 1, or NULL for 1) is 0, so that f's units are all off, nothing is added. */
void il_piecewise(il_program *p, const il_pwl *f, const char *gate, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of GeLU units. */
void il_gelu(il_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void il_clear(il_program *p, const char *name); /* name <- -name, by two units a column */
void il_double(il_program *p, const char *name);

/* primitives.c, which see: what an ordinary transformer can do, nearly; a result replaces what DST held.
 * "DST <- A ; B": the product of (rows,inner) and (inner,cols), e small, `big` above all numbers */
void il_gelu_product(il_program *p, double e, double big, int rows, int inner, int cols,
                     const char *format, ...) __attribute__((format(printf, 7, 8)));
/* "DST <- FORM" */
void il_gelu_affine(il_program *p, double big, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "DST <- FORM ; C": FORM / |C|, which is added; C of width 1 */
void il_norm_quotient(il_program *p, double big, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What follows shares no layer with what came before (a program that keeps a paper's layers). */
void il_layer(il_program *p);
/* What comes before is done once; what follows is a block that runs `times` times. */
void il_loop(il_program *p, int times);
/* What follows reads the stream out after a loop. */
void il_after(il_program *p);
void il_answer(il_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void il_causal(il_program *p); /* a token sees itself and those before it */
void il_masked(il_program *p); /* queries are no keys */
/* Which task's prompts become the tokens, and by which layout (docs/tasks.md). A program that does not
 * say so, or whose tokens are wider than that, has the layout `own`: matrices, graphs, ... that `verify` alone can make; eval, explain and the
 * like refuse the model. */
void il_task_is(il_program *p, const char *task, const char *layout, int dims, int points);

/* ---- piecewise linear functions ------------------------------------------------------------------
 *
 * fhat(x) = v_0 + sum_j c_j relu(x - t_j): the chords of f between knots t_0 < ... < t_M, constant
 * outside. */
struct il_pwl {
    const char *name;
    int knots;     /* M + 1 */
    double *t, *v; /* knots and values there */
    double error;  /* largest |fhat - f| on [t_0, t_M], by looking between the knots */
};
/* Knots lo + (hi - lo) (j/M)^power, j = 0..M. The program owns it. NULL without memory. */
const il_pwl *il_pwl_new(il_program *p, const char *name, double (*f)(double x, double a),
                         double a, int M, double lo, double hi, int power);
const il_pwl *il_pwl_knots(il_program *p, const char *name, double (*f)(double x, double a),
                           double a, int knots, const double *t);
double il_root(double x, int n);           /* of x in (0, 1] */
#define IL_ROOT_HALF_PI 1.2533141373155003 /* sqrt(pi/2) */
double il_pwl_at(const il_pwl *f, double x);
double il_exp(double x);
double il_sigmoid(double x, double unused);
double il_sigmoid_slope(double x, double unused);
double il_square(double x, double unused);

/* ---- assembling ----------------------------------------------------------------------------------- */

/* What the assembler made of a program */
typedef struct {
    int layers[3];    /* in pre, body, post */
    int heads, width; /* most in a layer; of the residual stream */
    int units;        /* most in a layer */
    int key;          /* largest key */
} il_program_layers;

il_status il_program_new(il_program **p, il_error *err);
void il_program_free(il_program *p);
void il_program_title(il_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Errors: IL_ECONFIG with the first mistake of the program. */
il_status il_assemble(il_model **model, il_program *p, il_program_layers *layers,
                      il_error *err);

/* As il_build, and what the assembler made of it (or NULL) */
il_status il_construct_new(il_model **model, il_program_layers *layers, const char *text,
                           il_error *err);
/* Builds a row's program; opts as its options struct. */
il_status il_construct_build(il_model **model, const il_construct *c, const void *opts,
                             il_program_layers *layers, il_error *err);

/* ---- verification --------------------------------------------------------------------------------- */

struct il_check {
    const il_model *model;
    il_table *table;
    int failed;       /* rows whose error is above what they state */
    il_status status; /* of the first thing that went wrong */
    il_error error;
    double *room; /* of `size` doubles, `used` of which are taken */
    size_t used, size;
};

/* Adds the columns and the rows of a construction to c->table. Errors: IL_ECONFIG of what cannot be
 * verified or has too little room; IL_EFAIL. */
il_status il_check_all(il_check *c, const il_construct *row, const void *opts);

/* n doubles, zeros; set c->used back to give back what was taken since. Where there is no room it is NULL, and
 * c->status says so: look there before you touch what you took, or what a function below returned. */
double *il_check_take(il_check *c, size_t n);

/* One line of the table: the model's relative error against the algorithm, and against the exact
 * solution where there is one (NAN), and what is stated of the former. In single precision what
 * is stated grows by the ratio of the precisions. */
void il_check_row(il_check *c, const char *size, double condition, int steps, double error,
                  double exact, double stated);

/* Refuses to verify options that do not fit the problem it is verified on. */
void il_check_refuse(il_check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs T tokens (T,width of a token) with a mask (T) or NULL for `loops` loops. After loop i (from
 * 0) the residual stream goes to stream + i T C, unless that is NULL, and the answers to
 * answer + i T O. */
void il_check_run(il_check *c, int T, const double *tokens, const double *mask, int loops,
                  double *stream, double *answer);
/* What an algorithm makes of the problem after each of 0..steps: answers to the query, yhat
 * (steps+1), and weights, what (steps+1,d); either may be NULL */
struct il_problem;
void il_check_algo(il_check *c, const char *algo, const struct il_problem *p, int steps,
                   double *yhat, double *what);
/* The answer to the query of an algorithm without steps, or after its last */
void il_check_last(il_check *c, const char *algo, const struct il_problem *p, double *yhat);
/* The model's answers to the problem's query after each of `loops` loops, in a layout of tokens (x, y) */
double *il_check_answers(il_check *c, const struct il_problem *p, int loops);
/* The answer of ridge regression, or without a ridge of least squares */
double il_check_ridge(il_check *c, const struct il_problem *p, double ridge);
/* A row of the table: the model's answers after each of its loops are the algorithm's after the last
 * `loops` of its steps, relative to the largest of them and of the exact one; the exact solution is that of il_check_ridge. */
void il_check_against(il_check *c, const struct il_problem *p, const char *algo, int loops,
                      int steps, double ridge, const char *size, double condition,
                      double stated);
/* max |a - b| / max |b| */
double il_check_difference(const double *a, const double *b, size_t n);

/* n points in d dimensions whose sum of x x^T has eigenvalues from `largest` down to
 * largest / condition in equal ratios, in a random basis (n >= d); targets y = w.x + noise; a
 * query. The tokens are (x, y) and the query (q, 0). */
typedef struct il_problem {
    int n, d;
    double *x, *y, *q, *w; /* (n,d), (n), (d), (d) */
    double *S, *b;         /* (d,d) sum x x^T, (d) sum y x */
    double *tokens, *mask; /* (n+1,d+1), (n+1) */
    double largest, smallest;
} il_problem;
/* n normal numbers; a matrix (n,d) with singular values from `largest` down in equal ratios */
double *il_check_random(il_check *c, size_t n, int seed);
double *il_check_spectrum(il_check *c, int n, int d, double largest, double condition,
                          int seed);
il_problem il_problem_new(il_check *c, int n, int d, double largest, double condition,
                          double noise, int seed);

/* Inputs from scale N(0, I), w ~ N(0, I) and a query like the inputs, noise of a deviation; S, b */
il_problem il_problem_normal(il_check *c, int n, int d, double scale, double noise,
                             int seed);
/* Classes: inputs of norm 1, y the sign of w.x + N(0, 1/4), the query e_1; without S and b */
il_problem il_problem_classes(il_check *c, int n, int d, int seed);
/* The problem's tokens where the query has columns of its own: (x, 0, y) and (0, q, 0) */
double *il_problem_unmasked(il_check *c, const il_problem *p);

/* Calls `one` with problems of several sizes and conditions, whose largest eigenvalue is given. */
void il_check_regression(il_check *c, int d, int points, double largest,
                         void (*one)(il_check *c, const void *opts, const il_problem *p,
                                     const char *size, double condition),
                         const void *opts);

/* The largest eigenvalue of sum x x^T that standard normal prompts rarely pass */
double il_usual_largest(int points, int dims);

#endif
