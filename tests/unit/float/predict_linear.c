/* predict_linear.c - what stands beside a model's predictions: ridge regression and least squares */
#include "check.h"
#include "innerloop_lab.h"
#include "predict/predict.h"

#include <stdlib.h>
#include <string.h>

enum { M = 12, P = 3, Q = 4, ALPHAS = 15 };

/* Ridge with a free intercept by Gaussian elimination on its normal equations, without example
 * `out` (-1: with all); columns centred and scaled as given. Returns the answer for z. */
static double naive_ridge(const double x[M + Q][P], const double *y, double alpha, int out,
                          const double *z)
{
    double A[P + 1][P + 2] = { { 0 } };
    for (int i = 0; i < M; i++) {
        if (i == out) continue;
        for (int r = 0; r <= P; r++) {
            double xr = r < P ? x[i][r] : 1;
            for (int c = 0; c <= P; c++) A[r][c] += xr * (c < P ? x[i][c] : 1);
            A[r][P + 1] += xr * y[i];
        }
    }
    for (int r = 0; r < P; r++) A[r][r] += alpha;
    for (int k = 0; k <= P; k++)
        for (int r = 0; r <= P; r++) {
            double factor = A[r][k] / A[k][k];
            if (r == k) continue;
            for (int c = 0; c <= P + 1; c++) A[r][c] -= factor * A[k][c];
        }
    double answer = A[P][P + 1] / A[P][P];
    for (int r = 0; r < P; r++) answer += z[r] * A[r][P + 1] / A[r][r];
    return answer;
}

static void ridge_leaves_one_out(void **state)
{
    static const double alphas[ALPHAS] = { 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2,
                                           0.1,  0.3,  1,    3,    10,   30,   100 };
    (void)state;
    double column[P][M + Q], scaled[M + Q][P], y[M + Q], ridge[Q], ols[Q], best = 0,
                                                                           least = INFINITY;
    double *x[P] = { column[0], column[1], column[2] };
    il_frame f = { .M = M, .Q = Q, .P = P, .x = x, .y = y };
    il_rng rng = il_rng_at(3, IL_STREAM_USER, 0, 0);
    for (int i = 0; i < M + Q; i++) {
        y[i] = 5 + il_normal(&rng);
        for (int p = 0; p < P; p++) {
            column[p][i] = 2 * p + (p + 1) * il_normal(&rng);
            y[i] += 0.3 * column[p][i];
        }
    }
    for (int p = 0; p < P; p++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < M; i++) mean += column[p][i] / M;
        for (int i = 0; i < M; i++)
            squares += (column[p][i] - mean) * (column[p][i] - mean) / M;
        for (int i = 0; i < M + Q; i++)
            scaled[i][p] = (column[p][i] - mean) / sqrt(squares);
    }
    for (int k = 0; k < ALPHAS; k++) {
        double error = 0;
        for (int i = 0; i < M; i++) {
            double e = y[i] - naive_ridge(scaled, y, alphas[k] * M, i, scaled[i]);
            error += e * e;
        }
        if (error < least) best = alphas[k] * M;
        least = fmin(least, error);
    }
    CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
    for (int q = 0; q < Q; q++) {
        /* both solve a system of condition < 1e3 in double */
        CHECK_NEAR(ridge[q], naive_ridge(scaled, y, best, -1, scaled[M + q]), 1e-11,
                   "ridge");
        CHECK_NEAR(ols[q], naive_ridge(scaled, y, 0, -1, scaled[M + q]), 1e-11, "ols");
    }
}

/* Twice the same column: least squares takes the solution of least norm and is exact. */
static void ols_survives_a_doubled_column(void **state)
{
    (void)state;
    double a[5] = { 1, 2, 4, 3, 7 }, y[5], ridge[1], ols[1], *x[2] = { a, a };
    for (int i = 0; i < 5; i++) y[i] = 2 * a[i] - 1;
    il_frame f = { .M = 4, .Q = 1, .P = 2, .x = x, .y = y };
    CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
    CHECK_NEAR(ols[0], 13, 1e-12, "2 * 7 - 1");
}

/* ---- of least norm ------------------------------------------------------------------------------ */

enum { MOST = 8 };

/* The least w with A w = b: A^T u with A A^T u = b, by elimination. A (rows,cols), of full row rank. */
static void least_norm(double A[MOST][MOST], const double *b, int rows, int cols, double *w)
{
    double S[MOST][MOST + 1] = { { 0 } };
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < rows; j++)
            for (int c = 0; c < cols; c++) S[i][j] += A[i][c] * A[j][c];
        S[i][rows] = b[i];
    }
    for (int k = 0; k < rows; k++)
        for (int r = 0; r < rows; r++) {
            double factor = S[r][k] / S[k][k];
            if (r == k) continue;
            for (int c = k; c <= rows; c++) S[r][c] -= factor * S[k][c];
        }
    for (int c = 0; c < cols; c++) {
        w[c] = 0;
        for (int i = 0; i < rows; i++) w[c] += A[i][c] * S[i][rows] / S[i][i];
    }
}

