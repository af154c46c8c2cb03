/* match.h - layer answers projected on their prompts' queries, and the fit of families to them (private)
 *
 * Weights are (O,D): for each of the O outputs, in the coordinates of the prompt's eigenvectors of A.
 */
#ifndef IL_MATCH_H
#define IL_MATCH_H

#include "explain/explain.h"

/* Queries of a prompt, X~ (Q,D) = U R with orthonormal U: answers of weights w are U R w, so a linear
 * algorithm is R w (D numbers), and a layer answer is z = U^T yhat plus a rest that no weights produce. */
typedef struct {
    double *R;      /* (rank,D), and room for (D,D); zeros below the diagonal */
    double *z;      /* (layers,O,D), zeros from `rank` on */
    double *rest;   /* (layers) |rest|^2, of all answers together */
    double *rest_y; /* (layers) rest . rest of y */
    double *w;      /* (layers,O,D) induced weights; of rank D only */
    double *zy;     /* (O,D) of the true answers */
    double rest_yy; /* |rest of y|^2 */
    double *weight; /* (layers) turns a squared difference into a share: see projection.c */
    int rank;       /* of R */
    int *
        diverges; /* (layers) the answers are huge or not finite: no equations of least squares */
    /* of a filter, whose weights are f b, the squared difference is c - 2 g f + f H f */
    double *H, *g, *c; /* (D,D), (layers,D), (layers) */
} il_explain_projection;

struct il_explain_fit {
    const il_observe_prompts *e;
    int layers, prompts, n_steps; /* prompts: of all cells */
    size_t size;                  /* O D: weights of a prompt */
    const int *steps;
    il_explain_projection *prompt; /* (cells,B) */
    const il_observe_answers *answers;
    double *scale; /* (laws,prompts) what a law divides a step size by */
    int *position; /* (layers) from 1: those before that were not idle, and itself */
    double *power; /* (layers) mean square of the layer answers */
    double *nodes; /* (layers) il_leja's */
    int *silent;   /* (layers) answers nearly zero, or left out */
    const il_explain_family *families;
    double **table; /* (families) of an algorithm: its weights (steps,cells,B,O,D) */
};

/* Families that go through the examples themselves: w (steps+1,O,D), steps at most 23 */
typedef struct il_explain_examples {
    int n, D, O, neighbours;
    const il_real *x, *y;         /* (n,D), (n,O) */
    const double *lambda, *V, *b; /* (D), (D,D), (D,O) */
    double *work;                 /* (3 D + n) */
} il_explain_examples;
/* Those of prompt p */
il_explain_examples il_explain_fit_examples(const il_explain_fit *fit,
                                            const il_explain_family *family, int p,
                                            double *work);
typedef void il_explain_from_examples(const double *value, const il_explain_examples *at,
                                      int steps, double *w);
il_explain_from_examples il_explain_ogd, il_explain_ogd_normalised, il_explain_lasso,
    il_explain_forgetting, il_explain_windowed;
typedef void il_explain_gives_answers(const double *value, const il_explain_examples *at,
                                      const il_real *query, double *y);
il_explain_gives_answers il_explain_kernel, il_explain_softmax, il_explain_nearest;

/* Projects all layer answers; work: il_explain_projection_work() doubles. */
void il_explain_project(il_explain_fit *fit, const il_observe_answers *layer_answers,
                        double *work);
size_t il_explain_projection_work(const il_explain_fit *fit);
/* The mean without the largest sixteenth, of which a diverging prompt is one. NaN counts as large. */
double il_explain_trimmed(const double *x, int n);

/* Where prompt p of all cells' stands: its cell, eigenvalues, X^T Y (D,O) */
typedef struct {
    const il_observe_cell *cell;
    int b;
    const double *lambda, *V, *rhs;
} il_explain_prompt;
il_explain_prompt il_explain_prompt_of(const il_explain_fit *fit, int p);

/* Sets fit->scale. */
void il_explain_fit_scales(il_explain_fit *fit);
/* The parameters' values for prompt p */
void il_explain_law_values(const il_explain_fit *fit, double value[IL_FREE],
                           const il_explain_family *family, const double *constant,
                           il_explain_law law, int p);
/* f (steps+1) after 0..steps steps of a filter */
void il_explain_filter(const il_explain_family *family, const double *value,
                       il_explain_filter_point at, int steps, double *f);
/* The weights of the first n steps on prompt p: (n,O,D). scratch: il_explain_fit_scratch() doubles. */
void il_explain_fit_weights(const il_explain_fit *fit, const il_explain_match *m, int n,
                            int p, double *weights, double *scratch);
