/* match.h - readings in their prompts' own coordinates, and the search for parameters (private) */
#ifndef IL_MATCH_H
#define IL_MATCH_H

#include "analysis/analysis.h"

/* Queries of a prompt, X~ (Q,D) = O R with orthonormal O: answers of weights w are O R w, so a linear
 * algorithm is R w (D numbers), and a reading is z = O^T yhat with a rest that no weights reach. */
typedef struct {
    double *R;      /* (D,D) upper triangular; zero rows where queries have no direction */
    double *z;      /* (layers,D) */
    double *rest;   /* (layers) |rest|^2 */
    double *rest_y; /* (layers) rest . rest of y */
    double *w;      /* (layers,D) induced weights, in the eigenvectors' coordinates */
    double *zy;     /* (D) of the true answers */
    double rest_yy; /* |rest of y|^2 */
} il_folded;

typedef struct {
    const il_evidence *e;
    int layers, n_steps;
    const int *steps;
    il_folded *prompt; /* (cells,B) */
    double *power;     /* (layers) */
    double *nodes;     /* (layers) il_leja's */
    int *silent;       /* (layers) nothing to read, or left out */
    double *
        *table; /* (families) of an algorithm: its weights (steps,cells,B,D); else NULL */
} il_fit;

/* The weights, in the eigenvectors' coordinates, of the first n steps on prompt p of all cells' (n,D).
 * f: scratch of il_fit_scratch() doubles. */
void il_fit_weights(const il_fit *fit, const il_match *m, int n, int p, double *weights,
                    double *f);
/* Mean squared difference of every layer from every step: spd (layers,n). */
void il_fit_spd(const il_fit *fit, const il_match *m, int n, double *spd, double *scratch);
/* The steps of the list that are tried of a family */
int il_fit_steps(const il_fit *fit, const il_family *family);
/* Fills the table of an algorithm's weights. Errors: IL_ECONFIG, IL_EFAIL. */
il_status il_fit_table(const il_fit *fit, const il_family *family, double *table,
                       il_error *err);
/* y = R x for an upper triangle (D,D) */
void il_triangle(double *y, const double *R, const double *x, int D);
size_t il_fit_scratch(const il_fit *fit);

/* The least of g over a box of logarithms, from a grid and then Nelder-Mead's simplex from the
 * grid's best places. Deterministic. `across`: places of the
 * grid along each axis; `given`: x is another start.
 * Returns the least value; x (n) gets where. */
double il_least(double (*g)(void *context, const double *x), void *context, int n,
                const double *low, const double *high, int across, int given, double *x);

/* Layerwise families: one step a layer, the parameters fitted layer by layer */
void il_fit_layerwise(const il_fit *fit, const il_family *family, il_law law,
                      il_match *match, double *weights);

#endif
