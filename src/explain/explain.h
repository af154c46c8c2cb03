/* explain.h - which learning algorithm a model's layers follow
 *
 * A family is a learning algorithm with free parameters. A match says how well a family's steps follow
 * the layer answers of observe.h. Everything here is in double.
 */
#ifndef IL_EXPLAIN_H
#define IL_EXPLAIN_H

#include "observe/observe.h"

const il_opt *il_explain_opts(void);  /* of il_explain */
const il_opt *il_problems_opts(void); /* of il_problems_write */

/* ---- families ------------------------------------------------------------------------------- */

/* A family is a filter, which answers sum_i q_i f(lambda_i) b_i, where f depends on its steps and parameters;
 * or an algorithm that reads the examples themselves; or a matrix or polynomial that is fitted in every layer;
 * or an algorithm of algos.def, without free parameters. */
enum { IL_FREE = 3, IL_FILTER_STATE = 5 };

/* Where a filter is evaluated: an eigenvalue, the number of steps taken so far, how many steps the whole run is
 * assumed to have, and Chebyshev's nodes for so many */
typedef struct {
    double lambda;
    int k, whole;
    const double *nodes;
} il_explain_filter_point;

/* A free parameter. Its values are looked for in low..high, in units that depend on `power`: -1 a
 * step size (unit 1 / largest eigenvalue), -2 its square, 1 a ridge (unit: mean eigenvalue), 0 none. */
typedef struct {
    const char *name;
    int power;
    double low, high;
    int jumps; /* the answers change in jumps with it */
} il_explain_parameter;

/* How parameters scale with the prompt. A step size is a constant, or a constant divided by the
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

/* A step of a filter: f is state[0], the rest whatever the family remembers */
typedef void il_explain_filter_step(const double *value, const il_explain_filter_point *at,
                                    double *state);

typedef struct {
    const char *name, *says;
    int n_free;
    il_explain_parameter free[IL_FREE];
    int most_steps; /* worth trying */
    /* a filter: its state before the first step (NULL: zeros), and a step (NULL: it takes none) */
    il_explain_filter_step *start, *step;
    il_explain_filter_step *then; /* the step from some layer on: a mixture of two */
    int own;                      /* one step a layer, parameters of its own in each */
    /* or weights from the examples themselves (match.h) */
    void (*from_examples)(const double *value, const struct il_explain_examples *at,
                          int steps, double *w);
    /* or answers that are not linear in the query: y (O) */
    void (*answers)(const double *value, const struct il_explain_examples *at,
                    const il_real *query, double *y);
    int neighbours; /* of `answers` */
    /* or a matrix or polynomial of its own in every layer (match.h) */
    void (*layerwise)(const il_explain_fit *fit, il_explain_law law,
                      il_explain_match *match, double *work);
    const char *algo; /* or a row of algos.def with its options */
    const char
        *contains; /* families that are this one with some parameter fixed: |gd|gdpp| */
    int ordered;   /* the answers depend on the order of the examples */
    int bent;      /* they are not linear in the answers y of the examples */
    int any;       /* any filter at all: contains every one */
} il_explain_family;

const il_explain_family *il_explain_family_at(int i); /* NULL past the last */
static inline int il_explain_is_filter(const il_explain_family *f)
{
    return f->start || f->step;
}

/* ---- matching -------------------------------------------------------------------------------- */

enum { IL_STEPS = 48 };

typedef struct {
    int step;          /* the best one */
    double sime, simw; /* similarity of errors, of induced weights */
    double spd, ilwd;  /* mean squared difference of answers; of weights */
    double power;      /* mean square of the layer's answers */
    double
        share; /* fraction of the mean square left unexplained on held-out prompts, trimmed mean: fit.c */
    double
        of_error; /* likewise, of the layer's own squared error; NaN where that is about zero */
    double value[IL_FREE]; /* of a layerwise family: this layer's */
} il_explain_layer_match;

/* What a candidate may choose beside its parameters: the same number of steps in each layer; that and a factor of
 * its answers; the number of steps of each layer; with parameters of its own in each layer, that factor */
typedef enum {
    IL_STEPS_REGULAR,
    IL_STEPS_SCALED,
    IL_STEPS_FREE,
    IL_VARIANTS
} il_explain_variant;

struct il_explain_match {
    const il_explain_family *family;
    il_explain_law law;
    il_explain_variant variant;
    double value[IL_FREE]; /* the constants of the law */
    double scale;          /* the answers are multiplied by it */
    int change;            /* of a mixture: layers before the second algorithm */
    int shown; /* of a preconditioner: the dimension of the subspace that shows it */
    il_explain_layer_match *layer; /* (layers) */
    double *w; /* (layers,cells,B,O,D) weights of the best steps, in the eigenvectors */
    double *prompt; /* (cells,B) its mean over the layers of the fraction unexplained */
    double *last;   /* (cells,B) the same of the last layer alone */
    double
        *heat; /* (layers,n_steps) similarity of errors; NULL where it was not asked for */
    double score;    /* trimmed mean of `prompt` over held-out prompts */
    double high;     /* the 95 % quantile of its bootstrap */
    double fitted;   /* the trimmed mean over the prompts that were fitted */
    double of_error; /* mean over the layers, each at most 1 */
    double
        wins; /* fraction of the held-out prompts that this match explains better than the best does */
    double rate, offset; /* step = offset + rate layer */
    int free;            /* numbers that were fitted */
    int ties; /* not worse than the candidate of the least score on any kind of data */
};

/* A layer whose answers' mean square is below this part of the true ones' is silent. */
#define IL_SILENT 1e-6

enum { IL_CANDIDATES = 160 };
typedef struct {
    int layers, n_steps, steps[IL_STEPS]; /* steps: those that are tried */
    int first;                            /* layers before it are left out */
    int silent;                           /* layers that predict nearly zero */
    int sifted;                           /* filters were left out */
    double *w;     /* (layers,cells,B,O,D) the layer answers' induced weights, likewise */
    double *floor; /* (layers) the least fraction that any filter leaves */
    double *bent; /* (layers) the fraction not linear in the query: no weights produce it */
    /* what two prompts of a pair differ by, beside what they should, as a fraction of the answers' mean square:
     * the examples in another order; their answers y times -1/2. NaN: not tried */
    double order, linear;
    il_explain_match match[IL_CANDIDATES]; /* the winner first */
    int n;
    il_arena arena;
} il_explain_matches;

/* Fits every candidate to the layer answers of the layers from `first` on (0: all). heat: of every match that takes
 * steps, or of the first alone. sift: filters are left out where no polynomial of A explains the layers.
 * Errors: IL_EFAIL out of memory. */
il_status il_explain_matches_new(il_explain_matches **matches,
                                 const il_observe_prompts *prompts,
                                 const il_observe_answers *layer_answers, int first,
                                 int heat, int sift, il_error *err);
void il_explain_matches_free(il_explain_matches *matches);

/* ---- explaining ------------------------------------------------------------------------------ */

/* The verdict on layer answers, whatever they are of, and its tables. `unit`: what they are taken after,
 * "layer" or "loop". explanation->reading and tail are the caller's. Errors: IL_EFAIL. */
il_status il_explain_answers(const il_observe_prompts *prompts,
                             const il_observe_answers *layer_answers, const char *unit,
                             il_explanation *explanation, il_error *err);

#endif
