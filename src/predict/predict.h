/* predict.h - prediction on a user's table: its parts */
#ifndef IL_PREDICT_H
#define IL_PREDICT_H

#include "base/base.h"

const il_opt *il_predict_opts(void); /* of il_predict */

/* How a column is brought to mean 0 and variance 1: z = (x / 2^exponent - mean) / sd. sd is 0 where all
 * numbers are the same but for rounding, and mean then one of them. */
typedef struct {
    int n, exponent; /* n: numbers there are */
    int rounded;     /* sd is 0, and yet they differ */
    double mean, sd; /* of x / 2^exponent, divided by n */
} il_standard;

/* Of x[at[0]] .. x[at[n-1]], or of x[0] .. x[n-1] where `at` is NULL; what is not finite is missing. */
il_standard il_standard_of(const double *x, const int *at, int n);
double il_standard_from(const il_standard *s, double x); /* z of x; 0 where sd is */
double il_standard_to(const il_standard *s, double z);   /* x of z */

/* Two tables as numbers: M examples and Q queries of the same P features. */
typedef struct {
    int M, Q, P;
    double **x; /* (P) columns of M + Q values: the examples', then the queries' */
    double *y;  /* (M + Q); NaN where a query's is not known */
    int has_target;
} il_frame;

/* Encodes the tables as docs/predict.md says, with at most `limit` features; what it did goes to
 * `notes`, a line each. Errors: IL_ECONFIG naming the column; IL_EFAIL. */
il_status il_frame_new(il_frame *frame, const il_table *examples, const il_table *queries,
                       const char *target, int limit, FILE *notes, il_error *err);
void il_frame_free(il_frame *frame);

/* "'-' in line 3 of e.csv is no number: ..." of a text column's first cell that is none; "" if all are. 1 where
 * that surprises: the column holds numbers as well, or mostly cells that were meant as numbers. */
int il_frame_first_text(const il_table *t, int col, char *out, size_t size);

/* ---- what a model answers: prompts.c --------------------------------------------------------- */

/* One prompt: which examples it holds and how it brings numbers to the model */
typedef struct {
    int *hand;      /* (per_prompt) rows of the examples */
    il_standard *x; /* (P) */
    il_standard y;
} il_dealt;

enum {
    IL_ASKS_QUERIES,  /* the Q queries, then its own examples */
    IL_ASKS_EXAMPLES, /* all M examples */
    IL_ASKS_LEFT_OUT  /* prompt i of M: example i, which is left out of it */
};

typedef struct {
    const il_model *model;
    const il_frame *frame;
    int loops, prompts, per_prompt;
    uint64_t seed;
    int *deck,
        dealt;  /* (M) the examples in shuffled order, and how many of them were dealt */
    int rounds; /* shuffles */
    il_dealt *prompt;      /* (prompts) */
    double y_scale;        /* sd of the task's targets */
    int asks;              /* what every prompt is asked */
    int asked;             /* of every prompt: the Q queries, then its own examples */
    double *answers;       /* (prompts,asked) */
    double *mean;          /* (Q) of the prompts' answers to the queries */
    const il_until *until; /* loops stop by themselves; or NULL */
    double *took;          /* then (Q) how many, a mean over the prompts */
} il_asked_table;

/* Deals the examples into prompts and asks them: answers and, where they ask queries, mean. Errors: IL_EFAIL; the model's. */
il_status il_table_ask(il_asked_table *r, il_error *err);
void il_table_ask_free(il_asked_table *r);

/* ---- what stands beside it --------------------------------------------------------------------- */

/* What ridge regression (alpha chosen by leaving one example out) and least squares, both with
 * an intercept and fitted to all examples, answer to the queries: ridge, ols (Q).
 * Cost O(M P^2). Errors: IL_EFAIL. */
il_status il_frame_linear(const il_frame *frame, double *ridge, double *ols, il_error *err);

/* What they answer to each example, fitted to the others: ridge, ols (M). Ridge keeps the alpha of all examples.
 * Where another fit is not determined by the others, NaN. */
il_status il_frame_linear_left_out(const il_frame *frame, double *ridge, double *ols,
                                   il_error *err);

/* Who may answer */
enum {
    IL_BY_MODEL,
    IL_BY_RIDGE,
    IL_BY_OLS,
    IL_BY_KNN,
    IL_BY_TREES,
    IL_BY_MEAN,
    IL_PREDICTORS
};
const char *il_predictor_name(int who);

/* The answers of one of them but the model to the queries (Q) or, `out`, to each example from the others (M). */
il_status il_frame_ask(const il_frame *frame, int who, int out, double *answers,
                       il_error *err);

/* The scores of `answers` (Q) and of what stands beside them: targets, not_finite and the four rmse of
 * `s`. What is no finite number goes to `notes`. Errors: il_frame_linear's. */
il_status il_frame_score(const il_frame *frame, const double *answers, il_prediction *s,
                         FILE *notes, il_error *err);

/* The root mean squared difference of n pairs; pairs without a finite y are left out. NaN: none is left, or an answer
 * is no finite number. */
double il_table_rmse(const double *answers, const double *y, int n);

#endif
