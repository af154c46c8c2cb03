/* explain.h - which learning algorithm a model's layers follow
 *
 * A family is a learning algorithm with free parameters. A match says how well a family's steps follow
 * the layer answers of observe.h. Everything here is in double.
 */
#ifndef IL_EXPLAIN_H
#define IL_EXPLAIN_H

#include "observe/observe.h"

const il_opt *il_explain_opts(void); /* of il_explain */

/* ---- families ------------------------------------------------------------------------------- */

/* A family is a filter, which answers sum_i q_i f(lambda_i) b_i, where f depends on its steps and
 * parameters; or an algorithm that reads the examples themselves; or layerwise, with parameters of its own
 * in every layer; or an algorithm of algos.def, without free parameters. */
enum { IL_FREE = 3 };

/* Where a filter is evaluated: an eigenvalue, how many steps the whole run is assumed to have, and
 * Chebyshev's nodes for so many */
typedef struct {
    double lambda;
    int whole;
    const double *nodes;
} il_explain_filter_point;

/* A free parameter. Its values are looked for in low..high, in units that depend on `power`: -1 a
 * step size (unit 1 / largest eigenvalue), -2 its square, 1 a ridge (unit: mean eigenvalue), 0 none. */
typedef struct {
    const char *name;
    int power;
    double low, high;
} il_explain_parameter;

/* A law: how parameters scale with the prompt. A step size is a constant, or a constant divided by the
 * number of examples, by the trace of A, or by the root of |A A|_F; a ridge is multiplied by that, and a
 * parameter of power -2 divided by it twice. */
typedef enum {
    IL_LAW_CONSTANT,
    IL_LAW_EXAMPLES,
    IL_LAW_TRACE,
    IL_LAW_NORM,
    IL_LAWS
} il_explain_law;

typedef struct il_explain_fit il_explain_fit;
typedef struct il_explain_match il_explain_match;
struct il_explain_examples;

typedef struct {
    const char *name, *says;
    int n_free;
    il_explain_parameter free[IL_FREE];
    int most_steps; /* worth trying */
    /* f (steps+1) after 0..steps steps */
    void (*filter)(const double *value, const il_explain_filter_point *at, int steps,
                   double *f);
    /* or from the examples themselves (match.h) */
    void (*from_examples)(const double *value, const struct il_explain_examples *at,
                          int steps, double *w);
    /* or with parameters of its own in every layer (match.h) */
    void (*layerwise)(const il_explain_fit *fit, il_explain_law law,
                      il_explain_match *match, double *work);
    const char *algo; /* or a row of algos.def with its options */
    const char
        *contains; /* families that are this one with some parameter fixed: |gd|gdpp| */
    int spectral;  /* layerwise, but a filter in every layer */
    int any;       /* any filter at all: contains every one */
} il_explain_family;

const il_explain_family *il_explain_family_at(int i); /* NULL past the last */

/* The parameters' values for a prompt of a cell */
void il_explain_law_values(double value[IL_FREE], const il_explain_family *family,
                           const double *constant, il_explain_law law,
                           const il_observe_prompts *prompts, int cell, int b);

/* ---- matching -------------------------------------------------------------------------------- */

enum { IL_STEPS = 48 };

typedef struct {
    int step;          /* the best one */
    double sime, simw; /* similarity of errors, of induced weights */
    double spd, ilwd;  /* mean squared difference of answers; of weights */
    double power;      /* mean square of the layer's answers */
    double
        share; /* part of the mean square left unexplained, trimmed mean over prompts: fit.c */
    double
        of_error; /* likewise, of the layer's own squared error; NaN where that is about zero */
    double value[IL_FREE]; /* of a layerwise family: this layer's */
} il_explain_layer_match;

struct il_explain_match {
    const il_explain_family *family;
    il_explain_law law;
    double value[IL_FREE];         /* the constants of the law */
    il_explain_layer_match *layer; /* (layers) */
    double *w; /* (layers,cells,B,O,D) weights of the best steps, in the eigenvectors */
    double *prompt; /* (cells,B) the score of each prompt alone */
    double *heat;   /* (layers,n_steps) similarity of errors; NULL for a layerwise family */
    double score;   /* mean of the layers' shares, each at most 1, silent layers left out */
    double of_error; /* mean over the layers, each at most 1 */
    double
        wins; /* share of the prompts that this match explains better than the best does */
    double rate, offset; /* step = offset + rate layer: the median of the slopes */
    double *even;        /* (layers) the shares that are left with the steps of that line */
    double excess;       /* score beyond what no filter explains: selection.c */
    double uneven;       /* 1..5: how much larger it is with the steps of that line */
    int free;            /* parameters fitted */
};

/* A layer whose answers' mean square is below this part of the true ones' is silent. */
#define IL_SILENT 1e-6

typedef struct {
    int layers, n_steps, steps[IL_STEPS]; /* steps: those that are tried */
    int first;                            /* layers before it are left out */
    int silent;                           /* layers that predict nearly zero */
    double *w;     /* (layers,cells,B,O,D) the layer answers' induced weights, likewise */
    double *floor; /* (layers) the least share that any filter leaves */
    double *bent;  /* (layers) the share not linear in the query: no weights produce it */
    il_explain_match match[32]; /* the best first: score times 1.2 for every parameter */
    int n;
    il_arena arena;
} il_explain_matches;

/* Fits every family to the layer answers of the layers from `first` on (0: all; else no layerwise family is
 * tried). Errors: IL_EFAIL out of memory. */
il_status il_explain_matches_new(il_explain_matches **matches,
                                 const il_observe_prompts *prompts,
                                 const il_observe_answers *layer_answers, int first,
                                 il_error *err);
void il_explain_matches_free(il_explain_matches *matches);

/* ---- explaining ------------------------------------------------------------------------------ */

/* The verdict on layer answers, whatever they are of, and its tables. `unit`: what they are taken after,
 * "layer" or "loop". explanation->reading and tail are the caller's. Errors: IL_EFAIL. */
il_status il_explain_answers(const il_observe_prompts *prompts,
                             const il_observe_answers *layer_answers, const char *unit,
                             il_explanation *explanation, il_error *err);

#endif
