/* similarity.c - how alike two learners are that answered the same prompts (see similarity.h) */
#include "algo/similarity.h"
#include "la/dense.h"

#include <math.h>
#include <stdlib.h>

double il_cosine_of(il_cosine c, double nothing)
{
    return c.aa > nothing && c.bb > nothing ? c.ab / sqrt(c.aa * c.bb) : NAN;
}

/* Every vector of `of` numbers divided by its length, in double; zeros stay */
static void normalise(double *v, size_t vectors, int of)
{
    for (size_t i = 0; i < vectors; i++, v += of) {
        double length = sqrt(il_ddot(v, v, of));
        for (int k = 0; k < of && length > 0; k++) v[k] /= length;
    }
}

/* The cosine of two vectors of length 1 or 0 */
static double cosine(const double *a, const double *b, int n)
{
    double ab = il_ddot(a, b, n);
    return ab != 0 || il_ddot(a, a, n) + il_ddot(b, b, n) > 0 ? ab : 1;
}

/* Errors (steps,B,N-from), each prompt's divided by its length */
static void fill_errors(double *e, il_similar s, const il_real *yhat, int steps,
                        const il_real *y)
{
    size_t rows = (size_t)s.prompts, N = (size_t)s.points, from = (size_t)s.from;
    double *to = e;
    for (size_t t = 0; t < (size_t)steps; t++)
        for (size_t b = 0; b < rows; b++)
            for (size_t n = from; n < N; n++)
                *to++ = (double)yhat[(t * rows + b) * N + n] - (double)y[b * N + n];
    normalise(e, (size_t)steps * rows, s.points - s.from);
}

/* Weights (steps,B,N-from,D), each divided by its length */
static void fill_weights(double *v, il_similar s, int dim, const il_real *what, int steps)
{
    size_t rows = (size_t)steps * (size_t)s.prompts, D = (size_t)dim;
    size_t N = (size_t)s.points, from = (size_t)s.from;
    double *to = v;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = from * D; i < N * D; i++) *to++ = (double)what[r * N * D + i];
    normalise(v, rows * (N - from), dim);
}

/* table (na,nb): mean cosine of the `count` vectors of `of` numbers in each step */
static void compare(double *table, const double *a, int na, const double *b, int nb,
                    size_t count, int of)
{
    size_t step = count * (size_t)of;
    for (int i = 0; i < na; i++)
        for (int j = 0; j < nb; j++) {
            const double *u = a + (size_t)i * step, *v = b + (size_t)j * step;
            double sum = 0;
            for (size_t c = 0; c < step; c += (size_t)of) sum += cosine(u + c, v + c, of);
            table[i * nb + j] = count ? sum / (double)count : 1;
        }
}

il_status il_similarity_errors(double *table, il_similar s, const il_real *a, int na,
                               const il_real *b, int nb, const il_real *y, il_error *err)
{
    size_t step = (size_t)s.prompts * (size_t)(s.points - s.from);
    double *e = malloc(sizeof *e * (step * (size_t)(na + nb) + 1));
    if (!e) return il_fail(err, IL_EFAIL, "out of memory for a comparison of errors");
    fill_errors(e, s, a, na, y);
    fill_errors(e + step * (size_t)na, s, b, nb, y);
    compare(table, e, na, e + step * (size_t)na, nb, (size_t)s.prompts, s.points - s.from);
    free(e);
    return IL_OK;
}

il_status il_similarity_weights(double *table, il_similar s, int dim, const il_real *a,
                                int na, const il_real *b, int nb, il_error *err)
{
    size_t count = (size_t)s.prompts * (size_t)(s.points - s.from),
           step = count * (size_t)dim;
    double *v = malloc(sizeof *v * (step * (size_t)(na + nb) + 1));
    if (!v) return il_fail(err, IL_EFAIL, "out of memory for a comparison of weights");
    fill_weights(v, s, dim, a, na);
    fill_weights(v + step * (size_t)na, s, dim, b, nb);
    compare(table, v, na, v + step * (size_t)na, nb, count, dim);
    free(v);
    return IL_OK;
}

void il_similarity_best(int *best, const double *table, int na, int nb)
{
    for (int i = 0; i < na; i++, table += nb) {
        best[i] = 0;
        for (int j = 1; j < nb; j++)
            if (table[j] > table[best[i]]) best[i] = j;
    }
}

/* Mean over prompts and points of the squared distance of vectors of `of` numbers */
static double mean_square(il_similar s, size_t of, const il_real *a, const il_real *b)
{
    size_t N = (size_t)s.points, from = (size_t)s.from;
    double sum = 0;
    for (size_t p = 0; p < (size_t)s.prompts; p++)
        for (size_t i = (p * N + from) * of; i < (p + 1) * N * of; i++) {
            double d = (double)a[i] - (double)b[i];
            sum += d * d;
        }
    return sum / ((double)s.prompts * (double)(s.points - s.from));
}

double il_similarity_spd(il_similar s, const il_real *a, const il_real *b)
{
    return mean_square(s, 1, a, b);
}

double il_similarity_ilwd(il_similar s, int dim, const il_real *a, const il_real *b)
{
    return mean_square(s, (size_t)dim, a, b) / dim;
}

double il_induced_weights(double *w, const il_real *queries, const il_real *answers, int T,
                          int D, double *work)
{
    double *R = work, *t = R + (size_t)D * D, *z = t + D, *q = z + D;
    memset(work, 0, sizeof *work * (size_t)D * (size_t)(D + 3));
    double square = 0, left = 0, most = 0, least = INFINITY;
    for (int i = 0; i < T; i++) {
        for (int d = 0; d < D; d++) z[d] = (double)queries[(size_t)i * D + d];
        square += (double)answers[i] * (double)answers[i];
        il_qr_add(R, D, t, D, z, (double)answers[i]);
    }
    for (int d = 0; d < D; d++) {
        most = fmax(most, fabs(R[d * D + d]));
        least = fmin(least, fabs(R[d * D + d]));
    }
    if (!(least > 1e-12 * most)) return NAN;
    il_qr_solve(w, R, D, t, D);
    for (int i = 0; i < T; i++) {
        for (int d = 0; d < D; d++) q[d] = (double)queries[(size_t)i * D + d];
        double e = (double)answers[i] - il_ddot(w, q, D);
        left += e * e;
    }
    return square > 0 ? 1 - left / square : 1;
}
