/* graph.h - reference solutions for the graph constructions: flows, embeddings, heat, eigenvectors
 *
 * A graph of n nodes and d edges is its incidence matrix B (n,d), +a at one end of an edge and -a
 * at the other; its Laplacian L = B B^T (n,n) has conductances a^2. Exact solutions come from the
 * eigenvectors of L; beside each stands the iteration that a linear transformer can run layer by
 * layer (Cheng, Carin & Sra 2024, arXiv:2410.16699). psi, phi (n,k) hold k columns; phi does not
 * overlap psi. With lambda_2 and lambda_n the smallest eigenvalue that is not 0 and the largest,
 * and psi free of L's null space, the bounds hold for delta <= 1/lambda_n and a psi of length 1.
 */
#ifndef IL_GRAPH_H
#define IL_GRAPH_H

#include <stddef.h>

size_t il_graph_work(int n, int k); /* doubles of scratch that every call below needs */

void il_graph_laplacian(double *L, const double *B, int n, int d);
/* Eigenvalues in rising order, and as rows of V (n,n) their eigenvectors */
void il_graph_spectrum(double *lambda, double *V, const double *L, int n, double *work);

/* phi = f(L) psi: the pseudo-inverse L+ psi (the potentials of electric flow), its square root
 * L+^1/2 psi (the resistive embedding), or the heat kernel exp(-time L) psi */
typedef enum { IL_GRAPH_FLOW, IL_GRAPH_RESISTIVE, IL_GRAPH_HEAT } il_graph_function;
void il_graph_solve(double *phi, il_graph_function f, double time, const double *L,
                    const double *psi, int n, int k, double *work);

/* Flow by gradient descent from 0, phi <- phi + delta (psi - L phi).
 * |error| <= (1 - delta lambda_2)^steps / lambda_2 */
void il_graph_descend(double *phi, const double *L, const double *psi, int n, int k,
                      double delta, int steps, double *work);
/* Resistive embedding by the binomial series sqrt(delta) sum_l c_l (I - delta L)^l psi, `terms` of
 * it, c_l = (2l choose l) / 4^l. |error| <= exp(-delta lambda_2 terms) / (lambda_2 sqrt(pi delta
 * terms)) */
void il_graph_binomial(double *phi, const double *L, const double *psi, int n, int k,
                       double delta, int terms, double *work);
/* Heat by the first `terms` of the exponential series. Once terms + 1 > x = time lambda_n,
 * |error| <= x^terms / terms! / (1 - x / (terms + 1)), plus rounding of 1e-16 exp(x) */
void il_graph_series(double *phi, const double *L, const double *psi, int n, int k,
                     double time, int terms, double *work);
/* Heat by powers: (I - time L / 3^cubings) cubed `cubings` times.
 * |error| <= 0.28 / 3^cubings where time lambda_n <= 3^cubings */
void il_graph_cube(double *phi, const double *L, const double *psi, int n, int k,
                   double time, int cubings, double *work);
/* Resistive embedding or flow by Newton & Schulz: N = delta L, phi = sqrt(delta) psi or delta psi,
 * then phi <- C phi (flow: C C phi), N <- C N C, C = (3 I - N) / 2. The error ends up squaring. */
void il_graph_newton_schulz(double *phi, il_graph_function f, const double *L,
                            const double *psi, int n, int k, double delta, int steps,
                            double *work);
/* Subspace iteration: phi <- L phi, or (shift I - L) phi where shift > 0 (shift >= lambda_n: the
 * smallest eigenvalues), then Gram & Schmidt. The columns of phi, any independent ones at first,
 * tend to eigenvectors in falling order of the matrix applied, null vectors included. */
void il_graph_subspace(double *phi, const double *L, int n, int k, double shift, int steps,
                       double *work);

#endif