/* The fraction of every layer's answers that every step leaves unexplained on the prompts 0, stride, ...: share
 * (layers,n); of those that are wanted (layers,n), or of all, 1 elsewhere. */
void il_explain_fit_shares(const il_explain_fit *fit, const il_explain_match *m, int n,
                           const char *wanted, int stride, double *share, double *scratch);
enum { IL_LINES = 4 }; /* steps a layer, at most, where they are the same in all layers */
/* Squared difference of a layer's answers from those of weights, over all queries and outputs. a: (D) */
double il_explain_fit_difference(const il_explain_fit *fit, int p, int layer,
                                 const double *weights, double *a);
/* The same from a match's; work: il_explain_fit_scratch() */
double il_explain_fit_left(const il_explain_fit *fit, const il_explain_match *m, int p,
                           int layer, const double *weights, double *work);
/* f H f; Hf (D) out */
double il_explain_normal_square(const il_explain_fit *fit, int p, const double *f,
                                double *Hf);
/* The steps of the list that are tried of a family */
int il_explain_fit_steps(const il_explain_fit *fit, const il_explain_family *family);
/* Fills the table of an algorithm's weights. Errors: IL_ECONFIG, IL_EFAIL. */
il_status il_explain_fit_table(const il_explain_fit *fit, const il_explain_family *family,
                               double *table, il_error *err);
/* y (D) = R x, zeros from the rank on; y may be x */
void il_explain_triangle(double *y, const il_explain_projection *projection,
                         const double *x, int D);
size_t il_explain_fit_scratch(const il_explain_fit *fit);
/* The unit of a step size on prompt p under a law */
double il_explain_fit_unit(const il_explain_fit *fit, il_explain_law law, int p);
/* Mean of the layers' shares, each at most 1, silent layers left out; of the match's layers */
double il_explain_fit_score(const il_explain_fit *fit, const il_explain_match *m);

/* ---- all limits of the verdict, fractions of the layer answers' mean square, and what set them ------ */

#define IL_ROUNDING 1e-11 /* of single precision: 400 random programs leave up to 2e-12 */
/* A name stands without reserve. Models that are built of many layers leave 1e-8 of what they run, all of it rounding, of
 * which polynomials of A that were fitted to the same prompts leave 70 to 85 %. Of the 5e-10 that GD++ leaves of
 * five normalised steps they leave a millionth. */
#define IL_EXACT 1e-7
#define IL_PART  4
/* The least error of all candidates is that of a model that runs none of them, or was trained. Models that are built
 * for sequences leave 1e-6 of what they run. */
#define IL_INEXACT 1e-5
/* Of such a model: five training seeds of one recipe differ in the least error by a factor of
 * 1.5 (the median of eight recipes' standard deviations), and leave up to 0.05 % of what they run by construction
 * (small_mesa1). Less is no reason for more numbers. */
#define IL_SEEDS   1.5
#define IL_TRAINED 1e-3
/* The words `runs` and `resembles`: conventions, 10 % and 32 % of an answer. */
#define IL_RUNS      0.01
#define IL_RESEMBLES 0.1
/* Not linear in the query, in what still resembles a method that is: trained softmax attention has up to 2.6 %. */
#define IL_BENDS 0.03

/* Half of the prompts are fitted, those of even number, the other half judges. */
static inline int il_explain_is_held_out(int p) { return p % 2; }
/* The stride of about eight of them, enough to look where to start */
static inline int il_explain_some(const il_explain_fit *fit)
{
    return 2 * il_max(1, fit->prompts / 16);
}

/* Where least squares starts from: values in units, and so many steps a layer, after some before the first */
typedef struct {
    double x[IL_FREE], scale, score;
    int rate, offset;
} il_explain_start;
enum { IL_STARTS = 3 + 8 * IL_LINES };
typedef struct {
    int n;
    il_explain_start at[IL_STARTS];
} il_explain_starts;

/* Parameters, steps, rate, offset and free of a candidate; score becomes that of the fitted prompts. starts: out for the
 * constant law with regular steps, and used by the family's others. scratch: il_explain_search_work() */
void il_explain_search(const il_explain_fit *fit, il_explain_match *m,
                       il_explain_starts *starts, double *scratch);
size_t il_explain_search_work(const il_explain_fit *fit);
/* The same by least squares alone, from the parameters, steps and factor of a candidate whose family contains this one */
void il_explain_search_from(const il_explain_fit *fit, il_explain_match *m,
                            const il_explain_match *from, double *work);