enum { STANDARDISED, CENTRED, ONES, NORMS };

/* What n examples x (n+1,d), fewer than d, answer to the query in the last row. Those that fit say
 * y[i] - y[0] = w (x[i] - x[0]), and with a column of ones y[i] = w (x[i], 1). */
static double answer_of(int norm, double x[][MOST], const double *y, int n, int d)
{
    double A[MOST][MOST], b[MOST], w[MOST], unit[MOST];
    int from = norm == ONES ? 0 : 1;
    for (int c = 0; c < d; c++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < n; i++) mean += x[i][c] / n;
        for (int i = 0; i < n; i++) squares += (x[i][c] - mean) * (x[i][c] - mean) / n;
        unit[c] = norm == STANDARDISED ? sqrt(squares) : 1;
    }
    for (int i = from; i <= n; i++) {
        for (int c = 0; c < d; c++)
            A[i - from][c] = (x[i][c] - (from ? x[0][c] : 0)) / unit[c];
        A[i - from][d] = 1;
        b[i - from] = i < n ? y[i] - (from ? y[0] : 0) : 0;
    }
    int cols = d + (norm == ONES);
    least_norm(A, b, n - from, cols, w);
    double answer = from ? y[0] : 0;
    for (int c = 0; c < cols; c++) answer += w[c] * A[n - from][c];
    return answer;
}

/* Fewer examples than columns leave many lines; ours is the one of least norm on centred, standardised
 * columns, which no other norm gives. */
static void ols_of_least_norm(void **state)
{
    (void)state;
    for (int n = 2; n <= 5; n++) {
        int d = n + 2;
        double x[MOST][MOST], column[MOST][MOST], y[MOST], ridge[1], ols[1], *at[MOST];
        il_rng rng = il_rng_at(5, IL_STREAM_USER, (uint32_t)n, 0);
        for (int c = 0; c < d; c++) at[c] = column[c];
        for (int i = 0; i <= n; i++) {
            y[i] = 3 + il_normal(&rng);
            for (int c = 0; c < d; c++)
                column[c][i] = x[i][c] = c + (1 + c) * il_normal(&rng);
        }
        il_frame f = { .M = n, .Q = 1, .P = d, .x = at, .y = y };
        CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
        /* both solve a system of condition < 1e4 in double */
        CHECK_NEAR(ols[0], answer_of(STANDARDISED, x, y, n, d), 1e-10, "ours");
        for (int norm = CENTRED; norm < NORMS; norm++)
            CHECK(fabs(ols[0] - answer_of(norm, x, y, n, d)) > 1e-3, "n = %d: norm %d", n,
                  norm);
    }
}

/* The table of docs/predict.md: from (1, 1) -> 1 and (2, 3) -> 3 to (2, 1) */
static void documents_say_which_norm(void **state)
{
    static const char *const whose[NORMS] = {
        "weights of centred columns divided by their standard deviations",
        "weights of centred columns",
        "weights and intercept, by a column of ones",
    };
    (void)state;
    double x[3][MOST] = { { 1, 1 }, { 2, 3 }, { 2, 1 } }, y[2] = { 1, 3 };
    char *text;
    size_t bytes;
    CHECK_OK(il_file_read(&text, &bytes, "docs/predict.md", 1 << 20, &err));
    for (int norm = 0; norm < NORMS; norm++) {
        char row[128];
        snprintf(row, sizeof row, "| %s | %.5g |", whose[norm],
                 answer_of(norm, x, y, 2, 2));
        CHECK(strstr(text, row), "docs/predict.md lacks '%s'", row);
    }
    free(text);
}

/* Differences of these overflow; the line through them is known all the same. */
static void the_largest_numbers(void **state)
{
    (void)state;
    double a[6] = { 1.7e308, 1.7e308, 1.7e308, -1.7e308, -1.7e308, 0 },
           y[6] = { 1, 2, 3, 4 }, ridge[2], ols[2], *x[1] = { a };
    il_frame f = { .M = 4, .Q = 2, .P = 1, .x = x, .y = y };
    CHECK_OK(il_frame_linear(&f, ridge, ols, &err));
    CHECK_NEAR(ols[0], 4, 1e-12, "the one example there");
    CHECK_NEAR(ols[1], 3, 1e-12, "half way to the mean of the others");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ridge_leaves_one_out),
        cmocka_unit_test(ols_survives_a_doubled_column),
        cmocka_unit_test(ols_of_least_norm),
        cmocka_unit_test(documents_say_which_norm),
        cmocka_unit_test(the_largest_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