/* A parameter's unit: the mean over prompts of 1 / largest eigenvalue, and so on, with the law's factor taken
 * out: unit (IL_FREE) */
void il_explain_units(const il_explain_fit *fit, const il_explain_family *family,
                      il_explain_law law, double *unit);

/* ---- path.c: a candidate's answers after every layer ---------------------------------------------- */

/* The numbers of its answers to a prompt after one layer */
size_t il_explain_path_width(const il_explain_fit *fit, const il_explain_family *family);
/* v (layers,width) of the layers before `to`, on prompt p. F: il_explain_fit_scratch() */
void il_explain_path(const il_explain_fit *fit, const il_explain_match *m, int p, int to,
                     double *v, double *F);
/* One step a layer, with the layer's own parameters or another algorithm's step from a layer on: f (layers,D) of the
 * layers from..to-1, and the state (D,IL_FILTER_STATE) after them, from that before them or from the start */
void il_explain_path_layer(const il_explain_fit *fit, const il_explain_match *m, int p,
                           int from, int to, double *f, const double *before,
                           double *after);
/* Writes m->w. */
void il_explain_path_weights(const il_explain_fit *fit, il_explain_match *m,
                             double *scratch);

/* ---- least_squares.c ------------------------------------------------------------------------------ */

/* Parameters of least squares on the prompts 0, stride, ..., from those of the match, its steps as they are. Returns the
 * mean fraction that is left. */
double il_explain_least_squares(const il_explain_fit *fit, il_explain_match *m, int rounds,
                                int stride, double *scratch);
/* The same of a family with parameters of its own in each layer, from nothing */
double il_explain_least_squares_layers(const il_explain_fit *fit, il_explain_match *m,
                                       double *scratch);
size_t il_explain_least_squares_work(const il_explain_fit *fit);

/* The scores of a match, from its weights m->w */
void il_explain_measure(const il_explain_fit *fit, il_explain_match *m, double *work);
/* The heat map of a family with steps */
void il_explain_measure_heat(const il_explain_fit *fit, il_explain_match *m, double *work);
size_t il_explain_measure_work(const il_explain_fit *fit);
/* Weights of a row of algos.def, at the match's steps */
void il_explain_measure_weights(const il_explain_fit *fit, il_explain_match *m,
                                double *work);
/* The best step of each layer, a Theil-Sen line through these, or that line's steps alone */
void il_explain_steps_best(const il_explain_fit *fit, il_explain_match *m, int n,
                           const double *share, double *work);
/* Judges all on the held-out prompts, and puts the winner first: selection.c. Errors: IL_EFAIL. */
il_status il_explain_select(const il_explain_fit *fit, il_explain_matches *all,
                            il_error *err);
/* What is not linear in y or depends on the order of the examples: all->linear and order */
void il_explain_invariances(const il_explain_fit *fit, il_explain_matches *all);

/* Layerwise families: one step a layer, parameters of its own in each. They set match->w, each layer's
 * step and values, and free. */
typedef void il_explain_layerwise(const il_explain_fit *fit, il_explain_law law,
                                  il_explain_match *match, double *work);
il_explain_layerwise il_explain_layerwise_precondition, il_explain_layerwise_polynomial;
size_t il_explain_precondition_work(const il_explain_fit *fit);
size_t il_explain_polynomial_work(const il_explain_fit *fit);

/* ---- verdict.c: from a match to words and tables ------------------------------------------------- */

/* Layer answers and what was matched with them; `unit` is what they are taken after, "layer" or "loop" */
typedef struct {
    const il_observe_prompts *prompts;
    const il_observe_answers *layer_answers;
    il_explain_matches *matches;
    const char *unit;
} il_explain_judged;

int il_explain_verdict_level(const il_explain_matches *all); /* IL_EXPLAINED_* */
/* The first layer from which on some family explains every layer's answers; 0: not even the last */
int il_explain_verdict_settled(const il_explain_matches *all);
/* Everything but the tables */
void il_explain_verdict(const il_explain_judged *judged, il_explanation *out);
/* The rival that leaves least; the best itself where there is none */
const il_explain_match *il_explain_verdict_runner_up(const il_explain_matches *all);
double il_explain_verdict_worst(const il_explain_match *match,
                                const il_explain_matches *all); /* share of a layer */
/* "step_size=0.02/n"; of a layerwise family the layer's own */
void il_explain_verdict_values(char *text, size_t size, const il_explain_match *match,
                               int layer);

/* The five tables. Errors: IL_EFAIL. */
il_status il_explain_verdict_tables(const il_explain_judged *judged, il_explanation *out,
                                    il_error *err);

#endif
